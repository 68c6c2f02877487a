//! Two sides that change their minds at any time and agree in the end, and one that has to do with a stranger.

#[expect(clippy::unwrap_used, reason = "what a test needs is there, or the test fails")]
#[path = "world/live.rs"]
mod live;
#[expect(clippy::unwrap_used, reason = "what a test needs is there, or the test fails")]
#[path = "world/strange.rs"]
mod strange;

use proptest::prelude::*;
use std::path::PathBuf;

#[test]
fn the_corpus_of_negotiations_holds() {
    for bytes in corpus("jsep") {
        negotiate(&bytes);
    }
}

#[test]
fn the_corpus_of_texts_holds() {
    for bytes in corpus("sdp_parse") {
        moim_sdp::testing::exercise(&bytes);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn two_sides_agree_whatever_they_do(script in prop::collection::vec(any::<u8>(), 0..160)) {
        live::live(&script);
    }

    #[test]
    fn a_stranger_breaks_nothing(talk in any_talk()) {
        strange::talk(&talk);
    }
}

/// As the fuzz target does it: the first byte says which of the two worlds it is.
fn negotiate(bytes: &[u8]) {
    match bytes.split_first() {
        Some((b'S', talk)) => strange::talk(talk),
        Some((_, script)) => live::live(script),
        None => {}
    }
}

/// Real offers, with lines taken away, doubled or exchanged, as anything.
fn any_talk() -> impl Strategy<Value = Vec<u8>> {
    const TEXTS: [&str; 3] = [
        include_str!("../../../tests/vectors/sdp/firefox-simulcast-vp8.sdp"),
        include_str!("../../../tests/vectors/sdp/aiortc-av-data.sdp"),
        include_str!("../../../tests/vectors/sdp/gstreamer-av-data-max-bundle.sdp"),
    ];
    let edit = (any::<prop::sample::Index>(), any::<prop::sample::Index>(), 0..3_u8);
    let message = (0..TEXTS.len(), prop::collection::vec(edit, 0..4), "[OPAoapr]");
    let talk = prop::collection::vec(message, 1..6);
    talk.prop_map(|messages| {
        let mut bytes = Vec::new();
        for (text, edits, kind) in messages {
            let mut lines: Vec<&str> = TEXTS[text].lines().collect();
            for (one, other, what) in edits {
                let (one, other) = (one.index(lines.len()), other.index(lines.len()));
                match what {
                    0 => drop(lines.remove(one)),
                    1 => lines.insert(one, lines[other]),
                    _ => lines.swap(one, other),
                }
            }
            bytes.extend_from_slice(kind.as_bytes());
            bytes.extend_from_slice(lines.join("\r\n").as_bytes());
            bytes.push(0);
        }
        bytes
    })
}

#[expect(clippy::unwrap_used, reason = "what a test needs is there, or the test fails")]
fn corpus(target: &str) -> Vec<Vec<u8>> {
    let corpus = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus").join(target);
    let mut files: Vec<_> = std::fs::read_dir(corpus).unwrap().map(|file| file.unwrap().path()).collect();
    files.sort();
    assert!(!files.is_empty());
    files.into_iter().map(|file| std::fs::read(file).unwrap()).collect()
}
