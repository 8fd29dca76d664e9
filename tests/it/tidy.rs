//! The rules of the house as tests: floors, purity, first sentences, bounds.
