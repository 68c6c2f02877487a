use std::fmt;
use std::time::Duration;

/// What a track carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MediaKind {
    /// Sound.
    Audio,
    /// Pictures.
    Video,
}

impl MediaKind {
    /// The word of session descriptions.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Audio => "audio",
            Self::Video => "video",
        }
    }
}

/// A synchronization source: who sends an RTP stream (RFC 3550 §3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ssrc(pub u32);

impl fmt::Display for Ssrc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What a session description calls a format in packets: 0 to 127 (RFC 3550 §5.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PayloadType(u8);

impl PayloadType {
    /// A payload type, if it fits the seven bits that packets have for it.
    pub fn new(number: u8) -> Option<Self> {
        (number < 128).then_some(Self(number))
    }

    /// Its number.
    pub fn get(self) -> u8 {
        self.0
    }
}

impl fmt::Display for PayloadType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A sequence number as packets carry it: it wraps (RFC 3550 §5.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct SeqNo(pub u16);

impl SeqNo {
    /// The number `count` further on.
    #[must_use]
    pub fn advanced(self, count: u16) -> Self {
        Self(self.0.wrapping_add(count))
    }

    /// How far this number is ahead of `other`, by the shorter way round: negative if behind.
    pub fn distance_from(self, other: Self) -> i16 {
        // The difference modulo 2^16, read as a signed number, is the shorter way round.
        self.0.wrapping_sub(other.0).cast_signed()
    }
}

/// A sequence number that does not wrap: the cycles counted above the sixteen bits of packets.
///
/// Streams begin in the second cycle, so that a packet from before the first one has a number too.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ExtSeqNo(pub u64);

impl ExtSeqNo {
    /// The number of a stream's first packet.
    pub fn first(seq: SeqNo) -> Self {
        Self((1 << 16) | u64::from(seq.0))
    }

    /// The number near this one that packets write as `seq`: within 2^15 of it (RFC 3711 §3.3.1).
    #[must_use]
    pub fn extend(self, seq: SeqNo) -> Self {
        Self(self.0.saturating_add_signed(i64::from(seq.distance_from(self.seq()))))
    }

    /// As packets carry it.
    pub fn seq(self) -> SeqNo {
        SeqNo((self.0 & 0xFFFF) as u16)
    }

    /// How often the sequence number has wrapped: the rollover counter of SRTP. A stream's first cycle is 0.
    pub fn rollover(self) -> u32 {
        (((self.0 >> 16).saturating_sub(1)) & 0xFFFF_FFFF) as u32
    }
}

/// A media clock's reading as packets carry it: it wraps (RFC 3550 §5.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct RtpTimestamp(pub u32);

impl RtpTimestamp {
    /// The reading `ticks` later.
    #[must_use]
    pub fn advanced(self, ticks: u32) -> Self {
        Self(self.0.wrapping_add(ticks))
    }

    /// How many ticks this reading is ahead of `other`, by the shorter way round: negative if behind.
    pub fn distance_from(self, other: Self) -> i32 {
        self.0.wrapping_sub(other.0).cast_signed()
    }
}

/// A moment of the wall clock: seconds since 1900 in the upper half, fractions of a second in the lower (RFC 5905 §6).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NtpTime(pub u64);

impl NtpTime {
    /// Seconds from 1900 to 1970.
    const UNIX_EPOCH_S: u64 = 2_208_988_800;

    /// The moment that is `since` after 1970-01-01.
    pub fn from_unix(since: Duration) -> Self {
        let seconds = since.as_secs().wrapping_add(Self::UNIX_EPOCH_S) & 0xFFFF_FFFF;
        let fraction = (u64::from(since.subsec_nanos()) << 32) / 1_000_000_000;
        Self((seconds << 32) | fraction)
    }

    /// The middle 32 bits, as reports carry it: 16 bits of seconds and 16 of fractions (RFC 3550 §4).
    pub fn middle(self) -> u32 {
        ((self.0 >> 16) & 0xFFFF_FFFF) as u32
    }
}

/// Bits per second.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Bitrate(u64);

impl Bitrate {
    /// Nothing at all.
    pub const ZERO: Self = Self(0);
    /// More than any network carries.
    pub const MAX: Self = Self(u64::MAX);

    /// A rate in bits per second.
    pub const fn from_bps(bps: u64) -> Self {
        Self(bps)
    }

    /// A rate in thousands of bits per second.
    pub const fn from_kbps(kbps: u64) -> Self {
        Self(kbps.saturating_mul(1_000))
    }

    /// The rate at which so many bytes go in so much time. [`Bitrate::MAX`] if that is no time at all.
    pub fn from_bytes_in(bytes: u64, time: Duration) -> Self {
        let bits = u128::from(bytes) * 8 * 1_000_000_000;
        match bits.checked_div(time.as_nanos()) {
            Some(bps) => Self(u64::try_from(bps).unwrap_or(u64::MAX)),
            None => Self::MAX,
        }
    }

    /// Bits per second.
    pub const fn as_bps(self) -> u64 {
        self.0
    }

    /// The rate times `factor`, which is not negative.
    #[must_use]
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "`as` saturates, as it should here"
    )]
    pub fn scaled(self, factor: f64) -> Self {
        Self((self.0 as f64 * factor) as u64)
    }

    /// How many whole bytes go in `time`.
    pub fn bytes_in(self, time: Duration) -> u64 {
        u64::try_from(u128::from(self.0) * time.as_nanos() / 8_000_000_000).unwrap_or(u64::MAX)
    }

    /// How long so many bytes take. [`Duration::MAX`] if nothing moves.
    pub fn time_for(self, bytes: u64) -> Duration {
        let nanos = (u128::from(bytes) * 8_000_000_000).checked_div(u128::from(self.0));
        nanos.and_then(|nanos| u64::try_from(nanos).ok()).map_or(Duration::MAX, Duration::from_nanos)
    }
}

