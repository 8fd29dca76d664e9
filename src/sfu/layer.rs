//! Which encoding of a picture each receiver gets (RFC 8853), and the search for room for a better one. Measures what encodings take, told what a line carries;
//! the old encoding goes on until the new one can begin.

use std::time::Duration;

use crate::limits;
use crate::sfu::participant::Participant;
use crate::sfu::router::{Router, Sink};
use crate::time::Instant;

/// How often the meter looks.
const METER: Duration = Duration::from_millis(500);
/// What a packet costs on the line beyond its payload.
const OVERHEAD: u64 = 68;
/// A better encoding must fit into so much of the share, and for so long.
const ROOM: f64 = 0.9;
const PATIENCE: Duration = Duration::from_millis(600);
/// What is there is given up when the share is below so much of it while packets wait, and for so long.
const TIGHT: f64 = 0.95;
const TIGHT_FOR: Duration = Duration::from_millis(300);
/// Packets wait: the line is full.
const FULL_MS: f64 = 50.0;
/// The search begins on an empty line.
const EMPTY_MS: f64 = 20.0;
/// Between two pieces of padding, how long one search lasts, and the shortest and the longest wait before the next.
const STEP: Duration = Duration::from_millis(20);
const SEARCH: Duration = Duration::from_millis(1_500);
const WAIT: (Duration, Duration) = (Duration::from_secs(2), Duration::from_secs(30));
/// Octets of one packet of padding on the line, and packets at one time.
const PADDING: f64 = 320.0;
const PADDING_AT_ONCE: u32 = 8;

/// What one track takes on a line, in bits a second with all headers.
#[derive(Debug, Clone, Default)]
pub struct Meter {
    since: Option<Instant>,
    octets: u64,
    bits_per_s: Option<u64>,
}

impl Meter {
    /// A packet with so much payload came.
    pub fn count(&mut self, payload: usize, now: Instant) {
        let passed = now.saturating_duration_since(*self.since.get_or_insert(now));
        if passed >= METER * 2 {
            // After silence the old figure says nothing.
            *self = Self { since: Some(now), ..Self::default() };
        } else if passed >= METER {
            let bits = (self.octets as f64 * 8.0 / passed.as_secs_f64()) as u64;
            let smooth = self.bits_per_s.map_or(bits, |before| before.midpoint(bits));
            (self.since, self.octets, self.bits_per_s) = (Some(now), 0, Some(smooth));
        }
        self.octets += payload as u64 + OVERHEAD;
    }

    /// `None` until it was measured.
    pub fn bits_per_s(&self) -> Option<u64> {
        self.bits_per_s
    }
}

/// The place of the smallest encoding that comes.
fn smallest(rates: &[Option<u64>]) -> Option<usize> {
    rates.iter().rposition(Option::is_some)
}

/// Since when a line says the opposite of what lies on one slot.
#[derive(Debug, Clone, Copy, Default)]
pub struct Turns {
    up: Option<Instant>,
    down: Option<Instant>,
}

impl Turns {
    /// The place among `rates` (what each encoding takes, the best first; `None`: it does not come) that should lie on the slot, where `current` does.
    /// `share`: what the line leaves for each picture; `None`: it is not judged. `room`: what it leaves for this one beside what the others take now.
    pub fn choose(&mut self, rates: &[Option<u64>], current: usize, share: Option<u64>, room: u64, full: bool, now: Instant) -> usize {
        let there = |at: usize| rates.get(at).copied().flatten();
        let best = || (0..rates.len()).find(|at| there(*at).is_some()).unwrap_or(current);
        let Some(share) = share else { return best() };
        let fitting = (0..rates.len()).find(|at| there(*at).is_some_and(|rate| rate as f64 <= share as f64 * ROOM));
        let smallest = || smallest(rates).unwrap_or(current);
        let Some(rate) = there(current) else { return fitting.unwrap_or_else(smallest) };
        let held = |since: &mut Option<Instant>, is: bool, long: Duration| {
            if !is {
                *since = None;
            }
            is && now.saturating_duration_since(*since.get_or_insert(now)) >= long
        };
        // One step at a time: what a better one really takes shows whether there is room for the next.
        let better = (0..current).rev().find(|at| there(*at).is_some());
        let better = better.filter(|at| there(*at).is_some_and(|rate| rate as f64 <= room as f64 * ROOM));
        if held(&mut self.up, better.is_some() && !full, PATIENCE) {
            return better.unwrap_or(current);
        }
        // A small share says little while what is sent fits.
        if held(&mut self.down, full && (share as f64) < rate as f64 * TIGHT, TIGHT_FOR) {
            return fitting.unwrap_or_else(smallest).max(current);
        }
        current
    }
}

