//! A TURN client: one allocation on one server, over one 5-tuple.
//!
//! A driver owns the socket or stream to the server. It gives what comes from there to [`Client::handle_input`], message by
//! message ([`framed_len`](crate::channel_data::framed_len) tells them apart on a stream), sends what
//! [`Client::poll_transmit`] hands out, calls [`Client::handle_timeout`] when [`Client::poll_timeout`] says, and reads
//! [`Client::poll_event`]. What was asked for once (the allocation, permissions, channels) is kept alive until it is given up.
//!
//! It answers challenges, prefers SHA-256 and finds out when an offer was bid down (RFC 8489 §9.2.5), hides the user name where
//! the server can do without, follows stale nonces, retransmits over UDP and DTLS as RFC 8489 §6.2.1 has it, and moves with
//! its allocation when its address changes (RFC 8016).
//!
//! # Left out
//! Finding the server (RFC 5928), and following ALTERNATE-SERVER: the event says where, a new client goes there.

mod allocation;
mod config;
mod data;
mod event;
mod peers;
mod purpose;
mod response;
mod session;
mod transaction;

use crate::channel_data::ChannelNumber;
use crate::{AddressFamily, ConnectionId};
use allocation::Allocation;
use moim_stun::{BuildError, Class, MessageBuilder, TransactionId};
use moim_wire::Deadline;
use peers::Peers;
use purpose::Purpose;
use rand_chacha::ChaCha12Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};
use session::Session;
use std::collections::VecDeque;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};
use transaction::{Timing, Transaction};

pub use config::{Config, Credential, Families, MissingIntegrity};
pub use data::{FRAME_OVERHEAD_MAX, SendError};
pub use event::{Allocated, Event, Failure, Handled, IgnoreReason};
pub use transaction::{REQUESTS_MAX, RTO_DEFAULT};

/// Requests under way at a time; further ones wait until one of these is through.
pub const TRANSACTIONS_MAX: usize = 16;
/// Connections with peers that can be asked for while requests are under way.
pub const CONNECTS_MAX: usize = 64;
/// Peers that can be let through at a time.
pub const PERMISSIONS_MAX: usize = 256;
/// Channels that can be bound at a time.
pub const CHANNELS_MAX: usize = 256;
/// Events that strangers can cause are no longer told when so many wait.
pub const EVENTS_MAX: usize = 256;
/// The longest request, in bytes: a user name, a realm and a nonce of the greatest length, and peers.
const MESSAGE_LEN_MAX: usize = 4096;

/// A client of a TURN server.
pub struct Client {
    config: Config,
    session: Session,
    random: ChaCha12Rng,
    state: State,
    peers: Peers,
    transactions: Vec<Transaction>,
    /// Peers that are to be connected to once there is room among the transactions.
    connects: VecDeque<SocketAddr>,
    events: VecDeque<Event>,
    events_lost: u64,
    /// The latest time that was told.
    clock: Instant,
}

/// How far the allocation is.
#[derive(Debug)]
enum State {
    Idle,
    Allocating,
    Allocated(Allocation),
    Releasing,
    Ended,
}

/// Why something cannot be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RequestError {
    /// There is no allocation (yet, or any more).
    #[error("there is no allocation")]
    NotAllocated,
    /// There is an allocation already, or there was one. A client has one in its life.
    #[error("a client has one allocation in its life")]
    NotIdle,
    /// There are as many permissions, channels or requests as there may be.
    #[error("there are as many permissions, channels or requests as there may be")]
    LimitReached,
    /// The allocation has no relayed address of the peer's family.
    #[error("the allocation has no relayed address of the peer's family")]
    AddressFamily,
    /// The server gave no mobility ticket.
    #[error("the server gave no mobility ticket")]
    NoTicket,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The generator's state would tell every transaction id to come.
        f.debug_struct("Client")
            .field("state", &self.state)
            .field("transactions", &self.transactions.len())
            .finish_non_exhaustive()
    }
}

impl Client {
    /// A client that has asked for nothing yet. The seed comes from a cryptographic random source.
    pub fn new(config: Config, seed: [u8; 32], now: Instant) -> Self {
        Self {
            session: Session::new(config.credential.clone(), config.hide_username),
            config,
            random: ChaCha12Rng::from_seed(seed),
            state: State::Idle,
            peers: Peers::default(),
            transactions: Vec::new(),
            connects: VecDeque::new(),
            events: VecDeque::new(),
            events_lost: 0,
            clock: now,
        }
    }

    /// Asks for the allocation. [`Event::Allocated`] or [`Event::Failed`] follows.
    pub fn allocate(&mut self, now: Instant) -> Result<(), RequestError> {
        if !matches!(self.state, State::Idle) {
            return Err(RequestError::NotIdle);
        }
        self.clock = now;
        self.state = State::Allocating;
        self.begin(Purpose::Allocate { mobility: self.config.asks_for_mobility() }, now);
        Ok(())
    }

