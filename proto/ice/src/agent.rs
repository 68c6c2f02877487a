//! The agent: what it is made of, and what can be asked of it.

mod check;
mod checklist;
mod conclude;
mod connection;
mod consent;
mod extras;
mod gather;
mod input;
mod local;
mod relay;
mod remote;
mod request;
mod response;
mod send;
mod session;

use crate::candidate::Candidate;
use crate::config::{Config, IceRole, IceServer};
use crate::credentials::IceCredentials;
use crate::event::{
    ConnectionId, ConnectionState, Counters, DropReason, Event, GatheringState, NameId, PathId, Transmit,
};
use crate::pair::{LocalId, Origin, Pair, RelayId, RemoteId};
use crate::route::Route;
use crate::stats::PairStats;
use crate::table::Table;
use check::Check;
use connection::Connection;
use extras::Carried;
use gather::Lookup;
use local::{Foundations, Local};
use moim_wire::Deadline;
use rand_chacha::ChaCha12Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};
use relay::Relay;
use remote::Remote;
use send::Queued;
use session::Session;
use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::time::Instant;

/// Pairs that are kept at a time: beyond these, those of the lowest priority are not formed (RFC 8445 §6.1.2.5).
pub const PAIRS_MAX: usize = 100;
/// Addresses of the machine's own.
pub const LOCAL_ADDRESSES_MAX: usize = 32;
/// Local candidates, those that the peer sees included.
pub const LOCAL_CANDIDATES_MAX: usize = 128;
/// Remote candidates that the peer told, of all generations.
pub const REMOTE_CANDIDATES_MAX: usize = 100;
/// Remote candidates that were learnt from the peer's checks.
pub const PEER_REFLEXIVE_MAX: usize = 32;
/// Names being resolved.
pub const NAMES_MAX: usize = 32;
/// Names that are resolved between two restarts: each is a question to everybody in the network.
pub const NAMES_ASKED_MAX: usize = 128;
/// Servers that are asked.
pub const SERVERS_MAX: usize = 16;
/// Allocations, over all servers and local addresses.
pub const RELAYS_MAX: usize = 16;
/// Connections, open or being opened.
pub const CONNECTIONS_MAX: usize = 64;
/// Of these, those that somebody has opened who has not said yet who that is. For another one, the oldest is closed.
pub const ACCEPTED_MAX: usize = 16;
/// Checks that may still be answered.
pub const CHECKS_MAX: usize = 256;
/// Packets that wait to be sent. Further ones are dropped, and counted.
pub const TRANSMITS_MAX: usize = 256;
/// Events that wait to be told. Further ones are lost, and counted.
pub const EVENTS_MAX: usize = 512;
/// What a buffer for [`Agent::poll_transmit`] must hold for every packet to fit, in bytes: the longest request of a TURN client.
/// Of those of ordinary servers, none is longer than 1,280.
pub const TRANSMIT_LEN_MAX: usize = 4096;

/// An ICE agent, for one component of one data stream.
pub struct Agent {
    config: Config,
    random: ChaCha12Rng,
    role: IceRole,
    tie_breaker: u64,
    counters: Counters,
    /// The latest time that was told.
    clock: Instant,
    /// What is due next, as of the last change.
    deadline: Option<Deadline>,

    gathering: GatheringState,
    locals: BTreeMap<LocalId, Local>,
    addresses: Vec<local::Base>,
    foundations: Foundations,
    servers: Vec<IceServer>,
    lookups: Vec<Lookup>,
    relays: BTreeMap<RelayId, Relay>,
    /// Allocations that were asked for again since the last restart.
    relays_replaced: u32,
    connections: Vec<Connection>,

    session: Session,
    /// The credentials before the restart, for as long as a path of theirs may carry data.
    previous: Option<session::Previous>,
    remotes: BTreeMap<RemoteId, Remote>,
    /// Candidates of credentials that are yet to come.
    early_candidates: Vec<Candidate>,
    names: BTreeMap<NameId, Candidate>,
    names_asked: usize,
    remote_ended: bool,

    pairs: Table<Pair>,
    checks: Vec<Check>,
    triggered: VecDeque<PathId>,
    /// Whether the transaction that began last was such a check.
    was_triggered: bool,
    /// When the next transaction may begin.
    next_start: Instant,
    /// Until when there is hope although all pairs have failed, or the peer has not answered a restart. [`None`]: it has never said
    /// anything about itself.
    hope_until: Option<Instant>,

    nominated: Option<PathId>,
    selected: Option<PathId>,
    consent: Option<consent::Consent>,
    keep_alternatives_until: Option<Instant>,
    state: ConnectionState,
    was_connected: bool,
    /// The path that data came by last, so that it is not searched for.
    latest_path: Option<PathId>,

