//! Arbitrary bytes as a node's presence: never a panic, one form only.
#![no_main]

use libfuzzer_sys::fuzz_target;
use peerage_protocol::presence::NodePresence;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(node) = NodePresence::decode(bytes) {
        assert_eq!(node.encode(), bytes);
    }
});
