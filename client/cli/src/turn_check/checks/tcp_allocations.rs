//! Relayed TCP connections (RFC 6062).

use super::{Check, conforms, refused_by, success, supported};
use crate::turn_check::draft::{Draft, Reply};
use crate::turn_check::link::Transport;
use crate::turn_check::subject::Subject;
use crate::turn_check::turn::Turn;
use crate::turn_check::verdict::{Outcome, Verdict};
use moim_turn::ConnectionId;
use moim_turn::attribute::{RequestedTransport, XorPeerAddress};
use moim_turn::method;
use socket2::{Domain, Protocol, Socket, Type};
use std::io::{Read as _, Write as _};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

pub(super) const CHECKS: &[Check] = &[
    conforms("tcp/over-udp", "RFC 6062 §5.1", "refuses a TCP allocation over UDP", over_udp),
    conforms("tcp/allocate", "RFC 6062 §5.1", "allocates a TCP address", allocate),
    conforms("tcp/connect", "RFC 6062 §5.2", "connects to a peer and carries its data", connect),
    conforms(
        "tcp/connect-failure",
        "RFC 6062 §5.2",
        "says by 447 that a peer does not listen",
        connect_failure,
    ),
    conforms(
        "tcp/connect-twice",
        "RFC 6062 §5.2",
        "refuses a second connection to the same peer by 446",
        connect_twice,
    ),
    conforms(
        "tcp/accept",
        "RFC 6062 §5.3",
        "tells the client of a peer that connects, and carries its data",
        accept,
    ),
    conforms(
        "tcp/unknown-connection",
        "RFC 6062 §5.4",
        "refuses a ConnectionBind to a connection that there is not",
        unknown_connection,
    ),
    conforms("tcp/no-send", "RFC 6062 §5.1", "relays no datagrams for a TCP allocation", no_channel),
];

fn draft() -> Draft {
    Draft::request(method::ALLOCATE).with(&RequestedTransport::TCP)
}

fn over_udp(subject: &Subject) -> Outcome {
    let mut turn = Turn::challenged_as(subject.link_by(Transport::Udp)?, subject.credential()?)?;
    let reply = turn.allocate_by(&draft())?;
    refused_by(&reply, &[400, 442])
}

/// A TCP allocation, over TCP whatever else is checked.
fn allocated(subject: &Subject) -> Result<Turn, Verdict> {
    subject.speaks(Transport::Tcp)?;
    let mut turn = Turn::challenged_as(subject.link_by(Transport::Tcp)?, subject.credential()?)?;
    let reply = turn.allocate_by(&draft())?;
    supported(&reply, "REQUESTED-TRANSPORT TCP")?;
    if matches!(reply.code(), Some(442 | 403)) {
        return Err(Verdict::not_supported(reply.seen()));
    }
    success(&reply)?;
    Ok(turn)
}

fn permitted(subject: &Subject) -> Result<Turn, Verdict> {
    let mut turn = allocated(subject)?;
    turn.permitted(subject.peer_ip)?;
    Ok(turn)
}

fn allocate(subject: &Subject) -> Outcome {
    Ok(format!("relayed {}", allocated(subject)?.relayed()?))
}

fn listener(subject: &Subject) -> Result<(TcpListener, SocketAddr), Verdict> {
    let listener = TcpListener::bind((subject.peer_ip, 0))?;
    listener.set_nonblocking(true)?;
    let address = listener.local_addr()?;
    Ok((listener, address))
}

fn ask_to_connect(turn: &mut Turn, peer: SocketAddr) -> Result<Reply, Verdict> {
    turn.call(&Draft::request(method::CONNECT).with(&XorPeerAddress(peer)))
}

/// A connection for data, and what to ask on it.
fn data_connection(
    subject: &Subject,
    turn: &Turn,
    connection: ConnectionId,
) -> Result<(Turn, Draft), Verdict> {
    let draft = Draft::request(method::CONNECTION_BIND).with(&connection);
    let link = subject.link_by(Transport::Tcp)?;
    Ok((Turn::like(turn, link)?, draft))
}

/// The connection that carries the data of a peer's.
fn bind(subject: &Subject, turn: &Turn, connection: ConnectionId) -> Result<Turn, Verdict> {
    let (mut data, draft) = data_connection(subject, turn, connection)?;
    let reply = data.call(&draft)?;
    success(&reply).map_err(|verdict| Verdict::fail(format_args!("ConnectionBind: {}", verdict.seen)))?;
    Ok(data)
}

