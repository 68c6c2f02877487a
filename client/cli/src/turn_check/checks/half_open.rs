//! Connections that begin something and leave it at that.

use super::{Check, success, withstands};
use crate::turn_check::draft::Draft;
use crate::turn_check::link::Transport;
use crate::turn_check::subject::Subject;
use crate::turn_check::verdict::{Outcome, Verdict};
use moim_stun::Method;
use std::io::Write as _;
use std::net::TcpStream;

pub(super) const CHECKS: &[Check] = &[
    withstands(
        "half-open/silent",
        "resource limits",
        "serves others while TCP connections say nothing",
        silent,
    ),
    withstands(
        "half-open/half-a-message",
        "resource limits",
        "serves others while TCP connections stop within a message",
        half_a_message,
    ),
    withstands(
        "half-open/slow-tls",
        "resource limits",
        "serves others while TLS handshakes stand still",
        slow_tls,
    ),
    withstands(
        "half-open/unread",
        "resource limits",
        "serves others while a client reads none of its answers",
        unread,
    ),
];

/// How many connections: more than a careless server has threads, fewer than a careful one's limit for an address.
const COUNT: usize = 48;

/// The first bytes of a TLS ClientHello that says it is 512 bytes long.
const CLIENT_HELLO: [u8; 11] = [0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3];

fn beside(subject: &Subject, transport: Transport, bytes: &[u8]) -> Outcome {
    subject.speaks(transport)?;
    let server = subject.address(transport);
    let connect = || TcpStream::connect_timeout(&server, subject.patience);
    let mut connections = Vec::new();
    for _ in 0..COUNT {
        let mut connection = connect().map_err(|error| {
            Verdict::fail(format_args!("no connection beside {}: {error}", connections.len()))
        })?;
        // A server may have had enough of it already.
        let _ = connection.write_all(bytes);
        connections.push(connection);
    }
    let mut link = subject.link_by(transport)?;
    let draft = Draft::request(Method::BINDING);
    success(&link.exchange(&draft.plain(), draft.id)?)?;
    Ok(format!("answered beside {COUNT} connections"))
}

fn silent(subject: &Subject) -> Outcome {
    beside(subject, Transport::Tcp, b"")
}

fn half_a_message(subject: &Subject) -> Outcome {
    let mut bytes = Draft::request(Method::BINDING).plain();
    bytes[2..4].copy_from_slice(&400_u16.to_be_bytes());
    beside(subject, Transport::Tcp, &bytes)
}

fn slow_tls(subject: &Subject) -> Outcome {
    beside(subject, Transport::Tls, &CLIENT_HELLO)
}

fn unread(subject: &Subject) -> Outcome {
    const REQUESTS: usize = 20_000;
    subject.speaks(Transport::Tcp)?;
    let mut connection = TcpStream::connect_timeout(&subject.server, subject.patience)?;
    connection.set_write_timeout(Some(subject.patience / 4))?;
    let bytes = Draft::request(Method::BINDING).plain();
    let mut sent = 0;
    while sent < REQUESTS && connection.write_all(&bytes).is_ok() {
        sent += 1;
    }
    let mut link = subject.link_by(Transport::Tcp)?;
    let draft = Draft::request(Method::BINDING);
    success(&link.exchange(&draft.plain(), draft.id)?)?;
    Ok(format!("answered beside {sent} answers that nobody reads"))
}
