//! What people write to each other, between the rules of `chat` and its two ways: the data channels of a person's transport, and their socket where there is no
//! channel. The same messages on both. Decides neither who may write nor who may read.

use std::collections::HashMap;
use std::num::NonZeroU32;

use axum::extract::ws::Utf8Bytes;

use crate::chat::block::{self, Block};
use crate::chat::live_text::LiveText;
use crate::chat::{Author, Book, Refusal, Said};
use crate::consultation::record::Holder;
use crate::consultation::{Actor, Now};
use crate::ids::{AppointmentId, GuestId, MessageId, ParticipantId};
use crate::limits;
use crate::media::plane::Label;
use crate::protocol::server::{self, ServerMessage};
use crate::protocol::values::TextBlock;
use crate::protocol::{AgentMessage, CitizenMessage, ErrorCode, GuestMessage, message_id};
use crate::signaling::link::Link;
use crate::signaling::rate::Rate;
use crate::signaling::task::Task;
use crate::signaling::wire::{self, Request, Talk};
use crate::store::StoreError;
use crate::time::Instant;

/// One consultation's.
#[derive(Default)]
pub(super) struct TalkSide {
    /// Read from the store when it is first needed.
    book: Option<Book>,
    live: LiveText,
    /// The chat as a whole, as each socket was told it last.
    told: HashMap<u64, server::ChatState>,
    /// And as each person without a socket was, on their channel.
    told_by_channel: HashMap<ParticipantId, server::ChatState>,
    /// How much each transport may still send on its channels (trust.md O11, O12).
    rates: HashMap<ParticipantId, Rate>,
}

impl TalkSide {
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.book.as_ref().and_then(Book::poll_timeout)
    }
}

/// Where an answer goes: back the way that the request came.
#[derive(Clone)]
enum Back {
    Socket(Link),
    Channel(ParticipantId),
}

impl Task {
    /// By the socket.
    pub(super) async fn take_talk(&mut self, from: &Actor, link: Link, re: NonZeroU32, talk: Talk) {
        let participant = self.consultation.seat(from);
        self.talk_of(participant, re, talk, Back::Socket(link)).await;
    }

    /// By a data channel. Whose channel it is the media plane knows; what is no message is dropped, as is what comes too fast: an honest page says it again.
    pub(super) async fn take_message(&mut self, by: ParticipantId, label: Label, bytes: &[u8]) {
        let now = Instant::now();
        let part = if label == Label::Text { limits::LIVE_TEXT_PART } else { 1_000 };
        if !self.talk.rates.entry(by).or_insert_with(|| Rate::new(now)).take_part(now, part) {
            return;
        }
        let Ok(text) = std::str::from_utf8(bytes) else { return };
        match label {
            Label::Text => {
                let _ = self.take_block(by, text, &Back::Channel(by)).await;
            }
            Label::Chat => match (self.request_of(by, text), message_id(text)) {
                (Some((re, of, Request::Talk(talk))), _) if of.is_none_or(|of| of == self.of.id) => {
                    self.talk_of(Some(by), re, talk, Back::Channel(by)).await;
                }
                (_, Some(re)) => {
                    self.answer_talk(&Back::Channel(by), &wire::error(re, ErrorCode::BadMessage, "no message of the chat")).await
                }
                _ => {}
            },
            Label::Files => {}
        }
    }

    fn request_of(&self, by: ParticipantId, text: &str) -> Option<(NonZeroU32, Option<AppointmentId>, Request)> {
        let without = |(re, request)| (re, None, request);
        match self.author(by)?.0 {
            Author::Citizen => serde_json::from_str::<CitizenMessage>(text).ok().map(wire::citizen).map(without),
            Author::Guest(_) => serde_json::from_str::<GuestMessage>(text).ok().map(wire::guest).map(without),
            Author::Agent(_) => serde_json::from_str::<AgentMessage>(text).ok().map(wire::agent),
        }
    }

    async fn talk_of(&mut self, participant: Option<ParticipantId>, re: NonZeroU32, talk: Talk, back: Back) {
        let done = match participant.and_then(|participant| Some((participant, self.author(participant)?))) {
            Some((participant, who)) => self.do_talk(participant, who, re, talk, &back).await,
            None => Err((ErrorCode::NotSeated, "this device holds no seat")),
        };
        let answer = match done {
            Ok(answer) => answer,
            Err((code, why)) => wire::error(re, code, why),
        };
        self.answer_talk(&back, &answer).await;
    }

