//! The routes.

use super::{Peer, assets, headers, host};
use crate::gateway::{events, origin, websocket};
use crate::shared::Shared;
use crate::tasks::contained;
use crate::whip;
use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderValue, Request, StatusCode};
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, patch, post};
use hyper::body::Incoming;
use std::sync::Arc;
use tower_service::Service as _;

/// Everything that is served over HTTPS.
#[derive(Clone, Debug)]
pub(crate) struct App {
    router: Router,
    shared: Arc<Shared>,
}

impl App {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        let for_other_origins = Router::new()
            .route("/signal/v1/events", post(events::open).options(|| async {}))
            .route("/signal/v1/frames", post(events::frames).options(|| async {}))
            .route("/api/v1/server", get(describe).options(|| async {}))
            .route("/whip/{room}", post(whip::publish).options(whip::describe))
            .route("/whep/{room}", post(whip::watch).options(whip::describe))
            .route("/whip/{room}/{resource}", patch(whip::patch).delete(whip::delete).options(|| async {}))
            .route("/whep/{room}/{resource}", patch(whip::patch).delete(whip::delete).options(|| async {}))
            .layer(from_fn_with_state(Arc::clone(&shared), origin::guard));
        let router = Router::new()
            .route("/signal/v1/ws", get(websocket::open))
            .route("/healthz", get(alive))
            .route("/readyz", get(ready))
            .merge(for_other_origins)
            .fallback(assets::serve)
            .with_state(Arc::clone(&shared));
        Self { router, shared }
    }

    /// Answers a request that came from `peer`.
    pub(crate) async fn answer(&self, mut request: Request<Incoming>, peer: Peer) -> Response {
        let host = host(request.headers(), request.uri());
        request.extensions_mut().insert(peer);
        let mut router = self.router.clone();
        let answered = contained("request", &self.shared.counters, async move { router.call(request).await });
        let mut response = match answered.await {
            Some(Ok(response)) => response,
            None => plain(StatusCode::INTERNAL_SERVER_ERROR, "Something went wrong here, and was noted.\n"),
        };
        headers::apply(response.headers_mut(), host.as_ref(), self.shared.is_certificate_trusted());
        response
    }
}

/// `GET /healthz`: whether the process is to be left alone.
async fn alive(State(shared): State<Arc<Shared>>) -> Response {
    let (status, text) = health(&shared);
    plain(status, text)
}

/// What `/healthz` says, here and on the socket for management.
pub(crate) fn health(shared: &Shared) -> (StatusCode, &'static str) {
    if shared.turn.is_whole() {
        (StatusCode::OK, "alive\n")
    } else {
        (
            StatusCode::SERVICE_UNAVAILABLE,
            "A thread of the relay has failed. Start moim anew; the log says why it failed.\n",
        )
    }
}

/// `GET /readyz`: whether new calls are welcome.
async fn ready(State(shared): State<Arc<Shared>>) -> Response {
    if shared.draining.is_cancelled() {
        plain(StatusCode::SERVICE_UNAVAILABLE, "draining\n")
    } else {
        plain(StatusCode::OK, "ready\n")
    }
}

/// `GET /api/v1/server`: what a page may want to know before it connects.
async fn describe(State(shared): State<Arc<Shared>>) -> Response {
    let description = serde_json::json!({ "version": crate::VERSION, "open": shared.is_open });
    let mut response = plain(StatusCode::OK, description.to_string());
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

fn plain(status: StatusCode, text: impl Into<Body>) -> Response {
    let mut response = (status, text.into()).into_response();
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
