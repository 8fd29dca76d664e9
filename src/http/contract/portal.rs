//! Operations of who holds a key. Knows no handler.

use axum::http::Method;
use serde_json::json;

use super::operation::{Caller, Field, Form, Operation};
use super::{END, START};
use crate::access::api_key::Scope;
use crate::protocol::ErrorCode::{InvalidAppointment, SlotTaken, UnknownAppointment, WrongState};
use crate::protocol::booking::Callbacks;
use crate::protocol::http::{Appointment, Booked, Cancel, NewAppointment, NewTime, Resent};

const ONE: &str = "/api/v1/appointments/{reference}";

pub(super) fn operations() -> Vec<Operation> {
    let (reads, writes) = (Caller::Portal(Scope::ReadAppointments), Caller::Portal(Scope::WriteAppointments));
    vec![
        Operation::new(
            Method::POST,
            "/api/v1/appointments",
            writes,
            "book",
            "Books: the join link is told this once, and by mail where an address is given.",
        )
        .takes::<NewAppointment>(json!({
            "service": "advice", "start": START, "end": END, "name": "Clara Citizen", "language": "lb", "email": "clara@example.lu",
        }))
        .answers::<Booked>(201)
        .once()
        .leads_to(&[
            ("showAppointment", "reference", "$response.body#/reference"),
            ("reschedule", "reference", "$response.body#/reference"),
            ("resend", "reference", "$response.body#/reference"),
            ("rotate", "reference", "$response.body#/reference"),
            ("cancel", "reference", "$response.body#/reference"),
            ("cancelBecause", "reference", "$response.body#/reference"),
        ])
        .or(&[(403, crate::protocol::ErrorCode::Forbidden), (409, SlotTaken), (422, InvalidAppointment)]),
        Operation::new(Method::GET, ONE, reads, "showAppointment", "One appointment: with what was and will be sent to the citizen.")
            .answers::<Appointment>(200)
            .or(&[(404, UnknownAppointment)]),
        Operation::new(Method::PATCH, ONE, writes, "reschedule", "Another time: the link stays.")
            .takes::<NewTime>(json!({"start": START, "end": END}))
            .answers::<Appointment>(200)
            .or(&[(404, UnknownAppointment), (409, SlotTaken), (409, WrongState), (422, InvalidAppointment)]),
        Operation::new(Method::DELETE, ONE, writes, "cancel", "The service cancels: the place is free at once, and the link says so.")
            .answers::<Appointment>(200)
            .or(&[(404, UnknownAppointment), (409, WrongState)]),
        Operation::new(
            Method::POST,
            "/api/v1/appointments/{reference}/cancel",
            writes,
            "cancelBecause",
            "The same with what the citizen is told: in their language.",
        )
        .takes::<Cancel>(json!({"reason": "The office is closed on that day."}))
        .answers::<Appointment>(200)
        .or(&[(404, UnknownAppointment), (409, WrongState), (422, InvalidAppointment)]),
        Operation::new(
            Method::POST,
            "/api/v1/appointments/{reference}/rotate",
            writes,
            "rotate",
            "New links: the old ones and every page that they opened are dead.",
        )
        .answers::<Booked>(200)
        .once()
        .or(&[(404, UnknownAppointment)]),
        Operation::new(
            Method::POST,
            "/api/v1/appointments/{reference}/resend",
            writes,
            "resend",
            "The same links once more: to who asks for them on the phone.",
        )
        .answers::<Resent>(200)
        .or(&[(404, UnknownAppointment), (409, WrongState)]),
        Operation::new(
            Method::GET,
            "/api/v1/callbacks",
            Caller::Portal(Scope::ReadCallbacks),
            "listCallbacks",
            "Who wants to be called back: those that wait by their time, then those done last, at most 200.",
        )
        .query(&[Field { name: "service", about: "Of this service alone.", is_needed: false, form: Form::Text }])
        .answers::<Callbacks>(200)
        .or(&[(422, InvalidAppointment)]),
    ]
}
