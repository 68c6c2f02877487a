//! A peer that says what a test has it say, and an agent that hears it.

use moim_ice::{
    Agent, Candidate, CandidateKind, CandidateProtocol, Config, Event, Handled, IceCredentials, LocalAddress,
    PairState, Protocol, Received, Transmit,
};
use moim_stun::attribute::{IceControlling, Priority, UseCandidate, Username, XorMappedAddress};
use moim_stun::{Class, Integrity, IntegrityKey, Message, MessageBuilder, Method, Seal, TransactionId};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

pub(crate) const UFRAG: &str = "peer";
pub(crate) const PASSWORD: &str = "thepasswordofthepeer00";

/// An agent with one address, and what it has sent and told.
pub(crate) struct Heard {
    pub(crate) agent: Agent,
    pub(crate) local: SocketAddr,
    pub(crate) now: Instant,
    pub(crate) sent: Vec<(Transmit, Vec<u8>)>,
    pub(crate) events: Vec<Event>,
    transactions: u8,
}

impl Heard {
    pub(crate) fn new(config: Config) -> Self {
        #[expect(clippy::disallowed_methods, reason = "an arbitrary origin for test time")]
        let now = Instant::now();
        let local = "192.0.2.1:5000".parse().unwrap();
        let mut agent = Agent::new(config, [9; 32], now);
        agent.add_local_address(LocalAddress::udp(local), now).unwrap();
        agent.gather(now);
        let mut heard = Self { agent, local, now, sent: Vec::new(), events: Vec::new(), transactions: 0 };
        heard.drain();
        heard
    }

    pub(crate) fn knows_peer(config: Config) -> Self {
        let mut heard = Self::new(config);
        heard.set_remote();
        heard
    }

    pub(crate) fn set_remote(&mut self) {
        let credentials = IceCredentials::new(UFRAG, PASSWORD).unwrap();
        self.agent.set_remote(credentials, false, self.now);
        self.drain();
    }

    pub(crate) fn drain(&mut self) {
        let mut out = [0; 1500];
        while let Some(transmit) = self.agent.poll_transmit(&mut out) {
            self.sent.push((transmit, out[..transmit.len].to_vec()));
        }
        while let Some(event) = self.agent.poll_event() {
            self.events.push(event);
        }
    }

    /// Lets time pass, in steps as the agent wants them.
    pub(crate) fn pass(&mut self, duration: Duration) {
        let end = self.now + duration;
        for _ in 0..10_000 {
            self.drain();
            match self.agent.poll_timeout() {
                Some(deadline) if deadline.at <= end => {
                    self.now = self.now.max(deadline.at);
                    self.agent.handle_timeout(self.now);
                }
                Some(_) | None => {
                    self.now = end;
                    return;
                }
            }
        }
        panic!("the clock stands still: {:?}", self.agent.poll_timeout());
    }

    pub(crate) fn give(&mut self, from: SocketAddr, bytes: &[u8]) -> Handled {
        let received = Received { local: self.local, remote: from, protocol: Protocol::Udp, bytes };
        let handled = self.agent.handle_input(received, self.now);
        self.drain();
        handled
    }

    /// A check of the peer's.
    pub(crate) fn check(&mut self, add: impl FnOnce(&mut MessageBuilder<'_>)) -> Vec<u8> {
        let local = self.agent.local_credentials();
        let key = IntegrityKey::short_term(local.password());
        let username = format!("{}:{UFRAG}", local.ufrag());
        self.transactions += 1;
        let id = TransactionId([self.transactions; 12]);
        let mut buffer = [0; 600];
        let mut request = MessageBuilder::new(&mut buffer, Class::Request, Method::BINDING, id).unwrap();
        request.attribute(&Username(&username)).unwrap();
        add(&mut request);
        request.finish(Seal { integrity: Integrity::Sha1(&key), fingerprint: true }).unwrap().to_vec()
    }

    /// An ordinary one, of a controlling peer.
    pub(crate) fn usual_check(&mut self, names: bool) -> Vec<u8> {
        self.check(|request| {
            request.attribute(&Priority(1_862_270_975)).unwrap();
            request.attribute(&IceControlling(u64::MAX)).unwrap();
            if names {
                request.attribute(&UseCandidate).unwrap();
            }
        })
    }

    /// The latest check of the agent's that was sent to an address.
    pub(crate) fn last_check_to(&self, to: SocketAddr) -> Option<Vec<u8>> {
        let is_request = |bytes: &[u8]| Message::parse(bytes).is_ok_and(|it| it.class() == Class::Request);
        let mut sent = self.sent.iter().rev();
        sent.find(|(transmit, bytes)| transmit.remote == to && is_request(bytes))
            .map(|(_, bytes)| bytes.clone())
    }

    /// The peer's answer to a check.
    pub(crate) fn answer(check: &[u8], mapped: SocketAddr) -> Vec<u8> {
        let id = Message::parse(check).unwrap().transaction_id();
        let key = IntegrityKey::short_term(PASSWORD);
        let mut buffer = [0; 200];
        let mut response =
            MessageBuilder::new(&mut buffer, Class::SuccessResponse, Method::BINDING, id).unwrap();
        response.attribute(&XorMappedAddress(mapped)).unwrap();
        response.finish(Seal { integrity: Integrity::Sha1(&key), fingerprint: true }).unwrap().to_vec()
    }

    /// The peer answers the latest check to this address of it.
    pub(crate) fn answer_last(&mut self, peer: SocketAddr) {
        let check = self.last_check_to(peer).unwrap();
        let answer = Self::answer(&check, self.local);
        assert_eq!(self.give(peer, &answer), Handled::Taken);
    }

    pub(crate) fn states(&self) -> Vec<PairState> {
        self.agent.pairs().map(|pair| pair.state).collect()
    }
}

/// A host candidate of the peer's.
pub(crate) fn candidate(address: SocketAddr) -> Candidate {
    Candidate {
        foundation: "1".parse().unwrap(),
        protocol: CandidateProtocol::Udp,
        priority: 2_130_706_431,
        address: address.into(),
        kind: CandidateKind::Host,
        related: None,
        ufrag: None,
    }
}
