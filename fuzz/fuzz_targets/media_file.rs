//! Any bytes as an IVF, Ogg or WebM file.

#![no_main]

#[path = "../../media/file/tests/strangers/media_file.rs"]
mod media_file;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| media_file::exercise(bytes));
