use std::time::{Duration, Instant};

/// What remains of the target each time that reports stay away.
pub(super) const KEPT: f64 = 0.5;
/// Reports come several times a second; this and some round trips without one mean that packets or reports get lost.
const PATIENCE_MIN: Duration = Duration::from_millis(500);
const PATIENCE_MAX: Duration = Duration::from_secs(3);
const ROUND_TRIPS: u32 = 3;

/// Whether reports stay away although there is something to report.
#[derive(Debug, Default)]
pub(super) struct Silence {
    /// Since when something waits for an answer, or less was sent because of that.
    since: Option<Instant>,
    /// The target before reports stayed away.
    before_bps: Option<f64>,
}

impl Silence {
    pub(super) fn sent(&mut self, now: Instant) {
        self.since.get_or_insert(now);
    }

    pub(super) fn answered(&mut self, now: Instant) {
        self.since = Some(now);
        self.before_bps = None;
    }

    pub(super) fn nothing_to_answer(&mut self) {
        self.since = None;
    }

    pub(super) fn due_at(&self, rtt: Duration) -> Option<Instant> {
        Some(self.since? + (rtt * ROUND_TRIPS).clamp(PATIENCE_MIN, PATIENCE_MAX))
    }

    /// `true` once each time that patience ends.
    pub(super) fn is_due(&mut self, rtt: Duration, now: Instant) -> bool {
        let due = self.due_at(rtt).is_some_and(|at| at <= now);
        if due {
            self.since = Some(now);
        }
        due
    }

    /// The target before reports stayed away, which is the present one when they just did.
    pub(super) fn before(&mut self, target_bps: f64) -> f64 {
        *self.before_bps.get_or_insert(target_bps)
    }
}
