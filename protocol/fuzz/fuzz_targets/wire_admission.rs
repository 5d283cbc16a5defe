//! Frames of an admission exchange and knocks: decoding never panics, and what decodes encodes again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use peerage_protocol::wire::admission::{Answer, Confirm, Credentials, Hello, Knock, Reply};

macro_rules! check {
    ($bytes:expr, $($message:ty),*) => {$(
        if let Ok(message) = <$message>::decode($bytes) {
            assert_eq!(<$message>::decode(&message.encode()).as_ref(), Ok(&message));
        }
    )*};
}

fuzz_target!(|bytes: &[u8]| {
    check!(bytes, Knock, Hello, Reply, Answer, Credentials);
    let _ = Confirm::decode(bytes);
});
