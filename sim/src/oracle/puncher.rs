use crate::node::{Datagram, Node, Output};
use crate::participant::TCP_PORT;
use crate::tcp::{StreamCommand, StreamEvent, StreamKey};
use moim_turn::Now;
use moim_wire::Deadline;
use std::collections::{BTreeSet, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

/// Where words come from.
const PORT: u16 = 40_000;
/// The first port that streams are opened from.
const FIRST_STREAM_PORT: u16 = 50_000;
/// Between two rounds.
const ROUND: Duration = Duration::from_millis(100);
/// Rounds after which whatever can be found has been found.
const ROUNDS_MAX: u32 = 20;

/// Somebody who tries everything, or somebody who tells others what they look like.
#[derive(Debug)]
pub(super) struct Puncher {
    kind: Kind,
    outputs: VecDeque<Output>,
    clock: Instant,
}

#[derive(Debug)]
enum Kind {
    Mirror { datagrams: Vec<u16>, streams: Vec<u16> },
    Person(Box<Person>),
}

#[derive(Debug, Default)]
struct Person {
    /// What tells one's own words from those of strangers at the same address elsewhere.
    index: u8,
    tcp: bool,
    hosts: BTreeSet<IpAddr>,
    relays: Vec<IpAddr>,
    gateways: Vec<IpAddr>,
    /// What one looks like from outside.
    seen_as: BTreeSet<SocketAddr>,
    mirrored: [bool; 2],
    /// From where to where words are sent.
    pairs: BTreeSet<(SocketAddr, SocketAddr)>,
    works: BTreeSet<(SocketAddr, SocketAddr)>,
    told: BTreeSet<SocketAddr>,
    opened: BTreeSet<SocketAddr>,
    next_port: u16,
    rounds: u32,
    next_round: Option<Instant>,
}

/// What one has found out about oneself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Told(BTreeSet<SocketAddr>);

impl Puncher {
    pub(super) fn mirror(datagrams: &[u16], streams: &[u16], now: Instant) -> Self {
        let kind = Kind::Mirror { datagrams: datagrams.to_vec(), streams: streams.to_vec() };
        Self { kind, outputs: VecDeque::new(), clock: now }
    }

    pub(super) fn person(index: usize, tcp: bool, now: Instant) -> Self {
        let index = u8::try_from(index).unwrap_or(u8::MAX);
        let person = Person { index, tcp, next_port: FIRST_STREAM_PORT, ..Person::default() };
        Self { kind: Kind::Person(Box::new(person)), outputs: VecDeque::new(), clock: now }
    }

    /// Begins to try.
    pub(super) fn begin(&mut self, addresses: Vec<IpAddr>, relays: &[IpAddr], gateways: &[IpAddr]) {
        let now = self.clock;
        let Kind::Person(person) = &mut self.kind else { return };
        person.hosts = addresses.into_iter().collect();
        person.relays = relays.to_vec();
        person.gateways = gateways.to_vec();
        person.next_round = Some(now);
        let targets = relays
            .iter()
            .flat_map(|ip| [(*ip, 3478), (*ip, 443)])
            .chain(gateways.iter().map(|ip| (*ip, 443)));
        let targets: Vec<_> = targets.map(|(ip, port)| SocketAddr::new(ip, port)).collect();
        for target in targets {
            self.connect(target);
        }
    }

    /// Where it may be reached, as far as it knows.
    pub(super) fn told(&self) -> Told {
        let Some(person) = self.as_person() else { return Told(BTreeSet::new()) };
        let hosts = person.hosts.iter().map(|ip| SocketAddr::new(*ip, PORT));
        Told(hosts.chain(person.seen_as.iter().copied()).collect())
    }

    pub(super) fn is_news(&self, of_other: &Told) -> bool {
        self.as_person().is_some_and(|person| !of_other.0.is_subset(&person.told))
    }

    /// The other one may be reached there.
    pub(super) fn learn(&mut self, of_other: &Told) {
        let Kind::Person(person) = &mut self.kind else { return };
        let mut passive = Vec::new();
        for remote in &of_other.0 {
            if person.told.insert(*remote) {
                let locals = person.hosts.iter().filter(|ip| ip.is_ipv4() == remote.is_ipv4());
                let pairs = locals.map(|ip| (SocketAddr::new(*ip, PORT), *remote));
                person.pairs.extend(pairs);
                // One who has the same address, somewhere else, is oneself as far as one can reach.
                if person.tcp && remote.port() == PORT && !person.hosts.contains(&remote.ip()) {
                    passive.push(SocketAddr::new(remote.ip(), TCP_PORT));
                }
            }
        }
        for target in passive {
            self.connect(target);
        }
    }

    pub(super) fn hosts(&self) -> BTreeSet<IpAddr> {
        self.as_person().map(|person| person.hosts.clone()).unwrap_or_default()
    }

    /// From where to where words go, and answers come.
    pub(super) fn works(&self) -> impl Iterator<Item = &(SocketAddr, SocketAddr)> {
        self.as_person().into_iter().flat_map(|person| &person.works)
    }

    pub(super) fn is_mirrored(&self, is_ipv6: bool) -> bool {
        self.as_person().is_some_and(|person| person.mirrored[usize::from(is_ipv6)])
    }

    pub(super) fn has_connected_to_relay(&self, port: u16) -> bool {
        let is_it = |person: &Person, to: &SocketAddr| person.relays.contains(&to.ip()) && to.port() == port;
        self.as_person().is_some_and(|person| person.opened.iter().any(|to| is_it(person, to)))
    }

    pub(super) fn has_reached_gateway(&self) -> bool {
        let is_it = |person: &Person, to: &SocketAddr| person.gateways.contains(&to.ip());
        self.as_person().is_some_and(|person| person.opened.iter().any(|to| is_it(person, to)))
    }

    pub(super) fn has_connected_to_peer(&self) -> bool {
        self.as_person().is_some_and(|person| person.opened.iter().any(|to| to.port() == TCP_PORT))
    }

    fn as_person(&self) -> Option<&Person> {
        match &self.kind {
            Kind::Person(person) => Some(person),
            Kind::Mirror { .. } => None,
        }
    }

    fn connect(&mut self, remote: SocketAddr) {
        let Kind::Person(person) = &mut self.kind else { return };
        for local in person.hosts.iter().filter(|ip| ip.is_ipv4() == remote.is_ipv4()) {
            let key = StreamKey { local: SocketAddr::new(*local, person.next_port), remote };
            person.next_port += 1;
            self.outputs.push_back(Output::Stream(StreamCommand::Connect(key)));
        }
    }

    fn send(&mut self, local: SocketAddr, remote: SocketAddr, bytes: Vec<u8>) {
        self.outputs.push_back(Output::Datagram(Datagram { local, remote, bytes }));
    }
}

impl Person {
    /// What somebody else says.
    fn hear(&mut self, local: SocketAddr, remote: SocketAddr, bytes: &[u8]) -> Option<Vec<u8>> {
        let other = 1 - self.index;
        match bytes {
            [b'?', who] if *who == other => {
                self.pairs.insert((local, remote));
                Some(vec![b'!', self.index])
            }
            [b'!', who] if *who == other && self.pairs.contains(&(local, remote)) => {
                self.works.insert((local, remote));
                None
            }
            [b'=', text @ ..] if self.relays.contains(&remote.ip()) => {
                self.mirrored[usize::from(remote.is_ipv6())] = true;
                let seen_as: Option<SocketAddr> =
                    str::from_utf8(text).ok().and_then(|text| text.parse().ok());
                self.seen_as.extend(seen_as);
                None
            }
            _ => None,
        }
    }
}

impl Node for Puncher {
    fn handle_datagram(&mut self, local: SocketAddr, remote: SocketAddr, bytes: &mut [u8], now: Now) {
        self.clock = now.at;
        let reply = match &mut self.kind {
            Kind::Mirror { datagrams, .. } if datagrams.contains(&local.port()) => {
                Some(format!("={remote}").into_bytes())
            }
            Kind::Mirror { .. } => None,
            Kind::Person(person) => person.hear(local, remote, bytes),
        };
        if let Some(reply) = reply {
            self.send(local, remote, reply);
        }
    }

    fn handle_stream(&mut self, event: StreamEvent, now: Now) {
        self.clock = now.at;
        if let (Kind::Person(person), StreamEvent::Opened(key)) = (&mut self.kind, event)
            && key.local.port() >= FIRST_STREAM_PORT
        {
            person.opened.insert(key.remote);
        }
    }

    fn handle_timeout(&mut self, now: Now) {
        self.clock = now.at;
        let Kind::Person(person) = &mut self.kind else { return };
        if person.next_round.is_none_or(|at| at > now.at) {
            return;
        }
        person.rounds += 1;
        person.next_round = (person.rounds < ROUNDS_MAX).then_some(now.at + ROUND);
        let word = vec![b'?', person.index];
        let mut words: Vec<_> =
            person.pairs.iter().map(|(local, remote)| (*local, *remote, word.clone())).collect();
        for ip in &person.hosts {
            let relays = person.relays.iter().filter(|relay| relay.is_ipv4() == ip.is_ipv4());
            let to_relay =
                |relay: &IpAddr| (SocketAddr::new(*ip, PORT), SocketAddr::new(*relay, 3478), b"who".to_vec());
            words.extend(relays.map(to_relay));
        }
        for (local, remote, bytes) in words {
            self.send(local, remote, bytes);
        }
    }

    fn poll_timeout(&self) -> Option<Deadline> {
        if !self.outputs.is_empty() {
            return Some(Deadline::new(self.clock, "something is to be sent"));
        }
        let next = self.as_person()?.next_round?;
        Some(Deadline::new(next, "the next round"))
    }

    fn poll_output(&mut self, _now: Now) -> Option<Output> {
        self.outputs.pop_front()
    }

    fn listens(&self, local: SocketAddr) -> bool {
        match &self.kind {
            Kind::Mirror { streams, .. } => streams.contains(&local.port()),
            Kind::Person(person) => person.tcp && local.port() == TCP_PORT,
        }
    }
}
