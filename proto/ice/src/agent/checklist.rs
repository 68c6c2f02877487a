//! Which pairs there are, and which is checked next (RFC 8445 §6.1.2, §6.1.4).

use super::{Agent, PAIRS_MAX};
use crate::candidate::{CandidateKind, Foundation, Protocol, may_reach, pair_priority};
use crate::config::IceRole;
use crate::event::{DropReason, FailureReason, PathId};
use crate::pair::{LocalId, Origin, Pair, PairState, PairTraffic, RemoteId};
use crate::route::{Prefix, Route};
use std::cmp::Reverse;
use std::time::{Duration, Instant};

impl Agent {
    /// Pairs a local candidate with all of the peer's.
    pub(super) fn pair_local(&mut self, local: LocalId) {
        let remotes: Vec<RemoteId> = self.remotes.keys().copied().collect();
        for remote in remotes {
            self.form_pair(local, remote);
        }
    }

    /// Pairs a candidate of the peer's with all local ones that packets can leave from. Reflexive ones leave from their bases, so
    /// that their pairs would be redundant (RFC 8445 §6.1.2.4).
    pub(super) fn pair_remote(&mut self, remote: RemoteId) {
        let is_base = |kind| matches!(kind, CandidateKind::Host | CandidateKind::Relayed);
        let locals: Vec<LocalId> = self
            .locals
            .iter()
            .filter(|(_, local)| is_base(local.candidate.kind))
            .filter(|(_, local)| self.may_use(local.origin) && self.is_present(local.origin))
            .map(|(id, _)| *id)
            .collect();
        for local in locals {
            self.form_pair(local, remote);
        }
    }

    /// Forms a pair, if the two can meet and there is none of them yet (RFC 8445 §6.1.2.2).
    fn form_pair(&mut self, local_id: LocalId, remote_id: RemoteId) {
        let (Some(local), Some(remote)) = (self.locals.get(&local_id), self.remotes.get(&remote_id)) else {
            return;
        };
        let Some(address) = local.candidate.socket() else { return };
        // RFC 8445 §6.1.1, §2.5: a lite agent answers, and does not check.
        if self.config.lite
            || remote.epoch != self.session.epoch
            || !local.candidate.protocol.reaches(remote.candidate.protocol)
            || !may_reach(address.ip(), remote.address.ip())
        {
            return;
        }
        let (origin, peer) = (local.origin, remote.address);
        let is_known = self.find_pair(origin, peer).and_then(|path| self.pair(path));
        if is_known.is_some_and(|pair| pair.epoch == self.session.epoch) {
            return;
        }
        self.insert_pair(local_id, remote_id);
    }

    /// Adds a pair, at the cost of the least promising one if there are too many (RFC 8445 §6.1.2.5).
    pub(super) fn insert_pair(&mut self, local_id: LocalId, remote_id: RemoteId) -> Option<PathId> {
        let (local, remote) = (self.locals.get(&local_id)?, self.remotes.get(&remote_id)?);
        let (origin, peer) = (local.origin, remote.address);
        let foundation = (local.candidate.foundation, remote.candidate.foundation);
        let priority = self.priority_of(local_id, remote_id);
        if self.pairs.len() >= PAIRS_MAX && !self.make_room(priority) {
            self.counters.drops.count(DropReason::LimitReached);
            return None;
        }
        let route = match origin {
            Origin::Udp(local) => {
                Some(Route { local, remote: peer, protocol: Protocol::Udp, prefix: Prefix::EMPTY })
            }
            Origin::Relay(_) => self.relayed_route(origin, peer),
            Origin::Tcp(..) => None,
        };
        let state = self.first_state(foundation);
        let key = self.pairs.insert(Pair {
            origin,
            peer,
            local: local_id,
            remote: remote_id,
            epoch: self.session.epoch,
            priority,
            state,
            connection: None,
            route,
            mapped: None,
            is_authentic: false,
            named_at: None,
            is_nominated: false,
            is_unreachable: false,
            valid_since: None,
            answered_at: None,
            heard_at: None,
            sent_at: None,
            keepalive_at: None,
            rtt: None,
            rtt_total: Duration::ZERO,
            rtt_count: 0,
            traffic: PairTraffic::default(),
        });
        Some(PathId(key))
    }

    /// RFC 8838 §12: a pair waits if it is the first of its foundation, or one of them is valid; otherwise it is frozen.
    fn first_state(&self, foundation: (Foundation, Foundation)) -> PairState {
        let mut alike = self.current_pairs().filter(|(_, pair)| self.foundation_of(pair) == Some(foundation));
        let is_blocked = |pair: &Pair| pair.state.is_open();
        let mut is_any_valid = false;
        let mut is_any_open = false;
        for (_, pair) in &mut alike {
            is_any_valid |= pair.is_valid();
            is_any_open |= is_blocked(pair);
        }
        if is_any_open && !is_any_valid { PairState::Frozen } else { PairState::Waiting }
    }

    fn foundation_of(&self, pair: &Pair) -> Option<(Foundation, Foundation)> {
        let local = self.locals.get(&pair.local)?.candidate.foundation;
        Some((local, self.remotes.get(&pair.remote)?.candidate.foundation))
    }

    fn priority_of(&self, local: LocalId, remote: RemoteId) -> u64 {
        let local = self.locals.get(&local).map_or(0, |local| local.candidate.priority);
        let remote = self.remotes.get(&remote).map_or(0, |remote| remote.candidate.priority);
        match self.role {
            IceRole::Controlling => pair_priority(local, remote),
            IceRole::Controlled => pair_priority(remote, local),
        }
    }

