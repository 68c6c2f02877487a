//! Allocate (RFC 8656 §7).

use super::{Check, conforms, refused_by, success, supported, withstands};
use crate::turn_check::draft::Draft;
use crate::turn_check::subject::Subject;
use crate::turn_check::turn::{Turn, allocate_draft};
use crate::turn_check::verdict::{Outcome, Verdict};
use moim_stun::AttributeType;
use moim_stun::attribute::UnknownAttributes;
use moim_turn::attribute::{DontFragment, Lifetime, RequestedTransport};
use moim_turn::method;

pub(super) const CHECKS: &[Check] = &[
    conforms(
        "allocate/response",
        "RFC 8656 §7.2",
        "tells relayed address, mapped address and lifetime",
        response,
    ),
    conforms(
        "allocate/lifetime-default",
        "RFC 8656 §7.2",
        "gives no less than its default lifetime to who asks for less",
        lifetime_short,
    ),
    conforms(
        "allocate/lifetime-max",
        "RFC 8656 §7.2",
        "bounds the lifetime that is asked for",
        lifetime_long,
    ),
    conforms(
        "allocate/no-transport",
        "RFC 8656 §7.2",
        "refuses an Allocate without REQUESTED-TRANSPORT as malformed",
        no_transport,
    ),
    conforms(
        "allocate/other-transport",
        "RFC 8656 §7.2",
        "refuses a transport that it does not relay by 442",
        other_transport,
    ),
    conforms("allocate/twice", "RFC 8656 §7.2", "refuses a second allocation on the 5-tuple by 437", twice),
    conforms(
        "allocate/retransmitted",
        "RFC 8656 §7.2",
        "answers a request that is sent again as it did at first",
        retransmitted,
    ),
    conforms(
        "allocate/unknown-attribute",
        "RFC 8489 §6.3.1",
        "refuses an attribute it must understand and does not, and names it",
        unknown_attribute,
    ),
    conforms(
        "allocate/dont-fragment",
        "RFC 8656 §7.2",
        "takes DONT-FRAGMENT, or says that it cannot",
        dont_fragment,
    ),
    conforms("allocate/port-range", "RFC 8656 §7.2", "gives ports from 49152 up", port_range),
    withstands("allocate/ports-random", "RFC 8656 §7.2", "gives ports that cannot be foretold", ports_random),
];

fn lifetime_of(subject: &Subject, asked: Option<u32>) -> Result<u32, Verdict> {
    let mut turn = Turn::challenged(subject)?;
    let draft = match asked {
        Some(seconds) => allocate_draft().with(&Lifetime(seconds)),
        None => allocate_draft(),
    };
    let reply = turn.allocate_by(&draft)?;
    success(&reply)?;
    let lifetime = reply.get::<Lifetime>().ok_or_else(|| Verdict::fail("a success without LIFETIME"))?;
    Ok(lifetime.0)
}

fn response(subject: &Subject) -> Outcome {
    let lifetime = lifetime_of(subject, None)?;
    let turn = Turn::allocated(subject)?;
    match (turn.relayed, turn.mapped) {
        (Some(relayed), Some(_)) if relayed.port() != 0 => Ok(format!("relayed {relayed}, for {lifetime} s")),
        (Some(relayed), Some(_)) => Err(Verdict::fail(format_args!("relayed address {relayed}"))),
        (None, _) => Err(Verdict::fail("a success without XOR-RELAYED-ADDRESS")),
        (_, None) => Err(Verdict::fail("a success without XOR-MAPPED-ADDRESS")),
    }
}

fn lifetime_short(subject: &Subject) -> Outcome {
    let default = lifetime_of(subject, None)?;
    let given = lifetime_of(subject, Some(2))?;
    if given >= default {
        Ok(format!("2 s asked for, {given} s given"))
    } else {
        Err(Verdict::fail(format_args!("2 s asked for, {given} s given, where {default} s is the default")))
    }
}

