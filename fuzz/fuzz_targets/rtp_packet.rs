//! Any datagram as an RTP packet: read, and written again.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| moim_rtp::testing::exercise_rtp(bytes));
