//! Streams deliver everything in order, or say that they cannot.

use super::town::Town;
use moim_sim::Chance;
use moim_sim::network::{FirewallConfig, HostId, LinkConfig, NatConfig, SegmentId};
use moim_sim::tcp::{CloseReason, StreamCommand, StreamEvent, StreamKey};
use std::net::SocketAddr;
use std::time::Duration;

fn open(town: &mut Town, from: HostId, to: HostId, port: u16) -> StreamKey {
    let key = StreamKey {
        local: SocketAddr::new(town.ipv4(from), 40_000),
        remote: SocketAddr::new(town.ipv4(to), port),
    };
    command(town, from, StreamCommand::Connect(key));
    key
}

fn command(town: &mut Town, host: HostId, command: StreamCommand) {
    town.world.with(host, |program, _| program.echo_mut().unwrap().command(command));
}

fn closed(town: &Town, host: HostId) -> Option<CloseReason> {
    town.echo(host).stream_events().iter().find_map(|event| match event {
        StreamEvent::Closed(_, reason) => Some(*reason),
        StreamEvent::Opened(_) | StreamEvent::Received(..) => None,
    })
}

#[test]
fn everything_comes_back_over_a_link_that_loses_and_reorders() {
    for seed in 0..10 {
        let mut town = Town::new(seed);
        let home = town.home_with_nat(NatConfig::default());
        let (anna, interface) = town.neighbour(home);
        let (server, _) = town.neighbour(SegmentId::INTERNET);
        let bad = LinkConfig {
            loss: Chance::percent(10),
            jitter: Duration::from_millis(10),
            reorder: Chance::percent(5),
            duplicate: Chance::percent(5),
            rate: Some(5_000_000),
            ..LinkConfig::default()
        };
        town.world.network_mut().interface_links(interface).set_config(bad);
        let key = open(&mut town, anna, server, 7);
        let said: Vec<u8> = (0..200_000_u32).flat_map(u32::to_be_bytes).take(300_000).collect();
        command(&mut town, anna, StreamCommand::Send(key, said.clone()));

        for _ in 0..600 {
            town.world.run_for(Duration::from_secs(1)).unwrap();
            if town.echo(anna).stream_bytes(key).len() >= said.len() {
                break;
            }
        }
        assert_eq!(town.echo(anna).stream_bytes(key), said);

        command(&mut town, anna, StreamCommand::Close(key));
        town.world.run_for(Duration::from_secs(60)).unwrap();
        assert_eq!(closed(&town, server), Some(CloseReason::ByPeer));
        assert!(town.world.streams(anna).is_empty() && town.world.streams(server).is_empty());
        town.assert_balanced();
    }
}

#[test]
fn nobody_who_listens_is_a_refusal() {
    let mut town = Town::new(1);
    let (anna, _) = town.neighbour(SegmentId::INTERNET);
    let (server, _) = town.neighbour(SegmentId::INTERNET);

    open(&mut town, anna, server, 8);
    town.world.run_for(Duration::from_secs(1)).unwrap();

    assert_eq!(closed(&town, anna), Some(CloseReason::Reset));
}

#[test]
fn a_firewall_lets_out_only_the_web() {
    let mut town = Town::new(2);
    let office =
        town.behind_firewall(FirewallConfig { tcp_out: Some(vec![7]), ..FirewallConfig::web_only() });
    let (anna, _) = town.neighbour(office);
    let (server, _) = town.neighbour(SegmentId::INTERNET);

    let key = open(&mut town, anna, server, 7);
    town.world.run_for(Duration::from_secs(1)).unwrap();
    assert_eq!(town.echo(anna).stream_events(), [StreamEvent::Opened(key)]);
    let (boris, _) = town.neighbour(office);
    open(&mut town, boris, server, 8);
    town.world.run_for(Duration::from_secs(60)).unwrap();

    assert_eq!(closed(&town, boris), Some(CloseReason::Timeout));
    town.assert_balanced();
}

#[test]
fn a_stream_whose_nat_restarts_breaks_off() {
    let mut town = Town::new(3);
    let home = town.home_with_nat(NatConfig::default());
    let (anna, _) = town.neighbour(home);
    let (server, _) = town.neighbour(SegmentId::INTERNET);
    let key = open(&mut town, anna, server, 7);
    town.world.run_for(Duration::from_secs(1)).unwrap();

    town.world.network_mut().renumber_gateway(home);
    command(&mut town, anna, StreamCommand::Send(key, b"anybody there?".to_vec()));
    town.world.run_for(Duration::from_secs(60)).unwrap();

    assert_eq!(closed(&town, anna), Some(CloseReason::Reset), "the server sees a stranger");
}

#[test]
fn what_may_get_lost_does_not_wait_behind_more_than_it_may() {
    let mut town = Town::new(1);
    let (anna, _) = town.neighbour(SegmentId::INTERNET);
    let (server, _) = town.neighbour(SegmentId::INTERNET);
    let key = open(&mut town, anna, server, 7);

    // Nothing leaves before the stream is open.
    for said in [1, 2, 3] {
        command(&mut town, anna, StreamCommand::SendWithin(key, vec![said; 500], 1_000));
    }
    town.world.run_for(Duration::from_secs(1)).unwrap();
    command(&mut town, anna, StreamCommand::SendWithin(key, vec![4; 500], 1_000));
    town.world.run_for(Duration::from_secs(1)).unwrap();

    assert_eq!(town.echo(anna).stream_bytes(key), [[1; 500], [2; 500], [4; 500]].concat());
}
