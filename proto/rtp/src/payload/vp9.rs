//! VP9 in RTP (RFC 9628), in flexible and non-flexible mode, with temporal and spatial layers.

mod scalability;

pub use scalability::{PictureInGroup, Resolution, ScalabilityStructure};

use super::fragment::equal_ranges;
use super::{Fragment, PacketSummary, PayloadError, PictureId};
use moim_wire::{OutOfSpace, Reader, Writer};

/// The longest descriptor without its scalability structure.
pub const DESCRIPTOR_LEN_MAX: usize = 7;
/// Pictures that a frame can refer to in flexible mode (RFC 9628 §4.2).
pub const REFERENCES_MAX: usize = 3;

/// What comes before the data of VP9 in each packet (RFC 9628 §4.2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "the flags of the format")]
pub struct Descriptor<'a> {
    /// The number of the picture (I).
    pub picture_id: Option<PictureId>,
    /// Whether the frame refers to other pictures (P). A frame that does not, of the lowest spatial layer, is a key frame.
    pub is_inter_predicted: bool,
    /// Where the frame stands among layers (L).
    pub layer: Option<Layer>,
    /// The running number of pictures in the lowest temporal layer: there if and only if there is a layer, in non-flexible mode.
    pub tl0_picture_index: Option<u8>,
    /// Whether the frame says what it refers to (F).
    pub is_flexible: bool,
    /// In flexible mode, how many pictures back those are that the frame refers to. 0 is none: what is there comes first.
    pub references: [u8; REFERENCES_MAX],
    /// Whether a frame, which is one layer of a picture, begins here (B).
    pub is_frame_start: bool,
    /// Whether it ends here (E).
    pub is_frame_end: bool,
    /// Whether no upper spatial layer refers to the frame (Z).
    pub is_not_for_upper_layers: bool,
    /// The scalability structure (V), as [`ScalabilityStructure::parse`] reads it.
    pub scalability: Option<&'a [u8]>,
}

/// Where a frame stands among layers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Layer {
    /// Temporal layer, 0 to 7, 0 the lowest (TID).
    pub temporal_id: u8,
    /// Whether a receiver can step up to this temporal layer here (U).
    pub is_switching_point: bool,
    /// Spatial layer, 0 to 7, 0 the lowest (SID).
    pub spatial_id: u8,
    /// Whether the frame refers to the spatial layer below (D).
    pub is_inter_layer_predicted: bool,
}

impl<'a> Descriptor<'a> {
    /// Reads the descriptor off the front of a payload and says how long it is.
    pub fn parse(payload: &'a [u8]) -> Result<(Self, usize), PayloadError> {
        let mut reader = Reader::new(payload);
        let (descriptor, _) = Self::read(&mut reader)?;
        Ok((descriptor, payload.len() - reader.rest().len()))
    }

    fn read(reader: &mut Reader<'a>) -> Result<(Self, Offsets), PayloadError> {
        let total = reader.rest().len();
        let flags = reader.u8().ok_or(PayloadError::Truncated)?;
        let has = |bit: u8| flags & bit != 0;
        let mut descriptor = Self {
            is_inter_predicted: has(0x40),
            is_flexible: has(0x10),
            is_frame_start: has(0x08),
            is_frame_end: has(0x04),
            is_not_for_upper_layers: has(0x01),
            ..Self::default()
        };
        let mut offsets = Offsets::default();
        if has(0x80) {
            offsets.picture_id = total - reader.rest().len();
            descriptor.picture_id = Some(PictureId::read(reader).ok_or(PayloadError::Truncated)?);
        } else if descriptor.is_flexible {
            return Err(PayloadError::Malformed("flexible mode needs picture numbers"));
        }
        if has(0x20) {
            let byte = reader.u8().ok_or(PayloadError::Truncated)?;
            descriptor.layer = Some(Layer {
                temporal_id: byte >> 5,
                is_switching_point: byte & 0x10 != 0,
                spatial_id: (byte >> 1) & 0x07,
                is_inter_layer_predicted: byte & 0x01 != 0,
            });
            if !descriptor.is_flexible {
                offsets.tl0_picture_index = total - reader.rest().len();
                descriptor.tl0_picture_index = Some(reader.u8().ok_or(PayloadError::Truncated)?);
            }
        }
        if descriptor.is_flexible && descriptor.is_inter_predicted {
            descriptor.references = read_references(reader)?;
        }
        if has(0x02) {
            let structure = reader.rest();
            let len = ScalabilityStructure::len_of(structure)?;
            descriptor.scalability = reader.bytes(len);
        }
        Ok((descriptor, offsets))
    }

