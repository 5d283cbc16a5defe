//! Keys of one conversation at a door. All derive from the door secret, both peer ids and both nonces;
//! what a password protects derives from the session key besides. Each seals one message.

use std::fmt;

use hkdf::Hkdf;
use libp2p_identity::PeerId;
use peerage_records::id::GroupId;
use rand::CryptoRng;
use sha2::{Digest, Sha256};
use zeroize::{Zeroize, ZeroizeOnDrop};

use super::password::SessionKey;
use crate::{
    admission::keys::{SealingKey, expand, pair},
    secret::{DiscoverySecret, SECRET_BYTES},
};

const SALT: &[u8] = b"peerage door v1";
const CONTEXT_DOMAIN: &[u8] = b"peerage door conversation v1\0";

/// 256 random bits by which members' nodes know a visitor from a stranger. Not the group's discovery
/// secret: nothing that members say to one another can be read with it. Wiped on drop.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct DoorSecret([u8; SECRET_BYTES]);

impl DoorSecret {
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

    /// The bytes, for the door record and the group address; never for a log.
    #[must_use]
    pub const fn expose(&self) -> &[u8; SECRET_BYTES] {
        &self.0
    }

    /// What porters announce themselves with, and visitors look them up with: the rendezvous of members
    /// is made in the same way, from another secret.
    #[must_use]
    pub fn rendezvous(&self) -> DiscoverySecret {
        self.derive(b"rendezvous")
    }

    fn conversation(&self) -> DiscoverySecret {
        self.derive(b"conversation")
    }

    fn derive(&self, label: &[u8]) -> DiscoverySecret {
        let mut key = [0; SECRET_BYTES];
        Hkdf::<Sha256>::new(Some(SALT), &self.0)
            .expand(label, &mut key)
            .expect("32 bytes are far below the limit of HKDF");
        DiscoverySecret::from_bytes(key)
    }
}

impl fmt::Debug for DoorSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DoorSecret(redacted)")
    }
}

/// The two ends of a conversation.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Ends {
    pub(super) visitor: PeerId,
    pub(super) porter: PeerId,
}

/// Keys of the first frame.
pub(super) struct RingKeys {
    pub(super) tag: [u8; 16],
    pub(super) ring: SealingKey,
}

impl RingKeys {
    pub(super) fn derive(secret: &DoorSecret, ends: &Ends, nonce: &[u8; 32]) -> Self {
        let secret = secret.conversation();
        let hkdf = pair(&secret, "ring", &ends.visitor, &ends.porter, nonce);
        Self {
            tag: expand(&hkdf, b"tag"),
            ring: SealingKey(expand(&hkdf, b"ring")),
        }
    }
}

/// Keys of the frames after it.
pub(super) struct TalkKeys {
    pub(super) greeting: SealingKey,
    pub(super) visit: SealingKey,
    pub(super) answer: SealingKey,
}

impl TalkKeys {
    pub(super) fn derive(
        secret: &DoorSecret,
        ends: &Ends,
        ring_nonce: &[u8; 32],
        greeting_nonce: &[u8; 32],
    ) -> Self {
        let mut nonces = [0; 64];
        nonces[..32].copy_from_slice(ring_nonce);
        nonces[32..].copy_from_slice(greeting_nonce);
        let secret = secret.conversation();
        let hkdf = pair(&secret, "talk", &ends.visitor, &ends.porter, &nonces);
        Self {
            greeting: SealingKey(expand(&hkdf, b"greeting")),
            visit: SealingKey(expand(&hkdf, b"visit")),
            answer: SealingKey(expand(&hkdf, b"answer")),
        }
    }
}

/// Keys that only a proof of the password leads to.
pub(super) struct ProvenKeys {
    pub(super) visitor: SealingKey,
    pub(super) answer: SealingKey,
}

impl ProvenKeys {
    pub(super) fn derive(session: &SessionKey) -> Self {
        let hkdf = Hkdf::<Sha256>::new(Some(SALT), session.bytes());
        Self {
            visitor: SealingKey(expand(&hkdf, b"visitor")),
            answer: SealingKey(expand(&hkdf, b"answer")),
        }
    }
}

/// What a key exchange is bound to: this group, these two nodes, this porter, these nonces.
pub(super) fn context(
    group: &GroupId,
    ends: &Ends,
    ring_nonce: &[u8; 32],
    greeting_nonce: &[u8; 32],
    porters_chain: &[u8],
) -> Vec<u8> {
    let mut hash = Sha256::new();
    hash.update(CONTEXT_DOMAIN);
    hash.update(group.as_bytes());
    for peer in [&ends.visitor, &ends.porter] {
        let bytes = peer.to_bytes();
        hash.update([bytes.len() as u8]);
        hash.update(&bytes);
    }
    hash.update(ring_nonce);
    hash.update(greeting_nonce);
    hash.update(Sha256::digest(porters_chain));
    hash.finalize().to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_use_has_a_key_of_its_own() {
        let secret = DoorSecret::from_bytes([7; 32]);
        let rendezvous = *secret.rendezvous().expose();
        assert_ne!(&rendezvous, secret.expose());
        assert_ne!(&rendezvous, secret.conversation().expose());
        let ends = Ends {
            visitor: PeerId::random(),
            porter: PeerId::random(),
        };
        let swapped = Ends {
            visitor: ends.porter,
            porter: ends.visitor,
        };
        let tag = |ends, nonce| RingKeys::derive(&secret, ends, &nonce).tag;
        assert_ne!(tag(&ends, [1; 32]), tag(&swapped, [1; 32]));
        assert_ne!(tag(&ends, [1; 32]), tag(&ends, [2; 32]));
        assert_eq!(format!("{secret:?}"), "DoorSecret(redacted)");
    }
}
