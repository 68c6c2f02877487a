//! Files from anybody. What must hold is in `strangers/media_file.rs`, which the fuzzer runs, too.

#[path = "strangers/media_file.rs"]
mod media_file;

use proptest::prelude::*;

proptest! {
    #[test]
    fn any_bytes_are_read_as_a_file(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        media_file::exercise(&bytes);
    }

    #[test]
    fn files_with_a_wrong_byte_are_read_or_refused(at: prop::sample::Index, byte: u8, cut: prop::sample::Index) {
        for name in ["vp8.ivf", "opus.ogg", "vp8-opus.webm", "vp9-opus-live.webm"] {
            let path = format!("{}/../../tests/vectors/media/{name}", env!("CARGO_MANIFEST_DIR"));
            let mut file = std::fs::read(path).unwrap();
            let len = file.len();
            file[at.index(len)] = byte;
            file.truncate(cut.index(len) + 1);
            media_file::exercise(&file);
        }
    }
}

#[test]
fn every_input_that_fuzzing_has_kept_holds() {
    let folder = format!("{}/../../fuzz/corpus/media_file", env!("CARGO_MANIFEST_DIR"));
    let mut files = 0;
    for file in std::fs::read_dir(folder).unwrap() {
        media_file::exercise(&std::fs::read(file.unwrap().path()).unwrap());
        files += 1;
    }
    assert!(files > 0, "there are inputs");
}
