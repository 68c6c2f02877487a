//! One connection to the other one, from its offer to its end.

use super::messages::candidate_message;
use super::speech::Speech;
use super::streams::{PeerStreams, Wanted};
use super::talker::{Talker, TalkerEvent, Way};
use super::{IceTalker, ParticipantConfig, PeerTalker, TCP_PORT, TalkKind};
use crate::plan::Trickle;
use crate::tcp::StreamKey;
use moim_ice::{Ask, CandidateProtocol, ConnectionId, ConnectionState, IceServer, LocalAddress, TcpType};
use moim_signal::id::{ParticipantId, PeerConnectionId};
use moim_signal::message::ClientMessage;
use moim_turn::Now;
use moim_wire::Deadline;
use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

/// How long a connection may be disconnected before it is restarted.
const DISCONNECTED_MAX: Duration = Duration::from_secs(4);
/// How long the side that did not offer leaves it to the other one to restart.
const POLITENESS: Duration = Duration::from_secs(7);
/// The longest wait between two restarts. The wait begins with a second, and doubles.
const RESTART_INTERVAL_MAX: Duration = Duration::from_secs(20);
/// How long after a connection was lost for good another one is made.
const RENEW_AFTER: Duration = Duration::from_secs(1);
/// How long an ended call may take to give back what it had.
const ENDING_MAX: Duration = Duration::from_secs(60);

/// A connection to the other one.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) peer: ParticipantId,
    pub(super) id: PeerConnectionId,
    /// The port of its datagrams.
    pub(super) port: u16,
    talker: Box<dyn Talker>,
    /// The addresses of the host.
    addresses: Vec<IpAddr>,
    is_offerer: bool,
    trickle: Trickle,
    negotiation: Negotiation,
    /// Whether an offer was ever answered.
    was_answered: bool,
    /// Candidates that are told later.
    held: VecDeque<(Instant, TalkerEvent)>,
    messages: Vec<ClientMessage>,
    restart_at: Option<Instant>,
    restarts: u32,
    /// A restart is to follow as soon as the offer that is under way is answered.
    wants_restart: bool,
    /// When another connection is to be made instead.
    renew_at: Option<Instant>,
    /// Whether a connection that is lost stays lost.
    has_given_up: bool,
    ends_by: Option<Instant>,
    clock: Instant,
}

/// What a call is made of.
#[derive(Debug)]
pub(super) struct Parts<'a> {
    pub(super) config: &'a ParticipantConfig,
    pub(super) me: ParticipantId,
    pub(super) peer: ParticipantId,
    pub(super) id: PeerConnectionId,
    pub(super) port: u16,
    pub(super) seed: [u8; 32],
    pub(super) is_offerer: bool,
}

/// How far the exchange of descriptions is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Negotiation {
    /// A description is to be sent once all candidates are known.
    Gathering(Wanting),
    /// An offer is waiting for its answer. Signalling loses nothing, so that it comes, or the other one has gone.
    Offered,
    /// Nothing is under way.
    Stable,
}

/// Which description is to be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wanting {
    Offer,
    Answer,
}

impl Call {
    pub(super) fn new(parts: Parts<'_>, now: Now) -> Self {
        let Parts { config, me, peer, id, port, seed, is_offerer } = parts;
        let speech = Speech::new(word(&me, &id), word(&peer, &id));
        let talker: Box<dyn Talker> = match config.kind {
            TalkKind::Ice => Box::new(IceTalker::new(is_offerer, config.relay_only, speech, seed, now)),
            TalkKind::Peer => Box::new(PeerTalker::new(is_offerer, config.relay_only, speech, seed, now)),
        };
        Self {
            peer,
            id,
            port,
            talker,
            addresses: Vec::new(),
            is_offerer,
            trickle: config.trickle,
            negotiation: Negotiation::Stable,
            was_answered: false,
            held: VecDeque::new(),
            messages: Vec::new(),
            restart_at: None,
            restarts: 0,
            wants_restart: false,
            renew_at: None,
            has_given_up: false,
            ends_by: None,
            clock: now.at,
        }
    }

    pub(super) fn talker(&self) -> &dyn Talker {
        &*self.talker
    }

