//! The steps of signalling.

use super::Found;
use crate::error::SignalError;
use crate::room::random_hex;
use crate::signal::{SessionEvent, SignalSession, Transport};
use crate::url::{RoomUrl, ServerUrl};
use moim_signal::id::RoomName;
use moim_signal::message::{ClientMessage, IceServer, ServerMessage};
use rustls::ClientConfig;
use std::sync::Arc;

/// What the others see for a moment, if there are any.
const NAME: &str = "moim ping";

/// Opens a link, and says `hello`.
pub(super) async fn begin(
    server: &ServerUrl,
    room: Option<&RoomUrl>,
    tls: Arc<ClientConfig>,
) -> Found<SignalSession> {
    let token = room.and_then(|room| room.token.clone());
    let mut session = SignalSession::to(server, token, tls, &[Transport::WebSocket]);
    match session.next().await {
        Some(SessionEvent::Begun(_)) => Ok(("welcome".to_owned(), session)),
        Some(SessionEvent::Ended(error)) => Err(error.to_string()),
        Some(SessionEvent::Interrupted(_) | SessionEvent::Resumed | SessionEvent::Message(_)) | None => {
            Err("the server does not follow the protocol".to_owned())
        }
    }
}

/// Enters a room, and leaves it with the session.
pub(super) async fn enter(mut session: SignalSession, room: Option<&RoomUrl>) -> Found<Vec<IceServer>> {
    let signal = session.sender();
    let of_token = room.filter(|room| room.token.is_some()).map(|room| room.room.clone());
    let room = of_token.unwrap_or_else(|| RoomName::new(format!("ping-{}", random_hex::<8>())));
    let join = ClientMessage::Join { room, name: NAME.to_owned(), metadata: None, direct: true };
    let request = tokio::spawn(async move { signal.request(join).await });
    loop {
        match session.next().await {
            Some(SessionEvent::Message(message)) => {
                if let ServerMessage::Joined { ice_servers, .. } = *message {
                    let count = ice_servers.iter().map(|server| server.urls.len()).sum::<usize>();
                    return Ok((format!("{count} addresses of STUN and TURN servers"), ice_servers));
                }
                if let ServerMessage::Error { .. } = *message {
                    let refused = request.await.map_err(|error| error.to_string())?;
                    return Err(refused.err().unwrap_or(SignalError::Lost).to_string());
                }
            }
            Some(SessionEvent::Ended(error)) => return Err(error.to_string()),
            Some(SessionEvent::Interrupted(reason)) => return Err(reason),
            Some(SessionEvent::Begun(_) | SessionEvent::Resumed) => {}
            None => return Err("the session ended".to_owned()),
        }
    }
}
