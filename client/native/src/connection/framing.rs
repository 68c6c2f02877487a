//! Finding messages in byte streams, and putting them there.

use moim_ice::{Framing, framing};
use moim_turn::channel_data;
use std::ops::Range;

/// A stream has something in it that is no message, and nothing after that can be understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("what came on the stream is no message")]
pub(crate) struct NoMessage;

/// Where the first message lies in `bytes`, and where what follows it begins; [`None`] if it is not all there yet.
pub(crate) fn first(framing: Framing, bytes: &[u8]) -> Result<Option<(Range<usize>, usize)>, NoMessage> {
    let (begin, len) = match framing {
        Framing::Rfc4571 => (framing::HEADER_LEN, framing::framed_len(bytes)),
        Framing::Turn => (0, channel_data::framed_len(bytes).map_err(|_| NoMessage)?),
    };
    let end = len.map(|len| begin + len).filter(|&end| end <= bytes.len());
    Ok(end.map(|end| (begin..end, end)))
}

/// Puts `message` behind what is in `out`, as the stream carries it. Returns whether it fits.
pub(crate) fn push(framing: Framing, message: &[u8], out: &mut Vec<u8>) -> bool {
    if framing == Framing::Rfc4571 {
        let Some(header) = framing::header(message.len()) else { return false };
        out.extend_from_slice(&header);
    }
    out.extend_from_slice(message);
    true
}

#[cfg(test)]
mod tests {
    use super::{Framing, first, push};

    /// Covers: RFC 4571 §2
    #[test]
    fn messages_to_peers_follow_their_lengths() {
        let mut stream = Vec::new();
        assert!(push(Framing::Rfc4571, b"one", &mut stream));
        assert!(push(Framing::Rfc4571, b"", &mut stream));

        assert_eq!(first(Framing::Rfc4571, &stream[..4]), Ok(None));
        assert_eq!(first(Framing::Rfc4571, &stream), Ok(Some((2..5, 5))));
        assert_eq!(first(Framing::Rfc4571, &stream[5..]), Ok(Some((2..2, 2))));
        assert!(!push(Framing::Rfc4571, &vec![0; 65_536], &mut stream));
    }

    /// Covers: RFC 8656 §12.5
    #[test]
    fn messages_to_servers_say_how_long_they_are() {
        let stream = [0x40, 0, 0, 1, 0xAA, 0, 0, 0];

        assert_eq!(first(Framing::Turn, &stream[..7]), Ok(None));
        assert_eq!(first(Framing::Turn, &stream), Ok(Some((0..8, 8))));
        assert!(first(Framing::Turn, &[0xFF; 8]).is_err());
    }
}
