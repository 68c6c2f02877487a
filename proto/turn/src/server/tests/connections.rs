use super::*;
use crate::attribute::{Data, DontFragment, EvenPort, RequestedTransport, XorPeerAddress};
use crate::policy::Denied;
use crate::server::{ConnectError, Event, FromClient, Reply};
use crate::testing::{RELAY_IPV4, Response, USERS, config, peer_address};
use crate::{ConnectionId, ShardId, Shards, Transport, method};

fn stream(world: &mut World, address: &str) -> Client {
    world.client_by(Transport::Tcp, address, USERS[0])
}

fn allocated(world: &mut World) -> Client {
    let anna = stream(world, ANNA);
    let response = world.ask(&anna, method::ALLOCATE, |builder| {
        builder.attribute(&RequestedTransport::TCP).unwrap();
    });
    assert_eq!(response.code(), 0);
    world.events();
    anna
}

fn connect(world: &mut World, client: &Client, peer: &str) -> Result<ConnectionId, u16> {
    connect_marked(world, client, peer).map(|(connection, _)| connection)
}

/// A Connect, and whether its peer is at one of the server's own relayed IP addresses.
fn connect_marked(world: &mut World, client: &Client, peer: &str) -> Result<(ConnectionId, bool), u16> {
    let request =
        world.signed(client, method::CONNECT, |builder| builder.attribute(&peer_address(peer)).unwrap());
    let outcome = world.give(client, &request);
    if let FromClient::Connect { connection, is_own, .. } = outcome.decision {
        return Ok((connection, is_own));
    }
    Err(outcome.response().code())
}

fn connected(
    world: &mut World,
    connection: ConnectionId,
    outcome: Result<(), ConnectError>,
) -> Option<Response> {
    let mut out = [0; 512];
    let Reply { len, .. } = world.server.connected(connection, outcome, world.now.at, &mut out)?;
    Some(Response(out[..len].to_vec()))
}

fn bind(world: &mut World, client: &Client, connection: ConnectionId) -> Result<ConnectionId, u16> {
    let request = world.signed(client, method::CONNECTION_BIND, |builder| {
        builder.attribute(&connection).unwrap();
    });
    let outcome = world.give(client, &request);
    let code = outcome.response().code();
    match (outcome.decision, code) {
        (FromClient::Spliced { connection, .. }, 0) => Ok(connection),
        (_, code) => Err(code),
    }
}

/// Covers: RFC 6062 §5.1, §5.2, §5.4
#[test]
fn a_client_connects_to_a_peer_and_takes_the_connection() {
    let mut world = World::default();
    let anna = allocated(&mut world);
    let connection = connect(&mut world, &anna, PEER).unwrap();

    let response = connected(&mut world, connection, Ok(())).unwrap();

    assert_eq!((response.code(), response.get()), (0, Some(connection)));
    let data = stream(&mut world, "203.0.113.7:4001");
    assert_eq!(bind(&mut world, &data, connection), Ok(connection));
    world.pass(seconds(60));
    assert!(world.events().is_empty(), "it is nobody's turn any more");
    assert!(world.server.pass_connection(connection, 30, world.now.at));
    world.server.count_connection(connection, 10, 20);
    let view = world.server.allocations(world.now.at).next().unwrap();
    assert_eq!((view.usage.to_peers.bytes, view.usage.to_client.bytes, view.connections), (10, 20, 1));
    world.server.connection_closed(connection);
    assert_eq!(world.server.allocations(world.now.at).next().unwrap().connections, 0);
}

/// Covers: RFC 6062 §5.2 (400, 403, 446, 447, 508)
#[test]
fn connections_that_cannot_be_are_refused() {
    let mut config = config();
    config.limits.connections_max = 1;
    let mut world = World::new(config);
    let anna = allocated(&mut world);

    assert_eq!(world.ask(&anna, method::CONNECT, |_| {}).code(), 400);
    assert_eq!(connect(&mut world, &anna, "192.0.2.1:0"), Err(400));
    assert_eq!(connect(&mut world, &anna, "10.0.0.1:80"), Err(403));
    assert_eq!(connect(&mut world, &anna, PEER_IPV6), Err(443));
    let connection = connect(&mut world, &anna, PEER).unwrap();
    assert_eq!(connect(&mut world, &anna, PEER), Err(446));
    assert_eq!(connect(&mut world, &anna, "192.0.2.1:81"), Err(508));
    let failed = connected(&mut world, connection, Err(ConnectError::Failed)).unwrap();
    assert_eq!(failed.code(), 447);
    let connection = connect(&mut world, &anna, PEER).unwrap();
    let forbidden = connected(&mut world, connection, Err(ConnectError::Forbidden)).unwrap();
    assert_eq!(forbidden.code(), 403);
    assert_eq!(connected(&mut world, connection, Ok(())), None, "nobody waits");
}