fn lifetime_long(subject: &Subject) -> Outcome {
    let given = lifetime_of(subject, Some(u32::MAX))?;
    if given <= 86_400 {
        Ok(format!("{} s asked for, {given} s given", u32::MAX))
    } else {
        Err(Verdict::fail(format_args!("{given} s given")))
    }
}

fn no_transport(subject: &Subject) -> Outcome {
    let mut turn = Turn::challenged(subject)?;
    let reply = turn.allocate_by(&Draft::request(method::ALLOCATE))?;
    refused_by(&reply, &[400])
}

fn other_transport(subject: &Subject) -> Outcome {
    let mut turn = Turn::challenged(subject)?;
    let reply = turn.allocate_by(&Draft::request(method::ALLOCATE).with(&RequestedTransport(132)))?;
    refused_by(&reply, &[442])
}

fn twice(subject: &Subject) -> Outcome {
    let mut turn = Turn::allocated(subject)?;
    refused_by(&turn.call(&allocate_draft())?, &[437])
}

fn retransmitted(subject: &Subject) -> Outcome {
    let mut turn = Turn::challenged(subject)?;
    if turn.link.transport().is_stream() {
        return Err(Verdict::skipped("over a stream nothing is sent again"));
    }
    let draft = allocate_draft();
    let bytes = turn.sealed(&draft);
    let first = turn.link.exchange(&bytes, draft.id)?;
    if !turn.took(&first) {
        return Err(Verdict::skipped(format_args!("cannot allocate: {}", first.seen())));
    }
    let relayed = turn.relayed;
    let second = turn.link.exchange(&bytes, draft.id)?;
    success(&second)?;
    turn.took(&second);
    if turn.relayed == relayed {
        Ok("the same relayed address".to_owned())
    } else {
        Err(Verdict::fail(format_args!("{:?}, then {:?}", relayed, turn.relayed)))
    }
}

fn unknown_attribute(subject: &Subject) -> Outcome {
    let unknown = AttributeType(0x7ffe);
    let mut turn = Turn::challenged(subject)?;
    let reply = turn.call(&allocate_draft().raw(unknown, &[0; 4]))?;
    turn.took(&reply);
    let seen = refused_by(&reply, &[420])?;
    match reply.get::<UnknownAttributes>() {
        Some(listed) if listed.as_slice() == [unknown] => Ok(format!("{seen}, naming it")),
        _ => Err(Verdict::fail(format_args!("{seen}, not naming it"))),
    }
}

fn dont_fragment(subject: &Subject) -> Outcome {
    let mut turn = Turn::challenged(subject)?;
    let reply = turn.allocate_by(&allocate_draft().with(&DontFragment))?;
    supported(&reply, "DONT-FRAGMENT")?;
    success(&reply)
}

/// The ports of some allocations that exist at the same time.
fn ports(subject: &Subject) -> Result<Vec<u16>, Verdict> {
    let mut turns = Vec::new();
    for _ in 0..6 {
        turns.push(Turn::allocated(subject)?);
    }
    turns.iter().map(|turn| turn.relayed().map(|relayed| relayed.port())).collect()
}

fn port_range(subject: &Subject) -> Outcome {
    let ports = ports(subject)?;
    match ports.iter().find(|port| **port < 49_152) {
        None => Ok(format!("{ports:?}")),
        Some(port) => Err(Verdict::fail(format_args!("port {port}"))),
    }
}

fn ports_random(subject: &Subject) -> Outcome {
    let ports = ports(subject)?;
    let steps: Vec<i32> = ports.windows(2).map(|pair| i32::from(pair[1]) - i32::from(pair[0])).collect();
    // Six ports drawn from 16,384 lie this close together once in millions of times.
    if steps.iter().all(|step| step.abs() <= 16) || steps.windows(2).all(|pair| pair[0] == pair[1]) {
        return Err(Verdict::fail(format_args!("{ports:?}: one follows the other")));
    }
    Ok(format!("{ports:?}"))
}
