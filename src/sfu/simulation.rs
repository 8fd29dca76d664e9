//! A call of two to four people in virtual time: browsers that encode, pace, ask and report as real ones do, the real router between them, and a line
//! each way for everybody with a rate, a queue, delay, jitter and loss. Everything comes from one seed; the same seed gives the same octets.

#![cfg(test)]

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use super::arrivals::Arrivals;
use super::estimator::Estimator;
use super::harness::*;
use super::negotiated::Source;
use super::rtcp::{self, Block, Message};
use super::seed::Seed;
use crate::ids::ParticipantId;
use crate::time::Instant;

/// Octets of a packet below RTP and SRTP, as the estimators count them.
const OVERHEAD: usize = 44;
/// What the product lets a camera and a microphone take.
pub const CAMERA_MOST: f64 = 1_800_000.0;
const SOUND_OCTETS: usize = 70;
const PAYLOAD: usize = 1_100;

/// One way of one person's line; each figure may change with the time in milliseconds.
#[derive(Debug, Clone)]
pub struct Line {
    /// (from this millisecond on, bits a second); 0 = nothing passes.
    pub rates: Vec<(u64, u64)>,
    pub delay_ms: u64,
    pub jitter_ms: u64,
    /// In 1/1000, and how many packets go at once.
    pub loss: u64,
    pub burst: u64,
    /// What would wait longer is dropped.
    pub queue_ms: u64,
}

impl Line {
    pub fn clean(bits_per_s: u64, delay_ms: u64) -> Self {
        Self { rates: vec![(0, bits_per_s)], delay_ms, jitter_ms: 0, loss: 0, burst: 1, queue_ms: 1_000 }
    }

    pub fn rate(&self, ms: u64) -> u64 {
        self.rates.iter().rev().find(|(from, _)| *from <= ms).map_or(0, |(_, rate)| *rate)
    }
}

struct Way {
    line: Line,
    free_at: u64,
    last_at: u64,
    losing: u64,
}

impl Way {
    fn of(line: Line) -> Self {
        Self { line, free_at: 0, last_at: 0, losing: 0 }
    }

    fn waits_micros(&self, now: u64) -> u64 {
        self.free_at.saturating_sub(now)
    }

    /// When the packet comes out, if it does.
    fn carry(&mut self, octets: usize, now: u64, seed: &mut Seed) -> Option<u64> {
        if self.losing > 0 {
            self.losing -= 1;
            return None;
        }
        if seed.draw() % (1_000 * self.line.burst) < self.line.loss {
            self.losing = self.line.burst - 1;
            return None;
        }
        let rate = self.line.rate(now / 1_000);
        if rate == 0 || self.waits_micros(now) > self.line.queue_ms * 1_000 {
            return None;
        }
        self.free_at = self.free_at.max(now) + (octets as u64 * 8_000_000) / rate;
        let jitter = if self.line.jitter_ms > 0 { seed.draw() % (self.line.jitter_ms * 1_000) } else { 0 };
        // What shakes keeps the order, as on Wi-Fi and mobile lines; a packet in a hundred of a shaking line does not.
        let shuffled = self.line.jitter_ms > 0 && seed.draw().is_multiple_of(100);
        let at = (self.free_at + self.line.delay_ms * 1_000 + jitter).max(if shuffled { 0 } else { self.last_at });
        self.last_at = self.last_at.max(at);
        Some(at)
    }
}

/// What a person's browser sends.
struct Encoder {
    /// The browser's own judgement on its uplink, by the router's feedback.
    uplink: Estimator,
    lid: Option<f64>,
    /// What the encoder aims at: follows downwards within some frames, upwards it doubles in a second.
    aim: f64,
    key_wanted: bool,
    key_at: u64,
    sequence: u16,
    sound_sequence: u16,
    rtx_sequence: u16,
    number: u16,
    pacer: VecDeque<Waiting>,
    pace_at: Option<u64>,
    history: BTreeMap<u16, (u32, Vec<u8>)>,
}

struct Waiting {
    sequence: u16,
    timestamp: u32,
    payload: Vec<u8>,
    repair: bool,
}

/// What a person's browser receives.
#[derive(Default)]
struct Receiver {
    arrivals: Arrivals,
    /// By slot SSRC.
    pictures: BTreeMap<u32, Picture>,
    sound_at: BTreeMap<u32, u64>,
    losses: BTreeMap<u32, (u32, u32, u32)>,
}

