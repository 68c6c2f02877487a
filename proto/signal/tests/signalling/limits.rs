//! Everything from the network is hostile, and bounded.

use crate::harness::{World, chat, join};
use moim_signal::Config;
use moim_signal::id::TrackId;
use moim_signal::message::{
    ClientFrame, ClientMessage, CloseCode, ErrorCode, FrameError, ServerFrame, TrackDescription, TrackKind,
    TrackSource,
};
use std::time::Duration;

#[test]
fn a_flood_is_limited_then_cut_off_and_others_notice_nothing() {
    let config = Config { frame_rate_max: 10, frame_burst_max: 10, ..Config::default() };
    let mut world = World::new(config);
    let anna = world.join("tea", "Anna");
    let ben = world.join("tea", "Ben");

    for number in 0..50 {
        world.send(ben, chat(&format!("{number}"), "spam"));
    }
    assert_eq!(world.clients[anna].chats().len(), 9, "a burst of ten, one of them the join");
    assert!(world.clients[ben].errors().iter().all(|(_, code)| *code == ErrorCode::RateLimited));
    assert_eq!(world.clients[ben].closed, None);

    for number in 50..120 {
        world.send(ben, chat(&format!("{number}"), "spam"));
    }
    assert_eq!(world.clients[ben].closed, Some(CloseCode::Flood));
    assert!(world.clients[anna].others().is_empty());
    world.send(anna, ClientMessage::Leave);
    assert_eq!(world.clients[anna].errors(), []);
}

#[test]
fn bad_frames_are_answered_until_there_are_too_many() {
    let mut world = World::new(Config { bad_frames_max: 3, ..Config::default() });
    let client = world.connect();
    let bad = || Err(FrameError::Frame { code: ErrorCode::Malformed, detail: "no JSON".into() });

    for _ in 0..3 {
        world.send_frame(client, bad());
        assert!(matches!(
            world.clients[client].frames.last(),
            Some(ServerFrame::Rejected { code: ErrorCode::Malformed, .. })
        ));
    }
    world.send_frame(client, bad());

    assert_eq!(world.clients[client].closed, Some(CloseCode::ProtocolError));
    assert_eq!(world.server.sessions_len(), 0);
}

#[test]
fn a_bad_body_takes_its_number_and_the_next_message_counts() {
    let mut world = World::new(Config::default());
    let client = world.connect();

    let bad = FrameError::Body { seq: 1, ack: 0, code: ErrorCode::UnknownType, detail: "dance".into() };
    world.send_frame(client, Err(bad));
    assert_eq!(world.clients[client].errors(), [(1, ErrorCode::UnknownType)]);

    let good = ClientFrame::Message { seq: 2, ack: 1, body: join("tea", "Anna") };
    world.send_frame(client, Ok(good));
    assert!(world.clients[client].me().is_some());
}

#[test]
fn a_client_that_does_not_acknowledge_is_dropped_and_nobody_waits_for_it() {
    let mut world =
        World::new(Config { outbox_messages_max: 16, frame_burst_max: 1000, ..Config::default() });
    let anna = world.join("tea", "Anna");
    let ben = world.join("tea", "Ben");
    world.drop_link(ben);

    for number in 0..40 {
        world.send(anna, chat(&format!("{number}"), "hello"));
        world.ping(anna);
    }

    assert!(world.clients[anna].others().is_empty());
    assert_eq!(world.clients[anna].errors(), []);
    assert_eq!(world.server.sessions_len(), 1);
}

#[test]
fn rooms_sessions_and_tracks_are_bounded() {
    let mut config = Config { rooms_max: 2, sessions_max: 3, ..Config::default() };
    config.limits.tracks_max = 1;
    let mut world = World::new(config);
    let anna = world.join("one", "Anna");
    world.join("two", "Ben");
    let third = world.join("three", "Mia");
    assert_eq!(world.clients[third].errors(), [(1, ErrorCode::TooManyRooms)]);

    let fourth = world.connect();
    assert_eq!(world.clients[fourth].closed, Some(CloseCode::ServerFull));

    for id in ["a", "b", "a"] {
        let track = TrackDescription {
            id: TrackId::new(id),
            kind: TrackKind::Audio,
            source: TrackSource::Other,
            muted: false,
        };
        world.send(anna, ClientMessage::Publish { track });
    }
    assert_eq!(world.clients[anna].errors(), [(3, ErrorCode::TooManyTracks)]);
}

#[test]
fn long_texts_are_refused() {
    let mut world = World::new(Config::default());
    let anna = world.join("tea", "Anna");

    world.send(anna, chat("1", &"x".repeat(8 * 1024 + 1)));
    world.send(anna, chat("2", "  "));
    world.send(anna, ClientMessage::Update { name: None, metadata: Some("x".repeat(4 * 1024 + 1)) });
    world.send(anna, ClientMessage::Update { name: Some("x".repeat(65)), metadata: None });
    world.send(anna, chat(&"1".repeat(65), "hello"));

    let codes: Vec<_> = world.clients[anna].errors().into_iter().map(|(_, code)| code).collect();
    assert_eq!(codes, [ErrorCode::InvalidArgument; 5]);
}

#[test]
fn whoever_acknowledges_each_message_of_talkative_others_is_no_flood() {
    let config = Config { frame_rate_max: 10, frame_burst_max: 10, ..Config::default() };
    let mut world = World::new(config);
    let listener = world.join("tea", "Listener");
    let talkers = ["Anna", "Ben", "Mia"].map(|name| world.join("tea", name));

    for number in 0..300 {
        for talker in talkers {
            world.send(talker, chat(&format!("{number}"), "hello"));
            world.acknowledge(listener);
        }
        world.pass(Duration::from_millis(100));
    }
    world.send(listener, chat("1", "hello yourselves"));

    assert_eq!(world.clients[listener].closed, None);
    assert_eq!(world.clients[listener].errors(), []);
}

#[test]
fn acknowledging_nothing_new_is_a_flood_like_any_other() {
    let config = Config { frame_rate_max: 10, frame_burst_max: 10, ..Config::default() };
    let mut world = World::new(config);
    let anna = world.join("tea", "Anna");
    let link = world.clients[anna].link.unwrap();

    for _ in 0..120 {
        world.server.handle_frame(link, Ok(ClientFrame::Ack { ack: 1 }), world.now);
    }
    world.settle();

    assert_eq!(world.clients[anna].closed, Some(CloseCode::Flood));
}

#[test]
fn what_limited_a_client_wears_off() {
    let mut world = World::new(Config { frame_rate_max: 10, frame_burst_max: 5, ..Config::default() });
    let anna = world.join("tea", "Anna");
    let ben = world.join("tea", "Ben");
    for number in 0..10 {
        world.send(ben, chat(&format!("{number}"), "fast"));
    }
    let heard = world.clients[anna].chats().len();

    world.pass(Duration::from_secs(2));
    world.send(ben, chat("later", "slow"));

    assert_eq!(world.clients[anna].chats().len(), heard + 1);
}
