//! What a simulated person's browser does: it encodes under its lid, paces, repairs, asks, reports and tells of what arrived, as real ones do. Knows no line.

#![cfg(test)]

use std::collections::{BTreeMap, VecDeque};

use super::arrivals::Arrivals;
use super::estimator::Estimator;
use super::harness::*;
use super::negotiated::Source;
use super::rtcp::{self, Block, Message};
use super::simulation::{Event, OVERHEAD, SMALL_MOST, Simulation};

const SOUND_OCTETS: usize = 70;
const PAYLOAD: usize = 1_100;

/// What a person's browser sends.
pub(super) struct Encoder {
    /// The browser's own judgement on its uplink, by the router's feedback.
    pub(super) uplink: Estimator,
    /// By REMB, as it holds now: it comes down at once and goes up by 8 % a second, as in Chromium.
    pub(super) remb: Option<(f64, f64)>,
    /// The encodings of the camera, the best first.
    pub(super) encodings: Vec<Encoding>,
    /// Whether all of them are wanted.
    pub(super) all: bool,
    pub(super) sound_sequence: u16,
    pub(super) number: u16,
    pub(super) pacer: VecDeque<Waiting>,
    pub(super) pace_at: Option<u64>,
}

/// One encoding of the camera.
pub(super) struct Encoding {
    /// Bits a second at its best.
    pub(super) most: f64,
    /// By message.
    pub(super) lid: Option<f64>,
    /// What it aims at: follows downwards within some frames; upwards it doubles in a second, and where a lid was lifted it follows within half of one.
    pub(super) aim: f64,
    pub(super) key_wanted: bool,
    pub(super) key_at: u64,
    pub(super) sequence: u16,
    pub(super) rtx_sequence: u16,
    pub(super) history: BTreeMap<u16, (u32, Vec<u8>)>,
}

pub(super) struct Waiting {
    pub(super) encoding: usize,
    pub(super) sequence: u16,
    pub(super) timestamp: u32,
    pub(super) payload: Vec<u8>,
    pub(super) repair: bool,
}

/// What a person's browser receives.
#[derive(Default)]
pub(super) struct Receiver {
    pub(super) arrivals: Arrivals,
    /// By slot SSRC.
    pub(super) pictures: BTreeMap<u32, Picture>,
    pub(super) sound_at: BTreeMap<u32, u64>,
    pub(super) losses: BTreeMap<u32, (u32, u32, u32)>,
}

#[derive(Default)]
pub(super) struct Picture {
    pub(super) started: bool,
    /// Next number to decode, extended.
    pub(super) next: u64,
    pub(super) newest: u64,
    /// Whether a key frame starts here, the marker, and whether it is of a smaller encoding.
    pub(super) got: BTreeMap<u64, (bool, bool, bool)>,
    pub(super) wanted: BTreeMap<u64, (u64, u32)>,
    pub(super) stuck_since: Option<u64>,
    pub(super) asked_at: u64,
    pub(super) shown_at: Option<u64>,
}

impl Encoder {
    pub(super) fn new(most: &[f64]) -> Self {
        let encoding = |most: &f64| Encoding {
            most: *most,
            lid: None,
            aim: most.min(250_000.0),
            key_wanted: true,
            key_at: 0,
            sequence: 100,
            rtx_sequence: 3,
            history: BTreeMap::new(),
        };
        Self {
            uplink: Estimator::default(),
            remb: None,
            encodings: most.iter().map(encoding).collect(),
            all: false,
            sound_sequence: 7,
            number: 0,
            pacer: VecDeque::new(),
            pace_at: None,
        }
    }

    /// What all encodings that are sent aim at together.
    fn aims(&self) -> f64 {
        let sent = |(at, encoding): (usize, &Encoding)| if at == 0 || self.all { encoding.aim } else { 0.0 };
        self.encodings.iter().enumerate().map(sent).sum()
    }

    /// The lids of a message, obeyed as the page does.
    pub(super) fn obey(&mut self, camera: Option<u64>, smaller: Option<u64>) {
        let last = self.encodings.len() - 1;
        for (at, encoding) in self.encodings.iter_mut().enumerate() {
            // Of a smaller one with all headers, as the page reckons.
            let lid = match smaller {
                Some(bits) if at > 0 && camera != Some(0) => Some((bits * 94 / 100).saturating_sub(16_000).max(30_000)),
                _ => camera,
            };
            // One for which there is no room beside the next smaller one rests.
            let lid = if at < last && self.all && lid.is_some_and(|bits| bits as f64 <= SMALL_MOST * 1.2) { Some(0) } else { lid };
            encoding.key_wanted |= encoding.lid == Some(0.0) && lid != Some(0);
            encoding.lid = lid.map(|bits| bits as f64);
        }
    }
}

