//! The router of one consultation: packets of participants in, packets for participants out. Never sees an address or a key.

use crate::ids::ParticipantId;
use crate::limits;
use crate::sfu::assignment::{self, Occupant, Person, Place};
use crate::sfu::cache::Media;
use crate::sfu::clock::Timeline;
use crate::sfu::lids::Lids;
use crate::sfu::negotiated::{Negotiated, Publishing, SlotAssignment, Source};
use crate::sfu::participant::Participant;
use crate::sfu::quality::LineQuality;
use crate::sfu::rtp::Rtp;
use crate::sfu::seed::Seed;
use crate::sfu::slot::Forwarded;
use crate::sfu::statistics::{Downlink, TrackStatistics};
use crate::time::Instant;

/// Packets of a key frame that may have overtaken its beginning.
const CATCH_UP_MAX: u16 = 64;

/// So many may be looked through without counting what it costs.
const FEW: usize = 8;

/// Where the router puts what has to leave. Implemented by `media` (seals straight into the batch) and by tests.
pub trait Sink {
    /// One complete plain RTP packet for `to`, already rewritten for that leg, in the order in which it must leave.
    fn rtp(&mut self, to: ParticipantId, packet: &[u8]);
    /// The same for a packet that `write` appends, if it says so; `scratch` is there to write into. Who seals elsewhere lets it write there at once.
    fn rtp_written(&mut self, to: ParticipantId, scratch: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>) -> bool) {
        scratch.clear();
        if write(scratch) {
            self.rtp(to, scratch);
        }
    }
    /// One plain compound RTCP packet (RFC 3550 §6.1, reduced size allowed by RFC 5506) for `to`.
    fn rtcp(&mut self, to: ParticipantId, packet: &[u8]);
    /// What the slots of `to` carry has changed: the whole list.
    fn slots(&mut self, to: ParticipantId, slots: &[SlotAssignment]);
    /// Whether `of` should send every encoding of their picture, or the best one alone.
    fn layers(&mut self, of: ParticipantId, all: bool) {
        let _ = (of, all);
    }
    /// The line of a participant has changed, in words.
    fn quality(&mut self, of: ParticipantId, line: LineQuality) {
        let _ = (of, line);
    }
    /// What `of` is asked to send at most has changed.
    fn lids(&mut self, of: ParticipantId, lids: Lids) {
        let _ = (of, lids);
    }
}

/// Forwarding of one consultation.
pub struct Router {
    pub(super) participants: Vec<Participant>,
    /// Where the participant with each number stands in `participants`.
    places: [Option<u8>; limits::MEDIA_SEATS],
    /// Nothing is due before this: the earliest time-out, or an earlier one that has moved on since.
    next: Option<Instant>,
    /// A bit for each place in `participants` to whom media leaves in this turn.
    served: u64,
    pub(super) admitted: Admitted,
    seed: Seed,
    pub(super) timeline: Timeline,
    /// Numbers the incarnations of publishers.
    fresh: u64,
    /// The packet being written; its memory is kept.
    pub(super) buffer: Vec<u8>,
    pub(super) wanted: Vec<u16>,
}

impl Router {
    /// `seed` feeds first sequence numbers and timestamps of our own SSRCs.
    pub fn new(seed: u64) -> Self {
        Self {
            participants: Vec::with_capacity(2),
            places: [None; limits::MEDIA_SEATS],
            next: None,
            served: 0,
            admitted: Admitted::default(),
            seed: Seed(seed),
            timeline: Timeline::default(),
            fresh: 0,
            buffer: Vec::with_capacity(2 * limits::RTP_BYTES),
            wanted: Vec::with_capacity(limits::NACK_MISSING),
        }
    }

