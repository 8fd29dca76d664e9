//! A call over a bad line, in virtual time from a seed: a sending and a receiving browser that ask and answer as real ones do, the router between.

#![cfg(test)]

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use proptest::prelude::*;

use super::harness::*;
use super::rtcp::{self, Message};
use super::rtp::Rtp;
use super::seed::Seed;
use crate::ids::ParticipantId;

/// A line between a browser and the router.
#[derive(Debug, Clone, Copy)]
struct Line {
    /// In 1/1000.
    loss: u64,
    delay_ms: u64,
    jitter_ms: u64,
    /// In 1/1000: packets that take 30 ms more.
    reorder: u64,
}

/// What happened in a call of ten seconds.
#[derive(Debug, Default)]
struct Outcome {
    sent: usize,
    delivered: usize,
    /// What the receiver knows of: from its first packet to its newest.
    expected: usize,
    lost_up: usize,
    lost_down: usize,
    /// Numbers that the router asked the sender for.
    asked: usize,
    key_requests: usize,
    resent_down: usize,
    late_ms_max: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Up,
    Down,
}

struct Network {
    line: Line,
    seed: Seed,
    flying: BTreeMap<(u64, u64), (Way, bool, Vec<u8>)>,
    count: u64,
}

impl Network {
    /// True when it was lost.
    fn send(&mut self, now_ms: u64, way: Way, is_rtp: bool, packet: Vec<u8>) -> bool {
        if self.seed.draw() % 1000 < self.line.loss {
            return true;
        }
        let jitter = if self.line.jitter_ms > 0 { self.seed.draw() % (self.line.jitter_ms + 1) } else { 0 };
        let behind = if self.seed.draw() % 1000 < self.line.reorder { 30 } else { 0 };
        self.count += 1;
        self.flying.insert((now_ms + self.line.delay_ms + jitter + behind, self.count), (way, is_rtp, packet));
        false
    }

    fn arrived(&mut self, now_ms: u64) -> Option<(Way, bool, Vec<u8>)> {
        let first = *self.flying.first_key_value()?.0;
        (first.0 <= now_ms).then(|| self.flying.remove(&first)).flatten()
    }
}

/// The receiving browser: what has come, what it asks for.
#[derive(Default)]
struct Receiver {
    first: Option<u16>,
    newest: u16,
    got: BTreeSet<u16>,
    wanted: BTreeMap<u16, (u64, u32)>,
    rtx_seen: BTreeSet<u16>,
}

impl Receiver {
    fn take(&mut self, rtp: &Rtp<'_>, now_ms: u64, outcome: &mut Outcome) {
        let sequence = if rtp.ssrc == 251 {
            assert!(self.rtx_seen.insert(rtp.sequence), "an RTX number left twice");
            outcome.resent_down += 1;
            u16::from_be_bytes([rtp.payload[0], rtp.payload[1]])
        } else {
            assert_eq!(rtp.ssrc, 201);
            rtp.sequence
        };
        if self.first.is_none() {
            self.first = Some(sequence);
            self.newest = sequence;
        }
        let ahead = sequence.wrapping_sub(self.newest);
        if ahead < 0x8000 {
            for back in 1..ahead {
                self.wanted.insert(self.newest.wrapping_add(back), (now_ms, 0));
            }
            self.newest = sequence;
        }
        if let Some((since, _)) = self.wanted.remove(&sequence) {
            outcome.late_ms_max = outcome.late_ms_max.max(now_ms - since);
        }
        self.got.insert(sequence);
    }

    /// NACK after 15 ms and then each round trip, ten times.
    fn ask(&mut self, now_ms: u64, round_trip_ms: u64) -> Option<Vec<u8>> {
        let due = |since: u64, tries: u32| since + 15 + u64::from(tries) * (round_trip_ms + 10) <= now_ms;
        let missing: Vec<u16> =
            self.wanted.iter().filter(|(_, (since, tries))| due(*since, *tries) && *tries < 10).map(|(sequence, _)| *sequence).collect();
        for sequence in &missing {
            self.wanted.entry(*sequence).and_modify(|(_, tries)| *tries += 1);
        }
        let mut packet = Vec::new();
        rtcp::write_nack(&mut packet, 1, 201, &missing);
        (!missing.is_empty()).then_some(packet)
    }
}

