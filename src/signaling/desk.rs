//! The desk of the agents: one task gathers rows from the agenda and from running consultations and shows them whole. Never waits for a reader.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::ws::Utf8Bytes;
use tokio::sync::{Notify, mpsc, watch};
use tokio::time::Instant;

use crate::consultation::queue::places;
use crate::consultation::view::Row;
use crate::consultation::{Consultation, Now};
use crate::ids::AppointmentId;
use crate::limits;
use crate::protocol::booking::CallbackRow;
use crate::protocol::server::{self, ServerMessage};
use crate::signaling::task::Mail;
use crate::signaling::{Signaling, callbacks, stopped, wire};
use crate::store::Appointment;

/// The agenda is read again this often even when nobody says that it changed: the day goes on.
const RELOAD: Duration = Duration::from_secs(30);
/// Rows that change by the clock alone are looked at this often.
const TICK: Duration = Duration::from_secs(1);

/// What others hold of the desk.
pub(super) struct Desk {
    news: mpsc::Sender<News>,
    shown: watch::Sender<Arc<Shown>>,
    reload: Notify,
}

/// What the desk shows now.
#[derive(Default)]
pub(super) struct Shown {
    /// The agenda was read at least once.
    pub(super) loaded: bool,
    /// The `desk` message.
    pub(super) text: Utf8Bytes,
    queue: Queue,
}

/// The places of those who wait.
#[derive(Default)]
struct Queue {
    places: HashMap<AppointmentId, u32>,
    /// How many wait at a service.
    waiting: HashMap<String, u32>,
}

impl Shown {
    /// The place in the queue of the service; at the end when the desk has not seen the arrival yet.
    pub(super) fn place(&self, of: &Appointment) -> u32 {
        self.queue.places.get(&of.id).copied().unwrap_or_else(|| self.queue.waiting.get(&of.service).copied().unwrap_or(0) + 1)
    }
}

/// What a consultation's task tells the desk.
pub(super) enum News {
    /// Its row now; none when it belongs on no desk.
    Row(Arc<Appointment>, Option<Row>),
    /// The task ended; the store knows the rest.
    Asleep(Arc<Appointment>),
    /// The task ended because the appointment is no longer in the store. The desk may hear a wish to read the agenda again before this word, so the word
    /// itself must take the row away.
    Erased(AppointmentId),
}

impl Desk {
    /// The handle, and the mail of the task that [`run`] is.
    pub(super) fn new() -> (Self, mpsc::Receiver<News>) {
        let (news, inbox) = mpsc::channel(limits::DESK_QUEUE);
        (Self { news, shown: watch::Sender::default(), reload: Notify::new() }, inbox)
    }

    pub(super) async fn tell(&self, news: News) {
        // It ends only with the server.
        let _ = self.news.send(news).await;
    }

    pub(super) fn reload(&self) {
        self.reload.notify_one();
    }

    pub(super) fn watch(&self) -> watch::Receiver<Arc<Shown>> {
        self.shown.subscribe()
    }
}

struct Entry {
    of: Arc<Appointment>,
    row: Option<Row>,
    /// A task tells the row; else the record does.
    running: bool,
}

/// The desk's task, until the server stops.
pub(super) async fn run(house: Arc<Signaling>, mut inbox: mpsc::Receiver<News>) {
    let mut stopping = house.stopping();
    let mut entries: HashMap<AppointmentId, Entry> = HashMap::new();
    let mut callbacks: Vec<CallbackRow> = Vec::new();
    let mut last: Option<(Vec<server::DeskRow>, Vec<CallbackRow>)> = None;
    let mut revision = 0;
    let (mut load_at, mut show_at) = (Instant::now(), Instant::now());
    loop {
        if load_at <= Instant::now() {
            load_at = Instant::now()
                + if load(&house, &mut entries).await && load_callbacks(&house, &mut callbacks).await { RELOAD } else { TICK };
        }
        if show_at <= Instant::now() {
            let (rows, queue) = show(&house, &mut entries);
            let shown = (rows, callbacks.clone());
            if last.as_ref() != Some(&shown) && load_at > Instant::now() {
                revision = house.revision(revision);
                publish(&house, revision, &shown, queue);
                last = Some(shown);
            }
            show_at = Instant::now() + TICK;
        }
        tokio::select! {
            news = inbox.recv() => {
                match news {
                    Some(News::Row(of, row)) => { entries.insert(of.id, Entry { of, row, running: true }); }
                    Some(News::Asleep(of)) => { entries.insert(of.id, Entry { row: None, of, running: false }); }
                    Some(News::Erased(id)) => { entries.remove(&id); }
                    None => return,
                }
                show_at = show_at.min(Instant::now() + limits::DESK_PAUSE);
            }
            () = house.desk().reload.notified() => {
                load_at = Instant::now();
                show_at = load_at;
            }
            () = tokio::time::sleep_until(load_at.min(show_at)) => {}
            () = stopped(&mut stopping) => return,
        }
    }
}

