//! Packets whose payloads lie elsewhere until they leave.

use super::VIDEO;
use super::world::{World, config};
use moim_peer::stats::OutboundRtpStats;
use moim_peer::{OutgoingRtp, PayloadKey};
use moim_wire::{Bitrate, ExtSeqNo, RtpTimestamp, SeqNo};
use std::time::Duration;

const STREAM: u32 = 9;
const PAUSE: Duration = Duration::from_millis(10);

/// A payload that no other number has.
fn payload(number: u16) -> Vec<u8> {
    let [high, low] = number.to_be_bytes();
    let bytes = (0..=u8::MAX).cycle().take(300 + usize::from(number));
    bytes.map(|place| place.wrapping_mul(3).wrapping_add(low) ^ high).collect()
}

fn is_copied(number: u16) -> bool {
    number.is_multiple_of(3)
}

fn rewrite(number: u16) -> u8 {
    number.to_be_bytes()[1] % 5
}

/// Gives a packet to be sent; every third is copied.
fn give(world: &mut World, number: u16) {
    let (payload_type, timestamp) = (world.payload_type(0, VIDEO), RtpTimestamp(u32::from(number) * 900));
    let bytes = payload(number);
    let shared = world.shelf.put(STREAM, number.into(), rewrite(number).into(), bytes.clone());
    let packet = if is_copied(number) {
        OutgoingRtp::new(payload_type, true, timestamp, &bytes)
    } else {
        OutgoingRtp::shared(payload_type, true, timestamp, shared)
    };
    let packet = OutgoingRtp { seq: Some(SeqNo(number)), ..packet };
    world.ends[0].connection.send_rtp(VIDEO, 0, &packet, world.now).unwrap();
}

/// The payloads of packets that are shared are gone.
fn lose(world: &mut World, numbers: impl IntoIterator<Item = u16>) {
    for number in numbers {
        let key = PayloadKey { stream: STREAM, seq: ExtSeqNo(number.into()) };
        world.shelf.0.remove(&key).unwrap();
    }
}

fn expected(number: u16) -> Vec<u8> {
    let rewrite = if is_copied(number) { 0 } else { rewrite(number) };
    payload(number).into_iter().map(|byte| byte.wrapping_add(rewrite)).collect()
}

/// What has come, by numbers, once each; and that it is what was sent.
fn arrived(world: &World) -> Vec<u16> {
    let mut numbers = Vec::new();
    for (rtp, payload) in &world.ends[1].media {
        assert!(*payload == expected(rtp.header.seq.0), "{}", rtp.header.seq.0);
        numbers.push(rtp.header.seq.0);
    }
    numbers.sort_unstable();
    numbers
}

fn stats(world: &World) -> OutboundRtpStats {
    let report = world.ends[0].connection.stats();
    report.outbound_rtp.iter().find(|stream| stream.kind == "video").cloned().unwrap()
}

/// Covers: RFC 4588 §4
#[test]
fn they_arrive_as_they_are_even_if_they_are_lost_on_the_way() {
    let mut world = World::new();
    world.connected();
    world.link.loss = 100;

    for number in 0..200 {
        give(&mut world, number);
        world.run_for(PAUSE);
    }
    world.link.loss = 0;
    for number in 200..203 {
        give(&mut world, number);
        world.run_for(PAUSE);
    }
    world.run_for(Duration::from_secs(1));

    assert_eq!(arrived(&world), (0..203).collect::<Vec<_>>());
    let repaired = world.ends[1].media.iter().filter(|(rtp, _)| rtp.is_repaired);
    assert!(repaired.filter(|(rtp, _)| !is_copied(rtp.header.seq.0)).count() > 3);
    assert_eq!(stats(&world).payloads_gone, 0);
}

#[test]
fn without_rtx_they_are_sent_again_as_they_were() {
    let configs = [config(), config()].map(|mut config| {
        config.capabilities.video.iter_mut().for_each(|codec| codec.rtx = false);
        config.congestion = None;
        config
    });
    let [one, other] = configs;
    let mut world = World::with(one, other);
    world.connected();
    world.link.loss = 100;

    for number in 0..200 {
        give(&mut world, number);
        world.run_for(PAUSE);
    }
    world.link.loss = 0;
    for number in 200..203 {
        give(&mut world, number);
        world.run_for(PAUSE);
    }
    world.run_for(Duration::from_secs(1));

    assert_eq!(arrived(&world), (0..203).collect::<Vec<_>>());
    assert!(stats(&world).retransmitted_packets_sent > 3);
    assert!(world.ends[1].media.iter().all(|(rtp, _)| !rtp.is_repaired), "each in its own stream");
}

#[test]
fn one_that_is_gone_before_it_leaves_is_dropped_alone() {
    // Without probes, which repeat packets as well.
    let configs = [config(), config()].map(|config| moim_peer::Config { congestion: None, ..config });
    let [one, other] = configs;
    let mut world = World::with(one, other);
    world.connected();

    for number in 0..10 {
        give(&mut world, number);
    }
    lose(&mut world, [1, 4, 5]);
    world.run_for(Duration::from_millis(500));
    for number in 10..20 {
        give(&mut world, number);
        world.run_for(PAUSE);
    }
    world.run_for(Duration::from_secs(1));

    let kept: Vec<_> = (0..20).filter(|number| ![1, 4, 5].contains(number)).collect();
    assert_eq!(arrived(&world), kept, "with the numbers that were given");
    let stats = stats(&world);
    assert_eq!((stats.payloads_gone, stats.retransmitted_packets_sent), (3, 0), "asked for in vain");
    assert!(stats.nack_count > 0);
}

#[test]
fn one_that_is_gone_when_it_is_asked_for_again_is_not_sent_again() {
    let mut world = World::new();
    world.connected();
    give(&mut world, 0);
    world.run_for(PAUSE);

    world.link.loss = 1_000;
    give(&mut world, 1);
    give(&mut world, 2);
    give(&mut world, 3);
    world.run_for(PAUSE);
    world.link.loss = 0;
    lose(&mut world, [1]);
    for number in 4..10 {
        give(&mut world, number);
        world.run_for(PAUSE);
    }
    world.run_for(Duration::from_secs(1));

    assert_eq!(arrived(&world), [0, 2, 3, 4, 5, 6, 7, 8, 9]);
    assert_eq!(stats(&world).payloads_gone, 1, "however often it was asked for");
}

#[test]
fn probes_are_padded_with_them_and_with_nothing_when_they_are_gone() {
    let mut world = World::new();
    world.connected();
    world.ends[0].connection.set_demand(Bitrate::from_kbps(5_000), world.now);
    let mut number = 0;
    let mut send = |world: &mut World, is_lost: bool| {
        for _ in 0..300 {
            number += 1 + u16::from(is_copied(number + 1));
            give(world, number);
            // It has left before it is gone.
            world.run_for(PAUSE);
            if is_lost {
                lose(world, [number]);
            }
        }
        stats(world)
    };

    let before = send(&mut world, false);
    let after = send(&mut world, true);

    assert!(before.retransmitted_packets_sent > 0, "{before:?}");
    assert!(after.padding_bytes_sent > 0, "{after:?}");
    let numbers = arrived(&world);
    assert!(numbers.windows(2).all(|pair| pair[0] < pair[1]), "nothing arrives twice");
}
