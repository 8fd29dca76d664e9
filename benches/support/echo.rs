//! The least that anybody who answers checks does: a thread with the product's socket and batch that sends each datagram back. No look-up, no key, no state.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use mio::{Events, Interest, Poll, Token};
use visavis::media::batch::{Batch, Path};
use visavis::media::socket::{MediaSocket, ReceiveBuffers};

/// The thread's name.
pub const THREAD: &str = "echo";

/// A running echo.
pub struct Echo {
    /// Its UDP address.
    pub address: SocketAddr,
    stop: Arc<AtomicBool>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Echo {
    pub fn start() -> Self {
        let mut socket = MediaSocket::bind(false, 0).unwrap();
        let address = SocketAddr::from(([127, 0, 0, 1], socket.port().unwrap()));
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        let thread = std::thread::Builder::new().name(THREAD.to_owned()).spawn(move || {
            let mut poll = Poll::new().unwrap();
            poll.registry().register(socket.source(), Token(0), Interest::READABLE).unwrap();
            let (mut events, mut batch, mut buffers) = (Events::with_capacity(16), Batch::default(), ReceiveBuffers::default());
            while !stopped.load(Ordering::Relaxed) {
                let _ = poll.poll(&mut events, Some(Duration::from_millis(100)));
                let mut answer = |local, remote, datagram: &mut [u8]| {
                    batch.datagram(Path::udp(local, remote), |into| {
                        into.extend_from_slice(datagram);
                        true
                    });
                };
                while socket.receive(&mut buffers, &mut answer).unwrap_or(false) {}
                batch.flush(socket.segments(), |run| {
                    socket.send(run);
                });
            }
        });
        Self { address, stop, thread: Some(thread.unwrap()) }
    }
}

impl Drop for Echo {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
