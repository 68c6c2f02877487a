use super::world::{Between, Nat, OTHER, SERVER, Servers, World};
use crate::binding;
use crate::discovery::{BindingLifetime, Filtering, Finding, LifetimeSearch, Mapping, Report, Unknown};
use proptest::prelude::*;
use std::time::Duration;

const MAPPINGS: [Mapping; 3] =
    [Mapping::EndpointIndependent, Mapping::AddressDependent, Mapping::AddressAndPortDependent];
const FILTERINGS: [Filtering; 3] =
    [Filtering::EndpointIndependent, Filtering::AddressDependent, Filtering::AddressAndPortDependent];

/// Covers: RFC 5780 §4.3, §4.4, RFC 4787 §4.1, §5
#[test]
fn every_mapping_and_filtering_is_told_for_what_it_is() {
    for mapping in MAPPINGS {
        for filtering in FILTERINGS {
            let report = discover(Nat::new(mapping, filtering, false), Servers::discovery());

            assert_eq!(report.mapping, Finding::Known(mapping));
            assert_eq!(report.filtering, Finding::Known(filtering), "{mapping:?}");
            assert_eq!(report.hairpinning, Finding::Known(false));
            assert_eq!(report.lifetime, Finding::Unknown(Unknown::NotTested));
            assert_eq!(report.is_translated(), Some(true));
            assert_eq!(report.can_punch_holes(), Some(mapping == Mapping::EndpointIndependent));
        }
    }
}

/// Covers: RFC 5780 §3.4, RFC 4787 §6
#[test]
fn hairpinning_is_seen_through_every_filter() {
    for filtering in FILTERINGS {
        let nat = Nat::new(Mapping::EndpointIndependent, filtering, true);

        let report = discover(nat, Servers::discovery());

        assert_eq!(report.hairpinning, Finding::Known(true), "{filtering:?}");
    }
}

/// Covers: RFC 5780 §4.3 (test I)
#[test]
fn without_a_nat_the_filter_is_that_of_a_firewall() {
    let open = World::new(Between::Nothing, Servers::discovery(), &[SERVER], None).run();
    assert_eq!(open.mapping, Finding::Known(Mapping::None));
    assert_eq!(open.is_translated(), Some(false));
    assert_eq!(open.filtering, Finding::Known(Filtering::EndpointIndependent));
    assert_eq!(open.hairpinning, Finding::Unknown(Unknown::NotTranslated));
    assert_eq!(open.can_punch_holes(), Some(true));

    let firewall = Between::Firewall(Filtering::AddressAndPortDependent);
    let closed = World::new(firewall, Servers::discovery(), &[SERVER], None).run();
    assert_eq!(closed.mapping, Finding::Known(Mapping::None));
    assert_eq!(closed.filtering, Finding::Known(Filtering::AddressAndPortDependent));
}

#[test]
fn blocked_udp_leaves_everything_unknown() {
    let search = Some(LifetimeSearch::default());
    for (between, servers) in [(Between::UdpBlocked, Servers::discovery()), (Between::Nothing, Servers::Deaf)]
    {
        let report = World::new(between, servers, &[SERVER, OTHER], search).run();

        assert_eq!((report.mapped, report.is_translated()), (None, None));
        assert_eq!(report.mapping, Finding::Unknown(Unknown::NoAnswer));
        assert_eq!(report.filtering, Finding::Unknown(Unknown::NoAnswer));
        assert_eq!(report.hairpinning, Finding::Unknown(Unknown::NoAnswer));
        assert_eq!(report.can_punch_holes(), None);
    }
}

#[test]
fn a_server_with_two_ports_on_one_address_tells_part() {
    let told = |mapping, filtering| {
        let report = discover(Nat::new(mapping, filtering, false), Servers::with_ports_only());
        (report.mapping, report.filtering)
    };

    for mapping in [Mapping::EndpointIndependent, Mapping::AddressDependent] {
        let (found, _) = told(mapping, Filtering::EndpointIndependent);
        assert_eq!(found, Finding::Known(Mapping::EndpointIndependentOrAddressDependent));
    }
    let (found, _) = told(Mapping::AddressAndPortDependent, Filtering::EndpointIndependent);
    assert_eq!(found, Finding::Known(Mapping::AddressAndPortDependent));
    for filtering in [Filtering::EndpointIndependent, Filtering::AddressDependent] {
        let (_, found) = told(Mapping::EndpointIndependent, filtering);
        assert_eq!(found, Finding::Unknown(Unknown::PortOnly));
    }
    let (_, found) = told(Mapping::EndpointIndependent, Filtering::AddressAndPortDependent);
    assert_eq!(found, Finding::Known(Filtering::AddressAndPortDependent));
}

