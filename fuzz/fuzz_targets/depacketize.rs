//! Any packets, put together in a row and by a jitter buffer.

#![no_main]

#[path = "../../proto/rtp/tests/strangers/depacketize.rs"]
mod depacketize;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| depacketize::exercise(bytes));
