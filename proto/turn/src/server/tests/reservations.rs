use super::*;
use crate::attribute::{AdditionalAddressFamily, EvenPort, RequestedAddressFamily};
use crate::server::{Event, FromClient};
use crate::testing::{Response, USERS, config};
use crate::{ReservationToken, ShardId, Shards, Transport, method};

fn reserve(world: &mut World, client: &Client) -> Response {
    world.allocate_with(client, |builder| builder.attribute(&EvenPort { reserve: true }).unwrap())
}

/// Covers: RFC 8656 §7.2 (EVEN-PORT, RESERVATION-TOKEN)
#[test]
fn the_next_port_is_kept_and_redeemed_by_its_token() {
    let mut world = World::default();
    let (anna, again) = (world.client(ANNA), world.client("203.0.113.7:4001"));

    let first = reserve(&mut world, &anna);
    let token = first.get::<ReservationToken>().unwrap();
    let second = world.allocate_with(&again, |builder| builder.attribute(&token).unwrap());

    let (even, odd) = (first.relayed()[0], second.relayed()[0]);
    assert_eq!((even.port() % 2, odd.port()), (0, even.port() + 1));
    assert_eq!(second.get::<ReservationToken>(), None);
    let third = world.client("203.0.113.7:4002");
    assert_eq!(world.allocate_with(&third, |builder| builder.attribute(&token).unwrap()).code(), 508);
    world.pass(seconds(31));
    assert!(world.events().iter().all(|event| !matches!(event, Event::ReservationExpired(_))));
}

/// Covers: RFC 8656 §7.2 (a token is good for 30 s)
#[test]
fn a_reservation_expires() {
    let mut world = World::default();
    let (anna, again) = (world.client(ANNA), world.client("203.0.113.7:4001"));
    let token = reserve(&mut world, &anna).get::<ReservationToken>().unwrap();
    world.events();

    world.pass(seconds(30));

    assert!(matches!(&world.events()[..], [Event::ReservationExpired(expired)] if *expired == token));
    assert_eq!(world.allocate_with(&again, |builder| builder.attribute(&token).unwrap()).code(), 508);
}

#[test]
fn a_token_is_of_no_use_to_another_user() {
    let mut world = World::default();
    let anna = world.client(ANNA);
    let boris = world.client_by(Transport::Udp, BORIS, USERS[1]);
    let token = reserve(&mut world, &anna).get::<ReservationToken>().unwrap();

    assert_eq!(world.allocate_with(&boris, |builder| builder.attribute(&token).unwrap()).code(), 508);
}

/// Covers: RFC 8656 §7.2 (RESERVATION-TOKEN excludes the attributes that choose an address)
#[test]
fn a_token_goes_with_nothing_else() {
    let mut world = World::default();
    let (anna, again) = (world.client(ANNA), world.client("203.0.113.7:4001"));
    let token = reserve(&mut world, &anna).get::<ReservationToken>().unwrap();

    let with_even = world.allocate_with(&again, |builder| {
        builder.attribute(&token).unwrap();
        builder.attribute(&EvenPort { reserve: false }).unwrap();
    });
    let with_family = world.allocate_with(&again, |builder| {
        builder.attribute(&token).unwrap();
        builder.attribute(&RequestedAddressFamily(1)).unwrap();
    });
    let with_both = world.allocate_with(&again, |builder| {
        builder.attribute(&token).unwrap();
        builder.attribute(&AdditionalAddressFamily(2)).unwrap();
    });
    assert_eq!([with_even.code(), with_family.code(), with_both.code()], [400; 3]);
}

#[test]
fn there_are_only_so_many_reservations() {
    let mut config = config();
    config.limits.reservations_max = 1;
    let mut world = World::new(config);
    let (anna, again) = (world.client(ANNA), world.client("203.0.113.7:4001"));

    assert_eq!(reserve(&mut world, &anna).code(), 0);
    assert_eq!(reserve(&mut world, &again).code(), 508);
}

#[test]
fn one_user_cannot_have_all_reservations() {
    let mut world = World::default();
    let codes: Vec<_> = (0..9)
        .map(|port| {
            let client = world.client(&format!("203.0.113.7:{}", 4000 + port));
            reserve(&mut world, &client).code()
        })
        .collect();
    let boris = world.client_by(Transport::Udp, BORIS, USERS[1]);

    assert_eq!(codes, [0, 0, 0, 0, 0, 0, 0, 0, 508]);
    assert_eq!(reserve(&mut world, &boris).code(), 0);
}

#[test]
fn a_token_of_another_shard_is_passed_on_once_the_client_is_known() {
    let shards = |own| Shards::new(2, ShardId(own)).unwrap();
    let mut here = World::of_shard(config(), shards(0));
    let mut there = World::of_shard(config(), shards(1));
    let token = |world: &mut World| {
        let client = world.client(ANNA);
        reserve(world, &client).get::<ReservationToken>().unwrap()
    };
    let foreign = token(&mut there);
    let mut client = here.client(BORIS);
    let with_token = |world: &mut World, client: &Client| {
        let request = world.signed(client, method::ALLOCATE, |builder| {
            builder.attribute(&crate::attribute::RequestedTransport::UDP).unwrap();
            builder.attribute(&foreign).unwrap();
        });
        world.give(client, &request).decision
    };

    assert!(matches!(with_token(&mut here, &client), FromClient::Elsewhere(ShardId(1))));
    client.nonce = "none".to_owned();
    assert!(matches!(with_token(&mut here, &client), FromClient::Respond(_)), "a challenge");
}
