use super::super::PayloadError;
use super::list::List;
use super::{REFERENCES_MAX, TEMPLATES_MAX};

/// As many as five bits can count.
pub(super) const DECODE_TARGETS_LIMIT: usize = 32;

/// What a frame is to a decode target (A.4).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DecodeTargetIndication {
    /// No frame of it.
    #[default]
    NotPresent,
    /// Nothing else of it refers to the frame.
    Discardable,
    /// Whoever decodes another target can go over to this one here.
    Switch,
    /// Needed.
    Required,
}

impl DecodeTargetIndication {
    pub(super) fn from_bits(bits: u32) -> Self {
        match bits & 3 {
            0 => Self::NotPresent,
            1 => Self::Discardable,
            2 => Self::Switch,
            _ => Self::Required,
        }
    }
}

/// A kind of frame.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Template {
    /// Spatial layer, 0 to 3.
    pub spatial_id: u8,
    /// Temporal layer, 0 to 7.
    pub temporal_id: u8,
    /// What such a frame is to each decode target.
    pub indications: Vec<DecodeTargetIndication>,
    /// How many frames back those are that it refers to: 1 to 16.
    pub references: List<u16, REFERENCES_MAX>,
    /// For each chain, how many frames back its last frame is: 0 to 15.
    pub chains: Vec<u8>,
}

/// The size of a spatial layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resolution {
    /// Pixels from left to right, 1 to 65,536.
    pub width: u32,
    /// Pixels from top to bottom, 1 to 65,536.
    pub height: u32,
}

/// The kinds of frames in a stream (A.8.3).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TemplateStructure {
    /// The id of the first template, 0 to 63.
    pub template_id_offset: u8,
    /// How many decode targets there are: 1 to 32.
    pub decode_targets: u8,
    /// The templates, by spatial and then temporal layer, at most [`TEMPLATES_MAX`].
    pub templates: Vec<Template>,
    /// How many chains there are: 0 to as many as decode targets.
    pub chain_count: u8,
    /// For each decode target the chain that protects it. Empty without chains.
    pub protected_by: Vec<u8>,
    /// The size of each spatial layer, or nothing.
    pub resolutions: Vec<Resolution>,
}

impl TemplateStructure {
    /// The template with an id.
    pub fn template(&self, id: u8) -> Result<&Template, PayloadError> {
        let index = (usize::from(id) + TEMPLATES_MAX - usize::from(self.template_id_offset)) % TEMPLATES_MAX;
        self.templates
            .get(index)
            .ok_or(PayloadError::Malformed("a descriptor names a template that is not there"))
    }

    /// The bits of all decode targets.
    pub fn all_decode_targets(&self) -> u32 {
        u32::MAX >> (32 - u32::from(self.decode_targets.clamp(1, 32)))
    }

    /// The spatial and the temporal layer that are the highest of a decode target. None if nothing belongs to it.
    pub fn layers_of(&self, decode_target: u8) -> Option<(u8, u8)> {
        let belongs = |template: &&Template| {
            template
                .indications
                .get(usize::from(decode_target))
                .is_some_and(|indication| *indication != DecodeTargetIndication::NotPresent)
        };
        let mut templates = self.templates.iter().filter(belongs).peekable();
        templates.peek()?;
        Some(templates.fold((0, 0), |(spatial, temporal), template| {
            (template.spatial_id.max(spatial), template.temporal_id.max(temporal))
        }))
    }
}
