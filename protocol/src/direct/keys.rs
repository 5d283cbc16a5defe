//! Keys of one opening, derived as those of an admission under labels of their own, so that no frame
//! of one protocol is valid in the other.

use std::fmt;

use libp2p_identity::PeerId;

use crate::{
    admission::keys::{Handle, SealingKey, expand, pair},
    secret::DiscoverySecret,
};

/// Keys of the request.
pub(super) struct HelloKeys {
    tag: [u8; 16],
    request: SealingKey,
}

impl HelloKeys {
    pub(super) fn derive(
        secret: &DiscoverySecret,
        opener: &PeerId,
        target: &PeerId,
        nonce: &[u8; 32],
    ) -> Self {
        let hkdf = pair(secret, "peerage direct hello", opener, target, nonce);
        Self {
            tag: expand(&hkdf, b"tag"),
            request: SealingKey(expand(&hkdf, b"request")),
        }
    }

    pub(super) fn tag(&self) -> [u8; 16] {
        self.tag
    }

    pub(super) fn seal(&self, plain: &[u8]) -> Vec<u8> {
        self.request.seal(plain)
    }

    pub(super) fn open(&self, sealed: &[u8]) -> Option<Vec<u8>> {
        self.request.open(sealed)
    }
}

/// The key of the answer, and the handle of the connection it leads to.
pub(super) struct ReplyKeys {
    answer: SealingKey,
    handle: Handle,
}

impl ReplyKeys {
    pub(super) fn derive(
        secret: &DiscoverySecret,
        opener: &PeerId,
        target: &PeerId,
        hello_nonce: &[u8; 32],
        reply_nonce: &[u8; 32],
    ) -> Self {
        let mut nonces = [0; 64];
        nonces[..32].copy_from_slice(hello_nonce);
        nonces[32..].copy_from_slice(reply_nonce);
        let hkdf = pair(secret, "peerage direct reply", opener, target, &nonces);
        Self {
            answer: SealingKey(expand(&hkdf, b"answer")),
            handle: Handle::new(expand(&hkdf, b"handle")),
        }
    }

    pub(super) fn handle(&self) -> Handle {
        self.handle
    }

    pub(super) fn seal(&self, plain: &[u8]) -> Vec<u8> {
        self.answer.seal(plain)
    }

    pub(super) fn open(&self, sealed: &[u8]) -> Option<Vec<u8>> {
        self.answer.open(sealed)
    }
}

impl fmt::Debug for HelloKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HelloKeys(…)")
    }
}

impl fmt::Debug for ReplyKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ReplyKeys(…)")
    }
}
