use super::*;
use crate::attribute::{DontFragment, Lifetime, RequestedTransport, XorRelayedAddress};
use crate::method;
use crate::policy::RelayMode;
use crate::quota::QuotaReached;
use crate::server::{AllocateError, Event, Refusal, Request};
use crate::testing::{RELAY_IPV4, config};
use moim_stun::attribute::{UnknownAttributes, XorMappedAddress};
use moim_stun::{AttributeType, FingerprintCheck, Integrity, Message, Seal};

/// Covers: RFC 8656 §7.2, §7.3
#[test]
fn a_client_gets_a_relayed_address_and_is_told_its_own() {
    let mut world = World::default();
    let anna = world.client(ANNA);

    let response = world.allocate_with(&anna, |_| {});

    assert_eq!(response.code(), 0);
    let relayed = response.get::<XorRelayedAddress>().unwrap().0;
    assert_eq!(relayed.ip(), RELAY_IPV4);
    assert_eq!(response.get::<XorMappedAddress>().unwrap().0, ANNA.parse().unwrap());
    assert_eq!(response.get(), Some(Lifetime(600)));
    let relay = world.server.relay_at(relayed).unwrap();
    assert_eq!(world.server.five_tuple(relay.allocation), Some(anna.five_tuple));
    assert!(matches!(&world.events()[..], [Event::Allocated { username, .. }] if &**username == "anna"));
    assert_eq!(world.server.counters().succeeded(Request::Allocate), 1);
    assert_eq!(world.server.counters().refused(Request::Allocate, Refusal::Unauthenticated), 1);
}

/// Covers: RFC 8656 §7.2 (step 1), RFC 8489 §9.2.4
#[test]
fn without_proof_there_is_a_challenge_and_nothing_is_kept() {
    let mut world = World::default();
    for port in 1000..2000 {
        world.client(&format!("203.0.113.7:{port}"));
    }

    assert_eq!(world.server.allocation_count(), 0);
    assert_eq!(world.server.poll_timeout(), None);
    assert_eq!(world.server.poll_event().map(|_| ()), None);
}

/// Covers: RFC 8656 §7.2 (step 2: the same transaction gets the same answer, another one 437)
#[test]
fn an_allocate_that_comes_again_gets_the_same_answer() {
    let mut world = World::default();
    let anna = world.client(ANNA);
    let request = world.signed(&anna, method::ALLOCATE, |builder| {
        builder.attribute(&RequestedTransport::UDP).unwrap();
    });

    let first = world.give(&anna, &request).response();
    let again = world.give(&anna, &request).response();
    assert_eq!(first, again);
    world.pass(seconds(100));
    let later = world.give(&anna, &request).response();
    assert_eq!((later.relayed(), later.get()), (first.relayed(), Some(Lifetime(500))));

    assert_eq!(world.allocate_with(&anna, |_| {}).code(), 437);
    let mut other = world.client_by(crate::Transport::Udp, ANNA, crate::testing::USERS[1]);
    other.five_tuple = anna.five_tuple;
    assert_eq!(world.allocate_with(&other, |_| {}).code(), 437);
    assert_eq!(world.server.allocation_count(), 1);
}

/// Covers: RFC 8656 §7.2 (step 3), RFC 6062 §5.1
#[test]
fn a_transport_has_to_be_named_and_be_one_there_is() {
    let mut world = World::default();
    let anna = world.client(ANNA);
    let ask = |world: &mut World, client: &Client, transport: RequestedTransport| {
        world.ask(client, method::ALLOCATE, |builder| builder.attribute(&transport).unwrap()).code()
    };

    assert_eq!(world.ask(&anna, method::ALLOCATE, |_| {}).code(), 400);
    let raw = |builder: &mut moim_stun::MessageBuilder<'_>| {
        builder.raw(AttributeType(0x0019), &[17]).unwrap();
    };
    assert_eq!(world.ask(&anna, method::ALLOCATE, raw).code(), 400, "cut short");
    assert_eq!(ask(&mut world, &anna, RequestedTransport(132)), 442);
    assert_eq!(ask(&mut world, &anna, RequestedTransport::TCP), 400, "over UDP");
    let mut without = World::new(crate::server::Config { tcp_allocations: false, ..config() });
    let anna = without.client_by(crate::Transport::Tcp, ANNA, crate::testing::USERS[0]);
    assert_eq!(ask(&mut without, &anna, RequestedTransport::TCP), 442);
}

