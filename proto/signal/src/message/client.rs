use crate::id::{ChatId, ParticipantId, PeerConnectionId, RoomName, TrackId};
use crate::message::TrackDescription;
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
    /// Make ICE servers for oneself anew, since credentials end before calls do. Answered by `iceServers`.
    RefreshIceServers,
    /// Remove a participant from the room. Needs the `admin` permission.
    Kick {
        /// Whom.
        participant: ParticipantId,
    },
    /// Remove everybody and close the room. Needs the `admin` permission.
    CloseRoom,
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
