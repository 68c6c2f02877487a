//! What a receiver reports about a stream, and when.

mod schedule;

pub use schedule::ReportSchedule;

use crate::rtcp::{ReportBlock, SenderInfo};
use moim_wire::{ExtSeqNo, NtpTime, RtpTimestamp, Ssrc};
use std::time::{Duration, Instant};

/// Counts what is received of a stream: losses, and how much the time between packets varies (RFC 3550 §6.4.1, A.3, A.8).
///
/// Sequence numbers come extended, as SRTP authenticated them; so there is none of the guessing of RFC 3550 A.1.
#[derive(Clone, Debug)]
pub struct ReceptionStats {
    clock_rate: u32,
    range: Option<SeqRange>,
    /// Packets received, twice if they came twice.
    received: u64,
    bytes: u64,
    jitter: Jitter,
    /// At the last report: how many were expected, and how many received.
    reported: (u64, u64),
    sender_report: Option<(NtpTime, Instant)>,
}

#[derive(Clone, Copy, Debug)]
struct SeqRange {
    first: ExtSeqNo,
    highest: ExtSeqNo,
}

impl ReceptionStats {
    /// For a stream whose media clock has so many ticks a second.
    pub fn new(clock_rate: u32) -> Self {
        Self {
            clock_rate,
            range: None,
            received: 0,
            bytes: 0,
            jitter: Jitter::default(),
            reported: (0, 0),
            sender_report: None,
        }
    }

    /// Counts a packet with so many bytes of payload.
    pub fn on_packet(&mut self, seq: ExtSeqNo, timestamp: RtpTimestamp, payload_len: usize, now: Instant) {
        self.received += 1;
        self.bytes += payload_len as u64;
        let range = self.range.get_or_insert(SeqRange { first: seq, highest: seq });
        // A packet from before the first makes the stream begin earlier.
        range.first = range.first.min(seq);
        range.highest = range.highest.max(seq);
        self.jitter.on_packet(self.clock_rate, timestamp, now);
    }

    /// Remembers the last report of the stream's sender.
    pub fn on_sender_report(&mut self, info: &SenderInfo, now: Instant) {
        self.sender_report = Some((info.ntp, now));
    }

    /// The report about `ssrc`, this stream: [`None`] before its first packet. The next one says what was lost since this one.
    pub fn report(&mut self, ssrc: Ssrc, now: Instant) -> Option<ReportBlock> {
        let range = self.range?;
        let expected = self.expected();
        let (expected_before, received_before) = self.reported;
        self.reported = (expected, self.received);
        let expected_since = expected - expected_before;
        let lost_since = expected_since.saturating_sub(self.received - received_before);
        // RFC 3550 A.3: in 256ths, and all lost is 255 of them.
        let fraction_lost = (lost_since * 256).checked_div(expected_since).unwrap_or(0).min(255);
        let (last_sender_report, delay_since) = self
            .sender_report
            .map_or((0, 0), |(ntp, at)| (ntp.middle(), to_ntp_units(now.saturating_duration_since(at))));
        // RFC 3550 §6.4.1: the cycles are counted from zero.
        let highest_seq = (range.highest.rollover() << 16) | u32::from(range.highest.seq().0);
        Some(ReportBlock {
            ssrc,
            fraction_lost: u8::try_from(fraction_lost).unwrap_or(255),
            cumulative_lost: i32::try_from(self.lost()).unwrap_or(i32::MAX),
            highest_seq,
            jitter: self.jitter.ticks(),
            last_sender_report,
            delay_since,
        })
    }

    /// Packets received, twice if they came twice.
    pub fn packets(&self) -> u64 {
        self.received
    }

    /// Bytes of payload received.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Packets that did not arrive; below zero if more came twice.
    pub fn lost(&self) -> i64 {
        self.expected().cast_signed() - self.received.cast_signed()
    }

    /// How much the time between packets varies.
    pub fn jitter(&self) -> Duration {
        let nanos = u64::from(self.jitter.ticks()) * 1_000_000_000;
        Duration::from_nanos(nanos.checked_div(u64::from(self.clock_rate)).unwrap_or(0))
    }

    fn expected(&self) -> u64 {
        self.range.map_or(0, |range| range.highest.0 - range.first.0 + 1)
    }
}

/// How much the time between packets varies, smoothed (RFC 3550 A.8).
#[derive(Clone, Copy, Debug, Default)]
struct Jitter {
    last: Option<(RtpTimestamp, Instant)>,
    /// In 16ths of a tick.
    scaled: u32,
}

impl Jitter {
    fn on_packet(&mut self, clock_rate: u32, timestamp: RtpTimestamp, now: Instant) {
        if let Some((last, at)) = self.last {
            // Packets of one picture have one timestamp; that they do not all arrive at once is no jitter.
            if last == timestamp {
                return;
            }
            let elapsed = now.saturating_duration_since(at);
            let rate = u64::from(clock_rate);
            let ticks = elapsed.as_secs().saturating_mul(rate)
                + u64::from(elapsed.subsec_nanos()) * rate / 1_000_000_000;
            let ticks = i64::try_from(ticks).unwrap_or(i64::MAX);
            let difference = ticks.saturating_sub(i64::from(timestamp.distance_from(last))).unsigned_abs();
            // A pause, or a sender that begins anew, is no jitter either.
            if difference < u64::from(clock_rate) * JUMP_S {
                let difference = u32::try_from(difference).unwrap_or(u32::MAX);
                self.scaled = self.scaled.saturating_add(difference) - (self.scaled.saturating_add(8) >> 4);
            }
        }
        self.last = Some((timestamp, now));
    }

    fn ticks(self) -> u32 {
        self.scaled >> 4
    }
}

/// A difference of that many seconds is no jitter.
const JUMP_S: u64 = 5;

/// In units of 2^-16 s, as reports carry it. It ends at 18 hours.
pub(crate) fn to_ntp_units(time: Duration) -> u32 {
    u32::try_from((time.as_nanos() << 16) / 1_000_000_000).unwrap_or(u32::MAX)
}

/// The round-trip time that a report block tells whoever sent the sender report it answers, at a moment of its wall clock (RFC 3550 §6.4.1).
///
/// [`None`] if it answers none, or says what cannot be.
pub fn round_trip_time(block: &ReportBlock, now: NtpTime) -> Option<Duration> {
    round_trip(block.last_sender_report, block.delay_since, now)
}

/// The same by an extended report, for somebody who sends no media (RFC 3611 §4.5).
pub fn round_trip_time_by_reference(block: &crate::rtcp::DlrrBlock, now: NtpTime) -> Option<Duration> {
    round_trip(block.last_reference, block.delay_since, now)
}

fn round_trip(sent: u32, delay: u32, now: NtpTime) -> Option<Duration> {
    if sent == 0 {
        return None;
    }
    let units = now.middle().wrapping_sub(sent).wrapping_sub(delay);
    // Clocks are coarse: an answer from the near future is one of no time at all. Half of the range ahead is nonsense.
    match units.cast_signed() {
        negative @ ..0 if negative > -ROUNDING => Some(Duration::ZERO),
        ..0 => None,
        units => Some(Duration::from_nanos((u64::from(units.cast_unsigned()) * 1_000_000_000) >> 16)),
    }
}

/// By how much a round-trip time may fall below zero, in units of 2^-16 s: 2 ms.
const ROUNDING: i32 = 131;
