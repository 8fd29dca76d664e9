//! The form of what a booking tells beside name and time. Refuses to know whether an address exists, a phone rings or a topic is offered.

use super::appointments::invalid;
use super::error::ApiError;
use crate::limits;
use crate::protocol::values::is_unfit_in_a_name;
use crate::store::Details;

/// White space around a field is cut off, an empty one is none. The refusal names the field, never its content.
pub(super) fn checked(
    email: Option<String>,
    phone: Option<String>,
    note: Option<String>,
    topic: Option<String>,
) -> Result<Details, ApiError> {
    let (email, phone, note, topic) = (said(email), said(phone), said(note), said(topic));
    if email.as_deref().is_some_and(|email| !is_address(email)) {
        return Err(invalid("email: not an address like name@example.lu"));
    }
    if phone.as_deref().is_some_and(|phone| !is_phone(phone)) {
        return Err(invalid("phone: 3 to 20 digits, with + - . / ( ) and spaces between them"));
    }
    if note.as_deref().is_some_and(|note| !is_note(note)) {
        return Err(invalid("note: up to 1000 characters, none of them controls or direction characters"));
    }
    if topic.as_deref().is_some_and(|topic| !is_key(topic)) {
        return Err(invalid("topic: a key of letters, digits, - and _"));
    }
    Ok(Details { email, phone, note, topic, ..Details::default() })
}

/// What a service says when it cancels: like a note, and shorter.
pub(super) fn reason(reason: Option<String>) -> Result<Option<String>, ApiError> {
    let reason = said(reason);
    match reason.as_deref().is_some_and(|reason| !is_note(reason) || reason.chars().nth(limits::REASON_CHARACTERS).is_some()) {
        true => Err(invalid("reason: up to 500 characters, none of them controls or direction characters")),
        false => Ok(reason),
    }
}

fn said(field: Option<String>) -> Option<String> {
    field.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty())
}

/// One `@` between two parts of the characters that mailboxes of today have, the second with a dot. Quoted parts (RFC 5321 4.1.2) are refused: nobody has one.
fn is_address(text: &str) -> bool {
    let Some((local, domain)) = text.split_once('@') else { return false };
    let fits = |c: char| !c.is_whitespace() && !is_unfit_in_a_name(c) && !r#"@"(),:;<>[\]"#.contains(c);
    let dotted = |part: &str| !part.is_empty() && part.split('.').all(|atom| !atom.is_empty() && atom.chars().all(fits));
    text.chars().nth(limits::EMAIL_CHARACTERS).is_none() && local.len() <= 64 && dotted(local) && dotted(domain) && domain.contains('.')
}

fn is_phone(text: &str) -> bool {
    let digits = text.chars().filter(char::is_ascii_digit).count();
    let fits = text.chars().all(|c| c.is_ascii_digit() || "+-./() ".contains(c));
    fits && (3..=20).contains(&digits) && text.chars().nth(limits::PHONE_CHARACTERS).is_none()
}

/// Lines are kept, other controls are not.
fn is_note(text: &str) -> bool {
    let fits = |c: char| matches!(c, '\n' | '\r' | '\t') || !is_unfit_in_a_name(c);
    text.chars().all(fits) && text.chars().nth(limits::BOOKING_NOTE_CHARACTERS).is_none()
}

fn is_key(text: &str) -> bool {
    text.len() <= 64 && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(email: &str, phone: &str, note: &str, topic: &str) -> Result<Details, ApiError> {
        let some = |text: &str| Some(text.to_owned());
        checked(some(email), some(phone), some(note), some(topic))
    }

    #[test]
    fn an_empty_field_is_none_and_white_space_is_cut() {
        let details = of(" clara@example.lu ", "  ", "", "care").unwrap_or_else(|_| panic!("refused"));
        assert!(details == Details { email: Some("clara@example.lu".into()), topic: Some("care".into()), ..Details::default() });
    }

    #[test]
    fn addresses_that_could_turn_a_mail_around_are_refused() {
        for good in ["a@b.lu", "clara.citizen+video@mail.example.lu", "jos.müller@exämple.lu"] {
            assert!(of(good, "", "", "").is_ok(), "{good}");
        }
        let long = format!("{}@example.lu", "a".repeat(250));
        for bad in
            ["clara", "@b.lu", "a@", "a@b", "a@b..lu", "a@b.lu\r\nBcc: x@y.lu", "a b@c.lu", "a@b@c.lu", "a,b@c.lu", "<a@b.lu>", &long]
        {
            assert!(of(bad, "", "", "").is_err(), "{bad}");
        }
    }

    #[test]
    fn phones_are_digits_with_what_people_write_between_them() {
        for good in ["+352 621 123 456", "00352/27-123", "(+49) 651 1234.5"] {
            assert!(of("", good, "", "").is_ok(), "{good}");
        }
        for bad in ["12", "call me", "+352 621 123 456 ext. 7a", "123456789012345678901"] {
            assert!(of("", bad, "", "").is_err(), "{bad}");
        }
    }

    #[test]
    fn a_note_keeps_its_lines_and_ends_at_a_thousand_characters() {
        assert!(of("", "", "first line\nsecond line", "").is_ok());
        assert!(of("", "", &"é".repeat(1_000), "").is_ok());
        assert!(of("", "", &"é".repeat(1_001), "").is_err());
        assert!(of("", "", "turned \u{202E} around", "").is_err());
        assert!(of("", "", "", "no/slash").is_err());
    }
}
