//! A quick hash for small keys that clients choose in part (5-tuples, names of consultations): keyed anew for each map, so that nobody can aim at one bucket.
//! Knows nothing of the keys; not for secrets.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hasher, RandomState};

/// A map with this hash.
pub type QuickMap<K, V> = HashMap<K, V, Keyed>;

/// The key of one map.
#[derive(Debug, Clone)]
pub struct Keyed(u64);

impl Default for Keyed {
    /// From the randomness that the standard library draws for its own maps.
    fn default() -> Self {
        Self(RandomState::new().hash_one(0_u64))
    }
}

impl BuildHasher for Keyed {
    type Hasher = Folding;

    fn build_hasher(&self) -> Folding {
        Folding(self.0)
    }
}

/// Multiplies and folds both halves of the product, word by word.
#[derive(Debug, Clone)]
pub struct Folding(u64);

/// Odd, with its bits well spread: the fraction of the golden ratio.
const MULTIPLIER: u64 = 0x9e37_79b9_7f4a_7c15;

impl Folding {
    fn fold(&mut self, word: u64) {
        let product = u128::from(self.0 ^ word) * u128::from(MULTIPLIER);
        // The turn keeps words apart that come in another order.
        self.0 = ((product >> 64) as u64 ^ product as u64).rotate_left(23);
    }
}

impl Hasher for Folding {
    fn write(&mut self, bytes: &[u8]) {
        let (words, rest) = bytes.as_chunks::<8>();
        words.iter().for_each(|word| self.fold(u64::from_ne_bytes(*word)));
        if !rest.is_empty() {
            let mut last = [0; 8];
            last[..rest.len()].copy_from_slice(rest);
            self.fold(u64::from_ne_bytes(last));
        }
    }

    fn write_u8(&mut self, value: u8) {
        self.fold(u64::from(value));
    }

    fn write_u16(&mut self, value: u16) {
        self.fold(u64::from(value));
    }

    fn write_u32(&mut self, value: u32) {
        self.fold(u64::from(value));
    }

    fn write_u64(&mut self, value: u64) {
        self.fold(value);
    }

    fn write_usize(&mut self, value: usize) {
        self.fold(value as u64);
    }

    fn finish(&self) -> u64 {
        // One more fold, so that the last word reaches the high bits too, which choose the bucket's group.
        let mut last = self.clone();
        last.fold(MULTIPLIER.rotate_left(32));
        last.0
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::net::SocketAddr;

    use super::*;

    #[test]
    fn neighbouring_addresses_spread_over_buckets_and_groups() {
        let keyed = Keyed::default();
        let (mut low, mut high) = ([0_u32; 256], [0_u32; 128]);
        for host in 0..64_u8 {
            for port in 40_000..40_256_u16 {
                let hash = keyed.hash_one(SocketAddr::from(([10, 0, 0, host], port)));
                low[hash as usize & 255] += 1;
                high[(hash >> 57) as usize] += 1;
            }
        }
        // 16,384 keys: 64 a bucket, 128 a group on average; chance alone stays within these bounds by far.
        assert!(low.iter().all(|count| (20..=120).contains(count)), "{low:?}");
        assert!(high.iter().all(|count| (60..=220).contains(count)), "{high:?}");
    }

    #[test]
    fn two_maps_order_the_same_keys_differently() {
        let orders: HashSet<Vec<u64>> = (0..4).map(|_| (0..64).map(|n: u64| Keyed::default().hash_one(n)).collect()).collect();
        assert_eq!(orders.len(), 4);
    }

    #[test]
    fn order_and_length_of_bytes_count() {
        let keyed = Keyed::default();
        let hash = |bytes: &[u8]| {
            let mut hasher = keyed.build_hasher();
            hasher.write(bytes);
            hasher.finish()
        };
        let all = [hash(b"ab"), hash(b"ba"), hash(b"aaaaaaaab"), hash(b"baaaaaaaa"), hash(b"aaaaaaaabbbbbbbb"), hash(b"bbbbbbbbaaaaaaaa")];
        assert_eq!(HashSet::from(all).len(), all.len());
    }
}
