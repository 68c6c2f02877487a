//! A client, a NAT of any behaviour in RFC 4787, servers, and a clock turned by hand.

use crate::binding;
use crate::discovery::{
    Client, ClientConfig, Disclosure, Endpoints, Filtering, Handled, LifetimeSearch, Mapping,
    RESPONSE_LEN_MAX, Report, Server, ServerConfig, SocketId, Timing,
};
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

/// The address of the server that the client is told of.
pub(super) const SERVER: &str = "203.0.113.1:3478";
/// Its other address.
pub(super) const OTHER: &str = "203.0.113.2:3479";
const LOCAL_IP: &str = "10.0.0.2";
const PUBLIC_IP: &str = "198.51.100.7";
/// More turns than any test takes: a client that does not come to an end is a failure.
const TURNS_MAX: usize = 10_000;

/// What is between the client and the servers.
#[derive(Clone, Debug)]
pub(super) enum Between {
    Nothing,
    /// A firewall that lets in what answers something; addresses stay.
    Firewall(Filtering),
    Nat(Nat),
    UdpBlocked,
}

/// What answers.
pub(super) enum Servers {
    Discovery(Server, Endpoints),
    /// Answers at every address, and knows nothing of RFC 5780.
    Ordinary(binding::Server),
    /// As a discovery server, but answers from wherever it was asked.
    Stubborn(Server, Endpoints),
    /// Nobody.
    Deaf,
}

#[derive(Clone, Debug)]
pub(super) struct Nat {
    pub(super) mapping: Mapping,
    pub(super) filtering: Filtering,
    pub(super) hairpins: bool,
    pub(super) lifetime: Duration,
    bindings: Vec<Binding>,
    next_port: u16,
}

#[derive(Clone, Debug)]
struct Binding {
    inside: SocketAddr,
    first_destination: SocketAddr,
    outside: SocketAddr,
    contacts: Vec<SocketAddr>,
    used: Instant,
}

impl Nat {
    pub(super) fn new(mapping: Mapping, filtering: Filtering, hairpins: bool) -> Self {
        let lifetime = Duration::from_secs(120);
        Self { mapping, filtering, hairpins, lifetime, bindings: Vec::new(), next_port: 20_000 }
    }

    fn out(&mut self, inside: SocketAddr, to: SocketAddr, now: Instant) -> SocketAddr {
        let (mapping, lifetime) = (self.mapping, self.lifetime);
        self.bindings.retain(|binding| now < binding.used + lifetime);
        let shares = |binding: &Binding| match mapping {
            Mapping::EndpointIndependent => true,
            Mapping::AddressDependent => binding.first_destination.ip() == to.ip(),
            Mapping::None
            | Mapping::AddressAndPortDependent
            | Mapping::EndpointIndependentOrAddressDependent
            | Mapping::AddressOrAddressAndPortDependent => binding.first_destination == to,
        };
        let found = self.bindings.iter().position(|binding| binding.inside == inside && shares(binding));
        let index = found.unwrap_or_else(|| {
            self.next_port += 7;
            let outside = SocketAddr::new(PUBLIC_IP.parse().unwrap(), self.next_port);
            let contacts = Vec::new();
            self.bindings.push(Binding { inside, first_destination: to, outside, contacts, used: now });
            self.bindings.len() - 1
        });
        let binding = &mut self.bindings[index];
        binding.contacts.push(to);
        binding.used = now;
        binding.outside
    }

    fn into(&self, from: SocketAddr, to: SocketAddr, now: Instant) -> Option<SocketAddr> {
        let is_alive = |binding: &&Binding| binding.outside == to && now < binding.used + self.lifetime;
        let binding = self.bindings.iter().find(is_alive)?;
        passes(self.filtering, &binding.contacts, from).then_some(binding.inside)
    }
}

fn passes(filtering: Filtering, contacts: &[SocketAddr], from: SocketAddr) -> bool {
    match filtering {
        Filtering::EndpointIndependent => true,
        Filtering::AddressDependent => contacts.iter().any(|contact| contact.ip() == from.ip()),
        Filtering::AddressAndPortDependent => contacts.contains(&from),
    }
}

pub(super) struct World {
    client: Client,
    between: Between,
    servers: Servers,
    /// Who sent where through the firewall.
    contacts: Vec<(SocketAddr, SocketAddr)>,
    /// Every so many packets on the way to and from the NAT are lost; 0: none.
    lose_every: usize,
    packets: usize,
    now: Instant,
}

impl World {
    pub(super) fn new(
        between: Between,
        servers: Servers,
        asked: &[&str],
        lifetime: Option<LifetimeSearch>,
    ) -> Self {
        #[expect(clippy::disallowed_methods, reason = "an arbitrary origin for test time")]
        let now = Instant::now();
        let config = ClientConfig {
            servers: asked.iter().map(|server| server.parse().unwrap()).collect(),
            local: socket_address(SocketId::Main),
            timing: Timing::default(),
            lifetime,
        };
        let client = Client::new(config, [7; 32], now);
        Self { client, between, servers, contacts: Vec::new(), lose_every: 0, packets: 0, now }
    }

