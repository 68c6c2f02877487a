//! The steps of TURN: an allocation, which is given back at once.

use super::{Found, StepName};
use crate::connection::{IceServers, MessageStream, Opening};
use crate::room::random_bytes;
use moim_ice::{Framing, IceServer, TurnTransport};
use moim_turn::Transport;
use moim_turn::client::{Client, Config, Credential, Event, Failure};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use std::future::poll_fn;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Instant;
use tokio::net::UdpSocket;
use tokio::time::timeout_at;

const MESSAGE_LEN_MAX: usize = 65_536;

/// A relay to try.
#[derive(Debug)]
pub(super) struct Relay {
    address: SocketAddr,
    transport: TurnTransport,
    credential: Credential,
    name: Option<ServerName<'static>>,
}

/// The relay that a step is about, if the server announces one.
pub(super) fn server_of(servers: &IceServers, step: StepName) -> Option<Relay> {
    let wanted = match step {
        StepName::TurnUdp => TurnTransport::Udp,
        StepName::TurnTcp => TurnTransport::Tcp,
        StepName::TurnTls => TurnTransport::Tls,
        StepName::Dns
        | StepName::Tcp
        | StepName::Tls
        | StepName::Http
        | StepName::WebSocket
        | StepName::Join
        | StepName::StunUdp => return None,
    };
    servers.servers.iter().find_map(|server| match server {
        IceServer::Turn { address, transport, credential } if *transport == wanted => Some(Relay {
            address: *address,
            transport: wanted,
            credential: credential.clone(),
            name: servers.names.get(address).cloned(),
        }),
        IceServer::Turn { .. } | IceServer::Stun { .. } => None,
    })
}

/// What messages go by.
enum Link {
    Udp(UdpSocket),
    Stream(Box<MessageStream>),
}

/// Asks for an allocation, and gives it back.
pub(super) async fn allocate(relay: Relay, tls: Arc<ClientConfig>) -> Found<()> {
    let address = relay.address;
    let (mut link, transport) = open(&relay, tls).await.map_err(|error| format!("{address}: {error}"))?;
    let mut client = Client::new(Config::new(transport, relay.credential), random_bytes(), Instant::now());
    client.allocate(Instant::now()).map_err(|error| error.to_string())?;
    let mut buffer = vec![0; MESSAGE_LEN_MAX];
    let mut found = None;
    loop {
        while let Some(message) = client.poll_transmit() {
            link.send(&message).await.map_err(|error| format!("{address}: {error}"))?;
        }
        match client.poll_event() {
            Some(Event::Allocated(allocated)) => {
                let relayed = allocated.relayed.iter().next().map(|(_, relayed)| *relayed);
                let relayed = relayed.map_or_else(|| "nothing".to_owned(), |relayed| relayed.to_string());
                found = Some(format!("{address} relays at {relayed}"));
                client.release(Instant::now()).map_err(|error| error.to_string())?;
                continue;
            }
            Some(Event::Released) => {
                return found.map(|found| (found, ())).ok_or_else(|| "there was none".to_owned());
            }
            Some(Event::Failed(failure)) => return Err(format!("{address}: {}", words(&failure))),
            Some(_) => continue,
            None => {}
        }
        let due = client.poll_timeout().map_or_else(Instant::now, |deadline| deadline.at);
        match timeout_at(due.into(), link.receive(&mut buffer)).await {
            Ok(Ok(len)) => drop(client.handle_input(&buffer[..len], Instant::now())),
            Ok(Err(error)) => return Err(format!("{address}: {error}")),
            Err(_) => client.handle_timeout(Instant::now()),
        }
    }
}

async fn open(relay: &Relay, tls: Arc<ClientConfig>) -> io::Result<(Link, Transport)> {
    let address = relay.address;
    let transport = match relay.transport {
        TurnTransport::Udp => {
            let any: SocketAddr = if address.is_ipv4() {
                (Ipv4Addr::UNSPECIFIED, 0).into()
            } else {
                (Ipv6Addr::UNSPECIFIED, 0).into()
            };
            let socket = UdpSocket::bind(any).await?;
            socket.connect(address).await?;
            return Ok((Link::Udp(socket), Transport::Udp));
        }
        TurnTransport::Tcp => Transport::Tcp,
        TurnTransport::Tls => Transport::Tls,
    };
    let name = || relay.name.clone().unwrap_or_else(|| ServerName::from(address.ip()));
    let tls = (transport == Transport::Tls).then(|| (tls, name()));
    let opening = Opening { local: None, bind_port: false, remote: address, framing: Framing::Turn, tls };
    Ok((Link::Stream(Box::new(opening.open().await?)), transport))
}

impl Link {
    async fn send(&mut self, message: &[u8]) -> io::Result<()> {
        match self {
            Self::Udp(socket) => socket.send(message).await.map(drop),
            Self::Stream(stream) => {
                let is_taken = stream.send(message);
                debug_assert!(is_taken, "there is room for one message");
                Ok(())
            }
        }
    }

    async fn receive(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Udp(socket) => socket.recv(buffer).await,
            Self::Stream(stream) => {
                poll_fn(|context| {
                    stream.poll_flush(context)?;
                    stream.poll_message(context, buffer)
                })
                .await
            }
        }
    }
}

fn words(failure: &Failure) -> String {
    match failure {
        Failure::Timeout => "no answer".to_owned(),
        Failure::Refused(code) => format!("the relay refuses with the code {code}"),
        Failure::Unauthenticated => "the relay does not take the credentials that the server gave".to_owned(),
        Failure::Unsupported => "the relay wants what this client cannot do".to_owned(),
        Failure::Redirected(_) => "the relay sends its clients elsewhere".to_owned(),
        Failure::Malformed => "the relay's answer is not complete".to_owned(),
        Failure::Unsendable => "the credentials are too long".to_owned(),
        other => format!("{other:?}"),
    }
}
