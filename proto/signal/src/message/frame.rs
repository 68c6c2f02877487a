use crate::id::{SessionId, SessionSecret};
use crate::message::{ClientMessage, CloseCode, ErrorCode, ServerMessage, SignalLimits};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::fmt;

/// The version of the protocol that this crate speaks.
pub const PROTOCOL_VERSION: u16 = 1;

/// What goes from client to server on a link, one JSON object each.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
#[serde(tag = "type", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum ClientFrame {
    /// The first frame of a link, and only that.
    Hello(Hello),
    /// A message of the session, delivered once and in order whatever happens to links.
    Message {
        /// 1 for the session's first message, then one more each.
        seq: u32,
        /// The last server message received.
        ack: u32,
        /// The message.
        body: ClientMessage,
    },
    /// Server messages up to `ack` have arrived.
    Ack {
        /// The last server message received.
        ack: u32,
    },
    /// Is this link alive? Answered by `pong`.
    Ping {
        /// The last server message received.
        ack: u32,
    },
}

/// How a link begins.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct Hello {
    /// The protocol version the client speaks: 1.
    pub version: u16,
    /// The client software, for statistics and support.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "typescript", ts(optional))]
    pub client: Option<String>,
    /// The token; not needed in open mode.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "typescript", ts(optional))]
    pub token: Option<String>,
    /// Set to go on with a session whose link dropped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "typescript", ts(optional))]
    pub resume: Option<Resume>,
}

impl fmt::Debug for Hello {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hello")
            .field("version", &self.version)
            .field("client", &self.client)
            // Whoever has the token has the grants.
            .field("token", &self.token.as_ref().map(|_| "[redacted]"))
            .field("resume", &self.resume)
            .finish()
    }
}

/// A wish to go on with a session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct Resume {
    /// From `welcome`.
    pub session: SessionId,
    /// From `welcome`.
    pub secret: SessionSecret,
    /// The last server message received.
    pub ack: u32,
}

/// What goes from server to client on a link, one JSON object each.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
#[serde(tag = "type", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum ServerFrame {
    /// The answer to `hello`.
    Welcome {
        /// The session, new or resumed.
        session: SessionId,
        /// What `resume` must show.
        secret: SessionSecret,
        /// Whether the session asked for goes on. If not, this is a new one: join again.
        resumed: bool,
        /// The last client message received; send again what came after it.
        ack: u32,
        /// How often to `ping`, in milliseconds.
        heartbeat_ms: u32,
        /// How long a session outlives its link, in milliseconds.
        resume_window_ms: u32,
        /// Whether anybody may enter any room here, without a token.
        open: bool,
        /// Limits to keep to.
        limits: SignalLimits,
    },
    /// A message of the session, delivered once and in order whatever happens to links.
    Message {
        /// 1 for the session's first message, then one more each.
        seq: u32,
        /// The last client message received.
        ack: u32,
        /// The message.
        body: ServerMessage,
    },
    /// Client messages up to `ack` have arrived.
    Ack {
        /// The last client message received.
        ack: u32,
    },
    /// The answer to `ping`.
    Pong {
        /// The last client message received.
        ack: u32,
    },
    /// A frame could not be read at all, and had no effect.
    Rejected {
        /// What kind of refusal.
        code: ErrorCode,
        /// What happened, why, and what to do, in English.
        message: String,
    },
    /// The last frame of a link.
    Close {
        /// Why.
        code: CloseCode,
        /// Whether connecting again, as it is, can succeed.
        retry: bool,
        /// What happened, why, and what to do, in English.
        message: String,
    },
}

impl ServerFrame {
    /// About how many bytes this takes, as text or in memory: for bounding what waits to be sent.
    pub fn text_len(&self) -> usize {
        /// Names and numbers of any frame; `welcome` has the most of them.
        const FRAME_LEN: usize = 512;
        match self {
            Self::Message { body, .. } => body.text_len(),
            Self::Rejected { message, .. } | Self::Close { message, .. } => FRAME_LEN + message.len(),
            Self::Welcome { .. } | Self::Ack { .. } | Self::Pong { .. } => FRAME_LEN,
        }
    }
}

