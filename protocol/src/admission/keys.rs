//! Keys of one exchange. All derive from the group's discovery secret, both peer ids and fresh
//! nonces, by HKDF-SHA256 (RFC 5869); each seals exactly one message, so the AEAD nonce is zero.

use std::fmt;

use chacha20poly1305::{ChaCha20Poly1305, KeyInit, Nonce, aead::Aead};
use hkdf::Hkdf;
use libp2p_identity::PeerId;
use sha2::Sha256;
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::secret::DiscoverySecret;

/// Length of a link's handle.
pub const HANDLE_BYTES: usize = 32;

/// Names a link on the wire. As good as a password between its two ends, so never printed.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Handle([u8; HANDLE_BYTES]);

impl Handle {
    pub(crate) const fn new(bytes: [u8; HANDLE_BYTES]) -> Self {
        Self(bytes)
    }

    /// The bytes that go in front of every stream of the link.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; HANDLE_BYTES] {
        &self.0
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Handle(…)")
    }
}

/// Seals one message, and no more.
#[derive(Zeroize, ZeroizeOnDrop)]
pub(crate) struct SealingKey(pub(crate) [u8; 32]);

impl SealingKey {
    pub(crate) fn seal(&self, plain: &[u8]) -> Vec<u8> {
        self.cipher()
            .encrypt(&Nonce::default(), plain)
            .expect("a frame is far below the cipher's limit")
    }

    pub(crate) fn open(&self, sealed: &[u8]) -> Option<Vec<u8>> {
        self.cipher().decrypt(&Nonce::default(), sealed).ok()
    }

    fn cipher(&self) -> ChaCha20Poly1305 {
        ChaCha20Poly1305::new(&self.0.into())
    }
}

/// What tells the keys of one protocol from those of another, so that no frame of one is valid in the other.
#[derive(Debug)]
pub(crate) struct Labels {
    pub(crate) hello: &'static str,
    /// What is sealed in the first frame.
    pub(crate) sealed: &'static [u8],
    pub(crate) reply: &'static str,
}

pub(super) const LABELS: Labels = Labels {
    hello: "peerage admission hello",
    sealed: b"credentials",
    reply: "peerage admission reply",
};

/// Keys of the first frame.
pub(crate) struct HelloKeys {
    tag: [u8; 16],
    pub(crate) key: SealingKey,
}

impl HelloKeys {
    /// `first` is the peer that sends the frame.
    pub(crate) fn derive(
        labels: &Labels,
        secret: &DiscoverySecret,
        (first, second): (&PeerId, &PeerId),
        nonce: &[u8; 32],
    ) -> Self {
        let hkdf = pair(secret, labels.hello, first, second, nonce);
        Self {
            tag: expand(&hkdf, b"tag"),
            key: SealingKey(expand(&hkdf, labels.sealed)),
        }
    }

    pub(crate) fn tag(&self) -> [u8; 16] {
        self.tag
    }

    pub(crate) fn seal(&self, plain: &[u8]) -> Vec<u8> {
        self.key.seal(plain)
    }

    pub(crate) fn open(&self, sealed: &[u8]) -> Option<Vec<u8>> {
        self.key.open(sealed)
    }
}

/// Keys of the second and third frame, and the handle.
pub(crate) struct ReplyKeys {
    pub(crate) answer: SealingKey,
    confirm: SealingKey,
    handle: Handle,
}

impl ReplyKeys {
    /// `first` is the peer that sent the first frame.
    pub(crate) fn derive(
        labels: &Labels,
        secret: &DiscoverySecret,
        (first, second): (&PeerId, &PeerId),
        hello_nonce: &[u8; 32],
        reply_nonce: &[u8; 32],
    ) -> Self {
        let mut nonces = [0; 64];
        nonces[..32].copy_from_slice(hello_nonce);
        nonces[32..].copy_from_slice(reply_nonce);
        let hkdf = pair(secret, labels.reply, first, second, &nonces);
        Self {
            answer: SealingKey(expand(&hkdf, b"answer")),
            confirm: SealingKey(expand(&hkdf, b"confirm")),
            handle: Handle::new(expand(&hkdf, b"handle")),
        }
    }

    pub(crate) fn handle(&self) -> Handle {
        self.handle
    }

    pub(crate) fn seal(&self, plain: &[u8]) -> Vec<u8> {
        self.answer.seal(plain)
    }

    pub(crate) fn open(&self, sealed: &[u8]) -> Option<Vec<u8>> {
        self.answer.open(sealed)
    }

    pub(crate) fn seal_confirm(&self) -> Vec<u8> {
        self.confirm.seal(&[])
    }

    pub(crate) fn opens_confirm(&self, sealed: &[u8]) -> bool {
        self.confirm
            .open(sealed)
            .is_some_and(|plain| plain.is_empty())
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

/// The tag of a knock by `from` at `at`.
pub(super) fn knock_tag(
    secret: &DiscoverySecret,
    from: &PeerId,
    at: &PeerId,
    nonce: &[u8; 32],
) -> [u8; 16] {
    expand(
        &pair(secret, "peerage admission knock", from, at, nonce),
        b"tag",
    )
}

/// Compares without leaking where the difference is.
pub(crate) fn same(a: &[u8; 16], b: &[u8; 16]) -> bool {
    a.iter().zip(b).fold(0, |seen, (x, y)| seen | (x ^ y)) == 0
}

/// What both peers can derive for this exchange of theirs from a secret they share.
pub(crate) fn pair(
    secret: &DiscoverySecret,
    label: &str,
    first: &PeerId,
    second: &PeerId,
    nonces: &[u8],
) -> Hkdf<Sha256> {
    let mut material = secret.derive(label).to_vec();
    for peer in [first, second] {
        let bytes = peer.to_bytes();
        material.push(bytes.len() as u8);
        material.extend_from_slice(&bytes);
    }
    let hkdf = Hkdf::new(Some(nonces), &material);
    material.zeroize();
    hkdf
}

pub(crate) fn expand<const N: usize>(hkdf: &Hkdf<Sha256>, label: &[u8]) -> [u8; N] {
    let mut out = [0; N];
    hkdf.expand(label, &mut out)
        .expect("HKDF-SHA256 gives up to 8 160 bytes");
    out
}
