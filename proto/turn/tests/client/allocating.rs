use super::net::{Net, Weather, asking, config};
use moim_turn::client::{Config, Credential, Event, Failure, Families, REQUESTS_MAX, RequestError};
use moim_turn::server::Alternates;
use moim_turn::{AddressFamily, Transport};
use std::time::Duration;

const HOUR: Duration = Duration::from_secs(3600);

/// Covers: RFC 8656 §7.1, §7.3
#[test]
fn an_allocation_is_had_and_given_back() {
    for transport in Transport::ALL {
        let mut net = Net::calm();
        let host = net.allocated(asking(transport));
        let Event::Allocated(allocated) = net.hosts[host].last().clone() else { panic!("it was allocated") };

        assert_eq!(allocated.mapped, Some(net.hosts[host].five_tuple.client));
        assert_eq!(allocated.relayed.ipv4, Some(net.hosts[host].relayed()));
        assert_eq!(allocated.relayed.ipv6, None);
        assert_eq!(allocated.lifetime, Duration::from_secs(600));
        assert_eq!(net.hosts[host].client.allocate(net.now.at), Err(RequestError::NotIdle));

        net.hosts[host].client.release(net.now.at).unwrap();
        net.until(host, |event| *event == Event::Released);
        assert_eq!(net.driver.server.allocation_count(), 0);
        assert_eq!(net.driver.ledger.allocations(), 0);
        assert_eq!(net.hosts[host].client.poll_timeout(), None);
    }
}

/// Covers: RFC 8656 §8.1, RFC 8489 §9.2.5
#[test]
fn an_allocation_lives_for_as_long_as_it_is_wanted() {
    let mut net = Net::calm();
    let host = net.allocated(asking(Transport::Udp));
    let relayed = net.hosts[host].relayed();

    // Nonces are good for an hour: a stale one is part of it.
    net.run(HOUR * 5);

    assert_eq!(net.hosts[host].relayed(), relayed);
    assert_eq!(net.hosts[host].events.len(), 1);
    assert_eq!(net.driver.server.allocation_count(), 1);
}

/// Covers: RFC 8489 §6.2.1
#[test]
fn a_request_is_sent_seven_times_over_udp() {
    let weather = Weather { lost_percent: 100, ..Weather::default() };
    for transport in [Transport::Udp, Transport::Dtls] {
        let mut net = Net::new(config(), weather, 0);
        let host = net.host(asking(transport));
        net.hosts[host].client.allocate(net.now.at).unwrap();

        net.until(host, |event| matches!(event, Event::Failed(_)));

        let (start, sent) = (net.start, &net.hosts[host].sent);
        let times: Vec<_> = sent.iter().map(|(at, _)| (*at - start).as_millis()).collect();
        assert_eq!(times, [0, 500, 1_500, 3_500, 7_500, 15_500, 31_500]);
        assert_eq!(sent.len(), usize::try_from(REQUESTS_MAX).unwrap());
        assert!(sent.iter().all(|(_, bytes)| *bytes == sent[0].1), "it is the same request");
        assert_eq!(net.now.at - start, Duration::from_millis(39_500));
        assert_eq!(*net.hosts[host].last(), Event::Failed(Failure::Timeout));
        assert_eq!(net.hosts[host].client.poll_timeout(), None);
    }
}

/// Covers: RFC 8489 §6.2.2
#[test]
fn a_request_is_sent_once_over_a_stream() {
    for transport in [Transport::Tcp, Transport::Tls] {
        let mut net = Net::calm();
        let host = net.host(asking(transport));
        // The other end takes the connection, and says nothing.
        net.hosts[host].client.allocate(net.now.at).unwrap();
        assert!(net.hosts[host].client.poll_transmit().is_some());

        net.until(host, |event| matches!(event, Event::Failed(_)));

        assert!(net.hosts[host].sent.is_empty());
        assert_eq!(net.now.at - net.start, Duration::from_millis(39_500));
    }
}

