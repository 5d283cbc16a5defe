//! Arbitrary bytes as an identity card or an exported identity: never a panic, one form only.
#![no_main]

use libfuzzer_sys::fuzz_target;
use peerage_protocol::identity::{Identity, IdentityCard};

fuzz_target!(|bytes: &[u8]| {
    if let Ok(card) = IdentityCard::from_der(bytes) {
        assert_eq!(card.certificate(), bytes);
        assert_eq!(card.to_uri().parse::<IdentityCard>().as_ref(), Ok(&card));
    }
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let _ = text.parse::<IdentityCard>();
    // Without a passphrase, so that the cost of deriving keys does not slow the fuzzer down.
    let _ = Identity::from_pem(text, None);
});
