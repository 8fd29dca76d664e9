//! An input as a sequence of records (kind, length, body), and a mutator that changes, repeats, moves and inserts whole records, so that one change does not
//! shift the meaning of everything behind it. Any bytes are an input; what a kind means only its target knows.

use libfuzzer_sys::fuzzer_mutate;

/// Bytes before a body: kind, length in two bytes.
const HEAD: usize = 3;

/// The records of an input in order; the last may be cut short.
pub fn read(mut bytes: &[u8]) -> impl Iterator<Item = (u8, Body<'_>)> {
    std::iter::from_fn(move || {
        let (kind, length) = (*bytes.first()?, [*bytes.get(1)?, *bytes.get(2)?]);
        let end = (HEAD + usize::from(u16::from_be_bytes(length))).min(bytes.len());
        let body = Body(&bytes[HEAD..end]);
        bytes = &bytes[end..];
        Some((kind, body))
    })
}

/// One record more.
pub fn write(into: &mut Vec<u8>, kind: u8, body: &[u8]) {
    let length = u16::try_from(body.len()).unwrap_or(u16::MAX);
    into.push(kind);
    into.extend_from_slice(&length.to_be_bytes());
    into.extend_from_slice(&body[..usize::from(length)]);
}

/// A body that is read from its front. What is missing reads as zero.
#[derive(Clone, Copy)]
pub struct Body<'a>(pub &'a [u8]);

impl<'a> Body<'a> {
    pub fn byte(&mut self) -> u8 {
        self.take(1).first().copied().unwrap_or(0)
    }

    pub fn word(&mut self) -> u16 {
        u16::from(self.byte()) << 8 | u16::from(self.byte())
    }

    pub fn take(&mut self, length: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(length.min(self.0.len()));
        self.0 = rest;
        taken
    }

    pub fn rest(self) -> &'a [u8] {
        self.0
    }
}

/// xorshift64*: libfuzzer gives a seed for each mutation.
pub struct Random(u64);

impl Random {
    pub fn new(seed: u32) -> Self {
        Self((u64::from(seed) + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }

    pub fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        ((self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize) % bound.max(1)
    }

    pub fn byte(&mut self) -> u8 {
        self.below(256) as u8
    }

    pub fn bytes(&mut self, length: usize) -> Vec<u8> {
        (0..length).map(|_| self.byte()).collect()
    }
}

/// The body of a `fuzz_mutator!`. `fresh` appends what a well-behaved client would do: one record or several that belong together.
pub fn mutate(data: &mut [u8], size: usize, max_size: usize, seed: u32, fresh: impl Fn(&mut Random, &mut Vec<u8>)) -> usize {
    let mut random = Random::new(seed);
    let mut records: Vec<(u8, Vec<u8>)> = read(&data[..size]).map(|(kind, body)| (kind, body.rest().to_vec())).collect();
    for _ in 0..=random.below(3) {
        let at = random.below(records.len());
        match random.below(if records.is_empty() { 2 } else { 12 }) {
            0..3 => {
                let mut made = Vec::new();
                fresh(&mut random, &mut made);
                let at = random.below(records.len() + 1);
                records.splice(at..at, read(&made).map(|(kind, body)| (kind, body.rest().to_vec())));
            }
            3 => drop(records.remove(at)),
            4 => {
                let copy = records[at].clone();
                let at = random.below(records.len() + 1);
                records.insert(at, copy);
            }
            5 => {
                let moved = records.remove(at);
                let at = random.below(records.len() + 1);
                records.insert(at, moved);
            }
            6 => {
                // Longer or shorter by a little: lengths are what parsers trip over.
                let body = &mut records[at].1;
                let (length, filler) = ((body.len() + random.below(17)).saturating_sub(8), random.byte());
                body.resize(length, filler);
            }
            7 => {
                let body = &mut records[at].1;
                let index = random.below(body.len());
                let value = random.byte();
                if let Some(byte) = body.get_mut(index) {
                    *byte = value;
                }
            }
            _ => {
                let body = &mut records[at].1;
                let length = body.len();
                body.resize(length + 64, 0);
                let most = body.len();
                let length = fuzzer_mutate(body, length, most);
                body.truncate(length);
            }
        }
    }
    let mut out = Vec::new();
    for (kind, body) in &records {
        if out.len() + HEAD + body.len() <= max_size {
            write(&mut out, *kind, body);
        }
    }
    data[..out.len()].copy_from_slice(&out);
    out.len()
}
