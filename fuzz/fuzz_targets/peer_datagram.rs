//! Two connections, and a stranger on the way.

#![no_main]

#[path = "../../proto/peer/tests/strangers/datagram.rs"]
mod datagram;
#[allow(dead_code, reason = "other tests need more of it")]
#[path = "../../proto/peer/tests/pair/world.rs"]
mod world;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| datagram::live(bytes));
