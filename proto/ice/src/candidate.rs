use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

/// The only component there is: RTP and RTCP share it (RFC 8445 §13, RFC 8835 §3.4).
pub const COMPONENT: u16 = 1;
/// The longest foundation, in characters (RFC 8839 §5.1).
pub const FOUNDATION_LEN_MAX: usize = 32;

/// What carries packets of a pair, or to a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Protocol {
    /// Datagrams.
    Udp,
    /// A stream in the clear: to a peer with the framing of RFC 4571, to a TURN server with TURN's own.
    Tcp,
    /// A stream under TLS, to a TURN server only.
    Tls,
}

impl Protocol {
    /// A name for logs and statistics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Udp => "udp",
            Self::Tcp => "tcp",
            Self::Tls => "tls",
        }
    }
}

/// What a candidate is reached by, as session descriptions write it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CandidateProtocol {
    /// Datagrams.
    Udp,
    /// Connections (RFC 6544).
    Tcp(TcpType),
}

impl CandidateProtocol {
    /// What carries the packets.
    pub const fn protocol(self) -> Protocol {
        match self {
            Self::Udp => Protocol::Udp,
            Self::Tcp(_) => Protocol::Tcp,
        }
    }

    /// Whether an agent with a local candidate of this kind can begin to talk to a remote candidate of the other one (RFC 6544 §6.2).
    pub(crate) const fn reaches(self, remote: Self) -> bool {
        match (self, remote) {
            (Self::Udp, Self::Udp) => true,
            (Self::Tcp(local), Self::Tcp(remote)) => matches!(
                (local, remote),
                (TcpType::Active, TcpType::Passive) | (TcpType::SimultaneousOpen, TcpType::SimultaneousOpen)
            ),
            (Self::Udp, Self::Tcp(_)) | (Self::Tcp(_), Self::Udp) => false,
        }
    }
}

/// Who opens the connection (RFC 6544 §4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TcpType {
    /// This candidate connects.
    Active,
    /// This candidate waits for connections.
    Passive,
    /// Both connect at once.
    SimultaneousOpen,
}

impl TcpType {
    /// The word of session descriptions.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Passive => "passive",
            Self::SimultaneousOpen => "so",
        }
    }
}

/// How a candidate was found (RFC 8445 §4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CandidateKind {
    /// An address of the machine's own.
    Host,
    /// What a STUN or TURN server sees.
    ServerReflexive,
    /// What the peer sees.
    PeerReflexive,
    /// An address on a TURN server.
    Relayed,
}

impl CandidateKind {
    /// The word of session descriptions.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Host => "host",
            Self::ServerReflexive => "srflx",
            Self::PeerReflexive => "prflx",
            Self::Relayed => "relay",
        }
    }

    /// RFC 8445 §5.1.2.2; those of TCP are lower, so that UDP is tried first (RFC 6544 §4.2).
    const fn type_preference(self, protocol: CandidateProtocol) -> u32 {
        match (protocol, self) {
            (_, Self::Relayed) => 0,
            (CandidateProtocol::Udp, Self::Host) => 126,
            (CandidateProtocol::Udp, Self::PeerReflexive) => 110,
            (CandidateProtocol::Udp, Self::ServerReflexive) => 100,
            (CandidateProtocol::Tcp(_), Self::Host) => 90,
            (CandidateProtocol::Tcp(_), Self::PeerReflexive) => 80,
            (CandidateProtocol::Tcp(_), Self::ServerReflexive) => 70,
        }
    }
}

