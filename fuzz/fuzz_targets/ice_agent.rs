//! An ICE agent with any peer, any servers and any driver.

#![no_main]

#[path = "../../proto/ice/tests/strangers/agent.rs"]
mod agent;
#[path = "../../proto/ice/tests/strangers/script.rs"]
mod script;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| agent::live(bytes));
