//! Metrics and control, by HTTP on a socket of their own: never on a port that clients reach.
//!
//! Plain HTTP, since it is meant for this machine or a private network. Where the socket is not on the loopback interface
//! every request but `/healthz` must show the token; where there is no token, pages in a browser of this machine are kept
//! out: their requests carry an `Origin`, or name a host that is none of this machine's own.

mod api;
pub(crate) mod metrics;
mod rooms;
pub mod view;

pub(crate) use api::Api;

use crate::config::ManagementConfig;
use crate::http::host;
use crate::listener::{BindError, bind_tcp};
use crate::shared::Shared;
use crate::tasks::contained;
use axum::extract::{Request, State};
use axum::http::header::{AUTHORIZATION, ORIGIN};
use axum::http::{HeaderMap, HeaderName, StatusCode, Uri};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};
use tower_service::Service as _;

/// Connections at a time. Whoever scrapes or looks needs few.
const CONNECTIONS_MAX: usize = 64;
/// How long a request's header may take, and how long a connection may live in all.
const HEADER_TIMEOUT: Duration = Duration::from_secs(10);
const CONNECTION_TIMEOUT: Duration = Duration::from_secs(120);
/// How long to rest when no connection can be taken, for want of file descriptors say.
const REST: Duration = Duration::from_millis(100);

/// The management socket, bound.
#[derive(Debug)]
pub(crate) struct Management {
    listener: TcpListener,
    address: SocketAddr,
}

impl Management {
    /// Binds the socket. Needs a Tokio runtime.
    pub(crate) fn bind(config: &ManagementConfig) -> Result<Self, BindError> {
        let listener = bind_tcp(config.address).map_err(|source| BindError::tcp(config.address, source))?;
        let address = listener.local_addr().map_err(|source| BindError::tcp(config.address, source))?;
        Ok(Self { listener, address })
    }

    /// The address that is listened on.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until signalling has ended.
    pub(crate) async fn serve(self, api: Api, shared: Arc<Shared>) {
        let router = api.router();
        let free = Arc::new(Semaphore::new(CONNECTIONS_MAX));
        loop {
            let accepted = tokio::select! {
                accepted = self.listener.accept() => accepted,
                () = shared.closing.cancelled() => return,
            };
            let Ok((stream, _)) = accepted else {
                sleep(REST).await;
                continue;
            };
            let Ok(place) = Arc::clone(&free).try_acquire_owned() else { continue };
            let (router, shared) = (router.clone(), Arc::clone(&shared));
            tokio::spawn(async move {
                let served = serve_connection(stream, router, &shared);
                contained("management connection", &shared.counters, served).await;
                drop(place);
            });
        }
    }
}

async fn serve_connection(stream: TcpStream, router: axum::Router, shared: &Shared) {
    let service = service_fn(|request: axum::http::Request<Incoming>| {
        let mut router = router.clone();
        async move { router.call(request).await }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .serve_connection(TokioIo::new(stream), service);
    let served = shared.closing.run_until_cancelled(timeout(CONNECTION_TIMEOUT, connection)).await;
    if let Some(Ok(Err(error))) = served {
        tracing::debug!(%error, "a management connection ended early");
    }
}

/// Lets a request pass if it comes from whoever may manage this server.
async fn guard(State(api): State<Api>, request: Request, next: Next) -> Response {
    match check(&api, request.headers(), request.uri()) {
        Ok(()) => next.run(request).await,
        Err(refusal) => refusal.into_response(),
    }
}

fn check(api: &Api, headers: &HeaderMap, uri: &Uri) -> Result<(), (StatusCode, &'static str)> {
    let Some(token) = api.token() else {
        return if is_by_page(headers) || !is_to_this_machine(headers, uri) {
            Err((StatusCode::FORBIDDEN, "Web pages may not manage this server. Use curl, or `moim turn`.\n"))
        } else {
            Ok(())
        };
    };
    let shown = headers
        .get(AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.strip_prefix("Bearer "))
        .unwrap_or_default();
    aws_lc_rs::constant_time::verify_slices_are_equal(shown.as_bytes(), token.expose()).map_err(|_| {
        (StatusCode::UNAUTHORIZED, "Show the token of management.token: Authorization: Bearer …\n")
    })
}

/// Whether a browser sent the request for a page, of whatever site.
fn is_by_page(headers: &HeaderMap) -> bool {
    headers.contains_key(ORIGIN) || headers.contains_key(HeaderName::from_static("sec-fetch-site"))
}

/// Whether the request names this machine. A page whose own name was made to lead here names itself.
fn is_to_this_machine(headers: &HeaderMap, uri: &Uri) -> bool {
    host(headers, uri).is_some_and(|authority| {
        let host = authority.host().trim_matches(['[', ']']);
        host.eq_ignore_ascii_case("localhost") || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
    })
}
