//! A stranger's offer to the server's end of a connection, and then the stranger's media and reports.

#![no_main]

#[path = "../../proto/peer/tests/strangers/offer.rs"]
mod offer;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    offer::live(bytes);
});
