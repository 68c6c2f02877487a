//! The pair of candidates that a call goes by.

use moim_native::PeerStats;
use moim_sdp::{Candidate, CandidateAddress, CandidateKind, CandidateProtocol};
use std::fmt;
use std::net::IpAddr;

/// A path between two ends, as one of them sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Path {
    pub(crate) local: Candidate,
    pub(crate) remote: Candidate,
}

impl Path {
    /// The one that data goes by now, if any.
    pub(crate) fn of(stats: &PeerStats) -> Option<Self> {
        let selected = stats.report.candidate_pairs.iter().find(|pair| pair.selected)?;
        let [local, remote] = [&selected.local_candidate, &selected.remote_candidate]
            .map(|text| Candidate::parse(text).unwrap_or_else(|error| panic!("{error}: {text}")));
        Some(Self { local, remote })
    }

    /// Whether a relay is in between, on both sides: the relay permits no peers but its own relayed addresses.
    pub(crate) fn is_relayed(&self, relay: &[IpAddr]) -> bool {
        self.local.kind == CandidateKind::Relayed && relay.contains(&self.remote_ip())
    }

    /// Whether it leads from one host to another, or to the outermost NAT that the other is behind.
    pub(crate) fn is_direct(&self, to: &[IpAddr]) -> bool {
        self.local.kind != CandidateKind::Relayed
            && self.remote.kind != CandidateKind::Relayed
            && to.contains(&self.remote_ip())
    }

    /// Whether data goes over TCP from end to end.
    pub(crate) fn is_tcp(&self) -> bool {
        self.local.protocol == CandidateProtocol::Tcp
    }

    fn remote_ip(&self) -> IpAddr {
        match self.remote.address {
            CandidateAddress::Ip(address) => address,
            CandidateAddress::Name(ref name) => panic!("the name {name} was not looked up"),
        }
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} -> {}", self.local, self.remote)
    }
}
