//! Any beginning of a connection, and any datagram: told apart in time, and once and for all.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| moim_net::testing::exercise(bytes));
