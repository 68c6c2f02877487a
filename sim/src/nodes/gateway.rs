//! The signalling server of moim on a host of the world: what stands between streams and `moim_signal`.

use super::credential;
use super::lines::Lines;
use crate::node::{Node, Output};
use crate::random::Seed;
use crate::tcp::{StreamCommand, StreamEvent, StreamKey};
use moim_signal::id::{LinkId, ParticipantId};
use moim_signal::message::{ClientFrame, Grants, IceCredential, IceServer, Permissions, ServerFrame};
use moim_signal::{Config, SignalServer};
use moim_turn::Now;
use moim_wire::Deadline;
use std::collections::{BTreeMap, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant, SystemTime};

/// The port that clients connect to.
pub const GATEWAY_PORT: u16 = 443;
/// How long a client may take to say the first word (`limits.request_timeout` of the server of production). One that has lost its address
/// just then never says it, and never ends the stream.
const FIRST_FRAME_WITHIN: Duration = Duration::from_secs(10);

/// What a [`GatewayNode`] is like.
#[derive(Clone, Debug)]
pub struct GatewayConfig {
    /// The signalling server's own settings.
    pub signal: Config,
    /// Where participants find the STUN and TURN server, if they are told of one.
    pub relays: Vec<IpAddr>,
    /// How participants may reach it.
    pub transports: Vec<RelayTransport>,
    /// How long credentials for it are good.
    pub credential_lifetime: Duration,
}

/// How a relay is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum RelayTransport {
    /// Not at all: only the STUN server is told of.
    StunOnly,
    /// By datagrams.
    Udp,
    /// By a stream.
    Tcp,
    /// By a stream on the port of the web.
    Tls,
}

/// A signalling server, and the links to it.
#[derive(Debug)]
pub struct GatewayNode {
    config: GatewayConfig,
    server: SignalServer,
    links: BTreeMap<LinkId, Link>,
    by_stream: BTreeMap<StreamKey, LinkId>,
    next_link: u64,
    outputs: VecDeque<Output>,
    clock: Instant,
}

/// A link: a stream of frames.
#[derive(Debug)]
struct Link {
    stream: StreamKey,
    lines: Lines,
    /// When it is given up unless something has come. [`None`]: something has, and the machine inside watches over it.
    begins_by: Option<Instant>,
}

impl GatewayNode {
    /// A server that has just started. `generation` tells restarts of one server apart.
    pub fn new(config: GatewayConfig, seed: Seed, generation: u64, now: Instant) -> Self {
        Self {
            server: SignalServer::new(config.signal.clone(), seed.bytes("signalling server", generation)),
            config,
            links: BTreeMap::new(),
            by_stream: BTreeMap::new(),
            next_link: 0,
            outputs: VecDeque::new(),
            clock: now,
        }
    }

    /// The machine inside.
    pub fn server(&self) -> &SignalServer {
        &self.server
    }

    /// From now on, participants are told of the relay in these ways.
    pub fn set_transports(&mut self, transports: Vec<RelayTransport>) {
        self.config.transports = transports;
    }

    fn received(&mut self, link: LinkId, bytes: &[u8], now: Now) {
        let Some(known) = self.links.get_mut(&link) else { return };
        for line in known.lines.receive(bytes) {
            let frame = ClientFrame::parse(&line);
            let begins = self.links.get_mut(&link).is_some_and(|known| known.begins_by.take().is_some());
            match frame {
                Ok(ClientFrame::Hello(hello)) if begins => {
                    self.server.handle_hello(link, &hello, Ok(everything()), now.at);
                }
                frame => self.server.handle_frame(link, frame, now.at),
            }
        }
    }

    /// Does what the server wants.
    fn settle(&mut self, now: Now) {
        while let Some(output) = self.server.poll_output() {
            match output {
                moim_signal::Output::Send { link, mut frame } => {
                    if let ServerFrame::Message { body, .. } = &mut frame
                        && let Some((participant, servers)) = body.ice_servers_mut()
                    {
                        *servers = self.ice_servers(participant, now.wall);
                    }
                    self.send(link, &frame);
                }
                moim_signal::Output::Close { link } => self.close(link),
                moim_signal::Output::Media(_) | moim_signal::Output::Event(_) => {}
            }
        }
    }

    fn close(&mut self, link: LinkId) {
        if let Some(Link { stream, .. }) = self.links.remove(&link) {
            self.by_stream.remove(&stream);
            self.outputs.push_back(Output::Stream(StreamCommand::Close(stream)));
        }
    }