/// The priority of a candidate (RFC 8445 §5.1.2.1).
///
/// `local_preference` is what sets candidates of a kind apart. Of TCP candidates its upper three bits are taken by the direction (RFC
/// 6544 §4.2).
pub fn priority(kind: CandidateKind, protocol: CandidateProtocol, local_preference: u16) -> u32 {
    let local_preference = match protocol {
        CandidateProtocol::Udp => local_preference,
        CandidateProtocol::Tcp(tcp_type) => {
            let direction: u16 = match tcp_type {
                TcpType::Active => 6,
                TcpType::Passive => 4,
                TcpType::SimultaneousOpen => 2,
            };
            (direction << 13) | (local_preference >> 3)
        }
    };
    (kind.type_preference(protocol) << 24) | (u32::from(local_preference) << 8) | (256 - u32::from(COMPONENT))
}

/// The priority of a pair: both agents come to the same (RFC 8445 §6.1.2.3).
pub(crate) fn pair_priority(controlling: u32, controlled: u32) -> u64 {
    let (low, high) = (controlling.min(controlled), controlling.max(controlled));
    // Only priorities beyond those that RFC 8445 §5.1.2 allows do not fit.
    (u64::from(low) << 32).saturating_add(2 * u64::from(high) + u64::from(controlling > controlled))
}

/// Candidates of one foundation are likely to work, or not, together (RFC 8445 §5.1.1.3).
///
/// It is kept in place: copying it allocates nothing.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Foundation {
    bytes: [u8; FOUNDATION_LEN_MAX],
    len: u8,
}

/// A text is no [`Foundation`]: it is empty, longer than 32 characters, or has one that is not of `ice-char` (RFC 8839 §5.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a foundation has 1 to 32 letters, digits, '+' or '/'")]
pub struct InvalidFoundation;

impl Foundation {
    /// The foundation of this number, written in decimal.
    pub(crate) fn of_number(prefix: &str, number: u32) -> Self {
        format!("{prefix}{number}").parse().unwrap_or(Self { bytes: [b'0'; FOUNDATION_LEN_MAX], len: 1 })
    }

    /// Its text.
    pub fn as_str(&self) -> &str {
        // Only ASCII gets in, so nothing is ever replaced by the empty text.
        str::from_utf8(&self.bytes[..usize::from(self.len)]).unwrap_or_default()
    }
}

impl FromStr for Foundation {
    type Err = InvalidFoundation;

    fn from_str(text: &str) -> Result<Self, InvalidFoundation> {
        let is_valid = !text.is_empty() && text.len() <= FOUNDATION_LEN_MAX && text.bytes().all(is_ice_char);
        if !is_valid {
            return Err(InvalidFoundation);
        }
        let mut bytes = [0; FOUNDATION_LEN_MAX];
        bytes[..text.len()].copy_from_slice(text.as_bytes());
        Ok(Self { bytes, len: u8::try_from(text.len()).map_err(|_| InvalidFoundation)? })
    }
}

impl fmt::Display for Foundation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Foundation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// RFC 8839 §5.1, `ice-char`.
pub(crate) fn is_ice_char(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'+' || byte == b'/'
}

/// Where a candidate is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CandidateAddress {
    /// At a transport address.
    Socket(SocketAddr),
    /// At a name that has to be resolved: an mDNS name, which keeps the address from those who are not in the same network.
    Name {
        /// The name.
        name: String,
        /// The port.
        port: u16,
    },
}

impl From<SocketAddr> for CandidateAddress {
    fn from(address: SocketAddr) -> Self {
        Self::Socket(address)
    }
}

/// A transport address at which an agent may be reached (RFC 8445 §4).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// With which others it stands or falls.
    pub foundation: Foundation,
    /// What it is reached by.
    pub protocol: CandidateProtocol,
    /// The higher, the sooner it is tried.
    pub priority: u32,
    /// Where it is.
    pub address: CandidateAddress,
    /// How it was found.
    pub kind: CandidateKind,
    /// What it was found from: the base of a reflexive candidate, the mapped address of a relayed one.
    pub related: Option<SocketAddr>,
    /// Of which generation of credentials it is (RFC 8838 §5.4). [`None`]: of the current one.
    pub ufrag: Option<String>,
}

