//! Operations of agents. Knows no handler.

use axum::http::Method;
use serde_json::json;

use super::citizen::DOCUMENT_KINDS;
use super::operation::{Caller, Operation, Told};
use crate::protocol::ErrorCode::{Forbidden, NotFound, SlowDown, UnknownAppointment, UnknownDocument, WrongCredentials};
use crate::protocol::booking::CallbackDone;
use crate::protocol::http::{AgentAccount, Documents, Identity, SaidOfIdentity, SignIn};

/// What a copy of an identity card may be.
const IDENTITY_KINDS: &[&str] = &["application/pdf", "image/jpeg", "image/png"];

pub(super) fn operations() -> Vec<Operation> {
    let agent = Caller::Agent;
    vec![
        Operation::new(Method::POST, "/api/v1/agent/sign-in", Caller::Anybody, "signIn", "A local account for a cookie.")
            .takes::<SignIn>(json!({"username": "anna", "password": "correct horse battery staple"}))
            .answers::<AgentAccount>(200)
            .or(&[(401, WrongCredentials), (429, SlowDown)]),
        Operation::new(Method::POST, "/api/v1/agent/sign-out", agent, "signOut", "The cookie is dead, and the sockets that it opened.")
            .answers_with(204, Told::Nothing),
        Operation::new(Method::GET, "/api/v1/agent", agent, "showAgent", "Who is signed in.").answers::<AgentAccount>(200),
        Operation::new(Method::PATCH, "/api/v1/callbacks/{id}", agent, "setCallbackDone", "Somebody called, or did not after all.")
            .takes::<CallbackDone>(json!({ "done": true }))
            .answers_with(204, Told::Nothing)
            .or(&[(404, NotFound)]),
        Operation::new(
            Method::GET,
            "/api/v1/agent/consultations/{consultation}/documents",
            agent,
            "listDocumentsForAgent",
            "The documents of a consultation: that somebody looked stands in the audit trail.",
        )
        .answers::<Documents>(200)
        .or(&[(404, UnknownAppointment)]),
        Operation::new(
            Method::GET,
            "/api/v1/agent/consultations/{consultation}/documents/{id}",
            agent,
            "downloadDocumentForAgent",
            "One of them as a file to save: never the copy of an identity card.",
        )
        .answers_with(200, Told::File(DOCUMENT_KINDS))
        .or(&[(404, UnknownAppointment), (404, UnknownDocument)]),
        Operation::new(
            Method::GET,
            "/api/v1/agent/consultations/{consultation}/identity-copy",
            agent,
            "lookAtIdentityCopy",
            "The copy of an identity card, to be drawn under a watermark and never saved: for a script of the page alone, and a line in the audit trail.",
        )
        .answers_with(200, Told::File(IDENTITY_KINDS))
        .or(&[(403, Forbidden), (404, UnknownAppointment), (404, UnknownDocument)]),
        Operation::new(
            Method::POST,
            "/api/v1/agent/consultations/{consultation}/identity",
            agent,
            "sayIdentity",
            "What the agent saw: a person's look for plausibility. The copy is destroyed with it.",
        )
        .takes::<SaidOfIdentity>(json!({ "result": "matches" }))
        .answers::<Identity>(200)
        .or(&[(404, UnknownAppointment)]),
    ]
}
