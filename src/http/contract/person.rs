//! Operations of a citizen who signs in at a provider. Knows no handler.

use axum::http::Method;
use serde_json::json;

use super::START;
use super::operation::{Caller, Operation, Told};
use crate::protocol::ErrorCode::{
    InvalidAppointment, NotAssured, NotFound, NotSignedIn, OtherPerson, ProviderUnreachable, SignInFailed, SignInRefused, SlotTaken,
    SlowDown, UnknownAppointment, UnknownLink, WrongState,
};
use crate::protocol::booking::NewStart;
use crate::protocol::http::Link;
use crate::protocol::person::{Me, MyAppointment, MyAppointments, SignInAt, SignInBegin, SignInEnd, SignedIn};

pub(super) fn operations() -> Vec<Operation> {
    let person = Caller::Person;
    vec![
        Operation::new(
            Method::POST,
            "/api/v1/me/sign-in",
            Caller::Anybody,
            "beginSignIn",
            "Where the browser goes to sign in: with `join` the citizen of the link's cookie alone.",
        )
        .takes::<SignInBegin>(json!({ "to": "book", "language": "lb" }))
        .answers::<SignInAt>(200)
        .or(&[(401, NotSignedIn), (404, NotFound), (429, SlowDown), (502, ProviderUnreachable)]),
        Operation::new(Method::POST, "/api/v1/me/sign-in/end", Caller::Anybody, "endSignIn", "Back from the provider, with its answer.")
            .takes::<SignInEnd>(json!({ "state": "abc", "code": "def", "iss": "https://id.example.lu" }))
            .answers::<SignedIn>(200)
            .or(&[
                (400, SignInFailed),
                (403, SignInRefused),
                (403, NotAssured),
                (404, NotFound),
                (429, SlowDown),
                (502, ProviderUnreachable),
            ]),
        Operation::new(Method::GET, "/api/v1/me", person, "showMe", "Who is signed in, as the provider vouches for them.")
            .answers::<Me>(200),
        Operation::new(Method::POST, "/api/v1/me/sign-out", person, "signOutMe", "The cookie is dead, and that of an own link with it.")
            .answers_with(204, Told::Nothing),
        Operation::new(Method::GET, "/api/v1/me/appointments", person, "listMyAppointments", "The latest first: at most 50.")
            .answers::<MyAppointments>(200),
        Operation::new(
            Method::POST,
            "/api/v1/me/appointments/{reference}/open",
            person,
            "openMyAppointment",
            "The page of its link, without the link: sets the link's cookie.",
        )
        .answers::<Link>(200)
        .or(&[(404, UnknownAppointment)]),
        Operation::new(
            Method::POST,
            "/api/v1/me/appointments/{reference}/cancel",
            person,
            "cancelMyAppointment",
            "Cancels: before the citizen is called in.",
        )
        .answers::<MyAppointment>(200)
        .or(&[(404, UnknownAppointment), (404, UnknownLink), (409, WrongState)]),
        Operation::new(
            Method::POST,
            "/api/v1/me/appointments/{reference}/reschedule",
            person,
            "rescheduleMyAppointment",
            "Another slot: before the waiting room opens.",
        )
        .takes::<NewStart>(json!({ "start": START }))
        .answers::<MyAppointment>(200)
        .or(&[(404, UnknownAppointment), (404, UnknownLink), (409, SlotTaken), (409, WrongState), (422, InvalidAppointment)]),
        Operation::new(
            Method::POST,
            "/api/v1/link/step-up",
            Caller::CitizenAndPerson,
            "stepUp",
            "Who opened the link is who signed in at the provider.",
        )
        .answers::<Link>(200)
        .or(&[(403, NotAssured), (403, OtherPerson), (404, UnknownLink)]),
    ]
}
