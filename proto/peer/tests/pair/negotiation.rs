use super::world::{World, config};
use super::{AUDIO, VIDEO, exchange};
use moim_peer::sdp::Direction;
use moim_peer::sdp::jsep::{SdpType, SignalingState, TransceiverInit};
use moim_peer::{DataChannelInit, Event, SendError};
use moim_wire::MediaKind;
use std::time::Duration;

#[test]
fn when_both_offer_at_once_the_polite_one_gives_way() {
    for polite in [0, 1] {
        let mut world = World::new();
        world.add_media(1 - polite);
        let now = world.now;
        let offers = [0, 1].map(|end| {
            let offer = world.ends[end].connection.create_offer().unwrap();
            world.ends[end].connection.set_local(SdpType::Offer, now).unwrap();
            offer
        });

        // The impolite one ignores what comes; the polite one takes its own back and answers.
        let polite_end = &mut world.ends[polite].connection;
        polite_end.set_remote(SdpType::Offer, &offers[1 - polite], now).unwrap();
        let answer = polite_end.create_answer().unwrap();
        polite_end.set_local(SdpType::Answer, now).unwrap();
        world.ends[1 - polite].connection.set_remote(SdpType::Answer, &answer, now).unwrap();

        world.run_until_connected();
        exchange(&mut world);
        for end in &world.ends {
            assert_eq!(end.connection.signaling_state(), SignalingState::Stable);
        }
    }
}

#[test]
fn what_is_added_later_is_negotiated_later() {
    let mut world = World::new();
    world.connected();
    exchange(&mut world);
    world.ends[1].events.clear();
    world.ends[0].events.clear();

    let init = TransceiverInit { direction: Direction::SendOnly, ..TransceiverInit::default() };
    let id = world.ends[0].connection.add_transceiver(MediaKind::Video, init, world.now).unwrap();
    world.settle();
    assert!(world.ends[0].events.contains(&Event::NegotiationNeeded));
    world.negotiate(0);
    world.run_for(Duration::from_secs(1));

    let track = world.ends[1].events.iter().find_map(|event| match event {
        Event::Track(track) => Some(track.clone()),
        _ => None,
    });
    let theirs = track.unwrap().transceiver;
    world.ends[1].media.clear();
    world.stream(0, id, 20, Duration::from_millis(20), 500);
    world.run_for(Duration::from_secs(1));
    assert_eq!(world.missing(1, theirs, 20), [0; 0]);
    exchange(&mut world);
}

#[test]
fn who_stops_sending_says_so() {
    let mut world = World::new();
    world.connected();
    exchange(&mut world);

    world.ends[0].connection.set_direction(VIDEO, Direction::RecvOnly, world.now).unwrap();
    world.negotiate(0);

    assert!(world.ends[1].events.contains(&Event::TrackEnded(VIDEO)));
    let payload_type = world.payload_type(0, VIDEO);
    let packet = moim_peer::OutgoingRtp::new(payload_type, true, moim_wire::RtpTimestamp(0), b"x");
    assert_eq!(world.ends[0].connection.send_rtp(VIDEO, 0, &packet, world.now), Err(SendError::NotWanted));

    world.ends[0].connection.set_direction(VIDEO, Direction::SendRecv, world.now).unwrap();
    world.negotiate(0);
    exchange(&mut world);
}

#[test]
fn a_transceiver_that_is_stopped_is_gone_on_both_sides() {
    let mut world = World::new();
    world.connected();
    exchange(&mut world);

    world.ends[1].connection.stop_transceiver(AUDIO, world.now).unwrap();
    world.negotiate(1);
    world.run_for(Duration::from_secs(2));

    for end in &mut world.ends {
        let payload_type = moim_wire::PayloadType::new(111).unwrap();
        let packet = moim_peer::OutgoingRtp::new(payload_type, true, moim_wire::RtpTimestamp(0), b"x");
        assert_eq!(end.connection.send_rtp(AUDIO, 0, &packet, world.now), Err(SendError::Unknown));
        assert!(end.events.contains(&Event::TrackEnded(AUDIO)));
    }
    let init = TransceiverInit::default();
    let id = world.ends[0].connection.add_transceiver(MediaKind::Audio, init, world.now).unwrap();
    assert_ne!(id, AUDIO, "ids are not used again");
    world.negotiate(0);
    world.stream(0, id, 10, Duration::from_millis(20), 80);
}

