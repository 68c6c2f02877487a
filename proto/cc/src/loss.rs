//! What lost packets say about the bandwidth.
//!
//! Loss that has nothing to do with congestion ("inherent", of radio) is the same at any rate; loss by congestion is what
//! was sent above the bandwidth. So each pair of a bandwidth and an inherent loss predicts how much is lost at which rate, and the
//! pair is looked for under which what was seen is the likeliest. Inherent loss is bounded, the more the higher the rate: beyond
//! the bound, it is congestion whatever the model says.
//!
//! Where both explain alike what was seen, as they do while the rate is steady, less is sent for a moment: either less is lost
//! then, or it was not congestion, which is trusted for a while.

mod trial;

use crate::units::float;
use std::time::{Duration, Instant};
use trial::{Trial, Trials, Verdict};

/// Observations that are remembered.
const OBSERVATIONS: usize = 16;
/// An observation covers this time of sending, and so many packets, at least.
const OBSERVATION_US: u64 = 250_000;
const OBSERVATION_PACKETS: u32 = 20;
/// What an observation weighs, compared with the one after it.
const FADES: f64 = 0.9;
/// Inherent loss is at most this, and more for rates at which it takes many packets to tell.
const INHERENT_MAX: f64 = 0.14;
const INHERENT_MAX_AT_BPS: f64 = 25_000.0;
const INHERENT_MIN: f64 = 1e-4;
/// Bandwidths that might be what is congested, relative to what is sent at present.
const CANDIDATES: [f64; 3] = [1.0, 0.95, 0.9];
/// And relative to what arrives.
const ARRIVED: [f64; 2] = [1.0, 0.95];
/// How much likelier (as a logarithm) one explanation must be than the other to count without a trial.
const MARGIN: f64 = 3.0;
/// Lost packets until anything is concluded from them.
const LOST_MIN: f64 = 6.0;
/// Growth with each observation without congestion, and with each while loss is known to be inherent.
const GROWTH: f64 = 1.02;
/// The same within this share of what was congested last.
const GROWTH_NEAR: f64 = 1.005;
const NEAR: f64 = 0.1;
const GROWTH_INHERENT: f64 = 1.05;
/// How well the inherent loss is fitted.
const FITTINGS: usize = 4;
/// Never below this share of what arrives.
const ARRIVED_SHARE: f64 = 0.85;
/// A trial sends this share of what arrives: little enough for a short queue to stay empty.
const TRIED_SHARE: f64 = 0.85;
/// Loss below this is no reason to look.
const LOSS_MIN: f64 = 0.02;
/// After less was found, more is not looked for in this time.
const HOLD: Duration = Duration::from_millis(500);

/// The loss estimator.
#[derive(Debug)]
pub(crate) struct LossEstimator {
    observations: [Observation; OBSERVATIONS],
    filled: usize,
    next: usize,
    partial: Observation,
    partial_began_us: Option<u64>,
    partial_ended_us: u64,
    inherent: f64,
    /// [`None`]: loss does not limit.
    bps: Option<f64>,
    decreased: Option<Instant>,
    fresh: bool,
    clear: bool,
    /// The bandwidth that was found congested last.
    congested_bps: Option<f64>,
    trials: Trials,
}

#[derive(Clone, Copy, Debug, Default)]
struct Observation {
    packets: u32,
    lost: u32,
    bytes: u64,
    bps: f64,
}

impl LossEstimator {
    pub(crate) fn new() -> Self {
        Self {
            observations: [Observation::default(); OBSERVATIONS],
            filled: 0,
            next: 0,
            partial: Observation::default(),
            partial_began_us: None,
            partial_ended_us: 0,
            inherent: INHERENT_MIN,
            bps: None,
            decreased: None,
            fresh: false,
            clear: true,
            congested_bps: None,
            trials: Trials::default(),
        }
    }

