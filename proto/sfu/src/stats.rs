use crate::event::{Layer, Reason};
use moim_wire::Bitrate;

moim_wire::drop_reasons! {
    "Why a packet is not forwarded, to anybody or to somebody.";
    /// Of a track that is not known (any more), or of an encoding that it does not have.
    UnknownTrack => "unknown_track",
    /// Of a track that is muted.
    Muted => "muted",
    /// It came before.
    Duplicate => "duplicate",
    /// Much newer ones came before it.
    TooOld => "too_old",
    /// Longer than what is forwarded.
    TooLong => "too_long",
    /// Its payload cannot be read.
    Malformed => "malformed",
    /// For a subscriber: of before it went over to this encoding, or so late that its number is not known any more.
    TooLate => "too_late",
}

/// What a [`Forwarder`](crate::Forwarder) has done and holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Tracks.
    pub tracks: usize,
    /// Subscribers.
    pub subscribers: usize,
    /// Packets that came.
    pub packets_received: u64,
    /// Copies that were made of them.
    pub packets_forwarded: u64,
    /// What was dropped.
    pub drops: Drops,
}

/// One encoding of a track.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct EncodingStats {
    /// Packets that came.
    pub packets: u64,
    /// Their payloads.
    pub bytes: u64,
    /// Key frames among them.
    pub key_frames: u64,
    /// How often one was asked for.
    pub key_frames_requested: u64,
    /// At present, with all layers and overhead.
    pub bitrate: Bitrate,
    /// Pictures per second at present.
    pub frames_per_second: f32,
    /// The size of its pictures, as far as key frames or the publisher told.
    pub size: Option<(u32, u32)>,
    /// What stays of it in memory, in bytes.
    pub memory: usize,
}

/// A track's voice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct VoiceStats {
    /// How loud, smoothed, in dB below the loudest possible: 0 to 127, which is silence (RFC 6464).
    pub attenuation_db: u8,
    /// Whether somebody speaks.
    pub is_speaking: bool,
}

/// One slot of a subscriber.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SlotStats {
    /// Packets that were forwarded.
    pub packets: u64,
    /// Their payloads.
    pub bytes: u64,
    /// Packets that were left out, for they are of layers above.
    pub packets_left_out: u64,
    /// Empty packets, for numbers that would have stayed gaps.
    pub packets_filled: u64,
    /// Packets of before a switch, or too late.
    pub packets_too_late: u64,
    /// Times at which another encoding or track was gone over to.
    pub switches: u64,
    /// What is forwarded at present.
    pub layer: Option<Layer>,
    /// Why it is not more. [`None`] if the slot shows nothing.
    pub reason: Option<Reason>,
}
