//! Arbitrary text as the part of a group's recovery file that is not the key: never a panic.
#![no_main]

use libfuzzer_sys::fuzz_target;
use peerage_protocol::group::read_block_for_fuzzing;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(text) = std::str::from_utf8(bytes) {
        let _ = read_block_for_fuzzing(text);
    }
});
