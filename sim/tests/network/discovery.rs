//! What RFC 5780 finds out about each kind of NAT, by the client and server of production.

use super::town::Town;
use moim_sim::network::{
    Dependence, FirewallConfig, GatewayConfig, Hairpinning, LinkConfig, LinkPair, NatConfig, Pooling,
    PortAssignment, SegmentConfig, SegmentId,
};
use moim_sim::{Chance, Seed};
use moim_stun::discovery::{Filtering, Finding, LifetimeSearch, Mapping, Unknown};
use std::collections::BTreeSet;
use std::time::Duration;

fn mapping(dependence: Dependence) -> Mapping {
    match dependence {
        Dependence::EndpointIndependent => Mapping::EndpointIndependent,
        Dependence::AddressDependent => Mapping::AddressDependent,
        Dependence::AddressAndPortDependent => Mapping::AddressAndPortDependent,
    }
}

fn filtering(dependence: Dependence) -> Filtering {
    match dependence {
        Dependence::EndpointIndependent => Filtering::EndpointIndependent,
        Dependence::AddressDependent => Filtering::AddressDependent,
        Dependence::AddressAndPortDependent => Filtering::AddressAndPortDependent,
    }
}

/// Covers: RFC 4787 §4.1, §5, RFC 5780 §4.3, §4.4
#[test]
fn every_kind_of_nat_is_found_to_be_what_it_is() {
    for maps in Dependence::ALL {
        for filters in Dependence::ALL {
            for ports in [PortAssignment::Preserving, PortAssignment::Sequential(1), PortAssignment::Random] {
                let mut town = Town::new(1);
                let home = town.home_with_nat(NatConfig { ports, ..NatConfig::of(maps, filters) });

                let report = town.discover(home, false, None);

                let what = format!("{maps:?} {filters:?} {ports:?}");
                assert_eq!(report.mapping, Finding::Known(mapping(maps)), "{what}");
                assert_eq!(report.filtering, Finding::Known(filtering(filters)), "{what}");
                assert_eq!(report.hairpinning, Finding::Known(false), "{what}");
                town.assert_balanced();
            }
        }
    }
}

/// Covers: RFC 4787 §6
#[test]
fn a_nat_that_hairpins_is_found_to() {
    for hairpinning in [Hairpinning::ExternalSource, Hairpinning::InternalSource] {
        let mut town = Town::new(2);
        let home = town.home_with_nat(NatConfig { hairpinning, ..NatConfig::default() });

        assert_eq!(town.discover(home, false, None).hairpinning, Finding::Known(true), "{hairpinning:?}");
    }
}

/// Covers: RFC 4787 §4.2
#[test]
fn a_nat_keeps_ports_or_does_not() {
    let seen_port = |ports| {
        let mut town = Town::new(3);
        let home = town.home_with_nat(NatConfig { ports, ..NatConfig::default() });
        town.discover(home, false, None).mapped.unwrap().port()
    };

    assert_eq!(seen_port(PortAssignment::Preserving), 5000);
    assert_ne!(seen_port(PortAssignment::Random), 5000);
    assert_ne!(seen_port(PortAssignment::Sequential(2)), 5000);
}

/// Covers: RFC 4787 §4.3
#[test]
fn a_mapping_ends_when_it_is_said_to() {
    for seconds in [30, 120, 300] {
        let mut town = Town::new(4);
        let udp_lifetime = Duration::from_secs(seconds);
        let home = town.home_with_nat(NatConfig { udp_lifetime, ..NatConfig::default() });
        let search = LifetimeSearch {
            first: Duration::from_secs(10),
            longest: Duration::from_secs(600),
            precision: Duration::from_secs(5),
        };

        let found = town.discover(home, false, Some(search)).lifetime.known().unwrap();

        assert!(found.at_least <= udp_lifetime && udp_lifetime <= found.less_than.unwrap(), "{found:?}");
    }
}

