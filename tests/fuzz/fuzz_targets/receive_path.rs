//! The composed receive path: a core with two people in a call and one in the middle of a handshake, and a sequence of datagrams, time and commands.
//! Datagrams are built from what a client can really make (checks, DTLS, sealed RTP and RTCP, SCTP over DTLS) and then changed, or are anything at all.
#![no_main]

#[path = "../../it/support"]
mod support {
    pub mod raw_peer;
    pub mod raw_stun;
    pub mod rig;
}

use std::cell::RefCell;
use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::Duration;

use libfuzzer_sys::{fuzz_mutator, fuzz_target};
#[cfg(feature = "planted")]
use support::raw_peer::{Arrived, read_rtp};
use support::raw_peer::{DtlsVersion, RawOptions, rtp_packet};
use support::rig::Rig;
use visavis_fuzz::records::{self, Body, Random};

/// What a record makes the rig do; its body is read in the order named.
mod kind {
    /// from, datagram
    pub const ANY: u8 = 0;
    /// from, at, changes
    pub const CHECK: u8 = 1;
    /// from, record type, epoch, body
    pub const DTLS: u8 = 2;
    /// changes of whatever the client in the middle of its handshake has to say
    pub const HANDSHAKE: u8 = 3;
    /// from, section, flags, how far from the next sequence number, length of extensions, changes, extensions, payload
    pub const RTP: u8 = 4;
    /// from, changes, plain compound
    pub const RTCP: u8 = 5;
    /// from, tag, chunks as (type, flags, length, value)
    pub const SCTP: u8 = 6;
    /// milliseconds
    pub const PASS: u8 = 7;
    /// who, whether
    pub const ADMIT: u8 = 8;
    /// who
    pub const REMOVE: u8 = 9;
    /// who, whether it is a restart
    pub const OFFER: u8 = 10;
    /// where one input of a history ended
    pub const END: u8 = 11;
    pub const COUNT: u8 = 12;
}

/// Those who call; the third is their company in the middle of a handshake.
const CALLERS: usize = 2;
/// Above it the first byte of [`kind::REMOVE`] and [`kind::OFFER`] means one of the callers: their end costs a new rig.
const ENDS_A_CALLER: u8 = 252;
/// What one input may do; a history given by file may do all.
const STEPS: usize = 64;
const INPUT_BYTES: usize = 4096;
/// New people in one input: an offer costs as much as fifty datagrams.
const OFFERS: usize = 2;
/// Inputs that a rig serves: a hundred cost some twenty times what a rig does.
const SERVES: u32 = 100;

struct Kept {
    rig: Rig,
    used: u32,
    /// The last number sent under each SSRC: a packet under an old one is a replay and goes no further than that.
    sequences: HashMap<u32, u16>,
    /// All inputs since it was made, as one: a crash needs what went before.
    history: Vec<u8>,
}

thread_local! {
    // A handshake costs a thousand times a datagram: one rig serves many inputs, and is made anew when an input has used it up.
    static RIG: RefCell<Option<Kept>> = const { RefCell::new(None) };
    static HISTORY: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

fn fresh() -> Kept {
    let mut rig = Rig::new(1);
    rig.open(1);
    for who in 0..CALLERS as u8 {
        let version = if who == 0 { DtlsVersion::V12 } else { DtlsVersion::V13 };
        rig.join(1, who, RawOptions { name: u32::from(who) + 1, version, ..RawOptions::default() });
        rig.admit(1, who, true);
    }
    rig.offer(1, 2, 1, RawOptions { name: 3, ..RawOptions::default() }).unwrap();
    Kept { rig, used: 0, sequences: HashMap::new(), history: Vec::new() }
}

fuzz_target!(init: keep_history(), |input: &[u8]| {
    RIG.with_borrow_mut(|slot| {
        let mut kept = slot.take().filter(|kept| kept.used < SERVES && alive(&kept.rig)).unwrap_or_else(fresh);
        kept.history.extend_from_slice(input);
        records::write(&mut kept.history, kind::END, &[]);
        HISTORY.with_borrow_mut(|history| std::mem::swap(history, &mut kept.history));
        let steps = if input.len() > INPUT_BYTES { usize::MAX } else { STEPS };
        let mut offers = 0;
        for (kind, body) in records::read(input).take(steps) {
            let kind = kind % kind::COUNT;
            offers += usize::from(kind == kind::OFFER);
            if kind != kind::OFFER || offers <= OFFERS || steps > STEPS {
                act(&mut kept.rig, &mut kept.sequences, kind, body);
            }
        }
        end(&mut kept.rig);
        HISTORY.with_borrow_mut(|history| std::mem::swap(history, &mut kept.history));
        kept.used += 1;
        *slot = Some(kept);
    });
});

/// Where a panic leaves the history of its rig: beside libfuzzer's own artifact, which is the last input only.
fn keep_history() {
    let then = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        let history = HISTORY.with(|history| history.try_borrow().map(|history| history.clone()).unwrap_or_default());
        let file = std::env::temp_dir().join(format!("receive_path-history-{}", std::process::id()));
        if std::fs::write(&file, history).is_ok() {
            eprintln!("all inputs since the rig was made, as one: {}", file.display());
        }
        then(info);
    }));
}

fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| { records::mutate(data, size, max_size, seed, sensible) });

/// The first two are still in their call.
fn alive(rig: &Rig) -> bool {
    rig.seats.iter().take(CALLERS).all(|seat| seat.peer.is_connected() && !seat.peer.has_failed())
}

/// What must hold whenever an input is over.
fn end(rig: &mut Rig) {
    rig.pass(Duration::from_millis(1));
    assert_eq!(rig.count().panics, 0, "a panic was caught: it would have ended a transport");
    assert!(rig.astray.is_empty(), "something was sent to somebody who never checked");
    #[cfg(feature = "planted")]
    planted(rig);
    rig.events.clear();
    rig.seats.iter_mut().for_each(|seat| seat.arrived.clear());
}

/// What `--features planted` breaks: a video packet that was sealed, authenticated, forwarded and opened again with 37 bytes of payload, the first of them 0x90.
#[cfg(feature = "planted")]
fn planted(rig: &Rig) {
    for seat in &rig.seats {
        for arrived in &seat.arrived {
            if let Arrived::Rtp(packet) = arrived
                && let Some((kind, .., payload)) = read_rtp(packet)
                && kind != 111
                && payload.len() == 37
                && payload[0] == 0x90
            {
                panic!("the planted panic");
            }
        }
    }
}

