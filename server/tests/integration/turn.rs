//! The relay as the server runs it: whose credentials it takes, what operators see and change of it.

use crate::management::{ON_LOOPBACK, ask, metrics_once, program};
use crate::support::{Kind, TestServer, TurnClient};
use serde_json::{Value, json};
use std::net::SocketAddr;

const ANNA: &str = "turn.users = { anna = 'a password' }\n";

/// A client with the credentials that a participant of a room gets.
async fn participant(server: &TestServer, name: &str) -> TurnClient {
    let mut client = server.client(Kind::WebSocket).await;
    client.send(json!({ "type": "join", "room": "tea", "name": name })).await;
    let joined = client.expect("joined").await;
    let turn = &joined["iceServers"][1];
    let told = |field: &str| turn[field].as_str().unwrap().to_owned();
    TurnClient::new(server.address, &told("username"), &told("credential")).await
}

async fn allocations(server: &TestServer) -> Vec<Value> {
    let (status, body) = ask(server, "GET /api/turn/allocations", "").await;
    assert_eq!(status, 200, "{body}");
    let answer: Value = serde_json::from_str(&body).unwrap();
    answer["allocations"].as_array().unwrap().clone()
}

#[tokio::test]
async fn participants_reach_each_other_through_the_relay_without_any_configuration() {
    let server = TestServer::with(ON_LOOPBACK);
    let mut anna = participant(&server, "Anna").await;
    let mut ben = participant(&server, "Ben").await;
    let anna_relayed = anna.allocate().await.unwrap();
    let ben_relayed = ben.allocate().await.unwrap();
    anna.permit(ben_relayed).await.unwrap();
    ben.permit(anna_relayed).await.unwrap();

    anna.send(ben_relayed, b"hello").await;

    assert_eq!(ben.receive().await, (anna_relayed, b"hello".to_vec()));
    let outside = "198.51.100.1:9".parse().unwrap();
    assert_eq!(anna.permit(outside).await, Err(403), "nobody else can be reached");
    let listed = allocations(&server).await;
    assert_eq!(listed.len(), 2);
    // They are listed by age, which each thread tells at a moment of its own.
    let of = |relayed: SocketAddr| {
        listed.iter().find(|one| one["relayed"] == json!([relayed.to_string()])).expect("it is listed")
    };
    assert_eq!(of(anna_relayed)["to_peers"], json!({ "packets": 1, "bytes": 5 }));
    assert_eq!(of(ben_relayed)["to_client"], json!({ "packets": 1, "bytes": 5 }));
    assert_eq!((&listed[0]["realm"], &listed[0]["transport"]), (&json!("moim"), &json!("udp")));
    // Threads tell what they have counted some time later, each for itself; that something was refused came last.
    let refused = "moim_turn_requests_total{method=\"create_permission\",outcome=\"403\"}";
    let samples = metrics_once(&server, |samples| {
        samples["moim_turn_requests_total{method=\"allocate\",outcome=\"success\"}"] == 2
            && samples.get(refused) == Some(&1)
    })
    .await;
    let relayed: u64 = samples
        .iter()
        .filter(|(name, _)| name.starts_with("moim_turn_relayed_bytes_total") && name.contains("to_peer"))
        .map(|(_, bytes)| bytes)
        .sum();
    assert_eq!(relayed, 5);
    assert_eq!(samples["moim_turn_peers_denied_total{reason=\"not_relayed\"}"], 1);
}

#[tokio::test]
async fn credentials_of_others_that_share_the_secret_are_taken() {
    let server = TestServer::with("turn.shared_secrets = ['north wind and the sun']");
    // What `openssl dgst -sha1 -hmac SECRET -binary | base64` prints.
    let mut expiring =
        TurnClient::new(server.address, "4102444800:anna", "P+Y4EL6vdhCd+HDvVhpegtb54Pc=").await;
    let mut expired =
        TurnClient::new(server.address, "1000000000:anna", "aawnQMOOqpZ/RoKv7IBrjLkMfmY=").await;
    let mut forged = TurnClient::new(server.address, "4102444801:anna", "P+Y4EL6vdhCd+HDvVhpegtb54Pc=").await;

    expiring.allocate().await.unwrap();
    assert_eq!(expired.allocate().await, Err(401));
    assert_eq!(forged.allocate().await, Err(401));
    participant(&server, "Anna").await.allocate().await.unwrap();
}

