//! What has to leave, gathered per destination so that one system call carries a run of equal-sized datagrams (GSO).
//! Refuses to know sockets and what the bytes mean.

use std::net::{IpAddr, SocketAddr};

use super::hash::QuickMap;
use crate::limits;

/// A 5-tuple: where packets come from, the own address that they came to (the port is the worker's, or the web server's) and what carries them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Path {
    /// Our address; unspecified when the system did not say, then it chooses.
    pub local: IpAddr,
    /// The client's address.
    pub remote: SocketAddr,
    /// See [`Carrier`].
    pub carrier: Carrier,
}

/// What carries the packets of a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Carrier {
    /// Datagrams.
    Udp,
    /// Frames (RFC 4571) of one TCP connection, by its number on this worker. A number is never used again: a late packet cannot hit a successor.
    Tcp(u32),
}

impl Path {
    /// A path of datagrams.
    pub fn udp(local: IpAddr, remote: SocketAddr) -> Self {
        Self { local, remote, carrier: Carrier::Udp }
    }

    /// Whether a TCP connection carries it.
    pub fn is_tcp(self) -> bool {
        matches!(self.carrier, Carrier::Tcp(_))
    }
}

/// Datagrams that wait for one flush. Bounded by `limits::BATCH_BYTES` as long as the owner flushes when [`Batch::is_full`].
#[derive(Default)]
pub struct Batch {
    arenas: Vec<Arena>,
    used: usize,
    index: QuickMap<Path, usize>,
    bytes: usize,
    datagrams: usize,
    flushes: u64,
}

/// Where a sender's last datagram lies, so that its next one finds the place without a look-up. Void after the flush.
#[derive(Debug, Default, Clone, Copy)]
pub struct Hint {
    flush: u64,
    at: usize,
}

struct Arena {
    path: Path,
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

/// Datagrams to one destination in order: all of `size` bytes but the last, which may be shorter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Run<'a> {
    /// Where to, and from which of our addresses.
    pub path: Path,
    /// Bytes of every datagram but the last.
    pub size: usize,
    /// The datagrams, one behind the other.
    pub contents: &'a [u8],
}

impl Batch {
    /// Adds the datagram that `write` appends. Nothing is added when it says `false`, appends nothing or panics.
    pub fn datagram(&mut self, path: Path, write: impl FnOnce(&mut Vec<u8>) -> bool) -> bool {
        let at = *self.index.entry(path).or_insert(self.used);
        self.put(path, at, write)
    }

    /// The same for somebody who sends much on one path: in the order of their own calls, not in that of [`Self::datagram`].
    pub fn datagram_near(&mut self, path: Path, hint: &mut Hint, write: impl FnOnce(&mut Vec<u8>) -> bool) -> bool {
        let known = hint.flush == self.flushes && hint.at < self.used && self.arenas[hint.at].path == path;
        if !known {
            *hint = Hint { flush: self.flushes, at: self.used };
        }
        self.put(path, hint.at, write)
    }

    fn put(&mut self, path: Path, at: usize, write: impl FnOnce(&mut Vec<u8>) -> bool) -> bool {
        if at == self.used {
            self.used += 1;
            match self.arenas.get_mut(at) {
                Some(arena) => arena.path = path,
                None => self.arenas.push(Arena { path, bytes: Vec::new(), ends: Vec::new() }),
            }
        }
        let arena = &mut self.arenas[at];
        let start = arena.ends.last().copied().unwrap_or(0);
        arena.bytes.truncate(start); // what a panicking writer left
        let written = write(&mut arena.bytes) && arena.bytes.len() > start;
        if !written {
            arena.bytes.truncate(start);
            return false;
        }
        arena.ends.push(arena.bytes.len());
        let added = arena.bytes.len() - start;
        self.bytes += added;
        self.datagrams += 1;
        true
    }

    /// Time to flush though there may be more to come.
    pub fn is_full(&self) -> bool {
        self.bytes >= limits::BATCH_BYTES || self.used >= limits::BATCH_DESTINATIONS
    }

    /// Nothing waits.
    pub fn is_empty(&self) -> bool {
        self.bytes == 0
    }

    /// So many wait.
    pub fn datagrams(&self) -> usize {
        self.datagrams
    }

