/// Writes bits of which the reader knows how likely they are (RFC 6386 §7).
#[derive(Debug)]
pub(super) struct BoolWriter {
    out: Vec<u8>,
    /// The length of the interval that is left: 128 to 255.
    range: u32,
    /// The lower end of the interval, as far as its bits are not written. A carry waits above them, and is at the top when the next
    /// byte is due.
    bottom: u32,
    /// How many more bits fit before a byte is written.
    room: u32,
}

impl BoolWriter {
    pub(super) fn new() -> Self {
        Self { out: Vec::new(), range: 255, bottom: 0, room: 24 }
    }

    /// Writes `bit`, which is `false` with a probability of `probability` in 256.
    pub(super) fn write(&mut self, bit: bool, probability: u8) {
        let split = 1 + (((self.range - 1) * u32::from(probability)) >> 8);
        if bit {
            self.bottom += split;
            self.range -= split;
        } else {
            self.range = split;
        }
        while self.range < 128 {
            self.range <<= 1;
            self.shift();
        }
    }

    /// Writes `count` bits of `value`, the highest first, either of which is as likely.
    pub(super) fn write_literal(&mut self, value: u32, count: u32) {
        for bit in (0..count).rev() {
            self.write(value >> bit & 1 == 1, 128);
        }
    }

    /// Writes a bit that is as likely as not.
    pub(super) fn write_flag(&mut self, flag: bool) {
        self.write(flag, 128);
    }

    /// How many bits have been written, to within a byte or so.
    pub(super) fn len_bits(&self) -> usize {
        self.out.len() * 8
    }

    /// All of it, to the end of the last byte.
    pub(super) fn finish(mut self) -> Vec<u8> {
        // The reader looks ahead by up to four bytes.
        for _ in 0..32 {
            self.shift();
        }
        self.out
    }

    /// Moves the interval's highest bit out.
    fn shift(&mut self) {
        let has_carried = self.bottom >> 31 == 1;
        self.bottom <<= 1;
        if has_carried {
            self.carry();
        }
        self.room -= 1;
        if self.room == 0 {
            self.out.push((self.bottom >> 24) as u8);
            self.bottom &= 0x00FF_FFFF;
            self.room = 8;
        }
    }

    /// Adds one to what is written. It cannot run off the front: the interval began below one.
    fn carry(&mut self) {
        for byte in self.out.iter_mut().rev() {
            let (next, has_carried) = byte.overflowing_add(1);
            *byte = next;
            if !has_carried {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::BoolWriter;

    /// The reader of RFC 6386 §7.3, as plainly as can be.
    struct BoolReader<'a> {
        bytes: &'a [u8],
        value: u32,
        range: u32,
        shifts: u32,
    }

    impl<'a> BoolReader<'a> {
        fn new(bytes: &'a [u8]) -> Self {
            let value = u32::from(bytes[0]) << 8 | u32::from(bytes[1]);
            Self { bytes: &bytes[2..], value, range: 255, shifts: 0 }
        }

        fn read(&mut self, probability: u8) -> bool {
            let split = 1 + (((self.range - 1) * u32::from(probability)) >> 8);
            let bit = self.value >= split << 8;
            if bit {
                self.range -= split;
                self.value -= split << 8;
            } else {
                self.range = split;
            }
            while self.range < 128 {
                self.value <<= 1;
                self.range <<= 1;
                self.shifts += 1;
                if self.shifts == 8 {
                    self.shifts = 0;
                    if let Some((&next, rest)) = self.bytes.split_first() {
                        self.value |= u32::from(next);
                        self.bytes = rest;
                    }
                }
            }
            bit
        }
    }

    proptest::proptest! {
        /// Covers: RFC 6386 §7.3
        #[test]
        fn what_is_written_is_read(bits in proptest::collection::vec((proptest::bool::ANY, 1u8..), 0..4_000)) {
            let mut writer = BoolWriter::new();
            for &(bit, probability) in &bits {
                writer.write(bit, probability);
            }
            let bytes = writer.finish();

            let mut reader = BoolReader::new(&bytes);
            for (bit, probability) in bits {
                proptest::prop_assert_eq!(reader.read(probability), bit);
            }
        }
    }
}
