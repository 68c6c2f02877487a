//! Clients that keep to no protocol: the corpora of the fuzzer, replayed.

#[path = "strangers/world.rs"]
mod world;

use moim_signal::message::ClientFrame;
use proptest::prelude::*;
use std::path::PathBuf;

#[test]
fn the_corpus_of_frames_holds() {
    for bytes in corpus("signal_frame") {
        let Ok(text) = str::from_utf8(&bytes) else { continue };
        let Ok(frame) = ClientFrame::parse(text) else { continue };

        let written = serde_json::to_string(&frame).unwrap();
        assert_eq!(ClientFrame::parse(&written), Ok(frame));
    }
}

#[test]
fn the_corpus_of_worlds_holds() {
    for bytes in corpus("signal_world") {
        world::live(&bytes);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn worlds_that_nobody_thought_of_hold(bytes in prop::collection::vec(any::<u8>(), 0..1_500)) {
        world::live(&bytes);
    }
}

fn corpus(target: &str) -> Vec<Vec<u8>> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus").join(target);
    let files: Vec<_> = std::fs::read_dir(folder)
        .expect("the corpus is part of the repository")
        .map(|file| std::fs::read(file.expect("it can be listed").path()).expect("it can be read"))
        .collect();
    assert!(!files.is_empty());
    files
}
