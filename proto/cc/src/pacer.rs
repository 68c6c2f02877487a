//! Sending evenly: not a frame at once, but what the target allows in each few milliseconds.

mod clock;
mod probing;
mod queue;

use crate::packet::{PacketKind, ProbeCluster, ProbeId};
use clock::Clock;
use moim_wire::{Bitrate, Deadline};
pub use probing::PROBES_WAITING_MAX;
use probing::Probing;
use queue::Queues;
pub use queue::{AUDIO_PACKETS_MAX, RETRANSMISSION_PACKETS_MAX, VIDEO_PACKETS_MAX};
use std::time::{Duration, Instant};

/// The size that padding is asked for in: as large as a packet of video, so that it waits and is lost alike.
const PADDING_SIZE: u32 = 1_200;
/// The slowest that a pacer drains: a packet of video in 2 s.
const RATE_MIN: Bitrate = Bitrate::from_kbps(5);

/// What a [`Pacer`] must know of a packet.
pub trait Paced {
    /// Bytes of it, counted as in [`SentPacket::size`](crate::SentPacket::size).
    fn size(&self) -> u32;
}

/// How a [`Pacer`] spreads packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PacerConfig {
    /// What the rate allows in this time leaves at once, as one train. Default: 5 ms.
    pub burst: Duration,
    /// No packet of video shall wait longer: when more is queued than the rate drains in this time, it drains faster. Default: 1 s.
    pub queue_time_max: Duration,
    /// Bytes of all queues together; what would exceed it is refused. Default: 4 MiB.
    pub queue_bytes_max: usize,
}

impl Default for PacerConfig {
    fn default() -> Self {
        Self {
            burst: Duration::from_millis(5),
            queue_time_max: Duration::from_secs(1),
            queue_bytes_max: 4 << 20,
        }
    }
}

/// A queue was full, and here the packet is again. To send fewer is better than to wait for room.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the queue for packets of this kind is full; send less, or drop it")]
pub struct Full<P>(pub P);

/// What is to leave now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PacerOutput<P> {
    /// A packet that waited.
    Packet {
        /// The packet.
        packet: P,
        /// As it was enqueued.
        kind: PacketKind,
        /// The probe that it is part of.
        probe: Option<ProbeId>,
    },
    /// Something should be sent to fill the rate: an old packet again (RTX), or padding. It counts as sent; whoever has nothing
    /// to send calls [`Pacer::cancel_padding`].
    Padding {
        /// Bytes of it, at most.
        size: u32,
        /// The probe that it is part of.
        probe: Option<ProbeId>,
    },
}

/// How far the queues are behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pressure {
    /// Bytes of all queues.
    pub queued_bytes: usize,
    /// Packets of all queues.
    pub queued_packets: usize,
    /// How long the oldest packet of video has waited.
    pub waited: Duration,
    /// How long the queues would take at the rate that was set.
    pub drain: Duration,
    /// They drain faster than the rate that was set, to keep [`PacerConfig::queue_time_max`]: an encoder should skip a frame, and a
    /// forwarder go down a layer.
    pub hurried: bool,
}

/// Holds packets back until it is their turn.
///
/// Audio leaves at once. Retransmissions leave before video; both leave in bursts, a tick apart, so that a driver can hand a
/// train of packets for one destination to the operating system. Time that was not used is not saved up. Nothing is allocated per packet.
#[derive(Debug)]
pub struct Pacer<P> {
    config: PacerConfig,
    clock: Clock,
    queues: Queues<P>,
    rate: Bitrate,
    media: Meter,
    padding: Option<Meter>,
    probing: Probing,
    /// The burst that began last.
    burst_began: u64,
    hurried: bool,
    held: bool,
}

impl<P: Paced> Pacer<P> {
    /// A pacer with nothing to send.
    pub fn new(config: PacerConfig, rate: Bitrate, now: Instant) -> Self {
        Self {
            config,
            clock: Clock::new(now),
            queues: Queues::new(config.queue_bytes_max),
            rate: rate.max(RATE_MIN),
            media: Meter::new(rate.max(RATE_MIN), 0),
            padding: None,
            probing: Probing::default(),
            burst_began: 0,
            hurried: false,
            held: false,
        }
    }

