//! Where connections of the web listeners go that begin with a frame (RFC 4571): reads the first one within a deadline and brings the connection to the worker
//! that gave its ufrag out. Refuses to judge who may come: the worker closes what does not begin with an authentic check.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use tokio::io::AsyncReadExt;
use tokio::net::{TcpStream, UnixStream};
use tokio::time::timeout;

use super::core::worker_of;
use super::inbox::{Command, Inbox};
use super::stun::BindingRequest;
use super::tcp::{Arrival, Stream};
use crate::limits;

/// The way to all workers of a media plane.
#[derive(Clone)]
pub struct FramedDoor {
    inboxes: Arc<[Arc<Inbox>]>,
}

impl FramedDoor {
    /// `inboxes` in the order of the workers.
    pub(super) fn new(inboxes: Arc<[Arc<Inbox>]>) -> Self {
        Self { inboxes }
    }

    /// Takes a connection over, or closes it without a word. `pass` lives as long as the connection.
    pub async fn take(&self, mut socket: TcpStream, remote: SocketAddr, pass: Box<dyn Send>) {
        let Ok(Ok(first)) = timeout(limits::FIRST_FRAME, first_frame(&mut socket)).await else { return };
        let Some(inbox) = self.inbox_for(&first) else { return };
        let Ok(local) = socket.local_addr() else { return };
        let Ok(stream) = socket.into_std() else { return };
        // A listener of both families calls IPv4 by its mapped address; the client must be told the one that it has.
        let remote = SocketAddr::new(remote.ip().to_canonical(), remote.port());
        let arrival = Arrival { stream: Stream::Tcp(stream), local: local.ip().to_canonical(), remote, first, pass };
        inbox.push(Command::Connect(Box::new(arrival)));
    }

    /// Takes the relay's end of a local stream over; `first` is the first packet. `false`, and the stream closed, when that is no check of this process.
    pub fn bring(&self, stream: UnixStream, remote: SocketAddr, local: IpAddr, first: Vec<u8>) -> bool {
        let (Some(inbox), Ok(stream)) = (self.inbox_for(&first), stream.into_std()) else { return false };
        inbox.push(Command::Connect(Box::new(Arrival { stream: Stream::Local(stream), local, remote, first, pass: Box::new(()) })))
    }

    fn inbox_for(&self, first: &[u8]) -> Option<&Inbox> {
        let request = BindingRequest::parse(first)?;
        self.inboxes.get(worker_of(request.local_ufrag)?).map(AsRef::as_ref)
    }
}

async fn first_frame(socket: &mut TcpStream) -> io::Result<Vec<u8>> {
    let length = usize::from(socket.read_u16().await?);
    if length > limits::FIRST_FRAME_BYTES {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let mut frame = vec![0; length];
    socket.read_exact(&mut frame).await?;
    Ok(frame)
}