    /// What checks carry for others.
    carried: Option<Box<Carried>>,
    transmits: VecDeque<Queued>,
    events: VecDeque<Event>,
    next_id: u32,
}

impl fmt::Debug for Agent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The generator's state would tell every password to come.
        f.debug_struct("Agent")
            .field("role", &self.role)
            .field("state", &self.state)
            .field("gathering", &self.gathering)
            .field("pairs", &self.pairs.len())
            .finish_non_exhaustive()
    }
}

impl Agent {
    /// An agent that does nothing yet. The seed comes from a cryptographic random source.
    pub fn new(config: Config, seed: [u8; 32], now: Instant) -> Self {
        let mut random = ChaCha12Rng::from_seed(seed);
        let tie_breaker = random.next_u64();
        let credentials = IceCredentials::random(&config.ufrag_prefix, &mut random);
        let role = if config.lite { IceRole::Controlled } else { config.role };
        Self {
            config,
            random,
            role,
            tie_breaker,
            counters: Counters::default(),
            clock: now,
            deadline: None,
            gathering: GatheringState::New,
            locals: BTreeMap::new(),
            addresses: Vec::new(),
            foundations: Foundations::default(),
            servers: Vec::new(),
            lookups: Vec::new(),
            relays: BTreeMap::new(),
            relays_replaced: 0,
            connections: Vec::new(),
            session: Session::new(credentials),
            previous: None,
            remotes: BTreeMap::new(),
            early_candidates: Vec::new(),
            names: BTreeMap::new(),
            names_asked: 0,
            remote_ended: false,
            pairs: Table::default(),
            checks: Vec::new(),
            triggered: VecDeque::new(),
            was_triggered: false,
            next_start: now,
            hope_until: None,
            nominated: None,
            selected: None,
            consent: None,
            keep_alternatives_until: None,
            state: ConnectionState::New,
            was_connected: false,
            latest_path: None,
            carried: None,
            transmits: VecDeque::new(),
            events: VecDeque::new(),
            next_id: 0,
        }
    }

    /// The role it has now.
    pub fn role(&self) -> IceRole {
        self.role
    }

    /// How far gathering is.
    pub fn gathering_state(&self) -> GatheringState {
        self.gathering
    }

    /// How far the connection is.
    pub fn connection_state(&self) -> ConnectionState {
        self.state
    }

    /// Whether the peer has said that it has no more candidates.
    pub fn remote_candidates_ended(&self) -> bool {
        self.remote_ended
    }

    /// How often what happened.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// What the peer is to know of this agent.
    pub fn local_credentials(&self) -> &IceCredentials {
        &self.session.local
    }

    /// The candidates that the peer is told about: those of [`Event::LocalCandidate`] so far.
    pub fn local_candidates(&self) -> impl Iterator<Item = &Candidate> {
        self.locals.values().filter(|local| local.is_told).map(|local| &local.candidate)
    }

    /// By which pair application packets go now. [`None`]: by none.
    #[inline]
    pub fn selected(&self) -> Option<PathId> {
        self.selected
    }

    /// How packets of a pair go. [`None`]: the pair is no more, or nothing can be sent by it (yet).
    ///
    /// It may change while a path stays, when a channel is bound: ask for every packet, or after each call that is not of the data path.
    #[inline]
    pub fn route(&self, path: PathId) -> Option<&Route> {
        self.pairs.get(path.0)?.route.as_ref()
    }

    /// Application data of `len` bytes was sent by a pair.
    #[inline]
    pub fn data_sent(&mut self, path: PathId, len: usize, now: Instant) {
        if let Some(pair) = self.pairs.get_mut(path.0) {
            pair.traffic.packets_sent += 1;
            pair.traffic.bytes_sent += len as u64;
            pair.sent_at = Some(now);
        }
    }

    /// Application data of `len` bytes came by a pair, and was what it claimed to be (it could be decrypted): so the peer is there.
    #[inline]
    pub fn data_received(&mut self, path: PathId, len: usize, now: Instant) {
        if let Some(pair) = self.pairs.get_mut(path.0) {
            pair.traffic.packets_received += 1;
            pair.traffic.bytes_received += len as u64;
            pair.heard_at = Some(now);
        }
    }

