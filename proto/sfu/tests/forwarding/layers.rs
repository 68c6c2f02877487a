//! Which layers a subscriber gets, and what it and the publisher are told of it.

use crate::source::Source;
use crate::world::{Network, World};
use moim_rtp::payload::PayloadFormat;
use moim_sfu::{Event, Layer, LayersWanted, Reason, SlotId, SubscriberId, TrackId, Watch};
use moim_wire::Bitrate;
use std::time::Duration;

/// Pictures in a second, and a few more.
const SECOND: usize = 31;

fn one_to_one(format: PayloadFormat, encodings: usize) -> (World, TrackId, SubscriberId, SlotId) {
    let mut world = World::new(7, Network::default());
    let publisher = world.publish(format, encodings, 1);
    let track = world.publishers[publisher].track;
    let subscriber = world.subscriber(1);
    world.forwarder.subscribe(subscriber, track, Watch::default(), world.now).unwrap();
    (world, track, subscriber, SlotId { subscriber, index: 0 })
}

fn target(world: &mut World, subscriber: SubscriberId, kbps: u64) {
    world.forwarder.set_target(subscriber, Bitrate::from_kbps(kbps), world.now).unwrap();
}

fn layer_of(world: &World) -> Option<(Option<Layer>, Reason)> {
    world.last_event(|event| match event {
        Event::LayerReason { layer, reason, .. } => Some((*layer, *reason)),
        _ => None,
    })
}

fn layers_wanted(world: &World) -> Option<LayersWanted> {
    world.last_event(|event| match event {
        Event::LayersWanted { layers, .. } => Some(*layers),
        _ => None,
    })
}

/// Bits per second that a slot was sent in the next second.
fn rate(world: &mut World, slot: SlotId) -> u64 {
    let before = world.forwarder.slot_stats(slot).unwrap();
    world.run(SECOND);
    let after = world.forwarder.slot_stats(slot).unwrap();
    (after.bytes - before.bytes + 40 * (after.packets - before.packets)) * 8
}

#[test]
fn less_takes_effect_at_once_and_more_after_a_while() {
    let (mut world, _, subscriber, slot) = one_to_one(PayloadFormat::Vp8, 3);
    world.run(3 * SECOND);
    assert_eq!(
        layer_of(&world),
        Some((Some(Layer { encoding: 2, spatial: 0, temporal: 2 }), Reason::Wanted))
    );

    target(&mut world, subscriber, 200);
    world.run(5);
    let (layer, reason) = layer_of(&world).unwrap();
    assert!(layer.is_some());
    assert_eq!(reason, Reason::Bandwidth);
    assert!(rate(&mut world, slot) <= 200_000);

    target(&mut world, subscriber, 2_000);
    world.run(SECOND);
    assert_eq!(layer_of(&world).unwrap().1, Reason::Bandwidth, "it may have been a moment");
    world.run(3 * SECOND);
    assert_eq!(
        layer_of(&world),
        Some((Some(Layer { encoding: 2, spatial: 0, temporal: 2 }), Reason::Wanted))
    );
    world.check();
}

#[test]
fn pictures_are_as_large_as_they_are_displayed() {
    let (mut world, track, subscriber, _) = one_to_one(PayloadFormat::Vp8, 3);
    for (width, encoding) in [(320, 0), (1_280, 2), (700, 1), (0, 0)] {
        let watch = Watch { size: Some((width, width / 16 * 9)), ..Watch::default() };
        world.forwarder.subscribe(subscriber, track, watch, world.now).unwrap();
        // Up goes only after a while.
        world.run(4 * SECOND);
        let (layer, reason) = layer_of(&world).unwrap();
        assert_eq!(layer.map(|layer| layer.encoding), Some(encoding), "{width} pixels wide");
        assert_eq!(reason, Reason::Wanted);
    }
    world.check();
}

#[test]
fn what_nobody_watches_is_said_to_be_unwanted() {
    let (mut world, track, subscriber, _) = one_to_one(PayloadFormat::Vp8, 3);
    world.run(SECOND);
    let watch = Watch { size: Some((320, 180)), ..Watch::default() };
    world.forwarder.subscribe(subscriber, track, watch, world.now).unwrap();
    world.run(SECOND);
    assert_eq!(layers_wanted(&world).map(|layers| layers.encodings), None, "not at once");
    world.run(4 * SECOND);
    assert_eq!(layers_wanted(&world).map(|layers| layers.encodings), Some(0b001));

    let other = world.subscriber(1);
    world.forwarder.subscribe(other, track, Watch::default(), world.now).unwrap();
    world.poll_events();
    assert_eq!(layers_wanted(&world).map(|layers| layers.encodings), Some(0b101), "more is told at once");

    world.forwarder.remove_subscriber(other, world.now).unwrap();
    world.forwarder.unsubscribe(subscriber, track, world.now).unwrap();
    world.run(4 * SECOND);
    assert_eq!(layers_wanted(&world).map(|layers| layers.encodings), Some(0));
}

