//! Authenticated but hostile RTP and RTCP of three people through the router, with time: what comes out is well-formed, under the receiver's own numbers,
//! never to somebody who is not admitted, never back to the sender, and no sequence number leaves twice for one SSRC.
#![no_main]

use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use libfuzzer_sys::arbitrary::{self, Arbitrary};
use libfuzzer_sys::fuzz_target;
use visavis::ids::ParticipantId;
use visavis::media::sdp::{LocalParameters, answer};
use visavis::sfu::negotiated::{Negotiated, Publishing, SlotAssignment};
use visavis::sfu::router::{Router, Sink};

const OFFERS: [&str; 3] = [
    include_str!("../../data/sdp/offer-chromium.sdp"),
    include_str!("../../data/sdp/offer-firefox.sdp"),
    include_str!("../../data/sdp/offer-safari-shaped.sdp"),
];

#[derive(Arbitrary, Debug)]
enum Step<'a> {
    /// An RTP packet with a plausible head.
    Rtp {
        from: u8,
        section: u8,
        rtx: bool,
        codec: u8,
        sequence: u16,
        timestamp: u16,
        marker: bool,
        extensions: &'a [u8],
        payload: &'a [u8],
    },
    /// Anything as RTP.
    AnyRtp {
        from: u8,
        packet: &'a [u8],
    },
    /// RTCP with a plausible head: type, format, whose slot or track it names, the rest.
    Rtcp {
        from: u8,
        kind: u8,
        format: u8,
        slot: u8,
        rest: &'a [u8],
    },
    /// Anything as RTCP.
    AnyRtcp {
        from: u8,
        packet: &'a [u8],
    },
    Pass {
        ms: u16,
    },
    Admit {
        who: u8,
        admitted: bool,
    },
    Leave {
        who: u8,
    },
    Join {
        who: u8,
        offer: u8,
    },
    Publish {
        who: u8,
        microphone: bool,
        camera: bool,
        screen: bool,
    },
}

#[derive(Default)]
struct Watch {
    admitted: [bool; 3],
    slots: [HashSet<u32>; 3],
    left: HashMap<(u8, u32), HashSet<u16>>,
    from: Option<u8>,
}

impl Sink for Watch {
    fn rtp(&mut self, to: ParticipantId, packet: &[u8]) {
        assert!(packet.len() >= 12 && packet[0] >> 6 == 2, "no RTP");
        let ssrc = u32::from_be_bytes(packet[8..12].try_into().unwrap());
        let who = usize::from(to.0);
        assert!(self.admitted[who], "to somebody who is not admitted");
        assert!(self.slots[who].contains(&ssrc), "under a number that the answer did not name");
        if let Some(from) = self.from {
            assert!(self.admitted[usize::from(from)], "from somebody who is not admitted");
        }
        let sequence = u16::from_be_bytes([packet[2], packet[3]]);
        let seen = self.left.entry((to.0, ssrc)).or_default();
        // A repeat would be a repeated nonce under GCM. Runs here are far shorter than a wrap.
        assert!(seen.insert(sequence), "sequence {sequence} of {ssrc:x} left twice");
    }

    fn rtcp(&mut self, _: ParticipantId, packet: &[u8]) {
        let mut rest = packet;
        assert!(!rest.is_empty());
        while !rest.is_empty() {
            assert!(rest.len() >= 4 && rest[0] >> 6 == 2 && (192..=223).contains(&rest[1]), "no RTCP");
            let length = (usize::from(u16::from_be_bytes([rest[2], rest[3]])) + 1) * 4;
            assert!(length <= rest.len(), "a length that is too long");
            rest = &rest[length..];
        }
    }

    fn slots(&mut self, to: ParticipantId, slots: &[SlotAssignment]) {
        assert!(slots.iter().all(|slot| slot.participant != to), "somebody sees themselves");
        let mids: HashSet<&str> = slots.iter().map(|slot| slot.mid.as_str()).collect();
        assert_eq!(mids.len(), slots.len(), "two on one slot");
    }
}

/// Reading an offer costs more than a whole run of steps: each pair of offer and person once.
fn negotiated(offer: usize, who: usize) -> Negotiated {
    static READ: LazyLock<Vec<Negotiated>> = LazyLock::new(|| (0..9).map(|pair| read(pair / 3, pair % 3)).collect());
    READ[offer % OFFERS.len() * 3 + who].clone()
}

fn read(offer: usize, who: usize) -> Negotiated {
    let local = LocalParameters {
        ufrag: "fuzz",
        pwd: "fuzzfuzzfuzzfuzzfuzzfuzz",
        fingerprint_sha256: &[7; 32],
        candidates: &[], tcp_candidates: &[],
        ssrcs: &std::array::from_fn(|index| 0x5000_0000 + (who * 0x100 + index) as u32),
    };
    answer(OFFERS[offer % OFFERS.len()], &local, None).unwrap().negotiated
}

