//! Credentials of both sides, and what happens when they change.

use super::Agent;
use crate::config::IceRole;
use crate::credentials::IceCredentials;
use crate::event::{Event, GatheringState, PathId};
use moim_stun::IntegrityKey;
use std::time::{Duration, Instant};

/// For how long after a restart has brought another path the old one is listened to: the peer may not have noticed yet.
const PREVIOUS_LINGERS: Duration = Duration::from_secs(10);

/// A generation of credentials.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) epoch: u32,
    pub(super) local: IceCredentials,
    pub(super) local_key: IntegrityKey,
    pub(super) remote: Option<RemoteSession>,
    /// Whether the peer has begun this generation, and our credentials are still those before.
    is_half_new: bool,
}

/// What the peer has said about itself.
#[derive(Clone, Debug)]
pub(super) struct RemoteSession {
    pub(super) credentials: IceCredentials,
    pub(super) key: IntegrityKey,
    pub(super) is_lite: bool,
}

/// The generation before.
#[derive(Debug)]
pub(super) struct Previous {
    pub(super) session: Session,
    /// The path that it carries.
    pub(super) path: PathId,
    /// When it is forgotten. [`None`]: it still carries data.
    pub(super) ends: Option<Instant>,
}

impl Session {
    pub(super) fn new(local: IceCredentials) -> Self {
        Self { epoch: 0, local_key: local.key(), local, remote: None, is_half_new: false }
    }

    /// Whether nothing has been restarted yet.
    pub(super) fn is_first(&self) -> bool {
        self.epoch == 0
    }

    pub(super) fn remote_ufrag(&self) -> Option<&str> {
        self.remote.as_ref().map(|remote| remote.credentials.ufrag())
    }
}

impl Agent {
    /// Begins anew (RFC 8445 §9): with other credentials, which the peer is to be told, and all candidates told again. Data goes by the
    /// old path until the new one is chosen. If the old one is lost, and the peer does not answer within the time of patience, the
    /// connection has failed.
    pub fn restart(&mut self, now: Instant) -> IceCredentials {
        let credentials = IceCredentials::random(&self.config.ufrag_prefix, &mut self.random);
        if self.is_closed() {
            return credentials;
        }
        if self.session.is_half_new {
            // The peer has restarted first: what it said since then counts.
            self.session.is_half_new = false;
            self.session.local_key = credentials.key();
            self.session.local = credentials.clone();
        } else {
            let was_answered = self.hope_until.is_some();
            self.turn_over(credentials.clone());
            // A restart whose answer never comes must not hide that the old path is dead.
            self.hope_until = was_answered.then_some(now + self.config.timing.patience);
        }
        self.gather_again(now);
        self.advance(now);
        credentials
    }

    /// What the peer says about itself: its credentials, and whether it only answers checks.
    ///
    /// Other credentials than before are a restart of the peer's; this agent restarts as well, before or after.
    pub fn set_remote(&mut self, credentials: IceCredentials, is_lite: bool, now: Instant) {
        if self.is_closed() {
            return;
        }
        match &mut self.session.remote {
            Some(remote) if remote.credentials == credentials => remote.is_lite = is_lite,
            Some(_) => {
                self.turn_over(self.session.local.clone());
                self.session.is_half_new = true;
                self.begin(credentials, is_lite, now);
            }
            None => self.begin(credentials, is_lite, now),
        }
        self.advance(now);
    }

    /// Which role this agent is to have: that of the offerer is to control (RFC 8445 §6.1.1). A restart keeps the role.
    pub fn set_role(&mut self, role: IceRole, now: Instant) {
        let peer_is_lite = self.session.remote.as_ref().is_some_and(|remote| remote.is_lite);
        let role = match (self.config.lite, peer_is_lite) {
            (true, _) => IceRole::Controlled,
            (false, true) => IceRole::Controlling,
            (false, false) => role,
        };
        self.take_role(role);
        self.advance(now);
    }

    /// Whether the peer takes a second nomination (its `ice-options` have `renomination`): then a much better pair that is found later is
    /// nominated too.
    pub fn set_renomination(&mut self, may: bool, now: Instant) {
        self.config.renomination = may;
        self.advance(now);
    }

