use super::net::{Net, Weather, address, asking, config};
use moim_turn::attribute::Icmp;
use moim_turn::client::{
    CHANNELS_MAX, Config, Event, Failure, Handled, IgnoreReason, PERMISSIONS_MAX, RequestError, SendError,
};
use moim_turn::server::OUT_LEN_MAX;
use moim_turn::{AddressFamily, RelayId, Transport};
use proptest::prelude::*;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

const PEER: &str = "192.0.2.1:5000";
const MINUTE: Duration = Duration::from_secs(60);

/// Covers: RFC 8656 §11.1, §11.4, §12.5, §12.6
#[test]
fn data_go_by_indications_and_by_channels() {
    for transport in Transport::ALL {
        let mut net = Net::calm();
        let host = net.allocated(asking(transport));
        let peer = address(PEER);
        let now = net.now.at;
        assert_eq!(net.hosts[host].client.send(peer, b"x", now, &mut [0; 99]), Err(SendError::NotPermitted));

        net.hosts[host].client.create_permission(peer.ip(), now).unwrap();
        net.until(host, |event| *event == Event::Permitted(peer.ip()));
        net.send(host, peer, b"by indication");
        net.run(MINUTE);
        let number = net.hosts[host].client.bind_channel(peer, net.now.at).unwrap();
        net.until(host, |event| *event == Event::ChannelBound { peer, number });
        for len in 0..8 {
            net.send(host, peer, &vec![7; len]);
        }
        net.run(MINUTE);

        let mut expected = vec![(peer, b"by indication".to_vec())];
        expected.extend((0..8).map(|len| (peer, vec![7; len])));
        net.hosts[host].data.sort_by_key(|(_, data)| (data != b"by indication", data.len()));
        assert_eq!(net.hosts[host].data, expected, "{transport:?}");
    }
}

/// Covers: RFC 8656 §9, §12
#[test]
fn permissions_and_channels_live_for_as_long_as_they_are_wanted() {
    let mut net = Net::calm();
    let host = net.allocated(asking(Transport::Udp));
    let (wanted, dropped, channel) = (address(PEER), address("192.0.2.2:5000"), address("192.0.2.3:5000"));
    let now = net.now.at;
    let client = &mut net.hosts[host].client;
    client.create_permission(wanted.ip(), now).unwrap();
    client.create_permission(dropped.ip(), now).unwrap();
    client.bind_channel(channel, now).unwrap();
    net.until(host, |event| matches!(event, Event::ChannelBound { .. }));
    net.hosts[host].client.remove_permission(dropped.ip());

    net.run(MINUTE * 300);
    let relayed = net.hosts[host].relayed();
    for peer in [wanted, dropped, channel] {
        net.peer_sends(relayed, peer, b"still there?");
    }
    net.run(MINUTE);

    let heard: Vec<_> = net.hosts[host].data.iter().map(|(peer, _)| *peer).collect();
    assert_eq!(heard, [wanted, channel]);
}

#[test]
fn one_forbidden_peer_does_not_take_the_others_along() {
    let mut net = Net::calm();
    let host = net.allocated(asking(Transport::Udp));
    let forbidden: IpAddr = "10.0.0.1".parse().unwrap();
    let peers: Vec<IpAddr> =
        ["192.0.2.1", "10.0.0.1", "192.0.2.2"].iter().map(|peer| peer.parse().unwrap()).collect();
    let now = net.now.at;
    for peer in &peers {
        net.hosts[host].client.create_permission(*peer, now).unwrap();
    }
    net.run(MINUTE);

    let failure = Failure::Refused(403);
    assert!(net.hosts[host].had(|event| *event == Event::NotPermitted { peer: forbidden, failure }));
    assert!(net.hosts[host].had(|event| *event == Event::Permitted(peers[0])));
    assert!(net.hosts[host].had(|event| *event == Event::Permitted(peers[2])));

    let bound = net.hosts[host].client.bind_channel(SocketAddr::new(forbidden, 5000), net.now.at);
    assert!(bound.is_ok());
    net.until(host, |event| matches!(event, Event::ChannelNotBound { .. }));
}

#[test]
fn two_clients_talk_through_the_server() {
    let mut net = Net::calm();
    let (first, second) = (net.allocated(asking(Transport::Udp)), net.allocated(asking(Transport::Tcp)));
    let addresses = [first, second].map(|host| net.hosts[host].relayed());
    let now = net.now.at;
    for (host, peer) in [(first, addresses[1]), (second, addresses[0])] {
        net.hosts[host].client.bind_channel(peer, now).unwrap();
        net.until(host, |event| matches!(event, Event::ChannelBound { .. }));
    }

    net.send(first, addresses[1], b"ping");
    net.send(second, addresses[0], b"pong");
    net.run(MINUTE);

    assert_eq!(net.hosts[second].data, [(addresses[0], b"ping".to_vec())]);
    assert_eq!(net.hosts[first].data, [(addresses[1], b"pong".to_vec())]);
}

