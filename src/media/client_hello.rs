//! Our own bounded reading of a DTLS ClientHello (RFC 6347 §4.2, RFC 5764 §4.1): collected from its fragments in any order, it decides version and SRTP profile
//! before an engine exists (dtls.md, traps 1 and 3). Refuses every other record.

use crate::limits;

const HANDSHAKE: u8 = 22;
const CLIENT_HELLO: u8 = 1;
const RECORD_HEADER: usize = 13;
const HANDSHAKE_HEADER: usize = 12;
const USE_SRTP: u16 = 14;
const SUPPORTED_VERSIONS: u16 = 43;
const DTLS_1_3: u16 = 0xfefc;
const PROFILE_CM_SHA1_80: u16 = 0x0001;
const PROFILE_GCM_128: u16 = 0x0007;
const PROFILE_GCM_256: u16 = 0x0008;

/// The DTLS version that the engine is made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// RFC 6347.
    Dtls12,
    /// RFC 9147.
    Dtls13,
}

/// What one ClientHello says, as far as we ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Hello {
    /// supported_versions holds DTLS 1.3.
    pub dtls13: bool,
    /// The first profile of use_srtp that we have.
    pub first_profile: Option<u16>,
    /// use_srtp holds one of the AES-GCM profiles.
    pub gcm: bool,
}

impl Hello {
    /// Policy (a) of dtls.md: AES-GCM wherever the client has it. The 1.3 engine follows the client's order and the 1.2 engine its own (GCM first), so a
    /// client whose first profile is CM although it has GCM gets 1.2.
    pub fn version(self, allow_13: bool) -> Version {
        let cm_would_win = self.first_profile == Some(PROFILE_CM_SHA1_80) && self.gcm;
        if allow_13 && self.dtls13 && !cm_would_win { Version::Dtls13 } else { Version::Dtls12 }
    }
}

/// Collects one ClientHello. Bounds: `limits::CLIENT_HELLO_DATAGRAMS`, `limits::CLIENT_HELLO_BYTES`.
#[derive(Debug, Default)]
pub struct ClientHelloReader {
    length: usize,
    sequence: u16,
    body: Vec<u8>,
    /// Received parts of `body`, sorted, apart from each other.
    parts: Vec<(usize, usize)>,
    /// The datagrams that brought something new, with the offset of their first fragment.
    held: Vec<(usize, Vec<u8>)>,
}

impl ClientHelloReader {
    /// Takes one datagram. `Some` once the hello is complete: what it says, and the datagrams to feed to the engine in the order of their offsets.
    pub fn handle_datagram(&mut self, datagram: &[u8]) -> Option<(Hello, Vec<Vec<u8>>)> {
        let first = fragments(datagram)?.next()?;
        if self.held.len() >= limits::CLIENT_HELLO_DATAGRAMS || self.length != first.length || self.sequence != first.sequence {
            // A new hello, or one that never came to its end: start again with this datagram.
            *self = Self { length: first.length, sequence: first.sequence, body: vec![0; first.length], ..Self::default() };
        }
        let mut new = false;
        for fragment in fragments(datagram)? {
            if (fragment.length, fragment.sequence) != (self.length, self.sequence) {
                return None;
            }
            self.body[fragment.offset..fragment.offset + fragment.bytes.len()].copy_from_slice(fragment.bytes);
            new |= self.cover(fragment.offset, fragment.offset + fragment.bytes.len());
        }
        if new {
            self.held.push((first.offset, datagram.to_vec()));
        }
        if self.parts != [(0, self.length)] {
            return None;
        }
        let Self { body, mut held, .. } = std::mem::take(self);
        let hello = read(&body)?;
        held.sort_by_key(|(offset, _)| *offset);
        Some((hello, held.into_iter().map(|(_, datagram)| datagram).collect()))
    }

    /// Bytes held now.
    pub fn held_bytes(&self) -> usize {
        self.body.len() + self.held.iter().map(|(_, datagram)| datagram.len()).sum::<usize>()
    }

    /// Marks a part as received; says whether any of it was missing.
    fn cover(&mut self, start: usize, end: usize) -> bool {
        if self.parts.iter().any(|part| part.0 <= start && end <= part.1) {
            return false;
        }
        self.parts.push((start, end));
        self.parts.sort_unstable();
        self.parts.dedup_by(|next, part| {
            let joins = next.0 <= part.1;
            if joins {
                part.1 = part.1.max(next.1);
            }
            joins
        });
        true
    }
}

struct Fragment<'a> {
    length: usize,
    sequence: u16,
    offset: usize,
    bytes: &'a [u8],
}