fn act(rig: &mut Rig, sequences: &mut HashMap<u32, u16>, kind: u8, mut body: Body<'_>) {
    match kind {
        kind::ANY => {
            let from = address(rig, body.byte());
            rig.inject(from, body.rest());
        }
        kind::CHECK => {
            let (from, at) = (body.byte(), body.byte());
            let seat = usize::from(at) % rig.seats.len();
            let right = rig.seats[seat].peer.check();
            let mut check = right.clone();
            change(&mut check, body.rest());
            // Authentic ones only from the own address: from elsewhere they teach the core a new path, as they should.
            let from = if check == right { rig.seats[seat].address } else { address(rig, from) };
            rig.inject(from, &check);
        }
        kind::DTLS => {
            let (from, kind, epoch) = (body.byte(), body.byte(), body.byte());
            let body = &body.rest()[..body.rest().len().min(1400)];
            let mut record = vec![20 + kind % 8, 0xfe, 0xfd, 0, epoch % 3, 0, 0, 0, 0, 0, 1];
            record.extend_from_slice(&(body.len() as u16).to_be_bytes());
            record.extend_from_slice(body);
            // A plaintext alert from the verified path ends a DTLS 1.2 association by design of the protocol: only strangers and the third try it.
            let from = if from % 8 < 2 { SocketAddr::from(([203, 0, 113, 1], 1)) } else { address(rig, from) };
            rig.inject(from, &record);
        }
        kind::HANDSHAKE => {
            let Some(seat) = rig.seats.iter().position(|seat| !seat.peer.is_connected()) else { return };
            if let Some(mut datagram) = rig.seats[seat].peer.poll_datagram() {
                change(&mut datagram, body.rest());
                rig.send(seat, &datagram);
            }
        }
        kind::RTP => {
            let (from, section, flags, away) = (body.byte(), body.byte(), body.byte(), body.word());
            let (extended, changed) = (usize::from(body.byte()), usize::from(body.byte() % 5));
            let (changes, extensions) = (body.take(changed * 3), body.take(extended));
            let payload = &body.rest()[..body.rest().len().min(1200)];
            let seat = usize::from(from) % CALLERS;
            let ssrcs = rig.seats[seat].peer.ssrcs();
            let (rtx, marker) = (flags & 1 != 0, flags & 2 == 0);
            let (ssrc, kind) = match (section % 3, rtx) {
                (0, _) => (ssrcs[0], 111),
                (1, false) => (ssrcs[1], 96),
                (1, true) => (ssrcs[2], 97),
                (_, false) => (ssrcs[3], 96),
                (_, true) => (ssrcs[4], 97),
            };
            let last = sequences.entry(ssrc).or_default();
            let sequence = last.wrapping_add(1).wrapping_add(away);
            if away < 0x8000 {
                *last = sequence;
            }
            let mut packet = rtp_packet(kind, marker, sequence, u32::from(sequence) * 3000, ssrc, &[]);
            if !extensions.is_empty() {
                packet[0] |= 0x10;
                packet.extend_from_slice(&[0xbe, 0xde, 0, extensions.len().div_ceil(4) as u8]);
                packet.extend_from_slice(extensions);
                packet.resize(packet.len().next_multiple_of(4), 0);
            }
            packet.extend_from_slice(payload);
            let Some(mut sealed) = rig.seats[seat].peer.try_seal_rtp(&packet) else { return };
            change(&mut sealed, changes);
            rig.send(seat, &sealed);
        }
        kind::RTCP => {
            let (from, changed) = (body.byte(), usize::from(body.byte() % 5));
            let changes = body.take(changed * 3);
            let mut plain = body.rest()[..body.rest().len().min(1200) & !3].to_vec();
            if plain.len() < 8 {
                return;
            }
            plain[0] = 0x80 | plain[0] & 0x3f;
            plain[1] = 200 + plain[1] % 8;
            // The first packet's own length where it fits, so that a compound stays one; else that of the whole.
            let words = u16::from_be_bytes([plain[2], plain[3]]);
            if usize::from(words) * 4 + 4 > plain.len() {
                let words = (plain.len() / 4 - 1) as u16;
                plain[2..4].copy_from_slice(&words.to_be_bytes());
            }
            let seat = usize::from(from) % CALLERS;
            let Some(mut sealed) = rig.seats[seat].peer.try_seal_rtcp(&plain) else { return };
            change(&mut sealed, changes);
            rig.send(seat, &sealed);
        }
        kind::SCTP => {
            let (from, tag) = (body.byte(), body.take(4));
            let mut packet = vec![0x13, 0x88, 0x13, 0x88];
            packet.extend_from_slice(tag);
            packet.resize(12, 0);
            for _ in 0..6 {
                let (kind, flags, length) = (body.byte(), body.byte(), body.word() % 512);
                let value = body.take(usize::from(length));
                packet.extend_from_slice(&[kind, flags]);
                packet.extend_from_slice(&((value.len() + 4) as u16).to_be_bytes());
                packet.extend_from_slice(value);
                packet.resize(packet.len().next_multiple_of(4), 0);
                if body.rest().is_empty() {
                    break;
                }
            }
            let crc = crc32c(&packet);
            packet[8..12].copy_from_slice(&crc.to_le_bytes());
            let seat = usize::from(from) % CALLERS;
            rig.seats[seat].peer.send_data(&packet);
            rig.settle();
        }
        kind::PASS => rig.pass(Duration::from_millis(u64::from(body.word() % 300))),
        kind::ADMIT => {
            let (who, admitted) = (body.byte() % 3, body.byte() & 1 == 0);
            rig.admit(1, who, admitted);
        }
        kind::REMOVE => {
            let who = person(body.byte());
            rig.remove(1, who);
        }
        kind::OFFER => {
            let (who, restart) = (person(body.byte()), body.byte() & 1 == 1);
            let seat = rig.seats.iter().rposition(|seat| seat.participant.0 == who);
            let running = seat.map_or(0, |seat| rig.seats[seat].transport);
            let number = if restart { running.max(1) } else { running + 1 };
            let made = rig.offer(1, who, number, RawOptions { name: number % 1_000 + 10, ..RawOptions::default() });
            // The third's seat is the last: whoever sat there before has gone.
            if made.is_ok() && who == 2 && rig.seats.len() > CALLERS + 1 {
                rig.seats.remove(CALLERS);
            }
        }
        _ => end(rig),
    }
}

/// The third, but for a few bytes.
fn person(byte: u8) -> u8 {
    if byte >= ENDS_A_CALLER { byte % 2 } else { 2 }
}

/// Changes as (where, where, by what).
fn change(datagram: &mut [u8], changes: &[u8]) {
    for change in changes.chunks_exact(3).take(8) {
        let at = usize::from(u16::from_be_bytes([change[0], change[1]])) % datagram.len().max(1);
        if let Some(byte) = datagram.get_mut(at) {
            *byte ^= change[2];
        }
    }
}

