use super::*;
use crate::attribute::{Lifetime, MobilityTicket, RequestedTransport};
use crate::server::{Config, Event};
use crate::testing::{Response, USERS, config};
use crate::{ShardId, Shards, Transport, method};

const MOVED: &str = "203.0.113.99:7000";

fn allocate(world: &mut World, client: &Client) -> Vec<u8> {
    let response = world.allocate_with(client, |builder| builder.attribute(&MobilityTicket(b"")).unwrap());
    ticket(&response)
}

fn ticket(response: &Response) -> Vec<u8> {
    assert_eq!(response.code(), 0);
    response.get::<MobilityTicket<'_>>().unwrap().0.to_vec()
}

fn refresh(world: &mut World, client: &Client, ticket: &[u8]) -> Response {
    world.ask(client, method::REFRESH, |builder| builder.attribute(&MobilityTicket(ticket)).unwrap())
}

/// Covers: RFC 8016 §3.1, §3.2
#[test]
fn an_allocation_follows_its_client() {
    let mut world = World::default();
    let anna = world.client(ANNA);
    let first = allocate(&mut world, &anna);
    world.bind_channel(&anna, 0x4000, PEER);
    world.events();
    let moved = world.client_by(Transport::Tcp, MOVED, USERS[0]);

    let second = ticket(&refresh(&mut world, &moved, &first));

    assert_ne!(first, second, "each ticket is a new one");
    assert!(matches!(&world.events()[..], [Event::Moved { from, to, .. }]
        if *from == anna.five_tuple && *to == moved.five_tuple));
    assert_eq!(world.server.find(&anna.five_tuple), None);
    let (_, to_client) = from_peer(&mut world, &moved, PEER, 5).unwrap();
    assert_eq!(to_client, ToClient { five_tuple: moved.five_tuple, padding: 3 });
    assert!(to_peer(&mut world, &moved, &channel_data(0x4000, b"x")).is_ok());
    assert_eq!(to_peer(&mut world, &anna, &channel_data(0x4000, b"x")), Err(DropReason::NoAllocation));
}

/// Covers: RFC 8016 §3.2 (responses that are lost)
#[test]
fn the_ticket_before_the_latest_counts_and_older_ones_do_not() {
    let mut world = World::default();
    let anna = world.client(ANNA);
    let first = allocate(&mut world, &anna);
    let moved = world.client(MOVED);
    let second = ticket(&refresh(&mut world, &moved, &first));
    let further = world.client("203.0.113.100:7000");

    for _ in 0..5 {
        assert_eq!(refresh(&mut world, &further, &first).code(), 0, "the answers were lost");
    }
    assert_eq!(refresh(&mut world, &further, &second).code(), 0);
    assert_eq!(refresh(&mut world, &further, &first).code(), 400);
    assert_eq!(refresh(&mut world, &moved, &first).code(), 400);
    assert_eq!(world.server.find(&moved.five_tuple), None);
}

/// Covers: RFC 8016 §3.2 (441)
#[test]
fn a_ticket_is_of_no_use_to_another_user() {
    let mut world = World::default();
    let anna = world.client(ANNA);
    let ticket = allocate(&mut world, &anna);
    let boris = world.client_by(Transport::Udp, MOVED, USERS[1]);

    assert_eq!(refresh(&mut world, &boris, &ticket).code(), 441);
    assert!(world.server.find(&anna.five_tuple).is_some());
}

/// Covers: RFC 8016 §3.1, §3.2 (400, 405)
#[test]
fn tickets_are_refused_where_they_do_not_belong() {
    let mut world = World::default();
    let (anna, boris) = (world.client(ANNA), world.client(BORIS));
    let nonempty = world.allocate_with(&anna, |builder| builder.attribute(&MobilityTicket(b"?")).unwrap());
    assert_eq!(nonempty.code(), 400);
    let annas = allocate(&mut world, &anna);
    world.allocate(&boris);
    assert_eq!(refresh(&mut world, &anna, b"forged").code(), 400);
    assert_eq!(refresh(&mut world, &boris, &annas).code(), 400, "it is another allocation's");
    let nobody = world.client(MOVED);
    assert_eq!(refresh(&mut world, &nobody, b"forged").code(), 437);

    let mut world = World::new(Config { mobility: false, ..config() });
    let anna = world.client(ANNA);
    let asked = world.allocate_with(&anna, |builder| builder.attribute(&MobilityTicket(b"")).unwrap());
    assert_eq!(asked.code(), 405);
    world.allocate(&anna);
    assert_eq!(refresh(&mut world, &anna, &annas).code(), 405);
}