    async fn do_talk(
        &mut self,
        participant: ParticipantId,
        (author, name): (Author, String),
        re: NonZeroU32,
        talk: Talk,
        back: &Back,
    ) -> Result<ServerMessage, (ErrorCode, &'static str)> {
        let in_call = self.consultation.admitted().contains(&participant);
        let now = self.now();
        match talk {
            // The citizen reads on in the waiting room, where nobody can write.
            Talk::Since(after) if in_call || author == Author::Citizen => {
                let book = self.book().await.map_err(internal)?;
                let page = book.page(author, after);
                let more = page.last().is_some_and(|last| last.number < book.view(author, now.instant).last);
                let messages = page.into_iter().map(|said| server::ChatMessage::of(said, author)).collect();
                Ok(ServerMessage::ChatPage { re, messages, more })
            }
            _ if !in_call => Err((ErrorCode::NotInCall, "only in the call")),
            Talk::Say { message, text } => self.say(participant, (author, name), (message, text), re, now).await,
            Talk::Since(_) => Err((ErrorCode::NotInCall, "only in the call")),
            Talk::Seen(number) => {
                self.book().await.map_err(internal)?.saw(author, number);
                Ok(ServerMessage::Ok { re })
            }
            Talk::Typing(typing) => {
                self.book().await.map_err(internal)?.set_typing(author, typing, now.instant);
                Ok(ServerMessage::Ok { re })
            }
            Talk::Text(block) => match self.take_block(participant, &block, back).await {
                Ok(()) => Ok(ServerMessage::Ok { re }),
                Err(block::BadBlock) => Err((ErrorCode::BadMessage, "no block of real-time text")),
            },
        }
    }

    /// Disk first, then the answer, then the others. When the disk fails, nothing was said.
    async fn say(
        &mut self,
        participant: ParticipantId,
        (author, name): (Author, String),
        what: (MessageId, String),
        re: NonZeroU32,
        now: Now,
    ) -> Result<ServerMessage, (ErrorCode, &'static str)> {
        let guests = self.guests_in_call();
        let said = self.book().await.map_err(internal)?.say((author, &name), what, guests, (now.instant, now.wall));
        let message = match said {
            Ok(Said::New(message)) => message,
            Ok(Said::Known { number, at }) => return Ok(ServerMessage::Said { re, number, at: at.into() }),
            Err(Refusal::TooFast) => return Err((ErrorCode::SlowDown, "too many messages at once")),
            Err(Refusal::Full) => return Err((ErrorCode::ChatFull, "this consultation holds no more messages")),
        };
        self.house.store().keep_message(self.of.id, &message).await.map_err(internal)?;
        let answer = ServerMessage::Said { re, number: message.number, at: message.at.into() };
        for reader in self.consultation.admitted().into_iter().filter(|reader| *reader != participant) {
            if let Some((who, _)) = self.author(reader).filter(|(who, _)| message.is_for(*who)) {
                let messages = vec![server::ChatMessage::of(&message, who)];
                self.deliver(reader, Label::Chat, &ServerMessage::Chat { appointment: self.of.id, messages }).await;
            }
        }
        self.book().await.map_err(internal)?.keep(message);
        Ok(answer)
    }

    async fn take_block(&mut self, by: ParticipantId, said: &str, back: &Back) -> Result<(), block::BadBlock> {
        self.talk.live.set_present(&self.consultation.admitted());
        match Block::parse(said)? {
            Block::KeepAlive => {}
            Block::Again => {
                self.answer_block(back, block::says_again()).await;
                for (of, piece) in self.talk.live.again(by) {
                    self.answer_block(back, piece.written(of)).await;
                }
                self.answer_block(back, block::said_again()).await;
            }
            Block::Piece(piece) => match self.talk.live.take(by, &piece) {
                Some(new) => {
                    let written = new.written(by);
                    let readers: Vec<_> = self.talk.live.readers().filter(|reader| *reader != by).collect();
                    self.answer_block(back, written.clone()).await;
                    for reader in readers {
                        self.deliver_block(reader, written.clone()).await;
                    }
                }
                None => {
                    if let Some(end) = self.talk.live.end(by, piece.epoch) {
                        self.answer_block(back, end.written(by)).await;
                    }
                }
            },
        }
        Ok(())
    }

