//! Who sends and receives in which format.

use crate::client::Shape;
use crate::world::{ALL, World};
use moim_peer::Config;
use std::collections::BTreeSet;

/// A connection that knows these codecs of pictures alone, in this order.
fn knows(world: &World, names: &[&str]) -> Config {
    let mut config = world.config();
    let all = std::mem::take(&mut config.capabilities.video);
    let of_name = |name: &&str| all.iter().find(|codec| codec.name == *name).unwrap().clone();
    config.capabilities.video = names.iter().map(of_name).collect();
    config
}

#[test]
fn who_can_sends_vp8_whatever_it_would_rather_send() {
    let mut world = World::new();
    let config = knows(&world, &["H264", "AV1", "VP8"]);
    world.join_with(Shape::default(), ALL, config);
    let config = knows(&world, &["VP8"]);
    world.join_with(Shape::default(), ALL, config);
    world.run_until(World::is_connected);

    world
        .pictures_until(|world| world.clients[0].newest(2).is_some() && world.clients[1].newest(1).is_some());
}

/// One slot shows one format after the other.
#[test]
fn h264_reaches_those_who_know_it() {
    let mut world = World::new();
    let config = knows(&world, &["H264"]);
    world.join_with(Shape::default(), ALL, config);
    let one_picture = Shape { video_sections: 1, ..Shape::default() };
    world.join(one_picture, ALL);
    let config = knows(&world, &["VP8"]);
    world.join_with(Shape::default(), ALL, config);
    world.run_until(World::is_connected);

    world.pictures_until(|world| world.clients[1].newest(1).is_some());
    world.pictures_until(|world| world.clients[2].newest(2).is_some());
    world.pictures(30);

    assert_eq!(world.clients[2].pictures(), BTreeSet::from([(2, 0)]), "the other's cannot be shown");
    assert_eq!(world.clients[2].voices(), BTreeSet::from([1, 2]));
    assert!(world.clients[0].pictures().is_empty(), "nobody sends H.264");
    world.leave(0);
    world.pictures_until(|world| world.clients[1].newest(3).is_some());
    assert_eq!(world.clients[1].pictures(), BTreeSet::from([(1, 0), (3, 0)]));
}
