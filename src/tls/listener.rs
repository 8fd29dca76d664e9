//! The accept loop: a bounded number of sockets, a deadline on every step before a request is there, graceful end. Speaks HTTP/1.1 and HTTP/2 by ALPN;
//! gives connections that begin with a frame away.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::{Request, header};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use socket2::{Domain, Protocol, Socket, Type};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tower::ServiceExt;

use super::gate::{Gate, Pass};
use super::opening::Opening;
use super::unasked::Unasked;
use crate::limits;
use crate::time::Instant;

/// What is spoken on a listener.
#[derive(Clone)]
pub enum Acceptor {
    /// HTTPS and what else is served on its port.
    Tls(Arc<rustls::ServerConfig>, Guests),
    /// Plain HTTP, for loopback.
    Plain,
}

/// Takes a connection that begins with a frame, the peer's address, and the pass, which must live as long as the connection.
pub type Framed = Arc<dyn Fn(TcpStream, SocketAddr, Pass) -> Pin<Box<dyn Future<Output = ()> + Send>> + Send + Sync>;

/// What else is served on the port of HTTPS; without it such connections are closed.
#[derive(Clone, Default)]
pub struct Guests {
    /// Connections that begin with a frame (RFC 4571).
    pub framed: Option<Framed>,
    /// TLS connections on which TURN is spoken (RFC 8656), by ALPN (RFC 7443) or by the first byte inside.
    pub relayed: Option<Relayed>,
}

/// Takes such a connection, the peer's address, and the pass.
pub type Relayed = Arc<dyn Fn(BufReader<TlsStream<TcpStream>>, SocketAddr, Pass) -> Pin<Box<dyn Future<Output = ()> + Send>> + Send + Sync>;

/// Binds a listener. `[::]` takes IPv4 as well.
pub fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if address.is_ipv6() {
        socket.set_only_v6(!address.ip().is_unspecified())?;
    }
    // A restarted server must have its port back while old connections are still in TIME_WAIT.
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(1024)?;
    TcpListener::from_std(socket.into())
}

/// Accepts until `stop` says so, then lets what is under way finish for at most `limits::WEB_STOP`.
pub async fn serve(listener: TcpListener, acceptor: Acceptor, router: Router, gate: Arc<Gate>, mut stop: watch::Receiver<bool>) {
    let mut tasks = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            Some(_) = tasks.join_next(), if !tasks.is_empty() => continue,
            _ = stop.wait_for(|stop| *stop) => break,
        };
        match accepted {
            Ok((socket, peer)) => {
                let Some(pass) = gate.enter(peer.ip()) else { continue };
                tasks.spawn(one_socket(socket, peer, acceptor.clone(), router.clone(), pass, stop.clone()));
            }
            // Out of file descriptors or a peer that went away: the next accept may succeed, spinning on it would not help.
            Err(error) => {
                tracing::warn!(error = %error.kind(), "a socket could not be accepted");
                sleep(Duration::from_millis(50)).await;
            }
        }
    }
    drop(listener);
    let _ = timeout(limits::WEB_STOP, async { while tasks.join_next().await.is_some() {} }).await;
}

