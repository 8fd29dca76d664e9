//! API v1 as a contract: `openapi.json`, written from the tables beside this file, whose bodies are the types of the wire. A test holds it against the routes.

mod agent;
mod citizen;
mod load;
mod open;
mod operation;
mod person;
mod portal;
mod webhook;

use std::sync::OnceLock;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use schemars::generate::SchemaSettings;
use serde_json::{Value, json};
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{ComponentsBuilder, InfoBuilder, LicenseBuilder, OpenApiBuilder, PathItem, PathsBuilder, Server};

use super::error;
use crate::access::api_key::Scope;
use crate::protocol::ErrorCode;
use crate::protocol::http::{FreeSlot, Problem};
use operation::Places;

pub use operation::{Caller, Operation};

/// Where API v1 is.
const ROOT: &str = "/api/v1";

/// What stands behind the root of the API; none of other routes.
pub(super) fn below(path: &str) -> Option<&str> {
    path.strip_prefix(ROOT).filter(|rest| rest.starts_with('/'))
}

/// Every operation with its tag, in the order of the document.
pub fn operations() -> Vec<(&'static str, Operation)> {
    let tables = [
        ("Open to everybody", open::operations()),
        ("Portals", portal::operations()),
        ("The citizen's link", citizen::operations()),
        ("The signed-in citizen", person::operations()),
        ("Agents", agent::operations()),
        ("Load tests", load::operations()),
    ];
    tables.into_iter().flat_map(|(tag, operations)| operations.into_iter().map(move |operation| (tag, operation))).collect()
}

/// `GET /api/v1/openapi.json`.
pub(super) async fn serve() -> Response {
    static TEXT: OnceLock<Vec<u8>> = OnceLock::new();
    let text = TEXT.get_or_init(|| serde_json::to_vec(&document()).unwrap_or_default());
    let kind = HeaderValue::from_static("application/json");
    (StatusCode::OK, [(header::CONTENT_TYPE, kind)], text.as_slice()).into_response()
}

/// The document: OpenAPI 3.1.
pub fn document() -> Value {
    let mut places = Places::default();
    let mut paths = PathsBuilder::new();
    for (tag, operation) in operations() {
        let path = below(operation.path).unwrap_or(operation.path);
        paths = paths.path(path, PathItem::new(operation.verb(), operation.written(tag, &mut places)));
    }
    let info = InfoBuilder::new()
        .title("Visavis")
        .version("1")
        .description(Some(ABOUT))
        .license(Some(LicenseBuilder::new().name("EUPL-1.2").identifier(Some("EUPL-1.2")).build()))
        .build();
    let key = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).description(Some(about_keys())).build();
    let cookie = |name: &str, about: &str| {
        SecurityScheme::ApiKey(ApiKey::Cookie(ApiKeyValue::with_description(format!("__Host-visavis-{name}"), about.to_owned())))
    };
    let components = ComponentsBuilder::new()
        .security_scheme("key", SecurityScheme::Http(key))
        .security_scheme("citizen", cookie("citizen", "Given by `POST /join` for the token of a join link."))
        .security_scheme("guest", cookie("guest", "Given by `POST /join` for the token of a guest's link."))
        .security_scheme("person", cookie("person", "Given by `POST /me/sign-in/end` to who comes back from the provider."))
        .security_scheme("agent", cookie("agent", "Given by `POST /agent/sign-in`."));
    let api = OpenApiBuilder::new()
        .info(info)
        .servers(Some([Server::new(ROOT)]))
        .paths(paths.build())
        .components(Some(components.build()))
        .build();
    let mut document = serde_json::to_value(api).unwrap_or_default();
    let mut generator =
        SchemaSettings::draft2020_12().with(|settings| settings.definitions_path = "/components/schemas".into()).into_generator();
    // Problems are named by hand: each refusal leads to them.
    generator.subschema_for::<Problem>();
    places.fill(&mut document, &mut generator);
    document["webhooks"] = webhook::document();
    document["components"]["schemas"] = Value::Object(generator.take_definitions(true));
    document["components"]["examples"] = examples();
    document
}

/// A problem of each code: what `type` of a problem leads to.
fn examples() -> Value {
    let all = operations();
    let statuses = all.iter().flat_map(|(_, operation)| operation.statuses());
    let mut codes: Vec<(u16, ErrorCode)> = statuses.flat_map(|(status, codes)| codes.into_iter().map(move |code| (status, code))).collect();
    codes.sort_by_key(|(status, code)| (code.word(), *status != error::status(*code).as_u16()));
    codes.dedup_by_key(|(_, code)| code.word());
    let told = codes.into_iter().map(|(status, code)| {
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST);
        let free = match code {
            ErrorCode::SlotTaken => serde_json::from_value(json!([{"start": START, "end": END, "places": 1}])),
            _ => Ok(Vec::<FreeSlot>::new()),
        };
        let value = error::problem(status, code, String::from("for developers"), free.unwrap_or_default());
        (code.word(), json!({"summary": code.word().replace('_', " "), "value": value}))
    });
    Value::Object(told.collect())
}

pub(super) const START: &str = "2027-01-05T07:50:00.000Z";
pub(super) const END: &str = "2027-01-05T08:10:00.000Z";
/// 43 characters of base64url.
pub(super) const TOKEN: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

const ABOUT: &str = "Appointments by video: what portals, pages and tools ask of a server. Every error is a problem of RFC 9457 \
                     (`application/problem+json`); `error.code` is stable, and `type` leads to an example of it in this document. Times are RFC 3339. \
                     What a server tells beside this, by web socket, stands in docs/protocol.md.";

fn about_keys() -> String {
    let scopes: Vec<&str> = Scope::ALL.iter().map(|scope| scope.word()).collect();
    format!(
        "A portal's key, made by `visavis add-api-key`. It is good for some of {}; for another the answer is 403 `forbidden`. A key has so many requests a \
         minute; beyond them the answer is 429 `slow_down` with `Retry-After`.",
        scopes.join(", ")
    )
}
