//! The dependency descriptor, a header extension that says what each frame depends on (RTP Payload Format For AV1, appendix A).
//!
//! A key frame's packet carries the [`TemplateStructure`]: the kinds of frames there are. Other packets name one of them, and say where they differ. Reading needs the last
//! structure, so a [`Reader`] keeps it; everything it keeps is bounded by the length of an extension. What is read can be written and is the
//! same, bit by bit. A forwarder that renumbers frames changes the number in place with [`rewrite_frame_number`].

mod bits;
mod list;
mod read;
mod structure;
mod write;

pub use list::List;
pub use read::Reader;
pub use structure::{DecodeTargetIndication, Resolution, Template, TemplateStructure};

use super::PayloadError;
use structure::DECODE_TARGETS_LIMIT;

/// The URI by which session descriptions name the extension.
pub const URI: &str =
    "https://aomediacodec.github.io/av1-rtp-spec/#dependency-descriptor-rtp-header-extension";
/// The longest descriptor: what a header extension can hold.
pub const LEN_MAX: usize = 255;
/// Decode targets in a structure.
pub const DECODE_TARGETS_MAX: usize = DECODE_TARGETS_LIMIT;
/// Templates in a structure.
pub const TEMPLATES_MAX: usize = 64;
/// Frames that one frame can refer to. AV1 has seven; a descriptor that names more is refused.
pub const REFERENCES_MAX: usize = 8;

/// What every descriptor begins with, in three bytes. Reading it needs no structure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MandatoryFields {
    /// Whether the packet is the frame's first.
    pub is_frame_start: bool,
    /// Whether the packet is the frame's last.
    pub is_frame_end: bool,
    /// The template's id, 0 to 63.
    pub template_id: u8,
    /// The running number of frames.
    pub frame_number: u16,
}

impl MandatoryFields {
    /// Reads the first three bytes.
    pub fn parse(bytes: &[u8]) -> Result<Self, PayloadError> {
        let [flags, high, low, ..] = *bytes else { return Err(PayloadError::Truncated) };
        Ok(Self {
            is_frame_start: flags & 0x80 != 0,
            is_frame_end: flags & 0x40 != 0,
            template_id: flags & 0x3F,
            frame_number: u16::from_be_bytes([high, low]),
        })
    }
}

/// Whether a descriptor brings a structure with it, as that of a key frame does. Reading this needs no structure.
pub fn has_structure(bytes: &[u8]) -> bool {
    bytes.get(3).is_some_and(|flags| flags & 0x80 != 0)
}

/// Changes the number of the frame where the descriptor lies.
pub fn rewrite_frame_number(bytes: &mut [u8], frame_number: u16) -> Result<(), PayloadError> {
    let number = bytes.get_mut(1..3).ok_or(PayloadError::Truncated)?;
    number.copy_from_slice(&frame_number.to_be_bytes());
    Ok(())
}

/// A whole descriptor, as it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DependencyDescriptor {
    /// What every descriptor has.
    pub mandatory: MandatoryFields,
    /// The structure that holds from here on.
    pub structure: Option<Box<TemplateStructure>>,
    /// Which decode targets are sent at present, the lowest in the lowest bit. None: as before; all of them with a new structure.
    pub active_decode_targets: Option<u32>,
    /// What the frame is to each decode target, if not what its template says.
    pub indications: Option<List<DecodeTargetIndication, DECODE_TARGETS_MAX>>,
    /// How many frames back those are that the frame refers to (1 to 4,096), if not what its template says.
    pub references: Option<List<u16, REFERENCES_MAX>>,
    /// For each chain, how many frames back its last frame is, if not what its template says.
    pub chains: Option<List<u8, DECODE_TARGETS_MAX>>,
}

impl DependencyDescriptor {
    /// What the descriptor says of its frame. `structure` is the one it was read with. [`PayloadError::Malformed`] if it has no such template.
    pub fn frame<'a>(
        &'a self,
        structure: &'a TemplateStructure,
    ) -> Result<FrameDependencies<'a>, PayloadError> {
        let template = structure.template(self.mandatory.template_id)?;
        Ok(FrameDependencies {
            spatial_id: template.spatial_id,
            temporal_id: template.temporal_id,
            indications: self.indications.as_ref().map_or(&template.indications, List::as_slice),
            references: self.references.as_ref().map_or(template.references.as_slice(), List::as_slice),
            chains: self.chains.as_ref().map_or(&template.chains, List::as_slice),
            resolution: structure.resolutions.get(usize::from(template.spatial_id)).copied(),
        })
    }
}

/// What a frame depends on, and who depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameDependencies<'a> {
    /// Spatial layer, 0 to 3.
    pub spatial_id: u8,
    /// Temporal layer, 0 to 7.
    pub temporal_id: u8,
    /// What the frame is to each decode target.
    pub indications: &'a [DecodeTargetIndication],
    /// How many frames back those are that it refers to.
    pub references: &'a [u16],
    /// For each chain, how many frames back its last frame is; 0 is none.
    pub chains: &'a [u8],
    /// The size of the picture, if the structure has sizes.
    pub resolution: Option<Resolution>,
}

#[cfg(test)]
mod tests;