    /// Sets at which rate media leaves, and at which rate padding fills what media does not use ([`Bitrate::ZERO`]: none).
    pub fn set_rates(&mut self, media: Bitrate, padding: Bitrate, now: Instant) {
        let at = self.clock.nanos(now);
        let media = media.max(RATE_MIN);
        if media != self.rate {
            self.rate = media;
            self.media.set_rate(media, at);
        }
        match &mut self.padding {
            _ if padding == Bitrate::ZERO => self.padding = None,
            Some(meter) => meter.set_rate(padding, at),
            none => *none = Some(Meter::new(padding, at)),
        }
    }

    /// Holds back all but audio and probes, or no longer: too much is [on the way](crate::SendSideController::is_full).
    pub fn hold(&mut self, held: bool) {
        self.held = held;
    }

    /// Sends at the rate of a probe until it has its fill. It waits for those before it; of more than [`PROBES_WAITING_MAX`] the
    /// oldest is dropped.
    pub fn start_probe(&mut self, cluster: ProbeCluster) {
        self.probing.push(cluster);
    }

    /// Puts a packet at the end of the queue of its kind.
    pub fn enqueue(&mut self, packet: P, kind: PacketKind, now: Instant) -> Result<(), Full<P>> {
        self.queues.push(packet, kind, self.clock.nanos(now))
    }

    /// The next thing to send. To be asked until there is none.
    pub fn poll(&mut self, now: Instant) -> Option<PacerOutput<P>> {
        let at = self.clock.nanos(now);
        if let Some((packet, kind)) = self.queues.pop_audio() {
            return Some(self.emit(packet, kind, None, at));
        }
        if let Some(probe) = self.probing.due(at) {
            let output = match self.queues.pop() {
                Some((packet, kind)) => self.emit(packet, kind, Some(probe), at),
                None => self.pad(Some(probe), at),
            };
            return Some(output);
        }
        if self.held || !self.in_burst(at) {
            return None;
        }
        if !self.queues.is_empty() {
            return self.next_media(at);
        }
        let padding = self.padding.as_ref()?;
        (padding.paid_at < at + self.burst()).then(|| self.pad(None, at))
    }

    /// When to poll next. A moment that has passed while something may leave.
    pub fn poll_timeout(&self) -> Option<Deadline> {
        if self.queues.has_audio() {
            return Some(Deadline::new(self.clock.instant(0), "audio to send"));
        }
        let probe =
            self.probing.next().map(|at| Deadline::new(self.clock.instant(at), "a probe's next packets"));
        if self.held {
            return probe;
        }
        let next_burst = self.burst_began.saturating_add(self.burst());
        let media = (!self.queues.is_empty()).then(|| self.media.next(self.burst()).max(next_burst));
        let padding = self.padding.as_ref().map(|meter| meter.next(self.burst()).max(next_burst));
        let burst = match (media, padding) {
            (Some(media), Some(padding)) => Some(media.min(padding)),
            (media, padding) => media.or(padding),
        };
        Deadline::soonest(
            probe,
            burst.map(|at| Deadline::new(self.clock.instant(at), "the pacer's next burst")),
        )
    }

    /// There was nothing to pad with: the probe that asked for it ends, and padding pauses for a moment.
    pub fn cancel_padding(&mut self, now: Instant) {
        const PAUSE: u64 = 100_000_000;
        self.probing.cancel();
        let at = self.clock.nanos(now);
        if let Some(padding) = &mut self.padding {
            padding.paid_at = padding.paid_at.max(at + PAUSE);
        }
    }

    /// How far the queues are behind.
    pub fn pressure(&self, now: Instant) -> Pressure {
        let at = self.clock.nanos(now);
        Pressure {
            queued_bytes: self.queues.bytes(),
            queued_packets: self.queues.packets(),
            waited: Duration::from_nanos(
                self.queues.oldest_video().map_or(0, |since| at.saturating_sub(since)),
            ),
            drain: self.rate.time_for(self.queues.bytes() as u64),
            hurried: self.hurried,
        }
    }

