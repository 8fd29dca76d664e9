//! Who is connected to a consultation by which device, and whose credential ended: the task's dealings with sockets. Decides no rule.

use std::num::NonZeroU32;

use crate::consultation::command::Parting;
use crate::consultation::record::Holder;
use crate::consultation::{Actor, AgentCommand, Command, Consultation, GuestKind, Invitation};
use crate::ids::GuestId;
use crate::limits;
use crate::protocol::{CloseCode, ErrorCode, ServerMessage};
use crate::signaling::desk::News;
use crate::signaling::invite::Drawn;
use crate::signaling::link::Link;
use crate::signaling::task::{PublicSocket, Task};
use crate::signaling::wire;
use crate::store::{Store, StoreError};

impl Task {
    pub(super) async fn public_here(&mut self, socket: PublicSocket) {
        let from = socket.from.clone();
        self.public.retain(|older| {
            let same = older.from == from;
            if same {
                older.link.close(CloseCode::Replaced);
            }
            !same
        });
        if self.public.iter().filter(|other| is_same_person(&other.from, &from)).count() >= limits::SOCKETS_PER_PERSON {
            socket.link.close(CloseCode::TryAgainLater);
            return;
        }
        // The cookie was good at the upgrade; `LinkEnded` may have come since.
        match has_sign_in(self.house.store(), &socket).await {
            Ok(true) => {}
            Ok(false) => return socket.link.close(CloseCode::CredentialEnded),
            Err(_) => return socket.link.close(CloseCode::TryAgainLater),
        }
        self.public.push(socket);
        self.ask(Command::Connect, &from, None).await;
    }

    /// Draws a link, lets the rules decide, and tells the link to who asked, once.
    pub(super) async fn invite(&mut self, from: &Actor, link: &Link, re: NonZeroU32, kind: GuestKind, name: String, direct: bool) {
        let Some(Drawn { hash, url, qr }) = self.house.draw_link() else {
            link.send(wire::text(&wire::error(re, ErrorCode::Internal, "no link can be made")));
            return;
        };
        let command = Command::Agent(AgentCommand::Invite(Invitation { kind, name, direct, link: hash }));
        self.ask_for(command, from, Some((link, re)), |re, record| ServerMessage::Invited {
            re,
            guest: GuestId(record.invitations),
            url,
            qr,
        })
        .await;
    }

    pub(super) fn is_connected(&self, from: &Actor) -> bool {
        match from {
            Actor::Citizen { .. } | Actor::Guest { .. } => self.public.iter().any(|socket| socket.from == *from),
            Actor::Agent { agent, device, .. } => self.house.agents().is_connected(*agent, *device),
        }
    }

    /// Sockets whose cookie is gone close, and what their device sent or got goes no further; others stay.
    pub(super) async fn link_ended(&mut self) {
        let mut ended = Vec::new();
        for socket in &self.public {
            // When the store cannot say, nobody is cut; the next look at the cookie decides.
            if matches!(has_sign_in(self.house.store(), socket).await, Ok(false)) {
                ended.push((socket.from.clone(), socket.link.clone()));
            }
        }
        for (from, link) in ended {
            link.close(CloseCode::CredentialEnded);
            self.silence(&from);
        }
        self.erased = matches!(self.house.store().appointment(self.of.id).await, Ok(None));
    }

    /// Ends the media of a device whose credential ended; the seat stays, and whoever comes to it next is admitted as it is.
    pub(super) fn silence(&mut self, from: &Actor) {
        if let Some(participant) = self.consultation.seat(from) {
            self.media.end_transport(participant);
            if self.consultation.admitted().contains(&participant) {
                self.media.admit(participant, true);
            }
        }
    }

    /// Agents whose page was back before this task began.
    pub(super) fn recall_agents(&mut self) {
        let now = self.now();
        for seat in self.consultation.record().seats.clone() {
            if let Holder::Agent(agent) = seat.holder
                && self.house.agents().is_connected(agent, seat.device)
            {
                let from = Actor::Agent { agent, name: seat.name, device: seat.device };
                // Only presence changes: nothing to write down, nothing to refuse.
                let _ = self.consultation.handle(Command::Connect, &from, now);
            }
        }
    }

    /// Nothing is left to speak of: agents hear that it ended, the desk forgets it. The media ends with this task.
    pub(super) async fn let_go(&mut self) {
        for agent in std::mem::take(&mut self.seated) {
            self.house.agents().seated(agent, self.of.id, false);
            if let Some(seat) = self.consultation.record().seat_of(agent) {
                let state = self.state(Consultation::parted_view(seat.participant, Parting::Closed));
                for (_, link) in self.house.agents().sockets(agent) {
                    self.send_state(&link, state.clone());
                }
            }
        }
        for socket in self.public.drain(..) {
            socket.link.close(CloseCode::CredentialEnded);
        }
        self.house.desk().tell(News::Erased(self.of.id)).await;
    }
}

async fn has_sign_in(store: &Store, socket: &PublicSocket) -> Result<bool, StoreError> {
    match socket.from {
        Actor::Guest { .. } => store.has_guest_sign_in(socket.sign_in).await,
        Actor::Citizen { .. } | Actor::Agent { .. } => store.has_citizen_sign_in(socket.sign_in).await,
    }
}

fn is_same_person(one: &Actor, other: &Actor) -> bool {
    match (one, other) {
        (Actor::Citizen { .. }, Actor::Citizen { .. }) => true,
        (Actor::Guest { guest, .. }, Actor::Guest { guest: same, .. }) => guest == same,
        _ => false,
    }
}
