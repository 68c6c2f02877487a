//! Between the words of session descriptions and those of ICE: the only place that knows both.

use moim_ice as ice;
use moim_sdp as sdp;
use std::net::SocketAddr;

/// How a candidate of this side is told.
pub(crate) fn to_sdp(candidate: &ice::Candidate) -> sdp::Candidate {
    let (address, port) = match &candidate.address {
        ice::CandidateAddress::Socket(socket) => (sdp::CandidateAddress::Ip(socket.ip()), socket.port()),
        ice::CandidateAddress::Name { name, port } => (sdp::CandidateAddress::Name(name.clone()), *port),
    };
    let (protocol, tcp_type) = match candidate.protocol {
        ice::CandidateProtocol::Udp => (sdp::CandidateProtocol::Udp, None),
        ice::CandidateProtocol::Tcp(kind) => {
            let kind = match kind {
                ice::TcpType::Active => sdp::TcpType::Active,
                ice::TcpType::Passive => sdp::TcpType::Passive,
                ice::TcpType::SimultaneousOpen => sdp::TcpType::SimultaneousOpen,
            };
            (sdp::CandidateProtocol::Tcp, Some(kind))
        }
    };
    let kind = match candidate.kind {
        ice::CandidateKind::Host => sdp::CandidateKind::Host,
        ice::CandidateKind::ServerReflexive => sdp::CandidateKind::ServerReflexive,
        ice::CandidateKind::PeerReflexive => sdp::CandidateKind::PeerReflexive,
        ice::CandidateKind::Relayed => sdp::CandidateKind::Relayed,
    };
    // RFC 8839 §5.1: there has to be a related address for all but host candidates.
    let related = match kind {
        sdp::CandidateKind::Host => None,
        sdp::CandidateKind::ServerReflexive
        | sdp::CandidateKind::PeerReflexive
        | sdp::CandidateKind::Relayed => Some(candidate.related.unwrap_or_else(|| unspecified(candidate))),
    };
    let ufrag = candidate.ufrag.iter().map(|ufrag| ("ufrag".to_owned(), ufrag.clone()));
    sdp::Candidate {
        foundation: candidate.foundation.to_string(),
        component: ice::COMPONENT,
        protocol,
        priority: candidate.priority,
        address,
        port,
        kind,
        related,
        tcp_type,
        extensions: ufrag.collect(),
    }
}

/// A candidate of the other side. [`None`]: it is of a component that is not used, or not as it should be.
pub(crate) fn to_ice(candidate: &sdp::Candidate) -> Option<ice::Candidate> {
    if candidate.component != ice::COMPONENT {
        return None;
    }
    let address = match &candidate.address {
        sdp::CandidateAddress::Ip(ip) => ice::CandidateAddress::Socket(SocketAddr::new(*ip, candidate.port)),
        sdp::CandidateAddress::Name(name) => {
            ice::CandidateAddress::Name { name: name.clone(), port: candidate.port }
        }
    };
    let protocol = match (candidate.protocol, candidate.tcp_type) {
        (sdp::CandidateProtocol::Udp, _) => ice::CandidateProtocol::Udp,
        (sdp::CandidateProtocol::Tcp, Some(sdp::TcpType::Active)) => {
            ice::CandidateProtocol::Tcp(ice::TcpType::Active)
        }
        (sdp::CandidateProtocol::Tcp, Some(sdp::TcpType::Passive)) => {
            ice::CandidateProtocol::Tcp(ice::TcpType::Passive)
        }
        (sdp::CandidateProtocol::Tcp, Some(sdp::TcpType::SimultaneousOpen)) => {
            ice::CandidateProtocol::Tcp(ice::TcpType::SimultaneousOpen)
        }
        (sdp::CandidateProtocol::Tcp, None) => return None,
    };
    let kind = match candidate.kind {
        sdp::CandidateKind::Host => ice::CandidateKind::Host,
        sdp::CandidateKind::ServerReflexive => ice::CandidateKind::ServerReflexive,
        sdp::CandidateKind::PeerReflexive => ice::CandidateKind::PeerReflexive,
        sdp::CandidateKind::Relayed => ice::CandidateKind::Relayed,
    };
    Some(ice::Candidate {
        foundation: candidate.foundation.parse().ok()?,
        protocol,
        priority: candidate.priority,
        address,
        kind,
        related: candidate.related,
        ufrag: candidate.extension("ufrag").map(str::to_owned),
    })
}

/// What stands for a related address that is not told, as browsers write it.
fn unspecified(candidate: &ice::Candidate) -> SocketAddr {
    let is_v6 = candidate.socket().is_some_and(|socket| socket.is_ipv6());
    if is_v6 { SocketAddr::from(([0; 8], 0)) } else { SocketAddr::from(([0; 4], 0)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn candidates_go_there_and_back() {
        let texts = [
            "candidate:1 1 udp 2130706431 192.0.2.1 5000 typ host ufrag abcd",
            "candidate:2 1 udp 1694498815 203.0.113.7 6000 typ srflx raddr 192.0.2.1 rport 5000",
            "candidate:3 1 tcp 1518280447 2001:db8::1 9 typ host tcptype active",
            "candidate:4 1 tcp 1518280447 2001:db8::1 4443 typ host tcptype passive",
            "candidate:5 1 udp 16777215 198.51.100.2 7000 typ relay raddr 0.0.0.0 rport 0",
            "candidate:6 1 udp 2130706431 1e5c30b9-4ee1-4f12-a6e0-4c8a2e9f3b7d.local 5000 typ host",
        ];
        for text in texts {
            let candidate = sdp::Candidate::parse(text).unwrap();
            assert_eq!(to_sdp(&to_ice(&candidate).unwrap()).to_string(), text);
        }
    }

    #[test]
    fn what_cannot_be_used_is_none() {
        for text in [
            "candidate:1 2 udp 2130706430 192.0.2.1 5001 typ host",
            "candidate:3 1 tcp 1518280447 192.0.2.1 9 typ host",
        ] {
            assert_eq!(sdp::Candidate::parse(text).ok().as_ref().and_then(to_ice), None, "{text}");
        }
    }
}
