use super::*;
use crate::attribute::Lifetime;
use crate::server::{Event, FreeCause};
use crate::testing::{Response, USERS};
use crate::{Transport, method};

fn refresh(world: &mut World, client: &Client, lifetime: Option<u32>) -> Response {
    world.ask(client, method::REFRESH, |builder| {
        if let Some(lifetime) = lifetime {
            builder.attribute(&Lifetime(lifetime)).unwrap();
        }
    })
}

/// Covers: RFC 8656 §8.2
#[test]
fn a_refresh_keeps_the_allocation() {
    let mut world = World::default();
    let anna = world.client(ANNA);
    let relayed = world.allocate(&anna);

    for (asked, granted) in [(None, 600), (Some(900), 900), (Some(1), 600), (Some(99_999), 3600)] {
        world.pass(seconds(599));
        let response = refresh(&mut world, &anna, asked);
        assert_eq!((response.code(), response.get()), (0, Some(Lifetime(granted))));
    }
    world.pass(seconds(3599));
    assert!(world.server.relay_at(relayed).is_some());
    world.pass(seconds(1));
    assert!(world.server.relay_at(relayed).is_none());
}

/// Covers: RFC 8656 §8.2 (a lifetime of 0)
#[test]
fn a_client_gives_its_allocation_back() {
    let mut world = World::default();
    let anna = world.client(ANNA);
    let relayed = world.allocate(&anna);
    world.events();

    let response = refresh(&mut world, &anna, Some(0));

    assert_eq!((response.code(), response.get()), (0, Some(Lifetime(0))));
    let events = world.events();
    let [Event::Freed(freed)] = &events[..] else { panic!("{events:?}") };
    assert_eq!((freed.cause, freed.relayed.ipv4), (FreeCause::Refreshed, Some(relayed)));
    assert_eq!(refresh(&mut world, &anna, Some(0)).code(), 437);
    assert_eq!(world.server.poll_timeout(), None);
}

/// Covers: RFC 8656 §5 (437)
#[test]
fn what_needs_an_allocation_is_refused_without_one() {
    let mut world = World::default();
    let anna = world.client(ANNA);

    assert_eq!(refresh(&mut world, &anna, None).code(), 437);
    assert_eq!(world.permit(&anna, &[PEER]).code(), 437);
    assert_eq!(world.bind_channel(&anna, 0x4000, PEER).code(), 437);
    assert_eq!(world.ask(&anna, method::CONNECT, |_| {}).code(), 437);
}

/// Covers: RFC 8656 §5 (441)
#[test]
fn an_allocation_is_its_users_alone() {
    let mut world = World::default();
    let anna = world.client(ANNA);
    world.allocate(&anna);
    let boris = world.client_by(Transport::Udp, ANNA, USERS[1]);

    assert_eq!(refresh(&mut world, &boris, Some(0)).code(), 441);
    assert_eq!(world.permit(&boris, &[PEER]).code(), 441);
    assert_eq!(world.bind_channel(&boris, 0x4000, PEER).code(), 441);
    assert_eq!(world.server.allocation_count(), 1);
}

/// Covers: RFC 8656 §5, RFC 8489 §9.2.4 (438)
#[test]
fn an_old_nonce_is_told_to_be_stale() {
    let mut world = World::default();
    let mut anna = world.client(ANNA);
    world.allocate(&anna);
    for _ in 0..7 {
        world.pass(seconds(590));
        refresh(&mut world, &anna, Some(3600));
    }

    assert_eq!(refresh(&mut world, &anna, None).code(), 438);
    world.challenge(&mut anna);
    assert_eq!(refresh(&mut world, &anna, None).code(), 0);
}

#[test]
fn ids_of_freed_allocations_find_nothing() {
    let mut world = World::default();
    let anna = world.client(ANNA);
    world.allocate(&anna);
    let old = relay_of(&world, &anna, AddressFamily::Ipv4);
    refresh(&mut world, &anna, Some(0));
    world.allocate(&anna);
    let new = relay_of(&world, &anna, AddressFamily::Ipv4);

    assert_ne!(old, new);
    world.permit(&anna, &[PEER]);
    let now = world.now.at;
    let mut prefix = Prefix::EMPTY;
    let mut handle = |relay| world.server.handle_peer(relay, PEER.parse().unwrap(), 1, now, &mut prefix);
    assert_eq!(handle(old), Err(DropReason::NoAllocation));
    assert!(handle(new).is_ok());
    assert!(!world.server.kick(old.allocation, now));
}
