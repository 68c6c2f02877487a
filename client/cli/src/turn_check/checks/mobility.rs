//! Mobility: an allocation that goes along when its client's address changes (RFC 8016).

use super::{Check, conforms, refused_by, success, supported, withstands};
use crate::turn_check::draft::Draft;
use crate::turn_check::link::Transport;
use crate::turn_check::subject::Subject;
use crate::turn_check::turn::{Turn, allocate_draft};
use crate::turn_check::verdict::{Outcome, Verdict};
use moim_turn::attribute::MobilityTicket;
use moim_turn::method;

pub(super) const CHECKS: &[Check] = &[
    conforms("mobility/ticket", "RFC 8016 §3.1", "gives a ticket to who asks for one", ticket),
    conforms(
        "mobility/move",
        "RFC 8016 §3.2.2",
        "moves the allocation to where its ticket comes from",
        moves,
    ),
    withstands("mobility/forged", "RFC 8016 §3.2.2", "refuses a ticket that it did not give", forged),
    withstands("mobility/stolen", "RFC 8016 §3.2.2", "refuses another user's ticket", stolen),
];

/// An allocation that can move.
fn mobile(subject: &Subject) -> Result<(Turn, Vec<u8>), Verdict> {
    subject.only_over(Transport::Udp)?;
    let mut turn = Turn::challenged(subject)?;
    let reply = turn.allocate_by(&allocate_draft().with(&MobilityTicket(&[])))?;
    supported(&reply, "MOBILITY-TICKET")?;
    if reply.code() == Some(405) {
        return Err(Verdict::not_supported("error 405: mobility is forbidden"));
    }
    success(&reply)?;
    match reply.get::<MobilityTicket<'_>>() {
        Some(ticket) if !ticket.0.is_empty() => Ok((turn, ticket.0.to_vec())),
        Some(_) => Err(Verdict::fail("an empty ticket")),
        None => Err(Verdict::not_supported("no MOBILITY-TICKET in the response")),
    }
}

fn ticket(subject: &Subject) -> Outcome {
    let (_turn, ticket) = mobile(subject)?;
    Ok(format!("{} bytes", ticket.len()))
}

fn with_ticket(ticket: &[u8]) -> Draft {
    Draft::request(method::REFRESH).with(&MobilityTicket(ticket))
}

fn moves(subject: &Subject) -> Outcome {
    let (mut old, ticket) = mobile(subject)?;
    let mut new = Turn::challenged(subject)?;
    let reply = new.call(&with_ticket(&ticket))?;
    success(&reply)?;
    new.relayed = old.relayed.take();
    success(&new.refresh(None)?)?;
    Ok("the new 5-tuple refreshes it".to_owned())
}

fn forged(subject: &Subject) -> Outcome {
    let (_turn, mut ticket) = mobile(subject)?;
    let mut other = Turn::challenged(subject)?;
    let middle = ticket.len() / 2;
    ticket[middle] ^= 0x55;
    super::refused(&other.call(&with_ticket(&ticket))?)
}

fn stolen(subject: &Subject) -> Outcome {
    let (mut turn, ticket) = mobile(subject)?;
    let mut thief = Turn::challenged_as(subject.link()?, subject.second()?)?;
    let seen = refused_by(&thief.call(&with_ticket(&ticket))?, &[400, 401, 403, 437, 441])?;
    success(&turn.refresh(None)?)
        .map_err(|_| Verdict::fail(format_args!("{seen}, but the owner has lost it")))?;
    Ok(format!("{seen}, and the owner keeps it"))
}
