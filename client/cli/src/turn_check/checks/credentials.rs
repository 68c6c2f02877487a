//! Who is let in (RFC 8489 §9.2), with the keys of RFC 5389 or RFC 8489, whichever the server wants.

use super::{Check, conforms, refused_by, withstands};
use crate::turn_check::credential::Credential;
use crate::turn_check::draft::{Draft, Reply};
use crate::turn_check::subject::Subject;
use crate::turn_check::turn::{Challenge, Turn, allocate_draft};
use crate::turn_check::verdict::{Outcome, Verdict};
use moim_stun::attribute::{Nonce, Realm, Username};
use moim_stun::{AttributeType, Integrity, IntegrityKey, Seal};
use moim_turn::attribute::Lifetime;
use moim_turn::method;

pub(super) const CHECKS: &[Check] = &[
    conforms("credentials/right", "RFC 8489 §9.2.4", "lets in who has the password", right),
    conforms(
        "credentials/response-sealed",
        "RFC 8489 §9.2.4",
        "seals its response with the key of the request",
        response_sealed,
    ),
    conforms(
        "credentials/error-sealed",
        "RFC 8489 §9.2.4",
        "seals an error that it gives to whom it knows",
        error_sealed,
    ),
    withstands("credentials/wrong-password", "RFC 8489 §9.2.4", "refuses a wrong password", wrong_password),
    withstands(
        "credentials/unknown-user",
        "RFC 8489 §9.2.4",
        "refuses a user that it does not know, as it refuses a wrong password",
        unknown_user,
    ),
    withstands(
        "credentials/expired",
        "the shared-secret scheme",
        "refuses a user whose time is over",
        expired,
    ),
    withstands(
        "credentials/tampered",
        "RFC 8489 §14.5",
        "refuses a request that was changed on its way",
        tampered,
    ),
    withstands(
        "credentials/missing",
        "RFC 8489 §9.2.4",
        "calls a sealed request without USERNAME, REALM or NONCE malformed",
        missing,
    ),
    withstands(
        "credentials/stale-nonce",
        "RFC 8489 §9.2.4",
        "answers a nonce that it did not give by 438 and a new one",
        stale_nonce,
    ),
    withstands(
        "credentials/nonce-of-another-port",
        "RFC 8489 §9.2",
        "does not take a nonce that another client was given",
        nonce_of_another_port,
    ),
    withstands(
        "credentials/replay",
        "RFC 8489 §9.2",
        "does not carry out a captured request that comes from another port",
        replay,
    ),
    withstands(
        "credentials/other-user",
        "RFC 8656 §5",
        "lets nobody touch another user's allocation on the same 5-tuple",
        other_user,
    ),
];

fn right(subject: &Subject) -> Outcome {
    let mut turn = Turn::challenged(subject)?;
    let reply = turn.call(&allocate_draft())?;
    if turn.took(&reply) { Ok("success".to_owned()) } else { Err(Verdict::fail(reply.seen())) }
}

fn response_sealed(subject: &Subject) -> Outcome {
    let mut turn = Turn::challenged(subject)?;
    let reply = turn.allocate()?;
    if turn.verifies(&reply) {
        Ok("sealed".to_owned())
    } else {
        Err(Verdict::fail("not sealed, or with another key"))
    }
}

fn error_sealed(subject: &Subject) -> Outcome {
    let mut turn = Turn::allocated(subject)?;
    let reply = turn.call(&Draft::request(method::CREATE_PERMISSION))?;
    if turn.verifies(&reply) {
        Ok(format!("{}, sealed", reply.seen()))
    } else {
        Err(Verdict::fail(format_args!("{}, not sealed", reply.seen())))
    }
}

/// What becomes of an Allocate by somebody else than the user of the checks.
fn allocate_as(subject: &Subject, credential: &Credential) -> Result<Reply, Verdict> {
    let mut turn = Turn::challenged_as(subject.link()?, credential)?;
    let reply = turn.allocate_by(&allocate_draft())?;
    Ok(reply)
}

fn wrong_password(subject: &Subject) -> Outcome {
    refused_by(&allocate_as(subject, &subject.credential()?.with_wrong_password())?, &[401])
}

fn unknown_user(subject: &Subject) -> Outcome {
    subject.credential()?;
    refused_by(&allocate_as(subject, &Credential::new("nobody-is-called-this", "password"))?, &[401])
}

