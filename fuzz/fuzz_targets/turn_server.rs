//! A TURN server among any clients and peers, against a reference model.

#![no_main]

#[path = "../../proto/turn/tests/world/driver.rs"]
mod driver;
#[path = "../../proto/turn/tests/world/live.rs"]
mod live;
#[path = "../../proto/turn/tests/world/model.rs"]
mod model;
#[path = "../../proto/turn/tests/world/script.rs"]
mod script;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| live::live(bytes));
