//! What signalling and the media plane tell each other. Signalling knows who is in a room and what they may do; the media plane holds their
//! connections to the server, and what is forwarded between them.

use crate::id::{ParticipantId, PeerConnectionId, RoomName};
use crate::message::{IceCandidate, MidTrack, Permissions, ServerMessage, TrackDescription, TrackWatch};

/// Something that the media plane is to know or to do, of one participant of a room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MediaCommand {
    /// Where.
    pub room: RoomName,
    /// Of whom.
    pub participant: ParticipantId,
    /// What.
    pub action: MediaAction,
}

/// What the media plane is to know or to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MediaAction {
    /// The participant is in the room. It comes before everything else of theirs.
    Enter {
        /// What they may do.
        permissions: Permissions,
    },
    /// They may do something else from here on.
    Permit {
        /// What they may do.
        permissions: Permissions,
    },
    /// All that they publish, from here on.
    Publish {
        /// Every track.
        tracks: Vec<TrackDescription>,
    },
    /// They offer: a new connection, if its id is new, in place of the one before; else a change of it.
    Offer {
        /// Which attempt at a connection.
        connection: PeerConnectionId,
        /// The session description.
        sdp: String,
        /// Which media section carries which of their tracks.
        tracks: Vec<MidTrack>,
    },
    /// A candidate of theirs.
    Candidate {
        /// Of which attempt at a connection.
        connection: PeerConnectionId,
        /// The candidate.
        candidate: IceCandidate,
    },
    /// How they want to have tracks of others.
    Watch {
        /// Which, and how. What is not named stays as it is.
        watches: Vec<TrackWatch>,
    },
    /// They are gone.
    Leave,
}

/// What the media plane has to say to a participant, or to all of a room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MediaReport {
    /// Where.
    pub room: RoomName,
    /// To whom. [`None`]: to everybody.
    pub participant: Option<ParticipantId>,
    /// What they are told: `answer`, `sections`, `sectionsWanted`, `encodingsWanted`, `connectionEnded` or `speakers`.
    pub message: ServerMessage,
}
