use crate::agent::Agent;
use crate::candidate::Candidate;
use crate::config::TurnTransport;
use crate::event::{FailureReason, PathId};
use crate::pair::{Pair, PairState, PairTraffic};
use std::time::{Duration, Instant};

/// What is known about a pair (W3C webrtc-stats, `RTCIceCandidatePairStats`).
#[derive(Clone, Debug)]
pub struct PairStats<'a> {
    /// Which it is.
    pub path: PathId,
    /// Its local candidate: that of the address that the peer sees, once that is known.
    pub local: &'a Candidate,
    /// Its remote candidate.
    pub remote: &'a Candidate,
    /// What goes between this agent and the relay. [`None`]: there is no relay of this agent on the path.
    pub relay_transport: Option<TurnTransport>,
    /// How far its checks are.
    pub state: PairState,
    /// Its priority (RFC 8445 §6.1.2.3).
    pub priority: u64,
    /// Whether it is nominated.
    pub is_nominated: bool,
    /// Whether data goes by it.
    pub is_selected: bool,
    /// How long the last check took that was sent once.
    pub rtt_current: Option<Duration>,
    /// How long all such checks took.
    pub rtt_total: Duration,
    /// How many there were.
    pub rtt_count: u64,
    /// What went by it.
    pub traffic: PairTraffic,
    /// When a packet last came by it.
    pub received_at: Option<Instant>,
    /// When application data last left by it.
    pub sent_at: Option<Instant>,
}

impl PairStats<'_> {
    /// Why it does not work. [`None`]: it does, or it is not known yet.
    pub fn failure(&self) -> Option<FailureReason> {
        match self.state {
            PairState::Failed(reason) => Some(reason),
            PairState::Frozen | PairState::Waiting | PairState::InProgress | PairState::Succeeded => None,
        }
    }
}

impl Agent {
    pub(crate) fn stats<'a>(&'a self, path: PathId, pair: &'a Pair) -> Option<PairStats<'a>> {
        Some(PairStats {
            path,
            local: self.local_candidate(pair.mapped.unwrap_or(pair.local))?,
            remote: self.remote_candidate(pair.remote)?,
            relay_transport: self.relay_transport(pair.origin),
            state: pair.state,
            priority: pair.priority,
            is_nominated: pair.is_nominated,
            is_selected: self.selected() == Some(path),
            rtt_current: pair.rtt,
            rtt_total: pair.rtt_total,
            rtt_count: pair.rtt_count,
            traffic: pair.traffic,
            received_at: pair.heard_at,
            sent_at: pair.sent_at,
        })
    }
}
