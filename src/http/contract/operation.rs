//! What one operation of the API promises, in words that the tables beside it are written in, and its form in OpenAPI 3.1. Knows no route.

use std::collections::BTreeMap;

use axum::http::{Method, StatusCode};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde_json::{Value, json};
use utoipa::openapi::content::ContentBuilder;
use utoipa::openapi::example::Example;
use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::path::{self, HttpMethod, OperationBuilder, Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::request_body::RequestBodyBuilder;
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::security::SecurityRequirement;
use utoipa::openapi::{Content, Ref, RefOr, Required, Response, ResponseBuilder};

use crate::access::api_key::Scope;
use crate::limits;
use crate::protocol::ErrorCode;

/// Who may ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Caller {
    /// Anybody.
    Anybody,
    /// Who holds a key that is good for this.
    Portal(Scope),
    /// Anybody, or a portal; and with `about_appointment` the citizen of the cookie.
    AnybodyOrPortal(Scope),
    /// The citizen of a link's cookie.
    Citizen,
    /// The guest of a link's cookie.
    Guest,
    /// A citizen who signed in at a provider.
    Person,
    /// The citizen of a link's cookie, signed in at a provider too.
    CitizenAndPerson,
    /// A signed-in agent.
    Agent,
}

/// Makes the schema of a type.
type Make = fn(&mut SchemaGenerator) -> Schema;

/// What stands in a body or an answer.
#[derive(Clone, Copy)]
pub(super) enum Told {
    /// Nothing.
    Nothing,
    /// JSON of this type of the wire.
    Json(Make),
    /// A file of one of these kinds.
    File(&'static [&'static str]),
}

/// JSON of a type of `protocol`.
pub(super) fn json_of<T: JsonSchema>() -> Told {
    Told::Json(|generator| generator.subschema_for::<T>())
}

/// A field of the query.
#[derive(Clone, Copy)]
pub(super) struct Field {
    pub(super) name: &'static str,
    pub(super) about: &'static str,
    pub(super) is_needed: bool,
    pub(super) form: Form,
}

/// The form of a field.
#[derive(Clone, Copy)]
pub(super) enum Form {
    Text,
    Time,
    /// A whole number, 0 or more.
    Number,
    OneOf(&'static [&'static str]),
}

/// One operation. Beside `errors` it may answer what every operation may.
pub struct Operation {
    /// As in the table of routes.
    pub method: Method,
    /// As in the table of routes.
    pub path: &'static str,
    /// Who may ask.
    pub caller: Caller,
    /// Stable, for generated clients.
    pub id: &'static str,
    pub(super) about: &'static str,
    pub(super) query: &'static [Field],
    pub(super) body: Told,
    pub(super) example: Option<Value>,
    /// The status of success, and what it brings.
    pub success: StatusCode,
    pub(super) answer: Told,
    pub(super) errors: &'static [(u16, ErrorCode)],
    /// Operations that a value of the answer leads to: their id, their parameter, where the value stands.
    pub(super) leads_to: &'static [(&'static str, &'static str, &'static str)],
    pub(super) once: bool,
    /// Reads, and for a script of our own page alone.
    pub(super) scripted: bool,
}

impl Operation {
    pub(super) fn new(method: Method, path: &'static str, caller: Caller, id: &'static str, about: &'static str) -> Self {
        let (success, answer, body) = (StatusCode::OK, Told::Nothing, Told::Nothing);
        Self {
            method,
            path,
            caller,
            id,
            about,
            query: &[],
            body,
            example: None,
            success,
            answer,
            errors: &[],
            leads_to: &[],
            once: false,
            scripted: false,
        }
    }

    pub(super) fn query(self, query: &'static [Field]) -> Self {
        Self { query, ..self }
    }

    pub(super) fn takes<T: JsonSchema>(self, example: Value) -> Self {
        Self { body: json_of::<T>(), example: Some(example), ..self }
    }

    pub(super) fn takes_file(self) -> Self {
        Self { body: Told::File(&["application/octet-stream"]), ..self }
    }

    pub(super) fn answers<T: JsonSchema>(self, success: u16) -> Self {
        self.answers_with(success, json_of::<T>())
    }

    pub(super) fn answers_with(self, success: u16, answer: Told) -> Self {
        Self { success: StatusCode::from_u16(success).unwrap_or(StatusCode::OK), answer, ..self }
    }

    pub(super) fn or(self, errors: &'static [(u16, ErrorCode)]) -> Self {
        Self { errors, ..self }
    }

