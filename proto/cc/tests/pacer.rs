//! The pacer, packet by packet.

use moim_cc::pacer::AUDIO_PACKETS_MAX;
use moim_cc::{Config, Paced, Pacer, PacerConfig, PacerOutput, PacketKind, SendSideController, SentPacket};
use moim_wire::Bitrate;
use std::time::{Duration, Instant};

#[derive(Debug, PartialEq)]
struct Packet(u32);

impl Paced for Packet {
    fn size(&self) -> u32 {
        self.0
    }
}

const MS: Duration = Duration::from_millis(1);

#[expect(clippy::disallowed_methods, reason = "an arbitrary origin for test time")]
fn pacer(rate: Bitrate) -> (Pacer<Packet>, Instant) {
    let now = Instant::now();
    (Pacer::new(PacerConfig::default(), rate, now), now)
}

/// What leaves at a moment.
fn leaving(pacer: &mut Pacer<Packet>, now: Instant) -> Vec<PacketKind> {
    std::iter::from_fn(|| pacer.poll(now))
        .map(|output| match output {
            PacerOutput::Packet { kind, .. } => kind,
            PacerOutput::Padding { .. } => PacketKind::Padding,
        })
        .collect()
}

#[test]
fn packets_leave_in_bursts_at_the_rate_that_was_set() {
    let (mut pacer, start) = pacer(Bitrate::from_kbps(8_000));
    for _ in 0..100 {
        pacer.enqueue(Packet(1_000), PacketKind::Video, start).unwrap();
    }
    let mut now = start;
    let mut bursts = Vec::new();
    while let Some(deadline) = pacer.poll_timeout() {
        now = now.max(deadline.at);
        bursts.push(leaving(&mut pacer, now).len());
    }
    // A packet takes 1 ms.
    assert!(now - start >= 90 * MS && now - start <= 100 * MS, "{:?}", now - start);
    assert!(bursts.iter().all(|burst| (1..=6).contains(burst)), "{bursts:?}");
    assert!(bursts.len() <= 21, "{bursts:?}");
}

#[test]
fn audio_leaves_at_once_and_retransmissions_before_video() {
    let (mut pacer, now) = pacer(Bitrate::from_kbps(100_000));
    for kind in [PacketKind::Video, PacketKind::Retransmission, PacketKind::Audio] {
        pacer.enqueue(Packet(1_000), kind, now).unwrap();
    }
    assert_eq!(leaving(&mut pacer, now), [PacketKind::Audio, PacketKind::Retransmission, PacketKind::Video]);
}

#[test]
fn audio_does_not_wait_for_a_burst_that_was_spent() {
    let (mut pacer, now) = pacer(Bitrate::from_kbps(100));
    pacer.enqueue(Packet(1_200), PacketKind::Video, now).unwrap();
    pacer.enqueue(Packet(1_200), PacketKind::Video, now).unwrap();
    assert_eq!(leaving(&mut pacer, now), [PacketKind::Video]);

    pacer.enqueue(Packet(100), PacketKind::Audio, now + MS).unwrap();
    assert!(pacer.poll_timeout().is_some_and(|deadline| deadline.at <= now + MS));
    assert_eq!(leaving(&mut pacer, now + MS), [PacketKind::Audio]);
}

#[test]
fn time_that_was_not_used_is_not_saved_up() {
    let (mut pacer, start) = pacer(Bitrate::from_kbps(800));
    let later = start + Duration::from_secs(5);
    for _ in 0..10 {
        pacer.enqueue(Packet(1_000), PacketKind::Video, later).unwrap();
    }
    assert_eq!(leaving(&mut pacer, later).len(), 1);
}

#[test]
fn a_full_queue_gives_the_packet_back() {
    let (mut pacer, now) = pacer(Bitrate::from_kbps(800));
    for _ in 0..AUDIO_PACKETS_MAX {
        pacer.enqueue(Packet(1), PacketKind::Audio, now).unwrap();
    }
    assert_eq!(pacer.enqueue(Packet(7), PacketKind::Audio, now).unwrap_err().0, Packet(7));
    assert!(pacer.enqueue(Packet(7), PacketKind::Video, now).is_ok());
}

#[test]
fn a_queue_that_is_too_long_drains_faster_and_says_so() {
    let (mut pacer, start) = pacer(Bitrate::from_kbps(800));
    for _ in 0..300 {
        pacer.enqueue(Packet(1_000), PacketKind::Video, start).unwrap();
    }
    assert_eq!(pacer.pressure(start).drain, Duration::from_secs(3));
    let mut now = start;
    leaving(&mut pacer, now);
    assert!(pacer.pressure(now).hurried);
    // The rate of each burst is what the queue then needs, so that the last packets take their time at the rate that was set.
    while pacer.pressure(now).queued_packets > 100 {
        now = now.max(pacer.poll_timeout().unwrap().at);
        leaving(&mut pacer, now);
    }
    assert!(now - start <= Duration::from_millis(1_200), "{:?}", now - start);
}