    /// Takes a role: the order of pairs depends on it, and what was nominated was by another one's right.
    pub(super) fn take_role(&mut self, role: IceRole) {
        if self.role == role {
            return;
        }
        self.role = role;
        for (_, pair) in self.pairs.iter_mut() {
            if pair.epoch == self.session.epoch {
                pair.named_at = None;
                pair.is_nominated = false;
            }
        }
        self.nominated = None;
        self.reorder_pairs();
    }

    fn begin(&mut self, credentials: IceCredentials, is_lite: bool, now: Instant) {
        let ufrag = credentials.ufrag().to_owned();
        let key = credentials.key();
        self.session.remote = Some(RemoteSession { credentials, key, is_lite });
        self.hope_until = Some(now + self.config.timing.patience);
        // RFC 8445 §6.1.1: whoever checks has to decide.
        if is_lite && !self.config.lite {
            self.take_role(IceRole::Controlling);
        }
        self.forget_remotes_but(&ufrag);
        for candidate in std::mem::take(&mut self.early_candidates) {
            // There was room for it when it came.
            let _ = self.take_remote_candidate(candidate);
        }
    }

    /// Keeps the selected pair, with the credentials it was checked with, and forgets all others.
    fn turn_over(&mut self, local: IceCredentials) {
        let next = Session {
            epoch: self.session.epoch.wrapping_add(1),
            local_key: local.key(),
            local,
            remote: None,
            is_half_new: false,
        };
        let session = std::mem::replace(&mut self.session, next);
        let of_session = |path: &PathId| self.pair(*path).is_some_and(|pair| pair.epoch == session.epoch);
        if let Some(path) = self.selected.filter(of_session) {
            self.previous = Some(Previous { session, path, ends: None });
        } else if let Some(previous) = &mut self.previous {
            // The restart before has not come to anything: what it was to replace still carries data.
            self.selected = self.selected.filter(|path| *path == previous.path);
        }
        self.forget_pairs_but_previous();
        self.triggered.clear();
        self.early_candidates.clear();
        self.names.clear();
        self.names_asked = 0;
        self.remote_ended = false;
        self.nominated = None;
        self.hope_until = None;
        self.keep_alternatives_until = None;
        // As W3C webrtc has it, a restart forgets that a connection was lost.
        self.was_connected &= self.selected.is_some();
    }

    /// RFC 8445 §9: candidates are told again, and servers asked again: what they see may have changed.
    fn gather_again(&mut self, now: Instant) {
        if self.gathering == GatheringState::New {
            return;
        }
        self.note_gathering_again();
        self.forget_reflexive();
        let ufrag = self.session.local.ufrag().to_owned();
        let mut told = Vec::new();
        for local in self.locals.values_mut() {
            local.candidate.ufrag = Some(ufrag.clone());
            if local.is_told {
                told.push(local.candidate.clone());
            }
        }
        for candidate in told {
            self.tell(Event::LocalCandidate(candidate));
        }
        self.check_relays(now);
        self.ask_servers(now);
    }

    /// The session that a pair belongs to.
    pub(super) fn session_of(&self, epoch: u32) -> Option<&Session> {
        if epoch == self.session.epoch {
            return Some(&self.session);
        }
        self.previous.as_ref().map(|previous| &previous.session).filter(|session| session.epoch == epoch)
    }

    /// The new path is chosen: the previous one is listened to for a while.
    pub(super) fn outlive_previous(&mut self, now: Instant) {
        if let Some(previous) = &mut self.previous
            && self.selected != Some(previous.path)
        {
            previous.ends.get_or_insert(now + PREVIOUS_LINGERS);
        }
    }

    /// Forgets the previous session when its time has come.
    pub(super) fn expire_previous(&mut self, now: Instant) {
        let is_over = |previous: &Previous| previous.ends.is_some_and(|ends| ends <= now);
        if let Some(previous) = self.previous.take_if(|previous| is_over(previous)) {
            self.remove_pair(previous.path);
            self.forget_unused_remotes();
        }
    }
}
