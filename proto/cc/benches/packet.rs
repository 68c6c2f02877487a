//! What congestion control costs a packet. `cargo bench -p moim-cc`.

use divan::Bencher;
use moim_cc::{Config, Paced, Pacer, PacerConfig, PacketKind, SendSideController, SentPacket};
use moim_wire::Bitrate;
use std::time::{Duration, Instant};

fn main() {
    divan::main();
}

/// Packets of one round: sent in trains of five, then reported.
const PACKETS: u64 = 50;

struct Packet;

impl Paced for Packet {
    fn size(&self) -> u32 {
        1_200
    }
}

/// Sent, and reported as received.
#[divan::bench]
fn sent_and_reported(bencher: Bencher<'_, '_>) {
    let mut round = Round::new();
    bencher.counter(divan::counter::ItemsCount::new(PACKETS)).bench_local(|| round.run(0));
}

/// The same where each tenth packet is lost.
#[divan::bench]
fn sent_and_reported_with_loss(bencher: Bencher<'_, '_>) {
    let mut round = Round::new();
    bencher.counter(divan::counter::ItemsCount::new(PACKETS)).bench_local(|| round.run(10));
}

/// Through the queues of the pacer.
#[divan::bench]
fn paced(bencher: Bencher<'_, '_>) {
    #[expect(clippy::disallowed_methods, reason = "an arbitrary origin for virtual time")]
    let mut now = Instant::now();
    let mut pacer = Pacer::new(PacerConfig::default(), Bitrate::from_kbps(10_000), now);
    bencher.counter(divan::counter::ItemsCount::new(PACKETS)).bench_local(|| {
        for _ in 0..PACKETS {
            let _refused = pacer.enqueue(Packet, PacketKind::Video, now);
        }
        for _ in 0..10 {
            now += Duration::from_millis(5);
            while pacer.poll(now).is_some() {}
        }
    });
}

struct Round {
    controller: SendSideController,
    now: Instant,
    arrival: Duration,
    seq: u64,
}

impl Round {
    #[expect(clippy::disallowed_methods, reason = "an arbitrary origin for virtual time")]
    fn new() -> Self {
        let now = Instant::now();
        let controller = SendSideController::new(Config { probing: false, ..Config::default() }, now)
            .expect("the default holds");
        Self { controller, now, arrival: Duration::ZERO, seq: 0 }
    }

    fn run(&mut self, lose_every: u64) {
        let first = self.seq;
        for index in 0..PACKETS {
            if index % 5 == 0 {
                self.now += Duration::from_millis(5);
            }
            let packet = SentPacket { seq: self.seq, size: 1_200, kind: PacketKind::Video, probe: None };
            self.controller.on_sent(packet, self.now);
            self.seq += 1;
        }
        let begun = self.arrival;
        let results = (0..PACKETS).map(|index| {
            let lost = lose_every > 0 && index % lose_every == 0;
            let arrival = begun + Duration::from_micros(1_000 * index);
            (first + index, (!lost).then_some(arrival))
        });
        self.controller.on_feedback(results, self.now);
        self.arrival = begun + Duration::from_millis(PACKETS);
    }
}
