//! Any datagram: read, written again, and answered by the Binding server.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| moim_stun::testing::exercise(bytes));
