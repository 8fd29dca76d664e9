//! The protocol's vectors and its checked-in schema: what Rust reads and writes is what `docs/protocol.schema.json` and `tests/data/protocol` say.

use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::{Value, json};
use visavis::protocol::{AgentMessage, CitizenMessage, GuestMessage, ServerMessage, booking, http, person, schema};

/// One file of vectors: messages of one direction.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Vectors {
    pub direction: Direction,
    pub vectors: Vec<Vector>,
}

#[derive(Deserialize, Clone, Copy, PartialEq, Eq, Debug)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    Citizen,
    Guest,
    Agent,
    Server,
    Http,
}

/// `body` names the type of an HTTP body, which has no tag of its own. An invalid message says `why`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Vector {
    pub name: String,
    pub body: Option<String>,
    pub message: Value,
    pub valid: bool,
    why: Option<String>,
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

pub fn files() -> Vec<Vectors> {
    let mut names: Vec<_> = fs::read_dir(root().join("tests/data/protocol")).unwrap().map(|entry| entry.unwrap().path()).collect();
    names.sort();
    names.iter().map(|path| read(path)).collect()
}

fn read(path: &Path) -> Vectors {
    let text = fs::read_to_string(path).unwrap();
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Reads the message as its type and writes it again.
pub fn through(direction: Direction, body: Option<&str>, message: &Value) -> Result<Value, String> {
    fn round<T: serde::de::DeserializeOwned + serde::Serialize>(message: &Value) -> Result<Value, String> {
        // By way of text, as it arrives.
        let read: T = serde_json::from_str(&message.to_string()).map_err(|error| error.to_string())?;
        Ok(serde_json::to_value(read).unwrap())
    }
    match (direction, body) {
        (Direction::Citizen, _) => round::<CitizenMessage>(message),
        (Direction::Guest, _) => round::<GuestMessage>(message),
        (Direction::Agent, _) => round::<AgentMessage>(message),
        (Direction::Server, _) => round::<ServerMessage>(message),
        (Direction::Http, Some("ErrorBody")) => round::<http::ErrorBody>(message),
        (Direction::Http, Some("Problem")) => round::<http::Problem>(message),
        (Direction::Http, Some("Topics")) => round::<http::Topics>(message),
        (Direction::Http, Some("Callbacks")) => round::<booking::Callbacks>(message),
        (Direction::Http, Some("NewAppointment")) => round::<http::NewAppointment>(message),
        (Direction::Http, Some("Booked")) => round::<http::Booked>(message),
        (Direction::Http, Some("Cancel")) => round::<http::Cancel>(message),
        (Direction::Http, Some("Resent")) => round::<http::Resent>(message),
        (Direction::Http, Some("CancelLink")) => round::<http::CancelLink>(message),
        (Direction::Http, Some("Appointment")) => round::<http::Appointment>(message),
        (Direction::Http, Some("NewTime")) => round::<http::NewTime>(message),
        (Direction::Http, Some("Services")) => round::<http::Services>(message),
        (Direction::Http, Some("Slots")) => round::<http::Slots>(message),
        (Direction::Http, Some("NewBooking")) => round::<booking::NewBooking>(message),
        (Direction::Http, Some("Booking")) => round::<booking::Booking>(message),
        (Direction::Http, Some("NewStart")) => round::<booking::NewStart>(message),
        (Direction::Http, Some("NewCallback")) => round::<booking::NewCallback>(message),
        (Direction::Http, Some("CallbackAsked")) => round::<booking::CallbackAsked>(message),
        (Direction::Http, Some("CallbackTimes")) => round::<booking::CallbackTimes>(message),
        (Direction::Http, Some("CallbackDone")) => round::<booking::CallbackDone>(message),
        (Direction::Http, Some("Join")) => round::<http::Join>(message),
        (Direction::Http, Some("Link")) => round::<http::Link>(message),
        (Direction::Http, Some("Documents")) => round::<http::Documents>(message),
        (Direction::Http, Some("SaidOfIdentity")) => round::<http::SaidOfIdentity>(message),
        (Direction::Http, Some("Chat")) => round::<http::Chat>(message),
        (Direction::Http, Some("SignIn")) => round::<http::SignIn>(message),
        (Direction::Http, Some("AgentAccount")) => round::<http::AgentAccount>(message),
        (Direction::Http, Some("SignInBegin")) => round::<person::SignInBegin>(message),
        (Direction::Http, Some("StaffSignInBegin")) => round::<person::StaffSignInBegin>(message),
        (Direction::Http, Some("SignInAt")) => round::<person::SignInAt>(message),
        (Direction::Http, Some("SignInEnd")) => round::<person::SignInEnd>(message),
        (Direction::Http, Some("SignedIn")) => round::<person::SignedIn>(message),
        (Direction::Http, Some("Me")) => round::<person::Me>(message),
        (Direction::Http, Some("MyAppointments")) => round::<person::MyAppointments>(message),
        (Direction::Http, Some("SecondFactorAsk")) => round::<person::SecondFactorAsk>(message),
        (Direction::Http, Some("SecondFactorOffer")) => round::<person::SecondFactorOffer>(message),
        (Direction::Http, Some("SecondFactorConfirm")) => round::<person::SecondFactorConfirm>(message),
        (Direction::Http, Some("SecondFactorSet")) => round::<person::SecondFactorSet>(message),
        (Direction::Http, Some("WaysIn")) => round::<person::WaysIn>(message),
        (Direction::Http, other) => panic!("no such body: {other:?}"),
    }
}

/// The checked-in schema, narrowed to one type.
fn validator(direction: Direction, body: Option<&str>) -> jsonschema::Validator {
    let name = match direction {
        Direction::Citizen => "CitizenMessage",
        Direction::Guest => "GuestMessage",
        Direction::Agent => "AgentMessage",
        Direction::Server => "ServerMessage",
        Direction::Http => body.unwrap(),
    };
    let mut document = checked_in_schema();
    document.as_object_mut().unwrap().remove("anyOf");
    document["$ref"] = json!(format!("#/$defs/{name}"));
    jsonschema::validator_for(&document).unwrap()
}

fn checked_in_schema() -> Value {
    serde_json::from_str(&fs::read_to_string(root().join("docs/protocol.schema.json")).unwrap()).unwrap()
}

#[test]
fn the_checked_in_schema_is_the_one_of_the_types() {
    let path = root().join("docs/protocol.schema.json");
    let made = serde_json::to_string_pretty(&schema::document()).unwrap() + "\n";
    if std::env::var_os("VISAVIS_WRITE_SCHEMA").is_some() {
        fs::write(&path, &made).unwrap();
    }
    let kept = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        kept == made,
        "docs/protocol.schema.json is old: VISAVIS_WRITE_SCHEMA=1 cargo test --test it protocol; then the types of web-client/src/core/protocol.ts"
    );
}

