//! Pages of Ogg (RFC 3533 §6).

use crate::Error;
use crate::ivf::{read_len, read_whole};
use std::io::{Read, Write};

/// Segments in a page.
pub(super) const SEGMENTS_MAX: usize = 255;
/// No packet ends in this page.
pub(super) const NO_GRANULE: u64 = u64::MAX;
/// The page goes on with the packet of the page before.
pub(super) const CONTINUED: u8 = 1;
/// The stream's first page.
pub(super) const FIRST: u8 = 2;
/// The stream's last page.
pub(super) const LAST: u8 = 4;

const HEADER_LEN: usize = 27;
const CRC_OFFSET: usize = 22;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Page {
    pub(super) flags: u8,
    /// Samples at the end of the last packet that ends in this page.
    pub(super) granule: u64,
    pub(super) serial: u32,
    pub(super) sequence: u32,
    /// How long each segment is. A packet ends with the first one shorter than 255.
    pub(super) segments: Vec<u8>,
    pub(super) body: Vec<u8>,
}

impl Page {
    pub(super) fn write(&self, output: &mut impl Write) -> Result<(), Error> {
        let mut bytes = Vec::with_capacity(HEADER_LEN + self.segments.len() + self.body.len());
        bytes.extend_from_slice(b"OggS\0");
        bytes.push(self.flags);
        bytes.extend_from_slice(&self.granule.to_le_bytes());
        bytes.extend_from_slice(&self.serial.to_le_bytes());
        bytes.extend_from_slice(&self.sequence.to_le_bytes());
        bytes.extend_from_slice(&[0; 4]);
        bytes.push(u8::try_from(self.segments.len()).map_err(|_| Error::TooLarge("a page"))?);
        bytes.extend_from_slice(&self.segments);
        bytes.extend_from_slice(&self.body);
        let crc = crc(0, &bytes);
        bytes[CRC_OFFSET..CRC_OFFSET + 4].copy_from_slice(&crc.to_le_bytes());
        output.write_all(&bytes)?;
        Ok(())
    }

    /// Reads the next page; none at the end of the input.
    pub(super) fn read(input: &mut impl Read) -> Result<Option<Self>, Error> {
        let mut header = [0; HEADER_LEN];
        if !read_whole(input, &mut header, "the header of a page")? {
            return Ok(None);
        }
        if !header.starts_with(b"OggS\0") {
            return Err(Error::malformed("a page does not begin with OggS"));
        }
        let segments = read_len(input, usize::from(header[26]))?.ok_or(Error::Truncated("a page"))?;
        let len = segments.iter().map(|segment| usize::from(*segment)).sum();
        let body = read_len(input, len)?.ok_or(Error::Truncated("a page"))?;
        let u32_at =
            |at: usize| u32::from_le_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]]);
        let page = Self {
            flags: header[5],
            granule: u64::from(u32_at(6)) | (u64::from(u32_at(10)) << 32),
            serial: u32_at(14),
            sequence: u32_at(18),
            segments,
            body,
        };
        let expected = u32_at(CRC_OFFSET);
        header[CRC_OFFSET..CRC_OFFSET + 4].fill(0);
        if crc(crc(crc(0, &header), &page.segments), &page.body) != expected {
            return Err(Error::malformed("the checksum of a page is wrong"));
        }
        Ok(Some(page))
    }
}

/// CRC-32 with the polynomial 0x04C11DB7, not reflected, begun with and ended by 0 (RFC 3533 §6).
fn crc(crc: u32, bytes: &[u8]) -> u32 {
    bytes.iter().fold(crc, |crc, byte| (crc << 8) ^ CRC_TABLE[((crc >> 24) as u8 ^ byte) as usize])
}

static CRC_TABLE: [u32; 256] = crc_table();

const fn crc_table() -> [u32; 256] {
    let mut table = [0; 256];
    let mut index: u32 = 0;
    while index < 256 {
        let mut value = index << 24;
        let mut bit = 0;
        while bit < 8 {
            value = (value << 1) ^ (if value & 0x8000_0000 == 0 { 0 } else { 0x04C1_1DB7 });
            bit += 1;
        }
        table[index as usize] = value;
        index += 1;
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_reads_as_it_was_written_and_no_bit_may_change() {
        let page = Page {
            flags: FIRST,
            granule: 0x0102_0304_0506_0708,
            serial: 7,
            sequence: 9,
            segments: vec![255, 3],
            body: vec![5; 258],
        };
        let mut bytes = Vec::new();
        page.write(&mut bytes).unwrap();

        assert_eq!(Page::read(&mut &bytes[..]).unwrap(), Some(page));
        for at in [5, 10, 23, 27, 40, bytes.len() - 1] {
            let mut broken = bytes.clone();
            broken[at] ^= 1;
            assert!(Page::read(&mut &broken[..]).is_err(), "byte {at}");
        }
        assert!(matches!(Page::read(&mut &bytes[..100]), Err(Error::Truncated(_))));
        assert_eq!(Page::read(&mut &[][..]).unwrap(), None);
    }
}
