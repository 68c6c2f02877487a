//! Restarts, and addresses that come and go.

use super::nat::Behaviour;
use super::net::Net;
use moim_ice::{Config, ConnectionState, Event, FailureReason, IceRole, TurnTransport};
use std::time::Duration;

fn connected() -> Net {
    let mut net = Net::calm();
    net.usual_host(None, Config::default());
    net.usual_host(None, Config::default());
    net.start();
    net.until_states(ConnectionState::Completed);
    net
}

/// Covers: RFC 8445 §9
#[test]
fn the_old_path_carries_data_until_the_new_one_is_chosen() {
    let mut net = connected();
    let old = net.hosts[0].agent.selected().unwrap();
    let old_ufrag = net.hosts[0].agent.local_credentials().ufrag().to_owned();

    net.restart(0);
    assert_ne!(net.hosts[0].agent.local_credentials().ufrag(), old_ufrag);
    net.run(Duration::from_secs(120));
    // The other side has not answered: nothing has changed.
    assert_eq!(net.hosts[0].agent.selected(), Some(old));
    assert!(net.send(0, b"by the old path"));
    assert!(net.send(1, b"by the old path"));
    net.run(Duration::from_secs(1));
    assert_eq!(net.hosts[1].data.last().unwrap().1, b"by the old path");
    assert_eq!(net.hosts[0].data.last().unwrap().1, b"by the old path");

    net.restart(1);
    for _ in 0..200 {
        assert!(net.send(0, b"without a gap") && net.send(1, b"without a gap"));
        net.run(Duration::from_millis(20));
    }
    for host in &net.hosts {
        assert_eq!(host.agent.connection_state(), ConnectionState::Completed);
        assert!(host.data.iter().filter(|(_, data)| data == b"without a gap").count() >= 199);
    }
    assert_ne!(net.hosts[0].agent.selected(), Some(old));
    let states = |event: &Event| {
        matches!(event, Event::ConnectionState(ConnectionState::Disconnected | ConnectionState::Failed))
    };
    assert!(!net.hosts.iter().any(|host| host.had(states)));
    net.run(Duration::from_secs(30));
    assert!(net.hosts[0].agent.pairs().all(|pair| pair.path != old), "it is forgotten");
    assert_eq!(net.hosts[0].agent.role(), IceRole::Controlling, "the role is kept");
}

/// Covers: RFC 8445 §9, §7.3.1.1
#[test]
fn both_controlled_after_a_restart_sort_it_out() {
    let mut net = connected();
    let now = net.now;
    net.hosts[0].agent.set_role(IceRole::Controlled, now);
    net.restart(0);
    net.restart(1);

    net.run(Duration::from_secs(5));
    let roles = [net.hosts[0].agent.role(), net.hosts[1].agent.role()];
    assert!(roles[0] != roles[1]);
    assert!(net.hosts.iter().all(|it| it.agent.connection_state() == ConnectionState::Completed));
}

#[test]
fn a_second_restart_before_the_first_is_answered_keeps_the_path() {
    let mut net = connected();
    let old = net.hosts[0].agent.selected();
    net.restart(0);
    net.run(Duration::from_millis(10));
    net.restart(0);
    net.run(Duration::from_secs(1));
    assert_eq!(net.hosts[0].agent.selected(), old);

    net.restart(1);
    net.run(Duration::from_secs(20));
    assert_ne!(net.hosts[0].agent.selected(), old);
    assert!(net.hosts.iter().all(|it| it.agent.connection_state() == ConnectionState::Completed));
}

/// Covers: RFC 8863 §4
#[test]
fn a_restart_that_is_never_answered_fails_when_the_old_path_is_lost() {
    let mut net = connected();
    net.is_cut = Box::new(|_, _| true);
    net.restart(0);
    net.run(Duration::from_secs(15));
    assert_eq!(net.hosts[0].agent.connection_state(), ConnectionState::Disconnected, "there is hope");
    net.restart(0);
    net.run(Duration::from_secs(35));
    assert_eq!(net.hosts[0].agent.connection_state(), ConnectionState::Disconnected, "of the second one too");

    net.run(Duration::from_secs(10));
    assert_eq!(net.hosts[0].agent.connection_state(), ConnectionState::Failed);

    // The answer comes after all.
    net.is_cut = Box::new(|_, _| false);
    net.restart(1);
    net.run(Duration::from_secs(20));
    assert!(net.hosts.iter().all(|it| it.agent.connection_state() == ConnectionState::Completed));
}

