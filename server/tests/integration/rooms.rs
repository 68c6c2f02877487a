//! What an operator sees of rooms and does in them, by HTTP and by the program.

use crate::management::{ON_LOOPBACK, ask, program};
use crate::support::{Client, Kind, TestServer, within};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// A server with Anna and Ben in a room, Ben with a camera, and Ben's id.
async fn room() -> (TestServer, Client, Client, String) {
    let server = TestServer::with(ON_LOOPBACK);
    let mut anna = server.client(Kind::WebSocket).await;
    anna.join("tea", "Anna").await;
    let mut ben = server.client(Kind::WebSocket).await;
    let id = ben.join("tea", "Ben").await;
    let track = json!({ "id": "cam/1", "kind": "video", "source": "camera", "muted": false });
    ben.send(json!({ "type": "publish", "track": track })).await;
    anna.expect("participantUpdated").await;
    (server, anna, ben, id)
}

async fn see(server: &TestServer, path: &str) -> Value {
    let (status, body) = ask(server, &format!("GET {path}"), "").await;
    assert_eq!(status, 200, "{body}");
    serde_json::from_str(&body).unwrap()
}

/// A request with a body: its status.
async fn tell(server: &TestServer, request: &str, body: &str) -> u16 {
    let address = server.management.unwrap();
    let mut stream = TcpStream::connect(address).await.unwrap();
    let length = body.len();
    let text = format!(
        "{request} HTTP/1.1\r\nHost: {address}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    );
    within(stream.write_all(text.as_bytes())).await.unwrap();
    let mut answer = String::new();
    within(stream.read_to_string(&mut answer)).await.unwrap();
    answer.split(' ').nth(1).unwrap().parse().unwrap()
}

#[tokio::test]
async fn rooms_and_who_is_in_them_can_be_seen() {
    let (server, _anna, _ben, id) = room().await;

    let rooms = see(&server, "/api/rooms").await;
    let expected = json!([{ "name": "tea", "topology": "mesh", "reason": "few", "participants": 2 }]);
    assert_eq!(rooms["rooms"], expected);
    let tea = see(&server, "/api/rooms/tea").await;
    assert_eq!(tea["participants"][1]["id"], id);
    assert_eq!(tea["participants"][1]["tracks"][0]["source"], "camera");
    assert_eq!(ask(&server, "GET /api/rooms/coffee", "").await.0, 404);
    assert!(see(&server, "/openapi.json").await["paths"]["/api/rooms"].is_object());

    let list = program(&server, &["room", "list"]).await;
    let list = String::from_utf8_lossy(&list.stdout).into_owned();
    assert_eq!(list, "ROOM  TOPOLOGY  REASON  PARTICIPANTS\ntea   mesh      few     2\n");
    let shown = program(&server, &["room", "show", "tea"]).await;
    let shown = String::from_utf8_lossy(&shown.stdout).into_owned();
    assert!(shown.contains(&id) && shown.contains("cam/1:camera"), "{shown}");
}

#[tokio::test]
async fn an_operator_mutes_limits_and_removes() {
    let (server, mut anna, mut ben, id) = room().await;
    let path = format!("/api/rooms/tea/participants/{id}");

    assert_eq!(tell(&server, &format!("POST {path}/mute"), r#"{"track":"mic"}"#).await, 404);
    assert_eq!(tell(&server, &format!("POST {path}/mute"), r#"{"track":"cam/1"}"#).await, 204);
    assert_eq!(anna.expect("participantUpdated").await["participant"]["tracks"][0]["muted"], true);

    assert_eq!(tell(&server, &format!("PATCH {path}"), "{}").await, 422);
    assert_eq!(tell(&server, &format!("PATCH {path}"), r#"{"permissions":{"publish":false}}"#).await, 204);
    let ben_now = anna.expect("participantUpdated").await["participant"].clone();
    assert_eq!(ben_now["tracks"], json!([]));
    let may = json!({ "publish": false, "subscribe": true, "data": true, "admin": false });
    assert_eq!(ben_now["permissions"], may);

    assert_eq!(ask(&server, &format!("DELETE {path}"), "").await.0, 204);
    assert_eq!(ben.expect("left").await["reason"], "kicked");
    assert_eq!(ask(&server, &format!("DELETE {path}"), "").await.0, 404);
    assert_eq!(tell(&server, &format!("POST {path}/mute"), "").await, 404);
}

#[tokio::test]
async fn the_program_closes_a_room_and_says_why_it_cannot() {
    let (server, mut anna, mut ben, _) = room().await;

    let closed = program(&server, &["room", "close", "tea"]).await;
    assert_eq!(String::from_utf8_lossy(&closed.stdout), "The room tea was closed.\n");
    for client in [&mut anna, &mut ben] {
        assert_eq!(client.expect("left").await["reason"], "roomClosed");
    }

    let gone = program(&server, &["room", "close", "tea"]).await;
    assert!(String::from_utf8_lossy(&gone.stderr).contains("There is no such room"), "{gone:?}");
    let none = program(&server, &["room", "mute", "tea", "../..", "--track", "x"]).await;
    assert!(String::from_utf8_lossy(&none.stderr).contains("is not the id of a participant"), "{none:?}");
    let empty = program(&server, &["room", "list"]).await;
    assert_eq!(String::from_utf8_lossy(&empty.stdout), "There are no rooms.\n");
}
