//! Agents behind NATs, with and without a relay.

use super::nat::{Behaviour, can_meet};
use super::net::{Link, Net, relay_only};
use moim_ice::{
    CandidateKind, Config, ConnectionState, Event, FailureReason, Prefix, TransportPolicy, TurnTransport,
};
use std::collections::BTreeSet;
use std::time::Duration;

const ALL: [Option<Behaviour>; 6] = [
    None,
    Some(Behaviour::FullCone),
    Some(Behaviour::AddressRestricted),
    Some(Behaviour::PortRestricted),
    Some(Behaviour::Symmetric),
    Some(Behaviour::UdpBlocked),
];

fn between(one: Option<Behaviour>, other: Option<Behaviour>, link: Link, config: &Config) -> Net {
    let mut net = Net::new(link, 7);
    for behaviour in [one, other] {
        let nat = behaviour.map(|behaviour| net.nat(behaviour));
        let host = net.usual_host(nat, config.clone());
        net.use_stun(host);
    }
    net
}

/// Covers: RFC 8445 §2.1, §7.2.5.3
#[test]
fn holes_are_punched_where_nats_let_them() {
    for one in ALL {
        for other in ALL {
            let mut net = between(one, other, Link::default(), &Config::default());
            net.start();
            if can_meet(one, other) {
                net.until_states(ConnectionState::Completed);
                let (local, remote) = net.hosts[0].selected().unwrap();
                let (theirs, ours) = net.hosts[1].selected().unwrap();
                assert_eq!((local, remote), (ours, theirs), "{one:?} {other:?}");
            } else {
                net.until_states(ConnectionState::Failed);
                for host in &net.hosts {
                    assert!(host.agent.pairs().all(|pair| pair.failure() == Some(FailureReason::Timeout)));
                }
            }
        }
    }
}

/// Covers: RFC 8445 §5.1.1.2, RFC 8656 §11, §12
#[test]
fn a_relay_helps_where_nothing_else_does() {
    for transport in [TurnTransport::Udp, TurnTransport::Tcp, TurnTransport::Tls] {
        for other in ALL {
            let one =
                if transport == TurnTransport::Udp { Behaviour::Symmetric } else { Behaviour::UdpBlocked };
            if other == Some(Behaviour::UdpBlocked) {
                continue;
            }
            let mut net = between(Some(one), other, Link::default(), &Config::default());
            net.use_turn(0, transport);
            net.start();

            net.until_states(ConnectionState::Completed);
            net.run(Duration::from_secs(5));

            let is_relayed = !can_meet(Some(one), other);
            let pair = net.hosts[0].agent.pairs().find(|pair| pair.is_selected).unwrap();
            assert_eq!(pair.local.kind == CandidateKind::Relayed, is_relayed, "{transport:?} {other:?}");
            assert!(net.send(0, b"one") && net.send(1, b"three"));
            net.run(Duration::from_secs(1));
            assert_eq!(net.hosts[1].data.last().unwrap().1, b"one");
            assert_eq!(net.hosts[0].data.last().unwrap().1, b"three");
        }
    }
}

/// Covers: RFC 8656 §12
#[test]
fn data_by_a_relay_goes_by_a_channel_once_it_is_bound() {
    let mut net = between(None, Some(Behaviour::Symmetric), Link::default(), &relay_only());
    net.use_turn(0, TurnTransport::Udp);
    net.use_turn(1, TurnTransport::Udp);
    net.start();
    let mut indications = 0;
    net.until(|net| net.hosts[0].agent.selected().is_some());
    for _ in 0..100 {
        let path = net.hosts[0].agent.selected().unwrap();
        let route = net.hosts[0].agent.route(path).unwrap();
        indications += usize::from(route.prefix.len() > 4);
        assert!(route.overhead() <= Prefix::LEN_MAX + Prefix::PADDING_MAX);
        assert!(net.send(0, b"data of an odd length"));
        net.run(Duration::from_millis(10));
    }

    net.until_states(ConnectionState::Completed);
    assert!(indications > 0, "until it is bound");
    let path = net.hosts[0].agent.selected().unwrap();
    assert_eq!(net.hosts[0].agent.route(path).unwrap().prefix.len(), 4);
    assert!(net.hosts[1].data.iter().all(|(_, data)| data == b"data of an odd length"));
    assert!(net.hosts[1].data.len() > 95, "{}", net.hosts[1].data.len());
}

