//! Signalling clients, over either kind of link.

use super::{Connection, TestServer, within};
use axum::http::StatusCode;
use futures_util::{SinkExt as _, StreamExt as _};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use serde_json::{Value, json};
use std::collections::VecDeque;
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::{Message, client::IntoClientRequest as _};

/// A kind of link.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind {
    WebSocket,
    Events,
}

/// A link, on which frames go both ways.
pub(crate) enum Link {
    WebSocket(Box<WebSocketStream<TlsStream<TcpStream>>>),
    Events {
        body: Incoming,
        unread: String,
        posts: Connection,
        authorization: String,
    },
    /// Neither: the connection is gone.
    Closed,
}

impl Link {
    /// Opens a link by `hello`, whatever comes of that.
    pub(crate) async fn open(server: &TestServer, kind: Kind, hello: &Value) -> Self {
        match kind {
            Kind::WebSocket => {
                let mut link = Self::web_socket(server, &[]).await.unwrap();
                link.send(hello).await;
                link
            }
            Kind::Events => {
                let json = [("content-type", "application/json")];
                let mut connection = server.http().await;
                let response = connection.begin("POST", "/signal/v1/events", &json, &hello.to_string()).await;
                assert_eq!(response.status(), StatusCode::OK);
                assert_eq!(response.headers()["content-type"], "text/event-stream");
                Self::Events {
                    body: response.into_body(),
                    unread: String::new(),
                    posts: Connection::http2(server).await,
                    authorization: String::new(),
                }
            }
        }
    }

