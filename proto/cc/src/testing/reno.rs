use std::collections::VecDeque;
use std::ops::Range;
use std::time::Duration;

/// A packet of it.
pub(super) const SIZE: u32 = 1_460;
const WINDOW_FIRST: f64 = 10.0;
/// Packets that arrive after a missing one until it counts as lost.
const REORDERED: u64 = 3;
const TIMEOUT: Duration = Duration::from_secs(1);

/// A flow that always has something to send and behaves like TCP Reno: slow start, a packet more each round trip, half on loss.
#[derive(Debug)]
pub(super) struct Reno {
    during: Range<Duration>,
    next_seq: u64,
    window: f64,
    threshold: f64,
    /// Numbers that are neither acknowledged nor lost.
    in_flight: VecDeque<u64>,
    /// Losses of packets before this one belong to the same event.
    recovering_until: u64,
    last_ack: Duration,
}

impl Reno {
    pub(super) fn new(during: Range<Duration>) -> Self {
        Self {
            next_seq: 0,
            window: WINDOW_FIRST,
            threshold: f64::INFINITY,
            in_flight: VecDeque::new(),
            recovering_until: 0,
            last_ack: during.start,
            during,
        }
    }

    /// The number of a packet to send.
    pub(super) fn poll(&mut self, now: Duration) -> Option<u64> {
        if !self.during.contains(&now) {
            return None;
        }
        if now > self.last_ack + TIMEOUT && !self.in_flight.is_empty() {
            self.in_flight.clear();
            self.threshold = (self.window / 2.0).max(2.0);
            self.window = 1.0;
            self.last_ack = now;
        }
        #[expect(clippy::cast_precision_loss, reason = "thousands at most")]
        let room = (self.in_flight.len() as f64) < self.window;
        room.then(|| {
            let seq = self.next_seq;
            self.next_seq += 1;
            self.in_flight.push_back(seq);
            seq
        })
    }

    pub(super) fn acknowledged(&mut self, seq: u64, now: Duration) {
        self.last_ack = now;
        let Ok(at) = self.in_flight.binary_search(&seq) else { return };
        self.in_flight.remove(at);
        if self.window < self.threshold {
            self.window += 1.0;
        } else {
            self.window += 1.0 / self.window;
        }
        while self.in_flight.front().is_some_and(|first| first + REORDERED <= seq) {
            let Some(lost) = self.in_flight.pop_front() else { break };
            if lost >= self.recovering_until {
                self.recovering_until = self.next_seq;
                self.window = (self.window / 2.0).max(2.0);
                self.threshold = self.window;
            }
        }
    }
}