    /// Asks whether the allocation is still there, by refreshing it before that is due: a server that has restarted knows nothing of it.
    /// If it is not, [`Event::Failed`] follows.
    pub fn refresh(&mut self, now: Instant) -> Result<(), RequestError> {
        self.clock = now;
        self.allocation_mut().ok_or(RequestError::NotAllocated)?.hasten_refresh(now);
        self.refresh_what_is_due(now);
        Ok(())
    }

    /// Gives the allocation back. [`Event::Released`] follows in any case, at the latest when the server does not answer.
    pub fn release(&mut self, now: Instant) -> Result<(), RequestError> {
        self.clock = now;
        match self.state {
            State::Allocated(_) => {
                self.state = State::Releasing;
                self.forget_requests();
                self.begin(Purpose::Release, now);
                Ok(())
            }
            State::Idle | State::Allocating | State::Releasing | State::Ended => {
                Err(RequestError::NotAllocated)
            }
        }
    }

    /// Lets a peer through, whatever its port, and keeps doing so until [`remove_permission`](Self::remove_permission).
    /// [`Event::Permitted`] or [`Event::NotPermitted`] follows.
    pub fn create_permission(&mut self, peer: IpAddr, now: Instant) -> Result<(), RequestError> {
        self.clock = now;
        self.check_family(peer)?;
        self.peers.want_permission(peer, now)?;
        self.refresh_what_is_due(now);
        Ok(())
    }

    /// Lets the permission of a peer lapse: the server takes it back within five minutes (RFC 8656 §9).
    pub fn remove_permission(&mut self, peer: IpAddr) {
        self.peers.drop_permission(peer);
    }

    /// Whether the server has said that it lets a peer through, and that still holds.
    pub fn permits(&self, peer: IpAddr, now: Instant) -> bool {
        self.allocation().is_some() && self.peers.permits(peer, now)
    }

    /// Binds a channel to a peer, which makes what goes to and fro shorter, and lets the peer through.
    /// [`Event::ChannelBound`] or [`Event::ChannelNotBound`] follows; until then data goes by indications.
    pub fn bind_channel(&mut self, peer: SocketAddr, now: Instant) -> Result<ChannelNumber, RequestError> {
        self.clock = now;
        self.check_family(peer.ip())?;
        let number = self.peers.want_channel(peer, now)?;
        self.refresh_what_is_due(now);
        Ok(number)
    }

    /// Lets a channel lapse: it is no longer kept alive, and its number is used for another peer only when the server has
    /// certainly forgotten it (RFC 8656 §12).
    pub fn remove_channel(&mut self, peer: SocketAddr) {
        self.peers.drop_channel(peer);
    }

    /// Asks for a TCP connection with a peer (RFC 6062 §4.3). [`Event::Connected`] or [`Event::NotConnected`] follows.
    pub fn connect(&mut self, peer: SocketAddr, now: Instant) -> Result<(), RequestError> {
        self.clock = now;
        self.check_family(peer.ip())?;
        if self.connects.len() >= CONNECTS_MAX {
            return Err(RequestError::LimitReached);
        }
        self.connects.push_back(peer);
        self.refresh_what_is_due(now);
        Ok(())
    }

    /// The client of another connection to the server, which is to carry the data of a connection with a peer (RFC 6062 §4.3).
    /// [`Event::Bound`] or [`Event::Failed`] is its only event. After it, the bytes of the connection are the peer's.
    #[must_use]
    pub fn data_connection(&mut self, connection: ConnectionId, now: Instant) -> Self {
        let mut seed = [0; 32];
        self.random.fill_bytes(&mut seed);
        let mut client = Self::new(self.config.clone(), seed, now);
        client.state = State::Allocating;
        client.begin(Purpose::ConnectionBind { connection }, now);
        client
    }

    /// The address of the client has changed, or its connection was lost and made anew: the allocation is to follow
    /// (RFC 8016). [`Event::Moved`] or [`Event::Failed`] follows.
    pub fn move_allocation(&mut self, now: Instant) -> Result<(), RequestError> {
        self.clock = now;
        let State::Allocated(allocation) = &mut self.state else { return Err(RequestError::NotAllocated) };
        if allocation.ticket.is_none() {
            return Err(RequestError::NoTicket);
        }
        allocation.is_moving = true;
        // Whatever was under way has gone to where the client no longer is, or comes from there. It is asked for again.
        self.transactions.clear();
        self.peers.ask_again(now);
        self.begin(Purpose::Move, now);
        Ok(())
    }

    /// The relayed transport address of a family, as peers see it.
    pub fn relayed(&self, family: AddressFamily) -> Option<SocketAddr> {
        self.allocation().and_then(|allocation| *allocation.relayed.of(family))
    }

    /// How many requests are under way: at most [`TRANSACTIONS_MAX`], and a Refresh.
    pub fn requests(&self) -> usize {
        self.transactions.len()
    }

    /// Events that were not told because nobody fetched them.
    pub fn events_lost(&self) -> u64 {
        self.events_lost
    }

    /// What is to be sent to the server. [`None`]: nothing more for now.
    pub fn poll_transmit(&mut self) -> Option<Vec<u8>> {
        self.transactions.iter_mut().find_map(Transaction::take_transmit)
    }

