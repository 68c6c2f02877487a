use super::measurement::Measurement;
use crate::packet::{ProbeCluster, ProbeId};
use moim_wire::Bitrate;
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Probes that wait to be asked for, at most.
const PLANNED_MAX: usize = 4;
/// The first two probes, as multiples of where the controller starts.
const FIRST: [f64; 2] = [3.0, 6.0];
/// The next probe, as a multiple of the target or of what the last probe told.
const FURTHER: f64 = 2.0;
/// A probe succeeds when it tells this share of its rate.
const SUCCESS: f64 = 0.7;
/// What is left of a rate from before a drop, for a probe that tries to go back to it.
const BACK: f64 = 0.9;
/// How long a rate from before a drop is worth trying.
const BACK_FOR: Duration = Duration::from_secs(30);
/// Time between probes while they succeed; it doubles with each that does not.
const INTERVAL_MIN: Duration = Duration::from_secs(1);
const INTERVAL_MAX: Duration = Duration::from_secs(16);
/// How much more than what is needed a probe tries.
const ABOVE_DEMAND: f64 = 1.2;
/// A target this near to what is needed needs no probe.
const NEAR_DEMAND: f64 = 0.95;
/// A probe that was not answered in this time, and a few round trips, told nothing.
const ANSWER_MAX: Duration = Duration::from_millis(500);

const LENGTH: Duration = Duration::from_millis(15);
const PACKETS_MIN: u32 = 5;

/// Decides when to probe, and how far.
#[derive(Debug)]
pub(crate) struct Planner {
    planned: VecDeque<ProbeCluster>,
    next_id: ProbeId,
    /// The last that was planned, and what has become of it.
    last: Option<(ProbeId, f64)>,
    awaiting: Option<Instant>,
    interval: Duration,
    next_at: Instant,
    /// The rate before the last great drop.
    before_drop: Option<(f64, Instant)>,
}

/// What a decision to probe is made of.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Situation {
    pub(crate) target_bps: f64,
    pub(crate) max_bps: f64,
    pub(crate) demand_bps: f64,
    pub(crate) rtt: Duration,
    /// No queue, no loss, no overuse: more might go through.
    pub(crate) clear: bool,
}

impl Planner {
    pub(crate) fn new(now: Instant) -> Self {
        Self {
            planned: VecDeque::with_capacity(PLANNED_MAX),
            next_id: ProbeId::FIRST,
            last: None,
            awaiting: None,
            interval: INTERVAL_MIN,
            next_at: now + INTERVAL_MIN,
            before_drop: None,
        }
    }

    pub(crate) fn poll(&mut self) -> Option<ProbeCluster> {
        self.planned.pop_front()
    }

    /// The first packet was sent.
    pub(crate) fn begin(&mut self, situation: Situation, now: Instant) {
        for factor in FIRST {
            self.plan(situation.target_bps * factor, situation, now);
        }
    }

    /// The rate falls by much from here, and may come back.
    pub(crate) fn dropped(&mut self, from_bps: f64, now: Instant) {
        if self.before_drop.is_none_or(|(bps, at)| from_bps >= bps || now > at + BACK_FOR) {
            self.before_drop = Some((from_bps, now));
        }
        self.interval = INTERVAL_MIN;
        self.next_at = now + INTERVAL_MIN;
    }

    /// More is needed than before.
    pub(crate) fn wanted(&mut self, situation: Situation, now: Instant) {
        self.interval = INTERVAL_MIN;
        if situation.clear && self.awaiting.is_none() {
            self.next_at = now;
            self.update(situation, now);
        }
    }

    /// The link carries more than before: how much is soon to be seen.
    pub(crate) fn wider(&mut self, now: Instant) {
        self.interval = INTERVAL_MIN;
        self.next_at = self.next_at.min(now);
    }

    /// A probe told something.
    pub(crate) fn measured(&mut self, measurement: Measurement, situation: Situation, now: Instant) {
        let Some((id, probed)) = self.last else { return };
        if id != measurement.id || self.awaiting.is_none() {
            return;
        }
        if measurement.bps >= probed * SUCCESS {
            self.interval = INTERVAL_MIN;
            self.awaiting = None;
            if situation.target_bps < situation.demand_bps * NEAR_DEMAND {
                self.plan(measurement.bps * FURTHER, situation, now);
            }
        } else {
            self.failed(now);
        }
    }

