//! Questions about direct connections, answers, and headers of messages on one: decoding never panics,
//! and what decodes encodes again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use peerage_protocol::wire::direct::{
    DirectAnswer, DirectHello, DirectReply, DirectRequest, HeaderReader, MAX_DIRECT_MESSAGE_BYTES,
};

macro_rules! check {
    ($bytes:expr, $($message:ty),*) => {$(
        if let Ok(message) = <$message>::decode($bytes) {
            assert_eq!(<$message>::decode(&message.encode()).as_ref(), Ok(&message));
        }
    )*};
}

fuzz_target!(|bytes: &[u8]| {
    check!(bytes, DirectHello, DirectReply, DirectRequest, DirectAnswer);
    let mut reader = HeaderReader::default();
    let mut rest = bytes;
    while !rest.is_empty() {
        let before = rest.len();
        match reader.take(&mut rest) {
            Ok(Some(header)) => assert!(header.length() <= MAX_DIRECT_MESSAGE_BYTES),
            Ok(None) => assert!(rest.is_empty()),
            Err(_) => break,
        }
        assert!(rest.len() < before);
    }
});
