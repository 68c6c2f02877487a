//! Which frames of an encoding a subscriber gets.
//!
//! What it gets changes at the beginning of a picture only: down at once, up where the stream can be joined.

use crate::facts::{Facts, Switch};
use crate::layers::{LayerIndex, Targets};
use moim_wire::RtpTimestamp;

/// When so many pictures that are wanted were left out, no switching point will come: a key frame is asked for. Some encoders mark none.
const LEFT_OUT_MAX: u16 = 90;

/// The layers of one encoding that a subscriber gets.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Selection {
    /// What it is to get.
    wanted: LayerIndex,
    /// What it gets.
    layers: LayerIndex,
    /// The same, as a target.
    target: u8,
    /// The target before the last change, for late packets of pictures before it.
    target_before: u8,
    /// The first picture with the present target.
    changed_at: RtpTimestamp,
    /// The first picture with the present target that was forwarded.
    declared_at: Option<RtpTimestamp>,
    /// Pictures that are wanted and were left out since then.
    left_out: u16,
}

impl Selection {
    pub(crate) fn new() -> Self {
        Self {
            wanted: LayerIndex::ALL,
            layers: LayerIndex::ALL,
            target: 0,
            target_before: 0,
            changed_at: RtpTimestamp(0),
            declared_at: None,
            left_out: 0,
        }
    }

    pub(crate) fn layers(&self) -> LayerIndex {
        self.layers
    }

    /// What it shall get from the next picture on at which that can be.
    pub(crate) fn want(&mut self, wanted: LayerIndex) {
        self.wanted = wanted;
    }

    /// Whether a key frame is needed for what is wanted.
    pub(crate) fn needs_key_frame(&self) -> bool {
        self.wanted.spatial > self.layers.spatial || self.left_out >= LEFT_OUT_MAX
    }

    /// Decoding begins with this packet.
    pub(crate) fn begin(&mut self, facts: &Facts, targets: &Targets) {
        self.change(self.wanted, facts, targets);
        self.target_before = self.target;
    }

    /// Whether the packet is for the subscriber. `has_passed` knows which frames it got.
    #[inline]
    pub(crate) fn choose(
        &mut self,
        facts: &Facts,
        targets: &Targets,
        has_passed: impl Fn(u64) -> bool,
    ) -> bool {
        if facts.starts_picture && (facts.begins || self.layers != self.wanted) {
            let layers = self.next_layers(facts, targets, has_passed);
            if layers != self.layers || facts.begins {
                self.change(layers, facts, targets);
            }
        }
        let is_before_change = facts.is_late && facts.timestamp.distance_from(self.changed_at) < 0;
        let target = if is_before_change { self.target_before } else { self.target };
        let is_for_it = facts.targets >> target & 1 == 1;
        if !is_for_it && facts.starts_picture && facts.targets >> targets.within(self.wanted) & 1 == 1 {
            self.left_out = self.left_out.saturating_add(1);
        }
        is_for_it
    }

    /// Whether this is the last packet that the subscriber gets of a picture of several spatial layers.
    #[inline]
    pub(crate) fn ends_picture(&self, facts: &Facts, targets: &Targets) -> bool {
        facts.ends_layer && facts.layers.spatial == targets.layers_of(self.target).spatial
    }

    /// Whether a picture that is forwarded is the first of the present target.
    pub(crate) fn is_first_forwarded(&mut self, timestamp: RtpTimestamp) -> bool {
        *self.declared_at.get_or_insert(timestamp) == timestamp
    }

    fn change(&mut self, layers: LayerIndex, facts: &Facts, targets: &Targets) {
        self.layers = layers;
        self.target_before = self.target;
        self.target = targets.within(layers);
        self.changed_at = facts.timestamp;
        self.declared_at = None;
        self.left_out = 0;
    }

    fn next_layers(&self, facts: &Facts, targets: &Targets, has_passed: impl Fn(u64) -> bool) -> LayerIndex {
        if facts.begins {
            return self.wanted;
        }
        let mut layers = self.layers.lower_of_each(self.wanted);
        let wanted = self.wanted;
        match facts.switch {
            Switch::ToThisLayer
                if (layers.temporal + 1..=wanted.temporal).contains(&facts.layers.temporal) =>
            {
                layers.temporal = facts.layers.temporal;
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
            Switch::Nobody | Switch::ToThisLayer | Switch::FromThisLayer | Switch::ToTargets(_) => {}
        }
        layers
    }
}

#[cfg(test)]
mod tests;
