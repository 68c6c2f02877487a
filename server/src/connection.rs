//! One TCP connection: what it speaks, and serving that.

use crate::http::app::App;
use crate::http::{Peer, redirect};
use crate::listener::Listener;
use crate::prefixed::Prefixed;
use crate::proxy::{self, Proxied};
use crate::shared::Shared;
use crate::stall::StallGuard;
use crate::strangers::Stranger;
use crate::tls::alpn;
use axum::http::Request;
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use moim_net::first_bytes::{Classified, classify};
use moim_relay::{Places, StreamClient};
use rustls::ServerConnection;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::io::AsyncRead;
use tokio::net::TcpStream;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// Longest head of a request, and the most that is read ahead of its body, in bytes.
const HEAD_LEN_MAX: usize = 16 * 1024;
/// Most headers of a request.
const HEADERS_MAX: usize = 64;
/// Requests at a time on one HTTP/2 connection.
const STREAMS_MAX: u32 = 64;
/// How often a silent HTTP/2 connection is asked whether it is alive, and how long it may take to say so.
const PING_INTERVAL: Duration = Duration::from_secs(30);
const PING_TIMEOUT: Duration = Duration::from_secs(20);

type Plain = StallGuard<Prefixed<TcpStream>>;
type Secure = Prefixed<TlsStream<Plain>>;

/// Whom a connection is with.
struct Client {
    /// Where the client connected to.
    server: SocketAddr,
    stranger: Stranger,
}

/// Everything it takes to serve a connection.
pub(crate) struct Connection {
    pub(crate) app: App,
    pub(crate) tls: TlsAcceptor,
    pub(crate) shared: Arc<Shared>,
    /// The listener that took it.
    pub(crate) listener: Arc<Listener>,
    /// Whose it is: the client's, or its proxy's until that has said whose it is.
    pub(crate) address: SocketAddr,
    /// Held for as long as the connection is open.
    pub(crate) place: OwnedSemaphorePermit,
}

impl Connection {
    /// Serves `stream` to its end.
    pub(crate) async fn serve(mut self, mut stream: TcpStream) {
        // Frames are small and each matters at once. A connection that cannot be set so is broken, as will show.
        let _ = stream.set_nodelay(true);
        let Ok(mut server) = stream.local_addr() else { return };
        if self.listener.is_behind_proxy() {
            let Some(proxied) = self.proxied(&mut stream).await else { return };
            if let Some(proxied) = proxied {
                self.address = proxied.client;
                server = proxied.server;
            }
        }
        let Some(stranger) = self.shared.strangers.admit(self.address.ip()) else {
            self.shared.counters.strangers_over_limit.add_one();
            tracing::debug!(
                address = %self.shared.addresses.show(self.address),
                "too many connections without a session"
            );
            return;
        };
        self.serve_client(Client { server, stranger }, stream).await;
    }

    /// What the proxy says before everything else; the outer [`None`] if the connection is to be closed.
    async fn proxied(&self, stream: &mut TcpStream) -> Option<Option<Proxied>> {
        let counters = &self.shared.counters;
        if !self.listener.trusts(self.address.ip()) {
            counters.proxies_refused.add_one();
            tracing::debug!(
                address = %self.shared.addresses.show(self.address),
                "a connection to a listener behind a proxy came from elsewhere"
            );
            return None;
        }
        let header = timeout(self.shared.limits.request_timeout, proxy::read_header(stream));
        let error = match self.shared.closing.run_until_cancelled(header).await? {
            Ok(Ok(proxied)) => return Some(proxied),
            Ok(Err(error)) => error.to_string(),
            Err(_) => "it took too long".to_owned(),
        };
        counters.proxies_refused.add_one();
        tracing::debug!(address = %self.shared.addresses.show(self.address), error, "no PROXY protocol header");
        None
    }

