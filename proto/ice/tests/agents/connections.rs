//! Candidates of TCP.

use super::nat::Behaviour;
use super::net::Net;
use moim_ice::{Ask, Config, ConnectionState, Event, FailureReason, Protocol, TcpType};
use std::net::SocketAddr;
use std::time::Duration;

fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

/// One that can only connect, and one that waits.
fn one_waits(controlling_waits: bool) -> Net {
    let mut net = Net::calm();
    let nat = net.nat(Behaviour::UdpBlocked);
    let (active_nat, passive_nat) = (Some(nat), None);
    let nats = if controlling_waits { [passive_nat, active_nat] } else { [active_nat, passive_nat] };
    for nat in nats {
        let host = net.usual_host(nat, Config::default());
        match nat {
            Some(_) => net.add_tcp(host, address("10.0.0.9:9"), TcpType::Active),
            None => net.add_tcp(host, address("192.0.2.50:443"), TcpType::Passive),
        }
    }
    net
}

/// Covers: RFC 6544 §4.1, §5.2, §6.2, §7.2
#[test]
fn where_datagrams_are_blocked_a_connection_helps() {
    for controlling_waits in [true, false] {
        let mut net = one_waits(controlling_waits);
        net.start();

        net.until_states(ConnectionState::Completed);

        for host in &net.hosts {
            let path = host.agent.selected().unwrap();
            assert_eq!(host.agent.route(path).unwrap().protocol, Protocol::Tcp);
        }
        assert!(net.send(0, b"one") && net.send(1, b"other"));
        net.run(Duration::from_secs(60));
        assert_eq!(net.hosts[1].data.last().unwrap().1, b"one");
        assert_eq!(net.hosts[0].data.last().unwrap().1, b"other");
        assert!(net.hosts.iter().all(|it| it.agent.connection_state() == ConnectionState::Completed));
    }
}

#[test]
fn a_connection_that_breaks_is_noticed_at_once() {
    let mut net = one_waits(true);
    net.start();
    net.until_states(ConnectionState::Completed);
    let route = *net.hosts[1].agent.route(net.hosts[1].agent.selected().unwrap()).unwrap();

    net.disconnect(1, route.local, route.remote);
    let now = net.now;
    net.hosts[1].agent.connection_closed(route.local, route.remote, now);

    for host in &net.hosts {
        assert_eq!(host.agent.selected(), None);
        assert!(host.agent.pairs().any(|pair| pair.failure() == Some(FailureReason::ConnectionLost)));
        assert_eq!(host.agent.connection_state(), ConnectionState::Disconnected);
    }
    net.until_states(ConnectionState::Failed);
}

#[test]
fn a_connection_that_cannot_be_opened_fails_its_pair() {
    let mut net = one_waits(true);
    net.is_cut = Box::new(|_, to| to == address("192.0.2.50:443"));
    net.start();

    net.until_states(ConnectionState::Failed);
    let lost = |pair: &moim_ice::PairStats<'_>| pair.failure() == Some(FailureReason::ConnectionLost);
    assert_eq!(net.hosts[1].agent.pairs().filter(lost).count(), 1);
}

/// Covers: RFC 6544 §4.2
#[test]
fn datagrams_are_preferred_where_they_arrive() {
    let mut net = Net::calm();
    for (number, tcp_type) in [(1, TcpType::Active), (2, TcpType::Passive)] {
        let host = net.usual_host(None, Config::default());
        net.add_tcp(host, SocketAddr::new([192, 0, 2, number].into(), 443), tcp_type);
    }
    net.start();
    net.until_states(ConnectionState::Completed);

    for host in &net.hosts {
        let path = host.agent.selected().unwrap();
        assert_eq!(host.agent.route(path).unwrap().protocol, Protocol::Udp);
    }
}

#[test]
fn connections_are_closed_with_the_agent() {
    let mut net = one_waits(false);
    net.start();
    net.until_states(ConnectionState::Completed);
    let now = net.now;

    net.hosts[0].agent.close(now);
    net.drain();

    assert!(net.hosts[0].had(|event| matches!(event, Event::Ask(Ask::Disconnect { local: Some(_), .. }))));
    assert_eq!(net.hosts[1].agent.selected(), None);
}

#[test]
fn a_stranger_who_connects_and_says_nothing_of_use_is_no_peer() {
    let mut net = one_waits(true);
    net.start();
    let (local, remote) = (address("192.0.2.50:443"), address("198.18.0.1:1000"));
    let now = net.now;
    let agent = &mut net.hosts[0].agent;
    assert_eq!(
        agent.connection_accepted(address("192.0.2.50:444"), remote, now),
        Err(moim_ice::Error::Unknown)
    );
    agent.connection_accepted(local, remote, now).unwrap();
    let bytes = b"GET / HTTP/1.1\r\n\r\n";
    let received = moim_ice::Received { local, remote, protocol: Protocol::Tcp, bytes };
    let dropped = moim_ice::Handled::Dropped(moim_ice::DropReason::UnknownPeer);
    assert_eq!(agent.handle_input(received, now), dropped);
}

#[test]
fn strangers_who_connect_and_wait_keep_nobody_out() {
    let mut net = one_waits(true);
    let (local, now) = (address("192.0.2.50:443"), net.now);
    for n in 0..200 {
        let stranger = SocketAddr::new([198, 18, 0, 2].into(), 1_000 + n);
        net.hosts[0].agent.connection_accepted(local, stranger, now).unwrap();
        net.drain();
    }
    let closed =
        net.hosts[0].events.iter().filter(|event| matches!(event, Event::Ask(Ask::Disconnect { .. })));
    assert_eq!(closed.count(), 200 - moim_ice::ACCEPTED_MAX);

    net.start();
    net.until_states(ConnectionState::Completed);
}

/// Covers: RFC 6544 §4.1, §6.2
#[test]
fn both_may_connect_at_once() {
    let mut net = Net::calm();
    for number in [1, 2] {
        let host = net.usual_host(None, Config::default());
        net.add_tcp(host, SocketAddr::new([192, 0, 2, number].into(), 443), TcpType::SimultaneousOpen);
    }
    let is_datagram = |address: SocketAddr| address.port() == 5_000;
    net.is_cut = Box::new(move |from, to| is_datagram(from) || is_datagram(to));
    net.start();

    net.until_states(ConnectionState::Completed);
    assert!(net.send(0, b"one") && net.send(1, b"other"));
    net.run(Duration::from_secs(60));
    assert_eq!(net.hosts[1].data.last().unwrap().1, b"one");
    assert_eq!(net.hosts[0].data.last().unwrap().1, b"other");
    assert!(net.hosts.iter().all(|host| host.agent.connection_state() == ConnectionState::Completed));
}
