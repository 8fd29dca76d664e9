//! The wire against its document: vectors, schema.
