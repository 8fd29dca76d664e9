//! The guard in front of the media plane: rows O4 to O9 of trust.md.
