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
use std::net::SocketAddr;
use std::time::Duration;

use libfuzzer_sys::arbitrary::{self, Arbitrary};
use libfuzzer_sys::fuzz_target;
#[cfg(feature = "planted")]
use support::raw_peer::{Arrived, read_rtp};
use support::raw_peer::{DtlsVersion, RawOptions, rtp_packet};
use support::rig::Rig;

#[derive(Arbitrary, Debug)]
struct Input<'a> {
    steps: Vec<Step<'a>>,
}

#[derive(Arbitrary, Debug)]
enum Step<'a> {
    Any {
        from: u8,
        datagram: &'a [u8],
    },
    Check {
        from: u8,
        at: u8,
        changes: Vec<(u8, u8)>,
    },
    Dtls {
        from: u8,
        kind: u8,
        epoch: u8,
        body: &'a [u8],
    },
    /// Whatever the client in the middle of its handshake has to say, changed.
    Handshake {
        changes: Vec<(u16, u8)>,
    },
    Rtp {
        from: u8,
        section: u8,
        rtx: bool,
        sequence: u16,
        payload: &'a [u8],
        extensions: &'a [u8],
        changes: Vec<(u16, u8)>,
    },
    Rtcp {
        from: u8,
        packet: &'a [u8],
        changes: Vec<(u16, u8)>,
    },
    /// One SCTP packet: head, then chunks as (type, flags, value).
    Sctp {
        from: u8,
        tag: u32,
        chunks: Vec<(u8, u8, &'a [u8])>,
    },
    Pass {
        ms: u16,
    },
    Admit {
        who: u8,
        admitted: bool,
    },
    Remove {
        who: u8,
    },
    Offer {
        who: u8,
        restart: bool,
    },
}

thread_local! {
    // A handshake costs a thousand times a datagram: one rig serves many inputs, and is made anew when an input has used it up.
    static RIG: RefCell<Option<(Rig, u32)>> = const { RefCell::new(None) };
}

fn fresh() -> Rig {
    let mut rig = Rig::new(1);
    rig.open(1);
    for who in 0..2 {
        let version = if who == 0 { DtlsVersion::V12 } else { DtlsVersion::V13 };
        rig.join(1, who, RawOptions { name: u32::from(who) + 1, version, ..RawOptions::default() });
        rig.admit(1, who, true);
    }
    rig.offer(1, 2, 1, RawOptions { name: 3, ..RawOptions::default() }).unwrap();
    rig
}

fuzz_target!(|input: Input<'_>| {
    RIG.with_borrow_mut(|kept| {
        let (mut rig, used) = match kept.take() {
            Some((rig, used)) if used < 200 && rig.seats.len() < 16 && alive(&rig) => (rig, used),
            _ => (fresh(), 0),
        };
        for step in input.steps.iter().take(64) {
            act(&mut rig, step);
        }
        rig.pass(Duration::from_millis(1));
        let counted = rig.count();
        assert_eq!(counted.panics, 0, "a panic was caught: it would have ended a transport");
        assert!(rig.astray.is_empty(), "something was sent to somebody who never checked");
        #[cfg(feature = "planted")]
        planted(&rig);
        rig.events.clear();
        rig.seats.iter_mut().for_each(|seat| seat.arrived.clear());
        *kept = Some((rig, used + 1));
    });
});

/// The first two are still in their call.
fn alive(rig: &Rig) -> bool {
    rig.seats.iter().take(2).all(|seat| seat.peer.is_connected() && !seat.peer.has_failed())
}

/// What `--features planted` breaks: a video packet that was sealed, authenticated, forwarded and opened again with 37 bytes of payload, the first of them 0x90.
#[cfg(feature = "planted")]
fn planted(rig: &Rig) {
    for seat in &rig.seats {
        for arrived in &seat.arrived {
            if let Arrived::Rtp(packet) = arrived
                && let Some((.., payload)) = read_rtp(packet)
            {
                assert!(!(payload.len() == 37 && payload[0] == 0x90), "the planted panic");
            }
        }
    }
}

