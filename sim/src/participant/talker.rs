//! What a participant talks to the other one by: an ICE agent alone, or a whole peer connection.

use super::speech::Speech;
use super::words;
use moim_ice::{
    Ask, CandidateKind, ConnectionId, ConnectionState, FailureReason, IceServer, LocalAddress, NameId,
    PairState, PairStats, Protocol,
};
use moim_turn::Now;
use moim_wire::Deadline;
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::fmt::{self, Debug};
use std::net::{IpAddr, SocketAddr};

/// A connection in the making, or made: what a participant drives.
///
/// Descriptions and candidates are texts, which only the other one of the same kind has to understand. What is said by it is a [`Speech`],
/// and what it asks of the host passes through as it is. The rest of each kind of talker names the methods of its machine: an agent and a
/// connection are called alike, but are two types without a trait in common, which nothing but worlds would use.
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

    /// How far the connection is.
    fn state(&self) -> ConnectionState;

    /// By which kinds of candidates it goes, here and there, and by which protocol.
    fn path(&self) -> Option<Path>;

    /// What it says and hears.
    fn speech(&self) -> &Speech;

    /// The same, to be told to fall silent.
    fn speech_mut(&mut self) -> &mut Speech;

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
    /// A name is to be resolved, or a stream opened or closed.
    Ask(Ask),
    /// The connection is lost in a way that no restart mends: another one has to be made.
    Lost,
}

/// What has become of an agent's pairs, the best first.
pub(super) fn describe<'a>(pairs: impl Iterator<Item = PairStats<'a>>) -> String {
    let mut reasons: BTreeMap<&str, usize> = BTreeMap::new();
    let mut pairs: Vec<_> = pairs.collect();
    for pair in &pairs {
        let what = match pair.state {
            PairState::Failed(reason) => FailureReason::as_str(reason),
            PairState::Frozen => "frozen",
            PairState::Waiting => "waiting",
            PairState::InProgress => "in progress",
            PairState::Succeeded => "valid",
        };
        *reasons.entry(what).or_default() += 1;
    }
    pairs.sort_by_key(|pair| Reverse(pair.priority));
    let pairs = pairs.into_iter().map(|pair| {
        let [local, remote] = [pair.local, pair.remote].map(words::write_candidate);
        let (state, sent) = (pair.state, pair.traffic.requests_sent);
        format!("    {state:?} after {sent} checks: {local} > {remote}")
    });
    let pairs: Vec<_> = pairs.collect();
    format!("pairs: {reasons:?}\n{}\n", pairs.join("\n"))
}
