//! What several fuzz targets share: inputs made of records, and mutations that keep them whole. Knows nothing of any protocol.

pub mod records;
