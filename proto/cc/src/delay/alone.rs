use super::rate::Measured;
use std::time::{Duration, Instant};

/// How long packets wait when all is well: long enough for the link never to be idle between frames that differ in size.
const QUEUE: Duration = Duration::from_millis(14);
/// And a packet and a half, which take long where the link is slow.
const PACKETS_BITS: f64 = 1.5 * 1_200.0 * 8.0;
/// By which share of the rate a second of queue too much, or too little, is answered; and each second that it lasts.
const GAIN: f64 = 1.5;
const GAIN_LASTING: f64 = 0.4;
/// The answer is between these shares, and what of it is for lasting differences.
const LEAST: f64 = 0.7;
const MOST: f64 = 1.04;
const LASTING_LEAST: f64 = -0.25;
const LASTING_MOST: f64 = 0.04;
/// With this queue the link is busy all the time, so that what arrives is all that it carries.
const BUSY: Duration = Duration::from_millis(8);
/// What arrives has become less, or more, by more than measurements differ.
const LESS: f64 = 0.97;
const MORE: f64 = 1.03;
/// For so long, so that it is no chance.
const FOR: Duration = Duration::from_millis(400);
/// Over this time arrivals are averaged.
const AVERAGED: f64 = 0.7;
/// Until what the link carries was measured under a queue.
const MEASURING: Duration = Duration::from_secs(3);
/// And by how much that may differ from what it was taken for.
const CORRECTED: f64 = 0.06;
/// A queue that no frame makes, however large.
const LONG: Duration = Duration::from_millis(250);
/// So often the queue is emptied, to see how long it really is: the least delay is known again then.
const EMPTIED_EVERY: Duration = Duration::from_secs(12);
/// How: by sending this share, for this time at most.
const EMPTYING: f64 = 0.85;
const EMPTYING_FOR: Duration = Duration::from_millis(1_500);
/// It is empty when the queue is this short, or when less arrives than the link carries.
const EMPTY: Duration = Duration::from_millis(3);
const IDLE: f64 = 0.93;

/// A link that nobody else uses, kept just full.
///
/// What arrives while there is a queue is then what the link carries, always the same, and the rate follows the length of the queue.
/// Whoever joins takes a part of it, and who finds less arriving is alone no longer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Alone {
    /// What the link carries: as it was measured first, and corrected since.
    first_bps: f64,
    bps: f64,
    /// Until when it is still measured.
    measuring_until: Instant,
    /// What arrives when the link is busy, averaged.
    average_bps: f64,
    less_since: Option<Instant>,
    more_since: Option<Instant>,
    /// What of the answer is for a difference that lasts: what is sent is not what the target says, or the link was measured wrongly.
    lasting: f64,
    updated: Instant,
    /// When the queue was, or began to be, emptied last.
    emptied: Instant,
    is_emptying: bool,
}

/// What became of it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Outcome {
    /// Still alone: the rate to send at.
    Alone { bps: f64 },
    /// Less arrives: the link has become slower, or others have come.
    Less,
    /// More arrives than the link was seen to carry, and there is no queue.
    More,
    /// More arrives although the link was full before: others have left room.
    Shared,
}

impl Alone {
    pub(super) fn new(bps: f64, now: Instant) -> Self {
        Self {
            first_bps: bps,
            bps,
            measuring_until: now + MEASURING,
            average_bps: bps,
            less_since: None,
            more_since: None,
            lasting: 0.0,
            updated: now,
            emptied: now,
            is_emptying: false,
        }
    }

    pub(super) fn update(&mut self, measured: &Measured, now: Instant) -> Outcome {
        let elapsed = now.saturating_duration_since(self.updated).as_secs_f64().min(1.0);
        self.updated = now;
        let is_busy = measured.queue >= BUSY && !self.is_emptying;
        let arrived = measured.acknowledged_bps.unwrap_or(self.bps);
        if is_busy || arrived > self.average_bps {
            self.average_bps += (arrived - self.average_bps) * (elapsed / AVERAGED).min(1.0);
        }
        if now < self.measuring_until && is_busy {
            self.bps = self
                .average_bps
                .clamp(self.first_bps * (1.0 - CORRECTED), self.first_bps * (1.0 + CORRECTED));
        }
        since(&mut self.less_since, is_busy && self.average_bps < self.bps * LESS, now);
        since(&mut self.more_since, self.average_bps > self.bps * MORE, now);
        if has_lasted(self.less_since, now) || measured.queue >= LONG {
            return Outcome::Less;
        }
        if measured.others {
            return Outcome::Shared;
        }
        if has_lasted(self.more_since, now) {
            return if is_busy { Outcome::Shared } else { Outcome::More };
        }
        Outcome::Alone { bps: self.bps * self.answer(measured, elapsed) }
    }

