//! The floor under the real worker: the same sockets, the same batches in and out with GSO, one look-up, one AES-GCM open, one rewrite of SSRC and sequence,
//! one AES-GCM seal per receiver. No guard, no replay window, no cache, no RTCP: what no forwarding server can do without, and nothing else.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use aws_lc_rs::aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use mio::{Events, Interest, Poll, Token};
use visavis::limits;
use visavis::media::batch::{Batch, Path};
use visavis::media::gather::Gather;
use visavis::media::hash::QuickMap;
use visavis::media::socket::{MediaSocket, ReceiveBuffers};

/// One sender's key and where its packets go.
#[derive(Clone)]
pub struct FloorLeg {
    /// Where its packets come from.
    pub address: SocketAddr,
    /// SRTP session key and salt of what it sends.
    pub opens: ([u8; 16], [u8; 12]),
    /// Session key and salt of what it receives.
    pub seals: ([u8; 16], [u8; 12]),
    /// Indices of the legs that receive what it sends.
    pub receivers: Vec<usize>,
}

/// A running floor.
pub struct Floor {
    /// Its UDP address.
    pub address: SocketAddr,
    /// Packets sealed for receivers.
    pub forwarded: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
    thread: Option<std::thread::JoinHandle<()>>,
}

/// Twelve octets, and the extension with its transport-wide number, which goes out as it came.
const HEADER: usize = 20;
/// The thread's name.
pub const THREAD: &str = "floor";

struct Leg {
    address: SocketAddr,
    open: (LessSafeKey, [u8; 12]),
    seal: (LessSafeKey, [u8; 12]),
    receivers: Vec<usize>,
    sequence: u16,
}

impl Floor {
    /// Starts the thread on a port of the system's choice; the legs come by `legs`, once their addresses are known.
    pub fn start(legs: impl FnOnce(SocketAddr) -> Vec<FloorLeg>) -> Self {
        let mut socket = MediaSocket::bind(false, 0).unwrap();
        let address = SocketAddr::from(([127, 0, 0, 1], socket.port().unwrap()));
        let legs = legs(address);
        let (forwarded, stop) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
        let (counted, stopped) = (forwarded.clone(), stop.clone());
        let thread = std::thread::Builder::new().name(THREAD.to_owned()).spawn(move || {
            let mut poll = Poll::new().unwrap();
            poll.registry().register(socket.source(), Token(0), Interest::READABLE).unwrap();
            run(&socket, &mut poll, legs, &counted, &stopped);
        });
        Self { address, forwarded, stop, thread: Some(thread.unwrap()) }
    }
}

impl Drop for Floor {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn run(socket: &MediaSocket, poll: &mut Poll, legs: Vec<FloorLeg>, forwarded: &AtomicU64, stop: &AtomicBool) {
    let key = |(key, salt): ([u8; 16], [u8; 12])| (LessSafeKey::new(UnboundKey::new(&AES_128_GCM, &key).unwrap()), salt);
    let by_address: QuickMap<SocketAddr, usize> = legs.iter().enumerate().map(|(at, leg)| (leg.address, at)).collect();
    let mut legs: Vec<Leg> = legs
        .into_iter()
        .map(|leg| Leg { address: leg.address, open: key(leg.opens), seal: key(leg.seals), receivers: leg.receivers, sequence: 0 })
        .collect();
    let (mut events, mut batch, mut buffers) = (Events::with_capacity(16), Batch::default(), ReceiveBuffers::default());
    let mut gather = Gather::default();
    while !stop.load(Ordering::Relaxed) {
        let _ = poll.poll(&mut events, Some(Duration::from_millis(100)));
        let (mut sealed, mut read, begin) = (0, 0, Instant::now());
        loop {
            let before = batch.datagrams();
            let more = socket.receive(&mut buffers, |local, remote, datagram| {
                read += 1;
                if let Some(from) = by_address.get(&remote) {
                    sealed += forward(&mut legs, *from, local, datagram, &mut batch);
                }
            });
            // The worker's own rule.
            if !more.unwrap_or(false) && batch.datagrams() - before < limits::LOOK_AGAIN_DATAGRAMS {
                break;
            }
        }
        batch.flush(socket.segments(), |run| {
            socket.send(run);
        });
        forwarded.fetch_add(sealed, Ordering::Relaxed);
        if let Some(rest) = gather.rest(begin, read, false) {
            std::thread::sleep(rest.saturating_sub(begin.elapsed()));
        }
    }
}

/// RFC 7714 §8.1: the nonce of one packet. The rollover counter stays 0 in a bench this short of one wrap per SSRC.
fn nonce(salt: &[u8; 12], ssrc: [u8; 4], sequence: [u8; 2]) -> Nonce {
    let mut nonce = *salt;
    (0..4).for_each(|at| nonce[2 + at] ^= ssrc[at]);
    (0..2).for_each(|at| nonce[10 + at] ^= sequence[at]);
    Nonce::assume_unique_for_key(nonce)
}

fn forward(legs: &mut [Leg], from: usize, local: IpAddr, datagram: &mut [u8], batch: &mut Batch) -> u64 {
    // Every packet of the bench has one extension word and no CSRC; RTCP is not part of the floor.
    if datagram.len() < HEADER + 16 || (192..=223).contains(&datagram[1]) || datagram[0] & 0x1f != 0x10 {
        return 0;
    }
    let (head, body) = datagram.split_at_mut(HEADER);
    let ssrc = [head[8], head[9], head[10], head[11]];
    let leg = &legs[from];
    let opened = leg.open.0.open_in_place(nonce(&leg.open.1, ssrc, [head[2], head[3]]), Aad::from(&*head), body);
    let Ok(plain) = opened else { return 0 };
    let mut sealed = 0;
    for at in 0..legs[from].receivers.len() {
        let to = legs[from].receivers[at];
        let leg = &mut legs[to];
        leg.sequence = leg.sequence.wrapping_add(1);
        let path = Path::udp(local, leg.address);
        let sequence = leg.sequence.to_be_bytes();
        let ssrc = [0x50, from as u8, to as u8, head[11]];
        let (key, salt) = &leg.seal;
        sealed += u64::from(batch.datagram(path, |into| {
            let start = into.len();
            into.extend_from_slice(head);
            into[start + 2..start + 4].copy_from_slice(&sequence);
            into[start + 8..start + 12].copy_from_slice(&ssrc);
            let body = into.len();
            into.extend_from_slice(plain);
            let (written, content) = into.split_at_mut(body);
            let tag = key.seal_in_place_separate_tag(nonce(salt, ssrc, sequence), Aad::from(&written[start..]), content);
            match tag {
                Ok(tag) => {
                    into.extend_from_slice(tag.as_ref());
                    true
                }
                Err(_) => false,
            }
        }));
    }
    sealed
}
