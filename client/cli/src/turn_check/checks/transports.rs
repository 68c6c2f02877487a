//! The same over each transport between client and server (RFC 8656 §3.1).

use super::{Check, conforms};
use crate::turn_check::draft::Draft;
use crate::turn_check::link::Transport;
use crate::turn_check::subject::Subject;
use crate::turn_check::turn::{CHANNEL, Turn};
use crate::turn_check::verdict::{Outcome, Verdict};
use moim_stun::Method;

pub(super) const CHECKS: &[Check] = &[
    conforms("transports/udp", "RFC 8656 §3.1", "relays for clients over UDP", |subject| {
        relays(subject, Transport::Udp)
    }),
    conforms("transports/tcp", "RFC 8656 §3.1", "relays for clients over TCP", |subject| {
        relays(subject, Transport::Tcp)
    }),
    conforms("transports/tls", "RFC 8656 §3.1", "relays for clients over TLS", |subject| {
        relays(subject, Transport::Tls)
    }),
    conforms("transports/dtls", "RFC 8656 §3.1", "relays for clients over DTLS", |subject| {
        relays(subject, Transport::Dtls)
    }),
    conforms(
        "transports/tcp-pieces",
        "RFC 8489 §6.2.2",
        "puts together what arrives in pieces over TCP",
        pieces,
    ),
    conforms(
        "transports/tcp-together",
        "RFC 8489 §6.2.2",
        "takes apart what arrives together over TCP",
        together,
    ),
];

/// Allocates over `transport`, and relays to itself: its own relayed address is a peer that every server can reach.
fn relays(subject: &Subject, transport: Transport) -> Outcome {
    subject.speaks(transport)?;
    let mut turn = Turn::allocated_by(subject, transport)?;
    let mut other = Turn::allocated_by(subject, transport)?;
    let (here, there) = (turn.relayed()?, other.relayed()?);
    turn.permitted(there.ip())?;
    other.permitted(here.ip())?;
    super::success(&turn.bind(CHANNEL, there)?)?;
    // Three bytes, so that a stream needs padding.
    turn.send_on(CHANNEL, b"abc")?;
    match other.receive(subject.patience)? {
        Some(from) if from.data() == b"abc" => Ok("data between two clients".to_owned()),
        Some(_) => Err(Verdict::fail("other data arrives")),
        None => Err(Verdict::fail("data does not arrive")),
    }
}

fn pieces(subject: &Subject) -> Outcome {
    subject.speaks(Transport::Tcp)?;
    let mut link = subject.link_by(Transport::Tcp)?;
    let draft = Draft::request(Method::BINDING);
    let bytes = draft.plain();
    let (last, first) = bytes.split_last().ok_or_else(|| Verdict::skipped("a message has bytes"))?;
    for byte in first {
        link.send(&[*byte])?;
    }
    let reply = link.exchange(&[*last], draft.id)?;
    super::success(&reply).map(|seen| format!("{seen}, byte by byte"))
}

fn together(subject: &Subject) -> Outcome {
    subject.speaks(Transport::Tcp)?;
    let mut link = subject.link_by(Transport::Tcp)?;
    let drafts = [(); 3].map(|()| Draft::request(Method::BINDING));
    let bytes: Vec<u8> = drafts.iter().flat_map(Draft::plain).collect();
    let last = drafts[2].id;
    let reply = link.exchange(&bytes, last)?;
    super::success(&reply)?;
    let mut before = 0;
    while link.receive(link.settling())?.is_some() {
        before += 1;
    }
    if before == 2 {
        Ok("three of three".to_owned())
    } else {
        Err(Verdict::fail(format_args!("{} of three", before + 1)))
    }
}
