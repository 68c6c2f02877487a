//! Which frames of an encoding a subscriber gets.
//!
//! What it gets changes at the beginning of a picture only: down at once, up where the stream can be joined.

use crate::facts::{Facts, Switch};
use crate::layers::{LayerIndex, Targets};
use moim_wire::RtpTimestamp;

/// When so many pictures that are wanted were left out, no switching point will come: a key frame is asked for. Some encoders mark none.
const LEFT_OUT_MAX: u16 = 90;

/// For so many changes it is known what held before: pictures that are late have what held then.
const TARGETS_KNOWN: usize = 4;

/// The layers of one encoding that a subscriber gets.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Selection {
    /// What it is to get.
    wanted: LayerIndex,
    /// What it gets.
    layers: LayerIndex,
    /// The same, as a target, and those before it, for late packets of pictures of then: the newest first.
    targets: [Since; TARGETS_KNOWN],
    /// The first picture with the present target that was forwarded.
    declared_at: Option<RtpTimestamp>,
    /// Pictures that are wanted and were left out since then.
    left_out: u16,
    /// Whether less is wanted that is no part of what it gets.
    is_stuck: bool,
}

/// From which picture on there is a target.
#[derive(Clone, Copy, Debug)]
struct Since {
    at: RtpTimestamp,
    target: u8,
}

impl Selection {
    pub(crate) fn new() -> Self {
        Self {
            wanted: LayerIndex::ALL,
            layers: LayerIndex::ALL,
            targets: [Since { at: RtpTimestamp(0), target: 0 }; TARGETS_KNOWN],
            declared_at: None,
            left_out: 0,
            is_stuck: false,
        }
    }

    pub(crate) fn layers(&self) -> LayerIndex {
        self.layers
    }

    pub(crate) fn target(&self) -> u8 {
        self.targets[0].target
    }

    /// What it shall get from the next picture on at which that can be.
    pub(crate) fn want(&mut self, wanted: LayerIndex) {
        self.wanted = wanted;
        // What can be had of it is found out at the next picture.
        self.is_stuck = false;
    }

    /// Whether a key frame is needed for what is wanted.
    pub(crate) fn needs_key_frame(&self) -> bool {
        self.wanted.spatial > self.layers.spatial || self.is_stuck || self.left_out >= LEFT_OUT_MAX
    }

    /// Decoding begins with this packet.
    pub(crate) fn begin(&mut self, facts: &Facts, targets: &Targets) {
        self.change(self.wanted, facts, targets);
        self.targets = [self.targets[0]; TARGETS_KNOWN];
    }

    /// Whether the packet is for the subscriber. `has_passed` knows which frames it got.
    #[inline]
    pub(crate) fn choose(
        &mut self,
        facts: &Facts,
        targets: &Targets,
        has_passed: impl Fn(u64) -> bool,
    ) -> bool {
        let is_gone = facts.starts_picture && self.is_gone(facts, targets);
        if facts.starts_picture && (facts.begins || self.layers != self.wanted || is_gone) {
            let down = self.down(targets);
            self.is_stuck = !facts.begins && (is_gone || down.spatial > self.wanted.spatial);
            let layers = self.next_layers(down, facts, targets, has_passed);
            if facts.begins || (layers != self.layers && !is_gone) {
                self.change(layers, facts, targets);
            }
        }
        let is_for_it = facts.targets >> self.target_of(facts) & 1 == 1;
        if !is_for_it && facts.starts_picture && facts.targets >> targets.within(self.wanted) & 1 == 1 {
            self.left_out = self.left_out.saturating_add(1);
        }
        is_for_it
    }

    /// Whether this is the last packet that the subscriber gets of a picture of several spatial layers.
    #[inline]
    pub(crate) fn ends_picture(&self, facts: &Facts, targets: &Targets) -> bool {
        facts.ends_layer && facts.layers.spatial == targets.layers_of(self.target_of(facts)).spatial
    }

    /// The target that held for a packet's picture.
    #[inline]
    fn target_of(&self, facts: &Facts) -> u8 {
        if !facts.is_late {
            return self.target();
        }
        let held = |since: &&Since| facts.timestamp.distance_from(since.at) >= 0;
        let [.., oldest] = &self.targets;
        self.targets.iter().find(held).unwrap_or(oldest).target
    }

    /// Whether a picture that is forwarded is the first of the present target.
    pub(crate) fn is_first_forwarded(&mut self, timestamp: RtpTimestamp) -> bool {
        *self.declared_at.get_or_insert(timestamp) == timestamp
    }

    fn change(&mut self, layers: LayerIndex, facts: &Facts, targets: &Targets) {
        self.layers = layers;
        let active = facts.frame.map_or(u32::MAX, |frame| frame.active_targets);
        let target = targets.best(layers, active);
        if target != self.target() {
            self.targets.rotate_right(1);
            self.targets[0] = Since { at: facts.timestamp, target };
        }
        self.declared_at = None;
        self.left_out = 0;
    }

    /// Whether what it gets is not sent any more, and what is sent is no part of it.
    fn is_gone(&self, facts: &Facts, targets: &Targets) -> bool {
        facts.frame.is_some_and(|frame| {
            let is_active = frame.active_targets >> self.target() & 1 == 1;
            !is_active && targets.best(self.layers, frame.active_targets) != self.target()
        })
    }

    /// How far down it can be gone at any time: what is no part of what it gets has other references, and needs a key frame. Until then, fewer pictures of
    /// the same have to do.
    fn down(&self, targets: &Targets) -> LayerIndex {
        let down = self.layers.lower_of_each(self.wanted);
        let is_part = targets.parts_of(self.target()) >> targets.within(down) & 1 == 1;
        if is_part { down } else { LayerIndex { temporal: 0, ..self.layers } }
    }

    fn next_layers(
        &self,
        down: LayerIndex,
        facts: &Facts,
        targets: &Targets,
        has_passed: impl Fn(u64) -> bool,
    ) -> LayerIndex {
        if facts.begins {
            return self.wanted;
        }
        let mut layers = down;
        let wanted = self.wanted;
        match facts.switch {
            Switch::ToThisLayer
                if (layers.temporal + 1..=wanted.temporal).contains(&facts.layers.temporal) =>
            {
                layers.temporal = facts.layers.temporal;
            }
            Switch::StepToThisLayer | Switch::StepToThisAndAbove
                if (1..=wanted.temporal.min(layers.temporal + 1)).contains(&facts.layers.temporal) =>
            {
                let is_above = facts.switch == Switch::StepToThisAndAbove;
                let reached = if is_above { wanted.temporal } else { facts.layers.temporal };
                layers.temporal = layers.temporal.max(reached);
            }
            Switch::FromThisLayer if facts.layers.is_within(layers) => layers.temporal = wanted.temporal,
            Switch::ToTargets(switchable) if layers != wanted => {
                let target = targets.within(wanted);
                let is_decodable = facts.frame.is_some_and(|frame| {
                    let references = frame.references.iter().take_while(|back| **back != 0);
                    references.copied().all(|back| has_passed(frame.number.saturating_sub(u64::from(back))))
                });
                if switchable >> target & 1 == 1 && is_decodable {
                    layers = wanted;
                }
            }
            Switch::Nobody
            | Switch::ToThisLayer
            | Switch::FromThisLayer
            | Switch::StepToThisLayer
            | Switch::StepToThisAndAbove
            | Switch::ToTargets(_) => {}
        }
        layers
    }
}

#[cfg(test)]
mod tests;
