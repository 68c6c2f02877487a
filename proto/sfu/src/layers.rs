//! Spatial and temporal layers, and sets of them.
//!
//! A *target* is what a subscriber gets: all layers up to a spatial and a temporal one. Targets have numbers below 32, so that a packet says by one word which
//! targets it belongs to. Formats that number their layers have a target for each pair of layers; a dependency descriptor has its own
//! ("decode targets").

use moim_rtp::payload::dependency_descriptor::{DecodeTargetIndication, Template, TemplateStructure};

/// Spatial layers that are told apart. Nobody sends more.
pub(crate) const SPATIAL_MAX: u8 = 4;
/// Temporal layers that are told apart: what three bits can say.
pub(crate) const TEMPORAL_MAX: u8 = 8;
/// Pairs of layers.
pub(crate) const LAYERS: usize = (SPATIAL_MAX * TEMPORAL_MAX) as usize;

/// A spatial and a temporal layer: of a frame, or the highest ones of a target.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct LayerIndex {
    pub(crate) spatial: u8,
    pub(crate) temporal: u8,
}

impl LayerIndex {
    /// All that there is.
    pub(crate) const ALL: Self = Self { spatial: SPATIAL_MAX - 1, temporal: TEMPORAL_MAX - 1 };

    pub(crate) fn new(spatial: u8, temporal: u8) -> Self {
        Self { spatial: spatial.min(SPATIAL_MAX - 1), temporal: temporal.min(TEMPORAL_MAX - 1) }
    }

    /// Below [`LAYERS`].
    pub(crate) fn index(self) -> u8 {
        self.spatial * TEMPORAL_MAX + self.temporal
    }

    /// The lower one of each.
    pub(crate) fn lower_of_each(self, other: Self) -> Self {
        Self { spatial: self.spatial.min(other.spatial), temporal: self.temporal.min(other.temporal) }
    }

    /// Whether neither is above the other's.
    pub(crate) fn is_within(self, other: Self) -> bool {
        self.spatial <= other.spatial && self.temporal <= other.temporal
    }
}

/// Which targets a frame of these layers belongs to, where each pair of layers is a target: those with layers at least as high.
pub(crate) fn targets_with(layers: LayerIndex) -> u32 {
    let temporal = u32::from(0xFF_u8 << layers.temporal);
    (temporal * 0x0101_0101) & (u32::MAX << (layers.spatial * TEMPORAL_MAX))
}

/// Which target has which layers.
#[derive(Clone, Debug)]
pub(crate) enum Targets {
    /// Each pair of layers is one.
    ByLayer,
    /// As a template structure says, for up to 32 decode targets.
    Described {
        /// The highest layers of each.
        layers: [LayerIndex; 32],
        /// For each, those all of whose frames are frames of it, too, as bits.
        parts: [u32; 32],
        count: u8,
    },
}

impl Targets {
    pub(crate) fn of_structure(structure: &TemplateStructure) -> Self {
        let mut layers = [LayerIndex::default(); 32];
        let count = structure.decode_targets.clamp(1, 32);
        for (target, layers) in (0..count).zip(&mut layers) {
            let (spatial, temporal) = structure.layers_of(target).unwrap_or_default();
            *layers = LayerIndex::new(spatial, temporal);
        }
        let mut parts = [0; 32];
        for (target, parts) in (0..count).zip(&mut parts) {
            *parts = (0..count)
                .filter(|part| is_part(structure, *part, target))
                .fold(0, |bits, part| bits | (1 << part));
        }
        Self::Described { layers, parts, count }
    }

    /// The highest target within these layers: by its spatial layer first. The lowest there is, if none is.
    pub(crate) fn within(&self, limit: LayerIndex) -> u8 {
        self.within_active(limit, u32::MAX)
    }

    /// What to get within these layers while these targets are active: the highest there is as long as what is active is a part of it, so that whatever
    /// becomes active again is got at once. Else the highest that is active.
    pub(crate) fn best(&self, limit: LayerIndex, active: u32) -> u8 {
        let highest = self.within(limit);
        let present = self.within_active(limit, active);
        if self.parts_of(highest) >> present & 1 == 1 { highest } else { present }
    }

    fn within_active(&self, limit: LayerIndex, active: u32) -> u8 {
        match self {
            Self::ByLayer => limit.index(),
            Self::Described { layers, count, .. } => {
                let is_active = |target: u8| active >> target & 1 == 1;
                let known = || (0..*count).zip(layers).filter(|(target, _)| is_active(*target));
                known()
                    .filter(|(_, layers)| layers.is_within(limit))
                    .max_by_key(|(_, layers)| **layers)
                    .or_else(|| known().min_by_key(|(_, layers)| **layers))
                    .map_or(0, |(target, _)| target)
            }
        }
    }

    /// The highest layers of a target.
    pub(crate) fn layers_of(&self, target: u8) -> LayerIndex {
        match self {
            Self::ByLayer => LayerIndex { spatial: target / TEMPORAL_MAX, temporal: target % TEMPORAL_MAX },
            Self::Described { layers, .. } => layers.get(usize::from(target)).copied().unwrap_or_default(),
        }
    }

    /// The targets all of whose frames are frames of this one, too: whoever gets this one can go down to them at any time. Where spatial layers refer to
    /// those below in key frames only (K-SVC), the others of those below are no frames of what is above.
    pub(crate) fn parts_of(&self, target: u8) -> u32 {
        match self {
            Self::ByLayer => u32::MAX,
            Self::Described { parts, .. } => parts.get(usize::from(target)).copied().unwrap_or_default(),
        }
    }
}

/// Whether whatever is of the one target is of the other one, too.
fn is_part(structure: &TemplateStructure, part: u8, target: u8) -> bool {
    let is_of = |template: &Template, target: u8| {
        let indication = template.indications.get(usize::from(target));
        indication.is_some_and(|indication| *indication != DecodeTargetIndication::NotPresent)
    };
    structure.templates.iter().all(|template| is_of(template, target) || !is_of(template, part))
}

#[cfg(test)]
mod tests {
    use super::{LayerIndex, Targets, targets_with};

    #[test]
    fn a_frame_belongs_to_the_targets_at_and_above_its_layers() {
        for spatial in 0..4 {
            for temporal in 0..8 {
                let frame = LayerIndex { spatial, temporal };
                for target in 0..32 {
                    let is_in = frame.is_within(Targets::ByLayer.layers_of(target));
                    assert_eq!(targets_with(frame) >> target & 1 == 1, is_in, "{frame:?} in {target}");
                }
            }
        }
    }

    #[test]
    fn decode_targets_are_found_by_their_layers() {
        let mut layers = [LayerIndex::default(); 32];
        // As libwebrtc orders those of L2T2: the best first.
        layers[..4].copy_from_slice(&[
            LayerIndex::new(1, 1),
            LayerIndex::new(1, 0),
            LayerIndex::new(0, 1),
            LayerIndex::new(0, 0),
        ]);
        let targets = Targets::Described { layers, parts: [0; 32], count: 4 };

        assert_eq!(targets.within(LayerIndex::ALL), 0);
        assert_eq!(targets.within(LayerIndex::new(0, 7)), 2);
        assert_eq!(targets.within(LayerIndex::new(1, 0)), 1);
    }
}
