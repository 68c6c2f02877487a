//! An agent that is told, and sent, whatever a string of bytes says: the fuzz target `ice_agent`, and its replay.

use super::script::Script;
use moim_ice::{
    Agent, Ask, Candidate, CandidateAddress, CandidateKind, CandidateProtocol, Config, ConnectionId,
    Credential, EVENTS_MAX, Event, Extra, Extras, Handled, IceCredentials, IceRole, IceServer, LocalAddress,
    NameId, Nomination, PAIRS_MAX, PairState, Prefix, Protocol, Received, TRANSMIT_LEN_MAX, TRANSMITS_MAX,
    TcpType, TransportPolicy, TurnTransport,
};
use moim_stun::attribute::{
    ErrorCode, IceControlled, IceControlling, Priority, UseCandidate, Username, XorMappedAddress,
};
use moim_stun::{
    AttributeType, BuildError, Class, Integrity, IntegrityKey, Message, MessageBuilder, Method, Seal,
    TransactionId,
};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// Deadlines that pass at one moment: more than these are a clock that stands still.
const TURNS_MAX: usize = 100;
/// Deadlines within one action.
const STEPS_MAX: usize = 20_000;
const PASSWORDS: [&str; 2] = ["thepasswordofthepeer00", "anotherpasswordofitsown"];
const UFRAGS: [&str; 2] = ["peer", "next"];

/// Lives through what `bytes` say.
///
/// # Panics
/// If the agent does what it must never do.
pub(crate) fn live(bytes: &[u8]) {
    let mut script = Script::new(bytes);
    let mut world = World::new(&mut script);
    while let Some(action) = script.byte() {
        world.act(action, &mut script);
        world.check();
    }
}

struct World {
    agent: Agent,
    now: Instant,
    /// What the agent asked for last.
    asked: Vec<(SocketAddr, SocketAddr, Protocol, Vec<u8>)>,
    connections: Vec<ConnectionId>,
    names: Vec<NameId>,
    streams: Vec<(SocketAddr, SocketAddr)>,
    remote: usize,
    transactions: u32,
}

impl World {
    #[expect(clippy::disallowed_methods, reason = "an arbitrary origin for test time")]
    fn new(script: &mut Script<'_>) -> Self {
        let config = Config {
            role: script.choose(&[IceRole::Controlling, IceRole::Controlled]),
            lite: script.below(8) == 0,
            policy: script.choose(&[TransportPolicy::All, TransportPolicy::All, TransportPolicy::Relay]),
            nomination: script.choose(&[Nomination::Regular, Nomination::Aggressive]),
            renomination: script.below(2) == 0,
            ..Config::default()
        };
        let now = Instant::now();
        let mut agent = Agent::new(config, [3; 32], now);
        agent.add_local_address(LocalAddress::udp(first_address()), now).unwrap();
        agent.gather(now);
        let (connections, names, streams) = (Vec::new(), Vec::new(), Vec::new());
        Self { agent, now, asked: Vec::new(), connections, names, streams, remote: 0, transactions: 0 }
    }

    fn act(&mut self, action: u8, script: &mut Script<'_>) {
        match action % 24 {
            0..=3 => self.check_of_peer(script),
            4..=7 => self.answer(script),
            8 => self.raw(script),
            9..=11 => self.candidate(script),
            12 => {
                self.remote = usize::from(script.below(2));
                let credentials = IceCredentials::new(UFRAGS[self.remote], PASSWORDS[self.remote]).unwrap();
                self.agent.set_remote(credentials, script.below(8) == 0, self.now);
            }
            13 => {
                let millis = script.choose(&[0, 20, 50, 500, 5_000, 16_000, 40_000, 300_000]);
                self.pass(Duration::from_millis(millis));
            }
            14 => self.local(script),
            15 => self.agent.remove_local_address(script.address(), self.now),
            16 => self.server(script),
            17 => self.connection(script),
            18 => {
                if let Some(id) = self.names.pop() {
                    let ip = (script.below(3) > 0).then(|| script.address().ip());
                    self.agent.resolved(id, ip, self.now);
                }
            }
            19 => drop(self.agent.restart(self.now)),
            20 => {
                let role = script.choose(&[IceRole::Controlling, IceRole::Controlled]);
                self.agent.set_role(role, self.now);
            }
            21 => self.agent.end_of_remote_candidates(self.now),
            22 => self.data(script),
            _ if script.below(16) == 0 => self.agent.close(self.now),
            _ if script.below(2) == 0 => self.extras(script),
            _ => self.agent.unreachable(first_address(), script.address()),
        }
        self.drain();
    }

