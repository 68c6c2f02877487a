//! The connection to one participant, or to the server's end, over any number of attempts: when to begin, to look for another path, to begin anew.

mod messages;

pub use messages::PeerStats;
pub(super) use messages::{PeerCommand, PeerMessage, PeerReport, Reported, Reports, reports};

use super::attempt::{Attempt, AttemptEvent, AttemptOptions};
use super::negotiation::begins_attempt;
use super::path::PathQuality;
use crate::connection::ReceivedFrame;
use crate::media::{Delivery, LocalTrack, Origin, Passed, PeerKind, RemoteSink};
use crate::room::{ConnectionSettings, TrackKey};
use crate::signal::SignalSender;
use moim_peer::PeerConnectionState;
use moim_signal::id::{ParticipantId, PeerConnectionId};
use moim_signal::message::{ClientMessage, ConnectionEndReason, Forwarding, Topology};
use moim_wire::Bitrate;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, Interval, MissedTickBehavior, interval, sleep_until};

/// How long a connection may be interrupted before another path is looked for.
const INTERRUPTED_TIME_MAX: Duration = Duration::from_secs(3);
/// How long an attempt, or a search for another path, may take before all begins anew.
const CONNECT_TIME_MAX: Duration = Duration::from_secs(15);
/// How much later the side acts that did not begin: usually it need not act at all.
const SECOND_DELAY: Duration = Duration::from_secs(4);
/// Attempts one after another without success (about a quarter of an hour), before only the return of the server, or a change of the network, begins another.
const ATTEMPTS_MAX: u32 = 40;
/// The rest after a first failure, doubled with each further one, and the longest.
const REST_FIRST: Duration = Duration::from_millis(500);
const REST_MAX: Duration = Duration::from_secs(20);
/// Ids of dropped attempts that are still known as such.
const RETIRED_MAX: usize = 16;
/// Messages that may wait for the server. An attempt whose messages do not fit is of no use any more.
const OUTGOING_MAX: usize = 256;
/// Frames that may wait to be sent.
const FRAMES_MAX: usize = 64;
/// How often to look how good the path to another participant is.
const PATH_INTERVAL: Duration = Duration::from_secs(2);

/// What a peer needs.
pub(super) struct PeerOptions {
    pub(super) remote: ParticipantId,
    pub(super) is_polite: bool,
    /// Whether this side makes the first offer.
    pub(super) begins: bool,
    /// Set if the peer is the server's end: with how many receiving sections to begin.
    pub(super) forwarding: Option<Forwarding>,
    /// Whether our tracks are sent this way to begin with.
    pub(super) is_sending: bool,
    pub(super) settings: Arc<ConnectionSettings>,
    pub(super) signal: SignalSender,
    /// What to send, as it is now. Ends when the room is left.
    pub(super) media: watch::Receiver<Vec<LocalTrack>>,
    /// The STUN and TURN servers, as they are now.
    pub(super) servers: watch::Receiver<crate::IceServers>,
    /// Whether messages reach the server just now.
    pub(super) online: watch::Receiver<bool>,
    pub(super) reports: Reports,
}

/// What to do when time is up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Then {
    /// Look for another path.
    Restart,
    /// Begin under another id.
    Again,
    /// Begin under another id, unless the search for another path has succeeded.
    AgainUnlessConnected,
}

/// The connection to one participant, as a task.
pub(super) struct Peer {
    options: PeerOptions,
    commands: mpsc::Receiver<PeerCommand>,
    frames: mpsc::Receiver<Delivery>,
    deliveries: mpsc::Sender<Delivery>,
    /// The tracks that this peer is sent, or would be.
    tracks: Vec<LocalTrack>,
    /// Whether it is.
    is_sending: bool,
    sinks: BTreeMap<TrackKey, RemoteSink>,
    attempt: Option<Attempt>,
    state: PeerConnectionState,
    target: Option<Bitrate>,
    outgoing: VecDeque<ClientMessage>,
    retired: VecDeque<PeerConnectionId>,
    /// Whether this side begins again first, as it was the one to begin.
    leads: bool,
    failures: u32,
    is_restarting: bool,
    /// Whether this attempt ever was connected.
    was_connected: bool,
    /// The path that data went by when it last was chosen with care: the first of an attempt, or of a search.
    path: Option<[String; 2]>,
    timer: Option<(Instant, Then)>,
    quality: PathQuality,
    quality_ticks: Interval,
}

