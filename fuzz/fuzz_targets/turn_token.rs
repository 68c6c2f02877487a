//! Any bytes as an access token, and inside of one.

#![no_main]

#[path = "../../proto/turn/tests/strangers/token.rs"]
mod token;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| token::exercise(bytes));
