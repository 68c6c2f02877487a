mod silence;
mod window;

use crate::application::ApplicationLimited;
use crate::config::{Config, InvalidConfig};
use crate::delay::{CrossTraffic, Groups, Measured, QueueDelay, RateControl, Trendline, Usage};
use crate::history::{FEEDBACK_RESULTS_MAX, History};
use crate::loss::LossEstimator;
use crate::packet::{ProbeCluster, SentPacket};
use crate::probe::{Measurements, Planner, Situation};
use crate::stats::{Counters, Reason, Stats};
use crate::throughput::Throughput;
use crate::units::{bitrate, bps, micros};
use moim_wire::{Bitrate, Deadline};
use silence::Silence;
use std::time::{Duration, Instant};
use window::Window;

/// The round trip until one is measured.
const RTT_FIRST: Duration = Duration::from_millis(200);
/// No round trip is longer than this, whatever is said.
const RTT_MAX: Duration = Duration::from_secs(10);
/// Packets sent so long before one that arrived are not on the way any more, whatever became of the reports about them.
const OVERTAKEN: Duration = Duration::from_millis(100);
/// How much faster than the target the pacer drains: frames differ in size.
const PACING_FACTOR: f64 = 1.25;
/// The same where the link is full anyway: what the pacer did not hold back would wait there, and bring the delay of others to grow.
const PACING_FACTOR_FULL: f64 = 1.1;
/// And where a queue is to drain, for which there must really be less.
const PACING_FACTOR_DRAINING: f64 = 1.0;
/// A fall to less than this share is a drop, after which the way back is tried by a probe.
const DROP: f64 = 0.7;
/// A queue longer than this speaks against probing.
const CLEAR_QUEUE: Duration = Duration::from_millis(40);

/// Says how much may be sent to one far end, over one path.
#[derive(Debug)]
pub struct SendSideController {
    config: Config,
    epoch: Instant,
    demand: Bitrate,
    path: Path,
    target: Bitrate,
    reason: Reason,
    counters: Counters,
}

/// All that is known of the path, and forgotten with it.
#[derive(Debug)]
struct Path {
    history: History,
    groups: Groups,
    trendline: Trendline,
    queue: QueueDelay,
    cross: CrossTraffic,
    throughput: Throughput,
    rate: RateControl,
    loss: LossEstimator,
    application: ApplicationLimited,
    measurements: Measurements,
    planner: Planner,
    silence: Silence,
    window: Window,
    rtt: Duration,
    began: bool,
    /// The highest number that was reported.
    highest: Option<u64>,
}

/// What one report added.
#[derive(Debug, Default)]
struct Report {
    answered: bool,
    last_sent_us: Option<u64>,
}

impl SendSideController {
    /// A controller that has sent nothing yet.
    pub fn new(config: Config, now: Instant) -> Result<Self, InvalidConfig> {
        let config = config.checked()?;
        Ok(Self {
            epoch: now,
            demand: config.max,
            path: Path::new(config, config.start, now),
            target: config.start,
            reason: Reason::Start,
            counters: Counters::default(),
            config,
        })
    }

    /// A packet was given to the network.
    pub fn on_sent(&mut self, packet: SentPacket, now: Instant) {
        if !self.path.history.insert(packet, self.micros(now)) {
            self.counters.packets_out_of_order += 1;
            return;
        }
        self.counters.packets_sent += 1;
        self.path.silence.sent(now);
        if packet.kind.is_media() {
            self.path.application.sent(packet.size);
        }
        if !self.path.began {
            self.path.began = true;
            if self.config.probing {
                let situation = self.situation(now);
                self.path.planner.begin(situation, now);
            }
        }
    }

