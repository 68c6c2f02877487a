//! Which pair is nominated, which carries data, and what state that makes (RFC 8445 §8).

use super::Agent;
use super::consent::Consent;
use crate::candidate::CandidateKind;
use crate::config::{IceRole, Nomination};
use crate::event::{ConnectionState, Event, FailureReason, GatheringState, PathId};
use crate::pair::{Origin, Pair, PairState};
use moim_wire::Deadline;
use std::cmp::Reverse;
use std::time::{Duration, Instant};

/// A controlled agent follows a nomination of a pair of lower priority only if the peer has not named the better one for so long:
/// peers that name every pair they check mean the best, and those that change their mind go on naming the new one.
const RENAMED_AFTER: Duration = Duration::from_millis(2_500);

impl Agent {
    pub(super) fn conclude(&mut self, now: Instant) {
        self.expire_previous(now);
        self.leave_silent();
        if self.is_running() && self.role == IceRole::Controlling {
            self.name_best(now);
        }
        let choice = self.choice();
        if choice != self.selected {
            match choice {
                Some(path) => self.select(path, now),
                None => self.selected = None,
            }
        }
        self.outlive_previous(now);
        let state = self.state_at(now);
        self.set_state(state);
    }

    pub(super) fn set_state(&mut self, state: ConnectionState) {
        if state != self.state {
            self.state = state;
            if state == ConnectionState::Disconnected {
                self.probe_alternatives();
            }
            self.was_connected |= matches!(state, ConnectionState::Connected | ConnectionState::Completed);
            self.tell(Event::ConnectionState(state));
        }
    }

    fn state_at(&self, now: Instant) -> ConnectionState {
        if let Some(pair) = self.selected.and_then(|path| self.pair(path)) {
            return if self.silent_at(pair).is_some_and(|at| at <= now) {
                ConnectionState::Disconnected
            } else if self.nominated == self.selected {
                ConnectionState::Completed
            } else {
                ConnectionState::Connected
            };
        }
        if self.session.remote.is_none() && self.session.is_first() {
            return ConnectionState::New;
        }
        if !self.is_hopeless(now) {
            return if self.was_connected {
                ConnectionState::Disconnected
            } else {
                ConnectionState::Checking
            };
        }
        ConnectionState::Failed
    }

    /// RFC 8863 §4: not before the time of patience is over, since a check of the peer's may still come.
    fn is_hopeless(&self, now: Instant) -> bool {
        let may_come = self.gathering == GatheringState::Gathering
            || !self.names.is_empty()
            || self.current_pairs().any(|(_, pair)| pair.state.is_open());
        let is_over = self.hope_until.is_some_and(|until| until <= now);
        // A lite agent, or one whose peer has not answered a restart, can only wait.
        is_over && !(may_come && self.is_running())
    }

    /// When the selected pair has been silent for too long.
    fn silent_at(&self, pair: &Pair) -> Option<Instant> {
        pair.heard_at.map(|heard| heard + self.config.timing.disconnected_after)
    }

    pub(super) fn conclusion_due(&self) -> Option<Deadline> {
        let hope = self.hope_until.filter(|_| self.selected.is_none());
        let hope = hope.map(|at| Deadline::new(at, "the time of patience is over"));
        let silent = self.selected.and_then(|path| self.silent_at(self.pair(path)?));
        let silent = silent.map(|at| Deadline::new(at, "nothing has come for a while"));
        let previous = self.previous.as_ref().and_then(|previous| previous.ends);
        let previous = previous.map(|at| Deadline::new(at, "the path before the restart is forgotten"));
        let naming = self.naming_at().map(|at| Deadline::new(at, "a pair is to be nominated"));
        let due = [hope, silent, previous, naming].into_iter().flatten();
        due.filter(|deadline| deadline.at > self.clock).min_by_key(|deadline| deadline.at)
    }

    fn is_silent(&self, pair: &Pair, now: Instant) -> bool {
        self.silent_at(pair).is_none_or(|at| at <= now)
    }

    /// The best valid pair of the current credentials: of those that something came by lately, if there are any.
    fn best_valid(&self) -> Option<(PathId, &Pair)> {
        let now = self.clock;
        let valid = self.current_pairs().filter(|(_, pair)| pair.is_valid());
        valid.max_by_key(|(path, pair)| (!self.is_silent(pair, now), pair.priority, Reverse(*path)))
    }

