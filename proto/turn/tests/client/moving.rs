use super::net::{Net, Weather, address, asking, config};
use moim_turn::client::{Config, Event, RequestError};
use moim_turn::{FiveTuple, Transport};
use std::time::Duration;

const PEER: &str = "192.0.2.1:5000";

/// Covers: RFC 8016 §3.1, §3.2
#[test]
fn an_allocation_follows_its_client() {
    let mut net = Net::calm();
    let host = net.allocated(Config { mobility: true, ..asking(Transport::Udp) });
    let relayed = net.hosts[host].relayed();
    for round in 1..=3 {
        let now = net.now.at;
        net.hosts[host].events.clear();
        go_elsewhere(&mut net, host, round);
        net.hosts[host].client.move_allocation(now).unwrap();
        net.until(host, |event| *event == Event::Moved);

        assert_eq!(net.hosts[host].relayed(), relayed);
        talk(&mut net, host);
    }
    net.run(Duration::from_secs(7200));
    talk(&mut net, host);
    assert_eq!(net.driver.server.allocation_count(), 1);
}

#[test]
fn a_client_that_a_nat_gave_another_address_finds_out() {
    let mut net = Net::calm();
    let host = net.allocated(Config { mobility: true, ..asking(Transport::Udp) });
    talk(&mut net, host);

    go_elsewhere(&mut net, host, 1);
    net.until(host, |event| *event == Event::Moved);

    talk(&mut net, host);
    assert_eq!(net.driver.server.allocation_count(), 1);
}

/// Covers: RFC 8016 §3.1
#[test]
fn a_server_without_mobility_is_asked_without() {
    let without = moim_turn::server::Config { mobility: false, ..config() };
    let mut net = Net::new(without, Weather::default(), 0);
    let host = net.allocated(Config { mobility: true, ..asking(Transport::Udp) });

    let Event::Allocated(allocated) = net.hosts[host].last().clone() else { panic!("it was allocated") };
    assert!(!allocated.mobility);
    let now = net.now.at;
    assert_eq!(net.hosts[host].client.move_allocation(now), Err(RequestError::NoTicket));
}

#[test]
fn an_allocation_follows_through_bad_weather() {
    for seed in 0..40 {
        let weather = Weather { lost_percent: 15, doubled_percent: 10, delay_ms_max: 400 };
        let mut net = Net::new(config(), weather, seed);
        let host = net.allocated(Config { mobility: true, ..asking(Transport::Udp) });
        for round in 1..=4 {
            let now = net.now.at;
            net.hosts[host].events.clear();
            go_elsewhere(&mut net, host, round);
            net.hosts[host].client.move_allocation(now).unwrap();
            net.until(host, |event| *event == Event::Moved);
        }
        assert_eq!(net.driver.server.allocation_count(), 1, "seed {seed}");
    }
}

fn go_elsewhere(net: &mut Net, host: usize, round: u16) {
    let FiveTuple { transport, client, server } = net.hosts[host].five_tuple;
    let client = std::net::SocketAddr::new(client.ip(), 6000 + round);
    net.hosts[host].five_tuple = FiveTuple::new(transport, client, server);
}

/// Data go to a peer and come back.
fn talk(net: &mut Net, host: usize) {
    let now = net.now.at;
    net.hosts[host].client.create_permission(address(PEER).ip(), now).unwrap();
    net.until(host, |event| matches!(event, Event::Permitted(_) | Event::Moved));
    net.run(Duration::from_secs(1));
    net.hosts[host].data.clear();
    net.send(host, address(PEER), b"hello");
    net.run(Duration::from_secs(1));
    assert_eq!(net.hosts[host].data, [(address(PEER), b"hello".to_vec())]);
}
