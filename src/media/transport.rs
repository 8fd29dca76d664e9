//! One participant's transport: ICE-lite, DTLS, SRTP and SCTP put together on one path. Refuses to know rooms, routing and sockets.

use super::batch::{Batch, Hint, Path};
use super::dtls::{Dtls, DtlsError, DtlsOutput};
use super::guard::{Bucket, Counters, Kind, count, count_many, demultiplex};
use super::ice_lite::{Check, Credentials, IceLite};
use super::outbox::Outbox;
use super::plane::{Label, MediaEvent};
use super::sctp::Sctp;
use super::srtp::{Refused, Srtp};
use super::stun::BindingRequest;
use crate::ids::ParticipantId;
use crate::limits;
use crate::sfu::negotiated::Negotiated;
use crate::time::Instant;

/// One peer connection of one participant.
pub struct Transport {
    /// The client's number of it.
    pub number: u32,
    /// Never used again, so that a late clean-up cannot hit a successor.
    pub serial: u64,
    /// What its SDP agreed on.
    pub negotiated: Negotiated,
    /// For whose decoders the codecs were put in order.
    pub viewers: Vec<Negotiated>,
    participant: ParticipantId,
    ice: IceLite,
    dtls: Dtls,
    /// Where the client last sent a record of its handshake from.
    handshake_from: Option<Path>,
    srtp: Option<Srtp>,
    sctp: Option<Sctp>,
    budget: Bucket,
    hint: Hint,
}

/// What became of a protected packet.
pub enum Opened {
    /// Plain now, this long. `moved`: our answers go to another path than before.
    Plain {
        /// Bytes of the plain packet.
        length: usize,
        /// See above.
        moved: bool,
    },
    /// Dropped and counted.
    Dropped,
}

impl Transport {
    /// Nothing arrived yet.
    pub fn new(
        number: u32,
        serial: u64,
        participant: ParticipantId,
        (negotiated, viewers): (Negotiated, Vec<Negotiated>),
        credentials: Credentials,
        (dtls, sctp): (Dtls, Option<Sctp>),
        now: Instant,
    ) -> Self {
        Self {
            number,
            serial,
            negotiated,
            viewers,
            participant,
            ice: IceLite::new(credentials, now),
            dtls,
            handshake_from: None,
            srtp: None,
            sctp,
            budget: Bucket::new(limits::TRANSPORT_PACKETS_PER_S, limits::TRANSPORT_PACKETS_BURST, now),
            hint: Hint::default(),
        }
    }

    /// ICE, for what concerns credentials and 5-tuples.
    pub fn ice(&mut self) -> &mut IceLite {
        &mut self.ice
    }

    /// DTLS, to compare fingerprints.
    pub fn dtls(&self) -> &Dtls {
        &self.dtls
    }

    /// DTLS is up.
    pub fn is_connected(&self) -> bool {
        self.srtp.is_some()
    }

    /// Whether the packet budget has room for one more.
    pub fn within_budget(&mut self, now: Instant) -> bool {
        self.budget.take(now)
    }

    /// A well-formed check with one of our ufrags. Answers into the batch; `true` when the path of an established transport moved.
    pub fn handle_check(&mut self, request: &BindingRequest<'_>, path: Path, now: Instant, batch: &mut Batch, counters: &Counters) -> bool {
        match self.ice.handle_check(request, path, now) {
            Check::Refused => {
                count(&counters.stun_refused);
                false
            }
            Check::Limited => {
                count(&counters.stun_limited);
                false
            }
            Check::Answered { moved } => {
                // The answer goes back to where the check came from, whatever path is selected (RFC 8445 §7.3.1.2).
                if let Some(key) = self.ice.key_of(request) {
                    batch.datagram(path, |into| {
                        match (request.unknown, request.controlled) {
                            (Some(unknown), _) => request.write_unknown_attribute(unknown, key, into),
                            (None, true) => request.write_role_conflict(key, into),
                            (None, false) => request.write_success(path.remote, key, into),
                        }
                        true
                    });
                }
                moved && self.is_connected()
            }
        }
    }