impl Peer {
    /// Waits for the other side's offer, or begins, in a task of its own, until the sender of commands is dropped.
    pub(super) fn spawn(options: PeerOptions, commands: mpsc::Receiver<PeerCommand>) {
        tokio::spawn(Self::new(options, commands).run());
    }

    fn new(options: PeerOptions, commands: mpsc::Receiver<PeerCommand>) -> Self {
        let (deliveries, frames) = mpsc::channel(FRAMES_MAX);
        let (leads, is_sending) = (options.begins, options.is_sending);
        let mut quality_ticks = interval(PATH_INTERVAL);
        quality_ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self {
            options,
            commands,
            frames,
            deliveries,
            tracks: Vec::new(),
            is_sending,
            sinks: BTreeMap::new(),
            attempt: None,
            state: PeerConnectionState::New,
            target: None,
            outgoing: VecDeque::new(),
            retired: VecDeque::new(),
            leads,
            failures: 0,
            is_restarting: false,
            was_connected: false,
            path: None,
            timer: None,
            quality: PathQuality::default(),
            quality_ticks,
        }
    }

    /// Which way media takes by this peer.
    fn way(&self) -> Topology {
        if self.options.forwarding.is_some() { Topology::Sfu } else { Topology::Mesh }
    }

    async fn run(mut self) {
        self.sync_media();
        if self.options.begins {
            self.replace(super::random_id(), true);
        }
        while self.turn().await {}
        for track in &self.tracks {
            track.remove_peer(&self.options.remote);
        }
        if let Some(attempt) = self.attempt.take() {
            attempt.close().await;
        }
    }

    /// Waits for one thing to happen, and handles it. Returns whether to go on.
    async fn turn(&mut self) -> bool {
        let Self { commands, options, frames, attempt, outgoing, timer, quality_ticks, .. } = self;
        tokio::select! {
            command = commands.recv() => match command {
                Some(command) => self.handle_command(command),
                None => return false,
            },
            event = next_event(attempt) => self.handle_event(event),
            sent = send_first(outgoing, &options.signal) => if !sent { return false },
            delivery = frames.recv() => {
                if let (Some(delivery), Some(attempt)) = (delivery, &mut self.attempt) {
                    attempt.send_frame(&delivery);
                }
            }
            changed = options.media.changed() => {
                if changed.is_err() {
                    return false;
                }
                self.sync_media();
            }
            changed = options.servers.changed() => {
                if changed.is_err() {
                    return false;
                }
                let servers = self.options.servers.borrow_and_update().clone();
                if let Some(attempt) = &mut self.attempt {
                    attempt.set_servers(servers);
                }
            }
            then = time_up(timer) => self.time_up(then),
            _ = quality_ticks.tick() => self.measure_path(),
        }
        true
    }

    fn handle_command(&mut self, command: PeerCommand) {
        match command {
            PeerCommand::Message(id, message) => self.handle_message(&id, message),
            PeerCommand::Attach(track, sink) => {
                self.sinks.insert(track, sink);
            }
            PeerCommand::Detach(track) => {
                self.sinks.remove(&track);
            }
            PeerCommand::Control(control, answer) => {
                let is_connected = self.state == PeerConnectionState::Connected;
                let attempt = self.attempt.as_mut().filter(|_| is_connected);
                // Whoever asked may have gone.
                let _ = answer.send(attempt.is_some_and(|attempt| attempt.send_control(&control)));
            }
            PeerCommand::Send(is_sending) => self.set_sending(is_sending),
            PeerCommand::Check => self.check(false),
            PeerCommand::Stats(answer) => {
                let Self { state, target, .. } = *self;
                let stats = self.attempt.as_ref().map(|attempt| PeerStats {
                    state,
                    target,
                    network: attempt.network_counters(),
                    sections: attempt.contents(),
                    report: attempt.stats(),
                });
                let _ = answer.send(stats);
            }
        }
    }