/// The SSRC of an encoding: those of the camera, and ten more for each smaller one.
fn stamp(bytes: &mut [u8], encoding: usize) {
    let ssrc = u32::from_be_bytes([bytes[8], bytes[9], bytes[10], bytes[11]]) + 10 * encoding as u32;
    bytes[8..12].copy_from_slice(&ssrc.to_be_bytes());
}

impl Simulation {
    pub(super) fn encode(&mut self, at: usize) {
        let (all, count) = (self.people[at].encoder.all, self.people[at].encoder.encodings.len());
        // The smallest first: it is what is left when the uplink carries no more.
        for encoding in (0..count).rev().filter(|encoding| *encoding == 0 || all) {
            self.encode_one(at, encoding);
        }
        self.pace(at);
    }

    fn encode_one(&mut self, at: usize, which: usize) {
        let (micros, noise) = (self.micros, (self.seed.draw() % 1_000) as f64 / 1_000.0);
        let encoder = &mut self.people[at].encoder;
        let uplink = encoder.uplink.allowed().map_or(400_000.0, |bits| bits as f64);
        let sound = (SOUND_OCTETS + 28 + OVERHEAD) as f64 * 400.0;
        let smaller: f64 = encoder.encodings.iter().skip(which + 1).filter(|_| encoder.all).map(|encoding| encoding.aim).sum();
        // A backlog in the pacer makes the encoder leave frames out.
        let backlog: usize = encoder.pacer.iter().map(|waiting| waiting.payload.len()).sum();
        let aims = encoder.aims();
        if encoder.encodings[which].lid == Some(0.0) {
            return;
        }
        if let Some((now, said)) = encoder.remb.as_mut().filter(|_| which == 0) {
            *now = said.min(*now * 1.0026);
        }
        let remb = encoder.remb.map_or(f64::INFINITY, |(now, _)| now);
        let encoding = &mut encoder.encodings[which];
        let target = (uplink.min(remb) - sound - smaller).min(encoding.lid.unwrap_or(f64::INFINITY)).clamp(30_000.0, encoding.most);
        let rise = if encoding.lid.is_some() { 1.12 } else { 1.023 };
        encoding.aim = if target < encoding.aim { encoding.aim + (target - encoding.aim) * 0.35 } else { target.min(encoding.aim * rise) };
        let key = encoding.key_wanted && micros >= encoding.key_at + 300_000 || encoding.key_at == 0;
        if backlog as f64 * 8.0 > aims * 0.3 && !key {
            return;
        }
        let mut octets = encoding.aim / 30.0 / 8.0 * (0.6 + 0.7 * noise);
        if key {
            (encoding.key_wanted, encoding.key_at) = (false, micros.max(1));
            octets = (octets * 5.0).max(if which == 0 { 3_000.0 } else { 1_000.0 });
        }
        let (timestamp, parts) = ((micros * 9 / 100) as u32, (octets / PAYLOAD as f64).ceil().max(1.0) as usize);
        for part in 0..parts {
            let mut payload = vec![0; (octets as usize / parts).max(12)];
            let head: &[u8] = match (part, key) {
                (0, true) => KEY,
                (0, false) => INTER,
                _ => &[0x80, 0x80, 0x81, 2, 9],
            };
            payload[..head.len()].copy_from_slice(head);
            // The last octet stands for the marker and the one before for the encoding, so that a repair says them too.
            if let [.., small, last] = payload.as_mut_slice() {
                (*small, *last) = (which as u8, u8::from(part + 1 == parts));
            }
            encoder.pacer.push_back(Waiting { encoding: which, sequence: encoding.sequence, timestamp, payload, repair: false });
            encoding.sequence = encoding.sequence.wrapping_add(1);
        }
    }