    /// A packet was reported for the first time.
    pub(crate) fn packet(&mut self, sent_us: u64, size: u32, lost: bool) {
        let began = *self.partial_began_us.get_or_insert(sent_us);
        if sent_us.saturating_sub(began) >= OBSERVATION_US && self.partial.packets >= OBSERVATION_PACKETS {
            self.observe(sent_us.saturating_sub(began));
            self.partial_began_us = Some(sent_us);
        }
        self.partial_ended_us = sent_us;
        self.partial.packets += 1;
        self.partial.lost += u32::from(lost);
        self.partial.bytes += u64::from(size);
    }

    /// Packets before the one that was sent then are not known of: the time in which they were sent does not count.
    pub(crate) fn skip_to(&mut self, sent_us: u64) {
        if let Some(began) = &mut self.partial_began_us {
            *began += sent_us.saturating_sub(self.partial_ended_us);
        }
    }

    /// A packet that was reported as lost arrived after all.
    pub(crate) fn recovered(&mut self) {
        if self.partial.lost > 0 {
            self.partial.lost -= 1;
        } else if let Some(observation) = self.last_mut() {
            observation.lost = observation.lost.saturating_sub(1);
        }
    }

    pub(crate) fn bps(&self) -> Option<f64> {
        self.bps
    }

    /// Nothing is lost, or for no reason of congestion.
    pub(crate) fn is_clear(&self) -> bool {
        self.clear
    }

    /// The share that was lost lately.
    pub(crate) fn share(&self) -> f64 {
        self.share_and_lost().0
    }

    fn share_and_lost(&self) -> (f64, f64) {
        let (mut lost, mut packets) = (0.0, 0.0);
        for (observation, weight) in self.weighted() {
            lost += weight * f64::from(observation.lost);
            packets += weight * f64::from(observation.packets);
        }
        (if packets > 0.0 { lost / packets } else { 0.0 }, lost)
    }

    /// The share that is taken to get lost at any rate.
    pub(crate) fn inherent(&self) -> f64 {
        self.inherent
    }

    /// It was shown that this much arrives: what was seen before holds no longer.
    pub(crate) fn raise(&mut self, bps: f64) {
        if self.bps.is_some_and(|old| old < bps) {
            self.bps = Some(bps);
            self.filled = 0;
        }
    }

    /// Looks for the likeliest bandwidth when there is a new observation. `floor`: what is sent in any case, `ceiling`: what delay allows.
    pub(crate) fn update(&mut self, (floor, ceiling): (f64, f64), now: Instant) {
        self.look(ceiling, now);
        // Where everything was lost there is nothing that could grow.
        self.bps = self.bps.map(|bps| bps.max(floor));
    }

    fn look(&mut self, ceiling: f64, now: Instant) {
        if !std::mem::take(&mut self.fresh) {
            return;
        }
        self.clear = true;
        let (share, lost) = self.share_and_lost();
        if self.bps.is_none() && (share < LOSS_MIN || lost < LOST_MIN) {
            // The ordinary case: nothing is lost, and nothing to compute.
            self.inherent = share.max(INHERENT_MIN);
            return;
        }
        let present = self.bps.unwrap_or(ceiling).min(ceiling);
        let last = self.last().copied().unwrap_or_default();
        match self.trials.observe(last.packets, last.lost, now) {
            None => {}
            Some(Verdict::Pending) => return,
            Some(Verdict::Inherent { before_bps }) => {
                self.inherent = share;
                self.grow(before_bps, ceiling);
                return;
            }
            Some(Verdict::Congestion { congested_bps }) => {
                self.decreased = Some(now);
                self.grow(congested_bps, ceiling);
                return;
            }
        }
        if share < LOSS_MIN {
            let near = self.congested_bps.is_some_and(|bps| (present / bps - 1.0).abs() < NEAR);
            self.grow_later(present * if near { GROWTH_NEAR } else { GROWTH }, ceiling, now);
            return;
        }
        let anyway = self.judge(self.highest_bps());
        let trusted = self.trials.is_trusted(share, now);
        let Some(congested) = self.congested(present, anyway, trusted) else {
            self.inherent = anyway.inherent;
            let factor = if trusted { GROWTH_INHERENT } else { GROWTH };
            self.grow_later(present * factor, ceiling, now);
            return;
        };
        self.clear = false;
        self.inherent = congested.inherent;
        self.shrink(congested, present, share, now);
    }

