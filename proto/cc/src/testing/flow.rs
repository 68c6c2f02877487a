use super::dice::Dice;
use super::encoder::Encoder;
use super::gcc::Gcc;
use super::link::Steps;
use super::pop_if;
use super::trace::Trace;
use crate::{Config, Paced, Pacer, PacerConfig, PacerOutput, PacketKind, SendSideController, SentPacket};
use moim_wire::Bitrate;
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Arrival times in reports are multiples of this, as in transport-wide feedback.
const ARRIVAL_TICK: Duration = Duration::from_micros(250);
const AUDIO_EVERY: Duration = Duration::from_millis(20);
/// The encoder skips a frame when the pacer is this far behind.
const SKIPS_ABOVE: Duration = Duration::from_millis(150);
const AUDIO_SIZE: u32 = 120;

/// What the rate of a flow follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Control {
    /// A [`SendSideController`].
    Moim,
    /// What browsers have, without its probes.
    Gcc,
}

/// A flow that follows congestion control.
#[derive(Clone, Debug)]
pub struct FlowConfig {
    /// What its rate follows.
    pub control: Control,
    /// Of the controller.
    pub controller: Config,
    /// Of the pacer.
    pub pacer: PacerConfig,
    /// When it begins.
    pub began: Duration,
    /// The most that its encoder makes. [`Bitrate::ZERO`]: no video.
    pub demand: Steps<Bitrate>,
    /// Whether it sends 50 small packets a second of audio as well.
    pub audio: bool,
    /// How often the far end reports.
    pub report_every: Duration,
    /// The share of reports that get lost.
    pub report_loss: Steps<f64>,
    /// The moments at which the controller is told that packets take another way.
    pub route_changes: Vec<Duration>,
}

impl Default for FlowConfig {
    fn default() -> Self {
        Self {
            control: Control::Moim,
            controller: Config::default(),
            pacer: PacerConfig::default(),
            began: Duration::ZERO,
            demand: Steps::constant(Bitrate::from_kbps(10_000)),
            audio: true,
            report_every: Duration::from_millis(50),
            report_loss: Steps::constant(0.0),
            route_changes: Vec::new(),
        }
    }
}

/// Sender and receiver of one flow.
#[derive(Debug)]
pub(super) struct Flow {
    config: FlowConfig,
    pub(super) controller: SendSideController,
    /// In place of the controller, if there is one.
    gcc: Option<Gcc>,
    pacer: Pacer<Encoded>,
    encoder: Encoder,
    next_seq: u64,
    next_audio: Duration,
    demand: Option<Bitrate>,
    dice: Dice,
    received: Vec<(u64, Duration)>,
    reported_before: u64,
    next_report: Duration,
    /// Reports on their way back.
    reports: VecDeque<(Duration, Report)>,
    pub(super) trace: Trace,
}

type Report = Vec<(u64, Option<Duration>)>;

#[derive(Debug)]
struct Encoded {
    size: u32,
    at: Duration,
}

impl Paced for Encoded {
    fn size(&self) -> u32 {
        self.size
    }
}

/// A packet for the link.
#[derive(Clone, Copy, Debug)]
pub(super) struct Outgoing {
    pub(super) seq: u64,
    pub(super) size: u32,
    /// When the encoder made it, if it is one of video.
    pub(super) encoded: Option<Duration>,
}

impl Flow {
    pub(super) fn new(config: FlowConfig, now: Instant, seed: u64) -> Self {
        let mut dice = Dice::new(seed);
        let controller = SendSideController::new(config.controller, now).expect("a configuration that holds");
        let pacer = Pacer::new(config.pacer, controller.pacing_rate(), now);
        let gcc = (config.control == Control::Gcc).then(|| Gcc::new(config.controller.start, now));
        let first = config.began + Duration::from_secs_f64(dice.between(0.0, 0.033));
        Self {
            encoder: Encoder::new(config.controller.start, first, dice.next_u64()),
            controller,
            gcc,
            pacer,
            next_seq: 0,
            next_audio: first,
            demand: None,
            received: Vec::new(),
            reported_before: 0,
            next_report: first + config.report_every,
            reports: VecDeque::new(),
            trace: Trace::default(),
            dice,
            config,
        }
    }

