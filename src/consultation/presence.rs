//! Who is connected, and what they send: the part of a seat that no restart needs. Never takes a seat away.

use crate::consultation::command::{Actor, Event, Now, Publishing};
use crate::consultation::record::Holder;
use crate::consultation::{Consultation, Log};
use crate::ids::ParticipantId;
use crate::limits;
use crate::time::Instant;

/// Whether somebody's page is connected, as others see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presence {
    /// Connected, or lost only just now.
    Here,
    /// Dropped; may come back to the same seat.
    Away,
}

/// The living side of one seat.
#[derive(Debug, Clone)]
pub(super) struct Live {
    pub(super) publishing: Publishing,
    line: Line,
}

#[derive(Debug, Clone, Copy)]
enum Line {
    Here,
    /// The socket is gone; at this moment it becomes a drop.
    Lost(Instant),
    Away(Instant),
}

impl Live {
    pub(super) fn here() -> Self {
        Self { publishing: Publishing::default(), line: Line::Here }
    }

    pub(super) fn away(since: Instant) -> Self {
        Self { publishing: Publishing::default(), line: Line::Away(since) }
    }

    pub(super) fn presence(&self) -> Presence {
        match self.line {
            Line::Here | Line::Lost(_) => Presence::Here,
            Line::Away(_) => Presence::Away,
        }
    }

    pub(super) fn drop_at(&self) -> Option<Instant> {
        match self.line {
            Line::Lost(at) => Some(at),
            Line::Here | Line::Away(_) => None,
        }
    }

    pub(super) fn away_since(&self) -> Option<Instant> {
        match self.line {
            Line::Away(since) => Some(since),
            Line::Here | Line::Lost(_) => None,
        }
    }
}

impl Consultation {
    /// A socket of the device that holds a seat is there (again).
    pub(super) fn connect(&mut self, from: &Actor, log: &mut Log) {
        let Some(participant) = self.seat(from) else { return };
        let back = self.presence(participant) == Presence::Away;
        if let Some(live) = self.live.get_mut(&participant) {
            live.line = Line::Here;
        }
        if back {
            log.trace(Event::Return, participant, self.account(participant));
        }
    }

    /// The last socket of the device is gone. Others hear of it after `limits::PRESENCE_GRACE`; media is not touched (trust.md N9).
    pub(super) fn disconnect(&mut self, from: &Actor, now: Now) {
        let Some(participant) = self.seat(from) else { return };
        if let Some(live) = self.live.get_mut(&participant)
            && matches!(live.line, Line::Here)
        {
            live.line = Line::Lost(now.instant + limits::PRESENCE_GRACE);
        }
    }

    /// Whoever did not come back within the grace is away from now on.
    pub(super) fn drop_the_lost(&mut self, now: Now, log: &mut Log) {
        let mut dropped = Vec::new();
        for (participant, live) in &mut self.live {
            if live.drop_at().is_some_and(|at| at <= now.instant) {
                live.line = Line::Away(now.instant);
                dropped.push(*participant);
            }
        }
        for participant in dropped {
            log.trace(Event::Drop, participant, self.account(participant));
        }
    }

    /// This person's page speaks now: a fresh start for what they send.
    pub(super) fn is_here(&mut self, participant: ParticipantId) {
        self.live.insert(participant, Live::here());
    }

    fn account(&self, participant: ParticipantId) -> Option<crate::ids::AgentId> {
        self.record.seats.iter().find(|seat| seat.participant == participant).and_then(|seat| match seat.holder {
            Holder::Agent(agent) => Some(agent),
            Holder::Guest(_) => None,
        })
    }
}