    /// Priorities have changed: of the peer's candidates, or by the role.
    pub(super) fn reorder_pairs(&mut self) {
        let orders: Vec<_> = self.pairs.iter().map(|(key, pair)| (key, pair.local, pair.remote)).collect();
        for (key, local, remote) in orders {
            let priority = self.priority_of(local, remote);
            if let Some(pair) = self.pairs.get_mut(key) {
                pair.priority = priority;
            }
        }
    }

    /// Gives up the pair that is worth least, if it is worth less than `priority`. Valid ones and those being checked stay.
    fn make_room(&mut self, priority: u64) -> bool {
        let is_spare = |pair: &Pair| !pair.is_valid() && pair.state != PairState::InProgress;
        let spare = self.pairs.iter().filter(|(_, pair)| is_spare(pair));
        // Of failed ones nothing but their reason is left.
        let worst = spare.min_by_key(|(_, pair)| (pair.state.is_open(), pair.priority));
        let Some((key, pair)) = worst else { return false };
        if pair.state.is_open() && pair.priority >= priority {
            return false;
        }
        self.remove_pair(PathId(key));
        true
    }

    pub(super) fn current_pairs(&self) -> impl Iterator<Item = (PathId, &Pair)> {
        let epoch = self.session.epoch;
        self.pairs.iter().filter(move |(_, pair)| pair.epoch == epoch).map(|(key, pair)| (PathId(key), pair))
    }

    /// The pair to be checked next that no check of the peer's has asked for (RFC 8445 §6.1.4.2).
    pub(super) fn next_ordinary(&self) -> Option<PathId> {
        self.next_waiting().or_else(|| self.next_frozen())
    }

    /// The best pair that waits, and that nothing has asked for.
    pub(super) fn next_waiting(&self) -> Option<PathId> {
        self.current_pairs()
            .filter(|(_, pair)| pair.state == PairState::Waiting && pair.is_ready())
            .max_by_key(|(path, pair)| (pair.priority, Reverse(*path)))
            .map(|(path, _)| path)
    }

    /// The best frozen pair of those whose foundation is not being checked.
    fn next_frozen(&self) -> Option<PathId> {
        let mut busy: Vec<_> = self
            .current_pairs()
            .filter(|(path, pair)| pair.state == PairState::Waiting || self.is_fresh(*path, pair))
            .map(|(_, pair)| self.foundation_of(pair))
            .collect();
        busy.sort_unstable();
        self.current_pairs()
            .filter(|(_, pair)| pair.state == PairState::Frozen && pair.is_ready())
            .filter(|(_, pair)| busy.binary_search(&self.foundation_of(pair)).is_err())
            .max_by_key(|(path, pair)| (pair.priority, Reverse(*path)))
            .map(|(path, _)| path)
    }

    /// Whether a pair is being checked, and an answer would not be late yet.
    ///
    /// RFC 8445 §6.1.4.2 has those of its foundation wait until the check has failed, which takes 40 s: a path by the second of two
    /// allocations would be found after nobody waits for it any more, and that there is none would be known after 40 s for each.
    fn is_fresh(&self, path: PathId, pair: &Pair) -> bool {
        pair.state == PairState::InProgress && !self.is_overdue(path)
    }

    /// A pair is valid: those of its foundation are worth a try (RFC 8445 §7.2.5.3.3).
    pub(super) fn unfreeze_like(&mut self, path: PathId) {
        let Some(foundation) = self.pair(path).and_then(|pair| self.foundation_of(pair)) else { return };
        let alike: Vec<PathId> = self
            .current_pairs()
            .filter(|(_, pair)| {
                pair.state == PairState::Frozen && self.foundation_of(pair) == Some(foundation)
            })
            .map(|(path, _)| path)
            .collect();
        for path in alike {
            if let Some(pair) = self.pair_mut(path) {
                pair.state = PairState::Waiting;
            }
        }
    }

    /// Pairs do not work (any more).
    pub(super) fn fail_pairs(&mut self, reason: FailureReason, which: impl Fn(&Pair) -> bool, now: Instant) {
        let failing: Vec<PathId> =
            self.pairs.iter().filter(|(_, pair)| which(pair)).map(|(key, _)| PathId(key)).collect();
        for path in failing {
            self.fail_pair(path, reason, now);
        }
    }

    /// A pair does not work (any more). If data went by it, [`conclude`](Self::conclude) finds another.
    pub(super) fn fail_pair(&mut self, path: PathId, reason: FailureReason, now: Instant) {
        let Some(pair) = self.pair_mut(path) else { return };
        pair.state = PairState::Failed(reason);
        pair.is_nominated = false;
        pair.named_at = None;
        pair.keepalive_at = None;
        let connection = pair.connection.take();
        self.forget_checks_of(path);
        if let Some(id) = connection {
            self.disconnect(id);
        }
        if self.nominated == Some(path) {
            self.nominated = None;
        }
        if self.selected == Some(path) {
            self.lose_selected(now);
        }
    }

    pub(super) fn remove_pair(&mut self, path: PathId) {
        let Some(pair) = self.pairs.remove(path.0) else { return };
        self.forget_checks_of(path);
        if let Some(id) = pair.connection {
            self.disconnect(id);
        }
        if self.selected == Some(path) {
            self.selected = None;
            self.consent = None;
        }
        if self.nominated == Some(path) {
            self.nominated = None;
        }
        if self.latest_path == Some(path) {
            self.latest_path = None;
        }
    }

    pub(super) fn forget_pairs_but_previous(&mut self) {
        let kept = self.previous.as_ref().map(|previous| previous.path);
        let paths: Vec<PathId> = self.pairs.iter().map(|(key, _)| PathId(key)).collect();
        for path in paths.into_iter().filter(|path| Some(*path) != kept) {
            self.remove_pair(path);
        }
        self.forget_unused_remotes();
    }
}
