//! Calendar entries in the eyes of another program: right around every change of the clock, in several zones, whatever stands in a name.

use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Value, json};
use visavis::agenda::phase::LinkRules;
use visavis::config::{Config, Service};
use visavis::consultation::record::{Record, Stage};
use visavis::ids::AppointmentId;
use visavis::notify::{House, Sheet, calendar};
use visavis::store::{Appointment, Details};
use visavis::time::Timestamp;

use crate::running::Running;
use crate::support::smtp_sink::read;

fn house(zone: &str) -> House {
    let mut config = Config::default();
    config.mail.from = Some(String::from("video@service.example"));
    config.services.values_mut().for_each(|service| service.time_zone = zone.into());
    House::new(&config, "https://video.example")
}

fn appointment(start: Timestamp) -> Appointment {
    Appointment {
        id: AppointmentId(0xC1A6A),
        reference: "K7Q-4MX".into(),
        service: "advice".into(),
        name: "Clara Citizen".into(),
        language: "en".into(),
        details: Details { email: Some("clara@citizen.example".into()), ..Details::default() },
        start,
        end: start.after(Duration::from_secs(20 * 60)),
        rules: LinkRules::default(),
        link_epoch: 1,
        calendar_sequence: 0,
        record: Record::default(),
    }
}

fn entry(of: &Appointment, house: &House) -> String {
    let sheet = Sheet { of, join_url: "https://video.example/j#TOKEN".into(), cancel_url: "https://video.example/c#OTHER".into() };
    calendar::entry(&sheet, house, Timestamp::parse("2026-01-02T03:04:05Z").unwrap()).1
}

/// What another program reads in these files.
fn read_all(entries: &[String]) -> Vec<Value> {
    let directory = tempfile::tempdir().unwrap();
    let files: Vec<PathBuf> = (0..entries.len()).map(|at| directory.path().join(format!("{at}.ics"))).collect();
    files.iter().zip(entries).for_each(|(file, text)| std::fs::write(file, text).unwrap());
    read(&files)
}

#[test]
fn every_hour_around_both_changes_of_the_clock_is_read_as_the_moment_that_was_meant() {
    let mut meant = Vec::new();
    let mut entries = Vec::new();
    for zone in ["Europe/Luxembourg", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "America/Santiago", "UTC"] {
        let house = house(zone);
        let time_zone = jiff::tz::TimeZone::get(zone).unwrap();
        let year = Timestamp::parse("2026-01-01T00:00:00Z").unwrap();
        let begins = jiff::Timestamp::from_millisecond(year.0).unwrap();
        let changes = time_zone.following(begins).take(2).map(|change| Timestamp(change.timestamp().as_millisecond()));
        let around: Vec<Timestamp> = changes.chain([Timestamp::parse("2026-12-31T22:50:00Z").unwrap()]).collect();
        for change in around {
            for quarters in -16..=16 {
                let of = appointment(Timestamp(change.0 + quarters * 15 * 60_000));
                entries.push(entry(&of, &house));
                meant.push((zone, of.start, of.end));
            }
        }
    }
    let seen = read_all(&entries);
    assert!(seen.len() > 400, "{}", seen.len());
    let mut wrong = Vec::new();
    for ((zone, start, end), read) in meant.iter().zip(&seen) {
        let said = |at: &Timestamp| at.rfc3339().replace(".000Z", "Z");
        assert_eq!(read["zone"], *zone);
        if read["start"] != said(start) || read["end"] != said(end) {
            wrong.push(format!("{zone}: {} was read as {} to {}", said(start), read["start"], read["end"]));
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), seen.len(), wrong.join("\n"));
}