    /// The far end reported what became of packets: by their numbers, with the moments at which they arrived by its own clock, or
    /// [`None`] for those that had not arrived. In any order, twice, or about packets that were never sent: no harm is done.
    pub fn on_feedback(&mut self, results: impl IntoIterator<Item = (u64, Option<Duration>)>, now: Instant) {
        let mut report = Report::default();
        for (seq, arrival) in results.into_iter().take(FEEDBACK_RESULTS_MAX) {
            match arrival {
                Some(arrival) => self.received(seq, arrival, &mut report),
                None => self.lost(seq, &mut report),
            }
        }
        self.counters.reports += 1;
        if report.answered {
            self.finish_report(&report, now);
        }
    }

    /// The round trip was measured elsewhere: by RTCP or by ICE.
    pub fn on_rtt(&mut self, rtt: Duration, _now: Instant) {
        self.path.measured_rtt(rtt);
    }

    /// What media would use if it might, all senders together. Probes look no further.
    pub fn set_demand(&mut self, demand: Bitrate, now: Instant) {
        let before = std::mem::replace(&mut self.demand, demand);
        if demand > before && self.config.probing && self.path.began {
            let situation = self.situation(now);
            self.path.planner.wanted(situation, now);
        }
    }

    /// Changes the limits of the target.
    pub fn set_limits(&mut self, min: Bitrate, max: Bitrate, _now: Instant) -> Result<(), InvalidConfig> {
        self.config = Config { min, max, ..self.config }.checked()?;
        self.path.rate.set_limits(bps(min), bps(max));
        self.target = self.target.clamp(min, max);
        Ok(())
    }

    /// Packets take another way from now on: what was learnt of the old one is forgotten, but for a start from what it carried, if
    /// that is less than where a controller begins.
    pub fn route_changed(&mut self, now: Instant) {
        let start = self.config.start.min(self.target).max(self.config.min);
        let history = std::mem::replace(&mut self.path.history, History::new());
        self.path = Path::new(self.config, start, now);
        self.path.history = history;
        self.path.history.clear();
        self.target = start;
        self.reason = Reason::Start;
    }

    /// Time passed.
    pub fn handle_timeout(&mut self, now: Instant) {
        let now_us = self.micros(now);
        let path = &mut self.path;
        path.history.expire(now_us.saturating_sub(micros(RTT_MAX)));
        if path.history.in_flight_packets() == 0 {
            path.silence.nothing_to_answer();
        }
        if path.silence.is_due(path.rtt, now) {
            self.counters.silences += 1;
            path.window.silent();
            path.planner.dropped(path.silence.before(bps(self.target)), now);
            path.rate.set(bps(self.target) * silence::KEPT, now);
            self.choose(Reason::Silence);
        }
    }

    /// When [`handle_timeout`](Self::handle_timeout) is due.
    pub fn poll_timeout(&self) -> Option<Deadline> {
        let at = self.path.silence.due_at(self.path.rtt)?;
        Some(Deadline::new(at, "a report is missing"))
    }

    /// A probe to be sent.
    pub fn poll_probe(&mut self) -> Option<ProbeCluster> {
        let cluster = self.path.planner.poll()?;
        self.path.measurements.begin(cluster);
        self.counters.probes += 1;
        Some(cluster)
    }

    /// What may be sent: media, retransmissions and all.
    pub fn target(&self) -> Bitrate {
        self.target
    }

    /// Whether so much is on the way that nothing but audio and probes should follow until a report comes. To be told to a
    /// [`Pacer`](crate::Pacer) with each packet and each report: [`Pacer::hold`](crate::Pacer::hold).
    pub fn is_full(&self) -> bool {
        let bps = bps(self.target).max(self.path.rate.sustained_bps());
        // A queue that others fill is none that holding back would empty.
        !self.path.rate.is_contested() && self.path.window.is_full(self.path.history.in_flight_bytes(), bps)
    }

    /// At which rate a [`Pacer`](crate::Pacer) is to drain.
    pub fn pacing_rate(&self) -> Bitrate {
        let rate = &self.path.rate;
        self.target.scaled(match () {
            () if rate.is_contested() => PACING_FACTOR,
            () if rate.is_draining() => PACING_FACTOR_DRAINING,
            () if rate.is_alone() => PACING_FACTOR_FULL,
            () => PACING_FACTOR,
        })
    }

