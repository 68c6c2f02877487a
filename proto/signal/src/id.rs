//! Names and identifiers as they appear on the wire.

use serde::{Deserialize, Serialize};
use std::borrow::Borrow;
use std::fmt;

/// Longest room name, in bytes. It is part of every invitation link.
pub const ROOM_NAME_LEN_MAX: usize = 64;
/// Longest identifier chosen by a client (track, chat message, connection), in bytes.
pub const CLIENT_ID_LEN_MAX: usize = 64;

macro_rules! text_id {
    ($(#[$meta:meta])* $name:ident) => {
        $(#[$meta])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
        pub struct $name(Box<str>);

        impl $name {
            /// Takes `text` as it is; what a client sent is validated where the message is handled.
            pub fn new(text: impl Into<Box<str>>) -> Self {
                Self(text.into())
            }

            /// The identifier as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

text_id! {
    /// The name of a room, as in its link: 1 to 64 of the characters `a-z A-Z 0-9 - _ .`.
    #[derive(Debug)]
    RoomName
}
text_id! {
    /// One participant of a room, from its join to its leave. Made by the server; never used again.
    #[derive(Debug)]
    ParticipantId
}
text_id! {
    /// A published source of media, unique within its participant. Made by the publishing client, 1 to 64 bytes.
    #[derive(Debug)]
    TrackId
}
text_id! {
    /// One attempt at a peer connection between two participants. Made by the client that begins it, 1 to 64 bytes. A new one
    /// means: what came before is gone, begin afresh.
    #[derive(Debug)]
    PeerConnectionId
}
text_id! {
    /// A chat message, unique within its sender. Made by the sending client, 1 to 64 bytes.
    #[derive(Debug)]
    ChatId
}
text_id! {
    /// A signal session: what outlives a dropped link for the resume window.
    #[derive(Debug)]
    SessionId
}
text_id! {
    /// Proof that a link may take over a signal session. It never appears in a log.
    SessionSecret
}

impl ParticipantId {
    /// The server's own end of connections, where it forwards media: what offers and candidates for it have in `to`, and its answers in `from`.
    /// No participant has this id.
    pub const SERVER: &str = "server";

    /// Whether it is the server's own end.
    pub fn is_server(&self) -> bool {
        self.as_str() == Self::SERVER
    }
}

impl fmt::Debug for SessionSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionSecret([redacted])")
    }
}

/// One transport connection (a WebSocket, or an event stream with its posts) as the driver numbers it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LinkId(pub u64);

impl RoomName {
    /// Whether the name has an allowed length and only allowed characters.
    pub fn is_valid(&self) -> bool {
        let bytes = self.as_str().as_bytes();
        (1..=ROOM_NAME_LEN_MAX).contains(&bytes.len())
            && bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(byte))
    }
}

/// Whether an identifier chosen by a client has an allowed length and no control characters.
pub(crate) fn is_valid_client_id(id: &str) -> bool {
    (1..=CLIENT_ID_LEN_MAX).contains(&id.len()) && !id.chars().any(char::is_control)
}
