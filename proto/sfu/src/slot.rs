//! One slot of a subscriber: what it shows, what of that is forwarded, and in which numbers.

use crate::encoding::Encoding;
use crate::event::{Layer, Reason};
use crate::facts::Facts;
use crate::id::{SlotId, TrackId};
use crate::keyframes::Share;
use crate::layers::LayerIndex;
use crate::packet::{DescriptorRewrite, Forward, PacketCopy, PacketRef, PayloadRewrite};
use crate::rewriter::{Rewriter, Rewritten};
use crate::select::Selection;
use crate::stats::SlotStats;
use crate::timeline::SenderClock;
use moim_rtp::payload::PayloadFormat;
use moim_wire::MediaKind;
use rand_chacha::rand_core::RngCore;
use std::num::NonZeroU32;
use std::time::Instant;

/// Numbers of late packets reach back so far when a stream is joined: beyond it, the next key frame is waited for.
pub(crate) const JOIN_LATE_MAX: u64 = 64;

/// What a slot is to forward of its track.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Choice {
    /// Index in the track.
    pub(crate) encoding: u8,
    pub(crate) layers: LayerIndex,
}

/// What a slot forwards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Playing {
    /// Index in the track.
    pub(crate) encoding: u8,
    /// Which of the streams that the encoding was, one after the other.
    epoch: u32,
}

/// A slot of a subscriber.
#[derive(Debug)]
pub(crate) struct Slot {
    pub(crate) id: SlotId,
    pub(crate) kind: MediaKind,
    /// What it shows.
    pub(crate) track: Option<TrackId>,
    /// Its place in the list of the track's watchers.
    pub(crate) watcher_at: u32,
    pub(crate) playing: Option<Playing>,
    pub(crate) choice: Option<Choice>,
    /// The encodings that it may begin with: that of the choice, and smaller ones while there is nothing yet.
    joinable: u8,
    selection: Selection,
    rewriter: Rewriter,
    /// Whether its subscriber has lost the picture, and waits for a key frame.
    pub(crate) is_lost: bool,
    /// What decides what is forwarded, once it is.
    pub(crate) limit: Reason,
    /// Since when more could be forwarded.
    pub(crate) more_since: Option<Instant>,
    /// How often it is heard when it asks for key frames.
    pub(crate) share: Share,
    pub(crate) told: Told,
    /// Whether other layers are forwarded since that was looked at.
    pub(crate) is_other_layer: bool,
    pub(crate) is_dirty: bool,
    pub(crate) stats: SlotStats,
}

/// What was told of a slot.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Told {
    pub(crate) track: Option<TrackId>,
    pub(crate) layer: Option<(Option<Layer>, Reason)>,
}

/// What became of a packet at a slot.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Taken {
    /// It is not for this slot.
    No,
    /// It is forwarded, or its number is.
    Forward(Forward),
    /// The same, and from here on the slot forwards another encoding or track.
    Switched(Forward),
    /// It came too late.
    TooLate,
}

impl Slot {
    pub(crate) fn new(id: SlotId, kind: MediaKind, random: &mut impl RngCore) -> Self {
        Self {
            id,
            kind,
            track: None,
            watcher_at: 0,
            playing: None,
            choice: None,
            joinable: 0,
            selection: Selection::new(),
            rewriter: Rewriter::new(random),
            is_lost: false,
            limit: Reason::Wanted,
            more_since: None,
            share: Share::default(),
            told: Told::default(),
            is_other_layer: false,
            is_dirty: false,
            stats: SlotStats::default(),
        }
    }

    /// Shows another track, or none. What it shows goes on only if something is chosen of it.
    pub(crate) fn show(&mut self, track: Option<TrackId>) {
        self.track = track;
        (self.playing, self.choice, self.joinable) = (None, None, 0);
        (self.is_lost, self.limit, self.more_since) = (false, Reason::Wanted, None);
    }

    /// What is to be forwarded from the next moment on at which that can be. `smaller` are the encodings below it.
    pub(crate) fn choose(&mut self, choice: Option<Choice>, smaller: u8) {
        self.choice = choice;
        let Some(choice) = choice else {
            (self.playing, self.joinable) = (None, 0);
            return;
        };
        self.joinable = 1 << choice.encoding;
        let Some(playing) = self.playing else {
            self.joinable |= smaller;
            return;
        };
        if playing.encoding == choice.encoding {
            self.selection.want(choice.layers);
        } else if smaller >> playing.encoding & 1 == 1 {
            self.selection.want(LayerIndex::ALL);
        } else {
            // A smaller one was chosen, and has no key frame yet: until then, fewer pictures of the large one.
            let layers = self.selection.layers();
            self.selection.want(LayerIndex { temporal: 0, ..layers });
        }
    }

    /// Nothing of what comes of an encoding follows what was forwarded of it: it has to be joined anew.
    pub(crate) fn stop(&mut self, encoding: u8) {
        self.playing.take_if(|playing| playing.encoding == encoding);
    }

    /// The encodings whose packets may matter, as bits.
    pub(crate) fn encodings(&self) -> u8 {
        self.joinable | self.playing.map_or(0, |playing| 1 << playing.encoding)
    }

    /// The encoding of which a key frame is needed.
    pub(crate) fn waits_for(&self) -> Option<u8> {
        let choice = self.choice?;
        if self.kind == MediaKind::Audio {
            return None;
        }
        let is_there = self.playing.is_some_and(|playing| playing.encoding == choice.encoding);
        let is_content = is_there && !self.is_lost && !self.selection.needs_key_frame();
        (!is_content).then_some(choice.encoding)
    }

