//! Mails to citizens, from the booking to a real mail server: what is in them, that each leaves once, and what happens when the server does not take them.

use std::time::Duration;

use serde_json::{Value, json};
use visavis::config::{Config, MailSecurity};
use visavis::load::http_client::{Response, request};
use visavis::store::AuditLine;
use visavis::time::Timestamp;

use crate::running::{Running, settings};
use crate::support::smtp_sink::{MAIL_PATIENCE, SmtpSink};

const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;
const HELPDESK: &str = "+352 27 57 40 00";

/// A server that sends its mails to the sink.
pub async fn mailing(sink: &SmtpSink) -> Running {
    mailing_with(sink, |_| {}).await
}

pub async fn mailing_with(sink: &SmtpSink, change: impl FnOnce(&mut Config)) -> Running {
    let directory = tempfile::tempdir().unwrap();
    let mut config = settings(&directory);
    config.mail.server = Some((String::from("127.0.0.1"), Some(sink.port)));
    config.mail.from = Some(String::from("Video advice <video@service.example>"));
    config.mail.security = MailSecurity::None;
    for service in config.services.values_mut() {
        service.helpdesk_phone = HELPDESK.into();
    }
    change(&mut config);
    Running::start_with(directory, config).await
}

impl Running {
    pub async fn as_portal(&self, method: &str, path: &str, body: Option<Value>) -> Response {
        let key = format!("Bearer {}", self.demo.api.key);
        request(&self.base, method, path, &[("Authorization", &key)], body.as_ref()).await.unwrap()
    }

    /// Books a slot of 20 minutes with these details beside name, language and time.
    pub async fn book_for(&self, from_now_ms: i64, language: &str, details: Value) -> Value {
        let start = Timestamp(self.clock.now().0 + from_now_ms);
        let end = start.after(Duration::from_secs(1200));
        let mut body =
            json!({"service": "advice", "start": start.rfc3339(), "end": end.rfc3339(), "name": "Clara Citizen", "language": language});
        body.as_object_mut().unwrap().extend(details.as_object().unwrap().clone());
        let booked = self.as_portal("POST", "/api/v1/appointments", Some(body)).await;
        assert_eq!(booked.status, 201, "{}", booked.json());
        booked.json()
    }

    pub async fn move_by(&self, reference: &str, ms: i64) -> Response {
        let path = format!("/api/v1/appointments/{reference}");
        let shown = self.as_portal("GET", &path, None).await.json();
        let moved = |key: &str| Timestamp(Timestamp::parse(shown[key].as_str().unwrap()).unwrap().0 + ms).rfc3339();
        self.as_portal("PATCH", &path, Some(json!({"start": moved("start"), "end": moved("end")}))).await
    }

    /// `kind state` of each message of an appointment, as the staff sees them.
    pub async fn messages(&self, reference: &str) -> Vec<String> {
        let shown = self.as_portal("GET", &format!("/api/v1/appointments/{reference}"), None).await.json();
        let word = |one: &Value, key: &str| one[key].as_str().unwrap_or_default().to_owned();
        shown["messages"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| format!("{} {} {}", word(one, "channel"), word(one, "kind"), word(one, "state")))
            .collect()
    }

