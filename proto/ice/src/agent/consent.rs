//! Knowing that the peer still wants data (RFC 7675), and keeping what could take over alive.

use super::Agent;
use super::check::Purpose;
use crate::event::{FailureReason, PathId};
use moim_wire::Deadline;
use rand_chacha::rand_core::RngCore;
use std::time::{Duration, Instant};

/// The consent of the peer to what goes by the selected pair.
#[derive(Clone, Copy, Debug)]
pub(super) struct Consent {
    /// When it was first relied upon.
    since: Instant,
    /// When it is asked for again.
    next_at: Instant,
}

impl Consent {
    pub(super) fn begin(now: Instant, interval: Duration) -> Self {
        Self { since: now, next_at: now + interval }
    }
}

impl Agent {
    /// RFC 7675 §5.1: give or take a fifth, so that nobody falls into step.
    pub(super) fn consent_interval(&mut self) -> Duration {
        let percent = 80 + self.random.next_u32() % 41;
        self.config.timing.consent_interval * percent / 100
    }

    /// When consent ends. A lite agent, which does not ask, goes by what it hears.
    fn consent_expires(&self) -> Option<(PathId, Instant)> {
        let (path, consent) = (self.selected?, self.consent?);
        let pair = self.pair(path)?;
        let given = if self.config.lite { pair.heard_at } else { pair.answered_at };
        Some((path, given.unwrap_or(consent.since) + self.config.timing.consent_timeout))
    }

    pub(super) fn keep_consent(&mut self, now: Instant) {
        let Some((path, expires)) = self.consent_expires() else { return };
        if expires <= now {
            self.fail_pair(path, FailureReason::ConsentExpired, now);
            return;
        }
        let is_due = self.consent.is_some_and(|consent| consent.next_at <= now);
        if !is_due || self.config.lite {
            return;
        }
        let interval = self.consent_interval();
        if let Some(consent) = &mut self.consent {
            consent.next_at = now + interval;
        }
        self.begin_check(path, Purpose::Liveness, false, now);
    }

    pub(super) fn consent_due(&self) -> Option<Deadline> {
        let expires = self.consent_expires().map(|(_, at)| Deadline::new(at, "consent ends"));
        let next = self.consent.filter(|_| !self.config.lite && self.selected.is_some());
        let next = next.map(|consent| Deadline::new(consent.next_at, "consent is to be asked for"));
        Deadline::soonest(expires, next)
    }

    /// Checks valid pairs that are not selected now and then, for a while.
    pub(super) fn keep_alternatives(&mut self, now: Instant) {
        let due: Vec<PathId> = self
            .current_pairs()
            .filter(|(_, pair)| pair.keepalive_at.is_some_and(|at| at <= now))
            .map(|(path, _)| path)
            .collect();
        let is_over = self.keep_alternatives_until.is_some_and(|until| until <= now);
        let interval = self.config.timing.keepalive_interval;
        for path in due {
            let is_selected = self.selected == Some(path);
            let Some(pair) = self.pair_mut(path) else { continue };
            let goes_on = pair.is_valid() && (is_selected || !is_over);
            pair.keepalive_at = goes_on.then_some(now + interval);
            // The selected one is asked for consent, which keeps it alive too.
            if goes_on && !is_selected {
                self.probe(path, now);
            }
        }
    }

    /// Checks once whether a valid pair still works.
    pub(super) fn probe(&mut self, path: PathId, now: Instant) {
        let again = now + self.config.timing.keepalive_interval;
        if let Some(pair) = self.pair_mut(path) {
            pair.keepalive_at = Some(again);
        }
        self.begin_check(path, Purpose::Liveness, false, now);
    }

    pub(super) fn alternatives_due(&self) -> Option<Deadline> {
        let due = self.current_pairs().filter_map(|(_, pair)| pair.keepalive_at).min();
        due.map(|at| Deadline::new(at, "an alternative is to be kept alive"))
    }
}
