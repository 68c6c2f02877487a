//! WebM, the part of Matroska that browsers play (RFC 9559, on EBML, RFC 8794).
//!
//! The writer makes files as live recordings are made: nothing says how long anything is, so a file that was cut plays up to the cut. If the
//! output can seek, the end adds what players want for jumping.

mod blocks;
mod ebml;
mod elements;
mod reader;
mod writer;

pub use reader::{WebmFrame, WebmReader};
pub use writer::WebmWriter;

use crate::Codec;

/// Tracks in a file.
pub const TRACKS_MAX: usize = 126;

/// A track of a WebM file.
#[derive(Clone, Debug, PartialEq)]
pub struct WebmTrack {
    /// What it is encoded with. H.264 makes the file one of Matroska, which browsers write too.
    pub codec: Codec,
    /// Its sound or picture.
    pub kind: WebmTrackKind,
    /// What a decoder must know beforehand: `OpusHead` for Opus, `avcC` for H.264, `av1C` for AV1; empty for VP8, and may be for VP9.
    pub codec_private: Vec<u8>,
}

/// What is particular to sound or to pictures.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum WebmTrackKind {
    /// Pictures.
    Video {
        /// Pixels from left to right, of the first picture.
        width: u32,
        /// Pixels from top to bottom, of the first picture.
        height: u32,
    },
    /// Sound.
    Audio {
        /// 1 or 2.
        channels: u8,
        /// In Hz.
        sample_rate: u32,
    },
}

impl WebmTrack {
    /// A video track without private data.
    pub fn video(codec: Codec, width: u32, height: u32) -> Self {
        Self { codec, kind: WebmTrackKind::Video { width, height }, codec_private: Vec::new() }
    }

    /// A track of Opus.
    pub fn opus(head: &crate::opus_head::OpusHead) -> Self {
        let kind = WebmTrackKind::Audio { channels: head.channels, sample_rate: 48_000 };
        Self { codec: Codec::Opus, kind, codec_private: head.to_bytes().to_vec() }
    }
}

#[cfg(test)]
mod tests;
