//! What is published and what is received, as encoded frames.

mod local;
mod publisher;
mod record;
mod remote;
mod source;

pub(crate) use local::{Delivery, PeerKind};
pub use local::{ENCODINGS_MAX, LocalTrack};
pub use moim_media_file::Codec;
pub use publisher::play;
pub use record::{Recorder, RecorderOptions, Recording};
pub(crate) use remote::{Origin, Passed, RemoteSink};
pub use remote::{RemoteFrame, RemoteTrack, TrackCounts};
pub use source::{SourceFrame, TrackSource};

use moim_wire::MediaKind;
use std::sync::Arc;

/// A frame of sound or picture as an encoder makes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EncodedFrame {
    /// What it is encoded with.
    pub codec: Codec,
    /// The frame. It is shared by all who are sent it.
    pub data: Arc<[u8]>,
    /// Its time by the clock of its codec: see [`clock_rate`].
    pub timestamp: u64,
    /// Whether it can be decoded without others.
    pub is_key_frame: bool,
}

/// The kind of media that a codec is for.
pub fn kind_of(codec: Codec) -> MediaKind {
    if codec.is_audio() { MediaKind::Audio } else { MediaKind::Video }
}

/// Ticks a second of the clock that a codec's frames are timed by: 48,000 for Opus (RFC 7587 §4.1), 90,000 for pictures.
pub fn clock_rate(codec: Codec) -> u32 {
    if codec.is_audio() { 48_000 } else { 90_000 }
}
