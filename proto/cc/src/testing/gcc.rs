use crate::SentPacket;
use crate::delay::{Groups, LinkCapacity, Trendline, Usage};
use crate::history::History;
use crate::throughput::Throughput;
use crate::units::{bitrate, float, micros};
use moim_wire::Bitrate;
use std::time::{Duration, Instant};

const DECREASE: f64 = 0.85;
const DECREASE_BPS: f64 = 5_000.0;
const GROWTH: f64 = 1.08;
const GROWTH_MIN_BPS: f64 = 1_000.0;
const GROWTH_NEAR_MIN_BPS: f64 = 4_000.0;
const ABOVE_ACKNOWLEDGED: f64 = 1.5;
const ABOVE_ACKNOWLEDGED_BPS: f64 = 10_000.0;
const REACTION: Duration = Duration::from_millis(100);
const PACKET_BITS: f64 = 1_200.0 * 8.0;
const FRAMES_PER_SECOND: f64 = 30.0;
const MIN_BPS: f64 = 30_000.0;

/// How browsers control congestion: draft-ietf-rmcat-gcc-02 with what libwebrtc has changed since, as far as delay goes and
/// without probes, to be a neighbour of moim's flows.
#[derive(Debug)]
pub(super) struct Gcc {
    epoch: Instant,
    history: History,
    groups: Groups,
    trendline: Trendline,
    throughput: Throughput,
    capacity: LinkCapacity,
    state: State,
    bps: f64,
    rtt: Duration,
    changed: Instant,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum State {
    Hold,
    Increase,
}

impl Gcc {
    pub(super) fn new(start: Bitrate, now: Instant) -> Self {
        Self {
            epoch: now,
            history: History::new(),
            groups: Groups::default(),
            trendline: Trendline::new(),
            throughput: Throughput::default(),
            capacity: LinkCapacity::new(),
            state: State::Hold,
            bps: float(start.as_bps()),
            rtt: Duration::from_millis(200),
            changed: now,
        }
    }

    pub(super) fn target(&self) -> Bitrate {
        bitrate(self.bps)
    }

    /// Far above the target: a frame leaves almost at once.
    pub(super) fn pacing_rate(&self) -> Bitrate {
        self.target().scaled(2.5)
    }

    pub(super) fn on_sent(&mut self, packet: SentPacket, now: Instant) {
        self.history.insert(packet, micros(now.saturating_duration_since(self.epoch)));
    }

    pub(super) fn on_feedback(
        &mut self,
        results: impl IntoIterator<Item = (u64, Option<Duration>)>,
        now: Instant,
    ) {
        let mut last_sent_us = None;
        for (seq, arrival) in results {
            let Some(arrival) = arrival else { continue };
            let Some(packet) = self.history.receive(seq) else { continue };
            last_sent_us = last_sent_us.max(Some(packet.sent_us));
            self.throughput.packet(micros(arrival), packet.size, false);
            if let Some(variation) = self.groups.push(packet.sent_us, micros(arrival)) {
                self.trendline.update(variation);
            }
        }
        let Some(last_sent_us) = last_sent_us else { return };
        let took = micros(now.saturating_duration_since(self.epoch)).saturating_sub(last_sent_us);
        self.rtt = (self.rtt * 7 + Duration::from_micros(took)) / 8;
        self.update(now);
    }

    fn update(&mut self, now: Instant) {
        let Some(acknowledged) = self.throughput.bps() else { return };
        match self.trendline.usage() {
            Usage::Overusing => {
                let pause = self.rtt.clamp(Duration::from_millis(10), Duration::from_millis(200));
                if now >= self.changed + pause || acknowledged < self.bps / 2.0 {
                    self.decrease(acknowledged, now);
                }
            }
            Usage::Underusing => self.state = State::Hold,
            Usage::Normal => {
                if self.state == State::Hold {
                    self.changed = now;
                }
                self.state = State::Increase;
                self.increase(acknowledged, now);
            }
        }
    }

    fn decrease(&mut self, acknowledged: f64, now: Instant) {
        let mut decreased = acknowledged * DECREASE - DECREASE_BPS;
        if let Some(capacity) = self.capacity.estimate_bps().filter(|_| decreased > self.bps) {
            decreased = capacity * DECREASE;
        }
        self.bps = decreased.min(self.bps).max(MIN_BPS);
        if self.capacity.lower_bps().is_some_and(|lower| acknowledged < lower) {
            self.capacity.reset();
        }
        self.capacity.measured(acknowledged);
        self.state = State::Hold;
        self.changed = now;
    }

    fn increase(&mut self, acknowledged: f64, now: Instant) {
        if self.capacity.upper_bps().is_some_and(|upper| acknowledged > upper) {
            self.capacity.reset();
        }
        let elapsed = now.saturating_duration_since(self.changed).min(Duration::from_secs(1)).as_secs_f64();
        self.changed = now;
        let step = if self.capacity.estimate_bps().is_some() {
            let frame = self.bps / FRAMES_PER_SECOND;
            let packet = frame / (frame / PACKET_BITS).ceil();
            (packet / ((self.rtt + REACTION) * 2).as_secs_f64()).max(GROWTH_NEAR_MIN_BPS) * elapsed
        } else {
            (self.bps * (GROWTH.powf(elapsed) - 1.0)).max(GROWTH_MIN_BPS * elapsed)
        };
        let ceiling = acknowledged * ABOVE_ACKNOWLEDGED + ABOVE_ACKNOWLEDGED_BPS;
        self.bps = self.bps.max((self.bps + step).min(ceiling));
    }
}