/// The ClientHello fragments of one datagram; `None` unless it holds nothing else and every length is consistent.
fn fragments(datagram: &[u8]) -> Option<impl Iterator<Item = Fragment<'_>>> {
    let mut rest = datagram;
    let mut found = 0;
    while !rest.is_empty() {
        let (_, after) = next_fragment(rest)?;
        rest = after;
        found += 1;
    }
    let mut rest = datagram;
    (found > 0 && found <= 16).then(|| {
        std::iter::from_fn(move || {
            let (fragment, after) = next_fragment(rest)?;
            rest = after;
            Some(fragment)
        })
    })
}

fn next_fragment(datagram: &[u8]) -> Option<(Fragment<'_>, &[u8])> {
    let header = datagram.get(..RECORD_HEADER)?;
    let plain_handshake = header[0] == HANDSHAKE && header[1] == 0xfe && header[3..5] == [0, 0];
    let length = usize::from(u16::from_be_bytes([header[11], header[12]]));
    let record = datagram.get(RECORD_HEADER..RECORD_HEADER + length)?;
    let message = record.get(..HANDSHAKE_HEADER)?;
    let fragment = Fragment {
        length: u24(&message[1..4]),
        sequence: u16::from_be_bytes([message[4], message[5]]),
        offset: u24(&message[6..9]),
        bytes: &record[HANDSHAKE_HEADER..],
    };
    let consistent = u24(&message[9..12]) == fragment.bytes.len()
        && !fragment.bytes.is_empty()
        && fragment.length <= limits::CLIENT_HELLO_BYTES
        && fragment.offset + fragment.bytes.len() <= fragment.length;
    (plain_handshake && message[0] == CLIENT_HELLO && consistent).then_some((fragment, &datagram[RECORD_HEADER + length..]))
}

/// Reads a complete ClientHello body; `None` when it is not one.
fn read(body: &[u8]) -> Option<Hello> {
    let mut body = Bytes(body);
    body.take(2 + 32)?; // version, random
    body.sized_u8()?; // session id
    body.sized_u8()?; // cookie
    body.sized_u16()?; // cipher suites
    body.sized_u8()?; // compression methods
    let mut hello = Hello::default();
    if body.0.is_empty() {
        return Some(hello);
    }
    let mut extensions = Bytes(body.sized_u16()?);
    while !extensions.0.is_empty() {
        let kind = extensions.u16()?;
        let mut value = Bytes(extensions.sized_u16()?);
        match kind {
            SUPPORTED_VERSIONS => hello.dtls13 = pairs(value.sized_u8()?).any(|version| version == DTLS_1_3),
            USE_SRTP => {
                let profiles = value.sized_u16()?;
                hello.gcm = pairs(profiles).any(|profile| matches!(profile, PROFILE_GCM_128 | PROFILE_GCM_256));
                hello.first_profile =
                    pairs(profiles).find(|profile| matches!(*profile, PROFILE_CM_SHA1_80 | PROFILE_GCM_128 | PROFILE_GCM_256));
            }
            _ => {}
        }
    }
    Some(hello)
}

struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    fn take(&mut self, n: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(n)?;
        self.0 = rest;
        Some(taken)
    }

    fn u16(&mut self) -> Option<u16> {
        self.take(2).map(|b| u16::from_be_bytes([b[0], b[1]]))
    }

    fn sized_u8(&mut self) -> Option<&'a [u8]> {
        let n = self.take(1)?[0];
        self.take(usize::from(n))
    }

    fn sized_u16(&mut self) -> Option<&'a [u8]> {
        let n = self.u16()?;
        self.take(usize::from(n))
    }
}

fn pairs(bytes: &[u8]) -> impl Iterator<Item = u16> + '_ {
    bytes.chunks_exact(2).map(|b| u16::from_be_bytes([b[0], b[1]]))
}

