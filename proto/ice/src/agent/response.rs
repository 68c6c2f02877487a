//! Answers to checks (RFC 8445 §7.2.5).

use super::Agent;
use super::check::{Check, Purpose};
use super::input::Source;
use super::local::Found;
use crate::candidate::{CandidateKind, canonical};
use crate::config::IceRole;
use crate::event::{DropReason, FailureReason, Handled, PathId};
use crate::pair::{LocalId, PairState};
use moim_stun::attribute::{ErrorCode, XorMappedAddress};
use moim_stun::{Class, IntegrityCheck, Message};
use std::net::SocketAddr;
use std::time::Instant;

impl Agent {
    pub(super) fn response(
        &mut self,
        source: Source,
        message: &Message<'_>,
        now: Instant,
    ) -> Result<Handled, DropReason> {
        let is_it = |check: &Check| check.id == message.transaction_id();
        let Some(position) = self.checks.iter().position(is_it) else {
            let was_asked = self.lookup_answered(source.origin, source.peer, message, now);
            return if was_asked { Ok(Handled::Taken) } else { Err(DropReason::NotAsked) };
        };
        let is_error = message.class() == Class::ErrorResponse;
        self.check_sealed(self.checks[position].path, message, is_error)?;
        let mapped = message.get::<XorMappedAddress>().map_err(|_| DropReason::Malformed)?;
        let error = message.get::<ErrorCode<'_>>().map_err(|_| DropReason::Malformed)?;
        if !is_error && mapped.is_none() {
            return Err(DropReason::Malformed);
        }
        let check = self.checks.swap_remove(position);
        let path = check.path;
        let Some(pair) = self.pair(path) else { return Err(DropReason::NotAsked) };
        // RFC 8445 §7.2.5.2.1.
        if pair.origin != source.origin || pair.peer != source.peer {
            self.fail_pair(path, FailureReason::NonSymmetric, now);
            return Ok(Handled::Taken);
        }
        match mapped {
            Some(mapped) if !is_error => {
                if check.carries_extras {
                    self.tell_extras(message);
                }
                self.succeeded(&check, canonical(mapped.0), now);
            }
            Some(_) | None => self.refused(&check, error.map_or(400, |error| error.code()), now),
        }
        Ok(Handled::Taken)
    }

    /// A response is sealed with the key of its request. Errors may come without: a peer that does not know the user name has no
    /// key to seal with.
    fn check_sealed(&self, path: PathId, message: &Message<'_>, is_error: bool) -> Result<(), DropReason> {
        let session = self.pair(path).and_then(|pair| self.session_of(pair.epoch));
        let remote = session.and_then(|session| session.remote.as_ref()).ok_or(DropReason::NotAsked)?;
        match message.check_sha1(&remote.key) {
            IntegrityCheck::Valid => Ok(()),
            IntegrityCheck::Absent if is_error => Ok(()),
            IntegrityCheck::Absent | IntegrityCheck::Invalid => Err(DropReason::NotAuthentic),
        }
    }

    fn succeeded(&mut self, check: &Check, mapped: SocketAddr, now: Instant) {
        let path = check.path;
        let local = self.mapped_local(path, mapped, check.priority);
        let keepalive_at = now + self.config.timing.keepalive_interval;
        let Some(pair) = self.pair_mut(path) else { return };
        pair.is_authentic = true;
        pair.is_unreachable = false;
        pair.answered_at = Some(now);
        pair.heard_at = Some(now);
        pair.traffic.responses_received += 1;
        if local.is_some() {
            pair.mapped = local;
        }
        // Of a request that was sent again it is not known which one was answered.
        if check.sent == 1 {
            pair.measured(now.saturating_duration_since(check.sent_at));
        }
        if check.purpose == Purpose::Liveness {
            return;
        }
        let is_new = !pair.is_valid();
        if is_new {
            pair.state = PairState::Succeeded;
            pair.valid_since = Some(now);
            pair.keepalive_at = Some(keepalive_at);
        }
        let is_named = pair.named_at.is_some();
        if is_new || check.names {
            self.cancel_checks_of(path);
        }
        if is_new {
            self.triggered.retain(|other| *other != path);
            self.unfreeze_like(path);
        }
        // Of a path before a restart it no longer matters: the new one is to be nominated.
        if self.pair(path).is_none_or(|pair| pair.epoch != self.session.epoch) {
            return;
        }
        match self.role {
            IceRole::Controlling if check.names => self.nominate_valid(path, now),
            // What was named before it was valid is nominated now (RFC 8445 §7.3.1.5).
            IceRole::Controlled if is_named => self.consider_named(path, now),
            IceRole::Controlling | IceRole::Controlled => {}
        }
    }

    /// The local candidate of the address that the peer sees: a new one, if no other has it (RFC 8445 §7.2.5.3.1).
    fn mapped_local(&mut self, path: PathId, mapped: SocketAddr, priority: u32) -> Option<LocalId> {
        let pair = self.pair(path)?;
        let origin = pair.origin;
        if let Some(known) = pair.mapped
            && self.locals.get(&known)?.candidate.socket() == Some(mapped)
        {
            return Some(known);
        }
        let base = self.locals.get(&pair.local)?;
        let (protocol, local_preference) = (base.candidate.protocol, base.preference);
        let base_address = base.candidate.socket()?;
        if base_address == mapped {
            return Some(pair.local);
        }
        let known = self.find_local(mapped, origin);
        if known.is_some() {
            return known;
        }
        let id = self.add_local(&Found {
            kind: CandidateKind::PeerReflexive,
            protocol,
            address: mapped,
            related: Some(base_address),
            origin,
            local_preference,
            server: None,
            base: base_address.ip(),
        })?;
        if let Some(local) = self.locals.get_mut(&id) {
            local.candidate.priority = priority;
        }
        Some(id)
    }

    fn refused(&mut self, check: &Check, code: u16, now: Instant) {
        let path = check.path;
        if code == ErrorCode::ROLE_CONFLICT.code() {
            self.give_in(check.role);
            if check.purpose == Purpose::Connectivity {
                if let Some(pair) = self.pair_mut(path)
                    && pair.state == PairState::InProgress
                {
                    pair.state = PairState::Waiting;
                }
                self.trigger(path);
            }
            return;
        }
        // RFC 7675 §5.1: only an answer that says yes is consent, and only silence takes it back.
        if check.purpose == Purpose::Connectivity {
            self.fail_pair(path, FailureReason::Refused(code), now);
        }
    }
}
