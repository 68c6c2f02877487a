//! Somebody in a call: signalling, a connection to the other one, and what a program does about networks that change.
//!
//! It behaves as a good client does: whoever comes later offers; candidates are told as they are found; when its own addresses change,
//! or the connection fails, it restarts ICE; and when the signalling server has forgotten it, it comes in again.

mod call;
mod ice;
mod memory;
mod messages;
mod node;
mod peer;
mod signalling;
mod speech;
mod streams;
mod talker;
mod words;

use crate::node::{Datagram, Output};
use crate::plan::Trickle;
use crate::random::{Random, Seed};
use call::Call;
use messages::read_ice_servers;
use moim_ice::{ConnectionState, IceServer, Protocol};
use moim_signal::id::{ParticipantId, PeerConnectionId};
use moim_signal::message::ServerMessage;
use moim_turn::Now;
use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};
use streams::PeerStreams;

pub use ice::IceTalker;
pub use peer::PeerTalker;
pub use signalling::Signalling;
pub use speech::{Record, Speech};
pub use talker::{Path, Talker, TalkerEvent, Way};

/// How often something is said.
pub const TALK_INTERVAL: Duration = Duration::from_millis(100);
/// The port that connections of others come to, if they are taken.
pub const TCP_PORT: u16 = 4001;
/// The port of the first call's datagrams. Each call has one of its own.
const FIRST_PORT: u16 = 40_000;
/// Calls that have ended and are still giving back what they had, at most.
const ENDING_MAX: usize = 8;
/// Calls that are known to be over, at most: what is still said about them is about nothing.
const PAST_CALLS_MAX: usize = 32;
/// Lines of history that are kept.
const HISTORY_MAX: usize = 400;

/// By what people talk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TalkKind {
    /// An ICE agent alone.
    Ice,
    /// A whole peer connection.
    Peer,
}

impl TalkKind {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Ice, Self::Peer];

    /// A name for command lines.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ice => "ice",
            Self::Peer => "peer",
        }
    }
}

/// What somebody is like.
#[derive(Clone, Debug)]
pub struct ParticipantConfig {
    /// Their name.
    pub name: &'static str,
    /// Where the signalling server is.
    pub gateways: Vec<SocketAddr>,
    /// By what they talk.
    pub kind: TalkKind,
    /// When they tell candidates.
    pub trickle: Trickle,
    /// Whether they take and make connections.
    pub tcp: bool,
    /// Whether they use relayed candidates only.
    pub relay_only: bool,
}

/// Somebody in a call.
#[derive(Debug)]
pub struct Participant {
    config: ParticipantConfig,
    signalling: Signalling,
    seeds: Random,
    addresses: Vec<IpAddr>,
    me: Option<ParticipantId>,
    /// Those who were in the room before, and still are. This one calls them; whoever comes later calls by themselves. One of them may be
    /// a ghost: somebody who has come in again, and whose first session has not ended yet.
    others: Vec<ParticipantId>,
    ice_servers: Vec<IceServer>,
    call: Option<Call>,
    calls: u16,
    ending: VecDeque<Call>,
    past_calls: VecDeque<PeerConnectionId>,
    /// Whether no connection is restarted or made anew any more.
    has_given_up: bool,
    streams: PeerStreams,
    outputs: VecDeque<Output>,
    next_talk: Instant,
    has_left: bool,
    /// What calls that are over have said and heard.
    past: Record,
    history: VecDeque<(Instant, String)>,
    clock: Instant,
}

impl Participant {
    /// Somebody who comes in now.
    pub fn new(config: ParticipantConfig, seed: Seed, generation: u64, now: Instant) -> Self {
        let signalling = Signalling::new(&config.gateways, "room", config.name, now);
        Self {
            signalling,
            seeds: seed.random(config.name, generation),
            config,
            addresses: Vec::new(),
            me: None,
            others: Vec::new(),
            ice_servers: Vec::new(),
            call: None,
            calls: 0,
            ending: VecDeque::new(),
            past_calls: VecDeque::new(),
            has_given_up: false,
            streams: PeerStreams::default(),
            outputs: VecDeque::new(),
            next_talk: now + TALK_INTERVAL,
            has_left: false,
            past: Record::default(),
            history: VecDeque::new(),
            clock: now,
        }
    }

    /// The host has these addresses now, as the operating system tells programs that ask for it.
    pub fn set_addresses(&mut self, addresses: Vec<IpAddr>, now: Now) {
        self.clock = now.at;
        self.note(now, || format!("addresses: {addresses:?}"));
        self.signalling.set_addresses(addresses.clone(), now.at);
        let before = std::mem::replace(&mut self.addresses, addresses);
        if let Some(call) = &mut self.call {
            call.readdress(&before, &self.addresses, self.config.tcp, now);
        }
        self.settle(now);
    }

