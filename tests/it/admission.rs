//! S8: nothing crosses before admission; the same probes cross after it.
