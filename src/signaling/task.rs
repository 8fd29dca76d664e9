//! The task of one consultation: brings mail to the rules, writes down what changed, then tells people and media. No rule is decided here.

mod erasure;
mod people;
mod talk;

use std::collections::{HashMap, HashSet};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use crate::access::token::TokenHash;
use crate::consultation::view::Row;
use crate::consultation::{Actor, Cancellation, Command, Consultation, Effect, Event, GuestKind, Now, Record, Stage, Trace, View};
use crate::ids::{AgentId, AppointmentId, ParticipantId};
use crate::media::plane::{MediaEvent, OfferError};
use crate::protocol::server::{self, ServerMessage};
use crate::protocol::{CloseCode, ErrorCode};
use crate::sfu::lids::Lids;
use crate::signaling::desk::News;
use crate::signaling::link::Link;
use crate::signaling::media_side::{Answered, Asked, Happened, MediaSide};
use crate::signaling::task::talk::TalkSide;
use crate::signaling::wire::Talk;
use crate::signaling::{Erasure, NotCancelled, NotErased, Signaling, stopped, wire};
use crate::store::{Appointment, Receipt, StoreError, Who};
use crate::time::Instant;

/// At least this often the rules are asked what is due: the wall clock may have been moved.
const TICK: Duration = Duration::from_secs(1);
/// After the store failed, what is due is tried again this much later.
const RETRY: Duration = Duration::from_secs(1);

/// What reaches a consultation.
pub(super) enum Mail {
    /// A socket of the citizen or a guest said hello; `done` when its snapshot is on the way.
    PublicHere { from: Actor, sign_in: TokenHash, link: Link, done: oneshot::Sender<()> },
    /// A socket of the citizen or a guest ended.
    PublicGone { link: u64 },
    /// A socket of an agent who may have a seat here said hello.
    AgentHere { from: Actor, done: oneshot::Sender<()> },
    /// The last socket of an agent's device ended; `signed_out`: with the sign-in that opened it.
    AgentGone { from: Actor, signed_out: bool },
    /// A request for the rules.
    Ask { from: Actor, link: Link, re: NonZeroU32, command: Command },
    /// An agent invites somebody.
    Invite { from: Actor, link: Link, re: NonZeroU32, kind: GuestKind, name: String, direct: bool },
    /// A request for the media plane.
    Offer { from: Actor, link: Link, re: NonZeroU32, transport: u32, sdp: String },
    /// Something for the chat or the real-time text.
    Talk { from: Actor, link: Link, re: NonZeroU32, talk: Talk },
    /// The appointment does not take place; `done` when that is written down, or why it is not.
    Cancel { by: Who, why: Cancellation, done: oneshot::Sender<Result<(), NotCancelled>> },
    /// What the appointment holds is destroyed, because the citizen asks for it or because it is due; `done` when that is written down, or why it is not.
    Erase { why: Erasure, done: oneshot::Sender<Result<Receipt, NotErased>> },
    /// The join link was replaced, or the appointment erased.
    LinkEnded,
    /// The agenda has other times than this task began with.
    Rebooked(Arc<Appointment>),
    /// After a restart: what is due is due, though nobody came yet.
    Wake,
}

/// Runs until nobody is connected and nothing is due.
pub(super) async fn run(house: Arc<Signaling>, id: AppointmentId, mut inbox: mpsc::Receiver<Mail>) {
    match house.store().appointment(id).await {
        Ok(Some(of)) => {
            if Box::pin(Task::new(house.clone(), of).run(&mut inbox)).await == End::Erased {
                refuse(&house, id, &mut inbox, ErrorCode::UnknownAppointment, CloseCode::CredentialEnded).await;
            }
        }
        Ok(None) => refuse(&house, id, &mut inbox, ErrorCode::UnknownAppointment, CloseCode::CredentialEnded).await,
        Err(error) => {
            tracing::error!(%error, "a consultation cannot be read");
            refuse(&house, id, &mut inbox, ErrorCode::Internal, CloseCode::TryAgainLater).await;
        }
    }
}

/// Why a task ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// Nothing to do any more, or the server stops.
    Done,
    /// The appointment is no longer in the store.
    Erased,
}

