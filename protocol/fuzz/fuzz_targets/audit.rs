//! Arbitrary bytes as an audit file: never a panic, and what verifies is written the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use peerage_protocol::audit::{self, Bundle};

fuzz_target!(|bytes: &[u8]| {
    if let Ok((bundle, roster)) = Bundle::verify(bytes) {
        assert_eq!(bundle.encode(), bytes);
        let _ = audit::history(&roster);
    }
});
