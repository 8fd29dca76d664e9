//! Every setting by file, environment and command line, and what is wrong with one. Starts nothing.
