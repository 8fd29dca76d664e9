//! P2: the whole journey at debug level leaves nothing personal in the logs.
