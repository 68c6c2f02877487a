//! Peers, servers and drivers that keep to no protocol: the corpus of the fuzzer, replayed, and more.

#[expect(clippy::unwrap_used, reason = "what a test needs is there, or the test fails")]
#[path = "strangers/agent.rs"]
mod agent;
#[path = "strangers/script.rs"]
mod script;

use proptest::prelude::*;
use std::path::PathBuf;

#[test]
fn the_corpus_of_agents_holds() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus/ice_agent");
    let files: Vec<_> = std::fs::read_dir(folder)
        .expect("the corpus is part of the repository")
        .map(|file| std::fs::read(file.expect("it can be listed").path()).expect("it can be read"))
        .collect();
    assert!(!files.is_empty());
    for bytes in files {
        agent::live(&bytes);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn an_agent_holds_whatever_it_is_told(bytes in prop::collection::vec(any::<u8>(), 0..1_500)) {
        agent::live(&bytes);
    }
}
