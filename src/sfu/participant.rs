//! One participant's transport as forwarding sees it: what they publish, the slots on which they receive, the feedback owed to them.

use std::time::Duration;

use crate::ids::ParticipantId;
use crate::limits;
use crate::sfu::arrivals::Arrivals;
use crate::sfu::assignment::Person;
use crate::sfu::climb::Climb;
use crate::sfu::clock::SourceClock;
use crate::sfu::estimator::Estimator;
use crate::sfu::layer::Probe;
use crate::sfu::lids::Told;
use crate::sfu::negotiated::{Negotiated, Publishing, SlotAssignment, Source};
use crate::sfu::publisher::Publisher;
use crate::sfu::quality::{LineQuality, Quality, ToldLine};
use crate::sfu::rest::Rest;
use crate::sfu::rtp::Rtp;
use crate::sfu::seed::Seed;
use crate::sfu::slot::Slot;
use crate::time::Instant;

/// State of one transport.
#[derive(Debug, Clone)]
pub struct Participant {
    /// Who.
    pub id: ParticipantId,
    /// Their keys are there: what leaves before is lost.
    pub is_connected: bool,
    /// At most `limits::TRACKS_MAX`; the encodings of one picture from the best down.
    pub publishers: Vec<Publisher>,
    /// At most `limits::SLOTS_MAX`.
    pub slots: Vec<Slot>,
    /// What arrived by transport-wide number.
    pub arrivals: Arrivals,
    /// The last transport-wide number sent.
    pub transport_number: u16,
    /// Their wall clock against ours.
    pub clock: SourceClock,
    /// What they say they send; `None` until they say it.
    pub publishing: Option<Publishing>,
    /// The list last given to the sink.
    pub told: Vec<SlotAssignment>,
    /// The line as last given to the sink.
    pub told_line: ToldLine,
    /// When the next reports are due; `None` while nothing goes either way.
    pub report_due: Option<Instant>,
    /// When transport-wide feedback is due.
    pub feedback_due: Option<Instant>,
    /// When the first packet came that it will be about.
    pub feedback_since: Option<Instant>,
    /// The receiver's own estimate of its line (REMB), of clients that send it.
    pub estimate: Option<(u64, Instant)>,
    /// What the line to them carries.
    pub downlink: Estimator,
    /// Whether pictures rest on it.
    pub rest: Rest,
    /// Whether it may carry again what it carried.
    pub climb: Climb,
    /// What the line left for pictures when it was last weighed, the receiver's own estimate, and when that was.
    weighed: Option<(u64, Option<u64>, Instant)>,
    /// What they were asked to send at most.
    pub told_lids: Told,
    /// Whether they were told to send every encoding.
    pub told_layers: Option<bool>,
    /// The search for room for better encodings on the line to them.
    pub probe: Probe,
    /// When to look whether an unannounced screen went silent.
    pub screen_due: Option<Instant>,
    /// When anything last came.
    pub heard: Option<Instant>,
    /// Packets or messages that could not be read.
    pub malformed: u64,
    /// Packets of no negotiated track.
    pub foreign: u64,
    transport_cc_id: u8,
}

impl Participant {
    /// A transport that was just negotiated.
    pub fn new(id: ParticipantId, negotiated: Negotiated, seed: &mut Seed, fresh: &mut u64) -> Self {
        let ids = negotiated.publishes.iter().map(|published| published.extensions.transport_cc);
        let transport_cc_id = ids.into_iter().find(|id| *id != 0).unwrap_or(0);
        let number = |published| {
            *fresh += 1;
            Publisher::new(published, *fresh)
        };
        Self {
            id,
            is_connected: false,
            publishers: negotiated.publishes.into_iter().take(limits::TRACKS_MAX).map(number).collect(),
            slots: negotiated.slots.into_iter().take(limits::SLOTS_MAX).map(|section| Slot::new(section, seed)).collect(),
            arrivals: Arrivals::default(),
            transport_number: 0,
            clock: SourceClock::default(),
            publishing: None,
            told: Vec::new(),
            told_line: ToldLine::default(),
            report_due: None,
            feedback_due: None,
            feedback_since: None,
            estimate: None,
            downlink: Estimator::default(),
            rest: Rest::default(),
            climb: Climb::default(),
            weighed: None,
            told_lids: Told::default(),
            told_layers: None,
            probe: Probe::default(),
            screen_due: None,
            heard: None,
            malformed: 0,
            foreign: 0,
            transport_cc_id,
        }
    }

    /// The SSRC that our RTCP to them bears: the first slot's, or 1 as browsers do that only receive.
    pub fn own_ssrc(&self) -> u32 {
        self.slots.first().map_or(1, |slot| slot.section.ssrc)
    }

