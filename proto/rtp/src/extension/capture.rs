use moim_wire::{NtpTime, Reader};
use std::time::Duration;

/// When a packet was sent: seconds modulo 64 in 6 bits, fractions in 18
/// (<http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time>).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AbsSendTime(u32);

impl AbsSendTime {
    /// The value for a moment of the wall clock: the middle of its 64 bits.
    pub fn from_ntp(time: NtpTime) -> Self {
        Self(((time.0 >> 14) & 0xFF_FFFF) as u32)
    }

    /// The value as packets carry it, of which only 24 bits count.
    pub fn from_bits(bits: u32) -> Self {
        Self(bits & 0xFF_FFFF)
    }

    /// As packets carry it: 24 bits.
    pub fn bits(self) -> u32 {
        self.0
    }

    /// How much later this is than `earlier`, at most 32 s: beyond that it would be earlier.
    pub fn since(self, earlier: Self) -> Option<Duration> {
        let ticks = self.0.wrapping_sub(earlier.0) & 0xFF_FFFF;
        (ticks < 1 << 23).then(|| Duration::from_nanos((u64::from(ticks) * 1_000_000_000) >> 18))
    }
}

/// How loud the sound of a packet is (RFC 6464 §3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AudioLevel {
    /// Whether the sender took it for a voice.
    pub voice: bool,
    /// Below the loudest possible, in dB: 0 to 127, which is silence.
    pub attenuation_db: u8,
}

impl AudioLevel {
    pub(super) fn from_byte(byte: u8) -> Self {
        Self { voice: byte & 0x80 != 0, attenuation_db: byte & 0x7F }
    }

    pub(super) fn to_byte(self) -> u8 {
        (u8::from(self.voice) << 7) | self.attenuation_db.min(127)
    }
}

/// When what a packet carries was captured (<http://www.webrtc.org/experiments/rtp-hdrext/abs-capture-time>).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AbsCaptureTime {
    /// By the clock of whoever captured it.
    pub at: NtpTime,
    /// What has to be added for the clock of whoever sent the packet, in units of 2^-32 s.
    pub clock_offset: Option<i64>,
}

impl AbsCaptureTime {
    pub(super) fn read(data: &[u8]) -> Option<Self> {
        let mut reader = Reader::new(data);
        let at = NtpTime(reader.u64()?);
        Some(Self { at, clock_offset: reader.u64().map(u64::cast_signed) })
    }

    pub(super) fn write(self, out: &mut [u8; 16]) -> &[u8] {
        out[..8].copy_from_slice(&self.at.0.to_be_bytes());
        match self.clock_offset {
            Some(offset) => {
                out[8..].copy_from_slice(&offset.to_be_bytes());
                out
            }
            None => &out[..8],
        }
    }
}

/// How long a receiver may wait before it plays (<http://www.webrtc.org/experiments/rtp-hdrext/playout-delay>).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlayoutDelay {
    /// At least, in units of 10 ms: 0 to 4095.
    pub min_10ms: u16,
    /// At most, in units of 10 ms: 0 to 4095.
    pub max_10ms: u16,
}

impl PlayoutDelay {
    /// Of two durations, as near as 10 ms and 40.95 s allow.
    pub fn new(min: Duration, max: Duration) -> Self {
        let units = |time: Duration| u16::try_from(time.as_millis() / 10).unwrap_or(u16::MAX).min(0xFFF);
        Self { min_10ms: units(min), max_10ms: units(max) }
    }

    pub(super) fn from_bytes([first, second, third]: [u8; 3]) -> Self {
        Self {
            min_10ms: (u16::from(first) << 4) | u16::from(second >> 4),
            max_10ms: (u16::from(second & 0x0F) << 8) | u16::from(third),
        }
    }

    pub(super) fn to_bytes(self) -> [u8; 3] {
        let bits = (u32::from(self.min_10ms.min(0xFFF)) << 12) | u32::from(self.max_10ms.min(0xFFF));
        let [_, bytes @ ..] = bits.to_be_bytes();
        bytes
    }
}

/// How much later than its timestamp says a packet was sent, in ticks of the media clock (RFC 5450 §3): 24 bits with sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TransmissionOffset(i32);

impl TransmissionOffset {
    /// So many ticks, as near as 24 bits allow.
    pub fn new(ticks: i32) -> Self {
        Self(ticks.clamp(-(1 << 23), (1 << 23) - 1))
    }

    /// In ticks of the media clock.
    pub fn ticks(self) -> i32 {
        self.0
    }

    pub(super) fn from_bytes([first, second, third]: [u8; 3]) -> Self {
        // The sign is that of the highest byte: shifted there and back.
        Self(i32::from_be_bytes([first, second, third, 0]) >> 8)
    }

    pub(super) fn to_bytes(self) -> [u8; 3] {
        let [_, bytes @ ..] = self.0.to_be_bytes();
        bytes
    }
}