/// Which of them are relayed TCP addresses, of this shard or another, the driver knows.
///
/// Covers: RFC 6062 §5.2 (403)
#[test]
fn a_connect_to_one_of_the_servers_own_addresses_is_marked_for_the_driver_to_check() {
    let mut world = World::default();
    let anna = allocated(&mut world);

    let (_, is_own) = connect_marked(&mut world, &anna, PEER).unwrap();
    assert!(!is_own);
    let (connection, is_own) = connect_marked(&mut world, &anna, &format!("{RELAY_IPV4}:22")).unwrap();
    assert!(is_own);
    assert!(world.events().is_empty());

    let response = connected(&mut world, connection, Err(ConnectError::Forbidden)).unwrap();

    assert_eq!(response.code(), 403);
    assert!(matches!(
        &world.events()[..],
        [Event::PeerDenied { peer, reason: Denied::OwnAddress, .. }] if *peer == RELAY_IPV4
    ));
    assert_eq!(connected(&mut world, connection, Ok(())), None, "it is no more");
}

/// Covers: RFC 6062 §5.2 (30 s for the connection, 30 s for the ConnectionBind)
#[test]
fn nobody_waits_for_ever() {
    let mut world = World::default();
    let anna = allocated(&mut world);
    let connection = connect(&mut world, &anna, PEER).unwrap();
    world.pass(seconds(30));
    assert!(matches!(&world.events()[..], [Event::ConnectOverdue(overdue)] if *overdue == connection));
    let failed = connected(&mut world, connection, Err(ConnectError::Failed)).unwrap();
    assert_eq!(failed.code(), 447);

    let connection = connect(&mut world, &anna, PEER).unwrap();
    world.pass(seconds(29));
    connected(&mut world, connection, Ok(()));
    world.pass(seconds(29));
    assert!(world.events().is_empty());
    world.pass(seconds(1));
    assert!(matches!(&world.events()[..], [Event::ConnectionClosed(closed)] if *closed == connection));
    let data = stream(&mut world, "203.0.113.7:4001");
    assert_eq!(bind(&mut world, &data, connection), Err(400));
}

/// Covers: RFC 6062 §5.3
#[test]
fn a_peer_that_is_permitted_may_connect() {
    let mut world = World::default();
    let anna = allocated(&mut world);
    let relay = relay_of(&world, &anna, AddressFamily::Ipv4);
    let mut out = [0; 512];
    let peer = PEER.parse().unwrap();
    let accept = |world: &mut World, out: &mut [u8]| world.server.accept_peer(relay, peer, world.now.at, out);
    assert_eq!(accept(&mut world, &mut out), Err(DropReason::NoPermission));
    world.permit(&anna, &[PEER]);

    let (connection, reply) = accept(&mut world, &mut out).unwrap();

    let attempt = Response(out[..reply.len].to_vec());
    assert_eq!((reply.five_tuple, attempt.message().method()), (anna.five_tuple, method::CONNECTION_ATTEMPT));
    assert_eq!(attempt.get::<XorPeerAddress>(), Some(peer_address(PEER)));
    assert_eq!(attempt.get(), Some(connection));
    assert_eq!(connect(&mut world, &anna, PEER), Err(446));
    let data = stream(&mut world, "203.0.113.7:4001");
    assert_eq!(bind(&mut world, &data, connection), Ok(connection));
}

