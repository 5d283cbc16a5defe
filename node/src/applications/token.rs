//! Tokens: made, hashed, compared.
//!
//! A token is 256 random bits, so a plain hash of it cannot be reversed by trying, as one of a
//! password could.

use data_encoding::BASE64URL_NOPAD;
use rand::Rng;
use sha2::{Digest, Sha256};
use subtle::{Choice, ConditionallySelectable, ConstantTimeEq};
use zeroize::{Zeroize, Zeroizing};

/// What every token begins with, so that scanners for leaked secrets know it.
const PREFIX: &str = "peerage_";

/// A fresh token and its hash.
pub(super) fn generate() -> (Zeroizing<String>, [u8; 32]) {
    let mut secret = [0; 32];
    rand::rng().fill_bytes(&mut secret);
    let text = BASE64URL_NOPAD.encode(&secret);
    secret.zeroize();
    let token = Zeroizing::new(format!("{PREFIX}{text}"));
    let hash = hash(&token);
    (token, hash)
}

/// Which of these hashes is the token's. Looks at every one of them, whether it found it or not.
pub(super) fn find<'a>(token: &str, hashes: impl Iterator<Item = &'a [u8; 32]>) -> Option<usize> {
    let wanted = hash(token);
    let mut found = Choice::from(0);
    let mut index = 0_u64;
    for (place, hash) in (0_u64..).zip(hashes) {
        let same = hash.ct_eq(&wanted);
        index.conditional_assign(&place, same);
        found |= same;
    }
    let index = usize::try_from(index).ok()?;
    bool::from(found).then_some(index)
}

fn hash(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_has_256_bits_and_is_found_by_its_hash_alone() {
        let (token, hash) = generate();
        let text = token.strip_prefix(PREFIX).unwrap();
        assert_eq!(BASE64URL_NOPAD.decode(text.as_bytes()).unwrap().len(), 32);
        let (other, others) = generate();
        assert_ne!(token, other);
        let hashes = [others, hash];
        assert_eq!(find(&token, hashes.iter()), Some(1));
        assert_eq!(find(&other, hashes.iter()), Some(0));
        for wrong in ["", text, &token[..token.len() - 1], &format!("{}x", *token)] {
            assert_eq!(find(wrong, hashes.iter()), None, "{wrong}");
        }
        assert_eq!(find(&token, std::iter::empty()), None);
    }
}