    /// Drops all that waits, and the probes: the destination has changed.
    pub fn clear(&mut self) {
        self.held = false;
        self.queues.clear();
        self.probing = Probing::default();
    }

    fn burst(&self) -> u64 {
        u64::try_from(self.config.burst.as_nanos()).unwrap_or(u64::MAX)
    }

    /// Whether a burst is under way, which it is at the moment at which it began; begins the next one when it is time.
    fn in_burst(&mut self, at: u64) -> bool {
        if at == self.burst_began {
            return true;
        }
        if at < self.burst_began.saturating_add(self.burst()) && self.burst_began != 0 {
            return false;
        }
        let media = !self.queues.is_empty() && self.media.paid_at < at + self.burst();
        let padding = self.padding.as_ref().is_some_and(|meter| meter.paid_at < at + self.burst());
        if media || padding {
            self.burst_began = at;
            self.hurry(at);
        }
        media || padding
    }

    fn next_media(&mut self, at: u64) -> Option<PacerOutput<P>> {
        if self.media.paid_at >= at + self.burst() {
            return None;
        }
        let (packet, kind) = self.queues.pop()?;
        Some(self.emit(packet, kind, None, at))
    }

    /// Chooses the rate of the next burst: what was set, or what keeps the longest wait within bounds.
    fn hurry(&mut self, at: u64) {
        let needed = Bitrate::from_bytes_in(self.queues.bytes() as u64, self.config.queue_time_max);
        self.hurried = needed > self.rate;
        self.media.set_rate(self.rate.max(needed), at);
    }

    fn emit(&mut self, packet: P, kind: PacketKind, probe: Option<ProbeId>, at: u64) -> PacerOutput<P> {
        self.sent(packet.size(), probe, at);
        PacerOutput::Packet { packet, kind, probe }
    }

    fn pad(&mut self, probe: Option<ProbeId>, at: u64) -> PacerOutput<P> {
        self.sent(PADDING_SIZE, probe, at);
        PacerOutput::Padding { size: PADDING_SIZE, probe }
    }

    fn sent(&mut self, size: u32, probe: Option<ProbeId>, at: u64) {
        self.media.pay(size, at);
        if let Some(padding) = &mut self.padding {
            padding.pay(size, at);
        }
        if probe.is_some() {
            self.probing.sent(size, at);
        }
    }
}

/// Until when what was sent takes at a rate: one number, as in the generic cell rate algorithm.
#[derive(Debug)]
struct Meter {
    /// In nanoseconds of the pacer's clock.
    paid_at: u64,
    rate: Bitrate,
    nanos_per_byte: f64,
}

impl Meter {
    fn new(rate: Bitrate, at: u64) -> Self {
        Self { paid_at: at, rate, nanos_per_byte: nanos_per_byte(rate) }
    }

    /// What is not paid for yet counts at the new rate.
    fn set_rate(&mut self, rate: Bitrate, at: u64) {
        if rate == self.rate {
            return;
        }
        let owed = crate::units::float(self.paid_at.saturating_sub(at)) / self.nanos_per_byte;
        self.rate = rate;
        self.nanos_per_byte = nanos_per_byte(rate);
        self.paid_at = self.paid_at.min(at) + nanos(owed * self.nanos_per_byte);
    }

    fn pay(&mut self, size: u32, at: u64) {
        self.paid_at = self.paid_at.max(at) + nanos(f64::from(size) * self.nanos_per_byte);
    }

    /// When the next packet may leave.
    fn next(&self, burst: u64) -> u64 {
        self.paid_at.saturating_sub(burst).saturating_add(1)
    }
}

fn nanos_per_byte(rate: Bitrate) -> f64 {
    8e9 / crate::units::bps(rate).max(1.0)
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "`as` saturates; bounded to a minute"
)]
fn nanos(nanos: f64) -> u64 {
    nanos.min(60e9) as u64
}