    pub(super) fn add_address(&mut self, ip: IpAddr, tcp: bool, now: Now) {
        self.addresses.push(ip);
        let at = |port| SocketAddr::new(ip, port);
        self.talker.add_address(LocalAddress::udp(at(self.port)), now);
        if tcp {
            for (port, tcp_type) in [(TCP_PORT, TcpType::Passive), (9, TcpType::Active)] {
                let protocol = CandidateProtocol::Tcp(tcp_type);
                self.talker
                    .add_address(LocalAddress { address: at(port), protocol, preference: u16::MAX }, now);
            }
        }
    }

    pub(super) fn add_server(&mut self, server: IceServer, now: Now) {
        self.talker.add_server(server, now);
    }

    /// Begins: with an offer, or with the answer to one.
    pub(super) fn begin(&mut self, offer: Option<&str>, now: Now) -> Result<(), String> {
        let description = match offer {
            Some(offer) => self.talker.answer(offer, now)?,
            None => self.talker.offer(false, now)?,
        };
        self.talker.gather(now);
        let wanting = if offer.is_some() { Wanting::Answer } else { Wanting::Offer };
        match (self.trickle, wanting) {
            (Trickle::None, _) => self.negotiation = Negotiation::Gathering(wanting),
            (Trickle::Full | Trickle::Late(_), Wanting::Answer) => self.send_answer(description),
            (Trickle::Full | Trickle::Late(_), Wanting::Offer) => self.send_offer(description),
        }
        Ok(())
    }

