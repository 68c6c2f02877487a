//! Opus in RTP (RFC 7587): a packet is a frame, and there is no header but Opus's own (RFC 6716 §3.1).

use super::{Fragment, PacketSummary, PayloadError};

/// Ticks of the media clock in a second, whatever rate the sound was sampled at (RFC 7587 §4.1).
pub const CLOCK_RATE: u32 = 48_000;

/// The first byte of an Opus packet (RFC 6716 §3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TableOfContents {
    /// The configuration: mode, bandwidth and frame size, 0 to 31.
    pub configuration: u8,
    /// Whether there are two channels.
    pub is_stereo: bool,
    /// How frames are packed: 0 one, 1 two of one size, 2 two of different sizes, 3 any number.
    pub code: u8,
}

impl TableOfContents {
    /// Reads the first byte of a packet.
    pub fn parse(payload: &[u8]) -> Result<Self, PayloadError> {
        let byte = *payload.first().ok_or(PayloadError::Truncated)?;
        Ok(Self { configuration: byte >> 3, is_stereo: byte & 4 != 0, code: byte & 3 })
    }

    /// How long one frame of this configuration sounds, in ticks of the media clock (RFC 6716 table 2).
    pub fn frame_ticks(self) -> u32 {
        let step = u32::from(self.configuration & 3);
        match self.configuration {
            // SILK: 10, 20, 40 and 60 ms.
            0..=11 => [480, 960, 1_920, 2_880][step as usize],
            // Hybrid: 10 and 20 ms.
            12..=15 => 480 << (step & 1),
            // CELT: 2.5, 5, 10 and 20 ms.
            _ => 120 << step,
        }
    }
}

/// How long a packet sounds, in ticks of the media clock: the number of samples at 48 kHz.
pub fn ticks(payload: &[u8]) -> Result<u32, PayloadError> {
    let contents = TableOfContents::parse(payload)?;
    let frames = match contents.code {
        0 => 1,
        1 | 2 => 2,
        _ => u32::from(payload.get(1).ok_or(PayloadError::Truncated)? & 0x3F),
    };
    let ticks = frames * contents.frame_ticks();
    if ticks == 0 || ticks > 5_760 {
        return Err(PayloadError::Malformed("an Opus packet sounds for up to 120 ms"));
    }
    Ok(ticks)
}

/// What a packet says of itself: every one stands alone.
pub fn summarize(payload: &[u8]) -> Result<PacketSummary, PayloadError> {
    TableOfContents::parse(payload)?;
    Ok(PacketSummary {
        is_frame_start: true,
        is_frame_end: true,
        is_key_frame: true,
        ..PacketSummary::default()
    })
}

/// Gives a frame to `each` as it is. A frame longer than `len_max` is an error: Opus cannot be fragmented (RFC 7587 §4.2).
pub fn packetize(
    frame: &[u8],
    len_max: usize,
    mut each: impl FnMut(Fragment<'_>),
) -> Result<usize, PayloadError> {
    if frame.is_empty() {
        return Err(PayloadError::InvalidArgument("there is nothing in the frame"));
    }
    if frame.len() > len_max {
        return Err(PayloadError::TooLarge);
    }
    each(Fragment::new(&[frame], true, true));
    Ok(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Covers: RFC 6716 §3.1, RFC 6716 §3.2
    #[test]
    fn a_packet_tells_how_long_it_sounds() {
        let configured = |configuration: u8, code: u8| vec![(configuration << 3) | code, 3];

        assert_eq!(ticks(&configured(31, 0)), Ok(960));
        assert_eq!(ticks(&configured(16, 1)), Ok(240));
        assert_eq!(ticks(&configured(3, 0)), Ok(2_880));
        assert_eq!(ticks(&configured(14, 2)), Ok(960));
        assert_eq!(ticks(&configured(1, 3)), Ok(2_880), "three frames of 20 ms");
        assert_eq!(
            ticks(&configured(3, 3)),
            Err(PayloadError::Malformed("an Opus packet sounds for up to 120 ms"))
        );
        assert_eq!(ticks(&[3]), Err(PayloadError::Truncated));
        assert_eq!(ticks(&[]), Err(PayloadError::Truncated));
    }

    #[test]
    fn a_frame_is_a_packet() {
        let mut packets = Vec::new();

        assert_eq!(packetize(b"\xf8sound", 1_200, |fragment| packets.push(fragment.to_vec())), Ok(1));
        assert_eq!(packets, [b"\xf8sound".to_vec()]);
        assert_eq!(packetize(b"\xf8sound", 3, |_| {}), Err(PayloadError::TooLarge));
    }
}