    /// What is known now.
    pub fn stats(&self) -> Stats {
        let path = &self.path;
        Stats {
            target: self.target,
            reason: self.reason,
            delay_estimate: bitrate(path.rate.bps()),
            loss_estimate: path.loss.bps().map(bitrate),
            acknowledged: path.throughput.bps().map(bitrate),
            usage: path.trendline.usage(),
            trend_ms: path.trendline.trend_ms(),
            threshold_ms: path.trendline.threshold_ms(),
            queue: path.queue.standing(),
            rtt: path.rtt,
            loss: path.loss.share(),
            inherent_loss: path.loss.inherent(),
            application_limited: path.application.is_limited(),
            in_flight_bytes: path.history.in_flight_bytes(),
            in_flight_packets: path.history.in_flight_packets(),
            counters: Counters { packets_unanswered: path.history.forgotten, ..self.counters },
        }
    }

    fn received(&mut self, seq: u64, arrival: Duration, report: &mut Report) {
        let path = &mut self.path;
        let Some(packet) = path.history.receive(seq) else {
            self.counters.results_ignored += 1;
            return;
        };
        let arrival_us = micros(arrival);
        if path.skips_to(seq) {
            // The report about those in between got lost.
            path.throughput.skip_to(arrival_us);
            path.loss.skip_to(packet.sent_us);
        }
        self.counters.packets_received += 1;
        report.answered = true;
        report.last_sent_us = report.last_sent_us.max(Some(packet.sent_us));
        if packet.was_lost {
            self.counters.packets_lost = self.counters.packets_lost.saturating_sub(1);
            path.loss.recovered();
        } else if packet.probe.is_none() {
            path.loss.packet(packet.sent_us, packet.size, false);
        }
        path.throughput.packet(arrival_us, packet.size, path.application.is_limited());
        path.queue.packet(packet.sent_us, arrival_us);
        if let Some(bps) = path.throughput.bps() {
            let takes_us = f64::from(packet.size) * 8e6 / bps;
            let waited_us = path.queue.waited_us(packet.sent_us, arrival_us);
            path.cross.packet((seq, packet.sent_us, arrival_us), takes_us, waited_us);
        }
        if let Some(id) = packet.probe {
            path.measurements.received(id, &packet, arrival_us);
        }
        if let Some(variation) = path.groups.push(packet.sent_us, arrival_us) {
            path.trendline.update(variation);
        }
    }

    fn lost(&mut self, seq: u64, report: &mut Report) {
        let Some(packet) = self.path.history.lose(seq) else {
            self.counters.results_ignored += 1;
            return;
        };
        if self.path.skips_to(seq) {
            self.path.loss.skip_to(packet.sent_us);
        }
        self.counters.packets_lost += 1;
        report.answered = true;
        if packet.probe.is_none() {
            self.path.loss.packet(packet.sent_us, packet.size, true);
        }
    }

    fn finish_report(&mut self, report: &Report, now: Instant) {
        let now_us = self.micros(now);
        self.path.silence.answered(now);
        self.path.queue.finish(now_us);
        if let Some(last_sent_us) = report.last_sent_us {
            self.path.history.expire(last_sent_us.saturating_sub(micros(OVERTAKEN)));
            let rtt = Duration::from_micros(now_us.saturating_sub(last_sent_us));
            self.path.measured_rtt(rtt);
            self.path.window.reported(rtt, now);
        }
        self.path.application.update(self.target, now);
        let before = self.path.rate.sustained_bps();
        let measured = self.path.measured();
        let mut reason = if self.path.rate.update(measured, now) { Reason::Delay } else { Reason::Increase };
        if self.path.rate.take_emptied() {
            self.path.queue.rebase();
        }
        if self.path.rate.take_wider() {
            self.path.planner.wider(now);
        }
        if self.take_probes(now) {
            reason = Reason::Probe;
        }
        let path = &mut self.path;
        path.loss.update((bps(self.config.min), path.rate.bps()), now);
        if path.rate.sustained_bps() < before * DROP {
            path.planner.dropped(before, now);
        }
        self.choose(reason);
        if self.config.probing {
            let situation = self.situation(now);
            self.path.planner.update(situation, now);
        }
    }

