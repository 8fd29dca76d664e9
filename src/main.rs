//! The command line: run, check, demo. Everything else is the library.

fn main() {}
