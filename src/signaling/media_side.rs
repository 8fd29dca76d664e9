//! One consultation's side of the media plane: its door, offers under way, slots and lines. Admits nobody by itself.

use std::collections::{HashMap, HashSet};
use std::future::{Future, pending};
use std::num::NonZeroU32;
use std::pin::Pin;
use std::sync::Arc;

use futures_util::StreamExt;
use futures_util::future::poll_immediate;
use futures_util::stream::FuturesUnordered;
use tokio::sync::mpsc;

use crate::consultation::{Actor, Publishing};
use crate::ids::ParticipantId;
use crate::limits;
use crate::media::plane::{Label, MediaDoor, MediaEvent, OfferError};
use crate::sfu::lids::Lids;
use crate::sfu::negotiated::{self, SlotAssignment};
use crate::sfu::quality::Quality;
use crate::signaling::link::Link;
use crate::time::Instant;

/// An offer of somebody who held a seat when it came.
pub(super) struct Asked {
    pub(super) from: Actor,
    pub(super) participant: ParticipantId,
    pub(super) link: Link,
    pub(super) re: NonZeroU32,
}

/// Its answer.
pub(super) struct Answered {
    pub(super) asked: Asked,
    pub(super) sdp: Result<String, OfferError>,
}

/// The door is opened by the first offer and shut with the consultation.
#[derive(Default)]
pub(super) struct MediaSide {
    door: Option<Arc<MediaDoor>>,
    events: Option<mpsc::Receiver<MediaEvent>>,
    offers: FuturesUnordered<Pin<Box<dyn Future<Output = Answered> + Send>>>,
    slots: HashMap<ParticipantId, Vec<SlotAssignment>>,
    /// Who should send every encoding of their picture.
    layers: HashSet<ParticipantId>,
    lines: HashMap<ParticipantId, Line>,
    /// Not told yet.
    lids: HashMap<ParticipantId, Lids>,
}

/// What a person's line is like, and when they were told.
struct Line {
    now: (Quality, Quality),
    told: Option<(Quality, Quality)>,
    not_before: Instant,
}

impl MediaSide {
    pub(super) fn is_open(&self) -> bool {
        self.door.is_some()
    }

    /// Somebody waits for an answer.
    pub(super) fn is_answering(&self) -> bool {
        !self.offers.is_empty()
    }

    pub(super) fn open(&mut self, door: MediaDoor, events: mpsc::Receiver<MediaEvent>) {
        self.door = Some(Arc::new(door));
        self.events = Some(events);
    }

    /// All transports end. Offers under way are still answered.
    pub(super) fn shut(&mut self) {
        *self = Self { offers: std::mem::take(&mut self.offers), ..Self::default() };
    }

    pub(super) fn admit(&self, participant: ParticipantId, admitted: bool) {
        if let Some(door) = &self.door {
            door.admit(participant, admitted);
        }
    }

    /// A screen that ends frees its slot at these words, not after its silence.
    pub(super) fn publish(&self, participant: ParticipantId, said: Publishing) {
        if let Some(door) = &self.door {
            let Publishing { microphone, camera, screen } = said;
            door.publish(participant, negotiated::Publishing { microphone, camera, screen });
        }
    }

    /// Sends on a participant's data channel; false when there is none, or it takes no more.
    pub(super) fn send(&self, to: ParticipantId, label: Label, message: &str) -> impl Future<Output = bool> + Send + use<> {
        let (door, message) = (self.door.clone(), message.as_bytes().to_vec());
        async move {
            match door {
                Some(door) => door.send(to, label, message).await,
                None => false,
            }
        }
    }

    pub(super) fn end_transport(&mut self, participant: ParticipantId) {
        self.gone(participant);
        if let Some(door) = &self.door {
            door.remove(participant);
        }
    }

    /// Hands an offer over. It has entered the worker's queue when this returns, so that what is asked of the door later comes later.
    /// `None` when too many are under way.
    pub(super) async fn offer(&mut self, asked: Asked, transport: u32, sdp: String) -> Option<Option<Answered>> {
        let door = self.door.clone()?;
        if self.offers.len() >= limits::OFFERS_UNDER_WAY {
            return None;
        }
        self.offers.push(Box::pin(async move {
            let answer = tokio::time::timeout(limits::OFFER, door.offer(asked.participant, transport, sdp)).await;
            Answered { asked, sdp: answer.unwrap_or(Err(OfferError::Unavailable)) }
        }));
        Some(poll_immediate(self.offers.next()).await.flatten())
    }

    /// The next thing that happens: an answer or an event. An event of `None` means that the worker is gone.
    pub(super) async fn next(&mut self) -> Happened {
        let Self { events, offers, .. } = self;
        let event = async {
            match events {
                Some(events) => events.recv().await,
                None => pending().await,
            }
        };
        let answer = async {
            match offers.next().await {
                Some(answered) => answered,
                None => pending().await,
            }
        };
        tokio::select! {
            event = event => Happened::Event(event),
            answered = answer => Happened::Answered(answered),
        }
    }

    pub(super) fn slots(&self, of: ParticipantId) -> &[SlotAssignment] {
        self.slots.get(&of).map_or(&[], Vec::as_slice)
    }

    pub(super) fn set_slots(&mut self, of: ParticipantId, slots: Vec<SlotAssignment>) {
        self.slots.insert(of, slots);
    }

    pub(super) fn has_layers(&self, of: ParticipantId) -> bool {
        self.layers.contains(&of)
    }

    pub(super) fn set_layers(&mut self, of: ParticipantId, all: bool) {
        if all {
            self.layers.insert(of);
        } else {
            self.layers.remove(&of);
        }
    }

    pub(super) fn set_line(&mut self, of: ParticipantId, uplink: Quality, downlink: Quality, now: Instant) {
        let line = self.lines.entry(of).or_insert(Line { now: (uplink, downlink), told: None, not_before: now });
        line.now = (uplink, downlink);
    }

    pub(super) fn set_lids(&mut self, of: ParticipantId, lids: Lids) {
        self.lids.insert(of, lids);
    }

    /// What people are asked to send at most, where it changed; to be told at once.
    pub(super) fn lids_to_tell(&mut self) -> HashMap<ParticipantId, Lids> {
        std::mem::take(&mut self.lids)
    }

    /// The transport is gone: nothing is on its slots; the seat is not touched.
    pub(super) fn gone(&mut self, participant: ParticipantId) {
        self.slots.remove(&participant);
        self.layers.remove(&participant);
        self.lines.remove(&participant);
        self.lids.remove(&participant);
    }

    /// Lines that changed and may be told now.
    pub(super) fn lines_to_tell(&mut self, now: Instant) -> Vec<(ParticipantId, Quality, Quality)> {
        let due = self.lines.iter_mut().filter(|(_, line)| line.told != Some(line.now) && line.not_before <= now);
        due.map(|(participant, line)| {
            line.told = Some(line.now);
            line.not_before = now + limits::QUALITY_PAUSE;
            (*participant, line.now.0, line.now.1)
        })
        .collect()
    }

    /// When a line may be told that may not yet.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.lines.values().filter(|line| line.told != Some(line.now)).map(|line| line.not_before).min()
    }
}

/// What comes from the media plane.
pub(super) enum Happened {
    /// `None`: the worker is gone.
    Event(Option<MediaEvent>),
    /// An offer was answered.
    Answered(Answered),
}
