//! Who may enter.

use crate::support::{Client, Kind, Link, SECRET, TestServer};
use moim_server::{Claims, config::Secret, sign};
use serde_json::{Value, json};
use std::time::{Duration, SystemTime};

fn server() -> TestServer {
    TestServer::with(&format!("auth.keys = {{ school = '{SECRET}' }}"))
}

fn claims() -> Claims {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    Claims {
        iss: "school".into(),
        sub: Some("anna".into()),
        exp: (now + Duration::from_secs(600)).as_secs(),
        nbf: None,
        name: Some("Anna of the token".into()),
        room: "tea".into(),
        publish: true,
        subscribe: true,
        data: true,
        admin: false,
    }
}

fn hello(token: &str) -> Value {
    json!({ "type": "hello", "version": 1, "token": token })
}

async fn refusal(server: &TestServer, kind: Kind, hello: &Value) -> Value {
    let mut link = Link::open(server, kind, hello).await;
    let close = link.next().await.unwrap();
    assert_eq!(close["type"], "close", "{close}");
    assert_eq!(close["retry"], false);
    assert_eq!(link.next().await, None);
    close["code"].clone()
}

#[tokio::test]
async fn a_good_token_opens_its_room_and_no_other() {
    let server = server();
    let token = sign(&claims(), &Secret::new(SECRET)).unwrap();
    let mut anna = Client::open(&server, Kind::WebSocket, hello(&token)).await;
    assert_eq!(anna.welcome["open"], false);

    anna.send(json!({ "type": "join", "room": "coffee", "name": "Anna" })).await;
    assert_eq!(anna.expect("error").await["code"], "wrongRoom");
    anna.send(json!({ "type": "join", "room": "tea", "name": "Anna" })).await;
    let joined = anna.expect("joined").await;

    assert_eq!(joined["participant"]["name"], "Anna of the token");
    assert_eq!(joined["participant"]["identity"], "anna");
    assert_eq!(joined["participant"]["permissions"]["admin"], false);
}

#[tokio::test]
async fn anything_but_a_good_token_is_refused() {
    let server = server();
    let good = sign(&claims(), &Secret::new(SECRET)).unwrap();
    let forged = sign(&claims(), &Secret::new("another secret of thirty-two bytes!!")).unwrap();
    let expired = sign(&Claims { exp: 1_000_000_000, ..claims() }, &Secret::new(SECRET)).unwrap();
    let mut parts = good.split('.');
    let payload = parts.nth(1).unwrap();
    // {"alg":"none","typ":"JWT"}
    let unsigned = format!("eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.{payload}.");

    for kind in [Kind::WebSocket, Kind::Events] {
        assert_eq!(refusal(&server, kind, &hello(&forged)).await, "tokenInvalid");
        assert_eq!(refusal(&server, kind, &hello(&unsigned)).await, "tokenInvalid");
        assert_eq!(refusal(&server, kind, &hello("rubbish")).await, "tokenInvalid");
        assert_eq!(refusal(&server, kind, &hello(&expired)).await, "tokenExpired");
        let without = json!({ "type": "hello", "version": 1 });
        assert_eq!(refusal(&server, kind, &without).await, "tokenMissing");
    }
}

#[tokio::test]
async fn a_resumed_session_goes_on_without_its_token() {
    let server = server();
    let token = sign(&claims(), &Secret::new(SECRET)).unwrap();
    let mut anna = Client::open(&server, Kind::WebSocket, hello(&token)).await;
    anna.join("tea", "Anna").await;

    anna.resume(&server, Kind::Events).await;
}