    /// A DTLS datagram from a verified 5-tuple. `Ok(true)` when the path moved, `Err` when the transport is to be removed.
    pub fn handle_dtls(
        &mut self,
        datagram: &[u8],
        path: Path,
        now: Instant,
        batch: &mut Batch,
        outbox: &mut Outbox,
        counters: &Counters,
    ) -> Result<bool, DtlsError> {
        // Until it is complete a handshake is answered where it came from: a client begins it on the pair that works, whatever it nominates later.
        let was_connected = self.is_connected();
        let back = if was_connected { self.ice.path().unwrap_or(path) } else { *self.handshake_from.insert(path) };
        let Self { dtls, srtp, sctp, .. } = self;
        let authenticated = dtls.handle_datagram(datagram, now, &mut |output| match output {
            DtlsOutput::Datagram(datagram) => send(batch, back, datagram),
            DtlsOutput::Keys(keys) => *srtp = Srtp::new(&keys),
            DtlsOutput::Data(packet) => {
                if let Some(sctp) = sctp {
                    sctp.handle_packet(packet, now);
                }
            }
        })?;
        if !was_connected && self.is_connected() {
            count(&counters.handshakes);
            outbox.push(MediaEvent::Connected(self.participant));
        }
        let moved = authenticated && self.ice.handle_authenticated(path, now);
        self.pump(now, batch, outbox, counters)?;
        Ok(moved)
    }

    /// An SRTP or SRTCP packet from a verified 5-tuple, opened in place.
    pub fn open(&mut self, kind: Kind, packet: &mut [u8], path: Path, now: Instant, counters: &Counters) -> Opened {
        let Some(srtp) = &mut self.srtp else {
            count(&counters.too_early);
            return Opened::Dropped;
        };
        let opened = if kind == Kind::Rtcp { srtp.open_rtcp(packet) } else { srtp.open_rtp(packet) };
        match opened {
            Ok(length) => Opened::Plain { length, moved: self.ice.handle_authenticated(path, now) },
            Err(refused) => {
                count(match refused {
                    Refused::Malformed => &counters.junk,
                    Refused::Forged => &counters.forged,
                    Refused::Replayed => &counters.replayed,
                    Refused::TooManySsrcs => &counters.unknown_ssrc,
                });
                Opened::Dropped
            }
        }
    }

    /// The TCP connection under this path is closed. `true` when our answers go elsewhere than before.
    pub fn forget_path(&mut self, path: Path) -> bool {
        let before = self.ice.path();
        self.ice.forget(path);
        self.handshake_from = self.handshake_from.filter(|from| *from != path);
        self.is_connected() && before != self.ice.path()
    }

    /// Whether a sealed packet that we send is of a picture: its SSRC is one of a video slot's.
    pub fn is_picture(&self, datagram: &[u8]) -> bool {
        let Some(ssrc) = datagram.get(8..12).filter(|_| demultiplex(datagram) == Kind::Rtp) else { return false };
        let ssrc = Some(u32::from_be_bytes([ssrc[0], ssrc[1], ssrc[2], ssrc[3]]));
        self.negotiated.slots.iter().any(|slot| slot.video && (Some(slot.ssrc) == ssrc || slot.rtx_ssrc == ssrc))
    }

    /// Seals a plain RTP packet straight into the batch of the current path.
    pub fn send_rtp(&mut self, packet: &[u8], batch: &mut Batch) -> bool {
        let (Some(path), Some(srtp)) = (self.ice.path(), &mut self.srtp) else { return false };
        batch.datagram_near(path, &mut self.hint, |into| srtp.seal_rtp(packet, into))
    }

