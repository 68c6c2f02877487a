//! How tracks of others are wanted.

use crate::camera::SIZES;
use crate::client::Shape;
use crate::world::{ALL, World};
use moim_shard::MediaConfig;
use moim_signal::id::{ParticipantId, TrackId};
use moim_signal::media::MediaAction;
use moim_signal::message::{LayerReason, TrackWatch};
use moim_wire::Bitrate;
use std::collections::BTreeSet;
use std::time::Duration;

const SIMULCAST: Shape = Shape { encodings: 3, is_heavy: false, audio_sections: 3, video_sections: 3 };

/// A network that carries everything, from the beginning.
fn fast(config: &mut MediaConfig) {
    config.congestion.start = Bitrate::from_kbps(20_000);
}

fn watch(of: &str, size: Option<(u16, u16)>) -> TrackWatch {
    TrackWatch {
        participant: ParticipantId::new(of),
        track: TrackId::new("cam"),
        wanted: true,
        paused: false,
        width: size.map(|(width, _)| width.into()),
        height: size.map(|(_, height)| height.into()),
        priority: 0,
    }
}

fn two() -> World {
    let mut world = World::with(fast);
    world.join(SIMULCAST, ALL);
    world.join(SIMULCAST, ALL);
    world.run_until(World::is_connected);
    world
}

fn is_shown(world: &World, encoding: u8) -> bool {
    let section = world.clients[1].section_of("p1", "cam");
    let layer = section.and_then(|section| section.layer);
    layer.is_some_and(|layer| layer.encoding == encoding)
        && world.clients[1].latest(1).is_some_and(|mark| mark.encoding == encoding)
}

#[test]
fn the_encoding_follows_the_size_of_the_tile() {
    let mut world = two();
    for encoding in [2, 0, 1, 2] {
        let size = SIZES[usize::from(encoding)];
        world.command(1, MediaAction::Watch { watches: vec![watch("p1", Some(size))] });

        let is_told = |world: &World| {
            let section = world.clients[1].section_of("p1", "cam");
            section.is_some_and(|section| section.reason == LayerReason::Wanted)
        };
        world.pictures_until(|world| is_shown(world, encoding) && is_told(world));
    }
    assert_eq!(world.clients[1].pictures(), BTreeSet::from([(1, 0), (1, 1), (1, 2)]));
}

/// What nobody watches need not be sent.
#[test]
fn a_publisher_is_told_which_encodings_are_watched() {
    let mut world = two();
    world.command(1, MediaAction::Watch { watches: vec![watch("p1", Some(SIZES[0]))] });
    world.pictures_until(|world| world.clients[0].wanted == [0]);
    world.pictures_until(|world| is_shown(world, 0));

    world.command(1, MediaAction::Watch { watches: vec![watch("p1", None)] });
    world.pictures_until(|world| world.clients[0].wanted.contains(&2));
    world.pictures_until(|world| is_shown(world, 2));

    let unwanted = TrackWatch { wanted: false, ..watch("p1", None) };
    world.command(1, MediaAction::Watch { watches: vec![unwanted] });
    world.pictures_until(|world| world.clients[0].wanted.is_empty());
}

#[test]
fn a_small_network_gets_a_small_picture() {
    let mut world = World::with(|config| {
        config.congestion.start = Bitrate::from_kbps(230);
        config.congestion.max = Bitrate::from_kbps(230);
    });
    world.join(SIMULCAST, ALL);
    world.join(SIMULCAST, ALL);
    world.run_until(World::is_connected);

    world.pictures(200);

    let section = world.clients[1].section_of("p1", "cam").unwrap();
    assert_eq!(section.layer.map(|layer| layer.encoding), Some(0), "{section:?}");
    assert_eq!(section.reason, LayerReason::Bandwidth);
}

/// Much more than connections begin with, and nothing smaller to begin with.
#[test]
fn a_large_picture_that_is_all_there_is_comes() {
    let mut world = World::new();
    world.join(Shape { is_heavy: true, ..Shape::default() }, ALL);
    world.join(Shape { encodings: 0, ..Shape::default() }, ALL);
    world.run_until(World::is_connected);

    world.pictures_until(|world| world.clients[1].newest(1).is_some());
    world.pictures(100);
    let late = world.join(Shape { encodings: 0, ..Shape::default() }, ALL);
    world.run_until(World::is_connected);
    world.pictures(60);

    let client = &world.clients[late];
    assert_eq!(client.section_of("p1", "cam").unwrap().reason, LayerReason::Wanted);
    // In these two seconds it never stands still.
    let packets = client.arrived.values().flatten().filter(|packet| packet.is_picture);
    let pictures: BTreeSet<_> = packets.map(|packet| packet.mark.picture).collect();
    assert!(pictures.len() > 45, "{}", pictures.len());
    assert_eq!(client.pictures(), BTreeSet::from([(1, 0)]));
}

#[test]
fn what_is_not_wanted_does_not_come() {
    let mut world = two();
    world.pictures(20);

    for watch in
        [TrackWatch { wanted: false, ..watch("p1", None) }, TrackWatch { paused: true, ..watch("p1", None) }]
    {
        world.command(1, MediaAction::Watch { watches: vec![watch] });
        world.run_for(Duration::from_millis(50));
        world.clients[1].forget();
        world.pictures(30);
        assert_eq!(world.clients[1].pictures(), BTreeSet::new());
        assert_eq!(world.clients[1].voices(), BTreeSet::from([1]), "sound goes on");
    }

    world.command(1, MediaAction::Watch { watches: vec![watch("p1", None)] });
    world.pictures_until(|world| world.clients[1].newest(1).is_some());
}

/// A wish may come before its track, and outlives it.
#[test]
fn wishes_are_remembered() {
    let mut world = World::with(fast);
    world.join(SIMULCAST, ALL);
    world.command(0, MediaAction::Publish { tracks: Vec::new() });
    world.join(SIMULCAST, ALL);
    world.run_until(World::is_connected);
    world.command(1, MediaAction::Watch { watches: vec![watch("p1", Some(SIZES[0]))] });

    let tracks = world.clients[0].tracks();
    world.command(0, MediaAction::Publish { tracks });

    world.pictures_until(|world| is_shown(world, 0));
    world.pictures(100);
    assert_eq!(world.clients[1].pictures(), BTreeSet::from([(1, 0)]));
}