/// Why a client's frame could not be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// The frame as a whole: it has no effect, and takes no sequence number.
    #[error("{detail}")]
    Frame {
        /// `Malformed` or `UnknownType`.
        code: ErrorCode,
        /// What was wrong with it.
        detail: String,
    },
    /// The frame is a good `message` with a body that cannot be read: it takes its sequence number.
    #[error("{detail}")]
    Body {
        /// The message's sequence number.
        seq: u32,
        /// The acknowledgement it carried.
        ack: u32,
        /// `Malformed` or `UnknownType`.
        code: ErrorCode,
        /// What was wrong with it.
        detail: String,
    },
}

impl ClientFrame {
    /// Reads one frame. Fields that are not known are passed over, so that newer clients can say more.
    pub fn parse(text: &str) -> Result<Self, FrameError> {
        let envelope: Envelope<'_> = serde_json::from_str(text).map_err(|error| whole(&error))?;
        match envelope.kind.as_str() {
            "hello" => serde_json::from_str(text).map(Self::Hello).map_err(|error| whole(&error)),
            "message" => envelope.into_message(),
            "ack" => Ok(Self::Ack { ack: required(envelope.ack, "ack")? }),
            "ping" => Ok(Self::Ping { ack: required(envelope.ack, "ack")? }),
            other => Err(FrameError::Frame {
                code: ErrorCode::UnknownType,
                detail: format!(
                    "there is no frame of type {:?}; use hello, message, ack or ping",
                    clip(other)
                ),
            }),
        }
    }
}

/// The fields of all frames, read before the type decides which of them must be there.
#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(rename = "type")]
    kind: String,
    seq: Option<u32>,
    ack: Option<u32>,
    #[serde(borrow)]
    body: Option<&'a RawValue>,
}

impl Envelope<'_> {
    fn into_message(self) -> Result<ClientFrame, FrameError> {
        let seq = required(self.seq, "seq")?;
        let ack = required(self.ack, "ack")?;
        let body = required(self.body, "body")?;
        match serde_json::from_str(body.get()) {
            Ok(body) => Ok(ClientFrame::Message { seq, ack, body }),
            Err(error) => {
                let detail = clip(&error.to_string());
                let code = if detail.starts_with("unknown variant") && has_unknown_type(body.get()) {
                    ErrorCode::UnknownType
                } else {
                    ErrorCode::Malformed
                };
                Err(FrameError::Body { seq, ack, code, detail })
            }
        }
    }
}

/// Whether it is the body's own `type` that is unknown, rather than an enumeration inside it.
fn has_unknown_type(body: &str) -> bool {
    #[derive(Deserialize)]
    struct Tag {
        #[serde(rename = "type")]
        kind: String,
    }
    let Ok(tag) = serde_json::from_str::<Tag>(body) else { return false };
    let bare = serde_json::json!({ "type": tag.kind });
    serde_json::from_value::<ClientMessage>(bare)
        .is_err_and(|error| error.to_string().starts_with("unknown variant"))
}

fn required<T>(field: Option<T>, name: &str) -> Result<T, FrameError> {
    field.ok_or_else(|| FrameError::Frame {
        code: ErrorCode::Malformed,
        detail: format!("the frame lacks the field {name:?}"),
    })
}

fn whole(error: &serde_json::Error) -> FrameError {
    FrameError::Frame { code: ErrorCode::Malformed, detail: clip(&error.to_string()) }
}

/// Keeps what a client sent from making an error message of any length.
fn clip(text: &str) -> String {
    const DETAIL_CHARS_MAX: usize = 200;
    text.chars().take(DETAIL_CHARS_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_and_a_secret_are_not_printed() {
        let hello = r#"{"type":"hello","version":1,"token":"eyJ.tok.en","resume":{"session":"s_1","secret":"psst","ack":0}}"#;

        let printed = format!("{:?}", ClientFrame::parse(hello).unwrap());

        assert!(printed.contains("s_1"), "{printed}");
        assert!(!printed.contains("eyJ") && !printed.contains("psst"), "{printed}");
    }
}
