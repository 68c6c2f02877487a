//! A message that opens or acknowledges a data channel.

#![no_main]

#[path = "../../proto/peer/tests/strangers/dcep.rs"]
mod dcep;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| dcep::exercise(bytes));