    /// The same for one that `write` appends, straight into the batch too; into `scratch`, and away, while nothing can be sent.
    pub fn send_written_rtp(&mut self, scratch: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>) -> bool, batch: &mut Batch) -> bool {
        let (Some(path), Some(srtp)) = (self.ice.path(), &mut self.srtp) else {
            scratch.clear();
            write(scratch);
            return false;
        };
        batch.datagram_near(path, &mut self.hint, |into| {
            let start = into.len();
            write(into) && srtp.seal_written_rtp(into, start)
        })
    }

    /// The same for a plain RTCP compound.
    pub fn send_rtcp(&mut self, packet: &[u8], batch: &mut Batch) -> bool {
        let (Some(path), Some(srtp)) = (self.ice.path(), &mut self.srtp) else { return false };
        batch.datagram_near(path, &mut self.hint, |into| srtp.seal_rtcp(packet, into))
    }

    /// Queues a data-channel message; `false` when there is no such channel or its queue is full.
    pub fn send_message(&mut self, label: Label, message: &[u8], now: Instant) -> bool {
        self.sctp.as_mut().is_some_and(|sctp| sctp.send(label, message, now))
    }

    /// When [`Self::handle_timeout`] is due.
    pub fn poll_timeout(&self) -> Instant {
        let engines = [self.dtls.poll_timeout(), self.sctp.as_ref().and_then(Sctp::poll_timeout)];
        engines.into_iter().flatten().fold(self.ice.consent_ends(), Instant::min)
    }

    /// Retransmissions. `Ok(false)` when consent ended (RFC 7675).
    pub fn handle_timeout(&mut self, now: Instant, batch: &mut Batch, outbox: &mut Outbox, counters: &Counters) -> Result<bool, DtlsError> {
        if self.ice.consent_ends() <= now {
            return Ok(false);
        }
        if self.dtls.poll_timeout().is_some_and(|at| at <= now) {
            let path = self.handshake_from.filter(|_| !self.is_connected()).or(self.ice.path());
            self.dtls.handle_timeout(now, &mut |output| {
                if let (DtlsOutput::Datagram(datagram), Some(path)) = (output, path) {
                    send(batch, path, datagram);
                }
            })?;
        }
        if let Some(sctp) = self.sctp.as_mut().filter(|sctp| sctp.poll_timeout().is_some_and(|at| at <= now)) {
            sctp.handle_timeout(now);
            self.pump(now, batch, outbox, counters)?;
        }
        Ok(true)
    }

    /// Moves what SCTP has to say: messages to the outbox while it has room, packets through DTLS into the batch.
    pub fn pump(&mut self, now: Instant, batch: &mut Batch, outbox: &mut Outbox, counters: &Counters) -> Result<(), DtlsError> {
        let Self { participant, ice, dtls, sctp, budget, .. } = self;
        let (Some(sctp), Some(path)) = (sctp, ice.path()) else { return Ok(()) };
        // Reading and room in the outbox alternate one by one, so one cell serves both closures.
        let outbox = std::cell::RefCell::new(outbox);
        sctp.poll(
            now,
            || outbox.borrow().has_room(),
            |label, message| outbox.borrow_mut().push(MediaEvent::Message(*participant, label, message)),
        );
        let refused = sctp.take_refused();
        if refused > 0 {
            count_many(&counters.channels_refused, refused);
        }
        let (mut result, mut packets) = (Ok(()), 0);
        sctp.poll_packets(now, |packet| {
            if result.is_ok() {
                packets += u32::from(packet.len() >= limits::DATA_PACKET_BYTES);
                let sent = dtls.send(packet, now, &mut |output| {
                    if let DtlsOutput::Datagram(datagram) = output {
                        send(batch, path, datagram);
                    }
                });
                result = sent.map(drop);
            }
        });
        // Each may be acknowledged: a client that downloads does not spend its budget on that. Our own acknowledgements, which it can provoke, are smaller.
        budget.give(packets);
        result
    }

    /// Says good-bye over DTLS.
    pub fn close(&mut self, now: Instant, batch: &mut Batch) {
        let Some(path) = self.ice.path() else { return };
        self.dtls.close(now, &mut |output| {
            if let DtlsOutput::Datagram(datagram) = output {
                send(batch, path, datagram);
            }
        });
    }
}

fn send(batch: &mut Batch, path: Path, datagram: &[u8]) {
    batch.datagram(path, |into| {
        into.extend_from_slice(datagram);
        true
    });
}
