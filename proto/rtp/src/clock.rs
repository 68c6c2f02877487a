//! Which moment of the sender's wall clock a media timestamp means.

use moim_wire::{NtpTime, RtpTimestamp};
use std::time::Duration;

/// Maps a stream's media clock to its sender's wall clock, by the sender's reports (RFC 3550 §6.4.1).
///
/// Streams of one sender have one wall clock (RFC 3550 §5.1), so that what belongs together is what was captured at the same moment of it: sound and
/// picture are played in step by this.
#[derive(Clone, Copy, Debug)]
pub struct ClockMap {
    clock_rate: u32,
    newest: Option<(NtpTime, RtpTimestamp)>,
}

impl ClockMap {
    /// A map for a media clock of so many ticks a second; 0 is taken for 1.
    pub fn new(clock_rate: u32) -> Self {
        Self { clock_rate: clock_rate.max(1), newest: None }
    }

    /// Learns from a report. One that is older than what is known, or has no wall clock (RFC 3550 §6.4.1: zero), teaches nothing.
    pub fn on_sender_report(&mut self, ntp: NtpTime, timestamp: RtpTimestamp) {
        let is_newer = self.newest.is_none_or(|(newest, _)| {
            // The wall clock wraps in 2036, as all sequence spaces do: by the shorter way round.
            ntp.0.wrapping_sub(newest.0).cast_signed() > 0
        });
        if ntp.0 != 0 && is_newer {
            self.newest = Some((ntp, timestamp));
        }
    }

    /// The moment of the sender's wall clock that `timestamp` means: [`None`] before the first report.
    ///
    /// Right within half of the timestamps' range around the newest report: 6 hours at 90 kHz.
    pub fn to_ntp(&self, timestamp: RtpTimestamp) -> Option<NtpTime> {
        let (ntp, reported) = self.newest?;
        let ticks = i64::from(timestamp.distance_from(reported));
        // At most 31 bits of ticks, shifted by 32.
        let offset = (ticks << 32) / i64::from(self.clock_rate);
        Some(NtpTime(ntp.0.wrapping_add_signed(offset)))
    }

    /// The timestamp that the stream has at this moment of the sender's wall clock: [`None`] before the first report, and for moments farther from
    /// it than timestamps go.
    pub fn to_timestamp(&self, at: NtpTime) -> Option<RtpTimestamp> {
        let (ntp, reported) = self.newest?;
        let offset = i128::from(at.0.wrapping_sub(ntp.0).cast_signed());
        let ticks = i32::try_from((offset * i128::from(self.clock_rate)) >> 32).ok()?;
        Some(reported.advanced(ticks.cast_unsigned()))
    }
}

/// The time between two moments of one wall clock: [`None`] if `earlier` is later.
pub fn between(earlier: NtpTime, later: NtpTime) -> Option<Duration> {
    let units = u64::try_from(later.0.wrapping_sub(earlier.0).cast_signed()).ok()?;
    let nanos = (u128::from(units) * 1_000_000_000) >> 32;
    u64::try_from(nanos).ok().map(Duration::from_nanos)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ntp(millis: u64) -> NtpTime {
        NtpTime::from_unix(Duration::from_millis(millis))
    }

    #[test]
    fn sound_and_picture_meet_at_the_same_moment() {
        let (mut sound, mut picture) = (ClockMap::new(48_000), ClockMap::new(90_000));
        assert_eq!(sound.to_ntp(RtpTimestamp(0)), None);
        sound.on_sender_report(ntp(10_000), RtpTimestamp(1_000));
        picture.on_sender_report(ntp(10_500), RtpTimestamp(u32::MAX));

        let sound_at = sound.to_ntp(RtpTimestamp(1_000 + 24_000)).unwrap();
        let picture_at = picture.to_ntp(RtpTimestamp(u32::MAX)).unwrap();

        assert!(
            between(sound_at, picture_at).or(between(picture_at, sound_at)).unwrap()
                < Duration::from_micros(1)
        );
        let later = picture.to_ntp(RtpTimestamp(8_999)).unwrap();
        assert!(
            between(picture_at, later).unwrap().abs_diff(Duration::from_millis(100))
                < Duration::from_micros(1)
        );
        assert_eq!(between(later, picture_at), None);
        let timestamp = picture.to_timestamp(ntp(10_600)).unwrap();
        assert!(timestamp.distance_from(RtpTimestamp(8_999)).abs() <= 1);
    }

    #[test]
    fn a_report_that_comes_late_teaches_nothing() {
        let mut map = ClockMap::new(90_000);
        map.on_sender_report(ntp(2_000), RtpTimestamp(90_000));
        let before = map.to_ntp(RtpTimestamp(0));

        map.on_sender_report(ntp(1_000), RtpTimestamp(77));
        map.on_sender_report(NtpTime(0), RtpTimestamp(78));

        assert_eq!(map.to_ntp(RtpTimestamp(0)), before);
    }
}