async fn one_socket(socket: TcpStream, peer: SocketAddr, acceptor: Acceptor, router: Router, pass: Pass, stop: watch::Receiver<bool>) {
    let _ = socket.set_nodelay(true);
    let site = Site { router, peer };
    match acceptor {
        Acceptor::Plain => serve_http1(Guarded { socket, _pass: pass }, site, stop).await,
        Acceptor::Tls(config, guests) => {
            let mut stopping = stop.clone();
            // A browser opens sockets ahead of need and says nothing on them: they must not hold up the stop.
            let opened = tokio::select! {
                opened = handshake(socket, (peer, pass), config, &guests) => opened,
                _ = stopping.wait_for(|stop| *stop) => None,
            };
            let Some((tls, pass)) = opened else { return };
            match tls.get_ref().1.alpn_protocol() {
                Some(b"h2") => serve_http2(Guarded { socket: tls, _pass: pass }, site, stop).await,
                Some(b"http/1.1") => serve_http1(Guarded { socket: tls, _pass: pass }, site, stop).await,
                // Browsers name no protocol to a relay; what speaks HTTP without ALPN is told apart by its first byte.
                _ => {
                    let mut tls = BufReader::with_capacity(limits::TLS_READ_BYTES, tls);
                    let first = tokio::select! {
                        first = timeout(limits::WEB_HEADER, tls.fill_buf()) => first,
                        _ = stopping.wait_for(|stop| *stop) => return,
                    };
                    let Ok(Ok(&[first, ..])) = first else { return };
                    match (Opening::of(first), guests.relayed) {
                        (Opening::Framed, Some(relayed)) => tokio::select! {
                            () = relayed(tls, peer, pass) => {}
                            _ = stopping.wait_for(|stop| *stop) => {}
                        },
                        (Opening::PlainHttp, _) => serve_http1(Guarded { socket: tls, _pass: pass }, site, stop).await,
                        _ => {}
                    }
                }
            }
        }
    }
}

/// First byte and handshake, each within `limits::WEB_HANDSHAKE`. Plain HTTP gets one sentence, a frame goes where frames go, anything else is silence.
async fn handshake(
    mut socket: TcpStream,
    (peer, pass): (SocketAddr, Pass),
    config: Arc<rustls::ServerConfig>,
    guests: &Guests,
) -> Option<(TlsStream<TcpStream>, Pass)> {
    match timeout(limits::WEB_HANDSHAKE, opening(&socket)).await.ok()? {
        Opening::Tls => {
            let tls = timeout(limits::WEB_HANDSHAKE, TlsAcceptor::from(config).accept(socket)).await.ok()?.ok()?;
            Some((tls, pass))
        }
        Opening::Framed => {
            guests.framed.as_ref()?(socket, peer, pass).await;
            None
        }
        Opening::PlainHttp => {
            const SENTENCE: &[u8] = b"HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-type: text/plain\r\ncontent-length: 33\r\n\r\nThis port speaks https, not http\n";
            let _ = socket.write_all(SENTENCE).await;
            let _ = socket.shutdown().await;
            None
        }
        Opening::Unknown => None,
    }
}

/// The first byte, which stays in the socket.
async fn opening(socket: &TcpStream) -> Opening {
    let mut first = [0];
    match socket.peek(&mut first).await {
        Ok(1) => Opening::of(first[0]),
        _ => Opening::Unknown,
    }
}

async fn serve_http1<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(socket: Guarded<S>, site: Site, stop: watch::Receiver<bool>) {
    let activity = Arc::new(Activity::new());
    let service = counted(site, activity.clone());
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits::WEB_HEADER)
        .max_header_size(limits::WEB_HEADER_BYTES)
        .max_headers(limits::WEB_HEADERS)
        .serve_connection(TokioIo::new(socket), service)
        .with_upgrades();
    let mut connection = std::pin::pin!(connection);
    if !until_end(connection.as_mut(), &activity, stop).await {
        connection.as_mut().graceful_shutdown();
        let _ = timeout(limits::WEB_IDLE, connection).await;
    }
}

async fn serve_http2<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(socket: Guarded<S>, site: Site, stop: watch::Receiver<bool>) {
    let activity = Arc::new(Activity::new());
    let service = counted(site, activity.clone());
    let socket = Metered { socket, allowance: activity.clone() };
    let connection = http2::Builder::new(TokioExecutor::new())
        .timer(TokioTimer::new())
        .max_concurrent_streams(limits::WEB_STREAMS)
        .max_header_list_size(u32::try_from(limits::WEB_HEADER_BYTES).unwrap_or(u32::MAX))
        .keep_alive_interval(limits::WEB_IDLE / 3)
        .keep_alive_timeout(limits::WEB_HANDSHAKE)
        .serve_connection(TokioIo::new(socket), service);
    let mut connection = std::pin::pin!(connection);
    if !until_end(connection.as_mut(), &activity, stop).await {
        connection.as_mut().graceful_shutdown();
        let _ = timeout(limits::WEB_IDLE, connection).await;
    }
}

