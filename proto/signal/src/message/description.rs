use crate::id::{ParticipantId, RoomName, TrackId};
use serde::{Deserialize, Serialize};
use std::fmt;

/// A room as a joining participant finds it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct RoomDescription {
    /// Its name.
    pub name: RoomName,
    /// How media travels in it.
    pub topology: Topology,
    /// Why so.
    pub topology_reason: TopologyReason,
    /// What the server forwards, if it does, or may do so in time: then a connection to the server is to be kept, whatever the topology.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "typescript", ts(optional))]
    pub forwarding: Option<Forwarding>,
    /// How many participants it takes.
    pub participants_max: u32,
}

/// How media travels between the participants of a room.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub enum Topology {
    /// Every participant connects to every other one; the server only signals.
    Mesh,
    /// Every participant connects to the server, which forwards what each of them publishes to the others.
    Sfu,
}

/// Why media travels as it does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub enum TopologyReason {
    /// The operator has set it so.
    Configured,
    /// There are two at most, and they reach each other.
    Few,
    /// There are more than two.
    Many,
    /// The direct path between two is poor.
    PathPoor,
    /// Two do not reach each other.
    PathAbsent,
    /// Somebody is here who connects to the server alone: an encoder or a player, say.
    ServerOnly,
}

/// How a connection to the server begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct Forwarding {
    /// With how many sections that receive sound.
    pub audio_sections: u16,
    /// With how many sections that receive pictures.
    pub video_sections: u16,
}

/// What a section of a connection to the server shows at present, and in which quality.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct SectionContent {
    /// The section's `a=mid` (RFC 9143).
    pub mid: String,
    /// The track that it carries. Nothing, when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "typescript", ts(optional))]
    pub source: Option<ForwardedTrack>,
    /// Which part of the track is sent. Nothing, when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "typescript", ts(optional))]
    pub layer: Option<ForwardedLayer>,
    /// Why it is not more.
    pub reason: LayerReason,
}

impl SectionContent {
    /// About how many bytes this takes as text.
    pub(crate) fn text_len(&self) -> usize {
        /// Field names, the layer and its reason.
        const FIXED_LEN: usize = 160;
        let source = self.source.as_ref();
        FIXED_LEN
            + self.mid.len()
            + source.map_or(0, |source| source.participant.as_str().len() + source.track.as_str().len())
    }
}

/// A track of somebody's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct ForwardedTrack {
    /// Whose.
    pub participant: ParticipantId,
    /// Which of theirs.
    pub track: TrackId,
}

/// Which part of a track is forwarded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct ForwardedLayer {
    /// Which of its encodings, in the order in which the publisher names them (RFC 8853).
    pub encoding: u8,
    /// Up to which spatial layer, 0 the lowest.
    pub spatial: u8,
    /// Up to which temporal layer, 0 the lowest.
    pub temporal: u8,
}

/// Why a section has the layer that it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub enum LayerReason {
    /// It is what was asked for, or the best there is.
    Wanted,
    /// The network to the subscriber does not carry more.
    Bandwidth,
    /// The publisher does not send more at present.
    NotSent,
    /// Another one is to come, and waits for a key frame.
    WaitingForKeyFrame,
    /// It is not wanted for now.
    Paused,
}

/// A participant as the others see it. Always sent whole: the newest replaces what was known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct ParticipantDescription {
    /// Who.
    pub id: ParticipantId,
    /// The identity that the token vouches for; absent in open mode.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "typescript", ts(optional))]
    pub identity: Option<String>,
    /// What to call them.
    pub name: String,
    /// Text for the application's own use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "typescript", ts(optional))]
    pub metadata: Option<String>,
    /// What they may do.
    pub permissions: Permissions,
    /// What they publish, in the order published.
    pub tracks: Vec<TrackDescription>,
    /// Whether the server can reach them just now.
    pub link: LinkState,
}

impl ParticipantDescription {
    /// About how many bytes this takes as text.
    pub(crate) fn text_len(&self) -> usize {
        /// Field names, id and permissions.
        const FIXED_LEN: usize = 192;
        /// Field names and enumerations of one track.
        const TRACK_LEN: usize = 64;
        FIXED_LEN
            + self.identity.as_ref().map_or(0, String::len)
            + self.name.len()
            + self.metadata.as_ref().map_or(0, String::len)
            + self.tracks.iter().map(|track| TRACK_LEN + track.id.as_str().len()).sum::<usize>()
    }
}

/// Whether the server can reach a participant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub enum LinkState {
    /// Yes.
    Connected,
    /// Its link dropped and it has until the end of the resume window to return. Its media may well go on.
    Interrupted,
}

/// What a participant may do in its room.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct Permissions {
    /// Publish tracks.
    pub publish: bool,
    /// Receive the tracks of others.
    pub subscribe: bool,
    /// Send chat and data.
    pub data: bool,
    /// Remove participants and close the room.
    pub admin: bool,
}

/// A published source of media.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct TrackDescription {
    /// Which, within its participant.
    pub id: TrackId,
    /// Sound or picture.
    pub kind: TrackKind,
    /// Where it comes from.
    pub source: TrackSource,
    /// Whether it is silent or dark for now.
    pub muted: bool,
}

/// Sound or picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub enum TrackKind {
    /// Sound.
    Audio,
    /// Picture.
    Video,
}

/// Where a track comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub enum TrackSource {
    /// A camera.
    Camera,
    /// A microphone.
    Microphone,
    /// The picture of a shared screen, window or tab.
    ScreenShare,
    /// The sound of a shared screen, window or tab.
    ScreenShareAudio,
    /// Anything else, such as a canvas or a file.
    Other,
}

/// A STUN or TURN server to use (`RTCIceServer` of W3C webrtc-pc).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct IceServer {
    /// URIs of RFC 7064 and RFC 7065. `{host}` stands for the host by which the client reached the server.
    pub urls: Vec<String>,
    /// The user name, for TURN.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "typescript", ts(optional))]
    pub username: Option<String>,
    /// The password, for TURN.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "typescript", ts(optional))]
    pub credential: Option<IceCredential>,
    /// How long the password can be used to allocate, in milliseconds from when it was sent; for ever when left out. What was
    /// allocated with it may be used beyond.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "typescript", ts(optional))]
    pub lifetime_ms: Option<u32>,
}

/// The password of a TURN server. It never appears in a log.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub struct IceCredential(Box<str>);

impl IceCredential {
    /// Takes `text` as a password.
    pub fn new(text: impl Into<Box<str>>) -> Self {
        Self(text.into())
    }

    /// The password, for whoever has to use it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for IceCredential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("IceCredential([redacted])")
    }
}

/// What a token, or the open mode, allows its bearer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grants {
    /// The only room it opens; any room when `None`.
    pub room: Option<RoomName>,
    /// Who the bearer is. A second join with the same identity takes the place of the first.
    pub identity: Option<String>,
    /// The name to show, in place of what the client asks for.
    pub name: Option<String>,
    /// What the bearer may do in the room.
    pub permissions: Permissions,
}

/// The limits a client should keep to, so that it can say so before the server has to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct SignalLimits {
    /// Longest frame, in bytes of JSON.
    pub frame_len_max: u32,
    /// Longest name, in bytes of UTF-8.
    pub name_len_max: u32,
    /// Longest metadata, in bytes of UTF-8.
    pub metadata_len_max: u32,
    /// Longest chat text, in bytes of UTF-8.
    pub chat_len_max: u32,
    /// Most tracks of one participant.
    pub tracks_max: u32,
}