/// Covers: RFC 8828 §5.2
#[test]
fn who_wants_relayed_candidates_only_tells_no_other() {
    let mut net = between(None, Some(Behaviour::FullCone), Link::default(), &relay_only());
    net.use_turn(0, TurnTransport::Udp);
    net.use_turn(1, TurnTransport::Udp);
    net.start();
    net.until_states(ConnectionState::Completed);

    for host in &net.hosts {
        for event in &host.events {
            if let Event::LocalCandidate(candidate) = event {
                assert_eq!((candidate.kind, candidate.related), (CandidateKind::Relayed, None));
            }
        }
        assert!(host.agent.pairs().all(|pair| pair.local.kind == CandidateKind::Relayed));
    }
}

#[test]
fn who_wants_relayed_candidates_only_does_not_answer_elsewhere() {
    let mut net = Net::calm();
    let anna = net.usual_host(None, Config::default());
    let boris = net.usual_host(None, Config { policy: TransportPolicy::Relay, ..Config::default() });
    net.start();
    // Anna guesses the address.
    let mut host = net.hosts[anna].agent.local_candidates().next().unwrap().clone();
    host.address = net.hosts[boris].sockets[0].into();
    host.ufrag = None;
    net.hosts[anna].agent.add_remote_candidate(host, net.now).unwrap();

    net.until(|net| net.hosts[anna].agent.connection_state() == ConnectionState::Failed);
    assert!(net.hosts[boris].dropped > 0);
}

#[test]
fn a_relay_that_does_not_let_the_peer_through_says_so() {
    // The policy of the server allows no private addresses.
    let mut net = Net::calm();
    let nat = net.nat(Behaviour::UdpBlocked);
    let anna = net.usual_host(None, relay_only());
    net.use_turn(anna, TurnTransport::Udp);
    net.usual_host(Some(nat), Config::default());
    net.start();

    net.until(|net| net.hosts[anna].agent.connection_state() == ConnectionState::Failed);
    let failures: Vec<_> = net.hosts[anna].agent.pairs().map(|pair| pair.failure()).collect();
    assert_eq!(failures, [Some(FailureReason::NotPermitted)]);
}

#[test]
fn a_server_that_does_not_answer_is_an_error_of_candidates_and_no_more() {
    let mut net = between(None, None, Link::default(), &Config::default());
    net.use_turn(0, TurnTransport::Udp);
    net.server.is_up = false;
    net.start();

    net.until_states(ConnectionState::Completed);
    net.run(Duration::from_secs(60));
    for (host, errors) in [(0, 2), (1, 1)] {
        let is_it = |event: &&Event| matches!(event, Event::LocalCandidateError { code: 701, .. });
        assert_eq!(net.hosts[host].events.iter().filter(is_it).count(), errors);
        assert_eq!(net.hosts[host].agent.connection_state(), ConnectionState::Completed);
    }
}

/// Covers: RFC 8445 §5.1.1.3
#[test]
fn relays_that_are_reached_in_different_ways_do_not_wait_for_each_other() {
    let mut net =
        between(Some(Behaviour::Symmetric), Some(Behaviour::Symmetric), Link::default(), &Config::default());
    net.use_turn(0, TurnTransport::Udp);
    net.use_turn(0, TurnTransport::Tcp);
    net.start();
    net.until_states(ConnectionState::Completed);

    let mut foundations = BTreeSet::new();
    for event in &net.hosts[0].events {
        if let Event::LocalCandidate(candidate) = event
            && candidate.kind == CandidateKind::Relayed
        {
            foundations.insert(candidate.foundation);
        }
    }
    assert_eq!(foundations.len(), 4, "of IPv4 and of IPv6, over UDP and over TCP");
}

