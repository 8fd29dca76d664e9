//! What follows from the judgement on a receiver's line: the lid that sources are asked to keep, pictures that rest so that sound comes through, and the
//! padding that finds out whether they may come back. Judges nothing itself.

use crate::limits;
use crate::sfu::router::{Router, Sink};
use crate::sfu::rtcp;
use crate::time::Instant;

/// A lid that changed by this share is told before the next report.
const FALL: f64 = 0.97;
const RISE: f64 = 1.05;
/// Packets that wait this long show that the line is full.
const FULL_MS: f64 = 60.0;
/// Packets of padding at one time at most: the path stays free for sound.
const PADDING_AT_ONCE: u32 = 8;

impl Router {
    /// The estimate of a participant's line may have changed.
    pub(super) fn line_told(&mut self, at: usize, now: Instant, sink: &mut impl Sink) {
        let participant = &mut self.participants[at];
        let share = participant.picture_share(participant.downlink.bits_per_s());
        let (cuts, queue_ms, sent) = (participant.downlink.cuts(), participant.downlink.queue_ms(), participant.downlink.sent_bits());
        // A small estimate says little while what is sent fits: little is sent, so little was seen to come through.
        let fits = queue_ms < FULL_MS && participant.downlink.bits_per_s().is_none_or(|bits| sent < bits);
        let share = if fits && !participant.rest.is_on() { share.map(|share| share.max(limits::PICTURE_MIN)) } else { share };
        if participant.rest.judge(share, cuts, queue_ms, now) {
            let rests = participant.rest.is_on();
            for slot in participant.slots.iter_mut().filter(|slot| slot.section.video) {
                slot.resting = rests;
                slot.hold();
            }
            participant.report_due = Some(now);
            if !rests {
                self.want_key_frames();
                self.ask_key_frames(now, sink);
                self.look_at_all();
            }
        }
        self.choose_layers(at, now, sink);
        for place in 0..self.participants[at].slots.len() {
            let slot = &self.participants[at].slots[place];
            let from = slot.source.filter(|_| slot.section.video).and_then(|(whose, _)| self.index(whose));
            if let Some(from) = from.filter(|from| self.has_news(*from, now)) {
                self.send_lid(from, now, sink);
            }
        }
    }

    /// Asks a participant to send no more than those who watch can receive (REMB, which browsers obey beside transport-wide feedback).
    pub(super) fn send_lid(&mut self, at: usize, now: Instant, sink: &mut impl Sink) {
        let Some(bits_per_s) = self.lid_for(at, now) else { return };
        let participant = &mut self.participants[at];
        participant.told_lid = Some((bits_per_s, now));
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

    /// Padding that is due.
    pub(super) fn send_padding(&mut self, at: usize, now: Instant, sink: &mut impl Sink) {
        let participant = &mut self.participants[at];
        if participant.rest.due().is_none_or(|due| due > now) {
            return;
        }
        let sounds = participant.slots.iter().filter(|slot| slot.source.is_some() && !slot.section.video).count() as u64;
        // At least what a picture would take: less would never show that there is room for one.
        let free = participant.downlink.allowed().unwrap_or(0).saturating_sub(sounds * limits::SOUND_BITS).max(limits::PICTURE_MIN);
        let packets = participant.rest.pad(free, now).min(PADDING_AT_ONCE);
        let Some(slot) = participant.slots.iter_mut().find(|slot| slot.resting && slot.source.is_some()) else { return };
        for _ in 0..packets {
            let number = participant.transport_number;
            self.buffer.clear();
            if slot.pad(&mut participant.transport_number, &mut self.buffer) {
                sink.rtp(participant.id, &self.buffer);
                participant.downlink.left(number, participant.transport_number, self.buffer.len(), now);
            }
        }
    }

    /// What a participant may send in all; `None` while nothing limits it and nothing ever did.
    fn lid_for(&self, at: usize, now: Instant) -> Option<u64> {
        let participant = &self.participants[at];
        let videos = participant.publishers.iter().filter(|publisher| publisher.is_video() && !publisher.targets.is_empty());
        let (mut sum, mut limited) = (0, participant.told_lid.is_some());
        if participant.told_layers == Some(true) {
            // Each viewer takes the encoding that fits; a lid would take the best one away from all for the sake of one.
            return limited.then_some(limits::LID_MAX);
        }
        for publisher in videos {
            let viewers = publisher.targets.iter().filter_map(|(viewer, place)| Some((self.participants.get(*viewer)?, *place)));
            let mut awake = viewers.filter(|(viewer, _)| !viewer.rest.is_on()).peekable();
            // Who watches nothing needs nothing; one picture a second keeps the camera's encoder warm.
            let lid = if awake.peek().is_none() {
                Some(limits::PICTURE_MIN)
            } else {
                awake.filter_map(|(viewer, place)| viewer.lid_of(place, now)).min()
            };
            limited |= lid.is_some();
            sum += lid.unwrap_or(limits::LID_MAX);
        }
        // A line judged by reports alone is not judged below what a picture is good for.
        limited.then(|| sum.max(limits::PICTURE_MIN) + limits::SOUND_BITS)
    }

    /// Whether the lid of a participant differs from what was told so much that it cannot wait.
    fn has_news(&self, at: usize, now: Instant) -> bool {
        let Some(lid) = self.lid_for(at, now) else { return false };
        let Some((told, when)) = self.participants[at].told_lid else { return true };
        let change = lid as f64 / told.max(1) as f64;
        change < FALL || (change > RISE && now.saturating_duration_since(when) >= limits::LID_RISE)
    }
}
