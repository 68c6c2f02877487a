//! The routes of the management socket.

use super::metrics::{self, CONTENT_TYPE};
use super::view::{Allocations, Failure, Reloaded, Stats};
use super::{guard, rooms};
use crate::config::Secret;
use crate::http::app::health;
use crate::media::MediaStatus;
use crate::reload::{ReloadError, Reloader};
use crate::shared::Shared;
use crate::webhooks::Webhooks;
use axum::Router;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE as CONTENT_TYPE_HEADER};
use axum::http::{HeaderValue, StatusCode};
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse as _, Response};
use axum::routing::{MethodRouter, delete, get, post};
use serde::Serialize;
use std::sync::Arc;
use tokio::task::spawn_blocking;

/// Longest body of a request, in bytes. All of them are some words.
const BODY_LEN_MAX: usize = 16 * 1024;
/// What can be asked of this socket, for programs and those who write them.
const OPENAPI: &str = include_str!("openapi.json");

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
        let described =
            ROUTES.iter().fold(Router::new(), |router, route| router.route(route.path, (route.serve)()));
        described
            .layer(DefaultBodyLimit::max(BODY_LEN_MAX))
            .layer(from_fn_with_state(self.clone(), guard))
            // Whoever watches whether the process lives need not be trusted with more.
            .route("/healthz", get(async |State(api): State<Self>| health(&api.shared)))
            .fallback(async || {
                failure(StatusCode::NOT_FOUND, "There is nothing here. GET /openapi.json says what there is.")
            })
            .with_state(self)
    }

    pub(super) fn shared(&self) -> &Shared {
        &self.shared
    }
}

/// A path of the socket. `openapi.json` describes each of them.
struct Route {
    path: &'static str,
    serve: fn() -> MethodRouter<Api>,
}

/// Everything but `/healthz`.
const ROUTES: &[Route] = &[
    Route { path: "/metrics", serve: || get(scrape) },
    Route { path: "/openapi.json", serve: || get(describe) },
    Route { path: "/api/reload", serve: || post(reload) },
    Route { path: "/api/rooms", serve: || get(rooms::list) },
    Route { path: "/api/rooms/{room}", serve: || get(rooms::show).delete(rooms::close) },
    Route {
        path: "/api/rooms/{room}/participants/{participant}",
        serve: || delete(rooms::remove).patch(rooms::change),
    },
    Route { path: "/api/rooms/{room}/participants/{participant}/mute", serve: || post(rooms::mute) },
    Route { path: "/api/turn/allocations", serve: || get(list) },
    Route { path: "/api/turn/allocations/{id}", serve: || delete(kick) },
    Route { path: "/api/turn/stats", serve: || get(stats) },
];

/// `GET /openapi.json`.
async fn describe() -> Response {
    with_type(StatusCode::OK, OPENAPI.to_owned(), "application/json")
}

/// `GET /metrics`.
async fn scrape(State(api): State<Api>) -> Response {
    // Without signalling there is still the rest to be told.
    let census = api.shared.hub.census().await.ok();
    let mut all = metrics::of_server(&api.shared.counters, census.as_ref());
    all.extend(api.shared.turn.metrics());
    all.extend(api.shared.media.iter().flat_map(MediaStatus::metrics));
    all.extend(api.shared.webhooks.iter().flat_map(Webhooks::metrics));
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

pub(super) fn failure(status: StatusCode, error: impl Into<String>) -> Response {
    json(status, &Failure { error: error.into() })
}

pub(super) fn json<T: Serialize>(status: StatusCode, value: &T) -> Response {
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

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;
    use std::collections::BTreeSet;

    #[test]
    fn the_description_names_every_route_and_no_other() {
        let described: Value = serde_json::from_str(OPENAPI).unwrap();
        let described: BTreeSet<&str> =
            described["paths"].as_object().unwrap().keys().map(String::as_str).collect();

        let served: BTreeSet<&str> = ROUTES.iter().map(|route| route.path).chain(["/healthz"]).collect();

        assert_eq!(described, served);
    }
}
