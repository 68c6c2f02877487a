//! Checks of the peer's (RFC 8445 §7.3).

use super::input::Source;
use super::send::MESSAGE_LEN_MAX;
use super::{Agent, extras};
use crate::candidate::{CandidateProtocol, TcpType};
use crate::config::IceRole;
use crate::event::{DropReason, Event, FailureReason, Handled, PathId};
use crate::pair::{Origin, PairState};
use moim_stun::attribute::{
    Attribute, ErrorCode, IceControlled, IceControlling, Priority, UnknownAttributes, UseCandidate, Username,
    XorMappedAddress,
};
use moim_stun::{
    AttributeType, BuildError, Class, Integrity, IntegrityCheck, IntegrityKey, Message, MessageBuilder,
    Method, SHA256_LEN, Seal, TransactionId,
};
use rand_chacha::rand_core::RngCore;
use std::time::Instant;

/// What a check says that is authentic.
struct Request<'a> {
    message: &'a Message<'a>,
    /// Who it says sends it.
    remote_ufrag: &'a str,
    priority: u32,
    names: bool,
    seal: SealKind,
}

/// By which attribute a request is sealed, and its answer is to be.
#[derive(Clone, Copy, Debug)]
enum SealKind {
    Sha1,
    Sha256,
}

/// An answer that says yes.
#[derive(Debug)]
pub(super) struct Answer {
    source: Source,
    id: TransactionId,
    key: IntegrityKey,
    seal: SealKind,
}

impl Agent {
    pub(super) fn request(
        &mut self,
        source: Source,
        message: &Message<'_>,
        now: Instant,
    ) -> Result<Handled, DropReason> {
        let Ok(Some(Username(username))) = message.get() else { return Err(DropReason::NotAuthentic) };
        let (ufrag, remote_ufrag) = username.split_once(':').ok_or(DropReason::NotAuthentic)?;
        let Some((epoch, key)) = self.key_for(ufrag, remote_ufrag) else { return Ok(Handled::NotForMe) };
        if !self.may_use(source.origin) {
            return Err(DropReason::Policy);
        }
        let Some(seal) = check_integrity(message, &key) else {
            self.refuse(source, message, ErrorCode::UNAUTHENTICATED, None, now);
            return Err(DropReason::NotAuthentic);
        };
        let unknown = unknown_attributes(message);
        if !unknown.is_empty() {
            self.refuse(source, message, ErrorCode::UNKNOWN_ATTRIBUTE, Some((&key, seal)), now);
            return Ok(Handled::Taken);
        }
        let Ok(Some(Priority(priority))) = message.get() else {
            self.refuse(source, message, ErrorCode::BAD_REQUEST, Some((&key, seal)), now);
            return Err(DropReason::Malformed);
        };
        let names = message.find(UseCandidate::TYPE).is_some();
        let request = Request { message, remote_ufrag, priority, names, seal };
        if epoch != self.session.epoch {
            self.answer_previous(source, &request, &key, now);
            return Ok(Handled::Taken);
        }
        if self.resolve_roles(message) == Err(Conflict) {
            self.refuse(source, message, ErrorCode::ROLE_CONFLICT, Some((&key, seal)), now);
            return Ok(Handled::Taken);
        }
        self.answer(source, &request, &key, now);
        self.learn_from(source, &request, now);
        Ok(Handled::Taken)
    }

    /// The generation that a user name is of, and what its checks are sealed with.
    fn key_for(&self, ufrag: &str, remote_ufrag: &str) -> Option<(u32, IntegrityKey)> {
        let previous = self.previous.as_ref().map(|previous| &previous.session);
        let sessions = || [Some(&self.session), previous].into_iter().flatten();
        let of_ufrag = || sessions().filter(|session| session.local.ufrag() == ufrag);
        // The peer may restart alone: then both generations have our name, and the peer's tells.
        let exact = of_ufrag().find(|session| session.remote_ufrag() == Some(remote_ufrag));
        let session = exact.or_else(|| of_ufrag().next())?;
        Some((session.epoch, session.local_key.clone()))
    }

