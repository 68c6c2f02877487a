//! What a room is made of, and what happens in it: drawn from a seed, and readable.

use super::codec::Codec;
use super::draw;
use crate::random::{Chance, Seed};
use moim_sfu::{Source, Watch};
use moim_wire::Bitrate;
use std::fmt;
use std::time::Duration;

/// A room, before anything has happened in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// What it was drawn from, and what everything left to chance in it comes from.
    pub seed: Seed,
    /// How long it lasts.
    pub length: Duration,
    /// Who may publish.
    pub publishers: Vec<PublisherPlan>,
    /// How many may subscribe.
    pub subscribers: usize,
    /// The most slots for sound and for pictures that subscribers are asked for.
    pub slots_max: (u16, u16),
    /// Whether nothing that subscribers want has an effect on publishers, so that subscribers are of no concern to each other.
    pub is_independent: bool,
    /// What happens, in the order it happens.
    pub steps: Vec<Step>,
}

/// A track that may be published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublisherPlan {
    /// Whose it is.
    pub owner: u64,
    /// Among whom its voice is one.
    pub group: u64,
    /// What it is of.
    pub source: Source,
    /// How it is encoded.
    pub codec: Codec,
    /// In how many sizes.
    pub encodings: usize,
    /// How long a picture or a packet of sound lasts.
    pub interval: Duration,
    /// What is between it and the server.
    pub way: Way,
    /// How it behaves.
    pub manners: Manners,
}

/// What happens to packets on their way to the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Way {
    /// How many are lost.
    pub loss: Chance,
    /// How many of those are sent again, and come late.
    pub recovery: Chance,
    /// How many come twice.
    pub duplicates: Chance,
    /// How long they take at least.
    pub delay: Duration,
    /// How much longer they may take.
    pub jitter: Duration,
}

/// How a publisher behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Manners {
    /// Whether it makes a key frame when it is asked to.
    pub answers_key_frames: bool,
    /// How often it makes one by itself, in pictures.
    pub key_every: Option<u32>,
    /// Whether it stops sending what nobody watches.
    pub follows_layers_wanted: bool,
    /// What it says of its clock.
    pub reports: Reports,
    /// How often its encoder leaves out a picture.
    pub skips: Chance,
    /// How often it sends packets of nothing but padding.
    pub pads: Chance,
}

/// What sender reports say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reports {
    /// There are none.
    None,
    /// What is so.
    True,
    /// Anything.
    Wild,
}

/// Something that happens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// When, from the beginning.
    pub at: Duration,
    /// What.
    pub what: What,
}

/// What may happen. Publishers and subscribers are told by their number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// A track is published.
    Publish(usize),
    /// It is not any more.
    Unpublish(usize),
    /// It is muted, or not any more.
    Mute(usize, bool),
    /// It stops sending without a word, or goes on.
    Silence(usize, bool),
    /// Its network carries these encodings only: the first in the lowest bit.
    HoldBack(usize, u8),
    /// Its encoder makes so many spatial layers from now on.
    Spatial(usize, u8),
    /// A stream of it begins anew, with a word or without.
    Restart {
        /// Whose.
        publisher: usize,
        /// Which of its encodings.
        encoding: usize,
        /// Whether the forwarder is told.
        is_told: bool,
    },
    /// Somebody comes, with so many slots for sound and for pictures, and does as asked for more, or does not.
    Join {
        /// Who.
        subscriber: usize,
        /// Slots for sound and for pictures.
        slots: (u16, u16),
        /// Whether it adds slots when asked.
        grows: bool,
    },
    /// Somebody goes.
    Leave(usize),
    /// Somebody wants to have a track, or to have it in another way.
    Watch {
        /// Who.
        subscriber: usize,
        /// Whose.
        publisher: usize,
        /// How.
        watch: Watch,
    },
    /// Somebody does not want to have a track any more, or may not.
    Unwatch(usize, usize),
    /// Somebody's network carries so much.
    Target(usize, Bitrate),
    /// Somebody asks for key frames for all of its slots, so many times in a row.
    KeyFrames(usize, u16),
    /// Somebody asks again for packets of the last while.
    Nack(usize),
    /// What is for somebody waits for so long from now on until it leaves.
    Slow(usize, Duration),
}

impl Plan {
    /// The plan of this seed.
    pub fn random(seed: Seed) -> Self {
        draw::draw(seed, None)
    }

    /// The same that lasts so long.
    pub fn lasting(seed: Seed, length: Duration) -> Self {
        draw::draw(seed, Some(length))
    }
}

impl What {
    /// The publisher that it is about.
    fn publisher(&self) -> Option<usize> {
        match *self {
            Self::Publish(publisher)
            | Self::Unpublish(publisher)
            | Self::Mute(publisher, _)
            | Self::Silence(publisher, _)
            | Self::HoldBack(publisher, _)
            | Self::Spatial(publisher, _)
            | Self::Restart { publisher, .. }
            | Self::Watch { publisher, .. }
            | Self::Unwatch(_, publisher) => Some(publisher),
            Self::Join { .. }
            | Self::Leave(_)
            | Self::Target(..)
            | Self::KeyFrames(..)
            | Self::Nack(_)
            | Self::Slow(..) => None,
        }
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seed, length, publishers, subscribers, slots_max, is_independent, steps } = self;
        let who = if *is_independent { "who are heeded by nobody" } else { "who are heeded" };
        writeln!(
            f,
            "room {}, {:.3} s, {subscribers} subscribers {who}, at most {slots_max:?} slots",
            seed.0,
            length.as_secs_f64()
        )?;
        let has_part = |index: usize| steps.iter().any(|step| step.what.publisher() == Some(index));
        for (index, publisher) in publishers.iter().enumerate().filter(|(index, _)| has_part(*index)) {
            let PublisherPlan { owner, group, source, codec, encodings, interval, way, manners } = publisher;
            writeln!(
                f,
                "  publisher {index}: {source:?} of {owner} in group {group}, {encodings} × {codec:?}"
            )?;
            writeln!(f, "    each {interval:?} by {way:?}")?;
            writeln!(f, "    {manners:?}")?;
        }
        for Step { at, what } in steps {
            writeln!(f, "  at {:7.3} s: {what:?}", at.as_secs_f64())?;
        }
        Ok(())
    }
}