    /// One step of the sender. `at` is the time of the world, `now` the same for the controller.
    pub(super) fn step(&mut self, at: Duration, now: Instant, mut send: impl FnMut(Outgoing)) {
        if at < self.config.began {
            return;
        }
        while let Some((_, report)) = pop_if(&mut self.reports, |(arrives, _)| *arrives <= at) {
            match &mut self.gcc {
                Some(gcc) => gcc.on_feedback(report, now),
                None => self.controller.on_feedback(report, now),
            }
        }
        if self.config.route_changes.pop_if(|change| *change <= at).is_some() {
            self.controller.route_changed(now);
        }
        if self.controller.poll_timeout().is_some_and(|deadline| deadline.at <= now) {
            self.controller.handle_timeout(now);
        }
        self.encode(at, now);
        while let Some(cluster) = self.controller.poll_probe() {
            self.pacer.start_probe(cluster);
        }
        let pacing_rate = self.gcc.as_ref().map_or_else(|| self.controller.pacing_rate(), Gcc::pacing_rate);
        self.pacer.set_rates(pacing_rate, Bitrate::ZERO, now);
        self.hold();
        if self.pacer.poll_timeout().is_some_and(|deadline| deadline.at <= now) {
            while let Some(output) = self.pacer.poll(now) {
                send(self.send(output, at, now));
                self.hold();
            }
        }
        self.trace.target(at, self.target());
    }

    fn hold(&mut self) {
        self.pacer.hold(self.gcc.is_none() && self.controller.is_full());
    }

    fn target(&self) -> Bitrate {
        self.gcc.as_ref().map_or_else(|| self.controller.target(), Gcc::target)
    }

    fn encode(&mut self, at: Duration, now: Instant) {
        let demand = self.config.demand.at(at);
        if self.demand != Some(demand) {
            self.demand = Some(demand);
            self.controller.set_demand(demand, now);
        }
        if self.config.audio && at >= self.next_audio {
            self.next_audio += AUDIO_EVERY;
            self.pacer
                .enqueue(Encoded { size: AUDIO_SIZE, at }, PacketKind::Audio, now)
                .expect("audio leaves at once");
        }
        if demand == Bitrate::ZERO {
            return;
        }
        let rate = self.target().min(demand);
        let behind = self.pacer.pressure(now).drain > SKIPS_ABOVE;
        if let Some(packets) = self.encoder.poll(rate, at) {
            if behind {
                return;
            }
            for size in packets {
                // What the pacer refuses is a frame that is not sent.
                let _refused = self.pacer.enqueue(Encoded { size, at }, PacketKind::Video, now);
            }
        }
    }

    fn send(&mut self, output: PacerOutput<Encoded>, at: Duration, now: Instant) -> Outgoing {
        let (size, kind, probe, encoded) = match output {
            PacerOutput::Packet { packet, kind, probe } => (packet.size, kind, probe, Some(packet.at)),
            PacerOutput::Padding { size, probe } => (size, PacketKind::Padding, probe, None),
        };
        let seq = self.next_seq;
        self.next_seq += 1;
        let packet = SentPacket { seq, size, kind, probe };
        match &mut self.gcc {
            Some(gcc) => gcc.on_sent(packet, now),
            None => self.controller.on_sent(packet, now),
        }
        self.trace.sent(at);
        Outgoing { seq, size, encoded: encoded.filter(|_| kind == PacketKind::Video) }
    }

    /// A packet arrived at the far end.
    pub(super) fn received(&mut self, packet: Outgoing, at: Duration, waited: Duration) {
        self.trace.received(at, packet.size, waited);
        if let Some(encoded) = packet.encoded {
            self.trace.took(at, at.saturating_sub(encoded));
        }
        self.received.push((packet.seq, at));
    }

    /// One step of the receiver.
    pub(super) fn report(&mut self, at: Duration, way_back: Duration) {
        if at < self.next_report {
            return;
        }
        self.next_report += self.config.report_every;
        let Some(last) = self.received.iter().map(|(seq, _)| *seq).max() else { return };
        let first = self.reported_before.min(self.received.iter().map(|(seq, _)| *seq).min().unwrap_or(last));
        let mut report: Report = (first..=last).map(|seq| (seq, None)).collect();
        for (seq, arrived) in self.received.drain(..) {
            let index = usize::try_from(seq - first).expect("a report is short");
            report[index].1 = Some(rounded(arrived));
        }
        self.reported_before = last + 1;
        if !self.dice.chance(self.config.report_loss.at(at)) {
            self.reports.push_back((at + way_back, report));
        }
    }
}

/// To a whole number of [`ARRIVAL_TICK`].
fn rounded(arrived: Duration) -> Duration {
    let ticks = arrived.as_nanos() / ARRIVAL_TICK.as_nanos();
    ARRIVAL_TICK * u32::try_from(ticks).expect("a run lasts minutes")
}