fn call(seed: u64, line: Line) -> Outcome {
    let mut world = World::call();
    let mut network = Network { line, seed: Seed(seed), flying: BTreeMap::new(), count: 0 };
    let mut receiver = Receiver::default();
    let mut outcome = Outcome::default();
    let mut history: BTreeMap<u16, u32> = BTreeMap::new();
    let (mut sequence, mut rtx_sequence, mut number, mut key_wanted) = (40_000_u16, 9_u16, 0_u16, true);
    let mut router_ssrc_numbers = BTreeSet::new();
    for now_ms in 0..11_000_u64 {
        if now_ms < 10_000 && now_ms % 33 == 0 {
            let timestamp = (now_ms * 90) as u32;
            for part in 0..4 {
                let payload = if part > 0 {
                    &[0x80, 0x80, 0x81, 2, 9][..]
                } else if key_wanted {
                    KEY
                } else {
                    INTER
                };
                key_wanted = key_wanted && part == 0;
                let packet = Sent { transport_number: number, ..camera(sequence, timestamp, payload) };
                outcome.sent += 1;
                outcome.lost_up += usize::from(network.send(now_ms, Way::Up, true, packet.bytes()));
                history.insert(sequence, timestamp);
                sequence = sequence.wrapping_add(1);
                number = number.wrapping_add(1);
            }
            key_wanted = false;
        }
        if now_ms % 100 == 0 {
            let mut report = Vec::new();
            rtcp::write_sender_report(&mut report, 1001, (now_ms << 32) / 1000, (now_ms * 90) as u32, 0, 0);
            network.send(now_ms, Way::Up, false, report);
        }
        if let Some(nack) = receiver.ask(now_ms, 2 * line.delay_ms + line.jitter_ms) {
            world.rtcp(AGENT, &nack);
        }
        while let Some((way, is_rtp, packet)) = network.arrived(now_ms) {
            match (way, is_rtp) {
                (Way::Up, true) => world.rtp(CITIZEN, &packet),
                (Way::Up, false) => world.rtcp(CITIZEN, &packet),
                (Way::Down, true) => receiver.take(&read(&packet), now_ms, &mut outcome),
                (Way::Down, false) => {
                    for message in rtcp::messages(&packet) {
                        match message {
                            Message::Nack { ssrc: 1001, missing } => {
                                for wanted in missing {
                                    if let Some(timestamp) = history.get(&wanted) {
                                        rtx_sequence = rtx_sequence.wrapping_add(1);
                                        number = number.wrapping_add(1);
                                        let packet =
                                            Sent { transport_number: number, ..camera(wanted, *timestamp, &[0x80, 0x80, 0x81, 2, 9]) };
                                        network.send(now_ms, Way::Up, true, packet.rtx(rtx_sequence));
                                    }
                                }
                            }
                            Message::KeyFrameRequest(1001) => key_wanted = true,
                            _ => {}
                        }
                    }
                }
            }
        }
        world.pass(1);
        let out = world.sink.take();
        outcome.asked += out.nacks().iter().map(|(_, _, missing)| missing.len()).sum::<usize>();
        outcome.key_requests += out.key_requests().iter().filter(|(to, _)| *to == CITIZEN).count();
        for (to, packet) in out.rtcp {
            if to == CITIZEN {
                network.send(now_ms, Way::Down, false, packet);
            }
        }
        for (_, packet) in out.rtp {
            let rtp = read(&packet);
            assert!(router_ssrc_numbers.insert((rtp.ssrc, rtp.sequence)), "a number left twice");
            let lost = network.send(now_ms, Way::Down, true, packet);
            outcome.lost_down += usize::from(lost);
        }
    }
    outcome.delivered = receiver.got.len();
    outcome.expected = usize::from(receiver.newest.wrapping_sub(receiver.first.unwrap_or_default())) + 1;
    outcome
}

#[test]
fn a_clean_line_needs_no_question() {
    let outcome = call(1, Line { loss: 0, delay_ms: 25, jitter_ms: 0, reorder: 0 });
    assert_eq!((outcome.delivered, outcome.asked, outcome.resent_down), (outcome.sent, 0, 0));
}

#[test]
fn five_per_cent_loss_each_way_is_repaired() {
    for seed in 1..=5 {
        let outcome = call(seed, Line { loss: 50, delay_ms: 25, jitter_ms: 0, reorder: 0 });
        assert!(outcome.lost_up > 30 && outcome.lost_down > 30, "{outcome:?}");
        let share = outcome.delivered as f64 / outcome.expected as f64;
        assert!(share > 0.998, "{share} of the packets came, {outcome:?}");
        assert!(outcome.key_requests <= 3, "{outcome:?}");
        assert!(outcome.asked < 2 * outcome.lost_up, "{outcome:?}");
    }
}

