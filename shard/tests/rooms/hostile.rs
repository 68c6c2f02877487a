//! Whatever strangers send, it harms nobody.

use crate::client::Shape;
use crate::world::World;
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::Duration;

#[test]
fn garbage_disturbs_nobody() {
    let mut world = World::meeting(2, Shape::default());
    world.pictures(10);
    let stranger: SocketAddr = ([10, 6, 6, 6], 666).into();
    let known = world.clients[0].address;

    for from in [stranger, known] {
        for first in 0..=255_u8 {
            for len in [1, 2, 20, 300] {
                let mut packet: Vec<u8> =
                    (0..=250).cycle().step_by(7).take(len).map(|byte| byte ^ first).collect();
                packet[0] = first;
                world.arrive(from, &mut packet);
            }
        }
    }
    world.pictures(30);

    for (at, other) in [(0, 2), (1, 1)] {
        assert_eq!(world.clients[at].pictures(), BTreeSet::from([(other, 0)]));
    }
    assert!(world.refused > 0, "a stranger is nobody");
}

/// A stranger who has seen a check repeats it, bends it, and sends it from elsewhere: nothing is learnt from that but from the whole one.
///
/// Covers: RFC 8445 §7.3
#[test]
fn bent_checks_are_not_taken() {
    let mut world = World::meeting(1, Shape::default());
    let check = world.next_check(0);
    let stranger: SocketAddr = ([10, 6, 6, 6], 666).into();

    for at in 0..check.len() {
        let mut bent = check.clone();
        bent[at] ^= 0x10;
        // A bent beginning is no check any more, and what it is then is nobody's, too.
        world.refused = 0;
        world.arrive(stranger, &mut bent);
        // The fingerprint alone may be bent: it guards nothing.
        let is_fingerprint = at + 8 >= check.len();
        assert!(world.refused == 1 || is_fingerprint, "byte {at}");
    }

    world.run_for(Duration::from_secs(40));
    assert!(world.clients[0].ended.is_empty());
}

/// However many addresses a client comes from, a few are remembered, and the one that works stays.
#[test]
fn addresses_are_limited() {
    let mut world = World::meeting(1, Shape::default());
    let check = world.next_check(0);
    for port in 1..200 {
        let mut check = check.clone();
        let from: SocketAddr = ([10, 7, 7, 7], port).into();
        world.arrive(from, &mut check);
        let mut data = [0x80; 40];
        world.refused = 0;
        world.arrive(from, &mut data);
        assert_eq!(world.refused, 0, "it is known at first");
    }

    let mut refused = 0;
    for port in 1..200 {
        let mut data = [0x80; 40];
        world.refused = 0;
        world.arrive(([10, 7, 7, 7], port).into(), &mut data);
        refused += world.refused;
    }
    assert!(refused >= 199 - moim_shard::ADDRESSES_MAX);
    world.run_for(Duration::from_secs(40));
    assert!(world.clients[0].ended.is_empty());
}

/// Every packet of a client's, bent at one place, beside the whole one.
#[test]
fn bent_packets_of_a_client_disturb_nobody() {
    let mut world = World::meeting(2, Shape::default());
    world.bends = true;

    world.pictures(60);

    for (at, other) in [(0, 2), (1, 1)] {
        assert_eq!(world.clients[at].pictures(), BTreeSet::from([(other, 0)]));
        assert!(world.clients[at].ended.is_empty());
    }
}