    /// Closes links on which nothing has come in time. The machine inside has not heard of them.
    fn close_speechless(&mut self, now: Instant) {
        let is_late = |link: &Link| link.begins_by.is_some_and(|by| by <= now);
        let late: Vec<_> = self.links.iter().filter(|(_, link)| is_late(link)).map(|(id, _)| *id).collect();
        for link in late {
            self.close(link);
        }
    }

    fn send(&mut self, link: LinkId, frame: &ServerFrame) {
        let Some(Link { stream, .. }) = self.links.get(&link) else { return };
        let mut line = serde_json::to_vec(frame).expect("frames are made of texts and numbers");
        line.push(b'\n');
        self.outputs.push_back(Output::Stream(StreamCommand::Send(*stream, line)));
    }

    /// What the gateway of production tells, with credentials that end (`server/src/gateway/ice.rs`).
    fn ice_servers(&self, participant: &ParticipantId, wall: SystemTime) -> Vec<IceServer> {
        let (username, password) = credential(participant.as_str(), self.config.credential_lifetime, wall);
        let of_host = |ip: &IpAddr| {
            let on = |port| SocketAddr::new(*ip, port);
            let turn = self.config.transports.iter().filter_map(|transport| match transport {
                RelayTransport::StunOnly => None,
                RelayTransport::Udp => Some(format!("turn:{}?transport=udp", on(3478))),
                RelayTransport::Tcp => Some(format!("turn:{}?transport=tcp", on(3478))),
                RelayTransport::Tls => Some(format!("turns:{}?transport=tcp", on(443))),
            });
            let turn: Vec<_> = turn.collect();
            (format!("stun:{}", on(3478)), turn)
        };
        let (stun, turn): (Vec<_>, Vec<_>) = self.config.relays.iter().map(of_host).unzip();
        let turn = turn.concat();
        let stun = IceServer { urls: stun, username: None, credential: None, lifetime_ms: None };
        let turn = IceServer {
            urls: turn,
            username: Some(username),
            credential: Some(IceCredential::new(password)),
            lifetime_ms: u32::try_from(self.config.credential_lifetime.as_millis()).ok(),
        };
        [stun, turn].into_iter().filter(|server| !server.urls.is_empty()).collect()
    }
}

impl Node for GatewayNode {
    fn handle_datagram(&mut self, _local: SocketAddr, _remote: SocketAddr, _bytes: &mut [u8], now: Now) {
        self.clock = now.at;
    }

    fn handle_stream(&mut self, event: StreamEvent, now: Now) {
        self.clock = now.at;
        match event {
            StreamEvent::Opened(stream) => {
                let link = LinkId(self.next_link);
                self.next_link += 1;
                let begins_by = Some(now.at + FIRST_FRAME_WITHIN);
                self.links.insert(link, Link { stream, lines: Lines::default(), begins_by });
                self.by_stream.insert(stream, link);
            }
            StreamEvent::Received(stream, bytes) => {
                if let Some(link) = self.by_stream.get(&stream).copied() {
                    self.received(link, &bytes, now);
                }
            }
            StreamEvent::Closed(stream, _) => {
                if let Some(link) = self.by_stream.remove(&stream) {
                    self.links.remove(&link);
                    self.server.handle_link_closed(link, now.at);
                }
            }
        }
        self.settle(now);
    }

    fn handle_timeout(&mut self, now: Now) {
        self.clock = now.at;
        self.close_speechless(now.at);
        self.server.handle_timeout(now.at);
        self.settle(now);
    }

    fn poll_timeout(&self) -> Option<Deadline> {
        if self.outputs.is_empty() {
            let first = self.links.values().filter_map(|link| link.begins_by).min();
            let first = first.map(|at| Deadline::new(at, "nothing has come on a link"));
            Deadline::soonest(first, self.server.poll_timeout())
        } else {
            Some(Deadline::new(self.clock, "something is to be sent"))
        }
    }

    fn poll_output(&mut self, _now: Now) -> Option<Output> {
        self.outputs.pop_front()
    }

    fn listens(&self, local: SocketAddr) -> bool {
        local.port() == GATEWAY_PORT
    }
}

/// What an open server gives everybody.
fn everything() -> Grants {
    let permissions = Permissions { publish: true, subscribe: true, data: true, admin: false };
    Grants { room: None, identity: None, name: None, permissions }
}
