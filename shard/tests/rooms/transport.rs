//! Connections: paths that change, break and never come about, and offers that cannot be answered.

use crate::client::Shape;
use crate::world::{ALL, World};
use moim_peer::PeerConnectionState;
use moim_peer::sdp::SessionDescription;
use moim_shard::{CONNECT_WITHIN, OFFERS_AT_ONCE_MAX};
use moim_signal::message::{ConnectionEndReason, ServerMessage};
use std::time::Duration;

fn answers(world: &World, at: usize) -> Vec<SessionDescription> {
    let told = world.clients[at].told.iter().filter_map(|message| {
        let ServerMessage::Answer { from, sdp, .. } = message else { return None };
        assert!(from.is_server());
        Some(SessionDescription::parse(sdp).unwrap())
    });
    told.collect()
}

/// Covers: RFC 8445 §2.5, RFC 8839 §5.3
#[test]
fn the_answer_says_where_the_server_is_and_that_it_only_answers() {
    let world = World::meeting(1, Shape { encodings: 3, ..Shape::default() });

    let answers = answers(&world, 0);

    let [answer] = &answers[..] else { panic!("one offer, one answer") };
    assert!(answer.is_ice_lite());
    let first = &answer.media[0];
    assert!(answer.ice_credentials(first).unwrap().0.starts_with("+AAA"), "it names the shard");
    assert_eq!(first.candidates().count(), 1);
    assert!(first.has_end_of_candidates());
    assert!(answer.media.iter().all(|section| !section.is_rejected()));
    let codecs = |at: usize| -> Vec<String> {
        let section = &answer.media[at];
        let names = section.payload_types().filter_map(|it| section.rtpmap(it)).map(|it| it.name.clone());
        names.collect()
    };
    assert_eq!(codecs(0), ["opus"]);
    assert_eq!(codecs(1), ["VP8", "rtx", "H264", "rtx", "H264", "rtx"]);
    assert_eq!(answer.media[1].simulcast().unwrap().receive.len(), 3);
}

/// Behind a 1:1 NAT, clients reach the server by an address that it does not have itself.
#[test]
fn the_server_is_known_by_another_address_than_it_has() {
    let public = "203.0.113.7:3478".parse().unwrap();
    let mut world = World::with(|config| config.candidates = vec![public]);
    world.public = Some(public);
    world.join(Shape::default(), ALL);
    world.join(Shape::default(), ALL);
    world.run_until(World::is_connected);

    world.pictures(20);

    assert_eq!(world.clients[0].pictures().len(), 1);
    assert_eq!(world.shard.counters().snapshot().drops.total(), 0);
}

/// Covers: RFC 8445 §9
#[test]
fn ice_begins_anew_and_media_goes_on() {
    let mut world = World::meeting(2, Shape::default());
    world.pictures(20);

    let now = world.now;
    world.clients[0].peer.restart_ice(now);
    world.offer(0);
    world.pictures(60);

    assert_eq!(world.clients[0].pictures().len(), 1, "without a gap");
    assert_eq!(world.clients[1].pictures().len(), 1);
    let [before, after] = &answers(&world, 0)[..] else { panic!("two offers, two answers") };
    let ufrag = |answer: &SessionDescription| answer.ice_credentials(&answer.media[0]).unwrap().0.to_owned();
    assert_ne!(ufrag(before), ufrag(after));
    assert!(world.clients[0].ended.is_empty());
}

/// A telephone goes from one network to another.
#[test]
fn a_client_comes_from_another_address() {
    let mut world = World::meeting(2, Shape::default());
    world.pictures(20);

    let address = ([10, 0, 9, 1], 6000).into();
    let now = world.now;
    let client = &mut world.clients[0];
    let local = moim_peer::ice::LocalAddress::udp(address);
    client.peer.remove_local_address(client.address, now);
    client.peer.add_local_address(local, now).unwrap();
    client.address = address;
    client.peer.restart_ice(now);
    world.offer(0);
    world.run_for(Duration::from_secs(5));
    world.clients.iter_mut().for_each(crate::client::Client::forget);
    world
        .pictures_until(|world| world.clients[0].newest(2).is_some() && world.clients[1].newest(1).is_some());

    assert!(world.clients[0].ended.is_empty());
}