    /// Writes the descriptor, all but the scalability structure, which goes behind it as it is.
    fn write_fixed(&self, writer: &mut Writer<'_>) -> Result<(), OutOfSpace> {
        let flag = |is_set: bool, bit: u8| if is_set { bit } else { 0 };
        writer.u8(flag(self.picture_id.is_some(), 0x80)
            | flag(self.is_inter_predicted, 0x40)
            | flag(self.layer.is_some(), 0x20)
            | flag(self.is_flexible, 0x10)
            | flag(self.is_frame_start, 0x08)
            | flag(self.is_frame_end, 0x04)
            | flag(self.scalability.is_some(), 0x02)
            | flag(self.is_not_for_upper_layers, 0x01))?;
        if let Some(picture_id) = self.picture_id {
            picture_id.write(writer)?;
        }
        if let Some(layer) = self.layer {
            writer.u8((layer.temporal_id << 5)
                | flag(layer.is_switching_point, 0x10)
                | ((layer.spatial_id & 0x07) << 1)
                | flag(layer.is_inter_layer_predicted, 0x01))?;
            if !self.is_flexible {
                writer.u8(self.tl0_picture_index.unwrap_or(0))?;
            }
        }
        if self.is_flexible && self.is_inter_predicted {
            let count = self.references.iter().take_while(|back| **back != 0).count();
            for (index, back) in self.references[..count].iter().enumerate() {
                writer.u8((back << 1) | flag(index + 1 < count, 0x01))?;
            }
        }
        Ok(())
    }

    /// Writes the descriptor.
    pub fn write(&self, writer: &mut Writer<'_>) -> Result<(), OutOfSpace> {
        self.write_fixed(writer)?;
        writer.bytes(self.scalability.unwrap_or_default())
    }

    /// Whether the frame is the first of its picture and needs no other picture.
    pub fn is_key_frame(&self) -> bool {
        !self.is_inter_predicted && self.layer.is_none_or(|layer| layer.spatial_id == 0)
    }
}

fn read_references(reader: &mut Reader<'_>) -> Result<[u8; REFERENCES_MAX], PayloadError> {
    let mut references = [0; REFERENCES_MAX];
    for reference in &mut references {
        let byte = reader.u8().ok_or(PayloadError::Truncated)?;
        *reference = byte >> 1;
        if *reference == 0 {
            return Err(PayloadError::Malformed("a frame refers to itself"));
        }
        if byte & 1 == 0 {
            return Ok(references);
        }
    }
    Err(PayloadError::Malformed("a frame refers to more than three pictures"))
}

/// Where in a payload the fields are that a forwarder changes. None is at 0.
#[derive(Clone, Copy, Debug, Default)]
struct Offsets {
    picture_id: usize,
    tl0_picture_index: usize,
}

/// What a forwarder that drops frames puts into the packets it passes on, so that numbers stay without gaps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rewrite {
    /// The new picture number. Packets that carry seven bits get seven bits of it.
    pub picture_id: Option<u16>,
    /// The new running number of the lowest temporal layer.
    pub tl0_picture_index: Option<u8>,
}

/// Changes the descriptor of a payload where it lies. What the packet does not carry stays away, and its length stays.
pub fn rewrite(payload: &mut [u8], rewrite: Rewrite) -> Result<(), PayloadError> {
    let (descriptor, offsets) = Descriptor::read(&mut Reader::new(payload))?;
    let (picture_id, tl0_picture_index) = (descriptor.picture_id, descriptor.tl0_picture_index);
    if let (Some(old), Some(number)) = (picture_id, rewrite.picture_id) {
        old.with_number(number).write(&mut Writer::new(&mut payload[offsets.picture_id..]))?;
    }
    if let (Some(_), Some(index)) = (tl0_picture_index, rewrite.tl0_picture_index) {
        payload[offsets.tl0_picture_index] = index;
    }
    Ok(())
}

/// What a packet says of its frame. A "frame" is here the whole picture: it ends with the marker, not with [`Descriptor::is_frame_end`].
pub fn summarize(payload: &[u8]) -> Result<PacketSummary, PayloadError> {
    let (descriptor, len) = Descriptor::parse(payload)?;
    if len == payload.len() {
        return Err(PayloadError::Truncated);
    }
    let layer = descriptor.layer.unwrap_or_default();
    let is_key_frame = descriptor.is_frame_start && descriptor.is_key_frame();
    Ok(PacketSummary {
        is_frame_start: descriptor.is_frame_start && layer.spatial_id == 0,
        is_frame_end: false,
        is_key_frame,
        has_parameter_sets: descriptor.scalability.is_some(),
        temporal_id: layer.temporal_id,
        spatial_id: layer.spatial_id,
        is_switching_point: layer.is_switching_point || is_key_frame,
        is_discardable: false,
        picture_id: descriptor.picture_id,
        tl0_picture_index: descriptor.tl0_picture_index,
    })
}

