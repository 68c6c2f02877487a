//! Payloads and descriptors from anybody. What must hold is in `strangers`, which the fuzzer runs, too.

#[path = "strangers/depacketize.rs"]
mod depacketize;
#[path = "strangers/dependency_descriptor.rs"]
mod dependency_descriptor;
#[path = "strangers/payload_descriptor.rs"]
mod payload_descriptor;

use proptest::prelude::*;

proptest! {
    #[test]
    fn any_bytes_are_read_as_a_payload(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        payload_descriptor::exercise(&bytes);
    }

    #[test]
    fn any_payloads_are_put_together_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        depacketize::exercise(&bytes);
    }

    #[test]
    fn any_bytes_are_read_as_dependency_descriptors(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        dependency_descriptor::exercise(&bytes);
    }
}

#[test]
fn every_input_that_fuzzing_has_kept_holds() {
    replay("payload_descriptor", payload_descriptor::exercise);
    replay("depacketize", depacketize::exercise);
    replay("dependency_descriptor", dependency_descriptor::exercise);
}

fn replay(target: &str, exercise: fn(&[u8])) {
    let folder = format!("{}/../../fuzz/corpus/{target}", env!("CARGO_MANIFEST_DIR"));
    let mut files = 0;
    for file in std::fs::read_dir(folder).expect("the corpus is part of the repository") {
        let path = file.expect("the corpus can be listed").path();
        exercise(&std::fs::read(path).expect("the corpus can be read"));
        files += 1;
    }
    assert!(files > 0, "{target} has inputs");
}
