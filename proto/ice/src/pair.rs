use crate::candidate::TcpType;
use crate::event::{ConnectionId, FailureReason};
use crate::route::Route;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// A local candidate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct LocalId(pub(crate) u32);

/// A remote candidate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct RemoteId(pub(crate) u32);

/// An allocation, or the attempt at one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct RelayId(pub(crate) u32);

/// What packets of a local candidate leave from: its base (RFC 8445 §4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Origin {
    /// A UDP socket.
    Udp(SocketAddr),
    /// Connections of a TCP candidate.
    Tcp(SocketAddr, TcpType),
    /// An allocation.
    Relay(RelayId),
}

/// How far the checks of a pair are (RFC 8445 §6.1.2.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PairState {
    /// It waits for another pair of its foundation.
    Frozen,
    /// It is to be checked.
    Waiting,
    /// A check has been sent.
    InProgress,
    /// A check was answered: the pair is valid.
    Succeeded,
    /// It does not work.
    Failed(FailureReason),
}

impl PairState {
    /// Whether it is not known yet if the pair works.
    pub(crate) fn is_open(self) -> bool {
        matches!(self, Self::Frozen | Self::Waiting | Self::InProgress)
    }
}

/// What went by a pair.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PairTraffic {
    /// Checks sent, consent checks not counted, those sent again counted once more.
    pub requests_sent: u64,
    /// Checks that were answered with success.
    pub responses_received: u64,
    /// Authentic checks of the peer, those sent again counted once more.
    pub requests_received: u64,
    /// Answers to them.
    pub responses_sent: u64,
    /// Consent checks sent.
    pub consent_requests_sent: u64,
    /// Packets of the application sent, as told by [`Agent::data_sent`](crate::Agent::data_sent).
    pub packets_sent: u64,
    /// Their bytes.
    pub bytes_sent: u64,
    /// Packets of the application received, as told by [`Agent::data_received`](crate::Agent::data_received).
    pub packets_received: u64,
    /// Their bytes.
    pub bytes_received: u64,
}

#[derive(Debug)]
pub(crate) struct Pair {
    pub(crate) origin: Origin,
    pub(crate) peer: SocketAddr,
    pub(crate) local: LocalId,
    pub(crate) remote: RemoteId,
    /// Of which generation of credentials it is.
    pub(crate) epoch: u32,
    pub(crate) priority: u64,
    pub(crate) state: PairState,
    /// The connection that it goes by, if it is one of TCP.
    pub(crate) connection: Option<ConnectionId>,
    /// How packets go. [`None`]: they cannot (yet).
    pub(crate) route: Option<Route>,
    /// The local candidate of the address that the peer sees (RFC 8445 §7.2.5.3.2).
    pub(crate) mapped: Option<LocalId>,
    /// Whether the peer has proved to be there.
    pub(crate) is_authentic: bool,
    /// When the controlling agent last nominated it. On the controlled side, the pair may not be valid yet.
    pub(crate) named_at: Option<Instant>,
    /// Whether it is nominated, and valid (RFC 8445 §8.1).
    pub(crate) is_nominated: bool,
    /// The network has said that the peer cannot be reached.
    pub(crate) is_unreachable: bool,
    /// When it first was valid.
    pub(crate) valid_since: Option<Instant>,
    /// When a check was last answered.
    pub(crate) answered_at: Option<Instant>,
    /// When anything came by it.
    pub(crate) heard_at: Option<Instant>,
    /// When application data last left by it.
    pub(crate) sent_at: Option<Instant>,
    /// When it is checked next to keep it alive.
    pub(crate) keepalive_at: Option<Instant>,
    pub(crate) rtt: Option<Duration>,
    pub(crate) rtt_total: Duration,
    pub(crate) rtt_count: u64,
    pub(crate) traffic: PairTraffic,
}

impl Pair {
    /// Takes a measurement of how long an answer took.
    pub(crate) fn measured(&mut self, rtt: Duration) {
        self.rtt = Some(rtt);
        self.rtt_total += rtt;
        self.rtt_count += 1;
    }

    /// Whether a check can be sent now: a relay may have to be told first.
    pub(crate) fn is_ready(&self) -> bool {
        match self.origin {
            Origin::Udp(_) | Origin::Tcp(..) => true,
            Origin::Relay(_) => self.route.is_some(),
        }
    }

    pub(crate) fn is_valid(&self) -> bool {
        self.state == PairState::Succeeded
    }
}
