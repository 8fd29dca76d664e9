//! The JSON schema of the wire, made from the Rust types; `docs/protocol.schema.json` is its checked-in copy. Knows no message of its own.

use schemars::generate::{SchemaGenerator, SchemaSettings};
use serde_json::{Value, json};

use crate::protocol::{booking, client, http, person, server};

/// The schema (JSON Schema 2020-12): every type under `$defs`, the whole accepts any of them.
pub fn document() -> Value {
    let mut generator = SchemaSettings::draft2020_12().into_generator();
    let roots = [
        generator.subschema_for::<client::CitizenMessage>(),
        generator.subschema_for::<client::GuestMessage>(),
        generator.subschema_for::<client::AgentMessage>(),
        generator.subschema_for::<server::ServerMessage>(),
        generator.subschema_for::<http::ErrorBody>(),
        generator.subschema_for::<http::Problem>(),
        generator.subschema_for::<http::NewAppointment>(),
        generator.subschema_for::<http::Booked>(),
        generator.subschema_for::<http::Appointment>(),
        generator.subschema_for::<http::NewTime>(),
        generator.subschema_for::<http::Cancel>(),
        generator.subschema_for::<http::Resent>(),
        generator.subschema_for::<http::CancelLink>(),
        generator.subschema_for::<http::Services>(),
        generator.subschema_for::<http::Topics>(),
        generator.subschema_for::<http::Slots>(),
        generator.subschema_for::<http::Join>(),
        generator.subschema_for::<http::Link>(),
        generator.subschema_for::<http::Documents>(),
        generator.subschema_for::<http::SaidOfIdentity>(),
        generator.subschema_for::<http::Identity>(),
        generator.subschema_for::<http::Chat>(),
        generator.subschema_for::<booking::NewBooking>(),
        generator.subschema_for::<booking::Booking>(),
        generator.subschema_for::<booking::NewStart>(),
        generator.subschema_for::<booking::NewCallback>(),
        generator.subschema_for::<booking::CallbackAsked>(),
        generator.subschema_for::<booking::CallbackTimes>(),
        generator.subschema_for::<booking::CallbackDone>(),
        generator.subschema_for::<booking::Callbacks>(),
        generator.subschema_for::<http::SignIn>(),
        generator.subschema_for::<http::AgentAccount>(),
        generator.subschema_for::<person::SignInBegin>(),
        generator.subschema_for::<person::StaffSignInBegin>(),
        generator.subschema_for::<person::SignInAt>(),
        generator.subschema_for::<person::SignInEnd>(),
        generator.subschema_for::<person::SignedIn>(),
        generator.subschema_for::<person::Me>(),
        generator.subschema_for::<person::MyAppointments>(),
        generator.subschema_for::<person::SecondFactorAsk>(),
        generator.subschema_for::<person::SecondFactorOffer>(),
        generator.subschema_for::<person::SecondFactorConfirm>(),
        generator.subschema_for::<person::SecondFactorSet>(),
        generator.subschema_for::<person::WaysIn>(),
    ];
    compose(&mut generator, &roots)
}

fn compose(generator: &mut SchemaGenerator, roots: &[schemars::Schema]) -> Value {
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Visavis protocol, version 1",
        "description": "Made from src/protocol; explained in docs/protocol.md.",
        "anyOf": roots,
        "$defs": generator.take_definitions(true),
    })
}
