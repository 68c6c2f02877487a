//! Opus in Ogg (RFC 7845): one track, in pages with a checksum each (RFC 3533).

mod page;
mod reader;
mod writer;

pub use reader::OggOpusReader;
pub use writer::OggOpusWriter;

/// A packet of Opus with its time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpusPacket {
    /// Samples at 48 kHz from the beginning of the track to that of the packet, before anything is skipped.
    pub start: u64,
    /// How many samples at 48 kHz it sounds for.
    pub ticks: u32,
    /// What the encoder made.
    pub data: Vec<u8>,
}

/// How long a packet sounds, in samples at 48 kHz (RFC 6716 §3.1, §3.2). None if it is no packet of Opus.
pub fn packet_ticks(packet: &[u8]) -> Option<u32> {
    let first = *packet.first()?;
    let (configuration, step) = (first >> 3, u32::from((first >> 3) & 3));
    let frame = match configuration {
        0..=11 => [480, 960, 1_920, 2_880][step as usize],
        12..=15 => 480 << (step & 1),
        _ => 120 << step,
    };
    let frames = match first & 3 {
        0 => 1,
        1 | 2 => 2,
        _ => u32::from(packet.get(1)? & 0x3F),
    };
    Some(frames * frame).filter(|ticks| (1..=5_760).contains(ticks))
}

#[cfg(test)]
mod tests;