    /// A participant's transport was negotiated (again, after a new peer connection: everything of the old one is forgotten, the admission stays).
    /// After an ICE restart, which keeps the SSRCs, nothing is forgotten: a sequence number may never leave twice under one key.
    /// Numbers from `limits::MEDIA_SEATS` on are not taken.
    pub fn join(&mut self, participant: ParticipantId, negotiated: Negotiated, now: Instant, sink: &mut impl Sink) {
        let place = self.index(participant);
        if let Some(known) = place.and_then(|at| self.participants.get(at))
            && !negotiated.slots.is_empty()
            && known.slots.iter().map(|slot| slot.section.ssrc).eq(negotiated.slots.iter().map(|slot| slot.ssrc))
        {
            self.path_moved(participant, now, sink);
            return;
        }
        let mut new = Participant::new(participant, negotiated, &mut self.seed, &mut self.fresh);
        match place {
            Some(at) => {
                new.publishing = self.participants[at].publishing;
                self.participants[at] = new;
            }
            None if usize::from(participant.0) < limits::MEDIA_SEATS => self.participants.push(new),
            None => return,
        }
        self.find_places();
        self.reconcile(now, sink);
    }

    /// The keys of a participant's transport are there. Nothing left to them before; the pictures that they watch begin with a key frame that is asked for now.
    pub fn connected(&mut self, participant: ParticipantId, now: Instant, sink: &mut impl Sink) {
        if let Some(at) = self.index(participant) {
            self.participants[at].is_connected = true;
            self.want_key_frames();
            self.ask_key_frames(now, sink);
            self.look_at_all();
        }
    }

    /// The transport is gone.
    pub fn leave(&mut self, participant: ParticipantId, now: Instant, sink: &mut impl Sink) {
        self.participants.retain(|known| known.id != participant);
        self.find_places();
        self.reconcile(now, sink);
    }

    /// Admission: only between admitted participants does anything cross. Opening asks for key frames at once.
    pub fn admit(&mut self, participant: ParticipantId, admitted: bool, now: Instant, sink: &mut impl Sink) {
        self.admitted.set(participant, admitted);
        self.reconcile(now, sink);
    }

    /// What the participant says they send now (`publish`). A screen then takes and leaves its slot by these words, not by its packets.
    pub fn set_publishing(&mut self, participant: ParticipantId, publishing: Publishing, now: Instant, sink: &mut impl Sink) {
        if let Some(at) = self.index(participant) {
            self.participants[at].publishing = Some(publishing);
            // It is said after each greeting: what was told to the socket before may not have arrived.
            self.participants[at].told_lids.forgotten();
            self.reconcile(now, sink);
            self.tell_lids(at, now, sink);
        }
    }

    /// A decrypted RTP packet of `from` (authenticated, not yet believed).
    pub fn handle_rtp(&mut self, from: ParticipantId, packet: &[u8], now: Instant, sink: &mut impl Sink) {
        let Some(at) = self.index(from) else { return };
        let participant = &mut self.participants[at];
        let Some(rtp) = Rtp::parse(packet) else {
            participant.malformed += 1;
            return;
        };
        participant.note_arrival(&rtp, now);
        let Some(track) = participant.track_of(&rtp) else {
            participant.foreign += 1;
            self.look_at(at);
            return;
        };
        let is_screen = participant.publishers[track].section.source == Source::Screen;
        let showed = is_screen && participant.shows_screen(now);
        let media = participant.publishers[track].receive(&rtp, &mut self.fresh, now);
        if let Some(media) = media.filter(|_| self.admitted.holds(from)) {
            if is_screen && !showed && self.participants[at].shows_screen(now) {
                self.reconcile(now, sink);
            }
            for earlier in self.participants[at].publishers[track].recover(&rtp, &media).iter().flatten() {
                self.forward(at, track, earlier, now, sink);
            }
            self.forward(at, track, &media, now, sink);
        }
        self.look_at_track(at, track);
    }

    /// The path of `participant` moved: key frames for what they send and what they watch.
    pub fn path_moved(&mut self, participant: ParticipantId, now: Instant, sink: &mut impl Sink) {
        for known in &mut self.participants {
            let moved = known.id == participant;
            if moved {
                known.downlink.path_moved();
            }
            let slots = known.slots.iter_mut().filter(|slot| slot.section.video);
            for slot in slots.filter(|slot| moved || slot.source.is_some_and(|(whose, _)| whose == participant)) {
                slot.hold();
                // Another path is another line.
                slot.paused &= !moved;
            }
        }
        self.want_key_frames();
        self.ask_key_frames(now, sink);
        self.look_at_all();
    }

