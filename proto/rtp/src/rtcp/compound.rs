use super::ccfb::CcfbWriter;
use super::extended::{DELAY_SINCE_REFERENCE, ExtendedBlock, write_head};
use super::twcc::{self, TwccBase};
use super::{DlrrBlock, Entry, FirEntry, HEADER_LEN, Item, NackEntry, Remb, ReportBlock, SenderInfo};
use super::{format, packet_type};
use moim_wire::{Bitrate, NtpTime, OutOfSpace, SeqNo, Ssrc, Writer};

/// What five bits can count.
const COUNT_MAX: usize = 31;

/// Writes one RTCP packet after the other into a caller's buffer.
///
/// A packet that does not fit, in the buffer or in the format's own limits, is not begun: [`OutOfSpace`], and what was written before it stands.
#[derive(Debug)]
pub struct Compound<'a> {
    out: Writer<'a>,
}

/// What a source description is to say about a source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutgoingChunk<'a> {
    /// The source.
    pub ssrc: Ssrc,
    /// What is said, each in at most 255 bytes.
    pub items: &'a [Item<'a>],
}

impl<'a> Compound<'a> {
    /// A compound packet at the beginning of `buffer`, which has the size that a packet may have.
    pub fn new(buffer: &'a mut [u8]) -> Self {
        Self { out: Writer::new(buffer) }
    }

    /// How many bytes have been written.
    pub fn len(&self) -> usize {
        self.out.len()
    }

    /// Whether nothing has been written yet.
    pub fn is_empty(&self) -> bool {
        self.out.is_empty()
    }

    /// What has been written.
    pub fn written(&self) -> &[u8] {
        self.out.written()
    }

    /// A sender report with at most 31 reports on what it receives (RFC 3550 §6.4.1).
    pub fn sender_report(&mut self, info: &SenderInfo, reports: &[ReportBlock]) -> Result<(), OutOfSpace> {
        self.packet(packet_type::SENDER_REPORT, count(reports.len())?, |out| {
            info.write(out)?;
            write_all(out, reports)
        })
    }

    /// A receiver report on at most 31 streams (RFC 3550 §6.4.2).
    pub fn receiver_report(&mut self, ssrc: Ssrc, reports: &[ReportBlock]) -> Result<(), OutOfSpace> {
        self.packet(packet_type::RECEIVER_REPORT, count(reports.len())?, |out| {
            out.u32(ssrc.0)?;
            write_all(out, reports)
        })
    }

    /// A source description: for at most 31 sources (RFC 3550 §6.5).
    pub fn source_description(&mut self, chunks: &[OutgoingChunk<'_>]) -> Result<(), OutOfSpace> {
        self.packet(packet_type::SOURCE_DESCRIPTION, count(chunks.len())?, |out| {
            for chunk in chunks {
                out.u32(chunk.ssrc.0)?;
                for item in chunk.items {
                    out.u8(item.kind.0)?;
                    out.u8(u8::try_from(item.text.len()).map_err(|_| OutOfSpace)?)?;
                    out.bytes(item.text)?;
                }
                out.u8(0)?;
                pad(out)?;
            }
            Ok(())
        })
    }

    /// The end of at most 31 sources, and why: at most 255 bytes (RFC 3550 §6.6).
    pub fn bye(&mut self, ssrcs: &[Ssrc], reason: Option<&str>) -> Result<(), OutOfSpace> {
        self.packet(packet_type::BYE, count(ssrcs.len())?, |out| {
            write_all(out, ssrcs)?;
            if let Some(reason) = reason {
                out.u8(u8::try_from(reason.len()).map_err(|_| OutOfSpace)?)?;
                out.bytes(reason.as_bytes())?;
                pad(out)?;
            }
            Ok(())
        })
    }

    /// Data of an application's: whole words of it (RFC 3550 §6.7).
    pub fn app(&mut self, subtype: u8, ssrc: Ssrc, name: [u8; 4], data: &[u8]) -> Result<(), OutOfSpace> {
        self.packet(packet_type::APP, count(usize::from(subtype))?, |out| {
            out.u32(ssrc.0)?;
            out.bytes(&name)?;
            out.bytes(data)?;
            pad(out)
        })
    }

    /// An extended report of several blocks (RFC 3611 §2). [`OutOfSpace`] also if one of them is not of whole words of four bytes.
    pub fn extended_report<'b>(
        &mut self,
        ssrc: Ssrc,
        blocks: impl IntoIterator<Item = ExtendedBlock<'b>>,
    ) -> Result<(), OutOfSpace> {
        self.packet(packet_type::EXTENDED_REPORT, 0, |out| {
            out.u32(ssrc.0)?;
            blocks.into_iter().try_for_each(|block| block.write(out))
        })
    }

    /// A reference time of somebody who may send no media (RFC 3611 §4.4).
    pub fn reference_time(&mut self, ssrc: Ssrc, time: NtpTime) -> Result<(), OutOfSpace> {
        self.extended_report(ssrc, [ExtendedBlock::ReferenceTime(time)])
    }

    /// Answers to reference times (RFC 3611 §4.5).
    pub fn delay_since_reference(&mut self, ssrc: Ssrc, blocks: &[DlrrBlock]) -> Result<(), OutOfSpace> {
        self.packet(packet_type::EXTENDED_REPORT, 0, |out| {
            out.u32(ssrc.0)?;
            write_head(out, [DELAY_SINCE_REFERENCE, 0], blocks.len() * DlrrBlock::LEN)?;
            write_all(out, blocks)
        })
    }

