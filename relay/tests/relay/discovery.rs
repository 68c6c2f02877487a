//! NAT behaviour discovery, on two loopback addresses.

use crate::client::{Client, error_code};
use crate::{V4, attribute, config, start};
use moim_relay::{Discovery, Listen, Relay, RelayConfig, RelayDrop};
use moim_stun::attribute::XorMappedAddress;
use moim_stun::discovery::{
    ChangeRequest, Disclosure, Endpoint, Endpoints, OtherAddress, ResponseOrigin, ResponsePort, ServerConfig,
};
use moim_stun::{Class, MessageBuilder, Method, Seal, TransactionId};
use moim_turn::server::Config;
use moim_turn::{PerFamily, RealmId};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

/// A port where nobody waits (RFC 863).
const DISCARD: u16 = 9;
const WITHIN_REASON: Duration = Duration::from_secs(60);

/// Two addresses that no other process uses, since 127.0.0.0/8 has more of them than there are processes; and ports that no
/// other test uses there.
fn endpoints() -> Endpoints {
    static NEXT_PORT: AtomicU16 = AtomicU16::new(3478);
    let [_, high, middle, low] = std::process::id().to_be_bytes();
    let ip = |side: u8| IpAddr::from(Ipv4Addr::new(127, 64 | side | (high & 0x3f), middle, low));
    let port = NEXT_PORT.fetch_add(2, Ordering::Relaxed);
    Endpoints::new(SocketAddr::new(ip(0), port), SocketAddr::new(ip(0x80), port + 1)).unwrap()
}

fn serving(endpoints: Endpoints, shards: u16) -> RelayConfig {
    let server = ServerConfig { endpoints, disclosure: Disclosure::Always };
    let primary = Listen { address: endpoints.address(Endpoint::default()), realm: RealmId::default() };
    RelayConfig {
        listeners: vec![primary],
        discovery: PerFamily { ipv4: Some(Discovery { server, local: endpoints }), ipv6: None },
        ..config(&[], shards)
    }
}

fn request(fill: impl Fn(&mut MessageBuilder<'_>)) -> Vec<u8> {
    let mut buffer = [0; 128];
    let id = TransactionId([7; 12]);
    let mut builder = MessageBuilder::new(&mut buffer, Class::Request, Method::BINDING, id).unwrap();
    fill(&mut builder);
    builder.finish(Seal::default()).unwrap().to_vec()
}

fn client() -> UdpSocket {
    let socket = UdpSocket::bind(V4).unwrap();
    socket.set_read_timeout(Some(WITHIN_REASON)).unwrap();
    socket
}

fn receive(socket: &UdpSocket) -> (Vec<u8>, SocketAddr) {
    let mut buffer = [0; 2048];
    let (len, from) = socket.recv_from(&mut buffer).expect("a response comes");
    (buffer[..len].to_vec(), from)
}

fn sum(relay: &Relay, count: impl Fn(&moim_relay::ShardCounters) -> u64) -> u64 {
    relay.counters().iter().map(count).sum()
}

/// Every endpoint is asked for every other, by clients that the kernel homes on whatever shard.
///
/// Covers: RFC 5780 §6.1
#[test]
fn responses_leave_from_the_endpoint_that_is_asked_for() {
    for shards in [1, 2] {
        let endpoints = endpoints();
        let relay = start(serving(endpoints, shards));
        assert_eq!(relay.local_addrs().len(), 4);
        for asked in Endpoint::ALL {
            for change in [(false, false), (false, true), (true, false), (true, true)] {
                let (ip, port) = change;
                let from =
                    endpoints.address(Endpoint { ip: asked.ip.changed(ip), port: asked.port.changed(port) });
                let other = endpoints.address(Endpoint { ip: asked.ip.other(), port: asked.port.other() });
                for _ in 0..4 {
                    let socket = client();
                    let message = request(|builder| {
                        builder.attribute(&ChangeRequest { ip, port }).unwrap();
                    });
                    socket.send_to(&message, endpoints.address(asked)).unwrap();

                    let (response, origin) = receive(&socket);

                    assert_eq!(origin, from, "{asked:?}, {change:?}");
                    assert_eq!(attribute::<ResponseOrigin>(&response).unwrap().0, from);
                    assert_eq!(attribute::<OtherAddress>(&response).unwrap().0, other);
                    let XorMappedAddress(mapped) = attribute(&response).unwrap();
                    assert_eq!(mapped, socket.local_addr().unwrap());
                }
            }
        }
        crate::within_reason(|| sum(&relay, |shard| shard.binding.successes) == 64);
        crate::within_reason(|| sum(&relay, |shard| shard.discovery.from_elsewhere) == 48);
    }
}

/// Covers: RFC 5780 §7.5
#[test]
fn a_response_goes_to_the_port_that_is_asked_for() {
    let endpoints = endpoints();
    let relay = start(serving(endpoints, 2));
    let (asking, waiting) = (client(), client());
    let port = waiting.local_addr().unwrap().port();

    let message = request(|builder| builder.attribute(&ResponsePort(port)).unwrap());
    asking.send_to(&message, endpoints.address(Endpoint::default())).unwrap();

    let (response, _) = receive(&waiting);
    let XorMappedAddress(mapped) = attribute(&response).unwrap();
    assert_eq!(mapped, asking.local_addr().unwrap());
    crate::within_reason(|| sum(&relay, |shard| shard.discovery.to_other_port) == 1);
}

/// Covers: RFC 5780 §6.1
#[test]
fn a_relay_without_discovery_refuses_to_change_its_address() {
    let relay = start(config(&[V4], 1));
    let socket = client();
    let message = request(|builder| builder.attribute(&ChangeRequest { ip: true, port: true }).unwrap());

    socket.send_to(&message, relay.local_addrs()[0]).unwrap();

    assert_eq!(error_code(&receive(&socket).0), Some(420));
}

/// Whoever forges sources gets no more by asking for another way, and whoever has an allocation speaks for its own port alone.
#[test]
fn responses_that_go_another_way_are_within_the_budget_of_strangers() {
    for is_known in [false, true] {
        let endpoints = endpoints();
        let server = endpoints.address(Endpoint::default());
        let mut config = serving(endpoints, 1);
        let mut turn = Config::clone(&config.turn);
        turn.unauthenticated.bytes_per_second = 1;
        turn.unauthenticated.burst_bytes = 1_000;
        config.turn = Arc::new(turn);
        let relay = start(config);
        let (known, stranger) = (Client::allocated(server).0, Client::new(server));
        let client = if is_known { known } else { stranger };
        let message = request(|builder| {
            if is_known {
                builder.attribute(&ResponsePort(DISCARD)).unwrap();
            }
            builder.attribute(&ChangeRequest { ip: true, port: true }).unwrap();
        });

        for _ in 0..100 {
            client.socket.send(&message).unwrap();
        }

        crate::within_reason(|| relay.counters()[0].dropped(RelayDrop::OverBudget) > 60);
    }
}
