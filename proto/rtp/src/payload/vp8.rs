//! VP8 in RTP (RFC 7741).

use super::fragment::equal_ranges;
use super::{Fragment, PacketSummary, PayloadError, PictureId};
use moim_wire::{OutOfSpace, Reader, Writer};

/// The longest descriptor.
pub const DESCRIPTOR_LEN_MAX: usize = 6;

/// What comes before the data of VP8 in each packet (RFC 7741 §4.2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Descriptor {
    /// Whether no other frame refers to this one (N).
    pub is_non_reference: bool,
    /// Whether a partition of the frame begins here (S).
    pub is_partition_start: bool,
    /// Which partition the first byte belongs to, 0 to 7 (PID).
    pub partition_index: u8,
    /// The number of the picture (I).
    pub picture_id: Option<PictureId>,
    /// The running number of frames in the lowest temporal layer (L).
    pub tl0_picture_index: Option<u8>,
    /// The temporal layer (T).
    pub temporal: Option<TemporalLayer>,
    /// The running number of key frames, five bits (K).
    pub key_index: Option<u8>,
}

/// Where a frame stands among temporal layers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TemporalLayer {
    /// The layer, 0 to 3, 0 the lowest (TID).
    pub id: u8,
    /// Whether the frame refers to none but frames of the lowest layer, so that a receiver can step up to this layer here (Y).
    pub is_sync: bool,
}

impl Descriptor {
    /// Reads the descriptor off the front of a payload and says how long it is.
    pub fn parse(payload: &[u8]) -> Result<(Self, usize), PayloadError> {
        let mut reader = Reader::new(payload);
        let (descriptor, _) = Self::read(&mut reader, payload.len()).ok_or(PayloadError::Truncated)?;
        Ok((descriptor, payload.len() - reader.rest().len()))
    }

    fn read(reader: &mut Reader<'_>, total: usize) -> Option<(Self, Offsets)> {
        let first = reader.u8()?;
        let mut descriptor = Self {
            is_non_reference: first & 0x20 != 0,
            is_partition_start: first & 0x10 != 0,
            partition_index: first & 0x07,
            ..Self::default()
        };
        let mut offsets = Offsets::default();
        if first & 0x80 == 0 {
            return Some((descriptor, offsets));
        }
        let extension = reader.u8()?;
        let at = |reader: &Reader<'_>| total - reader.rest().len();
        if extension & 0x80 != 0 {
            offsets.picture_id = at(reader);
            descriptor.picture_id = Some(PictureId::read(reader)?);
        }
        if extension & 0x40 != 0 {
            offsets.tl0_picture_index = at(reader);
            descriptor.tl0_picture_index = Some(reader.u8()?);
        }
        if extension & 0x30 != 0 {
            offsets.layer = at(reader);
            let layer = reader.u8()?;
            if extension & 0x20 != 0 {
                descriptor.temporal = Some(TemporalLayer { id: layer >> 6, is_sync: layer & 0x20 != 0 });
            }
            if extension & 0x10 != 0 {
                descriptor.key_index = Some(layer & 0x1F);
            }
        }
        Some((descriptor, offsets))
    }

    /// Writes the descriptor.
    pub fn write(&self, writer: &mut Writer<'_>) -> Result<(), OutOfSpace> {
        let extension = (u8::from(self.picture_id.is_some()) << 7)
            | (u8::from(self.tl0_picture_index.is_some()) << 6)
            | (u8::from(self.temporal.is_some()) << 5)
            | (u8::from(self.key_index.is_some()) << 4);
        writer.u8((u8::from(extension != 0) << 7)
            | (u8::from(self.is_non_reference) << 5)
            | (u8::from(self.is_partition_start) << 4)
            | (self.partition_index & 0x07))?;
        if extension == 0 {
            return Ok(());
        }
        writer.u8(extension)?;
        if let Some(picture_id) = self.picture_id {
            picture_id.write(writer)?;
        }
        if let Some(index) = self.tl0_picture_index {
            writer.u8(index)?;
        }
        if extension & 0x30 != 0 {
            let temporal = self.temporal.unwrap_or_default();
            let layer = (temporal.id << 6) | (u8::from(temporal.is_sync) << 5);
            writer.u8(layer | (self.key_index.unwrap_or(0) & 0x1F))?;
        }
        Ok(())
    }

    /// Whether a frame begins with this packet.
    pub fn is_frame_start(&self) -> bool {
        self.is_partition_start && self.partition_index == 0
    }
}

/// Where in a payload the fields are that a forwarder changes. None is at 0, so that says there is none.
#[derive(Clone, Copy, Debug, Default)]
struct Offsets {
    picture_id: usize,
    tl0_picture_index: usize,
    layer: usize,
}

/// What a forwarder that drops frames puts into the packets it passes on, so that numbers stay without gaps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rewrite {
    /// The new picture number. Packets that carry seven bits get seven bits of it.
    pub picture_id: Option<u16>,
    /// The new running number of the lowest temporal layer.
    pub tl0_picture_index: Option<u8>,
    /// The new running number of key frames.
    pub key_index: Option<u8>,
}

