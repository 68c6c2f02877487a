use super::*;
use crate::attribute::{
    AdditionalAddressFamily, AddressErrorCode, EvenPort, Lifetime, RequestedAddressFamily,
};
use crate::server::{Config, Event, FreeCause};
use crate::testing::{Response, config};
use crate::{PerFamily, method};

const BOTH: AdditionalAddressFamily = AdditionalAddressFamily(2);

fn only(ipv4: bool, ipv6: bool) -> Config {
    Config { families: PerFamily { ipv4, ipv6 }, ..config() }
}

/// Covers: RFC 8656 §7.2 (REQUESTED-ADDRESS-FAMILY; IPv4 is the default)
#[test]
fn the_family_is_the_one_asked_for() {
    let ask = |config: Config, family: Option<u8>| {
        let mut world = World::new(config);
        let anna = world.client(ANNA);
        world.allocate_with(&anna, |builder| {
            if let Some(family) = family {
                builder.attribute(&RequestedAddressFamily(family)).unwrap();
            }
        })
    };

    assert!(ask(config(), None).relayed()[0].is_ipv4());
    assert!(ask(config(), Some(1)).relayed()[0].is_ipv4());
    assert!(ask(config(), Some(2)).relayed()[0].is_ipv6());
    assert_eq!(ask(config(), Some(3)).code(), 440);
    assert_eq!(ask(only(false, true), None).code(), 440);
    assert_eq!(ask(only(true, false), Some(2)).code(), 440);
}

/// Covers: RFC 8656 §7.2 (ADDITIONAL-ADDRESS-FAMILY, ADDRESS-ERROR-CODE)
#[test]
fn an_allocation_may_have_an_address_of_each_family() {
    let mut world = World::default();
    let anna = world.client(ANNA);
    let response = world.allocate_with(&anna, |builder| builder.attribute(&BOTH).unwrap());
    let relayed = response.relayed();
    assert!(relayed.len() == 2 && relayed[0].is_ipv4() && relayed[1].is_ipv6(), "{relayed:?}");
    assert_eq!(response.get::<AddressErrorCode>(), None);

    let error = |config: Config, can_bind: PerFamily<bool>| {
        let mut world = World::new(config);
        world.can_bind = can_bind;
        let anna = world.client(ANNA);
        let response = world.allocate_with(&anna, |builder| builder.attribute(&BOTH).unwrap());
        (response.code(), response.relayed().len(), response.get::<AddressErrorCode>())
    };
    let failed = |family, code| Some(AddressErrorCode { family, code });
    let bind = |ipv4, ipv6| PerFamily { ipv4, ipv6 };
    assert_eq!(error(config(), bind(true, false)), (0, 1, failed(AddressFamily::Ipv6, 508)));
    assert_eq!(error(config(), bind(false, true)), (0, 1, failed(AddressFamily::Ipv4, 508)));
    assert_eq!(error(config(), bind(false, false)), (508, 0, None));
    assert_eq!(error(only(true, false), bind(true, true)), (0, 1, failed(AddressFamily::Ipv6, 440)));
    assert_eq!(error(only(false, true), bind(true, true)), (0, 1, failed(AddressFamily::Ipv4, 440)));
    assert_eq!(error(only(false, false), bind(true, true)), (440, 0, None));
}

/// Covers: RFC 8656 §7.2 (attributes that exclude each other)
#[test]
fn what_does_not_go_together_is_refused() {
    let mut world = World::default();
    let anna = world.client(ANNA);

    let both_ways = world.allocate_with(&anna, |builder| {
        builder.attribute(&RequestedAddressFamily(1)).unwrap();
        builder.attribute(&BOTH).unwrap();
    });
    let ipv4_besides =
        world.allocate_with(&anna, |builder| builder.attribute(&AdditionalAddressFamily(1)).unwrap());
    let with_reservation = world.allocate_with(&anna, |builder| {
        builder.attribute(&EvenPort { reserve: true }).unwrap();
        builder.attribute(&BOTH).unwrap();
    });
    assert_eq!((both_ways.code(), ipv4_besides.code(), with_reservation.code()), (400, 400, 400));

    let even = world.allocate_with(&anna, |builder| {
        builder.attribute(&EvenPort { reserve: false }).unwrap();
        builder.attribute(&BOTH).unwrap();
    });
    assert!(even.relayed().iter().all(|relayed| relayed.port() % 2 == 0));
}

/// Covers: RFC 8656 §8.2 (REQUESTED-ADDRESS-FAMILY in a Refresh)
#[test]
fn one_family_can_be_refreshed_and_given_back() {
    let mut world = World::default();
    let anna = world.client(ANNA);
    let both = world.allocate_with(&anna, |builder| builder.attribute(&BOTH).unwrap()).relayed();
    world.events();
    let refresh = |world: &mut World, family: u8, lifetime: u32| -> Response {
        world.ask(&anna, method::REFRESH, |builder| {
            builder.attribute(&RequestedAddressFamily(family)).unwrap();
            builder.attribute(&Lifetime(lifetime)).unwrap();
        })
    };

    assert_eq!(refresh(&mut world, 9, 600).code(), 443);
    assert_eq!(refresh(&mut world, 1, 0).code(), 0);
    assert!(matches!(&world.events()[..], [Event::RelayFreed { address, .. }] if *address == both[0]));
    assert_eq!(world.server.relay_at(both[0]), None);
    assert_eq!(refresh(&mut world, 1, 600).code(), 443, "it is no more");
    assert_eq!(world.permit(&anna, &[PEER]).code(), 443);
    assert_eq!(world.permit(&anna, &[PEER_IPV6]).code(), 0);
    assert_eq!(refresh(&mut world, 2, 0).code(), 0);
    assert!(matches!(&world.events()[..], [Event::Freed(freed)] if freed.cause == FreeCause::Refreshed));
    assert_eq!(refresh(&mut world, 2, 600).code(), 437);
}

/// Covers: RFC 8656 §8.2
#[test]
fn families_expire_each_in_its_time() {
    let mut world = World::default();
    let anna = world.client(ANNA);
    let both = world.allocate_with(&anna, |builder| builder.attribute(&BOTH).unwrap()).relayed();
    world.events();
    world.pass(seconds(300));
    world.ask(&anna, method::REFRESH, |builder| builder.attribute(&RequestedAddressFamily(2)).unwrap());

    world.pass(seconds(300));
    assert!(matches!(&world.events()[..], [Event::RelayFreed { address, .. }] if *address == both[0]));
    assert_eq!(world.server.allocation_count(), 1);
    world.pass(seconds(300));
    assert!(matches!(&world.events()[..], [Event::Freed(freed)] if freed.cause == FreeCause::Expired));
    assert_eq!(world.server.relay_at(both[1]), None);
    assert_eq!(world.server.poll_timeout(), None);
}