    pub(super) fn leads_to(self, leads_to: &'static [(&'static str, &'static str, &'static str)]) -> Self {
        Self { leads_to, ..self }
    }

    /// It understands `Idempotency-Key`.
    pub(super) fn once(self) -> Self {
        Self { once: true, ..self }
    }

    /// It reads, and answers a script of our own page alone.
    pub(super) fn scripted(self) -> Self {
        Self { scripted: true, ..self }
    }

    fn changes(&self) -> bool {
        self.method != Method::GET
    }

    fn is_portals(&self) -> bool {
        matches!(self.caller, Caller::Portal(_))
    }

    /// Every status with its codes; 200 and its like are not among them.
    pub fn statuses(&self) -> BTreeMap<u16, Vec<ErrorCode>> {
        let mut all: Vec<(u16, ErrorCode)> = self.errors.to_vec();
        // A header that cannot be read, a body or query that is none; a foreign page; too slow; the server's fault; it is busy.
        all.extend([(400, ErrorCode::BadMessage), (408, ErrorCode::BadMessage), (500, ErrorCode::Internal), (503, ErrorCode::Internal)]);
        if self.changes() {
            all.push((403, ErrorCode::Forbidden));
        }
        if matches!(self.body, Told::Json(_)) {
            all.push((413, ErrorCode::TooLarge));
        }
        if self.path.contains('{') {
            all.push((404, ErrorCode::NotFound));
        }
        match self.caller {
            Caller::Portal(_) | Caller::AnybodyOrPortal(_) => {
                all.extend([(401, ErrorCode::WrongKey), (403, ErrorCode::Forbidden), (429, ErrorCode::SlowDown)]);
            }
            Caller::Citizen | Caller::Guest | Caller::Person | Caller::CitizenAndPerson | Caller::Agent => {
                all.push((401, ErrorCode::NotSignedIn))
            }
            Caller::Anybody => {}
        }
        if self.once {
            all.push((422, ErrorCode::KeyReused));
        }
        let mut statuses: BTreeMap<u16, Vec<ErrorCode>> = BTreeMap::new();
        for (status, code) in all {
            let codes = statuses.entry(status).or_default();
            if !codes.contains(&code) {
                codes.push(code);
            }
        }
        statuses
    }

    /// Its method as OpenAPI has it.
    pub(super) fn verb(&self) -> HttpMethod {
        match self.method {
            Method::POST => HttpMethod::Post,
            Method::PATCH => HttpMethod::Patch,
            Method::DELETE => HttpMethod::Delete,
            _ => HttpMethod::Get,
        }
    }

    /// As OpenAPI has it. Schemas of bodies are put in their places afterwards: see [`Places`].
    pub(super) fn written(&self, tag: &str, places: &mut Places) -> path::Operation {
        let parts = self.about.split_once(": ");
        let mut operation = OperationBuilder::new()
            .operation_id(Some(self.id))
            .tag(tag)
            .summary(Some(parts.map_or(self.about, |(summary, _)| summary)))
            .description(parts.map(|(_, rest)| rest));
        for parameter in self.parameters() {
            operation = operation.parameter(parameter);
        }
        for need in self.security() {
            operation = operation.security(need);
        }
        if let Some(body) = self.request_body(places) {
            operation = operation.request_body(Some(body));
        }
        operation = operation.response(self.success.as_str(), self.good(places));
        for (status, codes) in self.statuses() {
            operation = operation.response(status.to_string(), refusal(status, &codes));
        }
        operation.build()
    }

    fn parameters(&self) -> Vec<Parameter> {
        let mut all = Vec::new();
        for name in self.path.split('{').skip(1).filter_map(|rest| Some(rest.split_once('}')?.0)) {
            let schema = match name {
                "reference" => text().description(Some("Can be read over the phone.")).examples([json!("K7Q-4MX")]),
                // A segment is never empty.
                _ => text().description(Some("32 hex digits.")).examples([json!("00000000000000000000000000000000")]),
            };
            all.push(parameter(name, ParameterIn::Path, "").schema(Some(schema.min_length(Some(1)))).build());
        }
        for field in self.query {
            let schema = match field.form {
                Form::Text => text(),
                Form::Number => ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(0)).maximum(Some(u32::MAX)),
                Form::Time => text().format(Some(utoipa::openapi::SchemaFormat::Custom("date-time".into()))),
                Form::OneOf(words) => text().enum_values(Some(words.iter().copied())),
            };
            let needed = if field.is_needed { Required::True } else { Required::False };
            all.push(parameter(field.name, ParameterIn::Query, field.about).required(needed).schema(Some(schema)).build());
        }
        if (self.changes() || self.scripted) && !self.is_portals() {
            let needed = if matches!(self.caller, Caller::AnybodyOrPortal(_)) { Required::False } else { Required::True };
            let about = "That no foreign web page makes a browser ask; a request with a key need not say it.";
            let schema = text().enum_values(Some(["1"]));
            all.push(parameter("X-Visavis", ParameterIn::Header, about).required(needed).schema(Some(schema)).build());
        }
        if self.once {
            let about =
                "With a portal's key: the same request under the same key within 24 hours does its work once and is answered alike.";
            let schema = text().pattern(Some("^[!-~]+$")).min_length(Some(1)).max_length(Some(limits::IDEMPOTENCY_KEY_BYTES));
            all.push(parameter("Idempotency-Key", ParameterIn::Header, about).required(Required::False).schema(Some(schema)).build());
        }
        all
    }

    fn security(&self) -> Vec<SecurityRequirement> {
        let nothing: [&str; 0] = [];
        let cookie = |name: &str| SecurityRequirement::new(name, nothing);
        match self.caller {
            Caller::Anybody => Vec::new(),
            Caller::Portal(scope) => vec![SecurityRequirement::new("key", [scope.word()])],
            Caller::AnybodyOrPortal(scope) => {
                vec![SecurityRequirement::default(), SecurityRequirement::new("key", [scope.word()]), cookie("citizen")]
            }
            Caller::Citizen => vec![cookie("citizen")],
            Caller::Guest => vec![cookie("guest")],
            Caller::Person => vec![cookie("person")],
            Caller::CitizenAndPerson => vec![cookie("citizen").add("person", nothing)],
            Caller::Agent => vec![cookie("agent")],
        }
    }

    fn request_body(&self, places: &mut Places) -> Option<utoipa::openapi::request_body::RequestBody> {
        let content = match self.body {
            Told::Nothing => return None,
            Told::Json(make) => {
                places.body(self, "application/json", make);
                ContentBuilder::new().example(self.example.clone()).build()
            }
            Told::File(_) => ContentBuilder::new().schema(Some(bytes())).build(),
        };
        let kind = if matches!(self.body, Told::File(_)) { "application/octet-stream" } else { "application/json" };
        Some(RequestBodyBuilder::new().content(kind, content).required(Some(Required::True)).build())
    }

    fn good(&self, places: &mut Places) -> Response {
        let mut response = ResponseBuilder::new().description(self.success.canonical_reason().unwrap_or("done"));
        match self.answer {
            Told::Nothing => {}
            Told::Json(make) => {
                places.answer(self, "application/json", make);
                response = response.content("application/json", Content::default());
            }
            Told::File(kinds) => {
                for kind in kinds {
                    response = response.content(*kind, ContentBuilder::new().schema(Some(bytes())).build());
                }
            }
        }
        places.links(self);
        response.build()
    }
}

