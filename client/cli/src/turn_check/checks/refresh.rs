//! Refresh (RFC 8656 §8).

use super::{Check, conforms, refused_by, success};
use crate::turn_check::draft::Draft;
use crate::turn_check::peer::Peer;
use crate::turn_check::subject::Subject;
use crate::turn_check::turn::Turn;
use crate::turn_check::verdict::{Outcome, Verdict};
use moim_turn::AddressFamily;
use moim_turn::attribute::{Lifetime, RequestedAddressFamily};
use moim_turn::method;
use std::thread;
use std::time::{Duration, Instant};

pub(super) const CHECKS: &[Check] = &[
    conforms("refresh/extends", "RFC 8656 §8.2", "keeps an allocation and says for how long", extends),
    conforms("refresh/deletes", "RFC 8656 §8.2", "deletes an allocation at lifetime 0", deletes),
    conforms(
        "refresh/allocate-again",
        "RFC 8656 §8.2",
        "lets the 5-tuple allocate again after that",
        allocate_again,
    ),
    conforms(
        "refresh/stops-relaying",
        "RFC 8656 §8.2",
        "relays nothing for an allocation that is deleted",
        stops_relaying,
    ),
    conforms("refresh/none", "RFC 8656 §5", "answers 437 where there is no allocation", none),
    conforms(
        "refresh/other-family",
        "RFC 8656 §8.2",
        "refuses a family that the allocation does not have by 443",
        other_family,
    ),
    conforms("refresh/bounded", "RFC 8656 §8.2", "bounds the lifetime that is asked for", bounded),
];

/// How long a deleted allocation is waited for to be gone, to tell how far from the rule the server is.
const LINGER_MAX: Duration = Duration::from_secs(3);

fn extends(subject: &Subject) -> Outcome {
    let mut turn = Turn::allocated(subject)?;
    let reply = turn.refresh(None)?;
    success(&reply)?;
    match reply.get::<Lifetime>() {
        Some(Lifetime(seconds)) if seconds > 0 => Ok(format!("{seconds} s")),
        Some(_) => Err(Verdict::fail("0 s")),
        None => Err(Verdict::fail("a success without LIFETIME")),
    }
}

fn deletes(subject: &Subject) -> Outcome {
    let mut turn = Turn::allocated(subject)?;
    success(&turn.refresh(Some(0))?)?;
    let reply = turn.refresh(None)?;
    let refused = refused_by(&reply, &[437]).map(|seen| format!("then {seen}"));
    if refused.is_ok() {
        turn.relayed = None;
        return refused;
    }
    // The Refresh has prolonged what it found. A CreatePermission tells whether it is still there, and does not.
    turn.refresh(Some(0))?;
    let begun = Instant::now();
    while begun.elapsed() < LINGER_MAX && !matches!(turn.permit(subject.peer_ip)?.code(), Some(400 | 437)) {
        thread::sleep(LINGER_MAX / 30);
    }
    refused.map_err(|verdict| {
        Verdict::fail(format_args!("{}; gone after {:.1} s", verdict.seen, begun.elapsed().as_secs_f32()))
    })
}

fn allocate_again(subject: &Subject) -> Outcome {
    let mut turn = Turn::allocated(subject)?;
    success(&turn.refresh(Some(0))?)?;
    turn.relayed = None;
    let reply = turn.call(&crate::turn_check::turn::allocate_draft())?;
    turn.took(&reply);
    success(&reply)
}

fn stops_relaying(subject: &Subject) -> Outcome {
    subject.needs_outside_peer()?;
    let peer = Peer::open(subject.peer_ip)?;
    let mut turn = Turn::allocated(subject)?;
    let relayed = turn.relayed()?;
    turn.permitted(subject.peer_ip)?;
    success(&turn.refresh(Some(0))?)?;
    turn.relayed = None;
    turn.send_to(peer.address(), b"after the end")?;
    peer.send(relayed, b"after the end")?;
    if turn.receive(turn.link.settling())?.is_some() {
        return Err(Verdict::fail("data from a peer still arrives"));
    }
    match peer.receive(turn.link.settling())? {
        None => Ok("nothing, either way".to_owned()),
        Some(_) => Err(Verdict::fail("data to a peer still arrives")),
    }
}

fn none(subject: &Subject) -> Outcome {
    let mut turn = Turn::challenged(subject)?;
    let reply = turn.refresh(None)?;
    let seen = refused_by(&reply, &[437])?;
    let reply = turn.permit(subject.peer_ip)?;
    refused_by(&reply, &[437]).map_err(|verdict| {
        Verdict::fail(format_args!("Refresh: {seen}, CreatePermission: {}", verdict.seen))
    })?;
    Ok(format!("{seen}, for CreatePermission too"))
}

fn other_family(subject: &Subject) -> Outcome {
    let mut turn = Turn::allocated(subject)?;
    let other = if turn.relayed()?.is_ipv4() { AddressFamily::Ipv6 } else { AddressFamily::Ipv4 };
    let draft = Draft::request(method::REFRESH).with(&RequestedAddressFamily::from(other));
    refused_by(&turn.call(&draft)?, &[443])
}

fn bounded(subject: &Subject) -> Outcome {
    let mut turn = Turn::allocated(subject)?;
    let reply = turn.refresh(Some(u32::MAX))?;
    success(&reply)?;
    match reply.get::<Lifetime>() {
        Some(Lifetime(seconds)) if seconds <= 86_400 => Ok(format!("{seconds} s given")),
        Some(Lifetime(seconds)) => Err(Verdict::fail(format_args!("{seconds} s given"))),
        None => Err(Verdict::fail("a success without LIFETIME")),
    }
}
