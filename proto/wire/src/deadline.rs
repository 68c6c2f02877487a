use std::time::Instant;

/// When a state machine next wants `handle_timeout`, and what for.
///
/// The reason appears in traces, so that "why did this wake up" always has an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deadline {
    /// The moment to call `handle_timeout`. It may already have passed.
    pub at: Instant,
    /// What is due then, in a few words.
    pub reason: &'static str,
}

impl Deadline {
    /// A deadline at `at` because of `reason`.
    pub fn new(at: Instant, reason: &'static str) -> Self {
        Self { at, reason }
    }

    /// The earlier of two optional deadlines; the first one on a tie.
    pub fn soonest(first: Option<Self>, second: Option<Self>) -> Option<Self> {
        match (first, second) {
            (Some(first), Some(second)) => Some(if second.at < first.at { second } else { first }),
            (first, second) => first.or(second),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    #[expect(clippy::disallowed_methods, reason = "an arbitrary origin for test time")]
    fn soonest_picks_the_earlier_and_keeps_its_reason() {
        let now = Instant::now();
        let early = Deadline::new(now, "early");
        let late = Deadline::new(now + Duration::from_secs(1), "late");

        assert_eq!(Deadline::soonest(Some(late), Some(early)), Some(early));
        assert_eq!(Deadline::soonest(Some(early), None), Some(early));
        assert_eq!(Deadline::soonest(None, Some(late)), Some(late));
        assert_eq!(Deadline::soonest(None, None), None);
    }
}