#[test]
fn a_client_that_moved_can_end_its_allocation() {
    let mut world = World::default();
    let anna = world.client(ANNA);
    let ticket = allocate(&mut world, &anna);
    let moved = world.client(MOVED);

    let response = world.ask(&moved, method::REFRESH, |builder| {
        builder.attribute(&MobilityTicket(&ticket)).unwrap();
        builder.attribute(&Lifetime(0)).unwrap();
    });

    assert_eq!((response.code(), world.server.allocation_count()), (0, 0));
}

#[test]
fn an_allocation_outlives_its_connection_only_with_a_ticket() {
    let mut world = World::default();
    let anna = world.client_by(Transport::Tcp, ANNA, USERS[0]);
    let boris = world.client_by(Transport::Tcp, BORIS, USERS[1]);
    allocate(&mut world, &anna);
    world.allocate(&boris);

    world.server.client_gone(&anna.five_tuple, world.now.at);
    world.server.client_gone(&boris.five_tuple, world.now.at);

    assert_eq!(world.server.allocation_count(), 1);
    let usernames: Vec<_> = world.server.allocations(world.now.at).map(|view| view.username).collect();
    assert_eq!(usernames, [USERS[0].0]);
}

/// A NAT or a proxy gives an address and a port to somebody else once a connection is over.
#[test]
fn whoever_connects_from_the_address_of_a_client_that_is_gone_does_not_get_its_allocation() {
    let mut world = World::default();
    let anna = world.client_by(Transport::Tcp, ANNA, USERS[0]);
    let ticket = allocate(&mut world, &anna);
    world.bind_channel(&anna, 0x4000, PEER);
    let relay = relay_of(&world, &anna, AddressFamily::Ipv4);
    world.server.client_gone(&anna.five_tuple, world.now.at);

    let boris = world.client_by(Transport::Tcp, ANNA, USERS[1]);
    assert_eq!(to_peer(&mut world, &boris, &channel_data(0x4000, b"x")), Err(DropReason::NoAllocation));
    world.allocate(&boris);
    let peer = PEER.parse().unwrap();
    let mut prefix = Prefix::EMPTY;
    let to_client = world.server.handle_peer(relay, peer, 1, world.now.at, &mut prefix);
    assert!(to_client.is_ok_and(|to_client| to_client.five_tuple != boris.five_tuple));

    let back = world.client_by(Transport::Tls, MOVED, USERS[0]);
    assert_eq!(refresh(&mut world, &back, &ticket).code(), 0);
    assert_eq!(world.server.find(&back.five_tuple), Some(relay.allocation));
    assert!(world.server.find(&boris.five_tuple).is_some_and(|id| id != relay.allocation));
    assert_eq!(world.server.allocation_count(), 2);
}

#[test]
fn a_ticket_of_another_shard_is_passed_on() {
    let shard = |own| World::of_shard(config(), Shards::new(2, ShardId(own)).unwrap());
    let (mut here, mut there) = (shard(0), shard(1));
    let anna = there.client(ANNA);
    let ticket = allocate(&mut there, &anna);
    let moved = here.client(MOVED);
    let request = here.signed(&moved, method::REFRESH, |builder| {
        builder.attribute(&MobilityTicket(&ticket)).unwrap();
        builder.attribute(&RequestedTransport::UDP).unwrap();
    });

    assert!(matches!(here.give(&moved, &request).decision, FromClient::Elsewhere(ShardId(1))));
    assert_eq!(there.give(&moved, &request).response().code(), 0, "nonces count on all shards");
    assert!(there.server.find(&moved.five_tuple).is_some());
}
