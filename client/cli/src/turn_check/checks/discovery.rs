//! NAT behaviour discovery (RFC 5780).

use super::{Check, conforms, refused_by};
use crate::turn_check::draft::{Draft, Reply};
use crate::turn_check::link::Transport;
use crate::turn_check::peer::Peer;
use crate::turn_check::subject::Subject;
use crate::turn_check::verdict::{Outcome, Verdict};
use moim_stun::Method;
use moim_stun::attribute::Software;
use moim_stun::discovery::{ChangeRequest, OtherAddress, Padding, ResponsePort};

pub(super) const CHECKS: &[Check] = &[
    conforms("discovery/other-address", "RFC 5780 §7.4", "tells its other address", other_address),
    conforms(
        "discovery/change-request",
        "RFC 5780 §6.1",
        "answers from the address and port that CHANGE-REQUEST asks for",
        change_request,
    ),
    conforms(
        "discovery/response-port",
        "RFC 5780 §7.5",
        "answers to the port that RESPONSE-PORT asks for",
        response_port,
    ),
    conforms(
        "discovery/port-and-padding",
        "RFC 5780 §6.1",
        "refuses RESPONSE-PORT together with PADDING",
        port_and_padding,
    ),
];

/// Long, so that a server which keeps its answers in proportion to requests has room to tell everything.
const SOFTWARE: &str = "moim turn-check: a long request, so that a long answer is no more";

fn request() -> Draft {
    Draft::request(Method::BINDING).with(&Software(SOFTWARE))
}

fn other(subject: &Subject) -> Result<OtherAddress, Verdict> {
    subject.only_over(Transport::Udp)?;
    let mut link = subject.link()?;
    let draft = request();
    let reply = link.exchange(&draft.plain(), draft.id)?;
    reply.get().ok_or_else(|| Verdict::not_supported("no OTHER-ADDRESS"))
}

fn other_address(subject: &Subject) -> Outcome {
    let OtherAddress(other) = other(subject)?;
    if other.port() == subject.server.port() {
        return Err(Verdict::fail(format_args!("{other}, which has the same port")));
    }
    Ok(other.to_string())
}

fn change_request(subject: &Subject) -> Outcome {
    let OtherAddress(other) = other(subject)?;
    let peer = Peer::open(crate::source_towards(subject.server)?)?;
    let has_second_ip = other.ip() != subject.server.ip();
    let draft = request().with(&ChangeRequest { ip: has_second_ip, port: true });
    peer.send(subject.server, &draft.plain())?;
    match peer.receive(subject.patience)? {
        Some((from, bytes))
            if from == other && Reply::new(bytes.clone()).is_some_and(|reply| reply.is_success()) =>
        {
            Ok(format!("an answer from {from}"))
        }
        Some((from, _)) => Err(Verdict::fail(format_args!("an answer from {from}, not {other}"))),
        None => Err(Verdict::fail("no answer (or a firewall on the way drops it)")),
    }
}

fn response_port(subject: &Subject) -> Outcome {
    other(subject)?;
    let here = crate::source_towards(subject.server)?;
    let (asking, listening) = (Peer::open(here)?, Peer::open(here)?);
    let draft = request().with(&ResponsePort(listening.address().port()));
    asking.send(subject.server, &draft.plain())?;
    match listening.receive(subject.patience)? {
        Some((from, _)) if from.ip() == subject.server.ip() => Ok("an answer at the other port".to_owned()),
        Some((from, _)) => Err(Verdict::fail(format_args!("an answer from {from}"))),
        None => Err(Verdict::fail("no answer at the other port")),
    }
}

fn port_and_padding(subject: &Subject) -> Outcome {
    other(subject)?;
    let mut link = subject.link()?;
    let draft = request().with(&ResponsePort(40_000)).with(&Padding { len: 64 });
    refused_by(&link.exchange(&draft.plain(), draft.id)?, &[400])
}
