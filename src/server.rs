//! The composition of one running server: opens the store, starts media, signaling and web, stops them in order. Decides nothing.
