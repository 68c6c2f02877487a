//! The ways that media takes: connections to the others, one to the server's end, and going from one topology to another without a gap.

use super::{GoOn, Task, shown};
use crate::room::negotiation::is_polite;
use crate::room::peer::{Peer, PeerCommand, PeerMessage, PeerOptions};
use crate::room::{RoomEvent, TrackKey};
use moim_signal::id::{ParticipantId, PeerConnectionId};
use moim_signal::message::{ClientMessage, Forwarding, Topology, TopologyReason, TrackKind};
use std::sync::Arc;
use tokio::sync::mpsc;

/// Commands that may wait for a peer. Its task waits for nobody, so that there are never many.
const PEER_COMMANDS_MAX: usize = 256;
/// The same for the server's end, which has the tracks of everybody.
const SERVER_COMMANDS_MAX: usize = 8_192;
/// Connections to others, each with sockets of its own. To further ones there is none.
const PEERS_MAX: usize = 256;

/// The connection to the server's end.
pub(super) struct ServerEnd {
    commands: mpsc::Sender<PeerCommand>,
    /// By how many sections it receives, or will.
    sections: Forwarding,
}

impl ServerEnd {
    pub(super) fn command(&self, command: PeerCommand) {
        if self.commands.try_send(command).is_err() {
            tracing::warn!("the connection to the server is too busy to hear of what has changed");
        }
    }
}

impl Task {
    /// How media travels. A room that is not joined yet has no media.
    pub(super) fn topology(&self) -> Topology {
        self.switching.as_ref().map_or(Topology::Mesh, super::Switching::topology)
    }

    pub(super) fn is_mesh(&self) -> bool {
        self.topology() == Topology::Mesh
    }

    /// Begins the connection to the server's end, if the server forwards: before media goes by it, so that it is proven by then. One from before this
    /// participant joined anew ends.
    pub(super) fn begin_server_end(&mut self, forwarding: Option<Forwarding>) {
        self.server = None;
        let Some(sections) = forwarding else { return };
        let (commands, inbox) = mpsc::channel(SERVER_COMMANDS_MAX);
        let options = PeerOptions {
            forwarding,
            is_sending: self.sends_by(Topology::Sfu),
            ..self.peer_options(ParticipantId::new(ParticipantId::SERVER), true)
        };
        Peer::spawn(options, inbox);
        self.server = Some(ServerEnd { commands, sections });
    }

    /// Begins the connection to somebody, or waits for their offer, unless that has been done.
    pub(super) fn begin_mesh(&mut self, id: &ParticipantId) {
        let peers = self.remotes.values().filter(|remote| remote.peer.is_some()).count();
        let Some(remote) = self.remotes.get(id).filter(|remote| remote.peer.is_none()) else { return };
        if peers >= PEERS_MAX {
            tracing::warn!(limit = PEERS_MAX, "there is no connection to a participant: there are too many");
            return;
        }
        let (commands, inbox) = mpsc::channel(PEER_COMMANDS_MAX);
        Peer::spawn(self.peer_options(id.clone(), remote.was_before), inbox);
        if let Some(remote) = self.remotes.get_mut(id) {
            remote.peer = Some(commands);
            for (track, sink) in &remote.sinks {
                let key = TrackKey { participant: id.clone(), track: track.clone() };
                remote.command(PeerCommand::Attach(key, sink.clone()));
            }
        }
    }

    fn peer_options(&self, remote: ParticipantId, begins: bool) -> PeerOptions {
        PeerOptions {
            is_polite: self.local.as_ref().is_some_and(|local| is_polite(&local.id, &remote)),
            remote,
            begins,
            forwarding: None,
            is_sending: true,
            settings: Arc::clone(&self.options.settings),
            signal: self.signal.clone(),
            media: self.media.subscribe(),
            servers: self.servers.subscribe(),
            online: self.online.subscribe(),
            reports: self.reports.clone(),
        }
    }

