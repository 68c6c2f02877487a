//! Much of what nobody should do. Only made against a server on this machine, or in a private network of the user's own.

use super::{Check, Kind, success};
use crate::turn_check::draft::Draft;
use crate::turn_check::link::{Link, Transport};
use crate::turn_check::subject::Subject;
use crate::turn_check::turn::{Turn, allocate_draft};
use crate::turn_check::verdict::{Outcome, Verdict};
use moim_stun::Method;
use moim_turn::attribute::XorPeerAddress;
use moim_turn::method;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

pub(super) const CHECKS: &[Check] = &[
    floods(
        "flood/allocate",
        "resource limits",
        "serves a user during a flood of Allocates without credentials",
        allocates,
    ),
    floods("flood/binding", "resource limits", "serves a user during a flood of Bindings", bindings),
    floods(
        "flood/wrong-password",
        "resource limits",
        "serves a user during a flood of wrong passwords",
        wrong_passwords,
    ),
    floods("flood/replies", "reflection", "answers a flood from one address less than it is asked", replies),
    floods(
        "flood/allocations",
        "RFC 8656 §7.2 (486)",
        "bounds the allocations of one user, and serves another",
        allocations,
    ),
    floods(
        "flood/permissions",
        "RFC 8656 §10.2 (508)",
        "bounds the permissions of one allocation",
        permissions,
    ),
    floods(
        "flood/channels",
        "RFC 8656 §12.2 (508)",
        "bounds the channels of one allocation, or takes some hundreds",
        channels,
    ),
];

const fn floods(
    id: &'static str,
    reference: &'static str,
    rule: &'static str,
    run: fn(&Subject) -> Outcome,
) -> Check {
    Check { id, rule, reference, kind: Kind::Flood, run }
}

/// Datagrams of a flood.
const DATAGRAMS: usize = 30_000;
/// Ports that they come from.
const SOURCES: usize = 64;
/// Allocations tried by one user.
const ALLOCATIONS: usize = 300;
/// Permissions tried by one allocation.
const PERMISSIONS: u32 = 3000;
/// Channels tried by one allocation: fewer than there are numbers, since some servers take longer for each further one.
const CHANNELS: u16 = 512;

/// Sends `bytes` from many ports, and returns how many answers came.
fn flood(subject: &Subject, bytes: &[u8]) -> Result<usize, Verdict> {
    let mut links = Vec::new();
    for _ in 0..SOURCES {
        links.push(subject.link_by(Transport::Udp)?);
    }
    let mut answers = 0;
    for number in 0..DATAGRAMS {
        let link = &mut links[number % SOURCES];
        link.send(bytes)?;
        if number % SOURCES == 0 {
            answers += drain(&mut links, Duration::ZERO)?;
        }
    }
    Ok(answers + drain(&mut links, subject.patience / 20)?)
}

/// Takes what has come, so that answers are counted rather than lost in full buffers.
fn drain(links: &mut [Link], wait: Duration) -> Result<usize, Verdict> {
    let mut count = 0;
    for link in links {
        while link.receive(wait)?.is_some() {
            count += 1;
        }
    }
    Ok(count)
}

/// The flood, with a user's allocation from before it and one made right after it.
fn during(subject: &Subject, bytes: &[u8]) -> Outcome {
    let mut neighbour = Turn::allocated(subject)?;
    let answers = flood(subject, bytes)?;
    let seen = format!("{DATAGRAMS} requests, {answers} answers");
    success(&neighbour.refresh(None)?)
        .map_err(|verdict| Verdict::fail(format_args!("{seen}; Refresh: {}", verdict.seen)))?;
    let newcomer = Turn::allocated(subject);
    newcomer.map_err(|verdict| Verdict::fail(format_args!("{seen}; a new Allocate: {}", verdict.seen)))?;
    Ok(seen)
}

fn allocates(subject: &Subject) -> Outcome {
    during(subject, &allocate_draft().plain())
}

fn bindings(subject: &Subject) -> Outcome {
    during(subject, &Draft::request(Method::BINDING).plain())
}

fn wrong_passwords(subject: &Subject) -> Outcome {
    let link = subject.link_by(Transport::Udp)?;
    let turn = Turn::challenged_as(link, &subject.credential()?.with_wrong_password())?;
    during(subject, &turn.sealed(&allocate_draft()))
}

fn replies(subject: &Subject) -> Outcome {
    let answers = flood(subject, &allocate_draft().plain())?;
    let seen = format!("{answers} answers to {DATAGRAMS} requests");
    if answers * 2 < DATAGRAMS { Ok(seen) } else { Err(Verdict::fail(seen)) }
}

fn allocations(subject: &Subject) -> Outcome {
    let mut turns = Vec::new();
    let seen = loop {
        if turns.len() == ALLOCATIONS {
            break Err(Verdict::fail(format_args!("{ALLOCATIONS} allocations, and no end")));
        }
        let mut turn = Turn::challenged(subject)?;
        let reply = turn.call(&allocate_draft())?;
        if !turn.took(&reply) {
            break match reply.code() {
                Some(486 | 508) => Ok(format!("{} after {}", reply.seen(), turns.len())),
                _ => Err(Verdict::fail(format_args!("{} after {}", reply.seen(), turns.len()))),
            };
        }
        turns.push(turn);
    };
    let seen = seen?;
    let Ok(second) = subject.second() else { return Ok(seen) };
    let mut other = Turn::challenged_as(subject.link()?, second)?;
    let reply = other.call(&allocate_draft())?;
    if other.took(&reply) {
        Ok(format!("{seen}; another user still allocates"))
    } else {
        Err(Verdict::fail(format_args!("{seen}; another user: {}", reply.seen())))
    }
}

/// Global addresses, to which nothing is sent.
fn peer(number: u32) -> IpAddr {
    Ipv4Addr::from_bits(u32::from(Ipv4Addr::new(8, 0, 0, 1)) + number * 3).into()
}

fn permissions(subject: &Subject) -> Outcome {
    let mut turn = Turn::allocated(subject)?;
    for number in 0..PERMISSIONS / 20 {
        let draft = (0..20).fold(Draft::request(method::CREATE_PERMISSION), |draft, more| {
            draft.with(&XorPeerAddress(SocketAddr::new(peer(number * 20 + more), 9)))
        });
        let reply = turn.call(&draft)?;
        match reply.code() {
            None => {}
            Some(403) => return Err(Verdict::skipped("the server refuses outside peers: error 403")),
            Some(508 | 486) => return Ok(format!("{} after {}", reply.seen(), number * 20)),
            Some(_) => return Err(Verdict::fail(format_args!("{} after {}", reply.seen(), number * 20))),
        }
    }
    Err(Verdict::fail(format_args!("{PERMISSIONS} permissions, and no end")))
}

fn channels(subject: &Subject) -> Outcome {
    let mut turn = Turn::allocated(subject)?;
    for number in 0..CHANNELS {
        let reply = turn.bind(0x4000 + number, SocketAddr::new(peer(number.into()), 9))?;
        match reply.code() {
            None => {}
            Some(403) => return Err(Verdict::skipped("the server refuses outside peers: error 403")),
            Some(508 | 486) => return Ok(format!("{} after {number}", reply.seen())),
            Some(_) => return Err(Verdict::fail(format_args!("{} after {number}", reply.seen()))),
        }
    }
    Ok(format!("{CHANNELS} channels"))
}
