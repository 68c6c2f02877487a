//! CreatePermission, and what comes in without one (RFC 8656 §9, §10).

use super::{Check, conforms, refused_by, success, withstands};
use crate::turn_check::draft::Draft;
use crate::turn_check::peer::Peer;
use crate::turn_check::subject::Subject;
use crate::turn_check::turn::Turn;
use crate::turn_check::verdict::{Outcome, Verdict};
use moim_turn::attribute::XorPeerAddress;
use moim_turn::method;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

pub(super) const CHECKS: &[Check] = &[
    conforms("permission/create", "RFC 8656 §10.2", "installs a permission", create),
    conforms(
        "permission/no-peer",
        "RFC 8656 §10.2",
        "calls a CreatePermission without a peer malformed",
        no_peer,
    ),
    conforms("permission/several", "RFC 8656 §10.2", "installs several permissions by one request", several),
    conforms("permission/any-port", "RFC 8656 §9", "lets every port of a permitted address in", any_port),
    conforms(
        "permission/all-or-none",
        "RFC 8656 §10.2",
        "installs none of several if it refuses one",
        all_or_none,
    ),
    withstands(
        "permission/in",
        "RFC 8656 §11.3",
        "drops what a peer without permission sends",
        without_inwards,
    ),
    withstands(
        "permission/out",
        "RFC 8656 §11.2",
        "drops what is sent to a peer without permission",
        without_outwards,
    ),
];

/// A permission, and somebody whom it is for.
struct Pair {
    turn: Turn,
    peer: Peer,
    relayed: SocketAddr,
}

fn pair(subject: &Subject) -> Result<Pair, Verdict> {
    subject.needs_outside_peer()?;
    let turn = Turn::allocated(subject)?;
    let relayed = turn.relayed()?;
    Ok(Pair { turn, peer: Peer::open(subject.peer_ip)?, relayed })
}

fn create(subject: &Subject) -> Outcome {
    let mut turn = Turn::allocated(subject)?;
    let relayed = turn.relayed()?.ip();
    // The server's own relayed address is a peer that every server can reach; some relay only to such.
    let peers = [subject.peer_ip, relayed];
    let mut seen = Vec::new();
    for peer in peers {
        let reply = turn.permit(peer)?;
        if reply.is_success() {
            return Ok(format!("success for {peer}"));
        }
        seen.push(format!("{peer}: {}", reply.seen()));
    }
    Err(Verdict::skipped(format_args!("no peer that the server permits: {}", seen.join(", "))))
}

fn no_peer(subject: &Subject) -> Outcome {
    refused_by(&Turn::allocated(subject)?.call(&Draft::request(method::CREATE_PERMISSION))?, &[400])
}

fn several(subject: &Subject) -> Outcome {
    let Pair { mut turn, peer, relayed } = pair(subject)?;
    let draft = Draft::request(method::CREATE_PERMISSION)
        .with(&XorPeerAddress(SocketAddr::new(neighbour(subject.peer_ip), 1)))
        .with(&XorPeerAddress(SocketAddr::new(subject.peer_ip, 2)));
    let reply = turn.call(&draft)?;
    if reply.code() == Some(403) {
        return Err(Verdict::skipped("the server refuses the address next to the peer's"));
    }
    success(&reply)?;
    peer.send(relayed, b"second of two")?;
    match turn.receive(subject.patience)? {
        Some(_) => Ok("the second counts too".to_owned()),
        None => Err(Verdict::fail("the second does not count")),
    }
}

/// Another address of the same network.
fn neighbour(ip: IpAddr) -> IpAddr {
    match ip {
        IpAddr::V4(ip) => Ipv4Addr::from_bits(ip.to_bits() ^ 2).into(),
        IpAddr::V6(ip) => std::net::Ipv6Addr::from_bits(ip.to_bits() ^ 2).into(),
    }
}

fn any_port(subject: &Subject) -> Outcome {
    let Pair { mut turn, peer, relayed } = pair(subject)?;
    turn.permitted(subject.peer_ip)?;
    let other = Peer::open(subject.peer_ip)?;
    for (name, peer) in [("one", &peer), ("another", &other)] {
        peer.send(relayed, name.as_bytes())?;
        if turn.receive(subject.patience)?.is_none() {
            return Err(Verdict::fail(format_args!("nothing from {name} port")));
        }
    }
    Ok("from two ports".to_owned())
}

fn all_or_none(subject: &Subject) -> Outcome {
    let Pair { mut turn, peer, relayed } = pair(subject)?;
    let Some(forbidden) = forbidden(&mut turn)? else {
        return Err(Verdict::skipped("no peer that the server refuses"));
    };
    let draft = Draft::request(method::CREATE_PERMISSION)
        .with(&XorPeerAddress(peer.address()))
        .with(&XorPeerAddress(SocketAddr::new(forbidden, 9)));
    let seen = refused_by(&turn.call(&draft)?, &[403])?;
    peer.send(relayed, b"one of two")?;
    turn.link.next_before_fence().and_then(|first| match first {
        None => Ok(format!("{seen}, and nothing comes in")),
        Some(_) => Err(Verdict::fail(format_args!("{seen}, but the other peer's data comes in"))),
    })
}

/// A peer that the server refuses.
fn forbidden(turn: &mut Turn) -> Result<Option<IpAddr>, Verdict> {
    for address in ["255.255.255.255", "0.0.0.1", "169.254.169.254", "ff02::1", "fe80::1", "::"] {
        let ip: IpAddr = address.parse().map_err(|_| Verdict::skipped("not an address"))?;
        if turn.permit(ip)?.code() == Some(403) {
            return Ok(Some(ip));
        }
    }
    Ok(None)
}

fn without_inwards(subject: &Subject) -> Outcome {
    let Pair { mut turn, peer, relayed } = pair(subject)?;
    peer.send(relayed, b"nobody asked")?;
    match turn.receive(turn.link.settling())? {
        None => Ok("nothing".to_owned()),
        Some(_) => Err(Verdict::fail("it arrives")),
    }
}

fn without_outwards(subject: &Subject) -> Outcome {
    let Pair { mut turn, peer, .. } = pair(subject)?;
    turn.send_to(peer.address(), b"no permission")?;
    turn.send_on(crate::turn_check::turn::CHANNEL, b"no channel")?;
    match peer.receive(turn.link.settling())? {
        None => Ok("nothing".to_owned()),
        Some(_) => Err(Verdict::fail("it arrives")),
    }
}