    async fn serve_client(self, client: Client, stream: TcpStream) {
        let mut stream = Prefixed::new(stream);
        let counters = &self.shared.counters;
        let Some(spoken) = self.spoken(&mut stream).await else { return };
        match spoken {
            // In boxes, what follows takes the room that it needs, for as long as it does.
            Classified::Tls => Box::pin(self.serve_tls(client, stream)).await,
            Classified::Http => {
                counters.plain_http.add_one();
                let stream = StallGuard::new(stream, self.shared.limits.write_timeout);
                Box::pin(self.redirect(stream)).await;
            }
            Classified::Stun => {
                let (stream, read_ahead) = stream.into_parts();
                self.hand_over(client, stream, None, read_ahead);
            }
            Classified::Unknown => counters.connections_unknown.add_one(),
            Classified::NeedMore => counters.connections_silent.add_one(),
        }
    }

    async fn serve_tls(self, client: Client, stream: Prefixed<TcpStream>) {
        let limits = &self.shared.limits;
        let stream = StallGuard::new(stream, limits.write_timeout);
        let handshake = timeout(limits.request_timeout, self.tls.accept(stream));
        let Some(handshake) = self.shared.closing.run_until_cancelled(handshake).await else { return };
        let stream = match handshake {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) => return self.note_failed_handshake(&error.to_string()),
            Err(_) => return self.note_failed_handshake("it took too long"),
        };
        let counters = &self.shared.counters;
        let agreed = stream.get_ref().1.alpn_protocol().map(<[u8]>::to_vec);
        let mut stream = Prefixed::new(stream);
        match agreed.as_deref() {
            Some(alpn::HTTP_2) => Box::pin(self.serve_http(client, stream, true)).await,
            Some(alpn::TURN | alpn::NAT_DISCOVERY) => self.hand_over_tls(client, stream),
            Some(_) => Box::pin(self.serve_http(client, stream, false)).await,
            // RFC 7443 asks nobody to use ALPN, and hardly any TURN client does.
            None => match self.spoken(&mut stream).await {
                Some(Classified::Http) => Box::pin(self.serve_http(client, stream, false)).await,
                Some(Classified::Stun) => self.hand_over_tls(client, stream),
                Some(Classified::Tls | Classified::Unknown) => counters.connections_unknown.add_one(),
                Some(Classified::NeedMore) => counters.connections_silent.add_one(),
                None => {}
            },
        }
    }

    async fn serve_http(self, client: Client, stream: Secure, is_http2: bool) {
        let peer = Peer { stranger: Arc::new(client.stranger), place: Arc::new(self.place) };
        let server = Http { app: self.app, peer, shared: self.shared, was_asked: AtomicBool::new(false) };
        let served = if is_http2 {
            server.serve_http2(TokioIo::new(stream)).await
        } else {
            server.serve_http1(TokioIo::new(stream)).await
        };
        if let Err(error) = served {
            tracing::debug!(%error, "a connection ended early");
        }
    }

    fn hand_over_tls(self, client: Client, stream: Secure) {
        let (stream, read_ahead) = stream.into_parts();
        let (stream, tls) = stream.into_inner();
        // TLS has read all of what came before its own records.
        let (stream, _) = stream.into_inner().into_parts();
        self.hand_over(client, stream, Some(Box::new(tls)), read_ahead);
    }

    /// Gives a connection that speaks STUN or TURN to the relay.
    fn hand_over(
        self,
        client: Client,
        stream: TcpStream,
        tls: Option<Box<ServerConnection>>,
        read_ahead: Vec<u8>,
    ) {
        let counters = &self.shared.counters;
        let counter = if tls.is_some() { &counters.stun_over_tls } else { &counters.stun_over_tcp };
        counter.add_one();
        let Ok(stream) = stream.into_std() else { return };
        let client = StreamClient {
            stream,
            tls,
            read_ahead,
            client: self.address,
            server: client.server,
            realm: self.listener.realm,
            places: Places {
                until_closed: Some(Box::new(self.place)),
                until_allocated: Some(Box::new(client.stranger)),
            },
        };
        if self.shared.turn.adopt(client).is_err() {
            counters.streams_refused.add_one();
        }
    }

    fn note_failed_handshake(&self, error: &str) {
        self.shared.counters.tls_failed.add_one();
        tracing::debug!(address = %self.shared.addresses.show(self.address), error, "no TLS handshake");
    }

    /// Reads first bytes until they tell what is spoken, or the client has no more of them. [`None`]: the server closes.
    async fn spoken<S: AsyncRead + Unpin>(&self, stream: &mut Prefixed<S>) -> Option<Classified> {
        let spoken = timeout(self.shared.limits.request_timeout, spoken(stream));
        let spoken = self.shared.closing.run_until_cancelled(spoken).await?;
        Some(spoken.unwrap_or(Classified::NeedMore))
    }

    async fn redirect(self, stream: Plain) {
        let service =
            service_fn(async |request: Request<Incoming>| Ok::<_, Infallible>(redirect::answer(&request)));
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(self.shared.limits.request_timeout)
            .keep_alive(false)
            .max_buf_size(HEAD_LEN_MAX)
            .serve_connection(TokioIo::new(stream), service);
        if let Err(error) = connection.await {
            tracing::debug!(%error, "a plain HTTP connection ended early");
        }
    }
}