    /// Missing packets of a stream, in ascending order (RFC 4585 §6.2.1). As many as fit are written; how many is handed out.
    pub fn nack(
        &mut self,
        sender: Ssrc,
        media: Ssrc,
        seqs: impl IntoIterator<Item = SeqNo>,
    ) -> Result<usize, OutOfSpace> {
        let mut written = 0;
        self.packet(packet_type::TRANSPORT_FEEDBACK, format::NACK, |out| {
            out.u32(sender.0)?;
            out.u32(media.0)?;
            // Each entry is begun only when there is room for all of it.
            let mut entries_left = out.remaining() / NackEntry::LEN;
            let mut seqs = seqs.into_iter().peekable();
            while entries_left > 0 {
                let Some(first) = seqs.next() else { break };
                let mut entry = NackEntry { first, following: 0 };
                written += 1;
                while let Some(wider) = seqs.peek().and_then(|seq| entry.with(*seq)) {
                    entry = wider;
                    seqs.next();
                    written += 1;
                }
                entry.write(out)?;
                entries_left -= 1;
            }
            if written == 0 { Err(OutOfSpace) } else { Ok(()) }
        })?;
        Ok(written)
    }

    /// A picture of `media` cannot be decoded (RFC 4585 §6.3.1).
    pub fn picture_loss(&mut self, sender: Ssrc, media: Ssrc) -> Result<(), OutOfSpace> {
        self.packet(packet_type::PAYLOAD_FEEDBACK, format::PLI, |out| write_all(out, &[sender, media]))
    }

    /// Pictures are wanted that need no others (RFC 5104 §4.3.1).
    pub fn full_intra_request(&mut self, sender: Ssrc, entries: &[FirEntry]) -> Result<(), OutOfSpace> {
        self.packet(packet_type::PAYLOAD_FEEDBACK, format::FIR, |out| {
            write_all(out, &[sender, Ssrc(0)])?;
            write_all(out, entries)
        })
    }

    /// How much can be received, of at most 255 streams together (draft-alvestrand-rmcat-remb-03).
    pub fn remb(&mut self, sender: Ssrc, bitrate: Bitrate, ssrcs: &[Ssrc]) -> Result<(), OutOfSpace> {
        self.packet(packet_type::PAYLOAD_FEEDBACK, format::APPLICATION, |out| {
            Remb::write(out, sender, bitrate, ssrcs)
        })
    }

    /// When packets of a transport arrived: from the first one on, the time since the one before in units of 250 µs, or [`None`] for one
    /// that did not arrive. As many as fit are written; how many is handed out.
    pub fn twcc(
        &mut self,
        sender: Ssrc,
        media: Ssrc,
        base: TwccBase,
        statuses: impl Iterator<Item = Option<i16>> + Clone,
    ) -> Result<usize, OutOfSpace> {
        self.packet(packet_type::TRANSPORT_FEEDBACK, format::TWCC, |out| {
            write_all(out, &[sender, media])?;
            let written = twcc::write(out, base, statuses)?;
            pad(out)?;
            Ok(written)
        })
    }

    /// When packets of streams arrived (RFC 8888 §3.1): `write` says it stream by stream, and stops when one does not fit.
    /// `time` is the moment that arrivals are told relative to: [`NtpTime::middle`].
    pub fn ccfb<T>(
        &mut self,
        sender: Ssrc,
        time: u32,
        write: impl FnOnce(&mut CcfbWriter<'_, 'a>) -> T,
    ) -> Result<T, OutOfSpace> {
        self.packet(packet_type::TRANSPORT_FEEDBACK, format::CCFB, |out| {
            out.u32(sender.0)?;
            let mut writer = CcfbWriter::new(out, time)?;
            let result = write(&mut writer);
            writer.finish()?;
            Ok(result)
        })
    }

    /// Writes one packet, or nothing.
    fn packet<T>(
        &mut self,
        packet_type: u8,
        count: u8,
        body: impl FnOnce(&mut Writer<'a>) -> Result<T, OutOfSpace>,
    ) -> Result<T, OutOfSpace> {
        let start = self.out.len();
        let written = self.try_packet(packet_type, count, body);
        if written.is_err() {
            self.out.truncate(start);
        }
        written
    }

    fn try_packet<T>(
        &mut self,
        packet_type: u8,
        count: u8,
        body: impl FnOnce(&mut Writer<'a>) -> Result<T, OutOfSpace>,
    ) -> Result<T, OutOfSpace> {
        let start = self.out.len();
        self.out.bytes(&[0x80 | count, packet_type, 0, 0])?;
        let result = body(&mut self.out)?;
        let words = (self.out.len() - start - HEADER_LEN) / 4;
        self.out.patch_u16(start + 2, u16::try_from(words).map_err(|_| OutOfSpace)?);
        Ok(result)
    }
}

fn count(len: usize) -> Result<u8, OutOfSpace> {
    u8::try_from(len.min(COUNT_MAX + 1))
        .ok()
        .filter(|count| usize::from(*count) <= COUNT_MAX)
        .ok_or(OutOfSpace)
}

fn write_all<T: Entry>(out: &mut Writer<'_>, entries: &[T]) -> Result<(), OutOfSpace> {
    entries.iter().try_for_each(|entry| entry.write(out))
}

/// Zeros up to the next whole word. Packets before are whole words, so that the length so far tells.
fn pad(out: &mut Writer<'_>) -> Result<(), OutOfSpace> {
    while !out.len().is_multiple_of(4) {
        out.u8(0)?;
    }
    Ok(())
}
