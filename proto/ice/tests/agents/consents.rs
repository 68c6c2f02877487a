//! Consent, and what happens when it ends.

use super::net::{Link, Net};
use moim_ice::{Config, ConnectionState, Event, FailureReason};
use std::time::Duration;

fn connected() -> Net {
    let mut net = Net::calm();
    net.usual_host(None, Config::default());
    net.usual_host(None, Config::default());
    net.start();
    net.until_states(ConnectionState::Completed);
    net
}

/// Covers: RFC 7675 §5.1
#[test]
fn a_peer_that_falls_silent_is_disconnected_and_then_gone() {
    let mut net = connected();
    net.is_cut = Box::new(|_, _| true);

    net.run(Duration::from_secs(15));
    assert!(net.hosts.iter().all(|it| it.agent.connection_state() == ConnectionState::Disconnected));
    assert!(net.hosts[0].agent.selected().is_some(), "data may still be sent");
    net.run(Duration::from_secs(60));
    for host in &net.hosts {
        assert_eq!(host.agent.connection_state(), ConnectionState::Failed);
        assert_eq!(host.agent.selected(), None);
        assert!(host.agent.pairs().any(|pair| pair.failure() == Some(FailureReason::ConsentExpired)));
    }

    // RFC 7675 §5.1: the same credentials do not bring it back; a restart does.
    net.is_cut = Box::new(|_, _| false);
    net.run(Duration::from_secs(60));
    assert!(net.hosts.iter().all(|it| it.agent.selected().is_none()));
    net.restart(0);
    net.restart(1);
    net.run(Duration::from_secs(20));
    assert!(net.hosts.iter().all(|it| it.agent.connection_state() == ConnectionState::Completed));
}

#[test]
fn a_short_silence_does_no_harm() {
    let mut net = connected();
    net.is_cut = Box::new(|_, _| true);
    net.run(Duration::from_secs(15));
    net.is_cut = Box::new(|_, _| false);
    net.run(Duration::from_secs(15));

    assert!(net.hosts.iter().all(|it| it.agent.connection_state() == ConnectionState::Completed));
}

/// Covers: RFC 7675 §5.1, RFC 8445 §11
#[test]
fn consent_is_asked_for_on_the_selected_pair_in_intervals_that_differ() {
    let mut net = connected();
    let before = net.hosts[0].agent.pairs().find(|pair| pair.is_selected).unwrap().traffic;
    net.run(Duration::from_secs(300));
    let after = net.hosts[0].agent.pairs().find(|pair| pair.is_selected).unwrap().traffic;

    let asked = after.consent_requests_sent - before.consent_requests_sent;
    assert!((50..=75).contains(&asked), "{asked}");
    assert_eq!(after.requests_sent, before.requests_sent);
}

#[test]
fn a_pair_that_was_kept_alive_takes_over_when_the_selected_one_is_lost() {
    let mut net = Net::calm();
    let anna = net.usual_host(None, Config::default());
    net.usual_host(None, Config::default());
    net.bind(anna, "192.0.2.33:7000".parse().unwrap());
    net.start();
    net.until_states(ConnectionState::Completed);
    net.run(Duration::from_secs(5));
    let (lost, _) = net.hosts[anna].selected().unwrap();

    net.is_cut = Box::new(move |from, to| from == lost || to == lost);
    net.run(Duration::from_secs(100));

    for host in &net.hosts {
        assert_eq!(host.agent.connection_state(), ConnectionState::Completed);
        assert!(!host.had(|event| *event == Event::ConnectionState(ConnectionState::Failed)));
    }
    let (local, remote) = net.hosts[0].selected().unwrap();
    assert_eq!(net.hosts[1].selected(), Some((remote, local)));
    assert_ne!(local, lost);
}

#[test]
fn loss_alone_does_not_end_a_call() {
    for seed in 0..5 {
        let mut net = Net::new(Link { lost_percent: 10, jitter_ms: 100, ..Link::default() }, seed);
        net.usual_host(None, Config::default());
        net.usual_host(None, Config::default());
        net.start();
        net.until_states(ConnectionState::Completed);
        net.run(Duration::from_secs(3_600));

        let failed = |event: &Event| *event == Event::ConnectionState(ConnectionState::Failed);
        assert!(net.hosts.iter().all(|it| !it.had(failed)));
    }
}

#[test]
fn alternatives_are_left_alone_after_a_while() {
    let mut net = Net::calm();
    let anna = net.usual_host(None, Config::default());
    net.usual_host(None, Config::default());
    net.bind(anna, "192.0.2.33:7000".parse().unwrap());
    net.start();
    net.until_states(ConnectionState::Completed);
    let alternative = |net: &Net| {
        let pairs = net.hosts[anna].agent.pairs();
        pairs.filter(|pair| !pair.is_selected).map(|pair| pair.traffic.consent_requests_sent).sum::<u64>()
    };
    net.run(Duration::from_secs(100));
    let kept = alternative(&net);
    net.run(Duration::from_secs(100));
    let still = alternative(&net);
    net.run(Duration::from_secs(1_000));

    assert!(kept >= 4 && still <= kept + 2, "{kept} {still}");
    assert_eq!(alternative(&net), still);
}
