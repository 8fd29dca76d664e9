//! Settings: file, environment, command line; what is said about a wrong one.
