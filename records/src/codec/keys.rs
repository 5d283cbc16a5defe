//! Keys as points of the curve. Finding the point behind 32 bytes costs a tenth of a verification, and a
//! batch of records comes from few members, so each thread remembers a few.

use std::cell::RefCell;

use ed25519_dalek::VerifyingKey;

use crate::id::IdentityKey;

/// Keys remembered per thread, 192 bytes each: 24 KiB.
const REMEMBERED_KEYS: usize = 128;

thread_local! {
    /// At most one key per place; whoever comes last stays. A pure function is remembered, so nobody can
    /// make it answer wrongly, only forget.
    static KEYS: RefCell<Vec<Option<VerifyingKey>>> = const { RefCell::new(Vec::new()) };
}

/// The point behind `identity`, unless there is none or anybody could sign for it.
pub(super) fn verifying_key(identity: &IdentityKey) -> Option<VerifyingKey> {
    let bytes = identity.as_bytes();
    let place = usize::from(bytes[0]) % REMEMBERED_KEYS;
    KEYS.with_borrow_mut(|keys| {
        if keys.is_empty() {
            keys.resize(REMEMBERED_KEYS, None);
        }
        if let Some(key) = &keys[place]
            && key.as_bytes() == bytes
        {
            return Some(*key);
        }
        let key = VerifyingKey::from_bytes(bytes).ok()?;
        if key.is_weak() {
            return None;
        }
        keys[place] = Some(key);
        Some(key)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::member;

    #[test]
    fn keys_that_share_a_place_are_not_mixed_up() {
        for _ in 0..2 {
            for number in 0..=u8::MAX {
                let identity = member(number);
                let key = verifying_key(&identity).unwrap();
                assert_eq!(key.as_bytes(), identity.as_bytes());
            }
        }
    }
}
