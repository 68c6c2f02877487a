//! The STUN step.

use super::Found;
use crate::connection::IceServers;
use crate::room::random_bytes;
use moim_ice::IceServer;
use moim_stun::attribute::XorMappedAddress;
use moim_stun::{Class, Message, MessageBuilder, Method, Seal, TransactionId};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;
use tokio::net::UdpSocket;
use tokio::time::{Instant, timeout_at};

/// How long each request waits for an answer (RFC 8489 §6.2.1: then twice as long).
const WAITS: [Duration; 4] =
    [Duration::from_millis(500), Duration::from_secs(1), Duration::from_secs(2), Duration::from_secs(4)];
const MESSAGE_LEN_MAX: usize = 1_500;

/// The first STUN server.
pub(super) fn server_of(servers: &IceServers) -> Option<SocketAddr> {
    servers.servers.iter().find_map(|server| match server {
        IceServer::Stun { address } => Some(*address),
        IceServer::Turn { .. } => None,
    })
}

/// Asks for one's own address.
pub(super) async fn bind(server: SocketAddr) -> Found<()> {
    let any: SocketAddr =
        if server.is_ipv4() { (Ipv4Addr::UNSPECIFIED, 0).into() } else { (Ipv6Addr::UNSPECIFIED, 0).into() };
    let socket = UdpSocket::bind(any).await.map_err(|error| error.to_string())?;
    socket.connect(server).await.map_err(|error| error.to_string())?;
    let id = TransactionId(random_bytes());
    let mut buffer = [0; MESSAGE_LEN_MAX];
    let request = MessageBuilder::new(&mut buffer, Class::Request, Method::BINDING, id)
        .and_then(|builder| builder.finish(Seal { fingerprint: true, ..Seal::default() }))
        .map_err(|error| error.to_string())?
        .to_vec();
    let mut reason = format!("{server} does not answer");
    for wait in WAITS {
        let until = Instant::now() + wait;
        if let Err(error) = socket.send(&request).await {
            reason = format!("{server}: {error}");
        }
        while let Ok(received) = timeout_at(until, socket.recv(&mut buffer)).await {
            match received {
                Ok(len) => {
                    if let Some(mapped) = mapped(&buffer[..len], id) {
                        return Ok((format!("{server} sees this machine as {mapped}"), ()));
                    }
                }
                Err(error) => {
                    // It may have been of a packet before; the next one tells.
                    reason = format!("{server}: {error}");
                    break;
                }
            }
        }
    }
    Err(reason)
}

fn mapped(message: &[u8], id: TransactionId) -> Option<SocketAddr> {
    let message = Message::parse(message).ok()?;
    let is_answer = message.transaction_id() == id && message.class() == Class::SuccessResponse;
    let XorMappedAddress(address) = message.get().ok().flatten().filter(|_| is_answer)?;
    Some(address)
}
