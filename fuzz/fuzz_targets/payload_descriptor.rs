//! Any bytes as the payload of any format.

#![no_main]

#[path = "../../proto/rtp/tests/strangers/payload_descriptor.rs"]
mod payload_descriptor;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| payload_descriptor::exercise(bytes));