fn u24(bytes: &[u8]) -> usize {
    usize::from(bytes[0]) << 16 | usize::from(bytes[1]) << 8 | usize::from(bytes[2])
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A ClientHello body with the given extensions, padded as post-quantum key shares pad it.
    pub(crate) fn body(versions: &[u16], profiles: &[u16], padding: usize) -> Vec<u8> {
        let mut extensions = Vec::new();
        let mut extension = |kind: u16, value: Vec<u8>| {
            extensions.extend_from_slice(&kind.to_be_bytes());
            extensions.extend_from_slice(&(value.len() as u16).to_be_bytes());
            extensions.extend(value);
        };
        extension(51, vec![0xaa; padding]);
        let list = |values: &[u16]| values.iter().flat_map(|value| value.to_be_bytes()).collect::<Vec<u8>>();
        extension(SUPPORTED_VERSIONS, [vec![versions.len() as u8 * 2], list(versions)].concat());
        extension(USE_SRTP, [(profiles.len() as u16 * 2).to_be_bytes().to_vec(), list(profiles), vec![0]].concat());
        let mut body = vec![0xfe, 0xfd];
        body.extend_from_slice(&[7; 32]);
        body.extend_from_slice(&[0, 0, 0, 2, 0x13, 0x01, 1, 0]);
        body.extend_from_slice(&(extensions.len() as u16).to_be_bytes());
        body.extend(extensions);
        body
    }

    pub(crate) fn datagram(body: &[u8], record: u8, from: usize, to: usize) -> Vec<u8> {
        let n = to - from;
        let mut out = vec![22, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, record];
        out.extend_from_slice(&((n + 12) as u16).to_be_bytes());
        out.push(1);
        for value in [body.len(), from, n] {
            out.extend_from_slice(&(value as u32).to_be_bytes()[1..]);
            if value == body.len() && out.len() == 17 {
                out.extend_from_slice(&[0, 0]);
            }
        }
        out.extend_from_slice(&body[from..to]);
        out
    }

    #[test]
    fn hello_is_read_from_fragments_in_every_order() {
        let body = body(&[0xfefc, 0xfefd], &[7, 8, 1], 1300);
        let cuts = [0, 400, 800, 1200, body.len()];
        let pieces: Vec<_> = cuts.windows(2).enumerate().map(|(n, cut)| datagram(&body, n as u8, cut[0], cut[1])).collect();
        let mut orders = 0;
        for order in permutations(&[0, 1, 2, 3]) {
            let mut reader = ClientHelloReader::default();
            for at in &order[..3] {
                assert_eq!(reader.handle_datagram(&pieces[*at]), None);
                assert_eq!(reader.handle_datagram(&pieces[*at]), None, "a repetition is not held twice");
            }
            let (hello, fed) = reader.handle_datagram(&pieces[order[3]]).unwrap();
            assert_eq!(hello, Hello { dtls13: true, first_profile: Some(7), gcm: true });
            assert_eq!(fed, pieces, "fed in the order of offsets");
            orders += 1;
        }
        assert_eq!(orders, 24);
    }

    #[test]
    fn overlapping_fragments_are_joined() {
        let body = body(&[0xfefd], &[1], 600);
        let mut reader = ClientHelloReader::default();
        assert!(reader.handle_datagram(&datagram(&body, 0, 300, body.len())).is_none());
        let (hello, fed) = reader.handle_datagram(&datagram(&body, 1, 0, 350)).unwrap();
        assert_eq!((hello.dtls13, hello.first_profile, fed.len()), (false, Some(1), 2));
    }

    #[test]
    fn aes_gcm_wins_wherever_the_client_has_it() {
        let version = |versions: &[u16], profiles: &[u16]| {
            let body = body(versions, profiles, 0);
            ClientHelloReader::default().handle_datagram(&datagram(&body, 0, 0, body.len())).unwrap().0.version(true)
        };
        assert_eq!(version(&[0xfefc, 0xfefd], &[1, 8, 7]), Version::Dtls12, "Chromium");
        assert_eq!(version(&[0xfefc, 0xfefd], &[7, 8, 1, 2]), Version::Dtls13, "Firefox");
        assert_eq!(version(&[0xfefc], &[2, 1]), Version::Dtls13, "nothing but CM");
        assert_eq!(version(&[0xfefd], &[8]), Version::Dtls12, "no 1.3");
        assert_eq!(Hello { dtls13: true, first_profile: Some(7), gcm: true }.version(false), Version::Dtls12, "capped");
    }

    #[test]
    fn other_records_are_not_held() {
        let body = body(&[0xfefd], &[7], 0);
        let good = datagram(&body, 0, 0, 60);
        let changed = |at: usize, value: u8| {
            let mut datagram = good.clone();
            datagram[at] = value;
            datagram
        };
        let mut reader = ClientHelloReader::default();
        // Alert, wrong version, epoch 1, another message, a length beyond the bound, a fragment longer than its record.
        for junk in [changed(0, 21), changed(1, 3), changed(4, 1), changed(13, 2), changed(14, 1), changed(24, 200), vec![22; 500], vec![]]
        {
            assert_eq!(reader.handle_datagram(&junk), None);
            assert_eq!(reader.held_bytes(), 0);
        }
    }

    #[test]
    fn hello_that_never_ends_stays_within_its_bound() {
        let long = vec![1; limits::CLIENT_HELLO_BYTES];
        let mut reader = ClientHelloReader::default();
        let mut most = 0;
        for at in 0..5_000 {
            let from = (at * 7) % 15_000;
            assert_eq!(reader.handle_datagram(&datagram(&long, 0, from, from + 1_100)), None);
            most = most.max(reader.held_bytes());
        }
        assert!(most <= limits::CLIENT_HELLO_BYTES + limits::CLIENT_HELLO_DATAGRAMS * 1_200, "{most}");
    }

    fn permutations(items: &[usize]) -> Vec<Vec<usize>> {
        if items.is_empty() {
            return vec![vec![]];
        }
        items
            .iter()
            .flat_map(|first| {
                let rest: Vec<_> = items.iter().copied().filter(|item| item != first).collect();
                permutations(&rest).into_iter().map(move |tail| [vec![*first], tail].concat())
            })
            .collect()
    }
}