    /// Hands out everything in runs of at most `segments` datagrams and 64 KiB, then forgets it; the memory is kept for the next time.
    pub fn flush(&mut self, segments: usize, mut send: impl FnMut(Run<'_>)) {
        for arena in &mut self.arenas[..self.used] {
            arena.runs(segments, &mut send);
            arena.bytes.clear();
            arena.ends.clear();
        }
        self.used = 0;
        self.bytes = 0;
        self.datagrams = 0;
        self.flushes += 1;
        self.index.clear();
    }
}

impl Arena {
    fn runs(&self, segments: usize, send: &mut impl FnMut(Run<'_>)) {
        const LARGEST: usize = 65_000;
        let mut first = 0;
        let mut start = 0;
        while let Some(&end) = self.ends.get(first) {
            let size = end - start;
            let (mut next, mut stop) = (first + 1, end);
            while let Some(&end) = self.ends.get(next) {
                let fits = next - first < segments && end - start <= LARGEST && end - stop <= size;
                if !fits {
                    break;
                }
                let shorter = end - stop < size;
                (next, stop) = (next + 1, end);
                if shorter {
                    break;
                }
            }
            send(Run { path: self.path, size, contents: &self.bytes[start..stop] });
            (first, start) = (next, stop);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(port: u16) -> Path {
        Path::udp([10, 0, 0, 1].into(), SocketAddr::from(([192, 0, 2, 1], port)))
    }

    fn push(batch: &mut Batch, port: u16, size: usize) {
        assert!(batch.datagram(path(port), |bytes| {
            bytes.resize(bytes.len() + size, port as u8);
            true
        }));
    }

    fn flushed(batch: &mut Batch, segments: usize) -> Vec<(u16, usize, usize)> {
        let mut runs = Vec::new();
        batch.flush(segments, |run| runs.push((run.path.remote.port(), run.size, run.contents.len())));
        runs
    }

    #[test]
    fn equal_sizes_to_one_destination_are_one_run_and_the_last_may_be_shorter() {
        let mut batch = Batch::default();
        for (port, size) in [(1, 100), (2, 50), (1, 100), (1, 40), (1, 40), (2, 60)] {
            push(&mut batch, port, size);
        }
        assert_eq!(batch.datagrams(), 6);
        assert_eq!(flushed(&mut batch, 64), [(1, 100, 240), (1, 40, 40), (2, 50, 50), (2, 60, 60)]);
        assert!(batch.is_empty() && batch.datagrams() == 0 && flushed(&mut batch, 64).is_empty());
    }

    #[test]
    fn runs_respect_the_number_of_segments() {
        let mut batch = Batch::default();
        (0..5).for_each(|_| push(&mut batch, 1, 10));
        assert_eq!(flushed(&mut batch, 2), [(1, 10, 20), (1, 10, 20), (1, 10, 10)]);
        (0..3).for_each(|_| push(&mut batch, 1, 30_000));
        assert_eq!(flushed(&mut batch, 64), [(1, 30_000, 60_000), (1, 30_000, 30_000)]);
    }

    #[test]
    fn who_sends_near_their_last_datagram_keeps_their_order_and_never_gets_another_path() {
        let (mut batch, mut one, mut two) = (Batch::default(), Hint::default(), Hint::default());
        let near = |batch: &mut Batch, port: u16, hint: &mut Hint| {
            batch.datagram_near(path(port), hint, |bytes| {
                bytes.resize(bytes.len() + 10, 0);
                true
            })
        };
        for _ in 0..2 {
            push(&mut batch, 3, 10);
            assert!(near(&mut batch, 1, &mut one) && near(&mut batch, 2, &mut two) && near(&mut batch, 1, &mut one));
            assert!(near(&mut batch, 5, &mut two), "the path moved");
            assert_eq!(flushed(&mut batch, 64), [(3, 10, 10), (1, 10, 20), (2, 10, 10), (5, 10, 10)]);
        }
        // A hint of one batch says nothing in another.
        let mut other = Batch::default();
        push(&mut other, 7, 10);
        push(&mut other, 8, 10);
        assert!(near(&mut other, 1, &mut one));
        assert_eq!(flushed(&mut other, 64), [(7, 10, 10), (8, 10, 10), (1, 10, 10)]);
    }

    #[test]
    fn a_writer_that_gives_up_leaves_nothing() {
        let mut batch = Batch::default();
        push(&mut batch, 1, 10);
        let added = batch.datagram(path(1), |bytes| {
            bytes.extend_from_slice(&[9; 70]);
            false
        });
        let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            batch.datagram(path(1), |bytes| {
                bytes.push(1);
                panic!("planted")
            })
        }));
        assert!(!added && panicked.is_err());
        push(&mut batch, 1, 10);
        assert_eq!(flushed(&mut batch, 64), [(1, 10, 20)]);
    }
}
