//! The task that holds a room: it hears the server and the peers, and tells the application.

mod switching;

use super::chat::{Chat, Relayed};
use super::control::Control;
use super::peer::{PeerCommand, PeerMessage, PeerReport, PeerStats, Reported, Reports, reports};
use super::state::RoomState;
use super::topology::Switching;
use super::{ChatLine, ConnectionSettings, RoomEvent, TrackKey, random_hex};
use crate::connection::IceServers;
use crate::error::{Error, JoinStep, SignalError};
use crate::media::{LocalTrack, RemoteSink, RemoteTrack};
use crate::signal::{SessionEvent, SignalSender, SignalSession};
use moim_signal::id::{ChatId, ParticipantId, PeerConnectionId, RoomName, TrackId};
use moim_signal::message::{
    ClientMessage, IceServer, LeaveReason, ParticipantDescription, RoomDescription, ServerMessage,
    SignalLimits, TrackDescription,
};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;
use switching::ServerEnd;
use tokio::sync::{Notify, mpsc, oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

/// Reports of peers that may wait for the room.
const REPORTS_MAX: usize = 512;
/// Others in a room. Of further ones, this participant knows nothing.
const REMOTES_MAX: usize = 2_048;
/// Tracks of one participant that count.
const TRACKS_MAX: usize = 64;
/// How long joining may take, from the first packet to the server on.
const JOIN_TIME_MAX: Duration = Duration::from_secs(30);
/// The least time between two requests for fresh credentials: a server that hands out short ones is not pestered.
const REFRESH_INTERVAL_MIN: Duration = Duration::from_secs(10);

/// What the application asks of a room.
#[derive(Debug)]
pub(super) enum Command {
    Publish(LocalTrack),
    Unpublish(TrackId),
    /// The answer is what has to go through the server, if anything.
    Chat {
        text: String,
        to: Option<ParticipantId>,
        answer: oneshot::Sender<Option<Relayed>>,
    },
    Stats(ParticipantId, oneshot::Sender<Option<PeerStats>>),
}

/// What a room is made with.
pub(super) struct TaskOptions {
    pub(super) room: RoomName,
    pub(super) name: String,
    pub(super) metadata: Option<String>,
    /// What `{host}` stands for in the URIs of ICE servers.
    pub(super) host: String,
    pub(super) settings: Arc<ConnectionSettings>,
    pub(super) session: SignalSession,
    pub(super) commands: mpsc::Receiver<Command>,
    pub(super) events: mpsc::Sender<RoomEvent>,
    pub(super) ready: Ready,
}

/// What comes of joining: the room as it is, from then on.
type Joined = Result<watch::Receiver<RoomState>, Error>;
type Ready = oneshot::Sender<Joined>;

/// Somebody else in the room.
struct Remote {
    description: ParticipantDescription,
    /// Whether they were there before, so that this side begins connections.
    was_before: bool,
    /// The connection to them, if there is one.
    peer: Option<mpsc::Sender<PeerCommand>>,
    /// Where frames of their tracks go, whichever way they come.
    sinks: BTreeMap<TrackId, RemoteSink>,
}

impl Remote {
    fn command(&self, command: PeerCommand) -> bool {
        self.peer.as_ref().is_some_and(|peer| peer.try_send(command).is_ok())
    }
}

/// What comes back from requests that the room itself has made.
enum Answer {
    /// It may not join.
    JoinRefused(SignalError),
    /// The servers were looked up.
    Servers(IceServers),
}

pub(super) struct Task {
    options: TaskOptions,
    signal: SignalSender,
    remotes: BTreeMap<ParticipantId, Remote>,
    /// How media travels, once the room is joined.
    switching: Option<Switching>,
    /// The connection to the server's end, if it forwards.
    server: Option<ServerEnd>,
    /// Is told when a track goes on by another way.
    ways: Arc<Notify>,
    local: Option<ParticipantDescription>,
    limits: Option<SignalLimits>,
    state: Option<watch::Sender<RoomState>>,
    ready: Option<Ready>,
    /// When joining for the first time is given up.
    join_due: Option<Instant>,
    chat: Chat,
    media: watch::Sender<Vec<LocalTrack>>,
    servers: watch::Sender<IceServers>,
    online: watch::Sender<bool>,
    reports: Reports,
    answers: mpsc::Sender<Answer>,
    refresh_due: Option<Instant>,
    /// What looks up the servers that were announced last. There is one at a time: names of before are of no use any more, and must not take the
    /// place of later ones.
    lookup: JoinSet<()>,
}

/// Whether to go on.
type GoOn = bool;

impl Task {
    pub(super) fn spawn(mut options: TaskOptions) {
        let (reports, reported) = reports(REPORTS_MAX);
        let (answers, answered) = mpsc::channel(8);
        let (ready, _) = oneshot::channel();
        let ready = Some(std::mem::replace(&mut options.ready, ready));
        let task = Self {
            signal: options.session.sender(),
            options,
            remotes: BTreeMap::new(),
            switching: None,
            server: None,
            ways: Arc::default(),
            local: None,
            limits: None,
            state: None,
            ready,
            join_due: Some(Instant::now() + JOIN_TIME_MAX),
            chat: Chat::default(),
            media: watch::Sender::new(Vec::new()),
            servers: watch::Sender::new(IceServers::default()),
            online: watch::Sender::new(true),
            reports,
            answers,
            refresh_due: None,
            lookup: JoinSet::new(),
        };
        tokio::spawn(task.run(reported, answered));
    }

    async fn run(mut self, mut reported: Reported, mut answered: mpsc::Receiver<Answer>) {
        loop {
            let chat_due = self.chat.poll_timeout().map(Instant::from_std);
            let goes_on = tokio::select! {
                event = self.options.session.next() => match event {
                    Some(event) => self.handle_session(event).await,
                    None => false,
                },
                command = self.options.commands.recv() => match command {
                    Some(command) => {
                        self.handle_command(command).await;
                        true
                    }
                    // The room was dropped.
                    None => false,
                },
                Some((from, report)) = reported.recv() => self.handle_report(from, report).await,
                Some(answer) = answered.recv() => self.handle_answer(answer).await,
                () = self.ways.notified() => {
                    self.check_switched();
                    true
                }
                () = until(self.join_due) => self.end(self.join_timed_out()).await,
                () = until(chat_due) => {
                    self.relay_overdue();
                    true
                }
                () = until(self.refresh_due) => {
                    self.refresh_due = None;
                    self.tell_server(ClientMessage::RefreshIceServers);
                    true
                }
            };
            if !goes_on {
                return;
            }
        }
    }

    async fn handle_session(&mut self, event: SessionEvent) -> GoOn {
        match event {
            SessionEvent::Begun(limits) => {
                self.limits = Some(limits);
                self.online.send_replace(true);
                self.join();
                true
            }
            SessionEvent::Interrupted(reason) => {
                self.online.send_replace(false);
                self.tell(RoomEvent::Reconnecting(reason)).await
            }
            SessionEvent::Resumed => {
                self.online.send_replace(true);
                self.command_all(|| PeerCommand::Check);
                self.tell(RoomEvent::Reconnected).await
            }
            SessionEvent::Message(message) => self.handle_message(*message).await,
            SessionEvent::Ended(error) => self.end(error).await,
        }
    }

    /// Enters the room: for the first time, or again after the server has forgotten this session.
    fn join(&self) {
        let join = ClientMessage::Join {
            room: self.options.room.clone(),
            name: self.local.as_ref().map_or(&self.options.name, |local| &local.name).clone(),
            metadata: self.options.metadata.clone(),
            direct: true,
        };
        let (signal, answers) = (self.signal.clone(), self.answers.clone());
        tokio::spawn(async move {
            match signal.request(join).await {
                // Another session has begun, and joins as well.
                Ok(()) | Err(SignalError::Lost) => {}
                // The room may be gone.
                Err(error) => drop(answers.send(Answer::JoinRefused(error)).await),
            }
        });
    }

    fn join_timed_out(&self) -> SignalError {
        let missing = if self.limits.is_none() {
            JoinStep::Welcome
        } else if *self.online.borrow() {
            JoinStep::Joined
        } else {
            JoinStep::Link
        };
        SignalError::JoinTimedOut { missing, waited: JOIN_TIME_MAX }
    }

    async fn handle_message(&mut self, message: ServerMessage) -> GoOn {
        match message {
            ServerMessage::Joined { room, participant, participants, ice_servers } => {
                return self.handle_joined(room, participant, participants, ice_servers).await;
            }
            ServerMessage::IceServers { ice_servers, .. } => self.take_servers(ice_servers),
            ServerMessage::Left { reason } => return self.handle_left(reason).await,
            ServerMessage::ParticipantJoined { participant } => return self.add(participant, false).await,
            ServerMessage::ParticipantUpdated { participant } => return self.update(participant).await,
            ServerMessage::ParticipantLeft { participant, reason } => {
                return self.remove(&participant, reason).await;
            }
            ServerMessage::Offer { from, connection, sdp, tracks } => {
                self.pass_on(&from, connection, PeerMessage::Offer { sdp, tracks });
            }
            ServerMessage::Answer { from, connection, sdp, tracks } => {
                self.pass_on(&from, connection, PeerMessage::Answer { sdp, tracks });
            }
            ServerMessage::Candidate { from, connection, candidate } => {
                self.pass_on(&from, connection, PeerMessage::Candidate(candidate));
            }
            ServerMessage::EndOfCandidates { from, connection, username_fragment } => {
                self.pass_on(&from, connection, PeerMessage::EndOfCandidates { ufrag: username_fragment });
            }
            ServerMessage::Chat { id, from, to, text } => {
                return self.hear(&from, id.as_str(), text, to.is_some()).await;
            }
            ServerMessage::Draining { grace_ms } => {
                return self.tell(RoomEvent::Draining(Duration::from_millis(u64::from(grace_ms)))).await;
            }
            ServerMessage::Topology { topology, reason } => {
                return self.handle_topology(topology, reason).await;
            }
            ServerMessage::TopologySettled { topology } => return self.handle_settled(topology).await,
            ServerMessage::Sections { connection, sections } => {
                self.pass_to_server(connection, PeerMessage::Sections(sections));
            }
            ServerMessage::SectionsWanted { connection, audio, video } => {
                self.add_sections(connection, audio, video);
            }
            ServerMessage::EncodingsWanted { connection, track, encodings } => {
                self.pass_to_server(connection, PeerMessage::EncodingsWanted { track, encodings });
            }
            ServerMessage::ConnectionEnded { connection, reason, message } => {
                self.pass_to_server(connection, PeerMessage::Ended { reason, message });
            }
            ServerMessage::Speakers { dominant, speaking } => {
                return self.tell(RoomEvent::Speakers { dominant, speaking }).await;
            }
            // Whoever made the request hears of it.
            ServerMessage::Error { .. } => {}
        }
        true
    }

    async fn handle_joined(
        &mut self,
        room: RoomDescription,
        local: ParticipantDescription,
        participants: Vec<ParticipantDescription>,
        servers: Vec<IceServer>,
    ) -> GoOn {
        // Media of the room before went on until here; now everybody has another id and makes new connections.
        let before: Vec<_> = self.remotes.keys().cloned().collect();
        for id in before {
            if !self.remove(&id, LeaveReason::ServerShutdown).await {
                return false;
            }
        }
        let is_again = self.local.replace(local).is_some();
        self.switching = Some(Switching::new(room.topology, room.topology_reason));
        self.take_servers(servers);
        self.begin_server_end(room.forwarding);
        if is_again {
            for track in self.media.borrow().iter() {
                self.tell_server(ClientMessage::Publish { track: track.description().clone() });
            }
        }
        self.show();
        self.join_due = None;
        if let (Some(ready), Some(state)) = (self.ready.take(), &self.state)
            && ready.send(Ok(state.subscribe())).is_err()
        {
            return false;
        }
        for other in participants {
            if !self.add(other, true).await {
                return false;
            }
        }
        !is_again || self.tell(RoomEvent::Reconnected).await
    }

    async fn handle_left(&mut self, reason: LeaveReason) -> GoOn {
        match reason {
            // The link will close, and the session be taken up again wherever the server is then.
            LeaveReason::ServerShutdown => true,
            LeaveReason::Left
            | LeaveReason::TimedOut
            | LeaveReason::Kicked
            | LeaveReason::RoomClosed
            | LeaveReason::Replaced
            | LeaveReason::Dropped => self.end(SignalError::Removed(reason)).await,
        }
    }

    async fn handle_answer(&mut self, answer: Answer) -> GoOn {
        match answer {
            Answer::JoinRefused(error) => self.end(error).await,
            Answer::Servers(servers) => {
                self.servers.send_replace(servers);
                true
            }
        }
    }

    async fn handle_command(&mut self, command: Command) {
        match command {
            Command::Publish(track) => self.media.send_modify(|tracks| tracks.push(track)),
            Command::Unpublish(id) => {
                self.media.send_modify(|tracks| tracks.retain(|track| *track.id() != id));
            }
            Command::Chat { text, to, answer } => self.send_chat(text, to, answer).await,
            // Without an answer, there is none.
            Command::Stats(participant, answer) if participant.is_server() => {
                self.command_server(PeerCommand::Stats(answer));
            }
            Command::Stats(participant, answer) => {
                if let Some(remote) = self.remotes.get(&participant) {
                    remote.command(PeerCommand::Stats(answer));
                }
            }
        }
    }

    async fn handle_report(&mut self, from: ParticipantId, report: PeerReport) -> GoOn {
        match report {
            PeerReport::State(state) => {
                let is_known = match self.remotes.get(&from) {
                    Some(remote) => remote.peer.is_some(),
                    None => from.is_server() && self.server.is_some(),
                };
                !is_known || self.tell(RoomEvent::ConnectionState(from, state)).await
            }
            PeerReport::Path(state) => {
                if self.remotes.get(&from).is_some_and(|remote| remote.peer.is_some()) {
                    self.tell_server(ClientMessage::ReportPath { to: from, state });
                }
                true
            }
            PeerReport::NetworkChanged => {
                self.options.session.check();
                true
            }
            PeerReport::Control(Control::ChatReceived { id }) => {
                self.chat.confirmed(&id, &from);
                true
            }
            PeerReport::Control(Control::Chat { id, text, private }) => {
                // A repetition is confirmed too: the confirmation before may be what was lost.
                self.control(&from, Control::ChatReceived { id: id.clone() });
                self.hear(&from, &id, text, private).await
            }
        }
    }

    /// Somebody is there. `was_before`: so they were when this participant came.
    async fn add(&mut self, description: ParticipantDescription, was_before: bool) -> GoOn {
        if self.remotes.contains_key(&description.id) {
            return self.update(description).await;
        }
        if self.remotes.len() >= REMOTES_MAX {
            tracing::warn!(limit = REMOTES_MAX, "a participant was passed over: there are too many");
            return true;
        }
        let id = description.id.clone();
        // What they publish is told as if it came later.
        let bare = ParticipantDescription { tracks: Vec::new(), ..description.clone() };
        let remote = Remote { description: bare, was_before, peer: None, sinks: BTreeMap::new() };
        self.remotes.insert(id.clone(), remote);
        if self.is_mesh() {
            self.begin_mesh(&id);
        }
        self.tell(RoomEvent::ParticipantJoined(description.clone())).await && self.update(description).await
    }

    /// Somebody is described anew.
    async fn update(&mut self, description: ParticipantDescription) -> GoOn {
        let id = description.id.clone();
        if let Some(local) = self.local.as_mut().filter(|local| local.id == id) {
            *local = description.clone();
            self.show();
            return self.tell(RoomEvent::ParticipantUpdated(description)).await;
        }
        let preferred = self.topology();
        let Some(remote) = self.remotes.get_mut(&id) else { return true };
        let before = std::mem::replace(&mut remote.description, description.clone());
        let is_same = |one: &TrackDescription, other: &TrackDescription| {
            (&one.id, one.kind, one.source) == (&other.id, other.kind, other.source)
        };
        let mut events = Vec::new();
        // Who may not publish has no tracks, whatever they say.
        let (old, new) = (shown(&before), shown(&description));
        let key = |track: &TrackDescription| TrackKey { participant: id.clone(), track: track.id.clone() };
        let server = self.server.as_ref();
        for gone in old.iter().filter(|gone| !new.iter().any(|track| is_same(track, gone))) {
            remote.sinks.remove(&gone.id);
            remote.command(PeerCommand::Detach(key(gone)));
            server.inspect(|server| server.command(PeerCommand::Detach(key(gone))));
            events.push(RoomEvent::TrackUnpublished(id.clone(), gone.id.clone()));
        }
        for added in new.iter().filter(|added| !old.iter().any(|track| is_same(track, added))) {
            let ways = Arc::clone(&self.ways);
            let (track, sink) = RemoteTrack::new(id.clone(), added.clone(), preferred, ways);
            remote.sinks.insert(added.id.clone(), sink.clone());
            remote.command(PeerCommand::Attach(key(added), sink.clone()));
            server.inspect(|server| server.command(PeerCommand::Attach(key(added), sink)));
            events.push(RoomEvent::TrackPublished(track));
        }
        self.show();
        // A track that is muted, or gone, is not waited for.
        self.check_switched();
        events.insert(0, RoomEvent::ParticipantUpdated(description));
        for event in events {
            if !self.tell(event).await {
                return false;
            }
        }
        true
    }

    /// Somebody is gone.
    async fn remove(&mut self, id: &ParticipantId, reason: LeaveReason) -> GoOn {
        self.chat.forget(id);
        let Some(remote) = self.remotes.remove(id) else { return true };
        if let Some(server) = &self.server {
            for track in remote.sinks.into_keys() {
                server.command(PeerCommand::Detach(TrackKey { participant: id.clone(), track }));
            }
        }
        self.show();
        self.check_switched();
        self.tell(RoomEvent::ParticipantLeft(id.clone(), reason)).await
    }

    /// A line came, whichever way.
    async fn hear(&mut self, from: &ParticipantId, id: &str, text: String, is_private: bool) -> GoOn {
        let len_max = self.limits.as_ref().map_or(0, |limits| limits.chat_len_max);
        let Some(remote) = self.remotes.get(from) else { return true };
        let is_allowed = remote.description.permissions.data && text.len() <= len_max as usize;
        if !is_allowed || !self.chat.is_new(from, id) {
            return true;
        }
        let name = remote.description.name.clone();
        self.tell(RoomEvent::Chat(ChatLine { from: from.clone(), name, text, is_private })).await
    }

    /// Sends a line by data channels. The answer is what these do not reach, and what therefore goes through the server.
    async fn send_chat(
        &mut self,
        text: String,
        to: Option<ParticipantId>,
        answer: oneshot::Sender<Option<Relayed>>,
    ) {
        let line = Relayed { id: random_hex::<16>(), to, text };
        let is_for = |id: &ParticipantId| line.to.as_ref().is_none_or(|to| to == id);
        let mut reached = BTreeSet::new();
        let mut is_complete = true;
        for (id, remote) in self.remotes.iter().filter(|(id, _)| is_for(id)) {
            let private = line.to.is_some();
            let control = Control::Chat { id: line.id.clone(), text: line.text.clone(), private };
            let (sent, is_sent) = oneshot::channel();
            let is_asked = self.chat.may_wait() && remote.command(PeerCommand::Control(control, sent));
            // A peer waits for nobody, so that its answer comes at once.
            if is_asked && is_sent.await.unwrap_or(false) {
                reached.insert(id.clone());
            } else {
                is_complete = false;
            }
        }
        self.chat.sent(line.clone(), reached, std::time::Instant::now());
        // Whoever asked may have gone.
        let _ = answer.send((!is_complete).then_some(line));
    }

    /// Sends a control message of which nobody waits to hear.
    fn control(&self, to: &ParticipantId, control: Control) {
        if let Some(remote) = self.remotes.get(to) {
            let (sent, _) = oneshot::channel();
            remote.command(PeerCommand::Control(control, sent));
        }
    }

    /// Sends lines through the server that peers have not confirmed.
    fn relay_overdue(&mut self) {
        while let Some(Relayed { id, to, text }) = self.chat.poll_overdue(std::time::Instant::now()) {
            self.tell_server(ClientMessage::Chat { id: ChatId::new(id), to, text });
        }
    }

    /// A message about a connection. Those of somebody unknown, who has just left, are passed over.
    fn pass_on(&self, from: &ParticipantId, connection: PeerConnectionId, message: PeerMessage) {
        if from.is_server() {
            return self.pass_to_server(connection, message);
        }
        // Messages of a connection that has ended here, or begins later, are about nothing.
        if let Some(remote) = self.remotes.get(from).filter(|remote| remote.peer.is_some())
            && !remote.command(PeerCommand::Message(connection, message))
        {
            tracing::warn!("a peer is too busy to hear of its connection");
        }
    }

    fn command_all(&self, command: impl Fn() -> PeerCommand) {
        for remote in self.remotes.values() {
            remote.command(command());
        }
        self.command_server(command());
    }

    /// Looks the servers up, for connections to come, and asks for others halfway through the lifetime of their credentials.
    fn take_servers(&mut self, servers: Vec<IceServer>) {
        let lifetime = servers.iter().filter_map(|server| server.lifetime_ms).min();
        self.refresh_due = lifetime.map(|lifetime| {
            let half = Duration::from_millis(u64::from(lifetime) / 2);
            Instant::now() + half.max(REFRESH_INTERVAL_MIN)
        });
        let (answers, host) = (self.answers.clone(), self.options.host.clone());
        self.lookup = JoinSet::new();
        self.lookup.spawn(async move {
            let servers = IceServers::resolve(&servers, &host).await;
            // The room may be gone.
            drop(answers.send(Answer::Servers(servers)).await);
        });
    }

    /// Sends the server what nobody waits to hear of. It may be refused, when what it is about is gone.
    fn tell_server(&self, message: ClientMessage) {
        let signal = self.signal.clone();
        tokio::spawn(async move {
            if let Err(error) = signal.request(message).await {
                tracing::debug!(%error, "a message was not taken");
            }
        });
    }

    /// Tells the application. Returns whether it still listens. What it asks meanwhile is answered: whoever waits for an answer does
    /// not listen, and would wait for ever.
    async fn tell(&mut self, event: RoomEvent) -> GoOn {
        let events = self.options.events.clone();
        loop {
            tokio::select! {
                place = events.reserve() => {
                    return place.map(|place| place.send(event)).is_ok();
                }
                command = self.options.commands.recv() => match command {
                    Some(command) => self.handle_command(command).await,
                    None => return false,
                },
            }
        }
    }

    /// Shows the room as it is now.
    fn show(&mut self) {
        let (Some(local), Some(limits), Some(switching)) = (&self.local, &self.limits, &self.switching)
        else {
            return;
        };
        let participants = self.remotes.values().map(|remote| remote.description.clone()).collect();
        let state = RoomState {
            local: local.clone(),
            participants,
            limits: limits.clone(),
            topology: switching.topology(),
            topology_reason: switching.reason(),
        };
        match &self.state {
            Some(sender) => drop(sender.send_replace(state)),
            None => self.state = Some(watch::Sender::new(state)),
        }
    }

    /// The room is over.
    async fn end(&mut self, error: SignalError) -> GoOn {
        match self.ready.take() {
            // Nobody waits for it any more, or everybody hears why.
            Some(ready) => drop(ready.send(Err(error.into()))),
            None => drop(self.tell(RoomEvent::Disconnected(error)).await),
        }
        false
    }
}

/// The tracks of somebody that count: none, if they may not publish.
fn shown(description: &ParticipantDescription) -> &[TrackDescription] {
    let tracks = if description.permissions.publish { description.tracks.as_slice() } else { &[] };
    &tracks[..tracks.len().min(TRACKS_MAX)]
}

/// Waits until `due`, or for ever.
async fn until(due: Option<Instant>) {
    match due {
        Some(due) => sleep_until(due).await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests;
