//! What the router hears and says by RTCP: reports, NACKs, key-frame requests, feedback, lids. Forwards no packet of its own but resent ones.

use crate::ids::ParticipantId;
use crate::limits;
use crate::sfu::clock::SourceReport;
use crate::sfu::quality::Quality;
use crate::sfu::report;
use crate::sfu::router::{Router, Sink};
use crate::sfu::rtcp::{self, Blocks, Lost, Message};
use crate::time::Instant;

/// On a line that loses this share each repair leaves twice.
const LOSES_REPAIRS: f64 = 0.04;

impl Router {
    /// A decrypted compound RTCP packet of `from`.
    pub fn handle_rtcp(&mut self, from: ParticipantId, packet: &[u8], now: Instant, sink: &mut impl Sink) {
        let Some(at) = self.index(from) else { return };
        self.participants[at].heard = Some(now);
        self.participants[at].report_due.get_or_insert(now + limits::REPORT);
        for message in rtcp::messages(packet) {
            match message {
                Message::SenderReport { ssrc, ntp, rtp, blocks } => {
                    self.source_reported(at, ssrc, ntp, rtp, now);
                    self.slots_reported(at, blocks, now, sink);
                }
                Message::ReceiverReport(blocks) => self.slots_reported(at, blocks, now, sink),
                Message::Nack { ssrc, missing } => self.resend(at, ssrc, missing, now, sink),
                Message::KeyFrameRequest(ssrc) => self.key_frame_requested(at, ssrc, now, sink),
                Message::Estimate(bits_per_s) => self.participants[at].estimate = Some((bits_per_s, now)),
                Message::TransportFeedback(feedback) => {
                    self.participants[at].downlink.told(&feedback, now);
                    self.line_told(at, now, sink);
                }
                Message::Other => {}
            }
        }
        self.look_at(at);
    }

    pub(super) fn want_key_frames(&mut self) {
        for at in 0..self.participants.len() {
            for track in 0..self.participants[at].publishers.len() {
                let publisher = &self.participants[at].publishers[track];
                let waits = |target: &(usize, usize)| {
                    let viewer = self.participants.get(target.0).filter(|viewer| viewer.is_connected);
                    viewer.and_then(|viewer| viewer.slots.get(target.1)).is_some_and(|slot| slot.is_held())
                };
                if publisher.is_video() && publisher.targets.iter().any(waits) {
                    self.participants[at].publishers[track].keys.want();
                }
            }
        }
    }

    pub(super) fn ask_key_frames(&mut self, now: Instant, sink: &mut impl Sink) {
        for at in 0..self.participants.len() {
            for track in 0..self.participants[at].publishers.len() {
                self.ask_key_frame(at, track, now, sink);
            }
        }
    }

    pub(super) fn ask_key_frame(&mut self, at: usize, track: usize, now: Instant, sink: &mut impl Sink) {
        let own = self.participants[at].own_ssrc();
        let participant = &mut self.participants[at];
        let publisher = &mut participant.publishers[track];
        let (Some(pli), Some(ssrc)) = (publisher.speaks_pli(), publisher.section.ssrc) else { return };
        if !publisher.keys.ask(now) {
            return;
        }
        publisher.counters.key_requests += 1;
        self.buffer.clear();
        if pli {
            rtcp::write_pli(&mut self.buffer, own, ssrc);
        } else {
            rtcp::write_fir(&mut self.buffer, own, ssrc, publisher.next_fir());
        }
        sink.rtcp(participant.id, &self.buffer);
    }

    fn source_reported(&mut self, at: usize, ssrc: u32, ntp: u64, rtp: u32, now: Instant) {
        let server_ntp = self.timeline.ntp(now);
        let participant = &mut self.participants[at];
        let Some(track) = participant.publishers.iter().position(|publisher| publisher.section.ssrc == Some(ssrc)) else { return };
        let placed = participant.clock.place(ntp, server_ntp);
        let first = participant.publishers[track].report.replace(SourceReport { ntp, placed, rtp, at: now }).is_none();
        participant.report_due.get_or_insert(now + limits::REPORT / 4);
        if first {
            for number in 0..self.participants[at].publishers[track].targets.len() {
                let (whose, _) = self.participants[at].publishers[track].targets[number];
                if let Some(viewer) = self.participants.get_mut(whose) {
                    viewer.report_due = Some(now);
                }
                self.look_at(whose);
            }
        }
    }

    fn slots_reported(&mut self, at: usize, blocks: Blocks<'_>, now: Instant, sink: &mut impl Sink) {
        for block in blocks {
            let Some(slot) = self.participants[at].slots.iter_mut().find(|slot| slot.section.ssrc == block.ssrc) else { continue };
            if slot.reported(&block, now)
                && let Some((_, from, _)) = self.watched(at, block.ssrc)
            {
                self.tell_lids(from, now, sink);
            }
        }
    }