    fn handle_message(&mut self, id: &PeerConnectionId, message: PeerMessage) {
        if self.attempt.as_ref().is_none_or(|attempt| attempt.id() != id) {
            let is_own_unanswered = self
                .attempt
                .as_ref()
                .is_some_and(|attempt| attempt.is_initiator() && !attempt.is_negotiated());
            let begins = begins_attempt(self.options.is_polite, self.retired.contains(id), is_own_unanswered);
            // The server only answers.
            if !matches!(message, PeerMessage::Offer { .. }) || !begins || self.way() == Topology::Sfu {
                return;
            }
            self.replace(id.clone(), false);
        }
        if let PeerMessage::Ended { reason, message } = message {
            return self.handle_end(reason, &message);
        }
        let Some(attempt) = &mut self.attempt else { return };
        let handled = match message {
            PeerMessage::Offer { sdp, tracks } => attempt.handle_offer(&sdp, &tracks),
            PeerMessage::Answer { sdp, tracks } => attempt.handle_answer(&sdp, &tracks),
            PeerMessage::Candidate(candidate) => attempt.handle_candidate(&candidate),
            PeerMessage::EndOfCandidates { ufrag } => attempt.handle_end_of_candidates(ufrag.as_deref()),
            PeerMessage::Sections(sections) => {
                attempt.handle_sections(sections);
                Ok(())
            }
            PeerMessage::SectionsWanted { audio, video } => {
                attempt.receive_by(audio, video);
                Ok(())
            }
            PeerMessage::EncodingsWanted { track, encodings } => {
                if let Some(track) = self.tracks.iter().find(|local| *local.id() == track) {
                    let is_wanted =
                        |encoding| encodings.iter().any(|wanted| usize::from(*wanted) == encoding);
                    track.want(&self.options.remote, is_wanted);
                }
                Ok(())
            }
            PeerMessage::Ended { .. } => Ok(()),
        };
        if let Err(error) = handled {
            tracing::warn!(%error, "a message of the other side could not be handled");
        }
    }

    fn handle_event(&mut self, event: AttemptEvent) {
        match event {
            AttemptEvent::Send(message) => {
                if self.outgoing.len() == OUTGOING_MAX {
                    // The server has not taken anything for long: what waits is of an attempt that is over by now.
                    self.outgoing.clear();
                }
                self.outgoing.push_back(*message);
            }
            AttemptEvent::State(state) => self.handle_state(state),
            AttemptEvent::Frame { track, frame } => self.pass_on(&track, frame),
            AttemptEvent::Control(control) => self.report(PeerReport::Control(control)),
            AttemptEvent::KeyFrameRequested(track, encoding) => {
                if let Some(track) = self.tracks.iter().find(|local| *local.id() == track) {
                    track.request_key_frame(match self.peer_kind() {
                        PeerKind::Participant => track.encodings() - 1,
                        PeerKind::Server => encoding,
                    });
                }
            }
            AttemptEvent::NetworkChanged => {
                self.report(PeerReport::NetworkChanged);
                self.check(true);
            }
            AttemptEvent::Target(target) => {
                self.target = Some(target);
                for track in &self.tracks {
                    track.set_target(&self.options.remote, target);
                }
            }
        }
    }

    /// A frame came of somebody's track.
    fn pass_on(&mut self, track: &TrackKey, frame: ReceivedFrame) {
        let Some(sink) = self.sinks.get(track) else { return };
        let origin = Origin { by: self.way(), section: frame.mid };
        match (sink.send(origin, frame), &mut self.attempt) {
            (Passed::NoRoom | Passed::KeyFrameNeeded, Some(attempt)) => attempt.request_key_frame(track),
            (Passed::NoRoom | Passed::KeyFrameNeeded | Passed::On | Passed::NotNeeded, _) => {}
        }
    }

    /// The server does not go on with the connection, or will not have it.
    fn handle_end(&mut self, reason: ConnectionEndReason, message: &str) {
        // It is this side that has begun another.
        if reason == ConnectionEndReason::Replaced {
            return;
        }
        tracing::warn!(?reason, message, "the server has ended its connection");
        self.retire();
        self.state = PeerConnectionState::Failed;
        self.report(PeerReport::State(PeerConnectionState::Failed));
        // Another offer would be as bad as this one.
        if reason == ConnectionEndReason::BadOffer {
            self.timer = None;
        } else {
            self.wait(rest(self.failures.max(1)), Then::Again);
        }
    }