    /// Leaves the call for good.
    pub fn leave(&mut self, now: Now) {
        self.note(now, || "leaves".to_owned());
        self.has_left = true;
        self.drop_call(now);
        self.signalling.leave(now.at);
        self.settle(now);
    }

    /// From now on nothing is said, and what has been said may arrive.
    pub fn fall_silent(&mut self) {
        if let Some(call) = &mut self.call {
            call.fall_silent();
        }
    }

    /// From now on a connection that is lost stays lost.
    pub fn give_up(&mut self) {
        self.has_given_up = true;
        if let Some(call) = &mut self.call {
            call.give_up();
        }
    }

    /// The call there is just now.
    pub fn talker(&self) -> Option<&dyn Talker> {
        self.call.as_ref().map(Call::talker)
    }

    /// How far the connection is.
    pub fn state(&self) -> Option<ConnectionState> {
        self.talker().map(Talker::state)
    }

    /// What was said and heard in all calls.
    pub fn record(&self) -> Record {
        let mut record = self.past.clone();
        for call in self.call.iter().chain(&self.ending) {
            record += call.talker().speech().record();
        }
        record
    }

    /// The client of the signalling server.
    pub fn signalling(&self) -> &Signalling {
        &self.signalling
    }

    /// Whether it is in the room, by its own account.
    pub fn is_in_room(&self) -> bool {
        self.me.is_some()
    }

    /// What happened, with the times.
    pub fn history(&self) -> impl Iterator<Item = &(Instant, String)> {
        self.history.iter()
    }

    /// What may be growing: by name and number.
    pub fn holdings(&self) -> Vec<(&'static str, usize)> {
        let mut holdings = vec![
            ("ending calls", self.ending.len()),
            ("streams", self.streams.len()),
            ("outputs", self.outputs.len()),
            ("unacknowledged", self.signalling.unacknowledged_len()),
        ];
        holdings.extend(self.call.iter().flat_map(|call| call.talker().holdings()));
        holdings
    }

    fn note(&mut self, now: Now, line: impl FnOnce() -> String) {
        if self.history.len() == HISTORY_MAX {
            self.history.pop_front();
        }
        self.history.push_back((now.at, line()));
    }

    fn take_message(&mut self, message: ServerMessage, now: Now) {
        match message {
            ServerMessage::Joined { participant, participants, ice_servers, .. } => {
                self.note(now, || format!("joined as {}, {} others", participant.id, participants.len()));
                self.drop_call(now);
                self.me = Some(participant.id);
                self.ice_servers = read_ice_servers(&ice_servers);
                self.others = participants.into_iter().map(|other| other.id).collect();
                self.call_somebody(now);
            }
            ServerMessage::Offer { from, connection, sdp, .. } => self.offered(from, connection, &sdp, now),
            ServerMessage::Answer { from, connection, sdp, .. } => {
                if let Some(call) = self.call_of(&from, &connection) {
                    let outcome = call.answered(&sdp, now);
                    self.note(now, || format!("answered: {outcome:?}"));
                }
            }
            ServerMessage::Candidate { from, connection, candidate } => {
                if let Some(call) = self.call_of(&from, &connection) {
                    let outcome = call.candidate(&candidate.candidate, now);
                    self.note(now, || format!("told {:?}: {outcome:?}", candidate.candidate));
                }
            }
            ServerMessage::EndOfCandidates { from, connection, .. } => {
                if let Some(call) = self.call_of(&from, &connection) {
                    call.end_of_candidates(now);
                    self.note(now, || "told the end of candidates".to_owned());
                }
            }
            ServerMessage::ParticipantLeft { participant, .. } => {
                self.others.retain(|other| *other != participant);
                if self.call.as_ref().is_some_and(|call| call.peer == participant) {
                    self.note(now, || "the other one has left".to_owned());
                    self.drop_call(now);
                    self.call_somebody(now);
                }
            }
            ServerMessage::IceServers { ice_servers, .. } => {
                self.ice_servers = read_ice_servers(&ice_servers);
            }
            ServerMessage::Error { code, message, .. } => {
                self.note(now, || format!("refused: {code:?}, {message}"));
            }
            ServerMessage::Left { .. }
            | ServerMessage::ParticipantJoined { .. }
            | ServerMessage::ParticipantUpdated { .. }
            | ServerMessage::Topology { .. }
            | ServerMessage::TopologySettled { .. }
            | ServerMessage::Sections { .. }
            | ServerMessage::SectionsWanted { .. }
            | ServerMessage::EncodingsWanted { .. }
            | ServerMessage::ConnectionEnded { .. }
            | ServerMessage::Speakers { .. }
            | ServerMessage::Chat { .. }
            | ServerMessage::Draining { .. } => {}
        }
    }