/// The search for room on one line: for a while padding fills what a better encoding would take. Each search in vain makes the next one later.
#[derive(Debug, Clone)]
pub struct Probe {
    due: Option<Instant>,
    until: Option<Instant>,
    not_before: Option<Instant>,
    wait: Duration,
    credit: f64,
    cuts: u32,
}

impl Default for Probe {
    fn default() -> Self {
        Self { due: None, until: None, not_before: None, wait: WAIT.0, credit: 0.0, cuts: 0 }
    }
}

impl Probe {
    /// When padding is due.
    pub fn due(&self) -> Option<Instant> {
        self.due
    }

    /// `wanted`: some encoding would be better; `cuts`: how often the line was found full.
    pub fn look(&mut self, wanted: bool, cuts: u32, queue_ms: f64, now: Instant) {
        let cut = cuts != self.cuts;
        self.cuts = cuts;
        if self.due.is_some() {
            if !wanted {
                self.stop(now, WAIT.0);
            } else if cut || queue_ms > FULL_MS {
                self.stop(now, (self.wait * 2).min(WAIT.1));
            } else if self.until.is_some_and(|until| now >= until) {
                // The line took it: there may be more.
                self.stop(now, WAIT.0 / 4);
                self.wait = WAIT.0;
            }
        } else if cut {
            self.not_before = Some(now + self.wait);
        } else if wanted && queue_ms < EMPTY_MS && now >= *self.not_before.get_or_insert(now + WAIT.0 / 2) {
            (self.due, self.until, self.credit) = (Some(now + STEP), Some(now + SEARCH), 0.0);
        }
    }

    /// How many packets of padding fit into this step at so many bits a second.
    pub fn pad(&mut self, bits_per_s: u64, now: Instant) -> u32 {
        self.due = Some(now + STEP);
        self.credit = (self.credit + bits_per_s as f64 * STEP.as_secs_f64() / 8.0).min(PADDING * f64::from(PADDING_AT_ONCE));
        let packets = (self.credit / PADDING) as u32;
        self.credit -= f64::from(packets) * PADDING;
        packets
    }

    fn stop(&mut self, now: Instant, wait: Duration) {
        (self.due, self.until, self.wait, self.not_before) = (None, None, wait, Some(now + wait));
    }
}

impl Router {
    /// Pictures that rest come back as small as they are to be had.
    pub(super) fn choose_smallest(&mut self, viewer: usize, now: Instant) {
        for place in 0..self.participants[viewer].slots.len() {
            let slot = &self.participants[viewer].slots[place];
            let from = slot.source.filter(|_| slot.section.video).and_then(|(whose, _)| self.index(whose));
            let Some(from) = from else { continue };
            let (rates, first, count) = self.encodings(from, (viewer, place), now);
            if let Some(smallest) = smallest(&rates[..count]).filter(|_| count > 1 && self.participants.len() > 2) {
                let slot = &mut self.participants[viewer].slots[place];
                (slot.track, slot.next) = (Some(first + smallest), None);
            }
        }
        self.aim();
    }