fn act(rig: &mut Rig, step: &Step<'_>) {
    match step {
        Step::Any { from, datagram } => rig.inject(address(rig, *from), datagram),
        Step::Check { from, at, changes } => {
            let seat = usize::from(*at) % rig.seats.len();
            let right = rig.seats[seat].peer.check();
            let mut check = right.clone();
            changes.iter().take(8).for_each(|(at, value)| put(&mut check, u16::from(*at), *value));
            // Authentic ones only from the own address: from elsewhere they teach the core a new path, as they should.
            let from = if check == right { rig.seats[seat].address } else { address(rig, *from) };
            rig.inject(from, &check);
        }
        Step::Dtls { from, kind, epoch, body } => {
            let body = &body[..body.len().min(1400)];
            let mut record = vec![20 + kind % 8, 0xfe, 0xfd, 0, *epoch % 3, 0, 0, 0, 0, 0, 1];
            record.extend_from_slice(&(body.len() as u16).to_be_bytes());
            record.extend_from_slice(body);
            // A plaintext alert from the verified path ends a DTLS 1.2 association by design of the protocol: only strangers and the third try it.
            let from = if *from % 8 < 2 { SocketAddr::from(([203, 0, 113, 1], 1)) } else { address(rig, *from) };
            rig.inject(from, &record);
        }
        Step::Handshake { changes } => {
            let Some(seat) = rig.seats.iter().position(|seat| !seat.peer.is_connected()) else { return };
            if let Some(mut datagram) = rig.seats[seat].peer.poll_datagram() {
                changes.iter().take(8).for_each(|(at, value)| put(&mut datagram, *at, *value));
                rig.send(seat, &datagram);
            }
        }
        Step::Rtp { from, section, rtx, sequence, payload, extensions, changes } => {
            let seat = usize::from(*from) % 2;
            let ssrcs = rig.seats[seat].peer.ssrcs();
            let (ssrc, kind) = match (section % 3, rtx) {
                (0, _) => (ssrcs[0], 111),
                (1, false) => (ssrcs[1], 96),
                (1, true) => (ssrcs[2], 97),
                (_, false) => (ssrcs[3], 96),
                (_, true) => (ssrcs[4], 97),
            };
            let mut packet = rtp_packet(kind, true, *sequence, u32::from(*sequence) * 3000, ssrc, &[]);
            if !extensions.is_empty() {
                let extensions = &extensions[..extensions.len().min(200)];
                packet[0] |= 0x10;
                packet.extend_from_slice(&[0xbe, 0xde, 0, extensions.len().div_ceil(4) as u8]);
                packet.extend_from_slice(extensions);
                packet.resize(packet.len().next_multiple_of(4), 0);
            }
            packet.extend_from_slice(&payload[..payload.len().min(1200)]);
            let Some(mut sealed) = rig.seats[seat].peer.try_seal_rtp(&packet) else { return };
            changes.iter().take(4).for_each(|(at, value)| put(&mut sealed, *at, *value));
            rig.send(seat, &sealed);
        }
        Step::Rtcp { from, packet, changes } => {
            if packet.len() < 8 {
                return;
            }
            let seat = usize::from(*from) % 2;
            let mut plain = packet[..packet.len().min(1200) & !3].to_vec();
            plain[0] = 0x80 | plain[0] & 0x3f;
            plain[1] = 200 + plain[1] % 8;
            let words = (plain.len() / 4 - 1) as u16;
            plain[2..4].copy_from_slice(&words.to_be_bytes());
            let Some(mut sealed) = rig.seats[seat].peer.try_seal_rtcp(&plain) else { return };
            changes.iter().take(4).for_each(|(at, value)| put(&mut sealed, *at, *value));
            rig.send(seat, &sealed);
        }
        Step::Sctp { from, tag, chunks } => {
            let mut packet = vec![0x13, 0x88, 0x13, 0x88];
            packet.extend_from_slice(&tag.to_be_bytes());
            packet.extend_from_slice(&[0; 4]);
            for (kind, flags, value) in chunks.iter().take(6) {
                let value = &value[..value.len().min(300)];
                packet.extend_from_slice(&[*kind, *flags]);
                packet.extend_from_slice(&((value.len() + 4) as u16).to_be_bytes());
                packet.extend_from_slice(value);
                packet.resize(packet.len().next_multiple_of(4), 0);
            }
            let crc = crc32c(&packet);
            packet[8..12].copy_from_slice(&crc.to_le_bytes());
            let seat = usize::from(*from) % 2;
            rig.seats[seat].peer.send_data(&packet);
            rig.settle();
        }
        Step::Pass { ms } => rig.pass(Duration::from_millis(u64::from(ms % 300))),
        Step::Admit { who, admitted } => rig.admit(1, who % 3, *admitted),
        Step::Remove { who } => rig.remove(1, who % 3),
        Step::Offer { who, restart } => {
            let number = if *restart { 1 } else { rig.seats.len() as u32 + 1 };
            let _ = rig.offer(1, who % 3, number, RawOptions { name: number + 10, ..RawOptions::default() });
        }
    }
}

/// Own addresses of the seats, and some of strangers.
fn address(rig: &Rig, from: u8) -> SocketAddr {
    let strangers = 2;
    let at = usize::from(from) % (rig.seats.len() + strangers);
    rig.seats.get(at).map_or(SocketAddr::from(([203, 0, 113, from], 4_000)), |seat| seat.address)
}

fn put(datagram: &mut [u8], at: u16, value: u8) {
    let length = datagram.len().max(1);
    if let Some(byte) = datagram.get_mut(usize::from(at) % length) {
        *byte ^= value;
    }
}

fn crc32c(bytes: &[u8]) -> u32 {
    !bytes
        .iter()
        .fold(!0_u32, |crc, byte| (0..8).fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ (0x82f6_3b78 & (crc & 1).wrapping_neg())))
}
