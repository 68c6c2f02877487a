use super::ring::ArrivalRing;
use crate::extension::TransportSequence;
use crate::rtcp::{Compound, TwccBase};
use moim_wire::{Deadline, ExtSeqNo, OutOfSpace, Ssrc};
use std::time::{Duration, Instant};

/// Packets of which the receiver remembers when they came. When feedback is later than that, the oldest are not reported.
pub const TWCC_WINDOW: usize = 2_048;

/// Units of 250 µs in one of 64 ms: arrivals and reference times of transport feedback.
const TICKS_PER_REFERENCE: u32 = 256;

/// Records when the packets of a transport arrive, and reports it.
#[derive(Clone, Debug)]
pub struct TwccRecorder {
    /// When each packet arrived, in units of 250 µs since `origin`. They wrap when the reference time in packets wraps, so
    /// that differences and references stay right.
    arrivals: ArrivalRing,
    origin: Instant,
    highest: Option<ExtSeqNo>,
    /// The first packet that the next feedback speaks of.
    next: u64,
    /// Between reports; [`None`]: only when asked.
    interval: Option<Duration>,
    due: Option<Instant>,
    feedback_count: u8,
}

impl TwccRecorder {
    /// How often is reported at first.
    pub const INTERVAL: Duration = Duration::from_millis(50);

    /// A recorder that has seen no packet.
    pub fn new(now: Instant) -> Self {
        Self {
            arrivals: ArrivalRing::new(TWCC_WINDOW),
            origin: now,
            highest: None,
            next: 0,
            interval: Some(Self::INTERVAL),
            due: None,
            feedback_count: 0,
        }
    }

    /// Changes how often is reported; [`None`]: only when a packet asks for it, by the second version of the extension.
    pub fn set_interval(&mut self, interval: Option<Duration>) {
        self.interval = interval;
    }

    /// A packet has arrived.
    pub fn on_packet(&mut self, sequence: TransportSequence, now: Instant) {
        let seq = self.highest.map_or(ExtSeqNo::first(sequence.seq), |highest| highest.extend(sequence.seq));
        if self.highest.is_none() {
            self.next = seq.0;
        }
        if !self.arrivals.insert(seq.0, self.ticks(now)) {
            return;
        }
        self.highest = self.highest.max(Some(seq));
        // A late packet has been reported as lost. The next report begins with it, and so takes that back.
        self.next = self.next.min(seq.0);
        if let Some(interval) = self.interval {
            self.due = self.due.or(Some(now + interval));
        }
        if let Some(request) = sequence.feedback_request {
            // It wants to hear of packets that may have been reported before.
            let first = (seq.0 + 1).saturating_sub(u64::from(request.packet_count));
            self.next = self.next.min(first.max(ExtSeqNo::default().0));
            self.due = Some(now);
        }
    }

    /// When to report.
    pub fn poll_timeout(&self) -> Option<Deadline> {
        self.due.map(|due| Deadline::new(due, "transport feedback"))
    }

    /// Reports what arrived, if that is due, in one packet; hands out how many packets it speaks of.
    ///
    /// When not all fit, or they came too far apart for one packet, it is due again at once. [`OutOfSpace`] if not even one fits.
    pub fn poll_feedback(
        &mut self,
        out: &mut Compound<'_>,
        sender: Ssrc,
        media: Ssrc,
        now: Instant,
    ) -> Result<usize, OutOfSpace> {
        if self.due.is_none_or(|due| due > now) {
            return Ok(0);
        }
        let start = self.next.max(self.arrivals.start());
        let range = start..self.arrivals.end();
        let Some(first_ticks) = range.clone().find_map(|seq| self.arrivals.get(seq)) else {
            self.due = None;
            return Ok(0);
        };
        let reference_time = first_ticks / TICKS_PER_REFERENCE;
        let base =
            TwccBase { seq: ExtSeqNo(start).seq(), reference_time, feedback_count: self.feedback_count };
        let statuses =
            Statuses { arrivals: &self.arrivals, range, ticks: reference_time * TICKS_PER_REFERENCE };
        let count = out.twcc(sender, media, base, statuses)?;
        self.feedback_count = self.feedback_count.wrapping_add(1);
        self.next = start + count as u64;
        if self.next >= self.arrivals.end() {
            self.due = None;
        }
        Ok(count)
    }

    /// In units of 250 µs since the origin, modulo 2^32.
    fn ticks(&self, at: Instant) -> u32 {
        let elapsed = at.saturating_duration_since(self.origin);
        let ticks = elapsed.as_secs() * 4_000 + u64::from(elapsed.subsec_nanos() / 250_000);
        (ticks & 0xFFFF_FFFF) as u32
    }
}

/// The packets of a range, each with the time since the one before. It ends before one that came too long after.
#[derive(Clone)]
struct Statuses<'a> {
    arrivals: &'a ArrivalRing,
    range: std::ops::Range<u64>,
    /// When the packet before arrived.
    ticks: u32,
}

impl Iterator for Statuses<'_> {
    type Item = Option<i16>;

    fn next(&mut self) -> Option<Option<i16>> {
        let Some(ticks) = self.arrivals.get(self.range.next()?) else {
            return Some(None);
        };
        let delta = i16::try_from(ticks.wrapping_sub(self.ticks).cast_signed()).ok()?;
        self.ticks = ticks;
        Some(Some(delta))
    }
}
