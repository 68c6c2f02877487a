//! ChannelBind (RFC 8656 §12).

use super::{Check, conforms, refused_by, success};
use crate::turn_check::draft::Draft;
use crate::turn_check::peer::Peer;
use crate::turn_check::subject::Subject;
use crate::turn_check::turn::{CHANNEL, Turn};
use crate::turn_check::verdict::{Outcome, Verdict};
use moim_turn::attribute::{ChannelNumberAttribute, XorPeerAddress};
use moim_turn::method;
use std::net::SocketAddr;

pub(super) const CHECKS: &[Check] = &[
    conforms("channel/bind", "RFC 8656 §12.2", "binds a channel to a peer, and again", bind),
    conforms("channel/number", "RFC 8656 §12.2", "refuses numbers that no channel may have", number),
    conforms(
        "channel/reserved-number",
        "RFC 8656 §12",
        "refuses numbers of RFC 5766 that RFC 8656 keeps for others",
        reserved_number,
    ),
    conforms("channel/other-peer", "RFC 8656 §12.2", "refuses a channel that is another peer's", other_peer),
    conforms(
        "channel/other-number",
        "RFC 8656 §12.2",
        "refuses a second channel for the same peer",
        other_number,
    ),
    conforms(
        "channel/incomplete",
        "RFC 8656 §12.2",
        "calls a ChannelBind without number or peer malformed",
        incomplete,
    ),
    conforms(
        "channel/no-allocation",
        "RFC 8656 §5",
        "answers 437 where there is no allocation",
        no_allocation,
    ),
    conforms("channel/permits", "RFC 8656 §12.2", "lets the peer of a channel in", permits),
];

/// An allocation, and a peer that the server permits: one outside, or its own relayed address.
fn with_peer(subject: &Subject) -> Result<(Turn, SocketAddr), Verdict> {
    let mut turn = Turn::allocated(subject)?;
    for ip in [subject.peer_ip, turn.relayed()?.ip()] {
        if turn.permit(ip)?.is_success() {
            return Ok((turn, SocketAddr::new(ip, 50_000)));
        }
    }
    Err(Verdict::skipped("no peer that the server permits"))
}

fn bind(subject: &Subject) -> Outcome {
    let (mut turn, peer) = with_peer(subject)?;
    success(&turn.bind(CHANNEL, peer)?)?;
    success(&turn.bind(CHANNEL, peer)?)?;
    Ok("success, twice".to_owned())
}

fn number(subject: &Subject) -> Outcome {
    let (mut turn, peer) = with_peer(subject)?;
    for number in [0, 0x3fff, 0x8000, 0xffff] {
        let reply = turn.bind(number, peer)?;
        refused_by(&reply, &[400])
            .map_err(|verdict| Verdict::fail(format_args!("{number:#06x}: {}", verdict.seen)))?;
    }
    Ok("error 400 for 0, 0x3fff, 0x8000, 0xffff".to_owned())
}

/// RFC 5766 had four times as many numbers, and clients of its time use them.
fn reserved_number(subject: &Subject) -> Outcome {
    let (mut turn, peer) = with_peer(subject)?;
    for number in [0x5000, 0x7fff] {
        let reply = turn.bind(number, peer)?;
        if reply.is_success() {
            return Err(Verdict::not_supported(format_args!("{number:#06x} is bound, as RFC 5766 had it")));
        }
        refused_by(&reply, &[400])?;
    }
    Ok("error 400 for 0x5000, 0x7fff".to_owned())
}

fn other_peer(subject: &Subject) -> Outcome {
    let (mut turn, peer) = with_peer(subject)?;
    success(&turn.bind(CHANNEL, peer)?)?;
    let other = SocketAddr::new(peer.ip(), peer.port() + 1);
    refused_by(&turn.bind(CHANNEL, other)?, &[400])
}

fn other_number(subject: &Subject) -> Outcome {
    let (mut turn, peer) = with_peer(subject)?;
    success(&turn.bind(CHANNEL, peer)?)?;
    refused_by(&turn.bind(CHANNEL + 1, peer)?, &[400])
}

fn incomplete(subject: &Subject) -> Outcome {
    let (mut turn, peer) = with_peer(subject)?;
    let request = || Draft::request(method::CHANNEL_BIND);
    refused_by(&turn.call(&request().with(&XorPeerAddress(peer)))?, &[400])?;
    refused_by(&turn.call(&request().with(&ChannelNumberAttribute(CHANNEL)))?, &[400])
}

fn no_allocation(subject: &Subject) -> Outcome {
    let mut turn = Turn::challenged(subject)?;
    refused_by(&turn.bind(CHANNEL, SocketAddr::new(subject.peer_ip, 50_000))?, &[437])
}

fn permits(subject: &Subject) -> Outcome {
    subject.needs_outside_peer()?;
    let peer = Peer::open(subject.peer_ip)?;
    let mut turn = Turn::allocated(subject)?;
    success(&turn.bind(CHANNEL, peer.address())?)?;
    peer.send(turn.relayed()?, b"by the channel")?;
    match turn.receive(subject.patience)? {
        Some(_) => Ok("its data arrives".to_owned()),
        None => Err(Verdict::fail("its data does not arrive")),
    }
}
