//! Links over plain HTTP, for networks where no WebSocket gets through: server-sent events (HTML, "Server-sent events") one
//! way, `POST` the other.

use super::hub::{Link, LinkClient};
use super::{expect_hello, gone, parse_frame, to_json, too_large};
use crate::http::{Peer, is_by_name};
use crate::shared::Shared;
use axum::Extension;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::State;
use axum::http::header::{AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri};
use axum::response::{IntoResponse as _, Response};
use futures_util::stream;
use moim_signal::id::{LinkId, SessionId, SessionSecret};
use moim_signal::message::ServerFrame;
use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::time::{sleep, timeout};

/// How often a silent stream shows that it is alive, so that no proxy takes it for a dead one.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// How many frames of the greatest length one `POST` may carry.
const FRAMES_PER_POST: usize = 4;

/// An answer that refuses a request: a status, and a sentence for whoever debugs the client.
type Refusal = (StatusCode, &'static str);

/// Event links by the session they carry, so that a `POST` finds its link. One entry at most for each open stream.
#[derive(Debug, Default)]
pub(crate) struct EventLinks {
    by_session: Mutex<HashMap<SessionId, EventLink>>,
}

#[derive(Clone, Debug)]
struct EventLink {
    link: LinkId,
    secret: SessionSecret,
    /// Held while a `POST` is read, so that frames are handled in the order in which they were sent.
    posting: Arc<tokio::sync::Mutex<()>>,
}

/// `POST /signal/v1/events`: opens a link and answers with its frames.
pub(crate) async fn open(
    State(shared): State<Arc<Shared>>,
    Extension(peer): Extension<Peer>,
    uri: Uri,
    headers: HeaderMap,
    body: Body,
) -> Response {
    // A page of another origin can send a form without asking first, but not JSON.
    if !is_json(&headers) {
        return refuse((StatusCode::UNSUPPORTED_MEDIA_TYPE, "Send the hello frame as application/json.\n"));
    }
    let body = match read(body, shared.frame_len_max, shared.limits.request_timeout).await {
        Ok(body) => body,
        Err(refusal) => return refuse(refusal),
    };
    let Ok(text) = std::str::from_utf8(&body) else { return refuse(NOT_TEXT) };
    let hello = match expect_hello(parse_frame(text, shared.frame_len_max)) {
        Ok(hello) => hello,
        Err(frames) => return stream_of(frames.iter().map(event).collect::<String>()),
    };
    let grants = shared.verifier.grants(hello.token.as_deref());
    let client = LinkClient { stranger: Arc::clone(&peer.stranger), is_by_name: is_by_name(&headers, &uri) };
    match shared.hub.open(hello, grants, client).await {
        Ok(link) => event_stream(Stream { link, shared, session: None }),
        Err(_) => stream_of(event(&gone())),
    }
}

/// `POST /signal/v1/frames`: frames from the client of an event link, one per line.
pub(crate) async fn frames(State(shared): State<Arc<Shared>>, headers: HeaderMap, body: Body) -> Response {
    match take_frames(&shared, &headers, body).await {
        Ok(()) => StatusCode::NO_CONTENT.into_response(),
        Err(refusal) => refuse(refusal),
    }
}

const NOT_TEXT: Refusal = (StatusCode::BAD_REQUEST, "The body is not UTF-8.\n");
const NO_LINK: Refusal = (
    StatusCode::UNAUTHORIZED,
    "No event link is open under this session and secret. Open one, and resume.\n",
);

async fn take_frames(shared: &Shared, headers: &HeaderMap, body: Body) -> Result<(), Refusal> {
    let link = shared.event_links.find(headers).ok_or(NO_LINK)?;
    let _in_turn = timeout(shared.limits.request_timeout, link.posting.lock()).await.map_err(|_| {
        (StatusCode::CONFLICT, "Another request with frames of this session is not done yet.\n")
    })?;
    let body = read(body, shared.frame_len_max * FRAMES_PER_POST, shared.limits.request_timeout).await;
    if let Err((StatusCode::PAYLOAD_TOO_LARGE, _)) = body {
        let _ = shared.hub.frame(link.link, Err(too_large(shared.frame_len_max))).await;
    }
    let body = body?;
    let text = std::str::from_utf8(&body).map_err(|_| NOT_TEXT)?;
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        let frame = parse_frame(line, shared.frame_len_max);
        shared.hub.frame(link.link, frame).await.map_err(|_| NO_LINK)?;
    }
    Ok(())
}

