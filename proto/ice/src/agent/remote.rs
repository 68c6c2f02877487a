//! Candidates of the peer's.

use super::{Agent, NAMES_ASKED_MAX, NAMES_MAX, PEER_REFLEXIVE_MAX, REMOTE_CANDIDATES_MAX};
use crate::candidate::{
    Candidate, CandidateAddress, CandidateKind, CandidateProtocol, Foundation, TcpType, canonical,
};
use crate::event::{Ask, DropReason, Error, Event, NameId, PathId};
use crate::pair::{PairState, RemoteId};
use moim_wire::is_one_host;
use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

/// A remote candidate.
#[derive(Debug)]
pub(super) struct Remote {
    pub(super) candidate: Candidate,
    /// Its transport address.
    pub(super) address: SocketAddr,
    /// Of which generation it is.
    pub(super) epoch: u32,
}

impl Agent {
    /// A candidate that the peer has told. It may come before the peer's credentials do; one of earlier credentials is refused.
    pub fn add_remote_candidate(&mut self, candidate: Candidate, now: Instant) -> Result<(), Error> {
        if self.is_closed() {
            return Err(Error::Closed);
        }
        let is_of_others = match (&candidate.ufrag, self.session.remote_ufrag()) {
            (Some(ufrag), Some(current)) => ufrag != current,
            (Some(_) | None, _) => false,
        };
        if is_of_others {
            return self.keep_for_later(candidate);
        }
        self.take_remote_candidate(candidate)?;
        self.advance(now);
        Ok(())
    }

    /// The peer has no more candidates (RFC 8838 §14).
    pub fn end_of_remote_candidates(&mut self, now: Instant) {
        self.remote_ended = true;
        self.advance(now);
    }

    /// What became of a name: [`Ask::ResolveName`].
    pub fn resolved(&mut self, id: NameId, ip: Option<IpAddr>, now: Instant) {
        let Some(candidate) = self.names.remove(&id) else { return };
        if let (Some(ip), CandidateAddress::Name { port, .. }) = (ip, &candidate.address) {
            let address = CandidateAddress::Socket(SocketAddr::new(ip, *port));
            // Whatever is wrong with the address is nobody's fault who could be told.
            if self.take_remote_candidate(Candidate { address, ..candidate }).is_err() {
                self.counters.drops.count(DropReason::LimitReached);
            }
        }
        self.advance(now);
    }

    /// It may be of credentials that are still on their way, or that have gone.
    fn keep_for_later(&mut self, candidate: Candidate) -> Result<(), Error> {
        let is_old = |previous: &super::session::Previous| {
            previous.session.remote_ufrag() == candidate.ufrag.as_deref()
        };
        if self.previous.as_ref().is_some_and(is_old) {
            return Err(Error::Unknown);
        }
        if self.early_candidates.len() >= REMOTE_CANDIDATES_MAX {
            return Err(Error::LimitReached);
        }
        self.early_candidates.push(candidate);
        Ok(())
    }

    pub(super) fn take_remote_candidate(&mut self, candidate: Candidate) -> Result<(), Error> {
        let is_other = |ufrag: &String| self.session.remote_ufrag().is_some_and(|current| current != ufrag);
        if candidate.ufrag.as_ref().is_some_and(is_other) {
            return Err(Error::Unknown);
        }
        let address = match &candidate.address {
            CandidateAddress::Socket(address) => canonical(*address),
            CandidateAddress::Name { name, .. } => {
                let name = name.clone();
                return self.ask_for_name(name, candidate);
            }
        };
        if !is_one_host(address.ip()) || address.port() == 0 {
            return Err(Error::UnusableAddress);
        }
        // RFC 6544 §6.2: whoever only connects is never connected to.
        if candidate.protocol == CandidateProtocol::Tcp(TcpType::Active) {
            return Ok(());
        }
        if let Some(id) = self.find_remote(address, candidate.protocol) {
            self.learn_more(id, candidate);
            return Ok(());
        }
        let told = |remote: &&Remote| remote.candidate.kind != CandidateKind::PeerReflexive;
        if self.remotes.values().filter(told).count() >= REMOTE_CANDIDATES_MAX {
            return Err(Error::LimitReached);
        }
        let candidate = Candidate { address: address.into(), ..candidate };
        let id = self.insert_remote(candidate, address);
        self.permit(address.ip());
        self.pair_remote(id);
        Ok(())
    }

    /// What was found out by the peer's checks is told by the peer now (RFC 8838 §11.4): pairs stay, but are what they are.
    fn learn_more(&mut self, id: RemoteId, candidate: Candidate) {
        let Some(remote) = self.remotes.get_mut(&id) else { return };
        if remote.candidate.kind != CandidateKind::PeerReflexive {
            return;
        }
        remote.candidate = Candidate { address: remote.address.into(), ..candidate };
        self.reorder_pairs();
        // There may be local candidates that the check did not come to.
        self.pair_remote(id);
    }