/// Covers: RFC 8656 §7.1
#[test]
fn both_families_are_had_at_once() {
    let mut net = Net::calm();
    let host = net.allocated(Config { families: Families::Both, ..asking(Transport::Udp) });
    let client = &net.hosts[host].client;
    assert!(client.relayed(AddressFamily::Ipv4).is_some_and(|address| address.is_ipv4()));
    assert!(client.relayed(AddressFamily::Ipv6).is_some_and(|address| address.is_ipv6()));

    let mut one = config();
    one.families.ipv6 = false;
    let mut net = Net::new(one, Weather::default(), 0);
    let host = net.allocated(Config { families: Families::Both, ..asking(Transport::Udp) });
    let Event::Allocated(allocated) = net.hosts[host].last() else { panic!("it was allocated") };
    assert_eq!(
        allocated.missing.map(|missing| (missing.family, missing.code)),
        Some((AddressFamily::Ipv6, 440))
    );
    let peer = "2001:db8:1::1".parse().unwrap();
    let now = net.now.at;
    assert_eq!(net.hosts[host].client.create_permission(peer, now), Err(RequestError::AddressFamily));
}

/// Covers: RFC 8656 §7.1
#[test]
fn the_next_port_is_reserved_and_had() {
    let mut net = Net::calm();
    let first = net.allocated(Config { even_port: Some(true), ..asking(Transport::Udp) });
    let Event::Allocated(allocated) = net.hosts[first].last().clone() else { panic!("it was allocated") };

    let second = net.allocated(Config { reservation: allocated.reservation, ..asking(Transport::Udp) });

    let ports = [first, second].map(|host| net.hosts[host].relayed().port());
    assert!(ports[0].is_multiple_of(2));
    assert_eq!(ports[1], ports[0] + 1);
}

#[test]
fn a_refusal_is_told() {
    let refused = |config: Config| {
        let mut net = Net::calm();
        let host = net.host(config);
        net.hosts[host].client.allocate(net.now.at).unwrap();
        net.until(host, |event| matches!(event, Event::Failed(_)));
        let now = net.now.at;
        assert_eq!(net.hosts[host].client.release(now), Err(RequestError::NotAllocated));
        net.hosts[host].last().clone()
    };

    let reservation = Some(moim_turn::ReservationToken([7; 8]));
    let unknown = Config { reservation, ..asking(Transport::Udp) };
    assert_eq!(refused(unknown), Event::Failed(Failure::Refused(508)));
    let wrong = Config::new(Transport::Udp, Credential::long_term("ann", "wrong"));
    assert_eq!(refused(wrong), Event::Failed(Failure::Unauthenticated));
    let long = Credential::long_term(&"u".repeat(600), "p");
    let unsendable = Config { hide_username: false, ..Config::new(Transport::Udp, long) };
    assert_eq!(refused(unsendable), Event::Failed(Failure::Unsendable));
    let unusable =
        Config { hide_username: false, ..Config::new(Transport::Udp, Credential::long_term("ann", "\u{7}")) };
    assert_eq!(refused(unusable), Event::Failed(Failure::Unsupported));
}

/// Covers: RFC 8489 §10
#[test]
fn another_server_is_named() {
    let other = "198.51.100.2:3478".parse().unwrap();
    let alternates = Alternates { servers: vec![(Transport::Udp, other)], ..Alternates::default() };
    let mut net =
        Net::new(moim_turn::server::Config { alternates, draining: true, ..config() }, Weather::default(), 0);
    let host = net.host(asking(Transport::Udp));
    net.hosts[host].client.allocate(net.now.at).unwrap();

    net.until(host, |event| matches!(event, Event::Failed(_)));

    assert_eq!(*net.hosts[host].last(), Event::Failed(Failure::Redirected(Some(other))));
}

#[test]
fn an_allocation_that_the_server_lost_is_told() {
    let mut net = Net::calm();
    let host = net.allocated(asking(Transport::Udp));
    let id = net.driver.server.find(&net.hosts[host].five_tuple).unwrap();
    net.driver.server.kick(id, net.now.at);

    net.until(host, |event| matches!(event, Event::Failed(_)));

    assert_eq!(*net.hosts[host].last(), Event::Failed(Failure::Refused(437)));
}
