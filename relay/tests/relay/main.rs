//! The relay over real sockets on loopback.

#![expect(clippy::unwrap_used, clippy::unwrap_in_result, reason = "helpers of tests")]
#![expect(clippy::wildcard_enum_match_arm, reason = "whatever else comes fails the test")]

mod client;
mod discovery;
mod streams;
mod tenant;

use client::{Client, Incoming, attribute, channel_data, error_code};
use moim_relay::{Listen, Relay, RelayAddress, RelayConfig, RelayDrop, Rest};
use moim_stun::attribute::XorMappedAddress;
use moim_stun::{Class, MessageBuilder, Method, Seal, TransactionId};
use moim_turn::attribute::{
    AdditionalAddressFamily, EvenPort, MobilityTicket, RequestedAddressFamily, XorRelayedAddress,
};
use moim_turn::auth::{Algorithms, Realm};
use moim_turn::policy::{PeerLists, PeerPolicy, RelayMode};
use moim_turn::quota;
use moim_turn::server::{Config, Request, ServerSecrets};
use moim_turn::{PerFamily, RealmId, ReservationToken};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Long enough for anything on one machine, however busy. Nothing waits that long unless it has failed.
const PATIENCE: Duration = Duration::from_secs(60);
/// Peers are where relayed addresses are not: what goes to those, and to ::1, is the process's own.
const PEERS: &str = "127.0.0.2:0";
const V4: &str = "127.0.0.1:0";
const V6: &str = "[::1]:0";

#[test]
fn a_binding_request_is_answered_from_the_address_it_was_sent_to() {
    for (listen, asked) in [("0.0.0.0:0", "127.0.0.3"), (V4, "127.0.0.1"), (V6, "::1")] {
        let relay = start(config(&[listen], 2));
        let server = SocketAddr::new(asked.parse().unwrap(), relay.local_addrs()[0].port());
        let client = Client::new(server);

        client.socket.send(&binding()).unwrap();

        let response = client.receive_bytes();
        let mapped = attribute::<XorMappedAddress>(&response).unwrap();
        assert_eq!(mapped.0, client.socket.local_addr().unwrap());
    }
}

/// Covers: RFC 8656 §11, §12
#[test]
fn data_goes_both_ways_by_indications_and_by_channels() {
    let relay = start(config(&[V4], 1));
    let (mut client, relayed) = Client::allocated(relay.local_addrs()[0]);
    let (peer, at) = peer();
    client.permit(at);

    client.send_indication(at, b"by indication");
    assert_eq!(receive(&peer), (b"by indication".to_vec(), relayed));
    peer.send_to(b"back", relayed).unwrap();
    assert_eq!(client.receive(), Incoming::Data(at, b"back".to_vec()));

    client.bind_channel(0x4001, at);
    client.send_channel(0x4001, b"by channel");
    assert_eq!(receive(&peer), (b"by channel".to_vec(), relayed));
    peer.send_to(b"back", relayed).unwrap();
    assert_eq!(client.receive(), Incoming::Channel(0x4001, b"back".to_vec()));

    // Clients of RFC 5766 have channels that RFC 8656 has given up.
    let (other, at) = self::peer();
    client.bind_channel(0x7001, at);
    client.send_channel(0x7001, b"by an old channel");
    assert_eq!(receive(&other), (b"by an old channel".to_vec(), relayed));

    let stranger = peer_at("127.0.0.4:0");
    stranger.send_to(b"from whom nothing is wanted", relayed).unwrap();
    peer.send_to(b"next", relayed).unwrap();
    assert_eq!(client.receive(), Incoming::Channel(0x4001, b"next".to_vec()));
}

#[test]
fn trains_arrive_whole_in_both_directions() {
    let relay = start(config(&[V4], 1));
    let (mut client, relayed) = Client::allocated(relay.local_addrs()[0]);
    let (peer, at) = peer();
    client.bind_channel(0x4001, at);

    // So many fit into the buffers of test sockets.
    let packets: Vec<Vec<u8>> =
        (0..50_u8).map(|number| vec![number; if number == 49 { 9 } else { 1_000 }]).collect();
    for packet in &packets {
        client.send_channel(0x4001, packet);
    }
    for packet in &packets {
        assert_eq!(receive(&peer), (packet.clone(), relayed));
    }
    for packet in &packets {
        peer.send_to(packet, relayed).unwrap();
    }
    for packet in &packets {
        assert_eq!(client.receive(), Incoming::Channel(0x4001, packet.clone()));
    }
}