/// Covers: RFC 8656 §7.2 (step 4), RFC 8489 §6.3.1
#[test]
fn what_must_be_understood_and_is_not_is_refused() {
    let mut world = World::new(crate::server::Config { dont_fragment: false, ..config() });
    let anna = world.client(ANNA);

    let response = world.allocate_with(&anna, |builder| {
        builder.attribute(&DontFragment).unwrap();
        builder.raw(AttributeType(0x7abc), b"?").unwrap();
        builder.raw(AttributeType(0xabcd), b"?").unwrap();
    });

    assert_eq!(response.code(), 420);
    let unknown = response.get::<UnknownAttributes>().unwrap();
    assert_eq!(unknown.as_slice(), [AttributeType(0x001a), AttributeType(0x7abc)]);
    let mut world = World::default();
    let anna = world.client(ANNA);
    assert_eq!(world.allocate_with(&anna, |builder| builder.attribute(&DontFragment).unwrap()).code(), 0);
}

/// Covers: RFC 8656 §7.2 (LIFETIME)
#[test]
fn a_lifetime_is_granted_within_bounds() {
    for (asked, granted) in [(None, 600), (Some(0), 600), (Some(700), 700), (Some(u32::MAX), 3600)] {
        let mut world = World::default();
        let anna = world.client(ANNA);

        let response = world.allocate_with(&anna, |builder| {
            if let Some(asked) = asked {
                builder.attribute(&Lifetime(asked)).unwrap();
            }
        });

        assert_eq!(response.get(), Some(Lifetime(granted)));
        world.pass(seconds(u64::from(granted) - 1));
        assert_eq!(world.server.allocation_count(), 1);
        world.pass(seconds(1));
        assert_eq!(world.server.allocation_count(), 0);
    }
}

/// Covers: RFC 8656 §7.2 (486, 508, 300), RFC 8489 §10
#[test]
fn what_there_is_too_little_of_is_told() {
    let mut world = World::default();
    let anna = world.client(ANNA);
    let cases = [
        (AllocateError::Quota(QuotaReached::User), 486),
        (AllocateError::Quota(QuotaReached::Address), 486),
        (AllocateError::Quota(QuotaReached::Total), 508),
        (AllocateError::NoCapacity, 508),
    ];
    for (error, code) in cases {
        world.fails_with = Some(error);
        assert_eq!(world.allocate_with(&anna, |_| {}).code(), code);
    }
    assert_eq!(world.server.allocation_count(), 0);

    let mut config = config();
    config.limits.allocations_max = 1;
    let mut world = World::new(config);
    let (anna, boris) = (world.client(ANNA), world.client(BORIS));
    world.allocate(&anna);
    assert_eq!(world.allocate_with(&boris, |_| {}).code(), 508);
}

#[test]
fn without_a_relay_nothing_is_allocated() {
    let mut world = World::new(crate::server::Config { relay: RelayMode::Off, ..config() });
    let anna = world.client(ANNA);

    assert_eq!(world.allocate_with(&anna, |_| {}).code(), 403);
}

/// Covers: RFC 8489 §7, §9.2.4 (errors are protected too)
#[test]
fn answers_are_sealed_as_the_request_was() {
    let mut world = World::default();
    let anna = world.client(ANNA);
    let seal = Seal { integrity: Integrity::Sha1(&anna.key), fingerprint: true };
    for transport in [RequestedTransport(1), RequestedTransport::UDP] {
        let request = world.request(method::ALLOCATE, seal, |builder| {
            builder.attribute(&transport).unwrap();
            builder.attribute(&moim_stun::attribute::Username("anna")).unwrap();
            builder.attribute(&moim_stun::attribute::Realm(crate::testing::REALM)).unwrap();
            builder.attribute(&moim_stun::attribute::Nonce(&anna.nonce)).unwrap();
        });

        let response = world.give(&anna, &request).response();

        let message = Message::parse(&response.0).unwrap();
        assert_eq!(message.check_fingerprint(), FingerprintCheck::Valid);
        assert_eq!(message.check_sha1(&anna.key), moim_stun::IntegrityCheck::Valid);
    }
}
