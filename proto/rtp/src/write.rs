use crate::extension::{AbsSendTime, ONE_BYTE_PROFILE, TWO_BYTE_PROFILE};
use crate::{ExtensionKind, ExtensionMap, ExtensionValues, HEADER_LEN_MIN};
use moim_wire::{OutOfSpace, PayloadType, RtpTimestamp, SeqNo, Ssrc, Writer};

/// The fixed fields of a header to be written (RFC 3550 §5.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutgoingHeader<'a> {
    /// The marker.
    pub marker: bool,
    /// The format.
    pub payload_type: PayloadType,
    /// The place in the stream.
    pub seq: SeqNo,
    /// The media clock's reading.
    pub timestamp: RtpTimestamp,
    /// The stream.
    pub ssrc: Ssrc,
    /// Who contributed: at most 15, more are left out.
    pub csrcs: &'a [Ssrc],
    /// Whether padding will follow the payload ([`write_padding`]).
    pub has_padding: bool,
}

impl<'a> OutgoingHeader<'a> {
    #[inline]
    fn counted_csrcs(&self) -> &'a [Ssrc] {
        &self.csrcs[..self.csrcs.len().min(15)]
    }
}

/// A header as it was written, and where in it lies what is only known when the packet leaves.
///
/// The default is that of no header at all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HeaderLayout {
    /// Its length, in bytes.
    pub header_len: usize,
    /// 0: nowhere. The fixed header is there.
    transport_sequence_at: u16,
    /// 0: nowhere.
    abs_send_time_at: u16,
}

impl HeaderLayout {
    /// Whether the header has a number for congestion control.
    pub fn has_transport_sequence(&self) -> bool {
        self.transport_sequence_at != 0
    }

    /// Overwrites the number for congestion control, if the header has one.
    pub fn set_transport_sequence(&self, packet: &mut [u8], seq: SeqNo) {
        patch(packet, self.transport_sequence_at, seq.0.to_be_bytes());
    }

    /// Overwrites when the packet is sent, if the header says so.
    pub fn set_abs_send_time(&self, packet: &mut [u8], time: AbsSendTime) {
        let [_, bytes @ ..] = time.bits().to_be_bytes();
        patch(packet, self.abs_send_time_at, bytes);
    }
}

fn patch<const N: usize>(packet: &mut [u8], at: u16, bytes: [u8; N]) {
    let at = usize::from(at);
    if at != 0
        && let Some(target) = packet.get_mut(at..at + N)
    {
        target.copy_from_slice(&bytes);
    }
}

/// Writes a header with its extensions to the beginning of `out`.
///
/// Values that the map has no number for are left out, and so are those that need the two-byte form where that is not allowed
/// (longer than 16 bytes, or empty). `raw` is the buffer that the long values lie in: the packet they were read from,
/// when forwarding.
pub fn write_header(
    out: &mut [u8],
    header: &OutgoingHeader<'_>,
    map: &ExtensionMap,
    values: &ExtensionValues,
    raw: &[u8],
) -> Result<HeaderLayout, OutOfSpace> {
    let mut out = Writer::new(out);
    for word in fixed_header(header) {
        out.u32(word)?;
    }
    for csrc in header.counted_csrcs() {
        out.u32(csrc.0)?;
    }
    let start = out.len();
    let form = if map.requires_two_byte() { Form::TwoByte } else { Form::OneByte };
    let mut block = Block::new(form, map);
    match block.write(&mut out, values, raw) {
        Ok(()) => {}
        Err(Stop::OutOfSpace) => return Err(OutOfSpace),
        // Rare: a dependency descriptor with its structure. Everything once more, in the other form.
        Err(Stop::NeedsTwoByte) => {
            out.truncate(start);
            block = Block::new(Form::TwoByte, map);
            block.write(&mut out, values, raw).map_err(|_| OutOfSpace)?;
        }
    }
    let mut layout = block.layout;
    if out.len() == start + BLOCK_HEADER_LEN {
        out.truncate(start);
    } else {
        while (out.len() - start) % 4 != 0 {
            out.u8(0)?;
        }
        let words = (out.len() - start - BLOCK_HEADER_LEN) / 4;
        out.patch_u16(start + 2, u16::try_from(words).map_err(|_| OutOfSpace)?);
        let first = &mut out.into_written()[0];
        *first |= HAS_EXTENSION;
        layout.header_len = start + BLOCK_HEADER_LEN + words * 4;
        return Ok(layout);
    }
    layout.header_len = start;
    Ok(layout)
}

