//! A TURN client with any server.

#![no_main]

#[path = "../../proto/turn/tests/strangers/client.rs"]
mod client;
#[path = "../../proto/turn/tests/world/script.rs"]
mod script;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| client::live(bytes));