    /// Opens a WebSocket and says nothing yet. The status of the refusal if it is refused.
    pub(crate) async fn web_socket(
        server: &TestServer,
        headers: &[(&'static str, &str)],
    ) -> Result<Self, StatusCode> {
        let stream = server.connect(&["http/1.1"]).await;
        let mut request = format!("wss://{}/signal/v1/ws", server.host()).into_client_request().unwrap();
        for (name, value) in headers {
            request.headers_mut().insert(*name, value.parse().unwrap());
        }
        match within(tokio_tungstenite::client_async(request, stream)).await {
            Ok((socket, _)) => Ok(Self::WebSocket(Box::new(socket))),
            Err(tungstenite::Error::Http(response)) => Err(response.status()),
            Err(error) => panic!("the WebSocket failed: {error}"),
        }
    }

    pub(crate) async fn send(&mut self, frame: &Value) {
        self.send_text(frame.to_string()).await;
    }

    pub(crate) async fn send_text(&mut self, text: String) {
        let status = self.try_send(Message::Text(text.into())).await;
        assert_eq!(status, StatusCode::NO_CONTENT);
    }

    /// Sends, and tells the status of the `POST`. A WebSocket may have been closed by the server meanwhile.
    pub(crate) async fn try_send(&mut self, message: Message) -> StatusCode {
        match self {
            Self::Closed => panic!("nothing can be sent on a closed link"),
            Self::WebSocket(socket) => {
                // What matters is what the server answers, which may be there already.
                let _ = within(socket.send(message)).await;
                StatusCode::NO_CONTENT
            }
            Self::Events { posts, authorization, .. } => {
                let text = message.into_text().unwrap();
                let headers = [("authorization", authorization.as_str())];
                posts.ask("POST", "/signal/v1/frames", &headers, &text).await.status
            }
        }
    }

    /// The next frame, or `None` at the end of the link.
    pub(crate) async fn next(&mut self) -> Option<Value> {
        match self {
            Self::Closed => None,
            Self::WebSocket(socket) => match within(socket.next()).await? {
                Ok(Message::Text(text)) => Some(serde_json::from_str(&text).unwrap()),
                Ok(Message::Close(close)) => {
                    assert_eq!(u16::from(close.unwrap().code), 4000);
                    None
                }
                Ok(other) => panic!("the server sent {other:?}"),
                Err(error) => panic!("the link broke: {error}"),
            },
            Self::Events { body, unread, authorization, .. } => loop {
                if let Some((event, rest)) = unread.split_once("\n\n") {
                    let (event, rest) = (event.to_owned(), rest.to_owned());
                    *unread = rest;
                    if let Some(data) = event.strip_prefix("data: ") {
                        let frame: Value = serde_json::from_str(data).unwrap();
                        if frame["type"] == "welcome" {
                            let text = |field: &str| frame[field].as_str().unwrap().to_owned();
                            *authorization = format!("Bearer {}.{}", text("session"), text("secret"));
                        }
                        return Some(frame);
                    }
                } else {
                    let chunk = within(body.frame()).await?.unwrap();
                    unread.push_str(std::str::from_utf8(chunk.data_ref().unwrap()).unwrap());
                }
            },
        }
    }
}

/// A client with a session: it numbers what it sends and checks the numbers of what it is sent.
pub(crate) struct Client {
    pub(crate) link: Link,
    pub(crate) welcome: Value,
    sent: u32,
    received: u32,
    /// Messages that came before the one that was waited for.
    earlier: VecDeque<Value>,
}

impl Client {
    /// Opens a session by `hello`, and expects to be welcome.
    pub(crate) async fn open(server: &TestServer, kind: Kind, hello: Value) -> Self {
        let mut link = Link::open(server, kind, &hello).await;
        let welcome = link.next().await.unwrap();
        assert_eq!(welcome["type"], "welcome", "{welcome}");
        Self { link, welcome, sent: 0, received: 0, earlier: VecDeque::new() }
    }

    /// Goes on with the session over a new link, which may be of another kind. The old one is left as it is.
    pub(crate) async fn resume(&mut self, server: &TestServer, kind: Kind) -> Link {
        let mut link = Link::open(server, kind, &self.resumption()).await;
        let welcome = link.next().await.unwrap();
        assert_eq!(welcome["type"], "welcome", "{welcome}");
        assert_eq!(welcome["resumed"], true);
        self.welcome = welcome;
        std::mem::replace(&mut self.link, link)
    }

    /// The `hello` that resumes this session.
    pub(crate) fn resumption(&self) -> Value {
        json!({ "type": "hello", "version": 1, "resume": {
            "session": self.welcome["session"], "secret": self.welcome["secret"], "ack": self.received,
        }})
    }

    /// The frame of the next message, which counts as sent.
    pub(crate) fn frame(&mut self, body: &Value) -> Value {
        self.sent += 1;
        json!({ "type": "message", "seq": self.sent, "ack": self.received, "body": body })
    }

    pub(crate) async fn send(&mut self, body: Value) {
        let frame = self.frame(&body);
        self.link.send(&frame).await;
    }

    /// The next message of this type; others that come before are kept for later.
    pub(crate) async fn expect(&mut self, kind: &str) -> Value {
        if let Some(index) = self.earlier.iter().position(|message| message["type"] == kind) {
            return self.earlier.remove(index).unwrap();
        }
        loop {
            let message = self.next_message().await;
            if message["type"] == kind {
                return message;
            }
            self.earlier.push_back(message);
        }
    }

    /// The next message, of whatever type; frames that are no messages are passed over.
    pub(crate) async fn next_message(&mut self) -> Value {
        loop {
            let frame = self.link.next().await.expect("the link goes on");
            if frame["type"] == "message" {
                self.received += 1;
                assert_eq!(frame["seq"], self.received, "a message was lost or doubled: {frame}");
                return frame["body"].clone();
            }
            assert_ne!(frame["type"], "close", "{frame}");
        }
    }

    /// The next frame of this type, messages passed over.
    pub(crate) async fn expect_frame(&mut self, kind: &str) -> Value {
        loop {
            let frame = self.link.next().await.expect("the link goes on");
            if frame["type"] == kind {
                return frame;
            }
        }
    }

    /// Enters a room; the participant's id.
    pub(crate) async fn join(&mut self, room: &str, name: &str) -> String {
        self.send(json!({ "type": "join", "room": room, "name": name })).await;
        let joined = self.expect("joined").await;
        joined["participant"]["id"].as_str().unwrap().to_owned()
    }

    /// Says something to everybody else in the room.
    pub(crate) async fn chat(&mut self, text: &str) {
        self.send(json!({ "type": "chat", "id": text, "text": text })).await;
    }

    /// What somebody said.
    pub(crate) async fn hear(&mut self) -> String {
        self.expect("chat").await["text"].as_str().unwrap().to_owned()
    }
}
