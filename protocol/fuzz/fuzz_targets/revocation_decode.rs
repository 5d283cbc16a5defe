//! Arbitrary bytes as a revocation: never a panic, and what is read is written the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use peerage_protocol::revocation::Revocation;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(revocation) = Revocation::decode(bytes) {
        assert_eq!(revocation.encode(), bytes);
    }
});
