//! What people hand to each other beside the call: what exists and who may read it (`ledger`), what a file is (`content`, `name`), and its encrypted bytes
//! on the disk (`cipher`, `vault`). Only `vault` touches a file; the others are told.

pub mod cipher;
pub mod content;
pub mod ledger;
pub mod name;
pub mod vault;