    /// Media is to travel in another way: that is made ready while the one before goes on.
    pub(super) async fn handle_topology(&mut self, topology: Topology, reason: TopologyReason) -> GoOn {
        let Some(switching) = &mut self.switching else { return true };
        if switching.change(topology, reason) {
            self.command_server(PeerCommand::Send(self.sends_by(Topology::Sfu)));
            for sink in self.remotes.values().flat_map(|remote| remote.sinks.values()) {
                sink.prefer(topology);
            }
            if topology == Topology::Mesh {
                let others: Vec<_> = self.remotes.keys().cloned().collect();
                for id in others {
                    self.begin_mesh(&id);
                }
            }
        }
        self.show();
        self.check_switched();
        self.tell(RoomEvent::Topology(topology, reason)).await
    }

    /// Everybody has switched: the way before ends.
    pub(super) async fn handle_settled(&mut self, topology: Topology) -> GoOn {
        if !self.switching.as_mut().is_some_and(|switching| switching.settle(topology)) {
            return true;
        }
        match topology {
            // Their tasks end with the last sender of commands.
            Topology::Sfu => self.remotes.values_mut().for_each(|remote| remote.peer = None),
            Topology::Mesh => self.command_server(PeerCommand::Send(false)),
        }
        self.tell(RoomEvent::TopologySettled(topology)).await
    }

    /// Tells the server, once, that all which comes comes by the topology that is to be.
    pub(super) fn check_switched(&mut self) {
        let is_waiting = self.switching.as_ref().is_some_and(super::Switching::is_waiting);
        if !is_waiting || !self.has_all_come() {
            return;
        }
        if let Some(switching) = &mut self.switching
            && switching.all_has_come()
        {
            let topology = switching.topology();
            self.tell_server(ClientMessage::Switched { topology });
        }
    }

    /// Whether every track that can come comes by the topology that is to be: as many as the server has sections for, and those that are muted not
    /// counted.
    fn has_all_come(&self) -> bool {
        let (topology, server) = (self.topology(), self.server.as_ref());
        if !self.local.as_ref().is_some_and(|local| local.permissions.subscribe) {
            return true;
        }
        [TrackKind::Audio, TrackKind::Video].into_iter().all(|kind| {
            let (mut expected, mut come) = (0, 0);
            for remote in self.remotes.values() {
                for track in shown(&remote.description).iter().filter(|it| it.kind == kind && !it.muted) {
                    let sink = remote.sinks.get(&track.id);
                    expected += 1;
                    come += usize::from(sink.and_then(super::RemoteSink::way) == Some(topology));
                }
            }
            let sections = server.map_or(0, |server| match kind {
                TrackKind::Audio => server.sections.audio_sections,
                TrackKind::Video => server.sections.video_sections,
            });
            match topology {
                Topology::Mesh => come >= expected,
                Topology::Sfu => come >= expected.min(usize::from(sections)),
            }
        })
    }

    fn sends_by(&self, way: Topology) -> bool {
        self.switching.as_ref().is_some_and(|switching| switching.sends_by(way))
    }

    pub(super) fn command_server(&self, command: PeerCommand) {
        if let Some(server) = &self.server {
            server.command(command);
        }
    }

    /// A message about the connection to the server's end.
    pub(super) fn pass_to_server(&self, connection: PeerConnectionId, message: PeerMessage) {
        self.command_server(PeerCommand::Message(connection, message));
    }

    /// The server could use more sections.
    pub(super) fn add_sections(&mut self, connection: PeerConnectionId, audio: u16, video: u16) {
        if let Some(server) = &mut self.server {
            let Forwarding { audio_sections, video_sections } = &mut server.sections;
            *audio_sections = audio.max(*audio_sections);
            *video_sections = video.max(*video_sections);
        }
        self.pass_to_server(connection, PeerMessage::SectionsWanted { audio, video });
    }
}
