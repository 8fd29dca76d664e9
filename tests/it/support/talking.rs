//! A citizen and an agent who are in a call with each other, through link, waiting room, call and answer. Knows no server but by its address.

use serde_json::json;
use visavis::load::http_client::Base;
use visavis::load::participant::{Participant, SignedIn};
use visavis::load::peer::PeerOptions;

/// Two people in a call.
pub struct Talking {
    /// Their consultation.
    pub id: String,
    pub citizen: Participant,
    pub agent: Participant,
}

impl Talking {
    /// By the citizen's link and the agent's account; their peers are called `names`.
    pub async fn begin(base: &Base, link: &str, (user, password): (&str, &str), names: [u32; 2]) -> Self {
        let citizen = SignedIn::citizen(base, link).await.unwrap();
        let agent = SignedIn::agent(base, user, password).await.unwrap();
        let [mut citizen, mut agent] = [
            Participant::open(citizen, PeerOptions { name: names[0], ..PeerOptions::default() }).await.unwrap(),
            Participant::open(agent, PeerOptions { name: names[1], ..PeerOptions::default() }).await.unwrap(),
        ];
        citizen.ask("arrive", None, json!({})).await.unwrap();
        let id = citizen.appointment();
        citizen.phase(&id, "waiting").await.unwrap();
        citizen.connect(None).await.unwrap();
        agent.ask("call", Some(&id), json!({})).await.unwrap();
        agent.connect(Some(&id)).await.unwrap();
        let ringing = citizen.phase(&id, "ringing").await.unwrap();
        citizen.ask("accept", None, json!({"call": ringing["call"]["number"]})).await.unwrap();
        agent.phase(&id, "in_call").await.unwrap();
        Self { id, citizen, agent }
    }
}
