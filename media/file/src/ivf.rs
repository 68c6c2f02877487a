//! IVF: a header of 32 bytes, and one of 12 before each frame. Numbers are little-endian.

use crate::{Codec, Error, FRAME_LEN_MAX};
use std::io::{ErrorKind, Read, Seek, SeekFrom, Write};

const HEADER_LEN: usize = 32;
const FRAME_HEADER_LEN: usize = 12;
const FRAME_COUNT_OFFSET: u64 = 24;

/// What an IVF file says of its track.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IvfHeader {
    /// VP8, VP9 or AV1.
    pub codec: Codec,
    /// Pixels from left to right.
    pub width: u16,
    /// Pixels from top to bottom.
    pub height: u16,
    /// Ticks of timestamps in [`Self::ticks_per`] seconds.
    pub ticks: u32,
    /// See [`Self::ticks`]; 1 for most.
    pub ticks_per: u32,
    /// How many frames there are, 0 if whoever wrote the file could not tell.
    pub frame_count: u32,
}

/// A frame with its time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IvfFrame {
    /// In the ticks of the header.
    pub timestamp: u64,
    /// What the encoder made. An AV1 frame here begins with a temporal delimiter.
    pub data: Vec<u8>,
}

/// Writes IVF.
#[derive(Debug)]
pub struct IvfWriter<W> {
    output: W,
    frame_count: u32,
}

impl<W: Write> IvfWriter<W> {
    /// Writes the header.
    pub fn new(mut output: W, header: &IvfHeader) -> Result<Self, Error> {
        let fourcc = header.codec.fourcc().ok_or(Error::InvalidArgument("IVF holds VP8, VP9 and AV1"))?;
        let mut bytes = [0; HEADER_LEN];
        bytes[..4].copy_from_slice(b"DKIF");
        bytes[6] = 32;
        bytes[8..12].copy_from_slice(&fourcc);
        bytes[12..14].copy_from_slice(&header.width.to_le_bytes());
        bytes[14..16].copy_from_slice(&header.height.to_le_bytes());
        bytes[16..20].copy_from_slice(&header.ticks.to_le_bytes());
        bytes[20..24].copy_from_slice(&header.ticks_per.to_le_bytes());
        bytes[24..28].copy_from_slice(&header.frame_count.to_le_bytes());
        output.write_all(&bytes)?;
        Ok(Self { output, frame_count: 0 })
    }

    /// Writes a frame. Timestamps should grow.
    pub fn write_frame(&mut self, timestamp: u64, data: &[u8]) -> Result<(), Error> {
        if data.len() > FRAME_LEN_MAX {
            return Err(Error::TooLarge("a frame"));
        }
        let len = u32::try_from(data.len()).map_err(|_| Error::TooLarge("a frame"))?;
        let mut header = [0; FRAME_HEADER_LEN];
        header[..4].copy_from_slice(&len.to_le_bytes());
        header[4..].copy_from_slice(&timestamp.to_le_bytes());
        self.output.write_all(&header)?;
        self.output.write_all(data)?;
        self.frame_count = self.frame_count.saturating_add(1);
        Ok(())
    }

    /// How many frames have been written.
    pub fn frame_count(&self) -> u32 {
        self.frame_count
    }

    /// Flushes, and gives the output back.
    pub fn finish(mut self) -> Result<W, Error> {
        self.output.flush()?;
        Ok(self.output)
    }
}

impl<W: Write + Seek> IvfWriter<W> {
    /// As [`Self::finish`], with the number of frames put into the header. The file must begin where the output does.
    pub fn finish_counted(mut self) -> Result<W, Error> {
        self.output.seek(SeekFrom::Start(FRAME_COUNT_OFFSET))?;
        self.output.write_all(&self.frame_count.to_le_bytes())?;
        self.output.seek(SeekFrom::End(0))?;
        self.finish()
    }
}

/// Reads IVF.
#[derive(Debug)]
pub struct IvfReader<R> {
    input: R,
    header: IvfHeader,
}

impl<R: Read> IvfReader<R> {
    /// Reads the header.
    pub fn new(mut input: R) -> Result<Self, Error> {
        let mut bytes = [0; HEADER_LEN];
        read_whole(&mut input, &mut bytes, "the header")?
            .then_some(())
            .ok_or(Error::Truncated("the header"))?;
        if !bytes.starts_with(b"DKIF") {
            return Err(Error::malformed("it does not begin with DKIF"));
        }
        let u16_at = |at: usize| u16::from_le_bytes([bytes[at], bytes[at + 1]]);
        let u32_at = |at: usize| u32::from(u16_at(at)) | (u32::from(u16_at(at + 2)) << 16);
        let fourcc = [bytes[8], bytes[9], bytes[10], bytes[11]];
        let codec = Codec::from_fourcc(fourcc)
            .ok_or_else(|| Error::Unsupported(format!("codec {}", fourcc.escape_ascii())))?;
        let extra = usize::from(u16_at(6)).checked_sub(HEADER_LEN);
        let extra = extra.ok_or_else(|| Error::malformed("the header is too short"))?;
        std::io::copy(&mut input.by_ref().take(extra as u64), &mut std::io::sink())?;
        let header = IvfHeader {
            codec,
            width: u16_at(12),
            height: u16_at(14),
            ticks: u32_at(16),
            ticks_per: u32_at(20),
            frame_count: u32_at(24),
        };
        Ok(Self { input, header })
    }

