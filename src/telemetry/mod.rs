//! Logs: one line per change a person would care about, nothing personal. Refuses names, tokens, texts and whole addresses.
