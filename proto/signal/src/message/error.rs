use serde::{Deserialize, Serialize};

/// Why a message was refused. The session goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub enum ErrorCode {
    /// Not JSON, or not of the form that `docs/protocol.md` gives for this type.
    Malformed,
    /// A `type` that this server does not know.
    UnknownType,
    /// Longer than the server takes.
    TooLarge,
    /// More messages than the server takes in this time. The message was dropped.
    RateLimited,
    /// A field has a value that is not allowed; the text says which and what is.
    InvalidArgument,
    /// The token does not allow this room.
    WrongRoom,
    /// The participant lacks the permission.
    PermissionDenied,
    /// Not possible before `join`.
    NotJoined,
    /// Already in a room.
    AlreadyJoined,
    /// The room has as many participants as it takes.
    RoomFull,
    /// The server has as many rooms as it takes.
    TooManyRooms,
    /// As many tracks as a participant may publish.
    TooManyTracks,
    /// No such participant in the room.
    UnknownParticipant,
    /// No such track.
    UnknownTrack,
    /// The server is shutting down and takes no new participants.
    Draining,
}

/// Why a connection to the server has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub enum ConnectionEndReason {
    /// The offer cannot be answered: the message says what is wrong with it.
    BadOffer,
    /// The server has as many connections, or as much to do, as it takes. Try again later.
    ServerFull,
    /// Nothing was heard by it for too long, or its keys could not be agreed on.
    Failed,
    /// Another attempt took its place.
    Replaced,
}

/// Why the server ends a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub enum CloseCode {
    /// The first frame was not a `hello` this server understands.
    BadHello,
    /// The protocol version is not spoken here.
    UnsupportedVersion,
    /// A token is needed and none was given.
    TokenMissing,
    /// The token is forged, malformed, or not of this server.
    TokenInvalid,
    /// The token's time has passed.
    TokenExpired,
    /// Too many bad frames, or one that was too large. The session has ended.
    ProtocolError,
    /// A sequence number was skipped. Connect again and resume.
    SequenceGap,
    /// Far more frames than allowed. The session has ended.
    Flood,
    /// The client did not read what was sent to it.
    SlowConsumer,
    /// Nothing was heard for too long.
    Timeout,
    /// Another link took over this session.
    Replaced,
    /// The server holds as many sessions as it takes.
    ServerFull,
    /// The server is going away. Connect again: another one may be there.
    ServerShutdown,
}

impl CloseCode {
    /// Whether connecting again, as it is, can succeed.
    pub fn is_retryable(self) -> bool {
        match self {
            Self::SequenceGap
            | Self::SlowConsumer
            | Self::Timeout
            | Self::ServerFull
            | Self::ServerShutdown => true,
            Self::BadHello
            | Self::UnsupportedVersion
            | Self::TokenMissing
            | Self::TokenInvalid
            | Self::TokenExpired
            | Self::ProtocolError
            | Self::Flood
            | Self::Replaced => false,
        }
    }
}

/// Why a participant is no longer in the room.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub enum LeaveReason {
    /// By its own wish.
    Left,
    /// Its link dropped and it did not return within the resume window.
    TimedOut,
    /// An admin removed it.
    Kicked,
    /// An admin closed the room.
    RoomClosed,
    /// It joined again elsewhere with the same identity.
    Replaced,
    /// The server ended its session: it flooded, did not read, or broke the protocol.
    Dropped,
    /// The server went away.
    ServerShutdown,
}