    /// Two and a half times the aim, as browsers pace.
    pub(super) fn pace(&mut self, at: usize) {
        let (micros, now) = (self.micros, self.now());
        let person = &mut self.people[at];
        if person.encoder.pace_at.is_some_and(|due| due > micros) {
            return;
        }
        person.encoder.pace_at = None;
        let Some(waiting) = person.encoder.pacer.pop_front() else { return };
        let encoder = &mut person.encoder;
        encoder.number = encoder.number.wrapping_add(1);
        let sent = Sent {
            who: person.id,
            browser: person.browser,
            source: Source::Camera,
            sequence: waiting.sequence,
            timestamp: waiting.timestamp,
            transport_number: encoder.number,
            payload: &waiting.payload,
        };
        let aims = encoder.aims();
        let encoding = &mut encoder.encodings[waiting.encoding];
        let mut bytes = if waiting.repair {
            encoding.rtx_sequence = encoding.rtx_sequence.wrapping_add(1);
            sent.rtx(encoding.rtx_sequence)
        } else {
            sent.bytes()
        };
        stamp(&mut bytes, waiting.encoding);
        encoder.uplink.sent(encoder.number, bytes.len(), now);
        let due = micros + ((bytes.len() + OVERHEAD) as f64 * 8e6 / (aims * 2.5)) as u64;
        encoder.pace_at = Some(due);
        if !waiting.repair {
            encoding.history.insert(waiting.sequence, (waiting.timestamp, waiting.payload));
            while encoding.history.len() > 600 {
                encoding.history.pop_first();
            }
        }
        self.plan(due, Event::Pace(at));
        self.send_up(at, true, bytes);
    }

    pub(super) fn speak(&mut self, at: usize) {
        let (micros, now) = (self.micros, self.now());
        let person = &mut self.people[at];
        let encoder = &mut person.encoder;
        encoder.number = encoder.number.wrapping_add(1);
        encoder.sound_sequence = encoder.sound_sequence.wrapping_add(1);
        let bytes = Sent {
            who: person.id,
            browser: person.browser,
            source: Source::Microphone,
            sequence: encoder.sound_sequence,
            timestamp: (micros * 48 / 1_000) as u32,
            transport_number: encoder.number,
            payload: &[0x78; SOUND_OCTETS],
        }
        .bytes();
        encoder.uplink.sent(encoder.number, bytes.len(), now);
        self.send_up(at, true, bytes);
    }

    /// RTCP of the router.
    pub(super) fn hear(&mut self, at: usize, packet: &[u8]) {
        let now = self.now();
        let camera = published_ssrc(self.people[at].id, Source::Camera);
        let encoder = &mut self.people[at].encoder;
        let count = encoder.encodings.len();
        let which = |ssrc: u32| (ssrc.wrapping_sub(camera) as usize / 10).min(count - 1);
        for message in rtcp::messages(packet) {
            match message {
                Message::TransportFeedback(feedback) => encoder.uplink.told(&feedback, now),
                Message::Estimate(bits) => {
                    let (said, aim) = (bits as f64, encoder.aims());
                    let now = encoder.remb.map_or(aim.max(said), |(now, _)| now);
                    encoder.remb = Some((now.min(said), said));
                }
                Message::KeyFrameRequest(ssrc) => encoder.encodings[which(ssrc)].key_wanted = true,
                Message::Nack { ssrc, missing } => {
                    let encoding = which(ssrc);
                    for sequence in missing {
                        if let Some((timestamp, payload)) = encoder.encodings[encoding].history.get(&sequence) {
                            let waiting = Waiting { encoding, sequence, timestamp: *timestamp, payload: payload.clone(), repair: true };
                            encoder.pacer.push_front(waiting);
                        }
                    }
                }
                _ => {}
            }
        }
        self.pace(at);
    }

    pub(super) fn receive(&mut self, at: usize, packet: &[u8]) {
        let (now, micros) = (self.now(), self.micros);
        let person = &mut self.people[at];
        let rtp = read(packet);
        if let Some(number) = rtp.transport_number(person.browser.ids.transport_cc) {
            person.receiver.arrivals.record(number, now);
        }
        person.tenth.delivered += (packet.len() + OVERHEAD) as u64 * 8;
        let inside = rtp.ssrc - 100 * (u32::from(person.id.0) + 1);
        let (slot, repair) = if inside >= 50 { (rtp.ssrc - 50, true) } else { (rtp.ssrc, false) };
        if rtp.payload_type == person.browser.opus {
            person.receiver.sound_at.insert(slot, micros);
            person.tenth.sound += 1;
            return;
        }
        if repair && rtp.payload.len() <= 2 {
            person.tenth.padding += (packet.len() + OVERHEAD) as u64 * 8;
            return;
        }
        let (sequence, payload) =
            if repair { (u16::from_be_bytes([rtp.payload[0], rtp.payload[1]]), &rtp.payload[2..]) } else { (rtp.sequence, rtp.payload) };
        let picture = person.receiver.pictures.entry(slot).or_default();
        let starts = payload.get(..5) == KEY.get(..5);
        if !picture.started {
            if !starts || repair {
                return;
            }
            (picture.started, picture.next, picture.newest) = (true, 0x1_0000 + u64::from(sequence), 0x1_0000 + u64::from(sequence));
        }
        let extended = picture.newest.wrapping_add_signed(i64::from(sequence.wrapping_sub(picture.newest as u16) as i16));
        if extended < picture.next {
            return;
        }
        if !repair {
            let loss = person.receiver.losses.entry(slot).or_default();
            loss.0 += 1;
            loss.1 = loss.1.max(extended as u32);
        }
        for missing in picture.newest + 1..extended {
            picture.wanted.insert(missing, (micros, 0));
        }
        picture.newest = picture.newest.max(extended);
        picture.wanted.remove(&extended);
        let (small, marker) = if let [.., small, last] = payload { (*small > 0, *last == 1) } else { (false, false) };
        picture.got.insert(extended, (starts, marker, small));
        while let Some((_, marker, small)) = picture.got.remove(&picture.next) {
            picture.next += 1;
            picture.stuck_since = None;
            if marker {
                person.tenth.frames += 1;
                person.tenth.small += u32::from(small);
                picture.shown_at = Some(micros);
            }
        }
        if !picture.got.is_empty() && picture.stuck_since.is_none() {
            picture.stuck_since = Some(micros);
        }
    }