    fn shrink(&mut self, congested: Judged, present: f64, share: f64, now: Instant) {
        let arrived = self.arrived_bps();
        let bps = congested.bps.max(arrived * ARRIVED_SHARE);
        if bps >= present {
            return;
        }
        self.congested_bps = Some(bps);
        self.decreased = Some(now);
        if congested.mostly {
            self.trials.begin(Trial { share_before: share, before_bps: present, congested_bps: bps });
            self.bps = Some(arrived * TRIED_SHARE);
        } else {
            self.bps = Some(bps);
        }
    }

    fn grow_later(&mut self, bps: f64, ceiling: f64, now: Instant) {
        if self.decreased.is_none_or(|at| now >= at + HOLD) {
            self.grow(bps, ceiling);
        }
    }

    fn grow(&mut self, bps: f64, ceiling: f64) {
        self.bps = (bps < ceiling).then_some(bps);
    }

    /// The likeliest of the bandwidths that are less than what was sent, if it is likely enough. `anyway`: that nothing was congested.
    fn congested(&self, present: f64, anyway: Judged, trusted: bool) -> Option<Judged> {
        let arrived = self.arrived_bps();
        let candidates = CANDIDATES
            .map(|factor| present * factor)
            .into_iter()
            .chain(ARRIVED.map(|factor| arrived * factor));
        let judged = candidates.filter(|bps| *bps < anyway.bps).map(|bps| {
            let judged = self.judge(bps);
            Judged { mostly: judged.inherent < anyway.inherent / 2.0, ..judged }
        });
        // That most of the loss is congestion is worth a trial, and comes first; that a little of it is must show.
        let (mut worth_a_trial, mut evident) = (None, None);
        for judged in judged {
            if judged.mostly && !trusted && judged.score > anyway.score - MARGIN {
                likelier(&mut worth_a_trial, judged);
            } else if judged.score > anyway.score + MARGIN {
                likelier(&mut evident, judged);
            }
        }
        worth_a_trial.or(evident)
    }

    /// What arrived in the last observation.
    fn arrived_bps(&self) -> f64 {
        self.last()
            .map_or(0.0, |last| last.bps * (1.0 - f64::from(last.lost) / f64::from(last.packets.max(1))))
    }

    fn last(&self) -> Option<&Observation> {
        self.weighted().next().map(|(last, _)| last)
    }

    /// The highest rate at which was sent.
    fn highest_bps(&self) -> f64 {
        self.weighted().map(|(observation, _)| observation.bps).fold(1.0, f64::max)
    }

    /// The inherent loss that fits a bandwidth best, and how likely what was seen is under both.
    fn judge(&self, bps: f64) -> Judged {
        let bound = INHERENT_MAX + INHERENT_MAX_AT_BPS / bps.max(1.0);
        let mut inherent = self.inherent.clamp(0.01, bound.min(1.0));
        for _ in 0..FITTINGS {
            inherent = self.fit(bps, inherent).clamp(INHERENT_MIN, bound.min(0.99));
        }
        let mut score = 0.0;
        for (observation, weight) in self.weighted() {
            let expected = (inherent + (1.0 - inherent) * observation.excess(bps)).clamp(1e-6, 1.0 - 1e-6);
            let lost = f64::from(observation.lost);
            let received = f64::from(observation.packets) - lost;
            score += weight * (lost * expected.ln() + received * (1.0 - expected).ln());
        }
        Judged { bps, inherent, score, mostly: false }
    }

    /// One step of expectation and maximisation: what share of the lost packets would have got lost anyway?
    fn fit(&self, bps: f64, inherent: f64) -> f64 {
        let (mut anyway, mut others) = (0.0, 0.0);
        for (observation, weight) in self.weighted() {
            let lost = f64::from(observation.lost);
            let expected = inherent + (1.0 - inherent) * observation.excess(bps);
            anyway += weight * lost * inherent / expected;
            others += weight * (f64::from(observation.packets) - lost);
        }
        if anyway + others > 0.0 { anyway / (anyway + others) } else { inherent }
    }