/// Reads first bytes until they tell what is spoken, or the client has no more of them.
async fn spoken<S: AsyncRead + Unpin>(stream: &mut Prefixed<S>) -> Classified {
    loop {
        match stream.read_more().await {
            Ok(Some(bytes)) => match classify(bytes) {
                Classified::NeedMore => {}
                decided @ (Classified::Tls | Classified::Http | Classified::Stun | Classified::Unknown) => {
                    return decided;
                }
            },
            Ok(None) | Err(_) => return Classified::NeedMore,
        }
    }
}

/// An HTTPS connection. The version is the one agreed upon by ALPN, so that nothing has to be guessed.
struct Http {
    app: App,
    peer: Peer,
    shared: Arc<Shared>,
    /// Whether a request has come.
    was_asked: AtomicBool,
}

impl Http {
    async fn serve_http1(self, io: TokioIo<Secure>) -> hyper::Result<()> {
        let service = service_fn(|request| self.answer(request));
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(self.shared.limits.request_timeout)
            .max_buf_size(HEAD_LEN_MAX)
            .max_headers(HEADERS_MAX)
            .serve_connection(io, service)
            .with_upgrades();
        let mut connection = pin!(connection);
        tokio::select! {
            served = &mut connection => served,
            () = self.shared.closing.cancelled() => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        }
    }

    async fn serve_http2(self, io: TokioIo<Secure>) -> hyper::Result<()> {
        let service = service_fn(|request| self.answer(request));
        let connection = http2::Builder::new(TokioExecutor::new())
            .timer(TokioTimer::new())
            .keep_alive_interval(PING_INTERVAL)
            .keep_alive_timeout(PING_TIMEOUT)
            .max_concurrent_streams(STREAMS_MAX)
            .max_header_list_size(u32::try_from(HEAD_LEN_MAX).expect("it is a small constant"))
            .serve_connection(io, service);
        let mut connection = pin!(connection);
        // The library gives a client any time to begin; HTTP/1.1 has its limit above.
        let mut first_request = pin!(sleep(self.shared.limits.request_timeout));
        loop {
            tokio::select! {
                served = &mut connection => return served,
                () = &mut first_request, if !first_request.is_elapsed() => {
                    if !self.was_asked.load(Ordering::Relaxed) {
                        return Ok(());
                    }
                }
                () = self.shared.closing.cancelled() => {
                    connection.as_mut().graceful_shutdown();
                    return connection.await;
                }
            }
        }
    }

    fn answer(
        &self,
        request: Request<Incoming>,
    ) -> impl Future<Output = Result<axum::response::Response, Infallible>> + Send + 'static {
        self.was_asked.store(true, Ordering::Relaxed);
        let app = self.app.clone();
        let peer = self.peer.clone();
        async move { Ok(app.answer(request, peer).await) }
    }
}