    async fn messages_until(&self, reference: &str, wanted: &str) {
        let began = std::time::Instant::now();
        while !self.messages(reference).await.contains(&wanted.to_owned()) {
            assert!(began.elapsed() < MAIL_PATIENCE, "no {wanted} among {:?}", self.messages(reference).await);
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    async fn trail(&self, reference: &str) -> Vec<AuditLine> {
        let of = self.server.store.appointment_by_reference(reference).await.unwrap().unwrap();
        self.server.store.audit_of(of.id).await.unwrap()
    }
}

fn clara() -> Value {
    json!({"email": "clara@citizen.example"})
}

fn text<'a>(mail: &'a Value, key: &str) -> &'a str {
    mail[key].as_str().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_booking_leaves_one_mail_in_the_citizens_language_whose_two_parts_hold_the_same_facts() {
    let sink = SmtpSink::start();
    let server = mailing(&sink).await;
    let mut booked = Vec::new();
    for (language, title) in [
        ("en", "Your video appointment is booked"),
        ("fr", "Votre rendez-vous vidéo est réservé"),
        ("de", "Ihr Videotermin ist gebucht"),
        ("lb", "Äre Videorendez-vous ass reservéiert"),
    ] {
        let answer = server.book_for(50 * HOUR, language, clara()).await;
        assert_eq!(answer["mail"], true);
        booked.push((language, title, answer));
    }
    let mails = sink.mails(4).await;
    for (language, title, answer) in booked {
        let mail = mails.iter().find(|mail| mail["language"] == language).unwrap();
        let reference = text(&answer, "reference");
        let of = server.server.store.appointment_by_reference(reference).await.unwrap().unwrap();
        let zone = jiff::tz::TimeZone::get("Europe/Luxembourg").unwrap();
        let local = |at: Timestamp| jiff::Timestamp::from_millisecond(at.0).unwrap().to_zoned(zone.clone());
        let (start, end) = (local(of.start), local(of.end));
        let clock = |at: &jiff::Zoned| at.strftime("%H:%M").to_string();
        let offset = format!("Europe/Luxembourg (UTC+{})", start.offset().seconds() / 3600);
        let cancel = format!("{}/c#{}", server.server.base_url, server.server.store.cancel_token(&of).text());
        let join = text(&answer, "join_url");
        let (plain, html) = (text(mail, "text"), text(mail, "html_words"));
        let facts =
            [title, "Clara Citizen", reference, &clock(&start), &clock(&end), &start.year().to_string(), &offset, HELPDESK, join, &cancel];
        for fact in facts {
            assert!(plain.contains(fact), "{fact} is not in the text:\n{plain}");
            assert!(html.contains(fact), "{fact} is not in the page:\n{html}");
        }
        // Every paragraph of the text is on the page too, in its words.
        for line in plain.lines().map(str::trim).filter(|line| !line.is_empty()) {
            let words = line.trim_start_matches("- ").split(": ").next().unwrap().trim_end_matches(':');
            assert!(html.contains(&words.split_whitespace().collect::<Vec<_>>().join(" ")), "{words} is not on the page:\n{html}");
        }
        assert_eq!(mail["html_language"], language);
        assert_eq!(mail["html_remote"], json!([]), "nothing is loaded from anywhere");
        assert!(mail["html_links"].as_array().unwrap().iter().all(|link| [json!(join), json!(cancel)].contains(link)));
        let tags: Vec<&str> = mail["html_tags"].as_array().unwrap().iter().map(|tag| tag.as_str().unwrap()).collect();
        assert!(!tags.iter().any(|tag| ["table", "img", "script", "iframe", "form"].contains(tag)), "{tags:?}");
        assert_eq!(mail["to"], json!([["Clara Citizen", "clara@citizen.example"]]));
        assert_eq!(mail["auto_submitted"], "auto-generated");
        assert_eq!(mail["defects"], json!([]));
        assert!(mail["size"].as_u64().unwrap() < 32 * 1024, "{}", mail["size"]);
        let calendars = mail["calendars"].as_array().unwrap();
        assert_eq!(calendars.len(), 2, "one for programs that answer invitations, one as a file");
        for entry in calendars {
            assert_eq!((&entry["method"], &entry["sequence"], &entry["url"]), (&json!("REQUEST"), &json!(0), &json!(join)));
            assert_eq!(entry["attendee"], "mailto:clara@citizen.example");
            assert_eq!(entry["organizer"], "mailto:video@service.example");
            assert_eq!(entry["alarms"], json!(["-1 day, 23:45:00"]));
        }
        assert!(text(&calendars[0], "kind").replace('"', "").contains("method=REQUEST"), "{}", calendars[0]["kind"]);
    }
    server.server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_demo_shows_the_mails_that_it_would_have_sent_and_sends_none() {
    let server = Running::start().await;
    assert_eq!(server.book_for(HOUR, "en", json!({})).await["mail"], false, "without an address there is none");
    let booked = server.book_for(50 * HOUR, "en", json!({"email": "clara@citizen.example", "note": "x"})).await;
    assert_eq!(booked["mail"], true);
    server.messages_until(text(&booked, "reference"), "mail booked sent").await;
    let path = server.demo.mailbox_url.strip_prefix(&server.server.base_url).unwrap().to_owned();
    let kept = server.get(&format!("{path}.json"), &[]).await.json();
    assert_eq!(kept.as_array().unwrap().len(), 1);
    let mail = &kept[0];
    assert_eq!((text(mail, "to"), &mail["links"]["join"]), ("clara@citizen.example", &booked["join_url"]));
    assert!(text(mail, "text").contains(text(&booked, "reference")) && text(mail, "html").contains("<html lang=\"en\">"));
    assert!(text(mail, "ics").starts_with("BEGIN:VCALENDAR\r\n") && text(&mail["links"], "cancel").contains("/c#"));
    let page = server.get(&path, &[]).await;
    let page = String::from_utf8(page.body).unwrap();
    assert!(page.contains("Your video appointment on") && page.contains(text(&booked, "join_url")), "{page}");
    server.server.stop().await;
}

/// What a person reads in one part of a mail they read in the other: words, facts and addresses.
fn assert_parts_agree(mail: &Value) {
    let plain = text(mail, "text").split_whitespace().collect::<Vec<_>>().join(" ");
    let blocks = mail["html_blocks"].as_array().unwrap();
    assert!(blocks.len() > 8, "{blocks:?}");
    for block in blocks {
        let block = block.as_str().unwrap();
        assert!(plain.contains(block), "only on the page: {block}\n{plain}");
    }
    for link in mail["html_links"].as_array().unwrap() {
        assert!(plain.contains(link.as_str().unwrap()), "only on the page: {link}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn booking_move_and_reminder_say_what_to_have_ready_in_each_language_and_the_cancellation_does_not() {
    let sink = SmtpSink::start();
    let server = mailing(&sink).await;
    let ready = [
        (
            "en",
            "Please have ready",
            "Your social security card, with the 13-digit number (needed)",
            "The latest letter of the long-term care insurance, if you have one (helpful)",
        ),
        ("fr", "Veuillez avoir sous la main", "Votre carte de sécurité sociale, avec le matricule à 13 chiffres (nécessaire)", "(utile)"),
        ("de", "Bitte bereithalten", "Ihre Sozialversicherungskarte mit der 13-stelligen Nummer (nötig)", "(hilfreich)"),
        ("lb", "W.e.g. prett hunn", "Är Kaart vun der Sécurité sociale mat der Matricule vun 13 Zifferen (néideg)", "(hëllefräich)"),
    ];
    let care = json!({"email": "clara@citizen.example", "topic": "care"});
    let mut references = Vec::new();
    for (language, ..) in ready {
        references.push(text(&server.book_for(30 * HOUR, language, care.clone()).await, "reference").to_owned());
    }
    for reference in &references {
        assert_eq!(server.move_by(reference, HOUR).await.status, 200);
    }
    sink.mails(8).await;
    // A day before.
    server.clock.shift(7 * HOUR + 2 * MINUTE);
    sink.mails(12).await;
    for reference in &references {
        assert_eq!(server.as_portal("DELETE", &format!("/api/v1/appointments/{reference}"), None).await.status, 200);
    }
    let mails = sink.mails(16).await;
    let mut said = 0;
    for mail in &mails {
        assert_parts_agree(mail);
        assert!(mail["size"].as_u64().unwrap() < 30_000, "{} bytes", mail["size"]);
        let (_, title, required, helpful) = ready.iter().find(|(language, ..)| mail["language"] == *language).unwrap();
        let plain = text(mail, "text");
        let all = [title, required, helpful].map(|words| plain.contains(*words));
        assert!(all == [true; 3] || all == [false; 3], "{all:?}\n{plain}");
        assert!(!plain.contains("Long-term care insurance\n"), "the topic itself is not named");
        said += usize::from(all[0]);
    }
    assert_eq!((mails.len(), said), (16, 12), "four cancellations do not say it");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_change_leaves_a_mail_and_the_calendar_entry_follows() {
    let sink = SmtpSink::start();
    let server = mailing(&sink).await;
    let booked = server.book_for(50 * HOUR, "en", clara()).await;
    let reference = text(&booked, "reference").to_owned();
    sink.mails(1).await;
    assert_eq!(server.move_by(&reference, 24 * HOUR).await.status, 200);
    sink.mails(2).await;
    let resent = server.as_portal("POST", &format!("/api/v1/appointments/{reference}/resend"), None).await;
    assert_eq!((resent.status, resent.json()), (200, json!({"mail": true})));
    sink.mails(3).await;
    let rotated = server.as_portal("POST", &format!("/api/v1/appointments/{reference}/rotate"), None).await.json();
    assert_eq!(rotated["mail"], true);
    sink.mails(4).await;
    let reason = json!({"reason": "The adviser is ill.\nWe are sorry."});
    let cancelled = server.as_portal("POST", &format!("/api/v1/appointments/{reference}/cancel"), Some(reason)).await;
    assert_eq!(cancelled.json()["phase"], "cancelled");
    let mails = sink.mails(5).await;

    let subjects = ["Your video appointment on", "New time", "Your link for", "New link for", "We had to cancel"];
    for (mail, title) in mails.iter().zip(subjects) {
        assert!(text(mail, "subject").contains(title), "{} has no {title}", mail["subject"]);
    }
    let entry = |at: usize| &mails[at]["calendars"][0];
    let told = |at: usize| (text(entry(at), "method").to_owned(), entry(at)["sequence"].as_u64().unwrap());
    let expected = [("REQUEST", 0), ("REQUEST", 1), ("REQUEST", 1), ("REQUEST", 1), ("CANCEL", 2)];
    assert_eq!((0..5).map(told).collect::<Vec<_>>(), expected.map(|(method, sequence)| (method.to_owned(), sequence)));
    assert!((1..5).all(|at| entry(at)["uid"] == entry(0)["uid"]), "one entry all along");
    assert_ne!(entry(0)["start"], entry(1)["start"]);
    assert_eq!(entry(4)["status"], "CANCELLED");
    assert_eq!(entry(4)["alarms"], json!([]), "nobody is woken for nothing");

    // The link stays when the time moves, and is another one after it was replaced.
    let (old, new) = (text(&booked, "join_url"), text(&rotated, "join_url"));
    assert!(text(&mails[1], "text").contains(old) && text(&mails[2], "text").contains(old));
    assert!(text(&mails[3], "text").contains(new) && !text(&mails[3], "text").contains(old));
    // A cancelled appointment has no link any more, and the service says why.
    assert!(!text(&mails[4], "text").contains("/j#") && !text(&mails[4], "html").contains("/j#"));
    assert!(text(&mails[4], "text").contains("The adviser is ill.") && text(&mails[4], "html_words").contains("The adviser is ill."));
    server.messages_until(&reference, "mail cancelled sent").await;
    let again = server.as_portal("POST", &format!("/api/v1/appointments/{reference}/resend"), None).await;
    assert_eq!((again.status, again.error_code()), (409, String::from("wrong_state")));
    server.server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_citizens_own_cancellation_is_confirmed_in_other_words_and_the_link_says_who_did_it() {
    let sink = SmtpSink::start();
    let server = mailing(&sink).await;
    let booked = server.book_for(50 * HOUR, "de", clara()).await;
    let token = text(&booked, "join_url").rsplit_once('#').unwrap().1.to_owned();
    let cookie = server.citizen(&token).await;
    let cancelled = server.post("/api/v1/link/cancel", &[("Cookie", &cookie)], json!({})).await.json();
    assert_eq!(cancelled["cancelled"], json!({"by_service": false}));
    let mails = sink.mails(2).await;
    assert!(text(&mails[1], "subject").starts_with("Abgesagt:"), "{}", mails[1]["subject"]);
    assert!(text(&mails[1], "text").contains("Sie haben ihn abgesagt."));
    server.server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mail_server_that_is_down_delays_mails_and_each_leaves_once_when_it_is_back() {
    let mut sink = SmtpSink::start();
    let server = mailing(&sink).await;
    sink.stop();
    let began = std::time::Instant::now();
    let first = server.book_for(50 * HOUR, "en", clara()).await;
    assert!(began.elapsed() < Duration::from_secs(5), "booking waits for no mail server");
    let reference = text(&first, "reference").to_owned();
    for _ in 0..4 {
        server.book_for(51 * HOUR, "en", clara()).await;
    }
    let waits = async || server.as_portal("GET", &format!("/api/v1/appointments/{reference}"), None).await.json()["messages"][0].clone();
    let began = std::time::Instant::now();
    while waits().await["fault"] != "unreachable" {
        assert!(began.elapsed() < MAIL_PATIENCE, "{}", waits().await);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(waits().await["state"], "waiting", "the staff sees that it waits, and why");
    sink.come_back();
    // Within the minute after the first attempt.
    server.clock.shift(2 * MINUTE);
    let mails = sink.mails(5).await;
    let ids: std::collections::HashSet<_> = mails.iter().map(|mail| text(mail, "message_id")).collect();
    assert_eq!(ids.len(), 5);
    server.server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mail_that_is_put_off_is_tried_again_later_under_the_same_id_and_one_that_is_refused_is_given_up() {
    let sink = SmtpSink::start();
    let server = mailing(&sink).await;
    sink.answer(Some("451 4.7.1 greylisted, try again"));
    let booked = server.book_for(50 * HOUR, "en", clara()).await;
    let reference = text(&booked, "reference").to_owned();
    let fault =
        async || server.as_portal("GET", &format!("/api/v1/appointments/{reference}"), None).await.json()["messages"][0]["fault"].clone();
    let began = std::time::Instant::now();
    while fault().await != "not_now" {
        assert!(began.elapsed() < MAIL_PATIENCE);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    sink.answer(None);
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    assert_eq!(sink.count(), 0, "not before a minute has passed");
    server.clock.shift(2 * MINUTE);
    sink.mails(1).await;

    sink.answer(Some("550 5.1.1 no such mailbox"));
    let refused = server.book_for(50 * HOUR, "en", json!({"email": "nobody@citizen.example"})).await;
    let refused = text(&refused, "reference").to_owned();
    server.messages_until(&refused, "mail booked given_up").await;
    let trail = server.trail(&refused).await;
    assert_eq!(trail.last().map(|line| (line.what.as_str(), line.who.as_str())), Some(("mail_given_up", "service")));
    sink.answer(None);
    server.clock.shift(3 * HOUR);
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    assert_eq!(sink.count(), 1, "what was given up stays so");
    server.server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_two_days_in_vain_a_mail_is_given_up() {
    let mut sink = SmtpSink::start();
    sink.stop();
    let server = mailing(&sink).await;
    let booked = server.book_for(30 * 24 * HOUR, "en", clara()).await;
    let reference = text(&booked, "reference").to_owned();
    for _ in 0..3 {
        server.clock.shift(24 * HOUR);
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    server.messages_until(&reference, "mail booked given_up").await;
    assert!(server.trail(&reference).await.iter().any(|line| line.what == "mail_given_up"));
    server.server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reminders_come_a_day_and_an_hour_before_and_never_to_who_booked_later_than_that() {
    let sink = SmtpSink::start();
    let server = mailing(&sink).await;
    let early = server.book_for(50 * HOUR, "fr", clara()).await;
    let late = server.book_for(20 * HOUR, "fr", clara()).await;
    let (early, late) = (text(&early, "reference").to_owned(), text(&late, "reference").to_owned());
    sink.mails(2).await;
    let kinds = async |reference: &str| server.messages(reference).await.into_iter().filter(|one| one.contains("reminder")).count();
    assert_eq!((kinds(&early).await, kinds(&late).await), (2, 1));

    server.clock.shift(19 * HOUR + MINUTE);
    let mails = sink.mails(3).await;
    assert!(text(&mails[2], "subject").starts_with("Rappel"), "{}", mails[2]["subject"]);
    assert!(text(&mails[2], "text").contains(&late));
    assert_eq!(mails[2]["calendars"], json!([]), "the entry is in the calendar already");
    server.clock.shift(7 * HOUR);
    let mails = sink.mails(4).await;
    assert!(text(&mails[3], "text").contains(&early), "the day before");

    // Moved by two days: reminded again, at the new times alone.
    assert_eq!(server.move_by(&early, 48 * HOUR).await.status, 200);
    sink.mails(5).await;
    server.clock.shift(23 * HOUR);
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    assert_eq!(sink.count(), 5, "not an hour before the old time");
    server.clock.shift(25 * HOUR);
    assert!(text(&sink.mails(6).await[5], "subject").starts_with("Rappel"));

    // Cancelled: nobody is reminded.
    assert_eq!(server.as_portal("DELETE", &format!("/api/v1/appointments/{early}"), None).await.status, 200);
    sink.mails(7).await;
    server.clock.shift(24 * HOUR);
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    assert_eq!(sink.count(), 7);
    server.server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hostile_names_turn_no_header_and_no_page_around() {
    let sink = SmtpSink::start();
    let server = mailing(&sink).await;
    let page = "<img src=x onerror=alert(1)><a href=https://evil.example>\"'&";
    let names = [
        page,
        "Eve\r\nBcc: all@citizen.example\r\n\r\n<h1>Pay here</h1>",
        "=?utf-8?q?=0d=0aX-Injected:_1?=",
        "a\", \"b <c@evil.example>",
        "{{ join.url }}{% x %}",
    ];
    for name in names {
        // Past the checks of the API: whatever stands in the store must do no harm.
        let details = visavis::store::Details { email: Some("eve@citizen.example".into()), ..Default::default() };
        let start = server.clock.now().after(Duration::from_secs(90_000));
        let slot = visavis::agenda::phase::Slot { start, end: start.after(Duration::from_secs(1200)) };
        let (service, rules) = ("advice".into(), visavis::agenda::phase::LinkRules::default());
        let new = visavis::store::NewAppointment { service, name: name.into(), language: "en".into(), details, slot, rules };
        server.server.store.book(new, server.clock.now()).await.unwrap();
    }
    let mails = sink.mails(names.len()).await;
    for mail in &mails {
        assert_eq!(mail["envelope_to"], json!(["eve@citizen.example"]));
        assert_eq!(mail["to"].as_array().unwrap().len(), 1, "{}", mail["to"]);
        assert_eq!(mail["to"][0][1], "eve@citizen.example");
        let headers = mail["headers"].as_array().unwrap();
        assert!(!headers.iter().any(|name| ["bcc", "cc", "x-injected"].contains(&name.as_str().unwrap())), "{headers:?}");
        assert_eq!(mail["html_remote"], json!([]));
        let tags = mail["html_tags"].to_string();
        assert!(!tags.contains("img") && mail["html_links"].as_array().unwrap().len() == 3, "{tags} {}", mail["html_links"]);
        assert_eq!(mail["calendars"][0]["attendee"], "mailto:eve@citizen.example");
        assert_eq!(mail["calendars"][0]["alarms"].as_array().unwrap().len(), 1);
    }
    let shown = mails.iter().find(|mail| text(mail, "html_words").contains("onerror")).unwrap();
    assert!(text(shown, "html_words").contains(page), "what was a name is still read as one");
    assert!(mails.iter().any(|mail| text(mail, "text").contains("{{ join.url }}{% x %}")));
    server.server.stop().await;
}
