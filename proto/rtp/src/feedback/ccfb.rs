use super::ring::ArrivalRing;
use crate::rtcp::{CcfbArrival, Compound, Ecn};
use moim_wire::{Deadline, ExtSeqNo, NtpTime, OutOfSpace, Ssrc};
use std::time::{Duration, Instant};

/// Streams that are reported on. Packets of others are not.
pub const CCFB_STREAMS_MAX: usize = 64;
/// Packets of one stream of which the receiver remembers when they came.
pub const CCFB_WINDOW: usize = 512;

/// Records when the packets of streams arrive, and reports it (RFC 8888).
#[derive(Clone, Debug)]
pub struct CcfbRecorder {
    /// In the order of their SSRC.
    streams: Vec<Stream>,
    origin: Instant,
    interval: Duration,
    due: Option<Instant>,
    /// The stream that the next report begins with: when not all fit, each has its turn.
    turn: usize,
}

#[derive(Clone, Debug)]
struct Stream {
    ssrc: Ssrc,
    /// When each packet arrived, in units of 1/1024 s since the origin, above two bits of how it was marked.
    arrivals: ArrivalRing,
    /// The first packet that the next report speaks of.
    next: u64,
}

impl CcfbRecorder {
    /// How often is reported at first (RFC 8888 §5).
    pub const INTERVAL: Duration = Duration::from_millis(50);

    /// A recorder that has seen no packet.
    pub fn new(now: Instant) -> Self {
        Self { streams: Vec::new(), origin: now, interval: Self::INTERVAL, due: None, turn: 0 }
    }

    /// Changes how often is reported.
    pub fn set_interval(&mut self, interval: Duration) {
        self.interval = interval;
    }

    /// A packet has arrived. Only the first one of a stream allocates. False: there are too many streams, or it was known or too old.
    pub fn on_packet(&mut self, ssrc: Ssrc, seq: ExtSeqNo, ecn: Ecn, now: Instant) -> bool {
        let at = match self.streams.binary_search_by_key(&ssrc, |stream| stream.ssrc) {
            Ok(at) => at,
            Err(_) if self.streams.len() >= CCFB_STREAMS_MAX => return false,
            Err(at) => {
                let stream = Stream { ssrc, arrivals: ArrivalRing::new(CCFB_WINDOW), next: seq.0 };
                self.streams.insert(at, stream);
                at
            }
        };
        let note = (self.ticks(now) << 2) | ecn as u32;
        let stream = &mut self.streams[at];
        let is_new = stream.arrivals.insert(seq.0, note);
        if is_new {
            // A late packet has been reported as lost. The next report begins with it, and so takes that back.
            stream.next = stream.next.min(seq.0);
            self.due = self.due.or(Some(now + self.interval));
        }
        is_new
    }

    /// A stream has ended.
    pub fn remove(&mut self, ssrc: Ssrc) {
        self.streams.retain(|stream| stream.ssrc != ssrc);
    }

    /// When to report.
    pub fn poll_timeout(&self) -> Option<Deadline> {
        self.due.map(|due| Deadline::new(due, "congestion feedback"))
    }

    /// Reports what arrived, if that is due, in one packet; hands out how many packets it speaks of. `wall` is `now` by the wall clock.
    ///
    /// When not all fit, it is due again at once. [`OutOfSpace`] if not even one fits.
    pub fn poll_feedback(
        &mut self,
        out: &mut Compound<'_>,
        sender: Ssrc,
        wall: NtpTime,
        now: Instant,
    ) -> Result<usize, OutOfSpace> {
        if self.due.is_none_or(|due| due > now) {
            return Ok(0);
        }
        let ticks = self.ticks(now);
        let (count, turn) = (self.streams.len(), self.turn);
        let streams = &mut self.streams;
        let (written, full_at) = out.ccfb(sender, wall.middle(), |report| {
            let mut written = 0;
            for at in (0..count).map(|offset| (turn + offset) % count) {
                let stream = &mut streams[at];
                let first = stream.next.max(stream.arrivals.start());
                if first >= stream.arrivals.end() {
                    continue;
                }
                let arrivals = &stream.arrivals;
                let statuses = (first..arrivals.end()).map(|seq| arrival(arrivals.get(seq)?, ticks));
                let block = report.block(stream.ssrc, ExtSeqNo(first).seq(), statuses).unwrap_or(0);
                written += block;
                stream.next = first + block as u64;
                if stream.next < stream.arrivals.end() {
                    return (written, Some(at));
                }
            }
            (written, None)
        })?;
        self.turn = full_at.unwrap_or(0);
        if full_at.is_none() {
            self.due = None;
        } else if written == 0 {
            return Err(OutOfSpace);
        }
        Ok(written)
    }

    /// In units of 1/1024 s since the origin, modulo 2^30.
    fn ticks(&self, at: Instant) -> u32 {
        let elapsed = at.saturating_duration_since(self.origin);
        let ticks = (elapsed.as_secs() << 10) + (u64::from(elapsed.subsec_nanos()) << 10) / 1_000_000_000;
        (ticks & 0x3FFF_FFFF) as u32
    }
}

/// What is left of 32 bits beside a mark.
const TICKS_MASK: u32 = u32::MAX >> 2;

/// What a note says at the time of a report. Every note is a packet that arrived.
#[expect(clippy::unnecessary_wraps, reason = "it is one of the packets, of which others did not arrive")]
fn arrival(note: u32, now_ticks: u32) -> Option<CcfbArrival> {
    let age = now_ticks.wrapping_sub(note >> 2) & TICKS_MASK;
    let ecn = Ecn::from_bits((note & 0x03) as u8);
    Some(CcfbArrival { ecn, age: Some(u16::try_from(age).unwrap_or(u16::MAX)) })
}
