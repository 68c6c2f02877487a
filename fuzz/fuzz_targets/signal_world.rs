//! Any doings of any clients against the signalling server.

#![no_main]

#[path = "../../proto/signal/tests/strangers/world.rs"]
mod world;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| world::live(bytes));