/// Covers: RFC 6062 §5.4 (400), RFC 8656 §5 (441)
#[test]
fn a_connection_is_taken_once_by_a_stream_of_the_same_user() {
    let mut world = World::default();
    let anna = allocated(&mut world);
    let connection = connect(&mut world, &anna, PEER).unwrap();
    let data = stream(&mut world, "203.0.113.7:4001");
    assert_eq!(bind(&mut world, &data, connection), Err(400), "it is not there yet");
    connected(&mut world, connection, Ok(()));

    let boris = world.client_by(Transport::Tcp, BORIS, USERS[1]);
    assert_eq!(bind(&mut world, &boris, connection), Err(441));
    let datagrams = world.client("203.0.113.7:4002");
    assert_eq!(bind(&mut world, &datagrams, connection), Err(400));
    assert_eq!(bind(&mut world, &anna, connection), Err(400), "its connection has an allocation");
    assert_eq!(bind(&mut world, &data, ConnectionId(!connection.0)), Err(400));
    assert_eq!(bind(&mut world, &data, connection), Ok(connection));
    assert_eq!(bind(&mut world, &data, connection), Err(400), "once");
}

#[test]
fn connections_end_with_their_allocation() {
    let mut world = World::default();
    let anna = allocated(&mut world);
    let connection = connect(&mut world, &anna, PEER).unwrap();

    world.server.client_gone(&anna.five_tuple, world.now.at);

    let events = world.events();
    assert!(
        matches!(&events[..], [Event::ConnectionClosed(closed), Event::Freed(_)] if *closed == connection)
    );
    assert_eq!(connected(&mut world, connection, Ok(())), None);
    assert_eq!(world.server.poll_timeout(), None);
}

/// Covers: RFC 6062 §5.1 (400), §5 (Send indications are dropped)
#[test]
fn an_allocation_of_one_transport_does_not_relay_the_other() {
    let mut world = World::default();
    let tcp = stream(&mut world, BORIS);
    let with = |world: &mut World, add: &dyn Fn(&mut moim_stun::MessageBuilder<'_>)| {
        world.ask(&tcp, method::ALLOCATE, |builder| {
            builder.attribute(&RequestedTransport::TCP).unwrap();
            add(builder);
        })
    };
    assert_eq!(with(&mut world, &|builder| builder.attribute(&DontFragment).unwrap()).code(), 400);
    let even = EvenPort { reserve: false };
    assert_eq!(with(&mut world, &|builder| builder.attribute(&even).unwrap()).code(), 400);

    let anna = allocated(&mut world);
    world.permit(&anna, &[PEER]);
    assert_eq!(from_peer(&mut world, &anna, PEER, 1).unwrap_err(), DropReason::WrongTransport);
    let indication = world.send_indication(|builder| {
        builder.attribute(&peer_address(PEER)).unwrap();
        builder.attribute(&Data(b"x")).unwrap();
    });
    assert_eq!(to_peer(&mut world, &anna, &indication), Err(DropReason::WrongTransport));
    assert_eq!(world.bind_channel(&anna, 0x4000, PEER).code(), 400);

    let datagrams = world.client(ANNA);
    world.allocate(&datagrams);
    assert_eq!(connect(&mut world, &datagrams, PEER), Err(437));
    world.permit(&datagrams, &[PEER]);
    let relay = relay_of(&world, &datagrams, AddressFamily::Ipv4);
    let accepted = world.server.accept_peer(relay, PEER.parse().unwrap(), world.now.at, &mut [0; 512]);
    assert_eq!(accepted, Err(DropReason::WrongTransport));
}

#[test]
fn a_connection_of_another_shard_is_passed_on() {
    let shard = |own| World::of_shard(config(), Shards::new(2, ShardId(own)).unwrap());
    let (mut here, mut there) = (shard(0), shard(1));
    let anna = allocated(&mut there);
    let connection = connect(&mut there, &anna, PEER).unwrap();
    connected(&mut there, connection, Ok(()));
    let data = stream(&mut here, "203.0.113.7:4001");
    let request =
        here.signed(&data, method::CONNECTION_BIND, |builder| builder.attribute(&connection).unwrap());

    assert!(matches!(here.give(&data, &request).decision, FromClient::Elsewhere(ShardId(1))));
    assert!(matches!(there.give(&data, &request).decision, FromClient::Spliced { .. }));
}

/// Anybody can have sent it, and in anybody's name.
#[test]
fn a_datagram_that_names_a_connection_of_another_shard_is_not_passed_on() {
    let mut here = World::of_shard(config(), Shards::new(2, ShardId(0)).unwrap());
    let client = here.client(ANNA);
    let request =
        here.signed(&client, method::CONNECTION_BIND, |builder| builder.attribute(&ConnectionId(7)).unwrap());

    assert_eq!(here.give(&client, &request).response().code(), 400);
}