#[test]
fn jitter_and_reordering_make_no_storm_of_questions() {
    for seed in 1..=5 {
        let outcome = call(seed, Line { loss: 20, delay_ms: 25, jitter_ms: 10, reorder: 50 });
        assert!(outcome.asked < 2 * outcome.lost_up, "{outcome:?}");
        let share = outcome.delivered as f64 / outcome.expected as f64;
        assert!(share > 0.998, "{share} of the packets came, {outcome:?}");
    }
}

#[test]
fn a_line_that_shuffles_a_hundred_milliseconds_is_waited_for() {
    for seed in 1..=5 {
        let outcome = call(seed, Line { loss: 20, delay_ms: 25, jitter_ms: 100, reorder: 50 });
        assert!(outcome.asked < 2 * outcome.lost_up, "{outcome:?}");
    }
}

#[test]
fn without_rtx_the_very_same_octets_are_sent_again() {
    let mut world = World::new();
    world.join(CITIZEN, &CHROMIUM);
    let mut plain = negotiated(AGENT, &FIREFOX);
    for slot in &mut plain.slots {
        slot.rtx_ssrc = None;
        slot.codecs.iter_mut().for_each(|codec| codec.rtx_payload_type = None);
    }
    world.seat(AGENT, plain);
    world.admit(CITIZEN, true);
    world.admit(AGENT, true);
    world.rtp(CITIZEN, &camera(1, 0, KEY).bytes());
    world.rtp(CITIZEN, &camera(2, 9, INTER).bytes());
    let first = world.sink.take().rtp;
    let mut nack = Vec::new();
    rtcp::write_nack(&mut nack, 1, 201, &[read(&first[1].1).sequence]);
    world.pass(20);
    world.rtcp(AGENT, &nack);
    assert_eq!(world.sink.take().rtp, first[1..]);
}

#[test]
fn one_packet_is_resent_once_a_round_trip_and_eight_times_at_most() {
    let mut world = World::call();
    world.rtp(CITIZEN, &camera(1, 0, KEY).bytes());
    let first = world.sink.take().rtp;
    let mut nack = Vec::new();
    rtcp::write_nack(&mut nack, 1, 201, &[read(&first[0].1).sequence]);
    for _ in 0..10 {
        world.rtcp(AGENT, &nack);
    }
    assert_eq!(world.sink.take().rtp.len(), 1);
    for _ in 0..20 {
        world.pass(50);
        world.rtcp(AGENT, &nack);
    }
    assert_eq!(world.sink.take().rtp.len(), 7);
}

#[test]
fn on_a_line_that_loses_much_a_repair_leaves_twice() {
    let mut world = World::call();
    let mut arrivals = super::arrivals::Arrivals::default();
    let mut resent = Vec::new();
    let number = |packet: &[u8]| read(packet).transport_number(FIREFOX.ids.transport_cc).unwrap();
    for n in 0..400_u16 {
        world.rtp(CITIZEN, &camera(n, u32::from(n) * 900, if n == 0 { KEY } else { INTER }).bytes());
        let packet = world.sink.take().rtp.remove(0).1;
        let rtp = read(&packet);
        // One in ten is lost from the middle on.
        if n < 200 || n % 10 != 0 {
            arrivals.record(number(&packet), world.now);
        }
        if n % 10 == 0 {
            let mut nack = Vec::new();
            rtcp::write_nack(&mut nack, 1, 201, &[rtp.sequence]);
            world.rtcp(AGENT, &nack);
            let repairs = world.sink.take().rtp;
            assert!(repairs.iter().all(|(_, packet)| read(packet).payload[..2] == rtp.sequence.to_be_bytes()));
            repairs.iter().for_each(|(_, packet)| arrivals.record(number(packet), world.now));
            resent.push(repairs.len());
        }
        world.pass(10);
        let mut feedback = Vec::new();
        if n % 10 == 5 && arrivals.feedback(1, 201, &mut feedback) {
            world.rtcp(AGENT, &feedback);
        }
    }
    assert_eq!((resent[0], resent[19], resent[39]), (1, 1, 2), "{resent:?}");
}

/// What a hostile participant may do.
#[derive(Debug, Clone)]
enum Move {
    Rtp(u8, u8, u16, u32, u8, Vec<u8>),
    Redundant(u16, u32, Vec<u8>, Vec<u8>),
    Bytes(u8, bool, Vec<u8>),
    Control(u8, u8, u16, Vec<u8>),
    Admit(u8, bool),
    Join(u8, u32),
    Leave(u8),
    Path(u8),
    Pass(u16),
}