    /// Whether the queue is being emptied, and is empty by now.
    pub(super) fn take_emptied(&mut self, measured: &Measured, now: Instant) -> bool {
        if !self.is_emptying {
            self.is_emptying = now >= self.emptied + EMPTIED_EVERY;
            if self.is_emptying {
                self.emptied = now;
            }
            return false;
        }
        let is_idle = measured.recent_bps.is_some_and(|bps| bps < self.bps * IDLE);
        if measured.queue <= EMPTY || is_idle || now >= self.emptied + EMPTYING_FOR {
            self.is_emptying = false;
            self.emptied = now;
            return is_idle;
        }
        false
    }

    fn answer(&mut self, measured: &Measured, elapsed: f64) -> f64 {
        if self.is_emptying {
            return EMPTYING + self.lasting;
        }
        let wanted = QUEUE.as_secs_f64() + PACKETS_BITS / self.bps.max(1.0);
        let missing = wanted - measured.queue.as_secs_f64();
        if !measured.application_limited {
            self.lasting =
                (self.lasting + GAIN_LASTING * missing * elapsed).clamp(LASTING_LEAST, LASTING_MOST);
        }
        (1.0 + GAIN * missing + self.lasting).clamp(LEAST, MOST)
    }
}

fn since(since: &mut Option<Instant>, is_so: bool, now: Instant) {
    *since = if is_so { since.or(Some(now)) } else { None };
}

fn has_lasted(since: Option<Instant>, now: Instant) -> bool {
    since.is_some_and(|since| now.saturating_duration_since(since) >= FOR)
}

#[cfg(test)]
mod tests {
    use super::super::Usage;
    use super::*;

    const LINK: f64 = 2_000_000.0;

    /// Reports each 50 ms for so long. The last outcome.
    fn run(alone: &mut Alone, measured: Measured, time: Duration, now: &mut Instant) -> Outcome {
        let end = *now + time;
        loop {
            *now += Duration::from_millis(50);
            let outcome = alone.update(&measured, *now);
            if *now >= end || !matches!(outcome, Outcome::Alone { .. }) {
                return outcome;
            }
        }
    }

    fn measured(arrived_bps: f64, queue_ms: u64) -> Measured {
        Measured {
            usage: Usage::Normal,
            acknowledged_bps: Some(arrived_bps),
            recent_bps: Some(arrived_bps),
            queue: Duration::from_millis(queue_ms),
            queue_jumped: false,
            others: false,
            no_others: false,
            in_flight_bytes: 0,
            rtt: Duration::from_millis(50),
            application_limited: false,
        }
    }

    #[expect(clippy::disallowed_methods, reason = "an arbitrary origin for virtual time")]
    fn start() -> (Alone, Instant) {
        let now = Instant::now();
        (Alone::new(LINK, now), now)
    }

    #[test]
    fn a_short_queue_is_filled_and_a_long_one_drained() {
        let second = Duration::from_secs(1);
        let (mut alone, mut now) = start();
        let Outcome::Alone { bps } = run(&mut alone, measured(LINK, 0), second, &mut now) else { panic!() };
        assert!(bps > LINK, "{bps}");
        let (mut alone, mut now) = start();
        let Outcome::Alone { bps } = run(&mut alone, measured(LINK, 100), second, &mut now) else { panic!() };
        assert!(bps < LINK * 0.95, "{bps}");
    }

    #[test]
    fn less_that_arrives_under_a_queue_ends_it() {
        let (mut alone, mut now) = start();
        let outcome = run(&mut alone, measured(LINK * 0.8, 30), Duration::from_secs(5), &mut now);
        assert_eq!(outcome, Outcome::Less);
    }

    #[test]
    fn less_that_arrives_without_a_queue_is_what_the_application_sends() {
        let (mut alone, mut now) = start();
        let outcome = run(&mut alone, measured(LINK * 0.8, 0), Duration::from_secs(5), &mut now);
        assert!(matches!(outcome, Outcome::Alone { .. }), "{outcome:?}");
    }

    #[test]
    fn more_that_arrives_is_a_faster_link_or_room_that_others_leave() {
        let (mut alone, mut now) = start();
        let outcome = run(&mut alone, measured(LINK * 1.2, 0), Duration::from_secs(5), &mut now);
        assert_eq!(outcome, Outcome::More);
        let (mut alone, mut now) = start();
        let outcome = run(&mut alone, measured(LINK * 1.2, 30), Duration::from_secs(5), &mut now);
        assert_eq!(outcome, Outcome::Shared);
    }

    #[test]
    fn others_end_it_at_once() {
        let (mut alone, now) = start();
        let measured = Measured { others: true, ..measured(LINK, 30) };
        assert_eq!(alone.update(&measured, now), Outcome::Shared);
    }
}
