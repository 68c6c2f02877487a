use crate::node::{Datagram, Node, Output};
use crate::tcp::StreamEvent;
use moim_stun::discovery::{Client, ClientConfig, LifetimeSearch, Report, SocketId, Timing};
use moim_turn::Now;
use moim_wire::Deadline;
use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

/// The port of the first of the sockets; the others follow.
const FIRST_PORT: u16 = 5000;

/// Somebody who finds out what kind of NAT is in the way, by `moim_stun`'s client.
#[derive(Debug)]
pub struct Prober {
    client: Client,
    local: IpAddr,
}

impl Prober {
    /// One that begins to ask these servers, from an address of its host.
    pub fn new(
        servers: Vec<SocketAddr>,
        local: IpAddr,
        lifetime: Option<LifetimeSearch>,
        seed: [u8; 32],
        now: Instant,
    ) -> Self {
        let main = SocketAddr::new(local, port(SocketId::Main));
        let config = ClientConfig { servers, local: main, timing: Timing::default(), lifetime };
        Self { client: Client::new(config, seed, now), local }
    }

    /// What it found out. [`None`]: it is still asking.
    pub fn report(&self) -> Option<&Report> {
        self.client.report()
    }
}

impl Node for Prober {
    fn handle_datagram(&mut self, local: SocketAddr, remote: SocketAddr, bytes: &mut [u8], now: Now) {
        let socket = SocketId::ALL.into_iter().find(|socket| port(*socket) == local.port());
        if let Some(socket) = socket {
            self.client.handle_datagram(bytes, remote, socket, now.at);
        }
    }

    fn handle_stream(&mut self, _event: StreamEvent, _now: Now) {}

    fn handle_timeout(&mut self, now: Now) {
        self.client.handle_timeout(now.at);
    }

    fn poll_timeout(&self) -> Option<Deadline> {
        self.client.poll_timeout()
    }

    fn poll_output(&mut self, _now: Now) -> Option<Output> {
        let transmit = self.client.poll_transmit()?;
        let local = SocketAddr::new(self.local, port(transmit.socket));
        Some(Output::Datagram(Datagram { local, remote: transmit.to, bytes: transmit.bytes }))
    }

    fn listens(&self, _local: SocketAddr) -> bool {
        false
    }
}

fn port(socket: SocketId) -> u16 {
    FIRST_PORT
        + match socket {
            SocketId::Main => 0,
            SocketId::Filter => 1,
            SocketId::Prober => 2,
            SocketId::Idle => 3,
        }
}