    /// What the file says of its track.
    pub fn header(&self) -> &IvfHeader {
        &self.header
    }

    /// Reads the next frame; none at the end of the file. [`Error::Truncated`] if that end is within a frame.
    pub fn next_frame(&mut self) -> Result<Option<IvfFrame>, Error> {
        let mut header = [0; FRAME_HEADER_LEN];
        if !read_whole(&mut self.input, &mut header, "the header of a frame")? {
            return Ok(None);
        }
        let [l0, l1, l2, l3, timestamp @ ..] = header;
        let len = u32::from_le_bytes([l0, l1, l2, l3]);
        let len = usize::try_from(len)
            .ok()
            .filter(|len| *len <= FRAME_LEN_MAX)
            .ok_or(Error::TooLarge("a frame"))?;
        let data = read_len(&mut self.input, len)?.ok_or(Error::Truncated("a frame"))?;
        Ok(Some(IvfFrame { timestamp: u64::from_le_bytes(timestamp), data }))
    }
}

/// Fills `bytes`. False if the input was at its end before the first of them.
pub(crate) fn read_whole(input: &mut impl Read, bytes: &mut [u8], what: &'static str) -> Result<bool, Error> {
    let mut len = 0;
    while len < bytes.len() {
        match input.read(&mut bytes[len..]) {
            Ok(0) if len == 0 => return Ok(false),
            Ok(0) => return Err(Error::Truncated(what)),
            Ok(more) => len += more,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(true)
}

/// Reads `len` bytes; none if there are fewer. Memory grows with what is there, not with what a header claims.
pub(crate) fn read_len(input: &mut impl Read, len: usize) -> Result<Option<Vec<u8>>, Error> {
    let mut data = Vec::new();
    input.take(len as u64).read_to_end(&mut data)?;
    Ok((data.len() == len).then_some(data))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::io::Cursor;

    const HEADER: IvfHeader =
        IvfHeader { codec: Codec::Vp8, width: 640, height: 360, ticks: 90_000, ticks_per: 1, frame_count: 0 };

    proptest! {
        #[test]
        fn what_is_written_reads_the_same(frames in proptest::collection::vec(any::<(u64, Vec<u8>)>(), 0..9)) {
            let mut writer = IvfWriter::new(Cursor::new(Vec::new()), &HEADER).unwrap();
            for (timestamp, data) in &frames {
                writer.write_frame(*timestamp, data).unwrap();
            }
            let file = writer.finish_counted().unwrap().into_inner();

            let mut reader = IvfReader::new(&file[..]).unwrap();

            prop_assert_eq!(reader.header().frame_count as usize, frames.len());
            for (timestamp, data) in frames {
                prop_assert_eq!(reader.next_frame().unwrap(), Some(IvfFrame { timestamp, data }));
            }
            prop_assert!(reader.next_frame().unwrap().is_none());
        }
    }

    #[test]
    fn a_cut_file_gives_what_is_whole() {
        let mut writer = IvfWriter::new(Vec::new(), &HEADER).unwrap();
        writer.write_frame(0, b"one").unwrap();
        writer.write_frame(1, b"two").unwrap();
        let file = writer.finish().unwrap();

        let mut reader = IvfReader::new(&file[..file.len() - 1]).unwrap();

        assert_eq!(reader.next_frame().unwrap().unwrap().data, b"one");
        assert!(matches!(reader.next_frame(), Err(Error::Truncated(_))));
    }

    #[test]
    fn what_is_no_ivf_is_refused() {
        assert!(matches!(IvfReader::new(&[][..]), Err(Error::Truncated(_))));
        assert!(matches!(IvfReader::new(&[7; 32][..]), Err(Error::Malformed(_))));
        let mut file = IvfWriter::new(Vec::new(), &HEADER).unwrap().finish().unwrap();
        file.extend_from_slice(&[0xFF; 12]);
        assert!(matches!(IvfReader::new(&file[..]).unwrap().next_frame(), Err(Error::TooLarge(_))));
        file[8] = b'X';
        assert!(matches!(IvfReader::new(&file[..]), Err(Error::Unsupported(_))));
        assert!(IvfWriter::new(Vec::new(), &IvfHeader { codec: Codec::Opus, ..HEADER }).is_err());
    }
}
