use super::*;
use crate::attribute::{Data, DontFragment, Icmp, RequestedAddressFamily, XorPeerAddress};
use crate::quota::{Bandwidth, Ledger, Limits};
use crate::server::{Config, Relayed, Traffic};
use crate::testing::{RELAY_IPV4, Response, USERS, config, peer_address};
use crate::{RealmId, Transport, method};
use moim_stun::{AttributeType, Class, Message};

fn allocated(world: &mut World) -> Client {
    let anna = world.client(ANNA);
    world.allocate(&anna);
    world.permit(&anna, &[PEER]);
    anna
}

/// Covers: RFC 8656 §11.2
#[test]
fn a_send_indication_is_relayed_from_where_its_data_lie() {
    let mut world = World::default();
    let anna = allocated(&mut world);
    for (dont_fragment, data) in [(false, &b"hello"[..]), (true, b"")] {
        let indication = world.send_indication(|builder| {
            builder.attribute(&peer_address(PEER)).unwrap();
            if dont_fragment {
                builder.attribute(&DontFragment).unwrap();
            }
            builder.attribute(&Data(data)).unwrap();
        });

        let decision = to_peer(&mut world, &anna, &indication).unwrap();

        assert_eq!(&indication[decision.range], data);
        assert_eq!((decision.dont_fragment, decision.peer), (dont_fragment, PEER.parse().unwrap()));
    }
}

/// Covers: RFC 8656 §11.2 (indications that are dropped), §14 (DONT-FRAGMENT that cannot be done)
#[test]
fn a_bad_send_indication_is_dropped() {
    let mut world = World::new(Config { dont_fragment: false, ..config() });
    let anna = allocated(&mut world);
    let no_data = world.send_indication(|builder| builder.attribute(&peer_address(PEER)).unwrap());
    let no_peer = world.send_indication(|builder| builder.attribute(&Data(b"x")).unwrap());
    let dont_fragment = world.send_indication(|builder| {
        builder.attribute(&peer_address(PEER)).unwrap();
        builder.attribute(&DontFragment).unwrap();
        builder.attribute(&Data(b"x")).unwrap();
    });
    let unknown = world.send_indication(|builder| {
        builder.attribute(&peer_address(PEER)).unwrap();
        builder.raw(AttributeType(0x7abc), b"?").unwrap();
        builder.attribute(&Data(b"x")).unwrap();
    });

    for indication in [no_data, no_peer, dont_fragment, unknown] {
        assert_eq!(to_peer(&mut world, &anna, &indication), Err(DropReason::BadIndication));
    }
    let nobody = world.client(BORIS);
    let good = world.send_indication(|builder| {
        builder.attribute(&peer_address(PEER)).unwrap();
        builder.attribute(&Data(b"x")).unwrap();
    });
    assert_eq!(to_peer(&mut world, &nobody, &good), Err(DropReason::NoAllocation));
    assert_eq!(world.server.counters().dropped(DropReason::BadIndication), 4);
}

/// Covers: RFC 8656 §11.3
#[test]
fn data_without_a_channel_come_in_a_data_indication() {
    let mut world = World::default();
    let anna = world.client(ANNA);
    for (family, peer, len) in [(1, PEER, 5), (2, PEER_IPV6, 8)] {
        world.server.client_gone(&anna.five_tuple, world.now.at);
        world.allocate_with(&anna, |builder| builder.attribute(&RequestedAddressFamily(family)).unwrap());
        world.permit(&anna, &[peer]);
        let payload = vec![7; len];

        let (prefix, to_client) = from_peer(&mut world, &anna, peer, len).unwrap();

        let padding = vec![0; to_client.padding.into()];
        let bytes = [prefix, payload.clone(), padding].concat();
        let indication = Message::parse(&bytes).unwrap();
        assert_eq!((indication.class(), indication.method()), (Class::Indication, method::DATA));
        assert_eq!(indication.get(), Ok(Some(peer_address(peer))));
        assert_eq!(indication.get(), Ok(Some(Data(&payload))));
    }
}

/// Covers: RFC 8656 §12.5 (padding on streams)
#[test]
fn channel_data_is_padded_on_streams_alone() {
    for (transport, padding) in
        [(Transport::Udp, 0), (Transport::Dtls, 0), (Transport::Tcp, 3), (Transport::Tls, 3)]
    {
        let mut world = World::default();
        let anna = world.client_by(transport, ANNA, USERS[0]);
        world.allocate(&anna);
        world.bind_channel(&anna, 0x4000, PEER);

        assert_eq!(from_peer(&mut world, &anna, PEER, 5).unwrap().1.padding, padding);
        assert_eq!(from_peer(&mut world, &anna, PEER, 8).unwrap().1.padding, 0);
        let padded = [channel_data(0x4000, b"hello"), vec![0; 3]].concat();
        assert_eq!(to_peer(&mut world, &anna, &padded).unwrap().range, 4..9);
    }
}

#[test]
fn what_no_message_can_carry_is_dropped() {
    let mut world = World::default();
    let anna = allocated(&mut world);

    assert_eq!(from_peer(&mut world, &anna, PEER, 65_536).unwrap_err(), DropReason::TooLong);
    assert_eq!(from_peer(&mut world, &anna, PEER, 65_530).unwrap_err(), DropReason::TooLong);
    assert!(from_peer(&mut world, &anna, PEER, 65_507).is_ok(), "the longest there is over UDP");
    world.bind_channel(&anna, 0x4000, PEER);
    assert!(from_peer(&mut world, &anna, PEER, 65_535).is_ok());
    assert_eq!(from_peer(&mut world, &anna, PEER, 65_536).unwrap_err(), DropReason::TooLong);
    assert_eq!(from_peer(&mut world, &anna, PEER, usize::MAX).unwrap_err(), DropReason::TooLong);
}