    /// What happened since it was asked last. [`None`]: nothing more.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// When [`handle_timeout`](Self::handle_timeout) is to be called next. While there is something to send or to tell, it is a
    /// moment that has passed.
    pub fn poll_timeout(&self) -> Option<Deadline> {
        if !self.events.is_empty() || self.transactions.iter().any(Transaction::wants_transmit) {
            return Some(Deadline::new(self.clock, "something is to be sent or told"));
        }
        let answers = self.transactions.iter().map(|transaction| transaction.due).min();
        let answers = answers.map(|at| Deadline::new(at, "an answer is overdue"));
        let allocation = self.allocation().and_then(Allocation::due);
        let peers = if self.is_settled() && self.has_room() { self.peers.due() } else { None };
        Deadline::soonest(answers, Deadline::soonest(allocation, peers))
    }

    /// Does what is due.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.clock = now;
        let mut given_up = Vec::new();
        self.transactions.retain_mut(|transaction| {
            let goes_on = transaction.handle_timeout(now);
            if !goes_on {
                given_up.push(transaction.purpose.clone());
            }
            goes_on
        });
        for purpose in given_up {
            self.failed(purpose, Failure::Timeout, now);
        }
        if self.allocation().is_some_and(|allocation| allocation.expires <= now) {
            self.end(Failure::Timeout);
        }
        self.refresh_what_is_due(now);
    }

    fn allocation(&self) -> Option<&Allocation> {
        match &self.state {
            State::Allocated(allocation) => Some(allocation),
            State::Idle | State::Allocating | State::Releasing | State::Ended => None,
        }
    }

    fn allocation_mut(&mut self) -> Option<&mut Allocation> {
        match &mut self.state {
            State::Allocated(allocation) => Some(allocation),
            State::Idle | State::Allocating | State::Releasing | State::Ended => None,
        }
    }

    /// Whether there is an allocation, and the server knows where its client is.
    fn is_settled(&self) -> bool {
        self.allocation().is_some_and(|allocation| !allocation.is_moving)
    }

    fn has_room(&self) -> bool {
        self.transactions.len() < TRANSACTIONS_MAX
    }

    fn check_family(&self, peer: IpAddr) -> Result<(), RequestError> {
        let allocation = self.allocation().ok_or(RequestError::NotAllocated)?;
        let relayed = allocation.relayed.of(AddressFamily::of(peer));
        relayed.map(drop).ok_or(RequestError::AddressFamily)
    }

    /// Asks for what is no longer fresh, and for what has waited.
    fn refresh_what_is_due(&mut self, now: Instant) {
        if !self.is_settled() {
            return;
        }
        if let Some(allocation) = self.allocation_mut()
            && allocation.take_refresh(now)
        {
            self.begin(Purpose::Refresh, now);
        }
        while self.has_room()
            && let Some(purpose) = self.next_purpose(now)
        {
            self.begin(purpose, now);
        }
    }

    fn next_purpose(&mut self, now: Instant) -> Option<Purpose> {
        let connect = self.connects.pop_front().map(|peer| Purpose::Connect { peer });
        connect.or_else(|| self.peers.next_due(now))
    }

    fn begin(&mut self, purpose: Purpose, now: Instant) {
        self.begin_again(purpose, 0, now);
    }

    /// Begins a transaction, after so many challenges.
    fn begin_again(&mut self, purpose: Purpose, challenges: u8, now: Instant) {
        let mut id = TransactionId([0; 12]);
        self.random.fill_bytes(&mut id.0);
        match self.write(&purpose, id) {
            Ok(message) => {
                let timing = Timing::new(self.config.transport, self.config.rto);
                let transaction = Transaction::new(id, purpose, message, timing, now);
                self.transactions.push(transaction.sealed(self.session.sealing(), challenges));
            }
            Err(_) => self.failed(purpose, Failure::Unsendable, now),
        }
    }

    fn write(&self, purpose: &Purpose, id: TransactionId) -> Result<Vec<u8>, BuildError> {
        let mut buffer = [0; MESSAGE_LEN_MAX];
        let mut request = MessageBuilder::new(&mut buffer, Class::Request, purpose.method(), id)?;
        purpose.write(&self.config, self.allocation(), &mut request)?;
        self.session.write(&mut request)?;
        Ok(request.finish(self.session.seal(self.config.fingerprint))?.to_vec())
    }

    fn forget_requests(&mut self) {
        self.transactions.clear();
        self.connects.clear();
        self.peers = Peers::default();
    }

    /// The allocation is no more, against the client's will.
    fn end(&mut self, failure: Failure) {
        self.forget_requests();
        self.state = State::Ended;
        self.events.push_back(Event::Failed(failure));
    }

    /// Tells something that strangers can cause, unless too much waits already.
    fn tell(&mut self, event: Event) {
        if self.events.len() < EVENTS_MAX {
            self.events.push_back(event);
        } else {
            self.events_lost += 1;
        }
    }
}

/// A while before something ends it is renewed: a minute, within which a request has been sent seven times, or half of its time.
fn renewal(lifetime: Duration) -> Duration {
    const AHEAD: Duration = Duration::from_secs(60);
    lifetime.saturating_sub(AHEAD).max(lifetime / 2)
}