    /// Goes by what probes told. `true`: the rate is higher for it.
    fn take_probes(&mut self, now: Instant) -> bool {
        let mut raised = false;
        while let Some(measurement) = self.path.measurements.poll() {
            self.counters.probes_answered += 1;
            let path = &mut self.path;
            if path.trendline.usage() != Usage::Overusing {
                path.loss.raise(measurement.bps);
                if path.rate.probed(measurement.bps, now) {
                    path.throughput.expect_change();
                    raised = true;
                }
            }
            let situation = self.situation(now);
            self.path.planner.measured(measurement, situation, now);
        }
        raised
    }

    /// Sets the target by all that is known.
    fn choose(&mut self, reason: Reason) {
        let delay = bitrate(self.path.rate.bps());
        let (mut target, mut reason) = (delay, reason);
        let loss = self.path.loss.bps().map(bitrate);
        if let Some(loss) = loss.filter(|loss| *loss < delay) {
            (target, reason) = (loss, Reason::Loss);
        }
        if target <= self.config.min {
            reason = if reason == Reason::Silence { reason } else { Reason::Min };
        } else if target >= self.config.max {
            reason = Reason::Max;
        }
        self.target = target.clamp(self.config.min, self.config.max);
        self.reason = reason;
    }

    fn situation(&self, now: Instant) -> Situation {
        let path = &self.path;
        Situation {
            target_bps: bps(self.target),
            max_bps: bps(self.config.max),
            demand_bps: bps(self.demand),
            rtt: path.rtt,
            clear: path.trendline.usage() != Usage::Overusing
                && path.queue.standing() < CLEAR_QUEUE
                && path.rate.may_carry_more(path.application.is_limited(), path.rtt, now)
                && path.loss.is_clear(),
        }
    }

    fn micros(&self, now: Instant) -> u64 {
        micros(now.saturating_duration_since(self.epoch))
    }
}

impl Path {
    fn new(config: Config, start: Bitrate, now: Instant) -> Self {
        Self {
            history: History::new(),
            groups: Groups::default(),
            trendline: Trendline::new(),
            queue: QueueDelay::default(),
            cross: CrossTraffic::default(),
            throughput: Throughput::default(),
            rate: RateControl::new(bps(start), (bps(config.min), bps(config.max)), now),
            loss: LossEstimator::new(),
            application: ApplicationLimited::new(now),
            measurements: Measurements::default(),
            planner: Planner::new(now),
            silence: Silence::default(),
            window: Window::new(),
            rtt: RTT_FIRST,
            began: false,
            highest: None,
        }
    }

    fn measured(&self) -> Measured {
        Measured {
            usage: self.trendline.usage(),
            acknowledged_bps: self.throughput.bps(),
            recent_bps: self.throughput.recent_bps(),
            queue: self.queue.standing(),
            queue_jumped: self.queue.has_jumped(),
            others: self.cross.is_there(),
            no_others: self.cross.is_absent(),
            in_flight_bytes: self.history.in_flight_bytes(),
            rtt: self.rtt,
            application_limited: self.application.is_limited(),
        }
    }

    /// A report names this packet. `true`: and none named those right before it.
    fn skips_to(&mut self, seq: u64) -> bool {
        let skips = self.highest.is_some_and(|highest| seq > highest + 1);
        self.highest = self.highest.max(Some(seq));
        skips
    }

    fn measured_rtt(&mut self, rtt: Duration) {
        self.rtt = (self.rtt * 7 + rtt.min(RTT_MAX)) / 8;
    }
}