    /// The tracks of one source that come now, from the best down: place among the publishers and what it takes.
    pub(super) fn encodings(&self, from: usize, place: (usize, usize), now: Instant) -> ([Option<u64>; limits::LAYERS_MAX], usize, usize) {
        let mut rates = [None; limits::LAYERS_MAX];
        let source = self.participants[place.0].slots[place.1].source.map(|(_, source)| source);
        let publishers = &self.participants[from].publishers;
        let of_source = |at: &usize| publishers.get(*at).is_some_and(|publisher| Some(publisher.section.source) == source);
        let first = (0..publishers.len()).find(of_source).unwrap_or(0);
        let count = (first..publishers.len()).take_while(of_source).count().min(limits::LAYERS_MAX);
        for (rate, publisher) in rates.iter_mut().zip(&publishers[first..]).take(count) {
            let comes = publisher.last_media.is_some_and(|at| now.saturating_duration_since(at) < limits::LAYER_SILENCE);
            *rate = publisher.meter.bits_per_s().filter(|_| comes);
        }
        (rates, first, count)
    }

    /// Whoever newly watches a picture of several encodings begins with the smallest that comes: nobody knows yet what the line carries.
    pub(super) fn choose_first_layers(&mut self, now: Instant) {
        for viewer in 0..self.participants.len() {
            for place in 0..self.participants[viewer].slots.len() {
                let slot = &self.participants[viewer].slots[place];
                let Some((from, source)) = slot.source.and_then(|(whose, source)| Some((self.index(whose)?, source))) else { continue };
                // A new transport of the same person may have other tracks.
                let is_of =
                    |track: usize| self.participants[from].publishers.get(track).is_some_and(|track| track.section.source == source);
                if slot.track.is_some_and(is_of) && slot.next.is_none_or(is_of) {
                    continue;
                }
                let (rates, first, count) = self.encodings(from, (viewer, place), now);
                let smallest = smallest(&rates[..count]).unwrap_or(0);
                let slot = &mut self.participants[viewer].slots[place];
                (slot.track, slot.next) = (Some(first + smallest), None);
                slot.hold();
            }
        }
    }

    /// Fits the pictures of one viewer to what the line to them carries.
    pub(super) fn choose_layers(&mut self, at: usize, now: Instant, sink: &mut impl Sink) {
        let viewer = &self.participants[at];
        // Comes with each feedback packet: where nobody offers several encodings there is nothing to choose.
        if viewer.probe.due().is_none() && !self.participants.iter().any(Participant::has_layers) {
            return;
        }
        let share = viewer.picture_share(viewer.downlink.bits_per_s());
        let (cuts, queue_ms) = (viewer.downlink.cuts(), viewer.downlink.queue_ms());
        let unheard = viewer.downlink.bits_per_s().is_none();
        let pictures = viewer.slots.iter().filter(|slot| slot.section.video && slot.source.is_some()).count() as u64;
        let mut left = share.unwrap_or(0) * pictures;
        left = left.saturating_sub((0..viewer.slots.len()).map(|place| self.takes(at, place, now)).sum());
        let (mut wanted, mut chosen) = (false, false);
        for place in 0..self.participants[at].slots.len() {
            let slot = &self.participants[at].slots[place];
            let from = slot.source.filter(|_| slot.section.video && !slot.resting).and_then(|(whose, _)| self.index(whose));
            let (Some(from), Some(track)) = (from, slot.track) else { continue };
            let (rates, first, count) = self.encodings(from, (at, place), now);
            if count < 2 {
                continue;
            }
            let several = self.participants.len() > 2;
            let own = self.takes(at, place, now);
            let slot = &mut self.participants[at].slots[place];
            // When nobody else watches any more, the best one is what goes on. Who has told nothing of their line yet keeps what they have.
            let unheard = slot.is_numbered() && unheard;
            let choice = match several {
                true if unheard => track,
                true => first + slot.turns.choose(&rates[..count], track.saturating_sub(first), share, left + own, queue_ms > FULL_MS, now),
                false => first,
            };
            wanted |= several && (0..track.saturating_sub(first)).any(|better| rates.get(better).copied().flatten().is_some());
            let next = Some(choice).filter(|choice| *choice != track);
            if slot.next != next {
                slot.next = next;
                chosen = true;
                // What is free is given away once.
                left = if next.is_some_and(|next| next < track) { 0 } else { left };
            }
            if let Some(next) = next {
                self.participants[from].publishers[next].keys.want();
            }
        }
        self.participants[at].probe.look(wanted, cuts, queue_ms, now);
        if chosen {
            self.aim();
            self.ask_key_frames(now, sink);
            self.look_at_all();
        }
    }

