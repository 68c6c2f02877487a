//! How many frames a session may send.

use std::time::Instant;

/// Debt, in bursts, at which a sender is no longer merely fast.
const FLOOD_BURSTS: i64 = 10;
/// Tokens are counted in thousandths, so that a millisecond refills a whole number of them.
const TOKEN: i64 = 1000;

/// A token bucket that goes into debt: frames beyond the rate are limited, and a sender that does not stop is flooding.
#[derive(Debug)]
pub(crate) struct RateLimit {
    rate: i64,
    burst: i64,
    tokens: i64,
    refilled: Instant,
}

/// What to do with a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Allowed,
    Limited,
    Flooding,
}

impl RateLimit {
    /// `rate` per second on average, `burst` at once.
    pub(crate) fn new(rate: u32, burst: u32, now: Instant) -> Self {
        let burst = i64::from(burst.max(1)) * TOKEN;
        Self { rate: i64::from(rate.max(1)), burst, tokens: burst, refilled: now }
    }

    /// Takes one token.
    pub(crate) fn take(&mut self, now: Instant) -> Verdict {
        self.refill(now);
        let had_token = self.tokens >= TOKEN;
        self.tokens -= TOKEN;
        if had_token {
            Verdict::Allowed
        } else if self.tokens > -self.burst * FLOOD_BURSTS {
            Verdict::Limited
        } else {
            Verdict::Flooding
        }
    }

    fn refill(&mut self, now: Instant) {
        let elapsed_ms = now.saturating_duration_since(self.refilled).as_millis();
        if elapsed_ms == 0 {
            return;
        }
        self.refilled = now;
        let refill = i64::try_from(elapsed_ms).unwrap_or(i64::MAX).saturating_mul(self.rate);
        self.tokens = self.tokens.saturating_add(refill).min(self.burst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[expect(clippy::disallowed_methods, reason = "an arbitrary origin for test time")]
    fn origin() -> Instant {
        Instant::now()
    }

    #[test]
    fn allows_a_burst_then_the_rate() {
        let start = origin();
        let mut limit = RateLimit::new(10, 5, start);

        for _ in 0..5 {
            assert_eq!(limit.take(start), Verdict::Allowed);
        }
        assert_eq!(limit.take(start), Verdict::Limited);

        // One token of debt and one to spend: 200 ms at 10 per second.
        assert_eq!(limit.take(start + Duration::from_millis(200)), Verdict::Allowed);
    }

    #[test]
    fn a_sender_that_never_stops_is_flooding() {
        let start = origin();
        let mut limit = RateLimit::new(10, 5, start);

        let verdicts: Vec<_> = (0..60).map(|_| limit.take(start)).collect();

        assert_eq!(verdicts[53], Verdict::Limited);
        assert_eq!(verdicts[54], Verdict::Flooding);
    }

    #[test]
    fn a_long_pause_refills_no_more_than_a_burst() {
        let start = origin();
        let mut limit = RateLimit::new(u32::MAX, 2, start);
        let later = start + Duration::from_secs(u64::from(u32::MAX));

        assert_eq!(limit.take(later), Verdict::Allowed);
        assert_eq!(limit.take(later), Verdict::Allowed);
        assert_eq!(limit.take(later), Verdict::Limited);
    }
}
