//! Arbitrary bytes as an invitation, as bytes and as text: never a panic, and what is read is written the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use peerage_protocol::invitation::Invitation;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(invitation) = Invitation::decode(bytes) {
        assert_eq!(invitation.to_bytes(), bytes);
        let _ = invitation.inspect();
    }
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    if let Ok(invitation) = text.parse::<Invitation>() {
        assert_eq!(
            invitation.to_uri().parse::<Invitation>().as_ref(),
            Ok(&invitation)
        );
        assert_eq!(
            invitation.to_block().parse::<Invitation>().as_ref(),
            Ok(&invitation)
        );
    }
});