/// True when the connection ended by itself; false when it idles or the server stops.
async fn until_end(connection: impl Future, activity: &Activity, mut stop: watch::Receiver<bool>) -> bool {
    tokio::select! {
        _ = connection => true,
        () = activity.idle() => false,
        _ = stop.wait_for(|stop| *stop) => false,
    }
}

/// What is served to one peer.
#[derive(Clone)]
struct Site {
    router: Router,
    peer: SocketAddr,
}

/// The router as hyper wants it, counting what is under way.
fn counted(
    site: Site,
    activity: Arc<Activity>,
) -> impl hyper::service::Service<
    Request<Incoming>,
    Response = axum::response::Response,
    Error = std::convert::Infallible,
    Future: Send + 'static,
> + Clone {
    hyper::service::service_fn(move |mut request: Request<Incoming>| {
        let said = request.headers().get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
        let (router, running) = (site.router.clone(), activity.begin(said.unwrap_or(0)));
        request.extensions_mut().insert(ConnectInfo(site.peer));
        async move {
            let response = router.oneshot(request.map(Body::new)).await;
            drop(running);
            response
        }
    })
}

/// When a connection was last used.
struct Activity {
    born: Instant,
    running: AtomicUsize,
    last_ms: AtomicU64,
    unasked: Mutex<Unasked>,
}

struct Running(Arc<Activity>);

impl Activity {
    fn new() -> Self {
        Self {
            born: Instant::now(),
            running: AtomicUsize::new(0),
            last_ms: AtomicU64::new(0),
            unasked: Mutex::new(Unasked::new(Instant::now())),
        }
    }

    /// `bytes`: what the request says that its body has.
    fn begin(self: &Arc<Self>, bytes: u64) -> Running {
        self.unasked.lock().unwrap_or_else(PoisonError::into_inner).asked(bytes);
        self.running.fetch_add(1, Ordering::Relaxed);
        Running(self.clone())
    }

    /// Returns when nothing has been asked for `limits::WEB_IDLE`.
    async fn idle(&self) {
        loop {
            let last = Duration::from_millis(self.last_ms.load(Ordering::Relaxed));
            let quiet = self.born.elapsed().saturating_sub(last);
            if self.running.load(Ordering::Relaxed) > 0 {
                sleep(limits::WEB_IDLE).await;
            } else if quiet >= limits::WEB_IDLE {
                return;
            } else {
                sleep(limits::WEB_IDLE - quiet).await;
            }
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let now = u64::try_from(self.0.born.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.0.last_ms.store(now, Ordering::Relaxed);
        self.0.running.fetch_sub(1, Ordering::Relaxed);
    }
}

/// HTTP/2 on a socket: who sends much more than what they ask for is sent away.
struct Metered<S> {
    socket: S,
    allowance: Arc<Activity>,
}

impl<S: AsyncRead + Unpin> AsyncRead for Metered<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let read = ready!(Pin::new(&mut self.socket).poll_read(cx, buf));
        let bytes = u64::try_from(buf.filled().len() - before).unwrap_or(u64::MAX);
        match self.allowance.unasked.lock().unwrap_or_else(PoisonError::into_inner).take(bytes, Instant::now()) {
            true => Poll::Ready(read),
            false => Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into())),
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Metered<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.socket).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(cx)
    }
}

/// A socket with its pass: a WebSocket carries both out of HTTP, so the place is given back when the socket really ends.
struct Guarded<S> {
    socket: S,
    _pass: Pass,
}

impl<S: AsyncRead + Unpin> AsyncRead for Guarded<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_read(cx, buf)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Guarded<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.socket).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(cx)
    }

    fn poll_write_vectored(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bufs: &[io::IoSlice<'_>]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.socket).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }
}
