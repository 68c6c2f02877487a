//! Any bytes as a stream of STUN messages and ChannelData.

#![no_main]

#[path = "../../proto/turn/tests/strangers/stream.rs"]
mod stream;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| stream::exercise(bytes));
