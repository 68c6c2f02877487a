//! Addresses of the machine's own, and the candidates that come of them.

use super::{Agent, LOCAL_ADDRESSES_MAX, LOCAL_CANDIDATES_MAX};
use crate::candidate::{
    Candidate, CandidateKind, CandidateProtocol, Foundation, Protocol, canonical, priority,
};
use crate::config::{LocalAddress, TransportPolicy};
use crate::event::{DropReason, Error, Event, FailureReason, GatheringState};
use crate::pair::{LocalId, Origin};
use moim_wire::is_one_host;
use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

/// Foundations that are remembered: beyond these, the oldest one's number is no longer given to candidates like it.
const FOUNDATIONS_MAX: usize = 256;

/// An address of the machine's own.
#[derive(Clone, Copy, Debug)]
pub(super) struct Base {
    pub(super) address: SocketAddr,
    pub(super) protocol: CandidateProtocol,
    /// What sets its candidates apart from those of other addresses.
    pub(super) local_preference: u16,
}

impl Base {
    pub(super) fn origin(&self) -> Origin {
        match self.protocol {
            CandidateProtocol::Udp => Origin::Udp(self.address),
            CandidateProtocol::Tcp(tcp_type) => Origin::Tcp(self.address, tcp_type),
        }
    }
}

/// A local candidate.
#[derive(Debug)]
pub(super) struct Local {
    pub(super) candidate: Candidate,
    /// What its packets leave from.
    pub(super) origin: Origin,
    pub(super) preference: u16,
    /// Whether the peer is told about it.
    pub(super) is_told: bool,
}

/// What a local candidate is made of.
pub(super) struct Found {
    pub(super) kind: CandidateKind,
    pub(super) protocol: CandidateProtocol,
    pub(super) address: SocketAddr,
    pub(super) related: Option<SocketAddr>,
    pub(super) origin: Origin,
    pub(super) local_preference: u16,
    /// The server it was found by, and how that was reached.
    pub(super) server: Option<(IpAddr, Protocol)>,
    /// The IP address that its packets leave the machine from.
    pub(super) base: IpAddr,
}

/// Gives candidates that are alike the same foundation (RFC 8445 §5.1.1.3).
#[derive(Debug, Default)]
pub(super) struct Foundations {
    known: VecDeque<(FoundationKey, u32)>,
    next: u32,
}

/// Servers are told apart by their IP addresses, and by what they were reached over: a relay that was found over UDP may work where
/// one over TCP does not.
type FoundationKey = (CandidateKind, IpAddr, CandidateProtocol, Option<(IpAddr, Protocol)>);

impl Foundations {
    fn of(&mut self, key: FoundationKey) -> Foundation {
        let known = self.known.iter().find(|(known, _)| *known == key).map(|(_, number)| *number);
        let number = known.unwrap_or_else(|| {
            self.next = self.next.wrapping_add(1);
            if self.known.len() >= FOUNDATIONS_MAX {
                self.known.pop_front();
            }
            self.known.push_back((key, self.next));
            self.next
        });
        Foundation::of_number("", number)
    }
}

impl Agent {
    /// An address that the driver has bound, or can connect from. Candidates of it are told at once if gathering has begun, in the middle
    /// of a call too.
    pub fn add_local_address(&mut self, local: LocalAddress, now: Instant) -> Result<(), Error> {
        if self.is_closed() {
            return Err(Error::Closed);
        }
        let address = canonical(local.address);
        if !is_one_host(address.ip()) || address.port() == 0 {
            return Err(Error::UnusableAddress);
        }
        // RFC 8445 §5.1.3: the same address is there once, however many interfaces have it.
        let is_known = |base: &Base| base.address == address && base.protocol == local.protocol;
        if self.addresses.iter().any(is_known) {
            return Ok(());
        }
        if self.addresses.len() >= LOCAL_ADDRESSES_MAX {
            return Err(Error::LimitReached);
        }
        let local_preference = self.local_preference(&local, address);
        let base = Base { address, protocol: local.protocol, local_preference };
        self.addresses.push(base);
        if self.gathering != GatheringState::New {
            self.gather_from(base, now);
        }
        self.advance(now);
        Ok(())
    }

    /// An address is no longer there. Pairs of it fail at once; if data went by one of them, another valid pair takes over, or the peer has
    /// to be found anew by a restart.
    pub fn remove_local_address(&mut self, address: SocketAddr, now: Instant) {
        let address = canonical(address);
        self.addresses.retain(|base| base.address != address);
        self.lookups.retain(|lookup| lookup.local != address);
        self.transmits.retain(|queued| queued.transmit().local != address);
        self.lose_relays_at(address, now);
        let is_there = |origin: Origin| match origin {
            Origin::Udp(base) | Origin::Tcp(base, _) => base != address,
            Origin::Relay(_) => true,
        };
        self.fail_pairs(FailureReason::AddressRemoved, |pair| !is_there(pair.origin), now);
        for local in self.locals.values_mut().filter(|local| !is_there(local.origin)) {
            local.is_told = false;
        }
        self.forget_unused_locals();
        self.advance(now);
    }

    /// RFC 8421 §4: IPv6 and IPv4 take turns among interfaces that are preferred alike, IPv6 first.
    fn local_preference(&self, local: &LocalAddress, address: SocketAddr) -> u16 {
        let alike =
            |base: &&Base| base.protocol == local.protocol && base.address.is_ipv6() == address.is_ipv6();
        let nth = self.addresses.iter().filter(alike).count();
        let rank = 2 * nth + usize::from(address.is_ipv4());
        local.preference.saturating_sub(u16::try_from(rank).unwrap_or(u16::MAX))
    }