#[derive(Default)]
struct Picture {
    started: bool,
    /// Next number to decode, extended.
    next: u64,
    newest: u64,
    /// Octet one of the payload says whether a key frame starts here; and the marker.
    got: BTreeMap<u64, (bool, bool)>,
    wanted: BTreeMap<u64, (u64, u32)>,
    stuck_since: Option<u64>,
    asked_at: u64,
    shown_at: Option<u64>,
}

/// A tenth of a second at one person's downlink.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Tenth {
    pub rate: u64,
    pub delivered: u64,
    pub sound: u64,
    pub frames: u32,
    pub estimate: u64,
    pub lid: u64,
    pub queue_ms: u64,
    /// How long no sound has come.
    pub silence_ms: u64,
    /// How long no frame has come.
    pub frozen_ms: u64,
    pub padding: u64,
}

struct Person {
    id: ParticipantId,
    browser: &'static Browser,
    up: Way,
    down: Way,
    encoder: Encoder,
    receiver: Receiver,
    feedback_ms: u64,
    muted: bool,
    tenth: Tenth,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    ToRouter(usize, bool, Vec<u8>),
    ToPerson(usize, bool, Vec<u8>),
    Frame(usize),
    Sound(usize),
    Pace(usize),
    Feedback(usize),
    Report(usize),
    Ask(usize),
    Measure,
}

/// How a person is connected.
pub struct Seat {
    pub up: Line,
    pub down: Line,
    pub feedback_ms: u64,
}

pub struct Simulation {
    world: World,
    seed: Seed,
    people: Vec<Person>,
    events: BTreeMap<(u64, u64), Event>,
    count: u64,
    micros: u64,
    /// For each person, the tenths of seconds of their downlink.
    pub tenths: Vec<Vec<Tenth>>,
    /// How often each person was told that a picture rests.
    pub told: Vec<(u64, ParticipantId, super::quality::LineQuality)>,
    /// A sum over every octet that anybody received and when: two runs are equal when it is.
    pub digest: u64,
}

impl Simulation {
    pub fn new(seed: u64, seats: Vec<Seat>) -> Self {
        let mut world = World::new();
        let mut people = Vec::new();
        for (at, seat) in seats.into_iter().enumerate() {
            let id = ParticipantId(at as u8);
            let browser = if at % 2 == 0 { &CHROMIUM } else { &FIREFOX };
            world.join(id, browser);
            people.push(Person {
                id,
                browser,
                up: Way::of(seat.up),
                down: Way::of(seat.down),
                encoder: Encoder {
                    uplink: Estimator::default(),
                    lid: None,
                    aim: 250_000.0,
                    key_wanted: true,
                    key_at: 0,
                    sequence: 100,
                    sound_sequence: 7,
                    rtx_sequence: 3,
                    number: 0,
                    pacer: VecDeque::new(),
                    pace_at: None,
                    history: BTreeMap::new(),
                },
                receiver: Receiver::default(),
                feedback_ms: seat.feedback_ms,
                muted: false,
                tenth: Tenth::default(),
            });
        }
        for person in &people {
            world.admit(person.id, true);
        }
        world.sink.take();
        let tenths = vec![Vec::new(); people.len()];
        let count = people.len();
        let mut simulation =
            Self { world, seed: Seed(seed), people, events: BTreeMap::new(), count: 0, micros: 0, tenths, told: Vec::new(), digest: 0 };
        for at in 0..count {
            let begin = simulation.seed.draw() % 30_000;
            for event in [Event::Frame(at), Event::Sound(at), Event::Feedback(at), Event::Report(at), Event::Ask(at)] {
                simulation.plan(begin, event);
            }
        }
        simulation.plan(100_000, Event::Measure);
        simulation
    }

    /// Lets so many seconds pass.
    pub fn run(&mut self, seconds: u64) {
        let end = self.micros + seconds * 1_000_000;
        while let Some((at, _)) = self.events.first_key_value().map(|(key, _)| *key).filter(|(at, _)| *at <= end) {
            while let Some(due) = self.world.router.poll_timeout().filter(|due| *due <= self.world.begin + Duration::from_micros(at)) {
                self.world.now = self.world.now.max(due);
                self.micros = self.world.elapsed_micros();
                self.world.router.handle_timeout(self.world.now, &mut self.world.sink);
                assert!(self.world.router.poll_timeout().is_none_or(|next| next > self.world.now), "a time-out that stays due would spin");
                self.carry_down();
            }
            let Some((_, event)) = self.events.pop_first() else { break };
            self.micros = at;
            self.world.now = self.world.begin + Duration::from_micros(at);
            self.happen(event);
            self.carry_down();
        }
    }

