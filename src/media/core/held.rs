//! What a core keeps, in numbers: the gauges that a soak compares (trust.md R9). Changes nothing.

use super::Core;

/// What a core keeps, in numbers: the same again when everybody has gone.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Held {
    /// Consultations.
    pub rooms: usize,
    /// Transports in them.
    pub transports: usize,
    /// 5-tuples that lead to a transport.
    pub paths: usize,
    /// Ufrags that do.
    pub ufrags: usize,
    /// TCP connections that lead to none and wait to be closed.
    pub orphans: usize,
}

impl Core {
    /// See [`Held`].
    pub fn held(&self) -> Held {
        let (paths, ufrags) = self.directory.counts();
        let transports = self.rooms.values().map(|room| room.occupied().len()).sum();
        Held { rooms: self.rooms.len(), transports, paths, ufrags, orphans: self.orphans.len() }
    }
}
