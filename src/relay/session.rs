//! One client's dealings with the relay (RFC 8656): what it may do, and for how long. Its only permitted peers are the UDP addresses of this server's own media
//! plane (trust.md O10). Told the time; refuses to know sockets.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use aws_lc_rs::hmac;

use super::message::{self, Message, Method};
use crate::access::relay::{Claim, REALM, RelaySecret};
use crate::limits;
use crate::time::{Instant, Timestamp};

/// What all sessions share.
pub trait House {
    /// Makes and checks credentials.
    fn secret(&self) -> &RelaySecret;
    /// The only peers, as answers advertise them.
    fn peers(&self) -> &[SocketAddr];
    /// Room for one more allocation of this person; `false` when they have theirs. Given back by the owner when the session ends.
    fn enter(&mut self, who: &str) -> bool;
}

/// One connection.
pub struct Session {
    client: SocketAddr,
    nonce: String,
    allocation: Option<Allocation>,
}

struct Allocation {
    username: Vec<u8>,
    key: hmac::Key,
    relayed: SocketAddr,
    ends: Instant,
    permissions: Vec<(IpAddr, Instant)>,
    channels: Vec<(u16, SocketAddr, Instant)>,
}

/// What is to be done besides answering.
#[derive(Debug, PartialEq, Eq)]
pub enum Step<'a> {
    /// Nothing.
    Done,
    /// Bring this to the peer.
    Forward(SocketAddr, &'a [u8]),
    /// The client gave its address back.
    Ended,
}

impl Session {
    /// `nonce`: random text, never used again.
    pub fn new(client: SocketAddr, nonce: String) -> Self {
        Self { client, nonce, allocation: None }
    }

    /// The address that the client is known by at its peers; `None` before it has one.
    pub fn relayed(&self) -> Option<SocketAddr> {
        self.allocation.as_ref().map(|allocation| allocation.relayed)
    }

    /// When the allocation ends unless it is refreshed.
    pub fn ends(&self) -> Option<Instant> {
        self.allocation.as_ref().map(|allocation| allocation.ends)
    }

    /// ChannelData of the client.
    pub fn handle_channel_data<'a>(&self, channel: u16, data: &'a [u8], now: Instant) -> Step<'a> {
        let Some(allocation) = &self.allocation else { return Step::Done };
        match allocation.channels.iter().find(|(number, _, until)| *number == channel && now < *until) {
            Some((_, peer, _)) => Step::Forward(*peer, data),
            None => Step::Done,
        }
    }

    /// A message of the client; answers are appended to `out`.
    pub fn handle_message<'a>(
        &mut self,
        message: &Message<'a>,
        house: &mut impl House,
        (now, wall): (Instant, Timestamp),
        out: &mut Vec<u8>,
    ) -> Step<'a> {
        match message.method {
            Method::Binding => {
                let client = self.client;
                message.write_success(None, out, |attributes| attributes.mapped(client));
                return Step::Done;
            }
            Method::Send => return self.send(message, house.peers(), now),
            _ => {}
        }
        if let Some(unknown) = message.unknown {
            message.write_error(420, None, out, |attributes| attributes.unknown(unknown));
            return Step::Done;
        }
        let Some(claim) = self.authenticate(message, house, wall, out) else { return Step::Done };
        if message.method == Method::Allocate {
            self.allocate(message, claim, house, now, out);
            return Step::Done;
        }
        let Some(allocation) = &mut self.allocation else {
            message.write_error(437, Some(&claim.key), out, |_| {});
            return Step::Done;
        };
        match message.method {
            Method::Refresh => {
                let lifetime = lifetime(message.lifetime);
                allocation.ends = now + lifetime;
                let key = allocation.key.clone();
                message.write_success(Some(&key), out, |attributes| attributes.lifetime(lifetime.as_secs() as u32));
                if lifetime.is_zero() {
                    self.allocation = None;
                    return Step::Ended;
                }
            }
            Method::CreatePermission => allocation.permit(message, house.peers(), now, out),
            Method::ChannelBind => allocation.bind(message, house.peers(), now, out),
            Method::Binding | Method::Send | Method::Allocate => {}
        }
        Step::Done
    }

    /// Data from a peer, as the client is to get it. `false`: it may not have it.
    pub fn write_from_peer(&self, peer: SocketAddr, data: &[u8], transaction: [u8; 12], now: Instant, out: &mut Vec<u8>) -> bool {
        let Some(allocation) = &self.allocation else { return false };
        if let Some((number, ..)) = allocation.channels.iter().find(|(_, bound, until)| *bound == peer && now < *until) {
            message::write_channel_data(*number, data, out);
            return true;
        }
        let permitted = allocation.permits(peer.ip(), now);
        if permitted {
            message::write_data_indication(transaction, peer, data, out);
        }
        permitted
    }

    fn send<'a>(&self, message: &Message<'a>, peers: &[SocketAddr], now: Instant) -> Step<'a> {
        // RFC 8656 §11.2: an indication that is not in order is passed over in silence.
        let (Some(allocation), Some([peer]), Some(data)) = (&self.allocation, message.peers.as_deref(), message.data) else {
            return Step::Done;
        };
        match message.unknown.is_none() && allocation.permits(peer.ip(), now) && peers.contains(peer) {
            true => Step::Forward(*peer, data),
            false => Step::Done,
        }
    }

    /// Who asks; an answer is written when that is not proved (RFC 8489 §9.2.4).
    fn authenticate(&self, message: &Message<'_>, house: &impl House, wall: Timestamp, out: &mut Vec<u8>) -> Option<Claim> {
        let challenge = |code: u16, out: &mut Vec<u8>| {
            message.write_error(code, None, out, |attributes| attributes.challenge(REALM, &self.nonce));
            None
        };
        if !message.claims_integrity() {
            return challenge(401, out);
        }
        let (Some(username), Some(nonce)) = (message.username, message.nonce) else { return challenge(400, out) };
        if nonce != self.nonce.as_bytes() {
            return challenge(438, out);
        }
        // An allocation outlives its credential: the transport that it carries ends by its own rules.
        let claim = match &self.allocation {
            Some(allocation) if allocation.username == username => Some(Claim { who: String::new(), key: allocation.key.clone() }),
            Some(_) => {
                message.write_error(441, None, out, |_| {});
                return None;
            }
            None => house.secret().claim(username, wall),
        };
        match claim.filter(|claim| message.authentic(&claim.key)) {
            Some(claim) => Some(claim),
            None => challenge(401, out),
        }
    }

    fn allocate(&mut self, message: &Message<'_>, claim: Claim, house: &mut impl House, now: Instant, out: &mut Vec<u8>) {
        let family = |peer: &&SocketAddr| match message.family {
            Some(2) => peer.is_ipv6(),
            Some(_) => peer.is_ipv4(),
            None => true,
        };
        let refusal = match message.transport {
            _ if self.allocation.is_some() => 437,
            None => 400,
            Some(transport) if transport != 17 => 442,
            Some(_) if !house.peers().iter().any(|peer| family(&peer)) => 440,
            Some(_) if !house.enter(&claim.who) => 486,
            Some(_) => 0,
        };
        let Some(own) = house.peers().iter().find(family).filter(|_| refusal == 0) else {
            message.write_error(refusal.max(400), Some(&claim.key), out, |_| {});
            return;
        };
        // Nobody can send there: peers are met inside. It only has to be told apart from them.
        let relayed = SocketAddr::new(own.ip(), 49_152 | (self.client.port() & 0x3fff));
        let lifetime = lifetime(message.lifetime).max(Duration::from_secs(60));
        message.write_success(Some(&claim.key), out, |attributes| {
            attributes.relayed(relayed);
            attributes.mapped(self.client);
            attributes.lifetime(lifetime.as_secs() as u32);
        });
        self.allocation = Some(Allocation {
            username: message.username.unwrap_or_default().to_vec(),
            key: claim.key,
            relayed,
            ends: now + lifetime,
            permissions: Vec::new(),
            channels: Vec::new(),
        });
    }
}