    /// This person's browser sends no transport-wide feedback.
    pub fn mute_feedback(&mut self, at: usize) {
        self.people[at].muted = true;
    }

    fn plan(&mut self, at: u64, event: Event) {
        self.count += 1;
        self.events.insert((at, self.count), event);
    }

    fn now(&self) -> Instant {
        self.world.now
    }

    fn happen(&mut self, event: Event) {
        let micros = self.micros;
        match event {
            Event::ToRouter(from, true, packet) => self.world.rtp(self.people[from].id, &packet),
            Event::ToRouter(from, false, packet) => self.world.rtcp(self.people[from].id, &packet),
            Event::ToPerson(at, is_rtp, packet) => {
                self.digest = packet
                    .iter()
                    .fold(self.digest ^ micros, |sum, octet| sum.rotate_left(5) ^ u64::from(*octet))
                    .wrapping_mul(0x9e37_79b9_7f4a_7c15);
                if is_rtp { self.receive(at, &packet) } else { self.hear(at, &packet) }
            }
            Event::Frame(at) => {
                self.encode(at);
                self.plan(micros + 33_333, Event::Frame(at));
            }
            Event::Sound(at) => {
                self.speak(at);
                self.plan(micros + 20_000, Event::Sound(at));
            }
            Event::Pace(at) => self.pace(at),
            Event::Feedback(at) => {
                self.feed_back(at);
                self.plan(micros + self.people[at].feedback_ms * 1_000, Event::Feedback(at));
            }
            Event::Report(at) => {
                self.report(at);
                self.plan(micros + 1_000_000, Event::Report(at));
            }
            Event::Ask(at) => {
                self.ask(at);
                self.plan(micros + 20_000, Event::Ask(at));
            }
            Event::Measure => {
                self.measure();
                self.plan(micros + 100_000, Event::Measure);
            }
        }
    }

    /// What the router wants out goes on each receiver's downlink.
    fn carry_down(&mut self) {
        let out = self.world.sink.take();
        let micros = self.micros;
        self.told.extend(out.quality.iter().map(|(who, line)| (micros / 1_000, *who, *line)));
        // RTP before RTCP, as the batch keeps them apart only by chance; nothing depends on it.
        for (is_rtp, (to, packet)) in out.rtp.into_iter().map(|one| (true, one)).chain(out.rtcp.into_iter().map(|one| (false, one))) {
            let at = usize::from(to.0);
            let person = &mut self.people[at];
            if let Some(arrives) = person.down.carry(packet.len() + OVERHEAD, micros, &mut self.seed) {
                self.plan(arrives, Event::ToPerson(at, is_rtp, packet));
            }
        }
    }

    fn send_up(&mut self, at: usize, is_rtp: bool, packet: Vec<u8>) {
        let micros = self.micros;
        if let Some(arrives) = self.people[at].up.carry(packet.len() + OVERHEAD, micros, &mut self.seed) {
            self.plan(arrives, Event::ToRouter(at, is_rtp, packet));
        }
    }

    fn encode(&mut self, at: usize) {
        let (micros, noise) = (self.micros, (self.seed.draw() % 1_000) as f64 / 1_000.0);
        let encoder = &mut self.people[at].encoder;
        let uplink = encoder.uplink.allowed().map_or(400_000.0, |bits| bits as f64);
        let sound = (SOUND_OCTETS + 28 + OVERHEAD) as f64 * 400.0;
        let target = (uplink.min(encoder.lid.unwrap_or(f64::INFINITY)) - sound).clamp(30_000.0, CAMERA_MOST);
        encoder.aim = if target < encoder.aim { encoder.aim + (target - encoder.aim) * 0.35 } else { target.min(encoder.aim * 1.023) };
        // A backlog in the pacer makes the encoder leave frames out.
        let backlog: usize = encoder.pacer.iter().map(|waiting| waiting.payload.len()).sum();
        let key = encoder.key_wanted && micros >= encoder.key_at + 300_000 || encoder.key_at == 0;
        if backlog as f64 * 8.0 > encoder.aim * 0.3 && !key {
            return;
        }
        let mut octets = encoder.aim / 30.0 / 8.0 * (0.6 + 0.7 * noise);
        if key {
            (encoder.key_wanted, encoder.key_at) = (false, micros.max(1));
            octets = (octets * 5.0).max(3_000.0);
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
            // The last octet stands for the marker, so that a repair says it too.
            if let Some(last) = payload.last_mut() {
                *last = u8::from(part + 1 == parts);
            }
            encoder.pacer.push_back(Waiting { sequence: encoder.sequence, timestamp, payload, repair: false });
            encoder.sequence = encoder.sequence.wrapping_add(1);
        }
        self.pace(at);
    }

