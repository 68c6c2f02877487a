use super::*;
use crate::attribute::Data;
use crate::method;
use crate::policy::{Denied, RelayMode};
use crate::server::{Config, Event};
use crate::testing::{config, peer_address};
use moim_stun::AttributeType;

fn sent(world: &mut World, client: &Client, peer: &str) -> Result<ToPeer, DropReason> {
    let indication = world.send_indication(|builder| {
        builder.attribute(&peer_address(peer)).unwrap();
        builder.attribute(&Data(b"hello")).unwrap();
    });
    to_peer(world, client, &indication)
}

/// Covers: RFC 8656 §9, §10.2 (ports do not count)
#[test]
fn permitted_peers_are_let_through_both_ways_from_any_port() {
    let mut world = World::default();
    let anna = world.client(ANNA);
    world.allocate(&anna);
    assert_eq!(sent(&mut world, &anna, PEER).unwrap_err(), DropReason::NoPermission);
    assert_eq!(from_peer(&mut world, &anna, PEER, 1).unwrap_err(), DropReason::NoPermission);

    assert_eq!(world.permit(&anna, &[PEER, "192.0.2.2:0"]).code(), 0);

    for peer in [PEER, "192.0.2.1:9", "192.0.2.2:77"] {
        assert!(sent(&mut world, &anna, peer).is_ok());
        assert!(from_peer(&mut world, &anna, peer, 1).is_ok());
    }
    assert_eq!(sent(&mut world, &anna, "192.0.2.3:5000").unwrap_err(), DropReason::NoPermission);
}

/// Covers: RFC 8656 §9 (5 minutes)
#[test]
fn a_permission_lasts_for_five_minutes_unless_it_is_refreshed() {
    let mut world = World::default();
    let anna = world.client(ANNA);
    world.allocate(&anna);
    world.permit(&anna, &[PEER]);
    world.pass(seconds(299));
    assert!(from_peer(&mut world, &anna, PEER, 1).is_ok());
    world.permit(&anna, &[PEER]);
    world.pass(seconds(299));
    assert!(from_peer(&mut world, &anna, PEER, 1).is_ok());

    world.pass(seconds(1));

    assert_eq!(from_peer(&mut world, &anna, PEER, 1).unwrap_err(), DropReason::NoPermission);
    assert_eq!(sent(&mut world, &anna, PEER).unwrap_err(), DropReason::NoPermission);
}

/// Covers: RFC 8656 §10.2 (400, 443, 403; all or none)
#[test]
fn of_several_peers_all_are_permitted_or_none() {
    let mut world = World::default();
    let anna = world.client(ANNA);
    world.allocate(&anna);
    world.events();

    assert_eq!(world.permit(&anna, &[]).code(), 400);
    assert_eq!(world.permit(&anna, &[PEER, PEER_IPV6]).code(), 443);
    assert_eq!(world.permit(&anna, &[PEER, "10.0.0.1:80"]).code(), 403);
    let malformed = world.ask(&anna, method::CREATE_PERMISSION, |builder| {
        builder.attribute(&peer_address(PEER)).unwrap();
        builder.raw(AttributeType(0x0012), &[0, 1]).unwrap();
    });
    assert_eq!(malformed.code(), 400);

    assert_eq!(from_peer(&mut world, &anna, PEER, 1).unwrap_err(), DropReason::NoPermission);
    let events = world.events();
    assert!(matches!(&events[..], [Event::PeerDenied { reason: Denied::Private, .. }]), "{events:?}");
}

#[test]
fn an_allocation_has_only_so_many_permissions() {
    let mut config = config();
    config.limits.permissions_max = 3;
    let mut world = World::new(config);
    let anna = world.client(ANNA);
    world.allocate(&anna);
    let peers: Vec<_> = (1..=4).map(|host| format!("192.0.2.{host}:5000")).collect();
    let peers: Vec<_> = peers.iter().map(String::as_str).collect();

    assert_eq!(world.permit(&anna, &peers).code(), 508);
    assert_eq!(world.permit(&anna, &peers[..3]).code(), 0);
    assert_eq!(world.permit(&anna, &peers[3..]).code(), 508);
    assert_eq!(world.permit(&anna, &[peers[0], peers[0], peers[1]]).code(), 0, "these are there already");
    assert_eq!(world.bind_channel(&anna, 0x4000, peers[3]).code(), 508);
    world.pass(seconds(300));
    assert_eq!(world.permit(&anna, &peers[3..]).code(), 0, "those are gone");
}

/// A relayed address of this process is handed over in it, and is the only peer there is without a relay to the outside.
#[test]
fn peers_of_ones_own_are_told_from_others() {
    let mut world = World::new(Config { relay: RelayMode::Internal, ..config() });
    let (anna, boris) = (world.client(ANNA), world.client(BORIS));
    let (annas, boriss) = (world.allocate(&anna), world.allocate(&boris));

    assert_eq!(world.permit(&anna, &[PEER]).code(), 403);
    assert_eq!(world.permit(&anna, &[&boriss.to_string()]).code(), 0);
    assert_eq!(world.permit(&boris, &[&annas.to_string()]).code(), 0);
    let decision = sent(&mut world, &anna, &boriss.to_string()).unwrap();

    assert!(decision.is_own);
    let relay = world.server.relay_at(decision.peer).unwrap();
    assert_eq!(relay, relay_of(&world, &boris, AddressFamily::Ipv4));
    assert!(from_peer(&mut world, &boris, &decision.source.to_string(), decision.range.len()).is_ok());
}