    /// Notes that a packet came: every one counts for the feedback, forwarded or not.
    pub fn note_arrival(&mut self, rtp: &Rtp<'_>, now: Instant) {
        self.heard = Some(now);
        if let Some(number) = rtp.transport_number(self.transport_cc_id) {
            self.arrivals.record(number, now);
            let since = *self.feedback_since.get_or_insert(now);
            let sparse = self.arrivals.pending() < limits::TRANSPORT_FEEDBACK_PACKETS;
            self.feedback_due = Some(since + if sparse { limits::TRANSPORT_FEEDBACK_SPARSE } else { limits::TRANSPORT_FEEDBACK });
        }
        // The first report soon: browsers take their first round trip from it.
        self.report_due.get_or_insert(now + limits::REPORT / 4);
    }

    /// Which publisher a packet belongs to: by SSRC, else by the mid that it carries.
    pub fn track_of(&mut self, rtp: &Rtp<'_>) -> Option<usize> {
        if let Some(at) = self.publishers.iter().position(|publisher| publisher.owns(rtp.ssrc)) {
            return Some(at);
        }
        let by_mid = |publisher: &Publisher| {
            let carried = rtp.carried(&publisher.section.extensions);
            carried.mid == Some(publisher.section.mid.as_bytes())
                && publisher.section.rid.as_ref().is_none_or(|rid| carried.rid == Some(rid.as_bytes()))
        };
        let at = self.publishers.iter().position(by_mid)?;
        self.publishers.get_mut(at)?.learn(rtp).then_some(at)
    }

    /// Whether this SSRC is one of theirs, or could still be learnt by its mid.
    pub fn knows_ssrc(&self, ssrc: u32) -> bool {
        self.publishers.iter().any(|publisher| publisher.owns(ssrc) || publisher.is_learning())
    }

    /// Whether they offered several encodings of a picture.
    pub fn has_layers(&self) -> bool {
        self.publishers.iter().any(|publisher| publisher.section.rid.is_some())
    }

    /// The smallest round trip that the slots measured.
    pub fn round_trip(&self) -> Option<Duration> {
        self.slots.iter().filter_map(|slot| slot.remote.round_trip).min()
    }

    /// What `viewer` could be shown of this participant.
    pub fn as_seen_by(&self, viewer: &Self, now: Instant) -> Person {
        let shows = |source: Source| {
            self.publishers.iter().any(|publisher| {
                publisher.section.source == source
                    && viewer.slots.iter().any(|slot| {
                        slot.section.video == publisher.is_video()
                            && slot.section.codecs.iter().any(|own| publisher.section.codecs.iter().any(|codec| own.decodes(codec)))
                    })
            })
        };
        Person {
            participant: self.id,
            microphone: shows(Source::Microphone),
            camera: shows(Source::Camera),
            screen: self.shows_screen(now) && shows(Source::Screen),
        }
    }

    /// A screen is there when it was announced; unannounced, while packets of it come.
    pub fn shows_screen(&self, now: Instant) -> bool {
        match self.publishing {
            Some(publishing) => publishing.screen,
            None => self.screen_until().is_some_and(|until| now < until),
        }
    }

    /// When an unannounced screen is given up.
    pub fn screen_until(&self) -> Option<Instant> {
        let screen = self.publishers.iter().find(|publisher| publisher.section.source == Source::Screen)?;
        screen.last_media.map(|at| at + limits::SCREEN_SILENCE)
    }

