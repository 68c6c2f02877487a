use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Instant;

/// When which client is to be looked at. Entries are never taken back: a client that is looked at too early has nothing to do.
#[derive(Debug, Default)]
pub(super) struct Timers(BinaryHeap<Reverse<(Instant, usize)>>);

impl Timers {
    pub(super) fn insert(&mut self, due: Instant, client: usize) {
        self.0.push(Reverse((due, client)));
    }

    pub(super) fn soonest(&self) -> Option<Instant> {
        self.0.peek().map(|Reverse((due, _))| *due)
    }

    /// A client whose time has come.
    pub(super) fn pop_due(&mut self, now: Instant) -> Option<usize> {
        if self.soonest()? > now {
            return None;
        }
        self.0.pop().map(|Reverse((_, client))| client)
    }
}

#[cfg(test)]
mod tests {
    use super::Timers;
    use std::time::{Duration, Instant};

    #[test]
    fn what_is_due_first_comes_first() {
        let (mut timers, begin) = (Timers::default(), Instant::now());
        let at = |millis| begin + Duration::from_millis(millis);
        timers.insert(at(20), 2);
        timers.insert(at(10), 1);

        assert_eq!(timers.soonest(), Some(at(10)));
        assert_eq!([5, 10, 10].map(|now| timers.pop_due(at(now))), [None, Some(1), None]);
        assert_eq!(timers.pop_due(at(30)), Some(2));
    }
}
