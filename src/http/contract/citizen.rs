//! Operations of who opened a link. Knows no handler.

use axum::http::Method;
use serde_json::json;

use super::START;
use super::operation::{Caller, Field, Form, Operation, Told};
use crate::protocol::ErrorCode::{
    Internal, InvalidAppointment, NoSpace, SlotTaken, SlowDown, TooLarge, TooManyDocuments, UnfitDocument, UnknownDocument, UnknownLink,
    WrongState,
};
use crate::protocol::booking::NewStart;
use crate::protocol::http::{Chat, DocumentEntry, Documents, Link};

/// What a document may be.
pub(super) const DOCUMENT_KINDS: &[&str] = &[
    "application/pdf",
    "image/jpeg",
    "image/png",
    "image/heic",
    "image/tiff",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "application/vnd.oasis.opendocument.text",
];

pub(super) fn operations() -> Vec<Operation> {
    let citizen = Caller::Citizen;
    vec![
        Operation::new(Method::GET, "/api/v1/link", citizen, "showLink", "What the link shows now.").answers::<Link>(200),
        Operation::new(Method::POST, "/api/v1/link/cancel", citizen, "cancelLink", "Cancels: before the citizen is called in.")
            .answers::<Link>(200)
            .or(&[(404, UnknownLink), (409, WrongState)]),
        Operation::new(Method::POST, "/api/v1/link/reschedule", citizen, "rescheduleLink", "Another slot: before the waiting room opens.")
            .takes::<NewStart>(json!({ "start": START }))
            .answers::<Link>(200)
            .or(&[(404, UnknownLink), (409, SlotTaken), (409, WrongState), (422, InvalidAppointment)]),
        Operation::new(Method::POST, "/api/v1/link/erase", citizen, "eraseLink", "Deletes everything now: the cookie goes with it.")
            .answers::<Link>(200)
            .or(&[(409, WrongState)]),
        Operation::new(Method::GET, "/api/v1/link/calendar", citizen, "showCalendar", "The calendar entry: a file (RFC 5545).")
            .answers_with(200, Told::File(&["text/calendar"])),
        Operation::new(
            Method::GET,
            "/api/v1/link/chat",
            citizen,
            "readChat",
            "What was said in the chat after a number: as much as fits, nothing when that is all.",
        )
        .query(&[Field { name: "after", about: "The last number that was read.", is_needed: false, form: Form::Number }])
        .answers::<Chat>(200),
        Operation::new(Method::GET, "/api/v1/link/documents", citizen, "listDocuments", "The documents of the appointment.")
            .answers::<Documents>(200),
        Operation::new(
            Method::POST,
            "/api/v1/link/documents",
            citizen,
            "addDocument",
            "Hands a document in: the body is the file as it is.",
        )
        .query(&[
            Field { name: "name", about: "What the file is called; made fit.", is_needed: true, form: Form::Text },
            Field { name: "kind", about: "As what.", is_needed: true, form: Form::OneOf(&["document", "identity_copy"]) },
        ])
        .takes_file()
        .answers::<DocumentEntry>(201)
        .leads_to(&[("downloadDocument", "id", "$response.body#/id"), ("removeDocument", "id", "$response.body#/id")])
        .or(&[
            (404, UnknownDocument),
            (409, WrongState),
            (409, TooManyDocuments),
            (413, TooLarge),
            (415, UnfitDocument),
            (429, SlowDown),
            (503, Internal),
            (507, NoSpace),
        ]),
        Operation::new(Method::GET, "/api/v1/link/documents/{id}", citizen, "downloadDocument", "One document: as a file to save.")
            .answers_with(200, Told::File(DOCUMENT_KINDS))
            .or(&[(404, UnknownDocument)]),
        Operation::new(Method::DELETE, "/api/v1/link/documents/{id}", citizen, "removeDocument", "Takes one back.")
            .answers_with(204, Told::Nothing)
            .or(&[(404, UnknownDocument), (409, WrongState)]),
        Operation::new(Method::GET, "/api/v1/guest", Caller::Guest, "showGuestLink", "What a guest's link shows now.").answers::<Link>(200),
    ]
}
