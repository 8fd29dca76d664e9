//! S6: what somebody says of their own role, in whatever message, changes nothing. Made from every vector of the protocol, so that a new message is in it by itself.

use serde_json::{Value, json};
use visavis::load::signaling_client::SignalingClient;

use crate::protocol::{Direction, files, through};
use crate::running::Running;

/// What a client might say to be taken for somebody else.
fn forgeries() -> Vec<(&'static str, Value)> {
    vec![
        ("role", json!("agent")),
        ("roles", json!(["agent", "supervisor"])),
        ("is_agent", json!(true)),
        ("agent", json!(1)),
        ("agent_id", json!(1)),
        ("actor", json!({"agent": 1})),
        ("display_name", json!("Anna Agent")),
        ("grant", json!({"agent": 1, "display_name": "Anna Agent", "role": "supervisor"})),
        ("participant_role", json!("agent")),
        ("assurance", json!("high")),
        ("vouched_name", json!("Clara Citizen")),
        ("authenticated_as", json!("agent")),
        ("sign_in", json!("AAAA")),
        ("__proto__", json!({"role": "agent"})),
    ]
}

#[test]
fn a_forged_field_in_any_message_of_a_client_is_refused_or_is_as_if_it_were_not_there() {
    let (mut refused, mut ignored) = (0, 0);
    for file in files() {
        if file.direction == Direction::Server {
            continue;
        }
        for vector in file.vectors.iter().filter(|vector| vector.valid) {
            let body = vector.body.as_deref();
            for (field, value) in forgeries() {
                let mut forged = vector.message.clone();
                let Some(object) = forged.as_object_mut() else { continue };
                // A field that the message has is no forgery but its content, and judged as such.
                if object.contains_key(field) {
                    continue;
                }
                object.insert(field.to_owned(), value);
                match through(file.direction, body, &forged) {
                    Err(_) => refused += 1,
                    Ok(read) => {
                        // Answers of the server are read by clients; `assurance` of `Me` and of a row is there already or may be.
                        assert!(read == vector.message || is_an_answer(body), "{:?} {} with {field}: {read}", file.direction, vector.name);
                        ignored += 1;
                    }
                }
            }
        }
    }
    println!("{refused} forged messages refused, {ignored} read as if nothing were forged");
    assert!(refused > 500, "{refused}");
}

/// Types that only the server writes.
fn is_an_answer(body: Option<&str>) -> bool {
    !matches!(
        body,
        None | Some(
            "NewAppointment"
                | "NewTime"
                | "Cancel"
                | "NewBooking"
                | "NewStart"
                | "NewCallback"
                | "CallbackDone"
                | "Join"
                | "SignIn"
                | "SignInBegin"
                | "StaffSignInBegin"
                | "SignInEnd"
                | "SecondFactorAsk"
                | "SecondFactorConfirm"
        )
    )
}

/// On the wire: a citizen sends what only agents say, and their own messages with forged fields. The server answers with errors, and desk, roles and trail are
/// what they were.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_citizen_who_says_what_agents_say_is_a_citizen_still() {
    let running = Running::start().await;
    let (reference, token) = running.book(-60_000, "Clara Canary").await;
    let cookie = running.citizen(&token).await;
    let id = running.server.store.appointment_by_reference(&reference).await.unwrap().unwrap().id;
    let connect = async || {
        let mut socket = SignalingClient::connect(&running.base, "citizen", &cookie).await.unwrap();
        socket.hello("AAAAAAAAAAAAAAAAAAAAAA").await.unwrap();
        socket
    };
    let mut socket = connect().await;
    let before = running.server.store.appointment(id).await.unwrap().unwrap().record;
    let (mut sent, mut answered) = (0_u32, 0_u32);
    for file in files() {
        let forge_own = match file.direction {
            Direction::Agent => false,
            Direction::Citizen => true,
            _ => continue,
        };
        for vector in file.vectors.iter().filter(|vector| vector.valid) {
            let kind = vector.message["type"].as_str().unwrap_or_default();
            // What both say is no forgery without a forged field; `hello` was said.
            if kind == "hello" || kind == "ping" || kind == "offer" {
                continue;
            }
            let mut message = vector.message.clone();
            message["role"] = json!("agent");
            message["roles"] = json!(["supervisor"]);
            if !forge_own {
                message["appointment"] = json!(id.to_string());
            }
            sent += 1;
            if socket.request(message).await.is_err() {
                answered += 1;
            }
            // The rate is bounded, and whoever says nonsense is shut out.
            socket.cut();
            socket = connect().await;
        }
    }
    println!("{sent} forged messages on the wire, {answered} refused by an error or the end of the socket");
    assert!(sent > 20 && answered == sent, "{answered} of {sent}");
    let after = running.server.store.appointment(id).await.unwrap().unwrap().record;
    assert_eq!(before, after, "a forged message changed the consultation");
    assert_eq!(running.get("/api/v1/agent", &[("Cookie", &cookie)]).await.status, 401);
    let agent = running.agent().await;
    assert_eq!(running.get("/api/v1/agent", &[("Cookie", &agent)]).await.json()["roles"], json!(["agent"]));
    running.server.stop().await;
}