/// Covers: RFC 7741 §4.2
#[test]
fn pictures_of_higher_temporal_layers_are_left_out_first() {
    for format in [PayloadFormat::Vp8, PayloadFormat::Vp9, PayloadFormat::Av1] {
        let (mut world, _, subscriber, slot) = one_to_one(format, 1);
        world.run(3 * SECOND);
        let full = rate(&mut world, slot);
        target(&mut world, subscriber, full / 1_000 * 6 / 10);
        world.run(4);
        let before = world.viewers[&slot].got.len();
        let reduced = rate(&mut world, slot);

        assert!(reduced < full * 6 / 10, "{format:?}: {reduced} of {full}");
        assert!(reduced > full / 10, "{format:?}: {reduced} of {full}");
        let viewer = &world.viewers[&slot];
        assert!(viewer.packets().skip(before).all(|got| got.packet.truth.temporal < 2));
        world.check();
    }
}

/// Covers: RTP Payload Format For AV1, appendix A
#[test]
fn a_descriptor_says_which_decode_targets_are_left() {
    let (mut world, _, subscriber, slot) = one_to_one(PayloadFormat::Av1, 1);
    world.run(3 * SECOND);
    let full = rate(&mut world, slot);
    target(&mut world, subscriber, full / 1_000 * 6 / 10);
    world.run(2 * SECOND);

    let told: Vec<_> = world.viewers[&slot].packets().filter_map(|got| got.active_targets).collect();
    assert_eq!(told.first(), Some(&0b111));
    assert!(matches!(told.last(), Some(0b001 | 0b011)), "{told:?}");
}

/// Covers: RFC 9628 §4.2
#[test]
fn the_marker_is_on_the_last_packet_of_what_is_left_of_a_picture() {
    let (mut world, track, subscriber, slot) = one_to_one(PayloadFormat::Vp9, 1);
    let watch = Watch { size: Some((160, 90)), ..Watch::default() };
    world.run(SECOND);
    world.forwarder.subscribe(subscriber, track, watch, world.now).unwrap();
    world.run(2 * SECOND);
    world.settle();

    let viewer = &world.viewers[&slot];
    let late: Vec<_> = viewer.packets().skip(viewer.got.len() - 30).collect();
    assert!(late.iter().all(|got| got.packet.truth.frame.spatial == 0 && got.marker));
    world.check();
}

#[test]
fn a_hundred_who_come_at_once_ask_for_one_key_frame() {
    let mut world = World::new(7, Network::default());
    let publisher = world.publish(PayloadFormat::Vp8, 1, 1);
    let track = world.publishers[publisher].track;
    world.run(SECOND);
    for _ in 0..100 {
        let subscriber = world.subscriber(1);
        world.forwarder.subscribe(subscriber, track, Watch::default(), world.now).unwrap();
    }
    world.run(SECOND);

    let asked = world.events.iter().filter(|event| matches!(event, Event::KeyFrameWanted { .. })).count();
    assert_eq!(asked, 1);
    assert_eq!(world.viewers.len(), 100);
    world.check();
}

#[test]
fn who_asks_for_key_frames_all_the_time_gets_few() {
    let (mut world, _, _, slot) = one_to_one(PayloadFormat::H264, 1);
    for _ in 0..20 * SECOND {
        world.step();
        world.forwarder.key_frame_requested(slot, world.now).unwrap();
    }
    let asked = world.events.iter().filter(|event| matches!(event, Event::KeyFrameWanted { .. })).count();
    assert!((3..=7).contains(&asked), "{asked}");
}

#[test]
fn what_is_not_sent_paused_or_muted_has_its_reason() {
    let (mut world, track, subscriber, slot) = one_to_one(PayloadFormat::Vp8, 1);
    assert_eq!(world.forwarder.slot_stats(slot).unwrap().reason, Some(Reason::NotSent));
    world.run(SECOND);
    assert_eq!(layer_of(&world).unwrap().1, Reason::Wanted);

    world.forwarder.set_muted(track, true, world.now).unwrap();
    assert_eq!(rate(&mut world, slot), 0);
    assert_eq!(layer_of(&world).unwrap(), (None, Reason::NotSent));
    world.forwarder.set_muted(track, false, world.now).unwrap();
    world.run(SECOND);
    assert_eq!(layer_of(&world).unwrap().1, Reason::Wanted);

    let paused = Watch { is_paused: true, ..Watch::default() };
    world.forwarder.subscribe(subscriber, track, paused, world.now).unwrap();
    assert_eq!(rate(&mut world, slot), 0);
    assert_eq!(layer_of(&world).unwrap(), (None, Reason::Paused));
    world.forwarder.subscribe(subscriber, track, Watch::default(), world.now).unwrap();
    assert!(rate(&mut world, slot) > 0);
    world.check();
}

