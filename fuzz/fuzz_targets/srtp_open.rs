//! Any datagram as SRTP and SRTCP: it proves nothing; and what is sealed opens.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| moim_srtp::testing::exercise(bytes));