    fn ask_for_name(&mut self, name: String, candidate: Candidate) -> Result<(), Error> {
        if self.names.values().any(|known| *known == candidate) {
            return Ok(());
        }
        if self.names.len() >= NAMES_MAX || self.names_asked >= NAMES_ASKED_MAX {
            return Err(Error::LimitReached);
        }
        self.names_asked += 1;
        let id = NameId(self.fresh_id());
        self.names.insert(id, candidate);
        self.tell(Event::Ask(Ask::ResolveName { id, name }));
        Ok(())
    }

    /// A check has come from where no candidate is known (RFC 8445 §7.3.1.3).
    pub(super) fn learn_remote(
        &mut self,
        address: SocketAddr,
        protocol: CandidateProtocol,
        priority: u32,
        ufrag: &str,
    ) -> Option<RemoteId> {
        let learnt = |remote: &&Remote| remote.candidate.kind == CandidateKind::PeerReflexive;
        if self.remotes.values().filter(learnt).count() >= PEER_REFLEXIVE_MAX && !self.forget_learnt() {
            self.counters.drops.count(DropReason::LimitReached);
            return None;
        }
        let number = self.fresh_id();
        let candidate = Candidate {
            // RFC 8445 §7.3.1.3: unlike any other. Those of peers may be numbers alone.
            foundation: Foundation::of_number("prflx/", number),
            protocol,
            priority,
            address: address.into(),
            kind: CandidateKind::PeerReflexive,
            related: None,
            ufrag: Some(ufrag.to_owned()),
        };
        let id = self.insert_remote(candidate, address);
        self.permit(address.ip());
        Some(id)
    }

    /// Forgets the oldest candidate that was learnt from a check and by which nothing works any more: in a long call, NATs give a
    /// peer one address after the other. `false`: there is none.
    fn forget_learnt(&mut self) -> bool {
        let is_dead = |id: RemoteId| {
            let mut pairs = self.pairs.iter().filter(|(_, pair)| pair.remote == id);
            pairs.all(|(_, pair)| matches!(pair.state, PairState::Failed(_)))
        };
        let mut learnt =
            self.remotes.iter().filter(|(_, remote)| remote.candidate.kind == CandidateKind::PeerReflexive);
        let Some(id) = learnt.find(|(id, _)| is_dead(**id)).map(|(id, _)| *id) else { return false };
        let of_it = self.pairs.iter().filter(|(_, pair)| pair.remote == id);
        let paths: Vec<PathId> = of_it.map(|(key, _)| PathId(key)).collect();
        for path in paths {
            self.remove_pair(path);
        }
        self.remotes.remove(&id);
        self.forget_permissions();
        true
    }

    fn insert_remote(&mut self, candidate: Candidate, address: SocketAddr) -> RemoteId {
        let id = RemoteId(self.fresh_id());
        self.remotes.insert(id, Remote { candidate, address, epoch: self.session.epoch });
        id
    }

    /// The current remote candidate at an address. Of TCP ones, those learnt from checks may have told another type.
    pub(super) fn find_remote(&self, address: SocketAddr, protocol: CandidateProtocol) -> Option<RemoteId> {
        let epoch = self.session.epoch;
        let is_it = |remote: &Remote| {
            remote.epoch == epoch
                && remote.address == address
                && remote.candidate.protocol.protocol() == protocol.protocol()
        };
        self.remotes.iter().find(|(_, remote)| is_it(remote)).map(|(id, _)| *id)
    }

    pub(crate) fn remote_candidate(&self, id: RemoteId) -> Option<&Candidate> {
        self.remotes.get(&id).map(|remote| &remote.candidate)
    }

    /// The peer's credentials are known now: what came with others is forgotten.
    pub(super) fn forget_remotes_but(&mut self, ufrag: &str) {
        let epoch = self.session.epoch;
        let is_other = |remote: &Remote| {
            remote.epoch == epoch && remote.candidate.ufrag.as_deref().is_some_and(|it| it != ufrag)
        };
        let others: Vec<RemoteId> =
            self.remotes.iter().filter(|(_, remote)| is_other(remote)).map(|(id, _)| *id).collect();
        let of_others: Vec<PathId> = self
            .pairs
            .iter()
            .filter(|(_, pair)| others.contains(&pair.remote))
            .map(|(key, _)| PathId(key))
            .collect();
        for path in of_others {
            self.remove_pair(path);
        }
        self.remotes.retain(|id, _| !others.contains(id));
        self.names.retain(|_, candidate| candidate.ufrag.as_deref().is_none_or(|it| it == ufrag));
    }

    /// Forgets candidates of earlier generations that no pair needs.
    pub(super) fn forget_unused_remotes(&mut self) {
        let (pairs, epoch) = (&self.pairs, self.session.epoch);
        self.remotes
            .retain(|id, remote| remote.epoch == epoch || pairs.iter().any(|(_, pair)| pair.remote == *id));
        self.forget_permissions();
    }
}
