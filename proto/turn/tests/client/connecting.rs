use super::net::{Net, address, asking};
use moim_turn::client::{Config, Event, SendError};
use moim_turn::server::{OUT_LEN_MAX, RelayedTransport};
use moim_turn::{AddressFamily, FiveTuple, RelayId, Transport};

const PEER: &str = "192.0.2.1:5000";

/// Covers: RFC 6062 §4.3
#[test]
fn a_connection_with_a_peer_is_made_and_taken_over() {
    let mut net = Net::calm();
    let host = net.allocated(asking_for_tcp());
    let now = net.now.at;
    net.hosts[host].client.connect(address(PEER), now).unwrap();
    net.until(host, |event| matches!(event, Event::Connected { .. }));
    let Event::Connected { peer, connection } = *net.hosts[host].last() else { panic!("it is connected") };
    assert_eq!(peer, address(PEER));

    let data = data_connection(&mut net, host, connection);
    net.until(data, |event| matches!(event, Event::Bound(_)));

    assert_eq!(*net.hosts[data].last(), Event::Bound(connection));
    assert_eq!(net.hosts[data].client.poll_timeout(), None);
    let sent = net.hosts[host].client.send(peer, b"x", net.now.at, &mut [0; 64]);
    assert_eq!(sent, Err(SendError::NotAllocated));
}

/// Covers: RFC 6062 §4.3
#[test]
fn a_second_connection_with_the_same_peer_is_refused() {
    let mut net = Net::calm();
    let host = net.allocated(asking_for_tcp());
    let now = net.now.at;
    net.hosts[host].client.connect(address(PEER), now).unwrap();
    net.hosts[host].client.connect(address(PEER), now).unwrap();

    net.until(host, |event| matches!(event, Event::NotConnected { .. }));

    assert!(net.hosts[host].had(|event| matches!(event, Event::Connected { .. })));
}

/// Covers: RFC 6062 §4.4
#[test]
fn a_peer_connects() {
    let mut net = Net::calm();
    let host = net.allocated(asking_for_tcp());
    let now = net.now.at;
    net.hosts[host].client.create_permission(address(PEER).ip(), now).unwrap();
    net.until(host, |event| matches!(event, Event::Permitted(_)));
    let allocation = net.driver.server.find(&net.hosts[host].five_tuple).unwrap();
    let relay = RelayId { allocation, family: AddressFamily::Ipv4 };
    let mut out = [0; OUT_LEN_MAX];
    let (connection, reply) = net.driver.server.accept_peer(relay, address(PEER), now, &mut out).unwrap();
    let handled = net.hosts[host].client.handle_input(&out[..reply.len], now);
    assert_eq!(handled, moim_turn::client::Handled::Taken);
    net.until(host, |event| matches!(event, Event::PeerConnected { .. }));

    let data = data_connection(&mut net, host, connection);
    net.until(data, |event| matches!(event, Event::Bound(_)));
}

/// A further connection of the host's to the server.
fn data_connection(net: &mut Net, host: usize, connection: moim_turn::ConnectionId) -> usize {
    let now = net.now.at;
    let client = net.hosts[host].client.data_connection(connection, now);
    let server = net.hosts[host].five_tuple.server;
    let five_tuple = FiveTuple::new(Transport::Tcp, address("203.0.113.7:4999"), server);
    net.add(client, five_tuple)
}

fn asking_for_tcp() -> Config {
    Config { relayed: RelayedTransport::Tcp, ..asking(Transport::Tcp) }
}
