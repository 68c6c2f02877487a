//! Two agents that can reach each other directly.

use super::net::{Link, Net};
use moim_ice::{Config, ConnectionState, Event, GatheringState, IceRole};
use std::time::Duration;

/// Covers: RFC 8445 §6.1.4, §8.1.1
#[test]
fn two_hosts_connect_and_exchange_data() {
    let mut net = Net::calm();
    let anna = net.usual_host(None, Config::default());
    let boris = net.usual_host(None, Config::default());
    net.start();

    net.until_states(ConnectionState::Completed);

    let (local, remote) = net.hosts[anna].selected().unwrap();
    assert_eq!(net.hosts[boris].selected(), Some((remote, local)));
    assert!(net.send(anna, b"hello") && net.send(boris, b"hi"));
    net.run(Duration::from_secs(1));
    assert_eq!(net.hosts[boris].data.last().unwrap().1, b"hello");
    assert_eq!(net.hosts[anna].data.last().unwrap().1, b"hi");
    assert_eq!(net.hosts[anna].agent.role(), IceRole::Controlling);
    assert!(net.hosts[anna].had(|event| *event == Event::GatheringState(GatheringState::Complete)));
}

#[test]
fn bad_weather_does_not_keep_them_apart() {
    for seed in 0..20 {
        let link = Link { lost_percent: 20, doubled_percent: 20, delay_ms: 50, jitter_ms: 200 };
        let mut net = Net::new(link, seed);
        net.usual_host(None, Config::default());
        net.usual_host(None, Config::default());
        net.start();

        net.until_states(ConnectionState::Completed);
    }
}
