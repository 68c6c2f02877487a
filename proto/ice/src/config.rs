use crate::candidate::{CandidateProtocol, Protocol};
use moim_turn::Transport;
use moim_turn::client::{Credential, Families};
use std::net::SocketAddr;
use std::time::Duration;

/// Which agent decides (RFC 8445 §4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum IceRole {
    /// This agent nominates the pair.
    Controlling,
    /// The other agent does.
    Controlled,
}

impl IceRole {
    /// The other role.
    #[must_use]
    pub const fn opposite(self) -> Self {
        match self {
            Self::Controlling => Self::Controlled,
            Self::Controlled => Self::Controlling,
        }
    }
}

/// Which candidates are used and told to the peer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TransportPolicy {
    /// All.
    #[default]
    All,
    /// Relayed ones only: the peer does not learn the address of this side.
    Relay,
}

/// How a controlling agent nominates.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Nomination {
    /// One pair, once checks have shown which is best (RFC 8445 §8.1.1).
    #[default]
    Regular,
    /// Every pair with its first check, as RFC 5245 §8.1.1.2 had it: for tests of how others take it.
    Aggressive,
}

/// What an agent does, and how.
#[derive(Clone, Debug)]
pub struct Config {
    /// Which role it begins with. A conflict may change it (RFC 8445 §7.3.1.1).
    pub role: IceRole,
    /// Whether it only answers checks (RFC 8445 §2.5): for those whom everybody can reach. Such an agent is controlled.
    pub lite: bool,
    /// Which candidates it uses.
    pub policy: TransportPolicy,
    /// How it nominates.
    pub nomination: Nomination,
    /// Whether it may nominate another, much better pair after it has nominated one, because the peer said `renomination`.
    pub renomination: bool,
    /// Which relayed addresses it asks a TURN server for.
    pub relay_families: Families,
    /// What its user name fragments begin with: what tells a server's shards whose a packet is. Characters that a fragment
    /// cannot have are left out.
    pub ufrag_prefix: String,
    /// How long what takes.
    pub timing: Timing,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            role: IceRole::Controlled,
            lite: false,
            policy: TransportPolicy::All,
            nomination: Nomination::Regular,
            renomination: false,
            relay_families: Families::Both,
            ufrag_prefix: String::new(),
            timing: Timing::default(),
        }
    }
}

/// How long what takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    /// Between the beginnings of two transactions: Ta of RFC 8445 §14.2. Below 5 ms counts as 5 ms.
    pub pace: Duration,
    /// How long an answer takes at first guess, at least (RFC 8445 §14.3).
    pub rto: Duration,
    /// How often a check is sent before it has failed: Rc of RFC 8489 §6.2.1.
    pub requests_max: u32,
    /// How long better pairs are waited for once there is a valid one, before it is nominated.
    pub nominate_after: Duration,
    /// The same, if the valid one is relayed.
    pub nominate_relayed_after: Duration,
    /// How long there is hope although all pairs have failed (RFC 8863 §4).
    pub patience: Duration,
    /// Between two consent checks, give or take a fifth (RFC 7675 §5.1).
    pub consent_interval: Duration,
    /// For how long an answer gives consent (RFC 7675 §5.1).
    pub consent_timeout: Duration,
    /// For how long nothing at all may come by the selected pair before the connection counts as disconnected.
    pub disconnected_after: Duration,
    /// Between two checks that keep a valid pair alive that is not the selected one, and between two requests that keep a reflexive
    /// address alive.
    pub keepalive_interval: Duration,
    /// For how long valid pairs that are not selected are kept alive.
    pub keep_alternatives_for: Duration,
}

/// The least [`Timing::pace`] (RFC 8445 §14.2).
pub const PACE_MIN: Duration = Duration::from_millis(5);

impl Default for Timing {
    fn default() -> Self {
        Self {
            pace: Duration::from_millis(50),
            rto: Duration::from_millis(500),
            requests_max: 7,
            nominate_after: Duration::from_millis(250),
            nominate_relayed_after: Duration::from_secs(1),
            patience: Duration::from_millis(39_500),
            consent_interval: Duration::from_secs(5),
            consent_timeout: Duration::from_secs(30),
            disconnected_after: Duration::from_secs(8),
            keepalive_interval: Duration::from_secs(15),
            keep_alternatives_for: Duration::from_secs(120),
        }
    }
}

/// A transport address of the machine's own that the driver has bound, or connects from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LocalAddress {
    /// The address. Scope and flow of an IPv6 address are left out, IPv4 is IPv4: so it comes back in everything the agent says.
    ///
    /// The port of an active TCP candidate means nothing; 9 is what others put there (RFC 6544 §4.5).
    pub address: SocketAddr,
    /// What is bound there.
    pub protocol: CandidateProtocol,
    /// How much the interface is preferred: the higher, the more. Among equals, IPv6 and IPv4 take turns (RFC 8421 §4).
    pub preference: u16,
}

impl LocalAddress {
    /// A bound UDP socket, as much preferred as any.
    pub const fn udp(address: SocketAddr) -> Self {
        Self { address, protocol: CandidateProtocol::Udp, preference: u16::MAX }
    }
}

/// A server that candidates come from.
#[derive(Clone, Debug)]
pub enum IceServer {
    /// A STUN server, over UDP.
    Stun {
        /// Where it is.
        address: SocketAddr,
    },
    /// A TURN server. Of one for UDP, every local address gets a reflexive candidate too.
    Turn {
        /// Where it is.
        address: SocketAddr,
        /// What carries messages to it. Connections are the driver's to open.
        transport: TurnTransport,
        /// Who asks.
        credential: Credential,
    },
}

impl IceServer {
    /// Where it is.
    pub fn address(&self) -> SocketAddr {
        match self {
            Self::Stun { address } | Self::Turn { address, .. } => *address,
        }
    }
}

/// What carries messages to a TURN server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TurnTransport {
    /// Datagrams.
    Udp,
    /// A connection.
    Tcp,
    /// A connection under TLS.
    Tls,
}

impl TurnTransport {
    /// `udp`, `tcp` or `tls`, as W3C webrtc-stats spells it (`relayProtocol`).
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Udp => "udp",
            Self::Tcp => "tcp",
            Self::Tls => "tls",
        }
    }

    pub(crate) fn protocol(self) -> Protocol {
        match self {
            Self::Udp => Protocol::Udp,
            Self::Tcp => Protocol::Tcp,
            Self::Tls => Protocol::Tls,
        }
    }

    pub(crate) fn transport(self) -> Transport {
        match self {
            Self::Udp => Transport::Udp,
            Self::Tcp => Transport::Tcp,
            Self::Tls => Transport::Tls,
        }
    }
}