    /// All pairs, those that have failed included, in no order that means anything.
    pub fn pairs(&self) -> impl Iterator<Item = PairStats<'_>> {
        self.pairs.iter().filter_map(|(key, pair)| self.stats(PathId(key), pair))
    }

    /// What is to be sent, written into `out`. [`None`]: nothing more for now. `out` has [`TRANSMIT_LEN_MAX`] bytes, or packets that do
    /// not fit are dropped.
    pub fn poll_transmit(&mut self, out: &mut [u8]) -> Option<Transmit> {
        self.send_answers();
        while let Some(queued) = self.transmits.pop_front() {
            if let Some(place) = out.get_mut(..queued.bytes.len()) {
                place.copy_from_slice(&queued.bytes);
                return Some(queued.transmit());
            }
            self.counters.drops.count(DropReason::BufferTooSmall);
        }
        None
    }

    /// What happened since it was asked last. [`None`]: nothing more.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// When [`handle_timeout`](Self::handle_timeout) is to be called next. While there is something to send or to tell, it is a moment
    /// that has passed.
    pub fn poll_timeout(&self) -> Option<Deadline> {
        if !self.transmits.is_empty() || !self.events.is_empty() || self.has_answers() {
            return Some(Deadline::new(self.clock, "something is to be sent or told"));
        }
        self.deadline
    }

    /// Does what is due.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.stop_awaiting_extras();
        for relay in self.relays.values_mut() {
            if relay.client.poll_timeout().is_some_and(|deadline| deadline.at <= now) {
                relay.client.handle_timeout(now);
            }
        }
        self.advance(now);
    }

    /// Ends it: nothing is checked or answered any more, and allocations are given back. What is left to be sent for that is still
    /// polled.
    pub fn close(&mut self, now: Instant) {
        if self.state == ConnectionState::Closed {
            return;
        }
        self.clock = self.clock.max(now);
        self.close_connections();
        self.release_relays(now);
        self.lookups.clear();
        self.checks.clear();
        self.triggered.clear();
        self.names.clear();
        self.remotes.clear();
        self.early_candidates.clear();
        self.pairs = Table::default();
        (self.selected, self.nominated, self.previous, self.consent) = (None, None, None, None);
        self.carried = None;
        self.set_state(ConnectionState::Closed);
        self.advance(now);
    }

    /// Does all that can be done now, and finds out what is due next. Every change ends here.
    fn advance(&mut self, now: Instant) {
        self.clock = self.clock.max(now);
        let now = self.clock;
        self.follow_relays(now);
        if self.state != ConnectionState::Closed {
            self.expire_checks(now);
            self.expire_lookups(now);
            if !self.awaits_extras() {
                self.start_what_is_due(now);
            }
            self.keep_consent(now);
            self.keep_alternatives(now);
            self.note_gathering();
            self.conclude(now);
            // A channel may have been asked for.
            self.follow_relays(now);
        }
        self.deadline = self.next_deadline();
    }

    fn next_deadline(&self) -> Option<Deadline> {
        let relays = self.relays.values().filter_map(|relay| relay.client.poll_timeout());
        let relays = relays.min_by_key(|deadline| deadline.at);
        if self.state == ConnectionState::Closed {
            return relays;
        }
        [
            relays,
            self.checks_due(),
            self.lookups_due(),
            self.start_due(),
            self.consent_due(),
            self.alternatives_due(),
            self.conclusion_due(),
        ]
        .into_iter()
        .fold(None, Deadline::soonest)
    }

    /// Tells something, unless too much waits already.
    fn tell(&mut self, event: Event) {
        if self.events.len() < EVENTS_MAX {
            self.events.push_back(event);
        } else {
            self.counters.events_lost += 1;
        }
    }

    /// A number that was never given out before.
    fn fresh_id(&mut self) -> u32 {
        self.next_id = self.next_id.wrapping_add(1);
        self.next_id
    }

    fn pair(&self, path: PathId) -> Option<&Pair> {
        self.pairs.get(path.0)
    }

    fn pair_mut(&mut self, path: PathId) -> Option<&mut Pair> {
        self.pairs.get_mut(path.0)
    }

    fn is_closed(&self) -> bool {
        self.state == ConnectionState::Closed
    }

    fn connection_by_id(&mut self, id: ConnectionId) -> Option<&mut Connection> {
        self.connections.iter_mut().find(|connection| connection.id == id)
    }

    /// The pair of these addresses: of the current credentials, if there is one.
    fn find_pair(&self, origin: Origin, peer: std::net::SocketAddr) -> Option<PathId> {
        let matching = |pair: &Pair| pair.origin == origin && pair.peer == peer;
        let of_epoch =
            |epoch: u32| self.pairs.iter().find(move |(_, pair)| pair.epoch == epoch && matching(pair));
        let current = of_epoch(self.session.epoch);
        let previous = || self.previous.as_ref().and_then(|previous| of_epoch(previous.session.epoch));
        current.or_else(previous).map(|(key, _)| PathId(key))
    }
}
