//! A call of two to four people in virtual time: browsers that behave as real ones do, the real router between them, and a line each way for everybody.
//! Everything comes from one seed; the same seed gives the same octets.

#![cfg(test)]

use std::collections::BTreeMap;
use std::time::Duration;

use super::harness::*;
use super::negotiated::{Negotiated, PublishedSection, Source};
use super::seed::Seed;
use super::simulation_browser::{Encoder, Receiver};
use super::simulation_line::{Line, Way};
use crate::ids::ParticipantId;
use crate::time::Instant;

/// Octets of a packet below RTP and SRTP, as the estimators count them.
pub const OVERHEAD: usize = 44;
/// What the product lets a camera and a microphone take.
pub const CAMERA_MOST: f64 = 1_800_000.0;
/// And the smaller encoding of a camera, where there are two.
pub const SMALL_MOST: f64 = 160_000.0;
/// From a message's arrival until an encoder obeys it.
const MESSAGE_MICROS: u64 = 20_000;

/// A tenth of a second at one person's downlink.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Tenth {
    pub rate: u64,
    pub delivered: u64,
    pub sound: u64,
    pub frames: u32,
    /// Those of them that are of a smaller encoding.
    pub small: u32,
    pub estimate: u64,
    pub lid: u64,
    pub queue_ms: u64,
    /// How long no sound has come.
    pub silence_ms: u64,
    /// How long no frame has come.
    pub frozen_ms: u64,
    /// How long none has come of the picture that stands longest.
    pub stands_ms: u64,
    pub padding: u64,
}

pub(super) struct Person {
    pub(super) id: ParticipantId,
    pub(super) browser: &'static Browser,
    pub(super) up: Way,
    pub(super) down: Way,
    pub(super) encoder: Encoder,
    pub(super) receiver: Receiver,
    pub(super) feedback_ms: u64,
    pub(super) muted: bool,
    /// Takes no message, only REMB.
    pub(super) deaf: bool,
    pub(super) tenth: Tenth,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Event {
    ToRouter(usize, bool, Vec<u8>),
    ToPerson(usize, bool, Vec<u8>),
    Frame(usize),
    Sound(usize),
    Pace(usize),
    Feedback(usize),
    Lid(usize, Option<u64>, Option<u64>),
    Layers(usize, bool),
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
    pub(super) world: World,
    pub(super) seed: Seed,
    pub(super) people: Vec<Person>,
    events: BTreeMap<(u64, u64), Event>,
    count: u64,
    pub(super) micros: u64,
    /// For each person, the tenths of seconds of their downlink.
    pub tenths: Vec<Vec<Tenth>>,
    /// How often each person was told that a picture rests.
    pub told: Vec<(u64, ParticipantId, super::quality::LineQuality)>,
    /// A sum over every octet that anybody received and when: two runs are equal when it is.
    pub digest: u64,
}

impl Simulation {
    pub fn new(seed: u64, seats: Vec<Seat>) -> Self {
        Self::with(seed, seats, &[CAMERA_MOST])
    }

    /// Cameras of as many encodings, what each takes at its best, the best first.
    pub fn with(seed: u64, seats: Vec<Seat>, encodings: &[f64]) -> Self {
        let mut world = World::new();
        let mut people = Vec::new();
        for (at, seat) in seats.into_iter().enumerate() {
            let id = ParticipantId(at as u8);
            let browser = if at % 2 == 0 { &CHROMIUM } else { &FIREFOX };
            world.seat(id, layered(id, browser, encodings.len()));
            people.push(Person {
                id,
                browser,
                up: Way::of(seat.up),
                down: Way::of(seat.down),
                encoder: Encoder::new(encodings),
                receiver: Receiver::default(),
                feedback_ms: seat.feedback_ms,
                muted: false,
                deaf: false,
                tenth: Tenth::default(),
            });
        }
        for person in &people {
            world.admit(person.id, true);
        }
        let told = world.sink.take().layers;
        for (who, all) in told {
            people[usize::from(who.0)].encoder.all = all;
        }
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

    /// This person's client does not know the message of lids.
    pub fn deafen(&mut self, at: usize) {
        self.people[at].deaf = true;
    }

    pub(super) fn plan(&mut self, at: u64, event: Event) {
        self.count += 1;
        self.events.insert((at, self.count), event);
    }

    pub(super) fn now(&self) -> Instant {
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
            Event::Lid(at, camera, smaller) => self.people[at].encoder.obey(camera, smaller),
            Event::Layers(at, all) => self.people[at].encoder.all = all,
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
        for (who, lids) in out.lids {
            let at = usize::from(who.0);
            let person = &self.people[at];
            if !person.deaf {
                // By the socket: a way down, and what a page takes to obey.
                let arrives = micros + person.down.line.delay_ms * 1_000 + person.down.waits_micros(micros) + MESSAGE_MICROS;
                self.plan(arrives, Event::Lid(at, lids.camera, lids.smaller));
            }
        }
        for (who, all) in out.layers {
            let at = usize::from(who.0);
            let down = &self.people[at].down;
            self.plan(micros + down.line.delay_ms * 1_000 + down.waits_micros(micros) + MESSAGE_MICROS, Event::Layers(at, all));
        }
        // RTP before RTCP, as the batch keeps them apart only by chance; nothing depends on it.
        for (is_rtp, (to, packet)) in out.rtp.into_iter().map(|one| (true, one)).chain(out.rtcp.into_iter().map(|one| (false, one))) {
            let at = usize::from(to.0);
            let person = &mut self.people[at];
            if let Some(arrives) = person.down.carry(packet.len() + OVERHEAD, micros, &mut self.seed) {
                self.plan(arrives, Event::ToPerson(at, is_rtp, packet));
            }
        }
    }

    pub(super) fn send_up(&mut self, at: usize, is_rtp: bool, packet: Vec<u8>) {
        let micros = self.micros;
        if let Some(arrives) = self.people[at].up.carry(packet.len() + OVERHEAD, micros, &mut self.seed) {
            self.plan(arrives, Event::ToRouter(at, is_rtp, packet));
        }
    }

    fn measure(&mut self) {
        let micros = self.micros;
        let lids: Vec<u64> = self
            .people
            .iter()
            .map(|person| person.encoder.encodings[0].lid.or(person.encoder.remb.map(|(now, _)| now)).map_or(0, |lid| lid as u64))
            .collect();
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
                stands_ms: person.receiver.pictures.values().filter_map(|picture| picture.shown_at).min().map_or(0, |shown| micros - shown)
                    / 1_000,
                ..person.tenth
            };
            person.tenth = Tenth::default();
            self.tenths[at].push(tenth);
        }
    }
}

/// What a browser offers whose camera is sent in so many encodings, their SSRCs known: the best first, each smaller one ten more.
fn layered(who: ParticipantId, browser: &Browser, encodings: usize) -> Negotiated {
    let mut offered = negotiated(who, browser);
    if encodings > 1 {
        let at = offered.publishes.iter().position(|section| section.source == Source::Camera).unwrap();
        let camera = offered.publishes.remove(at);
        for n in 0..encodings {
            let more = |ssrc: Option<u32>| ssrc.map(|ssrc| ssrc + 10 * n as u32);
            let (ssrc, rtx_ssrc) = (more(camera.ssrc), more(camera.rtx_ssrc));
            offered.publishes.insert(at + n, PublishedSection { rid: Some(n.to_string()), ssrc, rtx_ssrc, ..camera.clone() });
        }
    }
    offered
}
