//! Any bytes as the dependency descriptors of a stream.

#![no_main]

#[path = "../../proto/rtp/tests/strangers/dependency_descriptor.rs"]
mod dependency_descriptor;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| dependency_descriptor::exercise(bytes));