#[test]
fn who_is_not_heard_of_any_more_is_given_up() {
    let mut world = World::meeting(2, Shape::default());
    world.pictures(20);

    world.cut.push(world.clients[0].address);
    world.run_for(Duration::from_secs(50));

    let (_, reason, _) = &world.clients[0].ended[0];
    assert_eq!(*reason, ConnectionEndReason::Failed);
    assert!(world.clients[1].section_of("p1", "cam").is_none());
    assert_eq!(world.shard.counters().snapshot().connections, 1);
}

#[test]
fn who_never_connects_is_given_up() {
    let mut world = World::new();
    world.cut.push(([10, 0, 0, 1], 5000).into());
    world.join(Shape::default(), ALL);

    world.run_for(CONNECT_WITHIN + Duration::from_secs(1));

    let (_, reason, text) = &world.clients[0].ended[0];
    assert_eq!(*reason, ConnectionEndReason::Failed);
    assert!(text.contains("Try again"), "{text}");
    assert_eq!(world.shard.counters().snapshot().connections, 0);
}

#[test]
fn who_closes_the_connection_is_gone() {
    let mut world = World::meeting(2, Shape::default());
    world.pictures(10);

    let now = world.now;
    world.clients[0].peer.close(now);
    world.run_for(Duration::from_secs(1));

    assert_eq!(world.clients[0].ended[0].1, ConnectionEndReason::Failed);
    assert!(world.clients[1].section_of("p1", "mic").is_none());
}

#[test]
fn bad_offers_are_refused_with_a_reason() {
    let mut world = World::new();
    world.join(Shape::default(), ALL);
    world.run_until(World::is_connected);
    let (good, _) = world.clients[0].offer(world.now);
    let cut_short = good[..good.len() / 2].to_owned() + "\r\nm=";
    let no_fingerprint: String =
        good.split_inclusive("\r\n").filter(|line| !line.starts_with("a=fingerprint")).collect();
    let many = (0..300).map(|mid| format!("m=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:x{mid}\r\n"));
    let too_many = good.clone() + &many.collect::<String>();
    let bad = [String::new(), "hello".to_owned(), cut_short, no_fingerprint, too_many];

    for (count, sdp) in bad.into_iter().enumerate() {
        let id = format!("bad{count}");
        world.clients[0].connection_id = moim_signal::id::PeerConnectionId::new(id.clone());
        world.send_offer(0, sdp, Vec::new());
        world.run_for(Duration::from_millis(20));

        let (ended, reason, text) = world.clients[0].ended.last().unwrap();
        assert_eq!((ended.as_str(), *reason), (id.as_str(), ConnectionEndReason::BadOffer), "{text}");
        assert!(text.starts_with("The offer"), "{text}");
    }
    world.run_for(Duration::from_secs(1));
    let counters = world.shard.counters().snapshot();
    assert_eq!((counters.connections, counters.offers_refused), (0, 5));
}

#[test]
fn too_many_offers_end_the_connection() {
    let mut world = World::meeting(2, Shape::default());
    for _ in 0..=OFFERS_AT_ONCE_MAX {
        let (sdp, tracks) = world.clients[0].offer(world.now);
        world.send_offer(0, sdp, tracks);
        world.run_for(Duration::from_millis(1));
        if !world.clients[0].ended.is_empty() {
            break;
        }
    }

    let (_, reason, text) = &world.clients[0].ended[0];
    assert_eq!(*reason, ConnectionEndReason::BadOffer);
    assert!(text.contains("more offers"), "{text}");
    assert_eq!(world.clients[1].peer.connection_state(), PeerConnectionState::Connected);
}
