//! A message on a stream that says whatever bytes say: the fuzz target `dcep`, and its replay.

use moim_peer::dcep::{Message, Reliability};

/// Reads `bytes` as a message of the Data Channel Establishment Protocol.
///
/// # Panics
/// If what is read cannot be written, reads otherwise then, or is of another length.
pub(crate) fn exercise(bytes: &[u8]) {
    let Ok(message) = Message::parse(bytes) else { return };
    let written = message.to_bytes().expect("what was in a message fits into one");
    assert_eq!(written.len(), bytes.len());
    assert_eq!(Message::parse(&written), Ok(message.clone()));
    if let Message::Open(open) = message {
        // What is reliable has a parameter that says nothing, and is written as 0.
        let says_nothing = open.reliability == Reliability::Reliable;
        assert!(says_nothing || written == bytes);
    }
}
