//! One transport connection: a WebSocket, or an event stream with POSTs (docs/protocol.md, "Links").

mod event_stream;
mod events;
mod websocket;

use super::session::Connect;
use events::EventsLink;
use moim_signal::message::{ClientFrame, ServerFrame, ServerMessage};
use serde::Deserialize;
use std::time::Duration;
use websocket::WebSocketLink;

/// The longest frame that is taken from a server.
const FRAME_LEN_MAX: usize = 1 << 20;
/// How long the server may take to read what is sent to it.
const SEND_TIME_MAX: Duration = Duration::from_secs(10);
/// How long closing may take.
const CLOSE_TIME_MAX: Duration = Duration::from_secs(1);

/// A kind of link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Transport {
    WebSocket,
    /// Server-sent events and POSTs, where no WebSocket gets through.
    Events,
}

/// What a server sends. Frames and messages that are not known are passed over, so that servers can say more later.
#[derive(Debug)]
pub(super) enum Incoming {
    /// A frame other than those below.
    Frame(Box<ServerFrame>),
    /// A message; without a body if that is of no kind known here. Its number counts all the same.
    Message { seq: u32, ack: u32, body: Option<Box<ServerMessage>> },
}

/// A link, on which frames go both ways.
pub(super) enum Link {
    WebSocket(Box<WebSocketLink>),
    Events(Box<EventsLink>),
}

impl Link {
    /// Opens a link by streams to the server, and says `hello` on it. The reason in words if that fails.
    pub(super) async fn open(
        transport: Transport,
        authority: &str,
        connect: &Connect,
        hello: &ClientFrame,
    ) -> Result<Self, String> {
        let stream = connect().await.map_err(|error| error.to_string())?;
        match transport {
            Transport::WebSocket => {
                let mut link = WebSocketLink::open(authority, stream).await?;
                link.send(hello).await?;
                Ok(Self::WebSocket(Box::new(link)))
            }
            Transport::Events => {
                Ok(Self::Events(Box::new(EventsLink::open(authority, stream, hello).await?)))
            }
        }
    }

    /// Sends a frame. `connect` is for links that have no stream of their own for that.
    pub(super) async fn send(&mut self, frame: &ClientFrame, connect: &Connect) -> Result<(), String> {
        match self {
            Self::WebSocket(link) => link.send(frame).await,
            Self::Events(link) => link.send(frame, connect).await,
        }
    }

    /// The next frame that means something. Nothing is lost if this is not awaited to its end.
    pub(super) async fn receive(&mut self) -> Result<Incoming, String> {
        match self {
            Self::WebSocket(link) => link.receive().await,
            Self::Events(link) => link.receive().await,
        }
    }

    /// Closes it. `is_leaving`: the session is to end with it; if the link has no word for that, it was said before.
    pub(super) async fn close(self, is_leaving: bool) {
        match self {
            Self::WebSocket(link) => link.close(is_leaving).await,
            // The end of the response says it.
            Self::Events(_) => {}
        }
    }

    /// Whether closing it cannot say that the session is to end with it.
    pub(super) fn has_no_goodbye(&self) -> bool {
        matches!(self, Self::Events(_))
    }
}

fn parse(text: &str) -> Option<Incoming> {
    /// What all messages have, whatever they say.
    #[derive(Deserialize)]
    struct Envelope {
        #[serde(rename = "type")]
        kind: String,
        seq: u32,
        ack: u32,
    }
    match serde_json::from_str::<ServerFrame>(text) {
        Ok(ServerFrame::Message { seq, ack, body }) => {
            Some(Incoming::Message { seq, ack, body: Some(Box::new(body)) })
        }
        Ok(frame) => Some(Incoming::Frame(Box::new(frame))),
        Err(_) => {
            let Envelope { kind, seq, ack } = serde_json::from_str(text).ok()?;
            (kind == "message").then_some(Incoming::Message { seq, ack, body: None })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Incoming, parse};

    #[test]
    fn a_message_of_an_unknown_kind_counts() {
        let text = r#"{"type":"message","seq":3,"ack":2,"body":{"type":"fireworks","colour":"red"}}"#;

        assert!(matches!(parse(text), Some(Incoming::Message { seq: 3, ack: 2, body: None })));
    }

    #[test]
    fn a_frame_of_an_unknown_kind_is_passed_over() {
        assert!(parse(r#"{"type":"fireworks"}"#).is_none());
        assert!(parse("{").is_none());
    }

    #[test]
    fn fields_that_are_not_known_are_passed_over() {
        assert!(matches!(parse(r#"{"type":"pong","ack":1,"colour":"red"}"#), Some(Incoming::Frame(_))));
    }
}