/// Sends a message each way. It has the form of a STUN message, which the data of the tool's streams needs to be framed.
fn carries(mut data: Turn, mut peer: TcpStream, patience: Duration) -> Outcome {
    let message = Draft::indication(moim_stun::Method::BINDING).plain();
    peer.set_nonblocking(false)?;
    peer.set_read_timeout(Some(patience))?;
    data.link.send(&message)?;
    let mut read = vec![0; message.len()];
    peer.read_exact(&mut read).map_err(|_| Verdict::fail("nothing reaches the peer"))?;
    peer.write_all(&message)?;
    match data.link.receive(patience)? {
        Some(back) if back == message && read == message => Ok("both ways".to_owned()),
        _ => Err(Verdict::fail("nothing comes from the peer")),
    }
}

fn accepted(listener: &TcpListener, patience: Duration) -> Result<TcpStream, Verdict> {
    let end = Instant::now() + patience;
    while Instant::now() < end {
        match listener.accept() {
            Ok((stream, _)) => return Ok(stream),
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
                std::thread::sleep(patience / 200);
            }
            Err(error) => return Err(error.into()),
        }
    }
    Err(Verdict::fail("the server does not connect to the peer"))
}

fn connected(subject: &Subject) -> Result<(Turn, ConnectionId, TcpStream), Verdict> {
    let mut turn = permitted(subject)?;
    let (listener, peer) = listener(subject)?;
    let reply = ask_to_connect(&mut turn, peer)?;
    success(&reply).map_err(|verdict| Verdict::fail(format_args!("Connect: {}", verdict.seen)))?;
    let connection = reply.get().ok_or_else(|| Verdict::fail("a success without CONNECTION-ID"))?;
    Ok((turn, connection, accepted(&listener, subject.patience)?))
}

fn connect(subject: &Subject) -> Outcome {
    let (turn, connection, peer) = connected(subject)?;
    let data = bind(subject, &turn, connection)?;
    carries(data, peer, subject.patience)
}

fn connect_failure(subject: &Subject) -> Outcome {
    let mut turn = permitted(subject)?;
    let (listener, peer) = listener(subject)?;
    drop(listener);
    refused_by(&ask_to_connect(&mut turn, peer)?, &[447])
}

fn connect_twice(subject: &Subject) -> Outcome {
    let (mut turn, _, peer) = connected(subject)?;
    refused_by(&ask_to_connect(&mut turn, peer.local_addr()?)?, &[446])
}

/// Connects from an address of the peer's, which is the one that has a permission.
fn connect_from(ip: IpAddr, to: SocketAddr, patience: Duration) -> std::io::Result<TcpStream> {
    let socket = Socket::new(Domain::for_address(to), Type::STREAM, Some(Protocol::TCP))?;
    socket.bind(&SocketAddr::new(ip, 0).into())?;
    socket.connect_timeout(&to.into(), patience)?;
    Ok(socket.into())
}

fn accept(subject: &Subject) -> Outcome {
    let mut turn = permitted(subject)?;
    let relayed = turn.relayed()?;
    let peer = connect_from(subject.peer_ip, relayed, subject.patience)
        .map_err(|error| Verdict::fail(format_args!("the relayed address does not accept: {error}")))?;
    let end = Instant::now() + subject.patience;
    while let Some(bytes) = turn.link.receive(end.saturating_duration_since(Instant::now()))? {
        let Some(attempt) = Reply::new(bytes) else { continue };
        if attempt.message().method() == method::CONNECTION_ATTEMPT {
            let connection =
                attempt.get().ok_or_else(|| Verdict::fail("ConnectionAttempt without CONNECTION-ID"))?;
            let data = bind(subject, &turn, connection)?;
            return carries(data, peer, subject.patience);
        }
    }
    Err(Verdict::fail("no ConnectionAttempt"))
}

fn unknown_connection(subject: &Subject) -> Outcome {
    let turn = allocated(subject)?;
    let (mut data, draft) = data_connection(subject, &turn, ConnectionId(0x5a5a_5a5a))?;
    refused_by(&data.call(&draft)?, &[400])
}

fn no_channel(subject: &Subject) -> Outcome {
    let mut turn = permitted(subject)?;
    let peer = crate::turn_check::peer::Peer::open(subject.peer_ip)?;
    turn.send_to(peer.address(), b"a datagram")?;
    match peer.receive(subject.patience / 20)? {
        None => Ok("nothing arrives".to_owned()),
        Some(_) => Err(Verdict::fail("a datagram arrives")),
    }
}
