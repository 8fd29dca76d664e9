//! TURN on the web port for networks that let nothing but TLS through: a client relays to this server's own media plane and nowhere else (trust.md O10).
//! Nothing leaves by a socket of its own: what a client sends to a peer goes to the media worker inside this process. Refuses to know consultations.

mod connection;
pub mod message;
pub mod session;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::UnixStream;

use crate::access::relay::RelaySecret;
use crate::limits;
use crate::time::Clock;

/// Takes the far end of a local stream of frames (RFC 4571), the address that the client has at its peer, the peer's, and the first packet.
pub type Bring = Arc<dyn Fn(UnixStream, SocketAddr, SocketAddr, Vec<u8>) -> bool + Send + Sync>;

/// See the module's sentence.
pub struct Relay {
    secret: RelaySecret,
    peers: Vec<SocketAddr>,
    bring: Bring,
    clock: Clock,
    /// Allocations of each person.
    places: Mutex<HashMap<String, usize>>,
}

impl Relay {
    /// `peers`: the UDP addresses of the media plane, as its answers name them. `bring`: the way to its workers.
    pub fn new(secret: RelaySecret, peers: Vec<SocketAddr>, bring: Bring, clock: Clock) -> Arc<Self> {
        Arc::new(Self { secret, peers, bring, clock, places: Mutex::default() })
    }

    /// Serves one connection until it or its allocation ends.
    pub async fn serve(self: Arc<Self>, stream: impl AsyncRead + AsyncWrite + Send + 'static, client: SocketAddr) {
        Box::pin(connection::serve(self, stream, client)).await;
    }

    /// Allocations of everybody.
    pub fn allocations(&self) -> usize {
        self.places.lock().unwrap_or_else(PoisonError::into_inner).values().sum()
    }

    fn enter(self: &Arc<Self>, who: &str) -> Option<Place> {
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        let taken = places.entry(who.to_owned()).or_default();
        if *taken >= limits::RELAY_ALLOCATIONS {
            return None;
        }
        *taken += 1;
        Some(Place { relay: self.clone(), who: who.to_owned() })
    }
}

/// One allocation's place among those of its person.
struct Place {
    relay: Arc<Relay>,
    who: String,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut places = self.relay.places.lock().unwrap_or_else(PoisonError::into_inner);
        match places.get_mut(&self.who) {
            Some(taken) if *taken > 1 => *taken -= 1,
            _ => {
                places.remove(&self.who);
            }
        }
    }
}
