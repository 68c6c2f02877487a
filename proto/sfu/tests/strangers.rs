//! Publishers and subscribers that keep to no protocol: the corpus of the fuzzer, replayed, and more.

#[path = "strangers/forwarder.rs"]
mod forwarder;
#[path = "strangers/script.rs"]
mod script;

use proptest::prelude::*;
use std::path::PathBuf;

#[test]
fn the_corpus_of_forwarders_holds() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus/sfu_forward");
    let files: Vec<_> = std::fs::read_dir(folder)
        .expect("the corpus is part of the repository")
        .map(|file| std::fs::read(file.expect("it can be listed").path()).expect("it can be read"))
        .collect();
    let forwarded: u64 = files.iter().map(|bytes| forwarder::live(bytes)).sum();
    assert!(forwarded > 100, "the corpus says too little: {forwarded} packets in {} files", files.len());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_forwarder_holds_whatever_it_is_told(bytes in prop::collection::vec(any::<u8>(), 0..2_000)) {
        forwarder::live(&bytes);
    }
}
