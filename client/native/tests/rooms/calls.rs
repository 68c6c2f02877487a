use crate::support::{Guest, TestServer, frames, publish};
use moim_native::{Codec, RoomEvent};
use moim_signal::message::TrackKind;

#[tokio::test(flavor = "multi_thread")]
async fn two_exchange_sound_pictures_and_chat() {
    let server = TestServer::start();
    let mut anna = Guest::join(server.options("Anna")).await;
    publish(&anna).await;
    let mut ben = Guest::join(server.options("Ben")).await;
    publish(&ben).await;

    let (id_of_ben, id_of_anna) = (anna.sees("Ben").await, ben.sees("Anna").await);
    anna.is_connected_to(&id_of_ben).await;
    ben.is_connected_to(&id_of_anna).await;

    for guest in [&mut anna, &mut ben] {
        for _ in 0..2 {
            let mut track = guest.track().await;
            let codec = match track.description().kind {
                TrackKind::Video => Codec::Vp8,
                TrackKind::Audio => Codec::Opus,
            };
            let frames = frames(&mut track, 40).await;
            assert!(frames[0].is_key_frame, "{codec:?} begins with what can be decoded");
            assert!(frames.iter().all(|frame| frame.codec == codec));
            assert!(frames.is_sorted_by(|one, other| one.timestamp < other.timestamp));
        }
    }

    anna.room.chat("차 한 잔?", None).await.unwrap();
    let line =
        ben.until(|event| if let RoomEvent::Chat(line) = event { Some(line.clone()) } else { None }).await;
    assert_eq!((line.name.as_str(), line.text.as_str(), line.is_private), ("Anna", "차 한 잔?", false));

    ben.room.leave().await;
    anna.until(|event| matches!(event, RoomEvent::ParticipantLeft(id, _) if *id == id_of_ben).then_some(()))
        .await;
}

/// Covers: docs/protocol.md "Tracks"
#[tokio::test(flavor = "multi_thread")]
async fn who_comes_later_gets_a_key_frame() {
    let server = TestServer::start();
    let mut anna = Guest::join(server.options("Anna")).await;
    publish(&anna).await;
    let mut ben = Guest::join(server.options("Ben")).await;
    let id_of_ben = anna.sees("Ben").await;
    anna.is_connected_to(&id_of_ben).await;
    let mut seen = [ben.track().await, ben.track().await];
    frames(&mut seen[0], 30).await;

    let mut carla = Guest::join(server.options("Carla")).await;

    for _ in 0..2 {
        let mut track = carla.track().await;
        assert!(frames(&mut track, 10).await[0].is_key_frame);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_track_that_is_published_in_the_middle_of_a_call_arrives_and_one_that_ends_is_gone() {
    let server = TestServer::start();
    let anna = Guest::join(server.options("Anna")).await;
    let mut ben = Guest::join(server.options("Ben")).await;
    let id_of_anna = ben.sees("Anna").await;
    ben.is_connected_to(&id_of_anna).await;

    let tracks = publish(&anna).await;
    for _ in 0..2 {
        let mut track = ben.track().await;
        frames(&mut track, 10).await;
    }
    anna.room.unpublish(&tracks[0]).await.unwrap();

    ben.until(|event| {
        matches!(event, RoomEvent::TrackUnpublished(_, id) if id == tracks[0].id()).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_private_line_is_for_one() {
    let server = TestServer::start();
    let mut anna = Guest::join(server.options("Anna")).await;
    let mut ben = Guest::join(server.options("Ben")).await;
    let mut carla = Guest::join(server.options("Carla")).await;
    let id_of_carla = anna.sees("Carla").await;
    let text = |event: &RoomEvent| {
        let RoomEvent::Chat(line) = event else { return None };
        Some((line.text.clone(), line.is_private))
    };

    anna.room.chat("psst", Some(&id_of_carla)).await.unwrap();
    anna.room.chat("hello, all", None).await.unwrap();

    assert_eq!(carla.until(text).await, ("psst".to_owned(), true));
    assert_eq!(ben.until(text).await, ("hello, all".to_owned(), false), "the other one was not for Ben");
}

#[tokio::test(flavor = "multi_thread")]
async fn relays_carry_calls_of_those_who_hide_their_addresses() {
    let server = TestServer::start();
    let [anna, ben] = ["Anna", "Ben"].map(|name| {
        let mut options = server.options(name);
        options.relay_only = true;
        options
    });
    let anna = Guest::join(anna).await;
    publish(&anna).await;
    let mut ben = Guest::join(ben).await;

    let mut track = ben.track().await;
    frames(&mut track, 20).await;

    let id_of_anna = ben.sees("Anna").await;
    let stats = ben.room.stats(&id_of_anna).await.unwrap().unwrap();
    let selected = stats.report.candidate_pairs.iter().find(|pair| pair.selected).unwrap();
    assert!(selected.local_candidate.contains("relay"), "{selected:?}");
}
