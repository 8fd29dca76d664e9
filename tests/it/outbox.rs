//! The outbox on a real database file: written with what it tells of or not at all, nothing personal in it, marked once.

use std::collections::BTreeMap;
use std::time::Duration;

use visavis::agenda::phase::{LinkRules, Slot};
use visavis::consultation::record::{Record, Stage};
use visavis::store::{Channel, Details, Kind, NewAppointment, Outlets, Store, Who};
use visavis::time::Timestamp;

use crate::database::{has_no_files, home};

const NOW: Timestamp = Timestamp(1_800_000_000_000);
const HOUR: Duration = Duration::from_secs(60 * 60);
const MAIL: [Channel; 1] = [Channel::Mail];

fn everything() -> Outlets {
    Outlets { mail: true, webhook: true, reminders: BTreeMap::from([("advice".into(), vec![24 * HOUR, HOUR])]) }
}

fn clara() -> NewAppointment {
    let start = NOW.after(48 * HOUR);
    NewAppointment {
        service: "advice".into(),
        name: "Clara Canary-7Q2X".into(),
        language: "lb".into(),
        details: Details {
            email: Some("canary-7q2x@example.lu".into()),
            phone: Some("+352 621 7072 7072".into()),
            note: Some("Note Canary-7Q2X".into()),
            topic: None,
            ..Details::default()
        },
        slot: Slot { start, end: start.after(HOUR) },
        rules: LinkRules::default(),
    }
}

async fn kinds(store: &Store, channel: Channel, at: Timestamp) -> Vec<Kind> {
    store.outbox_due(&[channel], at, 100).await.unwrap().iter().map(|of| of.kind).collect()
}

#[tokio::test]
async fn what_cannot_be_sent_is_not_written_and_who_has_no_address_gets_no_row() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(home(directory.path())).await.unwrap();
    store.book(clara(), NOW).await.unwrap();
    let far = NOW.after(1_000 * HOUR);
    assert!(store.outbox_due(&Channel::ALL, far, 100).await.unwrap().is_empty());
    store.set_outlets(&Outlets { mail: true, ..Outlets::default() }, NOW).await.unwrap();
    store.book(NewAppointment { details: Details::default(), ..clara() }, NOW).await.unwrap();
    assert!(store.outbox_due(&Channel::ALL, far, 100).await.unwrap().is_empty());
    store.book(clara(), NOW).await.unwrap();
    assert_eq!(kinds(&store, Channel::Mail, far).await, [Kind::Booked], "no reminder where none is configured");
    assert_eq!(kinds(&store, Channel::Event, far).await, []);
}

#[tokio::test]
async fn a_row_comes_with_what_it_tells_of_and_not_without_it() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(home(directory.path())).await.unwrap();
    store.set_outlets(&everything(), NOW).await.unwrap();
    // No place: no appointment, and nothing to tell.
    assert!(store.book_place(clara(), 0, NOW).await.unwrap().is_none());
    assert!(store.outbox_due(&Channel::ALL, NOW.after(1_000 * HOUR), 100).await.unwrap().is_empty());
    // Simulated people are sent nothing.
    store.book_for_load(clara(), NOW).await.unwrap();
    assert!(store.outbox_due(&Channel::ALL, NOW.after(1_000 * HOUR), 100).await.unwrap().is_empty());

    let (of, _) = store.book(clara(), NOW).await.unwrap();
    assert_eq!(kinds(&store, Channel::Mail, NOW).await, [Kind::Booked]);
    assert_eq!(kinds(&store, Channel::Sms, NOW).await, [Kind::Booked]);
    assert_eq!(kinds(&store, Channel::Event, NOW).await, [Kind::Booked]);
    assert_eq!(kinds(&store, Channel::Mail, of.start).await, [Kind::Booked, Kind::Reminder, Kind::Reminder]);
    let record = Record { stage: Stage::Cancelled, ..Record::default() };
    store.save_consultation(of.id, &record, &[("cancel", Who::Citizen)], NOW).await.unwrap();
    assert_eq!(kinds(&store, Channel::Mail, of.start).await, [Kind::Booked, Kind::Cancelled], "nobody is reminded any more");
    assert_eq!(store.appointment(of.id).await.unwrap().unwrap().calendar_sequence, 1);
}

#[tokio::test]
async fn a_row_and_the_files_hold_nothing_personal_and_no_link() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(home(directory.path())).await.unwrap();
    store.set_outlets(&everything(), NOW).await.unwrap();
    let (of, join) = store.book(clara(), NOW).await.unwrap();
    let cancel = store.cancel_token(&of);
    let due = store.outbox_due(&MAIL, NOW, 100).await.unwrap();
    store.outbox_later(&due[0], "unreachable", NOW.after(HOUR), NOW).await.unwrap();
    store.outbox_sent(&due[0], NOW).await.unwrap();
    store.close().await;
    if has_no_files("what is in the files") {
        return;
    }
    let entries = std::fs::read_dir(directory.path()).unwrap().map(|entry| entry.unwrap().path());
    let files = entries.filter(|path| path.is_file()).map(|path| std::fs::read(path).unwrap());
    let bytes: Vec<u8> = files.flatten().collect();
    let holds = |needle: &[u8]| bytes.windows(needle.len()).any(|window| window == needle);
    assert!(holds(of.reference.as_bytes()) && holds(due[0].id.as_bytes()), "the search sees what is there");
    for secret in [b"anary-7".as_slice(), b"7072", join.text().as_bytes(), cancel.text().as_bytes()] {
        assert!(!holds(secret), "{}", String::from_utf8_lossy(secret));
    }
}

#[tokio::test]
async fn what_was_handed_over_before_the_process_died_is_not_sent_again() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(home(directory.path())).await.unwrap();
    store.set_outlets(&everything(), NOW).await.unwrap();
    store.book(clara(), NOW).await.unwrap();
    let due = store.outbox_due(&MAIL, NOW, 100).await.unwrap();
    store.close().await;
    drop(store);
    // What a killed process leaves: the line, and no mark in the database.
    std::fs::write(directory.path().join("outbox.handed"), format!("{}\n", due[0].id)).unwrap();
    let store = Store::open(home(directory.path())).await.unwrap();
    store.set_outlets(&everything(), NOW).await.unwrap();
    assert!(store.outbox_due(&MAIL, NOW, 100).await.unwrap().is_empty());
    assert_eq!(std::fs::read(directory.path().join("outbox.handed")).unwrap(), b"");
    let visavis::store::Subject::Appointment(appointment) = due[0].about else { panic!("{:?}", due[0]) };
    let sent = store.messages_of(appointment).await.unwrap();
    assert_eq!(sent.iter().filter(|one| one.state.word() == "sent").count(), 1);
}

#[tokio::test]
async fn settled_rows_go_after_a_week_and_waiting_ones_stay() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(home(directory.path())).await.unwrap();
    store.set_outlets(&everything(), NOW).await.unwrap();
    let (of, _) = store.book(clara(), NOW).await.unwrap();
    let due = store.outbox_due(&Channel::ALL, NOW, 100).await.unwrap();
    for one in due.iter().filter(|one| one.channel != Channel::Sms) {
        store.outbox_sent(one, NOW).await.unwrap();
    }
    let messages = async || store.messages_of(of.id).await.unwrap().len();
    assert_eq!(messages().await, 6, "mail and short message, each with two reminders");
    store.outbox_tidy(NOW.after(6 * 24 * HOUR)).await.unwrap();
    assert_eq!(messages().await, 6);
    store.outbox_tidy(NOW.after(8 * 24 * HOUR)).await.unwrap();
    assert_eq!(messages().await, 5);
}