    /// NACKs, and a key frame when waiting for repair has no sense any more.
    pub(super) fn ask(&mut self, at: usize) {
        let micros = self.micros;
        let person = &mut self.people[at];
        let round_trip = 2_000 * (person.up.line.delay_ms + person.down.line.delay_ms) + 20_000;
        let mut packets = Vec::new();
        for (ssrc, picture) in &mut person.receiver.pictures {
            let due = |since: u64, tries: u32| since + 20_000 + u64::from(tries) * round_trip <= micros;
            let wanted: Vec<u64> =
                picture.wanted.iter().filter(|(_, (since, tries))| due(*since, *tries)).map(|(number, _)| *number).collect();
            for number in &wanted {
                picture.wanted.entry(*number).and_modify(|(_, tries)| *tries += 1);
            }
            picture.wanted.retain(|_, (_, tries)| *tries < 10);
            if !wanted.is_empty() && wanted.len() < 200 {
                let mut packet = Vec::new();
                rtcp::write_nack(&mut packet, 1, *ssrc, &wanted.iter().map(|number| *number as u16).collect::<Vec<_>>());
                packets.push(packet);
            }
            if picture.stuck_since.is_some_and(|since| micros - since > 500_000 + round_trip * 2) {
                if let Some(key) = picture.got.iter().find(|(_, (starts, ..))| *starts).map(|(number, _)| *number) {
                    picture.got.retain(|number, _| *number >= key);
                    picture.wanted.retain(|number, _| *number >= key);
                    picture.next = key;
                    picture.stuck_since = Some(micros);
                } else if micros - picture.asked_at > 1_000_000 {
                    picture.asked_at = micros;
                    let mut packet = Vec::new();
                    rtcp::write_pli(&mut packet, 1, *ssrc);
                    packets.push(packet);
                }
            }
        }
        for packet in packets {
            self.send_up(at, false, packet);
        }
    }

    pub(super) fn feed_back(&mut self, at: usize) {
        let mut packet = Vec::new();
        while self.people[at].receiver.arrivals.feedback(1, 2, &mut packet) {
            let packet = std::mem::take(&mut packet);
            if !self.people[at].muted {
                self.send_up(at, false, packet);
            }
        }
    }

    pub(super) fn report(&mut self, at: usize) {
        let micros = self.micros;
        let id = self.people[at].id;
        let mut packet = Vec::new();
        let ntp = ((micros / 1_000_000) << 32) | (((micros % 1_000_000) << 32) / 1_000_000);
        rtcp::write_sender_report(&mut packet, published_ssrc(id, Source::Microphone), ntp, (micros * 48 / 1_000) as u32, 0, 0);
        rtcp::write_sender_report(&mut packet, published_ssrc(id, Source::Camera), ntp, (micros * 9 / 100) as u32, 0, 0);
        let mut blocks = Vec::new();
        for (ssrc, (got, newest, before)) in &mut self.people[at].receiver.losses {
            let expected = newest.wrapping_sub(*before);
            let lost = expected.saturating_sub(*got);
            if *before != 0 && expected > 0 {
                blocks.push(Block { ssrc: *ssrc, fraction: (lost * 256 / expected).min(255) as u8, highest: *newest, ..Block::default() });
            }
            (*before, *got) = (*newest, 0);
        }
        rtcp::write_receiver_report(&mut packet, 1, &blocks);
        self.send_up(at, false, packet);
    }
}