    /// Two and a half times the aim, as browsers pace.
    fn pace(&mut self, at: usize) {
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
        let bytes = if waiting.repair {
            encoder.rtx_sequence = encoder.rtx_sequence.wrapping_add(1);
            sent.rtx(encoder.rtx_sequence)
        } else {
            sent.bytes()
        };
        encoder.uplink.sent(encoder.number, bytes.len(), now);
        let due = micros + ((bytes.len() + OVERHEAD) as f64 * 8e6 / (encoder.aim * 2.5)) as u64;
        encoder.pace_at = Some(due);
        if !waiting.repair {
            encoder.history.insert(waiting.sequence, (waiting.timestamp, waiting.payload));
            while encoder.history.len() > 600 {
                encoder.history.pop_first();
            }
        }
        self.plan(due, Event::Pace(at));
        self.send_up(at, true, bytes);
    }

    fn speak(&mut self, at: usize) {
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
    fn hear(&mut self, at: usize, packet: &[u8]) {
        let now = self.now();
        let encoder = &mut self.people[at].encoder;
        for message in rtcp::messages(packet) {
            match message {
                Message::TransportFeedback(feedback) => encoder.uplink.told(&feedback, now),
                Message::Estimate(bits) => encoder.lid = Some(bits as f64),
                Message::KeyFrameRequest(_) => encoder.key_wanted = true,
                Message::Nack { missing, .. } => {
                    for sequence in missing {
                        if let Some((timestamp, payload)) = encoder.history.get(&sequence) {
                            let waiting = Waiting { sequence, timestamp: *timestamp, payload: payload.clone(), repair: true };
                            encoder.pacer.push_front(waiting);
                        }
                    }
                }
                _ => {}
            }
        }
        self.pace(at);
    }

    fn receive(&mut self, at: usize, packet: &[u8]) {
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
        picture.got.insert(extended, (starts, payload.last() == Some(&1)));
        while let Some((_, marker)) = picture.got.remove(&picture.next) {
            picture.next += 1;
            picture.stuck_since = None;
            if marker {
                person.tenth.frames += 1;
                picture.shown_at = Some(micros);
            }
        }
        if !picture.got.is_empty() && picture.stuck_since.is_none() {
            picture.stuck_since = Some(micros);
        }
    }

    /// NACKs, and a key frame when waiting for repair has no sense any more.
    fn ask(&mut self, at: usize) {
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
                if let Some(key) = picture.got.iter().find(|(_, (starts, _))| *starts).map(|(number, _)| *number) {
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

    fn feed_back(&mut self, at: usize) {
        let mut packet = Vec::new();
        while self.people[at].receiver.arrivals.feedback(1, 2, &mut packet) {
            let packet = std::mem::take(&mut packet);
            if !self.people[at].muted {
                self.send_up(at, false, packet);
            }
        }
    }

    fn report(&mut self, at: usize) {
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

    fn measure(&mut self) {
        let micros = self.micros;
        let lids: Vec<u64> = self.people.iter().map(|person| person.encoder.lid.map_or(0, |lid| lid as u64)).collect();
        for at in 0..self.people.len() {
            let downlink = self.world.router.downlink(self.people[at].id);
            let person = &mut self.people[at];
            let tenth = Tenth {
                rate: person.down.line.rate(micros / 1_000),
                delivered: person.tenth.delivered * 10,
                padding: person.tenth.padding * 10,
                estimate: downlink.map_or(0, |downlink| downlink.bits_per_s),
                lid: lids[1 - at.min(1)],
                queue_ms: person.down.waits_micros(micros) / 1_000,
                silence_ms: person.receiver.sound_at.values().max().map_or(0, |heard| micros - heard) / 1_000,
                frozen_ms: person.receiver.pictures.values().filter_map(|picture| picture.shown_at).max().map_or(0, |shown| micros - shown)
                    / 1_000,
                ..person.tenth
            };
            person.tenth = Tenth::default();
            self.tenths[at].push(tenth);
        }
    }
}
