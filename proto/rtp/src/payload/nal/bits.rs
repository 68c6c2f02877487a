/// Reads the bits of parameter sets; in NAL units without the bytes that prevent start codes (H.264 and H.265, 7.3.1, 9.1 or 9.2).
#[derive(Clone, Debug)]
pub(in crate::payload) struct BitReader<'a> {
    bytes: std::slice::Iter<'a, u8>,
    /// How many zeros came before, if a 3 behind two of them is none of the bits.
    zeros: Option<u8>,
    byte: u8,
    left: u8,
}

impl<'a> BitReader<'a> {
    pub(in crate::payload) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes: bytes.iter(), zeros: Some(0), byte: 0, left: 0 }
    }

    /// A reader of bytes that are as they are.
    pub(in crate::payload) fn without_escapes(bytes: &'a [u8]) -> Self {
        Self { zeros: None, ..Self::new(bytes) }
    }

    pub(in crate::payload) fn bit(&mut self) -> Option<bool> {
        if self.left == 0 {
            let mut byte = *self.bytes.next()?;
            if let Some(zeros) = &mut self.zeros {
                if *zeros == 2 && byte == 3 {
                    *zeros = 0;
                    byte = *self.bytes.next()?;
                }
                *zeros = if byte == 0 { (*zeros + 1).min(2) } else { 0 };
            }
            (self.byte, self.left) = (byte, 8);
        }
        self.left -= 1;
        Some((self.byte >> self.left) & 1 == 1)
    }

    /// Up to 32 bits.
    pub(in crate::payload) fn bits(&mut self, count: u32) -> Option<u32> {
        (0..count).try_fold(0, |value: u32, _| Some((value << 1) | u32::from(self.bit()?)))
    }

    /// An Exp-Golomb number, ue(v).
    pub(in crate::payload) fn unsigned(&mut self) -> Option<u32> {
        let mut zeros = 0;
        while !self.bit()? {
            zeros += 1;
            if zeros > 31 {
                return None;
            }
        }
        Some((1_u32 << zeros) - 1 + self.bits(zeros)?)
    }

    /// A signed Exp-Golomb number, se(v).
    pub(in crate::payload) fn signed(&mut self) -> Option<i64> {
        let code = i64::from(self.unsigned()?);
        Some(if code % 2 == 0 { -(code / 2) } else { i64::midpoint(code, 1) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_past_emulation_prevention() {
        // 1 | 010 | 011 | 00100 …
        let mut reader = BitReader::new(&[0b1010_0110, 0b0100_0000]);
        assert_eq!([(); 4].map(|()| reader.unsigned()), [Some(0), Some(1), Some(2), Some(3)]);

        let mut reader = BitReader::new(&[0, 0, 3, 1, 0, 0, 3, 3]);
        assert_eq!((reader.bits(24), reader.bits(24), reader.bit()), (Some(1), Some(3), None));

        let mut reader = BitReader::new(&[0b0100_1100, 0b1000_0101]);
        assert_eq!([(); 3].map(|()| reader.signed()), [Some(1), Some(-1), Some(2)]);
        assert_eq!(BitReader::new(&[0; 9]).unsigned(), None);
    }
}
