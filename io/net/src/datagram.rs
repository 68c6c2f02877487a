//! Which protocol a UDP datagram is of, when STUN, TURN, DTLS, SRTP and ZRTP share a port (RFC 7983).

/// Which protocol a datagram is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DatagramKind {
    /// A STUN message.
    Stun,
    /// A ZRTP packet, which this project does not speak.
    Zrtp,
    /// A DTLS record.
    Dtls,
    /// A TURN ChannelData message.
    TurnChannel,
    /// An RTP or SRTP packet.
    Rtp,
    /// An RTCP or SRTCP packet (RFC 5761 §4).
    Rtcp,
    /// None of the above.
    Unknown,
}

/// Tells the protocol by the first byte, and RTP from RTCP by the second.
///
/// It is a matter of which parser is to be asked: nothing is said about the datagram being well-formed.
pub fn classify(datagram: &[u8]) -> DatagramKind {
    // RFC 7983 §7.
    match *datagram {
        [0..=3, ..] => DatagramKind::Stun,
        [16..=19, ..] => DatagramKind::Zrtp,
        [20..=63, ..] => DatagramKind::Dtls,
        // RFC 5766 §11 had channels up to 0x7fff, and its clients go on choosing them; nothing else begins like that.
        [64..=127, ..] => DatagramKind::TurnChannel,
        // RFC 5761 §4: RTP payload types 64 to 95 are not used, so that RTCP packet types 192 to 223 stand out.
        [128..=191, 192..=223, ..] => DatagramKind::Rtcp,
        [128..=191, _, ..] => DatagramKind::Rtp,
        _ => DatagramKind::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Covers: RFC 7983 §7 (figure 3)
    #[test]
    fn the_first_byte_decides() {
        let ranges = [
            (0..=3, DatagramKind::Stun),
            (4..=15, DatagramKind::Unknown),
            (16..=19, DatagramKind::Zrtp),
            (20..=63, DatagramKind::Dtls),
            (64..=127, DatagramKind::TurnChannel),
            (128..=191, DatagramKind::Rtp),
            (192..=255, DatagramKind::Unknown),
        ];
        for (range, kind) in ranges {
            for first in range {
                assert_eq!(classify(&[first, 0]), kind, "first byte {first}");
            }
        }
    }

    /// Covers: RFC 5761 §4
    #[test]
    fn the_second_byte_tells_rtp_from_rtcp() {
        for second in 0..=255 {
            let expected = if (192..=223).contains(&second) { DatagramKind::Rtcp } else { DatagramKind::Rtp };

            assert_eq!(classify(&[0x80, second]), expected, "second byte {second}");
        }
    }

    #[test]
    fn too_few_bytes_to_tell_are_unknown() {
        assert_eq!(classify(&[]), DatagramKind::Unknown);
        assert_eq!(classify(&[0x80]), DatagramKind::Unknown);
    }
}
