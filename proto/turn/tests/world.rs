//! The server among clients and peers that keep to no order, against a reference model.

#[path = "world/driver.rs"]
mod driver;
#[expect(clippy::unwrap_used, reason = "what a test needs is there, or the test fails")]
#[path = "world/live.rs"]
mod live;
#[path = "world/model.rs"]
mod model;
#[path = "world/script.rs"]
mod script;

use proptest::prelude::*;
use std::path::PathBuf;

#[test]
fn the_corpus_of_worlds_holds() {
    let corpus = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus/turn_server");
    let files: Vec<_> = std::fs::read_dir(corpus).unwrap().collect();
    assert!(!files.is_empty());
    for file in files {
        live::live(&std::fs::read(file.unwrap().path()).unwrap());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn the_server_does_what_the_model_says(script in prop::collection::vec(any::<u8>(), 0..2_000)) {
        live::live(&script);
    }
}
