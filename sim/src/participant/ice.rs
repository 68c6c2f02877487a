//! An ICE agent alone, and numbered messages by the path it selects.

use super::speech::Speech;
use super::talker::{self, Path, Talker, TalkerEvent, Way};
use super::words::{self, Description};
use moim_ice::{
    Agent, Config, ConnectionId, ConnectionState, Event, GatheringState, Handled, IceCredentials, IceRole,
    IceServer, LocalAddress, NameId, Prefix, Received, TRANSMIT_LEN_MAX, TransportPolicy,
};
use moim_turn::Now;
use moim_wire::Deadline;
use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};

/// An ICE agent.
#[derive(Debug)]
pub struct IceTalker {
    agent: Agent,
    remote: Option<IceCredentials>,
    /// Whether a restart was offered and not yet answered.
    has_restarted: bool,
    speech: Speech,
    data: VecDeque<(Way, Vec<u8>)>,
    events: VecDeque<TalkerEvent>,
}

impl IceTalker {
    /// An agent that does nothing yet.
    pub fn new(is_offerer: bool, relay_only: bool, speech: Speech, seed: [u8; 32], now: Now) -> Self {
        let config = Config {
            role: if is_offerer { IceRole::Controlling } else { IceRole::Controlled },
            policy: if relay_only { TransportPolicy::Relay } else { TransportPolicy::All },
            ..Config::default()
        };
        Self {
            agent: Agent::new(config, seed, now.at),
            remote: None,
            has_restarted: false,
            speech,
            data: VecDeque::new(),
            events: VecDeque::new(),
        }
    }

    fn description(&self) -> String {
        let ended = self.agent.gathering_state() == GatheringState::Complete;
        words::write_description(self.agent.local_credentials(), self.agent.local_candidates(), ended)
    }

    fn take(&mut self, description: &str, now: Now) -> Result<(), String> {
        let Description { credentials, candidates, has_ended } = words::read_description(description)?;
        self.agent.set_remote(credentials.clone(), false, now.at);
        self.remote = Some(credentials);
        for candidate in candidates {
            // What a full table refuses is refused.
            let _ = self.agent.add_remote_candidate(candidate, now.at);
        }
        if has_ended {
            self.agent.end_of_remote_candidates(now.at);
        }
        Ok(())
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "what else is told is of no use here, now and later")]
    fn take_events(&mut self) {
        while let Some(event) = self.agent.poll_event() {
            let event = match event {
                Event::LocalCandidate(candidate) => {
                    TalkerEvent::Candidate(words::write_candidate(&candidate))
                }
                Event::GatheringState(GatheringState::Complete) => TalkerEvent::EndOfCandidates,
                Event::ConnectionState(state) => TalkerEvent::State(state),
                Event::Ask(ask) => TalkerEvent::Ask(ask),
                _ => continue,
            };
            self.events.push_back(event);
        }
    }
}

impl Talker for IceTalker {
    fn gather(&mut self, now: Now) {
        self.agent.gather(now.at);
    }

    fn add_address(&mut self, address: LocalAddress, now: Now) {
        // One too many is one that is not used.
        let _ = self.agent.add_local_address(address, now.at);
    }

    fn remove_address(&mut self, address: SocketAddr, now: Now) {
        self.agent.remove_local_address(address, now.at);
    }

    fn add_server(&mut self, server: IceServer, now: Now) {
        let _ = self.agent.add_server(server, now.at);
    }

    fn offer(&mut self, is_restart: bool, now: Now) -> Result<String, String> {
        if is_restart {
            self.agent.restart(now.at);
            self.has_restarted = true;
        }
        Ok(self.description())
    }

    fn answer(&mut self, offer: &str, now: Now) -> Result<String, String> {
        let offered = words::read_description(offer)?.credentials;
        let is_restart = self.remote.as_ref().is_some_and(|known| *known != offered);
        // One that both have begun at once is one.
        if is_restart && !self.has_restarted {
            self.agent.restart(now.at);
        }
        self.has_restarted = false;
        self.take(offer, now)?;
        Ok(self.description())
    }

    fn accept(&mut self, answer: &str, now: Now) -> Result<(), String> {
        self.has_restarted = false;
        self.take(answer, now)
    }

    fn describe(&mut self, _now: Now) -> Result<String, String> {
        Ok(self.description())
    }

