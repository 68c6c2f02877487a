//! The identification header of Opus (RFC 7845 §5.1), which begins Ogg streams and is the codec's private data in WebM.

use crate::Error;

/// What a decoder of Opus must know of a track.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpusHead {
    /// 1 or 2: other numbers need a mapping, which nothing here makes.
    pub channels: u8,
    /// Samples at 48 kHz that a player throws away at the beginning.
    pub pre_skip: u16,
    /// The rate before encoding, in Hz: for the record only.
    pub input_sample_rate: u32,
    /// How much louder to play, in 1/256 dB.
    pub output_gain: i16,
}

impl OpusHead {
    /// How many bytes it takes.
    pub const LEN: usize = 19;

    /// The head of a track from the network: 48 kHz, nothing to skip, since decoding begins anywhere.
    pub fn new(channels: u8) -> Self {
        Self { channels, pre_skip: 0, input_sample_rate: 48_000, output_gain: 0 }
    }

    /// Reads it.
    pub fn parse(bytes: &[u8]) -> Result<Self, Error> {
        let Some([magic @ .., version, channels, p0, p1, r0, r1, r2, r3, g0, g1, family]) =
            bytes.first_chunk::<{ Self::LEN }>()
        else {
            return Err(Error::malformed("the head of an Opus track is too short"));
        };
        if magic != b"OpusHead" {
            return Err(Error::malformed("the track does not begin with OpusHead"));
        }
        // RFC 7845 §5.1: the upper half of the version changes when older readers cannot read on.
        if version & 0xF0 != 0 {
            return Err(Error::Unsupported(format!("version {version} of Opus in Ogg")));
        }
        if *family != 0 || !(1..=2).contains(channels) {
            return Err(Error::Unsupported(format!(
                "{channels} channels of Opus in mapping family {family}"
            )));
        }
        Ok(Self {
            channels: *channels,
            pre_skip: u16::from_le_bytes([*p0, *p1]),
            input_sample_rate: u32::from_le_bytes([*r0, *r1, *r2, *r3]),
            output_gain: i16::from_le_bytes([*g0, *g1]),
        })
    }

    /// Writes it.
    pub fn to_bytes(self) -> [u8; Self::LEN] {
        let mut bytes = [0; Self::LEN];
        bytes[..8].copy_from_slice(b"OpusHead");
        bytes[8] = 1;
        bytes[9] = self.channels;
        bytes[10..12].copy_from_slice(&self.pre_skip.to_le_bytes());
        bytes[12..16].copy_from_slice(&self.input_sample_rate.to_le_bytes());
        bytes[16..18].copy_from_slice(&self.output_gain.to_le_bytes());
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Covers: RFC 7845 §5.1
    #[test]
    fn what_is_written_reads_the_same() {
        let head = OpusHead { channels: 2, pre_skip: 312, input_sample_rate: 44_100, output_gain: -256 };

        assert_eq!(OpusHead::parse(&head.to_bytes()).unwrap(), head);
    }

    #[test]
    fn what_cannot_be_played_is_refused() {
        let change = |at: usize, byte: u8| {
            let mut bytes = OpusHead::new(1).to_bytes();
            bytes[at] = byte;
            OpusHead::parse(&bytes)
        };

        assert!(matches!(change(8, 16), Err(Error::Unsupported(_))));
        assert!(matches!(change(18, 1), Err(Error::Unsupported(_))));
        assert!(matches!(change(9, 0), Err(Error::Unsupported(_))));
        assert!(matches!(change(0, b'X'), Err(Error::Malformed(_))));
        assert!(matches!(OpusHead::parse(b"OpusHead"), Err(Error::Malformed(_))));
    }
}