    /// RFC 8445 §7.3.1.1: if both have one role, the higher tie-breaker decides.
    fn resolve_roles(&mut self, message: &Message<'_>) -> Result<(), Conflict> {
        let theirs = match self.role {
            IceRole::Controlling => message.get::<IceControlling>().ok().flatten().map(|it| it.0),
            IceRole::Controlled => message.get::<IceControlled>().ok().flatten().map(|it| it.0),
        };
        let Some(theirs) = theirs else { return Ok(()) };
        let ours_is_higher = self.tie_breaker >= theirs;
        let keeps = match self.role {
            IceRole::Controlling => ours_is_higher,
            IceRole::Controlled => !ours_is_higher,
        };
        // A lite agent cannot take the other role, since it checks nothing; and whoever talks to one must control.
        let peer_is_lite = self.session.remote.as_ref().is_some_and(|remote| remote.is_lite);
        if keeps || self.config.lite || peer_is_lite {
            return Err(Conflict);
        }
        self.take_role(self.role.opposite());
        self.tell(Event::RoleChanged(self.role));
        Ok(())
    }

    /// The peer has answered that both have one role (RFC 8445 §7.2.5.1).
    pub(super) fn give_in(&mut self, role_then: IceRole) {
        let peer_is_lite = self.session.remote.as_ref().is_some_and(|remote| remote.is_lite);
        if role_then != self.role || peer_is_lite {
            return;
        }
        self.take_role(self.role.opposite());
        self.tie_breaker = self.random.next_u64();
        self.tell(Event::RoleChanged(self.role));
    }

    /// RFC 8445 §7.3.1.2 to §7.3.1.5.
    fn learn_from(&mut self, source: Source, request: &Request<'_>, now: Instant) {
        // Whoever knows our password but not which peer we talk to is answered, and no more.
        if self.session.remote_ufrag().is_some_and(|ufrag| ufrag != request.remote_ufrag) {
            return;
        }
        self.tell_extras(request.message);
        let Some(path) = self.pair_for(source, request) else { return };
        let Some(pair) = self.pair_mut(path) else { return };
        pair.is_authentic = true;
        pair.is_unreachable = false;
        pair.heard_at = Some(now);
        pair.traffic.requests_received += 1;
        pair.traffic.responses_sent += 1;
        if self.config.lite {
            self.succeed_lite(path, request.names, now);
            return;
        }
        if request.names && self.role == IceRole::Controlled {
            self.named_by_peer(path, now);
        }
        self.trigger_if_needed(path);
    }

    fn pair_for(&mut self, source: Source, request: &Request<'_>) -> Option<PathId> {
        let known = self.find_pair(source.origin, source.peer);
        let is_current = |path: &PathId| self.pair(*path).is_some_and(|it| it.epoch == self.session.epoch);
        if let Some(path) = known.filter(is_current) {
            self.take_connection(path, source.connection);
            return Some(path);
        }
        let protocol = match source.origin {
            Origin::Udp(_) | Origin::Relay(_) => CandidateProtocol::Udp,
            // RFC 6544 §7.2: it is what connects, if we are what waits.
            Origin::Tcp(_, TcpType::Passive) => CandidateProtocol::Tcp(TcpType::Active),
            Origin::Tcp(_, tcp_type) => CandidateProtocol::Tcp(tcp_type),
        };
        let local = self.base_local(source.origin, source.peer)?;
        let remote = self
            .find_remote(source.peer, protocol)
            .or_else(|| self.learn_remote(source.peer, protocol, request.priority, request.remote_ufrag))?;
        let path = self.insert_pair(local, remote)?;
        self.take_connection(path, source.connection);
        Some(path)
    }

    /// RFC 8445 §7.3.1.4: what the peer can send is likely to come back.
    fn trigger_if_needed(&mut self, path: PathId) {
        let Some(pair) = self.pair_mut(path) else { return };
        match pair.state {
            // RFC 7675 §5.1: with the same credentials, consent that has ended is not to be had again.
            PairState::Succeeded
            | PairState::Failed(FailureReason::ConsentExpired | FailureReason::AddressRemoved) => return,
            // The connection is being opened, and the check goes by it.
            PairState::InProgress if pair.route.is_none() => return,
            PairState::Frozen | PairState::Waiting | PairState::InProgress | PairState::Failed(_) => {}
        }
        pair.state = PairState::Waiting;
        self.cancel_checks_of(path);
        self.trigger(path);
    }

