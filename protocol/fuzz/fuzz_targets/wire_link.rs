//! Frames of a link's channel: decoding never panics, and what decodes encodes again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use peerage_protocol::wire::link::LinkFrame;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(frame) = LinkFrame::decode(bytes) {
        assert_eq!(LinkFrame::decode(&frame.encode()).as_ref(), Ok(&frame));
    }
});
