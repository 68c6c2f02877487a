use std::time::{Duration, Instant};

/// How long nothing more is said.
const QUIET: Duration = Duration::from_secs(10);

/// Keeps what clients can cause from filling the log: it is said once, and counted until it is said again.
#[derive(Debug, Default)]
pub(crate) struct Seldom {
    quiet_until: Option<Instant>,
    untold: u64,
}

impl Seldom {
    /// Whether it is to be said now; and if so, how often it was not.
    pub(crate) fn due(&mut self, now: Instant) -> Option<u64> {
        if self.quiet_until.is_some_and(|until| now < until) {
            self.untold += 1;
            return None;
        }
        self.quiet_until = Some(now + QUIET);
        Some(std::mem::take(&mut self.untold))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_happens_all_the_time_is_said_now_and_then() {
        let mut seldom = Seldom::default();
        let start = Instant::now();

        assert_eq!(seldom.due(start), Some(0));
        assert_eq!((seldom.due(start), seldom.due(start + QUIET / 2)), (None, None));
        assert_eq!(seldom.due(start + QUIET), Some(2));
        assert_eq!(seldom.due(start + QUIET * 2), Some(0));
    }
}
