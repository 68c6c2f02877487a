//! The links.

use moim_cc::testing::{Dice, FlowConfig, Jitter, LinkConfig, Steps};
use moim_wire::Bitrate;
use std::ops::Range;
use std::time::Duration;

const RATE: Bitrate = Bitrate::from_kbps(3_000);

/// One kind of link and of demand.
pub(super) struct Case {
    pub(super) name: &'static str,
    /// One way.
    pub(super) delay: Duration,
    pub(super) length: Duration,
    rate: Rate,
    queue: Queue,
    loss: f64,
    jitter: Jitter,
    demand: Steps<Bitrate>,
}

enum Rate {
    Fixed(Steps<Bitrate>),
    /// Another one every two seconds, between the two: of each seed its own.
    Wandering(f64, f64),
}

#[derive(Clone, Copy)]
enum Queue {
    /// At the rate of the beginning.
    Time(Duration),
    Bytes(u64),
}

/// What is not counted: where estimators begin is another question, which a case of its own answers.
const WARM_UP: f64 = 5.0;

impl Case {
    fn new(name: &'static str) -> Self {
        Self {
            name,
            delay: Duration::from_millis(25),
            length: Duration::from_secs(60),
            rate: Rate::Fixed(Steps::constant(RATE)),
            queue: Queue::Time(Duration::from_millis(300)),
            loss: 0.0,
            jitter: Jitter::None,
            demand: Steps::constant(Bitrate::from_kbps(10_000)),
        }
    }

    pub(super) fn link(&self, seed: u64) -> LinkConfig {
        let rate = match &self.rate {
            Rate::Fixed(steps) => steps.clone(),
            Rate::Wandering(low, high) => wandering(*low, *high, self.length, seed),
        };
        let queue_bytes = match self.queue {
            Queue::Time(time) => rate.at(Duration::ZERO).bytes_in(time),
            Queue::Bytes(bytes) => bytes,
        };
        LinkConfig {
            rate,
            delay: self.delay,
            queue_bytes,
            loss: Steps::constant(self.loss),
            jitter: self.jitter,
        }
    }

    pub(super) fn flow(&self) -> FlowConfig {
        FlowConfig { demand: self.demand.clone(), ..FlowConfig::default() }
    }

    pub(super) fn demand(&self, at: Duration) -> Bitrate {
        self.demand.at(at)
    }

    /// Which seconds of it count.
    pub(super) fn counted(&self) -> Range<f64> {
        let from = if self.length <= Duration::from_secs(10) { 0.0 } else { WARM_UP };
        from..self.length.as_secs_f64()
    }

    /// What might have arrived while it counts, on average over the seeds.
    pub(super) fn available(&self, seed: u64) -> Bitrate {
        let counted = self.counted();
        let step = Duration::from_millis(100);
        let link = self.link(seed);
        let mut at = Duration::from_secs_f64(counted.start);
        let (mut total, mut steps) = (0, 0);
        while at < Duration::from_secs_f64(counted.end) {
            total += link.rate.at(at).min(self.demand.at(at)).as_bps();
            steps += 1;
            at += step;
        }
        Bitrate::from_bps(total / steps).scaled(1.0 - self.loss)
    }
}

fn wandering(low: f64, high: f64, length: Duration, seed: u64) -> Steps<Bitrate> {
    const EVERY: Duration = Duration::from_secs(2);
    let mut dice = Dice::new(seed ^ 0x77);
    let mut next = || Bitrate::from_kbps(1).scaled(dice.between(low, high));
    let mut steps = Steps::constant(next());
    let mut at = EVERY;
    while at < length {
        steps = steps.then(at, next());
        at += EVERY;
    }
    steps
}

/// All of them.
pub(super) fn all() -> Vec<Case> {
    let seconds = Duration::from_secs;
    let millis = Duration::from_millis;
    let kbps = Bitrate::from_kbps;
    let fixed = |rate| Rate::Fixed(Steps::constant(rate));
    vec![
        Case { length: seconds(10), ..Case::new("the first 10 s at 3 Mbit/s") },
        Case::new("3 Mbit/s, 50 ms round trip"),
        Case { delay: millis(5), ..Case::new("3 Mbit/s, 10 ms round trip") },
        Case { delay: millis(50), ..Case::new("3 Mbit/s, 100 ms round trip") },
        Case { delay: millis(150), ..Case::new("3 Mbit/s, 300 ms round trip") },
        Case { rate: fixed(kbps(500)), ..Case::new("500 kbit/s") },
        Case { rate: fixed(kbps(8_000)), ..Case::new("8 Mbit/s") },
        Case {
            rate: Rate::Fixed(Steps::constant(RATE).then(seconds(20), kbps(500)).then(seconds(40), RATE)),
            ..Case::new("3 → 0.5 → 3 Mbit/s, 20 s each")
        },
        Case {
            rate: Rate::Wandering(1_000.0, 5_000.0),
            ..Case::new("1 to 5 Mbit/s, another rate every 2 s")
        },
        Case { queue: Queue::Time(seconds(1)), ..Case::new("a queue of 1 s") },
        Case { queue: Queue::Bytes(6_000), ..Case::new("a queue of 16 ms") },
        Case { loss: 0.02, ..Case::new("2 % random loss") },
        Case { loss: 0.1, ..Case::new("10 % random loss") },
        Case { jitter: Jitter::Slots(millis(5)), ..Case::new("arrivals in slots of 5 ms") },
        Case { jitter: Jitter::Uniform(millis(20)), ..Case::new("jitter up to 20 ms") },
        Case {
            demand: Steps::constant(kbps(300)).then(seconds(15), kbps(2_500)).then(seconds(35), kbps(300)),
            ..Case::new("300 kbit/s wanted, then 2.5 Mbit/s, then 300")
        },
    ]
}
