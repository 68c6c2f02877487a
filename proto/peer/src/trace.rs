//! What happened to a connection, step by step: what a page of connection details shows.

use std::collections::VecDeque;
use std::time::Instant;

/// Most steps that are kept. The first ones are, and the latest.
pub const TRACE_STEPS_MAX: usize = 256;
/// As many of the first steps are never given up: how a connection came about is what is asked most.
const TRACE_FIRST_STEPS: usize = 128;

/// How a step ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// As it should.
    Ok,
    /// It failed; the detail says why.
    Failed,
    /// It has begun, and a later step tells how it went.
    Begun,
}

/// One step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// When.
    pub at: Instant,
    /// What: `ice`, `dtls`, `sctp`, `sdp`, `media` and so on, a dot, and a word.
    pub step: &'static str,
    /// More about it. Never a secret; it may contain addresses.
    pub detail: String,
    /// How it went.
    pub outcome: Outcome,
}

/// The steps of a connection in their order: bounded, with a gap in the middle if there were more.
#[derive(Debug, Default)]
pub struct Trace {
    first: Vec<Step>,
    latest: VecDeque<Step>,
    left_out: u64,
}

impl Trace {
    /// The steps that are kept, oldest first.
    pub fn steps(&self) -> impl Iterator<Item = &Step> {
        self.first.iter().chain(&self.latest)
    }

    /// The latest step that failed: why a connection that has failed did so.
    pub fn last_failure(&self) -> Option<&Step> {
        let mut latest_first = self.latest.iter().rev().chain(self.first.iter().rev());
        latest_first.find(|step| step.outcome == Outcome::Failed)
    }

    /// How many steps are missing between the first ones and the latest.
    pub fn left_out(&self) -> u64 {
        self.left_out
    }

    pub(crate) fn ok(&mut self, step: &'static str, detail: impl Into<String>, at: Instant) {
        self.push(Step { at, step, detail: detail.into(), outcome: Outcome::Ok });
    }

    pub(crate) fn failed(&mut self, step: &'static str, detail: impl Into<String>, at: Instant) {
        self.push(Step { at, step, detail: detail.into(), outcome: Outcome::Failed });
    }

    pub(crate) fn begun(&mut self, step: &'static str, detail: impl Into<String>, at: Instant) {
        self.push(Step { at, step, detail: detail.into(), outcome: Outcome::Begun });
    }

    fn push(&mut self, step: Step) {
        if self.first.len() < TRACE_FIRST_STEPS {
            self.first.push(step);
            return;
        }
        if self.latest.len() >= TRACE_STEPS_MAX - TRACE_FIRST_STEPS {
            self.latest.pop_front();
            self.left_out += 1;
        }
        self.latest.push_back(step);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(clippy::disallowed_methods, reason = "a test has to begin somewhere")]
    fn keeps_the_first_and_the_latest_steps() {
        let now = Instant::now();
        let mut trace = Trace::default();

        for number in 0..TRACE_STEPS_MAX + 10 {
            trace.ok("test.step", number.to_string(), now);
        }

        let kept: Vec<_> = trace.steps().map(|step| step.detail.as_str()).collect();
        assert_eq!((kept.len(), trace.left_out()), (TRACE_STEPS_MAX, 10));
        assert_eq!((kept[0], kept[TRACE_FIRST_STEPS - 1], kept[TRACE_FIRST_STEPS]), ("0", "127", "138"));
        assert_eq!(kept.last(), Some(&"265"));
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "a test has to begin somewhere")]
    fn the_latest_failure_is_found_wherever_it_lies() {
        let now = Instant::now();
        let mut trace = Trace::default();
        assert_eq!(trace.last_failure(), None);
        for number in 0..TRACE_FIRST_STEPS + 10 {
            trace.failed("test.step", number.to_string(), now);
            trace.ok("test.step", "", now);

            assert_eq!(trace.last_failure().unwrap().detail, number.to_string());
        }
    }
}
