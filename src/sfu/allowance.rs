//! What follows from the judgement on a receiver's line: the lid that sources are asked to keep, pictures that rest so that sound comes through, and the
//! padding that finds out whether they may come back. Judges nothing itself.

use crate::limits;
use crate::sfu::lids::Lids;
use crate::sfu::negotiated::Source;
use crate::sfu::publisher::Publisher;
use crate::sfu::router::{Router, Sink};
use crate::sfu::rtcp;
use crate::sfu::slot::Slot;
use crate::time::Instant;

/// Packets that wait this long show that the line is full.
const FULL_MS: f64 = 60.0;
/// A probe sends bits a second between these: less shows nothing, more is of no use to anybody.
const PROBE_BETWEEN: (f64, f64) = (200_000.0, 2_500_000.0);

impl Router {
    /// The estimate of a participant's line may have changed.
    pub(super) fn line_told(&mut self, at: usize, now: Instant, sink: &mut impl Sink) {
        let participant = &mut self.participants[at];
        if participant.rest.is_on() {
            participant.downlink.rests();
        }
        participant.choose_redundancy(now);
        let share = participant.picture_share(participant.downlink.bits_per_s());
        let (cuts, queue_ms, sent) = (participant.downlink.cuts(), participant.downlink.queue_ms(), participant.downlink.sent_bits());
        // A small estimate says little while what is sent fits: little is sent, so little was seen to come through.
        let through = participant.downlink.through_bits();
        // The key frames of several pictures that come back together look like a full line for a moment; what comes through then shows that it is not.
        let several = participant.slots.iter().filter(|slot| slot.section.video && slot.source.is_some()).count() > 1;
        let arrives = several && through + through / 10 >= sent;
        let fits = queue_ms < FULL_MS && (arrives || participant.downlink.bits_per_s().is_none_or(|bits| sent < bits));
        let share = if fits && !participant.rest.is_on() { share.map(|share| share.max(limits::PICTURE_MIN)) } else { share };
        let probing = participant.downlink.probe.is_under_way();
        let back = if participant.rest.is_on() { self.share_to_come_back(at, now) } else { limits::PICTURE_BACK };
        let participant = &mut self.participants[at];
        let turned = participant.rest.judge(share, back, (cuts, queue_ms, probing), now);
        if let Some(bits_per_s) = participant.downlink.bits_per_s() {
            participant.climb.judge(
                (bits_per_s, participant.downlink.through_bits()),
                cuts,
                queue_ms,
                participant.downlink.probe.is_under_way(),
                now,
            );
        }
        if turned {
            let rests = participant.rest.is_on();
            for slot in participant.slots.iter_mut().filter(|slot| slot.section.video) {
                slot.resting = rests;
                slot.hold();
            }
            participant.report_due = Some(now);
            if rests {
                self.choose_smallest(at, now);
            } else {
                self.want_key_frames();
                self.ask_key_frames(now, sink);
                self.look_at_all();
            }
        }
        self.choose_layers(at, now, sink);
        // What concerns one of many who watch is weighed against all of them: not for every word.
        if !turned && !self.participants[at].share_moved(now) {
            return;
        }
        for place in 0..self.participants[at].slots.len() {
            let slot = &self.participants[at].slots[place];
            let from = slot.source.filter(|_| slot.section.video).and_then(|(whose, _)| self.index(whose));
            if let Some(from) = from {
                self.tell_lids(from, now, sink);
            }
        }
    }

    /// Asks a participant to send no more than those who watch can receive, if that has changed.
    pub(super) fn tell_lids(&mut self, at: usize, now: Instant, sink: &mut impl Sink) {
        let lids = self.lids_for(at, now);
        let participant = &mut self.participants[at];
        if participant.told_lids.news(lids, now) {
            sink.lids(participant.id, lids);
            self.send_remb(at, sink);
        }
    }

    /// Once a second: whether what was asked for is kept; who does not listen is told by REMB, which browsers obey beside transport-wide feedback.
    pub(super) fn look_at_lids(&mut self, at: usize, now: Instant, sink: &mut impl Sink) {
        let participant = &mut self.participants[at];
        let (octets, key_frames) = participant.pictures_of_best();
        let was_deaf = participant.told_lids.is_deaf();
        participant.told_lids.look(octets, key_frames, now);
        if was_deaf && !participant.told_lids.is_deaf() {
            self.write_remb(at, limits::DOWNLINK_MAX, sink);
        }
        self.tell_lids(at, now, sink);
        self.send_remb(at, sink);
    }

    fn send_remb(&mut self, at: usize, sink: &mut impl Sink) {
        let participant = &self.participants[at];
        if participant.told_lids.is_deaf() {
            let smaller = if participant.told_layers == Some(true) { limits::LOWER_LAYERS } else { 0 };
            self.write_remb(at, participant.told_lids.lids().sum() + smaller + limits::SOUND_BITS, sink);
        }
    }

    fn write_remb(&mut self, at: usize, bits_per_s: u64, sink: &mut impl Sink) {
        let participant = &self.participants[at];
        let speaks = participant.publishers.iter().any(|publisher| publisher.section.codecs.iter().any(|codec| codec.feedback.remb));
        let mut ssrcs = [0; limits::TRACKS_MAX];
        let mut count = 0;
        for (place, ssrc) in ssrcs.iter_mut().zip(participant.publishers.iter().filter_map(|publisher| publisher.section.ssrc)) {
            *place = ssrc;
            count += 1;
        }
        if speaks {
            self.buffer.clear();
            rtcp::write_estimate(&mut self.buffer, participant.own_ssrc(), bits_per_s, &ssrcs[..count]);
            sink.rtcp(participant.id, &self.buffer);
        }
    }

