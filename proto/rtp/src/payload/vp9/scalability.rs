use super::super::PayloadError;
use super::REFERENCES_MAX;
use moim_wire::{OutOfSpace, Reader, Writer};

/// What layers there are, and how pictures refer to each other in non-flexible mode (RFC 9628 §4.2.1).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ScalabilityStructure {
    /// How many spatial layers there are: 1 to 8.
    pub spatial_layers: u8,
    /// The size of each layer, the lowest first: for all layers or for none.
    pub resolutions: Vec<Resolution>,
    /// The pictures that repeat again and again, up to 255. None if the structure says nothing of them.
    pub group: Option<Vec<PictureInGroup>>,
}

/// The size of a layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resolution {
    /// Pixels from left to right.
    pub width: u16,
    /// Pixels from top to bottom.
    pub height: u16,
}

/// A picture of those that repeat.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PictureInGroup {
    /// Its temporal layer.
    pub temporal_id: u8,
    /// Whether a receiver can step up to its temporal layer there.
    pub is_switching_point: bool,
    /// How many pictures back those are that it refers to.
    pub references: [u8; REFERENCES_MAX],
    /// How many of them there are.
    pub reference_count: u8,
}

impl ScalabilityStructure {
    /// Reads the structure off the front of `bytes`.
    pub fn parse(bytes: &[u8]) -> Result<Self, PayloadError> {
        Self::read(&mut Reader::new(bytes)).ok_or(PayloadError::Truncated)
    }

    fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let first = reader.u8()?;
        let mut structure = Self { spatial_layers: (first >> 5) + 1, ..Self::default() };
        if first & 0x10 != 0 {
            for _ in 0..structure.spatial_layers {
                structure.resolutions.push(Resolution { width: reader.u16()?, height: reader.u16()? });
            }
        }
        if first & 0x08 != 0 {
            let count = reader.u8()?;
            let mut group = Vec::with_capacity(usize::from(count));
            for _ in 0..count {
                let byte = reader.u8()?;
                let mut picture = PictureInGroup {
                    temporal_id: byte >> 5,
                    is_switching_point: byte & 0x10 != 0,
                    reference_count: (byte >> 2) & 0x03,
                    ..PictureInGroup::default()
                };
                for reference in &mut picture.references[..usize::from(picture.reference_count)] {
                    *reference = reader.u8()?;
                }
                group.push(picture);
            }
            structure.group = Some(group);
        }
        Some(structure)
    }

    /// How long the structure at the front of `bytes` is. Allocates nothing.
    pub(super) fn len_of(bytes: &[u8]) -> Result<usize, PayloadError> {
        let skim = || {
            let mut reader = Reader::new(bytes);
            let first = reader.u8()?;
            if first & 0x10 != 0 {
                reader.bytes((usize::from(first >> 5) + 1) * 4)?;
            }
            if first & 0x08 != 0 {
                for _ in 0..reader.u8()? {
                    let picture = reader.u8()?;
                    reader.bytes(usize::from((picture >> 2) & 0x03))?;
                }
            }
            Some(bytes.len() - reader.rest().len())
        };
        skim().ok_or(PayloadError::Truncated)
    }

    /// Writes the structure.
    pub fn write(&self, writer: &mut Writer<'_>) -> Result<(), OutOfSpace> {
        let layers = self.spatial_layers.clamp(1, 8);
        let has_resolutions = self.resolutions.len() == usize::from(layers);
        writer.u8(((layers - 1) << 5)
            | (u8::from(has_resolutions) << 4)
            | (u8::from(self.group.is_some()) << 3))?;
        if has_resolutions {
            for resolution in &self.resolutions {
                writer.u16(resolution.width)?;
                writer.u16(resolution.height)?;
            }
        }
        if let Some(group) = &self.group {
            writer.u8(u8::try_from(group.len()).map_err(|_| OutOfSpace)?)?;
            for picture in group {
                let count = picture.reference_count.min(3);
                writer.u8((picture.temporal_id << 5)
                    | (u8::from(picture.is_switching_point) << 4)
                    | (count << 2))?;
                writer.bytes(&picture.references[..usize::from(count)])?;
            }
        }
        Ok(())
    }
}
