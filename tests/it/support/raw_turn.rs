//! A TURN client as a browser's is (RFC 8656 over TLS), but without manners: any address, any attribute. Shares no code with the server's relay.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use aws_lc_rs::hmac;
use md5::{Digest, Md5};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

const COOKIE: u32 = 0x2112_A442;

pub const ALLOCATE: u16 = 0x0003;
pub const REFRESH: u16 = 0x0004;
pub const SEND: u16 = 0x0016;
pub const CREATE_PERMISSION: u16 = 0x0008;
pub const CHANNEL_BIND: u16 = 0x0009;

/// One attribute.
pub type Attribute = (u16, Vec<u8>);

/// What came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Heard {
    /// Type of the message, error code or 0, attributes.
    Answer(u16, u16, Vec<Attribute>),
    /// Data of a peer, by indication or by channel.
    Data(Vec<u8>),
}

pub struct TurnClient<S> {
    stream: S,
    input: Vec<u8>,
    username: String,
    password: String,
    challenge: Option<(String, String)>,
    transactions: u64,
}

impl<S: AsyncRead + AsyncWrite + Unpin> TurnClient<S> {
    pub fn new(stream: S, username: &str, password: &str) -> Self {
        Self { stream, input: vec![], username: username.to_owned(), password: password.to_owned(), challenge: None, transactions: 0 }
    }

    /// Allocates as browsers do: asked without credentials first. The code of the final answer, 0 for success.
    pub async fn allocate(&mut self) -> u16 {
        let udp = || vec![(0x0019, vec![17, 0, 0, 0])];
        let (code, attributes) = self.ask(ALLOCATE, udp()).await;
        assert_eq!(code, 401, "a challenge first");
        let text = |kind: u16| {
            let value = attributes.iter().find(|(other, _)| *other == kind).map(|(_, value)| value.clone()).unwrap();
            String::from_utf8(value).unwrap()
        };
        self.challenge = Some((text(0x0014), text(0x0015)));
        self.ask(ALLOCATE, udp()).await.0
    }

    /// One request and its answer: the error code, or 0, and the attributes. Data that comes in between is lost.
    pub async fn ask(&mut self, method: u16, attributes: Vec<Attribute>) -> (u16, Vec<Attribute>) {
        let request = self.message(method, attributes);
        self.stream.write_all(&request).await.unwrap();
        self.stream.flush().await.unwrap();
        loop {
            if let Heard::Answer(_, code, attributes) = self.hear().await.expect("an answer") {
                return (code, attributes);
            }
        }
    }

