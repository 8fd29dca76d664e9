//! Operations that ask for nobody's cookie or key. Knows no handler.

use axum::http::Method;
use serde_json::{Value, json};

use super::operation::{Caller, Field, Form, Operation};
use super::{START, TOKEN};
use crate::access::api_key::Scope;
use crate::protocol::ErrorCode::{
    Busy, InvalidAppointment, LinkReplaced, NoSpace, NotSignedIn, SlotTaken, SlowDown, TooMany, UnfitDocument, UnknownLink, WrongState,
};
use crate::protocol::booking::{Booking, CallbackAsked, CallbackTimes, NewBooking, NewCallback};
use crate::protocol::http::{CancelLink, Join, Link, Services, Slots, Topics};

const SERVICE: Field = Field { name: "service", about: "Key of a service.", is_needed: true, form: Form::Text };
const FROM: &str = "Slots that begin from here on; now, when it is left out or past.";
const TO: &str = "And before this; as far as slots are offered, when it is left out.";

pub(super) fn operations() -> Vec<Operation> {
    let open = Caller::Anybody;
    vec![
        Operation::new(Method::GET, "/api/v1/openapi.json", open, "getContract", "This document.").answers::<Value>(200),
        Operation::new(Method::GET, "/api/v1/services", open, "listServices", "What can be booked.").answers::<Services>(200),
        Operation::new(Method::GET, "/api/v1/topics", open, "listTopics", "What can be asked about: of one service or of all.")
            .query(&[Field { is_needed: false, ..SERVICE }])
            .answers::<Topics>(200)
            .or(&[(422, InvalidAppointment)]),
        Operation::new(Method::GET, "/api/v1/slots", open, "listSlots", "The free slots: the earliest first, at most 2,000.")
            .query(&[
                SERVICE,
                Field { name: "topic", about: "Refused where it is not dealt with by video.", is_needed: false, form: Form::Text },
                Field { name: "from", about: FROM, is_needed: false, form: Form::Time },
                Field { name: "to", about: TO, is_needed: false, form: Form::Time },
            ])
            .answers::<Slots>(200)
            .or(&[(422, InvalidAppointment)]),
        Operation::new(Method::POST, "/api/v1/bookings", open, "bookAsCitizen", "A citizen books: where the service is booked in public.")
            .takes::<NewBooking>(json!({
                "service": "advice", "topic": "care", "start": START, "name": "Clara Citizen", "email": "clara@example.lu",
                "language": "lb", "consent": true,
            }))
            .answers::<Booking>(201)
            .or(&[
                (401, NotSignedIn),
                (409, SlotTaken),
                (415, UnfitDocument),
                (422, InvalidAppointment),
                (429, TooMany),
                (429, SlowDown),
                (507, NoSpace),
            ]),
        Operation::new(Method::GET, "/api/v1/callbacks/times", open, "listCallbackTimes", "When somebody is on duty to call back.")
            .query(&[SERVICE])
            .answers::<CallbackTimes>(200)
            .or(&[(422, InvalidAppointment)]),
        Operation::new(
            Method::POST,
            "/api/v1/callbacks",
            Caller::AnybodyOrPortal(Scope::WriteCallbacks),
            "askToBeCalled",
            "Somebody wants to be called back: by themselves where the service is booked in public, about the appointment of their link, or by a portal.",
        )
        .takes::<NewCallback>(json!({
            "service": "advice", "reason": "no_slot", "start": START, "name": "Clara Citizen", "phone": "+352 621 123 456",
            "language": "lb", "consent": true,
        }))
        .answers::<CallbackAsked>(201)
        .once()
        .or(&[(401, NotSignedIn), (422, InvalidAppointment), (429, TooMany), (503, Busy)]),
        Operation::new(Method::POST, "/api/v1/join", open, "join", "The token of a link for a cookie: of the citizen or of a guest.")
            .takes::<Join>(json!({ "token": TOKEN }))
            .answers::<Link>(200)
            .or(&[(404, UnknownLink), (410, LinkReplaced), (429, SlowDown)]),
        Operation::new(Method::POST, "/api/v1/cancel-link", open, "showCancelLink", "What a cancel link would cancel: changes nothing.")
            .takes::<Join>(json!({ "token": TOKEN }))
            .answers::<CancelLink>(200)
            .or(&[(404, UnknownLink), (410, LinkReplaced), (429, SlowDown)]),
        Operation::new(Method::POST, "/api/v1/cancel-link/cancel", open, "useCancelLink", "Cancels: done again it stays done.")
            .takes::<Join>(json!({ "token": TOKEN }))
            .answers::<CancelLink>(200)
            .or(&[(404, UnknownLink), (409, WrongState), (410, LinkReplaced), (429, SlowDown)]),
    ]
}
