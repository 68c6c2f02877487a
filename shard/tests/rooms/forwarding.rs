//! What one publishes, the others receive.

use crate::client::Shape;
use crate::world::{ALL, World};
use moim_signal::media::MediaAction;
use moim_signal::message::ServerMessage;
use std::collections::BTreeSet;
use std::time::Duration;

#[test]
fn what_one_sends_the_other_receives() {
    let mut world = World::meeting(2, Shape::default());

    world.pictures(60);

    for (at, other) in [(0, 2), (1, 1)] {
        let client = &world.clients[at];
        assert_eq!(client.pictures(), BTreeSet::from([(other, 0)]));
        assert_eq!(client.voices(), BTreeSet::from([other]));
        let name = format!("p{other}");
        assert!(client.section_of(&name, "cam").is_some(), "{:?}", client.sections);
        assert!(client.section_of(&name, "mic").is_some());
    }
    let pictures = world.clients[0].arrived.values().flatten().filter(|it| it.is_picture).count();
    assert!(pictures > 40, "{pictures}");
    assert_eq!(world.refused, 0);
}

#[test]
fn everybody_receives_everybody_else() {
    let mut world = World::meeting(4, Shape::default());

    world.pictures(60);

    for client in &world.clients {
        let others = (1..=4).filter(|other| *other != client.number);
        assert_eq!(client.voices(), others.clone().collect::<BTreeSet<_>>());
        assert_eq!(client.pictures(), others.map(|other| (other, 0)).collect::<BTreeSet<_>>());
    }
    let counters = world.shard.counters().snapshot();
    assert_eq!((counters.rooms, counters.participants, counters.connected), (1, 4, 4));
    assert_eq!((counters.tracks, counters.subscribers), (8, 4));
    assert_eq!(counters.drops.total(), 0, "{counters:?}");
}

/// Whoever comes later sees a whole picture at once: it was asked for.
#[test]
fn who_joins_later_begins_with_a_key_frame() {
    let mut world = World::meeting(1, Shape::default());
    world.pictures(30);
    let late = world.join(Shape::default(), ALL);

    world.pictures_until(|world| world.clients[late].newest(1).is_some());
    world.pictures(20);

    assert_eq!(world.clients[late].pictures(), BTreeSet::from([(1, 0)]));
    assert!(world.shard.counters().snapshot().key_frames_asked > 0);
}

/// What a turn has no room for leaves in the next, and nothing is lost of it.
#[test]
fn a_full_outbox_delays_and_loses_nothing() {
    let mut world = World::meeting(5, Shape::default());
    world.is_crowded = true;

    // As many as there are sections; with all checks of what comes.
    world.pictures_until(|world| {
        world.clients.iter().all(|client| (client.pictures().len(), client.voices().len()) == (3, 3))
    });
    world.pictures(10);

    assert!(world.clients.iter().all(|client| client.pictures().len() >= 3));
    assert!(world.shard.counters().snapshot().outbox_full > 0);
}

#[test]
fn a_client_is_asked_for_more_sections_and_adds_them() {
    let few = Shape { audio_sections: 1, video_sections: 1, ..Shape::default() };
    let mut world = World::new();
    world.join(few, ALL);
    for _ in 0..3 {
        world.join(Shape::default(), ALL);
    }
    world.run_until(World::is_connected);
    world.pictures_until(|world| world.clients[0].sections_wanted == Some((3, 3)));
    world.pictures(5);
    assert_eq!(world.clients[0].pictures().len(), 1, "there is one section for pictures");

    let now = world.now;
    world.clients[0].add_sections(now);
    world.offer(0);
    world.pictures(60);

    assert_eq!(world.clients[0].pictures(), BTreeSet::from([(2, 0), (3, 0), (4, 0)]));
    assert_eq!(world.clients[0].voices(), BTreeSet::from([2, 3, 4]));
}

#[test]
fn what_is_muted_does_not_come_and_comes_again_afterwards() {
    let mut world = World::meeting(2, Shape::default());
    world.pictures(20);
    let mute = |world: &mut World, muted: bool| {
        let mut tracks = world.clients[0].tracks();
        for track in &mut tracks {
            track.muted = muted;
        }
        world.command(0, MediaAction::Publish { tracks });
    };

    mute(&mut world, true);
    world.run_for(Duration::from_millis(50));
    world.clients[1].forget();
    world.pictures(30);
    assert_eq!((world.clients[1].pictures().len(), world.clients[1].voices().len()), (0, 0));

    mute(&mut world, false);
    world.pictures_until(|world| world.clients[1].newest(1).is_some());
    world.pictures(10);
    assert_eq!(world.clients[1].pictures(), BTreeSet::from([(1, 0)]));
    assert_eq!(world.clients[1].voices(), BTreeSet::from([1]));
}

#[test]
fn a_track_is_forwarded_while_it_is_published() {
    let mut world = World::meeting(2, Shape::default());
    world.pictures(10);

    world.command(0, MediaAction::Publish { tracks: Vec::new() });
    world.run_for(Duration::from_millis(50));
    world.clients[1].forget();
    world.pictures(20);
    assert_eq!(world.clients[1].voices(), BTreeSet::new());
    assert!(world.clients[1].section_of("p1", "mic").is_none(), "that it is gone is told");

    let tracks = world.clients[0].tracks();
    world.command(0, MediaAction::Publish { tracks });
    world.pictures_until(|world| world.clients[1].newest(1).is_some());
    assert!(world.clients[1].section_of("p1", "cam").is_some());
}

#[test]
fn who_speaks_is_told_to_all() {
    let mut world = World::meeting(3, Shape::default());
    world.clients[1].is_speaking = true;
    let heard = |world: &World, is_so: fn(&ServerMessage) -> bool| {
        world.clients.iter().all(|client| client.told.iter().any(is_so))
    };

    world.pictures_until(|world| {
        heard(world, |message| {
            matches!(message, ServerMessage::Speakers { dominant: Some(dominant), speaking }
                if dominant.as_str() == "p2" && speaking.iter().any(|it| it.as_str() == "p2"))
        })
    });
    world.clients.iter_mut().for_each(|client| client.told.clear());
    world.leave(1);
    world.pictures_until(|world| {
        let others = [&world.clients[0], &world.clients[2]];
        others.iter().all(|client| {
            client.told.iter().any(|message| {
                matches!(message, ServerMessage::Speakers { dominant: None, speaking } if speaking.is_empty())
            })
        })
    });
}

/// What belongs together is played together: both streams' sender reports mean one clock.
///
/// Covers: RFC 3550 §6.4.1
#[test]
fn sender_reports_of_sound_and_pictures_agree() {
    let mut world = World::meeting(2, Shape { encodings: 3, ..Shape::default() });

    world.pictures_until(|world| world.clients[1].moments().len() == 2);
    world.pictures(150);

    let client = &world.clients[1];
    let moments = client.moments();
    let (sound, pictures) = (moments[&false], moments[&true]);
    assert!((sound - pictures).abs() < 0.002, "{sound} {pictures}");
}