fn expired(subject: &Subject) -> Outcome {
    let Some(secret) = &subject.secret else { return Err(Verdict::skipped("needs --secret")) };
    refused_by(&allocate_as(subject, &Credential::expired(secret, "turn-check"))?, &[401])
}

fn tampered(subject: &Subject) -> Outcome {
    let mut turn = Turn::challenged(subject)?;
    let draft = allocate_draft().with(&Lifetime(700));
    let mut bytes = turn.sealed(&draft);
    let at =
        bytes.windows(4).position(|window| window == 700_u32.to_be_bytes()).expect("LIFETIME was written");
    bytes[at + 3] ^= 1;
    let reply = turn.link.exchange(&bytes, draft.id)?;
    turn.took(&reply);
    refused_by(&reply, &[401])
}

fn missing(subject: &Subject) -> Outcome {
    let turn = Turn::challenged(subject)?;
    let username = turn.credential.username.clone();
    let Challenge { realm, nonce, .. } = turn.challenge.clone();
    let key = IntegrityKey::short_term("any");
    let (username, realm, nonce) = (Username(&username), Realm(&realm), Nonce(&nonce));
    let drafts = [
        ("USERNAME", allocate_draft().with(&realm).with(&nonce)),
        ("REALM", allocate_draft().with(&username).with(&nonce)),
        ("NONCE", allocate_draft().with(&username).with(&realm)),
    ];
    let mut seen = Vec::new();
    for (name, draft) in drafts {
        let bytes = draft.bytes(Seal { integrity: Integrity::Sha1(&key), fingerprint: false });
        let reply = subject.link()?.exchange(&bytes, draft.id)?;
        let code = refused_by(&reply, &[400])
            .map_err(|verdict| Verdict::fail(format_args!("without {name}: {}", verdict.seen)))?;
        seen.push(format!("without {name} {code}"));
    }
    Ok(seen.join(", "))
}

/// Seals an Allocate with a nonce of the checker's choice, sent from `turn`'s 5-tuple.
fn with_nonce(turn: &mut Turn, nonce: &str) -> Result<Reply, Verdict> {
    nonce.clone_into(&mut turn.challenge.nonce);
    let draft = allocate_draft();
    let bytes = turn.sealed(&draft);
    let reply = turn.link.exchange(&bytes, draft.id)?;
    turn.took(&reply);
    Ok(reply)
}

fn stale(reply: &Reply) -> Outcome {
    let seen = refused_by(reply, &[438])?;
    if reply.has(AttributeType::NONCE) {
        Ok(seen)
    } else {
        Err(Verdict::fail(format_args!("{seen} without a NONCE")))
    }
}

fn stale_nonce(subject: &Subject) -> Outcome {
    let mut turn = Turn::challenged(subject)?;
    let mut nonce: String = turn.challenge.nonce.chars().rev().collect();
    if nonce == turn.challenge.nonce {
        nonce.push('x');
    }
    stale(&with_nonce(&mut turn, &nonce)?)
}

fn nonce_of_another_port(subject: &Subject) -> Outcome {
    let other = Turn::challenged(subject)?;
    let mut turn = Turn::challenged(subject)?;
    stale(&with_nonce(&mut turn, &other.challenge.nonce.clone())?)
}

fn replay(subject: &Subject) -> Outcome {
    let mut turn = Turn::challenged(subject)?;
    let draft = allocate_draft();
    let captured = turn.sealed(&draft);
    let reply = turn.link.exchange(&captured, draft.id)?;
    if !turn.took(&reply) {
        return Err(Verdict::skipped(format_args!("cannot allocate: {}", reply.seen())));
    }
    let reply = subject.link()?.exchange(&captured, draft.id)?;
    refused_by(&reply, &[401, 438])
}

fn other_user(subject: &Subject) -> Outcome {
    let second = subject.second()?.clone();
    let mut turn = Turn::allocated(subject)?;
    let mut seen = Vec::new();
    let first = turn.become_user(&second)?;
    for draft in [
        Draft::request(method::REFRESH).with(&Lifetime(0)),
        Draft::request(method::CREATE_PERMISSION)
            .with(&moim_turn::attribute::XorPeerAddress(std::net::SocketAddr::new(subject.peer_ip, 9))),
    ] {
        let reply = turn.call(&draft)?;
        seen.push(refused_by(&reply, &[441])?);
    }
    turn.become_user(&first)?;
    Ok(seen.join(", "))
}
