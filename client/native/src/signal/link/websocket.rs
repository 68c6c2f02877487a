//! A WebSocket, with one text message per frame.

use super::{CLOSE_TIME_MAX, FRAME_LEN_MAX, Incoming, SEND_TIME_MAX, parse};
use crate::stream::BoxedStream;
use futures_util::{SinkExt as _, StreamExt as _};
use moim_signal::message::ClientFrame;
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, WebSocketConfig};
use tokio_tungstenite::tungstenite::{self, Message};

/// A link by a WebSocket.
pub(in crate::signal) struct WebSocketLink {
    socket: WebSocketStream<BoxedStream>,
}

impl WebSocketLink {
    /// Opens a WebSocket over `stream`. The reason in words if that fails.
    pub(super) async fn open(authority: &str, stream: BoxedStream) -> Result<Self, String> {
        let request = format!("wss://{authority}/signal/v1/ws");
        let request = request.into_client_request().map_err(|error| error.to_string())?;
        let config = WebSocketConfig::default()
            .max_message_size(Some(FRAME_LEN_MAX))
            .max_frame_size(Some(FRAME_LEN_MAX));
        let opened = tokio_tungstenite::client_async_with_config(request, stream, Some(config)).await;
        let (socket, _) = opened.map_err(|error| format!("the WebSocket was not opened: {error}"))?;
        Ok(Self { socket })
    }

    /// Sends a frame.
    pub(super) async fn send(&mut self, frame: &ClientFrame) -> Result<(), String> {
        let text = serde_json::to_string(frame).map_err(|error| error.to_string())?;
        let sent = timeout(SEND_TIME_MAX, self.socket.send(Message::text(text))).await;
        sent.map_err(|_| "the server does not read".to_owned())?.map_err(|error| error.to_string())
    }

    /// The next frame that means something. Nothing is lost if this is not awaited to its end.
    pub(super) async fn receive(&mut self) -> Result<Incoming, String> {
        loop {
            match self.socket.next().await {
                Some(Ok(Message::Text(text))) => {
                    if let Some(incoming) = parse(&text) {
                        return Ok(incoming);
                    }
                    tracing::debug!("a frame that is not known was passed over");
                }
                Some(Ok(Message::Close(frame))) => {
                    let code = frame.map_or(1005, |frame| u16::from(frame.code));
                    return Err(format!("the server closed the WebSocket ({code})"));
                }
                // Pings are answered by the library.
                Some(Ok(Message::Binary(_) | Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => {}
                Some(Err(error)) => return Err(error.to_string()),
                None => return Err("the connection ended".to_owned()),
            }
        }
    }

    /// Closes it. `is_leaving`: the session is to end with it (docs/protocol.md, "Links").
    pub(super) async fn close(mut self, is_leaving: bool) {
        let code = if is_leaving { CloseCode::Away } else { CloseCode::Normal };
        let goodbye = async {
            self.socket.close(Some(CloseFrame { code, reason: "".into() })).await?;
            // Until the other side has answered, what was sent may not have arrived.
            while self.socket.next().await.transpose()?.is_some() {}
            Ok::<(), tungstenite::Error>(())
        };
        // Whether it does answer does not matter any more.
        let _ = timeout(CLOSE_TIME_MAX, goodbye).await;
    }
}
