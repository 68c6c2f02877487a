//! Any bytes, from anybody.

use crate::testing;
use proptest::prelude::*;

proptest! {
    #[test]
    fn any_bytes_prove_nothing(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        testing::exercise(&bytes);
    }
}

#[test]
fn every_input_that_fuzzing_has_kept_proves_nothing() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz/corpus/srtp_open");
    for file in std::fs::read_dir(folder).unwrap() {
        testing::exercise(&std::fs::read(file.unwrap().path()).unwrap());
    }
}
