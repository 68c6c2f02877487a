//! What somebody who forges a source address gains: bytes of an answer for each byte of a request.

use super::{Check, withstands};
use crate::turn_check::draft::Draft;
use crate::turn_check::link::Transport;
use crate::turn_check::subject::Subject;
use crate::turn_check::turn::{allocate_draft, bind_draft};
use crate::turn_check::verdict::{Outcome, Verdict};
use moim_stun::attribute::{Nonce, Realm, Username};
use moim_stun::discovery::Padding;
use moim_stun::{Integrity, IntegrityKey, Method, Seal};
use moim_turn::method;
use std::net::SocketAddr;

pub(super) const CHECKS: &[Check] = &[
    withstands(
        "amplification/binding",
        "reflection",
        "answers a bare Binding with at most 1.6 times its bytes (2.2 to IPv6)",
        binding,
    ),
    withstands(
        "amplification/allocate",
        "reflection",
        "answers a bare Allocate with at most 3.6 times its bytes",
        allocate,
    ),
    withstands(
        "amplification/empty-allocate",
        "reflection",
        "answers an Allocate without any attribute with at most 3.6 times its bytes",
        empty_allocate,
    ),
    withstands(
        "amplification/refresh",
        "reflection",
        "answers a bare Refresh with at most 3.6 times its bytes",
        refresh,
    ),
    withstands(
        "amplification/create-permission",
        "reflection",
        "answers a bare CreatePermission with at most 3.6 times its bytes",
        create_permission,
    ),
    withstands(
        "amplification/channel-bind",
        "reflection",
        "answers a bare ChannelBind with at most 3.6 times its bytes",
        channel_bind,
    ),
    withstands(
        "amplification/stale-nonce",
        "reflection",
        "answers a nonce of somebody else's with at most 3.6 times the request's bytes",
        stale_nonce,
    ),
    withstands(
        "amplification/unknown-attributes",
        "reflection",
        "answers many unknown attributes with at most 1.6 times the request's bytes",
        unknown_attributes,
    ),
    withstands(
        "amplification/padding",
        "reflection",
        "answers PADDING with at most 1.6 times the request's bytes",
        padding,
    ),
    withstands("amplification/once", "RFC 8489 §6.3", "answers a request once", once),
];

/// Sends once, and bounds the bytes of all that answers, in tenths of the request's.
fn bounded(subject: &Subject, request: &[u8], tenths: usize) -> Outcome {
    subject.only_over(Transport::Udp)?;
    let mut link = subject.link()?;
    link.send(request)?;
    let mut answered = 0;
    let mut wait = link.patience() / 4;
    while let Some(answer) = link.receive(wait)? {
        answered += answer.len();
        wait = link.settling();
    }
    let seen = format!("{answered} bytes to {}", request.len());
    if answered * 10 <= request.len() * tenths { Ok(seen) } else { Err(Verdict::fail(seen)) }
}

fn binding(subject: &Subject) -> Outcome {
    // An IPv6 address of 24 bytes answers a request that may be a header alone: RFC 8489 has it so.
    let tenths = if subject.server.is_ipv4() { 16 } else { 22 };
    bounded(subject, &Draft::request(Method::BINDING).plain(), tenths)
}

fn allocate(subject: &Subject) -> Outcome {
    bounded(subject, &allocate_draft().plain(), 36)
}

fn empty_allocate(subject: &Subject) -> Outcome {
    bounded(subject, &Draft::request(method::ALLOCATE).plain(), 36)
}

fn refresh(subject: &Subject) -> Outcome {
    bounded(subject, &Draft::request(method::REFRESH).plain(), 36)
}

fn create_permission(subject: &Subject) -> Outcome {
    bounded(subject, &Draft::request(method::CREATE_PERMISSION).plain(), 36)
}

fn channel_bind(subject: &Subject) -> Outcome {
    let peer = SocketAddr::new(subject.peer_ip, 9);
    bounded(subject, &bind_draft(0x4000, peer).plain(), 36)
}

fn stale_nonce(subject: &Subject) -> Outcome {
    let key = IntegrityKey::short_term("any");
    let draft = allocate_draft().with(&Username("u")).with(&Realm("r")).with(&Nonce("n"));
    bounded(subject, &draft.bytes(Seal { integrity: Integrity::Sha1(&key), fingerprint: false }), 36)
}

fn unknown_attributes(subject: &Subject) -> Outcome {
    let draft = (0..100).fold(Draft::request(Method::BINDING), |draft, number| {
        draft.raw(moim_stun::AttributeType(0x7000 + number), &[])
    });
    bounded(subject, &draft.plain(), 16)
}

fn padding(subject: &Subject) -> Outcome {
    bounded(subject, &Draft::request(Method::BINDING).with(&Padding { len: 8 }).plain(), 16)
}

fn once(subject: &Subject) -> Outcome {
    subject.only_over(Transport::Udp)?;
    let mut link = subject.link()?;
    link.send(&allocate_draft().plain())?;
    let mut answers = 0;
    while link.receive(link.patience() / 4)?.is_some() {
        answers += 1;
    }
    if answers == 1 {
        Ok("one answer".to_owned())
    } else {
        Err(Verdict::fail(format_args!("{answers} answers")))
    }
}
