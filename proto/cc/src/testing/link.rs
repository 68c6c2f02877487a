use super::dice::Dice;
use super::pop_if;
use moim_wire::Bitrate;
use std::collections::VecDeque;
use std::time::Duration;

/// A value that changes at given moments: what begins when.
#[derive(Clone, Debug)]
pub struct Steps<T>(Vec<(Duration, T)>);

impl<T: Copy> Steps<T> {
    /// Never changes.
    pub fn constant(value: T) -> Self {
        Self(vec![(Duration::ZERO, value)])
    }

    /// Begins with `value` and changes at the moments given, which ascend.
    #[must_use]
    pub fn then(mut self, at: Duration, value: T) -> Self {
        self.0.push((at, value));
        self
    }

    /// What holds at a moment.
    pub fn at(&self, moment: Duration) -> T {
        let after = self.0.partition_point(|(from, _)| *from <= moment);
        self.0[after.saturating_sub(1)].1
    }

    /// When it changes next after a moment.
    pub fn next_change(&self, moment: Duration) -> Option<Duration> {
        self.0.iter().map(|(from, _)| *from).find(|from| *from > moment)
    }
}

/// How the delay of packets varies behind the queue. Packets never overtake each other.
#[derive(Clone, Copy, Debug)]
pub enum Jitter {
    /// It does not.
    None,
    /// Up to so much more, for each packet anew.
    Uniform(Duration),
    /// They are delivered in bursts, one each so often.
    Slots(Duration),
}

/// A bottleneck.
#[derive(Clone, Debug)]
pub struct LinkConfig {
    /// What goes through.
    pub rate: Steps<Bitrate>,
    /// From the end of the queue to the far end.
    pub delay: Duration,
    /// Bytes that wait, at most; what comes then is dropped.
    pub queue_bytes: u64,
    /// The share of packets that get lost for no reason.
    pub loss: Steps<f64>,
    /// See [`Jitter`].
    pub jitter: Jitter,
}

impl LinkConfig {
    /// A link of one rate, without loss or jitter, with a queue of 300 ms.
    pub fn steady(rate: Bitrate, delay: Duration) -> Self {
        Self {
            rate: Steps::constant(rate),
            delay,
            queue_bytes: rate.bytes_in(Duration::from_millis(300)),
            loss: Steps::constant(0.0),
            jitter: Jitter::None,
        }
    }
}

/// A bottleneck with a queue before it, which carries values and knows their sizes.
#[derive(Debug)]
pub struct Link<T> {
    config: LinkConfig,
    dice: Dice,
    waiting: VecDeque<Waiting<T>>,
    waiting_bytes: u64,
    /// Until when the line is served.
    served_until: Duration,
    /// Bits of the first packet that have left.
    head_bits: f64,
    delivered: VecDeque<Delivered<T>>,
    last_arrival: Duration,
}

#[derive(Debug)]
struct Waiting<T> {
    value: T,
    size: u32,
    since: Duration,
    /// Takes its time on the line, and then gets lost.
    lost: bool,
}

/// What came out at the far end.
#[derive(Debug)]
pub struct Delivered<T> {
    /// What was sent.
    pub value: T,
    /// Its size in bytes.
    pub size: u32,
    /// When.
    pub at: Duration,
    /// How long it stood in the queue.
    pub waited: Duration,
}

impl<T> Link<T> {
    /// An empty link.
    pub fn new(config: LinkConfig, seed: u64) -> Self {
        Self {
            config,
            dice: Dice::new(seed),
            waiting: VecDeque::new(),
            waiting_bytes: 0,
            served_until: Duration::ZERO,
            head_bits: 0.0,
            delivered: VecDeque::new(),
            last_arrival: Duration::ZERO,
        }
    }

    /// What goes through at a moment.
    pub fn rate(&self, at: Duration) -> Bitrate {
        self.config.rate.at(at)
    }

    /// A packet reaches the queue. `false`: it was full.
    pub fn send(&mut self, value: T, size: u32, now: Duration) -> bool {
        self.advance(now);
        if self.waiting_bytes + u64::from(size) > self.config.queue_bytes {
            return false;
        }
        let lost = self.dice.chance(self.config.loss.at(now));
        self.waiting_bytes += u64::from(size);
        self.waiting.push_back(Waiting { value, size, since: now, lost });
        true
    }

    /// What arrived until `now`.
    pub fn receive(&mut self, now: Duration) -> Option<Delivered<T>> {
        self.advance(now);
        pop_if(&mut self.delivered, |delivered| delivered.at <= now)
    }

    /// Serves the line until `now`.
    fn advance(&mut self, now: Duration) {
        while self.served_until < now {
            let Some(head) = self.waiting.front() else {
                self.served_until = now;
                return;
            };
            let step_ends =
                self.config.rate.next_change(self.served_until).map_or(now, |change| change.min(now));
            let rate = bps(self.config.rate.at(self.served_until));
            let left = f64::from(head.size) * 8.0 - self.head_bits;
            let possible = rate * step_ends.saturating_sub(self.served_until).as_secs_f64();
            if possible < left {
                self.head_bits += possible;
                self.served_until = step_ends;
            } else {
                self.served_until += Duration::from_secs_f64(left / rate).max(Duration::from_nanos(1));
                self.deliver();
            }
        }
    }

    fn deliver(&mut self) {
        self.head_bits = 0.0;
        let Some(head) = self.waiting.pop_front() else { return };
        self.waiting_bytes -= u64::from(head.size);
        if head.lost {
            return;
        }
        let extra = match self.config.jitter {
            Jitter::None => Duration::ZERO,
            Jitter::Uniform(most) => most.mul_f64(self.dice.unit()),
            Jitter::Slots(slot) => {
                let into = Duration::from_nanos(nanos(self.served_until) % nanos(slot).max(1));
                slot.saturating_sub(into)
            }
        };
        let at = (self.served_until + self.config.delay + extra).max(self.last_arrival);
        self.last_arrival = at;
        let waited = self.served_until.saturating_sub(head.since);
        self.delivered.push_back(Delivered { value: head.value, size: head.size, at, waited });
    }
}

#[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
fn bps(rate: Bitrate) -> f64 {
    rate.as_bps() as f64
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}
