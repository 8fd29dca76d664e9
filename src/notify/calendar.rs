//! The calendar entry of an appointment (RFC 5545, RFC 5546): the same file in mails and on the page of the link, so that each replaces the one before. Decides
//! nothing; knows no mail.

use jiff::tz::TimeZone;
use lettre::message::Mailbox;

use super::content_line::{Lines, quoted};
use super::letter::{Sheet, name_of};
use super::words::{Words, fill};
use super::{House, when, zone};
use crate::consultation::Stage;
use crate::time::Timestamp;

/// What a calendar is asked to do with the entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// To invite who has a mail address.
    Request,
    /// To show it to who has none.
    Publish,
    /// To take it out.
    Cancel,
}

impl Method {
    /// As it stands in the file and in the media type.
    pub fn word(self) -> &'static str {
        match self {
            Self::Request => "REQUEST",
            Self::Publish => "PUBLISH",
            Self::Cancel => "CANCEL",
        }
    }
}

/// Method and text of the file, as of `now`.
pub fn entry(sheet: &Sheet<'_>, house: &House, now: Timestamp) -> (Method, String) {
    let of = sheet.of;
    let is_cancelled = of.record.stage == Stage::Cancelled;
    let attendee = of.details.email.as_deref().filter(|_| house.from.is_some());
    let method = match (is_cancelled, attendee) {
        (true, _) => Method::Cancel,
        (false, Some(_)) => Method::Request,
        (false, None) => Method::Publish,
    };
    let mut lines = Lines::default();
    lines.component("VCALENDAR", |lines| {
        lines.plain("VERSION", "2.0");
        lines.plain("PRODID", "-//Visavis//Visavis//EN");
        lines.plain("CALSCALE", "GREGORIAN");
        lines.plain("METHOD", method.word());
        let service = house.services.get(&of.service);
        let zone_name = service.map_or("UTC", |service| service.time_zone.as_str());
        let local = TimeZone::get(zone_name).unwrap_or(TimeZone::UTC);
        zone::write(lines, zone_name, &local, of.start, of.end);
        lines.component("VEVENT", |lines| {
            lines.plain("UID", &format!("{}@visavis", of.id));
            lines.plain("SEQUENCE", &of.calendar_sequence.to_string());
            lines.plain("DTSTAMP", &when::local(now, &TimeZone::UTC).strftime("%Y%m%dT%H%M%SZ").to_string());
            // In the hour that comes twice the clock on the wall does not say which one is meant.
            let is_twice =
                [of.start, of.end].into_iter().any(|at| local.to_ambiguous_timestamp(when::local(at, &local).datetime()).is_ambiguous());
            let (form, zone, parameter) = match is_twice {
                false => ("%Y%m%dT%H%M%S", &local, format!(";TZID={zone_name}")),
                true => ("%Y%m%dT%H%M%SZ", &TimeZone::UTC, String::new()),
            };
            for (name, at) in [("DTSTART", of.start), ("DTEND", of.end)] {
                lines.plain(&format!("{name}{parameter}"), &when::local(at, zone).strftime(form).to_string());
            }
            let name = name_of(service, of);
            let (organizer, address) = organizer(house, &name);
            lines.plain(&format!("ORGANIZER;CN={}", quoted(&organizer)), &address);
            if let Some(attendee) = attendee {
                let role = format!("ATTENDEE;CN={};ROLE=REQ-PARTICIPANT;PARTSTAT=NEEDS-ACTION;RSVP=FALSE", quoted(&of.name));
                // What a mailbox may hold and an address of the web may not (RFC 6068).
                let address = attendee.replace('%', "%25").replace('?', "%3F").replace('#', "%23");
                lines.plain(&role, &format!("mailto:{address}"));
            }
            lines.plain("STATUS", if is_cancelled { "CANCELLED" } else { "CONFIRMED" });
            // Whoever shares a calendar shares that they are busy, not where they seek advice.
            lines.plain("CLASS", "PRIVATE");
            lines.plain("TRANSP", if is_cancelled { "TRANSPARENT" } else { "OPAQUE" });
            if let Some(words) = Words::of(&of.language) {
                describe(lines, sheet, house, words, &name, is_cancelled);
            }
        });
    });
    (method, lines.finish())
}

fn describe(lines: &mut Lines, sheet: &Sheet<'_>, house: &House, words: &Words, service: &str, is_cancelled: bool) {
    let of = sheet.of;
    lines.text("SUMMARY", &fill(&words.summary, &[("service", service)]));
    let reference = format!("{}: {}", words.reference, of.reference);
    let phone = house.services.get(&of.service).map_or("", |service| service.helpdesk_phone.as_str());
    let help = if phone.is_empty() { None } else { Some(fill(&words.help, &[("phone", phone)])) };
    if is_cancelled {
        lines.text("DESCRIPTION", &[Some(reference), help].into_iter().flatten().collect::<Vec<_>>().join("\n"));
        return;
    }
    let join = format!("{}:\n{}", words.join, sheet.join_url);
    let said = [Some(join), Some(reference), help, Some(words.not_recorded.clone())];
    lines.text("DESCRIPTION", &said.into_iter().flatten().collect::<Vec<_>>().join("\n\n"));
    lines.text("LOCATION", &sheet.join_url);
    lines.plain("URL", &sheet.join_url);
    // When the waiting room opens; a service that opens it at the start alone reminds five minutes before.
    let minutes = (of.rules.early.as_secs() / 60).max(5);
    lines.component("VALARM", |lines| {
        lines.plain("ACTION", "DISPLAY");
        lines.plain("TRIGGER", &format!("-PT{minutes}M"));
        lines.text("DESCRIPTION", &words.alarm);
    });
}

/// Name and address of the organizer; without mail the server's own address, since one there must be.
fn organizer(house: &House, service: &str) -> (String, String) {
    match &house.from {
        Some(Mailbox { name, email }) => (name.clone().unwrap_or_else(|| service.to_owned()), format!("mailto:{email}")),
        None => (service.to_owned(), house.base_url.clone()),
    }
}