/// There is no consultation: everybody who asks is told, until nobody does.
async fn refuse(house: &Signaling, id: AppointmentId, inbox: &mut mpsc::Receiver<Mail>, code: ErrorCode, close: CloseCode) {
    while !house.registry().retire(id, inbox) {
        match tokio::time::timeout(TICK, inbox.recv()).await {
            Ok(Some(Mail::PublicHere { link, .. })) => link.close(close),
            Ok(Some(
                Mail::Ask { link, re, .. } | Mail::Invite { link, re, .. } | Mail::Offer { link, re, .. } | Mail::Talk { link, re, .. },
            )) => {
                link.send(wire::text(&wire::error(re, code, "no such consultation here")));
            }
            Ok(Some(_)) | Err(_) => {}
            Ok(None) => return,
        }
    }
}

/// A socket of the citizen or a guest.
struct PublicSocket {
    /// Whose, and from which device.
    from: Actor,
    /// What it was opened with; it ends with it.
    sign_in: TokenHash,
    link: Link,
}

struct Task {
    house: Arc<Signaling>,
    of: Arc<Appointment>,
    consultation: Consultation,
    /// Those of citizen and guests, one per device.
    public: Vec<PublicSocket>,
    media: MediaSide,
    /// The last snapshot of each socket, without its revision.
    sent: HashMap<u64, server::State>,
    revision: u64,
    /// Agents of whom the directory believes that they have a seat here.
    seated: HashSet<AgentId>,
    /// The last row told to the desk.
    row: Option<Option<Row>>,
    /// What people write to each other.
    talk: TalkSide,
    /// The store failed: nothing is due before.
    retry_at: Option<Instant>,
    /// The appointment is no longer in the store.
    erased: bool,
}

impl Task {
    fn new(house: Arc<Signaling>, of: Appointment) -> Self {
        let now = Now { instant: Instant::now(), wall: house.clock().now() };
        let consultation = Consultation::from_record(of.record.clone(), of.slot(), of.rules, now);
        let seated = consultation.seated_agents().collect();
        let revision = house.revision(0);
        Self {
            house,
            of: Arc::new(of),
            consultation,
            public: Vec::new(),
            media: MediaSide::default(),
            sent: HashMap::new(),
            revision,
            seated,
            row: None,
            talk: TalkSide::default(),
            retry_at: None,
            erased: false,
        }
    }

    async fn run(mut self, inbox: &mut mpsc::Receiver<Mail>) -> End {
        let mut desk = self.house.desk().watch();
        let mut stopping = self.house.stopping();
        self.recall_agents();
        loop {
            self.do_what_is_due().await;
            self.tell_everybody().await;
            if self.erased {
                self.let_go().await;
                return End::Erased;
            }
            if self.is_over() && inbox.is_empty() && self.retire(inbox).await {
                return End::Done;
            }
            let due = self.due();
            tokio::select! {
                mail = inbox.recv() => match mail {
                    Some(mail) => self.take(mail).await,
                    None => return End::Done,
                },
                happened = self.media.next() => self.happened(happened).await,
                // Places in the queue moved.
                changed = desk.changed(), if self.shows_a_place() => if changed.is_err() { return End::Done },
                () = tokio::time::sleep_until(due.into()) => {}
                () = stopped(&mut stopping) => return End::Done,
            }
        }
    }

    /// The desk hears first that the record speaks from now on: a task that begins right after must not be overruled by this one's last word.
    async fn retire(&mut self, inbox: &mpsc::Receiver<Mail>) -> bool {
        let asleep = Appointment { record: self.consultation.record().clone(), ..Appointment::clone(&self.of) };
        self.house.desk().tell(News::Asleep(Arc::new(asleep))).await;
        self.row = None;
        self.house.registry().retire(self.of.id, inbox)
    }

    /// Somebody looks at a place in the queue.
    fn shows_a_place(&self) -> bool {
        !self.public.is_empty() && matches!(self.consultation.record().stage, Stage::Waiting | Stage::Ringing)
    }

    fn now(&self) -> Now {
        Now { instant: Instant::now(), wall: self.house.clock().now() }
    }

    fn is_over(&self) -> bool {
        self.public.is_empty() && self.consultation.is_idle() && self.seated.is_empty() && !self.media.is_answering()
    }

    fn due(&self) -> Instant {
        let now = self.now();
        let rules = self.consultation.poll_timeout(now).map(|at| self.retry_at.map_or(at, |retry| at.max(retry)));
        [rules, self.media.poll_timeout(), self.talk.poll_timeout()].into_iter().flatten().fold(now.instant + TICK, Instant::min)
    }