    /// Adds a candidate, tells the peer about it, and pairs it with what is known of the peer. [`None`]: it is redundant, or there
    /// are too many.
    pub(super) fn add_local(&mut self, found: &Found) -> Option<LocalId> {
        let is_base = matches!(found.kind, CandidateKind::Host | CandidateKind::Relayed);
        let is_told = match self.config.policy {
            TransportPolicy::All => found.kind != CandidateKind::PeerReflexive,
            TransportPolicy::Relay => found.kind == CandidateKind::Relayed,
        };
        // RFC 8445 §5.1.3: of two with one address and base, the later adds nothing.
        if let Some(id) = self.find_local(found.address, found.origin) {
            if is_told {
                self.tell_again(id, found);
            }
            return Some(id);
        }
        if self.locals.len() >= LOCAL_CANDIDATES_MAX {
            self.forget_unused_locals();
            if self.locals.len() >= LOCAL_CANDIDATES_MAX {
                self.counters.drops.count(DropReason::LimitReached);
                return None;
            }
        }
        let foundation = self.foundations.of((found.kind, found.base, found.protocol, found.server));
        let candidate = Candidate {
            foundation,
            protocol: found.protocol,
            priority: priority(found.kind, found.protocol, found.local_preference),
            address: found.address.into(),
            kind: found.kind,
            related: found.related,
            ufrag: Some(self.session.local.ufrag().to_owned()),
        };
        let id = LocalId(self.fresh_id());
        let (origin, preference) = (found.origin, found.local_preference);
        let told = is_told.then(|| candidate.clone());
        self.locals.insert(id, Local { candidate, origin, preference, is_told });
        if let Some(mut candidate) = told {
            // RFC 8828 §5.2: the related address would tell what the policy keeps back.
            if self.config.policy == TransportPolicy::Relay {
                candidate.related = None;
                if let Some(local) = self.locals.get_mut(&id) {
                    local.candidate.related = None;
                }
            }
            self.tell(Event::LocalCandidate(candidate));
        }
        if is_base && self.may_use(origin) {
            self.pair_local(id);
        }
        Some(id)
    }

    /// A candidate was found again that was no longer told since a restart, or that only the peer had seen so far.
    fn tell_again(&mut self, id: LocalId, found: &Found) {
        let ufrag = self.session.local.ufrag().to_owned();
        let foundation = self.foundations.of((found.kind, found.base, found.protocol, found.server));
        let Some(local) = self.locals.get_mut(&id).filter(|local| !local.is_told) else { return };
        local.is_told = true;
        local.candidate.ufrag = Some(ufrag);
        local.candidate.kind = found.kind;
        local.candidate.foundation = foundation;
        local.candidate.priority = priority(found.kind, found.protocol, found.local_preference);
        local.candidate.related = found.related;
        let candidate = local.candidate.clone();
        self.tell(Event::LocalCandidate(candidate));
    }

    /// Whether the policy lets packets to peers leave from there.
    pub(super) fn may_use(&self, origin: Origin) -> bool {
        match self.config.policy {
            TransportPolicy::All => true,
            TransportPolicy::Relay => matches!(origin, Origin::Relay(_)),
        }
    }

    /// Whether packets can leave from there.
    pub(super) fn is_present(&self, origin: Origin) -> bool {
        match origin {
            Origin::Udp(_) | Origin::Tcp(..) => self.addresses.iter().any(|base| base.origin() == origin),
            Origin::Relay(relay) => self.relays.contains_key(&relay),
        }
    }

    pub(super) fn find_local(&self, address: SocketAddr, origin: Origin) -> Option<LocalId> {
        let is_it = |local: &&Local| local.origin == origin && local.candidate.socket() == Some(address);
        // Of a relay's mapped address and others alike, the first is the one that was told.
        self.locals.iter().find(|(_, local)| is_it(local)).map(|(id, _)| *id)
    }

    /// The candidate that packets from there are sent by.
    pub(super) fn base_local(&self, origin: Origin, peer: SocketAddr) -> Option<LocalId> {
        let is_it = |local: &Local| {
            local.origin == origin
                && matches!(local.candidate.kind, CandidateKind::Host | CandidateKind::Relayed)
                && local.candidate.socket().is_some_and(|address| address.is_ipv4() == peer.is_ipv4())
        };
        self.locals.iter().find(|(_, local)| is_it(local)).map(|(id, _)| *id)
    }

    pub(crate) fn local_candidate(&self, id: LocalId) -> Option<&Candidate> {
        self.locals.get(&id).map(|local| &local.candidate)
    }

    /// Forgets candidates that the peer is not told about, and that no pair needs.
    pub(super) fn forget_unused_locals(&mut self) {
        let pairs = &self.pairs;
        let is_base = |kind| matches!(kind, CandidateKind::Host | CandidateKind::Relayed);
        let unused: Vec<LocalId> = self
            .locals
            .iter()
            .filter(|(_, local)| !local.is_told)
            .filter(|(_, local)| !(is_base(local.candidate.kind) && self.is_present(local.origin)))
            .map(|(id, _)| *id)
            .collect();
        self.locals.retain(|id, _| {
            !unused.contains(id)
                || pairs.iter().any(|(_, pair)| pair.local == *id || pair.mapped == Some(*id))
        });
    }
}