#[test]
fn data_channels_alone_and_later() {
    let mut world = World::new();
    let init = DataChannelInit { label: "only".to_owned(), ..DataChannelInit::default() };
    let id = world.ends[1].connection.create_data_channel(init, world.now).unwrap();
    world.negotiate(1);
    world.run_until_connected();
    world.run_for(Duration::from_secs(1));
    world.ends[1].connection.send_binary(id, &vec![7; 100_000], world.now).unwrap();
    world.run_for(Duration::from_secs(2));
    assert_eq!(world.messages(0), [moim_peer::DataMessage::Binary(vec![7; 100_000])]);

    let mut world = World::new();
    world.ends[0]
        .connection
        .add_transceiver(MediaKind::Audio, TransceiverInit::default(), world.now)
        .unwrap();
    world.negotiate(0);
    world.run_until_connected();
    let id = world.ends[0].connection.create_data_channel(DataChannelInit::default(), world.now).unwrap();
    world.settle();
    assert!(world.ends[0].events.contains(&Event::NegotiationNeeded));
    world.negotiate(0);
    world.run_for(Duration::from_secs(2));
    world.ends[0].connection.send_text(id, "late", world.now).unwrap();
    world.run_for(Duration::from_secs(1));
    assert_eq!(world.messages(1), [moim_peer::DataMessage::Text("late".to_owned())]);
}

#[test]
fn descriptions_that_make_no_sense_change_nothing() {
    let mut world = World::new();
    world.connected();
    let now = world.now;
    let connection = &mut world.ends[0].connection;

    for text in ["", "v=0\r\n", "hello", "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n"] {
        assert!(connection.set_remote(SdpType::Answer, text, now).is_err(), "{text:?}");
    }
    assert!(connection.set_local(SdpType::Answer, now).is_err());
    assert!(connection.add_ice_candidate("candidate:nonsense", now).is_err());
    exchange(&mut world);
}

#[test]
fn a_wrong_fingerprint_is_refused() {
    let mut world = World::with(config(), config());
    world.add_media(0);
    let now = world.now;
    let offer = world.ends[0].connection.create_offer().unwrap();
    world.ends[0].connection.set_local(SdpType::Offer, now).unwrap();
    let line = offer.lines().find(|line| line.starts_with("a=fingerprint:")).unwrap();
    let (start, end) = line.split_at(line.len() - 2);
    let forged = format!("{start}{}", if end == "00" { "01" } else { "00" });
    let forged = offer.replace(line, &forged);
    world.ends[1].connection.set_remote(SdpType::Offer, &forged, now).unwrap();
    let answer = world.ends[1].connection.create_answer().unwrap();
    world.ends[1].connection.set_local(SdpType::Answer, now).unwrap();
    world.ends[0].connection.set_remote(SdpType::Answer, &answer, now).unwrap();
    world.run_for(Duration::from_secs(10));

    let failed = world.ends[1].connection.trace().steps().find(|step| step.step == "dtls.failed");
    assert!(failed.is_some_and(|step| step.detail.contains("fingerprint")), "{failed:?}");
    assert_eq!(world.ends[1].connection.connection_state(), moim_peer::PeerConnectionState::Failed);
}

/// Covers: W3C webrtc-pc §4.7.3
#[test]
fn what_changes_while_an_offer_is_on_its_way_is_told_when_it_was_answered() {
    let mut world = World::new();
    world.connected();
    world.ends[0].events.clear();
    let told = |world: &World| {
        world.ends[0].events.iter().filter(|event| **event == Event::NegotiationNeeded).count()
    };
    let add = |world: &mut World| {
        let (init, now) = (TransceiverInit::default(), world.now);
        world.ends[0].connection.add_transceiver(MediaKind::Audio, init, now).unwrap();
    };

    add(&mut world);
    world.settle();
    assert_eq!(told(&world), 1);
    let now = world.now;
    let offer = world.ends[0].connection.create_offer().unwrap();
    world.ends[0].connection.set_local(SdpType::Offer, now).unwrap();
    // It is not in the offer.
    add(&mut world);
    world.settle();
    assert_eq!(told(&world), 1, "nothing can be offered meanwhile");
    world.ends[1].connection.set_remote(SdpType::Offer, &offer, now).unwrap();
    let answer = world.ends[1].connection.create_answer().unwrap();
    world.ends[1].connection.set_local(SdpType::Answer, now).unwrap();
    world.ends[0].connection.set_remote(SdpType::Answer, &answer, now).unwrap();
    world.settle();
    assert_eq!(told(&world), 2);

    world.negotiate(0);
    assert_eq!(told(&world), 2, "all of it is negotiated");
}

/// Covers: RFC 8839 §4.4.1.1.1
#[test]
fn another_password_alone_begins_ice_anew() {
    let mut world = World::new();
    world.connected();
    let now = world.now;
    let offer = world.ends[0].connection.create_offer().unwrap();
    world.ends[0].connection.set_local(SdpType::Offer, now).unwrap();
    let password = offer.lines().find(|line| line.starts_with("a=ice-pwd:")).unwrap();
    let other = offer.replace(password, "a=ice-pwd:anotherPasswordOfEnoughCharacters");
    let before = world.ends[1].connection.ice_ufrag().to_owned();

    world.ends[1].connection.set_remote(SdpType::Offer, &offer, now).unwrap();
    assert_eq!(world.ends[1].connection.ice_ufrag(), before);
    world.ends[1].connection.set_remote(SdpType::Rollback, "", now).unwrap();
    world.ends[1].connection.set_remote(SdpType::Offer, &other, now).unwrap();

    assert_ne!(world.ends[1].connection.ice_ufrag(), before);
}
