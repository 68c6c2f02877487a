//! One TCP connection: what it speaks, and serving that.

use crate::http::app::App;
use crate::http::{Peer, redirect};
use crate::prefixed::Prefixed;
use crate::shared::Shared;
use crate::stall::StallGuard;
use crate::strangers::Stranger;
use axum::http::Request;
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use moim_net::first_bytes::{Classified, classify};
use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
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

type Io = TokioIo<TlsStream<StallGuard<Prefixed>>>;

/// Everything it takes to serve a connection.
pub(crate) struct Connection {
    pub(crate) app: App,
    pub(crate) tls: TlsAcceptor,
    pub(crate) shared: Arc<Shared>,
    pub(crate) address: SocketAddr,
    /// Held for as long as the connection is open.
    pub(crate) place: OwnedSemaphorePermit,
}

impl Connection {
    /// Serves `stream` to its end.
    pub(crate) async fn serve(self, stream: TcpStream, stranger: Stranger) {
        // Frames are small and each matters at once. A connection that cannot be set so is broken, as will show.
        let _ = stream.set_nodelay(true);
        let mut stream = Prefixed::new(stream);
        let limits = &self.shared.limits;
        let counters = &self.shared.counters;
        let spoken = timeout(limits.request_timeout, spoken(&mut stream));
        let Some(spoken) = self.shared.closing.run_until_cancelled(spoken).await else { return };
        let stream = StallGuard::new(stream, limits.write_timeout);
        match spoken.unwrap_or(Classified::NeedMore) {
            Classified::Tls => self.serve_tls(stream, stranger).await,
            Classified::Http => {
                counters.plain_http.add_one();
                self.redirect(stream).await;
            }
            Classified::Stun => counters.stun_over_tcp.add_one(),
            Classified::Unknown => counters.connections_unknown.add_one(),
            Classified::NeedMore => counters.connections_silent.add_one(),
        }
    }

    async fn serve_tls(self, stream: StallGuard<Prefixed>, stranger: Stranger) {
        let handshake = timeout(self.shared.limits.request_timeout, self.tls.accept(stream));
        let Some(handshake) = self.shared.closing.run_until_cancelled(handshake).await else { return };
        let stream = match handshake {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) => return self.note_failed_handshake(&error.to_string()),
            Err(_) => return self.note_failed_handshake("it took too long"),
        };
        let is_http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
        let peer = Peer { stranger: Arc::new(stranger), place: Arc::new(self.place) };
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

    fn note_failed_handshake(&self, error: &str) {
        self.shared.counters.tls_failed.add_one();
        tracing::debug!(address = %self.shared.addresses.show(self.address), error, "no TLS handshake");
    }

    async fn redirect(self, stream: StallGuard<Prefixed>) {
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
async fn spoken(stream: &mut Prefixed) -> Classified {
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
    async fn serve_http1(self, io: Io) -> hyper::Result<()> {
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

    async fn serve_http2(self, io: Io) -> hyper::Result<()> {
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