/// Covers: RFC 4787 §4.1 (REQ-2)
#[test]
fn a_host_keeps_its_public_address_where_pooling_is_paired() {
    let addresses = |pooling| {
        let strict = NatConfig::of(Dependence::AddressAndPortDependent, Dependence::AddressDependent);
        let seen = (0..8).flat_map(|seed| {
            let mut town = Town::new(seed);
            let nat = NatConfig { pooling, ..strict.clone() };
            let gateway =
                GatewayConfig { public_addresses: 3, ..GatewayConfig::with_nat(SegmentId::INTERNET, nat) };
            let home = town.home("10.0.0.0/24", gateway);
            let report = town.discover(home, false, None);
            report.observations.into_iter().map(|observation| observation.mapped.ip())
        });
        seen.collect::<BTreeSet<_>>().len()
    };

    assert_eq!(addresses(Pooling::Paired), 1);
    assert_eq!(addresses(Pooling::Arbitrary), 3);
}

/// The strictest of a chain of NATs is what a host behind it is found to have.
#[test]
fn behind_a_carrier_the_strictest_nat_is_found() {
    let strict = NatConfig::of(Dependence::AddressAndPortDependent, Dependence::AddressAndPortDependent);
    for (inner, outer) in [(NatConfig::default(), strict.clone()), (strict, NatConfig::default())] {
        let mut town = Town::new(6);
        let carrier = SegmentConfig {
            ipv4: Some("100.64.0.0/24".parse().unwrap()),
            ipv6: true,
            gateway: GatewayConfig::with_nat(SegmentId::INTERNET, outer),
        };
        let carrier = town.world.network_mut().add_segment(carrier);
        let home = town.home("192.168.1.0/24", GatewayConfig::with_nat(carrier, inner));

        let report = town.discover(home, false, None);

        assert_eq!(report.mapping, Finding::Known(Mapping::AddressAndPortDependent));
        assert_eq!(report.filtering, Finding::Known(Filtering::AddressAndPortDependent));
    }
}

/// Covers: RFC 6092 §3.2
#[test]
fn ipv6_is_not_translated_and_filtered_by_the_firewall() {
    let inbound = [None, Some(Dependence::AddressDependent), Some(Dependence::AddressAndPortDependent)];
    for inbound in inbound {
        let mut town = Town::new(7);
        let home = town.behind_firewall(FirewallConfig { inbound, ..FirewallConfig::default() });

        let report = town.discover(home, true, None);

        assert_eq!(report.mapping, Finding::Known(Mapping::None));
        let expected = inbound.map_or(Filtering::EndpointIndependent, filtering);
        assert_eq!(report.filtering, Finding::Known(expected));
    }
}

#[test]
fn where_udp_is_blocked_nothing_is_found() {
    let mut town = Town::new(8);
    let office = town.behind_firewall(FirewallConfig::web_only());

    for is_ipv6 in [false, true] {
        let report = town.discover(office, is_ipv6, None);
        assert_eq!(report.mapping, Finding::Unknown(Unknown::NoAnswer));
    }
    town.assert_balanced();
}

/// What links lose, delay, reorder and double changes nothing about what is found, and the same seed finds it in the same way.
#[test]
fn bad_links_change_no_finding_and_worlds_repeat() {
    let run = |seed| {
        let mut town = Town::new(seed);
        let nat = NatConfig::of(Dependence::AddressDependent, Dependence::AddressAndPortDependent);
        let bad = LinkConfig {
            delay: Duration::from_millis(30),
            jitter: Duration::from_millis(20),
            loss: Chance::percent(5),
            reorder: Chance::percent(5),
            duplicate: Chance::percent(5),
            rate: Some(200_000),
            ..LinkConfig::default()
        };
        let links = LinkPair::both(bad);
        let home = town.home(
            "10.1.0.0/16",
            GatewayConfig { links, ..GatewayConfig::with_nat(SegmentId::INTERNET, nat) },
        );
        let report = town.discover(home, false, None);
        assert_eq!(report.mapping, Finding::Known(Mapping::AddressDependent), "{seed:?}");
        assert_eq!(report.filtering, Finding::Known(Filtering::AddressAndPortDependent), "{seed:?}");
        town.assert_balanced();
        (town.world.network().digest(), town.world.elapsed(), *town.world.network().counters())
    };

    let seeds: Vec<u64> = (0..20).map(|index| Seed(9).random("seeds", index).number()).collect();
    let first: Vec<_> = seeds.iter().map(|seed| run(*seed)).collect();
    let second: Vec<_> = seeds.iter().map(|seed| run(*seed)).collect();
    assert_eq!(first, second);
    assert!(first.windows(2).all(|pair| pair[0] != pair[1]), "worlds of different seeds differ");
}
