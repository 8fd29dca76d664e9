//! The wire of `docs/protocol.md`: messages and error codes, the only types the browser sees. Knows no rule.
