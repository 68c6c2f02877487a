use super::*;
use crate::policy::{PeerLists, PeerPolicy, RelayMode};
use crate::server::{Alternates, Config, EVENTS_MAX, Event, FreeCause, Redirect};
use crate::testing::{USERS, config};
use crate::{Transport, method};
use moim_stun::attribute::AlternateServer;
use std::sync::Arc;

/// Covers: RFC 8489 §10 (300 and ALTERNATE-SERVER, of the client's transport and family)
#[test]
fn a_server_that_drains_sends_new_clients_elsewhere_and_keeps_the_others() {
    let alternates = Alternates {
        servers: vec![
            (Transport::Tls, "192.0.2.10:5349".parse().unwrap()),
            (Transport::Udp, "[2001:db8::10]:3478".parse().unwrap()),
            (Transport::Udp, "192.0.2.11:3478".parse().unwrap()),
        ],
        when: Redirect::Full,
    };
    let config = Config { alternates, ..config() };
    let mut world = World::new(config.clone());
    let anna = world.client(ANNA);
    world.allocate(&anna);
    world.server.set_config(Arc::new(Config { draining: true, ..config }));
    let boris = world.client(BORIS);
    let by_tcp = world.client_by(Transport::Tcp, BORIS, USERS[0]);

    let response = world.allocate_with(&boris, |_| {});
    assert_eq!(response.code(), 300);
    assert_eq!(response.get(), Some(AlternateServer("192.0.2.11:3478".parse().unwrap())));
    assert_eq!(world.allocate_with(&by_tcp, |_| {}).code(), 508, "there is none for TCP");
    assert_eq!(world.ask(&anna, method::REFRESH, |_| {}).code(), 0);
    assert_eq!(world.permit(&anna, &[PEER]).code(), 0);
}

#[test]
fn a_server_may_send_everybody_elsewhere() {
    let servers = vec![(Transport::Udp, "192.0.2.11:3478".parse().unwrap())];
    let alternates = Alternates { servers, when: Redirect::Always };
    let mut world = World::new(Config { alternates, ..config() });
    let anna = world.client(ANNA);

    assert_eq!(world.allocate_with(&anna, |_| {}).code(), 300);
}

#[test]
fn a_new_policy_holds_for_what_there_is() {
    let mut world = World::default();
    let anna = world.client(ANNA);
    world.allocate(&anna);
    world.bind_channel(&anna, 0x4000, PEER);
    world.bind_channel(&anna, 0x4001, "203.0.113.50:9");

    let allow = vec!["203.0.113.0/24".parse().unwrap()];
    let peers = PeerPolicy::new(PeerLists { allow, ..PeerLists::default() });
    world.server.set_config(Arc::new(Config { peers, ..config() }));

    assert_eq!(to_peer(&mut world, &anna, &channel_data(0x4000, b"x")), Err(DropReason::NoChannel));
    assert_eq!(from_peer(&mut world, &anna, PEER, 1).unwrap_err(), DropReason::NoPermission);
    assert!(to_peer(&mut world, &anna, &channel_data(0x4001, b"x")).is_ok());
    assert!(from_peer(&mut world, &anna, "203.0.113.50:9", 1).is_ok());
    assert_eq!(world.bind_channel(&anna, 0x4000, PEER).code(), 403);

    world.server.set_config(Arc::new(Config { relay: RelayMode::Off, ..config() }));
    assert_eq!(from_peer(&mut world, &anna, "203.0.113.50:9", 1).unwrap_err(), DropReason::NoPermission);
}

#[test]
fn a_new_policy_closes_connections() {
    let mut world = World::default();
    let anna = world.client_by(Transport::Tcp, ANNA, USERS[0]);
    world.ask(&anna, method::ALLOCATE, |builder| {
        builder.attribute(&crate::attribute::RequestedTransport::TCP).unwrap();
    });
    world.permit(&anna, &[PEER]);
    let relay = relay_of(&world, &anna, AddressFamily::Ipv4);
    let accepted = world.server.accept_peer(relay, PEER.parse().unwrap(), world.now.at, &mut [0; 512]);
    let (connection, _) = accepted.unwrap();
    world.events();

    world.server.set_config(Arc::new(Config { peers: PeerPolicy::default(), ..config() }));

    assert!(matches!(&world.events()[..], [Event::ConnectionClosed(closed)] if *closed == connection));
    assert_eq!(world.server.allocations(world.now.at).next().unwrap().connections, 0);
}

#[test]
fn an_operator_ends_an_allocation() {
    let mut world = World::default();
    let anna = world.client(ANNA);
    world.allocate(&anna);
    world.events();
    let id = world.server.allocations(world.now.at).next().unwrap().id;

    assert!(world.server.kick(id, world.now.at));
    assert!(!world.server.kick(id, world.now.at));

    assert!(matches!(&world.events()[..], [Event::Freed(freed)] if freed.cause == FreeCause::Kicked));
    assert_eq!(world.server.find(&anna.five_tuple), None);
}

#[test]
fn events_that_nobody_fetches_are_bounded_but_for_those_that_matter() {
    let mut world = World::default();
    let anna = world.client(ANNA);
    world.allocate(&anna);
    world.permit(&anna, &[PEER]);
    for _ in 0..EVENTS_MAX + 10 {
        assert_eq!(world.permit(&anna, &["10.0.0.1:1"]).code(), 403);
    }
    assert!(world.server.poll_timeout().is_some_and(|deadline| deadline.at <= world.now.at));
    world.pass(seconds(600));

    let events = world.events();
    assert_eq!(events.len(), EVENTS_MAX + 1);
    assert!(matches!(events.last(), Some(Event::Freed(_))));
    assert_eq!(world.server.counters().events_lost, 11);
}

#[test]
fn much_that_is_due_is_done_in_turns() {
    let mut world = World::default();
    for port in 1..=600 {
        let client = world.client(&format!("203.0.113.7:{port}"));
        world.allocate(&client);
    }
    world.events();
    world.pass(seconds(600));
    assert_eq!(world.server.allocation_count(), 600 - 256);
    world.events();
    while let Some(deadline) = world.server.poll_timeout() {
        assert!(deadline.at <= world.now.at);
        world.events();
        world.pass(seconds(0));
    }
    assert_eq!(world.server.allocation_count(), 0);
}
