//! Who is connected to a consultation by which device, and whose credential ended: the task's dealings with sockets. Decides no rule.

use crate::consultation::command::Parting;
use crate::consultation::record::Holder;
use crate::consultation::{Actor, Command, Consultation};
use crate::limits;
use crate::protocol::CloseCode;
use crate::signaling::desk::News;
use crate::signaling::task::{CitizenSocket, Task};

impl Task {
    pub(super) async fn citizen_here(&mut self, socket: CitizenSocket) {
        let device = socket.device;
        self.citizens.retain(|older| {
            let same = older.device == device;
            if same {
                older.link.close(CloseCode::Replaced);
            }
            !same
        });
        if self.citizens.len() >= limits::SOCKETS_PER_PERSON {
            socket.link.close(CloseCode::TryAgainLater);
            return;
        }
        // The cookie was good at the upgrade; `LinkEnded` may have come since.
        match self.house.store().has_citizen_sign_in(socket.sign_in).await {
            Ok(true) => {}
            Ok(false) => return socket.link.close(CloseCode::CredentialEnded),
            Err(_) => return socket.link.close(CloseCode::TryAgainLater),
        }
        self.citizens.push(socket);
        self.ask(Command::Connect, &Actor::Citizen { device }, None).await;
    }

    pub(super) fn is_connected(&self, from: &Actor) -> bool {
        match from {
            Actor::Citizen { device } => self.citizens.iter().any(|socket| socket.device == *device),
            Actor::Agent { agent, device, .. } => self.house.agents().is_connected(*agent, *device),
        }
    }

    /// Sockets whose cookie is gone close, and what their device sent or got goes no further; others stay.
    pub(super) async fn link_ended(&mut self) {
        let mut ended = Vec::new();
        for socket in &self.citizens {
            // When the store cannot say, nobody is cut; the next look at the cookie decides.
            if matches!(self.house.store().has_citizen_sign_in(socket.sign_in).await, Ok(false)) {
                ended.push((socket.device, socket.link.clone()));
            }
        }
        for (device, link) in ended {
            link.close(CloseCode::CredentialEnded);
            self.silence(&Actor::Citizen { device });
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
        for socket in self.citizens.drain(..) {
            socket.link.close(CloseCode::CredentialEnded);
        }
        self.house.desk().tell(News::Asleep(self.of.clone())).await;
        self.house.desk().reload();
    }
}
