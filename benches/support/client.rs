//! A client of the joins and data-channel benches: a raw peer and its data channel on a socket of their own.

#![allow(dead_code)] // each bench uses a part

use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use crate::channel::Channel;
use crate::raw::raw_peer::{Arrived, DtlsVersion, RawOptions, RawPeer};

/// See the file's sentence.
pub struct Client {
    pub socket: UdpSocket,
    pub peer: RawPeer,
    pub channel: Channel,
}

impl Client {
    pub fn new(name: u32, label: &'static str) -> Self {
        let peer = RawPeer::new(RawOptions { name, version: DtlsVersion::V13, ..RawOptions::default() });
        let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::DGRAM, None).unwrap();
        socket.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
        // As much as the system grants.
        let _ = socket.set_recv_buffer_size(8 * 1024 * 1024);
        let socket = UdpSocket::from(socket);
        socket.set_nonblocking(true).unwrap();
        Self { socket, peer, channel: Channel::new(label, Instant::now()) }
    }

    /// Takes the answer and runs ICE, DTLS and SCTP until the channel is open.
    pub fn connect(&mut self, answer: &str) {
        let started = Instant::now();
        self.peer.accept_answer(answer, started);
        self.socket.connect(self.peer.candidates()[0]).unwrap();
        while !self.channel.is_open() {
            if !self.turn() {
                std::thread::sleep(Duration::from_micros(200));
            }
            assert!(started.elapsed() < Duration::from_secs(20), "a client of the bench does not connect");
        }
        self.turn();
    }

    /// Everything that came, and everything that it led to. Whether anything came.
    pub fn turn(&mut self) -> bool {
        let mut buffer = [0; 2048];
        let mut came = false;
        // Not without an end: what it leads to must go out between.
        for _ in 0..64 {
            let Ok(length) = self.socket.recv(&mut buffer) else { break };
            came = true;
            self.peer.handle_datagram(&buffer[..length], Instant::now());
            while let Some(arrived) = self.peer.poll_arrived() {
                if let Arrived::Data(packet) = arrived {
                    self.channel.handle_packet(&packet, Instant::now());
                }
            }
        }
        let now = Instant::now();
        self.peer.handle_timeout(now);
        let Self { peer, channel, .. } = self;
        if peer.is_connected() {
            channel.poll_packets(now, |packet| peer.send_data(packet));
        }
        while let Some(datagram) = peer.poll_datagram() {
            let _ = self.socket.send(&datagram);
        }
        came
    }
}