    async fn take(&mut self, mail: Mail) {
        match mail {
            Mail::PublicHere { from, sign_in, link, done } => {
                self.public_here(PublicSocket { from, sign_in, link }).await;
                self.tell_everybody().await;
                let _ = done.send(());
            }
            Mail::PublicGone { link } => {
                self.sent.remove(&link);
                if let Some(at) = self.public.iter().position(|socket| socket.link.id() == link) {
                    let gone = self.public.remove(at);
                    self.ask(Command::Disconnect, &gone.from, None).await;
                }
            }
            Mail::AgentHere { from, done } => {
                self.ask(Command::Connect, &from, None).await;
                self.tell_everybody().await;
                let _ = done.send(());
            }
            Mail::AgentGone { from, signed_out } => {
                if !self.is_connected(&from) {
                    if signed_out {
                        self.silence(&from);
                    }
                    self.ask(Command::Disconnect, &from, None).await;
                }
            }
            Mail::Ask { from, link, re, command } => {
                self.do_what_is_due().await;
                self.ask(command, &from, Some((&link, re))).await;
                // The socket may have ended before the seat existed: then nobody else says so.
                if !self.is_connected(&from) {
                    self.ask(Command::Disconnect, &from, None).await;
                }
            }
            Mail::Invite { from, link, re, kind, name, direct } => self.invite(&from, &link, re, kind, name, direct).await,
            Mail::Offer { from, link, re, transport, sdp } => self.offer(from, link, re, transport, sdp).await,
            Mail::Talk { from, link, re, talk } => {
                self.do_what_is_due().await;
                self.take_talk(&from, link, re, talk).await;
            }
            Mail::Cancel { by, why, done } => {
                self.do_what_is_due().await;
                let _ = done.send(self.cancel(by, why).await);
            }
            Mail::Erase { why, done } => {
                self.do_what_is_due().await;
                let _ = done.send(self.erase(why).await);
            }
            Mail::LinkEnded => self.link_ended().await,
            Mail::Rebooked(of) => self.rebooked(of),
            Mail::Wake => {}
        }
    }

    /// One command: rules, then disk (record and trail at once), then media, then the answer, then the snapshots. When the disk fails, nothing happened.
    async fn ask(&mut self, command: Command, from: &Actor, answer: Option<(&Link, NonZeroU32)>) {
        self.ask_for(command, from, answer, |re, _| ServerMessage::Ok { re }).await;
    }

    /// The same with another answer than a plain `ok`.
    async fn ask_for(
        &mut self,
        command: Command,
        from: &Actor,
        answer: Option<(&Link, NonZeroU32)>,
        done: impl FnOnce(NonZeroU32, &Record) -> ServerMessage,
    ) {
        let before = self.consultation.clone();
        let published = if let Command::Publish(publishing) = &command { Some(*publishing) } else { None };
        let said = match self.consultation.handle(command, from, self.now()) {
            Err(refusal) => Err((wire::code(refusal), refusal.to_string())),
            Ok(effects) => match self.save(&effects, None).await {
                Ok(()) => Ok(effects),
                Err(error) => {
                    tracing::error!(reference = %self.of.reference, %error, "not saved, so not done");
                    self.consultation = before;
                    Err((ErrorCode::Internal, String::from("it could not be written down; nothing was done")))
                }
            },
        };
        if let Ok(effects) = &said {
            self.route(effects);
        }
        if let Some((link, re)) = answer {
            link.send(wire::text(&match &said {
                Ok(_) => done(re, self.consultation.record()),
                Err((code, message)) => wire::error(re, *code, message),
            }));
        }
        if let Ok(effects) = said {
            if let (Some(publishing), Some(seat)) = (published, self.consultation.seat(from)) {
                self.media.publish(seat, publishing);
            }
            self.carry_out(effects).await;
        }
    }

    /// Nobody is told before it is written down; when the disk fails, nothing happened.
    async fn cancel(&mut self, by: Who, why: Cancellation) -> Result<(), NotCancelled> {
        let before = self.consultation.clone();
        let effects = self.consultation.cancel(why, self.now()).map_err(NotCancelled::Refused)?;
        if let Err(error) = self.save(&effects, Some(by)).await {
            tracing::error!(reference = %self.of.reference, %error, "not saved, so not cancelled");
            self.consultation = before;
            return Err(NotCancelled::Failed);
        }
        self.route(&effects);
        self.carry_out(effects).await;
        Ok(())
    }

