//! Which packets arrive, and where from.

use super::town::Town;
use moim_sim::network::{
    Dependence, DropReason, GatewayConfig, Hairpinning, NatConfig, SegmentConfig, SegmentId,
};
use std::net::SocketAddr;
use std::time::Duration;

fn at(ip: std::net::IpAddr, port: u16) -> SocketAddr {
    SocketAddr::new(ip, port)
}

#[test]
fn neighbours_reach_each_other_directly_and_strangers_by_public_addresses_only() {
    let mut town = Town::new(1);
    let home = town.home_with_nat(NatConfig::default());
    let other_home = town.home_with_nat(NatConfig::default());
    let (anna, _) = town.neighbour(home);
    let (boris, _) = town.neighbour(home);
    let (carla, _) = town.neighbour(other_home);
    let (annas, boriss, carlas) = (town.ipv4(anna), town.ipv4(boris), town.ipv4(carla));
    assert_eq!(annas, carlas, "two homes have the same addresses");

    assert_eq!(town.reaches((anna, at(annas, 5)), (boris, at(boriss, 7))), Some(at(annas, 5)));
    let carlas_public = town.world.network().gateway(other_home).unwrap().outside()[0];
    assert_eq!(town.reaches((anna, at(annas, 5)), (carla, at(carlas_public, 7))), None);
    assert_eq!(town.world.network().counters().dropped(DropReason::NoMapping), 1);
    town.assert_balanced();
}

/// Covers: RFC 4787 §6 (REQ-9)
#[test]
fn neighbours_reach_each_other_by_public_addresses_if_the_nat_turns_packets_round() {
    for hairpinning in [Hairpinning::None, Hairpinning::ExternalSource, Hairpinning::InternalSource] {
        let mut town = Town::new(2);
        let filtering = Dependence::EndpointIndependent;
        let home = town.home_with_nat(NatConfig { hairpinning, filtering, ..NatConfig::default() });
        let (anna, _) = town.neighbour(home);
        let (boris, _) = town.neighbour(home);
        let (somebody, _) = town.neighbour(SegmentId::INTERNET);
        let public = town.world.network().gateway(home).unwrap().outside()[0];
        let (annas, boriss, outside) = (town.ipv4(anna), town.ipv4(boris), town.ipv4(somebody));

        let seen_at = town.reaches((boris, at(boriss, 7)), (somebody, at(outside, 9)));
        assert_eq!(seen_at, Some(at(public, 7)));

        let from = town.reaches((anna, at(annas, 5)), (boris, at(public, 7)));
        let expected = match hairpinning {
            Hairpinning::None => None,
            Hairpinning::ExternalSource => Some(at(public, 5)),
            Hairpinning::InternalSource => Some(at(annas, 5)),
        };
        assert_eq!(from, expected);
        town.assert_balanced();
    }
}

#[test]
fn a_nat_that_restarts_forgets_its_mappings() {
    let mut town = Town::new(3);
    let filtering = Dependence::EndpointIndependent;
    let home = town.home_with_nat(NatConfig { filtering, ..NatConfig::default() });
    let (anna, _) = town.neighbour(home);
    let (somebody, _) = town.neighbour(SegmentId::INTERNET);
    let (annas, outside) = (town.ipv4(anna), town.ipv4(somebody));
    let mapped = town.reaches((anna, at(annas, 5)), (somebody, at(outside, 9))).unwrap();
    assert!(town.reaches((somebody, at(outside, 9)), (anna, mapped)).is_some());

    town.world.network_mut().gateway_mut(home).unwrap().restart();

    assert_eq!(town.reaches((somebody, at(outside, 9)), (anna, mapped)), None);
    town.world.network_mut().renumber_gateway(home);
    let moved = town.reaches((anna, at(annas, 5)), (somebody, at(outside, 9))).unwrap();
    assert_ne!(moved.ip(), mapped.ip());
}

/// Covers: RFC 6092 §3.2
#[test]
fn ipv6_hosts_reach_each_other_once_both_have_sent() {
    let mut town = Town::new(4);
    let home = town.home_with_nat(NatConfig::default());
    let other_home = town.home_with_nat(NatConfig::default());
    let (anna, _) = town.neighbour(home);
    let (boris, _) = town.neighbour(other_home);
    let (annas, boriss) = (at(town.ipv6(anna), 5), at(town.ipv6(boris), 9));

    assert_eq!(town.reaches((anna, annas), (boris, boriss)), None);
    assert_eq!(town.reaches((boris, boriss), (anna, annas)), Some(boriss));
    assert_eq!(town.reaches((anna, annas), (boris, boriss)), Some(annas));
    town.world.run_for(Duration::from_secs(121)).unwrap();
    assert_eq!(town.reaches((anna, annas), (boris, boriss)), None, "the flow is forgotten");
}

#[test]
fn a_host_that_moves_has_other_addresses() {
    let mut town = Town::new(5);
    let carrier = SegmentConfig {
        ipv4: Some("100.64.0.0/24".parse().unwrap()),
        ipv6: false,
        gateway: GatewayConfig::with_nat(SegmentId::INTERNET, NatConfig::default()),
    };
    let carrier = town.world.network_mut().add_segment(carrier);
    let home = town.home_with_nat(NatConfig::default());
    let (anna, interface) = town.neighbour(home);
    let (somebody, _) = town.neighbour(SegmentId::INTERNET);
    let (before, outside) = (town.ipv4(anna), town.ipv4(somebody));
    assert!(town.reaches((anna, at(before, 5)), (somebody, at(outside, 9))).is_some());

    town.world.network_mut().reattach(interface, carrier);
    town.world.readdressed(anna);

    assert_eq!(town.world.network().addresses(anna).len(), 1, "there is no IPv6 here");
    assert_eq!(town.reaches((anna, at(before, 5)), (somebody, at(outside, 9))), None);
    assert_eq!(town.world.network().counters().dropped(DropReason::NoInterface), 1);
    let after = town.ipv4(anna);
    assert!(town.reaches((anna, at(after, 5)), (somebody, at(outside, 9))).is_some());
    town.assert_balanced();
}

#[test]
fn a_sleeping_host_hears_nothing() {
    let mut town = Town::new(6);
    let (anna, _) = town.neighbour(SegmentId::INTERNET);
    let (boris, _) = town.neighbour(SegmentId::INTERNET);
    let (annas, boriss) = (at(town.ipv4(anna), 5), at(town.ipv4(boris), 9));

    town.world.set_asleep(boris, true);
    assert_eq!(town.reaches((anna, annas), (boris, boriss)), None);
    town.world.set_asleep(boris, false);

    assert_eq!(town.reaches((anna, annas), (boris, boriss)), Some(annas));
    assert_eq!(town.world.network().counters().dropped(DropReason::Asleep), 1);
    town.assert_balanced();
}
