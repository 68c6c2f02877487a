//! Data between two clients of the server, each the other's peer: what a call through one relay is.

use super::{Check, conforms, success, withstands};
use crate::turn_check::subject::Subject;
use crate::turn_check::turn::{CHANNEL, FromPeer, Turn};
use crate::turn_check::verdict::{Outcome, Verdict};
use std::net::SocketAddr;
use std::time::Duration;

pub(super) const CHECKS: &[Check] = &[
    conforms(
        "relay-to-relay/indications",
        "RFC 8656 §2",
        "relays Send indications between its own relayed addresses",
        indications,
    ),
    conforms(
        "relay-to-relay/channels",
        "RFC 8656 §2",
        "relays ChannelData between its own relayed addresses",
        channels,
    ),
    withstands("relay-to-relay/one-sided", "RFC 8656 §9", "wants the permission of both sides", one_sided),
];

struct Clients {
    first: Turn,
    second: Turn,
    addresses: [SocketAddr; 2],
    patience: Duration,
}

fn clients(subject: &Subject) -> Result<Clients, Verdict> {
    let (first, second) = (Turn::allocated(subject)?, Turn::allocated(subject)?);
    let addresses = [first.relayed()?, second.relayed()?];
    Ok(Clients { first, second, addresses, patience: subject.patience })
}

fn gets(turn: &mut Turn, wanted: &[u8], wait: Duration) -> Result<FromPeer, Verdict> {
    match turn.receive(wait)? {
        Some(from) if from.data() == wanted => Ok(from),
        Some(_) => Err(Verdict::fail("other bytes arrive")),
        None => Err(Verdict::fail("it does not arrive")),
    }
}

fn indications(subject: &Subject) -> Outcome {
    let Clients { mut first, mut second, addresses: [one, two], patience } = clients(subject)?;
    first.permitted(two.ip())?;
    second.permitted(one.ip())?;
    first.send_to(two, b"there")?;
    let there = gets(&mut second, b"there", patience)?;
    second.send_to(one, b"and back")?;
    gets(&mut first, b"and back", patience)?;
    match there {
        FromPeer::Indication { peer, .. } if peer == one => Ok(format!("between {one} and {two}")),
        FromPeer::Indication { peer, .. } => {
            Err(Verdict::fail(format_args!("the peer is {peer}, not {one}")))
        }
        FromPeer::Channel { .. } => Err(Verdict::fail("ChannelData, without a channel")),
    }
}

fn channels(subject: &Subject) -> Outcome {
    let Clients { mut first, mut second, addresses: [one, two], patience } = clients(subject)?;
    first.permitted(two.ip())?;
    success(&first.bind(CHANNEL, two)?)?;
    success(&second.bind(CHANNEL, one)?)?;
    first.send_on(CHANNEL, b"there")?;
    gets(&mut second, b"there", patience)?;
    second.send_on(CHANNEL, b"and back")?;
    gets(&mut first, b"and back", patience)?;
    Ok(format!("between {one} and {two}"))
}

fn one_sided(subject: &Subject) -> Outcome {
    let Clients { mut first, mut second, addresses: [_, two], .. } = clients(subject)?;
    first.permitted(two.ip())?;
    first.send_to(two, b"uninvited")?;
    match second.receive(second.link.settling())? {
        None => Ok("nothing arrives".to_owned()),
        Some(_) => Err(Verdict::fail("it arrives")),
    }
}