#[test]
fn ordinary_servers_tell_the_mapping_and_not_the_filter() {
    let told = |mapping, servers: &[&str]| {
        let nat = Between::Nat(Nat::new(mapping, Filtering::AddressDependent, false));
        let report = World::new(nat, Servers::Ordinary(binding::Server::new()), servers, None).run();
        assert_eq!(report.filtering, Finding::Unknown(Unknown::NoOtherAddress));
        report.mapping
    };
    let second_port = "203.0.113.1:3479";

    for mapping in MAPPINGS {
        assert_eq!(told(mapping, &[SERVER]), Finding::Unknown(Unknown::OneDestination));
        assert_eq!(told(mapping, &[SERVER, SERVER]), Finding::Unknown(Unknown::OneDestination));
        assert_eq!(told(mapping, &[SERVER, second_port, OTHER]), Finding::Known(mapping));
    }
    assert_eq!(
        told(Mapping::AddressDependent, &[SERVER, OTHER]),
        Finding::Known(Mapping::AddressOrAddressAndPortDependent)
    );
    assert_eq!(
        told(Mapping::EndpointIndependent, &[SERVER, OTHER]),
        Finding::Known(Mapping::EndpointIndependent)
    );
}

#[test]
fn a_server_that_does_not_answer_is_passed_over() {
    let nat = Between::Nat(Nat::new(Mapping::AddressDependent, Filtering::AddressDependent, false));
    let asked = ["192.0.2.55:3478", SERVER];

    let report = World::new(nat, Servers::discovery(), &asked, None).run();

    assert_eq!(report.mapping, Finding::Known(Mapping::AddressDependent));
    assert_eq!(report.filtering, Finding::Known(Filtering::AddressDependent));
}

#[test]
fn an_answer_from_the_wrong_place_says_nothing_about_the_filter() {
    let nat = Nat::new(Mapping::EndpointIndependent, Filtering::AddressAndPortDependent, false);

    let report = discover(nat, Servers::stubborn());

    assert_eq!(report.filtering, Finding::Unknown(Unknown::NotChanged));
}

/// Covers: RFC 5780 §4.6
#[test]
fn the_lifetime_of_a_mapping_is_found_between_two_bounds() {
    let search = LifetimeSearch {
        first: Duration::from_secs(10),
        longest: Duration::from_secs(600),
        precision: Duration::from_secs(5),
    };
    for seconds in [3, 30, 120, 187, 599] {
        let nat = nat_that_forgets_after(seconds);

        let report = World::new(Between::Nat(nat), Servers::discovery(), &[SERVER], Some(search)).run();

        let found = report.lifetime.known().unwrap();
        let less_than = found.less_than.unwrap();
        assert!(found.at_least <= Duration::from_secs(seconds), "{found:?}");
        // Each silence that a mapping does not survive is followed by the wait for an answer that does not come.
        assert!(Duration::from_secs(seconds) <= less_than, "{found:?}");
        assert!(less_than <= found.at_least + search.precision, "{found:?}");
    }
    let report =
        World::new(Between::Nat(nat_that_forgets_after(900)), Servers::discovery(), &[SERVER], Some(search))
            .run();
    let lasting = BindingLifetime { at_least: search.longest, less_than: None };
    assert_eq!(report.lifetime, Finding::Known(lasting));
}

#[test]
fn a_server_without_response_port_leaves_the_lifetime_unknown() {
    let search = Some(LifetimeSearch::default());
    for servers in [Servers::Ordinary(binding::Server::new()), Servers::stubborn()] {
        let report = World::new(Between::Nat(nat_that_forgets_after(60)), servers, &[SERVER], search).run();

        assert_eq!(report.lifetime, Finding::Unknown(Unknown::Refused));
    }
}

proptest! {
    /// What is lost is sent again, and changes nothing about what is found.
    #[test]
    fn loss_changes_no_finding(mapping in 0..3_usize, filtering in 0..3_usize, lose_every in 3..20_usize) {
        let nat = Nat::new(MAPPINGS[mapping], FILTERINGS[filtering], false);
        let world = World::new(Between::Nat(nat), Servers::discovery(), &[SERVER], None);

        let report = world.losing_every(lose_every).run();

        prop_assert_eq!(report.mapping, Finding::Known(MAPPINGS[mapping]));
        prop_assert_eq!(report.filtering, Finding::Known(FILTERINGS[filtering]));
    }
}

fn discover(nat: Nat, servers: Servers) -> Report {
    World::new(Between::Nat(nat), servers, &[SERVER], None).run()
}

fn nat_that_forgets_after(seconds: u64) -> Nat {
    let mut nat = Nat::new(Mapping::EndpointIndependent, Filtering::AddressDependent, false);
    nat.lifetime = Duration::from_secs(seconds);
    nat
}
