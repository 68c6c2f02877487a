//! Any bytes, from anybody.

use crate::testing;
use proptest::prelude::*;

proptest! {
    #[test]
    fn any_bytes_are_read_as_rtp(bytes in prop::collection::vec(any::<u8>(), 0..200), first in any::<u8>()) {
        testing::exercise_rtp(&bytes);
        // Mostly with the right version.
        let mut likely = bytes;
        if let Some(byte) = likely.first_mut() {
            *byte = 0x80 | (first & 0x3F);
        }
        testing::exercise_rtp(&likely);
    }

    #[test]
    fn any_bytes_are_read_as_rtcp(
        bytes in prop::collection::vec(any::<u8>(), 4..200),
        first in any::<u8>(),
        packet_type in 199_u8..209,
    ) {
        testing::exercise_rtcp(&bytes);
        // Mostly a packet of a known type that is as long as it says.
        let mut likely = bytes;
        let words = likely.len() / 4 - 1;
        likely.truncate(words * 4 + 4);
        likely[0] = 0x80 | (first & 0x1F);
        likely[1] = packet_type;
        likely[2..4].copy_from_slice(&u16::try_from(words).unwrap().to_be_bytes());
        testing::exercise_rtcp(&likely);
    }
}

#[test]
fn every_input_that_fuzzing_has_kept_is_read() {
    for target in ["rtp_packet", "rtcp"] {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz/corpus/").to_owned() + target;
        for file in std::fs::read_dir(folder).unwrap() {
            let bytes = std::fs::read(file.unwrap().path()).unwrap();
            if target == "rtcp" { testing::exercise_rtcp(&bytes) } else { testing::exercise_rtp(&bytes) }
        }
    }
}
