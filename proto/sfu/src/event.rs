use crate::id::{GroupId, SlotId, SubscriberId, TrackId};
use moim_wire::Bitrate;

/// What a [`Forwarder`](crate::Forwarder) has to tell. Each says how things are now; what changed several times before it was polled is told once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// A slot shows another track from here on, or none.
    SlotShows {
        /// The slot.
        slot: SlotId,
        /// What it shows.
        track: Option<TrackId>,
    },
    /// A subscriber has fewer slots than it could use. More are added by [`add_slots`](crate::Forwarder::add_slots).
    SlotsWanted {
        /// Whose slots.
        subscriber: SubscriberId,
        /// As many for audio, in all.
        audio: u16,
        /// As many for video, in all.
        video: u16,
    },
    /// A slot gets another layer, or has it for another reason.
    LayerReason {
        /// The slot.
        slot: SlotId,
        /// What is forwarded. [`None`] is nothing.
        layer: Option<Layer>,
        /// Why it is not more.
        reason: Reason,
    },
    /// What a subscriber would be sent if its network carried anything: what probes should find out.
    Demand {
        /// Whose.
        subscriber: SubscriberId,
        /// With all overhead.
        bitrate: Bitrate,
    },
    /// The publisher is to be asked for a key frame (RFC 4585 §6.3.1).
    KeyFrameWanted {
        /// Of which track.
        track: TrackId,
        /// Of which of its encodings.
        encoding: usize,
    },
    /// What is watched of a track is another part of it: the publisher need not send the rest.
    LayersWanted {
        /// The track.
        track: TrackId,
        /// What is watched.
        layers: LayersWanted,
    },
    /// Somebody else speaks among those of a group.
    Speakers {
        /// The group.
        group: GroupId,
        /// The microphone of whoever has the floor. [`None`]: it is gone, and nobody has spoken since.
        dominant: Option<TrackId>,
    },
    /// Somebody has begun to speak, or has stopped.
    Speaking {
        /// The microphone.
        track: TrackId,
        /// Whether somebody speaks.
        is_speaking: bool,
    },
}

/// Which part of a track is forwarded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layer {
    /// Which of its encodings.
    pub encoding: u8,
    /// Up to which spatial layer, 0 the lowest.
    pub spatial: u8,
    /// Up to which temporal layer, 0 the lowest.
    pub temporal: u8,
}

/// What is watched of a track. Layers above those that there are stand for all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LayersWanted {
    /// Which encodings: the first in the lowest bit.
    pub encodings: u8,
    /// Up to which spatial layer, in scalable streams.
    pub spatial: u8,
    /// Up to which temporal layer.
    pub temporal: u8,
}

/// Why a slot has the layer that it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    /// It is what was asked for, or the best there is.
    Wanted,
    /// The subscriber's network does not carry more.
    Bandwidth,
    /// The publisher does not send more at present.
    NotSent,
    /// Another one is to come, and waits for a key frame.
    WaitingForKeyFrame,
    /// The subscriber does not want it for now.
    Paused,
}

impl Reason {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::Wanted, Self::Bandwidth, Self::NotSent, Self::WaitingForKeyFrame, Self::Paused];

    /// A name for metrics and messages.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Wanted => "wanted",
            Self::Bandwidth => "bandwidth",
            Self::NotSent => "not_sent",
            Self::WaitingForKeyFrame => "waiting_for_key_frame",
            Self::Paused => "paused",
        }
    }
}
