//! A published source, and what is wanted of it.

use crate::event::LayersWanted;
use crate::id::{EncodingId, GroupId, OwnerId, TrackId};
use crate::layers::{LayerIndex, SPATIAL_MAX, TEMPORAL_MAX};
use crate::levels::Level;
use crate::slot::Choice;
use crate::timeline::SenderClock;
use crate::voice::Voice;
use moim_rtp::payload::PayloadFormat;
use moim_wire::{Bitrate, MediaKind, Rid};
use std::time::{Duration, Instant};

/// Most encodings of a track.
pub const ENCODINGS_MAX: usize = 3;
/// What nobody watches any more is said to be unwanted after so long: who looks away for a moment looks back.
pub const UNWANTED_AFTER: Duration = Duration::from_secs(3);

/// What a track is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Source {
    /// Pictures of people: motion matters.
    Camera,
    /// Pictures of a screen: sharpness matters.
    Screen,
    /// A voice.
    Microphone,
    /// What a screen sounds like: it is always heard.
    ScreenSound,
}

impl Source {
    /// Whether it is sound or pictures.
    pub fn kind(self) -> MediaKind {
        match self {
            Self::Camera | Self::Screen => MediaKind::Video,
            Self::Microphone | Self::ScreenSound => MediaKind::Audio,
        }
    }
}

/// A track to be forwarded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrackSpec {
    /// Whose it is.
    pub owner: OwnerId,
    /// Among whom its voice is one.
    pub group: GroupId,
    /// What it is of.
    pub source: Source,
    /// How its packets are to be understood.
    pub format: PayloadFormat,
    /// Its encodings, 1 to [`ENCODINGS_MAX`], in any order.
    pub encodings: Vec<EncodingSpec>,
}

/// What is known of an encoding beforehand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EncodingSpec {
    /// What it is called, if there are several.
    pub rid: Option<Rid>,
    /// The size of its pictures in pixels, if the publisher has told.
    pub size: Option<(u32, u32)>,
    /// Its rate, if the publisher has told. Measured rates take its place.
    pub bitrate: Option<Bitrate>,
}

/// A track.
#[derive(Debug)]
pub(crate) struct Track {
    pub(crate) id: TrackId,
    pub(crate) owner: OwnerId,
    pub(crate) group: GroupId,
    pub(crate) source: Source,
    pub(crate) encodings: Vec<EncodingId>,
    pub(crate) clocks: [Option<SenderClock>; ENCODINGS_MAX],
    pub(crate) is_muted: bool,
    pub(crate) voice: Voice,
    pub(crate) watchers: Vec<Watcher>,
    /// What can be had of it, from the cheapest to the best.
    pub(crate) levels: Vec<Level>,
    pub(crate) are_levels_stale: bool,
    pub(crate) wants: Wants,
    pub(crate) told: Told,
    pub(crate) is_dirty: bool,
}

/// A slot that shows the track.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Watcher {
    pub(crate) slot: u32,
    /// The encodings whose packets may matter to it, as bits.
    pub(crate) encodings: u8,
}

/// What was told of a track.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Told {
    pub(crate) layers: Option<LayersWanted>,
    pub(crate) is_speaking: bool,
}

impl Track {
    pub(crate) fn new(id: TrackId, spec: &TrackSpec, encodings: Vec<EncodingId>, now: Instant) -> Self {
        let wants = Wants { due: Some(now + UNWANTED_AFTER), ..Wants::default() };
        Self {
            id,
            owner: spec.owner,
            group: spec.group,
            source: spec.source,
            encodings,
            clocks: [None; ENCODINGS_MAX],
            is_muted: false,
            voice: Voice::default(),
            watchers: Vec::new(),
            levels: Vec::new(),
            are_levels_stale: true,
            wants,
            told: Told::default(),
            is_dirty: false,
        }
    }

    pub(crate) fn kind(&self) -> MediaKind {
        self.source.kind()
    }
}

/// How many watch which part of a track, and what of that the publisher is to know.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Wants {
    encodings: [u32; ENCODINGS_MAX],
    spatial: [u32; SPATIAL_MAX as usize],
    temporal: [u32; TEMPORAL_MAX as usize],
    /// What the publisher is to know.
    shown: Option<LayersWanted>,
    /// When less is wanted than it knows: when it is to be told.
    due: Option<Instant>,
}

impl Wants {
    pub(crate) fn add(&mut self, choice: Choice) {
        self.count(choice, 1);
    }

    pub(crate) fn remove(&mut self, choice: Choice) {
        self.count(choice, -1);
    }

    /// What the publisher is to know now. More is told at once, less after a while.
    pub(crate) fn update(&mut self, now: Instant) -> Option<LayersWanted> {
        let present = self.present();
        let shown = self.shown.unwrap_or(LayersWanted {
            encodings: u8::MAX,
            spatial: LayerIndex::ALL.spatial,
            temporal: LayerIndex::ALL.temporal,
        });
        let union = LayersWanted {
            encodings: shown.encodings | present.encodings,
            spatial: shown.spatial.max(present.spatial),
            temporal: shown.temporal.max(present.temporal),
        };
        if union != shown {
            self.shown = Some(union);
        }
        if present == union {
            self.due = None;
            self.shown = self.shown.or(Some(present));
        } else {
            let due = *self.due.get_or_insert(now + UNWANTED_AFTER);
            if due <= now {
                (self.shown, self.due) = (Some(present), None);
            }
        }
        self.shown
    }

    /// Whether the publisher is to send an encoding, as far as it knows.
    pub(crate) fn is_asked_for(&self, encoding: u8) -> bool {
        self.shown.is_none_or(|shown| shown.encodings >> encoding & 1 == 1)
    }

    fn present(&self) -> LayersWanted {
        let highest = |counts: &[u32]| counts.iter().rposition(|count| *count > 0).unwrap_or(0);
        let encodings = (0..).zip(&self.encodings).filter(|(_, count)| **count > 0);
        LayersWanted {
            encodings: encodings.fold(0, |bits, (encoding, _)| bits | (1 << encoding)),
            spatial: u8::try_from(highest(&self.spatial)).unwrap_or(0),
            temporal: u8::try_from(highest(&self.temporal)).unwrap_or(0),
        }
    }

    fn count(&mut self, choice: Choice, by: i32) {
        let counts = [
            self.encodings.get_mut(usize::from(choice.encoding)),
            self.spatial.get_mut(usize::from(choice.layers.spatial)),
            self.temporal.get_mut(usize::from(choice.layers.temporal)),
        ];
        for count in counts.into_iter().flatten() {
            *count = count.saturating_add_signed(by);
        }
    }
}
