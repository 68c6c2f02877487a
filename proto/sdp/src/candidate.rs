use crate::limit;
use crate::text::{self, Expected};
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

/// A way to reach somebody, as text carries it (RFC 8839 §5.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// Candidates of the same kind, base and server have the same: 1 to 32 characters.
    pub foundation: String,
    /// 1 for RTP, and for all there is when RTCP is multiplexed.
    pub component: u16,
    /// Over what.
    pub protocol: CandidateProtocol,
    /// The higher, the better.
    pub priority: u32,
    /// Where.
    pub address: CandidateAddress,
    /// At which port; 9 for TCP candidates that only connect.
    pub port: u16,
    /// How it was found.
    pub kind: CandidateKind,
    /// What it was derived from, for diagnosis.
    pub related: Option<SocketAddr>,
    /// Who connects, over TCP (RFC 6544 §4.5).
    pub tcp_type: Option<TcpType>,
    /// `ufrag`, `generation`, `network-id` and whatever else follows, in order.
    pub extensions: Vec<(String, String)>,
}

/// Why a text is no candidate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CandidateError {
    /// It is of a transport or a type that this crate does not know. RFC 8839 §5.1 has such candidates ignored.
    #[error("its transport or type is not known")]
    Unsupported,
    /// It is not of the form that candidates have.
    #[error("{0} was expected")]
    Malformed(&'static str),
}

/// What a candidate is reached over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CandidateProtocol {
    /// UDP.
    Udp,
    /// TCP (RFC 6544).
    Tcp,
}

/// Where a candidate is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum CandidateAddress {
    /// At an address.
    Ip(IpAddr),
    /// At a name, such as those ending in `.local` that hide an address.
    Name(String),
}

/// How a candidate was found (RFC 8445 §5.1.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CandidateKind {
    /// It is an address of the machine.
    Host,
    /// A STUN server saw it.
    ServerReflexive,
    /// The other side saw it.
    PeerReflexive,
    /// A TURN server lends it.
    Relayed,
}

/// Who opens the connection of a TCP candidate (RFC 6544 §4.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TcpType {
    /// The one whose candidate it is.
    Active,
    /// The other.
    Passive,
    /// Both at once.
    SimultaneousOpen,
}

impl Candidate {
    /// Reads a candidate, be it an attribute's value, an attribute (`candidate:…`) or a line (`a=candidate:…`).
    pub fn parse(text: &str) -> Result<Self, CandidateError> {
        const EXPECTED: Expected =
            "a candidate: foundation, component, transport, priority, address, port, `typ` and its type";
        let malformed = CandidateError::Malformed;
        let text = text.strip_prefix("a=").unwrap_or(text);
        let text = text.strip_prefix("candidate:").unwrap_or(text);
        if text.len() > limit::CANDIDATE_LEN_MAX {
            return Err(malformed("a candidate of at most 1,024 bytes"));
        }
        let mut words = text::words(text.trim_end());
        let mut next = || words.next().ok_or(malformed(EXPECTED));

        let foundation = next()?;
        if foundation.len() > 32 || !text::is_ice_text(foundation) {
            return Err(malformed("a foundation of 1 to 32 letters, digits, `+` or `/`"));
        }
        let component = text::number(next()?, "a component from 1 to 256").map_err(malformed)?;
        if !(1..=256).contains(&component) {
            return Err(malformed("a component from 1 to 256"));
        }
        let protocol = CandidateProtocol::parse(next()?);
        let priority = text::number(next()?, "a priority of 32 bits").map_err(malformed)?;
        let address = next()?.parse().map_err(malformed)?;
        let port = text::number(next()?, "a port up to 65535").map_err(malformed)?;
        if next()? != "typ" {
            return Err(malformed(EXPECTED));
        }
        let kind = CandidateKind::parse(next()?);
        let (Some(protocol), Some(kind)) = (protocol, kind) else { return Err(CandidateError::Unsupported) };
        let mut candidate = Self {
            foundation: foundation.to_owned(),
            component,
            protocol,
            priority,
            address,
            port,
            kind,
            related: None,
            tcp_type: None,
            extensions: Vec::new(),
        };
        candidate.extend(words).map_err(malformed)?;
        Ok(candidate)
    }

