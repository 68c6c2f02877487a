//! Any text as a session description, and as a candidate.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| moim_sdp::testing::exercise(bytes));
