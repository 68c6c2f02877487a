use crate::units::difference;
use std::time::Duration;

/// How long a least delay counts: two halves, of which the older one is dropped. Clocks that drift by 200 parts in a million
/// pretend a queue of 4 ms in this time.
const HALF_US: u64 = 10_000_000;

/// See [`QueueDelay::has_jumped`].
const LONG: Duration = Duration::from_millis(80);
const JUMP_US: i64 = 15_000;

/// How long packets wait before the bottleneck: their delay above the least of the last while.
///
/// A gradient sees a queue grow, but not one that stands; this does.
#[derive(Debug, Default)]
pub(crate) struct QueueDelay {
    half: Option<Half>,
    before: Option<i64>,
    /// The least delay above the base among the packets of this report, and of the last one that had any.
    report: Option<i64>,
    last: Option<i64>,
    growth_us: i64,
}

#[derive(Clone, Copy, Debug)]
struct Half {
    began_us: u64,
    least: i64,
}

impl QueueDelay {
    pub(crate) fn packet(&mut self, sent_us: u64, arrival_us: u64) {
        // Between two clocks: only differences of it mean anything.
        let delay = difference(arrival_us, sent_us);
        self.report = Some(self.report.map_or(delay, |least| least.min(delay)));
    }

    /// The end of a report: what its packets waited.
    pub(crate) fn finish(&mut self, now_us: u64) {
        let Some(delay) = self.report.take() else { return };
        match &mut self.half {
            Some(half) if now_us.saturating_sub(half.began_us) < HALF_US => {
                half.least = half.least.min(delay);
            }
            half => {
                self.before = half.map(|half| half.least);
                *half = Some(Half { began_us: now_us, least: delay });
            }
        }
        self.growth_us = delay - self.last.unwrap_or(delay);
        self.last = Some(delay);
    }

    /// How long a packet waited, in microseconds. The last report has a say, as one packet alone may have been late for another reason.
    pub(crate) fn waited_us(&self, sent_us: u64, arrival_us: u64) -> i64 {
        let delay = difference(arrival_us, sent_us);
        self.base().zip(self.last).map_or(0, |(base, last)| delay.min(last).saturating_sub(base))
    }

    /// What the packets of the last report waited, at the least.
    pub(crate) fn standing(&self) -> Duration {
        let Some((last, base)) = self.last.zip(self.base()) else { return Duration::ZERO };
        Duration::from_micros(u64::try_from(last.saturating_sub(base)).unwrap_or(0))
    }

    /// Whether the queue is long and has grown by much in the last report: sooner than a slope through many groups tells.
    pub(crate) fn has_jumped(&self) -> bool {
        self.growth_us >= JUMP_US && self.standing() >= LONG
    }

    /// The queue is empty now: the present delay is the least.
    pub(crate) fn rebase(&mut self) {
        self.before = None;
        if let Some((half, last)) = self.half.as_mut().zip(self.last) {
            half.least = last;
        }
    }

    fn base(&self) -> Option<i64> {
        let half = self.half?.least;
        Some(self.before.map_or(half, |before| before.min(half)))
    }
}
