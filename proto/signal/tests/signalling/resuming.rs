//! Links drop; sessions do not, for a while.

use crate::harness::{World, chat, open_grants};
use moim_signal::Config;
use moim_signal::id::SessionSecret;
use moim_signal::message::{
    ClientFrame, ClientMessage, CloseCode, LeaveReason, LinkState, Resume, ServerFrame, ServerMessage,
};
use std::time::Duration;

#[test]
fn what_was_said_meanwhile_arrives_once_and_in_order() {
    let mut world = World::new(Config::default());
    let anna = world.join("tea", "Anna");
    let ben = world.join("tea", "Ben");

    world.drop_link(ben);
    assert_eq!(world.clients[anna].others()["Ben"].link, LinkState::Interrupted);
    world.send(anna, chat("1", "are you there?"));
    world.send(ben, chat("2", "I am"));
    world.send(ben, chat("3", "still"));
    world.pass(Duration::from_secs(5));
    world.open_link(ben, Ok(open_grants()));

    assert_eq!(world.clients[ben].chats(), ["are you there?"]);
    assert_eq!(world.clients[anna].chats(), ["I am", "still"]);
    assert_eq!(world.clients[anna].others()["Ben"].link, LinkState::Connected);
    assert_eq!(world.server.counters().sessions_resumed, 1);
}

#[test]
fn a_message_sent_again_is_not_handled_again() {
    let mut world = World::new(Config::default());
    let anna = world.join("tea", "Anna");
    let ben = world.join("tea", "Ben");
    world.send(ben, chat("1", "once"));

    let again = ClientFrame::Message { seq: 2, ack: 0, body: chat("1", "once") };
    world.send_frame(ben, Ok(again));

    assert_eq!(world.clients[anna].chats(), ["once"]);
    assert_eq!(world.server.counters().duplicates, 1);
    assert!(matches!(world.clients[ben].frames.last(), Some(ServerFrame::Ack { ack: 2 })));
}

#[test]
fn a_session_ends_with_the_resume_window() {
    let mut world = World::new(Config::default());
    let anna = world.join("tea", "Anna");
    let ben = world.join("tea", "Ben");

    world.drop_link(ben);
    world.pass(Duration::from_secs(29));
    world.ping(anna);
    assert!(world.clients[anna].others().contains_key("Ben"));
    world.pass(Duration::from_secs(2));

    assert!(world.clients[anna].others().is_empty());
    assert!(world.clients[anna].inbox.iter().any(|message| matches!(
        message,
        ServerMessage::ParticipantLeft { reason: LeaveReason::TimedOut, .. }
    )));
    world.open_link(ben, Ok(open_grants()));
    assert!(matches!(world.clients[ben].frames[..], [ServerFrame::Welcome { resumed: false, .. }]));
}

#[test]
fn a_silent_link_is_closed_and_its_session_waits() {
    let mut world = World::new(Config::default());
    let anna = world.join("tea", "Anna");
    let ben = world.join("tea", "Ben");

    for _ in 0..4 {
        world.pass(Duration::from_secs(9));
        world.ping(anna);
    }

    assert_eq!(world.clients[ben].closed, Some(CloseCode::Timeout));
    assert_eq!(world.clients[anna].closed, None);
    assert_eq!(world.clients[anna].others()["Ben"].link, LinkState::Interrupted);
    world.open_link(ben, Ok(open_grants()));
    assert_eq!(world.clients[anna].others()["Ben"].link, LinkState::Connected);
}

#[test]
fn a_resumed_link_that_falls_silent_is_closed_as_soon_as_any_other() {
    let minutes = Duration::from_secs(10 * 60);
    let mut world = World::new(Config { resume_window: minutes, ..Config::default() });
    let anna = world.join("tea", "Anna");
    world.drop_link(anna);
    world.open_link(anna, Ok(open_grants()));

    world.pass(Duration::from_secs(31));

    assert_eq!(world.clients[anna].closed, Some(CloseCode::Timeout));
}

#[test]
fn a_new_link_takes_over_from_one_that_seemed_alive() {
    let mut world = World::new(Config::default());
    let anna = world.join("tea", "Anna");
    let old = world.clients[anna].link.unwrap();

    world.open_link(anna, Ok(open_grants()));

    assert_ne!(world.clients[anna].link, Some(old));
    assert_eq!(world.server.counters().closed[&CloseCode::Replaced], 1);
    world.server.handle_frame(old, Ok(ClientFrame::Ping { ack: 0 }), world.now);
    assert_eq!(world.server.counters().late_frames, 1);
    world.server.handle_link_closed(old, world.now);
    world.ping(anna);
    assert!(matches!(world.clients[anna].frames.last(), Some(ServerFrame::Pong { .. })));
}

#[test]
fn a_resumed_session_needs_no_token_any_more() {
    let mut world = World::new(Config { open: false, ..Config::default() });
    let anna = world.join("tea", "Anna");
    world.drop_link(anna);

    world.open_link(anna, Err(CloseCode::TokenExpired));
    assert_eq!(world.clients[anna].closed, None);
    world.send(anna, ClientMessage::Leave);
    assert_eq!(world.clients[anna].left(), Some(LeaveReason::Left));
}

#[test]
fn without_the_secret_there_is_nothing_to_resume() {
    let mut world = World::new(Config::default());
    let anna = world.join("tea", "Anna");
    world.drop_link(anna);
    let resume = world.clients[anna].resume.clone().unwrap();
    let thief = world.connect();
    world.drop_link(thief);
    world.clients[thief].resume = Some(Resume { secret: SessionSecret::new("0".repeat(32)), ..resume });

    world.open_link(thief, Ok(open_grants()));

    assert!(matches!(world.clients[thief].frames[..], [ServerFrame::Welcome { resumed: false, .. }]));
    assert_eq!(world.server.counters().resumes_refused, 1);
}

#[test]
fn a_skipped_number_closes_the_link_and_resuming_mends_it() {
    let mut world = World::new(Config::default());
    let anna = world.join("tea", "Anna");
    let link = world.clients[anna].link.unwrap();

    let early = ClientFrame::Message { seq: 9, ack: 0, body: chat("9", "too early") };
    world.server.handle_frame(link, Ok(early), world.now);
    world.settle();
    assert_eq!(world.clients[anna].closed, Some(CloseCode::SequenceGap));

    world.open_link(anna, Ok(open_grants()));
    world.send(anna, ClientMessage::Leave);
    assert_eq!(world.clients[anna].left(), Some(LeaveReason::Left));
}

#[test]
fn a_client_that_says_it_is_gone_has_left() {
    let mut world = World::new(Config::default());
    let anna = world.join("tea", "Anna");
    let ben = world.join("tea", "Ben");
    let link = world.clients[ben].link.unwrap();

    world.server.handle_client_gone(link, world.now);
    world.settle();

    assert!(world.clients[anna].others().is_empty());
    assert!(
        world.clients[anna].inbox.iter().any(|message| matches!(
            message,
            ServerMessage::ParticipantLeft { reason: LeaveReason::Left, .. }
        ))
    );
    assert_eq!(world.server.sessions_len(), 1);
}