/// What a client does that means well: the mutations begin here.
fn sensible(random: &mut Random, into: &mut Vec<u8>) {
    let from = random.byte();
    match random.below(16) {
        0..5 => {
            let (section, sequence) = (random.byte(), random.byte());
            let away = match random.below(8) {
                0 => [0, sequence & 7],
                1 => [0xff, sequence | 0xf0],
                _ => [0, 0],
            };
            let payload = match random.below(4) {
                // VP8: a descriptor with a long picture number, a key frame and one that is none.
                0 => vec![0x90, 0x80, 0x80 | random.byte(), random.byte(), 0x10, 0x02, 0x00, 0x9d, 0x01, 0x2a, 0x40, 0x01, 0xf0, 0x00],
                1 => vec![0x10, 0x01, random.byte()],
                // Retransmission: the original number first.
                2 => vec![0, sequence.wrapping_sub(1), 0x10, 0x01],
                _ => {
                    let length = random.below(64);
                    random.bytes(length)
                }
            };
            let extensions: &[u8] = if random.below(2) == 0 { &[0x40, b'1', 0x31, 0, sequence] } else { &[] };
            let mut body = vec![from, section, u8::from(random.below(4) == 0), away[0], away[1], extensions.len() as u8, 0];
            body.extend_from_slice(extensions);
            body.extend_from_slice(&payload);
            records::write(into, kind::RTP, &body);
        }
        5..8 => {
            let (format, kind, words) = match random.below(6) {
                0 => (0, 200, 6),
                1 => (1, 201, 7),
                2 => (1, 205, 3),
                3 => (15, 205, 5),
                4 => (1, 206, 2),
                _ => (random.byte() & 31, 200 + random.byte() % 8, 1 + random.below(12)),
            };
            let mut body = vec![from, 0, 0x80 | format, kind, 0, words as u8];
            let filler = random.bytes(words * 4);
            body.extend_from_slice(&filler);
            records::write(into, kind::RTCP, &body);
        }
        8 => {
            // An INIT and a DATA chunk with DCEP's open message (RFC 8832) or anything.
            let init = [0, 0, 0, 9, 0, 2, 0, 0, 4, 0, 4, 0, 0, 0, 0, 1];
            let mut body = vec![from, 0, 0, 0, 0, 1, 0, 0, init.len() as u8];
            body.extend_from_slice(&init);
            records::write(into, kind::SCTP, &body);
        }
        9 => {
            let length = random.below(48);
            let mut value = vec![0, 0, 0, 1, 0, 1, 0, 0, 0, 0, 0, 50, 3, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0, 0, b'c', b'h', b'a', b't'];
            value.truncate(length);
            let tag = random.bytes(4);
            let mut body = vec![from];
            body.extend_from_slice(&tag);
            body.extend_from_slice(&[random.byte() % 16, 3, 0, value.len() as u8]);
            body.extend_from_slice(&value);
            records::write(into, kind::SCTP, &body);
        }
        10 => records::write(into, kind::CHECK, &[from, random.byte(), 0, random.byte(), random.byte()]),
        11 => {
            let (length, mut body) = (random.below(64), vec![from, random.byte(), random.byte()]);
            body.extend_from_slice(&random.bytes(length));
            records::write(into, if random.below(2) == 0 { kind::DTLS } else { kind::ANY }, &body);
        }
        12 => {
            // Somebody new, whose handshake is touched before it is complete.
            records::write(into, kind::OFFER, &[2, 0]);
            for _ in 0..random.below(5) {
                let changes = if random.below(3) == 0 { random.bytes(3) } else { Vec::new() };
                records::write(into, kind::HANDSHAKE, &changes);
            }
        }
        13 => records::write(into, kind::ADMIT, &[from, random.byte()]),
        14 => records::write(into, if random.below(2) == 0 { kind::REMOVE } else { kind::OFFER }, &[from, random.byte()]),
        _ => records::write(into, kind::PASS, &[0, random.byte()]),
    }
}

/// Own addresses of the seats, and some of strangers.
fn address(rig: &Rig, from: u8) -> SocketAddr {
    let strangers = 2;
    let at = usize::from(from) % (rig.seats.len() + strangers);
    rig.seats.get(at).map_or(SocketAddr::from(([203, 0, 113, from], 4_000)), |seat| seat.address)
}

fn crc32c(bytes: &[u8]) -> u32 {
    !bytes
        .iter()
        .fold(!0_u32, |crc, byte| (0..8).fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ (0x82f6_3b78 & (crc & 1).wrapping_neg())))
}