#[test]
fn padding_fills_what_media_does_not_use() {
    let (mut pacer, start) = pacer(Bitrate::from_kbps(1_000));
    pacer.set_rates(Bitrate::from_kbps(1_000), Bitrate::from_kbps(96), start);
    let mut padding = 0;
    for ms in 0..1_000 {
        padding += leaving(&mut pacer, start + ms * MS).len();
    }
    // 12,000 bytes.
    assert!((9..=11).contains(&padding), "{padding}");
    pacer.cancel_padding(start + 1_000 * MS);
    assert_eq!(leaving(&mut pacer, start + 1_050 * MS), []);
}

#[test]
fn a_probe_is_sent_at_its_rate_and_padded() {
    let (mut pacer, start) = pacer(Bitrate::from_kbps(300));
    let mut controller = SendSideController::new(Config::default(), start).unwrap();
    controller.on_sent(SentPacket { seq: 0, size: 100, kind: PacketKind::Audio, probe: None }, start);
    let cluster = controller.poll_probe().expect("the first packet begins a probe");
    assert_eq!(cluster.rate, Bitrate::from_kbps(900));
    pacer.start_probe(cluster);

    let mut sent = Vec::new();
    let mut now = start;
    while let Some(deadline) = pacer.poll_timeout() {
        now = now.max(deadline.at);
        while let Some(output) = pacer.poll(now) {
            match output {
                PacerOutput::Padding { size, probe } => sent.push((now - start, size, probe)),
                PacerOutput::Packet { .. } => panic!("nothing was enqueued"),
            }
        }
    }
    assert!(sent.len() >= 5);
    assert!(sent.iter().all(|(_, _, probe)| *probe == Some(cluster.id)));
    let bytes: u32 = sent[..sent.len() - 1].iter().map(|(_, size, _)| size).sum();
    let rate = Bitrate::from_bytes_in(u64::from(bytes), sent[sent.len() - 1].0);
    assert!(rate >= Bitrate::from_kbps(850) && rate <= Bitrate::from_kbps(1_000), "{rate}");
}

#[test]
fn probes_do_not_exceed_what_is_needed() {
    let (_, now) = pacer(Bitrate::from_kbps(300));
    let mut controller = SendSideController::new(Config::default(), now).unwrap();
    controller.set_demand(Bitrate::from_kbps(500), now);
    controller.on_sent(SentPacket { seq: 0, size: 100, kind: PacketKind::Audio, probe: None }, now);
    while let Some(cluster) = controller.poll_probe() {
        assert!(cluster.rate <= Bitrate::from_kbps(600), "{cluster:?}");
    }
}

#[test]
fn what_is_held_back_waits_and_audio_does_not() {
    let (mut pacer, now) = pacer(Bitrate::from_kbps(10_000));
    pacer.hold(true);
    pacer.enqueue(Packet(1_000), PacketKind::Video, now).unwrap();
    assert_eq!(pacer.poll_timeout(), None);
    assert_eq!(leaving(&mut pacer, now), []);
    pacer.enqueue(Packet(100), PacketKind::Audio, now).unwrap();
    assert!(pacer.poll_timeout().is_some());
    assert_eq!(leaving(&mut pacer, now), [PacketKind::Audio]);

    pacer.hold(false);
    let due = pacer.poll_timeout().expect("it waits for nothing but its turn").at.max(now);
    assert_eq!(leaving(&mut pacer, due), [PacketKind::Video]);
}

#[test]
fn a_controller_is_full_when_nothing_that_was_sent_is_reported() {
    let (_, mut now) = pacer(Bitrate::from_kbps(1_000));
    let mut controller =
        SendSideController::new(Config { probing: false, ..Config::default() }, now).unwrap();
    let sent = |seq| SentPacket { seq, size: 1_200, kind: PacketKind::Video, probe: None };
    let mut seq = 0;
    // 300 kbit/s, each packet reported 20 ms later.
    while seq < 60 {
        controller.on_sent(sent(seq), now);
        controller.on_feedback([(seq, Some(32 * MS * u32::try_from(seq).unwrap()))], now + 20 * MS);
        assert!(!controller.is_full(), "{seq}");
        (seq, now) = (seq + 1, now + 32 * MS);
    }
    while !controller.is_full() {
        controller.on_sent(sent(seq), now);
        (seq, now) = (seq + 1, now + MS);
    }
    assert!((66..80).contains(&seq), "{seq}");
    // Reports stay away: what is on the way is not known any more.
    now += Duration::from_secs(1);
    controller.handle_timeout(now);
    assert!(!controller.is_full());
}
