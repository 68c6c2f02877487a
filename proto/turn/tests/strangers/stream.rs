//! Any bytes as the beginning of a stream: the fuzz target `turn_stream`, and its replay.

use moim_turn::channel_data::{ChannelData, framed_len};

/// The longest message of either kind: the header of STUN, and what a length of 16 bits can say.
const FRAME_LEN_MAX: usize = 20 + 65_535;

/// Frames `bytes` as a stream that comes byte after byte, and as one that comes at once.
///
/// # Panics
/// If the two differ, or a message is told apart in another way than it is read.
pub(crate) fn exercise(bytes: &[u8]) {
    let mut stream = bytes;
    while let Ok(Some(len)) = framed_len(stream) {
        assert!((4..=FRAME_LEN_MAX).contains(&len) && len.is_multiple_of(4));
        decided_once(stream, len);
        let Some((message, rest)) = stream.split_at_checked(len) else { return };
        if ChannelData::is_one(message) {
            let data = ChannelData::parse(message).expect("what is framed can be read");
            assert_eq!(data.range.end.next_multiple_of(4), len);
        }
        stream = rest;
    }
}

/// What has been decided about the front of a stream stands, whatever follows.
fn decided_once(stream: &[u8], len: usize) {
    let mut decided = None;
    for end in 0..=stream.len().min(24) {
        match framed_len(&stream[..end]) {
            Ok(None) => assert_eq!(decided, None),
            Ok(some) => {
                assert!(decided.is_none() || decided == some);
                decided = some;
            }
            Err(error) => panic!("first it is a message, then not: {error}"),
        }
    }
    assert_eq!(decided, Some(len));
}
