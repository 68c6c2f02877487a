//! What a client without credentials is told (RFC 8489 §9.2.4).

use super::{Check, conforms, refused_by, withstands};
use crate::turn_check::draft::{Draft, Reply};
use crate::turn_check::subject::Subject;
use crate::turn_check::turn::{Challenge, allocate_draft};
use crate::turn_check::verdict::{Outcome, Verdict};
use moim_stun::AttributeType;
use moim_turn::method;

pub(super) const CHECKS: &[Check] = &[
    conforms(
        "challenge/allocate",
        "RFC 8489 §9.2.4",
        "answers an Allocate without credentials by 401 with REALM and NONCE",
        allocate,
    ),
    conforms("challenge/realm", "RFC 8489 §9.2.4", "names the realm that it should", realm),
    conforms("challenge/unsealed", "RFC 8489 §9.2.4", "does not seal a challenge", unsealed),
    withstands(
        "challenge/every-method",
        "RFC 8656 §5",
        "wants credentials for every request of TURN",
        every_method,
    ),
    withstands(
        "challenge/nonces-differ",
        "RFC 8489 §9.2",
        "gives different clients different nonces",
        nonces_differ,
    ),
    withstands(
        "challenge/software",
        "information disclosure",
        "does not name its software to strangers",
        software,
    ),
];

fn unauthenticated(subject: &Subject, draft: &Draft) -> Result<Reply, Verdict> {
    subject.link()?.exchange(&draft.plain(), draft.id)
}

fn allocate(subject: &Subject) -> Outcome {
    let reply = unauthenticated(subject, &allocate_draft())?;
    let seen = refused_by(&reply, &[401])?;
    match Challenge::of(&reply) {
        Some(Challenge { realm, nonce, .. }) => {
            Ok(format!("{seen}, realm {realm:?}, nonce of {} bytes", nonce.len()))
        }
        None => Err(Verdict::fail(format_args!("{seen} without REALM and NONCE"))),
    }
}

fn realm(subject: &Subject) -> Outcome {
    let Some(wanted) = &subject.realm else { return Err(Verdict::skipped("needs --realm")) };
    let reply = unauthenticated(subject, &allocate_draft())?;
    match Challenge::of(&reply) {
        Some(Challenge { realm, .. }) if realm == *wanted => Ok(format!("{realm:?}")),
        Some(Challenge { realm, .. }) => Err(Verdict::fail(format_args!("{realm:?} instead of {wanted:?}"))),
        None => Err(Verdict::fail(reply.seen())),
    }
}

fn unsealed(subject: &Subject) -> Outcome {
    let reply = unauthenticated(subject, &allocate_draft())?;
    for integrity in [AttributeType::MESSAGE_INTEGRITY, AttributeType::MESSAGE_INTEGRITY_SHA256] {
        if reply.has(integrity) {
            return Err(Verdict::fail(format_args!(
                "attribute {integrity}, a MAC by a key that nobody shares"
            )));
        }
    }
    Ok("no message integrity".to_owned())
}

fn every_method(subject: &Subject) -> Outcome {
    let methods = [
        ("Refresh", method::REFRESH),
        ("CreatePermission", method::CREATE_PERMISSION),
        ("ChannelBind", method::CHANNEL_BIND),
        ("Connect", method::CONNECT),
        ("ConnectionBind", method::CONNECTION_BIND),
    ];
    let mut seen = Vec::new();
    for (name, method) in methods {
        let draft = Draft::request(method);
        let mut link = subject.link()?;
        let patience = link.patience();
        // A method that is not supported may be dropped; what must not be is a success.
        link.send(&draft.plain())?;
        match link.receive(patience / 4)?.and_then(Reply::new) {
            Some(reply) if reply.is_success() => {
                return Err(Verdict::fail(format_args!("{name}: success")));
            }
            Some(reply) => seen.push(format!("{name} {}", reply.code().unwrap_or_default())),
            None => seen.push(format!("{name} dropped")),
        }
    }
    Ok(seen.join(", "))
}

fn nonces_differ(subject: &Subject) -> Outcome {
    let mut nonces = Vec::new();
    for _ in 0..3 {
        let reply = unauthenticated(subject, &allocate_draft())?;
        let challenge = Challenge::of(&reply).ok_or_else(|| Verdict::skipped(reply.seen()))?;
        nonces.push(challenge.nonce);
    }
    nonces.sort();
    nonces.dedup();
    if nonces.len() == 3 {
        Ok("three of three".to_owned())
    } else {
        Err(Verdict::fail("the same nonce twice"))
    }
}

fn software(subject: &Subject) -> Outcome {
    let binding = unauthenticated(subject, &Draft::request(moim_stun::Method::BINDING))?;
    let challenge = unauthenticated(subject, &allocate_draft())?;
    for (name, reply) in [("Binding", binding), ("Allocate", challenge)] {
        if let Some(software) = reply.get::<moim_stun::attribute::Software<'_>>() {
            return Err(Verdict::fail(format_args!("{name}: {:?}", software.0)));
        }
    }
    Ok("no SOFTWARE".to_owned())
}