#[test]
fn too_little_for_anything_pauses_the_less_important() {
    let mut world = World::new(7, Network::default());
    let tracks: Vec<_> = (0..3)
        .map(|owner| {
            let publisher = world.publish(PayloadFormat::H264, 1, owner);
            world.publishers[publisher].track
        })
        .collect();
    let subscriber = world.subscriber(3);
    for (track, priority) in tracks.iter().zip([0, 9, 5]) {
        let watch = Watch { priority, ..Watch::default() };
        world.forwarder.subscribe(subscriber, *track, watch, world.now).unwrap();
    }
    world.run(3 * SECOND);
    // Each has some 105 kbit/s.
    target(&mut world, subscriber, 250);
    world.run(2 * SECOND);

    let shown: Vec<_> = (0..3)
        .map(|index| {
            let slot = SlotId { subscriber, index };
            (world.forwarder.shown(slot).unwrap(), world.forwarder.slot_stats(slot).unwrap())
        })
        .collect();
    let of = |track| shown.iter().find(|(shown, _)| *shown == track).unwrap().1;
    assert_eq!((of(tracks[0]).layer, of(tracks[0]).reason), (None, Some(Reason::Bandwidth)));
    assert!(of(tracks[1]).layer.is_some() && of(tracks[2]).layer.is_some());
    world.check();
}

#[test]
fn what_the_publisher_stops_sending_is_replaced_by_what_it_sends() {
    let (mut world, _, _, slot) = one_to_one(PayloadFormat::Vp8, 2);
    world.run(3 * SECOND);
    // The publisher has no bandwidth for the large one any more.
    world.publishers[0].sources.pop();
    world.run(6 * SECOND);

    assert_eq!(layer_of(&world).unwrap().0.map(|layer| layer.encoding), Some(0));
    assert!(rate(&mut world, slot) > 0);
    world.check();
}

#[test]
fn demand_is_what_everything_would_cost() {
    let (mut world, _, subscriber, slot) = one_to_one(PayloadFormat::Vp8, 3);
    world.run(3 * SECOND);
    let full = rate(&mut world, slot);
    target(&mut world, subscriber, 100);
    world.run(3 * SECOND);

    let demand = world.last_event(|event| match event {
        Event::Demand { bitrate, .. } => Some(bitrate.as_bps()),
        _ => None,
    });
    let demand = demand.unwrap();
    assert!(demand > full * 8 / 10 && demand < full * 13 / 10, "{demand} of {full}");
}

/// Covers: RFC 3550 §6.4.1
#[test]
fn sender_reports_are_translated() {
    let (mut world, track, _, slot) = one_to_one(PayloadFormat::Vp8, 1);
    world.run(10);
    assert_eq!(world.forwarder.sender_report(slot), None, "this publisher has made none");
    let first = world.viewers[&slot].packets().next().unwrap();
    let (came, left) = (first.packet.bytes[4..8].try_into().unwrap(), first.timestamp);
    let came = moim_wire::RtpTimestamp(u32::from_be_bytes(came));
    let ntp = moim_wire::NtpTime::from_unix(Duration::from_secs(5));
    world.forwarder.on_sender_report(track, 0, ntp, came.advanced(90));

    let (at, rtp) = world.forwarder.sender_report(slot).unwrap();
    assert_eq!((at, rtp.0), (ntp, left.wrapping_add(90)));
}

#[test]
fn a_stream_that_begins_anew_is_joined_anew_and_nothing_is_mistaken() {
    let (mut world, track, _, slot) = one_to_one(PayloadFormat::Vp8, 1);
    world.run(10);
    let before = world.viewers[&slot].got.len();
    let old = world.references.last().copied().unwrap();
    assert!(world.forwarder.payload(old).is_some());
    world.forwarder.restart(track, 0, world.now);
    assert!(world.forwarder.payload(old).is_none());
    world.poll_events();
    // The same numbers once more.
    world.publishers[0].sources[0] = Source::new(PayloadFormat::Vp8, 0, 1);
    world.run(SECOND);

    assert!(world.viewers[&slot].got.len() > before + 10);
    assert!(world.references.iter().all(|reference| reference.seq != old.seq || *reference == old));
    assert!(world.forwarder.payload(old).is_none(), "another packet is taken for it");
}