#[test]
fn both_changes_of_the_year_are_in_the_file_and_its_lines_are_as_the_standard_wants_them() {
    let seen = read_all(&[entry(&appointment(Timestamp::parse("2026-07-01T08:00:00Z").unwrap()), &house("Europe/Luxembourg"))]);
    let changes = json!([["STANDARD", "2025-10-26T03:00:00"], ["DAYLIGHT", "2026-03-29T02:00:00"], ["STANDARD", "2026-10-25T03:00:00"]]);
    assert_eq!(seen[0]["changes"], changes);
    assert_eq!(
        (&seen[0]["version"], &seen[0]["method"], &seen[0]["shown"]),
        (&json!("2.0"), &json!("REQUEST"), &json!("2026-07-01T10:00:00"))
    );
    assert!(seen[0]["longest_line"].as_u64().unwrap() <= 75, "{}", seen[0]["longest_line"]);
    assert_eq!(seen[0]["bare_line_feeds"], 0);
    assert_eq!((&seen[0]["class"], &seen[0]["status"]), (&json!("PRIVATE"), &json!("CONFIRMED")));
    assert!(seen[0]["description"].as_str().unwrap().contains("https://video.example/j#TOKEN"));
    assert!(!seen[0]["description"].as_str().unwrap().contains("/c#"), "calendars are shared: nobody cancels from one");
}

#[test]
fn names_with_every_sign_of_the_format_stay_names() {
    let name = "Eve; \"X\", \\ : =\r\nATTENDEE:mailto:all@citizen.example Äöü 😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀";
    let mut house = house("Europe/Luxembourg");
    let named = Service { names: [("en".into(), name.into())].into(), ..house.services["advice"].clone() };
    house.services.insert("advice".into(), named);
    let of = Appointment { name: name.into(), ..appointment(Timestamp::parse("2026-07-01T08:00:00Z").unwrap()) };
    let seen = read_all(&[entry(&of, &house)]);
    assert_eq!(seen[0]["attendee"], "mailto:clara@citizen.example");
    assert!(seen[0]["attendee_name"].as_str().unwrap().starts_with("Eve; X, \\ : =ATTENDEE"), "{}", seen[0]["attendee_name"]);
    assert_eq!(seen[0]["organizer"], "mailto:video@service.example");
    assert!(seen[0]["summary"].as_str().unwrap().contains("Eve; \"X\", \\ : =\nATTENDEE"), "{}", seen[0]["summary"]);
    assert!(seen[0]["longest_line"].as_u64().unwrap() <= 75);
}

#[test]
fn who_has_no_address_gets_a_file_without_an_invitation_and_a_cancelled_one_is_taken_out() {
    let start = Timestamp::parse("2026-07-01T08:00:00Z").unwrap();
    let house = house("Europe/Luxembourg");
    let alone = Appointment { details: Details::default(), ..appointment(start) };
    let record = Record { stage: Stage::Cancelled, ..Record::default() };
    let gone = Appointment { record, calendar_sequence: 1, ..appointment(start) };
    let seen = read_all(&[entry(&alone, &house), entry(&gone, &house)]);
    assert_eq!((&seen[0]["method"], &seen[0]["attendee"]), (&json!("PUBLISH"), &Value::Null));
    assert_eq!((&seen[1]["method"], &seen[1]["status"], &seen[1]["sequence"]), (&json!("CANCEL"), &json!("CANCELLED"), &json!(1)));
    assert_eq!(seen[0]["uid"], seen[1]["uid"]);
    assert!(!seen[1]["description"].as_str().unwrap().contains("/j#"));
}

#[tokio::test]
async fn the_page_of_the_link_gives_the_same_entry_to_the_citizen_alone() {
    let server = Running::start().await;
    let (reference, token) = server.book(3 * 60 * 60_000, "Clara").await;
    let refused = server.get("/api/v1/link/calendar", &[]).await;
    assert_eq!((refused.status, refused.error_code()), (401, String::from("not_signed_in")));
    let cookie = server.citizen(&token).await;
    let file = server.get("/api/v1/link/calendar", &[("Cookie", &cookie)]).await;
    let header = |name: &str| file.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone()).unwrap_or_default();
    assert_eq!((file.status, header("content-type")), (200, String::from("text/calendar; charset=utf-8; method=PUBLISH")));
    assert_eq!(header("content-disposition"), "attachment; filename=\"appointment.ics\"");
    let seen = read_all(&[String::from_utf8(file.body.clone()).unwrap()]);
    let of = server.server.store.appointment_by_reference(&reference).await.unwrap().unwrap();
    assert_eq!(seen[0]["uid"], format!("{}@visavis", of.id));
    assert_eq!(seen[0]["url"], format!("{}/j#{token}", server.server.base_url));
    server.server.stop().await;
}