    /// What checks carry for others.
    fn extras(&mut self, script: &mut Script<'_>) {
        let number = AttributeType(0xC070);
        let extra = |script: &mut Script<'_>| {
            let times = script.choose(&[1, 1, 10]);
            Extra { number, value: script.bytes().repeat(times) }
        };
        let extras = (script.below(4) > 0).then(|| Extras {
            known: vec![number],
            always: (0..script.below(3)).map(|_| extra(script)).collect(),
            in_turn: (0..script.below(3)).map(|_| extra(script)).collect(),
        });
        self.agent.set_extras(extras, self.now);
    }

    /// An authentic check, with whatever a peer might put into it.
    fn check_of_peer(&mut self, script: &mut Script<'_>) {
        let local = self.agent.local_credentials().clone();
        let username = format!("{}:{}", local.ufrag(), UFRAGS[usize::from(script.below(2))]);
        let (priority, breaker) = (script.number(), u64::from(script.number()) << 32);
        let flags = script.below(16);
        let raw = script.bytes().to_vec();
        let bytes = self.write(Class::Request, &IntegrityKey::short_term(local.password()), |request| {
            request.attribute(&Username(&username))?;
            if flags & 1 == 0 {
                request.attribute(&Priority(priority))?;
            }
            if flags & 2 == 0 {
                request.attribute(&IceControlling(breaker))?;
            } else {
                request.attribute(&IceControlled(breaker))?;
            }
            if flags & 4 == 0 {
                request.attribute(&UseCandidate)?;
            }
            if flags & 8 != 0 {
                request.raw(AttributeType(0x7000 | (priority & 0xffff) as u16), &raw)?;
            }
            Ok(())
        });
        let (local, remote, protocol) = self.somewhere(script);
        self.give(local, remote, protocol, &bytes);
    }

    /// An authentic answer to one of the latest requests.
    fn answer(&mut self, script: &mut Script<'_>) {
        if self.asked.is_empty() {
            return;
        }
        let index = usize::from(script.byte().unwrap_or_default()) % self.asked.len();
        let (local, remote, protocol, request) = self.asked.swap_remove(index);
        let Ok(request) = Message::parse(&request) else { return };
        let mapped = if script.below(2) == 0 { local } else { script.address() };
        let code = script.choose(&[0, 0, 0, 0, 487, 487, 400, 500]);
        let key = IntegrityKey::short_term(PASSWORDS[self.remote]);
        let class = if code == 0 { Class::SuccessResponse } else { Class::ErrorResponse };
        let mut buffer = [0; 600];
        let mut response =
            MessageBuilder::new(&mut buffer, class, request.method(), request.transaction_id()).unwrap();
        if code == 0 {
            response.attribute(&XorMappedAddress(mapped)).unwrap();
        } else {
            response.attribute(&ErrorCode::new(code, "").unwrap()).unwrap();
        }
        let seal = Seal { integrity: Integrity::Sha1(&key), fingerprint: true };
        let response = response.finish(seal).unwrap().to_vec();
        let from = if script.below(16) == 0 { script.address() } else { remote };
        self.give(local, from, protocol, &response);
    }

    fn raw(&mut self, script: &mut Script<'_>) {
        let (local, remote, protocol) = self.somewhere(script);
        let bytes = script.bytes().to_vec();
        self.give(local, remote, protocol, &bytes);
        // The same, as if it were STUN.
        let mut message = vec![0, script.below(32), 0, 0, 0x21, 0x12, 0xa4, 0x42];
        message.extend([0; 12]);
        message.extend(&bytes[..bytes.len() / 4 * 4]);
        let body = u16::try_from(message.len() - 20).unwrap().to_be_bytes();
        message[2..4].copy_from_slice(&body);
        self.give(local, remote, protocol, &message);
    }

    fn candidate(&mut self, script: &mut Script<'_>) {
        let address = script.address();
        let protocol = match script.below(6) {
            0 => CandidateProtocol::Tcp(TcpType::Active),
            1 => CandidateProtocol::Tcp(TcpType::Passive),
            2 => CandidateProtocol::Tcp(TcpType::SimultaneousOpen),
            _ => CandidateProtocol::Udp,
        };
        let address = match script.below(8) {
            0 => CandidateAddress::Name { name: format!("{}.local", script.below(40)), port: address.port() },
            _ => address.into(),
        };
        let ufrag = script.choose(&[None, None, Some(UFRAGS[0].to_owned()), Some(UFRAGS[1].to_owned())]);
        let candidate = Candidate {
            foundation: script.choose(&["1", "2", "abc"]).parse().unwrap(),
            protocol,
            priority: script.number(),
            address,
            kind: script.choose(&[
                CandidateKind::Host,
                CandidateKind::ServerReflexive,
                CandidateKind::PeerReflexive,
                CandidateKind::Relayed,
            ]),
            related: None,
            ufrag,
        };
        let _ = self.agent.add_remote_candidate(candidate, self.now);
    }

    fn local(&mut self, script: &mut Script<'_>) {
        let protocol = match script.below(6) {
            0 => CandidateProtocol::Tcp(TcpType::Active),
            1 => CandidateProtocol::Tcp(TcpType::Passive),
            2 => CandidateProtocol::Tcp(TcpType::SimultaneousOpen),
            _ => CandidateProtocol::Udp,
        };
        let local = LocalAddress { address: script.address(), protocol, preference: u16::MAX };
        let _ = self.agent.add_local_address(local, self.now);
    }

    fn server(&mut self, script: &mut Script<'_>) {
        let address = script.address();
        let server = match script.below(4) {
            0 => IceServer::Stun { address },
            n => IceServer::Turn {
                address,
                transport: [TurnTransport::Udp, TurnTransport::Tcp, TurnTransport::Tls][usize::from(n) - 1],
                credential: Credential::long_term("user", "secret"),
            },
        };
        let _ = self.agent.add_server(server, self.now);
    }

    fn connection(&mut self, script: &mut Script<'_>) {
        let (one, other) = (script.address(), script.address());
        match script.below(4) {
            0 => {
                if self.agent.connection_accepted(one, other, self.now).is_ok() {
                    self.streams.push((one, other));
                }
            }
            1 => self.agent.connection_closed(one, other, self.now),
            n => {
                let Some(id) = self.connections.pop() else { return };
                if n == 2 {
                    self.agent.connection_opened(id, one, self.now);
                    self.streams.push((one, other));
                } else {
                    self.agent.connection_failed(id, self.now);
                }
            }
        }
    }

    /// Data goes by whatever path is selected.
    fn data(&mut self, script: &mut Script<'_>) {
        let Some(path) = self.agent.selected() else { return };
        let route = *self.agent.route(path).expect("what is selected has a route");
        let data = script.bytes();
        let mut packet = vec![0; route.prefix.len() + data.len() + Prefix::PADDING_MAX];
        packet[route.prefix.len()..][..data.len()].copy_from_slice(data);
        let len = route.prefix.wrap(&mut packet, data.len()).expect("there is room");
        assert!(len <= data.len() + route.overhead());
        self.agent.data_sent(path, data.len(), self.now);
    }

    fn somewhere(&mut self, script: &mut Script<'_>) -> (SocketAddr, SocketAddr, Protocol) {
        if script.below(4) == 0
            && let Some((local, remote)) = self.streams.last().copied()
        {
            return (local, remote, Protocol::Tcp);
        }
        let local = if script.below(4) == 0 { script.address() } else { first_address() };
        (local, script.address(), Protocol::Udp)
    }

    fn write(
        &mut self,
        class: Class,
        key: &IntegrityKey,
        add: impl FnOnce(&mut MessageBuilder<'_>) -> Result<(), BuildError>,
    ) -> Vec<u8> {
        self.transactions += 1;
        let mut id = [0; 12];
        id[..4].copy_from_slice(&self.transactions.to_be_bytes());
        let mut buffer = [0; 1_000];
        let mut builder =
            MessageBuilder::new(&mut buffer, class, Method::BINDING, TransactionId(id)).unwrap();
        add(&mut builder).unwrap();
        builder.finish(Seal { integrity: Integrity::Sha1(key), fingerprint: true }).unwrap().to_vec()
    }

    fn give(&mut self, local: SocketAddr, remote: SocketAddr, protocol: Protocol, bytes: &[u8]) {
        let handled = self.agent.handle_input(Received { local, remote, protocol, bytes }, self.now);
        if let Handled::Data { path, range } = handled {
            assert!(range.end <= bytes.len());
            self.agent.data_received(path, range.len(), self.now);
        }
    }

    fn pass(&mut self, duration: Duration) {
        let end = self.now + duration;
        let mut at_this_moment = 0;
        for _ in 0..STEPS_MAX {
            self.drain();
            let Some(deadline) = self.agent.poll_timeout().filter(|deadline| deadline.at <= end) else {
                self.now = end;
                return;
            };
            at_this_moment = if deadline.at > self.now { 0 } else { at_this_moment + 1 };
            assert!(at_this_moment < TURNS_MAX, "it never rests: {}", deadline.reason);
            self.now = self.now.max(deadline.at);
            self.agent.handle_timeout(self.now);
        }
        panic!("the clock stands still: {:?}", self.agent.poll_timeout());
    }

    fn drain(&mut self) {
        let mut out = [0; TRANSMIT_LEN_MAX];
        let mut sent = 0;
        while let Some(transmit) = self.agent.poll_transmit(&mut out) {
            sent += 1;
            let bytes = out[..transmit.len].to_vec();
            let is_request = Message::parse(&bytes).is_ok_and(|message| message.class() == Class::Request);
            if is_request {
                self.asked.push((transmit.local, transmit.remote, transmit.protocol, bytes));
            }
        }
        assert!(sent <= TRANSMITS_MAX);
        let surplus = self.asked.len().saturating_sub(64);
        self.asked.drain(..surplus);
        let mut told = 0;
        while let Some(event) = self.agent.poll_event() {
            told += 1;
            match event {
                Event::Ask(Ask::Connect { id, .. }) => self.connections.push(id),
                Event::Ask(Ask::ResolveName { id, .. }) => self.names.push(id),
                Event::GatheringState(_)
                | Event::LocalCandidate(_)
                | Event::LocalCandidateError { .. }
                | Event::ConnectionState(_)
                | Event::Selected { .. }
                | Event::RoleChanged(_)
                | Event::Ask(Ask::Disconnect { .. })
                | _ => {}
            }
        }
        assert!(told <= EVENTS_MAX);
    }

    fn check(&self) {
        let pairs: Vec<_> = self.agent.pairs().collect();
        assert!(pairs.len() <= PAIRS_MAX);
        for pair in &pairs {
            assert!(!pair.is_selected || pair.state == PairState::Succeeded);
            assert!(!pair.is_nominated || pair.state == PairState::Succeeded);
        }
        match self.agent.selected() {
            Some(path) => assert!(self.agent.route(path).is_some(), "what is selected has a route"),
            None => assert!(pairs.iter().all(|pair| !pair.is_selected)),
        }
    }
}

fn first_address() -> SocketAddr {
    SocketAddr::new([192, 0, 2, 1].into(), 5_000)
}
