//! How packets are told apart on a connection between peers (RFC 4571, RFC 6544 §3): each has its length before it.

/// The length of what stands before a packet.
pub const HEADER_LEN: usize = 2;

/// What stands before a packet of this length. [`None`]: it is too long.
pub fn header(len: usize) -> Option<[u8; HEADER_LEN]> {
    u16::try_from(len).ok().map(u16::to_be_bytes)
}

/// How long the packet at the front of a stream is, header not included; it begins after [`HEADER_LEN`] bytes. [`None`]: more bytes are
/// needed to tell. A packet may be empty, and is to be passed over then.
pub fn framed_len(stream: &[u8]) -> Option<usize> {
    stream.first_chunk().map(|header| usize::from(u16::from_be_bytes(*header)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Covers: RFC 4571 §2
    #[test]
    fn a_packet_has_its_length_before_it() {
        assert_eq!(header(0x0102), Some([1, 2]));
        assert_eq!(header(65_536), None);
        assert_eq!(framed_len(&[1, 2, 9]), Some(0x0102));
        assert_eq!(framed_len(&[1]), None);
        assert_eq!(framed_len(&[0, 0]), Some(0));
    }
}
