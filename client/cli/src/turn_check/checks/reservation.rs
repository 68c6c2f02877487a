//! EVEN-PORT and RESERVATION-TOKEN (RFC 8656 §7.2).

use super::{Check, conforms, refused_by, success, supported};
use crate::turn_check::draft::Draft;
use crate::turn_check::subject::Subject;
use crate::turn_check::turn::{Turn, allocate_draft};
use crate::turn_check::verdict::{Outcome, Verdict};
use moim_turn::ReservationToken;
use moim_turn::attribute::EvenPort;

pub(super) const CHECKS: &[Check] = &[
    conforms("reservation/even-port", "RFC 8656 §7.2", "gives an even port to who asks for one", even_port),
    conforms(
        "reservation/next-port",
        "RFC 8656 §7.2",
        "keeps the next port for the token that it gives",
        next_port,
    ),
    conforms("reservation/once", "RFC 8656 §7.2", "takes a token once", once),
    conforms(
        "reservation/unknown-token",
        "RFC 8656 §7.2",
        "refuses a token that it did not give by 508",
        unknown_token,
    ),
    conforms(
        "reservation/token-and-even-port",
        "RFC 8656 §7.2",
        "calls both attributes in one request malformed",
        token_and_even_port,
    ),
];

/// An allocation made by this request; [`Err`] if EVEN-PORT is not supported.
fn allocated(subject: &Subject, draft: &Draft) -> Result<(Turn, Option<ReservationToken>), Verdict> {
    let mut turn = Turn::challenged(subject)?;
    let reply = turn.allocate_by(draft)?;
    supported(&reply, "EVEN-PORT")?;
    if reply.code() == Some(508) {
        return Err(Verdict::not_supported("error 508"));
    }
    success(&reply)?;
    let token = reply.get();
    Ok((turn, token))
}

fn even_port(subject: &Subject) -> Outcome {
    let (turn, _) = allocated(subject, &allocate_draft().with(&EvenPort { reserve: false }))?;
    let port = turn.relayed()?.port();
    if port.is_multiple_of(2) {
        Ok(format!("port {port}"))
    } else {
        Err(Verdict::fail(format_args!("port {port}")))
    }
}

fn reserved(subject: &Subject) -> Result<(Turn, ReservationToken), Verdict> {
    let (turn, token) = allocated(subject, &allocate_draft().with(&EvenPort { reserve: true }))?;
    let token = token.ok_or_else(|| Verdict::fail("a success without RESERVATION-TOKEN"))?;
    Ok((turn, token))
}

fn next_port(subject: &Subject) -> Outcome {
    let (first, token) = reserved(subject)?;
    let (second, _) = allocated(subject, &allocate_draft().with(&token))?;
    let (first, second) = (first.relayed()?, second.relayed()?);
    if second.ip() == first.ip() && second.port() == first.port() + 1 {
        Ok(format!("ports {} and {}", first.port(), second.port()))
    } else {
        Err(Verdict::fail(format_args!("{first}, then {second}")))
    }
}

fn once(subject: &Subject) -> Outcome {
    let (_first, token) = reserved(subject)?;
    let (_second, _) = allocated(subject, &allocate_draft().with(&token))?;
    let mut third = Turn::challenged(subject)?;
    let reply = third.allocate_by(&allocate_draft().with(&token))?;
    refused_by(&reply, &[508])
}

fn unknown_token(subject: &Subject) -> Outcome {
    let mut turn = Turn::challenged(subject)?;
    let reply = turn.call(&allocate_draft().with(&ReservationToken([0x5a; 8])))?;
    turn.took(&reply);
    supported(&reply, "RESERVATION-TOKEN")?;
    refused_by(&reply, &[508])
}

fn token_and_even_port(subject: &Subject) -> Outcome {
    let mut turn = Turn::challenged(subject)?;
    let draft = allocate_draft().with(&EvenPort { reserve: false }).with(&ReservationToken([7; 8]));
    let reply = turn.allocate_by(&draft)?;
    supported(&reply, "EVEN-PORT")?;
    refused_by(&reply, &[400])
}
