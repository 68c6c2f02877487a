use crate::units::float;
use std::time::{Duration, Instant};

/// How long the least round trip counts: two halves, of which the older one is dropped.
const HALF: Duration = Duration::from_secs(10);
/// What a report leaves of the longest pause between two.
const PAUSE_KEPT: f64 = 0.95;
const PAUSE_FIRST: Duration = Duration::from_millis(100);
const PAUSE_MAX: Duration = Duration::from_millis(500);
/// Beyond what is on the way when all is well: queues, and what is sent unevenly.
const SLACK: Duration = Duration::from_millis(60);
const SLACK_BYTES: f64 = 4_000.0;

/// How much may be on the way: what is sent in a round trip and between two reports, and a little more.
///
/// A link that becomes slow shows in this at once, long before a report could tell: nothing leaves any more.
#[derive(Debug)]
pub(super) struct Window {
    half: Option<(Instant, Duration)>,
    before: Option<Duration>,
    pause: Duration,
    reported: Option<Instant>,
    /// Reports stay away, so that what is on the way is not known.
    is_open: bool,
}

impl Window {
    pub(super) fn new() -> Self {
        Self { half: None, before: None, pause: PAUSE_FIRST, reported: None, is_open: true }
    }

    /// A report came, with a round trip.
    pub(super) fn reported(&mut self, rtt: Duration, now: Instant) {
        self.is_open = false;
        match &mut self.half {
            Some((began, least)) if now < *began + HALF => *least = (*least).min(rtt),
            half => {
                self.before = half.map(|(_, least)| least);
                *half = Some((now, rtt));
            }
        }
        if let Some(before) = self.reported.replace(now) {
            let pause = now.saturating_duration_since(before).min(PAUSE_MAX);
            self.pause = self.pause.mul_f64(PAUSE_KEPT).max(pause);
        }
    }

    /// Reports stay away.
    pub(super) fn silent(&mut self) {
        self.is_open = true;
    }

    /// Whether no more should be sent at this rate until some of it has arrived.
    pub(super) fn is_full(&self, in_flight_bytes: u64, bps: f64) -> bool {
        let Some((_, least)) = self.half.filter(|_| !self.is_open) else { return false };
        let rtt = self.before.map_or(least, |before| before.min(least));
        let time = rtt + self.pause + SLACK;
        float(in_flight_bytes) > bps / 8.0 * time.as_secs_f64() + SLACK_BYTES
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: f64 = 1_000_000.0;

    /// Reports each 50 ms with a round trip of 50 ms.
    #[expect(clippy::disallowed_methods, reason = "an arbitrary origin for virtual time")]
    fn steady() -> Window {
        let (mut window, mut now) = (Window::new(), Instant::now());
        for _ in 0..100 {
            now += Duration::from_millis(50);
            window.reported(Duration::from_millis(50), now);
        }
        window
    }

    #[test]
    fn what_is_on_the_way_when_all_is_well_fits() {
        // A round trip and the time between two reports.
        assert!(!steady().is_full(12_500, RATE));
        assert!(steady().is_full(30_000, RATE));
        assert!(!steady().is_full(30_000, RATE * 2.0));
    }

    #[test]
    fn without_reports_nothing_is_held_back() {
        assert!(!Window::new().is_full(u64::MAX, RATE));
        let mut window = steady();
        window.silent();
        assert!(!window.is_full(u64::MAX, RATE));
    }
}
