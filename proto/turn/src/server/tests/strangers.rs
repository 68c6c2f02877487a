use super::*;
use crate::attribute::RequestedTransport;
use crate::budget::Rate;
use crate::server::{Config, Counters, OUT_LEN_MAX, Received, Refusal, Request};
use crate::testing::config;
use crate::{FiveTuple, RealmId, Transport, method};
use moim_stun::{Class, MessageBuilder, Method, Seal, TransactionId};

fn message(class: Class, method: Method) -> Vec<u8> {
    let mut buffer = [0; 64];
    let builder = MessageBuilder::new(&mut buffer, class, method, TransactionId([3; 12])).unwrap();
    builder.finish(Seal { fingerprint: true, ..Seal::default() }).unwrap().to_vec()
}

fn dropped(world: &mut World, source: &str, bytes: &[u8]) -> Option<DropReason> {
    let five_tuple =
        FiveTuple::new(Transport::Udp, source.parse().unwrap(), "198.51.100.1:3478".parse().unwrap());
    let received = Received { five_tuple, realm: RealmId(0), bytes };
    let decision = world.server.handle_client(received, world.now, &mut [0; OUT_LEN_MAX]);
    if let FromClient::Dropped(reason) = decision { Some(reason) } else { None }
}

/// Covers: RFC 8489 §6.3
#[test]
fn what_is_no_request_of_turn_is_dropped_and_counted_by_reason() {
    let mut world = World::default();
    let good = message(Class::Request, method::ALLOCATE);
    let altered = |index: usize, byte: u8| {
        let mut bytes = good.clone();
        bytes[index] = byte;
        bytes
    };
    let cases = [
        (Vec::new(), DropReason::Malformed),
        (good[..19].to_vec(), DropReason::Malformed),
        (altered(0, 0x80), DropReason::Malformed),
        (altered(3, 200), DropReason::Malformed),
        (altered(4, 0), DropReason::NoMagicCookie),
        (altered(19, 0), DropReason::BadFingerprint),
        (message(Class::SuccessResponse, method::ALLOCATE), DropReason::Response),
        (message(Class::ErrorResponse, method::DATA), DropReason::Response),
        (message(Class::Request, Method::BINDING), DropReason::UnsupportedMethod),
        (message(Class::Request, method::SEND), DropReason::UnsupportedMethod),
        (message(Class::Indication, method::DATA), DropReason::UnsupportedMethod),
        (message(Class::Indication, method::SEND), DropReason::NoAllocation),
        (channel_data(0x4000, b"x"), DropReason::NoAllocation),
    ];
    for (bytes, reason) in &cases {
        let before = world.server.counters().dropped(*reason);
        assert_eq!(dropped(&mut world, ANNA, bytes), Some(*reason), "{bytes:02x?}");
        assert_eq!(world.server.counters().dropped(*reason), before + 1);
    }
    for source in ["203.0.113.7:0", "0.0.0.0:1", "224.0.0.1:1", "255.255.255.255:1", "[ff02::1]:1"] {
        assert_eq!(dropped(&mut world, source, &good), Some(DropReason::UnusableSource), "{source}");
    }
    assert_eq!(dropped(&mut world, ANNA, &good), None);
}

#[test]
fn answers_to_strangers_are_bounded_and_those_to_users_are_not() {
    let rate = Rate { bytes_per_second: 1, burst_bytes: 1000 };
    let mut world = World::new(Config { unauthenticated: rate, ..config() });
    let anna = world.client(ANNA);
    let request = message(Class::Request, method::ALLOCATE);

    let answered = (0..100).filter(|_| dropped(&mut world, BORIS, &request).is_none()).count();

    assert!((1..20).contains(&answered), "{answered}");
    assert!(world.server.counters().dropped(DropReason::OverBudget) >= 80);
    world.allocate(&anna);
    for _ in 0..100 {
        assert_eq!(world.permit(&anna, &[PEER]).code(), 0);
    }
}

/// Covers: RFC 8489 §9.2 (nonces are of one client)
#[test]
fn a_captured_request_is_of_no_use_at_another_address() {
    let mut world = World::default();
    let anna = world.client(ANNA);
    let request = world.signed(&anna, method::ALLOCATE, |builder| {
        builder.attribute(&RequestedTransport::UDP).unwrap();
    });
    let thief = world.client("192.0.2.66:4000");

    assert_eq!(world.give(&thief, &request).response().code(), 438);
    assert_eq!(world.server.allocation_count(), 0);
    assert_eq!(world.server.counters().refused(Request::Allocate, Refusal::StaleNonce), 1);
}

#[test]
fn whatever_a_stranger_sends_does_no_harm() {
    let mut world = World::default();
    let anna = world.client(ANNA);
    world.allocate(&anna);
    let good = world.signed(&anna, method::CREATE_PERMISSION, |builder| {
        builder.attribute(&peer_address(PEER)).unwrap();
    });
    for index in 0..good.len() {
        for bit in 0..8 {
            let mut bytes = good.clone();
            bytes[index] ^= 1 << bit;
            world.give(&anna, &bytes);
        }
        world.give(&anna, &good[..index]);
    }

    assert_eq!(from_peer(&mut world, &anna, PEER, 1).unwrap_err(), DropReason::NoPermission);
    assert_eq!(world.server.counters().succeeded(Request::CreatePermission), 0);
    assert_eq!(world.server.allocation_count(), 1);
}

#[test]
fn an_out_buffer_that_is_too_small_is_a_drop() {
    let mut world = World::default();
    let anna = world.client(ANNA);
    world.allocate(&anna);
    let request = world.signed(&anna, method::REFRESH, |_| {});
    let received = Received { five_tuple: anna.five_tuple, realm: RealmId(0), bytes: &request };

    for len in 0..40 {
        let decision = world.server.handle_client(received, world.now, &mut vec![0; len]);
        assert!(matches!(decision, FromClient::Dropped(DropReason::BufferTooSmall)), "{decision:?}");
    }
}

#[test]
fn names_for_metrics_are_in_order_and_unique() {
    for (index, reason) in DropReason::ALL.into_iter().enumerate() {
        assert_eq!(reason as usize, index);
        assert_eq!(DropReason::ALL.iter().filter(|other| other.as_str() == reason.as_str()).count(), 1);
    }
    for (index, refusal) in Refusal::ALL.into_iter().enumerate() {
        assert_eq!(refusal as usize, index);
        assert_eq!(Refusal::ALL.iter().filter(|other| other.code() == refusal.code()).count(), 1);
    }
    for (index, request) in Request::ALL.into_iter().enumerate() {
        assert_eq!((request as usize, Request::of(request.method())), (index, Some(request)));
    }
    let total =
        |counters: &Counters| -> u64 { DropReason::ALL.iter().map(|reason| counters.dropped(*reason)).sum() };
    assert_eq!(total(&Counters::default()), 0);
}
