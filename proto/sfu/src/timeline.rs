//! The media clock of what goes out, which goes on whatever it is taken from.

use moim_wire::{NtpTime, RtpTimestamp};
use std::time::{Duration, Instant};

/// Two clocks' readings of one moment, from a sender report (RFC 3550 §6.4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SenderClock {
    pub(crate) ntp: NtpTime,
    pub(crate) rtp: RtpTimestamp,
}

/// What sender reports say may differ this much from what arrival says. Beyond it they are not believed.
const DISAGREEMENT_MAX: Duration = Duration::from_secs(2);

/// Timestamps of one outgoing stream.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Timeline {
    /// What is added to what comes in.
    offset: u32,
    newest: RtpTimestamp,
    /// When the newest came.
    newest_at: Option<Instant>,
    /// How far the stream is ahead of its source's clock, because time must not stand still: it is made up for at the next switch.
    ahead: u32,
}

/// What a new source says about its time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Begin {
    pub(crate) timestamp: RtpTimestamp,
    pub(crate) clock_rate: u32,
    /// The clocks of the source before and of this one, if both are known and are those of one sender.
    pub(crate) clocks: Option<(SenderClock, SenderClock)>,
}

impl Timeline {
    /// A stream whose first timestamp will be `first`.
    pub(crate) fn new(first: RtpTimestamp) -> Self {
        Self { offset: 0, newest: first, newest_at: None, ahead: 0 }
    }

    /// Another source begins. Says what its timestamp becomes: at least one tick above all before.
    pub(crate) fn begin(&mut self, begin: &Begin, now: Instant) -> RtpTimestamp {
        let out = match self.newest_at {
            None => self.newest,
            Some(newest_at) => {
                let passed = ticks(now.saturating_duration_since(newest_at), begin.clock_rate);
                let by_arrival = self.newest.advanced(passed);
                let by_reports = begin.clocks.and_then(|clocks| self.by_reports(begin, clocks, by_arrival));
                let wanted = by_reports.unwrap_or(by_arrival);
                let ahead = self.newest.advanced(1).distance_from(wanted).max(0).unsigned_abs();
                self.ahead = if by_reports.is_some() { ahead } else { 0 };
                wanted.advanced(ahead)
            }
        };
        self.offset = out.0.wrapping_sub(begin.timestamp.0);
        (self.newest, self.newest_at) = (out, Some(now));
        out
    }

    /// What a timestamp of the present source becomes.
    #[inline]
    pub(crate) fn pass(&mut self, timestamp: RtpTimestamp, now: Instant) -> RtpTimestamp {
        let out = timestamp.advanced(self.offset);
        if out.distance_from(self.newest) > 0 {
            (self.newest, self.newest_at) = (out, Some(now));
        }
        out
    }

    /// A sender report of the present source, as it would be for this stream.
    pub(crate) fn translate(&self, clock: SenderClock) -> SenderClock {
        SenderClock { rtp: clock.rtp.advanced(self.offset), ..clock }
    }

    fn by_reports(
        &self,
        begin: &Begin,
        (before, after): (SenderClock, SenderClock),
        by_arrival: RtpTimestamp,
    ) -> Option<RtpTimestamp> {
        let between = i128::from(after.ntp.0.wrapping_sub(before.ntp.0).cast_signed());
        let between = (between * i128::from(begin.clock_rate)) >> 32;
        let since = i128::from(begin.timestamp.distance_from(after.rtp)) + between;
        // Modulo 2^32, as timestamps are.
        let since = u32::try_from(since.rem_euclid(1 << 32)).unwrap_or(0);
        let before = before.rtp.0.wrapping_add(self.offset).wrapping_sub(self.ahead);
        let by_reports = RtpTimestamp(before).advanced(since);
        let limit = ticks(DISAGREEMENT_MAX, begin.clock_rate);
        (by_reports.distance_from(by_arrival).unsigned_abs() <= limit).then_some(by_reports)
    }
}