#[test]
fn channel_data_of_no_channel_or_cut_short_is_dropped() {
    let mut world = World::default();
    let anna = allocated(&mut world);
    world.bind_channel(&anna, 0x4000, PEER);

    assert_eq!(to_peer(&mut world, &anna, &channel_data(0x4001, b"x")), Err(DropReason::NoChannel));
    assert_eq!(to_peer(&mut world, &anna, &[0x40, 0, 0, 2, b'x']), Err(DropReason::Malformed));
    assert_eq!(to_peer(&mut world, &anna, &[0x40]), Err(DropReason::Malformed));
    assert_eq!(to_peer(&mut world, &anna, &channel_data(0x4000, b"")).unwrap().range, 4..4);
}

#[test]
fn traffic_is_counted() {
    let mut world = World::default();
    let anna = allocated(&mut world);
    world.bind_channel(&anna, 0x4000, PEER);
    to_peer(&mut world, &anna, &channel_data(0x4000, b"hello")).unwrap();
    to_peer(&mut world, &anna, &channel_data(0x4000, b"you")).unwrap();
    from_peer(&mut world, &anna, PEER, 100).unwrap();
    from_peer(&mut world, &anna, "192.0.2.99:1", 100).unwrap_err();

    let counters = world.server.counters();
    assert_eq!(counters.to_peers, Traffic { packets: 2, bytes: 8 });
    assert_eq!(counters.to_clients, Traffic { packets: 1, bytes: 100 });
    assert_eq!(counters.dropped(DropReason::NoPermission), 1);
    let view = world.server.allocations(world.now.at).next().unwrap();
    assert_eq!((view.usage.to_peers, view.usage.to_client), (counters.to_peers, counters.to_clients));
    assert_eq!((view.username, view.permissions, view.channels), ("anna", 1, 1));
}

/// Covers: RFC 8656 §11.5
#[test]
fn icmp_errors_are_told_by_a_data_indication() {
    let mut world = World::default();
    let anna = allocated(&mut world);
    let relay = relay_of(&world, &anna, AddressFamily::Ipv4);
    let icmp = Icmp { icmp_type: 3, code: 4, data: 1280 };
    let mut out = [0; 256];
    let mut tell = |world: &mut World, peer: &str, icmp: Icmp| {
        let peer = peer.parse().unwrap();
        let reply = world.server.handle_icmp(relay, peer, icmp, world.now.at, &mut out)?;
        Some((reply.five_tuple, Response(out[..reply.len].to_vec())))
    };

    let (five_tuple, indication) = tell(&mut world, PEER, icmp).unwrap();

    assert_eq!(five_tuple, anna.five_tuple);
    assert_eq!(indication.message().method(), method::DATA);
    assert_eq!(indication.get::<XorPeerAddress>(), Some(peer_address(PEER)));
    assert_eq!(indication.get::<Icmp>(), Some(icmp));
    assert_eq!(indication.get::<Data<'_>>(), None);
    let (_, unreachable) = tell(&mut world, PEER, Icmp { code: 3, ..icmp }).unwrap();
    assert_eq!(unreachable.get(), Some(Icmp { icmp_type: 3, code: 3, data: 0 }), "only a size has a number");
    assert_eq!(tell(&mut world, "192.0.2.9:1", icmp), None, "without a permission");
    assert_eq!(tell(&mut world, PEER, Icmp { icmp_type: 5, ..icmp }), None, "a redirect");
    assert_eq!(world.server.counters().icmp, 2);
}

#[test]
fn bandwidth_is_bounded_where_a_limit_is_configured() {
    let mut world = World::default();
    let anna = world.client(ANNA);
    let limits = Limits {
        bandwidth_per_user: Some(Bandwidth { bytes_per_second: 1000, burst_bytes: 10 }),
        ..Limits::default()
    };
    let mut ledger = Ledger::new(limits, world.now.at);
    let request = world.signed(&anna, method::ALLOCATE, |builder| {
        builder.attribute(&crate::attribute::RequestedTransport::UDP).unwrap();
    });
    let mut out = vec![0; crate::server::OUT_LEN_MAX];
    let received =
        crate::server::Received { five_tuple: anna.five_tuple, realm: RealmId(0), bytes: &request };
    let FromClient::Allocate(asked) = world.server.handle_client(received, world.now, &mut out) else {
        panic!("the request is good");
    };
    let lease = ledger.admit(asked.realm(), asked.user(), asked.five_tuple().client.ip()).unwrap();
    let mut relayed = Relayed { lease: Some(lease), ..Relayed::default() };
    relayed.addresses.ipv4 = Some((RELAY_IPV4, 50_000).into());
    let allocated = world.server.allocate(*asked, Ok(relayed), world.now.at, &mut out);
    assert!(allocated.allocation.is_some() && allocated.lease.is_none());
    world.bind_channel(&anna, 0x4000, PEER);

    assert!(to_peer(&mut world, &anna, &channel_data(0x4000, &[0; 6])).is_ok());
    assert_eq!(from_peer(&mut world, &anna, PEER, 6).unwrap_err(), DropReason::OverBandwidth);
    assert!(from_peer(&mut world, &anna, PEER, 4).is_ok());
    world.pass(Duration::from_millis(6));
    assert!(from_peer(&mut world, &anna, PEER, 6).is_ok());

    world.events();
    world.server.kick(allocated.allocation.unwrap(), world.now.at);
    let mut events = world.events();
    let Some(crate::server::Event::Freed(freed)) = events.pop() else { panic!("{events:?}") };
    ledger.release(freed.lease.unwrap());
    assert_eq!(ledger.allocations(), 0);
}
