//! What a user may not do to others through the relay.

use super::{Check, success, withstands};
use crate::turn_check::draft::Draft;
use crate::turn_check::subject::Subject;
use crate::turn_check::turn::{CHANNEL, Turn};
use crate::turn_check::verdict::{Outcome, Verdict};
use moim_turn::attribute::XorPeerAddress;
use moim_turn::method;
use std::net::SocketAddr;

pub(super) const CHECKS: &[Check] = &[
    withstands("abuse/port-zero", "RFC 8656 §11.5", "takes no harm from data to port 0", port_zero),
    withstands(
        "abuse/many-peers",
        "resource limits",
        "bounds the peers of one CreatePermission, or takes them all",
        many_peers,
    ),
    withstands(
        "abuse/relay-loop",
        "RFC 8656 §21.1.7",
        "lets no datagram circle between relayed addresses",
        relay_loop,
    ),
];

fn port_zero(subject: &Subject) -> Outcome {
    let mut turn = Turn::allocated(subject)?;
    let peer = SocketAddr::new(turn.relayed()?.ip(), 0);
    turn.permit(peer.ip())?;
    let bound = turn.bind(CHANNEL, peer)?;
    turn.send_on(CHANNEL, b"to nobody's port")?;
    turn.send_to(peer, b"to nobody's port")?;
    success(&turn.refresh(None)?).map_err(|verdict| Verdict::fail(format_args!("then {}", verdict.seen)))?;
    Ok(format!("{} to ChannelBind; the allocation lives", bound.seen()))
}

fn many_peers(subject: &Subject) -> Outcome {
    const COUNT: u16 = 60;
    let mut turn = Turn::allocated(subject)?;
    let ip = turn.relayed()?.ip();
    let draft = (1..=COUNT).fold(Draft::request(method::CREATE_PERMISSION), |draft, port| {
        draft.with(&XorPeerAddress(SocketAddr::new(ip, port)))
    });
    let reply = turn.call(&draft)?;
    success(&turn.refresh(None)?).map_err(|verdict| Verdict::fail(format_args!("then {}", verdict.seen)))?;
    Ok(format!("{} to {COUNT} peers", reply.seen()))
}

/// Two allocations whose channels lead to each other: what one sends the other gets, and nobody gets it twice.
fn relay_loop(subject: &Subject) -> Outcome {
    let (mut one, mut two) = (Turn::allocated(subject)?, Turn::allocated(subject)?);
    let (first, second) = (one.relayed()?, two.relayed()?);
    one.permitted(second.ip())?;
    two.permitted(first.ip())?;
    success(&one.bind(CHANNEL, second)?)?;
    success(&two.bind(CHANNEL, first)?)?;
    one.send_to(first, b"to myself")?;
    one.send_on(CHANNEL, b"once")?;
    let mut arrived = 0;
    while let Some(from) = two.receive(two.link.settling())? {
        arrived += usize::from(from.data() == b"once");
    }
    if arrived == 1 {
        Ok("it arrives once".to_owned())
    } else {
        Err(Verdict::fail(format_args!("it arrives {arrived} times")))
    }
}