fn ticks(time: Duration, clock_rate: u32) -> u32 {
    let seconds = time.as_secs().wrapping_mul(u64::from(clock_rate));
    let rest = u64::from(time.subsec_nanos()) * u64::from(clock_rate) / 1_000_000_000;
    // Modulo 2^32, as timestamps are.
    (seconds.wrapping_add(rest) & 0xFFFF_FFFF) as u32
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "an arbitrary origin for virtual time")]
mod tests {
    use super::*;

    const RATE: u32 = 90_000;

    fn begin(timestamp: u32, clocks: Option<(SenderClock, SenderClock)>) -> Begin {
        Begin { timestamp: RtpTimestamp(timestamp), clock_rate: RATE, clocks }
    }

    fn clock(ntp_ms: u64, rtp: u32) -> SenderClock {
        SenderClock { ntp: NtpTime::from_unix(Duration::from_millis(ntp_ms)), rtp: RtpTimestamp(rtp) }
    }

    fn about(out: RtpTimestamp, expected: u32) -> bool {
        out.distance_from(RtpTimestamp(expected)).abs() <= 1
    }

    #[test]
    fn without_reports_time_goes_on_as_packets_arrive() {
        let now = Instant::now();
        let mut time = Timeline::new(RtpTimestamp(u32::MAX));

        assert_eq!(time.begin(&begin(500, None), now), RtpTimestamp(u32::MAX));
        assert_eq!(time.pass(RtpTimestamp(3_500), now + Duration::from_millis(33)), RtpTimestamp(2_999));
        let switched = time.begin(&begin(77, None), now + Duration::from_millis(133));

        assert_eq!(switched, RtpTimestamp(2_999 + 9_000));
        assert_eq!(time.pass(RtpTimestamp(3_077), now), RtpTimestamp(2_999 + 12_000));
    }

    #[test]
    fn time_never_stands_still() {
        let now = Instant::now();
        let mut time = Timeline::new(RtpTimestamp(10));
        time.begin(&begin(500, None), now);

        assert_eq!(time.begin(&begin(500, None), now), RtpTimestamp(11));
    }

    /// Covers: RFC 3550 §6.4.1
    #[test]
    fn sender_reports_say_when_a_picture_was_taken_whenever_it_arrives() {
        let now = Instant::now();
        let mut time = Timeline::new(RtpTimestamp(1_000));
        // At 10 s the first clock reads 90,000 and the second 5,000.
        let (low, high) = (clock(10_000, 90_000), clock(10_000, 5_000));
        time.begin(&begin(90_000, None), now);
        // A picture of 10.1 s arrives 140 ms after the first.
        let late = now + Duration::from_millis(140);

        assert!(about(time.begin(&begin(14_000, Some((low, high))), late), 1_000 + 9_000));
    }

    #[test]
    fn what_time_was_pushed_ahead_is_made_up_for() {
        let now = Instant::now();
        let mut time = Timeline::new(RtpTimestamp(1_000));
        let (low, high) = (clock(10_000, 90_000), clock(10_000, 5_000));
        time.begin(&begin(90_000, None), now);
        time.pass(RtpTimestamp(93_000), now);
        // The other encoding's picture is an older one: 10.0 s.
        assert!(about(time.begin(&begin(5_000, Some((low, high))), now), 4_001));

        // And back, at 10.1 s: as if nothing had been.
        let out = time.begin(&begin(99_000, Some((high, low))), now + Duration::from_millis(66));
        assert!(about(out, 10_000), "{out:?}");
    }

    #[test]
    fn reports_that_cannot_be_are_not_believed() {
        let now = Instant::now();
        let mut time = Timeline::new(RtpTimestamp(1_000));
        time.begin(&begin(90_000, None), now);
        let absurd = (clock(10_000, 90_000), clock(9_000_000, 5_000));

        let out = time.begin(&begin(5_000, Some(absurd)), now + Duration::from_millis(100));
        assert_eq!(out, RtpTimestamp(10_000));
    }
}
