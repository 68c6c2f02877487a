//! What agents that have no session description tell each other, as text: one line each.

use moim_ice::{Candidate, CandidateAddress, CandidateKind, CandidateProtocol, IceCredentials, TcpType};
use std::net::SocketAddr;

/// What an agent says about itself.
#[derive(Debug)]
pub(super) struct Description {
    pub(super) credentials: IceCredentials,
    pub(super) candidates: Vec<Candidate>,
    /// Whether these are all candidates.
    pub(super) has_ended: bool,
}

/// A message by the path that an agent selected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Message {
    /// Whose word it is.
    pub(super) says: u64,
    pub(super) number: u64,
}

/// What a message begins with: neither STUN nor ChannelData begins so (RFC 7983).
const MARK: u8 = 0x90;
/// Messages are about as long as a packet of speech.
pub(super) const MESSAGE_LEN: usize = 120;

impl Message {
    pub(super) fn write(self) -> Vec<u8> {
        let mut bytes = vec![MARK];
        bytes.extend(self.says.to_be_bytes());
        bytes.extend(self.number.to_be_bytes());
        bytes.resize(MESSAGE_LEN, 0);
        bytes
    }

    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        Self::read_beginning(bytes).filter(|_| bytes.len() == MESSAGE_LEN)
    }

    /// Reads a message that something else may follow.
    pub(super) fn read_beginning(bytes: &[u8]) -> Option<Self> {
        let (mark, rest) = bytes.split_first()?;
        let (says, rest) = rest.split_first_chunk()?;
        let (number, _) = rest.split_first_chunk()?;
        let message = Self { says: u64::from_be_bytes(*says), number: u64::from_be_bytes(*number) };
        (*mark == MARK).then_some(message)
    }
}

pub(super) fn write_description<'a>(
    credentials: &IceCredentials,
    candidates: impl Iterator<Item = &'a Candidate>,
    has_ended: bool,
) -> String {
    let mut text = format!("{} {}\n", credentials.ufrag(), credentials.password());
    for candidate in candidates {
        text.push_str(&write_candidate(candidate));
        text.push('\n');
    }
    if has_ended {
        text.push_str("end\n");
    }
    text
}

pub(super) fn read_description(text: &str) -> Result<Description, String> {
    let mut lines = text.lines();
    let (ufrag, password) =
        lines.next().and_then(|line| line.split_once(' ')).ok_or("there are no credentials")?;
    let credentials = IceCredentials::new(ufrag, password).map_err(|error| error.to_string())?;
    let mut candidates = Vec::new();
    let mut has_ended = false;
    for line in lines {
        if line == "end" {
            has_ended = true;
        } else {
            candidates.push(read_candidate(line)?);
        }
    }
    Ok(Description { credentials, candidates, has_ended })
}

pub(super) fn write_candidate(candidate: &Candidate) -> String {
    let Candidate { foundation, protocol, priority, address, kind, related, ufrag } = candidate;
    let protocol = match protocol {
        CandidateProtocol::Udp => "udp",
        CandidateProtocol::Tcp(tcp_type) => tcp_type.as_str(),
    };
    let (host, port) = match address {
        CandidateAddress::Socket(address) => (address.ip().to_string(), address.port()),
        CandidateAddress::Name { name, port } => (name.clone(), *port),
    };
    let related = related.map_or_else(|| "-".to_owned(), |related| related.to_string());
    let ufrag = ufrag.as_deref().unwrap_or("-");
    format!("{foundation} {protocol} {priority} {host} {port} {} {related} {ufrag}", kind.as_str())
}

pub(super) fn read_candidate(text: &str) -> Result<Candidate, String> {
    read(text).ok_or_else(|| format!("{text:?} is no candidate"))
}

fn read(text: &str) -> Option<Candidate> {
    let words: Vec<_> = text.split(' ').collect();
    let [foundation, protocol, priority, host, port, kind, related, ufrag] = words.as_slice() else {
        return None;
    };
    let port = port.parse().ok()?;
    let address = match host.parse() {
        Ok(ip) => CandidateAddress::Socket(SocketAddr::new(ip, port)),
        Err(_) => CandidateAddress::Name { name: (*host).to_owned(), port },
    };
    let protocol = match *protocol {
        "udp" => CandidateProtocol::Udp,
        other => {
            let types = [TcpType::Active, TcpType::Passive, TcpType::SimultaneousOpen];
            CandidateProtocol::Tcp(types.into_iter().find(|tcp_type| tcp_type.as_str() == other)?)
        }
    };
    let kinds = [
        CandidateKind::Host,
        CandidateKind::ServerReflexive,
        CandidateKind::PeerReflexive,
        CandidateKind::Relayed,
    ];
    Some(Candidate {
        foundation: foundation.parse().ok()?,
        protocol,
        priority: priority.parse().ok()?,
        address,
        kind: kinds.into_iter().find(|known| known.as_str() == *kind)?,
        related: related.parse().ok(),
        ufrag: (*ufrag != "-").then(|| (*ufrag).to_owned()),
    })
}
