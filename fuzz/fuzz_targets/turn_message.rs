//! Any attributes in the requests of a user of a TURN server.

#![no_main]

#[expect(dead_code, reason = "what only the world asks of it")]
#[path = "../../proto/turn/tests/world/driver.rs"]
mod driver;
#[path = "../../proto/turn/tests/strangers/message.rs"]
mod message;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| message::exercise(bytes));
