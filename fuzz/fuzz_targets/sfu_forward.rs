//! A forwarder with any publishers and any subscribers.

#![no_main]

#[path = "../../proto/sfu/tests/strangers/forwarder.rs"]
mod forwarder;
#[path = "../../proto/sfu/tests/strangers/script.rs"]
mod script;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    forwarder::live(bytes);
});