    /// When `handle_timeout` is due next: not later than anything that is owed, so that a packet costs no look at everybody.
    pub fn poll_timeout(&self) -> Option<Instant> {
        debug_assert!(
            self.earliest().is_none_or(|earliest| self.next.is_some_and(|next| next <= earliest)),
            "a time-out was not looked at"
        );
        self.next
    }

    /// Reports, NACKs, transport-wide feedback, repeated key-frame requests.
    pub fn handle_timeout(&mut self, now: Instant, sink: &mut impl Sink) {
        for at in 0..self.participants.len() {
            self.send_feedback(at, now, sink);
            self.send_nacks(at, now, sink);
            self.send_padding(at, now, sink);
            self.send_probe(at, now, sink);
            self.send_reports(at, now, sink);
        }
        self.ask_key_frames(now, sink);
        if self.participants.iter().any(|participant| participant.screen_due.is_some_and(|due| due <= now)) {
            self.reconcile(now, sink);
        }
        self.look_at_all();
    }

    /// Ends a turn, before what was put into the sink leaves: reports and feedback that are nearly due go along with media to the same participant, as the last
    /// and shorter datagram of a run, instead of costing a system call of their own.
    pub fn end_turn(&mut self, now: Instant, sink: &mut impl Sink) {
        let mut served = std::mem::take(&mut self.served);
        while served != 0 {
            let at = served.trailing_zeros() as usize;
            served &= served - 1;
            let Some(participant) = self.participants.get_mut(at) else { return };
            // One of them in a turn: a second short datagram would need a system call of its own again.
            if participant.report_due.is_some_and(|due| due <= now + limits::REPORT_EARLY) {
                participant.report_due = Some(now);
                self.send_reports(at, now, sink);
            } else if participant.may_feed_back(now) {
                participant.feedback_due = Some(now);
                self.send_feedback(at, now, sink);
                // The time-out for it is not owed any more.
                if self.participants.len() <= FEW {
                    self.look_at_all();
                }
            }
        }
    }

    /// Whether this SSRC could be RTP of `from`: the guard asks before SRTP state is made for it (trust.md O4). RTCP may bear any SSRC.
    pub fn knows_ssrc(&self, from: ParticipantId, ssrc: u32) -> bool {
        self.index(from).and_then(|at| self.participants.get(at)).is_some_and(|participant| participant.knows_ssrc(ssrc))
    }

    /// The participant's line in words; `None` until something was measured.
    pub fn quality(&self, participant: ParticipantId, now: Instant) -> Option<LineQuality> {
        let in_call = self.in_call(participant);
        self.participants.iter().find(|known| known.id == participant)?.quality(in_call, now)
    }

    /// What the participant's line from here carries; `None` until it has told of anything.
    pub fn downlink(&self, participant: ParticipantId) -> Option<Downlink> {
        let estimator = &self.participants.iter().find(|known| known.id == participant)?.downlink;
        Some(Downlink { bits_per_s: estimator.bits_per_s()?, allowed: estimator.allowed()?, queue_ms: estimator.queue_ms() })
    }

    /// Every track that is published or received.
    pub fn statistics(&self) -> Vec<TrackStatistics> {
        let published = self.participants.iter().flat_map(|participant| {
            participant.publishers.iter().map(|publisher| TrackStatistics::Published {
                participant: participant.id,
                source: publisher.section.source,
                counters: publisher.counters,
                watched_by: publisher.targets.len(),
            })
        });
        let received = self.participants.iter().flat_map(|participant| {
            participant
                .slots
                .iter()
                .map(|slot| TrackStatistics::received(participant.id, &slot.section.mid, slot.source, slot.counters, slot.remote))
        });
        published.chain(received).collect()
    }

    /// Admitted, and not alone: then something must come from them.
    pub(super) fn in_call(&self, participant: ParticipantId) -> bool {
        let admitted = self.participants.iter().filter(|known| self.admitted.holds(known.id)).count();
        admitted > 1 && self.admitted.holds(participant)
    }

