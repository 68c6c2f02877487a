//! The signalling gateway: WebSocket and server-sent events on one side, the signalling machine on the other.
//!
//! One task, the [`hub`], owns the machine. Each link has a task of its own that reads, bounds, parses and verifies what
//! a client sends and serialises what it is sent, so that hostile input costs its own task and never the hub.

pub(crate) mod events;
pub(crate) mod hub;
pub(crate) mod ice;
pub(crate) mod origin;
mod queue;
mod sessions;
pub(crate) mod websocket;

pub use origin::Origin;

use moim_signal::message::{ClientFrame, CloseCode, ErrorCode, FrameError, Hello, ServerFrame};

/// Reads one frame, if it is not longer than `len_max` bytes.
fn parse_frame(text: &str, len_max: usize) -> Result<ClientFrame, FrameError> {
    if text.len() > len_max { Err(too_large(len_max)) } else { ClientFrame::parse(text) }
}

fn too_large(len_max: usize) -> FrameError {
    FrameError::Frame {
        code: ErrorCode::TooLarge,
        detail: format!("a frame may have {len_max} bytes; this one is longer"),
    }
}

/// What a link's first frame has to be; if it is not, what the client is told.
fn expect_hello(frame: Result<ClientFrame, FrameError>) -> Result<Hello, Vec<ServerFrame>> {
    let refusal = close(CloseCode::BadHello, "The first frame of a link has to be a hello.");
    match frame {
        Ok(ClientFrame::Hello(hello)) => Ok(hello),
        Ok(ClientFrame::Message { .. } | ClientFrame::Ack { .. } | ClientFrame::Ping { .. }) => {
            Err(vec![refusal])
        }
        Err(FrameError::Frame { code, detail } | FrameError::Body { code, detail, .. }) => {
            Err(vec![ServerFrame::Rejected { code, message: detail }, refusal])
        }
    }
}

fn close(code: CloseCode, message: &str) -> ServerFrame {
    ServerFrame::Close { code, retry: code.is_retryable(), message: message.to_owned() }
}

/// For a client that comes when the hub has ended already.
fn gone() -> ServerFrame {
    close(CloseCode::ServerShutdown, "The server is going away. Connect again in a moment.")
}

fn to_json(frame: &ServerFrame) -> String {
    serde_json::to_string(frame).expect("frames are made of strings, numbers and lists")
}