impl Candidate {
    /// Its transport address, if that is known.
    pub fn socket(&self) -> Option<SocketAddr> {
        match self.address {
            CandidateAddress::Socket(address) => Some(address),
            CandidateAddress::Name { .. } => None,
        }
    }
}

/// An address without what only the machine knows about it (scope, flow), IPv4 as IPv4.
pub(crate) fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

/// Whether a packet from one address may reach the other at all: same family, and neither loopback nor link-local mixed with others
/// (RFC 8445 §6.1.2.2).
pub(crate) fn may_reach(local: IpAddr, remote: IpAddr) -> bool {
    match (local, remote) {
        (IpAddr::V4(local), IpAddr::V4(remote)) => local.is_loopback() == remote.is_loopback(),
        (IpAddr::V6(local), IpAddr::V6(remote)) => {
            local.is_loopback() == remote.is_loopback()
                && local.is_unicast_link_local() == remote.is_unicast_link_local()
        }
        (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Covers: RFC 8445 §5.1.2.1, §5.1.2.2
    #[test]
    fn a_host_candidate_has_the_priority_of_the_formula() {
        assert_eq!(priority(CandidateKind::Host, CandidateProtocol::Udp, 65_535), 2_130_706_431);
        assert_eq!(priority(CandidateKind::ServerReflexive, CandidateProtocol::Udp, 65_535), 1_694_498_815);
        assert_eq!(priority(CandidateKind::Relayed, CandidateProtocol::Udp, 0), 255);
    }

    /// Covers: RFC 6544 §4.2
    #[test]
    fn connections_come_after_datagrams_and_active_before_passive() {
        let host = |protocol| priority(CandidateKind::Host, protocol, 65_535);
        let active = host(CandidateProtocol::Tcp(TcpType::Active));
        let passive = host(CandidateProtocol::Tcp(TcpType::Passive));
        let both = host(CandidateProtocol::Tcp(TcpType::SimultaneousOpen));

        assert!(host(CandidateProtocol::Udp) > active && active > passive && passive > both);
    }

    /// Covers: RFC 8445 §6.1.2.3
    #[test]
    fn both_agents_order_pairs_alike() {
        assert_eq!(pair_priority(2, 1), (1 << 32) + 4 + 1);
        assert_eq!(pair_priority(1, 2), (1 << 32) + 4);
        assert_eq!(pair_priority(u32::MAX, u32::MAX), u64::MAX);
    }

    /// Covers: RFC 8839 §5.1
    #[test]
    fn foundations_are_short_words() {
        assert_eq!("4234997325".parse::<Foundation>().unwrap().as_str(), "4234997325");
        assert_eq!("a+/9".parse::<Foundation>().unwrap().to_string(), "a+/9");
        for bad in ["", "a b", "a-b", &"1".repeat(33)] {
            assert_eq!(bad.parse::<Foundation>(), Err(InvalidFoundation), "{bad}");
        }
    }

    /// Covers: RFC 6544 §6.2
    #[test]
    fn only_whoever_connects_reaches_whoever_waits() {
        let tcp = CandidateProtocol::Tcp;
        assert!(tcp(TcpType::Active).reaches(tcp(TcpType::Passive)));
        assert!(tcp(TcpType::SimultaneousOpen).reaches(tcp(TcpType::SimultaneousOpen)));
        assert!(!tcp(TcpType::Passive).reaches(tcp(TcpType::Active)));
        assert!(!tcp(TcpType::Active).reaches(CandidateProtocol::Udp));
    }

    #[test]
    fn addresses_of_different_reach_do_not_meet() {
        let meet = |a: &str, b: &str| may_reach(a.parse().unwrap(), b.parse().unwrap());
        assert!(meet("192.0.2.1", "198.51.100.1") && meet("fe80::1", "fe80::2") && meet("::1", "::1"));
        assert!(
            !meet("fe80::1", "2001:db8::1") && !meet("127.0.0.1", "192.0.2.1") && !meet("::1", "127.0.0.1")
        );
    }
}