    pub(super) fn index(&self, participant: ParticipantId) -> Option<usize> {
        self.places.get(usize::from(participant.0)).copied().flatten().map(usize::from)
    }

    fn find_places(&mut self) {
        self.places = [None; limits::MEDIA_SEATS];
        self.served = 0;
        for (at, participant) in (0_u8..).zip(&self.participants) {
            if let Some(place) = self.places.get_mut(usize::from(participant.id.0)) {
                *place = Some(at);
            }
        }
    }

    /// Something may be due earlier at this place now.
    pub(super) fn look_at(&mut self, at: usize) {
        self.next = [self.next, self.participants.get(at).and_then(Participant::due)].into_iter().flatten().min();
    }

    /// The same after a packet of one track, which moves nothing else.
    fn look_at_track(&mut self, at: usize, track: usize) {
        let due = self.participants.get(at).and_then(|participant| participant.due_with(track));
        self.next = [self.next, due].into_iter().flatten().min();
    }

    pub(super) fn look_at_all(&mut self) {
        self.next = self.earliest();
    }

    fn earliest(&self) -> Option<Instant> {
        self.participants.iter().filter_map(Participant::due).min()
    }

    /// To every slot that the track is on.
    fn forward(&mut self, at: usize, track: usize, media: &Media<'_>, now: Instant, sink: &mut impl Sink) {
        let publisher = &mut self.participants[at].publishers[track];
        let incarnation = publisher.incarnation;
        let targets = publisher.targets.len();
        let reported = publisher.report.is_some();
        if targets > 0 && publisher.is_video() && media.binding.feedback.nack {
            publisher.cache.keep(media);
        }
        let (mut held, mut begun, mut turned) = (false, false, false);
        let usual = now + limits::REPORT;
        for number in 0..targets {
            let (whose, place) = self.participants[at].publishers[track].targets[number];
            let Some(viewer) = self.participants.get_mut(whose).filter(|viewer| viewer.is_connected) else { continue };
            let Some(slot) = viewer.slots.get_mut(place) else { continue };
            if slot.track != Some(track) {
                // The old encoding goes on until the new one begins.
                if slot.next != Some(track) || !media.starts || slot.paused || slot.resting {
                    continue;
                }
                slot.turn_to_next();
                turned = true;
            }
            let (number, mut octets, mut forwarded) = (viewer.transport_number, 0, Forwarded::Dropped);
            sink.rtp_written(viewer.id, &mut self.buffer, |out| {
                let begin = out.len();
                forwarded = slot.forward(media, incarnation, &mut viewer.transport_number, now, out);
                octets = out.len() - begin;
                matches!(forwarded, Forwarded::Written { .. })
            });
            match forwarded {
                Forwarded::Written { first } => {
                    self.served |= 1 << (whose % 64);
                    viewer.downlink.left(number, viewer.transport_number, octets, now);
                    begun |= first;
                    // Lips are in sync as soon as both reports are there: the first one does not wait for its second.
                    let due = if first && reported { now } else { usual };
                    let due = viewer.report_due.map_or(due, |before| before.min(due));
                    viewer.report_due = Some(due);
                    self.next = Some(self.next.map_or(due, |before| before.min(due)));
                }
                Forwarded::Held => held = true,
                Forwarded::Dropped => {}
            }
        }
        if begun {
            self.catch_up(at, track, media.sequence, now, sink);
        }
        if turned {
            self.aim();
            self.tell_layers(sink);
        }
        let keys = &mut self.participants[at].publishers[track].keys;
        if held {
            keys.want();
        }
        if keys.is_due(now) {
            self.ask_key_frame(at, track, now, sink);
        }
    }