    /// Whether nothing comes by a pair, but something by another: so the peer is there, and may have lost the address. Data has to go by
    /// the other then, long before consent ends.
    fn is_left_behind(&self, path: PathId) -> bool {
        let now = self.clock;
        let is_alive =
            |(other, pair): (PathId, &Pair)| other != path && pair.is_valid() && !self.is_silent(pair, now);
        let is_silent = self.pair(path).is_some_and(|pair| self.is_silent(pair, now));
        is_silent && !self.config.lite && self.current_pairs().any(is_alive)
    }

    /// A controlling agent nominates another pair when the nominated one falls silent. A controlled one waits for that, and goes back
    /// if it does not come.
    fn leave_silent(&mut self) {
        let left = self.nominated.filter(|path| self.is_left_behind(*path));
        if let Some(path) = left.filter(|_| self.role == IceRole::Controlling) {
            self.nominated = None;
            if let Some(pair) = self.pair_mut(path) {
                pair.is_nominated = false;
                pair.named_at = None;
            }
        }
    }

    /// The selected pair is silent: do the others work?
    fn probe_alternatives(&mut self) {
        let now = self.clock;
        let alternatives: Vec<PathId> = self
            .current_pairs()
            .filter(|(path, pair)| pair.is_valid() && self.selected != Some(*path))
            .map(|(path, _)| path)
            .collect();
        self.keep_alternatives_until = Some(now + self.config.timing.keep_alternatives_for);
        for path in alternatives {
            self.probe(path, now);
        }
    }

    /// By which pair data is to go.
    fn choice(&self) -> Option<PathId> {
        let is_valid = |path: &PathId| self.pair(*path).is_some_and(Pair::is_valid);
        if let Some(path) = self.nominated.filter(is_valid)
            && !self.is_left_behind(path)
        {
            return Some(path);
        }
        // After a restart, the old path is as good as any until the new one is nominated.
        let previous = self.previous.as_ref().filter(|previous| previous.ends.is_none());
        if let Some(path) = previous.map(|previous| previous.path).filter(is_valid) {
            return Some(path);
        }
        // A lite agent knows of a pair only that the peer has tried it: which one is the peer's to say.
        if self.config.lite {
            return self.selected.filter(is_valid);
        }
        self.best_valid().map(|(path, _)| path)
    }

    fn select(&mut self, path: PathId, now: Instant) {
        self.selected = Some(path);
        self.consent = Some(Consent::begin(now, self.consent_interval()));
        self.keep_alternatives_until = Some(now + self.config.timing.keep_alternatives_for);
        let Some(pair) = self.pair(path) else { return };
        let (origin, peer) = (pair.origin, pair.peer);
        let local = self.local_candidate(pair.mapped.unwrap_or(pair.local)).cloned();
        let remote = self.remote_candidate(pair.remote).cloned();
        if let (Some(local), Some(remote)) = (local, remote) {
            self.tell(Event::Selected { path, local: Box::new(local), remote: Box::new(remote) });
        }
        if let Origin::Relay(relay) = origin {
            self.bind_channel(relay, peer, now);
        }
    }

    /// The selected pair is lost. What was kept alive takes over; what was not is tried again.
    pub(super) fn lose_selected(&mut self, now: Instant) {
        self.selected = None;
        self.consent = None;
        let consents_until = |pair: &Pair| pair.answered_at.map(|at| at + self.config.timing.consent_timeout);
        let (mut stale, mut spare) = (Vec::new(), Vec::new());
        let mut is_any_fresh = false;
        for (path, pair) in self.current_pairs() {
            match pair.state {
                PairState::Succeeded if consents_until(pair).is_none_or(|until| until <= now) => {
                    stale.push(path);
                }
                PairState::Succeeded => is_any_fresh = true,
                PairState::Failed(FailureReason::Superseded) => spare.push(path),
                PairState::Frozen | PairState::Waiting | PairState::InProgress | PairState::Failed(_) => {}
            }
        }
        if self.config.lite {
            return;
        }
        if is_any_fresh {
            spare.clear();
        }
        for path in stale.into_iter().chain(spare) {
            if let Some(pair) = self.pair_mut(path) {
                pair.state = PairState::Waiting;
                pair.is_nominated = false;
                self.trigger(path);
            }
        }
    }

    /// Nominates the best valid pair once nothing better is to be expected, or it has been waited for (RFC 8445 §8.1.1).
    fn name_best(&mut self, now: Instant) {
        if self.naming_at().is_none_or(|at| at > now) {
            return;
        }
        let Some((path, _)) = self.best_valid() else { return };
        if let Some(pair) = self.pair_mut(path) {
            pair.named_at = Some(now);
            self.trigger(path);
        }
    }

