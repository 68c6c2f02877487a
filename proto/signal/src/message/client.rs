use crate::id::{ChatId, ParticipantId, PeerConnectionId, RoomName, TrackId};
use crate::message::{Permissions, Topology, TrackDescription};
use serde::{Deserialize, Serialize};

/// What a client asks of the server. Each is answered by an effect, or by `error` with its sequence number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
#[serde(tag = "type", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum ClientMessage {
    /// Enter a room; it comes into being with its first participant. Answered by `joined`.
    Join {
        /// The room to enter.
        room: RoomName,
        /// What the other participants see. A token's own name takes precedence.
        name: String,
        /// Text for the application's own use, opaque to the server.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[cfg_attr(feature = "typescript", ts(optional))]
        metadata: Option<String>,
        /// Whether it can connect to the others directly, too; `true` when left out. Where somebody cannot, the server forwards.
        #[serde(default = "yes")]
        #[cfg_attr(feature = "typescript", ts(as = "Option<bool>", optional))]
        direct: bool,
    },
    /// Leave the room. Answered by `left`.
    Leave,
    /// An SDP offer for another participant (RFC 9429), passed on as it is.
    Offer {
        /// For whom.
        to: ParticipantId,
        /// Which attempt at a connection this belongs to.
        connection: PeerConnectionId,
        /// The session description.
        sdp: String,
        /// Which media section carries which published track of the sender.
        tracks: Vec<MidTrack>,
    },
    /// The SDP answer to another participant's offer.
    Answer {
        /// For whom.
        to: ParticipantId,
        /// The attempt named in the offer.
        connection: PeerConnectionId,
        /// The session description.
        sdp: String,
        /// Which media section carries which published track of the sender.
        tracks: Vec<MidTrack>,
    },
    /// One trickled ICE candidate for another participant (RFC 8838).
    Candidate {
        /// For whom.
        to: ParticipantId,
        /// Which attempt at a connection this belongs to.
        connection: PeerConnectionId,
        /// The candidate.
        candidate: IceCandidate,
    },
    /// No more candidates will follow for this ICE generation (RFC 8838 §13).
    EndOfCandidates {
        /// For whom.
        to: ParticipantId,
        /// Which attempt at a connection this belongs to.
        connection: PeerConnectionId,
        /// The ICE generation that is complete.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[cfg_attr(feature = "typescript", ts(optional))]
        username_fragment: Option<String>,
    },
    /// Announce a track to the room, or describe it anew.
    Publish {
        /// The track.
        track: TrackDescription,
    },
    /// The track is gone.
    Unpublish {
        /// Which.
        track: TrackId,
    },
    /// The track is silent or dark for now, or no longer so.
    Mute {
        /// Which.
        track: TrackId,
        /// Whether it is muted.
        muted: bool,
    },
    /// Change what the others see of oneself. A field left out stays as it is.
    Update {
        /// The new name.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[cfg_attr(feature = "typescript", ts(optional))]
        name: Option<String>,
        /// The new metadata.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[cfg_attr(feature = "typescript", ts(optional))]
        metadata: Option<String>,
    },
    /// A line of chat, for everybody or for one.
    Chat {
        /// Made by the sender, so that a message that came by two ways counts once.
        id: ChatId,
        /// For whom; everybody in the room when left out.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[cfg_attr(feature = "typescript", ts(optional))]
        to: Option<ParticipantId>,
        /// The text.
        text: String,
    },
    /// How the sender wants to have tracks that the server forwards. What is not named stays as it is; without a word, everything that the others
    /// publish is wanted, in full size.
    Watch {
        /// Which tracks, and how: at most 256. Those of nobody in the room are passed over.
        watches: Vec<TrackWatch>,
    },
    /// All that comes to the sender comes by this topology now: what went by the one before may end.
    Switched {
        /// Which.
        topology: Topology,
    },
    /// The direct path to another participant is so. It decides about the topology where that is decided by itself.
    ReportPath {
        /// To whom.
        to: ParticipantId,
        /// How it is.
        state: PathState,
    },
    /// Make ICE servers for oneself anew, since credentials end before calls do. Answered by `iceServers`.
    RefreshIceServers,
    /// Remove a participant from the room. Needs the `admin` permission.
    Kick {
        /// Whom.
        participant: ParticipantId,
    },
    /// Set what a participant may do. Whoever may no longer publish has no tracks any more. Needs the `admin` permission, which nobody can take
    /// from themselves.
    SetPermissions {
        /// Whose.
        participant: ParticipantId,
        /// All of them.
        permissions: Permissions,
    },
    /// Mute a track of another participant, who may unmute it. Needs the `admin` permission.
    MuteTrack {
        /// Whose.
        participant: ParticipantId,
        /// Which of theirs.
        track: TrackId,
    },
    /// Remove everybody and close the room. Needs the `admin` permission.
    CloseRoom,
}

fn yes() -> bool {
    true
}

/// Ties a media section of a session description to a published track.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct MidTrack {
    /// The section's `a=mid` (RFC 9143).
    pub mid: String,
    /// The sender's track it carries.
    pub track: TrackId,
}

/// How a participant wants to have a track that the server forwards.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct TrackWatch {
    /// Whose track.
    pub participant: ParticipantId,
    /// Which of theirs.
    pub track: TrackId,
    /// Whether it is wanted at all.
    pub wanted: bool,
    /// Whether nothing of it is to be sent for now: it is out of sight.
    pub paused: bool,
    /// How wide its pictures are displayed, in pixels of the device. As large as there is, when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "typescript", ts(optional))]
    pub width: Option<u32>,
    /// How high, in the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "typescript", ts(optional))]
    pub height: Option<u32>,
    /// What matters more has the greater number. 0 when left out.
    #[serde(default)]
    #[cfg_attr(feature = "typescript", ts(as = "Option<u8>", optional))]
    pub priority: u8,
}

/// How the direct path between two participants is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub enum PathState {
    /// Media goes by it as it should.
    Good,
    /// It loses so much, or is so slow, that the server's may well be better.
    Poor,
    /// There is none, or it broke.
    Absent,
}

/// An ICE candidate as browsers give and take it (`RTCIceCandidateInit` of W3C webrtc-pc).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct IceCandidate {
    /// The `candidate-attribute` of RFC 8839 §5.1.
    pub candidate: String,
    /// The media section it belongs to, by its `a=mid`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "typescript", ts(optional))]
    pub sdp_mid: Option<String>,
    /// The media section it belongs to, by its position.
    #[serde(default, rename = "sdpMLineIndex", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "typescript", ts(optional))]
    pub sdp_m_line_index: Option<u16>,
    /// The ICE generation it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "typescript", ts(optional))]
    pub username_fragment: Option<String>,
}
