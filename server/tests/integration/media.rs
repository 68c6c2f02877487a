//! Rooms whose media the server forwards: what participants are told, and the way to the media plane and back.

use crate::management::{ON_LOOPBACK, metrics_once};
use crate::support::{Kind, TestServer};
use serde_json::{Value, json};

fn offer(connection: &str, sdp: &str) -> Value {
    json!({ "type": "offer", "to": "server", "connection": connection, "sdp": sdp, "tracks": [] })
}

#[tokio::test]
async fn a_room_of_two_is_a_mesh_and_the_third_finds_the_server_forwarding() {
    let server = TestServer::start();
    let mut clients = Vec::new();
    let mut rooms = Vec::new();
    for name in ["Anna", "Ben", "Mia"] {
        let mut client = server.client(Kind::WebSocket).await;
        client.send(json!({ "type": "join", "room": "tea", "name": name })).await;
        rooms.push(client.expect("joined").await["room"].clone());
        clients.push(client);
    }

    let ways: Vec<_> = rooms.iter().map(|room| room["topology"].as_str().unwrap()).collect();
    assert_eq!(ways, ["mesh", "mesh", "sfu"]);
    assert_eq!(rooms[2]["topologyReason"], "many");
    assert_eq!(rooms[0]["forwarding"], json!({ "audioSections": 3, "videoSections": 4 }));
    assert_eq!(rooms[0]["participantsMax"], 100);
    for client in &mut clients[..2] {
        assert_eq!(client.expect("topology").await["reason"], "many");
        client.send(json!({ "type": "switched", "topology": "sfu" })).await;
    }
    for client in &mut clients {
        assert_eq!(client.expect("topologySettled").await["topology"], "sfu");
    }
}

#[tokio::test]
async fn an_offer_reaches_the_media_plane_and_what_becomes_of_it_comes_back() {
    let server = TestServer::with(&format!("{ON_LOOPBACK}[turn]\nshards = 2\n"));
    let mut anna = server.client(Kind::WebSocket).await;
    anna.join("tea", "Anna").await;
    let mut ben = server.client(Kind::Events).await;
    ben.join("another room, on whichever shard".replace([' ', ','], "-").as_str(), "Ben").await;

    for client in [&mut anna, &mut ben] {
        client.send(offer("c1", "this is no session description")).await;
        let ended = client.expect("connectionEnded").await;
        assert_eq!((ended["connection"].as_str(), ended["reason"].as_str()), (Some("c1"), Some("badOffer")));
    }
    let samples =
        metrics_once(&server, |samples| samples[r#"moim_media_offers_total{outcome="refused"}"#] == 2).await;
    assert_eq!(samples["moim_media_reports_lost_total"], 0);
    assert_eq!(samples[r#"moim_signal_media_reports_total{outcome="told"}"#], 2);

    anna.send(json!({ "type": "leave" })).await;
    ben.send(json!({ "type": "leave" })).await;
    metrics_once(&server, |samples| {
        let there = |name: &str| -> u64 {
            samples.iter().filter(|(sample, _)| sample.starts_with(name)).map(|(_, value)| value).sum()
        };
        there("moim_media_participants{") == 0 && there("moim_tenant_messages_total{") >= 6
    })
    .await;
}

#[tokio::test]
async fn where_nothing_forwards_rooms_are_a_mesh_of_four() {
    for toml in ["media.enabled = false", "rooms.topology = 'mesh'"] {
        let server = TestServer::with(toml);
        let mut anna = server.client(Kind::WebSocket).await;
        anna.send(json!({ "type": "join", "room": "tea", "name": "Anna" })).await;

        let room = anna.expect("joined").await["room"].clone();
        assert_eq!(
            (room["topology"].as_str(), room["topologyReason"].as_str()),
            (Some("mesh"), Some("configured"))
        );
        assert_eq!((&room["forwarding"], &room["participantsMax"]), (&Value::Null, &json!(4)));
        anna.send(offer("c1", "v=0")).await;
        assert_eq!(anna.expect("error").await["code"], "unknownParticipant");
    }
}

#[tokio::test]
async fn a_room_is_by_the_server_from_the_first_if_the_operator_says_so() {
    let server = TestServer::with("[rooms]\ntopology = 'sfu'\nparticipants_max = 7\nvideo_sections = 9");
    let mut anna = server.client(Kind::WebSocket).await;
    anna.send(json!({ "type": "join", "room": "tea", "name": "Anna" })).await;

    let room = anna.expect("joined").await["room"].clone();

    assert_eq!(
        (room["topology"].as_str(), room["topologyReason"].as_str()),
        (Some("sfu"), Some("configured"))
    );
    assert_eq!((&room["forwarding"]["videoSections"], &room["participantsMax"]), (&json!(9), &json!(7)));
}
