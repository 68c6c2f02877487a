//! WHIP (RFC 9725) and WHEP (draft-ietf-wish-whep): media in and out by HTTP alone, for encoders and players.
//!
//! A `POST` of an offer makes a participant of an ordinary room, whose signalling session is kept [here](agent): a publisher is seen and heard by everybody
//! else in the room, and a viewer is shown whoever is to be shown, whatever they came by.
//!
//! | request | |
//! | --- | --- |
//! | `POST /whip/ROOM`, `POST /whep/ROOM` | an offer (`application/sdp`); `201` with the answer, `Location`, `ETag` and `Link`s to ICE servers |
//! | `PATCH` of the location | candidates, or a restart of ICE (`application/trickle-ice-sdpfrag`) |
//! | `DELETE` of the location | ends it |
//!
//! A token goes into `Authorization: Bearer`, where the server asks for one. `?name=` says what to call a participant whose token does not.

mod agent;
mod fragment;
mod offer;
mod resource;

pub(crate) use resource::Resources;

use crate::gateway::hub::LinkClient;
use crate::http::{Peer, host, is_by_name};
use crate::shared::Shared;
use agent::{Agent, Entered, Entrance, Offer, Refusal};
use axum::Extension;
use axum::body::{Body, to_bytes};
use axum::extract::{Path, Query, Request, State};
use axum::http::header::{
    AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_MATCH, LINK, LOCATION, RETRY_AFTER, WWW_AUTHENTICATE,
};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse as _, Response};
use fragment::Fragment;
use moim_signal::id::{PeerConnectionId, RoomName};
use moim_signal::message::{Grants, IceServer};
use offer::Role;
use resource::{Patched, Resource};
use serde::Deserialize;
use std::fmt::Write as _;
use std::sync::Arc;
use tokio::time::timeout;

const SDP: &str = "application/sdp";
const FRAGMENT: &str = "application/trickle-ice-sdpfrag";
/// The attempt at a connection that a resource begins with. There is one for each resource.
const CONNECTION: &str = "1";
/// Longest name of a query that is looked at, in bytes; the room has a limit of its own.
const NAME_LEN_MAX: usize = 256;
/// After how many seconds to try again where the server is full.
const RETRY_AFTER_SECS: &str = "5";

/// What may follow the room's name.
#[derive(Debug, Deserialize)]
pub(crate) struct Options {
    /// What to call the participant.
    name: Option<String>,
}

/// A request for a resource, and by whom.
type Posted = (Extension<Peer>, Path<String>, Query<Options>, Request);

/// `POST /whip/{room}`.
pub(crate) async fn publish(
    State(shared): State<Arc<Shared>>,
    peer: Extension<Peer>,
    room: Path<String>,
    options: Query<Options>,
    request: Request,
) -> Response {
    make(&shared, Role::Publisher, (peer, room, options, request)).await.unwrap_or_else(refuse)
}

/// `POST /whep/{room}`.
pub(crate) async fn watch(
    State(shared): State<Arc<Shared>>,
    peer: Extension<Peer>,
    room: Path<String>,
    options: Query<Options>,
    request: Request,
) -> Response {
    make(&shared, Role::Viewer, (peer, room, options, request)).await.unwrap_or_else(refuse)
}

/// `PATCH /whip/{room}/{resource}`, and the same of WHEP.
pub(crate) async fn patch(
    State(shared): State<Arc<Shared>>,
    Path((_, name)): Path<(String, String)>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let patched = async {
        let text = read(&shared, &headers, FRAGMENT, body).await?;
        let expected = headers.get(IF_MATCH).and_then(|value| value.to_str().ok()).map(str::to_owned);
        shared.resources.patch(&name, Fragment::read(&text)?, expected).await
    };
    match patched.await {
        Ok(Patched::Candidates) => StatusCode::NO_CONTENT.into_response(),
        Ok(Patched::Restarted { fragment, etag }) => {
            let mut response = fragment.into_response();
            set(&mut response, CONTENT_TYPE, FRAGMENT);
            set(&mut response, ETAG, &etag);
            response
        }
        Err(refusal) => refuse(refusal),
    }
}

/// `DELETE /whip/{room}/{resource}`, and the same of WHEP.
pub(crate) async fn delete(
    State(shared): State<Arc<Shared>>,
    Path((_, name)): Path<(String, String)>,
) -> Response {
    match shared.resources.delete(&name).await {
        Ok(()) => StatusCode::OK.into_response(),
        Err(refusal) => refuse(refusal),
    }
}

/// `OPTIONS`: what may be posted here (RFC 9725 §4.2).
pub(crate) async fn describe() -> Response {
    let mut response = StatusCode::NO_CONTENT.into_response();
    set(&mut response, HeaderName::from_static("accept-post"), SDP);
    response
}