    /// After anything that may have changed who is in the call, who writes, or what was said.
    pub(super) async fn tell_talk(&mut self, now: Now) {
        let admitted = self.consultation.admitted();
        self.talk.live.set_present(&admitted);
        // Before the first admission there is no chat to speak of.
        if !self.consultation.record().admitted || self.erased {
            return;
        }
        let present: Vec<(ParticipantId, Author)> =
            admitted.iter().filter_map(|participant| Some((*participant, self.author(*participant)?.0))).collect();
        let authors: Vec<Author> = present.iter().map(|(_, author)| *author).collect();
        let Ok(book) = self.book().await else { return };
        book.handle_timeout(now.instant);
        book.only(&authors);
        let mut readers = present.clone();
        if !admitted.contains(&ParticipantId::CITIZEN) {
            readers.push((ParticipantId::CITIZEN, Author::Citizen));
        }
        let mut links_there = Vec::new();
        for (participant, author) in readers {
            let Ok(book) = self.book().await else { return };
            let view = book.view(author, now.instant);
            let typing = present.iter().filter(|(_, who)| view.typing.contains(who)).map(|(participant, _)| *participant).collect();
            let open = admitted.contains(&participant);
            let state = server::ChatState { appointment: self.of.id, open, last: view.last, seen: view.seen, typing };
            let links = self.links(participant);
            let text = wire::text(&ServerMessage::ChatState(state.clone()));
            for link in &links {
                links_there.push(link.id());
                if self.talk.told.get(&link.id()) != Some(&state) {
                    self.talk.told.insert(link.id(), state.clone());
                    link.send(text.clone());
                }
            }
            if links.is_empty() && open && self.talk.told_by_channel.get(&participant) != Some(&state) {
                self.talk.told_by_channel.insert(participant, state);
                self.media.send(participant, Label::Chat, &text).await;
            }
        }
        self.talk.told.retain(|link, _| links_there.contains(link));
        self.talk.told_by_channel.retain(|participant, _| admitted.contains(participant));
        self.talk.rates.retain(|participant, _| *participant == ParticipantId::CITIZEN || admitted.contains(participant));
    }

    async fn book(&mut self) -> Result<&mut Book, StoreError> {
        let book = match self.talk.book.take() {
            Some(book) => book,
            None => Book::new(self.house.store().messages(self.of.id).await.inspect_err(|error| {
                tracing::error!(reference = %self.of.reference, %error, "the chat cannot be read");
            })?),
        };
        Ok(self.talk.book.insert(book))
    }

    /// The person on a seat, and their name.
    fn author(&self, participant: ParticipantId) -> Option<(Author, String)> {
        if participant == ParticipantId::CITIZEN {
            return Some((Author::Citizen, self.of.name.clone()));
        }
        let seat = self.consultation.record().seats.iter().find(|seat| seat.participant == participant)?;
        let author = match seat.holder {
            Holder::Agent(agent) => Author::Agent(agent),
            Holder::Guest(guest) => Author::Guest(guest),
        };
        Some((author, seat.name.clone()))
    }

    fn guests_in_call(&self) -> Vec<GuestId> {
        let authors = self.consultation.admitted().into_iter().filter_map(|participant| self.author(participant));
        authors.filter_map(|(author, _)| if let Author::Guest(guest) = author { Some(guest) } else { None }).collect()
    }

    /// The sockets of the device that holds a seat.
    fn links(&self, participant: ParticipantId) -> Vec<Link> {
        let public = self.public.iter().filter(|socket| self.consultation.seat(&socket.from) == Some(participant));
        let public = public.map(|socket| socket.link.clone());
        let seats = self.consultation.record().seats.iter().filter(|seat| seat.participant == participant);
        let agents = seats.filter_map(|seat| if let Holder::Agent(agent) = seat.holder { Some((agent, seat.device)) } else { None });
        let agents = agents.flat_map(|(agent, holding)| {
            self.house.agents().sockets(agent).into_iter().filter(move |(device, _)| *device == holding).map(|(_, link)| link)
        });
        public.chain(agents).collect()
    }

    /// To one person: on their channel, else by their socket.
    async fn deliver(&mut self, to: ParticipantId, label: Label, message: &ServerMessage) {
        let text = wire::text(message);
        if !self.media.send(to, label, &text).await {
            self.links(to).iter().for_each(|link| link.send(text.clone()));
        }
    }

    async fn deliver_block(&mut self, to: ParticipantId, block: String) {
        if !self.media.send(to, Label::Text, &block).await {
            let text = self.block_by_socket(block);
            self.links(to).iter().for_each(|link| link.send(text.clone()));
        }
    }

    async fn answer_talk(&mut self, back: &Back, message: &ServerMessage) {
        match back {
            Back::Socket(link) => link.send(wire::text(message)),
            // An answer that finds no channel any more is lost, and the page asks again by its socket, where other requests have these numbers.
            Back::Channel(to) => {
                self.media.send(*to, Label::Chat, &wire::text(message)).await;
            }
        }
    }

    async fn answer_block(&mut self, back: &Back, block: String) {
        match back {
            Back::Socket(link) => link.send(self.block_by_socket(block)),
            Back::Channel(to) => self.deliver_block(*to, block).await,
        }
    }

    fn block_by_socket(&self, block: String) -> Utf8Bytes {
        wire::text(&ServerMessage::Text { appointment: self.of.id, block: TextBlock(block) })
    }
}

fn internal(error: StoreError) -> (ErrorCode, &'static str) {
    tracing::error!(%error, "the chat could not be written down or read");
    (ErrorCode::Internal, "it could not be written down; nothing was said")
}
