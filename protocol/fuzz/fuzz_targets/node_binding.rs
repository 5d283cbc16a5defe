//! Arbitrary bytes as a node binding: never a panic, one form only.
#![no_main]

use libfuzzer_sys::fuzz_target;
use peerage_protocol::binding::NodeBinding;
use peerage_records::time::Timestamp;

fuzz_target!(|bytes: &[u8]| {
    let Ok(binding) = NodeBinding::decode(bytes) else {
        return;
    };
    assert_eq!(binding.encode(), bytes);
    let now = Timestamp::from_secs(1_800_000_000);
    if let Ok(identity) = binding.verify(&binding.peer(), now) {
        assert_eq!(identity, binding.identity());
    }
});