/// Reads the agenda. Consultations that were running when the server stopped are brought back.
async fn load(house: &Arc<Signaling>, entries: &mut HashMap<AppointmentId, Entry>) -> bool {
    let appointments = match house.store().desk(house.clock().now()).await {
        Ok(appointments) => appointments,
        Err(error) => {
            tracing::warn!(%error, "the desk cannot read the agenda");
            return false;
        }
    };
    // A task that ended without a word (a panic) tells no row any more: the record speaks, and the consultation is brought back below.
    entries.retain(|id, entry| entry.running && house.registry().is_running(*id));
    for of in appointments {
        let (id, of) = (of.id, Arc::new(of));
        match entries.get_mut(&id) {
            Some(entry) => {
                if entry.of.slot() != of.slot() || entry.of.rules != of.rules {
                    house.registry().whisper(id, Mail::Rebooked(of));
                }
            }
            None => {
                if of.record.is_running() && !house.registry().is_running(id) {
                    for seat in &of.record.seats {
                        if let crate::consultation::record::Holder::Agent(agent) = seat.holder {
                            house.agents().seated(agent, id, true);
                        }
                    }
                    if house.registry().send(house, id, Mail::Wake).await.is_err() {
                        tracing::warn!("too many consultations in memory: one stays asleep until somebody comes");
                    }
                }
                entries.insert(id, Entry { of, row: None, running: false });
            }
        }
    }
    true
}

/// Reads who wants to be called back.
async fn load_callbacks(house: &Signaling, rows: &mut Vec<CallbackRow>) -> bool {
    match house.store().callbacks().await {
        Ok(read) => *rows = read.iter().map(callbacks::row).collect(),
        Err(error) => {
            tracing::warn!(%error, "the desk cannot read the calls back");
            return false;
        }
    }
    true
}

/// The rows in their order, and the place of each who waits.
fn show(house: &Signaling, entries: &mut HashMap<AppointmentId, Entry>) -> (Vec<server::DeskRow>, Queue) {
    let now = Now { instant: std::time::Instant::now(), wall: house.clock().now() };
    for entry in entries.values_mut().filter(|entry| !entry.running) {
        let asleep = Consultation::from_record(entry.of.record.clone(), entry.of.slot(), entry.of.rules, now);
        entry.row = asleep.row(now);
    }
    let mut rows: Vec<_> = entries.values().filter_map(|entry| Some((entry.of.as_ref(), entry.row.clone()?))).collect();
    wire::sort_desk(&mut rows);
    let mut by_service: HashMap<&str, Vec<(AppointmentId, &Row)>> = HashMap::new();
    for (of, row) in &rows {
        by_service.entry(&of.service).or_default().push((of.id, row));
    }
    let mut queue = Queue::default();
    for (service, rows) in by_service {
        let of_service: Vec<_> = places(rows).collect();
        queue.waiting.insert(service.to_owned(), u32::try_from(of_service.len()).unwrap_or(u32::MAX));
        queue.places.extend(of_service);
    }
    (rows.iter().map(|(of, row)| wire::desk_row(of, row)).collect(), queue)
}

fn publish(house: &Signaling, revision: u64, (rows, callbacks): &(Vec<server::DeskRow>, Vec<CallbackRow>), queue: Queue) {
    let text = wire::text(&ServerMessage::Desk(server::Desk { revision, rows: rows.clone(), callbacks: callbacks.clone() }));
    house.desk().shown.send_replace(Arc::new(Shown { loaded: true, text, queue }));
}
