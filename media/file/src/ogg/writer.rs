use super::packet_ticks;
use super::page::{CONTINUED, FIRST, LAST, NO_GRANULE, Page, SEGMENTS_MAX};
use crate::opus_head::OpusHead;
use crate::{Error, FRAME_LEN_MAX};
use std::io::Write;

/// A page is written when it holds this much sound, in samples at 48 kHz: what a crash may cost.
const PAGE_TICKS: u64 = 24_000;
const VENDOR: &[u8] = b"moim";

/// Writes an Ogg file with one track of Opus.
#[derive(Debug)]
pub struct OggOpusWriter<W> {
    output: W,
    page: Page,
    /// Samples at the end of what was written.
    granule: u64,
    /// Samples at the end of the page before.
    page_start: u64,
}

impl<W: Write> OggOpusWriter<W> {
    /// Writes the two headers. `serial` tells this stream from others in one file: any number will do.
    pub fn new(mut output: W, head: &OpusHead, serial: u32) -> Result<Self, Error> {
        let head = head.to_bytes();
        let segments = vec![segment_len(&head)];
        Page { flags: FIRST, serial, segments, body: head.to_vec(), ..Page::default() }.write(&mut output)?;
        // RFC 7845 §5.2: who made it, and no comments.
        let tags = [&b"OpusTags"[..], &[segment_len(VENDOR), 0, 0, 0], VENDOR, &[0; 4]].concat();
        let segments = vec![segment_len(&tags)];
        Page { serial, sequence: 1, segments, body: tags, ..Page::default() }.write(&mut output)?;
        let page = Page { serial, sequence: 2, granule: NO_GRANULE, ..Page::default() };
        Ok(Self { output, page, granule: 0, page_start: 0 })
    }

    /// Writes a packet that follows the one before without a gap.
    pub fn write_packet(&mut self, packet: &[u8]) -> Result<(), Error> {
        let ticks = packet_ticks(packet).ok_or(Error::InvalidArgument("it is no packet of Opus"))?;
        if packet.len() > FRAME_LEN_MAX {
            return Err(Error::TooLarge("a packet"));
        }
        let mut rest = packet;
        loop {
            let (segment, behind) = rest.split_at(rest.len().min(255));
            self.page.segments.push(segment_len(segment));
            self.page.body.extend_from_slice(segment);
            rest = behind;
            let is_end = segment.len() < 255;
            if is_end {
                self.granule += u64::from(ticks);
                self.page.granule = self.granule;
            }
            if self.page.segments.len() == SEGMENTS_MAX {
                self.write_page(if is_end { 0 } else { CONTINUED })?;
            }
            if is_end {
                break;
            }
        }
        if self.granule - self.page_start >= PAGE_TICKS {
            self.write_page(0)?;
        }
        Ok(())
    }

    /// Leaves a gap: what follows begins so many samples at 48 kHz after the beginning of the track. Earlier than the end of what was written:
    /// no effect. Players wait, or conceal the gap (RFC 7845 §4.1).
    pub fn skip_to(&mut self, start: u64) -> Result<(), Error> {
        if start > self.granule {
            // The position of a page is that of its end: the packets before the gap must not share one with those behind.
            self.write_page(0)?;
            self.granule = start;
            self.page_start = start;
        }
        Ok(())
    }

    /// Samples at 48 kHz at the end of what was written.
    pub fn position(&self) -> u64 {
        self.granule
    }

    /// Writes the last page, flushes, and gives the output back.
    pub fn finish(mut self) -> Result<W, Error> {
        self.page.flags |= LAST;
        self.page.granule = self.granule;
        self.page.write(&mut self.output)?;
        self.output.flush()?;
        Ok(self.output)
    }

    fn write_page(&mut self, next_flags: u8) -> Result<(), Error> {
        if self.page.segments.is_empty() {
            return Ok(());
        }
        self.page.write(&mut self.output)?;
        self.page.segments.clear();
        self.page.body.clear();
        self.page.sequence = self.page.sequence.wrapping_add(1);
        self.page.flags = next_flags;
        self.page.granule = NO_GRANULE;
        self.page_start = self.granule;
        Ok(())
    }
}

/// What a page writes for the length of a segment, which is at most 255.
fn segment_len(segment: &[u8]) -> u8 {
    u8::try_from(segment.len()).unwrap_or(255)
}
