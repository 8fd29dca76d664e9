//! One UDP socket of a worker: batches in (recvmmsg, GRO), runs out (GSO, with a fallback), answers from the address that was asked. Refuses to read what it carries.

use std::io::{self, IoSliceMut};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use mio::net::UdpSocket;
use quinn_udp::{BATCH_SIZE, RecvMeta, Transmit, UdpSockRef, UdpSocketState};

use super::batch::Run;
use crate::limits;

/// A bound, non-blocking socket.
pub struct MediaSocket {
    socket: UdpSocket,
    state: UdpSocketState,
}

/// Receive buffers, shared by a worker's sockets: the largest GRO list for each datagram of a batch.
pub struct ReceiveBuffers {
    bytes: Vec<u8>,
    metas: [RecvMeta; BATCH_SIZE],
}

const GRO_BYTES: usize = 64 * 1024;
/// From one buffer to the next: were it a power of two, the beginnings of all of them, where the packets lie, would share the same few lines of the cache.
const STRIDE: usize = GRO_BYTES + 33 * 64;

impl Default for ReceiveBuffers {
    fn default() -> Self {
        Self { bytes: vec![0; BATCH_SIZE * STRIDE], metas: [RecvMeta::default(); BATCH_SIZE] }
    }
}

impl MediaSocket {
    /// Binds the wildcard address of one family; `port` 0 lets the system choose.
    pub fn bind(ipv6: bool, port: u16) -> io::Result<Self> {
        let address: SocketAddr = if ipv6 { (Ipv6Addr::UNSPECIFIED, port).into() } else { (Ipv4Addr::UNSPECIFIED, port).into() };
        let socket = socket2::Socket::new(socket2::Domain::for_address(address), socket2::Type::DGRAM, Some(socket2::Protocol::UDP))?;
        if ipv6 {
            socket.set_only_v6(true)?;
        }
        socket.set_nonblocking(true)?;
        socket.bind(&address.into())?;
        let socket = UdpSocket::from_std(socket.into());
        let state = UdpSocketState::new(UdpSockRef::from(&socket))?;
        if !ipv6 {
            // Congestion marks are not read: each would be copied out with every datagram.
            let _ = socket2::SockRef::from(&socket).set_recv_tos_v4(false);
        }
        state.set_recv_buffer_size(UdpSockRef::from(&socket), limits::SOCKET_BUFFER_BYTES)?;
        state.set_send_buffer_size(UdpSockRef::from(&socket), limits::SOCKET_BUFFER_BYTES)?;
        Ok(Self { socket, state })
    }

    /// For the poll registry.
    pub fn source(&mut self) -> &mut UdpSocket {
        &mut self.socket
    }

    /// The bound port.
    pub fn port(&self) -> io::Result<u16> {
        self.socket.local_addr().map(|address| address.port())
    }

    /// The receive and send buffer that the system granted, in bytes as it counts them (Linux: twice what was asked).
    pub fn buffers(&self) -> io::Result<(usize, usize)> {
        let socket = UdpSockRef::from(&self.socket);
        let receive = self.state.recv_buffer_size(socket)?;
        Ok((receive, self.state.send_buffer_size(UdpSockRef::from(&self.socket))?))
    }

    /// Datagrams that one send may carry.
    pub fn segments(&self) -> usize {
        self.state.max_gso_segments()
    }

    /// One receive call; `false` when the socket is empty now, so that what comes later makes it readable anew. Each datagram with our address and the sender's.
    pub fn receive(&self, buffers: &mut ReceiveBuffers, mut handle: impl FnMut(IpAddr, SocketAddr, &mut [u8])) -> io::Result<bool> {
        let ReceiveBuffers { bytes, metas } = buffers;
        let mut slices = bytes.chunks_exact_mut(STRIDE).map(|buffer| IoSliceMut::new(&mut buffer[..GRO_BYTES]));
        let mut slices: [IoSliceMut<'_>; BATCH_SIZE] = std::array::from_fn(|_| slices.next().unwrap_or_else(|| IoSliceMut::new(&mut [])));
        let received = match self.state.recv(UdpSockRef::from(&self.socket), &mut slices, metas) {
            Ok(received) => received,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
            Err(error) => return Err(error),
        };
        for (meta, slice) in metas.iter().zip(&mut slices).take(received) {
            let local =
                meta.dst_ip.unwrap_or(if meta.addr.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() });
            let length = meta.len.min(slice.len());
            for datagram in slice[..length].chunks_mut(meta.stride.max(1)) {
                handle(local, meta.addr, datagram);
            }
        }
        // A call that was not filled found the socket empty: no second one is needed to see that.
        Ok(received == BATCH_SIZE)
    }

    /// Sends a run; the number of datagrams that the system took. Nothing waits for room: media that is late is worthless.
    pub fn send(&self, run: Run<'_>) -> usize {
        let datagrams = run.contents.len().div_ceil(run.size.max(1));
        if self.send_once(run.contents, &run) {
            return datagrams;
        }
        if datagrams == 1 {
            return 0;
        }
        // No GSO on this path (quinn-udp has noticed and says so from now on): one by one.
        run.contents.chunks(run.size).filter(|datagram| self.send_once(datagram, &run)).count()
    }

    fn send_once(&self, contents: &[u8], run: &Run<'_>) -> bool {
        let transmit = Transmit {
            destination: run.path.remote,
            ecn: None,
            contents,
            segment_size: (contents.len() > run.size).then_some(run.size),
            src_ip: (!run.path.local.is_unspecified()).then_some(run.path.local),
        };
        self.state.try_send(UdpSockRef::from(&self.socket), &transmit).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::batch::{Batch, Path};

    #[test]
    fn runs_arrive_as_datagrams_and_answers_leave_from_the_address_that_was_asked() {
        let server = MediaSocket::bind(false, 0).unwrap();
        let client = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        client.set_read_timeout(Some(std::time::Duration::from_secs(5))).unwrap();
        let asked: SocketAddr = (Ipv4Addr::new(127, 0, 0, 9), server.port().unwrap()).into();
        client.send_to(b"hello", asked).unwrap();
        let mut buffers = ReceiveBuffers::default();
        let mut from = None;
        for _ in 0..1000 {
            server.receive(&mut buffers, |local, remote, datagram| from = Some((local, remote, datagram.to_vec()))).unwrap();
            if from.is_some() {
                break;
            }
            std::thread::yield_now();
        }
        let (local, remote, datagram) = from.unwrap();
        assert_eq!((local, remote, &datagram[..]), (asked.ip(), client.local_addr().unwrap(), &b"hello"[..]));

        let mut batch = Batch::default();
        for (n, size) in [1000, 1000, 1000, 700, 30].into_iter().enumerate() {
            batch.datagram(Path::udp(local, remote), |bytes| {
                bytes.resize(bytes.len() + size, n as u8);
                true
            });
        }
        let mut sent = 0;
        batch.flush(server.segments(), |run| sent += server.send(run));
        assert_eq!(sent, 5);
        for (n, size) in [1000, 1000, 1000, 700, 30].into_iter().enumerate() {
            let mut bytes = [0; 2000];
            let (length, from) = client.recv_from(&mut bytes).unwrap();
            assert_eq!((length, from, bytes[0]), (size, asked, n as u8));
        }
    }
}