/// Covers: RFC 8656 §7.2
#[test]
fn one_allocation_relays_both_address_families() {
    let relay = start(config(&[V6], 1));
    let mut client = Client::new(relay.local_addrs()[0]);

    let response = client.request(moim_turn::method::ALLOCATE, |builder| {
        builder.attribute(&moim_turn::attribute::RequestedTransport(17)).unwrap();
        builder.attribute(&AdditionalAddressFamily(2)).unwrap();
    });
    assert_eq!(error_code(&response), None);

    let relayed = addresses(&response);
    assert_eq!(relayed.len(), 2);
    let v6 = relayed.iter().find(|address| address.is_ipv6()).unwrap();
    let peer = peer_at("[::1]:0");
    // Whatever is on ::1 is the process's own; it takes a socket without permission to see what comes in.
    assert_eq!(v6.ip(), "::1".parse::<IpAddr>().unwrap());
    let (v4_peer, at) = self::peer();
    client.permit(at);
    client.send_indication(at, b"to IPv4");
    assert_eq!(receive(&v4_peer).0, b"to IPv4");
    peer.send_to(b"without permission", v6).unwrap();
    v4_peer.send_to(b"from IPv4", relayed.iter().find(|address| address.is_ipv4()).unwrap()).unwrap();
    assert_eq!(client.receive(), Incoming::Data(at, b"from IPv4".to_vec()));
}

#[test]
fn a_client_on_ipv6_has_a_relayed_address_of_ipv6() {
    let relay = start(config(&[V6], 1));
    let mut client = Client::new(relay.local_addrs()[0]);

    let relayed = client.allocate(|builder| builder.attribute(&RequestedAddressFamily(2)).unwrap()).unwrap();

    assert!(relayed.is_ipv6());
    let (mut other, other_relayed) = Client::allocated(relay.local_addrs()[0]);
    let other_v6 = other.refresh(0);
    assert_eq!(error_code(&other_v6), None);
    assert!(other_relayed.is_ipv4());
    let other_relayed =
        other.allocate(|builder| builder.attribute(&RequestedAddressFamily(2)).unwrap()).unwrap();
    client.bind_channel(0x4001, other_relayed);
    other.permit(relayed);
    client.send_channel(0x4001, b"over IPv6");
    assert_eq!(other.receive(), Incoming::Data(relayed, b"over IPv6".to_vec()));
}

/// Whatever shard the kernel homes each client on, packets between two relayed addresses never cross it.
#[test]
fn clients_reach_each_other_within_the_process() {
    for (mode, shards) in [(RelayMode::Internal, 1), (RelayMode::Internal, 3), (RelayMode::Range, 3)] {
        let mut config = config(&[V4], shards);
        config.turn = Arc::new(Config { relay: mode, ..Config::clone(&config.turn) });
        let relay = start(config);
        let mut clients: Vec<_> = (0..8).map(|_| Client::allocated(relay.local_addrs()[0])).collect();
        let addresses: Vec<_> = clients.iter().map(|(_, relayed)| *relayed).collect();

        for (client, _) in &mut clients {
            for (channel, address) in (0x4000..).zip(&addresses) {
                client.bind_channel(channel, *address);
            }
        }
        let data = |from: u8| vec![from; 100 + usize::from(from)];
        for (from, (client, _)) in (0..).zip(&clients) {
            for channel in (0x4000..).take(addresses.len()) {
                client.send_channel(channel, &data(from));
            }
        }
        for (to, (client, _)) in clients.iter().enumerate() {
            let mut arrived: Vec<_> = (0..addresses.len()).map(|_| client.receive()).collect();
            arrived.sort_by_key(|incoming| match incoming {
                Incoming::Channel(number, _) => *number,
                other => panic!("{other:?} at {to}"),
            });
            let expected: Vec<_> =
                (0..8_u8).map(|from| Incoming::Channel(0x4000 + u16::from(from), data(from))).collect();
            assert_eq!(arrived, expected, "{mode:?} on {shards} shards");
        }
    }
}