    /// What the slots carry, for the client.
    pub fn assignments(&self) -> impl Iterator<Item = SlotAssignment> + '_ {
        self.slots.iter().filter_map(|slot| {
            let (participant, source) = slot.source?;
            Some(SlotAssignment { mid: slot.section.mid.clone(), participant, source })
        })
    }

    /// The line in words; `None` until something was measured. Silence says something only `in_call`.
    pub fn quality(&self, in_call: bool, now: Instant) -> Option<LineQuality> {
        let recent = |at: &Instant| now.saturating_duration_since(*at) < limits::LINE_SILENCE;
        let heard = self.heard?;
        if !recent(&heard) {
            return in_call.then_some(LineQuality { uplink: Quality::Lost, downlink: Quality::Lost });
        }
        let round_trip = self.round_trip();
        let sending = self.publishers.iter().filter(|publisher| publisher.last_media.as_ref().is_some_and(recent));
        let up = sending.map(|publisher| publisher.counters.loss).reduce(f32::max);
        let receiving = self.slots.iter().filter(|slot| slot.source.is_some() && slot.remote.at.as_ref().is_some_and(recent));
        let down = receiving.map(|slot| slot.remote.loss).reduce(f32::max);
        let share = self.picture_share(self.downlink.bits_per_s()).map_or(Quality::Good, Quality::of_picture);
        let downlink = Quality::of(down.unwrap_or(0.0), round_trip).max(if self.rest.is_on() { Quality::Poor } else { share });
        Some(LineQuality { uplink: Quality::of(up.unwrap_or(0.0), round_trip), downlink })
    }

    /// What of so many bits a second is left for each picture that they watch, after the sound; `None` when the line is not judged by feedback,
    /// or no picture is watched.
    pub fn picture_share(&self, bits_per_s: Option<u64>) -> Option<u64> {
        let (mut sounds, mut voices, mut pictures, mut numbered) = (0, 0_u64, 0, false);
        for slot in self.slots.iter().filter(|slot| slot.source.is_some()) {
            if slot.section.video {
                (pictures, numbered) = (pictures + 1, numbered | slot.is_numbered());
            } else {
                (sounds, voices) = (sounds + slot.sound_bits(), voices + 1);
            }
        }
        let sounds = sounds - voices.saturating_sub(1) * limits::SOUND_SPARE_BITS;
        bits_per_s.filter(|_| numbered)?.saturating_sub(sounds).checked_div(pictures)
    }

    /// Says sound more often the more of it the line loses.
    pub fn choose_redundancy(&mut self, now: Instant) {
        let (loss, bits_per_s) = (self.downlink.loss_share(), self.downlink.bits_per_s());
        for slot in self.slots.iter_mut().filter(|slot| slot.can_say_again()) {
            slot.redundancy.judge(loss, bits_per_s, now);
        }
    }

    /// Octets of pictures and key frames that came in all; of several encodings of one source the best alone counts, which is what a lid is about.
    pub fn pictures_of_best(&self) -> (u64, u64) {
        let is_best = |at: usize, source: Source| self.publishers.iter().position(|one| one.section.source == source) == Some(at);
        let videos = self.publishers.iter().enumerate().filter(|(at, one)| one.is_video() && is_best(*at, one.section.source));
        videos.fold((0, 0), |(octets, key_frames), (_, one)| (octets + one.counters.octets, key_frames + one.counters.key_frames))
    }

    /// Whether what the line leaves for pictures differs by a hundredth from what it left when this was last asked and true; always true where no feedback judges it,
    /// and after `limits::LID_WEIGHED`.
    pub fn share_moved(&mut self, now: Instant) -> bool {
        let Some(share) = self.picture_share(self.downlink.allowed()).map(|share| share.min(limits::LID_MAX)) else { return true };
        let estimate = self.estimate.map(|(bits, _)| bits);
        let same = self.weighed.is_some_and(|(before, told, at)| {
            told == estimate && before.abs_diff(share) * 100 <= before && now.saturating_duration_since(at) < limits::LID_WEIGHED
        });
        if !same {
            self.weighed = Some((share, estimate, now));
        }
        !same
    }

    /// The lid of one of our slots, in bits a second.
    pub fn lid_of(&self, place: usize, now: Instant) -> Option<u64> {
        let recent = |(_, at): &(u64, Instant)| now.saturating_duration_since(*at) < limits::LINE_SILENCE;
        let estimate = self.estimate.filter(recent).map(|(bits, _)| bits.max(limits::LID_MIN));
        let judged = match self.picture_share(self.downlink.allowed()) {
            Some(share) => Some(share.max(limits::PICTURE_MIN)).filter(|share| *share < limits::LID_MAX),
            None => self.slots.get(place)?.lid.bits_per_s(),
        };
        estimate.into_iter().chain(judged).min()
    }

    /// Whether the feedback that is owed is nearly due.
    pub fn may_feed_back(&self, now: Instant) -> bool {
        let (Some(since), Some(due)) = (self.feedback_since, self.feedback_due) else { return false };
        since + due.saturating_duration_since(since) * limits::TRANSPORT_FEEDBACK_EARLY / 100 <= now
    }

    /// When the first is owed of what a packet of this track may have moved.
    pub fn due_with(&self, track: usize) -> Option<Instant> {
        let tracks = self.publishers.get(track).map(|publisher| [publisher.keys.due(), publisher.missing.due()]);
        tracks.into_iter().flatten().chain([self.report_due, self.feedback_due]).flatten().min()
    }

    /// When it is time to find out by padding what the line carries.
    pub fn probe_due(&self) -> Option<Instant> {
        if self.rest.is_on() { self.rest.schedule.due() } else { self.climb.schedule.due() }
    }

    /// When something is owed next.
    pub fn due(&self) -> Option<Instant> {
        let tracks = self.publishers.iter().flat_map(|publisher| [publisher.keys.due(), publisher.missing.due()]);
        let own = [self.report_due, self.feedback_due, self.screen_due, self.probe_due(), self.probe.due(), self.downlink.probe.due()];
        tracks.chain(own).flatten().min()
    }
}
