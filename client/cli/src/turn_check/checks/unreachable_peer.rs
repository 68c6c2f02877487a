//! A peer that does not answer, or cannot be reached at all, is that peer's matter alone (RFC 8656 §11.5).

use super::{Check, conforms, success, withstands};
use crate::turn_check::draft::Reply;
use crate::turn_check::peer::Peer;
use crate::turn_check::subject::Subject;
use crate::turn_check::turn::{CHANNEL, Turn};
use crate::turn_check::verdict::{Outcome, Verdict};
use moim_turn::attribute::Icmp;
use moim_turn::method;
use std::net::SocketAddr;
use std::time::Instant;

pub(super) const CHECKS: &[Check] = &[
    withstands(
        "unreachable/disturbs-nobody",
        "RFC 8656 §11.5",
        "relays to other peers after one was unreachable",
        disturbs_nobody,
    ),
    withstands(
        "unreachable/keeps-allocation",
        "RFC 8656 §11.5",
        "keeps the allocation whose peer is unreachable",
        keeps_allocation,
    ),
    conforms("unreachable/icmp", "RFC 8656 §11.5", "tells the client of an ICMP error", icmp),
];

/// How many datagrams go to nobody: a server that counts errors may have a limit.
const COUNT: usize = 40;

/// An address where nobody listens.
fn nobody(subject: &Subject) -> Result<SocketAddr, Verdict> {
    Ok(Peer::open(subject.peer_ip)?.address())
}

fn allocation_that_talked_to_nobody(subject: &Subject) -> Result<Turn, Verdict> {
    subject.needs_outside_peer()?;
    let mut turn = Turn::allocated(subject)?;
    turn.permitted(subject.peer_ip)?;
    let nobody = nobody(subject)?;
    success(&turn.bind(CHANNEL, nobody)?)?;
    for _ in 0..COUNT {
        turn.send_to(nobody, b"is anybody there?")?;
        turn.send_on(CHANNEL, b"is anybody there?")?;
        // An error of a socket is told at the next use of it: there has to be one.
        std::thread::sleep(turn.link.settling() / 20);
    }
    Ok(turn)
}

fn disturbs_nobody(subject: &Subject) -> Outcome {
    let mut turn = allocation_that_talked_to_nobody(subject)?;
    let peer = Peer::open(subject.peer_ip)?;
    turn.send_to(peer.address(), b"to somebody")?;
    if peer.receive(subject.patience)?.is_none() {
        return Err(Verdict::fail("nothing reaches another peer"));
    }
    peer.send(turn.relayed()?, b"from somebody")?;
    let end = Instant::now() + subject.patience;
    while let Some(from) = turn.receive(end.saturating_duration_since(Instant::now()))? {
        if from.data() == b"from somebody" {
            return Ok(format!("after {} datagrams to nobody", 2 * COUNT));
        }
    }
    Err(Verdict::fail("nothing comes from another peer"))
}

fn keeps_allocation(subject: &Subject) -> Outcome {
    success(&allocation_that_talked_to_nobody(subject)?.refresh(None)?)
}

fn icmp(subject: &Subject) -> Outcome {
    subject.needs_outside_peer()?;
    let mut turn = Turn::allocated(subject)?;
    turn.permitted(subject.peer_ip)?;
    turn.send_to(nobody(subject)?, b"is anybody there?")?;
    let wait = turn.link.settling();
    while let Some(bytes) = turn.link.receive(wait)? {
        let Some(reply) = Reply::new(bytes) else { continue };
        if let (method::DATA, Some(Icmp { icmp_type, code, .. })) = (reply.message().method(), reply.get()) {
            return Ok(format!("ICMP type {icmp_type}, code {code}"));
        }
    }
    Err(Verdict::not_supported("no Data indication with ICMP"))
}
