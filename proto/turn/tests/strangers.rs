//! Clients, servers and authorization servers that keep to no protocol: the corpora of the fuzzer, replayed.

#[expect(dead_code, reason = "what only the world asks of it")]
#[path = "world/driver.rs"]
mod driver;
#[path = "world/script.rs"]
mod script;

#[expect(clippy::unwrap_used, reason = "what a test needs is there, or the test fails")]
#[path = "strangers/client.rs"]
mod client;
#[expect(clippy::unwrap_used, reason = "what a test needs is there, or the test fails")]
#[path = "strangers/message.rs"]
mod message;
#[path = "strangers/stream.rs"]
mod stream;
#[path = "strangers/token.rs"]
mod token;

use proptest::prelude::*;
use std::path::PathBuf;

#[test]
fn the_corpus_of_messages_holds() {
    for bytes in corpus("turn_message") {
        message::exercise(&bytes);
    }
}

#[test]
fn the_corpus_of_streams_holds() {
    for bytes in corpus("turn_stream") {
        stream::exercise(&bytes);
    }
}

#[test]
fn the_corpus_of_tokens_holds() {
    for bytes in corpus("turn_token") {
        token::exercise(&bytes);
    }
}

#[test]
fn the_corpus_of_clients_holds() {
    for bytes in corpus("turn_client") {
        client::live(&bytes);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn a_server_holds_whatever_is_asked(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        message::exercise(&bytes);
    }

    #[test]
    fn a_stream_is_told_apart_whatever_is_on_it(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        stream::exercise(&bytes);
    }

    #[test]
    fn a_token_is_opened_or_not_whatever_it_is(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        token::exercise(&bytes);
    }

    #[test]
    fn a_client_holds_whatever_it_is_told(bytes in prop::collection::vec(any::<u8>(), 0..1_000)) {
        client::live(&bytes);
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