/// Covers: RFC 8656 §11.5
#[test]
fn an_unreachable_peer_is_told_about_and_disturbs_nothing() {
    let relay = start(config(&[V4], 1));
    let (mut client, relayed) = Client::allocated(relay.local_addrs()[0]);
    let (peer, at) = peer();
    let (_gone, gone) = deaf_peer();
    let nowhere: SocketAddr = "203.0.113.1:9".parse().unwrap();
    for peer in [at, gone, nowhere] {
        client.permit(peer);
    }
    client.bind_channel(0x4001, at);

    for round in 0..20_u8 {
        client.send_indication(gone, b"anybody there?");
        client.send_indication(nowhere, b"no route");
        client.send_channel(0x4001, &[round]);
        assert_eq!(receive(&peer), (vec![round], relayed));
    }
    peer.send_to(b"still here", relayed).unwrap();

    let mut errors = 0;
    loop {
        match client.receive() {
            Incoming::Channel(_, data) => {
                assert_eq!(data, b"still here");
                break;
            }
            Incoming::Icmp(at, 3, 3) => {
                assert_eq!(at, gone);
                errors += 1;
            }
            other => panic!("{other:?}"),
        }
    }
    assert!(errors > 0);
    assert_eq!(error_code(&client.refresh(600)), None);
}

#[test]
fn an_allocation_can_be_listed_and_kicked() {
    let relay = start(config(&[V4], 2));
    let (mut client, relayed) = Client::allocated(relay.local_addrs()[0]);
    let (mut other, _) = Client::allocated(relay.local_addrs()[0]);

    let listed = relay.allocations();
    assert_eq!(listed.len(), 2);
    let mine = listed.iter().find(|allocation| allocation.relayed.ipv4 == Some(relayed)).unwrap();
    assert_eq!(mine.five_tuple.client, client.socket.local_addr().unwrap());
    assert_eq!(&*mine.username, client::USERNAME);

    assert!(relay.kick(mine.shard, mine.id));
    assert!(!relay.kick(mine.shard, mine.id), "it is no more");
    assert_eq!(error_code(&client.refresh(600)), Some(437));
    assert_eq!(error_code(&other.refresh(600)), None);
    assert!(UdpSocket::bind(relayed).is_ok(), "its port is free");
}

#[test]
fn reload_and_drain_keep_what_there_is() {
    let config = config(&[V4], 2);
    let turn = Arc::clone(&config.turn);
    let relay = start(config);
    let (mut client, _) = Client::allocated(relay.local_addrs()[0]);
    let (peer, at) = peer();
    client.bind_channel(0x4001, at);

    let lists = PeerLists { deny: vec!["127.0.0.0/8".parse().unwrap()], ..lists() };
    relay.reload(&Arc::new(Config { peers: PeerPolicy::new(lists), ..Config::clone(&turn) })).unwrap();
    // A listing is answered after what was asked before.
    assert_eq!(relay.allocations().len(), 1);
    client.send_channel(0x4001, b"to a peer that is denied now");
    relay.reload(&turn).unwrap();
    assert_eq!(relay.allocations().len(), 1);
    client.bind_channel(0x4001, at);
    client.send_channel(0x4001, b"allowed");
    assert_eq!(receive(&peer).0, b"allowed");

    relay.drain().unwrap();
    assert_eq!(relay.allocations().len(), 1);
    assert_eq!(Client::new(relay.local_addrs()[0]).allocate(|_| {}), Err(508));
    assert_eq!(error_code(&client.refresh(600)), None);
}

#[test]
fn an_allocation_that_is_not_refreshed_expires_and_its_port_is_free() {
    let mut config = config(&[V4], 1);
    let short = Duration::from_millis(50);
    config.turn =
        Arc::new(Config { lifetime_default: short, lifetime_max: short, ..Config::clone(&config.turn) });
    let relay = start(config);
    let (_client, relayed) = Client::allocated(relay.local_addrs()[0]);

    within_reason(|| relay.allocations().is_empty());

    assert!(UdpSocket::bind(relayed).is_ok());
    within_reason(|| relay.counters()[0].turn.freed == 1 && relay.counters()[0].allocations == 0);
}

