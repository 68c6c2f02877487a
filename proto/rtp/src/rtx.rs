//! Packets sent again, in a stream of their own (RFC 4588).
//!
//! The payload of such a packet begins with the sequence number that the packet had at first; what follows is its payload then. The timestamp
//! and the marker are the same; sequence number, payload type and SSRC are the repair stream's.

use moim_wire::SeqNo;
use std::ops::Range;

/// Bytes by which a packet grows when it is sent again.
pub const OVERHEAD: usize = 2;

/// A repair packet, understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Original {
    /// The number that the packet had at first.
    pub seq: SeqNo,
    /// Where its payload lies in the repair packet.
    pub payload: Range<usize>,
}

/// Understands a repair packet whose payload lies at `payload` (RFC 4588 §4).
///
/// [`None`] if it repairs nothing: padding that probes the network is sent in repair streams too, with no payload at all, and some
/// send a number with nothing behind it.
pub fn unwrap(packet: &[u8], payload: Range<usize>) -> Option<Original> {
    let [first, second, rest @ ..] = packet.get(payload.clone())? else {
        return None;
    };
    if rest.is_empty() {
        return None;
    }
    let seq = SeqNo(u16::from_be_bytes([*first, *second]));
    Some(Original { seq, payload: payload.start + OVERHEAD..payload.end })
}

/// Writes the payload of a repair packet, and hands out its length. [`None`] if it does not fit.
pub fn wrap(out: &mut [u8], seq: SeqNo, payload: &[u8]) -> Option<usize> {
    let len = OVERHEAD + payload.len();
    let out = out.get_mut(..len)?;
    out[..OVERHEAD].copy_from_slice(&seq.0.to_be_bytes());
    out[OVERHEAD..].copy_from_slice(payload);
    Some(len)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Covers: RFC 4588 §4
    #[test]
    fn a_payload_comes_back_with_its_number() {
        let mut packet = [0; 20];
        let len = wrap(&mut packet[12..], SeqNo(0xABCD), b"frame").unwrap();

        let original = unwrap(&packet, 12..12 + len).unwrap();

        assert_eq!(original.seq, SeqNo(0xABCD));
        assert_eq!(&packet[original.payload], b"frame");
        assert_eq!(wrap(&mut packet[12..], SeqNo(0), b"too long a frame"), None);
    }

    #[test]
    fn padding_repairs_nothing() {
        let packet = [0; 20];

        assert_eq!(unwrap(&packet, 12..12), None);
        assert_eq!(unwrap(&packet, 12..13), None);
        assert_eq!(unwrap(&packet, 12..14), None);
        assert_eq!(unwrap(&packet, 12..40), None);
    }
}
