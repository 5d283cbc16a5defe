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

#[cfg(test)]
mod tests {
    use data_encoding::HEXLOWER;

    use super::*;

    fn peer(number: u8) -> PeerId {
        let mut bytes = vec![0x00, 0x24, 0x08, 0x01, 0x12, 0x20];
        bytes.extend_from_slice(&[number; 32]);
        PeerId::from_bytes(&bytes).expect("a well-formed multihash")
    }

    /// Computed by another implementation of what `docs/protocols/direct.md` says.
    #[test]
    fn keys_are_derived_as_documented() {
        let secret = DiscoverySecret::from_bytes([7; 32]);
        let (opener, target) = (peer(1), peer(2));
        let hello = HelloKeys::derive(&secret, &opener, &target, &[3; 32]);
        let reply = ReplyKeys::derive(&secret, &opener, &target, &[3; 32], &[4; 32]);

        let found = [
            HEXLOWER.encode(&hello.tag()),
            HEXLOWER.encode(reply.handle().as_bytes()),
            HEXLOWER.encode(&hello.request.0),
            HEXLOWER.encode(&reply.answer.0),
        ];

        let expected = [
            "3e5bccdbb60b1a45b4b17d3c7fe1d4da",
            "357ef554befae6c495ccf0d5d6e49643fa195fd7e368b02212c84daa9e9a9313",
            "a55023dd8c048988cc45d88e36b6f38ebc88f11c4105a7b5f2df8ceebe68bdfd",
            "98b8b260a88ad4e78f3ffe84d419b7683977979adec4bb86b26cd6e08b41e964",
        ];
        assert_eq!(found, expected);
    }
}
