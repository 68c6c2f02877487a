//! Payload formats: what lies behind the RTP header.
//!
//! Each format has a module with what its packets say of themselves (a descriptor, read, written and changed in place), a
//! packetizer and a depacketizer. [`Packetizer`] and [`Depacketizer`] are those of any format.
//!
//! | format | document |
//! | --- | --- |
//! | [`opus`] | RFC 7587 |
//! | [`vp8`] | RFC 7741 |
//! | [`vp9`] | RFC 9628 |
//! | [`h264`] | RFC 6184 |
//! | [`h265`] | RFC 7798 |
//! | [`av1`], [`dependency_descriptor`] | RTP Payload Format For AV1 (AOMedia), version 1.0.0 |
//!
//! A frame is what an encoder makes of one picture or one stretch of sound: for VP8, VP9 and Opus its bytes, for H.264 and H.265 an access
//! unit with start codes (Annex B), for AV1 a temporal unit in the low-overhead format.

pub mod av1;
pub mod dependency_descriptor;
pub mod h264;
pub mod h265;
pub mod opus;
pub mod vp8;
pub mod vp9;

mod depacketizer;
mod fragment;
mod nal;
mod packetizer;
mod picture_id;

pub use depacketizer::{Depacketizer, FRAME_LEN_MAX};
pub use fragment::Fragment;
pub use packetizer::Packetizer;
pub use picture_id::PictureId;

use moim_wire::{MediaKind, OutOfSpace};

/// A way to put a codec's output into packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PayloadFormat {
    /// Sound, one frame in each packet (RFC 7587).
    Opus,
    /// RFC 7741.
    Vp8,
    /// RFC 9628.
    Vp9,
    /// RFC 6184, in packetization mode 1, which takes what mode 0 sends, too.
    H264,
    /// RFC 7798.
    H265,
    /// RTP Payload Format For AV1, AOMedia, version 1.0.0.
    Av1,
}

impl PayloadFormat {
    /// The encoding name in session descriptions, as browsers spell it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Opus => "opus",
            Self::Vp8 => "VP8",
            Self::Vp9 => "VP9",
            Self::H264 => "H264",
            Self::H265 => "H265",
            Self::Av1 => "AV1",
        }
    }

    /// The format with this encoding name, in whatever case (RFC 4855 §3).
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.as_str().eq_ignore_ascii_case(name))
    }

    /// Every format there is.
    pub const ALL: [Self; 6] = [Self::Opus, Self::Vp8, Self::Vp9, Self::H264, Self::H265, Self::Av1];

    /// Whether it carries sound or pictures.
    pub fn kind(self) -> MediaKind {
        match self {
            Self::Opus => MediaKind::Audio,
            Self::Vp8 | Self::Vp9 | Self::H264 | Self::H265 | Self::Av1 => MediaKind::Video,
        }
    }

    /// Ticks of the media clock in a second.
    pub fn clock_rate(self) -> u32 {
        match self {
            Self::Opus => 48_000,
            Self::Vp8 | Self::Vp9 | Self::H264 | Self::H265 | Self::Av1 => 90_000,
        }
    }
}

/// What one packet says of the frame it belongs to, in words common to all formats.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "independent facts")]
pub struct PacketSummary {
    /// Whether a frame can begin with this packet. A frame of H.264 or H.265 may have several such packets: parameter sets, then slices.
    pub is_frame_start: bool,
    /// Whether the packet says of itself that it is the last one of its frame, apart from the marker of the RTP header.
    pub is_frame_end: bool,
    /// Whether the packet shows that its frame needs no other: seen only in a packet near the beginning of such a frame.
    pub is_key_frame: bool,
    /// Whether what describes the whole stream is in the packet: parameter sets, a sequence header, a scalability structure.
    pub has_parameter_sets: bool,
    /// Temporal layer, 0 the lowest.
    pub temporal_id: u8,
    /// Spatial layer, 0 the lowest.
    pub spatial_id: u8,
    /// Whether the temporal layer can be switched up to at this frame.
    pub is_switching_point: bool,
    /// Whether no other frame refers to this one.
    pub is_discardable: bool,
    /// The number of the picture, if packets carry one.
    pub picture_id: Option<PictureId>,
    /// The running number of frames in the lowest temporal layer, if packets carry one.
    pub tl0_picture_index: Option<u8>,
}

/// What a packet's payload says of its frame.
pub fn summarize(format: PayloadFormat, payload: &[u8]) -> Result<PacketSummary, PayloadError> {
    match format {
        PayloadFormat::Opus => opus::summarize(payload),
        PayloadFormat::Vp8 => vp8::summarize(payload),
        PayloadFormat::Vp9 => vp9::summarize(payload),
        PayloadFormat::H264 => h264::summarize(payload),
        PayloadFormat::H265 => h265::summarize(payload),
        PayloadFormat::Av1 => av1::summarize(payload),
    }
}

/// Whether a payload shows that its frame needs no other. A payload that cannot be read does not.
pub fn is_key_frame(format: PayloadFormat, payload: &[u8]) -> bool {
    summarize(format, payload).is_ok_and(|summary| summary.is_key_frame)
}

/// Whether a frame can begin with this payload. See [`PacketSummary::is_frame_start`].
pub fn is_start_of_frame(format: PayloadFormat, payload: &[u8]) -> bool {
    summarize(format, payload).is_ok_and(|summary| summary.is_frame_start)
}

/// Why a payload could not be read, put together or taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PayloadError {
    /// The sender's fault: a payload ends within its header.
    #[error("the payload ends within its header")]
    Truncated,
    /// The sender's fault: a payload says what no payload can.
    #[error("the payload is malformed: {0}")]
    Malformed(&'static str),
    /// Nobody's fault: packets of the frame are missing.
    #[error("the frame is not complete: {0}")]
    Incomplete(&'static str),
    /// What was sent is legal, and not known here.
    #[error("not supported: {0}")]
    Unsupported(&'static str),
    /// A frame is longer than [`FRAME_LEN_MAX`], or has more units than fit.
    #[error("the frame is too large")]
    TooLarge,
    /// The caller's fault.
    #[error("invalid argument: {0}")]
    InvalidArgument(&'static str),
}

impl From<OutOfSpace> for PayloadError {
    fn from(_: OutOfSpace) -> Self {
        Self::InvalidArgument("the buffer is too small")
    }
}
