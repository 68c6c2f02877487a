//! Two connections with each other, from the first description to the last packet.

#![expect(clippy::unwrap_used, reason = "what a test needs is there, or the test fails")]
#![expect(clippy::wildcard_enum_match_arm, reason = "a test picks out the events it is about")]

#[path = "pair/drafts.rs"]
mod drafts;
#[path = "pair/hostile.rs"]
mod hostile;
#[path = "pair/media.rs"]
mod media;
#[path = "pair/negotiation.rs"]
mod negotiation;
#[path = "pair/shared.rs"]
mod shared;
#[expect(dead_code, reason = "other tests need more of it")]
#[path = "pair/world.rs"]
mod world;

use moim_peer::ice::ConnectionState;
use moim_peer::sdp::jsep::{SignalingState, TransceiverId};
use moim_peer::{DataChannelEvent, DataMessage, DtlsState, DtlsVersions, Event, PeerConnectionState};
use std::time::Duration;
use world::{Link, World, config};

pub(crate) const AUDIO: TransceiverId = TransceiverId(0);
pub(crate) const VIDEO: TransceiverId = TransceiverId(1);

/// Sends audio, video and data both ways and expects all of it to arrive: of audio, as much as the network lets through.
pub(crate) fn exchange(world: &mut World) {
    let pause = Duration::from_millis(20);
    world.run_for(Duration::from_secs(2));
    for from in [0, 1] {
        world.ends[1 - from].media.clear();
        world.ends[1 - from]
            .events
            .retain(|event| !matches!(event, Event::DataChannel(DataChannelEvent::Message(..))));
        world.stream(from, AUDIO, 50, pause, 80);
        world.stream(from, VIDEO, 50, pause, 1_100);
        // A loss at the very end is seen by nobody until more is sent.
        world.stream(from, VIDEO, 3, pause, 1_100);
        let id = world.channel(from);
        for text in ["one", "two", "three"] {
            world.ends[from].connection.send_text(id, text, world.now).unwrap();
        }
        world.run_for(Duration::from_secs(3));

        let audio = world.missing(1 - from, AUDIO, 50);
        assert!(
            audio.len() <= if world.link.loss + world.link.damage == 0 { 0 } else { 15 },
            "audio from {from}: {audio:?}"
        );
        assert_eq!(world.missing(1 - from, VIDEO, 50), [0; 0], "video from {from}");
        let expected = ["one", "two", "three"].map(|text| DataMessage::Text(text.to_owned()));
        assert_eq!(world.messages(1 - from), expected, "data from {from}");
    }
}

#[test]
fn sound_pictures_and_data_go_both_ways() {
    let mut world = World::new();
    world.connected();
    exchange(&mut world);

    for end in &world.ends {
        assert_eq!(end.dropped, 0);
        assert_eq!(end.connection.signaling_state(), SignalingState::Stable);
        assert!(matches!(
            end.connection.ice_connection_state(),
            ConnectionState::Connected | ConnectionState::Completed
        ));
    }
}

#[test]
fn every_version_of_dtls_with_either_side_offering() {
    for versions in [DtlsVersions::Auto, DtlsVersions::Only12, DtlsVersions::Only13] {
        for offerer in [0, 1] {
            let (mut one, other) = (config(), config());
            one.dtls_versions = versions;
            let mut world = World::with(one, other);
            world.add_media(offerer);
            world.negotiate(offerer);
            world.run_until_connected();
            exchange(&mut world);
        }
    }
}

#[test]
fn a_bad_network_loses_no_picture_and_no_message() {
    for (loss, duplication, jitter_ms) in [(50, 0, 0), (0, 100, 0), (0, 0, 30), (100, 100, 20)] {
        let mut world = World::new();
        world.link = Link { loss, duplication, jitter_ms, ..world.link };
        world.connected();
        exchange(&mut world);
    }
}

#[test]
fn a_description_that_is_late_stops_nobody() {
    let mut world = World::new();
    world.link.delay = Duration::from_millis(1);
    world.add_media(0);
    world.negotiate_with_pause(0, Duration::from_millis(1_500));
    world.run_until_connected();
    exchange(&mut world);
}

#[test]
fn the_application_is_told_of_every_step() {
    let mut world = World::new();
    world.connected();
    world.run_for(Duration::from_secs(1));

    for end in &world.ends {
        let states = end.events.iter().filter_map(|event| match event {
            Event::ConnectionStateChange(state) => Some(*state),
            _ => None,
        });
        let states: Vec<_> = states.collect();
        assert_eq!(states.first(), Some(&PeerConnectionState::Connecting));
        assert_eq!(states.last(), Some(&PeerConnectionState::Connected));
        let tracks = end.events.iter().filter(|event| matches!(event, Event::Track(_))).count();
        assert_eq!(tracks, 2, "one of each kind");
        let steps: Vec<_> = end.connection.trace().steps().map(|step| step.step).collect();
        for step in ["ice.candidate", "ice.selected", "dtls.start", "dtls.connected", "sctp.connected"] {
            assert!(steps.contains(&step), "{step} in {steps:?}");
        }
    }
}

#[test]
fn closing_says_goodbye() {
    let mut world = World::new();
    world.connected();
    world.stream(0, VIDEO, 5, Duration::from_millis(20), 500);
    world.run_for(Duration::from_secs(1));

    world.ends[0].connection.close(world.now);
    world.run_for(Duration::from_secs(1));

    let is_bye = |event: &Event| matches!(event, Event::Bye { transceiver: VIDEO, .. });
    assert!(world.ends[1].events.iter().any(is_bye));

    for end in &world.ends {
        assert_eq!(end.connection.connection_state(), PeerConnectionState::Closed);
        assert_eq!(end.connection.dtls_state(), DtlsState::Closed);
        let is_closed = |event: &Event| matches!(event, Event::DataChannel(DataChannelEvent::Closed(_)));
        assert!(end.events.iter().any(is_closed));
    }
    assert!(world.ends[0].connection.create_offer().is_err());
    assert_eq!(world.ends[0].connection.poll_timeout(), None, "nothing is left to be done");
    world.ends[1].connection.close(world.now);
    world.run_for(Duration::from_secs(1));
    assert_eq!(world.ends[1].connection.poll_timeout(), None);
}

#[test]
fn a_connection_that_was_cut_fails_and_a_restart_brings_it_back() {
    let mut world = World::new();
    world.connected();
    world.run_for(Duration::from_secs(5));

    world.is_cut = true;
    world.run_for(Duration::from_secs(60));
    for end in &world.ends {
        assert_eq!(end.connection.connection_state(), PeerConnectionState::Failed);
    }

    world.is_cut = false;
    world.ends[0].connection.restart_ice(world.now);
    world.negotiate(0);
    world.run_until_connected();
    exchange(&mut world);
}

#[test]
fn ice_is_restarted_by_either_side_while_media_flows() {
    let mut world = World::new();
    world.connected();
    world.run_for(Duration::from_secs(2));
    for restarter in [0, 1, 0] {
        let before = [0, 1].map(|end| world.ends[end].connection.ice_ufrag().to_owned());
        world.ends[restarter].events.clear();
        world.ends[restarter].connection.restart_ice(world.now);
        world.settle();
        assert!(world.ends[restarter].events.contains(&Event::NegotiationNeeded));

        world.negotiate(restarter);
        world.run_for(Duration::from_secs(5));

        let after = [0, 1].map(|end| world.ends[end].connection.ice_ufrag().to_owned());
        assert!(before[0] != after[0] && before[1] != after[1], "{before:?} {after:?}");
        assert!(world.is_connected());
        exchange(&mut world);
    }
}