#[tokio::test]
async fn users_can_be_reloaded_and_allocations_go_on() {
    let server = TestServer::with(&format!("{ON_LOOPBACK}{ANNA}"));
    let mut anna = TurnClient::new(server.address, "anna", "a password").await;
    let mut ben = TurnClient::new(server.address, "ben", "another password").await;
    anna.allocate().await.unwrap();
    assert_eq!(ben.allocate().await, Err(401));

    server.write_config(&format!("{ON_LOOPBACK}turn.users = {{ ben = 'another password' }}\n"));
    assert_eq!(ask(&server, "POST /api/reload", "").await.0, 200);

    ben.allocate().await.unwrap();
    anna.refresh(600).await.unwrap();
    let mut anna_again = TurnClient::new(server.address, "anna", "a password").await;
    assert_eq!(anna_again.allocate().await, Err(401));
    // So can limits.
    server.write_config(&format!(
        "{ON_LOOPBACK}turn.users = {{ ben = 'another password' }}\nturn.limits.allocations_per_user_max = 1\n"
    ));
    assert_eq!(ask(&server, "POST /api/reload", "").await.0, 200);
    let mut ben_again = TurnClient::new(server.address, "ben", "another password").await;
    assert_eq!(ben_again.allocate().await, Err(486));
}

#[tokio::test]
async fn an_operator_sees_allocations_and_can_end_them() {
    let server = TestServer::with(&format!("{ON_LOOPBACK}{ANNA}"));
    let mut anna = TurnClient::new(server.address, "anna", "a password").await;
    let relayed = anna.allocate().await.unwrap();

    let shown = String::from_utf8(program(&server, &["turn", "list"]).await.stdout).unwrap();
    assert!(
        shown.starts_with("ID ") && shown.contains("anna") && shown.contains(&relayed.to_string()),
        "{shown}"
    );
    let id = shown.lines().nth(1).unwrap().split(' ').next().unwrap().to_owned();
    assert_eq!(allocations(&server).await[0]["id"], json!(id));
    metrics_once(&server, |samples| {
        samples["moim_turn_requests_total{method=\"allocate\",outcome=\"success\"}"] == 1
    })
    .await;
    let stats = String::from_utf8(program(&server, &["turn", "stats"]).await.stdout).unwrap();
    assert!(stats.contains("turn_requests (method=allocate, outcome=success)"), "{stats}");

    assert_eq!(ask(&server, &format!("DELETE /api/turn/allocations/{id}"), "").await.0, 204);

    assert_eq!(ask(&server, &format!("DELETE /api/turn/allocations/{id}"), "").await.0, 404);
    assert_eq!(ask(&server, "DELETE /api/turn/allocations/none", "").await.0, 404);
    assert_eq!(anna.refresh(600).await, Err(437));
    assert_eq!(program(&server, &["turn", "list"]).await.stdout, b"There are no allocations.\n");
}

#[tokio::test]
async fn a_server_that_stops_makes_no_more_allocations_and_lets_those_it_has_end() {
    let server = TestServer::with(&format!("drain.grace = '1h'\n{ANNA}"));
    let mut anna = TurnClient::new(server.address, "anna", "a password").await;
    anna.allocate().await.unwrap();

    server.shutdown.drain();

    let mut late = TurnClient::new(server.address, "anna", "a password").await;
    while late.allocate().await.is_ok() {
        late.refresh(0).await.unwrap();
    }
    assert_eq!(late.allocate().await, Err(508));
    anna.refresh(600).await.unwrap();
    anna.refresh(0).await.unwrap();
    server.ended().await.unwrap();
}

#[tokio::test]
async fn without_a_relay_nothing_is_allocated() {
    let server = TestServer::with(&format!("turn.relay = 'off'\n{ANNA}"));
    let mut anna = TurnClient::new(server.address, "anna", "a password").await;

    assert_eq!(anna.allocate().await, Err(403));
}
