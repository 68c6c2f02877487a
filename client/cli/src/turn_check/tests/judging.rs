//! What the checks make of servers that do right, and of servers that do wrong.

use super::scripted::{Script, challenging, credulous, judge, respond, status};
use crate::turn_check::verdict::Status;
use moim_stun::attribute::{ErrorCode, Nonce, PasswordAlgorithms, Realm, Software, XorMappedAddress};
use moim_stun::{Class, Integrity, IntegrityKey, Message, Method};
use std::net::SocketAddr;

#[test]
fn a_server_by_the_book_passes() {
    for id in [
        "binding/address",
        "binding/fingerprint",
        "binding/bad-fingerprint",
        "binding/unknown-attribute",
        "binding/optional-attribute",
        "binding/indication",
        "binding/response",
        "challenge/allocate",
        "challenge/realm",
        "challenge/unsealed",
        "challenge/every-method",
        "challenge/nonces-differ",
        "challenge/software",
        "credentials/wrong-password",
        "credentials/unknown-user",
        "amplification/binding",
        "amplification/allocate",
        "amplification/once",
    ] {
        let finding = judge(id, challenging);

        assert_eq!(finding.verdict.status, Status::Pass, "{id}: {}", finding.verdict.seen);
    }
}

/// On a busy machine, answers take so long that a request is sent again; both are answered.
#[test]
fn answers_that_come_again_are_no_other_answers() {
    let doubling: Script =
        |datagram, source| [challenging(datagram, source), challenging(datagram, source)].concat();
    for id in ["binding/response", "binding/indication"] {
        let finding = judge(id, doubling);

        assert_eq!(finding.verdict.status, Status::Pass, "{id}: {}", finding.verdict.seen);
    }
}

#[test]
fn a_server_that_does_wrong_fails() {
    let wrong: [(&str, Script); 14] = [
        ("binding/address", |datagram, source| binding_at(datagram, SocketAddr::new(source.ip(), 1))),
        ("binding/fingerprint", binding_at),
        ("binding/bad-fingerprint", binding_at),
        ("binding/unknown-attribute", binding_at),
        ("binding/indication", binding_at),
        ("binding/response", binding_at),
        ("challenge/allocate", without_nonce),
        ("challenge/realm", |datagram, _| challenge(datagram, "elsewhere", "nonce")),
        ("challenge/unsealed", sealed),
        ("challenge/every-method", binding_at),
        ("challenge/nonces-differ", |datagram, _| challenge(datagram, "realm", "nonce")),
        ("challenge/software", talkative),
        ("amplification/binding", talkative),
        ("amplification/once", |datagram, source| {
            [challenging(datagram, source), challenging(datagram, source)].concat()
        }),
    ];
    for (id, script) in wrong {
        assert_eq!(status(id, script), Status::Fail, "{id}");
    }
}

#[test]
fn a_server_that_believes_everybody_fails() {
    for id in [
        "credentials/wrong-password",
        "credentials/unknown-user",
        "credentials/tampered",
        "credentials/stale-nonce",
        "credentials/nonce-of-another-port",
        "credentials/replay",
        "credentials/other-user",
        "allocate/no-transport",
        "allocate/other-transport",
        "allocate/twice",
        "allocate/unknown-attribute",
        "families/unknown",
        "families/additional-ipv4",
        "reservation/unknown-token",
        "refresh/none",
        "permission/no-peer",
        "channel/number",
        "channel/other-peer",
        "forbidden/loopback",
        "forbidden/v6-mapped-loopback",
        "forbidden/metadata",
        "malformed/values",
    ] {
        let finding = judge(id, credulous);

        assert_eq!(finding.verdict.status, Status::Fail, "{id}: {}", finding.verdict.seen);
    }
    for id in
        ["credentials/right", "credentials/response-sealed", "allocate/retransmitted", "refresh/extends"]
    {
        assert_eq!(status(id, credulous), Status::Pass, "{id}");
    }
}

#[test]
fn a_server_that_is_gone_fails_whatever_is_checked() {
    let finding = judge("binding/indication", |_, _| Vec::new());

    assert_eq!(finding.verdict.status, Status::Fail);
    assert!(finding.verdict.seen.contains("afterwards: no answer"), "{}", finding.verdict.seen);
}

