//! Who decides, and how.

use super::net::{Link, Net};
use moim_ice::{Config, ConnectionState, Event, IceRole, Nomination};
use std::time::Duration;

fn with_roles(roles: [IceRole; 2], link: Link, seed: u64) -> Net {
    let mut net = Net::new(link, seed);
    for role in roles {
        let host = net.usual_host(None, Config::default());
        let now = net.now;
        net.hosts[host].agent.set_role(role, now);
    }
    net
}

/// Covers: RFC 8445 §7.3.1.1, §7.2.5.1
#[test]
fn two_of_one_role_end_with_two_roles() {
    for role in [IceRole::Controlling, IceRole::Controlled] {
        for seed in 0..30 {
            let link = Link { lost_percent: 15, jitter_ms: 60, ..Link::default() };
            let mut net = with_roles([role; 2], link, seed);
            net.start();
            net.until_states(ConnectionState::Completed);
            net.run(Duration::from_secs(10));

            assert_ne!(net.hosts[0].agent.role(), net.hosts[1].agent.role());
            let (local, remote) = net.hosts[0].selected().unwrap();
            assert_eq!(net.hosts[1].selected(), Some((remote, local)));
            assert!(net.hosts.iter().any(|host| host.had(|event| matches!(event, Event::RoleChanged(_)))));
        }
    }
}

/// Covers: RFC 8445 §8.1.1
#[test]
fn an_agent_that_nominates_every_pair_is_understood() {
    for seed in 0..20 {
        let mut net = Net::new(Link { jitter_ms: 100, lost_percent: 10, ..Link::default() }, seed);
        let anna = net.usual_host(None, Config { nomination: Nomination::Aggressive, ..Config::default() });
        let boris = net.usual_host(None, Config::default());
        net.bind(anna, "192.0.2.30:7000".parse().unwrap());
        net.bind(boris, "192.0.2.40:7000".parse().unwrap());
        net.start();
        net.until_states(ConnectionState::Completed);
        net.run(Duration::from_secs(40));

        let (local, remote) = net.hosts[anna].selected().unwrap();
        assert_eq!(net.hosts[boris].selected(), Some((remote, local)), "{}", net.report());
    }
}

/// Covers: RFC 8445 §2.5, §6.1.1, §7.3.2
#[test]
fn a_lite_agent_only_answers() {
    for lite in 0..2 {
        let mut net = Net::calm();
        for host in 0..2 {
            net.usual_host(None, Config { lite: host == lite, ..Config::default() });
        }
        net.start();
        net.until_states(ConnectionState::Completed);
        net.run(Duration::from_secs(120));

        assert_eq!(net.hosts[lite].agent.role(), IceRole::Controlled);
        assert_eq!(net.hosts[1 - lite].agent.role(), IceRole::Controlling);
        assert!(net.hosts.iter().all(|it| it.agent.connection_state() == ConnectionState::Completed));
        let sent: u64 = net.hosts[lite].agent.pairs().map(|pair| pair.traffic.requests_sent).sum();
        assert_eq!(sent, 0);
        assert!(net.send(0, b"x") && net.send(1, b"y"));
        net.run(Duration::from_secs(1));
        assert!(net.hosts.iter().all(|host| !host.data.is_empty()));

        // The full one is gone: the lite one notices.
        net.is_cut = Box::new(|_, _| true);
        net.run(Duration::from_secs(60));
        assert_eq!(net.hosts[lite].agent.connection_state(), ConnectionState::Failed);
    }
}

#[test]
fn two_lite_agents_do_not_connect() {
    let mut net = Net::calm();
    net.usual_host(None, Config { lite: true, ..Config::default() });
    net.usual_host(None, Config { lite: true, ..Config::default() });
    net.start();

    net.until_states(ConnectionState::Failed);
}

#[test]
fn a_much_better_pair_is_nominated_later_if_the_peer_can_do_that() {
    for renomination in [true, false] {
        let mut net = Net::calm();
        let anna = net.usual_host(None, Config { renomination, ..Config::default() });
        net.usual_host(None, Config::default());
        net.use_turn(anna, moim_ice::TurnTransport::Udp);
        // At first, nothing goes directly.
        net.is_cut = Box::new(|from, to| {
            let is_host = |it: std::net::SocketAddr| it.ip().to_string().starts_with("192.0.2.");
            is_host(from) && is_host(to)
        });
        net.start();
        net.until_states(ConnectionState::Completed);
        net.is_cut = Box::new(|_, _| false);
        net.run(Duration::from_secs(40));

        let is_direct = net.hosts[0].selected() == Some((net.hosts[0].sockets[0], net.hosts[1].sockets[0]));
        assert_eq!(is_direct, renomination);
        let (local, remote) = net.hosts[0].selected().unwrap();
        assert_eq!(net.hosts[1].selected(), Some((remote, local)));
    }
}