/// The header up to contributing sources, without the bit that says that there is an extension.
///
/// As words, which are written where they belong: put together as bytes first, they would be read back as other words than they were written as,
/// and that waits for everything that was written before.
#[inline]
pub(crate) fn fixed_header(header: &OutgoingHeader<'_>) -> [u32; HEADER_LEN_MIN / 4] {
    let csrc_count = u32::try_from(header.counted_csrcs().len()).unwrap_or_default();
    let first = 0x80 | (u32::from(header.has_padding) << 5) | csrc_count;
    let second = (u32::from(header.marker) << 7) | u32::from(header.payload_type.get());
    let start = (first << 24) | (second << 16) | u32::from(header.seq.0);
    [start, header.timestamp.0, header.ssrc.0]
}

/// Fills `out` with padding, whose last byte says how long it is: 1 to 255 bytes (RFC 3550 §5.1). Too many or none: no effect.
pub fn write_padding(out: &mut [u8]) {
    let Ok(len @ 1..) = u8::try_from(out.len()) else {
        return;
    };
    out.fill(0);
    if let Some(last) = out.last_mut() {
        *last = len;
    }
}

/// The bit of the first byte that says that there is an extension (RFC 3550 §5.1).
pub(crate) const HAS_EXTENSION: u8 = 0x10;
/// The profile and the length before the elements.
const BLOCK_HEADER_LEN: usize = 4;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    OneByte,
    TwoByte,
}

enum Stop {
    OutOfSpace,
    NeedsTwoByte,
}

impl From<OutOfSpace> for Stop {
    fn from(OutOfSpace: OutOfSpace) -> Self {
        Self::OutOfSpace
    }
}

/// The extension block in one of its forms.
struct Block<'a> {
    form: Form,
    map: &'a ExtensionMap,
    layout: HeaderLayout,
}

impl<'a> Block<'a> {
    fn new(form: Form, map: &'a ExtensionMap) -> Self {
        Self { form, map, layout: HeaderLayout::default() }
    }

    fn write(&mut self, out: &mut Writer<'_>, values: &ExtensionValues, raw: &[u8]) -> Result<(), Stop> {
        out.u16(if self.form == Form::OneByte { ONE_BYTE_PROFILE } else { TWO_BYTE_PROFILE })?;
        out.u16(0)?;
        values.try_for_each(raw, |kind, data| self.element(out, kind, data))
    }

    fn element(&mut self, out: &mut Writer<'_>, kind: ExtensionKind, data: &[u8]) -> Result<(), Stop> {
        let Some(id) = self.map.id(kind) else {
            return Ok(());
        };
        if is_transport_sequence(kind) && self.layout.has_transport_sequence() {
            return Ok(());
        }
        match (self.form, u8::try_from(data.len())) {
            (Form::OneByte, Ok(len @ 1..=16)) if id <= 14 => out.u8((id << 4) | (len - 1))?,
            (Form::OneByte, Ok(_)) if self.map.allows_two_byte() => return Err(Stop::NeedsTwoByte),
            (Form::TwoByte, Ok(len)) => {
                out.u8(id)?;
                out.u8(len)?;
            }
            _ => return Ok(()),
        }
        if is_transport_sequence(kind) {
            self.layout.transport_sequence_at = place(out)?;
        } else if kind == ExtensionKind::AbsSendTime {
            self.layout.abs_send_time_at = place(out)?;
        }
        Ok(out.bytes(data)?)
    }
}

fn place(out: &Writer<'_>) -> Result<u16, OutOfSpace> {
    u16::try_from(out.len()).map_err(|_| OutOfSpace)
}

/// In either version, of which a packet carries one.
fn is_transport_sequence(kind: ExtensionKind) -> bool {
    matches!(kind, ExtensionKind::TransportSequenceNumber | ExtensionKind::TransportSequenceNumberV2)
}