    /// A check of the generation before: its path carries data until the new one is chosen.
    fn answer_previous(&mut self, source: Source, request: &Request<'_>, key: &IntegrityKey, now: Instant) {
        self.answer(source, request, key, now);
        let Some(path) = self.previous.as_ref().map(|previous| previous.path) else { return };
        if let Some(pair) = self.pair_mut(path)
            && pair.origin == source.origin
            && pair.peer == source.peer
        {
            pair.heard_at = Some(now);
            pair.traffic.requests_received += 1;
            pair.traffic.responses_sent += 1;
        }
    }

    fn answer(&mut self, source: Source, request: &Request<'_>, key: &IntegrityKey, now: Instant) {
        self.counters.requests_answered += 1;
        let id = request.message.transaction_id();
        let answer = Answer { source, id, key: key.clone(), seal: request.seal };
        if let Some(answer) = self.postpone(answer) {
            self.send_answer(&answer, now);
        }
    }

    pub(super) fn send_answer(&mut self, answer: &Answer, now: Instant) {
        let extras = self.next_extras();
        let Source { origin, peer, connection } = answer.source;
        let mut buffer = [0; MESSAGE_LEN_MAX];
        let write = |buffer| -> Result<_, BuildError> {
            let mut response =
                MessageBuilder::new(buffer, Class::SuccessResponse, Method::BINDING, answer.id)?;
            response.attribute(&XorMappedAddress(peer))?;
            extras::put(&extras, &mut response);
            response.finish(Seal { integrity: answer.seal.integrity(&answer.key), fingerprint: true })
        };
        // What has no room in the buffer was not written by this function.
        let Ok(response) = write(&mut buffer) else { return };
        self.send_to_peer(origin, peer, connection, response, now);
    }

    fn refuse(
        &mut self,
        source: Source,
        message: &Message<'_>,
        error: ErrorCode<'static>,
        key: Option<(&IntegrityKey, SealKind)>,
        now: Instant,
    ) {
        self.counters.requests_refused += 1;
        let mut buffer = [0; MESSAGE_LEN_MAX];
        // What has no room in the buffer was not written by this function.
        let Ok(response) = write_refusal(&mut buffer, message, error, key) else { return };
        self.send_to_peer(source.origin, source.peer, source.connection, response, now);
    }
}

/// Both agents have the same role, and this one keeps it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Conflict;

fn check_integrity(message: &Message<'_>, key: &IntegrityKey) -> Option<SealKind> {
    match message.check_sha256(key, SHA256_LEN) {
        IntegrityCheck::Valid => return Some(SealKind::Sha256),
        IntegrityCheck::Invalid => return None,
        IntegrityCheck::Absent => {}
    }
    (message.check_sha1(key) == IntegrityCheck::Valid).then_some(SealKind::Sha1)
}

/// RFC 8489 §6.3.1: what must be understood, and is not.
fn unknown_attributes(message: &Message<'_>) -> UnknownAttributes {
    const KNOWN: [AttributeType; 5] = [
        AttributeType::USERNAME,
        AttributeType::MESSAGE_INTEGRITY,
        AttributeType::MESSAGE_INTEGRITY_SHA256,
        AttributeType::PRIORITY,
        AttributeType::USE_CANDIDATE,
    ];
    let mut unknown = UnknownAttributes::EMPTY;
    for attribute in message.attributes() {
        let number = attribute.attribute_type;
        if number.is_comprehension_required() && !KNOWN.contains(&number) {
            unknown.insert(number);
        }
    }
    unknown
}

impl SealKind {
    fn integrity(self, key: &IntegrityKey) -> Integrity<'_> {
        match self {
            Self::Sha1 => Integrity::Sha1(key),
            Self::Sha256 => Integrity::Sha256(key),
        }
    }
}

fn write_refusal<'b>(
    buffer: &'b mut [u8],
    message: &Message<'_>,
    error: ErrorCode<'static>,
    key: Option<(&IntegrityKey, SealKind)>,
) -> Result<&'b [u8], BuildError> {
    let mut response =
        MessageBuilder::new(buffer, Class::ErrorResponse, Method::BINDING, message.transaction_id())?;
    response.attribute(&error)?;
    if error == ErrorCode::UNKNOWN_ATTRIBUTE {
        response.attribute(&unknown_attributes(message))?;
    }
    let integrity = key.map_or(Integrity::None, |(key, seal)| seal.integrity(key));
    response.finish(Seal { integrity, fingerprint: true })
}
