//! Binding without credentials (RFC 8489 §6.3, §7).

use super::{Check, conforms, refused_by, silence, success};
use crate::turn_check::draft::{Draft, Reply};
use crate::turn_check::link::Transport;
use crate::turn_check::subject::Subject;
use crate::turn_check::verdict::{Outcome, Verdict};
use moim_stun::attribute::{UnknownAttributes, XorMappedAddress};
use moim_stun::{AttributeType, Class, FingerprintCheck, Method, Seal};

pub(super) const CHECKS: &[Check] = &[
    conforms(
        "binding/address",
        "RFC 8489 §6.3.1.1",
        "tells a client the address that its request came from",
        address,
    ),
    conforms(
        "binding/fingerprint",
        "RFC 8489 §7",
        "answers a request that has FINGERPRINT with one",
        fingerprint,
    ),
    conforms(
        "binding/bad-fingerprint",
        "RFC 8489 §6.3",
        "drops a message with a wrong FINGERPRINT",
        bad_fingerprint,
    ),
    conforms(
        "binding/unknown-attribute",
        "RFC 8489 §6.3.1",
        "refuses an attribute it must understand and does not, and names it",
        unknown_attribute,
    ),
    conforms(
        "binding/optional-attribute",
        "RFC 8489 §6.3.1",
        "passes over an attribute it need not understand",
        optional_attribute,
    ),
    conforms("binding/indication", "RFC 8489 §6.3.2", "does not answer an indication", indication),
    conforms("binding/response", "RFC 8489 §6.3", "does not answer a response", response),
    conforms(
        "binding/unknown-method",
        "RFC 8489 §6.3",
        "gives no address to a method that it does not know",
        unknown_method,
    ),
];

/// A method that nobody has registered.
const UNKNOWN_METHOD: u16 = 0xeee;

fn bind(subject: &Subject, seal: Seal<'_>, change: impl FnOnce(Draft) -> Draft) -> Result<Reply, Verdict> {
    let mut link = subject.link()?;
    let draft = change(Draft::request(Method::BINDING));
    link.exchange(&draft.bytes(seal), draft.id)
}

fn address(subject: &Subject) -> Outcome {
    let mut link = subject.link()?;
    let draft = Draft::request(Method::BINDING);
    let reply = link.exchange(&draft.plain(), draft.id)?;
    success(&reply)?;
    let Some(XorMappedAddress(mapped)) = reply.get() else {
        return Err(Verdict::fail("a success without XOR-MAPPED-ADDRESS"));
    };
    let local = link.local_addr()?;
    if mapped == local {
        return Ok(format!("{mapped}, which it has"));
    }
    // Behind a NAT the address cannot be known; a server on this machine or link has no excuse.
    if subject.server.ip().is_loopback() {
        return Err(Verdict::fail(format_args!("{mapped} instead of {local}")));
    }
    Ok(format!("{mapped}; this machine has {local}, so there is a NAT"))
}

fn fingerprint(subject: &Subject) -> Outcome {
    let with = bind(subject, Seal { fingerprint: true, ..Seal::default() }, |draft| draft)?;
    match with.message().check_fingerprint() {
        FingerprintCheck::Valid => Ok("FINGERPRINT, and right".to_owned()),
        FingerprintCheck::Absent => Err(Verdict::fail("no FINGERPRINT")),
        FingerprintCheck::Invalid => Err(Verdict::fail("a wrong FINGERPRINT")),
    }
}

fn bad_fingerprint(subject: &Subject) -> Outcome {
    let mut link = subject.link()?;
    let mut bytes = Draft::request(Method::BINDING).bytes(Seal { fingerprint: true, ..Seal::default() });
    *bytes.last_mut().expect("a message has a header") ^= 1;
    silence(link.answer_to(&bytes)?.as_ref())
}

fn unknown_attribute(subject: &Subject) -> Outcome {
    let unknown = AttributeType(0x7ffe);
    let reply = bind(subject, Seal::default(), |draft| draft.raw(unknown, &[0; 4]))?;
    let seen = refused_by(&reply, &[420])?;
    match reply.get::<UnknownAttributes>() {
        Some(listed) if listed.as_slice() == [unknown] => Ok(format!("{seen}, naming it")),
        Some(listed) => Err(Verdict::fail(format_args!("{seen}, but naming {:?}", listed.as_slice()))),
        None => Err(Verdict::fail(format_args!("{seen} without UNKNOWN-ATTRIBUTES"))),
    }
}

fn optional_attribute(subject: &Subject) -> Outcome {
    success(&bind(subject, Seal::default(), |draft| draft.raw(AttributeType(0xfffe), b"optional"))?)
}

fn indication(subject: &Subject) -> Outcome {
    silence(subject.link()?.answer_to(&Draft::indication(Method::BINDING).plain())?.as_ref())
}

fn response(subject: &Subject) -> Outcome {
    let mut link = subject.link()?;
    for class in [Class::SuccessResponse, Class::ErrorResponse] {
        silence(link.answer_to(&Draft::new(class, Method::BINDING).plain())?.as_ref())?;
    }
    Ok("no answer".to_owned())
}

fn unknown_method(subject: &Subject) -> Outcome {
    if subject.transport == Transport::Udp {
        let method = Method::new(UNKNOWN_METHOD).expect("it has 12 bits");
        let answer = subject.link()?.answer_to(&Draft::request(method).plain())?;
        // RFC 8489 §6.3 wants silence; an error tells no more than that the server is one.
        return match answer.and_then(Reply::new) {
            None => Ok("no answer".to_owned()),
            Some(reply) if reply.is_success() => Err(Verdict::fail("success")),
            Some(reply) => Ok(reply.seen()),
        };
    }
    Err(Verdict::skipped("over udp, where it is dropped alone"))
}
