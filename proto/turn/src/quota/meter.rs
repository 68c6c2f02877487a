use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// How much may be relayed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bandwidth {
    /// Bytes of payload a second, on average; both directions together.
    pub bytes_per_second: u64,
    /// Bytes at once, after a time of silence.
    pub burst_bytes: u64,
}

impl Bandwidth {
    /// So many bytes a second, with what half a second brings at once: a key frame, not a hoard.
    pub const fn per_second(bytes_per_second: u64) -> Self {
        Self { bytes_per_second, burst_bytes: bytes_per_second.div_ceil(2) }
    }
}

/// Bounds the bytes per second of one thing, from any number of threads.
///
/// It is the generic cell rate algorithm: one number says when all that has passed will be paid for, and what would be paid
/// for later than a burst from now does not pass.
#[derive(Debug)]
pub struct Meter {
    origin: Instant,
    bytes_per_second: AtomicU64,
    burst_bytes: AtomicU64,
    /// In nanoseconds since `origin`.
    paid_at: AtomicU64,
}

/// The rate that stands for no limit.
const UNLIMITED: u64 = 0;

impl Meter {
    /// A meter that nothing has passed yet. [`None`]: no limit.
    pub fn new(bandwidth: Option<Bandwidth>, now: Instant) -> Self {
        let meter = Self {
            origin: now,
            bytes_per_second: AtomicU64::new(UNLIMITED),
            burst_bytes: AtomicU64::new(0),
            paid_at: AtomicU64::new(0),
        };
        meter.set_bandwidth(bandwidth);
        meter
    }

    /// Changes the limit from now on.
    pub fn set_bandwidth(&self, bandwidth: Option<Bandwidth>) {
        let (rate, burst) = match bandwidth {
            Some(bandwidth) => (bandwidth.bytes_per_second.max(1), bandwidth.burst_bytes),
            None => (UNLIMITED, 0),
        };
        // Whoever reads between the two sees a limit that is neither for the length of one packet: no harm.
        self.burst_bytes.store(burst, Ordering::Relaxed);
        self.bytes_per_second.store(rate, Ordering::Relaxed);
    }

    /// Lets `bytes` pass, or not: `false` means that they are to be dropped, and nothing was counted.
    #[must_use]
    pub fn pass(&self, bytes: usize, now: Instant) -> bool {
        let rate = self.bytes_per_second.load(Ordering::Relaxed);
        if rate == UNLIMITED {
            return true;
        }
        let now = nanos(now.saturating_duration_since(self.origin));
        let cost = time_for(bytes as u64, rate);
        let burst = time_for(self.burst_bytes.load(Ordering::Relaxed), rate);
        // Only this one number is shared and nothing hangs on it, so that no order beyond its own is needed.
        let passed = self.paid_at.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |paid_at| {
            let after = paid_at.max(now).saturating_add(cost);
            (after - now <= burst).then_some(after)
        });
        passed.is_ok()
    }

    /// Takes back what [`pass`](Self::pass) counted, because the bytes were dropped after all.
    pub(super) fn take_back(&self, bytes: usize) {
        let rate = self.bytes_per_second.load(Ordering::Relaxed);
        if rate != UNLIMITED {
            let cost = time_for(bytes as u64, rate);
            let taken = self.paid_at.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |paid_at| {
                Some(paid_at.saturating_sub(cost))
            });
            debug_assert!(taken.is_ok(), "the closure always gives a number");
        }
    }
}

/// How long it takes until so many bytes are paid for, in nanoseconds.
fn time_for(bytes: u64, rate: u64) -> u64 {
    let nanos = u128::from(bytes) * 1_000_000_000 / u128::from(rate);
    u64::try_from(nanos).unwrap_or(u64::MAX)
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BANDWIDTH: Bandwidth = Bandwidth { bytes_per_second: 10_000, burst_bytes: 1_000 };

    #[test]
    fn lets_a_burst_pass_and_then_the_rate() {
        let start = origin();
        let meter = Meter::new(Some(BANDWIDTH), start);

        assert!(meter.pass(600, start));
        assert!(!meter.pass(600, start));
        assert!(meter.pass(400, start), "what was dropped is not counted");
        assert!(!meter.pass(1, start));
        assert!(meter.pass(100, start + Duration::from_millis(10)));
        assert!(!meter.pass(1, start + Duration::from_millis(10)));
    }

    #[test]
    fn over_a_long_time_exactly_the_rate_passes() {
        let start = origin();
        let meter = Meter::new(Some(BANDWIDTH), start);

        let passed = (0..10_000).filter(|ms| meter.pass(100, start + Duration::from_millis(*ms))).count();

        assert_eq!(passed * 100, 10_000 * 10 + 900);
    }

    #[test]
    fn a_limit_can_be_changed_and_lifted() {
        let start = origin();
        let meter = Meter::new(Some(BANDWIDTH), start);
        assert!(!meter.pass(5_000, start));

        meter.set_bandwidth(Some(Bandwidth::per_second(10_000)));
        assert!(meter.pass(5_000, start));
        assert!(!meter.pass(1, start));

        meter.set_bandwidth(None);
        assert!(meter.pass(usize::MAX, start));
    }

    #[test]
    fn what_is_taken_back_can_pass_again() {
        let start = origin();
        let meter = Meter::new(Some(BANDWIDTH), start);

        assert!(meter.pass(1_000, start));
        meter.take_back(1_000);
        assert!(meter.pass(1_000, start));
    }

    #[test]
    fn extreme_rates_and_sizes_overflow_nothing() {
        let start = origin();
        let slow = Meter::new(Some(Bandwidth { bytes_per_second: 0, burst_bytes: u64::MAX }), start);
        let fast = Meter::new(Some(Bandwidth::per_second(u64::MAX)), start);
        let later = start + Duration::from_secs(1 << 40);

        assert!(slow.pass(1, later));
        assert!(fast.pass(usize::MAX / 2, later));
        slow.take_back(usize::MAX);
    }

    #[test]
    fn threads_share_one_limit() {
        let start = origin();
        let meter = Meter::new(Some(BANDWIDTH), start);

        let passed: usize = std::thread::scope(|scope| {
            let threads: Vec<_> =
                (0..4).map(|_| scope.spawn(|| (0..500).filter(|_| meter.pass(1, start)).count())).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).sum()
        });

        assert_eq!(passed, 1_000);
    }

    #[expect(clippy::disallowed_methods, reason = "an arbitrary origin for test time")]
    fn origin() -> Instant {
        Instant::now()
    }
}
