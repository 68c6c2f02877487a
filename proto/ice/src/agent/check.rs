//! Sending checks, and again, and giving up (RFC 8445 §7.2, §14).

use super::send::MESSAGE_LEN_MAX;
use super::{Agent, CHECKS_MAX, extras};
use crate::candidate::{CandidateKind, priority};
use crate::config::{IceRole, Nomination, PACE_MIN};
use crate::event::{FailureReason, PathId};
use crate::extras::Extra;
use crate::pair::{Origin, Pair, PairState};
use moim_stun::attribute::{IceControlled, IceControlling, Priority, UseCandidate, Username};
use moim_stun::{BuildError, Class, Integrity, MessageBuilder, Method, Seal, TransactionId};
use moim_wire::Deadline;
use std::time::{Duration, Instant};

/// How long the answer to the last request is waited for, in times of the first: Rm of RFC 8489 §6.2.1.
const LAST_WAIT_RTOS: u32 = 16;
/// How long an answer is waited for on a connection: Ti of RFC 8489 §6.2.2.
const STREAM_TIMEOUT: Duration = Duration::from_millis(39_500);
/// For how long the answer to a check counts that is sent only once.
const ANSWER_COUNTS_FOR: Duration = Duration::from_secs(10);

/// What a check is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// To find out if the pair works, or to nominate it. Sent again until it is answered.
    Connectivity,
    /// To know that the peer still wants data (RFC 7675), or that a NAT keeps an alternative. Never sent again.
    Liveness,
}

/// A check that may be answered.
#[derive(Debug)]
pub(super) struct Check {
    pub(super) id: TransactionId,
    pub(super) path: PathId,
    pub(super) purpose: Purpose,
    /// The role that the agent had.
    pub(super) role: IceRole,
    /// Whether it nominates the pair.
    pub(super) names: bool,
    /// The priority of a candidate that it finds out about.
    pub(super) priority: u32,
    /// Whether it could carry something for others, so that its answer says whether the peer takes part in that.
    pub(super) carries_extras: bool,
    message: Box<[u8]>,
    rto: Duration,
    requests_max: u32,
    pub(super) sent: u32,
    pub(super) sent_at: Instant,
    /// When it is sent again, or has failed.
    due: Instant,
    /// It is no longer sent, and its failure means nothing; but it may be answered (RFC 8445 §7.3.1.4).
    is_cancelled: bool,
}

impl Check {
    fn wait(&self) -> Duration {
        if self.requests_max == 1 {
            STREAM_TIMEOUT
        } else if self.sent >= self.requests_max {
            self.rto * LAST_WAIT_RTOS
        } else {
            self.rto * (1 << (self.sent - 1).min(16))
        }
    }
}

impl Agent {
    /// Whether checks can be made at all: both sides' credentials are known, and this side checks.
    pub(super) fn is_running(&self) -> bool {
        let remote = self.session.remote.as_ref();
        !self.config.lite && remote.is_some()
    }

    /// Nominations before others, those in the order in which they were asked for.
    fn next_triggered(&self) -> Option<PathId> {
        let ready = self.triggered.iter().filter_map(|path| Some((*path, self.pair(*path)?)));
        let ready = ready.filter(|(_, pair)| pair.is_ready());
        // The first of those that are alike is the least.
        ready.min_by_key(|(_, pair)| pair.named_at.is_none()).map(|(path, _)| path)
    }

    /// The triggered check that is next, unless it is the turn of a better pair.
    ///
    /// RFC 8445 §6.1.4.2 has triggered checks go first in any case. Where there are relays, a peer that is quicker asks for one with each
    /// check of its own, as fast as this side may send: nothing would be left for the pairs that matter most.
    fn next_asked_for(&self) -> Option<PathId> {
        let path = self.next_triggered()?;
        let asked = self.pair(path)?;
        let is_better = |pair: &Pair| pair.priority > asked.priority;
        let gives_way = self.was_triggered
            && asked.named_at.is_none()
            && self.next_waiting().and_then(|path| self.pair(path)).is_some_and(is_better);
        (!gives_way).then_some(path)
    }

    fn has_something_to_start(&self) -> bool {
        self.has_lookup_to_start()
            || (self.is_running() && (self.next_triggered().is_some() || self.next_ordinary().is_some()))
    }

    pub(super) fn start_due(&self) -> Option<Deadline> {
        let due = || Deadline::new(self.next_start, "the next transaction may begin");
        self.has_something_to_start().then(due)
    }

    /// Begins transactions, one every [`Timing::pace`](crate::Timing::pace) (RFC 8445 §14.2).
    pub(super) fn start_what_is_due(&mut self, now: Instant) {
        while self.next_start <= now && self.start_one(now) {
            self.next_start = now + self.config.timing.pace.max(PACE_MIN);
        }
    }