    /// What is forwarded at present.
    pub(crate) fn layers(&self) -> Option<Choice> {
        let playing = self.playing?;
        Some(Choice { encoding: playing.encoding, layers: self.selection.layers() })
    }

    /// Looks at a packet of the track that it shows. `clocks` are the track's, by encoding.
    #[inline]
    pub(crate) fn take(
        &mut self,
        facts: &Facts,
        payload_len: u16,
        encoding: &Encoding,
        clocks: &[Option<SenderClock>],
        now: Instant,
    ) -> Taken {
        let is_playing = self
            .playing
            .is_some_and(|playing| playing.encoding == encoding.number && playing.epoch == encoding.epoch);
        // What came behind a structure that was late was left out, for it could not be read: the stream is joined once more.
        if !is_playing || facts.is_anew {
            let may_begin = facts.begins
                && (is_playing || self.joinable >> encoding.number & 1 == 1)
                && encoding.ring.newest().0.saturating_sub(facts.seq.0) <= JOIN_LATE_MAX;
            return if may_begin { self.begin(facts, payload_len, encoding, clocks, now) } else { Taken::No };
        }
        let (rewriter, targets) = (&mut self.rewriter, &encoding.facts.targets);
        let layers = self.selection.layers();
        let is_for_it = self.selection.choose(facts, targets, |frame| rewriter.has_frame(frame));
        self.is_other_layer |= layers != self.selection.layers();
        if !is_for_it {
            return self.leave_out(facts, encoding.format, now);
        }
        let Ok(rewritten) = rewriter.pass(facts, encoding.format, now) else {
            self.stats.packets_too_late += 1;
            return Taken::TooLate;
        };
        self.is_lost &= !facts.begins;
        Taken::Forward(self.forward(rewritten, facts, payload_len, encoding))
    }

    /// A sender report of the encoding, as it would be for this slot's stream.
    pub(crate) fn translate(&self, clock: SenderClock) -> SenderClock {
        self.rewriter.translate(clock)
    }

    fn begin(
        &mut self,
        facts: &Facts,
        payload_len: u16,
        encoding: &Encoding,
        clocks: &[Option<SenderClock>],
        now: Instant,
    ) -> Taken {
        let clock = |number: u8| clocks.get(usize::from(number)).copied().flatten();
        let before = self.playing.and_then(|playing| clock(playing.encoding));
        let both = before.zip(clock(encoding.number));
        let chosen = self.choice.filter(|choice| choice.encoding == encoding.number);
        let layers = chosen.map_or(LayerIndex::ALL, |choice| choice.layers);
        self.selection.want(layers);
        self.selection.begin(facts, &encoding.facts.targets);
        self.playing = Some(Playing { encoding: encoding.number, epoch: encoding.epoch });
        self.joinable = self.choice.map_or(0, |choice| 1 << choice.encoding);
        self.is_lost = false;
        self.stats.switches += 1;
        let rewritten = self.rewriter.begin(facts, encoding.format, both, now);
        let mut forward = self.forward(rewritten, facts, payload_len, encoding);
        forward.is_switch = true;
        // RFC 3551 §4.1: the first packet after silence.
        forward.copy.marker |= self.kind == MediaKind::Audio;
        Taken::Switched(forward)
    }

    #[inline]
    fn leave_out(&mut self, facts: &Facts, format: PayloadFormat, now: Instant) -> Taken {
        match self.rewriter.leave_out(facts, format) {
            Ok(None) => {
                self.stats.packets_left_out += 1;
                Taken::No
            }
            Ok(Some(seq)) => {
                self.stats.packets_filled += 1;
                let copy = PacketCopy {
                    packet: None,
                    seq,
                    timestamp: self.rewriter.time_of(facts.timestamp, now),
                    marker: false,
                    is_key_frame: false,
                    payload: PayloadRewrite::None,
                    descriptor: DescriptorRewrite::default(),
                };
                Taken::Forward(Forward { slot: self.id, copy, payload_len: 0, is_switch: false })
            }
            Err(_) => {
                self.stats.packets_too_late += 1;
                Taken::TooLate
            }
        }
    }

    #[inline]
    fn forward(
        &mut self,
        rewritten: Rewritten,
        facts: &Facts,
        payload_len: u16,
        encoding: &Encoding,
    ) -> Forward {
        self.stats.packets += 1;
        self.stats.bytes += u64::from(payload_len);
        let targets = &encoding.facts.targets;
        let mut descriptor = rewritten.descriptor;
        if let Some(frame) = facts.frame {
            let mine = targets.parts_of(self.selection.target());
            let is_new = self.selection.is_first_forwarded(facts.timestamp);
            // Without a word, all targets of a new structure are active.
            let is_different = frame.is_about_targets && mine & frame.active_targets != frame.active_targets;
            if is_new || is_different {
                descriptor.active_decode_targets = NonZeroU32::new(mine & frame.active_targets);
            }
        }
        let copy = PacketCopy {
            packet: Some(PacketRef { encoding: encoding.id, seq: facts.seq }),
            seq: rewritten.seq,
            timestamp: rewritten.timestamp,
            marker: facts.marker || self.selection.ends_picture(facts, targets),
            is_key_frame: facts.begins,
            payload: rewritten.payload,
            descriptor,
        };
        Forward { slot: self.id, copy, payload_len, is_switch: false }
    }
}
