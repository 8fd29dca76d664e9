//! Operations of agents. Knows no handler.

use axum::http::Method;
use serde_json::json;

use super::citizen::DOCUMENT_KINDS;
use super::operation::{Caller, Operation, Told};
use crate::protocol::ErrorCode::{
    CodeNeeded, Forbidden, NotFound, ProviderUnreachable, SecondFactorMissing, SignInFailed, SignInRefused, SlowDown, UnknownAppointment,
    UnknownDocument, WrongCode, WrongCredentials, WrongState,
};
use crate::protocol::booking::CallbackDone;
use crate::protocol::http::{AgentAccount, Documents, Identity, SaidOfIdentity, SignIn};
use crate::protocol::person::{
    SecondFactorAsk, SecondFactorConfirm, SecondFactorOffer, SecondFactorSet, SignInAt, SignInEnd, StaffSignInBegin, WaysIn,
};

/// What a copy of an identity card may be.
const IDENTITY_KINDS: &[&str] = &["application/pdf", "image/jpeg", "image/png"];

pub(super) fn operations() -> Vec<Operation> {
    let agent = Caller::Agent;
    vec![
        Operation::new(Method::POST, "/api/v1/agent/sign-in", Caller::Anybody, "signIn", "A local account for a cookie.")
            .takes::<SignIn>(json!({"username": "anna", "password": "correct horse battery staple"}))
            .answers::<AgentAccount>(200)
            .or(&[(401, WrongCredentials), (401, CodeNeeded), (401, WrongCode), (401, SecondFactorMissing), (429, SlowDown)]),
        Operation::new(Method::GET, "/api/v1/agent/sign-in", Caller::Anybody, "showWaysIn", "Which ways in there are.")
            .answers::<WaysIn>(200),
        Operation::new(Method::POST, "/api/v1/agent/sign-in/begin", Caller::Anybody, "beginStaffSignIn", "Where the browser goes to sign in.")
            .takes::<StaffSignInBegin>(json!({ "language": "fr" }))
            .answers::<SignInAt>(200)
            .or(&[(404, NotFound), (429, SlowDown), (502, ProviderUnreachable)]),
        Operation::new(
            Method::POST,
            "/api/v1/agent/sign-in/end",
            Caller::Anybody,
            "endStaffSignIn",
            "Back from the provider, with its answer.",
        )
        .takes::<SignInEnd>(json!({ "state": "abc", "code": "def", "iss": "https://id.example.lu" }))
        .answers::<AgentAccount>(200)
        .or(&[(400, SignInFailed), (403, SignInRefused), (404, NotFound), (429, SlowDown), (502, ProviderUnreachable)]),
        Operation::new(
            Method::POST,
            "/api/v1/agent/second-factor",
            Caller::Anybody,
            "offerSecondFactor",
            "What an app needs: for an account that has no second factor yet. Nothing is kept of it.",
        )
        .takes::<SecondFactorAsk>(json!({"username": "anna", "password": "correct horse battery staple"}))
        .answers::<SecondFactorOffer>(200)
        .or(&[(401, WrongCredentials), (409, WrongState), (429, SlowDown)]),
        Operation::new(
            Method::POST,
            "/api/v1/agent/second-factor/confirm",
            Caller::Anybody,
            "confirmSecondFactor",
            "The app shows the right code: it is set up, and its owner signed in.",
        )
        .takes::<SecondFactorConfirm>(json!({
            "username": "anna", "password": "correct horse battery staple", "setup": "as offered", "code": "123456",
        }))
        .answers::<SecondFactorSet>(200)
        .or(&[(401, WrongCredentials), (401, WrongCode), (409, WrongState), (429, SlowDown)]),
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
        .scripted()
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
        .or(&[(404, UnknownAppointment), (404, UnknownDocument)]),
    ]
}
