//! Simulated citizens and agents over the `webrtc` crate, for benches and tests. Shares no code with the media plane.
