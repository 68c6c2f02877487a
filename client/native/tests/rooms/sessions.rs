use crate::support::{Guest, TestServer, within};
use moim_native::{Error, Room, RoomEvent, SignalError, Trust};
use moim_signal::message::{LeaveReason, TrackKind, TrackSource};

#[tokio::test]
async fn a_server_that_is_not_trusted_is_not_joined() {
    let server = TestServer::start();
    let mut options = server.options("Anna");
    options.trust = Trust::System;

    let refused = within(Room::join(options)).await;

    // A machine without authorities trusts nobody either.
    assert!(
        matches!(refused, Err(Error::Signal(SignalError::Unreachable { .. }) | Error::Trust(_))),
        "{refused:?}"
    );
}

#[tokio::test]
async fn a_room_that_is_full_says_so() {
    let server = TestServer::with("rooms.participants_max = 2");
    let _there = [Guest::join(server.options("Anna")).await, Guest::join(server.options("Ben")).await];

    let refused = within(Room::join(server.options("Carla"))).await;

    assert!(matches!(refused, Err(Error::Signal(SignalError::Refused { .. }))), "{refused:?}");
}

#[tokio::test]
async fn who_is_dropped_leaves_at_once() {
    let server = TestServer::start();
    let mut anna = Guest::join(server.options("Anna")).await;
    let ben = Guest::join(server.options("Ben")).await;
    let id_of_ben = anna.sees("Ben").await;

    drop(ben);

    let reason = anna
        .until(|event| {
            let RoomEvent::ParticipantLeft(id, reason) = event else { return None };
            (*id == id_of_ben).then_some(*reason)
        })
        .await;
    assert_eq!(reason, LeaveReason::Left);
}

#[tokio::test]
async fn whoever_asks_is_answered_whatever_waits_to_be_heard() {
    let server = TestServer::with("limits.messages_burst = 1000");
    let mut anna = Guest::join(server.options("Anna")).await;
    let ben = Guest::join(server.options("Ben")).await;
    let id_of_ben = anna.sees("Ben").await;

    // More than may wait for Anna, who hears nothing of it.
    for _ in 0..200 {
        let track = ben.room.publish(TrackKind::Audio, TrackSource::Other).await.unwrap();
        ben.room.unpublish(&track).await.unwrap();
    }
    ben.room.chat("tea?", None).await.unwrap();
    for _ in 0..10 {
        within(anna.room.stats(&id_of_ben)).await.unwrap();
    }
    within(anna.room.publish(TrackKind::Audio, TrackSource::Other)).await.unwrap();

    let heard =
        anna.until(|event| if let RoomEvent::Chat(line) = event { Some(line.text.clone()) } else { None });
    assert_eq!(heard.await, "tea?", "nothing was lost");
}