    /// From the latest to the oldest.
    fn weighted(&self) -> impl Iterator<Item = (&Observation, f64)> {
        let newest = self.next + OBSERVATIONS - 1;
        (0..self.filled).scan(1.0, move |weight, age| {
            let this = *weight;
            *weight *= FADES;
            Some((&self.observations[(newest - age) % OBSERVATIONS], this))
        })
    }

    fn last_mut(&mut self) -> Option<&mut Observation> {
        (self.filled > 0).then(|| &mut self.observations[(self.next + OBSERVATIONS - 1) % OBSERVATIONS])
    }

    fn observe(&mut self, length_us: u64) {
        let mut observation = std::mem::take(&mut self.partial);
        observation.bps = float(observation.bytes) * 8e6 / float(length_us);
        self.observations[self.next] = observation;
        self.next = (self.next + 1) % OBSERVATIONS;
        self.filled = (self.filled + 1).min(OBSERVATIONS);
        self.fresh = true;
    }
}

impl Observation {
    /// The share of what was sent that is more than a bandwidth carries.
    fn excess(&self, bps: f64) -> f64 {
        if self.bps > bps { (self.bps - bps) / self.bps } else { 0.0 }
    }
}

#[derive(Clone, Copy, Debug)]
struct Judged {
    bps: f64,
    inherent: f64,
    score: f64,
    /// Whether most of the loss would be congestion.
    mostly: bool,
}

fn likelier(best: &mut Option<Judged>, judged: Judged) {
    if best.is_none_or(|best| judged.score > best.score) {
        *best = Some(judged);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A flow of 1 Mbit/s of which each so many packets the first gets lost, for so long. What it was limited to at the least.
    fn run(
        estimator: &mut LossEstimator,
        lose_every: Option<u64>,
        seconds: u32,
        mut now: Instant,
    ) -> Option<f64> {
        let mut least: Option<f64> = None;
        for round in 0..u64::from(seconds) * 20 {
            for packet in 0..5 {
                let seq = round * 5 + packet;
                let lost = lose_every.is_some_and(|every| seq.is_multiple_of(every));
                estimator.packet(seq * 10_000, 1_250, lost);
            }
            now += Duration::from_millis(50);
            estimator.update((30_000.0, 1_000_000.0), now);
            if let Some(bps) = estimator.bps() {
                least = Some(least.map_or(bps, |least| least.min(bps)));
            }
        }
        least
    }

    #[expect(clippy::disallowed_methods, reason = "an arbitrary origin for virtual time")]
    fn origin() -> Instant {
        Instant::now()
    }

    #[test]
    fn without_loss_there_is_no_limit() {
        let mut estimator = LossEstimator::new();
        assert_eq!(run(&mut estimator, None, 20, origin()), None);
        assert!(estimator.is_clear());
    }

    #[test]
    fn a_share_that_stays_the_same_when_less_is_sent_is_inherent() {
        let mut estimator = LossEstimator::new();
        let least = run(&mut estimator, Some(10), 30, origin());
        // A trial may have asked for less for a moment; it has ended with the verdict that loss is inherent.
        assert!(least.is_none_or(|bps| bps > 600_000.0), "{least:?}");
        assert!(estimator.bps().is_none_or(|bps| bps > 850_000.0), "{:?}", estimator.bps());
        assert!((0.08..0.12).contains(&estimator.inherent()), "{}", estimator.inherent());
    }

    #[test]
    fn more_than_can_be_inherent_is_congestion() {
        let mut estimator = LossEstimator::new();
        run(&mut estimator, Some(2), 30, origin());
        assert!(estimator.bps().is_some_and(|bps| bps < 600_000.0), "{:?}", estimator.bps());
    }

    #[test]
    fn a_packet_that_arrives_after_all_was_not_lost() {
        let mut estimator = LossEstimator::new();
        for seq in 0..100 {
            estimator.packet(seq * 10_000, 1_250, true);
            estimator.recovered();
        }
        assert!(estimator.share() < 1e-9);
    }
}