/// Where schemas belong that `schemars` makes: utoipa's own are another dialect of the same types.
#[derive(Default)]
pub(super) struct Places {
    schemas: Vec<(String, Make)>,
    /// utoipa writes their fields in another spelling than OpenAPI.
    links: Vec<(String, Value)>,
}

impl Places {
    fn body(&mut self, of: &Operation, kind: &str, make: Make) {
        self.put(of, "requestBody", kind, make);
    }

    fn answer(&mut self, of: &Operation, kind: &str, make: Make) {
        self.put(of, &format!("responses/{}", of.success.as_str()), kind, make);
    }

    fn put(&mut self, of: &Operation, at: &str, kind: &str, make: Make) {
        self.schemas.push((format!("{}/{at}/content/{}", pointer(of), escaped(kind)), make));
    }

    fn links(&mut self, of: &Operation) {
        if of.leads_to.is_empty() {
            return;
        }
        let told = of.leads_to.iter().map(|(id, parameter, place)| {
            let link = json!({"operationId": id, "parameters": {(*parameter): place}});
            (format!("{id}-by-{parameter}"), link)
        });
        self.links.push((format!("{}/responses/{}", pointer(of), of.success.as_str()), Value::Object(told.collect())));
    }

    /// Puts them where they belong.
    pub(super) fn fill(self, document: &mut Value, generator: &mut SchemaGenerator) {
        for (pointer, make) in self.schemas {
            if let Some(content) = document.pointer_mut(&pointer) {
                content["schema"] = make(generator).into();
            }
        }
        for (pointer, links) in self.links {
            if let Some(response) = document.pointer_mut(&pointer) {
                response["links"] = links;
            }
        }
    }
}

/// Where an operation stands in the document.
fn pointer(of: &Operation) -> String {
    format!("/paths/{}/{}", escaped(super::below(of.path).unwrap_or(of.path)), of.method.as_str().to_ascii_lowercase())
}

/// A part of a JSON Pointer (RFC 6901).
fn escaped(part: &str) -> String {
    part.replace('~', "~0").replace('/', "~1")
}

/// The answer of a status: a problem, with an example of each code.
fn refusal(status: u16, codes: &[ErrorCode]) -> Response {
    let mut content = ContentBuilder::new().schema(Some(Ref::from_schema_name("Problem")));
    for code in codes {
        let word = code.word();
        content = content.examples_from_iter([(word.clone(), RefOr::<Example>::Ref(Ref::new(format!("#/components/examples/{word}"))))]);
    }
    let words: Vec<String> = codes.iter().map(|code| format!("`{}`", code.word())).collect();
    let mut response = ResponseBuilder::new().description(words.join(", ")).content("application/problem+json", content.build());
    if status == 429 {
        let seconds = ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(1)).build();
        response = response.header("Retry-After", HeaderBuilder::new().schema(seconds).description(Some("In seconds.")).build());
    }
    response.build()
}

fn text() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String)
}

fn bytes() -> ObjectBuilder {
    text().format(Some(utoipa::openapi::SchemaFormat::Custom("binary".into())))
}

fn parameter(name: &str, place: ParameterIn, about: &str) -> ParameterBuilder {
    let about = Some(about).filter(|about| !about.is_empty());
    ParameterBuilder::new().name(name).parameter_in(place).required(Required::True).description(about)
}