    fn start_one(&mut self, now: Instant) -> bool {
        if self.is_running()
            && let Some(path) = self.next_asked_for()
        {
            self.was_triggered = true;
            self.start_pair(path, now);
            return true;
        }
        self.was_triggered = false;
        if self.start_lookup(now) {
            return true;
        }
        if self.is_running()
            && let Some(path) = self.next_ordinary()
        {
            self.start_pair(path, now);
            return true;
        }
        false
    }

    fn start_pair(&mut self, path: PathId, now: Instant) {
        self.triggered.retain(|other| *other != path);
        let Some(pair) = self.pair_mut(path) else { return };
        if !pair.is_valid() {
            pair.state = PairState::InProgress;
        }
        if matches!(pair.origin, Origin::Tcp(..)) && pair.route.is_none() {
            self.connect_pair(path, now);
            return;
        }
        let names = self.names_with_check(path);
        self.begin_check(path, Purpose::Connectivity, names, now);
    }

    /// Whether a check of the pair nominates it: because it was decided so, or because all do.
    fn names_with_check(&self, path: PathId) -> bool {
        let is_named = self.pair(path).is_some_and(|pair| pair.named_at.is_some());
        self.role == IceRole::Controlling && (is_named || self.names_every(path))
    }

    /// RFC 5245 §8.1.1.2: every check nominates, until a better pair is nominated.
    fn names_every(&self, path: PathId) -> bool {
        let priority_of = |path: PathId| self.pair(path).map(|pair| pair.priority);
        let nominated = self.nominated.and_then(priority_of);
        self.config.nomination == Nomination::Aggressive && nominated <= priority_of(path)
    }

    pub(super) fn begin_check(&mut self, path: PathId, purpose: Purpose, names: bool, now: Instant) {
        let Some(pair) = self.pair(path) else { return };
        let is_stream = matches!(pair.origin, Origin::Tcp(..));
        let id = self.transaction_id();
        let role = self.role;
        let extras = self.next_extras();
        let Some((message, priority)) = self.write_check(path, id, names, &extras) else {
            self.fail_pair(path, FailureReason::Unsendable, now);
            return;
        };
        let requests_max = if is_stream { 1 } else { self.config.timing.requests_max.max(2) };
        let mut check = Check {
            id,
            path,
            purpose,
            role,
            names,
            priority,
            carries_extras: self.carries_extras(),
            message,
            rto: self.check_rto(path),
            requests_max,
            sent: 1,
            sent_at: now,
            due: now,
            is_cancelled: false,
        };
        check.due = now + if purpose == Purpose::Liveness { ANSWER_COUNTS_FOR } else { check.wait() };
        self.make_room_for_check();
        if let Some(pair) = self.pair_mut(path) {
            match purpose {
                Purpose::Connectivity => pair.traffic.requests_sent += 1,
                Purpose::Liveness => pair.traffic.consent_requests_sent += 1,
            }
            let (origin, peer, connection) = (pair.origin, pair.peer, pair.connection);
            // What cannot be sent is as good as lost on its way.
            self.send_to_peer(origin, peer, connection, &check.message, now);
        }
        self.checks.push(check);
    }

    /// RFC 8445 §7.1: what a check says.
    fn write_check(
        &self,
        path: PathId,
        id: TransactionId,
        names: bool,
        extras: &[Extra],
    ) -> Option<(Box<[u8]>, u32)> {
        let pair = self.pair(path)?;
        let local = self.locals.get(&pair.local)?;
        let session = self.session_of(pair.epoch)?;
        let remote = session.remote.as_ref()?;
        let priority = priority(CandidateKind::PeerReflexive, local.candidate.protocol, local.preference);
        let username = [remote.credentials.ufrag(), session.local.ufrag()].join(":");
        let write = || -> Result<Box<[u8]>, BuildError> {
            let mut buffer = [0; MESSAGE_LEN_MAX];
            let mut request = MessageBuilder::new(&mut buffer, Class::Request, Method::BINDING, id)?;
            request.attribute(&Username(&username))?;
            request.attribute(&Priority(priority))?;
            match self.role {
                IceRole::Controlling => request.attribute(&IceControlling(self.tie_breaker))?,
                IceRole::Controlled => request.attribute(&IceControlled(self.tie_breaker))?,
            }
            if names {
                request.attribute(&UseCandidate)?;
            }
            extras::put(extras, &mut request);
            let seal = Seal { integrity: Integrity::Sha1(&remote.key), fingerprint: true };
            Ok(request.finish(seal)?.into())
        };
        write().ok().map(|message| (message, priority))
    }