async fn make(shared: &Arc<Shared>, role: Role, posted: Posted) -> Result<Response, Refusal> {
    let (Extension(peer), Path(room), Query(options), request) = posted;
    let (Parts { uri, headers, .. }, body) = request.into_parts();
    let room = RoomName::new(room);
    let mut name = options.name.unwrap_or_else(|| role.software().to_uppercase());
    let text = read(shared, &headers, SDP, body).await?;
    let offer = offer::read(&text, role)?;
    let end = (0..=name.len().min(NAME_LEN_MAX)).rev().find(|end| name.is_char_boundary(*end));
    name.truncate(end.unwrap_or(0));
    let token = bearer(&headers);
    let grants = shared.verifier.grants(token).map(|grants| within(role, grants));
    let client = LinkClient { stranger: Arc::clone(&peer.stranger), is_by_name: is_by_name(&headers, &uri) };
    let path = format!("/{}/{room}", role.software());
    let entrance = Entrance { room, name, client, grants, software: role.software() };
    let (mut agent, Entered { room, ice_servers }) = Agent::enter(shared, entrance).await?;
    if room.forwarding.is_none() {
        let message = "The server forwards no media in this room: it is set to connect everybody directly.";
        return Err(Refusal::new(StatusCode::CONFLICT, message));
    }
    let (described, tracks) = match role {
        Role::Publisher => offer::tracks(&offer),
        // Players that offer to send, too, are shown something all the same.
        Role::Viewer => Default::default(),
    };
    agent.publish(described).await?;
    let connection = PeerConnectionId::new(CONNECTION);
    let sdp =
        agent.offer(Offer { connection: connection.clone(), sdp: text, tracks: tracks.clone() }).await?;
    let etag = resource::etag(&offer);
    let resource = shared.resources.insert(Resource { agent, connection, offer, tracks }, shared)?;

    let mut response = (StatusCode::CREATED, sdp).into_response();
    set(&mut response, CONTENT_TYPE, SDP);
    set(&mut response, ETAG, &etag);
    set(&mut response, LOCATION, &format!("{path}/{resource}"));
    set(&mut response, CACHE_CONTROL, "no-store");
    let host = host(&headers, &uri).map(|authority| authority.host().to_owned()).unwrap_or_default();
    for link in ice_servers.iter().flat_map(|server| links(server, &host)) {
        if let Ok(value) = HeaderValue::try_from(link) {
            response.headers_mut().append(LINK, value);
        }
    }
    Ok(response)
}

/// What a client may do, as far as its role goes.
fn within(role: Role, mut grants: Grants) -> Grants {
    let permissions = &mut grants.permissions;
    match role {
        Role::Publisher => permissions.subscribe = false,
        Role::Viewer => permissions.publish = false,
    }
    (permissions.data, permissions.admin) = (false, false);
    grants
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
}

/// The `Link`s of an ICE server (RFC 9725 §4.4).
fn links(server: &IceServer, host: &str) -> impl Iterator<Item = String> {
    server.urls.iter().map(move |url| {
        let mut link = format!("<{}>; rel=\"ice-server\"", url.replace("{host}", host));
        if let Some(username) = &server.username {
            let _ = write!(link, "; username=\"{username}\"");
        }
        if let Some(credential) = &server.credential {
            let _ = write!(link, "; credential=\"{}\"; credential-type=\"password\"", credential.expose());
        }
        link
    })
}

/// The body of a request, if it is of a type.
async fn read(shared: &Shared, headers: &HeaderMap, kind: &str, body: Body) -> Result<String, Refusal> {
    let is_kind = headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split(';').next())
        .is_some_and(|found| found.trim().eq_ignore_ascii_case(kind));
    if !is_kind {
        return Err(Refusal::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, format!("Send this as {kind}.")));
    }
    let body = timeout(shared.limits.request_timeout, to_bytes(body, shared.frame_len_max)).await;
    let bytes = body
        .map_err(|_| Refusal::new(StatusCode::REQUEST_TIMEOUT, "The body did not arrive in time."))?
        .map_err(|_| {
            let message =
                format!("The body did not arrive whole, or has more than {} bytes.", shared.frame_len_max);
            Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, message)
        })?;
    String::from_utf8(bytes.into())
        .map_err(|_| Refusal::new(StatusCode::BAD_REQUEST, "The body is not UTF-8."))
}

fn set(response: &mut Response, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::try_from(value) {
        response.headers_mut().insert(name, value);
    }
}

fn refuse(refusal: Refusal) -> Response {
    let Refusal { status, message } = refusal;
    let mut response = (status, format!("{message}\n")).into_response();
    match status {
        StatusCode::UNAUTHORIZED => set(&mut response, WWW_AUTHENTICATE, "Bearer"),
        StatusCode::SERVICE_UNAVAILABLE => set(&mut response, RETRY_AFTER, RETRY_AFTER_SECS),
        _ => {}
    }
    response
}
