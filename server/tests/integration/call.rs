//! Two clients in a room, over every pair of links.

use crate::support::{Client, Kind, Link, TestServer, within};
use futures_util::StreamExt as _;
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, frame::coding::CloseCode};

/// Covers: docs/protocol.md "A call, step by step"
async fn meets(first: Kind, second: Kind) {
    let server = TestServer::start();
    let mut anna = server.client(first).await;
    let mut ben = server.client(second).await;
    assert_eq!(anna.welcome["open"], true);

    let anna_id = anna.join("tea", "Anna").await;
    ben.send(json!({ "type": "join", "room": "tea", "name": "Ben" })).await;
    let joined = ben.expect("joined").await;
    let ben_id = joined["participant"]["id"].as_str().unwrap().to_owned();
    assert_eq!(joined["participants"][0]["name"], "Anna");
    assert_eq!(anna.expect("participantJoined").await["participant"]["name"], "Ben");

    // The later one offers; everything is passed on as it is, with `from` in place of `to`.
    relayed(&mut ben, &mut anna, &anna_id, &ben_id, offer()).await;
    relayed(&mut anna, &mut ben, &ben_id, &anna_id, answer()).await;
    relayed(&mut ben, &mut anna, &anna_id, &ben_id, candidate()).await;
    relayed(&mut ben, &mut anna, &anna_id, &ben_id, end_of_candidates()).await;

    anna.chat("안녕").await;
    assert_eq!(ben.hear().await, "안녕");
    ben.send(json!({ "type": "leave" })).await;
    assert_eq!(ben.expect("left").await["reason"], "left");
    assert_eq!(anna.expect("participantLeft").await["participant"], ben_id);
}

async fn relayed(from: &mut Client, to: &mut Client, to_id: &str, from_id: &str, mut body: Value) {
    body["to"] = to_id.into();
    from.send(body.clone()).await;

    let received = to.expect(body["type"].as_str().unwrap()).await;

    body.as_object_mut().unwrap().remove("to");
    body["from"] = from_id.into();
    assert_eq!(received, body);
}

fn offer() -> Value {
    json!({ "type": "offer", "connection": "c1", "sdp": "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\n",
            "tracks": [{ "mid": "0", "track": "mic" }] })
}

fn answer() -> Value {
    json!({ "type": "answer", "connection": "c1", "sdp": "v=0\r\n", "tracks": [] })
}

fn candidate() -> Value {
    json!({ "type": "candidate", "connection": "c1", "candidate": {
        "candidate": "candidate:1 1 udp 2130706431 192.0.2.1 4000 typ host", "sdpMid": "0", "sdpMLineIndex": 0,
        "usernameFragment": "abcd" } })
}

fn end_of_candidates() -> Value {
    json!({ "type": "endOfCandidates", "connection": "c1", "usernameFragment": "abcd" })
}

#[tokio::test]
async fn two_meet_over_websocket() {
    meets(Kind::WebSocket, Kind::WebSocket).await;
}

#[tokio::test]
async fn two_meet_over_events() {
    meets(Kind::Events, Kind::Events).await;
}

#[tokio::test]
async fn two_meet_over_different_links() {
    meets(Kind::WebSocket, Kind::Events).await;
    meets(Kind::Events, Kind::WebSocket).await;
}

#[tokio::test]
async fn several_frames_may_come_in_one_post() {
    let server = TestServer::start();
    let mut anna = server.client(Kind::Events).await;
    let mut ben = server.client(Kind::WebSocket).await;
    ben.join("tea", "Ben").await;

    let join = anna.frame(&json!({ "type": "join", "room": "tea", "name": "Anna" }));
    let chat = anna.frame(&json!({ "type": "chat", "id": "1", "text": "both at once" }));
    let ping = json!({ "type": "ping", "ack": 0 });
    anna.link.send_text(format!("{join}\n{chat}\r\n\n{ping}\n")).await;

    assert_eq!(ben.hear().await, "both at once");
    assert_eq!(anna.expect_frame("pong").await["ack"], 2);
}

#[tokio::test]
async fn ping_is_answered_at_once() {
    for kind in [Kind::WebSocket, Kind::Events] {
        let server = TestServer::start();
        let mut anna = server.client(kind).await;

        anna.link.send(&json!({ "type": "ping", "ack": 0 })).await;

        assert_eq!(anna.link.next().await.unwrap(), json!({ "type": "pong", "ack": 0 }));
    }
}

/// Covers: RFC 6455 §5.5.1
#[tokio::test]
async fn a_client_that_closes_is_answered() {
    let server = TestServer::start();
    let mut anna = server.client(Kind::WebSocket).await;
    let Link::WebSocket(socket) = &mut anna.link else { panic!("a WebSocket was asked for") };

    let goodbye = CloseFrame { code: CloseCode::Normal, reason: "".into() };
    within(socket.close(Some(goodbye.clone()))).await.unwrap();

    assert_eq!(within(socket.next()).await.unwrap().unwrap(), Message::Close(Some(goodbye)));
}
