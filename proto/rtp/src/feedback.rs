//! What congestion control lives on: when packets arrived, recorded by the receiver and understood by the sender.
//!
//! Either for the transport ([`TwccRecorder`], [`TwccDecoder`]; draft-holmer-rmcat-transport-wide-cc-extensions-01) or for each of its streams
//! ([`CcfbRecorder`], [`CcfbDecoder`]; RFC 8888).

mod ccfb;
mod decode;
mod ring;
mod twcc;

pub use ccfb::{CCFB_STREAMS_MAX, CCFB_WINDOW, CcfbRecorder};
pub use decode::{CcfbDecoder, CcfbResult, TwccDecoder};
pub use twcc::{TWCC_WINDOW, TwccRecorder};