    /// The other one offers in the middle of the call.
    pub(super) fn offered_again(&mut self, offer: &str, now: Now) -> Result<&'static str, String> {
        if let Negotiation::Offered | Negotiation::Gathering(Wanting::Offer) = self.negotiation {
            // Both have offered: the one who began the call insists, the other one gives in.
            if self.is_offerer {
                return Ok("passed over");
            }
            self.talker.roll_back(now)?;
        }
        let answer = self.talker.answer(offer, now)?;
        self.negotiation = Negotiation::Stable;
        self.restart_at = None;
        self.wants_restart = false;
        self.send_answer(answer);
        Ok("answered")
    }

    pub(super) fn answered(&mut self, answer: &str, now: Now) -> Result<(), String> {
        if !matches!(self.negotiation, Negotiation::Offered) {
            return Err("nothing was offered".to_owned());
        }
        self.negotiation = Negotiation::Stable;
        self.was_answered = true;
        if std::mem::take(&mut self.wants_restart) {
            self.restart_at = Some(now.at);
        }
        self.talker.accept(answer, now)
    }

    pub(super) fn candidate(&mut self, candidate: &str, now: Now) -> Result<(), String> {
        self.talker.add_candidate(candidate, now)
    }

    pub(super) fn end_of_candidates(&mut self, now: Now) {
        self.talker.end_of_candidates(now);
    }

    /// The addresses of the host are others now.
    pub(super) fn readdress(&mut self, before: &[IpAddr], after: &[IpAddr], tcp: bool, now: Now) {
        self.addresses.retain(|ip| after.contains(ip));
        for gone in before.iter().filter(|ip| !after.contains(ip)) {
            for port in [self.port, TCP_PORT, 9] {
                self.talker.remove_address(SocketAddr::new(*gone, port), now);
            }
        }
        for new in after.iter().filter(|ip| !before.contains(ip)) {
            self.add_address(*new, tcp, now);
        }
        if before != after && !after.is_empty() {
            self.restart_at = Some(now.at);
        }
    }

    pub(super) fn handle_input(&mut self, way: Way, bytes: &mut [u8], now: Now) {
        self.clock = now.at;
        self.talker.handle_input(way, bytes, now);
    }

    pub(super) fn connected(&mut self, id: ConnectionId, local: Option<SocketAddr>, now: Now) {
        self.talker.connected(id, local, now);
    }

    pub(super) fn accepted(&mut self, stream: StreamKey, now: Now) -> bool {
        self.talker.accepted(stream.local, stream.remote, now)
    }

    pub(super) fn disconnected(&mut self, stream: StreamKey, now: Now) {
        self.talker.disconnected(stream.local, stream.remote, now);
    }

    /// Whether the connection is lost for good, and it is time to make another one.
    pub(super) fn is_to_be_renewed(&self, now: Now) -> bool {
        self.renew_at.is_some_and(|at| at <= now.at)
    }

    /// Whether this side has begun it, and the other one has not answered yet.
    pub(super) fn is_unanswered(&self) -> bool {
        self.is_offerer && !self.was_answered
    }

    /// No restart, and no other connection instead, from now on. What the other one offers is still answered.
    pub(super) fn give_up(&mut self) {
        self.has_given_up = true;
        self.wants_restart = false;
        (self.restart_at, self.renew_at) = (None, None);
    }

    pub(super) fn fall_silent(&mut self) {
        self.talker.speech_mut().fall_silent();
    }

    pub(super) fn talk(&mut self, now: Now) {
        self.talker.talk(now);
    }

    pub(super) fn handle_timeout(&mut self, now: Now) {
        self.clock = now.at;
        self.talker.handle_timeout(now);
        while self.held.front().is_some_and(|(at, _)| *at <= now.at) {
            if let Some((_, event)) = self.held.pop_front() {
                self.tell(event);
            }
        }
        if self.restart_at.is_some_and(|at| at <= now.at) && self.ends_by.is_none() {
            self.restart(now);
        }
    }

    pub(super) fn poll_timeout(&self) -> Option<Deadline> {
        if !self.messages.is_empty() {
            return Some(Deadline::new(self.clock, "call: something is to be told"));
        }
        let held = self.held.front().map(|(at, _)| Deadline::new(*at, "call: a candidate is told late"));
        let restart = self.restart_at.map(|at| Deadline::new(at, "call: restart"));
        let ends = self.ends_by.map(|at| Deadline::new(at, "call: it is over"));
        let renew = self.renew_at.map(|at| Deadline::new(at, "call: it is lost, another one is made"));
        let own = [held, restart, renew].into_iter().fold(None, Deadline::soonest);
        let own = if self.ends_by.is_some() { ends } else { own };
        Deadline::soonest(own, self.talker.poll_timeout())
    }

    pub(super) fn poll_transmit(&mut self, now: Now) -> Option<(Way, Vec<u8>)> {
        self.talker.poll_transmit(now)
    }

    /// Does what the talker wants, and says what happened.
    pub(super) fn settle(&mut self, streams: &mut PeerStreams, now: Now) -> Vec<String> {
        let mut lines = Vec::new();
        while let Some(event) = self.talker.poll_event() {
            match event {
                TalkerEvent::Candidate(_) | TalkerEvent::EndOfCandidates => {
                    lines.push(format!("{event:?}"));
                    self.found(event, now);
                }
                TalkerEvent::State(state) => {
                    lines.push(format!("{state:?} by {:?}", self.talker.path()));
                    self.changed(state, now);
                }
                TalkerEvent::Ask(Ask::Connect { id, local, bind_port, remote, protocol, framing }) => {
                    lines.push(format!("connects to {remote} by {protocol:?}"));
                    let port = local.filter(|_| bind_port).map(|local| local.port());
                    let any = || self.addresses.iter().copied().find(|ip| ip.is_ipv4() == remote.is_ipv4());
                    match local.map(|local| local.ip()).or_else(any) {
                        Some(local) => {
                            let call = self.port;
                            streams.connect(Wanted { call, id, local, port, remote, protocol, framing });
                        }
                        None => self.talker.connected(id, None, now),
                    }
                }
                TalkerEvent::Ask(Ask::Disconnect { local, remote, .. }) => {
                    streams.close_between(self.port, local, remote);
                }
                TalkerEvent::Ask(Ask::ResolveName { id, .. }) => self.talker.resolved(id, None, now),
                TalkerEvent::Lost if self.has_given_up => lines.push("lost".to_owned()),
                TalkerEvent::Lost => {
                    lines.push("lost".to_owned());
                    let patience = if self.is_offerer { RENEW_AFTER } else { RENEW_AFTER + POLITENESS };
                    self.renew_at.get_or_insert(now.at + patience);
                }
            }
        }
        lines
    }

    /// What is to be told to the other one.
    pub(super) fn take_messages(&mut self) -> Vec<ClientMessage> {
        std::mem::take(&mut self.messages)
    }

    pub(super) fn close(&mut self, now: Now) {
        self.ends_by = Some(now.at + ENDING_MAX);
        self.clock = now.at;
        self.held.clear();
        self.talker.close(now);
    }

    /// Whether it was closed, and has given back everything or had its time.
    pub(super) fn is_over(&self) -> bool {
        self.ends_by.is_some_and(|by| by <= self.clock || self.talker.poll_timeout().is_none())
    }

    fn found(&mut self, event: TalkerEvent, now: Now) {
        match (self.trickle, self.negotiation) {
            // What is found after a restart is not in a description.
            (Trickle::Full, _) | (Trickle::None, Negotiation::Offered | Negotiation::Stable) => {
                self.tell(event);
            }
            (Trickle::Late(by), _) => self.held.push_back((now.at + by, event)),
            (Trickle::None, Negotiation::Gathering(wanting)) => {
                if matches!(event, TalkerEvent::EndOfCandidates) {
                    self.describe(wanting, now);
                }
            }
        }
    }

    /// All candidates are known: they are told with the description.
    fn describe(&mut self, wanting: Wanting, now: Now) {
        // Nothing has changed but the candidates, so that the description can be asked for again.
        let Ok(description) = self.talker.describe(now) else { return };
        match wanting {
            Wanting::Offer => self.send_offer(description),
            Wanting::Answer => {
                self.negotiation = Negotiation::Stable;
                self.send_answer(description);
            }
        }
    }

    fn changed(&mut self, state: ConnectionState, now: Now) {
        let politeness = if self.is_offerer { Duration::ZERO } else { POLITENESS };
        let patience =
            (Duration::from_secs(1) * 2_u32.saturating_pow(self.restarts.min(8))).min(RESTART_INTERVAL_MAX);
        match state {
            ConnectionState::Connected | ConnectionState::Completed => {
                self.restart_at = None;
                self.restarts = 0;
            }
            // While an offer is under way, something is being done about it already.
            ConnectionState::Disconnected if matches!(self.negotiation, Negotiation::Offered) => {}
            ConnectionState::Disconnected => self.restart_by(now.at + DISCONNECTED_MAX + politeness),
            ConnectionState::Failed => self.restart_by(now.at + patience + politeness),
            ConnectionState::New | ConnectionState::Checking | ConnectionState::Closed => {}
        }
    }

    /// A restart is to come by then; one that comes sooner stays.
    fn restart_by(&mut self, at: Instant) {
        if self.has_given_up {
            return;
        }
        self.restart_at = Some(self.restart_at.map_or(at, |earlier| earlier.min(at)));
    }

    fn restart(&mut self, now: Now) {
        self.restart_at = None;
        if self.negotiation != Negotiation::Stable {
            // Answers do not say what they answer: one offer at a time.
            self.wants_restart = true;
            return;
        }
        self.restarts += 1;
        if let Ok(offer) = self.talker.offer(true, now) {
            self.send_offer(offer);
        }
    }

    fn send_offer(&mut self, sdp: String) {
        self.negotiation = Negotiation::Offered;
        let (to, connection) = (self.peer.clone(), self.id.clone());
        self.messages.push(ClientMessage::Offer { to, connection, sdp, tracks: Vec::new() });
    }

    fn send_answer(&mut self, sdp: String) {
        let (to, connection) = (self.peer.clone(), self.id.clone());
        self.messages.push(ClientMessage::Answer { to, connection, sdp, tracks: Vec::new() });
    }

    fn tell(&mut self, event: TalkerEvent) {
        let message = match event {
            TalkerEvent::Candidate(candidate) => candidate_message(&self.peer, &self.id, candidate),
            TalkerEvent::EndOfCandidates => {
                let (to, connection) = (self.peer.clone(), self.id.clone());
                ClientMessage::EndOfCandidates { to, connection, username_fragment: None }
            }
            // Candidates alone are held back or told.
            TalkerEvent::State(_) | TalkerEvent::Ask(_) | TalkerEvent::Lost => return,
        };
        self.messages.push(message);
    }
}

/// What everything that somebody says in a connection begins with.
fn word(who: &ParticipantId, connection: &PeerConnectionId) -> u64 {
    let text = who.as_str().bytes().chain(connection.as_str().bytes());
    text.fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}