/// Covers: RFC 8656 §7.2
#[test]
fn an_even_port_is_followed_by_the_one_that_is_reserved() {
    let relay = start(config(&[V4], 3));
    let mut client = Client::new(relay.local_addrs()[0]);
    let response = client.request(moim_turn::method::ALLOCATE, |builder| {
        builder.attribute(&moim_turn::attribute::RequestedTransport(17)).unwrap();
        builder.attribute(&EvenPort { reserve: true }).unwrap();
    });
    assert_eq!(error_code(&response), None);
    let first = addresses(&response)[0];
    let token = attribute::<ReservationToken>(&response).unwrap();
    assert_eq!(first.port() % 2, 0);

    // Other clients are likely to be homed on other shards than the one that keeps the reservation.
    let redeemed = (0..8).map(|_| {
        let mut other = Client::new(relay.local_addrs()[0]);
        let result = other.allocate(|builder| builder.attribute(&token).unwrap());
        (other, result)
    });
    let mut results: Vec<_> = redeemed.collect();
    let (mut other, second) = results.remove(0);
    let second = second.unwrap();
    assert_eq!(second, SocketAddr::new(first.ip(), first.port() + 1));
    assert!(results.iter().all(|(_, result)| *result == Err(508)), "it is redeemed once");

    let (peer, at) = peer();
    other.bind_channel(0x4001, at);
    other.send_channel(0x4001, b"by a detour");
    assert_eq!(receive(&peer), (b"by a detour".to_vec(), second));
}

/// Covers: RFC 8016 §3.2
#[test]
fn a_client_whose_address_changes_keeps_its_allocation() {
    let relay = start(config(&[V4], 3));
    let (peer, at) = peer();
    for _ in 0..4 {
        let mut client = Client::new(relay.local_addrs()[0]);
        let response = client.request(moim_turn::method::ALLOCATE, |builder| {
            builder.attribute(&moim_turn::attribute::RequestedTransport(17)).unwrap();
            builder.attribute(&MobilityTicket(&[])).unwrap();
        });
        let relayed = addresses(&response)[0];
        let ticket = attribute::<MobilityTicket<'_>>(&response).unwrap().0.to_vec();
        client.bind_channel(0x4001, at);

        let mut moved = Client::new(relay.local_addrs()[0]);
        let response = moved.request(moim_turn::method::REFRESH, |builder| {
            builder.attribute(&MobilityTicket(&ticket)).unwrap();
        });
        assert_eq!(error_code(&response), None);

        moved.send_channel(0x4001, b"from elsewhere");
        assert_eq!(receive(&peer), (b"from elsewhere".to_vec(), relayed));
        peer.send_to(b"and back", relayed).unwrap();
        assert_eq!(moved.receive(), Incoming::Channel(0x4001, b"and back".to_vec()));
    }
}

#[test]
fn quotas_are_those_of_all_shards_together() {
    let mut config = config(&[V4], 3);
    config.quota.allocations_per_user_max = 4;
    let relay = start(config);
    let server = relay.local_addrs()[0];

    let mut clients: Vec<_> = (0..4).map(|_| Client::allocated(server)).collect();
    assert_eq!(Client::new(server).allocate(|_| {}), Err(486));
    assert_eq!(error_code(&clients[0].0.refresh(0)), None);
    assert!(Client::new(server).allocate(|_| {}).is_ok());
}

#[test]
fn who_proves_nothing_is_answered_within_a_budget() {
    let mut config = config(&[V4], 1);
    let mut turn = Config::clone(&config.turn);
    turn.unauthenticated.bytes_per_second = 1;
    turn.unauthenticated.burst_bytes = 1_000;
    config.turn = Arc::new(turn);
    let relay = start(config);
    let (mut known, _) = Client::allocated(relay.local_addrs()[0]);
    let client = Client::new(relay.local_addrs()[0]);

    for _ in 0..100 {
        client.socket.send(&binding()).unwrap();
    }

    within_reason(|| relay.counters()[0].dropped(RelayDrop::OverBudget) > 60);
    known.socket.send(&binding()).unwrap();
    assert!(
        attribute::<XorMappedAddress>(&known.receive_bytes()).is_some(),
        "who has an allocation is no stranger"
    );
    assert_eq!(error_code(&known.refresh(600)), None);
}

#[test]
fn what_is_no_protocol_of_ours_is_dropped_and_counted() {
    let relay = start(config(&[V4], 1));
    let (mut client, _) = Client::allocated(relay.local_addrs()[0]);
    let garbage: [&[u8]; 6] =
        [b"", b"\x80\x60rtp", b"\xff", b"\x01", &channel_data(0x4001, b"unbound"), &[0x40, 0, 0xff, 0xff]];

    for bytes in garbage {
        client.socket.send(bytes).unwrap();
    }

    assert_eq!(error_code(&client.refresh(600)), None);
    within_reason(|| relay.counters()[0].dropped(RelayDrop::UnknownProtocol) == 3);
    let counters = &relay.counters()[0];
    assert_eq!(counters.turn.succeeded(Request::Allocate), 1);
    assert!(counters.packets_received >= 8 && counters.sent.packets >= 3);
}

