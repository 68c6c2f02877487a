//! Any two places, any weather, any servers: what must hold wherever agents are.

use super::nat::{Behaviour, can_meet};
use super::net::{Link, Net};
use moim_ice::{
    Config, ConnectionState, EVENTS_MAX, Event, FailureReason, IceRole, Nomination, PAIRS_MAX, PairState,
    TransportPolicy, TurnTransport,
};
use proptest::prelude::*;
use std::time::Duration;

/// Where a host is, and what it has.
#[derive(Clone, Debug)]
struct Place {
    nat: Option<Behaviour>,
    second_address: bool,
    ipv6: bool,
    turn: Option<TurnTransport>,
    relay_only: bool,
    role: IceRole,
    aggressive: bool,
    /// Whether its last word, that there are no more candidates, is said.
    late_ms: u64,
}

fn nat() -> impl Strategy<Value = Option<Behaviour>> {
    prop_oneof![
        Just(None),
        Just(Some(Behaviour::FullCone)),
        Just(Some(Behaviour::AddressRestricted)),
        Just(Some(Behaviour::PortRestricted)),
        Just(Some(Behaviour::Symmetric)),
        Just(Some(Behaviour::UdpBlocked)),
    ]
}

fn place() -> impl Strategy<Value = Place> {
    let turn = prop_oneof![
        2 => Just(None),
        1 => Just(Some(TurnTransport::Udp)),
        1 => Just(Some(TurnTransport::Tcp)),
        1 => Just(Some(TurnTransport::Tls)),
    ];
    let role = prop_oneof![Just(IceRole::Controlling), Just(IceRole::Controlled)];
    let rest =
        (any::<bool>(), any::<bool>(), turn, prop::bool::weighted(0.2), role, any::<bool>(), 0..3_000_u64);
    (nat(), rest).prop_map(|(nat, (second_address, ipv6, turn, relay_only, role, aggressive, late_ms))| {
        // Private addresses of both families lie behind one NAT; IPv6 here is what everybody reaches.
        let ipv6 = ipv6 && nat != Some(Behaviour::UdpBlocked);
        Place { nat, second_address, ipv6, turn, relay_only, role, aggressive, late_ms }
    })
}

fn settle(net: &mut Net, place: &Place) {
    let nomination = if place.aggressive { Nomination::Aggressive } else { Nomination::Regular };
    let policy = if place.relay_only { TransportPolicy::Relay } else { TransportPolicy::All };
    let nat = place.nat.map(|behaviour| net.nat(behaviour));
    let host = net.usual_host(nat, Config { nomination, policy, ..Config::default() });
    let now = net.now;
    net.hosts[host].agent.set_role(place.role, now);
    let first = net.hosts[host].sockets[0];
    if place.second_address {
        net.bind(host, std::net::SocketAddr::new(first.ip(), 5_001));
    }
    if place.ipv6 {
        let ip = [0x2001, 0xdb8, 0, 0, 0, 0, 0, if host == 0 { 1 } else { 2 }];
        net.bind_public(host, std::net::SocketAddr::new(ip.into(), 5_002));
    }
    net.use_stun(host);
    if let Some(transport) = place.turn {
        net.use_turn(host, transport);
    }
}

/// Whether there is a way, going by RFC 4787 and what the server relays to.
fn is_there_a_way(one: &Place, other: &Place) -> bool {
    let relays = |place: &Place| {
        place.turn.is_some_and(|transport| {
            transport != TurnTransport::Udp || place.nat != Some(Behaviour::UdpBlocked)
        })
    };
    let reaches_relay = |place: &Place| !place.relay_only && place.nat != Some(Behaviour::UdpBlocked);
    if (relays(one) && relays(other))
        || (relays(one) && reaches_relay(other))
        || (relays(other) && reaches_relay(one))
    {
        return true;
    }
    if one.relay_only || other.relay_only {
        return false;
    }
    (one.ipv6 && other.ipv6) || can_meet(one.nat, other.nat)
}

