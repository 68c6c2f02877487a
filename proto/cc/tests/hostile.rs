//! Reports that are wrong, late, doubled, enormous or lies: bounded, and without harm.

use moim_cc::{Config, PacketKind, SENT_MAX, SendSideController, SentPacket};
use moim_wire::Bitrate;
use proptest::prelude::*;
use std::time::{Duration, Instant};

#[expect(clippy::disallowed_methods, reason = "an arbitrary origin for test time")]
fn start() -> (SendSideController, Instant) {
    let now = Instant::now();
    (SendSideController::new(Config::default(), now).expect("the default holds"), now)
}

fn packet(seq: u64) -> SentPacket {
    SentPacket { seq, size: 1_200, kind: PacketKind::Video, probe: None }
}

/// Sends packets 10 ms apart, and has each ten reported 50 ms later.
fn converse(controller: &mut SendSideController, now: &mut Instant, seqs: std::ops::Range<u64>) {
    let epoch = *now;
    for seq in seqs.clone() {
        controller.on_sent(packet(seq), *now);
        *now += Duration::from_millis(10);
        if seq % 10 == 9 {
            let results =
                (seq - 9..=seq).map(|seq| (seq, Some(Duration::from_millis(10 * (seq - seqs.start) + 30))));
            controller.on_feedback(results, *now + Duration::from_millis(50));
        }
    }
    assert!(*now > epoch);
}

#[test]
fn a_report_that_comes_twice_counts_once() {
    let (mut controller, mut now) = start();
    converse(&mut controller, &mut now, 0..10);
    let before = controller.stats();

    controller.on_feedback((0..10).map(|seq| (seq, Some(Duration::from_millis(30)))), now);

    let after = controller.stats();
    assert_eq!(after.counters.packets_received, before.counters.packets_received);
    assert_eq!(after.counters.results_ignored, before.counters.results_ignored + 10);
    assert_eq!(after.target, before.target);
}

#[test]
fn a_packet_that_was_called_lost_may_arrive_after_all() {
    let (mut controller, now) = start();
    for seq in 0..3 {
        controller.on_sent(packet(seq), now);
    }
    controller.on_feedback([(0, Some(Duration::ZERO)), (1, None), (2, Some(Duration::ZERO))], now);
    assert_eq!(controller.stats().counters.packets_lost, 1);
    assert_eq!(controller.stats().in_flight_packets, 0);

    controller.on_feedback([(1, Some(Duration::from_millis(1)))], now);

    assert_eq!(controller.stats().counters.packets_lost, 0);
    assert_eq!(controller.stats().counters.packets_received, 3);
    assert_eq!(controller.stats().in_flight_bytes, 0);
}

#[test]
fn packets_that_were_never_sent_are_ignored() {
    let (mut controller, now) = start();
    controller.on_sent(packet(7), now);
    let unknown = [0, 6, 8, 1_000_000, u64::MAX].map(|seq| (seq, Some(Duration::ZERO)));
    controller.on_feedback(unknown, now);
    assert_eq!(controller.stats().counters.results_ignored, 5);
    assert_eq!(controller.stats().in_flight_packets, 1);
}

#[test]
fn what_is_never_reported_is_forgotten_at_a_limit() {
    let (mut controller, now) = start();
    for seq in 0..3 * SENT_MAX as u64 {
        controller.on_sent(packet(seq), now);
    }
    assert_eq!(controller.stats().in_flight_packets as usize, SENT_MAX);
    assert_eq!(controller.stats().counters.packets_unanswered, 2 * SENT_MAX as u64);
}

#[test]
fn an_endless_report_ends() {
    let (mut controller, now) = start();
    controller.on_sent(packet(0), now);
    controller.on_feedback(std::iter::repeat((0, Some(Duration::ZERO))), now);
    assert_eq!(controller.stats().counters.packets_received, 1);
}

#[test]
fn a_clock_that_is_set_back_is_survived() {
    let (mut controller, mut now) = start();
    converse(&mut controller, &mut now, 0..100);
    // The far end's clock begins anew.
    converse(&mut controller, &mut now, 100..300);
    assert!(controller.target() >= Bitrate::from_kbps(250), "{:?}", controller.stats());
}

#[test]
fn no_number_comes_twice() {
    let (mut controller, now) = start();
    controller.on_sent(packet(5), now);
    controller.on_sent(packet(5), now);
    controller.on_sent(packet(4), now);
    assert_eq!(controller.stats().counters.packets_out_of_order, 2);
    assert_eq!(controller.stats().in_flight_packets, 1);
}

#[derive(Clone, Debug)]
enum Event {
    Send { skip: u64, size: u32 },
    Report(Vec<(i16, Option<u64>)>),
    Wait(u64),
    Rtt(u64),
    Route,
    Demand(u64),
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        8 => (prop_oneof![9 => Just(0), 1 => any::<u64>().prop_map(|skip| skip >> 40)], 0..70_000u32)
            .prop_map(|(skip, size)| Event::Send { skip, size }),
        4 => prop::collection::vec((any::<i16>(), any::<Option<u64>>()), 0..40).prop_map(Event::Report),
        4 => (0..500u64).prop_map(Event::Wait),
        1 => any::<u64>().prop_map(Event::Rtt),
        1 => Just(Event::Route),
        1 => any::<u64>().prop_map(Event::Demand),
    ]
}

proptest! {
    #[test]
    fn the_target_stays_within_limits_whatever_is_reported(events in prop::collection::vec(event(), 1..400)) {
        let (mut controller, mut now) = start();
        let mut seq = 0u64;
        for event in events {
            match event {
                Event::Send { skip, size } => {
                    seq += 1 + skip;
                    let probe = controller.poll_probe().map(|cluster| cluster.id);
                    controller.on_sent(SentPacket { seq, size, kind: PacketKind::Video, probe }, now);
                }
                Event::Report(results) => {
                    let results = results.into_iter().map(|(offset, arrival)| {
                        (seq.wrapping_add_signed(i64::from(offset % 64)), arrival.map(Duration::from_micros))
                    });
                    controller.on_feedback(results, now);
                }
                Event::Wait(millis) => {
                    now += Duration::from_millis(millis);
                    controller.handle_timeout(now);
                }
                Event::Rtt(millis) => controller.on_rtt(Duration::from_millis(millis), now),
                Event::Route => controller.route_changed(now),
                Event::Demand(bps) => controller.set_demand(Bitrate::from_bps(bps), now),
            }
            let target = controller.target();
            prop_assert!(target >= Config::default().min && target <= Config::default().max);
            prop_assert!(controller.stats().in_flight_packets as usize <= SENT_MAX);
            prop_assert!((0.0..=1.0).contains(&controller.stats().loss));
        }
    }
}

#[test]
fn the_target_comes_back_after_everything_was_lost() {
    for lost in [60, 200, 1_000] {
        let now = start().1;
        let config = Config { probing: false, ..Config::default() };
        let mut controller = SendSideController::new(config, now).expect("rates that make sense");
        let mut now = now;
        for seq in (0..lost).step_by(10) {
            for seq in seq..seq + 10 {
                controller.on_sent(packet(seq), now);
                now += Duration::from_millis(10);
            }
            controller.on_feedback((seq..seq + 10).map(|seq| (seq, None)), now);
        }

        converse(&mut controller, &mut now, lost..lost + 6_000);

        let stats = controller.stats();
        assert!(stats.target >= Bitrate::from_kbps(300), "{lost}: {stats:?}");
    }
}