    /// What the picture on a slot takes of the line, or will once the encoding that is waited for is there.
    fn takes(&self, viewer: usize, place: usize, now: Instant) -> u64 {
        let slot = &self.participants[viewer].slots[place];
        let from = slot.source.filter(|_| slot.section.video && !slot.resting).and_then(|(whose, _)| self.index(whose));
        let Some(from) = from else { return 0 };
        let (rates, first, _) = self.encodings(from, (viewer, place), now);
        let rate = |track: Option<usize>| track.and_then(|track| rates.get(track.checked_sub(first)?).copied().flatten()).unwrap_or(0);
        rate(slot.track).max(rate(slot.next))
    }

    /// Padding of the search that is due.
    pub(super) fn send_probe(&mut self, at: usize, now: Instant, sink: &mut impl Sink) {
        if self.participants[at].probe.due().is_none_or(|due| due > now) {
            return;
        }
        let mut missing = u64::MAX;
        for place in 0..self.participants[at].slots.len() {
            let slot = &self.participants[at].slots[place];
            let from = slot.source.filter(|_| slot.section.video).and_then(|(whose, _)| self.index(whose));
            let (Some(from), Some(track)) = (from, slot.track) else { continue };
            let (rates, first, _) = self.encodings(from, (at, place), now);
            let current = track.saturating_sub(first);
            let next = (0..current).rev().find_map(|better| rates.get(better).copied().flatten());
            let more = next.map(|next| next.saturating_sub(rates.get(current).copied().flatten().unwrap_or(0)));
            missing = more.map_or(missing, |more| missing.min(more));
        }
        let participant = &mut self.participants[at];
        // A little more than the cheapest step takes, so that it fits with room to spare; never so much that a line which is full already drowns.
        let most = participant.downlink.bits_per_s().unwrap_or(0) / 2;
        let packets = participant.probe.pad(missing.saturating_add(missing / 3).min(most), now).min(PADDING_AT_ONCE);
        let Some(slot) = participant.slots.iter_mut().find(|slot| slot.section.video && slot.source.is_some() && !slot.is_held()) else {
            return;
        };
        for _ in 0..packets {
            let number = participant.transport_number;
            self.buffer.clear();
            if slot.pad(&mut participant.transport_number, &mut self.buffer) {
                sink.rtp(participant.id, &self.buffer);
                participant.downlink.left(number, participant.transport_number, self.buffer.len(), now);
            }
        }
    }

    /// Tells who offered several encodings whether all of them are wanted: from three people on, those at the door counted, so that they flow when one comes in.
    /// With two again the best goes on alone, as soon as it lies on every slot.
    pub(super) fn tell_layers(&mut self, sink: &mut impl Sink) {
        let several = self.participants.len() > 2;
        for at in 0..self.participants.len() {
            if !self.participants[at].has_layers() || self.participants[at].told_layers == Some(several) {
                continue;
            }
            let id = self.participants[at].id;
            let publishers = &self.participants[at].publishers;
            let is_lower = |track: usize| {
                let source = publishers.get(track).map(|publisher| publisher.section.source);
                publishers.iter().position(|publisher| Some(publisher.section.source) == source) != Some(track)
            };
            let slots = self.participants.iter().flat_map(|viewer| &viewer.slots);
            let mut own = slots.filter(|slot| slot.source.is_some_and(|(whose, _)| whose == id));
            if self.participants[at].told_layers == Some(true) && own.any(|slot| slot.track.is_some_and(is_lower)) {
                // `choose_layers` leads them to the best; until then the others are still needed.
                continue;
            }
            self.participants[at].told_layers = Some(several);
            sink.layers(id, several);
        }
    }
}