fn check(net: &Net) {
    for host in &net.hosts {
        assert!(host.agent.pairs().count() <= PAIRS_MAX);
        assert!(host.events.len() <= EVENTS_MAX);
        assert_eq!(host.agent.counters().events_lost, 0);
        assert!(host.agent.pairs().filter(|pair| pair.is_selected).count() <= 1);
        for pair in host.agent.pairs().filter(|pair| pair.is_selected) {
            assert_eq!(pair.state, PairState::Succeeded);
            assert!(host.agent.route(pair.path).is_some());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    /// Where there is a way, both sides end on the same pair with different roles, and data arrives. Where there is none, every pair
    /// has a reason.
    #[test]
    fn there_is_a_way_or_a_reason(
        one in place(),
        other in place(),
        seed: u64,
        lost_percent in 0..8_u32,
        doubled_percent in 0..30_u32,
        delay_ms in 0..120_u32,
        jitter_ms in 0..120_u32,
    ) {
        let mut net = Net::new(Link { lost_percent, doubled_percent, delay_ms, jitter_ms }, seed);
        settle(&mut net, &one);
        settle(&mut net, &other);
        net.start_late([one.late_ms, other.late_ms]);
        if is_there_a_way(&one, &other) {
            net.until_states(ConnectionState::Completed);
            net.run(Duration::from_secs(30));
            net.until_states(ConnectionState::Completed);
            check(&net);
            let (local, remote) = net.hosts[0].selected().unwrap();
            prop_assert_eq!(net.hosts[1].selected(), Some((remote, local)), "{}", net.report());
            prop_assert_ne!(net.hosts[0].agent.role(), net.hosts[1].agent.role());
            for _ in 0..20 {
                prop_assert!(net.send(0, b"to and") && net.send(1, b"fro"));
            }
            net.run(Duration::from_secs(2));
            prop_assert!(net.hosts[1].data.iter().any(|(_, data)| data == b"to and"));
            prop_assert!(net.hosts[0].data.iter().any(|(_, data)| data == b"fro"));
        } else {
            net.until_states(ConnectionState::Failed);
            check(&net);
            for host in &net.hosts {
                prop_assert_eq!(host.agent.selected(), None);
                prop_assert!(host.agent.pairs().all(|pair| pair.failure().is_some()), "{}", net.report());
            }
        }
    }

    /// Restarts, addresses that come and go, cuts and NATs that forget: at the end of it, a restart mends everything.
    #[test]
    fn whatever_happens_a_restart_mends_it(
        doings in prop::collection::vec((0..8_u8, 0..2_usize, 1..20_000_u64), 1..12),
        seed: u64,
        lost_percent in 0..5_u32,
    ) {
        let mut net = Net::new(Link { lost_percent, jitter_ms: 50, ..Link::default() }, seed);
        let nat = net.nat(Behaviour::PortRestricted);
        net.usual_host(Some(nat), Config::default());
        net.usual_host(None, Config::default());
        for host in 0..2 {
            net.use_stun(host);
            net.use_turn(host, TurnTransport::Udp);
        }
        net.start();
        let mut port = 7_000;
        for (doing, host, wait_ms) in doings {
            let first = net.hosts[host].sockets.first().copied();
            match doing {
                0 => net.restart(host),
                1 | 2 => {
                    port += 1;
                    let ip = if host == 0 { [10, 0, 0, 1] } else { [192, 0, 2, 2] };
                    if net.hosts[host].sockets.len() < 4 {
                        net.bind(host, std::net::SocketAddr::new(ip.into(), port));
                    }
                }
                3 => {
                    if let Some(first) = first {
                        net.unbind(host, first);
                    }
                }
                4 => net.nats[nat].forget(),
                5 => net.is_cut = Box::new(|_, _| true),
                6 => net.is_cut = Box::new(|_, _| false),
                _ => {
                    net.send(host, b"whatever");
                }
            }
            net.run(Duration::from_millis(wait_ms));
            check_bounds(&net);
        }
        net.is_cut = Box::new(|_, _| false);
        for (host, ip) in [(0, [10, 0, 0, 1]), (1, [192, 0, 2, 2])] {
            if net.hosts[host].sockets.is_empty() {
                net.bind(host, std::net::SocketAddr::new(ip.into(), 8_000));
            }
        }
        net.restart(0);
        net.restart(1);
        net.run(Duration::from_secs(60));
        net.until_states(ConnectionState::Completed);
        net.run(Duration::from_secs(15));
        for host in &mut net.hosts {
            host.data.clear();
        }
        for _ in 0..20 {
            prop_assert!(net.send(0, b"to and") && net.send(1, b"fro"));
        }
        net.run(Duration::from_secs(2));
        prop_assert!(net.hosts.iter().all(|host| !host.data.is_empty()), "{}", net.report());
        let (local, remote) = net.hosts[0].selected().unwrap();
        prop_assert_eq!(net.hosts[1].selected(), Some((remote, local)), "{}", net.report());
        prop_assert_ne!(net.hosts[0].agent.role(), net.hosts[1].agent.role());
    }
}

fn check_bounds(net: &Net) {
    for host in &net.hosts {
        assert!(host.agent.pairs().count() <= PAIRS_MAX);
        assert_eq!(host.agent.counters().events_lost, 0);
        let is_reasoned = |event: &Event| !matches!(event, Event::LocalCandidateError { reason: "", .. });
        assert!(host.events.iter().all(is_reasoned));
        for pair in host.agent.pairs() {
            assert!(!pair.is_selected || pair.failure() != Some(FailureReason::ConsentExpired));
        }
    }
}