impl fmt::Debug for Bitrate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for Bitrate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            0..1_000 => write!(f, "{} bit/s", self.0),
            1_000..1_000_000 => write!(f, "{}.{} kbit/s", self.0 / 1_000, self.0 % 1_000 / 100),
            _ => write!(f, "{}.{:02} Mbit/s", self.0 / 1_000_000, self.0 % 1_000_000 / 10_000),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sequence_numbers_go_round() {
        assert_eq!(SeqNo(0).distance_from(SeqNo(65_535)), 1);
        assert_eq!(SeqNo(65_535).distance_from(SeqNo(0)), -1);
        assert_eq!(SeqNo(65_535).advanced(2), SeqNo(1));
    }

    /// Covers: RFC 3711 §3.3.1
    #[test]
    fn an_extended_number_follows_wraps_both_ways() {
        let before = ExtSeqNo::first(SeqNo(65_534));
        let after = before.extend(SeqNo(3));

        assert_eq!((before.rollover(), after.rollover()), (0, 1));
        assert_eq!(after.0 - before.0, 5);
        assert_eq!(after.extend(SeqNo(65_534)), before, "a late packet belongs to the cycle before");
        assert_eq!(after.seq(), SeqNo(3));
    }

    #[test]
    fn a_packet_from_before_the_first_has_a_number() {
        let first = ExtSeqNo::first(SeqNo(2));

        assert_eq!(first.extend(SeqNo(65_535)).0 + 3, first.0);
        assert_eq!(ExtSeqNo(0).extend(SeqNo(65_535)), ExtSeqNo(0), "there is nothing below the lowest");
    }

    #[test]
    fn wall_clock_has_its_middle() {
        let time = NtpTime::from_unix(Duration::from_millis(1_500));

        assert_eq!(time.0 >> 32, 2_208_988_801);
        assert_eq!(time.0 & 0xFFFF_FFFF, 1 << 31);
        assert_eq!(time.middle() & 0xFFFF, 1 << 15);
    }

    #[test]
    fn rates_bytes_and_times_agree() {
        let rate = Bitrate::from_kbps(800);

        assert_eq!(rate.bytes_in(Duration::from_millis(10)), 1_000);
        assert_eq!(rate.time_for(1_000), Duration::from_millis(10));
        assert_eq!(Bitrate::from_bytes_in(1_000, Duration::from_millis(10)), rate);
        assert_eq!(Bitrate::ZERO.time_for(1), Duration::MAX);
        assert_eq!(Bitrate::from_bytes_in(1, Duration::ZERO), Bitrate::MAX);
        assert_eq!(Bitrate::MAX.scaled(2.0), Bitrate::MAX);
        assert_eq!(Bitrate::from_bps(1_234_000).to_string(), "1.23 Mbit/s");
    }

    #[test]
    fn a_payload_type_has_seven_bits() {
        assert_eq!(PayloadType::new(127).map(PayloadType::get), Some(127));
        assert_eq!(PayloadType::new(128), None);
    }
}
