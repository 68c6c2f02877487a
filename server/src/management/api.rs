//! The routes of the management socket.

use super::guard;
use super::metrics::{self, CONTENT_TYPE};
use super::view::{Allocations, Failure, Reloaded, Stats};
use crate::config::Secret;
use crate::http::app::health;
use crate::reload::{ReloadError, Reloader};
use crate::shared::Shared;
use axum::Router;
use axum::extract::{Path, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE as CONTENT_TYPE_HEADER};
use axum::http::{HeaderValue, StatusCode};
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse as _, Response};
use axum::routing::{delete, get, post};
use serde::Serialize;
use std::sync::Arc;
use tokio::task::spawn_blocking;

/// What the management socket serves. Clones serve the same.
#[derive(Clone, Debug)]
pub(crate) struct Api {
    shared: Arc<Shared>,
    reloader: Reloader,
    token: Option<Secret>,
}

impl Api {
    pub(crate) fn new(shared: Arc<Shared>, reloader: Reloader, token: Option<Secret>) -> Self {
        Self { shared, reloader, token }
    }

    pub(crate) fn token(&self) -> Option<&Secret> {
        self.token.as_ref()
    }

    pub(crate) fn router(self) -> Router {
        Router::new()
            .route("/metrics", get(scrape))
            .route("/api/turn/allocations", get(list))
            .route("/api/turn/allocations/{id}", delete(kick))
            .route("/api/turn/stats", get(stats))
            .route("/api/reload", post(reload))
            .layer(from_fn_with_state(self.clone(), guard))
            // Whoever watches whether the process lives need not be trusted with more.
            .route("/healthz", get(async |State(api): State<Self>| health(&api.shared)))
            .fallback(async || failure(StatusCode::NOT_FOUND, "There is nothing here. See docs/ops/turn.md."))
            .with_state(self)
    }
}

/// `GET /metrics`.
async fn scrape(State(api): State<Api>) -> Response {
    // Without signalling there is still the rest to be told.
    let census = api.shared.hub.census().await.ok();
    let mut all = metrics::of_server(&api.shared.counters, census.as_ref());
    all.extend(api.shared.turn.metrics());
    match metrics::encode(all) {
        Ok(text) => with_type(StatusCode::OK, text, CONTENT_TYPE),
        Err(_) => failure(StatusCode::INTERNAL_SERVER_ERROR, "The metrics cannot be written."),
    }
}

/// `GET /api/turn/allocations`.
async fn list(State(api): State<Api>) -> Response {
    match blocking(move || api.shared.turn.allocations()).await {
        Some(allocations) => json(StatusCode::OK, &Allocations { allocations }),
        None => failure(StatusCode::INTERNAL_SERVER_ERROR, "The relay does not answer."),
    }
}

/// `DELETE /api/turn/allocations/{id}`.
async fn kick(State(api): State<Api>, Path(id): Path<String>) -> Response {
    match blocking(move || api.shared.turn.kick(&id)).await {
        Some(true) => StatusCode::NO_CONTENT.into_response(),
        Some(false) => failure(
            StatusCode::NOT_FOUND,
            "There is no such allocation; perhaps it just ended. GET /api/turn/allocations lists those there are.",
        ),
        None => failure(StatusCode::INTERNAL_SERVER_ERROR, "The relay does not answer."),
    }
}

/// `GET /api/turn/stats`.
async fn stats(State(api): State<Api>) -> Response {
    let turn = &api.shared.turn;
    let totals = metrics::totals(&turn.metrics());
    json(StatusCode::OK, &Stats { allocations: turn.allocations_len(), totals })
}

/// `POST /api/reload`.
async fn reload(State(api): State<Api>) -> Response {
    match blocking(move || api.reloader.reload()).await {
        Some(Ok(reloaded)) => json::<Reloaded>(StatusCode::OK, &reloaded),
        Some(Err(error @ ReloadError::Fixed(_))) => failure(StatusCode::CONFLICT, error.to_string()),
        Some(Err(error)) => failure(StatusCode::UNPROCESSABLE_ENTITY, error.to_string()),
        None => failure(StatusCode::INTERNAL_SERVER_ERROR, "Reloading failed; this is a defect of moim."),
    }
}

/// Does what reads files, or waits for other threads, where that holds up nobody. `None` if it panicked.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    spawn_blocking(work).await.ok()
}

fn failure(status: StatusCode, error: impl Into<String>) -> Response {
    json(status, &Failure { error: error.into() })
}

fn json<T: Serialize>(status: StatusCode, value: &T) -> Response {
    match serde_json::to_string(value) {
        Ok(text) => with_type(status, text, "application/json"),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

fn with_type(status: StatusCode, text: String, content_type: &'static str) -> Response {
    let mut response = (status, text).into_response();
    response.headers_mut().insert(CONTENT_TYPE_HEADER, HeaderValue::from_static(content_type));
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