    /// Looks how good the path to the other participant is.
    fn measure_path(&mut self) {
        let is_connected = self.state == PeerConnectionState::Connected && self.way() == Topology::Mesh;
        let Some(attempt) = self.attempt.as_ref().filter(|_| is_connected) else { return };
        if let Some(state) = self.quality.measured(&attempt.stats(), std::time::Instant::now()) {
            self.report(PeerReport::Path(state));
        }
    }

    fn peer_kind(&self) -> PeerKind {
        match self.way() {
            Topology::Mesh => PeerKind::Participant,
            Topology::Sfu => PeerKind::Server,
        }
    }

    fn handle_state(&mut self, state: PeerConnectionState) {
        let is_new = std::mem::replace(&mut self.state, state) != state;
        match state {
            PeerConnectionState::Connected => self.connected(),
            PeerConnectionState::Disconnected if !self.is_restarting => {
                self.wait(INTERRUPTED_TIME_MAX, Then::Restart);
            }
            // One search for another path; if that has failed as well, or there never was one, all begins anew.
            PeerConnectionState::Failed if self.is_restarting || !self.was_connected => {
                self.wait(rest(self.failures), Then::Again);
            }
            PeerConnectionState::Failed => self.wait(Duration::ZERO, Then::Restart),
            PeerConnectionState::New
            | PeerConnectionState::Connecting
            | PeerConnectionState::Disconnected
            | PeerConnectionState::Closed => {}
        }
        if is_new {
            if self.way() == Topology::Mesh
                && let Some(path) = self.quality.state_is(state)
            {
                self.report(PeerReport::Path(path));
            }
            self.report(PeerReport::State(state));
        }
    }

    fn connected(&mut self) {
        let path = self.attempt.as_ref().and_then(Attempt::path);
        // It goes on by what was left over from the last search when the path broke: usually a relay. There may be better by now.
        let is_makeshift = self.was_connected && !self.is_restarting && self.path != path;
        self.timer = None;
        self.failures = 0;
        self.is_restarting = false;
        self.was_connected = true;
        self.path = path;
        if is_makeshift && self.leads {
            self.restart();
        }
    }

    /// Takes up again what was given up.
    fn check(&mut self, has_network_changed: bool) {
        if self.attempt.is_none() && self.failures == 0 {
            return;
        }
        self.failures = 0;
        match self.state {
            PeerConnectionState::Connected if !has_network_changed => {}
            // Its offer may have waited for the server until now.
            PeerConnectionState::Disconnected if self.is_restarting && !has_network_changed => {
                self.wait(CONNECT_TIME_MAX, Then::AgainUnlessConnected);
            }
            PeerConnectionState::Connected | PeerConnectionState::Disconnected => self.restart(),
            PeerConnectionState::Failed => self.handle_state(PeerConnectionState::Failed),
            PeerConnectionState::Closed => self.wait(Duration::ZERO, Then::Again),
            PeerConnectionState::New | PeerConnectionState::Connecting => {}
        }
    }

    fn time_up(&mut self, then: Then) {
        match then {
            // Nobody would hear of it.
            _ if !*self.options.online.borrow() => {
                self.wait(INTERRUPTED_TIME_MAX, then);
            }
            Then::Restart => self.restart(),
            Then::AgainUnlessConnected if self.state == PeerConnectionState::Connected => {
                self.is_restarting = false;
                self.path = self.attempt.as_ref().and_then(Attempt::path);
            }
            Then::Again | Then::AgainUnlessConnected => self.again(),
        }
    }

    fn restart(&mut self) {
        self.is_restarting = true;
        if let Some(attempt) = &mut self.attempt {
            attempt.restart_ice();
        }
        self.wait(CONNECT_TIME_MAX, Then::AgainUnlessConnected);
    }

    /// Begins anew under another id.
    fn again(&mut self) {
        self.failures += 1;
        if self.way() == Topology::Mesh
            && let Some(path) = self.quality.state_is(PeerConnectionState::Failed)
        {
            self.report(PeerReport::Path(path));
        }
        if self.failures > ATTEMPTS_MAX {
            tracing::warn!(attempts = ATTEMPTS_MAX, "no connection to a participant");
            self.retire();
            self.handle_state(PeerConnectionState::Closed);
            return;
        }
        self.replace(super::random_id(), true);
    }

