//! What peers are told, and what they tell.

use crate::connection::NetworkCounters;
use crate::media::RemoteSink;
use crate::room::TrackKey;
use crate::room::control::Control;
use moim_peer::PeerConnectionState;
use moim_peer::stats::StatsReport;
use moim_signal::id::{ParticipantId, PeerConnectionId, TrackId};
use moim_signal::message::{ConnectionEndReason, IceCandidate, MidTrack, PathState, SectionContent};
use moim_wire::Bitrate;
use tokio::sync::{mpsc, oneshot};

/// A message about a connection, as the other side sent it.
#[derive(Debug)]
pub(in crate::room) enum PeerMessage {
    Offer {
        sdp: String,
        tracks: Vec<MidTrack>,
    },
    Answer {
        sdp: String,
        tracks: Vec<MidTrack>,
    },
    Candidate(IceCandidate),
    EndOfCandidates {
        ufrag: Option<String>,
    },
    /// What the server's sections carry.
    Sections(Vec<SectionContent>),
    /// So many sections are to receive, of sound and of pictures.
    SectionsWanted {
        audio: u16,
        video: u16,
    },
    /// Which encodings of a track of ours are to be sent.
    EncodingsWanted {
        track: TrackId,
        encodings: Vec<u8>,
    },
    /// The server has ended the connection, or refused it.
    Ended {
        reason: ConnectionEndReason,
        message: String,
    },
}

/// What a peer is told.
#[derive(Debug)]
pub(in crate::room) enum PeerCommand {
    /// The other side has sent a message.
    Message(PeerConnectionId, PeerMessage),
    /// Frames of somebody's track go here.
    Attach(TrackKey, RemoteSink),
    /// A track of somebody's is gone.
    Detach(TrackKey),
    /// Whether our tracks are to be sent this way.
    Send(bool),
    /// Sends a control message. The answer is whether that was possible.
    Control(Control, oneshot::Sender<bool>),
    /// The server can be reached again.
    Check,
    /// Asks how the connection is.
    Stats(oneshot::Sender<Option<PeerStats>>),
}

/// How a connection to a participant is.
#[derive(Clone, Debug)]
pub struct PeerStats {
    /// How far it is.
    pub state: PeerConnectionState,
    /// What the network takes, once that is known.
    pub target: Option<Bitrate>,
    /// What could not be sent.
    pub network: NetworkCounters,
    /// Of the connection to the server: what each of its sections carries, in which layer, and why not in a better one.
    pub sections: Vec<SectionContent>,
    /// Everything else, in the words of W3C webrtc-stats.
    pub report: StatsReport,
}

/// What a peer tells.
#[derive(Debug)]
pub(in crate::room) enum PeerReport {
    /// The connection is so far.
    State(PeerConnectionState),
    /// A control message came.
    Control(Control),
    /// This machine has other addresses than before.
    NetworkChanged,
    /// The path to the other participant is so.
    Path(PathState),
}

/// Where reports of peers go. States have a way of their own: whoever floods the room with control messages keeps it from hearing those,
/// and not from hearing how the connections to others are.
#[derive(Clone, Debug)]
pub(in crate::room) struct Reports {
    states: mpsc::Sender<(ParticipantId, PeerReport)>,
    controls: mpsc::Sender<(ParticipantId, PeerReport)>,
}

/// Reports as they come, states first.
#[derive(Debug)]
pub(in crate::room) struct Reported {
    states: mpsc::Receiver<(ParticipantId, PeerReport)>,
    controls: mpsc::Receiver<(ParticipantId, PeerReport)>,
}

/// A way for reports, of which so many may wait.
pub(in crate::room) fn reports(len_max: usize) -> (Reports, Reported) {
    let (states, states_of) = mpsc::channel(len_max);
    let (controls, controls_of) = mpsc::channel(len_max);
    (Reports { states, controls }, Reported { states: states_of, controls: controls_of })
}

impl Reports {
    pub(in crate::room) fn send(&self, from: &ParticipantId, report: PeerReport) {
        let way = match report {
            PeerReport::State(_) | PeerReport::NetworkChanged | PeerReport::Path(_) => &self.states,
            PeerReport::Control(_) => &self.controls,
        };
        // What is lost is a line of chat, which goes through the server when it is not confirmed, or a state, which the next one
        // replaces.
        if way.try_send((from.clone(), report)).is_err() {
            tracing::debug!("the room is too busy to hear of a peer");
        }
    }
}

impl Reported {
    /// The next one. May be given up and begun again.
    pub(in crate::room) async fn recv(&mut self) -> Option<(ParticipantId, PeerReport)> {
        tokio::select! {
            biased;
            Some(state) = self.states.recv() => Some(state),
            control = self.controls.recv() => control,
        }
    }
}