/// Covers: RFC 8445 §5.1.1.4
#[test]
fn allocations_are_given_back_at_the_end() {
    let mut net =
        between(Some(Behaviour::Symmetric), Some(Behaviour::Symmetric), Link::default(), &Config::default());
    for (host, transport) in [(0, TurnTransport::Udp), (1, TurnTransport::Tcp)] {
        net.use_turn(host, transport);
    }
    net.start();
    net.until_states(ConnectionState::Completed);
    assert_eq!(net.server.world.server.allocation_count(), 2);

    for host in 0..2 {
        let now = net.now;
        net.hosts[host].agent.close(now);
    }
    net.run(Duration::from_secs(2));
    assert_eq!(net.server.world.server.allocation_count(), 0);
    for host in &net.hosts {
        assert_eq!(host.agent.poll_timeout(), None);
        assert_eq!(host.agent.connection_state(), ConnectionState::Closed);
    }
}

#[test]
fn a_relayed_call_goes_on_for_hours() {
    let link = Link { lost_percent: 2, ..Link::default() };
    let mut net = between(Some(Behaviour::Symmetric), Some(Behaviour::Symmetric), link, &Config::default());
    net.use_turn(0, TurnTransport::Udp);
    net.start();
    net.until_states(ConnectionState::Completed);

    for _ in 0..60 {
        net.run(Duration::from_secs(60));
        assert!(net.send(0, b"still there"));
    }
    for host in &net.hosts {
        assert_eq!(host.agent.connection_state(), ConnectionState::Completed);
        assert!(!host.had(|event| *event == Event::ConnectionState(ConnectionState::Failed)));
    }
    assert!(net.hosts[1].data.len() > 50);
}

/// Covers: RFC 8445 §9, RFC 8656 §9
#[test]
fn a_relayed_call_restarts_by_the_same_allocation() {
    let symmetric = Some(Behaviour::Symmetric);
    let mut net = between(symmetric, symmetric, Link::default(), &Config::default());
    net.use_turn(0, TurnTransport::Udp);
    net.start();
    net.until_states(ConnectionState::Completed);
    let (relayed, _) = net.hosts[0].selected().unwrap();

    for _ in 0..3 {
        let before = net.hosts[0].agent.selected();
        net.restart(0);
        net.restart(1);
        net.run(Duration::from_secs(60));
        assert!(net.hosts.iter().all(|host| host.agent.connection_state() == ConnectionState::Completed));
        assert_ne!(net.hosts[0].agent.selected(), before);
        assert_eq!(net.hosts[0].selected().unwrap().0, relayed);
        assert!(net.send(0, b"to and") && net.send(1, b"fro"));
        net.run(Duration::from_secs(1));
        assert_eq!(net.hosts[1].data.pop().unwrap().1, b"to and");
        assert_eq!(net.hosts[0].data.pop().unwrap().1, b"fro");
    }
    assert_eq!(net.server.world.server.allocation_count(), 1);
}

/// Covers: RFC 8016 §3.2
#[test]
fn an_allocation_follows_when_the_nat_forgets() {
    let symmetric = Some(Behaviour::Symmetric);
    let mut net = between(symmetric, symmetric, Link::default(), &Config::default());
    net.use_turn(0, TurnTransport::Udp);
    net.start();
    net.until_states(ConnectionState::Completed);
    let (relayed, _) = net.hosts[0].selected().unwrap();

    net.nats[0].forget();
    // Until the client notices, by its next Refresh, consent ends. A restart has it look at once.
    net.restart(0);
    net.restart(1);
    net.run(Duration::from_secs(20));
    assert_eq!(net.hosts[0].selected().map(|(local, _)| local), Some(relayed));
    assert!(net.hosts.iter().all(|host| host.agent.connection_state() == ConnectionState::Completed));
    assert_eq!(net.server.world.server.allocation_count(), 1);
}

#[test]
fn a_nat_may_forget_more_often_than_there_is_room_for_what_it_forgot() {
    for role_of_public in [0, 1] {
        let behaviours = if role_of_public == 0 {
            [None, Some(Behaviour::PortRestricted)]
        } else {
            [Some(Behaviour::PortRestricted), None]
        };
        let mut net = between(behaviours[0], behaviours[1], Link::default(), &Config::default());
        net.start();
        net.until_states(ConnectionState::Completed);

        for _ in 0..150 {
            net.nats[0].forget();
            net.run(Duration::from_secs(60));
        }

        let is_up = |state| matches!(state, ConnectionState::Connected | ConnectionState::Completed);
        assert!(net.hosts.iter().all(|host| is_up(host.agent.connection_state())), "{}", net.report());
    }
}