/// Whether a frame, as it came from the encoder, needs no other: by its own header, not by that of packets (VP9 bitstream, 6.2).
pub fn is_key_frame(frame: &[u8]) -> bool {
    let Some(first) = frame.first() else { return false };
    // frame_marker, the two bits of the profile, a reserved bit in profile 3 only, show_existing_frame, frame_type.
    let (show_existing, is_not_key) = if first & 0x30 == 0x30 { (0x04, 0x02) } else { (0x08, 0x04) };
    first >> 6 == 2 && first & (show_existing | is_not_key) == 0
}

/// Gives the packets of a frame to `each`, none longer than `len_max`, and says how many they are.
///
/// A frame is one layer of a picture; the marker belongs on the last packet of the picture's last layer. The scalability structure goes
/// with the first packet.
pub fn packetize(
    descriptor: &Descriptor<'_>,
    frame: &[u8],
    len_max: usize,
    mut each: impl FnMut(Fragment<'_>),
) -> Result<usize, PayloadError> {
    if frame.is_empty() {
        return Err(PayloadError::InvalidArgument("there is nothing in the frame"));
    }
    if descriptor.is_flexible && descriptor.picture_id.is_none() {
        return Err(PayloadError::InvalidArgument("flexible mode needs picture numbers"));
    }
    let mut buffer = [0; DESCRIPTOR_LEN_MAX];
    let mut writer = Writer::new(&mut buffer);
    descriptor.write_fixed(&mut writer)?;
    let header = writer.into_written();
    let structure = descriptor.scalability.unwrap_or_default();
    let room = len_max.saturating_sub(header.len());
    // The structure counts as the beginning of the data, so that the packet that carries it is no longer than the others.
    let ranges = equal_ranges(structure.len() + frame.len(), room);
    let count = ranges.len();
    if room == 0 || structure.len() + frame.len() < count * (structure.len() + 1) {
        return Err(PayloadError::InvalidArgument("packets have no room behind the descriptor"));
    }
    for (index, range) in ranges.enumerate() {
        let (is_first, is_last) = (index == 0, index + 1 == count);
        header[0] = (header[0] & !0x0E)
            | (u8::from(is_first) << 3)
            | (u8::from(is_last) << 2)
            | (u8::from(is_first && descriptor.scalability.is_some()) << 1);
        let data = &frame[range.start.saturating_sub(structure.len())..range.end - structure.len()];
        let structure = if is_first { structure } else { &[] };
        each(Fragment::new(&[header, structure, data], is_first, is_last));
    }
    Ok(count)
}

/// How far a picture has been put together.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Assembly {
    /// Whether a layer has begun and not ended.
    is_open: bool,
    spatial_id: Option<u8>,
}

impl Assembly {
    /// The data behind the next packet's descriptor.
    pub(super) fn data<'a>(&mut self, payload: &'a [u8]) -> Result<&'a [u8], PayloadError> {
        let (descriptor, len) = Descriptor::parse(payload)?;
        let spatial_id = descriptor.layer.unwrap_or_default().spatial_id;
        match (self.is_open, descriptor.is_frame_start) {
            (false, false) => return Err(PayloadError::Incomplete("the beginning of the frame is missing")),
            (true, true) => return Err(PayloadError::Incomplete("the end of a layer is missing")),
            (false, true) if self.spatial_id.is_some_and(|below| spatial_id <= below) => {
                return Err(PayloadError::Malformed("a layer comes twice"));
            }
            (true, false) if self.spatial_id != Some(spatial_id) => {
                return Err(PayloadError::Incomplete("the end of a layer is missing"));
            }
            (false, true) | (true, false) => {}
        }
        if len == payload.len() {
            return Err(PayloadError::Truncated);
        }
        self.spatial_id = Some(spatial_id);
        self.is_open = !descriptor.is_frame_end;
        Ok(&payload[len..])
    }

    pub(super) fn finish(self) -> Result<(), PayloadError> {
        if self.is_open { Err(PayloadError::Incomplete("the end of the frame is missing")) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests;