    /// A probe that is due, or the next piece of one.
    pub(super) fn send_padding(&mut self, at: usize, now: Instant, sink: &mut impl Sink) {
        let participant = &mut self.participants[at];
        let rests = participant.rest.is_on();
        let schedule = if rests { &mut participant.rest.schedule } else { &mut participant.climb.schedule };
        let due = schedule.due().is_some_and(|due| due <= now);
        let stands = participant.downlink.queue_ms() >= FULL_MS;
        if due && (stands || participant.downlink.probe.is_under_way() || participant.probe.due().is_some()) {
            // On a long line the last one has not been told of yet; and where feedback got lost, nobody has said yet that packets wait.
            schedule.put_off(now);
        } else if due {
            let wanted = participant.downlink.bits_per_s().unwrap_or(0) as f64 * schedule.probes(now);
            let enough = if rests { f64::INFINITY } else { participant.climb.best() as f64 };
            participant.downlink.probe.begin(wanted.min(enough).clamp(PROBE_BETWEEN.0, PROBE_BETWEEN.1), now);
        }
        if participant.downlink.probe.due().is_none_or(|due| due > now) {
            return;
        }
        let packets = participant.downlink.probe.piece(now);
        let shown = |slot: &Slot| slot.section.video && !slot.is_held();
        let pads = |slot: &Slot| slot.source.is_some() && if rests { slot.resting } else { shown(slot) };
        let Some(slot) = participant.slots.iter_mut().find(|slot| pads(slot)) else { return };
        for _ in 0..packets {
            self.buffer.clear();
            if slot.pad(&mut participant.transport_number, &mut self.buffer) {
                sink.rtp(participant.id, &self.buffer);
                participant.downlink.sent(participant.transport_number, self.buffer.len(), now);
                participant.downlink.probe.left(participant.transport_number);
            }
        }
    }

    fn lids_for(&self, at: usize, now: Instant) -> Lids {
        let lid = |source: Source| {
            if source == Source::Camera && self.participants[at].told_layers == Some(true) {
                return self.lid_of_layers(at, now);
            }
            self.participants[at].publishers.iter().find(|one| one.section.source == source).and_then(|one| self.lid_for(one, now))
        };
        Lids { camera: lid(Source::Camera), smaller: self.lid_of_smaller(at, now), screen: lid(Source::Screen) }
    }

    /// What each smaller encoding of a camera may take: those who get one have the narrow lines, and the narrowest sets it. Pictures that rest come back with it.
    fn lid_of_smaller(&self, at: usize, now: Instant) -> Option<u64> {
        if self.participants[at].told_layers != Some(true) {
            return None;
        }
        let id = self.participants[at].id;
        let best = self.participants[at].publishers.iter().position(|one| one.section.source == Source::Camera);
        let slots =
            self.participants.iter().flat_map(|viewer| viewer.slots.iter().enumerate().map(move |(place, slot)| (viewer, place, slot)));
        let small = slots.filter(|(.., slot)| slot.section.video && slot.source == Some((id, Source::Camera)) && slot.track != best);
        small.filter_map(|(viewer, place, _)| viewer.lid_of(place, now)).min().map(|lid| lid.max(limits::PICTURE_MIN))
    }

    /// Bits a second for each picture with which the pictures of a viewer come back: little is enough where the smaller encodings follow their lid.
    fn share_to_come_back(&self, at: usize, now: Instant) -> u64 {
        let (mut sum, mut pictures) = (0, 0);
        for (place, slot) in self.participants[at].slots.iter().enumerate().filter(|(_, slot)| slot.section.video) {
            let Some(from) = slot.source.and_then(|(whose, _)| self.index(whose)) else { continue };
            let (rates, _, count) = self.encodings(from, (at, place), now);
            let small = count > 1 && rates[..count].last().copied().flatten().is_some();
            sum += if small { limits::SMALL_PICTURE_BACK } else { limits::PICTURE_BACK };
            pictures += 1;
        }
        sum.checked_div(pictures).unwrap_or(limits::PICTURE_BACK)
    }

    /// What the best encoding of a camera may take: each viewer gets the one that fits, so the best line sets it; the smaller ones go on beside it.
    fn lid_of_layers(&self, at: usize, now: Instant) -> Option<u64> {
        let id = self.participants[at].id;
        let slots =
            self.participants.iter().flat_map(|viewer| viewer.slots.iter().enumerate().map(move |(place, slot)| (viewer, place, slot)));
        let mut watched = slots.filter(|(.., slot)| slot.section.video && slot.source == Some((id, Source::Camera))).peekable();
        watched.peek()?;
        let awake = watched.filter(|(viewer, ..)| !viewer.rest.is_on());
        let best = awake.map(|(viewer, place, _)| viewer.lid_of(place, now).unwrap_or(limits::LID_MAX)).max().unwrap_or(0);
        Some(best).filter(|best| *best < limits::LID_MAX)
    }

    /// What one source may send; `None` while nothing limits it, and while nobody watches.
    fn lid_for(&self, publisher: &Publisher, now: Instant) -> Option<u64> {
        let viewers = publisher.targets.iter().filter_map(|(viewer, place)| Some((self.participants.get(*viewer)?, *place)));
        let mut awake = viewers.filter(|(viewer, _)| !viewer.rest.is_on()).peekable();
        if awake.peek().is_none() {
            return (!publisher.targets.is_empty()).then_some(0);
        }
        awake.filter_map(|(viewer, place)| viewer.lid_of(place, now)).min()
    }
}
