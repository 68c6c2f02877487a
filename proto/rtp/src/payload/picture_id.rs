use moim_wire::{OutOfSpace, Reader, Writer};

/// The running number of pictures that VP8 and VP9 packets may carry, in one byte or two (RFC 7741 §4.2, RFC 9628 §4.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PictureId {
    /// Seven bits. What is above them is ignored.
    Short(u8),
    /// Fifteen bits. What is above them is ignored.
    Long(u16),
}

impl PictureId {
    /// Its number.
    pub fn number(self) -> u16 {
        match self {
            Self::Short(number) => u16::from(number & 0x7F),
            Self::Long(number) => number & 0x7FFF,
        }
    }

    /// The number `count` further on, as wide as this one.
    #[must_use]
    pub fn advanced(self, count: u16) -> Self {
        self.with_number(self.number().wrapping_add(count))
    }

    /// Another number, as wide as this one.
    #[must_use]
    pub fn with_number(self, number: u16) -> Self {
        match self {
            Self::Short(_) => Self::Short((number & 0x7F) as u8),
            Self::Long(_) => Self::Long(number & 0x7FFF),
        }
    }

    /// How far this number is ahead of `other`, by the shorter way round this one's width: negative if behind.
    pub fn distance_from(self, other: Self) -> i16 {
        let difference = self.number().wrapping_sub(other.number());
        match self {
            Self::Short(_) => (difference << 9).cast_signed() >> 9,
            Self::Long(_) => (difference << 1).cast_signed() >> 1,
        }
    }

    pub(super) fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let first = reader.u8()?;
        if first & 0x80 == 0 {
            return Some(Self::Short(first));
        }
        Some(Self::Long(u16::from_be_bytes([first & 0x7F, reader.u8()?])))
    }

    pub(super) fn write(self, writer: &mut Writer<'_>) -> Result<(), OutOfSpace> {
        match self {
            Self::Short(number) => writer.u8(number & 0x7F),
            Self::Long(number) => writer.u16(number | 0x8000),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_go_round_in_their_width() {
        assert_eq!(PictureId::Short(127).advanced(1), PictureId::Short(0));
        assert_eq!(PictureId::Long(0x7FFF).advanced(1), PictureId::Long(0));
        assert_eq!(PictureId::Short(0).distance_from(PictureId::Short(127)), 1);
        assert_eq!(PictureId::Long(0x7FFF).distance_from(PictureId::Long(1)), -2);
        assert_eq!(PictureId::Long(300).distance_from(PictureId::Long(200)), 100);
    }
}
