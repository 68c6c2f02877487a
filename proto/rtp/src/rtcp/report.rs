use super::Entry;
use moim_wire::{NtpTime, OutOfSpace, Reader, RtpTimestamp, Ssrc, Writer};

/// What a sender says about its stream (RFC 3550 §6.4.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SenderInfo {
    /// The stream.
    pub ssrc: Ssrc,
    /// When the report was sent, by the sender's wall clock.
    pub ntp: NtpTime,
    /// The same moment by the media clock.
    pub timestamp: RtpTimestamp,
    /// Packets sent so far; it wraps.
    pub packets: u32,
    /// Bytes of payload sent so far, without headers and padding; it wraps.
    pub octets: u32,
}

impl SenderInfo {
    pub(super) fn read(reader: &mut Reader<'_>) -> Option<Self> {
        Some(Self {
            ssrc: Ssrc(reader.u32()?),
            ntp: NtpTime(reader.u64()?),
            timestamp: RtpTimestamp(reader.u32()?),
            packets: reader.u32()?,
            octets: reader.u32()?,
        })
    }

    pub(super) fn write(&self, out: &mut Writer<'_>) -> Result<(), OutOfSpace> {
        out.u32(self.ssrc.0)?;
        out.u64(self.ntp.0)?;
        out.u32(self.timestamp.0)?;
        out.u32(self.packets)?;
        out.u32(self.octets)
    }
}

/// What somebody says about a stream that it receives (RFC 3550 §6.4.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReportBlock {
    /// The stream.
    pub ssrc: Ssrc,
    /// The share of packets lost since the report before, in 256ths.
    pub fraction_lost: u8,
    /// Packets lost so far: 24 bits with sign, since packets that arrive twice count as well.
    pub cumulative_lost: i32,
    /// The highest sequence number received, in the lower half, and how often it has wrapped, in the upper.
    pub highest_seq: u32,
    /// How much the time between packets varies, in ticks of the media clock.
    pub jitter: u32,
    /// The middle of the moment of the last sender report ([`NtpTime::middle`]); 0 if there was none.
    pub last_sender_report: u32,
    /// How long ago that arrived, in units of 2^-16 s.
    pub delay_since: u32,
}

impl Entry for ReportBlock {
    const LEN: usize = 24;

    fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let ssrc = Ssrc(reader.u32()?);
        let loss = reader.u32()?;
        Some(Self {
            ssrc,
            fraction_lost: (loss >> 24) as u8,
            // The sign is that of the highest of the 24 bits: shifted there and back.
            cumulative_lost: (loss << 8).cast_signed() >> 8,
            highest_seq: reader.u32()?,
            jitter: reader.u32()?,
            last_sender_report: reader.u32()?,
            delay_since: reader.u32()?,
        })
    }

    fn write(&self, out: &mut Writer<'_>) -> Result<(), OutOfSpace> {
        let lost = self.cumulative_lost.clamp(-(1 << 23), (1 << 23) - 1).cast_unsigned() & 0xFF_FFFF;
        out.u32(self.ssrc.0)?;
        out.u32((u32::from(self.fraction_lost) << 24) | lost)?;
        out.u32(self.highest_seq)?;
        out.u32(self.jitter)?;
        out.u32(self.last_sender_report)?;
        out.u32(self.delay_since)
    }
}
