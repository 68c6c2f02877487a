use super::session::{Connect, SessionOptions};
use super::{SessionEvent, SignalSession};
use crate::error::SignalError;
use futures_util::{SinkExt as _, StreamExt as _};
use moim_signal::message::{ClientMessage, ErrorCode, ServerMessage};
use serde_json::{Value, json};
use std::io;
use std::time::Duration;
use tokio::io::DuplexStream;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{WebSocketStream, accept_async};

/// Long enough for anything; nothing waits that long unless it has failed.
const PATIENCE: Duration = Duration::from_secs(30);

/// A server that does as it is told.
struct Server {
    links: mpsc::Receiver<DuplexStream>,
}

/// One link to it.
struct Link(WebSocketStream<DuplexStream>);

impl Server {
    fn with_client() -> (Self, SignalSession) {
        let (opened, links) = mpsc::channel(8);
        let connect: Connect = Box::new(move || {
            let opened = opened.clone();
            Box::pin(async move {
                let (ours, theirs) = tokio::io::duplex(1 << 16);
                opened.send(theirs).await.map_err(|_| io::ErrorKind::ConnectionRefused)?;
                Ok(Box::new(ours) as _)
            })
        });
        let options = SessionOptions { authority: "server.test".into(), token: Some("t".into()), connect };
        (Self { links }, SignalSession::begin(options))
    }

    /// The next link, and the `hello` on it.
    async fn link(&mut self) -> (Link, Value) {
        let stream = timeout(PATIENCE, self.links.recv()).await.unwrap().unwrap();
        let mut link = Link(accept_async(stream).await.unwrap());
        let hello = link.receive().await;
        (link, hello)
    }
}

impl Link {
    async fn send(&mut self, frame: Value) {
        self.0.send(Message::text(frame.to_string())).await.unwrap();
    }

    async fn receive(&mut self) -> Value {
        loop {
            match timeout(PATIENCE, self.0.next()).await.unwrap().unwrap().unwrap() {
                Message::Text(text) => return serde_json::from_str(&text).unwrap(),
                Message::Close(close) => return json!({ "closed": close.map(|close| u16::from(close.code)) }),
                Message::Binary(_) | Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => {}
            }
        }
    }

    async fn welcome(&mut self, is_resumed: bool, ack: u32) {
        let limits = json!({ "frameLenMax": 65_536, "nameLenMax": 64, "metadataLenMax": 4_096, "chatLenMax": 8_192,
            "tracksMax": 8 });
        self.send(
            json!({ "type": "welcome", "session": "s_1", "secret": "psst", "resumed": is_resumed, "ack": ack,
            "heartbeatMs": 10_000, "resumeWindowMs": 30_000, "open": true, "limits": limits }),
        )
        .await;
    }

    async fn message(&mut self, seq: u32, ack: u32, body: Value) {
        self.send(json!({ "type": "message", "seq": seq, "ack": ack, "body": body })).await;
    }
}

async fn next(session: &mut SignalSession) -> SessionEvent {
    timeout(PATIENCE, session.next()).await.unwrap().unwrap()
}

/// Covers: docs/protocol.md "Frames"
#[tokio::test]
async fn a_link_that_does_not_answer_when_it_is_checked_is_replaced() {
    let (mut server, mut session) = Server::with_client();
    let (mut link, _) = server.link().await;
    link.welcome(false, 0).await;
    assert!(matches!(next(&mut session).await, SessionEvent::Begun(_)));

    session.check();
    assert_eq!(link.receive().await["type"], "ping");

    assert!(matches!(next(&mut session).await, SessionEvent::Interrupted(_)), "before a heartbeat is due");
    let (mut link, hello) = server.link().await;
    assert_eq!(hello["resume"]["session"], "s_1");
    link.welcome(true, 0).await;
    assert!(matches!(next(&mut session).await, SessionEvent::Resumed));
}

#[tokio::test]
async fn a_message_is_done_once_it_is_acknowledged() {
    let (mut server, mut session) = Server::with_client();
    let (mut link, hello) = server.link().await;
    assert_eq!((&hello["version"], &hello["token"]), (&json!(1), &json!("t")));
    link.welcome(false, 0).await;
    assert!(matches!(next(&mut session).await, SessionEvent::Begun(_)));
    let signal = session.sender();

    let request = tokio::spawn(async move { signal.request(ClientMessage::RefreshIceServers).await });
    assert_eq!(link.receive().await["seq"], 1);
    link.send(json!({ "type": "ack", "ack": 1 })).await;

    assert_eq!(request.await.unwrap(), Ok(()));
}

