//! The checks, one idea a file. To add one, write a function and name it in its file's table.

mod abuse_of_others;
mod algorithms;
mod allocate;
mod amplification;
mod binding;
mod challenge;
mod channel;
mod credentials;
mod data;
mod discovery;
mod families;
mod flood;
mod forbidden_peers;
mod half_open;
mod malformed;
mod mobility;
mod permission;
mod refresh;
mod relay_to_relay;
mod reservation;
mod tcp_allocations;
mod transports;
mod unreachable_peer;

use super::check::{Check, Kind};
use super::draft::Reply;
use super::subject::Subject;
use super::verdict::{Outcome, Verdict};

/// Every check, in the order they are made: what is gentle first, so that a server is not judged by what an abuse left behind.
pub(crate) fn all() -> impl Iterator<Item = &'static Check> {
    [
        binding::CHECKS,
        discovery::CHECKS,
        challenge::CHECKS,
        credentials::CHECKS,
        algorithms::CHECKS,
        allocate::CHECKS,
        families::CHECKS,
        reservation::CHECKS,
        refresh::CHECKS,
        permission::CHECKS,
        channel::CHECKS,
        data::CHECKS,
        relay_to_relay::CHECKS,
        unreachable_peer::CHECKS,
        tcp_allocations::CHECKS,
        mobility::CHECKS,
        transports::CHECKS,
        forbidden_peers::CHECKS,
        amplification::CHECKS,
        abuse_of_others::CHECKS,
        malformed::CHECKS,
        half_open::CHECKS,
        flood::CHECKS,
    ]
    .into_iter()
    .flatten()
}

/// A check of what any client may do.
const fn conforms(
    id: &'static str,
    reference: &'static str,
    rule: &'static str,
    run: fn(&Subject) -> Outcome,
) -> Check {
    Check { id, rule, reference, kind: Kind::Conformance, run }
}

/// A check of what nobody should do.
const fn withstands(
    id: &'static str,
    reference: &'static str,
    rule: &'static str,
    run: fn(&Subject) -> Outcome,
) -> Check {
    Check { id, rule, reference, kind: Kind::Abuse, run }
}

/// The response must be a success.
fn success(reply: &Reply) -> Outcome {
    if reply.is_success() { Ok("success".to_owned()) } else { Err(Verdict::fail(reply.seen())) }
}

/// The response must be one of these errors.
fn refused_by(reply: &Reply, codes: &[u16]) -> Outcome {
    match reply.code() {
        Some(code) if codes.contains(&code) => Ok(reply.seen()),
        _ => {
            let wanted: Vec<_> = codes.iter().map(u16::to_string).collect();
            Err(Verdict::fail(format_args!("{}, not {}", reply.seen(), wanted.join(" or "))))
        }
    }
}

/// The response must be an error, whichever.
fn refused(reply: &Reply) -> Outcome {
    match reply.code() {
        Some(_) => Ok(reply.seen()),
        None => Err(Verdict::fail(reply.seen())),
    }
}

/// Ends a check of an optional feature that the server refuses as unknown.
fn supported(reply: &Reply, feature: &str) -> Result<(), Verdict> {
    match reply.code() {
        Some(420) => Err(Verdict::not_supported(format_args!("{feature}: error 420"))),
        _ => Ok(()),
    }
}

/// There must be no answer.
fn silence(answer: Option<&Vec<u8>>) -> Outcome {
    match answer {
        None => Ok("no answer".to_owned()),
        Some(bytes) => Err(Verdict::fail(match Reply::new(bytes.clone()) {
            Some(reply) => reply.seen(),
            None => format!("{} bytes", bytes.len()),
        })),
    }
}
