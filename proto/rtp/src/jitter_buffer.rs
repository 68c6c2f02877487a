//! Puts packets back into order and frames together, and gives each frame out when it is due.
//!
//! A [`JitterBuffer`] serves one RTP stream. Sound is given out packet by packet; what is missing when the sound behind it is due
//! is [`Output::Lost`], for a decoder to conceal. Pictures are given out as whole frames; a frame that is lost for good takes with it what depends on
//! it, up to the next key frame or, where packets number the lowest temporal layer, up to the next frame that shows that nothing it needs was lost.
//!
//! When a frame is due follows from the RTP clock, the quickest way packets took lately, and a delay that covers how much later than that nearly
//! all of them come. The delay stays within [`Config::delay_min`] and [`Config::delay_max`], or within what the sender asks for by the
//! playout-delay header extension.
//!
//! Asking for packets again is not done here: a frame with a packet missing waits at least [`Config::loss_wait`] for it.

mod buffer;
mod delay;
mod packets;

pub use buffer::JitterBuffer;

use crate::payload::PayloadFormat;
use moim_wire::{ExtSeqNo, RtpTimestamp, SeqNo};
use std::time::{Duration, Instant};

/// How a [`JitterBuffer`] works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Config {
    /// What packets carry.
    pub format: PayloadFormat,
    /// The least time between the quickest arrival of a frame and when it is due. With both delays 0, frames are due at once.
    pub delay_min: Duration,
    /// The longest such time, and the longest that anything whole is held back after its arrival.
    pub delay_max: Duration,
    /// The least time that a missing packet is waited for, from when a later one came.
    pub loss_wait: Duration,
    /// How often to ask for a key frame while none comes.
    pub key_frame_interval: Duration,
    /// Packets held at most.
    pub packets_max: usize,
    /// Bytes of payload held at most.
    pub bytes_max: usize,
}

impl Config {
    /// For somebody who looks and listens.
    pub fn playing(format: PayloadFormat) -> Self {
        let is_audio = format.kind() == moim_wire::MediaKind::Audio;
        Self {
            format,
            delay_min: Duration::from_millis(if is_audio { 20 } else { 0 }),
            delay_max: Duration::from_secs(1),
            loss_wait: Duration::from_millis(if is_audio { 0 } else { 200 }),
            key_frame_interval: Duration::from_millis(500),
            packets_max: if is_audio { 256 } else { 2_048 },
            bytes_max: if is_audio { 256 << 10 } else { 4 << 20 },
        }
    }

    /// For a recorder or a mixer: whatever is whole is due at once, and what is missing has time to be sent again.
    pub fn recording(format: PayloadFormat) -> Self {
        Self {
            delay_min: Duration::ZERO,
            delay_max: Duration::ZERO,
            loss_wait: Duration::from_millis(500),
            ..Self::playing(format)
        }
    }
}

/// A packet as it comes from the network.
#[derive(Clone, Copy, Debug)]
pub struct Incoming<'a> {
    /// The sequence number.
    pub seq: SeqNo,
    /// The RTP timestamp.
    pub timestamp: RtpTimestamp,
    /// The marker of the RTP header.
    pub marker: bool,
    /// The payload without padding. Empty in packets that are nothing but padding, which count, too.
    pub payload: &'a [u8],
    /// Whether it was sent again because somebody asked: such a packet says nothing about the network's delay.
    pub is_retransmission: bool,
    /// The least and the longest delay the sender asks for, of the playout-delay header extension.
    pub playout_delay: Option<(Duration, Duration)>,
}

/// What a [`JitterBuffer`] gives out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// The next frame is due.
    Frame(Frame),
    /// Packets are missing here, and no longer waited for.
    Lost {
        /// How many sequence numbers were given up.
        packets: u64,
    },
    /// No picture can be shown until a key frame comes: ask for one (PLI).
    KeyFrameNeeded,
}

/// A whole frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// What the encoder made. See [`crate::payload`] for its form.
    pub data: Vec<u8>,
    /// Its time by the media clock.
    pub timestamp: RtpTimestamp,
    /// Whether it needs no other.
    pub is_key_frame: bool,
    /// The first of its packets.
    pub first: ExtSeqNo,
    /// The last of its packets.
    pub last: ExtSeqNo,
    /// When the last of its packets to come came.
    pub arrived: Instant,
    /// When it was to be given out.
    pub due: Instant,
}

/// Why a packet was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DropReason {
    /// What it belongs to has been given out or given up.
    Late,
    /// The packet is here already.
    Duplicate,
    /// Its sequence number is far from all others. If the next one follows it, the stream has begun anew (RFC 3550 A.1).
    OutOfRange,
    /// Its payload alone is longer than all that may be held.
    TooLarge,
}

impl DropReason {
    /// All reasons there are.
    pub const ALL: [Self; 4] = [Self::Late, Self::Duplicate, Self::OutOfRange, Self::TooLarge];

    /// A word for logs and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Late => "late",
            Self::Duplicate => "duplicate",
            Self::OutOfRange => "out_of_range",
            Self::TooLarge => "too_large",
        }
    }
}

/// What a [`JitterBuffer`] has done so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Statistics {
    /// Packets taken.
    pub packets_inserted: u64,
    /// Packets not taken, by [`DropReason`] in the order of [`DropReason::ALL`].
    pub packets_dropped: [u64; DropReason::ALL.len()],
    /// Sequence numbers given up.
    pub packets_lost: u64,
    /// Frames given out.
    pub frames: u64,
    /// Key frames among them.
    pub key_frames: u64,
    /// Frames of which something came, and that were not given out: incomplete, or useless without another.
    pub frames_dropped: u64,
    /// Frames of those that could not be put together although nothing was missing.
    pub frames_broken: u64,
    /// How often room had to be made.
    pub overflows: u64,
    /// How often the stream began anew.
    pub restarts: u64,
}

#[cfg(test)]
mod tests;
