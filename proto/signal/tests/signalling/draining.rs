//! The server goes away, politely.

use crate::harness::{World, open_grants};
use moim_signal::Config;
use moim_signal::message::{ClientMessage, CloseCode, ErrorCode, ServerMessage};
use std::time::Duration;

const GRACE: Duration = Duration::from_secs(10);

#[test]
fn calls_get_their_grace_and_then_every_link_is_closed() {
    let mut world = World::new(Config::default());
    let anna = world.join("tea", "Anna");
    let idle = world.connect();

    world.server.drain(GRACE, world.now);
    world.settle();
    assert_eq!(world.clients[anna].inbox.last(), Some(&ServerMessage::Draining { grace_ms: 10_000 }));
    world.pass(Duration::from_millis(9_999));
    assert!(!world.server.is_drained());
    world.pass(Duration::from_millis(1));

    assert!(world.server.is_drained());
    for client in [anna, idle] {
        assert_eq!(world.clients[client].closed, Some(CloseCode::ServerShutdown));
    }
    assert_eq!(world.server.poll_timeout(), None);
}

#[test]
fn the_last_one_to_leave_ends_the_wait() {
    let mut world = World::new(Config::default());
    let anna = world.join("tea", "Anna");
    let idle = world.connect();
    world.server.drain(GRACE, world.now);
    world.settle();

    world.send(anna, ClientMessage::Leave);

    assert!(world.server.is_drained());
    assert_eq!(world.clients[idle].closed, Some(CloseCode::ServerShutdown));
}

#[test]
fn nobody_new_is_let_in_but_sessions_may_resume() {
    let mut world = World::new(Config::default());
    let anna = world.join("tea", "Anna");
    let idle = world.connect();
    world.server.drain(GRACE, world.now);
    world.settle();

    let late = world.connect();
    assert_eq!(world.clients[late].closed, Some(CloseCode::ServerShutdown));
    world.send(idle, crate::harness::join("tea", "Ben"));
    assert_eq!(world.clients[idle].errors(), [(1, ErrorCode::Draining)]);

    world.drop_link(anna);
    world.open_link(anna, Ok(open_grants()));
    assert_eq!(world.clients[anna].closed, None);
}

#[test]
fn an_empty_server_has_nothing_to_wait_for() {
    let mut world = World::new(Config::default());
    world.server.drain(GRACE, world.now);
    assert!(world.server.is_drained());
}

#[test]
fn the_grace_can_be_cut_short_but_not_prolonged() {
    let mut world = World::new(Config::default());
    let anna = world.join("tea", "Anna");
    world.server.drain(GRACE, world.now);
    world.server.drain(GRACE * 2, world.now);
    world.settle();
    assert_eq!(world.clients[anna].inbox.last(), Some(&ServerMessage::Draining { grace_ms: 10_000 }));

    world.server.drain(Duration::ZERO, world.now);
    world.pass(Duration::ZERO);

    assert!(world.server.is_drained());
    assert_eq!(world.clients[anna].closed, Some(CloseCode::ServerShutdown));
}