    /// Rings that end, drops, consultations that end by themselves.
    async fn do_what_is_due(&mut self) {
        let now = self.now();
        let due = self.consultation.poll_timeout(now).is_some_and(|at| at <= now.instant);
        if !due || self.retry_at.is_some_and(|at| now.instant < at) {
            return;
        }
        let before = self.consultation.clone();
        let effects = self.consultation.handle_timeout(now);
        match self.save(&effects, None).await {
            Ok(()) => {
                self.retry_at = None;
                self.route(&effects);
                self.carry_out(effects).await;
            }
            Err(error) => {
                tracing::error!(reference = %self.of.reference, %error, "what is due could not be saved");
                self.consultation = before;
                self.retry_at = Some(now.instant + RETRY);
            }
        }
    }

    /// `by`: who did all of it, when it was nobody of those who take part.
    async fn save(&mut self, effects: &[Effect], by: Option<Who>) -> Result<(), StoreError> {
        if effects.contains(&Effect::Save) {
            let trail: Vec<_> = traces(effects).map(|trace| (trace.event.word(), by.unwrap_or_else(|| who(trace)))).collect();
            self.house.store().save_consultation(self.of.id, self.consultation.record(), &trail, self.house.clock().now()).await?;
        }
        Ok(())
    }

    /// The media plane follows before anybody is told: a person put back is not heard any longer when the answer comes.
    fn route(&mut self, effects: &[Effect]) {
        for effect in effects {
            match effect {
                Effect::EndTransport(participant) => self.media.end_transport(*participant),
                Effect::Admit(participant, admitted) => self.media.admit(*participant, *admitted),
                Effect::Save | Effect::Part { .. } | Effect::Trace(_) => {}
            }
        }
        if self.consultation.is_idle() && self.media.is_open() {
            self.media.shut();
        }
    }

    /// Everything after disk, media and answer: people hear, the log has its lines.
    async fn carry_out(&mut self, effects: Vec<Effect>) {
        for effect in &effects {
            if let Effect::Part { agent, participant, why } = effect {
                let last = Consultation::parted_view(*participant, *why);
                let state = self.state(last);
                for (_, link) in self.house.agents().sockets(*agent) {
                    self.sent.remove(&link.id());
                    self.send_state(&link, state.clone());
                }
            }
        }
        self.tell_directory();
        self.tell_everybody().await;
        let is_in_trail = effects.contains(&Effect::Save);
        for trace in traces(&effects) {
            let (word, who) = (trace.event.word(), who(trace));
            tracing::info!(reference = %self.of.reference, who = %who, "{word}");
            // Drops and returns of a page change no record: their lines stand alone.
            if !is_in_trail && let Err(error) = self.house.store().audit(word, who, Some(self.of.id), self.house.clock().now()).await {
                tracing::error!(reference = %self.of.reference, %error, "a line of the audit trail is lost");
            }
        }
    }

    fn tell_directory(&mut self) {
        let seated: HashSet<AgentId> = self.consultation.seated_agents().collect();
        for agent in self.seated.symmetric_difference(&seated) {
            self.house.agents().seated(*agent, self.of.id, seated.contains(agent));
        }
        self.seated = seated;
    }

    /// Sends each socket its snapshot when it is another than the last, the desk its row, and people their lines.
    async fn tell_everybody(&mut self) {
        let now = self.now();
        let row = self.consultation.row(now);
        if self.row.as_ref() != Some(&row) {
            self.row = Some(row.clone());
            self.house.desk().tell(News::Row(self.of.clone(), row)).await;
        }
        let mut viewers: Vec<(Actor, Link)> = self.public.iter().map(|socket| (socket.from.clone(), socket.link.clone())).collect();
        for agent in &self.seated {
            let sockets = self.house.agents().sockets(*agent);
            viewers.extend(sockets.into_iter().map(|(device, link)| (Actor::Agent { agent: *agent, name: String::new(), device }, link)));
        }
        let (lines, lids) = (self.media.lines_to_tell(now.instant), self.media.lids_to_tell());
        for (viewer, link) in &viewers {
            if let Some(view) = self.consultation.view(viewer, now) {
                let state = self.state(view);
                if self.sent.get(&link.id()) != Some(&state) {
                    self.sent.insert(link.id(), state.clone());
                    self.send_state(link, state);
                }
            }
            let seat = self.consultation.seat(viewer);
            for (_, uplink, downlink) in lines.iter().filter(|line| Some(line.0) == seat) {
                link.send(wire::text(&ServerMessage::Quality { appointment: self.of.id, uplink: *uplink, downlink: *downlink }));
            }
            if let Some(Lids { camera, smaller, screen }) = seat.and_then(|seat| lids.get(&seat)).copied() {
                link.send(wire::text(&ServerMessage::Lids { appointment: self.of.id, camera, smaller, screen }));
            }
        }
        self.sent.retain(|id, _| viewers.iter().any(|(_, link)| link.id() == *id));
        self.tell_talk(now).await;
    }

