//! Links drop; sessions go on.

use crate::support::{Client, Kind, Link, TestServer};
use serde_json::json;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

/// Covers: docs/protocol.md "Resuming"
async fn goes_on(before: Kind, after: Kind) {
    let server = TestServer::start();
    let mut anna = server.client(before).await;
    let mut ben = server.client(Kind::WebSocket).await;
    let anna_id = anna.join("tea", "Anna").await;
    ben.join("tea", "Ben").await;
    ben.chat("before").await;
    assert_eq!(anna.hear().await, "before");

    // The link drops with a message under way that may or may not have arrived: it is sent again in any case.
    let doubtful = anna.frame(&json!({ "type": "chat", "id": "doubtful", "text": "doubtful" }));
    anna.link.send(&doubtful).await;
    assert_eq!(ben.hear().await, "doubtful");
    anna.link = closed(anna.link);
    let update = ben.expect("participantUpdated").await;
    assert_eq!(update["participant"]["id"], anna_id.as_str());
    assert_eq!(update["participant"]["link"], "interrupted");
    for text in ["missed 1", "missed 2"] {
        ben.chat(text).await;
    }

    anna.resume(&server, after).await;
    assert_eq!(anna.welcome["ack"], 2, "join and chat have arrived");
    anna.link.send(&doubtful).await;
    anna.chat("after").await;

    assert_eq!(ben.hear().await, "after", "nothing came twice");
    assert_eq!(anna.hear().await, "missed 1");
    assert_eq!(anna.hear().await, "missed 2");
    let update = ben.expect("participantUpdated").await;
    assert_eq!(update["participant"]["link"], "connected");
}

/// Drops a connection, without a word.
fn closed(link: Link) -> Link {
    drop(link);
    Link::Closed
}

#[tokio::test]
async fn a_session_goes_on_over_a_new_websocket() {
    goes_on(Kind::WebSocket, Kind::WebSocket).await;
}

#[tokio::test]
async fn a_session_goes_on_over_events_where_the_websocket_failed() {
    goes_on(Kind::WebSocket, Kind::Events).await;
}

#[tokio::test]
async fn a_session_goes_on_over_a_websocket_after_events() {
    goes_on(Kind::Events, Kind::WebSocket).await;
}

#[tokio::test]
async fn a_session_goes_on_over_new_events() {
    goes_on(Kind::Events, Kind::Events).await;
}

#[tokio::test]
async fn a_link_that_seemed_alive_is_replaced() {
    for (before, after) in [(Kind::WebSocket, Kind::Events), (Kind::Events, Kind::WebSocket)] {
        let server = TestServer::start();
        let mut anna = server.client(before).await;
        anna.join("tea", "Anna").await;

        let mut old = anna.resume(&server, after).await;

        let close = old.next().await.unwrap();
        assert_eq!((&close["type"], &close["code"]), (&json!("close"), &json!("replaced")));
        assert_eq!(old.next().await, None);
        anna.link.send(&json!({ "type": "ping", "ack": 1 })).await;
        anna.expect_frame("pong").await;
    }
}

/// Covers: docs/protocol.md "Links": a page that is left (RFC 6455 §7.4.1) does not come back.
#[tokio::test]
async fn a_page_that_goes_away_has_left() {
    let server = TestServer::start();
    let mut anna = server.client(Kind::WebSocket).await;
    let mut ben = server.client(Kind::WebSocket).await;
    anna.join("tea", "Anna").await;
    let ben_id = ben.join("tea", "Ben").await;

    let going_away = CloseFrame { code: CloseCode::Away, reason: "".into() };
    ben.link.try_send(Message::Close(Some(going_away))).await;

    let left = anna.expect("participantLeft").await;
    assert_eq!(left["participant"], ben_id.as_str());
    assert_eq!(left["reason"], "left");
}

#[tokio::test]
async fn a_session_that_is_not_known_begins_anew() {
    let server = TestServer::start();
    let mut anna = server.client(Kind::WebSocket).await;
    anna.join("tea", "Anna").await;

    let mut forged = anna.resumption();
    forged["resume"]["secret"] = "guessed".into();
    let stranger = Client::open(&server, Kind::WebSocket, forged).await;

    assert_eq!(stranger.welcome["resumed"], false);
    assert_ne!(stranger.welcome["session"], anna.welcome["session"]);
    anna.link.send(&json!({ "type": "ping", "ack": 1 })).await;
    anna.expect_frame("pong").await;
}