impl EventLinks {
    /// The link that a request's `Authorization` speaks of, if its secret is right.
    fn find(&self, headers: &HeaderMap) -> Option<EventLink> {
        let credentials = headers.get(AUTHORIZATION)?.to_str().ok()?.strip_prefix("Bearer ")?;
        let (session, secret) = credentials.split_once('.')?;
        let links = self.by_session.lock().unwrap_or_else(PoisonError::into_inner);
        let link = links.get(session)?;
        let is_right = aws_lc_rs::constant_time::verify_slices_are_equal(
            link.secret.as_str().as_bytes(),
            secret.as_bytes(),
        );
        is_right.is_ok().then(|| link.clone())
    }

    /// Notes the link of a session, unless a newer one is known: links resume one after the other, but the tasks that say
    /// so here may overtake each other.
    fn insert(&self, session: SessionId, secret: SessionSecret, link: LinkId) {
        let mut links = self.by_session.lock().unwrap_or_else(PoisonError::into_inner);
        if links.get(&session).is_none_or(|known| known.link < link) {
            links.insert(session, EventLink { link, secret, posting: Arc::default() });
        }
    }

    /// Forgets the link of a session, unless another one has taken its place.
    fn remove(&self, session: &SessionId, link: LinkId) {
        let mut links = self.by_session.lock().unwrap_or_else(PoisonError::into_inner);
        if links.get(session).is_some_and(|found| found.link == link) {
            links.remove(session);
        }
    }
}

/// The server's side of an event link. The response owns it: when the client is gone, so is the link.
struct Stream {
    link: Link,
    shared: Arc<Shared>,
    session: Option<SessionId>,
}

impl Stream {
    async fn next(mut self) -> Option<(Result<Bytes, Infallible>, Self)> {
        let text = tokio::select! {
            frame = self.link.next() => {
                let frame = frame?;
                self.note(&frame);
                event(&frame)
            }
            () = sleep(KEEP_ALIVE) => ":\n\n".to_owned(),
        };
        Some((Ok(text.into()), self))
    }

    fn note(&mut self, frame: &ServerFrame) {
        if let ServerFrame::Welcome { session, secret, .. } = frame {
            self.shared.event_links.insert(session.clone(), secret.clone(), self.link.id());
            self.session = Some(session.clone());
        }
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        if let Some(session) = &self.session {
            self.shared.event_links.remove(session, self.link.id());
        }
    }
}

fn event_stream(stream: Stream) -> Response {
    stream_of(Body::from_stream(stream::unfold(stream, Stream::next)))
}

fn stream_of(body: impl Into<Body>) -> Response {
    let mut response = Response::new(body.into());
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    // Some reverse proxies collect a response before they pass it on, unless told not to.
    headers.insert(HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
    response
}

/// One event. JSON has no line breaks outside of strings, and escapes them inside.
fn event(frame: &ServerFrame) -> String {
    format!("data: {}\n\n", to_json(frame))
}

async fn read(body: Body, len_max: usize, within: Duration) -> Result<Bytes, Refusal> {
    let too_large = (StatusCode::PAYLOAD_TOO_LARGE, "The body is larger than this server takes.\n");
    match timeout(within, to_bytes(body, len_max)).await {
        Ok(Ok(bytes)) => Ok(bytes),
        Ok(Err(error)) if is_too_large(&error) => Err(too_large),
        Ok(Err(_)) => Err((StatusCode::BAD_REQUEST, "The body did not arrive whole.\n")),
        Err(_) => Err((StatusCode::REQUEST_TIMEOUT, "The body did not arrive in time.\n")),
    }
}

fn is_too_large(error: &axum::Error) -> bool {
    std::error::Error::source(error)
        .is_some_and(<dyn std::error::Error>::is::<http_body_util::LengthLimitError>)
}

fn is_json(headers: &HeaderMap) -> bool {
    headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split(';').next())
        .is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json"))
}

fn refuse(refusal: Refusal) -> Response {
    refusal.into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bearer(credentials: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(AUTHORIZATION, HeaderValue::from_static(credentials))])
    }

    /// Each link has a task of its own: that of the older one may come to its welcome after the newer one did.
    #[test]
    fn posts_find_the_newest_link_whichever_task_came_first() {
        let links = EventLinks::default();
        let insert = |link| links.insert(SessionId::new("s_1"), SessionSecret::new("secret"), LinkId(link));
        let found = || links.find(&bearer("Bearer s_1.secret")).map(|found| found.link);

        insert(2);
        insert(1);
        assert_eq!(found(), Some(LinkId(2)));
        links.remove(&SessionId::new("s_1"), LinkId(1));
        assert_eq!(found(), Some(LinkId(2)));

        insert(3);
        assert_eq!(found(), Some(LinkId(3)));
        links.remove(&SessionId::new("s_1"), LinkId(3));
        assert_eq!(found(), None);
    }
}
