use super::page::{CONTINUED, FIRST, NO_GRANULE, Page};
use super::{OpusPacket, packet_ticks};
use crate::opus_head::OpusHead;
use crate::{Error, FRAME_LEN_MAX};
use std::collections::VecDeque;
use std::io::Read;

/// Pages of other streams before the first one of Opus, or between two of its own.
const FOREIGN_PAGES_MAX: usize = 4_096;

/// Reads the first track of Opus in an Ogg file. Other tracks are passed over.
#[derive(Debug)]
pub struct OggOpusReader<R> {
    input: R,
    head: OpusHead,
    serial: u32,
    /// Packets of the page at hand. A page has 255 segments, so they are few.
    packets: VecDeque<OpusPacket>,
    /// The beginning of a packet that goes on in the next page.
    partial: Vec<u8>,
    /// Samples at the end of the last packet.
    granule: u64,
}

impl<R: Read> OggOpusReader<R> {
    /// Reads up to the end of the headers.
    pub fn new(mut input: R) -> Result<Self, Error> {
        let (head, serial) = Self::find_head(&mut input)?;
        let mut reader =
            Self { input, head, serial, packets: VecDeque::new(), partial: Vec::new(), granule: 0 };
        let tags = loop {
            let page = reader.next_page()?.ok_or(Error::Truncated("the headers"))?;
            if let Some(tags) = reader.split(&page)?.into_iter().next() {
                break tags;
            }
        };
        if !tags.starts_with(b"OpusTags") {
            return Err(Error::malformed("OpusHead is not followed by OpusTags"));
        }
        Ok(reader)
    }

    fn find_head(input: &mut R) -> Result<(OpusHead, u32), Error> {
        for _ in 0..FOREIGN_PAGES_MAX {
            let page = Page::read(input)?.ok_or_else(|| Error::malformed("there is no track of Opus"))?;
            if page.flags & FIRST == 0 {
                return Err(Error::malformed("there is no track of Opus"));
            }
            if page.body.starts_with(b"OpusHead") {
                return Ok((OpusHead::parse(&page.body)?, page.serial));
            }
        }
        Err(Error::TooLarge("the beginning"))
    }

    /// What the file says of the track.
    pub fn head(&self) -> &OpusHead {
        &self.head
    }

    /// Reads the next packet; none at the end of the track. [`Error::Truncated`] if the file ends within a page.
    pub fn next_packet(&mut self) -> Result<Option<OpusPacket>, Error> {
        loop {
            if let Some(packet) = self.packets.pop_front() {
                return Ok(Some(packet));
            }
            let Some(page) = self.next_page()? else {
                return if self.partial.is_empty() { Ok(None) } else { Err(Error::Truncated("a packet")) };
            };
            let packets = self.split(&page)?;
            self.place(packets, page.granule)?;
        }
    }

    fn next_page(&mut self) -> Result<Option<Page>, Error> {
        for _ in 0..FOREIGN_PAGES_MAX {
            match Page::read(&mut self.input)? {
                Some(page) if page.serial != self.serial => {}
                page => return Ok(page),
            }
        }
        Err(Error::TooLarge("a gap in the track"))
    }

    /// The packets that end in a page.
    fn split(&mut self, page: &Page) -> Result<Vec<Vec<u8>>, Error> {
        if page.flags & CONTINUED == 0 {
            self.partial.clear();
        } else if self.partial.is_empty() {
            return Err(Error::malformed("a page goes on with a packet that never began"));
        }
        let (mut packets, mut rest) = (Vec::new(), &page.body[..]);
        for segment in &page.segments {
            let (data, behind) = rest.split_at(usize::from(*segment));
            rest = behind;
            if self.partial.len() + data.len() > FRAME_LEN_MAX {
                return Err(Error::TooLarge("a packet"));
            }
            self.partial.extend_from_slice(data);
            if *segment < 255 {
                packets.push(std::mem::take(&mut self.partial));
            }
        }
        Ok(packets)
    }

    /// Gives packets their times. The page says where the last of them ends, so a gap before the page is seen (RFC 7845 §4.1); at the end of
    /// a track the position may be short of the last packet's end, which trims it (§4.4) and moves nothing.
    fn place(&mut self, packets: Vec<Vec<u8>>, granule: u64) -> Result<(), Error> {
        let ticks: Option<Vec<u32>> = packets.iter().map(|packet| packet_ticks(packet)).collect();
        let ticks = ticks.ok_or_else(|| Error::malformed("a packet is none of Opus"))?;
        let total: u64 = ticks.iter().copied().map(u64::from).sum();
        if granule != NO_GRANULE {
            self.granule = self.granule.max(granule.saturating_sub(total));
        }
        for (data, ticks) in packets.into_iter().zip(ticks) {
            self.packets.push_back(OpusPacket { start: self.granule, ticks, data });
            self.granule = self.granule.saturating_add(u64::from(ticks));
        }
        Ok(())
    }
}
