//! Spatial and temporal layers, and sets of them.
//!
//! A *target* is what a subscriber gets: all layers up to a spatial and a temporal one. Targets have numbers below 32, so that a packet says by one word which
//! targets it belongs to. Formats that number their layers have a target for each pair of layers; a dependency descriptor has its own
//! ("decode targets").

use moim_rtp::payload::dependency_descriptor::TemplateStructure;

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
    /// As a template structure says: the highest layers of each decode target, up to 32 of them.
    Described { layers: [LayerIndex; 32], count: u8 },
}

impl Targets {
    pub(crate) fn of_structure(structure: &TemplateStructure) -> Self {
        let mut layers = [LayerIndex::default(); 32];
        let count = structure.decode_targets.clamp(1, 32);
        for (target, layers) in (0..count).zip(&mut layers) {
            let (spatial, temporal) = structure.layers_of(target).unwrap_or_default();
            *layers = LayerIndex::new(spatial, temporal);
        }
        Self::Described { layers, count }
    }

    /// The highest target within these layers: by its spatial layer first. The lowest there is, if none is.
    pub(crate) fn within(&self, limit: LayerIndex) -> u8 {
        match self {
            Self::ByLayer => limit.index(),
            Self::Described { layers, count } => {
                let known = || (0..*count).zip(layers);
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

    /// The targets that ask for nothing beyond these layers, as bits. All that there are, if that is everything.
    pub(crate) fn all_within(&self, limit: LayerIndex) -> u32 {
        match self {
            Self::ByLayer => u32::MAX,
            Self::Described { layers, count } => (0..*count)
                .zip(layers)
                .filter(|(_, layers)| layers.is_within(limit))
                .fold(0, |bits, (target, _)| bits | (1 << target)),
        }
    }
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
        let targets = Targets::Described { layers, count: 4 };

        assert_eq!(targets.within(LayerIndex::ALL), 0);
        assert_eq!(targets.within(LayerIndex::new(0, 7)), 2);
        assert_eq!(targets.within(LayerIndex::new(1, 0)), 1);
        assert_eq!(targets.all_within(LayerIndex::new(0, 1)), 0b1100);
    }
}