#[test]
fn a_restart_finds_a_peer_that_has_moved() {
    let mut net = Net::calm();
    let nat = net.nat(Behaviour::PortRestricted);
    let anna = net.usual_host(Some(nat), Config::default());
    net.usual_host(None, Config::default());
    net.use_stun(anna);
    net.start();
    net.until_states(ConnectionState::Completed);

    // The NAT was restarted, and has another address.
    net.nats[nat].forget();
    net.nats[nat].public = [203, 0, 113, 77].into();
    net.restart(0);
    net.restart(1);
    net.run(Duration::from_secs(10));

    assert!(net.send(0, b"here I am") && net.send(1, b"hello again"));
    net.run(Duration::from_secs(1));
    assert_eq!(net.hosts[1].data.last().unwrap().1, b"here I am");
    assert_eq!(net.hosts[0].data.last().unwrap().1, b"hello again");
    assert_eq!(net.hosts[1].selected().unwrap().1.ip(), net.nats[nat].public);
}

#[test]
fn an_address_that_comes_in_the_middle_of_a_call_takes_over_when_the_other_goes() {
    for who in 0..2 {
        let mut net = connected();
        let new = "192.0.2.99:6000".parse().unwrap();
        let old = net.hosts[who].sockets[0];
        net.bind(who, new);
        net.run(Duration::from_secs(3));
        assert_eq!(net.hosts[who].selected().unwrap().0, old, "nothing is wrong with the old one");

        net.unbind(who, old);
        assert_eq!(net.hosts[who].selected().unwrap().0, new, "at once");
        net.run(Duration::from_secs(10));
        for host in 0..2 {
            assert!(net.send(host, b"on another way"));
        }
        net.run(Duration::from_secs(1));
        assert_eq!(net.hosts[0].data.last().unwrap().1, b"on another way");
        assert_eq!(net.hosts[1].data.last().unwrap().1, b"on another way");
        net.run(Duration::from_secs(60));
        assert_eq!(net.hosts[1 - who].selected().unwrap().1, new);
        assert!(net.hosts.iter().all(|it| it.agent.connection_state() == ConnectionState::Completed));
        let removed = |pair: &moim_ice::PairStats<'_>| pair.failure() == Some(FailureReason::AddressRemoved);
        assert_eq!(net.hosts[who].agent.pairs().filter(removed).count(), 1);
    }
}

#[test]
fn a_new_network_is_found_although_there_was_none_for_a_while() {
    for who in 0..2 {
        let mut net = connected();
        let old = net.hosts[who].sockets[0];
        net.unbind(who, old);
        net.run(Duration::from_secs(5));
        assert_eq!(net.hosts[who].agent.selected(), None);

        net.bind(who, "192.0.2.99:6000".parse().unwrap());
        net.run(Duration::from_secs(60));
        assert!(
            net.hosts.iter().all(|it| it.agent.connection_state() == ConnectionState::Completed),
            "{}",
            net.report()
        );
        assert!(net.send(0, b"back") && net.send(1, b"back"));
        net.run(Duration::from_secs(1));
        assert!(net.hosts.iter().all(|host| host.data.last().unwrap().1 == b"back"));
    }
}

#[test]
fn an_allocation_from_an_address_that_goes_is_lost_with_it() {
    let mut net = Net::calm();
    let nats = [net.nat(Behaviour::Symmetric), net.nat(Behaviour::Symmetric)];
    for nat in nats {
        net.usual_host(Some(nat), Config::default());
    }
    net.use_turn(0, TurnTransport::Udp);
    net.use_stun(1);
    net.start();
    net.until_states(ConnectionState::Completed);

    let address = net.hosts[0].sockets[0];
    net.unbind(0, address);
    assert_eq!(net.hosts[0].agent.selected(), None);
    assert_eq!(net.hosts[0].agent.local_candidates().count(), 0);
    net.until_states(ConnectionState::Failed);
}
