//! A server for tests, which does as it is told.

use super::SignalSession;
use super::session::{Connect, SessionOptions, TRANSPORTS};
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use std::io;
use std::time::Duration;
use tokio::io::DuplexStream;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{WebSocketStream, accept_async};

/// Long enough for anything; nothing waits that long unless it has failed.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// A server that does as it is told.
pub(crate) struct Server {
    links: mpsc::Receiver<DuplexStream>,
}

/// One link to it.
pub(crate) struct Link(WebSocketStream<DuplexStream>);

impl Server {
    pub(crate) fn with_client() -> (Self, SignalSession) {
        let (opened, links) = mpsc::channel(8);
        let connect: Connect = Box::new(move || {
            let opened = opened.clone();
            Box::pin(async move {
                let (ours, theirs) = tokio::io::duplex(1 << 16);
                opened.send(theirs).await.map_err(|_| io::ErrorKind::ConnectionRefused)?;
                Ok(Box::new(ours) as _)
            })
        });
        let (authority, token) = ("server.test".into(), Some("t".into()));
        let options = SessionOptions { authority, token, connect, transports: TRANSPORTS };
        (Self { links }, SignalSession::begin(options))
    }

    /// The next link, and the `hello` on it.
    pub(crate) async fn link(&mut self) -> (Link, Value) {
        let stream = timeout(PATIENCE, self.links.recv()).await.unwrap().unwrap();
        let mut link = Link(accept_async(stream).await.unwrap());
        let hello = link.receive().await;
        (link, hello)
    }
}

impl Link {
    pub(crate) async fn send(&mut self, frame: Value) {
        self.0.send(Message::text(frame.to_string())).await.unwrap();
    }

    pub(crate) async fn receive(&mut self) -> Value {
        loop {
            match timeout(PATIENCE, self.0.next()).await.unwrap().unwrap().unwrap() {
                Message::Text(text) => return serde_json::from_str(&text).unwrap(),
                Message::Close(close) => return json!({ "closed": close.map(|close| u16::from(close.code)) }),
                Message::Binary(_) | Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => {}
            }
        }
    }

    /// The next frame; [`None`] at the end of the link.
    pub(crate) async fn try_receive(&mut self) -> Option<Value> {
        loop {
            match self.0.next().await?.ok()? {
                Message::Text(text) => return Some(serde_json::from_str(&text).unwrap()),
                Message::Close(_) => return None,
                Message::Binary(_) | Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => {}
            }
        }
    }

    pub(crate) async fn welcome(&mut self, is_resumed: bool, ack: u32) {
        let limits = json!({ "frameLenMax": 65_536, "nameLenMax": 64, "metadataLenMax": 4_096, "chatLenMax": 8_192,
            "tracksMax": 8 });
        self.send(
            json!({ "type": "welcome", "session": "s_1", "secret": "psst", "resumed": is_resumed, "ack": ack,
            "heartbeatMs": 10_000, "resumeWindowMs": 30_000, "open": true, "limits": limits }),
        )
        .await;
    }

    pub(crate) async fn message(&mut self, seq: u32, ack: u32, body: Value) {
        self.send(json!({ "type": "message", "seq": seq, "ack": ack, "body": body })).await;
    }
}