#[test]
fn every_valid_vector_is_read_and_written_back_unchanged() {
    for file in files() {
        for vector in file.vectors.iter().filter(|vector| vector.valid) {
            let written = through(file.direction, vector.body.as_deref(), &vector.message)
                .unwrap_or_else(|error| panic!("{:?} {}: {error}", file.direction, vector.name));
            assert_eq!(written, vector.message, "{:?} {}", file.direction, vector.name);
            assert!(vector.why.is_none(), "{} is valid and says why not", vector.name);
        }
    }
}

#[test]
fn every_invalid_vector_is_refused() {
    for file in files() {
        for vector in file.vectors.iter().filter(|vector| !vector.valid) {
            assert!(vector.why.is_some(), "{} does not say why it is invalid", vector.name);
            let read = through(file.direction, vector.body.as_deref(), &vector.message);
            assert!(read.is_err(), "{:?} {} was read although: {:?}", file.direction, vector.name, vector.why);
        }
    }
}

#[test]
fn the_schema_judges_every_vector_as_the_types_do() {
    for file in files() {
        for vector in &file.vectors {
            let errors: Vec<String> =
                validator(file.direction, vector.body.as_deref()).iter_errors(&vector.message).map(|error| error.to_string()).collect();
            assert_eq!(errors.is_empty(), vector.valid, "{:?} {}: {errors:?}", file.direction, vector.name);
        }
    }
}

#[test]
fn every_message_type_has_a_valid_vector() {
    let schema = checked_in_schema();
    for (direction, name) in [
        (Direction::Citizen, "CitizenMessage"),
        (Direction::Guest, "GuestMessage"),
        (Direction::Agent, "AgentMessage"),
        (Direction::Server, "ServerMessage"),
    ] {
        let seen: Vec<String> = files()
            .iter()
            .filter(|file| file.direction == direction)
            .flat_map(|file| {
                file.vectors.iter().filter(|vector| vector.valid).map(|vector| vector.message["type"].as_str().unwrap().to_owned())
            })
            .collect();
        for variant in schema["$defs"][name]["oneOf"].as_array().unwrap() {
            let tag = variant["properties"]["type"]["const"].as_str().unwrap();
            assert!(seen.iter().any(|seen| seen == tag), "no valid vector for {name} {tag}");
        }
    }
}

#[test]
fn vectors_that_are_not_json_objects_do_not_have_an_id_to_answer_to() {
    for text in ["", "1", "null", "[]", "{}", "{\"id\":0}", "{\"id\":\"1\"}", "{\"id\":-1}", "{\"id\":4294967296}", "{\"id\":1"] {
        assert_eq!(visavis::protocol::message_id(text), None, "{text}");
    }
    assert_eq!(visavis::protocol::message_id("{\"id\":7,\"type\":\"dance\"}").map(|id| id.get()), Some(7));
}