/// Changes the descriptor of a payload where it lies. What the packet does not carry stays away, and its length stays.
pub fn rewrite(payload: &mut [u8], rewrite: Rewrite) -> Result<(), PayloadError> {
    let (descriptor, offsets) =
        Descriptor::read(&mut Reader::new(payload), payload.len()).ok_or(PayloadError::Truncated)?;
    if let (Some(old), Some(number)) = (descriptor.picture_id, rewrite.picture_id) {
        old.with_number(number).write(&mut Writer::new(&mut payload[offsets.picture_id..]))?;
    }
    if let (Some(_), Some(index)) = (descriptor.tl0_picture_index, rewrite.tl0_picture_index) {
        payload[offsets.tl0_picture_index] = index;
    }
    if let (Some(_), Some(index)) = (descriptor.key_index, rewrite.key_index) {
        let layer = &mut payload[offsets.layer];
        *layer = (*layer & 0xE0) | (index & 0x1F);
    }
    Ok(())
}

/// What the first packet of a key frame says of the picture (RFC 6386 §9.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyFrameHeader {
    /// Pixels from left to right.
    pub width: u16,
    /// Pixels from top to bottom.
    pub height: u16,
}

impl KeyFrameHeader {
    /// Reads the header of a frame. None if it is not a key frame, or too short.
    pub fn parse(frame: &[u8]) -> Option<Self> {
        let [tag, _, _, 0x9D, 0x01, 0x2A, width @ .., h0, h1] = frame.first_chunk::<10>()? else {
            return None;
        };
        // The upper two bits of each say how a player should scale.
        let size = |bytes: [u8; 2]| u16::from_le_bytes(bytes) & 0x3FFF;
        (tag & 1 == 0).then(|| Self { width: size(*width), height: size([*h0, *h1]) })
    }
}

/// What a packet says of its frame.
pub fn summarize(payload: &[u8]) -> Result<PacketSummary, PayloadError> {
    let (descriptor, len) = Descriptor::parse(payload)?;
    let data = *payload.get(len).ok_or(PayloadError::Truncated)?;
    let temporal = descriptor.temporal.unwrap_or_default();
    let is_frame_start = descriptor.is_frame_start();
    // RFC 6386 §9.1: the lowest bit of a frame is 0 in key frames.
    let is_key_frame = is_frame_start && data & 1 == 0;
    Ok(PacketSummary {
        is_frame_start,
        is_frame_end: false,
        is_key_frame,
        has_parameter_sets: false,
        temporal_id: temporal.id,
        spatial_id: 0,
        is_switching_point: temporal.is_sync || is_key_frame,
        is_discardable: descriptor.is_non_reference,
        picture_id: descriptor.picture_id,
        tl0_picture_index: descriptor.tl0_picture_index,
    })
}

/// Gives the packets of a frame to `each`, none longer than `len_max`, and says how many they are.
///
/// The descriptor is the same in all of them but for the mark of the beginning. Partitions are not told apart, as RFC 7741 §4.4 allows.
pub fn packetize(
    descriptor: &Descriptor,
    frame: &[u8],
    len_max: usize,
    mut each: impl FnMut(Fragment<'_>),
) -> Result<usize, PayloadError> {
    if frame.is_empty() {
        return Err(PayloadError::InvalidArgument("there is nothing in the frame"));
    }
    let mut header = [0; DESCRIPTOR_LEN_MAX];
    let mut writer = Writer::new(&mut header);
    Descriptor { is_partition_start: false, partition_index: 0, ..*descriptor }.write(&mut writer)?;
    let header = writer.into_written();
    let room = len_max.saturating_sub(header.len());
    if room == 0 {
        return Err(PayloadError::InvalidArgument("packets have no room behind the descriptor"));
    }
    let ranges = equal_ranges(frame.len(), room);
    let count = ranges.len();
    for (index, range) in ranges.enumerate() {
        header[0] = (header[0] & !0x10) | (u8::from(index == 0) << 4);
        each(Fragment::new(&[header, &frame[range]], index == 0, index + 1 == count));
    }
    Ok(count)
}

/// The data behind the descriptor, of a packet that must (`is_first`) or must not begin a frame.
pub(super) fn frame_data(payload: &[u8], is_first: bool) -> Result<&[u8], PayloadError> {
    let (descriptor, len) = Descriptor::parse(payload)?;
    match (is_first, descriptor.is_frame_start()) {
        (true, false) => Err(PayloadError::Incomplete("the beginning of the frame is missing")),
        (false, true) => Err(PayloadError::Malformed("a frame begins twice")),
        _ if len == payload.len() => Err(PayloadError::Truncated),
        _ => Ok(&payload[len..]),
    }
}

#[cfg(test)]
mod tests;