    /// The slot with this SSRC, and where its source is.
    pub(super) fn watched(&self, at: usize, ssrc: u32) -> Option<(usize, usize, usize)> {
        let place = self.participants[at].slots.iter().position(|slot| slot.section.ssrc == ssrc)?;
        let (whose, source) = self.participants[at].slots[place].source?;
        let from = self.index(whose)?;
        let first = || self.participants[from].publishers.iter().position(|publisher| publisher.section.source == source);
        Some((place, from, self.participants[at].slots[place].track.or_else(first)?))
    }

    fn resend(&mut self, at: usize, ssrc: u32, missing: Lost<'_>, now: Instant, sink: &mut impl Sink) {
        let Some((place, from, track)) = self.watched(at, ssrc) else { return };
        let Ok([viewer, publisher]) = self.participants.get_disjoint_mut([at, from]) else { return };
        let cache = &publisher.publishers[track].cache;
        let slot = &mut viewer.slots[place];
        // What got lost is late already: where one packet in so many is lost, another round trip for its repair is too late.
        let copies = if viewer.downlink.loss_share() >= LOSES_REPAIRS { 2 } else { 1 };
        for sequence in missing {
            for copy in 0..copies {
                self.buffer.clear();
                let number = viewer.transport_number;
                if !slot.resend((sequence, copy), cache, &mut viewer.transport_number, now, &mut self.buffer) {
                    break;
                }
                sink.rtp(viewer.id, &self.buffer);
                viewer.downlink.left(number, viewer.transport_number, self.buffer.len(), now);
            }
        }
    }

    fn key_frame_requested(&mut self, at: usize, ssrc: u32, now: Instant, sink: &mut impl Sink) {
        let Some((place, from, track)) = self.watched(at, ssrc) else { return };
        self.participants[at].slots[place].counters.key_requests += 1;
        self.participants[from].publishers[track].keys.want();
        self.ask_key_frame(from, track, now, sink);
        self.look_at(from);
    }

    pub(super) fn send_feedback(&mut self, at: usize, now: Instant, sink: &mut impl Sink) {
        let participant = &mut self.participants[at];
        if participant.feedback_due.is_none_or(|due| due > now) {
            return;
        }
        let own = participant.own_ssrc();
        let media = participant.publishers.iter().find_map(|publisher| publisher.section.ssrc).unwrap_or(own);
        self.buffer.clear();
        while participant.arrivals.feedback(own, media, &mut self.buffer) {
            sink.rtcp(participant.id, &self.buffer);
            self.buffer.clear();
        }
        // The next packet starts the next interval.
        participant.feedback_due = None;
        participant.feedback_since = None;
    }

    pub(super) fn send_nacks(&mut self, at: usize, now: Instant, sink: &mut impl Sink) {
        let participant = &mut self.participants[at];
        let (own, round_trip, at_least) = (participant.own_ssrc(), participant.round_trip(), participant.downlink.answers_after());
        for publisher in &mut participant.publishers {
            if publisher.missing.due().is_none_or(|due| due > now) {
                continue;
            }
            publisher.ask(round_trip, at_least, now, &mut self.wanted);
            if let (Some(ssrc), false) = (publisher.section.ssrc, self.wanted.is_empty()) {
                self.buffer.clear();
                rtcp::write_nack(&mut self.buffer, own, ssrc, &self.wanted);
                sink.rtcp(participant.id, &self.buffer);
            }
        }
    }

    pub(super) fn send_reports(&mut self, at: usize, now: Instant, sink: &mut impl Sink) {
        if self.participants[at].report_due.is_none_or(|due| due > now) {
            return;
        }
        let server_ntp = self.timeline.ntp(now);
        let mut sources: report::SourceReports = [None; limits::SLOTS_MAX];
        for (place, kept) in sources.iter_mut().enumerate().take(self.participants[at].slots.len()) {
            let ssrc = self.participants[at].slots[place].section.ssrc;
            *kept = self.watched(at, ssrc).and_then(|(_, from, track)| {
                let publisher = &self.participants[from].publishers[track];
                publisher.report.map(|report| (report, publisher.clock_rate()))
            });
        }
        let participant = &mut self.participants[at];
        report::write(participant, &sources, server_ntp, now, &mut self.buffer);
        if !self.buffer.is_empty() {
            sink.rtcp(participant.id, &self.buffer);
        }
        if self.participants[at].downlink.pass(now) {
            self.line_told(at, now, sink);
        } else {
            self.choose_layers(at, now, sink);
        }
        self.tell_layers(sink);
        self.look_at_lids(at, now, sink);
        let in_call = self.in_call(self.participants[at].id);
        let participant = &mut self.participants[at];
        if let Some(line) = participant.quality(in_call, now) {
            let plain = participant.rest.is_on() || line.uplink == Quality::Lost;
            if participant.told_line.look(line, plain) {
                sink.quality(participant.id, line);
            }
        }
        // Goes on while anything goes either way; the next packet starts it again.
        let lively = participant.heard.is_some_and(|heard| now.saturating_duration_since(heard) < limits::LINE_SILENCE);
        participant.report_due = lively.then(|| now + limits::REPORT);
    }
}
