//! Links over WebSocket (RFC 6455): one text message per frame.

use super::hub::LinkClient;
use super::{expect_hello, gone, origin, parse_frame, to_json, too_large};
use crate::http::{Peer, is_by_name};
use crate::shared::Shared;
use crate::tasks::contained;
use axum::Extension;
use axum::extract::State;
use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade, close_code};
use axum::http::{HeaderMap, Uri};
use axum::response::{IntoResponse as _, Response};
use moim_signal::message::{ClientFrame, ErrorCode, FrameError, ServerFrame};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{sleep, timeout};
use tungstenite::Error as WebSocketError;

/// What is read from, and written to, the connection at a time. The library's default of 128 KiB each would make an idle
/// participant cost more than everything else about it.
const BUFFER_LEN: usize = 4 * 1024;
/// The close code that says: see the `close` frame before.
const CLOSED_BY_PROTOCOL: u16 = 4000;
/// How long a client may take to answer a close frame.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a connection with unread input is kept open: closing it at once would make the kernel throw away what the
/// client has not received yet.
const LINGER: Duration = Duration::from_secs(2);

/// `GET /signal/v1/ws`.
pub(crate) async fn open(
    State(shared): State<Arc<Shared>>,
    Extension(peer): Extension<Peer>,
    uri: Uri,
    headers: HeaderMap,
    upgrade: WebSocketUpgrade,
) -> Response {
    if let Err(refusal) = origin::check(&shared, &headers, &uri) {
        return refusal.into_response();
    }
    let client = LinkClient { stranger: Arc::clone(&peer.stranger), is_by_name: is_by_name(&headers, &uri) };
    upgrade
        .max_message_size(shared.frame_len_max)
        .max_frame_size(shared.frame_len_max)
        .read_buffer_size(BUFFER_LEN)
        .write_buffer_size(BUFFER_LEN)
        .on_upgrade(move |mut socket| async move {
            let tasks = shared.tasks.clone();
            let served = async {
                // The client may be gone at any moment; that is no failure of anything.
                let _ = serve(&mut socket, &shared, client).await;
            };
            tasks.track_future(contained("websocket link", &shared.counters, served)).await;
            // Its place among the connections that the server takes is held until here.
            drop(peer);
        })
}

/// The connection failed or was closed by the client.
struct Disconnected;

/// What a client sent.
enum Received {
    Frame(Result<ClientFrame, FrameError>),
    /// What follows cannot be made sense of.
    TooLarge(FrameError),
    /// The client has closed the WebSocket.
    Closed {
        is_going_away: bool,
    },
}

async fn serve(socket: &mut WebSocket, shared: &Shared, client: LinkClient) -> Result<(), Disconnected> {
    let first = timeout(shared.limits.request_timeout, receive(socket, shared.frame_len_max));
    let first = match shared.closing.run_until_cancelled(first).await {
        None => return refuse(socket, vec![gone()], false).await,
        Some(Ok(first)) => first?,
        Some(Err(_)) => Received::Frame(Err(FrameError::Frame {
            code: ErrorCode::Malformed,
            detail: "nothing came in time".to_owned(),
        })),
    };
    let (first, is_broken) = match first {
        Received::Frame(frame) => (frame, false),
        Received::TooLarge(error) => (Err(error), true),
        Received::Closed { .. } => return answer_close(socket).await,
    };
    let hello = match expect_hello(first) {
        Ok(hello) => hello,
        Err(refusal) => return refuse(socket, refusal, is_broken).await,
    };
    let grants = shared.verifier.grants(hello.token.as_deref());
    let Ok(mut link) = shared.hub.open(hello, grants, client).await else {
        return refuse(socket, vec![gone()], false).await;
    };

    loop {
        tokio::select! {
            frame = link.next() => match frame {
                Some(frame) => send(socket, &frame).await?,
                None => return close(socket).await,
            },
            received = receive(socket, shared.frame_len_max) => match received? {
                Received::Frame(frame) => link.handle(frame).await.map_err(|_| Disconnected)?,
                Received::TooLarge(error) => {
                    link.handle(Err(error)).await.map_err(|_| Disconnected)?;
                    while let Some(frame) = link.next().await {
                        send(socket, &frame).await?;
                    }
                    return linger(socket).await;
                }
                Received::Closed { is_going_away } => {
                    if is_going_away {
                        link.note_client_gone();
                    }
                    return answer_close(socket).await;
                }
            },
        }
    }
}

/// The next frame. Cancel-safe: what came in part stays with the socket.
async fn receive(socket: &mut WebSocket, frame_len_max: usize) -> Result<Received, Disconnected> {
    loop {
        return match socket.recv().await {
            Some(Ok(Message::Text(text))) => Ok(Received::Frame(parse_frame(&text, frame_len_max))),
            Some(Ok(Message::Binary(_))) => Ok(Received::Frame(Err(FrameError::Frame {
                code: ErrorCode::Malformed,
                detail: "binary messages are not accepted; send frames as text".to_owned(),
            }))),
            Some(Ok(Message::Ping(_) | Message::Pong(_))) => continue,
            Some(Err(error)) if is_capacity(&error) => Ok(Received::TooLarge(too_large(frame_len_max))),
            // Told at once: while it were answered here, something to send could make the caller forget that it was asked.
            Some(Ok(Message::Close(close))) => Ok(Received::Closed {
                // RFC 6455 §7.4.1: this is what a browser says as it leaves a page, and only then.
                is_going_away: close.is_some_and(|close| close.code == close_code::AWAY),
            }),
            Some(Err(_)) | None => Err(Disconnected),
        };
    }
}

/// Whether a message was longer than allowed, rather than anything else wrong with the connection.
fn is_capacity(error: &axum::Error) -> bool {
    std::error::Error::source(error)
        .and_then(|source| source.downcast_ref::<WebSocketError>())
        .is_some_and(|error| matches!(error, WebSocketError::Capacity(_)))
}

async fn send(socket: &mut WebSocket, frame: &ServerFrame) -> Result<(), Disconnected> {
    socket.send(Message::Text(to_json(frame).into())).await.map_err(|_| Disconnected)
}

async fn refuse(
    socket: &mut WebSocket,
    frames: Vec<ServerFrame>,
    is_broken: bool,
) -> Result<(), Disconnected> {
    for frame in &frames {
        send(socket, frame).await?;
    }
    if is_broken { linger(socket).await } else { close(socket).await }
}

/// RFC 6455 §5.5.1: the answer is written by the library as it is asked for what comes next.
async fn answer_close(socket: &mut WebSocket) -> Result<(), Disconnected> {
    let _ = timeout(CLOSE_TIMEOUT, socket.recv()).await;
    Err(Disconnected)
}

/// Says goodbye and waits for the answer, so that everything sent before has arrived.
async fn close(socket: &mut WebSocket) -> Result<(), Disconnected> {
    say_goodbye(socket).await?;
    let answered = async { while let Some(Ok(_)) = socket.recv().await {} };
    let _ = timeout(CLOSE_TIMEOUT, answered).await;
    Ok(())
}

/// Says goodbye on a connection from which nothing more can be read.
async fn linger(socket: &mut WebSocket) -> Result<(), Disconnected> {
    say_goodbye(socket).await?;
    sleep(LINGER).await;
    Ok(())
}

async fn say_goodbye(socket: &mut WebSocket) -> Result<(), Disconnected> {
    let frame = CloseFrame { code: CLOSED_BY_PROTOCOL, reason: "".into() };
    socket.send(Message::Close(Some(frame))).await.map_err(|_| Disconnected)
}
