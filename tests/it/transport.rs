//! Transports against the `webrtc` crate: connect, media, restart, path changes.