    /// When the best valid pair is to be nominated. [`None`]: there is none, or that has been done, or is under way.
    fn naming_at(&self) -> Option<Instant> {
        if !self.is_running() || self.role != IceRole::Controlling {
            return None;
        }
        let (best_path, best) = self.best_valid()?;
        if let Some(nominated) = self.nominated.and_then(|path| self.pair(path)) {
            let is_much_better = self.is_relayed(nominated) && !self.is_relayed(best);
            let may = self.config.renomination && is_much_better && self.nominated != Some(best_path);
            if !may {
                return None;
            }
        }
        if self.current_pairs().any(|(path, pair)| pair.named_at.is_some() && self.is_naming(path)) {
            return None;
        }
        let is_better_open =
            self.current_pairs().any(|(_, pair)| pair.state.is_open() && pair.priority > best.priority);
        let may_more_come =
            !self.remote_ended || self.gathering == GatheringState::Gathering || !self.names.is_empty();
        let first = self.current_pairs().filter_map(|(_, pair)| pair.valid_since).min()?;
        if !is_better_open && !may_more_come {
            return Some(first);
        }
        let timing = &self.config.timing;
        let wait = if self.is_relayed(best) { timing.nominate_relayed_after } else { timing.nominate_after };
        Some(first + wait)
    }

    fn is_relayed(&self, pair: &Pair) -> bool {
        let is_remote_relayed = self
            .remote_candidate(pair.remote)
            .is_some_and(|candidate| candidate.kind == CandidateKind::Relayed);
        matches!(pair.origin, Origin::Relay(_)) || is_remote_relayed
    }

    /// The peer has answered the check that nominates the pair.
    pub(super) fn nominate_valid(&mut self, path: PathId, now: Instant) {
        let is_better = match self.nominated.and_then(|path| self.pair(path)) {
            // Of all that aggressive nomination names, the best counts (RFC 5245 §8.1.1.2).
            Some(nominated) if self.config.nomination == Nomination::Aggressive => {
                self.pair(path).is_some_and(|pair| pair.priority > nominated.priority)
            }
            Some(_) | None => true,
        };
        if is_better {
            self.nominate(path, now);
        }
    }

    /// The controlling agent names a pair, which may not be valid yet (RFC 8445 §7.3.1.5).
    pub(super) fn named_by_peer(&mut self, path: PathId, now: Instant) {
        let Some(pair) = self.pair_mut(path) else { return };
        pair.named_at = Some(now);
        if pair.is_valid() {
            self.consider_named(path, now);
        }
    }

    /// A valid pair that the controlling agent has named.
    pub(super) fn consider_named(&mut self, path: PathId, now: Instant) {
        let current = self.nominated.filter(|current| *current != path).and_then(|path| self.pair(path));
        let follows = match (current, self.pair(path)) {
            (_, None) => false,
            (None, Some(_)) => true,
            (Some(current), Some(pair)) => {
                let is_forgotten = current.named_at.is_none_or(|at| at + RENAMED_AFTER <= now);
                pair.priority > current.priority || is_forgotten
            }
        };
        if follows {
            self.nominate(path, now);
        }
    }

    /// The pair is nominated and valid: those below it are no longer tried (RFC 8445 §8.1.2).
    fn nominate(&mut self, path: PathId, now: Instant) {
        let Some(pair) = self.pair_mut(path) else { return };
        pair.is_nominated = true;
        let priority = pair.priority;
        self.nominated = Some(path);
        let below: Vec<(PathId, bool)> = self
            .current_pairs()
            .filter(|(_, pair)| pair.state.is_open() && pair.priority < priority)
            .map(|(path, pair)| (path, pair.state == PairState::InProgress && pair.route.is_some()))
            .collect();
        for (path, is_checked) in below {
            if is_checked {
                // It is not checked again, but an answer makes it an alternative.
                self.cancel_checks_of(path);
            } else {
                self.fail_pair(path, FailureReason::Superseded, now);
            }
        }
    }

    /// A lite agent takes a pair for valid once the peer has checked it (RFC 8445 §7.3.2).
    pub(super) fn succeed_lite(&mut self, path: PathId, names: bool, now: Instant) {
        let Some(pair) = self.pair_mut(path) else { return };
        pair.state = PairState::Succeeded;
        pair.valid_since.get_or_insert(now);
        if names {
            pair.named_at = Some(now);
            self.consider_named(path, now);
        }
    }
}
