//! Others that keep to no protocol: the corpora of the fuzzer, replayed.

#[path = "strangers/datagram.rs"]
mod datagram;
#[path = "strangers/dcep.rs"]
mod dcep;
#[expect(clippy::wildcard_enum_match_arm, reason = "what else DTLS says is of no concern to a stranger")]
#[path = "strangers/offer.rs"]
mod offer;
#[expect(clippy::unwrap_used, reason = "what a test needs is there, or the test fails")]
#[expect(dead_code, reason = "other tests need more of it")]
#[expect(clippy::wildcard_enum_match_arm, reason = "a test picks out the events it is about")]
#[path = "pair/world.rs"]
mod world;

use proptest::prelude::*;
use std::path::PathBuf;

#[test]
fn the_corpus_of_dcep_holds() {
    for bytes in corpus("dcep") {
        dcep::exercise(&bytes);
    }
}

#[test]
fn the_corpus_of_datagrams_holds() {
    for bytes in corpus("peer_datagram") {
        datagram::live(&bytes);
    }
}

#[test]
fn the_corpus_of_offers_holds() {
    let connected: Vec<bool> = corpus("media_offer").iter().map(|bytes| offer::live(bytes)).collect();
    assert!(connected.contains(&true), "strangers who keep to the rules are connected");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn a_connection_holds_whoever_is_on_the_way(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        datagram::live(&bytes);
    }

    #[test]
    fn the_servers_end_holds_whoever_calls(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        offer::live(&bytes);
    }
}

#[expect(clippy::unwrap_used, reason = "what a test needs is there, or the test fails")]
fn corpus(target: &str) -> Vec<Vec<u8>> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus").join(target);
    let mut files: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(!files.is_empty(), "there is a corpus in {}", folder.display());
    files.iter().map(|file| std::fs::read(file).unwrap()).collect()
}
