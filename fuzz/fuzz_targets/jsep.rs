//! Two sides that do anything, or one side and a stranger that says anything.

#![no_main]

#[path = "../../proto/sdp/tests/world/live.rs"]
mod live;
#[path = "../../proto/sdp/tests/world/strange.rs"]
mod strange;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| match bytes.split_first() {
    Some((b'S', talk)) => strange::talk(talk),
    Some((_, script)) => live::live(script),
    None => {}
});
