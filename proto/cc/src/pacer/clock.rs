use std::time::{Duration, Instant};

/// Moments as nanoseconds since the pacer began: one number to compare, and none of them 0.
#[derive(Debug)]
pub(super) struct Clock {
    zero: Instant,
}

/// Where the count begins, so that what is before the beginning can still be said.
const FIRST: u64 = 1;

impl Clock {
    pub(super) fn new(now: Instant) -> Self {
        Self { zero: now }
    }

    pub(super) fn nanos(&self, now: Instant) -> u64 {
        let since = now.saturating_duration_since(self.zero);
        since.as_secs().saturating_mul(1_000_000_000).saturating_add(u64::from(since.subsec_nanos())) + FIRST
    }

    pub(super) fn instant(&self, nanos: u64) -> Instant {
        self.zero + Duration::from_nanos(nanos.saturating_sub(FIRST))
    }
}