    /// Time to look whether to probe.
    pub(crate) fn update(&mut self, situation: Situation, now: Instant) {
        if self.awaiting.is_some_and(|since| now > since + ANSWER_MAX + situation.rtt * 3) {
            self.failed(now);
        }
        let enough = situation.target_bps >= situation.demand_bps.min(situation.max_bps) * NEAR_DEMAND;
        if self.awaiting.is_some() || now < self.next_at || !situation.clear || enough {
            return;
        }
        let back = match self.before_drop.take() {
            Some((bps, at)) if now < at + BACK_FOR => bps * BACK,
            _ => 0.0,
        };
        self.plan(back.max(situation.target_bps * FURTHER), situation, now);
    }

    fn failed(&mut self, now: Instant) {
        self.awaiting = None;
        self.next_at = now + self.interval;
        self.interval = (self.interval * 2).min(INTERVAL_MAX);
    }

    fn plan(&mut self, bps: f64, situation: Situation, now: Instant) {
        let highest = situation.max_bps.min(situation.demand_bps * ABOVE_DEMAND);
        let bps = bps.min(highest);
        if bps <= situation.target_bps || self.planned.len() == PLANNED_MAX {
            return;
        }
        let rate = crate::units::bitrate(bps);
        let id = self.next_id;
        self.next_id = id.next();
        self.planned.push_back(ProbeCluster {
            id,
            rate,
            min_duration: LENGTH,
            min_bytes: bytes(rate),
            min_packets: PACKETS_MIN,
        });
        self.last = Some((id, bps));
        self.awaiting = Some(now);
        self.next_at = now + self.interval;
    }
}

fn bytes(rate: Bitrate) -> u64 {
    rate.bytes_in(LENGTH)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn situation(target_kbps: u32, demand_kbps: u32, clear: bool) -> Situation {
        Situation {
            target_bps: f64::from(target_kbps) * 1e3,
            max_bps: 50e6,
            demand_bps: f64::from(demand_kbps) * 1e3,
            rtt: Duration::from_millis(50),
            clear,
        }
    }

    #[expect(clippy::disallowed_methods, reason = "an arbitrary origin for virtual time")]
    fn start() -> (Planner, Instant) {
        let now = Instant::now();
        (Planner::new(now), now)
    }

    fn kbps(cluster: Option<ProbeCluster>) -> Option<u64> {
        cluster.map(|cluster| cluster.rate.as_bps() / 1_000)
    }

    #[test]
    fn the_first_packet_begins_two_probes() {
        let (mut planner, now) = start();
        planner.begin(situation(300, 10_000, true), now);
        assert_eq!(kbps(planner.poll()), Some(900));
        assert_eq!(kbps(planner.poll()), Some(1_800));
        assert_eq!(planner.poll(), None);
    }

    #[test]
    fn nothing_is_probed_that_is_not_needed_or_where_the_path_is_busy() {
        let (mut planner, now) = start();
        let later = now + INTERVAL_MAX;
        planner.update(situation(1_000, 1_000, true), later);
        planner.update(situation(1_000, 10_000, false), later);
        planner.update(situation(1_000, 10_000, true), now);
        assert_eq!(planner.poll(), None);
        planner.update(situation(1_000, 1_500, true), later);
        assert_eq!(kbps(planner.poll()), Some(1_800), "a little more than what is needed");
    }

    #[test]
    fn a_probe_that_succeeds_leads_to_the_next_and_one_that_fails_to_a_pause() {
        let (mut planner, mut now) = start();
        now += INTERVAL_MIN;
        planner.update(situation(1_000, 10_000, true), now);
        let first = planner.poll().expect("it is time");
        planner.measured(Measurement { id: first.id, bps: 1_900e3 }, situation(1_900, 10_000, true), now);
        let second = planner.poll().expect("the first succeeded");
        assert_eq!(kbps(Some(second)), Some(3_800));
        planner.measured(Measurement { id: second.id, bps: 2_000e3 }, situation(2_000, 10_000, true), now);
        planner.update(situation(2_000, 10_000, true), now + INTERVAL_MIN / 2);
        assert_eq!(planner.poll(), None);
        planner.update(situation(2_000, 10_000, true), now + INTERVAL_MIN * 2);
        assert!(planner.poll().is_some());
    }

    #[test]
    fn a_link_that_became_wider_is_probed_at_once() {
        let (mut planner, now) = start();
        planner.wider(now);
        planner.update(situation(1_000, 10_000, true), now);
        assert_eq!(kbps(planner.poll()), Some(2_000));
    }

    #[test]
    fn what_was_there_before_a_drop_is_tried_again() {
        let (mut planner, now) = start();
        planner.dropped(3_000e3, now);
        planner.update(situation(500, 10_000, true), now + INTERVAL_MIN);
        assert_eq!(kbps(planner.poll()), Some(2_700));
    }
}