    /// The beginning of a key frame came late: what overtook it was held back and follows now.
    fn catch_up(&mut self, at: usize, track: usize, first: u16, now: Instant, sink: &mut impl Sink) {
        let publisher = &self.participants[at].publishers[track];
        let (incarnation, behind) = (publisher.incarnation, publisher.overtaken_by(first).min(CATCH_UP_MAX));
        for number in 0..publisher.targets.len() {
            let (viewer, place) = self.participants[at].publishers[track].targets[number];
            let Ok([viewer, source]) = self.participants.get_disjoint_mut([viewer, at]) else { continue };
            let Some(slot) = viewer.slots.get_mut(place).filter(|slot| slot.track == Some(track) && slot.began_with(first)) else {
                continue;
            };
            for step in 1..=behind {
                let Some(media) = source.publishers[track].cache.find(first.wrapping_add(step)) else { continue };
                self.buffer.clear();
                let number = viewer.transport_number;
                if let Forwarded::Written { .. } = slot.forward(&media, incarnation, &mut viewer.transport_number, now, &mut self.buffer) {
                    sink.rtp(viewer.id, &self.buffer);
                    viewer.downlink.left(number, viewer.transport_number, self.buffer.len(), now);
                }
            }
        }
    }

    /// Chooses anew who is on which slot, tells whom it changed for, and asks for the key frames that this needs.
    fn reconcile(&mut self, now: Instant, sink: &mut impl Sink) {
        for viewer in 0..self.participants.len() {
            let occupants = self.occupants_for(viewer, now);
            for (slot, occupant) in self.participants[viewer].slots.iter_mut().zip(occupants) {
                slot.set_source(occupant);
            }
        }
        self.choose_first_layers(now);
        self.aim();
        self.tell_layers(sink);
        for participant in &mut self.participants {
            let slots: Vec<SlotAssignment> = participant.assignments().collect();
            if slots != participant.told {
                sink.slots(participant.id, &slots);
                participant.told = slots;
            }
            let watching = participant.publishing.is_none().then(|| participant.screen_until()).flatten();
            participant.screen_due = watching.filter(|until| *until > now);
        }
        self.want_key_frames();
        self.ask_key_frames(now, sink);
        self.look_at_all();
    }

    fn occupants_for(&self, viewer: usize, now: Instant) -> Vec<Occupant> {
        let viewer = &self.participants[viewer];
        let mut people: Vec<Person> = Vec::with_capacity(self.participants.len());
        if self.admitted.holds(viewer.id) {
            let others = self.participants.iter().filter(|other| other.id != viewer.id && self.admitted.holds(other.id));
            people.extend(others.map(|other| other.as_seen_by(viewer, now)));
        }
        let places: Vec<Place> = viewer.slots.iter().map(|slot| Place { video: slot.section.video, pair: slot.section.pair }).collect();
        let mut occupants: Vec<Occupant> = viewer.slots.iter().map(|slot| slot.source).collect();
        assignment::assign(&places, &people, &mut occupants);
        occupants
    }

    /// Tells each publisher where its slots are.
    pub(super) fn aim(&mut self) {
        for at in 0..self.participants.len() {
            let whose = self.participants[at].id;
            for track in 0..self.participants[at].publishers.len() {
                let source = self.participants[at].publishers[track].section.source;
                let mut targets = std::mem::take(&mut self.participants[at].publishers[track].targets);
                targets.clear();
                for (viewer, participant) in self.participants.iter().enumerate() {
                    let slots = participant.slots.iter().enumerate();
                    let on =
                        slots.filter(|(_, slot)| slot.source == Some((whose, source)) && [slot.track, slot.next].contains(&Some(track)));
                    targets.extend(on.map(|(place, _)| (viewer, place)));
                }
                let publisher = &mut self.participants[at].publishers[track];
                if targets.is_empty() {
                    publisher.missing.clear();
                    publisher.cache.clear();
                    publisher.keys.came();
                }
                publisher.targets = targets;
            }
        }
    }
}

/// Who is admitted: one bit for every number that a participant can have.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Admitted([u64; 4]);

impl Admitted {
    fn set(&mut self, participant: ParticipantId, admitted: bool) {
        let bit = 1 << (participant.0 % 64);
        let word = &mut self.0[usize::from(participant.0 / 64)];
        if admitted { *word |= bit } else { *word &= !bit }
    }

    fn holds(&self, participant: ParticipantId) -> bool {
        self.0[usize::from(participant.0 / 64)] & (1 << (participant.0 % 64)) != 0
    }
}
