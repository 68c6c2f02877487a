//! Any text as a signalling frame: what can be read is written as text that reads the same.

#![no_main]

use moim_signal::message::ClientFrame;

libfuzzer_sys::fuzz_target!(|text: &str| {
    if let Ok(frame) = ClientFrame::parse(text) {
        let written = serde_json::to_string(&frame).expect("a frame can be written");
        assert_eq!(ClientFrame::parse(&written).as_ref(), Ok(&frame), "{written}");
    }
});
