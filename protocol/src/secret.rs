//! The group's discovery secret: what lets members find each other and nobody else.

use std::fmt;

use hkdf::Hkdf;
use rand::CryptoRng;
use sha2::Sha256;
use zeroize::{Zeroize, ZeroizeOnDrop};

/// Length of the secret and of everything derived from it, in bytes.
pub const SECRET_BYTES: usize = 32;

/// 256 random bits shared by the members of one group. Wiped on drop; `Debug` shows nothing of it.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct DiscoverySecret([u8; SECRET_BYTES]);

impl DiscoverySecret {
    /// Draws a new secret.
    #[must_use]
    pub fn generate(rng: &mut impl CryptoRng) -> Self {
        let mut bytes = [0; SECRET_BYTES];
        rng.fill_bytes(&mut bytes);
        Self(bytes)
    }

    /// Takes the bytes as they are.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; SECRET_BYTES]) -> Self {
        Self(bytes)
    }

    /// The bytes, for sealing and for the store; never for a log.
    #[must_use]
    pub const fn expose(&self) -> &[u8; SECRET_BYTES] {
        &self.0
    }

    /// Derives an independent key for the use named by `label` (HKDF-SHA256).
    #[must_use]
    pub fn derive(&self, label: &str) -> [u8; SECRET_BYTES] {
        let mut key = [0; SECRET_BYTES];
        Hkdf::<Sha256>::new(Some(b"peerage discovery v1"), &self.0)
            .expand(label.as_bytes(), &mut key)
            .expect("32 bytes are far below the limit of HKDF");
        key
    }
}

impl fmt::Debug for DiscoverySecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DiscoverySecret(redacted)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_give_independent_keys() {
        let secret = DiscoverySecret::from_bytes([7; 32]);
        assert_eq!(secret.derive("dht"), secret.clone().derive("dht"));
        assert_ne!(secret.derive("dht"), secret.derive("lan"));
        assert_ne!(&secret.derive("dht"), secret.expose());
    }

    #[test]
    fn debug_shows_nothing() {
        let text = format!("{:?}", DiscoverySecret::from_bytes([0xab; 32]));
        assert_eq!(text, "DiscoverySecret(redacted)");
    }
}
