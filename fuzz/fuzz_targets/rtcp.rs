//! Any datagram as compound RTCP: read, and written again.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| moim_rtp::testing::exercise_rtcp(bytes));