/// Covers: RFC 8489 §9.2 (the security feature bits of the nonce)
#[test]
fn algorithms_that_can_be_stripped_are_told_from_those_that_cannot() {
    const COOKIE: &str = "obMatJos2gAAA-and-more";
    let offered: [(Script, Status); 4] = [
        (|datagram, _| challenge_with(datagram, COOKIE, true), Status::Pass),
        (|datagram, _| challenge_with(datagram, "obMatJos2AAAA", true), Status::Fail),
        (|datagram, _| challenge_with(datagram, "plain", true), Status::Fail),
        (|datagram, _| challenge_with(datagram, COOKIE, false), Status::Fail),
    ];
    for (script, expected) in offered {
        let finding = judge("algorithms/offered", script);

        assert_eq!(finding.verdict.status, expected, "{}", finding.verdict.seen);
    }
    assert_eq!(status("algorithms/offered", challenging), Status::NotSupported);
}

#[test]
fn what_needs_something_that_is_not_there_is_skipped() {
    assert_eq!(status("flood/binding", challenging), Status::Skipped);
    assert_eq!(status("credentials/expired", challenging), Status::Skipped);
    assert_eq!(status("data/send", challenging), Status::Skipped);
    assert_eq!(status("discovery/other-address", challenging), Status::NotSupported);
}

/// Answers anything by the success of a Binding.
fn binding_at(datagram: &[u8], source: SocketAddr) -> Vec<Vec<u8>> {
    let Ok(message) = Message::parse(datagram) else { return Vec::new() };
    vec![respond(&message, Class::SuccessResponse, Integrity::None, |builder| {
        builder.attribute(&XorMappedAddress(source)).unwrap();
    })]
}

fn talkative(datagram: &[u8], source: SocketAddr) -> Vec<Vec<u8>> {
    let Ok(message) = Message::parse(datagram) else { return Vec::new() };
    if message.method() != Method::BINDING {
        return challenging(datagram, source);
    }
    vec![respond(&message, Class::SuccessResponse, Integrity::None, |builder| {
        builder.attribute(&XorMappedAddress(source)).unwrap();
        builder.attribute(&Software("a server that is proud of its version")).unwrap();
    })]
}

fn challenge(datagram: &[u8], realm: &str, nonce: &str) -> Vec<Vec<u8>> {
    let Ok(message) = Message::parse(datagram) else { return Vec::new() };
    vec![respond(&message, Class::ErrorResponse, Integrity::None, |builder| {
        builder.attribute(&ErrorCode::UNAUTHENTICATED).unwrap();
        builder.attribute(&Realm(realm)).unwrap();
        builder.attribute(&Nonce(nonce)).unwrap();
    })]
}

fn challenge_with(datagram: &[u8], nonce: &str, has_algorithms: bool) -> Vec<Vec<u8>> {
    let Ok(message) = Message::parse(datagram) else { return Vec::new() };
    vec![respond(&message, Class::ErrorResponse, Integrity::None, |builder| {
        builder.attribute(&ErrorCode::UNAUTHENTICATED).unwrap();
        builder.attribute(&Realm("realm")).unwrap();
        builder.attribute(&Nonce(nonce)).unwrap();
        if has_algorithms {
            builder.attribute(&PasswordAlgorithms::SHA256_THEN_MD5).unwrap();
        }
    })]
}

fn without_nonce(datagram: &[u8], _: SocketAddr) -> Vec<Vec<u8>> {
    let Ok(message) = Message::parse(datagram) else { return Vec::new() };
    vec![respond(&message, Class::ErrorResponse, Integrity::None, |builder| {
        builder.attribute(&ErrorCode::UNAUTHENTICATED).unwrap();
    })]
}

fn sealed(datagram: &[u8], _: SocketAddr) -> Vec<Vec<u8>> {
    let Ok(message) = Message::parse(datagram) else { return Vec::new() };
    let key = IntegrityKey::short_term("nobody's");
    vec![respond(&message, Class::ErrorResponse, Integrity::Sha1(&key), |builder| {
        builder.attribute(&ErrorCode::UNAUTHENTICATED).unwrap();
    })]
}
