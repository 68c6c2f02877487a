use std::fmt;

/// Reads big-endian fields off the front of a byte slice.
///
/// A read that finds too few bytes consumes nothing and returns [`None`]; what that means is for the caller to say.
#[derive(Clone, Debug)]
pub struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// A reader at the beginning of `bytes`.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// The bytes not yet read.
    pub fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// Whether everything has been read.
    pub fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// Reads `len` bytes.
    pub fn bytes(&mut self, len: usize) -> Option<&'a [u8]> {
        let (head, rest) = self.rest.split_at_checked(len)?;
        self.rest = rest;
        Some(head)
    }

    /// Reads exactly `N` bytes.
    pub fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (head, rest) = self.rest.split_first_chunk()?;
        self.rest = rest;
        Some(*head)
    }

    /// Reads one byte.
    pub fn u8(&mut self) -> Option<u8> {
        self.array().map(u8::from_be_bytes)
    }

    /// Reads two bytes.
    pub fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_be_bytes)
    }

    /// Reads four bytes.
    pub fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_be_bytes)
    }

    /// Reads eight bytes.
    pub fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_be_bytes)
    }
}

/// Writes big-endian fields into a caller's buffer.
///
/// A write that does not fit changes nothing and returns [`OutOfSpace`].
#[derive(Debug)]
pub struct Writer<'a> {
    buffer: &'a mut [u8],
    len: usize,
}

/// The buffer given to a [`Writer`] is too small for what was to be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutOfSpace;

impl fmt::Display for OutOfSpace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the buffer is too small")
    }
}

impl std::error::Error for OutOfSpace {}

impl<'a> Writer<'a> {
    /// A writer at the beginning of `buffer`.
    pub fn new(buffer: &'a mut [u8]) -> Self {
        Self { buffer, len: 0 }
    }

    /// How many bytes have been written.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether nothing has been written yet.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// How many bytes still fit.
    pub fn remaining(&self) -> usize {
        self.buffer.len() - self.len
    }

    /// What has been written.
    pub fn written(&self) -> &[u8] {
        &self.buffer[..self.len]
    }

    /// Ends the writing and hands out what was written.
    pub fn into_written(self) -> &'a mut [u8] {
        &mut self.buffer[..self.len]
    }

    /// Gives up everything written after the first `len` bytes. Longer than what was written: no effect.
    pub fn truncate(&mut self, len: usize) {
        self.len = self.len.min(len);
    }

    /// Writes `bytes`.
    pub fn bytes(&mut self, bytes: &[u8]) -> Result<(), OutOfSpace> {
        let target = self.buffer[self.len..].get_mut(..bytes.len()).ok_or(OutOfSpace)?;
        target.copy_from_slice(bytes);
        self.len += bytes.len();
        Ok(())
    }

    /// Writes one byte.
    pub fn u8(&mut self, value: u8) -> Result<(), OutOfSpace> {
        self.bytes(&value.to_be_bytes())
    }

    /// Writes two bytes.
    pub fn u16(&mut self, value: u16) -> Result<(), OutOfSpace> {
        self.bytes(&value.to_be_bytes())
    }

    /// Writes four bytes.
    pub fn u32(&mut self, value: u32) -> Result<(), OutOfSpace> {
        self.bytes(&value.to_be_bytes())
    }

    /// Writes eight bytes.
    pub fn u64(&mut self, value: u64) -> Result<(), OutOfSpace> {
        self.bytes(&value.to_be_bytes())
    }

    /// Overwrites two bytes already written, for lengths that are known only afterwards.
    ///
    /// # Panics
    /// If the two bytes at `offset` have not been written: the offset is the caller's own, never one from the network.
    pub fn patch_u16(&mut self, offset: usize, value: u16) {
        assert!(offset + 2 <= self.len, "only what was written can be patched");
        self.buffer[offset..offset + 2].copy_from_slice(&value.to_be_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_back_what_was_written() {
        let mut buffer = [0; 17];
        let mut writer = Writer::new(&mut buffer);
        writer.u8(1).unwrap();
        writer.u16(0x0203).unwrap();
        writer.u32(0x0405_0607).unwrap();
        writer.u64(0x0809_0a0b_0c0d_0e0f).unwrap();
        writer.bytes(b"ab").unwrap();

        let mut reader = Reader::new(writer.into_written());

        assert_eq!(reader.u8(), Some(1));
        assert_eq!(reader.u16(), Some(0x0203));
        assert_eq!(reader.u32(), Some(0x0405_0607));
        assert_eq!(reader.u64(), Some(0x0809_0a0b_0c0d_0e0f));
        assert_eq!(reader.bytes(2), Some(&b"ab"[..]));
        assert!(reader.is_empty());
    }

    #[test]
    fn a_read_that_finds_too_little_consumes_nothing() {
        let mut reader = Reader::new(&[1, 2, 3]);

        assert_eq!(reader.u32(), None);
        assert_eq!(reader.bytes(4), None);
        assert_eq!(reader.rest(), [1, 2, 3]);
    }

    #[test]
    fn a_write_that_does_not_fit_changes_nothing() {
        let mut buffer = [0; 3];
        let mut writer = Writer::new(&mut buffer);
        writer.u16(7).unwrap();

        assert_eq!(writer.u16(8), Err(OutOfSpace));
        assert_eq!(writer.written(), [0, 7]);
        assert_eq!(writer.remaining(), 1);
        assert_eq!(writer.u8(9), Ok(()));
    }

    #[test]
    fn patches_and_truncates_what_was_written() {
        let mut buffer = [0; 4];
        let mut writer = Writer::new(&mut buffer);
        writer.u32(0).unwrap();

        writer.patch_u16(2, 0xabcd);
        assert_eq!(writer.written(), [0, 0, 0xab, 0xcd]);
        writer.truncate(2);
        assert_eq!(writer.written(), [0, 0]);
    }
}
