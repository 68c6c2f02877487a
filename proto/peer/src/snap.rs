//! SNAP: INIT chunks of SCTP in descriptions instead of the handshake (draft-hancke-tsvwg-snap).
//!
//! Each side tells its own. Who has both knows all that a handshake would tell, and the association is there as soon as DTLS is.

mod base64;

use bytes::Bytes;
use rand_chacha::rand_core::RngCore;

/// The longest chunk of the other side's that is looked at, in bytes. Those of browsers have 32.
const INIT_LEN_MAX: usize = 1024;

/// An INIT chunk (RFC 9260 §3.3.2): one that was told, or is to be.
///
/// Its tag is what a stranger would have to guess who wants to be taken for the other side; DTLS is between, and it shows itself in
/// descriptions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SctpInit(Bytes);

/// The chunks of both sides: what the association is made of.
#[derive(Clone, Debug)]
pub(crate) struct Snap {
    pub(crate) local: SctpInit,
    pub(crate) remote: SctpInit,
}

impl SctpInit {
    /// The chunk of this side, made by chance. It takes messages in so many bytes.
    pub(crate) fn random(receive_buffer_len: u32, random: &mut impl RngCore) -> Self {
        /// RFC 9260 §3.2: INIT, no flags, the length of all but the padding.
        const HEADER: [u8; 4] = [1, 0, 0, 30];
        /// As many as there can be: the other side says how many it wants.
        const STREAMS: [u8; 2] = u16::MAX.to_be_bytes();
        /// FORWARD-TSN (RFC 3758 §3.1); RE-CONFIG and FORWARD-TSN as supported chunks (RFC 5061 §4.2.7); padding.
        const PARAMETERS: [u8; 12] = [0xC0, 0, 0, 4, 0x80, 0x08, 0, 6, 130, 192, 0, 0];
        // Neither may be 0: a tag never (RFC 9260 §3.3.2), a TSN not with everybody.
        let tag = random.next_u32().max(1).to_be_bytes();
        let tsn = random.next_u32().max(1).to_be_bytes();
        let window = receive_buffer_len.to_be_bytes();
        Self(Bytes::from([&HEADER[..], &tag, &window, &STREAMS, &STREAMS, &tsn, &PARAMETERS].concat()))
    }

    /// What follows `a=sctp-init:`.
    pub(crate) fn to_text(&self) -> String {
        base64::encode(&self.0)
    }

    /// Reads what follows `a=sctp-init:`. Whether it is a chunk that can be used, SCTP says.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let is_short = text.len() <= INIT_LEN_MAX.div_ceil(3) * 4;
        is_short.then(|| base64::decode(text)).flatten().map(|bytes| Self(Bytes::from(bytes)))
    }

    /// The chunk.
    pub(crate) fn as_bytes(&self) -> &Bytes {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sctp::can_do_without_handshake;
    use proptest::prelude::{any, proptest};
    use rand_chacha::ChaCha12Rng;
    use rand_chacha::rand_core::SeedableRng;

    #[test]
    fn a_chunk_reads_as_it_was_told() {
        let init = SctpInit::random(1 << 20, &mut ChaCha12Rng::from_seed([1; 32]));

        assert_eq!(init.as_bytes().len(), 32, "padded to four bytes");
        assert_eq!(SctpInit::parse(&init.to_text()), Some(init));
    }

    #[test]
    fn what_is_too_long_or_no_base64_is_none() {
        let longest = base64::encode(&[0; INIT_LEN_MAX]);

        assert!(SctpInit::parse(&longest).is_some());
        assert_eq!(SctpInit::parse(&format!("{longest}AAAA")), None);
        assert_eq!(SctpInit::parse("!"), None);
    }

    proptest! {
        #[test]
        fn any_chunk_at_all_can_be_used_or_not(
            start in 0usize..32,
            bytes in proptest::collection::vec(any::<u8>(), 0..40),
            is_cut in any::<bool>(),
        ) {
            let local = SctpInit::random(1 << 20, &mut ChaCha12Rng::from_seed([1; 32]));
            let mut remote = SctpInit::random(1 << 20, &mut ChaCha12Rng::from_seed([2; 32])).0.to_vec();
            let end = (start + bytes.len()).max(if is_cut { 0 } else { remote.len() });
            remote.resize(end, 0);
            remote[start.min(end)..(start + bytes.len()).min(end)].copy_from_slice(&bytes);
            // Whichever it is: it is found out, and nothing breaks.
            can_do_without_handshake(Snap { local, remote: SctpInit(Bytes::from(remote)) });
        }
    }
}