    fn state(&self, view: View) -> server::State {
        let place = self.house.desk().watch().borrow().place(&self.of);
        let (slots, layers) = (self.media.slots(view.you), self.media.has_layers(view.you));
        wire::state(view, &self.of, place, slots, layers)
    }

    fn send_state(&mut self, link: &Link, mut state: server::State) {
        self.revision = self.house.revision(self.revision);
        state.revision = self.revision;
        link.send(wire::text(&ServerMessage::State(state)));
    }

    async fn offer(&mut self, from: Actor, link: Link, re: NonZeroU32, transport: u32, sdp: String) {
        let Some(participant) = self.consultation.seat(&from) else {
            link.send(wire::text(&wire::error(re, ErrorCode::NotSeated, "this device holds no seat")));
            return;
        };
        if !self.media.is_open() {
            let (door, events) = self.house.media().open(self.of.id);
            self.media.open(door, events);
            for participant in self.consultation.admitted() {
                self.media.admit(participant, true);
            }
        }
        let refusing = link.clone();
        match self.media.offer(Asked { from, participant, link, re }, transport, sdp).await {
            Some(Some(answered)) => self.answer(answered),
            Some(None) => {}
            None => refusing.send(wire::text(&wire::error(re, ErrorCode::Internal, "too many offers under way"))),
        }
    }

    fn answer(&self, Answered { asked, sdp }: Answered) {
        let still = self.consultation.seat(&asked.from) == Some(asked.participant);
        let answer = match sdp {
            Ok(_) if !still => wire::error(asked.re, ErrorCode::NotSeated, "the seat went to another device"),
            Ok(sdp) => ServerMessage::Answer { re: asked.re, sdp },
            Err(OfferError::Bad(why)) => wire::error(asked.re, ErrorCode::BadOffer, why),
            Err(OfferError::Overloaded) => {
                wire::error(asked.re, ErrorCode::Overloaded, "there is no room for this transport now; ask again in a few seconds")
            }
            Err(OfferError::Unavailable) => wire::error(asked.re, ErrorCode::Internal, "the media plane is not available"),
        };
        asked.link.send(wire::text(&answer));
    }

    async fn happened(&mut self, happened: Happened) {
        match happened {
            Happened::Answered(answered) => self.answer(answered),
            Happened::Event(Some(MediaEvent::Slots(participant, slots))) => self.media.set_slots(participant, slots),
            Happened::Event(Some(MediaEvent::Layers(participant, all))) => self.media.set_layers(participant, all),
            Happened::Event(Some(MediaEvent::Gone(participant))) => self.media.gone(participant),
            Happened::Event(Some(MediaEvent::Quality { participant, uplink, downlink })) => {
                self.media.set_line(participant, uplink, downlink, Instant::now());
            }
            Happened::Event(Some(MediaEvent::Lids(participant, lids))) => self.media.set_lids(participant, lids),
            Happened::Event(Some(MediaEvent::Message(participant, label, bytes))) => self.take_message(participant, label, &bytes).await,
            Happened::Event(Some(MediaEvent::Connected(_))) => {}
            Happened::Event(None) => {
                tracing::error!(reference = %self.of.reference, "the media worker of this consultation is gone");
                self.media.shut();
            }
        }
    }

    /// Other times hold at once; the record is this task's own.
    fn rebooked(&mut self, of: Arc<Appointment>) {
        self.consultation.rebook(of.slot(), of.rules);
        self.of = of;
        self.row = None;
    }
}

fn traces(effects: &[Effect]) -> impl Iterator<Item = &Trace> {
    effects.iter().filter_map(|effect| if let Effect::Trace(trace) = effect { Some(trace) } else { None })
}

/// Who did it, for log and trail.
fn who(trace: &Trace) -> Who {
    match (trace.agent, trace.event) {
        (Some(agent), _) => Who::Agent(agent),
        (None, Event::Unanswered | Event::Expire | Event::Missed) => Who::Service,
        (None, _) if trace.participant != ParticipantId::CITIZEN => Who::Guest,
        (None, _) => Who::Citizen,
    }
}

impl Drop for Task {
    /// After a panic the next task does not know the sockets of this one: they come back by themselves and get snapshots.
    fn drop(&mut self) {
        if std::thread::panicking() {
            for socket in &self.public {
                socket.link.close(CloseCode::GoingAway);
            }
        }
    }
}