impl Allocation {
    fn permits(&self, ip: IpAddr, now: Instant) -> bool {
        self.permissions.iter().any(|(permitted, until)| *permitted == ip && now < *until)
    }

    fn permit(&mut self, message: &Message<'_>, peers: &[SocketAddr], now: Instant, out: &mut Vec<u8>) {
        let code = match message.peers.as_deref() {
            None | Some([]) => 400,
            Some(asked) if !asked.iter().all(|asked| peers.iter().any(|peer| peer.ip() == asked.ip())) => 403,
            Some(asked) => {
                asked.iter().for_each(|asked| self.let_in(asked.ip(), now));
                message.write_success(Some(&self.key), out, |_| {});
                return;
            }
        };
        message.write_error(code, Some(&self.key), out, |_| {});
    }

    fn bind(&mut self, message: &Message<'_>, peers: &[SocketAddr], now: Instant, out: &mut Vec<u8>) {
        let asked = message.channel.filter(|number| (0x4000..0x5000).contains(number)).zip(message.peers.as_deref());
        let code = match asked {
            Some((number, [peer])) if !self.channels.iter().any(|(other, bound, _)| (*other == number) != (bound == peer)) => {
                if peers.contains(peer) {
                    let until = now + limits::RELAY_CHANNEL;
                    self.channels.retain(|(other, ..)| *other != number);
                    self.channels.push((number, *peer, until));
                    self.let_in(peer.ip(), now);
                    message.write_success(Some(&self.key), out, |_| {});
                    return;
                }
                403
            }
            _ => 400,
        };
        message.write_error(code, Some(&self.key), out, |_| {});
    }

    /// Bounded by the peers that there are.
    fn let_in(&mut self, ip: IpAddr, now: Instant) {
        self.permissions.retain(|(other, _)| *other != ip);
        self.permissions.push((ip, now + limits::RELAY_PERMISSION));
    }
}

/// RFC 8656 §7.2: what is asked for, within our bounds.
fn lifetime(asked: Option<u32>) -> Duration {
    asked.map_or(limits::RELAY_LIFETIME, |seconds| Duration::from_secs(seconds.into())).min(limits::RELAY_LIFETIME_MAX)
}
