use moim_wire::Deadline;
use std::time::{Duration, Instant};

/// When to send reports: at intervals that vary by half, lest all participants report at once (RFC 3550 §6.2, §6.3.1).
#[derive(Clone, Debug)]
pub struct ReportSchedule {
    interval: Duration,
    random: u64,
    next: Instant,
}

impl ReportSchedule {
    /// Of video, whose key frames and pictures in step with sound depend on reports.
    pub const VIDEO: Duration = Duration::from_secs(1);
    /// Of sound alone.
    pub const AUDIO: Duration = Duration::from_secs(5);

    /// Reports about every `interval`; the first after half of that at most (RFC 3550 §6.2).
    pub fn new(interval: Duration, seed: [u8; 32], now: Instant) -> Self {
        let random = seed.as_chunks().0.iter().fold(0, |sum, chunk| sum ^ u64::from_le_bytes(*chunk));
        let mut schedule = Self { interval, random, next: now };
        schedule.next = now + schedule.vary(interval / 2, Duration::ZERO);
        schedule
    }

    /// Whether a report is due. If so, the next one is scheduled.
    pub fn poll(&mut self, now: Instant) -> bool {
        let is_due = self.next <= now;
        if is_due {
            self.next = now + self.vary(self.interval, self.interval / 2);
        }
        is_due
    }

    /// When a report is due.
    pub fn poll_timeout(&self) -> Deadline {
        Deadline::new(self.next, "reports")
    }

    /// From `least` to `least` and `range` more.
    fn vary(&mut self, range: Duration, least: Duration) -> Duration {
        // SplitMix64: even enough to spread reports, and nobody gains from guessing it.
        self.random = self.random.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut bits = self.random;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        let share = u32::try_from((bits >> 32) & 0x3FF).unwrap_or(0);
        least + range * share / 1_024
    }
}
