//! Which transport a datagram belongs to: verified 5-tuples and our own ufrags. Holds one entry for each, made only by an answer of ours or an authenticated check;
//! refuses to look into a transport.

use super::batch::Path;
use super::core::RoomId;
use super::hash::QuickMap;
use crate::ids::ParticipantId;

/// Characters of our `a=ice-ufrag`.
pub const UFRAG: usize = 8;

/// A transport, named so that a late clean-up cannot hit its successor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Owner {
    /// Its consultation.
    pub room: RoomId,
    /// Its seat.
    pub participant: ParticipantId,
    /// Its own number, never used again.
    pub serial: u64,
}

/// All transports of one worker, as the guard finds them.
#[derive(Default)]
pub struct Directory {
    paths: QuickMap<Path, Owner>,
    ufrags: QuickMap<[u8; UFRAG], Owner>,
}

impl Directory {
    /// Whose verified 5-tuple this is.
    pub fn of_path(&self, path: Path) -> Option<Owner> {
        self.paths.get(&path).copied()
    }

    /// Whose ufrag this is.
    pub fn of_ufrag(&self, ufrag: &[u8]) -> Option<Owner> {
        self.ufrags.get(<&[u8; UFRAG]>::try_from(ufrag).ok()?).copied()
    }

    /// A check from this 5-tuple was authenticated. The latest one counts: a 5-tuple that a client used before for another transport is the new one's.
    pub fn add_path(&mut self, path: Path, owner: Owner) {
        self.paths.insert(path, owner);
    }

    /// An answer gave this ufrag out.
    pub fn add_ufrag(&mut self, ufrag: &str, owner: Owner) {
        if let Ok(key) = ufrag.as_bytes().try_into() {
            self.ufrags.insert(key, owner);
        }
    }

    /// The 5-tuple leads to `owner` no more, if it did.
    pub fn forget_path(&mut self, path: Path, owner: Owner) {
        if self.paths.get(&path) == Some(&owner) {
            self.paths.remove(&path);
        }
    }

    /// The ufrag leads to `owner` no more, if it did.
    pub fn forget_ufrag(&mut self, ufrag: &str, owner: Owner) {
        let Ok(key) = <[u8; UFRAG]>::try_from(ufrag.as_bytes()) else { return };
        if self.ufrags.get(&key) == Some(&owner) {
            self.ufrags.remove(&key);
        }
    }

    /// 5-tuples and ufrags that lead somewhere.
    pub fn counts(&self) -> (usize, usize) {
        (self.paths.len(), self.ufrags.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_predecessor_cannot_forget_what_its_successor_took_over() {
        let owner = |serial| Owner { room: RoomId(1), participant: ParticipantId(0), serial };
        let path = Path::udp([10, 0, 0, 1].into(), ([192, 0, 2, 1], 9).into());
        let mut directory = Directory::default();
        directory.add_path(path, owner(1));
        directory.add_ufrag("abcdefgh", owner(1));
        directory.add_path(path, owner(2));
        directory.forget_path(path, owner(1));
        assert_eq!(directory.of_path(path), Some(owner(2)));
        assert_eq!(directory.of_ufrag(b"abcdefgh"), Some(owner(1)));
        assert_eq!(directory.of_ufrag(b"abcdefg"), None);
        directory.forget_ufrag("abcdefgh", owner(1));
        directory.forget_path(path, owner(2));
        assert_eq!(directory.counts(), (0, 0));
    }
}