/// Covers: RFC 8656 §11.6
#[test]
fn an_unreachable_peer_is_told() {
    let mut net = Net::calm();
    let host = net.allocated(asking(Transport::Udp));
    let peer = address(PEER);
    let now = net.now.at;
    net.hosts[host].client.create_permission(peer.ip(), now).unwrap();
    net.until(host, |event| matches!(event, Event::Permitted(_)));
    let allocation = net.driver.server.find(&net.hosts[host].five_tuple).unwrap();
    let relay = RelayId { allocation, family: AddressFamily::Ipv4 };
    let icmp = Icmp { icmp_type: 3, code: 3, data: 0 };
    let mut out = [0; OUT_LEN_MAX];
    let reply = net.driver.server.handle_icmp(relay, peer, icmp, now, &mut out).unwrap();

    assert_eq!(net.hosts[host].client.handle_input(&out[..reply.len], now), Handled::Taken);

    net.until(host, |event| *event == Event::Unreachable { peer, icmp });
}

/// Covers: RFC 8656 §11.4
#[test]
fn data_of_a_peer_that_was_not_let_through_are_ignored() {
    let mut net = Net::calm();
    let host = net.allocated(asking(Transport::Udp));
    let now = net.now.at;
    let client = &mut net.hosts[host].client;

    let unknown_channel = [0x40, 0, 0, 1, 9];
    assert_eq!(client.handle_input(&unknown_channel, now), Handled::Ignored(IgnoreReason::UnknownPeer));
    assert_eq!(client.handle_input(&[0x40, 0, 0, 9], now), Handled::Ignored(IgnoreReason::Malformed));
    assert_eq!(client.handle_input(b"HTTP", now), Handled::Ignored(IgnoreReason::Malformed));
}

#[test]
fn there_are_limits() {
    let mut net = Net::calm();
    let host = net.allocated(asking(Transport::Udp));
    let now = net.now.at;
    let client = &mut net.hosts[host].client;
    let peer = |n: usize| address(&format!("192.0.2.1:{}", n + 1));
    for n in 0..CHANNELS_MAX {
        client.bind_channel(peer(n), now).unwrap();
    }
    assert_eq!(client.bind_channel(peer(CHANNELS_MAX), now), Err(RequestError::LimitReached));
    assert!(client.bind_channel(peer(0), now).is_ok(), "there is one already");

    let ip =
        |n: usize| IpAddr::from([198, 18, u8::try_from(n / 256).unwrap(), u8::try_from(n % 256).unwrap()]);
    for n in 1..PERMISSIONS_MAX {
        client.create_permission(ip(n), now).unwrap();
    }
    assert_eq!(client.create_permission(ip(0), now), Err(RequestError::LimitReached));
}

/// Covers: RFC 8656 §12
#[test]
fn the_number_of_a_channel_rests_before_it_is_anothers() {
    let mut net = Net::calm();
    let host = net.allocated(asking(Transport::Udp));
    let now = net.now.at;
    let first = net.hosts[host].client.bind_channel(address(PEER), now).unwrap();
    net.until(host, |event| matches!(event, Event::ChannelBound { .. }));
    net.hosts[host].client.remove_channel(address(PEER));

    let second = net.hosts[host].client.bind_channel(address("192.0.2.2:5000"), net.now.at).unwrap();
    assert_ne!(second, first);
    net.run(MINUTE * 17);
    let third = net.hosts[host].client.bind_channel(address("192.0.2.3:5000"), net.now.at).unwrap();
    assert_eq!(third, first);
    net.run(MINUTE);
    assert!(
        net.hosts[host].had(|event| matches!(event, Event::ChannelBound { number, .. } if *number == third))
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever the network does to datagrams, as long as some arrive: what is wanted comes about, lives for hours, and is
    /// gone when it is given back.
    #[test]
    fn weather_does_not_matter(
        seed: u64,
        lost_percent in 0..35_u32,
        doubled_percent in 0..50_u32,
        delay_ms_max in 0..700_u32,
    ) {
        let mut net = Net::new(config(), Weather { lost_percent, doubled_percent, delay_ms_max }, seed);
        let peer = address(PEER);
        let host = net.host(Config { fingerprint: true, ..asking(Transport::Udp) });
        net.hosts[host].client.allocate(net.now.at).unwrap();
        net.until(host, |event| matches!(event, Event::Allocated(_) | Event::Failed(_)));
        // A request that is lost on all of its seven ways, or the answers to it, is the end.
        prop_assume!(!net.hosts[host].had(|event| matches!(event, Event::Failed(_))));
        let now = net.now.at;
        let _ = net.hosts[host].client.bind_channel(peer, now);
        net.run(MINUTE * 150);
        prop_assume!(!net.hosts[host].had(|event| matches!(
            event,
            Event::Failed(Failure::Timeout) | Event::ChannelNotBound { failure: Failure::Timeout, .. }
        )));

        let has_channel = |event: &Event| matches!(event, Event::ChannelBound { .. });
        prop_assert!(net.hosts[host].had(has_channel), "{:?}", net.hosts[host].events);
        for _ in 0..50 {
            net.send(host, peer, b"hello");
        }
        net.run(MINUTE);
        prop_assert!(!net.hosts[host].data.is_empty());
        prop_assert!(net.hosts[host].data.iter().all(|(from, data)| *from == peer && data == b"hello"));

        net.hosts[host].client.release(net.now.at).unwrap();
        net.until(host, |event| *event == Event::Released);
        net.run(MINUTE * 15);
        prop_assert_eq!(net.driver.server.allocation_count(), 0);
        prop_assert_eq!(net.driver.bound(), 0);
        prop_assert_eq!(net.driver.ledger.allocations(), 0);
    }
}
