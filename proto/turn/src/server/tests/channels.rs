use super::*;
use crate::attribute::ChannelNumberAttribute;
use crate::channel_data::ChannelNumber;
use crate::server::Config;
use crate::testing::{config, peer_address};
use crate::{method, server};

/// Covers: RFC 8656 §12.2, §12.6, §12.7
#[test]
fn a_channel_carries_data_both_ways() {
    let mut world = World::default();
    let anna = world.client(ANNA);
    let relayed = world.allocate(&anna);

    assert_eq!(world.bind_channel(&anna, 0x4000, PEER).code(), 0);

    let decision = to_peer(&mut world, &anna, &channel_data(0x4000, b"hello")).unwrap();
    assert_eq!(
        decision,
        ToPeer {
            relay: relay_of(&world, &anna, AddressFamily::Ipv4),
            source: relayed,
            peer: PEER.parse().unwrap(),
            range: 4..9,
            dont_fragment: false,
            is_own: false,
        }
    );
    let (prefix, to_client) = from_peer(&mut world, &anna, PEER, 5).unwrap();
    assert_eq!(prefix, [0x40, 0, 0, 5]);
    assert_eq!(to_client, ToClient { five_tuple: anna.five_tuple, padding: 0 });
}

/// Covers: RFC 8656 §12.2 (400)
#[test]
fn numbers_and_peers_are_bound_to_one_another_alone() {
    let mut world = World::default();
    let anna = world.client(ANNA);
    world.allocate(&anna);
    world.bind_channel(&anna, 0x4000, PEER);

    assert_eq!(world.bind_channel(&anna, 0x4000, PEER).code(), 0, "again");
    assert_eq!(world.bind_channel(&anna, 0x4000, "192.0.2.1:5001").code(), 400, "the number is taken");
    assert_eq!(world.bind_channel(&anna, 0x4001, PEER).code(), 400, "the peer has one");
    assert_eq!(world.bind_channel(&anna, 0x4001, "192.0.2.1:5001").code(), 0, "another port is another peer");
}

/// Covers: RFC 8656 §12.2 (400, 403, 443)
#[test]
fn what_a_channel_cannot_be_bound_to_is_refused() {
    let mut world = World::new(Config { channel_number_max: ChannelNumber::MAX_RFC8656, ..config() });
    let anna = world.client(ANNA);
    world.allocate(&anna);

    for number in [0, 0x3fff, 0x5000, 0x7fff, 0xffff] {
        assert_eq!(world.bind_channel(&anna, number, PEER).code(), 400, "{number:#x}");
    }
    for number in [0x4000, 0x4fff] {
        assert_eq!(world.bind_channel(&anna, number, &format!("192.0.2.1:{number}")).code(), 0);
    }
    assert_eq!(world.bind_channel(&anna, 0x4001, "10.0.0.1:1").code(), 403);
    assert_eq!(world.bind_channel(&anna, 0x4001, PEER_IPV6).code(), 443);
    let no_number = world.ask(&anna, method::CHANNEL_BIND, |builder| {
        builder.attribute(&peer_address(PEER)).unwrap();
    });
    let no_peer = world.ask(&anna, method::CHANNEL_BIND, |builder| {
        builder.attribute(&ChannelNumberAttribute(0x4001)).unwrap();
    });
    assert_eq!((no_number.code(), no_peer.code()), (400, 400));
}

#[test]
fn clients_of_rfc_5766_may_bind_its_numbers() {
    let mut world = World::default();
    let anna = world.client(ANNA);
    world.allocate(&anna);

    assert_eq!(world.bind_channel(&anna, 0x7fff, PEER).code(), 0);
    assert!(to_peer(&mut world, &anna, &channel_data(0x7fff, b"x")).is_ok());
    assert_eq!(world.bind_channel(&anna, 0x8000, "192.0.2.1:9").code(), 400);
}

/// Covers: RFC 8656 §12 (10 minutes; the permission is 5)
#[test]
fn a_channel_lasts_for_ten_minutes_and_its_permission_for_five() {
    let mut world = World::default();
    let anna = world.client(ANNA);
    world.allocate_with(&anna, |builder| builder.attribute(&crate::attribute::Lifetime(3600)).unwrap());
    world.bind_channel(&anna, 0x4000, PEER);

    world.pass(seconds(300));
    assert_eq!(from_peer(&mut world, &anna, PEER, 1).unwrap_err(), DropReason::NoPermission);
    assert!(to_peer(&mut world, &anna, &channel_data(0x4000, b"x")).is_ok());
    world.permit(&anna, &[PEER]);
    assert_eq!(from_peer(&mut world, &anna, PEER, 1).unwrap().0.len(), 4, "the channel is still bound");

    world.pass(seconds(299));
    assert!(to_peer(&mut world, &anna, &channel_data(0x4000, b"x")).is_ok());
    world.pass(seconds(1));
    assert_eq!(to_peer(&mut world, &anna, &channel_data(0x4000, b"x")), Err(DropReason::NoChannel));
    world.permit(&anna, &[PEER]);
    assert_eq!(from_peer(&mut world, &anna, PEER, 1).unwrap().0.len(), 36, "a Data indication");
    assert_eq!(world.bind_channel(&anna, 0x4001, PEER).code(), 0, "both are free again");
    assert_eq!(world.bind_channel(&anna, 0x4000, "192.0.2.9:1").code(), 0);
}

#[test]
fn an_allocation_has_only_so_many_channels() {
    let mut config = config();
    config.limits.channels_max = 2;
    let mut world = World::new(config);
    let anna = world.client(ANNA);
    world.allocate(&anna);

    assert_eq!(world.bind_channel(&anna, 0x4000, "192.0.2.1:1").code(), 0);
    assert_eq!(world.bind_channel(&anna, 0x4001, "192.0.2.1:2").code(), 0);
    assert_eq!(world.bind_channel(&anna, 0x4002, "192.0.2.1:3").code(), 508);
    assert_eq!(world.bind_channel(&anna, 0x4001, "192.0.2.1:2").code(), 0);
}

#[test]
fn many_channels_are_each_found_both_ways() {
    let mut world = World::new(config());
    let anna = world.client(ANNA);
    world.allocate(&anna);
    let limit = server::Limits::default().channels_max;
    // In an order that is neither that of the numbers nor that of the peers.
    let numbers: Vec<_> =
        (0..limit).map(|index| 0x4000 + u16::try_from(index * 37 % limit).unwrap()).collect();
    let peer = |number: u16| format!("192.0.2.1:{}", 60_000 - u32::from(number) % 1000 * 7);
    for number in &numbers {
        assert_eq!(world.bind_channel(&anna, *number, &peer(*number)).code(), 0);
    }

    for number in numbers {
        let decision = to_peer(&mut world, &anna, &channel_data(number, b"x")).unwrap();
        assert_eq!(decision.peer, peer(number).parse().unwrap());
        let (prefix, _) = from_peer(&mut world, &anna, &peer(number), 1).unwrap();
        assert_eq!(prefix[..2], number.to_be_bytes());
    }
}
