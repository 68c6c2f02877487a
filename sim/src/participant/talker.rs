//! What a participant talks to the other one by: an ICE agent alone, or a whole peer connection.

use moim_ice::{
    CandidateKind, ConnectionId, ConnectionState, Framing, IceServer, LocalAddress, NameId, Protocol,
};
use moim_turn::Now;
use moim_wire::Deadline;
use std::fmt::{self, Debug};
use std::net::{IpAddr, SocketAddr};

/// A connection in the making, or made: what a participant drives.
///
/// Descriptions and candidates are texts, which only the other one of the same kind has to understand.
pub trait Talker: Debug {
    /// Begins to look for candidates.
    fn gather(&mut self, now: Now);

    /// The host can be reached at this address.
    fn add_address(&mut self, address: LocalAddress, now: Now);

    /// An address of the host is gone.
    fn remove_address(&mut self, address: SocketAddr, now: Now);

    /// There is a server to ask for candidates.
    fn add_server(&mut self, server: IceServer, now: Now);

    /// What to offer the other one; with other ICE credentials than before, if it is a restart.
    fn offer(&mut self, is_restart: bool, now: Now) -> Result<String, String>;

    /// Takes an offer, and what to answer.
    fn answer(&mut self, offer: &str, now: Now) -> Result<String, String>;

    /// The description that was last offered or answered, with the candidates that are known by now.
    fn describe(&mut self, now: Now) -> Result<String, String>;

    /// Takes the answer to an offer.
    fn accept(&mut self, answer: &str, now: Now) -> Result<(), String>;

    /// An offer of one's own is withdrawn, because the other one offers as well.
    fn roll_back(&mut self, now: Now) -> Result<(), String>;

    /// Takes a candidate of the other one.
    fn add_candidate(&mut self, candidate: &str, now: Now) -> Result<(), String>;

    /// The other one has no more candidates.
    fn end_of_candidates(&mut self, now: Now);

    /// A packet came.
    fn handle_input(&mut self, way: Way, bytes: &mut [u8], now: Now);

    /// A connection that was asked for is open at this address, or cannot be opened.
    fn connected(&mut self, id: ConnectionId, local: Option<SocketAddr>, now: Now);

    /// Somebody has connected. `false`: it is to be closed.
    fn accepted(&mut self, local: SocketAddr, remote: SocketAddr, now: Now) -> bool;

    /// A connection is gone.
    fn disconnected(&mut self, local: SocketAddr, remote: SocketAddr, now: Now);

    /// A name was resolved, or not.
    fn resolved(&mut self, id: NameId, ip: Option<IpAddr>, now: Now);

    /// Does what is due.
    fn handle_timeout(&mut self, now: Now);

    /// When something is due.
    fn poll_timeout(&self) -> Option<Deadline>;

    /// What is to be sent.
    fn poll_transmit(&mut self, now: Now) -> Option<(Way, Vec<u8>)>;

    /// What happened.
    fn poll_event(&mut self) -> Option<TalkerEvent>;

    /// Says something to the other one, if there is a way. Called every so often.
    fn talk(&mut self, now: Now);

    /// From now on nothing is said, and what has been said may arrive.
    fn fall_silent(&mut self);

    /// How far the connection is.
    fn state(&self) -> ConnectionState;

    /// By which kinds of candidates it goes, here and there, and by which protocol.
    fn path(&self) -> Option<Path>;

    /// What it has sent and received so far.
    fn record(&self) -> &Record;

    /// What may be growing: by name and number, for comparison with what it was.
    fn holdings(&self) -> Vec<(&'static str, usize)>;

    /// In a few words, why there is no connection.
    fn failure(&self) -> String;

    /// Ends it.
    fn close(&mut self, now: Now);
}

/// Between which addresses a packet goes, and by what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Way {
    /// Here.
    pub local: SocketAddr,
    /// There.
    pub remote: SocketAddr,
    /// By what.
    pub protocol: Protocol,
}

/// By which candidates data goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Path {
    /// The kind of the local one.
    pub local: CandidateKind,
    /// The kind of the remote one.
    pub remote: CandidateKind,
    /// What carries it.
    pub protocol: Protocol,
}

impl Path {
    /// Whether it goes by a relay.
    pub fn is_relayed(self) -> bool {
        self.local == CandidateKind::Relayed || self.remote == CandidateKind::Relayed
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{} by {}", self.local.as_str(), self.remote.as_str(), self.protocol.as_str())
    }
}

/// What a talker wants or tells.
#[derive(Clone, Debug)]
pub enum TalkerEvent {
    /// The other one is to know this candidate.
    Candidate(String),
    /// The other one is to know that there are no more.
    EndOfCandidates,
    /// The connection is in another state.
    State(ConnectionState),
    /// A stream is to be opened.
    Connect {
        /// What to answer by.
        id: ConnectionId,
        /// From where. The port counts only if `bind_port` is set.
        local: Option<SocketAddr>,
        /// Whether from that very port.
        bind_port: bool,
        /// Where to.
        remote: SocketAddr,
        /// TCP or TLS.
        protocol: Protocol,
        /// How messages are told apart.
        framing: Framing,
    },
    /// A stream is to be closed.
    Disconnect {
        /// This end, if it is open.
        local: Option<SocketAddr>,
        /// The other end.
        remote: SocketAddr,
    },
    /// A name is to be resolved.
    Resolve {
        /// What to answer by.
        id: NameId,
        /// The name.
        name: String,
    },
    /// The connection is lost in a way that no restart mends: another one has to be made.
    Lost,
}

/// What was said and heard.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Record {
    /// Messages sent, by anything that may lose them.
    pub sent: u64,
    /// Messages that came for the first time.
    pub received: u64,
    /// Messages that came again.
    pub repeated: u64,
    /// What came and was not said by the other one, or not to this one.
    pub strange: u64,
    /// Messages sent by what must not lose any.
    pub reliable_sent: u64,
    /// Such messages received, each in its order.
    pub reliable_received: u64,
    /// Such messages that came out of order, changed, or twice.
    pub reliable_wrong: u64,
}

impl std::ops::AddAssign<&Self> for Record {
    fn add_assign(&mut self, other: &Self) {
        let Self { sent, received, repeated, strange, reliable_sent, reliable_received, reliable_wrong } =
            other;
        self.sent += sent;
        self.received += received;
        self.repeated += repeated;
        self.strange += strange;
        self.reliable_sent += reliable_sent;
        self.reliable_received += reliable_received;
        self.reliable_wrong += reliable_wrong;
    }
}
