use super::super::PayloadError;

/// Types of OBUs (AV1 bitstream, 6.2.2).
pub mod obu_type {
    /// Describes all frames of a sequence.
    pub const SEQUENCE_HEADER: u8 = 1;
    /// Begins a temporal unit in a file.
    pub const TEMPORAL_DELIMITER: u8 = 2;
    /// A part of a frame.
    pub const TILE_GROUP: u8 = 4;
    /// A frame with its header.
    pub const FRAME: u8 = 6;
    /// A frame's header again.
    pub const REDUNDANT_FRAME_HEADER: u8 = 7;
    /// Tiles of another picture: not for packets.
    pub const TILE_LIST: u8 = 8;
    /// Nothing.
    pub const PADDING: u8 = 15;
}

/// The header of an OBU (AV1 bitstream, 5.3.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ObuHeader {
    /// One of [`obu_type`], or reserved.
    pub obu_type: u8,
    /// Whether the size follows the header.
    pub has_size: bool,
    /// Whether there is a second byte, with layers.
    pub has_extension: bool,
    /// Temporal layer, 0 the lowest.
    pub temporal_id: u8,
    /// Spatial layer, 0 the lowest.
    pub spatial_id: u8,
}

impl ObuHeader {
    /// Reads the one or two bytes at the beginning of an OBU.
    pub fn parse(obu: &[u8]) -> Result<Self, PayloadError> {
        let first = *obu.first().ok_or(PayloadError::Truncated)?;
        if first & 0x80 != 0 {
            return Err(PayloadError::Malformed("an OBU has the forbidden bit"));
        }
        let has_extension = first & 0x04 != 0;
        let extension = if has_extension { *obu.get(1).ok_or(PayloadError::Truncated)? } else { 0 };
        Ok(Self {
            obu_type: (first >> 3) & 0x0F,
            has_size: first & 0x02 != 0,
            has_extension,
            temporal_id: extension >> 5,
            spatial_id: (extension >> 3) & 0x03,
        })
    }

    /// One or two bytes.
    pub(super) fn len(self) -> usize {
        1 + usize::from(self.has_extension)
    }
}

/// An OBU of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Obu<'a> {
    /// What its header says.
    pub header: ObuHeader,
    /// The header's one or two bytes.
    pub header_bytes: &'a [u8],
    /// What is behind header and size.
    pub data: &'a [u8],
}

/// The OBUs of a frame in the low-overhead format. One without a size goes up to the end. After an error there are no more.
pub fn obus(frame: &[u8]) -> impl Iterator<Item = Result<Obu<'_>, PayloadError>> {
    let mut rest = frame;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let split = split_obu(rest);
        rest = split.map_or(&[], |(_, behind)| behind);
        Some(split.map(|(obu, _)| obu))
    })
}

/// The OBU at the front, and what is behind it.
pub(super) fn split_obu(bytes: &[u8]) -> Result<(Obu<'_>, &[u8]), PayloadError> {
    let header = ObuHeader::parse(bytes)?;
    let (header_bytes, behind) = bytes.split_at(header.len());
    let (data, behind) = if header.has_size {
        let (len, behind) = read_leb128(behind).ok_or(PayloadError::Truncated)?;
        let len = usize::try_from(len).map_err(|_| PayloadError::Truncated)?;
        behind.split_at_checked(len).ok_or(PayloadError::Truncated)?
    } else {
        (behind, &[][..])
    };
    Ok((Obu { header, header_bytes, data }, behind))
}

/// A number in groups of seven bits, the lowest first (AV1 bitstream, 4.10.5), and what is behind it.
pub(super) fn read_leb128(bytes: &[u8]) -> Option<(u32, &[u8])> {
    let mut value: u64 = 0;
    for (index, byte) in bytes.iter().take(8).enumerate() {
        value |= u64::from(byte & 0x7F) << (index * 7);
        if byte & 0x80 == 0 {
            return u32::try_from(value).ok().map(|value| (value, &bytes[index + 1..]));
        }
    }
    None
}

/// A length in as few bytes as it takes: five at most.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Leb128 {
    bytes: [u8; 5],
    len: u8,
}

impl Leb128 {
    pub(super) fn new(value: usize) -> Self {
        let mut leb128 = Self::default();
        let mut rest = value & 0xFFFF_FFFF;
        loop {
            let more = rest > 0x7F;
            leb128.bytes[usize::from(leb128.len)] = rest.to_le_bytes()[0] & 0x7F | (u8::from(more) << 7);
            leb128.len += 1;
            rest >>= 7;
            if !more {
                return leb128;
            }
        }
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_any_length_read_as_written() {
        for value in [0_u32, 1, 127, 128, 16_383, 16_384, 1 << 27, 0xFFFF_FFFF] {
            let written = Leb128::new(value as usize);
            assert_eq!(read_leb128(written.as_bytes()), Some((value, &[][..])));
        }
        assert_eq!(read_leb128(&[0x80, 0x80, 0x00, 9]), Some((0, &[9][..])), "longer than need be");
        assert_eq!(read_leb128(&[0x80; 9]), None);
        assert_eq!(read_leb128(&[0xFF, 0xFF, 0xFF, 0xFF, 0x7F]), None, "more than 32 bits");
        assert_eq!(read_leb128(&[]), None);
    }

    #[test]
    fn headers_tell_types_and_layers() {
        let header = ObuHeader::parse(&[0x36, 0x28]).unwrap();

        assert_eq!((header.obu_type, header.has_size), (obu_type::FRAME, true));
        assert_eq!((header.temporal_id, header.spatial_id, header.len()), (1, 1, 2));
        assert_eq!(ObuHeader::parse(&[0x36]), Err(PayloadError::Truncated));
        assert!(matches!(ObuHeader::parse(&[0x80]), Err(PayloadError::Malformed(_))));
    }
}