fuzz_target!(|steps: Vec<Step<'_>>| {
    let begin = Instant::now();
    let mut now = begin;
    let mut router = Router::new(7);
    let mut watch = Watch::default();
    let mut known: Vec<Negotiated> = (0..3).map(|who| negotiated(who, who)).collect();
    for who in 0..3 {
        join(&mut router, &mut watch, who, &known[who], now);
    }
    for who in 0..2 {
        watch.admitted[who] = true;
        router.admit(ParticipantId(who as u8), true, now, &mut watch);
    }
    for step in steps.into_iter().take(256) {
        watch.from = None;
        match step {
            Step::Rtp { from, section, rtx, codec, sequence, timestamp, marker, extensions, payload } => {
                let who = from % 3;
                let Some(section) = pick(&known[usize::from(who)].publishes, section) else { continue };
                let Some(binding) = pick(&section.codecs, codec) else { continue };
                let (payload_type, ssrc) = match (rtx, binding.rtx_payload_type, section.rtx_ssrc) {
                    (true, Some(payload_type), Some(ssrc)) => (payload_type, ssrc),
                    (true, ..) if let Some(redundant) = binding.red_payload_type => (redundant, section.ssrc.unwrap_or(1)),
                    _ => (binding.payload_type, section.ssrc.unwrap_or(1)),
                };
                let mut packet = vec![0x80, payload_type | u8::from(marker) << 7];
                packet.extend_from_slice(&sequence.to_be_bytes());
                packet.extend_from_slice(&(u32::from(timestamp) * 1500).to_be_bytes());
                packet.extend_from_slice(&ssrc.to_be_bytes());
                if !extensions.is_empty() {
                    packet[0] |= 0x10;
                    let words = extensions.len().div_ceil(4);
                    packet.extend_from_slice(&[0xbe, 0xde]);
                    packet.extend_from_slice(&(words as u16).to_be_bytes());
                    packet.extend_from_slice(extensions);
                    packet.resize(packet.len() + words * 4 - extensions.len(), 0);
                }
                packet.extend_from_slice(payload);
                packet.truncate(1500);
                watch.from = Some(who);
                router.handle_rtp(ParticipantId(who), &packet, now, &mut watch);
            }
            Step::AnyRtp { from, packet } => {
                watch.from = Some(from % 3);
                router.handle_rtp(ParticipantId(from % 3), packet, now, &mut watch);
            }
            Step::Rtcp { from, kind, format, slot, rest } => {
                let who = from % 3;
                let negotiated = &known[usize::from(who)];
                let target = if slot & 1 == 0 {
                    pick(&negotiated.slots, slot >> 1).map_or(2, |slot| slot.ssrc)
                } else {
                    pick(&negotiated.publishes, slot >> 1).and_then(|section| section.ssrc).unwrap_or(3)
                };
                let own = negotiated.publishes.first().and_then(|section| section.ssrc).unwrap_or(1);
                let mut body = Vec::new();
                body.extend_from_slice(&own.to_be_bytes());
                body.extend_from_slice(&target.to_be_bytes());
                body.extend_from_slice(rest);
                body.resize(body.len().next_multiple_of(4).min(1400), 0);
                let mut packet = vec![0x80 | (format & 0x1f), 200 + kind % 8];
                packet.extend_from_slice(&((body.len() / 4) as u16).to_be_bytes());
                packet.extend_from_slice(&body);
                router.handle_rtcp(ParticipantId(who), &packet, now, &mut watch);
            }
            Step::AnyRtcp { from, packet } => router.handle_rtcp(ParticipantId(from % 3), packet, now, &mut watch),
            Step::Pass { ms } => {
                let end = now + Duration::from_millis(u64::from(ms % 4000));
                for _ in 0..200 {
                    let Some(at) = router.poll_timeout().filter(|at| *at <= end) else { break };
                    now = now.max(at);
                    router.handle_timeout(now, &mut watch);
                }
                now = end;
            }
            Step::Admit { who, admitted } => {
                let who = usize::from(who % 3);
                // What is still on its way out while the door is shut belongs to those who were admitted.
                watch.admitted[who] |= admitted;
                router.admit(ParticipantId(who as u8), admitted, now, &mut watch);
                watch.admitted[who] = admitted;
            }
            Step::Leave { who } => router.leave(ParticipantId(who % 3), now, &mut watch),
            Step::Join { who, offer } => {
                let who = usize::from(who % 3);
                router.leave(ParticipantId(who as u8), now, &mut watch);
                known[who] = negotiated(usize::from(offer), who);
                // A new transport has new keys: its numbers may begin again.
                watch.left.retain(|(to, _), _| usize::from(*to) != who);
                join(&mut router, &mut watch, who, &known[who], now);
            }
            Step::Publish { who, microphone, camera, screen } => {
                router.set_publishing(ParticipantId(who % 3), Publishing { microphone, camera, screen }, now, &mut watch);
            }
        }
    }
});

fn join(router: &mut Router, watch: &mut Watch, who: usize, negotiated: &Negotiated, now: Instant) {
    watch.slots[who] = negotiated.slots.iter().flat_map(|slot| [Some(slot.ssrc), slot.rtx_ssrc]).flatten().collect();
    router.join(ParticipantId(who as u8), negotiated.clone(), now, watch);
    router.connected(ParticipantId(who as u8), now, watch);
}

fn pick<T>(of: &[T], at: u8) -> Option<&T> {
    (!of.is_empty()).then(|| &of[usize::from(at) % of.len()])
}
