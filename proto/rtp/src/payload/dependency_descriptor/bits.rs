use super::super::PayloadError;
use moim_wire::OutOfSpace;

/// Reads bits, the highest of a byte first.
#[derive(Clone, Debug)]
pub(super) struct BitReader<'a> {
    bytes: &'a [u8],
    position: usize,
}

impl<'a> BitReader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, position: 0 }
    }

    /// f(count), of up to 32 bits.
    pub(super) fn bits(&mut self, count: u32) -> Result<u32, PayloadError> {
        (0..count).try_fold(0, |value: u32, _| {
            let byte = self.bytes.get(self.position / 8).ok_or(PayloadError::Truncated)?;
            let bit = (byte >> (7 - self.position % 8)) & 1;
            self.position += 1;
            Ok((value << 1) | u32::from(bit))
        })
    }

    pub(super) fn flag(&mut self) -> Result<bool, PayloadError> {
        Ok(self.bits(1)? == 1)
    }

    /// f(count), of up to 8 bits.
    pub(super) fn small(&mut self, count: u32) -> Result<u8, PayloadError> {
        Ok((self.bits(count)? & 0xFF) as u8)
    }

    /// ns(count): one of `count` values, 1 to 255.
    pub(super) fn one_of(&mut self, count: u8) -> Result<u8, PayloadError> {
        let (width, short) = non_symmetric(count);
        let value = self.small(width - 1)?;
        if value < short {
            return Ok(value);
        }
        Ok((value << 1) - short + self.small(1)?)
    }
}

/// Writes bits, the highest of a byte first.
#[derive(Debug)]
pub(super) struct BitWriter<'a> {
    bytes: &'a mut [u8],
    position: usize,
}

impl<'a> BitWriter<'a> {
    pub(super) fn new(bytes: &'a mut [u8]) -> Self {
        Self { bytes, position: 0 }
    }

    /// How many bytes have been begun.
    pub(super) fn len(&self) -> usize {
        self.position.div_ceil(8)
    }

    pub(super) fn bits(&mut self, value: u32, count: u32) -> Result<(), OutOfSpace> {
        for place in (0..count).rev() {
            let byte = self.bytes.get_mut(self.position / 8).ok_or(OutOfSpace)?;
            if self.position.is_multiple_of(8) {
                *byte = 0;
            }
            *byte |= u8::from((value >> place) & 1 == 1) << (7 - self.position % 8);
            self.position += 1;
        }
        Ok(())
    }

    pub(super) fn flag(&mut self, value: bool) -> Result<(), OutOfSpace> {
        self.bits(u32::from(value), 1)
    }

    pub(super) fn one_of(&mut self, value: u8, count: u8) -> Result<(), OutOfSpace> {
        let (width, short) = non_symmetric(count);
        if value < short {
            self.bits(u32::from(value), width - 1)
        } else {
            self.bits(u32::from(value) + u32::from(short), width)
        }
    }
}

/// The bits of the longer words for one of `count` values, and how many values have a word that is shorter by one.
fn non_symmetric(count: u8) -> (u32, u8) {
    let width = 8 - count.leading_zeros();
    let short = (1_u32 << width) - u32::from(count);
    (width.max(1), (short & 0xFF) as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_read_as_written() {
        let mut buffer = [0xFF; 500];
        let mut writer = BitWriter::new(&mut buffer);
        for count in 1..=33 {
            for value in 0..count {
                writer.one_of(value, count).unwrap();
            }
        }
        writer.bits(0x1234, 16).unwrap();
        let mut out_of_space = BitWriter::new(&mut []);

        assert_eq!(out_of_space.flag(true), Err(OutOfSpace));
        let mut reader = BitReader::new(&buffer);
        for count in 1..=33 {
            for value in 0..count {
                assert_eq!(reader.one_of(count), Ok(value), "{value} of {count}");
            }
        }
        assert_eq!(reader.bits(16), Ok(0x1234));
    }
}
