//! The STUN and TURN servers that participants are told of.

use crate::support::{Kind, TestServer};
use serde_json::{Value, json};
use std::time::{SystemTime, UNIX_EPOCH};

fn now_secs() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

/// Covers: docs/protocol.md "ICE servers"
#[tokio::test]
async fn each_participant_gets_credentials_of_its_own_and_fresh_ones_when_it_asks() {
    let server = TestServer::with("ice.credential_lifetime = '1h'");
    let mut anna = server.client(Kind::WebSocket).await;
    let mut ben = server.client(Kind::Events).await;

    let joined = |room, name| json!({ "type": "join", "room": room, "name": name });
    anna.send(joined("tea", "Anna")).await;
    let anna_joined = anna.expect("joined").await;
    ben.send(joined("tea", "Ben")).await;
    let ben_joined = ben.expect("joined").await;

    let port = server.address.port();
    let servers = anna_joined["iceServers"].as_array().unwrap();
    assert_eq!(servers[0], json!({ "urls": [format!("stun:{{host}}:{port}")] }));
    // The certificate is self-signed: there is no use in TLS.
    assert_eq!(
        servers[1]["urls"],
        json!([format!("turn:{{host}}:{port}?transport=udp"), format!("turn:{{host}}:{port}?transport=tcp")])
    );
    assert_eq!(servers[1]["lifetimeMs"], 3_600_000);
    let credentials = |joined: &Value| {
        let turn = &joined["iceServers"][1];
        let username = turn["username"].as_str().unwrap();
        let (ends, participant) = username.split_once(':').unwrap();
        assert_eq!(participant, joined["participant"]["id"].as_str().unwrap());
        let ends: u64 = ends.parse().unwrap();
        assert!((now_secs() + 3000..=now_secs() + 3600).contains(&ends), "{username}");
        turn["credential"].as_str().unwrap().to_owned()
    };
    assert_ne!(credentials(&anna_joined), credentials(&ben_joined));

    anna.send(json!({ "type": "refreshIceServers" })).await;
    let fresh = anna.expect("iceServers").await;
    assert_eq!(fresh["participant"], anna_joined["participant"]["id"]);
    assert_eq!(fresh["iceServers"][1]["urls"], servers[1]["urls"]);
    assert_eq!(fresh["iceServers"][1]["credential"].as_str().unwrap().len(), 28);
}

#[tokio::test]
async fn a_resumed_session_gets_its_ice_servers_again() {
    let server = TestServer::start();
    let mut anna = server.client(Kind::WebSocket).await;
    anna.send(json!({ "type": "join", "room": "tea", "name": "Anna" })).await;
    anna.resume(&server, Kind::Events).await;

    let joined = anna.expect("joined").await;

    assert!(joined["iceServers"][1]["credential"].is_string());
}

#[tokio::test]
async fn without_a_relay_there_is_stun_alone() {
    let server = TestServer::with("turn.relay = 'off'");
    let mut anna = server.client(Kind::WebSocket).await;
    anna.send(json!({ "type": "join", "room": "tea", "name": "Anna" })).await;

    let joined = anna.expect("joined").await;

    assert_eq!(joined["iceServers"].as_array().unwrap().len(), 1);
}
