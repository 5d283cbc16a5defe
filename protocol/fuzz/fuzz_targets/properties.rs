//! Arbitrary bytes as a group's properties: never a panic, one form only, always within the limits.
#![no_main]

use libfuzzer_sys::fuzz_target;
use peerage_protocol::properties::{Properties, PropertiesChange};

fuzz_target!(|bytes: &[u8]| {
    let Ok(properties) = Properties::decode(bytes) else {
        return;
    };
    assert_eq!(properties.encode(), bytes);
    let unchanged = properties.with(&PropertiesChange::default());
    assert_eq!(unchanged, Ok(properties));
});