    fn roll_back(&mut self, _now: Now) -> Result<(), String> {
        // The credentials that were offered are as good for the answer.
        Ok(())
    }

    fn add_candidate(&mut self, candidate: &str, now: Now) -> Result<(), String> {
        let candidate = words::read_candidate(candidate)?;
        self.agent.add_remote_candidate(candidate, now.at).map_err(|error| error.to_string())
    }

    fn end_of_candidates(&mut self, now: Now) {
        self.agent.end_of_remote_candidates(now.at);
    }

    fn handle_input(&mut self, way: Way, bytes: &mut [u8], now: Now) {
        let Way { local, remote, protocol } = way;
        match self.agent.handle_input(Received { local, remote, protocol, bytes }, now.at) {
            Handled::Data { path, range } => {
                let len = range.len();
                self.speech.heard(&bytes[range]);
                self.agent.data_received(path, len, now.at);
            }
            Handled::Taken | Handled::NotForMe | Handled::Dropped(_) => {}
        }
    }

    fn connected(&mut self, id: ConnectionId, local: Option<SocketAddr>, now: Now) {
        match local {
            Some(local) => self.agent.connection_opened(id, local, now.at),
            None => self.agent.connection_failed(id, now.at),
        }
    }

    fn accepted(&mut self, local: SocketAddr, remote: SocketAddr, now: Now) -> bool {
        self.agent.connection_accepted(local, remote, now.at).is_ok()
    }

    fn disconnected(&mut self, local: SocketAddr, remote: SocketAddr, now: Now) {
        self.agent.connection_closed(local, remote, now.at);
    }

    fn resolved(&mut self, id: NameId, ip: Option<IpAddr>, now: Now) {
        self.agent.resolved(id, ip, now.at);
    }

    fn handle_timeout(&mut self, now: Now) {
        self.agent.handle_timeout(now.at);
    }

    fn poll_timeout(&self) -> Option<Deadline> {
        self.agent.poll_timeout()
    }

    fn poll_transmit(&mut self, _now: Now) -> Option<(Way, Vec<u8>)> {
        let mut out = [0; TRANSMIT_LEN_MAX];
        if let Some(transmit) = self.agent.poll_transmit(&mut out) {
            let way = Way { local: transmit.local, remote: transmit.remote, protocol: transmit.protocol };
            return Some((way, out[..transmit.len].to_vec()));
        }
        self.data.pop_front()
    }

    fn poll_event(&mut self) -> Option<TalkerEvent> {
        self.take_events();
        self.events.pop_front()
    }

    fn talk(&mut self, now: Now) {
        let Some(path) = self.agent.selected().filter(|_| !self.speech.is_quiet()) else { return };
        let Some(route) = self.agent.route(path).copied() else { return };
        let message = self.speech.next().write();
        let head = route.prefix.len();
        let mut buffer = vec![0; head + message.len() + Prefix::PADDING_MAX];
        buffer[head..head + message.len()].copy_from_slice(&message);
        let Some(len) = route.prefix.wrap(&mut buffer, message.len()) else { return };
        buffer.truncate(len);
        self.speech.sent();
        self.agent.data_sent(path, message.len(), now.at);
        let way = Way { local: route.local, remote: route.remote, protocol: route.protocol };
        self.data.push_back((way, buffer));
    }

    fn state(&self) -> ConnectionState {
        self.agent.connection_state()
    }

    fn path(&self) -> Option<Path> {
        let selected = self.agent.pairs().find(|pair| pair.is_selected)?;
        let route = self.agent.route(selected.path)?;
        Some(Path { local: selected.local.kind, remote: selected.remote.kind, protocol: route.protocol })
    }

    fn speech(&self) -> &Speech {
        &self.speech
    }

    fn speech_mut(&mut self) -> &mut Speech {
        &mut self.speech
    }

    fn holdings(&self) -> Vec<(&'static str, usize)> {
        vec![("pairs", self.agent.pairs().count()), ("data", self.data.len()), ("events", self.events.len())]
    }

    fn failure(&self) -> String {
        format!("{:?}, {}", self.agent.connection_state(), talker::describe(self.agent.pairs()))
    }

    fn close(&mut self, now: Now) {
        self.agent.close(now.at);
    }
}
