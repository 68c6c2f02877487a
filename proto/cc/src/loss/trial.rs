use std::time::{Duration, Instant};

/// Observations that are not counted: their packets were sent before the rate was lowered.
const SKIPPED: u32 = 1;
/// Observations of a trial, and packets that would be lost in it if as many were lost as before, at least.
const OBSERVATIONS_MIN: u32 = 2;
const LOST_EXPECTED_MIN: f64 = 8.0;
/// Observations that decide whatever they show.
const OBSERVATIONS_MAX: u32 = 10;
/// Lost is still so much of what was lost before: then it was not for congestion.
const STILL: f64 = 0.4;
/// How long a verdict holds that loss is inherent; twice as long each time that it is confirmed.
const TRUST_MIN: Duration = Duration::from_secs(10);
const TRUST_MAX: Duration = Duration::from_secs(60);
/// More loss than this, compared with what was trusted, is another matter.
const MORE: f64 = 1.5;
const MORE_SHARE: f64 = 0.02;

/// Tries whether less is lost when less is sent.
#[derive(Debug, Default)]
pub(super) struct Trials {
    underway: Option<Underway>,
    trusted: Option<Trusted>,
}

/// What is to be tried.
#[derive(Clone, Copy, Debug)]
pub(super) struct Trial {
    /// The share that was lost before.
    pub(super) share_before: f64,
    /// What might be sent before, and again if loss is inherent.
    pub(super) before_bps: f64,
    /// What may be sent if it is not.
    pub(super) congested_bps: f64,
}

#[derive(Clone, Copy, Debug)]
struct Underway {
    trial: Trial,
    observations: u32,
    packets: u32,
    lost: u32,
}

#[derive(Clone, Copy, Debug)]
struct Trusted {
    share: f64,
    until: Instant,
    length: Duration,
}

/// What a trial showed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Verdict {
    /// Nothing yet.
    Pending,
    /// As much is lost as before, when this was sent.
    Inherent { before_bps: f64 },
    /// Less is lost. This may be sent.
    Congestion { congested_bps: f64 },
}

impl Trials {
    /// Less is sent from now on. A trial that is under way goes on.
    pub(super) fn begin(&mut self, trial: Trial) {
        self.underway.get_or_insert(Underway { trial, observations: 0, packets: 0, lost: 0 });
    }

    /// Something was observed. [`None`]: no trial is under way.
    pub(super) fn observe(&mut self, packets: u32, lost: u32, now: Instant) -> Option<Verdict> {
        let underway = self.underway.as_mut()?;
        underway.observations += 1;
        if underway.observations <= SKIPPED {
            return Some(Verdict::Pending);
        }
        underway.packets += packets;
        underway.lost += lost;
        let Underway { trial, observations, packets, lost } = *underway;
        let expected = trial.share_before * f64::from(packets);
        let enough = expected >= LOST_EXPECTED_MIN && observations >= SKIPPED + OBSERVATIONS_MIN;
        if !enough && observations < OBSERVATIONS_MAX {
            return Some(Verdict::Pending);
        }
        self.underway = None;
        let share = f64::from(lost) / f64::from(packets.max(1));
        if share < trial.share_before * STILL {
            self.trusted = None;
            return Some(Verdict::Congestion { congested_bps: trial.congested_bps });
        }
        let length = self.trusted.map_or(TRUST_MIN, |before| (before.length * 2).min(TRUST_MAX));
        self.trusted = Some(Trusted { share: share.max(trial.share_before), until: now + length, length });
        Some(Verdict::Inherent { before_bps: trial.before_bps })
    }

    /// Whether a trial showed not long ago that such a loss is inherent.
    pub(super) fn is_trusted(&self, share: f64, now: Instant) -> bool {
        self.trusted.is_some_and(|trusted| now < trusted.until && share < trusted.share * MORE + MORE_SHARE)
    }
}
