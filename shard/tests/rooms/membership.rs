//! Who may do what, and who comes and goes.

use crate::client::Shape;
use crate::world::{ALL, World};
use moim_shard::{DropReason, PARTICIPANTS_MAX};
use moim_signal::media::MediaAction;
use moim_signal::message::{ConnectionEndReason, Permissions};
use std::collections::BTreeSet;
use std::time::Duration;

const MUTE: Permissions = Permissions { publish: false, ..ALL };
const BLIND: Permissions = Permissions { subscribe: false, ..ALL };

#[test]
fn what_somebody_sends_who_may_not_reaches_nobody() {
    let mut world = World::new();
    world.join(Shape::default(), MUTE);
    world.join(Shape::default(), ALL);
    world.run_until(World::is_connected);

    world.pictures(30);

    assert!(world.clients[1].arrived.is_empty());
    assert!(world.clients[1].section_of("p1", "mic").is_none());
    assert_eq!(world.clients[0].voices(), BTreeSet::from([2]), "they may listen");
    assert!(world.shard.counters().snapshot().drops.of(DropReason::NotPermitted) > 0);
}

#[test]
fn who_may_not_listen_receives_nothing() {
    let mut world = World::new();
    world.join(Shape::default(), BLIND);
    world.join(Shape::default(), ALL);
    world.run_until(World::is_connected);

    world.pictures(30);

    assert!(world.clients[0].arrived.is_empty());
    assert_eq!(world.clients[1].voices(), BTreeSet::from([1]), "they may speak");
}

#[test]
fn permissions_that_change_count_at_once() {
    let mut world = World::meeting(2, Shape::default());
    world.pictures(20);

    world.command(
        0,
        MediaAction::Permit { permissions: Permissions { publish: false, subscribe: false, ..ALL } },
    );
    world.run_for(Duration::from_millis(50));
    world.clients.iter_mut().for_each(crate::client::Client::forget);
    world.pictures(20);
    assert!(world.clients.iter().all(|client| client.arrived.is_empty()));

    world.command(0, MediaAction::Permit { permissions: ALL });
    world
        .pictures_until(|world| world.clients[0].newest(2).is_some() && world.clients[1].newest(1).is_some());
}

#[test]
fn who_leaves_is_forgotten() {
    let mut world = World::meeting(3, Shape::default());
    world.pictures(20);

    world.leave(0);
    world.pictures(5);
    world.clients[1].forget();
    world.pictures(20);

    assert_eq!(world.clients[1].voices(), BTreeSet::from([3]));
    assert!(world.clients[1].section_of("p1", "cam").is_none());
    world.leave(1);
    world.leave(2);
    world.run_for(Duration::from_secs(1));
    let counters = world.shard.counters().snapshot();
    assert_eq!((counters.rooms, counters.participants, counters.connections), (0, 0, 0));
    assert_eq!((counters.tracks, counters.subscribers, counters.connected), (0, 0, 0));
    assert!(world.is_idle(), "nothing is left to be looked after");
}

#[test]
fn another_connection_takes_the_place_of_the_one_before() {
    let mut world = World::meeting(2, Shape::default());
    world.pictures(20);
    let before = world.clients[0].connection_id.clone();

    let (config, now) = (world.config(), world.now);
    world.clients[0].replace(config, now);
    world.offer(0);
    world.run_until(World::is_connected);
    world.clients[1].forget();
    world
        .pictures_until(|world| world.clients[1].newest(1).is_some() && world.clients[0].newest(2).is_some());

    let (ended, reason, _) = &world.clients[0].ended[0];
    assert_eq!((ended, *reason), (&before, ConnectionEndReason::Replaced));
    assert_eq!(world.shard.counters().snapshot().connections, 2);
}

#[test]
fn there_are_no_more_connections_than_there_may_be() {
    let mut world = World::with(|config| config.connections_max = 1);
    world.join(Shape::default(), ALL);
    world.join(Shape::default(), ALL);
    world.run_for(Duration::from_secs(1));

    let (_, reason, text) = &world.clients[1].ended[0];
    assert_eq!(*reason, ConnectionEndReason::ServerFull);
    assert!(text.contains("Try again"), "{text}");
    assert!(world.clients[0].ended.is_empty());
}

#[test]
fn a_stranger_is_told_that_there_is_no_place() {
    const { assert!(PARTICIPANTS_MAX > 1) };
    let mut world = World::meeting(1, Shape::default());
    world.leave(0);

    world.offer(0);
    world.run_for(Duration::from_millis(50));

    assert_eq!(world.clients[0].ended.last().unwrap().1, ConnectionEndReason::ServerFull);
}