    #[must_use]
    pub(super) fn losing_every(mut self, packets: usize) -> Self {
        self.lose_every = packets;
        self
    }

    pub(super) fn run(mut self) -> Report {
        for _ in 0..TURNS_MAX {
            if let Some(report) = self.client.report() {
                return report.clone();
            }
            if let Some(transmit) = self.client.poll_transmit() {
                let inside = socket_address(transmit.socket);
                if !self.is_lost() {
                    self.leave(inside, transmit.to, &transmit.bytes);
                }
            } else {
                let deadline = self.client.poll_timeout().expect("an unfinished client waits for something");
                assert!(deadline.at >= self.now);
                self.now = deadline.at;
                self.client.handle_timeout(self.now);
            }
        }
        panic!("the client does not come to an end");
    }

    fn is_lost(&mut self) -> bool {
        self.packets += 1;
        self.lose_every != 0 && self.packets.is_multiple_of(self.lose_every)
    }

    fn leave(&mut self, inside: SocketAddr, to: SocketAddr, bytes: &[u8]) {
        let source = match &mut self.between {
            Between::UdpBlocked => return,
            Between::Nothing => inside,
            Between::Firewall(_) => {
                self.contacts.push((inside, to));
                inside
            }
            Between::Nat(nat) => nat.out(inside, to, self.now),
        };
        if to.ip() == source.ip() {
            if matches!(&self.between, Between::Nat(nat) if nat.hairpins) {
                self.enter(source, to, bytes);
            }
        } else if let Some((from, to, response)) = self.servers.answer(bytes, source, to)
            && !self.is_lost()
        {
            self.enter(from, to, &response);
        }
    }

    fn enter(&mut self, from: SocketAddr, to: SocketAddr, bytes: &[u8]) {
        let inside = match &self.between {
            Between::UdpBlocked => None,
            Between::Nothing => Some(to),
            Between::Firewall(filtering) => {
                let sent = self.contacts.iter().filter(|(inside, _)| *inside == to);
                let contacts: Vec<_> = sent.map(|(_, contact)| *contact).collect();
                passes(*filtering, &contacts, from).then_some(to)
            }
            Between::Nat(nat) => nat.into(from, to, self.now),
        };
        let socket = SocketId::ALL.into_iter().find(|socket| Some(socket_address(*socket)) == inside);
        if let Some(socket) = socket {
            self.client.handle_datagram(bytes, from, socket, self.now);
        }
    }
}

impl Servers {
    pub(super) fn discovery() -> Self {
        Self::Discovery(server(endpoints(OTHER)), endpoints(OTHER))
    }

    pub(super) fn with_ports_only() -> Self {
        let endpoints = endpoints("203.0.113.1:3479");
        Self::Discovery(server(endpoints), endpoints)
    }

    pub(super) fn stubborn() -> Self {
        Self::Stubborn(server(endpoints(OTHER)), endpoints(OTHER))
    }

    /// Where the response goes from and to.
    fn answer(
        &mut self,
        bytes: &[u8],
        source: SocketAddr,
        to: SocketAddr,
    ) -> Option<(SocketAddr, SocketAddr, Vec<u8>)> {
        let mut out = [0; RESPONSE_LEN_MAX];
        let is_server =
            ["203.0.113.1", "203.0.113.2"].iter().any(|ip| to.ip() == ip.parse::<IpAddr>().unwrap());
        match self {
            Self::Discovery(server, endpoints) => {
                match server.handle(bytes, source, endpoints.find(to)?, &mut out) {
                    Handled::Respond { len, from, to } => {
                        Some((endpoints.address(from), to, out[..len].to_vec()))
                    }
                    Handled::Dropped(_) => None,
                }
            }
            Self::Stubborn(server, endpoints) => {
                match server.handle(bytes, source, endpoints.find(to)?, &mut out) {
                    Handled::Respond { len, .. } => Some((to, source, out[..len].to_vec())),
                    Handled::Dropped(_) => None,
                }
            }
            Self::Ordinary(server) if is_server => match server.handle(bytes, source, &mut out) {
                binding::Handled::Respond(len) => Some((to, source, out[..len].to_vec())),
                binding::Handled::Dropped(_) => None,
            },
            Self::Ordinary(_) | Self::Deaf => None,
        }
    }
}

fn endpoints(other: &str) -> Endpoints {
    Endpoints::new(SERVER.parse().unwrap(), other.parse().unwrap()).unwrap()
}

fn server(endpoints: Endpoints) -> Server {
    Server::new(ServerConfig { endpoints, disclosure: Disclosure::default() })
}

pub(super) fn socket_address(socket: SocketId) -> SocketAddr {
    let port = 5000 + SocketId::ALL.iter().position(|other| *other == socket).unwrap();
    SocketAddr::new(LOCAL_IP.parse().unwrap(), u16::try_from(port).unwrap())
}
