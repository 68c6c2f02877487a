//! Shutting down.

use crate::support::{Client, Kind, Link, TestServer};
use serde_json::json;

#[tokio::test]
async fn calls_may_end_and_nobody_new_is_let_in() {
    let server = TestServer::with("drain.grace = '1h'");
    let mut anna = server.client(Kind::WebSocket).await;
    let mut ben = server.client(Kind::Events).await;
    anna.join("tea", "Anna").await;
    ben.join("tea", "Ben").await;
    let mut health = server.http().await;

    server.shutdown.drain();

    for client in [&mut anna, &mut ben] {
        assert_eq!(client.expect("draining").await["graceMs"], 3_600_000);
    }
    assert_eq!(health.get("/readyz", &[]).await.status, 503);
    assert_eq!(health.get("/healthz", &[]).await.status, 200);
    let mut late = Link::open(&server, Kind::WebSocket, &json!({ "type": "hello", "version": 1 })).await;
    assert_eq!(late.next().await.unwrap()["code"], "serverShutdown");
    // A call that goes on may lose and find its links as before.
    ben.resume(&server, Kind::WebSocket).await;
    anna.chat("goodbye").await;
    assert_eq!(ben.hear().await, "goodbye");

    // The hour of grace is not waited for once nobody is left.
    anna.send(json!({ "type": "leave" })).await;
    ben.send(json!({ "type": "leave" })).await;
    says_goodbye(&mut anna).await;
    says_goodbye(&mut ben).await;
    server.ended().await.unwrap();
}

#[tokio::test]
async fn the_end_of_the_grace_time_ends_every_call() {
    let server = TestServer::with("drain.grace = '0s'");
    let mut anna = server.client(Kind::WebSocket).await;
    let mut ben = server.client(Kind::Events).await;
    anna.join("tea", "Anna").await;
    ben.join("tea", "Ben").await;

    server.shutdown.drain();

    says_goodbye(&mut anna).await;
    says_goodbye(&mut ben).await;
    server.ended().await.unwrap();
}

#[tokio::test]
async fn a_second_word_cuts_the_grace_time_short() {
    let server = TestServer::with("drain.grace = '1h'");
    let mut anna = server.client(Kind::WebSocket).await;
    anna.join("tea", "Anna").await;
    server.shutdown.drain();
    anna.expect("draining").await;

    server.shutdown.stop();

    says_goodbye(&mut anna).await;
    server.ended().await.unwrap();
}

#[tokio::test]
async fn connections_that_do_nothing_hold_nothing_up() {
    let server = TestServer::start();
    let _silent = tokio::net::TcpStream::connect(server.address).await.unwrap();
    let _idle = server.connect(&["http/1.1"]).await;
    let _idle_too = server.connect(&["h2"]).await;
    let _no_hello = Link::web_socket(&server, &[]).await.unwrap();

    server.shutdown.drain();

    server.ended().await.unwrap();
}

async fn says_goodbye(client: &mut Client) {
    let close = client.expect_frame("close").await;
    assert_eq!((&close["code"], &close["retry"]), (&json!("serverShutdown"), &json!(true)));
    assert_eq!(client.link.next().await, None);
}