    /// Reads what follows the type: names and values in turn.
    fn extend<'a>(&mut self, mut words: impl Iterator<Item = &'a str>) -> Result<(), Expected> {
        while let Some(name) = words.next() {
            let value = words.next().ok_or("a value after each name that follows the type")?;
            if name == "tcptype" {
                self.tcp_type =
                    Some(TcpType::parse(value).ok_or("`tcptype` with `active`, `passive` or `so`")?);
            } else {
                self.extensions.push((name.to_owned(), value.to_owned()));
            }
        }
        self.related = match self.extensions.as_slice() {
            [(raddr, address), (rport, port), ..] if raddr == "raddr" && rport == "rport" => {
                address.parse().ok().zip(port.parse().ok()).map(|(ip, port)| SocketAddr::new(ip, port))
            }
            _ => None,
        };
        if self.related.is_some() {
            self.extensions.drain(..2);
        }
        Ok(())
    }

    /// The value of an extension such as `ufrag`.
    pub fn extension(&self, name: &str) -> Option<&str> {
        let (_, value) = self.extensions.iter().find(|(other, _)| other == name)?;
        Some(value)
    }
}

impl FromStr for Candidate {
    type Err = CandidateError;

    fn from_str(text: &str) -> Result<Self, CandidateError> {
        Self::parse(text)
    }
}

/// As in an attribute: `candidate:…`.
impl fmt::Display for Candidate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { foundation, component, protocol, priority, address, port, kind, .. } = self;
        write!(f, "candidate:{foundation} {component} {protocol} {priority} {address} {port} typ {kind}")?;
        if let Some(related) = self.related {
            write!(f, " raddr {} rport {}", related.ip(), related.port())?;
        }
        if let Some(tcp_type) = self.tcp_type {
            write!(f, " tcptype {tcp_type}")?;
        }
        self.extensions.iter().try_for_each(|(name, value)| write!(f, " {name} {value}"))
    }
}

impl CandidateProtocol {
    /// Its word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Udp => "udp",
            Self::Tcp => "tcp",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        [Self::Udp, Self::Tcp].into_iter().find(|protocol| protocol.as_str().eq_ignore_ascii_case(text))
    }
}

impl fmt::Display for CandidateProtocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl CandidateAddress {
    /// The address, if it is one.
    pub fn ip(&self) -> Option<IpAddr> {
        match self {
            Self::Ip(ip) => Some(*ip),
            Self::Name(_) => None,
        }
    }
}

impl FromStr for CandidateAddress {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Ok(ip) = text.parse() {
            return Ok(Self::Ip(ip));
        }
        let is_name = !text.is_empty()
            && text.len() <= 255
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte));
        if is_name { Ok(Self::Name(text.to_owned())) } else { Err("an address or a name") }
    }
}

impl fmt::Display for CandidateAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ip(ip) => ip.fmt(f),
            Self::Name(name) => f.write_str(name),
        }
    }
}

impl CandidateKind {
    /// Its word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Host => "host",
            Self::ServerReflexive => "srflx",
            Self::PeerReflexive => "prflx",
            Self::Relayed => "relay",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        [Self::Host, Self::ServerReflexive, Self::PeerReflexive, Self::Relayed]
            .into_iter()
            .find(|kind| kind.as_str() == text)
    }
}

impl fmt::Display for CandidateKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl TcpType {
    /// Its word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Passive => "passive",
            Self::SimultaneousOpen => "so",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        [Self::Active, Self::Passive, Self::SimultaneousOpen].into_iter().find(|kind| kind.as_str() == text)
    }
}

impl fmt::Display for TcpType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