    /// Drops the attempt at hand for good: what the other side still says about it, be it an offer, is about nothing.
    fn retire(&mut self) {
        if let Some(before) = self.attempt.take() {
            if self.retired.len() == RETIRED_MAX {
                self.retired.pop_front();
            }
            self.retired.push_back(before.id().clone());
            tokio::spawn(before.close());
        }
        self.is_restarting = false;
        self.was_connected = false;
        self.path = None;
        self.target = None;
        // What still waits is about that attempt.
        self.outgoing.clear();
    }

    fn replace(&mut self, id: PeerConnectionId, is_initiator: bool) {
        self.retire();
        let options = AttemptOptions {
            id,
            to: self.options.remote.clone(),
            is_initiator,
            is_polite: self.options.is_polite,
            forwarding: self.options.forwarding,
            settings: Arc::clone(&self.options.settings),
            servers: self.options.servers.borrow_and_update().clone(),
        };
        match Attempt::new(options) {
            Ok(mut attempt) => {
                attempt.set_media(&self.tracks);
                self.attempt = Some(attempt);
                // The other side has decoded nothing yet.
                self.begin_sending();
                self.handle_state(PeerConnectionState::Connecting);
            }
            Err(error) => tracing::warn!(%error, "a connection cannot be made"),
        }
        self.wait(CONNECT_TIME_MAX + rest(self.failures), Then::Again);
    }

    /// Sends exactly what is published now.
    fn sync_media(&mut self) {
        let tracks = self.options.media.borrow_and_update().clone();
        for gone in self.tracks.iter().filter(|gone| !tracks.iter().any(|track| track.id() == gone.id())) {
            gone.remove_peer(&self.options.remote);
        }
        if self.is_sending {
            for new in tracks.iter().filter(|new| !self.tracks.iter().any(|track| track.id() == new.id())) {
                new.add_peer(&self.options.remote, self.peer_kind(), self.deliveries.clone());
            }
        }
        self.tracks = tracks;
        if let Some(attempt) = &mut self.attempt {
            attempt.set_media(&self.tracks);
        }
    }

    /// Whether our tracks are sent this way from now on. What the other side knows of them stays as it is.
    fn set_sending(&mut self, is_sending: bool) {
        let was_sending = std::mem::replace(&mut self.is_sending, is_sending);
        if is_sending && !was_sending {
            self.begin_sending();
        } else if !is_sending {
            for track in &self.tracks {
                track.remove_peer(&self.options.remote);
            }
        }
    }

    fn begin_sending(&self) {
        for track in self.tracks.iter().filter(|_| self.is_sending) {
            track.add_peer(&self.options.remote, self.peer_kind(), self.deliveries.clone());
        }
    }

    fn wait(&mut self, time: Duration, then: Then) {
        let delay = if self.leads { Duration::ZERO } else { SECOND_DELAY };
        self.timer = Some((Instant::now() + time + delay, then));
    }

    fn report(&self, report: PeerReport) {
        self.options.reports.send(&self.options.remote, report);
    }
}

/// How long to rest after so many failures: nothing after none, then longer and longer.
fn rest(failures: u32) -> Duration {
    if failures == 0 { Duration::ZERO } else { REST_MAX.min(REST_FIRST * 2_u32.pow(failures.min(10))) }
}

async fn next_event(attempt: &mut Option<Attempt>) -> AttemptEvent {
    match attempt {
        Some(attempt) => attempt.next().await,
        None => std::future::pending().await,
    }
}

/// Sends the first message that waits, if the server takes it. Returns whether there still is a session.
async fn send_first(outgoing: &mut VecDeque<ClientMessage>, signal: &SignalSender) -> bool {
    if outgoing.is_empty() {
        return std::future::pending().await;
    }
    // Nothing is taken from the queue before there is a place for it.
    let Some(place) = signal.reserve().await else { return false };
    if let Some(message) = outgoing.pop_front() {
        place.send(message);
    }
    true
}

async fn time_up(timer: &mut Option<(Instant, Then)>) -> Then {
    match *timer {
        Some((at, then)) => {
            sleep_until(at).await;
            *timer = None;
            then
        }
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests;
