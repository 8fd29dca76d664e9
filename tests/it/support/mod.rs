//! What several integration tests, the bench and the fuzz targets share. No test stands here.

pub mod framed_client;
pub mod process;
pub mod provider;
pub mod raw_client;
pub mod raw_peer;
pub mod raw_stun;
pub mod raw_turn;
pub mod rig;
pub mod room;
pub mod site;
pub mod smtp_sink;
pub mod talking;