#[test]
fn a_port_that_is_taken_is_said_so() {
    let first = start(config(&[V4], 2));

    let second = Relay::start(config(&[&first.local_addrs()[0].to_string()], 2));

    assert!(matches!(second, Err(moim_relay::StartError::Listen { .. })));
    first.stop();
}

fn start(config: RelayConfig) -> Relay {
    Relay::start(config).unwrap()
}

fn config(listen: &[&str], shards: u16) -> RelayConfig {
    let mut realm = Realm::new(client::REALM, Algorithms::Sha256ThenMd5).unwrap();
    realm.add_user(client::USERNAME, client::PASSWORD).unwrap();
    let turn = Config {
        relay: RelayMode::Range,
        peers: PeerPolicy::new(lists()),
        ..Config::new(vec![Arc::new(realm)], ServerSecrets::new([1; 32], [2; 32]))
    };
    let own = |ip| Some(RelayAddress { bind: ip, advertised: ip });
    RelayConfig {
        listeners: listen
            .iter()
            .map(|address| Listen { address: address.parse().unwrap(), realm: RealmId::default() })
            .collect(),
        discovery: PerFamily::default(),
        shards,
        pin: false,
        rest: Rest { duration: Duration::from_micros(100), messages_min: 0 },
        relay_addresses: PerFamily { ipv4: own(relayed_ip()), ipv6: own(Ipv6Addr::LOCALHOST.into()) },
        relay_ports: 49_152..=65_535,
        dtls: None,
        turn: Arc::new(turn),
        quota: quota::Limits::default(),
        privacy: moim_wire::Privacy::default(),
    }
}

/// Where relayed addresses are: an address that no other process uses, so that a port that is free there stays free.
fn relayed_ip() -> IpAddr {
    let [_, high, middle, low] = std::process::id().to_be_bytes();
    Ipv4Addr::new(127, 128 | (high & 0x3f), middle, low).into()
}

fn lists() -> PeerLists {
    PeerLists {
        allow: vec!["127.0.0.0/8".parse().unwrap(), "203.0.113.0/24".parse().unwrap()],
        relayed: vec![relayed_ip(), Ipv6Addr::LOCALHOST.into()],
        ..PeerLists::default()
    }
}

fn binding() -> Vec<u8> {
    let mut buffer = [0; 64];
    let id = TransactionId([9; 12]);
    let builder = MessageBuilder::new(&mut buffer, Class::Request, Method::BINDING, id).unwrap();
    builder.finish(Seal::default()).unwrap().to_vec()
}

fn addresses(response: &[u8]) -> Vec<SocketAddr> {
    let message = moim_stun::Message::parse(response).unwrap();
    let id = message.transaction_id();
    let relayed = message.attributes().filter(|attribute| attribute.attribute_type.0 == 0x0016);
    relayed.map(|attribute| attribute.decode::<XorRelayedAddress>(id).unwrap().0).collect()
}

fn peer() -> (UdpSocket, SocketAddr) {
    let socket = peer_at(PEERS);
    let address = socket.local_addr().unwrap();
    (socket, address)
}

/// A peer that hears nobody: its port is its own, and whoever sends there is told that it cannot be reached.
fn deaf_peer() -> (UdpSocket, SocketAddr) {
    let (socket, address) = peer();
    // A connected socket takes nothing but what its one peer sends.
    socket.connect("127.0.0.2:9").unwrap();
    (socket, address)
}

fn peer_at(address: &str) -> UdpSocket {
    let socket = UdpSocket::bind(address).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket
}

fn receive(peer: &UdpSocket) -> (Vec<u8>, SocketAddr) {
    let mut buffer = vec![0; 65_536];
    let (len, from) = peer.recv_from(&mut buffer).expect("a packet arrives at the peer");
    (buffer[..len].to_vec(), from)
}

/// Waits for what happens soon; the limit only keeps a broken test from hanging.
fn within_reason(is_so: impl Fn() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < PATIENCE, "it does not happen");
        std::thread::sleep(Duration::from_millis(5));
    }
}