fn moves() -> impl Strategy<Value = Move> {
    let octets = || proptest::collection::vec(any::<u8>(), 0..40);
    prop_oneof![
        8 => (0u8..3, 0u8..6, any::<u16>(), any::<u32>(), any::<u8>(), octets()).prop_map(|(a, b, c, d, e, f)| Move::Rtp(a, b, c, d, e, f)),
        8 => (0u8..3, 0u8..6, 0u16..40, any::<u32>(), any::<u8>(), octets()).prop_map(|(a, b, c, d, e, f)| Move::Rtp(a, b, c, d, e, f)),
        6 => (0u16..40, any::<u32>(), octets(), octets()).prop_map(|(a, b, c, d)| Move::Redundant(a, b, c, d)),
        2 => (0u8..3, any::<bool>(), octets()).prop_map(|(a, b, c)| Move::Bytes(a, b, c)),
        4 => (0u8..3, 200u8..208, any::<u16>(), octets()).prop_map(|(a, b, c, d)| Move::Control(a, b, c, d)),
        1 => (0u8..3, any::<bool>()).prop_map(|(a, b)| Move::Admit(a, b)),
        1 => (0u8..3, 0u32..3).prop_map(|(a, b)| Move::Join(a, b)),
        1 => (0u8..3).prop_map(Move::Leave),
        1 => (0u8..3).prop_map(Move::Path),
        3 => (0u16..2000).prop_map(Move::Pass),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_sequence_of_packets_makes_it_panic_or_reuse_a_number(moves in proptest::collection::vec(moves(), 1..120)) {
        let mut world = World::call();
        let mut left: BTreeMap<(ParticipantId, u32, u16), Vec<u8>> = BTreeMap::new();
        for (turn, one) in moves.into_iter().enumerate() {
            match one {
                Move::Rtp(who, kind, sequence, timestamp, first, octets) => {
                    let source = [super::negotiated::Source::Microphone, super::negotiated::Source::Camera, super::negotiated::Source::Screen][usize::from(kind % 3)];
                    let mut payload = octets;
                    payload.insert(0, first);
                    let sent = Sent { who: ParticipantId(who), browser: if who == 1 { &FIREFOX } else { &CHROMIUM }, source, sequence, timestamp, transport_number: sequence, payload: &payload };
                    let bytes = if kind >= 3 { sent.rtx(timestamp as u16) } else { sent.bytes() };
                    world.rtp(ParticipantId(who), &bytes);
                }
                Move::Redundant(sequence, timestamp, one, other) => {
                    let sent = Sent { payload: &other, ..microphone(sequence, timestamp) };
                    world.rtp(CITIZEN, &sent.redundant([Some(&one), Some(&other)]));
                }
                Move::Bytes(who, control, mut bytes) => {
                    if let Some(head) = bytes.first_mut() { *head = 0x80 | (*head & 0x3f); }
                    if control { world.rtcp(ParticipantId(who), &bytes) } else { world.rtp(ParticipantId(who), &bytes) }
                }
                Move::Control(who, kind, ssrc, octets) => {
                    let mut packet = Vec::new();
                    let begin = rtcp::open(&mut packet, 1, kind, 1);
                    packet.extend_from_slice(&(u32::from(ssrc % 400)).to_be_bytes());
                    packet.extend_from_slice(&octets);
                    rtcp::close(&mut packet, begin);
                    world.rtcp(ParticipantId(who), &packet);
                }
                Move::Admit(who, admitted) => world.admit(ParticipantId(who), admitted),
                Move::Join(who, fresh) => {
                    let mut offer = negotiated(ParticipantId(who), &CHROMIUM);
                    // A new peer connection brings new SSRCs, an ICE restart the old ones.
                    let shift = if fresh == 0 { 0 } else { 10_000 * (turn as u32 + 1) };
                    offer.slots.iter_mut().for_each(|slot| { slot.ssrc += shift; slot.rtx_ssrc = slot.rtx_ssrc.map(|ssrc| ssrc + shift); });
                    let known = world.router.knows_ssrc(ParticipantId(who), 1000 * (u32::from(who) + 1));
                    if shift != 0 || known {
                        world.seat(ParticipantId(who), offer);
                    }
                }
                Move::Leave(who) => world.router.leave(ParticipantId(who), world.now, &mut world.sink),
                Move::Path(who) => world.router.path_moved(ParticipantId(who), world.now, &mut world.sink),
                Move::Pass(ms) => world.pass(u64::from(ms)),
            }
            for (to, packet) in world.sink.take().rtp {
                let rtp = read(&packet);
                let key = (to, rtp.ssrc, rtp.sequence);
                prop_assert!(left.insert(key, packet.clone()).is_none_or(|before| before == packet), "other octets under one number");
            }
            let _ = (world.router.statistics(), world.router.quality(CITIZEN, world.now));
        }
        prop_assert!(world.now.duration_since(world.begin) < Duration::from_secs(1000));
    }
}