    fn offered(&mut self, from: ParticipantId, connection: PeerConnectionId, sdp: &str, now: Now) {
        if let Some(call) = self.call_of(&from, &connection) {
            let outcome = call.offered_again(sdp, now);
            self.note(now, || format!("offered again: {outcome:?}"));
        } else if self.past_calls.contains(&connection) {
            // The other one has not heard yet that there is another call now.
            self.note(now, || format!("offered {connection} by {from}, which is over"));
        } else if self.insists_against(&from) {
            self.note(now, || format!("offered {connection} by {from}, and insists on its own"));
        } else {
            self.note(now, || format!("offered {connection} by {from}"));
            self.drop_call(now);
            self.begin(from, connection, Some(sdp), now);
        }
    }

    /// Calls one of those who were there before.
    fn call_somebody(&mut self, now: Now) {
        if let Some(other) = self.others.first().cloned() {
            let id = self.next_id();
            self.begin(other, id, None, now);
        }
    }

    /// Both have begun a call at once. One of the two has to win.
    fn insists_against(&self, other: &ParticipantId) -> bool {
        let is_unanswered =
            self.call.as_ref().is_some_and(|call| call.peer == *other && call.is_unanswered());
        is_unanswered && self.me.as_ref().is_some_and(|me| me.as_str() < other.as_str())
    }

    /// The connection is lost for good: another one is offered.
    fn renew(&mut self, now: Now) {
        let Some(peer) = self.call.as_ref().map(|call| call.peer.clone()) else { return };
        self.drop_call(now);
        let id = self.next_id();
        self.begin(peer, id, None, now);
    }

    fn next_id(&mut self) -> PeerConnectionId {
        PeerConnectionId::new(format!("c{:016x}", self.seeds.number()))
    }

    fn begin(&mut self, peer: ParticipantId, id: PeerConnectionId, offer: Option<&str>, now: Now) {
        let Some(me) = self.me.clone() else { return };
        let port = FIRST_PORT + self.calls;
        self.calls += 1;
        let seed = self.seeds.seed();
        let mut call = Call::new(
            call::Parts { config: &self.config, me, peer, id, port, seed, is_offerer: offer.is_none() },
            now,
        );
        for address in &self.addresses {
            call.add_address(*address, self.config.tcp, now);
        }
        for server in &self.ice_servers {
            call.add_server(server.clone(), now);
        }
        let outcome = call.begin(offer, now);
        self.note(now, || format!("begins a call: {outcome:?}"));
        if self.has_given_up {
            call.give_up();
        }
        self.call = Some(call);
    }

    fn call_of(&mut self, peer: &ParticipantId, id: &PeerConnectionId) -> Option<&mut Call> {
        self.call.as_mut().filter(|call| call.peer == *peer && call.id == *id)
    }

    fn drop_call(&mut self, now: Now) {
        let Some(mut call) = self.call.take() else { return };
        call.close(now);
        self.past_calls.push_back(call.id.clone());
        if self.past_calls.len() > PAST_CALLS_MAX {
            self.past_calls.pop_front();
        }
        self.ending.push_back(call);
        if self.ending.len() > ENDING_MAX
            && let Some(call) = self.ending.pop_front()
        {
            self.past += call.talker().speech().record();
        }
    }

    /// Does what the parts want, until none wants anything.
    fn settle(&mut self, now: Now) {
        while let Some(message) = self.signalling.poll_message() {
            if !self.has_left {
                self.take_message(message, now);
            }
        }
        if let Some(call) = &mut self.call {
            for line in call.settle(&mut self.streams, now) {
                self.note(now, || line);
            }
        }
        if let Some(call) = &mut self.call {
            for message in call.take_messages() {
                self.signalling.send(message, now.at);
            }
        }
        for call in &mut self.ending {
            call.settle(&mut self.streams, now);
            call.take_messages();
        }
        self.fetch(now);
        while self.ending.front().is_some_and(Call::is_over) {
            if let Some(call) = self.ending.pop_front() {
                self.past += call.talker().speech().record();
            }
        }
    }

    /// Fetches everything that is to be sent.
    fn fetch(&mut self, now: Now) {
        for call in self.call.iter_mut().chain(&mut self.ending) {
            while let Some((way, bytes)) = call.poll_transmit(now) {
                let Way { local, remote, protocol } = way;
                match protocol {
                    Protocol::Udp => {
                        self.outputs.push_back(Output::Datagram(Datagram { local, remote, bytes }));
                    }
                    Protocol::Tcp | Protocol::Tls => self.streams.send(local, remote, &bytes),
                }
            }
        }
        self.outputs.extend(self.streams.take_commands().map(Output::Stream));
        while let Some(command) = self.signalling.poll_command() {
            self.outputs.push_back(Output::Stream(command));
        }
    }

    fn calls_mut(&mut self) -> impl Iterator<Item = &mut Call> {
        self.call.iter_mut().chain(&mut self.ending)
    }
}