    /// A message with everything that it needs to be believed, as far as there was a challenge.
    pub fn message(&mut self, method: u16, attributes: Vec<Attribute>) -> Vec<u8> {
        let transaction = self.next_transaction();
        let mut out = [&method.to_be_bytes()[..], &[0, 0], &COOKIE.to_be_bytes(), &transaction].concat();
        let mut all = attributes;
        let signed = self.challenge.as_ref().filter(|_| method != SEND);
        if let Some((realm, nonce)) = signed {
            all.extend([
                (0x0006, self.username.clone().into_bytes()),
                (0x0014, realm.clone().into_bytes()),
                (0x0015, nonce.clone().into_bytes()),
            ]);
        }
        for (kind, value) in &all {
            put(&mut out, *kind, value);
        }
        if let Some((realm, _)) = signed {
            let length = (out.len() - 20 + 24) as u16;
            out[2..4].copy_from_slice(&length.to_be_bytes());
            let key = Md5::digest(format!("{}:{realm}:{}", self.username, self.password));
            let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &key), &out);
            put(&mut out, 0x0008, tag.as_ref());
        }
        let length = (out.len() - 20) as u16;
        out[2..4].copy_from_slice(&length.to_be_bytes());
        out
    }

    fn next_transaction(&mut self) -> [u8; 12] {
        self.transactions += 1;
        let mut transaction = [0x7c; 12];
        transaction[4..].copy_from_slice(&self.transactions.to_be_bytes());
        transaction
    }

    /// XOR-PEER-ADDRESS. The last transaction's id masks IPv6, so it is made for the next message.
    pub fn peer(&self, peer: SocketAddr) -> Attribute {
        let mut transaction = [0x7c; 12];
        transaction[4..].copy_from_slice(&(self.transactions + 1).to_be_bytes());
        let mask = [&COOKIE.to_be_bytes()[..], &transaction].concat();
        let octets = match peer.ip() {
            IpAddr::V4(ip) => ip.octets().to_vec(),
            IpAddr::V6(ip) => ip.octets().to_vec(),
        };
        let mut value = vec![0, if peer.is_ipv4() { 1 } else { 2 }];
        value.extend((peer.port() ^ (COOKIE >> 16) as u16).to_be_bytes());
        value.extend(octets.iter().zip(mask).map(|(octet, mask)| octet ^ mask));
        (0x0012, value)
    }

    pub async fn permit(&mut self, peer: SocketAddr) -> u16 {
        let peer = self.peer(peer);
        self.ask(CREATE_PERMISSION, vec![peer]).await.0
    }

    pub async fn bind(&mut self, channel: u16, peer: SocketAddr) -> u16 {
        let peer = self.peer(peer);
        self.ask(CHANNEL_BIND, vec![(0x000c, [channel.to_be_bytes(), [0, 0]].concat()), peer]).await.0
    }

    pub async fn refresh(&mut self, seconds: u32) -> u16 {
        self.ask(REFRESH, vec![(0x000d, seconds.to_be_bytes().to_vec())]).await.0
    }

    pub async fn send_to(&mut self, peer: SocketAddr, data: &[u8]) {
        let peer = self.peer(peer);
        let message = self.message(SEND, vec![peer, (0x0013, data.to_vec())]);
        self.send_bytes(&message).await;
    }

    pub async fn send_on(&mut self, channel: u16, data: &[u8]) {
        let mut bytes = [&channel.to_be_bytes()[..], &(data.len() as u16).to_be_bytes(), data].concat();
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        self.send_bytes(&bytes).await;
    }

    pub async fn send_bytes(&mut self, bytes: &[u8]) {
        let _ = self.stream.write_all(bytes).await;
        let _ = self.stream.flush().await;
    }

    /// The next thing that comes; `None` when the connection ends or nothing comes for long.
    pub async fn hear(&mut self) -> Option<Heard> {
        self.hear_within(Duration::from_secs(10)).await
    }

    pub async fn hear_within(&mut self, patience: Duration) -> Option<Heard> {
        loop {
            if let Some(heard) = self.take() {
                return Some(heard);
            }
            match tokio::time::timeout(patience, self.stream.read_buf(&mut self.input)).await {
                Ok(Ok(1..)) => {}
                _ => return None,
            }
        }
    }

    /// The server ended the connection.
    pub async fn is_closed(&mut self) -> bool {
        matches!(tokio::time::timeout(Duration::from_secs(5), self.stream.read_buf(&mut self.input)).await, Ok(Ok(0) | Err(_)))
    }

    fn take(&mut self) -> Option<Heard> {
        let head = self.input.get(..4)?;
        let (first, length) = (u16::from_be_bytes([head[0], head[1]]), usize::from(u16::from_be_bytes([head[2], head[3]])));
        if first >= 0x4000 {
            let whole = 4 + length.next_multiple_of(4);
            let data = self.input.get(..whole)?[4..4 + length].to_vec();
            self.input.drain(..whole);
            return Some(Heard::Data(data));
        }
        let message = self.input.get(..20 + length)?.to_vec();
        self.input.drain(..20 + length);
        let (mut attributes, mut at) = (Vec::new(), 20);
        while at + 4 <= message.len() {
            let size = usize::from(u16::from_be_bytes([message[at + 2], message[at + 3]]));
            attributes.push((u16::from_be_bytes([message[at], message[at + 1]]), message[at + 4..at + 4 + size].to_vec()));
            at += 4 + size.next_multiple_of(4);
        }
        let value = |kind: u16| attributes.iter().find(|(other, _)| *other == kind).map(|(_, value)| value.clone());
        if first == 0x0017 {
            return value(0x0013).map(Heard::Data);
        }
        let code = value(0x0009).map_or(0, |value| u16::from(value[2]) * 100 + u16::from(value[3]));
        Some(Heard::Answer(first, code, attributes))
    }
}

fn put(out: &mut Vec<u8>, kind: u16, value: &[u8]) {
    out.extend_from_slice(&kind.to_be_bytes());
    out.extend_from_slice(&(value.len() as u16).to_be_bytes());
    out.extend_from_slice(value);
    out.resize(out.len().next_multiple_of(4), 0);
}