#[tokio::test]
async fn a_message_that_is_refused_says_why() {
    let (mut server, mut session) = Server::with_client();
    let (mut link, _) = server.link().await;
    link.welcome(false, 0).await;
    next(&mut session).await;
    let signal = session.sender();

    let request = tokio::spawn(async move { signal.request(ClientMessage::Leave).await });
    link.receive().await;
    link.message(
        1,
        1,
        json!({ "type": "error", "request": 1, "code": "notJoined", "message": "join first" }),
    )
    .await;

    let refused = SignalError::Refused { code: ErrorCode::NotJoined, message: "join first".into() };
    assert_eq!(request.await.unwrap(), Err(refused));
}

/// Covers: docs/protocol.md "Resuming"
#[tokio::test]
async fn a_session_goes_on_over_another_link() {
    let (mut server, mut session) = Server::with_client();
    let (mut link, _) = server.link().await;
    link.welcome(false, 0).await;
    next(&mut session).await;
    link.message(1, 0, json!({ "type": "draining", "graceMs": 1 })).await;
    next(&mut session).await;
    let signal = session.sender();
    let request = tokio::spawn(async move { signal.request(ClientMessage::Leave).await });
    while link.receive().await["type"] != "message" {}

    drop(link);
    assert!(matches!(next(&mut session).await, SessionEvent::Interrupted(_)));
    let (mut link, hello) = server.link().await;
    link.welcome(true, 0).await;

    assert_eq!(hello["resume"], json!({ "session": "s_1", "secret": "psst", "ack": 1 }));
    assert!(matches!(next(&mut session).await, SessionEvent::Resumed));
    let again = link.receive().await;
    assert_eq!((&again["seq"], &again["body"]["type"]), (&json!(1), &json!("leave")));
    // What was heard before the outage is passed over.
    link.message(1, 1, json!({ "type": "draining", "graceMs": 1 })).await;
    link.message(2, 1, json!({ "type": "left", "reason": "left" })).await;
    let SessionEvent::Message(message) = next(&mut session).await else { panic!("a message was sent") };
    assert!(matches!(*message, ServerMessage::Left { .. }));
    assert_eq!(request.await.unwrap(), Ok(()));
}

#[tokio::test]
async fn a_session_that_the_server_forgot_begins_anew() {
    let (mut server, mut session) = Server::with_client();
    let (mut link, _) = server.link().await;
    link.welcome(false, 0).await;
    next(&mut session).await;
    let signal = session.sender();
    let request = tokio::spawn(async move { signal.request(ClientMessage::Leave).await });
    link.receive().await;

    drop(link);
    next(&mut session).await;
    let (mut link, _) = server.link().await;
    link.welcome(false, 0).await;

    assert!(matches!(next(&mut session).await, SessionEvent::Begun(_)));
    assert_eq!(request.await.unwrap(), Err(SignalError::Lost));
}

#[tokio::test]
async fn a_number_that_is_left_out_costs_the_link() {
    let (mut server, mut session) = Server::with_client();
    let (mut link, _) = server.link().await;
    link.welcome(false, 0).await;
    next(&mut session).await;

    link.message(2, 0, json!({ "type": "draining", "graceMs": 1 })).await;

    assert!(matches!(next(&mut session).await, SessionEvent::Interrupted(_)));
    assert_eq!(server.link().await.1["resume"]["ack"], 0);
}

#[tokio::test]
async fn a_refusal_for_good_ends_it() {
    let (mut server, mut session) = Server::with_client();
    let (mut link, _) = server.link().await;

    link.send(json!({ "type": "close", "code": "tokenExpired", "retry": false, "message": "it is over" }))
        .await;

    let SessionEvent::Ended(SignalError::Closed { message, .. }) = next(&mut session).await else {
        panic!("the session was refused")
    };
    assert_eq!(message, "it is over");
}

/// Covers: docs/protocol.md "Links"
#[tokio::test]
async fn dropping_it_leaves_at_once() {
    let (mut server, mut session) = Server::with_client();
    let (mut link, _) = server.link().await;
    link.welcome(false, 0).await;
    next(&mut session).await;

    drop(session);

    assert_eq!(link.receive().await, json!({ "closed": 1001 }));
}

#[tokio::test(start_paused = true)]
async fn a_server_that_does_not_answer_pings_is_given_up() {
    let (mut server, mut session) = Server::with_client();
    let (mut link, _) = server.link().await;
    link.welcome(false, 0).await;
    next(&mut session).await;

    assert_eq!(link.receive().await["type"], "ping");
    assert!(matches!(next(&mut session).await, SessionEvent::Interrupted(_)));
}
