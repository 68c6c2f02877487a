//! What must hold for any bytes whatsoever: for the tests and for the fuzzer.

use crate::datagram::{self, DatagramKind};
use crate::first_bytes::{self, Classified, FIRST_BYTES_MAX};

/// Classifies `bytes` as the beginning of a connection, one byte after the other, and as a datagram.
///
/// # Panics
/// If a decision comes too late or does not stand.
pub fn exercise(bytes: &[u8]) {
    let decision = first_bytes::classify(bytes);
    assert!(decision != Classified::NeedMore || bytes.len() < FIRST_BYTES_MAX);
    for end in 0..bytes.len() {
        let earlier = first_bytes::classify(&bytes[..end]);
        assert!(earlier == Classified::NeedMore || earlier == decision, "{earlier:?}, then {decision:?}");
    }
    // On TCP and on UDP alike, what is STUN begins like STUN.
    if decision == Classified::Stun {
        assert_eq!(datagram::classify(bytes), DatagramKind::Stun);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_corpus_of_the_fuzzer_holds() {
        let corpus = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz/corpus/first_bytes");
        let files: Vec<_> = std::fs::read_dir(corpus).unwrap().collect();
        assert!(!files.is_empty());
        for file in files {
            exercise(&std::fs::read(file.unwrap().path()).unwrap());
        }
    }
}