/// Four files as they leave the server, kept so that a person can open them in Thunderbird, Google Calendar and Outlook (tests/data/ics). `UPDATE=1` writes them.
fn kept_files() -> [(&'static str, Appointment); 4] {
    let start = Timestamp::parse("2027-03-29T06:30:00Z").unwrap();
    let moved = Appointment {
        calendar_sequence: 1,
        start: start.after(Duration::from_secs(3600)),
        end: start.after(Duration::from_secs(4800)),
        ..appointment(start)
    };
    let gone = Appointment { calendar_sequence: 2, record: Record { stage: Stage::Cancelled, ..Record::default() }, ..moved.clone() };
    let nameless = Appointment { id: AppointmentId(0x5117), details: Details::default(), ..appointment(start) };
    [("request", appointment(start)), ("moved", moved), ("cancelled", gone), ("publish", nameless)]
}

#[test]
fn the_kept_files_are_what_leaves_and_have_the_shape_that_each_calendar_program_asks_for() {
    let house = house("Europe/Luxembourg");
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data/ics");
    let mut files = Vec::new();
    for (name, of) in kept_files() {
        let file = folder.join(format!("{name}.ics"));
        let text = entry(&of, &house);
        if std::env::var_os("UPDATE").is_some() {
            std::fs::create_dir_all(&folder).unwrap();
            std::fs::write(&file, &text).unwrap();
        }
        assert_eq!(std::fs::read_to_string(&file).unwrap_or_default(), text, "{name}.ics: UPDATE=1 writes it anew");
        files.push(file);
    }
    let read = read(&files);
    let [request, moved, cancelled, publish] = [0, 1, 2, 3].map(|at| &read[at]);
    // Google shows an answerable invitation only to who is an attendee of a REQUEST; without an address the file is one to import.
    let methods: Vec<_> = read.iter().map(|file| file["method"].as_str().unwrap()).collect();
    assert_eq!(methods, ["REQUEST", "REQUEST", "CANCEL", "PUBLISH"]);
    assert_eq!((&request["attendee"], &publish["attendee"]), (&json!("mailto:clara@citizen.example"), &Value::Null));
    // Thunderbird and Outlook replace what they hold by UID and a greater SEQUENCE, and take out by the same UID.
    assert!(request["uid"] == moved["uid"] && moved["uid"] == cancelled["uid"] && request["uid"] != publish["uid"]);
    assert_eq!([request, moved, cancelled].map(|file| file["sequence"].as_u64().unwrap()), [0, 1, 2]);
    assert_eq!((cancelled["status"].as_str(), moved["status"].as_str()), (Some("CANCELLED"), Some("CONFIRMED")));
    for (file, name) in read.iter().zip(&files) {
        let text = std::fs::read_to_string(name).unwrap();
        // Outlook wants an organizer, a time zone of the file's own, and one method; all want a stamp in UTC and lines of 75 octets that end in CRLF.
        assert!(file["organizer"].as_str().unwrap().starts_with("mailto:"), "{file}");
        assert_eq!(
            (text.matches("METHOD:").count(), text.matches("BEGIN:VTIMEZONE").count(), text.matches("BEGIN:VEVENT").count()),
            (1, 1, 1)
        );
        assert!(text.contains("DTSTART;TZID=Europe/Luxembourg:") && text.contains("TZID:Europe/Luxembourg\r\n"), "{text}");
        assert!(text.lines().any(|line| line == "DTSTAMP:20260102T030405Z"), "{text}");
        assert!(file["longest_line"].as_u64().unwrap() <= 75 && file["bare_line_feeds"] == 0, "{file}");
        // An alarm of 15 minutes in what takes place, none in what does not.
        assert_eq!(file["alarms"], if file["method"] == "CANCEL" { json!([]) } else { json!(["-1 day, 23:45:00"]) });
    }
    assert_eq!((request["start"].as_str(), moved["start"].as_str()), (Some("2027-03-29T06:30:00Z"), Some("2027-03-29T07:30:00Z")));
}