    /// RFC 8445 §14.3: the more is being checked, the longer answers may take.
    ///
    /// Only pairs that come first count. Those of lower priority are many where there are relays, and would put off the second check of the
    /// pairs that matter most: the one that gets through a NAT, after the peer's first check has opened the other one.
    fn check_rto(&self, path: PathId) -> Duration {
        let priority = self.pair(path).map_or(0, |pair| pair.priority);
        let is_busy = |pair: &Pair| matches!(pair.state, PairState::Waiting | PairState::InProgress);
        let comes_first = |pair: &Pair| pair.priority >= priority;
        let busy = self.current_pairs().filter(|(_, pair)| is_busy(pair) && comes_first(pair)).count();
        let busy = u32::try_from(busy).unwrap_or(u32::MAX);
        self.config.timing.rto.max(self.config.timing.pace.max(PACE_MIN) * busy)
    }

    fn make_room_for_check(&mut self) {
        if self.checks.len() >= CHECKS_MAX {
            let spare = self.checks.iter().position(|check| check.is_cancelled).unwrap_or(0);
            self.checks.remove(spare);
        }
    }

    /// Sends again what was not answered; what was sent often enough has failed.
    pub(super) fn expire_checks(&mut self, now: Instant) {
        let mut again = Vec::new();
        let (mut failed, mut let_go) = (Vec::new(), Vec::new());
        self.checks.retain_mut(|check| {
            if check.due > now {
                return true;
            }
            if check.purpose == Purpose::Liveness {
                return false;
            }
            if check.is_cancelled {
                let_go.push(check.path);
                return false;
            }
            if check.sent >= check.requests_max {
                failed.push(check.path);
                return false;
            }
            check.sent += 1;
            check.due = now + check.wait();
            again.push((check.path, check.message.clone()));
            true
        });
        for (path, message) in again {
            let Some(pair) = self.pair_mut(path) else { continue };
            pair.traffic.requests_sent += 1;
            let (origin, peer, connection) = (pair.origin, pair.peer, pair.connection);
            self.send_to_peer(origin, peer, connection, &message, now);
        }
        for path in failed {
            let Some(pair) = self.pair(path) else { continue };
            let reason =
                if pair.is_unreachable { FailureReason::Unreachable } else { FailureReason::Timeout };
            self.check_timed_out(path, reason, now);
        }
        for path in let_go {
            if self.pair(path).is_some_and(|pair| pair.state == PairState::InProgress) {
                self.check_timed_out(path, FailureReason::Superseded, now);
            }
        }
    }

    fn check_timed_out(&mut self, path: PathId, reason: FailureReason, now: Instant) {
        let is_another = |check: &Check| check.path == path && check.purpose == Purpose::Connectivity;
        if !self.checks.iter().any(is_another) && !self.triggered.contains(&path) {
            self.fail_pair(path, reason, now);
        }
    }

    pub(super) fn checks_due(&self) -> Option<Deadline> {
        let due = self.checks.iter().map(|check| check.due).min();
        due.map(|at| Deadline::new(at, "the answer to a check is overdue"))
    }

    /// Has a pair checked as soon as it is its turn.
    pub(super) fn trigger(&mut self, path: PathId) {
        if !self.triggered.contains(&path) {
            self.triggered.push_back(path);
        }
    }

    /// No longer sends the checks of a pair. They may be answered all the same.
    pub(super) fn cancel_checks_of(&mut self, path: PathId) {
        for check in &mut self.checks {
            if check.path == path && check.purpose == Purpose::Connectivity && !check.is_cancelled {
                check.is_cancelled = true;
                check.due = check.due.max(check.sent_at + ANSWER_COUNTS_FOR);
            }
        }
    }

    pub(super) fn forget_checks_of(&mut self, path: PathId) {
        self.checks.retain(|check| check.path != path);
        self.triggered.retain(|other| *other != path);
    }

    /// Whether a check of the pair was sent again, since nothing has answered it in the time that an answer takes.
    pub(super) fn is_overdue(&self, path: PathId) -> bool {
        self.checks.iter().any(|check| check.path == path && check.is_under_way() && check.sent > 1)
    }

    /// Whether a nomination of the pair has been sent and may still be answered.
    pub(super) fn is_naming(&self, path: PathId) -> bool {
        self.triggered.contains(&path)
            || self.checks.iter().any(|check| check.path == path && check.names && check.is_under_way())
    }
}

impl Check {
    fn is_under_way(&self) -> bool {
        !self.is_cancelled && self.purpose == Purpose::Connectivity
    }
}
