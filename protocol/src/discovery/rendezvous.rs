//! One group's rendezvous in one cloud: where its members meet, and the keys to write and read there.

use std::fmt;

use chacha20poly1305::{
    ChaCha20Poly1305, Key, Nonce,
    aead::{Aead, KeyInit, Payload},
};
use ed25519_dalek::{Signer, SigningKey};
use hkdf::Hkdf;
use libp2p_identity::PeerId;
use peerage_records::time::Timestamp;
use sha2::{Digest, Sha256};
use thiserror::Error;
use zeroize::Zeroizing;

use super::{
    announcement::{Announcement, Presence},
    entry::{Entry, EntryError, NONCE_BYTES, Pseudonym, SIGNATURE_BYTES},
    set::{EntrySet, SetError, VerifiedSet},
};
use crate::{cloud::Cloud, secret::DiscoverySecret};

const KEY_PREFIX: &[u8] = b"peerage rendezvous v1";
const PSEUDONYM_PREFIX: &[u8] = b"peerage publisher v1";

/// The key in a cloud's DHT under which the holder of a rendezvous key may write.
///
/// The rendezvous key has a fixed length, so no two pairs of cloud and key run together.
pub fn dht_key(cloud: &Cloud, rendezvous: &[u8; 32]) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(KEY_PREFIX);
    hash.update(cloud.name().as_bytes());
    hash.update(rendezvous);
    hash.finalize().into()
}

/// A group's rendezvous in one cloud. Holds secrets; made from the group's [`DiscoverySecret`].
pub struct Rendezvous {
    cloud: Cloud,
    key: [u8; 32],
    signing: SigningKey,
    entry_key: Zeroizing<[u8; 32]>,
    publisher_key: Zeroizing<[u8; 32]>,
}

impl Rendezvous {
    /// Derives the rendezvous of the secret's group in `cloud`.
    pub fn new(secret: &DiscoverySecret, cloud: &Cloud) -> Self {
        // Per cloud, so that a node that stores for two clouds cannot tell that it is the same group.
        let derive =
            |purpose: &str| Zeroizing::new(secret.derive(&format!("{purpose} {}", cloud.name())));
        let seed = derive("rendezvous");
        let signing = SigningKey::from_bytes(&seed);
        Self {
            cloud: cloud.clone(),
            key: dht_key(cloud, signing.verifying_key().as_bytes()),
            signing,
            entry_key: derive("entry"),
            publisher_key: derive("publisher"),
        }
    }

    /// The key in the cloud's DHT.
    pub fn key(&self) -> [u8; 32] {
        self.key
    }

    /// The cloud.
    pub fn cloud(&self) -> &Cloud {
        &self.cloud
    }

    /// What a peer is called at this group's rendezvous.
    pub fn pseudonym(&self, peer: &PeerId) -> Pseudonym {
        let mut pseudonym = [0; 16];
        Hkdf::<Sha256>::from_prk(self.publisher_key.as_slice())
            .expect("a key has the length of a hash")
            .expand_multi_info(&[PSEUDONYM_PREFIX, &peer.to_bytes()], &mut pseudonym)
            .expect("HKDF-SHA256 yields up to 8160 bytes");
        Pseudonym(pseudonym)
    }

    /// Encrypts and signs an announcement: a set of one entry, ready to be put.
    ///
    /// `sequence` is the time of publishing and must grow with each announcement of a peer; see
    /// [`PublishSchedule`](super::PublishSchedule), which stamps them.
    ///
    /// # Errors
    /// `expires` is not after `sequence`, or more than [`MAX_LIFETIME`](super::MAX_LIFETIME) after it.
    pub fn seal(
        &self,
        rng: &mut impl rand::CryptoRng,
        announcement: &Announcement,
        sequence: Timestamp,
        expires: Timestamp,
    ) -> Result<EntrySet, SealError> {
        // 96 random bits under one key: 2^32 messages are safe, a group publishes some 40 per member and day.
        let mut nonce = [0; NONCE_BYTES];
        rng.fill_bytes(&mut nonce);
        let mut entry = Entry {
            sequence,
            expires,
            pseudonym: self.pseudonym(announcement.peer()),
            nonce,
            ciphertext: Vec::new(),
            signature: [0; SIGNATURE_BYTES],
        };
        entry.ciphertext = self
            .cipher()
            .encrypt(
                &Nonce::from(nonce),
                Payload {
                    msg: &announcement.to_plaintext(),
                    aad: &entry.sealed_with(&self.key),
                },
            )
            .map_err(|_| SealError::Encryption)?;
        entry.check_shape()?;
        entry.signature = self.signing.sign(&entry.signed_bytes(&self.key)).to_bytes();
        Ok(EntrySet::of_one(
            *self.signing.verifying_key().as_bytes(),
            entry,
        ))
    }

    /// Decodes and verifies a value found at this rendezvous. `known` spares repeated checks.
    ///
    /// # Errors
    /// The bytes are no set, or not one that this group's members wrote.
    pub fn read(
        &self,
        bytes: &[u8],
        known: Option<&VerifiedSet>,
        now: Timestamp,
    ) -> Result<VerifiedSet, SetError> {
        EntrySet::decode(bytes)?.verify(&self.cloud, &self.key, known, now)
    }

    /// Decrypts what members announced. Merge what several nodes answered before opening it, or a node that
    /// missed a withdrawal brings the withdrawn member back.
    pub fn open(&self, set: &VerifiedSet, now: Timestamp) -> Sightings {
        let mut sightings = Sightings::default();
        if set.key() != &self.key {
            sightings.unreadable = set.entry_count();
            return sightings;
        }
        let cipher = self.cipher();
        for entry in set.entries().filter(|entry| !entry.is_expired(now)) {
            let Some(announcement) = self.open_entry(&cipher, entry) else {
                sightings.unreadable += 1;
                continue;
            };
            match announcement.presence() {
                Presence::Withdrawn => sightings.withdrawn.push(*announcement.peer()),
                Presence::Online(_) => sightings.online.push(Sighting {
                    announcement,
                    published: entry.sequence,
                    expires: entry.expires,
                }),
            }
        }
        sightings
            .online
            .sort_by_key(|sighting| std::cmp::Reverse(sighting.published));
        sightings
    }

    fn open_entry(&self, cipher: &ChaCha20Poly1305, entry: &Entry) -> Option<Announcement> {
        let plaintext = cipher
            .decrypt(
                &Nonce::from(entry.nonce),
                Payload {
                    msg: &entry.ciphertext,
                    aad: &entry.sealed_with(&self.key),
                },
            )
            .ok()
            .map(Zeroizing::new)?;
        let announcement = Announcement::from_plaintext(&plaintext).ok()?;
        // One member, one pseudonym: otherwise a single member could appear as many, or displace nobody
        // while posing as somebody.
        (self.pseudonym(announcement.peer()) == entry.pseudonym).then_some(announcement)
    }

    fn cipher(&self) -> ChaCha20Poly1305 {
        ChaCha20Poly1305::new(&Key::from(*self.entry_key))
    }
}

impl fmt::Debug for Rendezvous {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rendezvous")
            .field("cloud", &self.cloud.name())
            .finish_non_exhaustive()
    }
}

/// What a set says to a member of the group.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sightings {
    /// Members that are online, the latest published first.
    pub online: Vec<Sighting>,
    /// Members that went offline and said so.
    pub withdrawn: Vec<PeerId>,
    /// Entries some holder of the secret wrote, but not as a member of our version would.
    pub unreadable: usize,
}

/// A member's announcement and its times.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sighting {
    /// What it says.
    pub announcement: Announcement,
    /// When it was published, by the publisher's clock.
    pub published: Timestamp,
    /// From when on it is to be forgotten.
    pub expires: Timestamp,
}

/// Why an announcement was not sealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SealError {
    /// Its times make no acceptable entry.
    #[error("announcement makes no acceptable entry")]
    Entry(#[from] EntryError),
    /// The cipher failed.
    #[error("announcement could not be encrypted")]
    Encryption,
}

#[cfg(test)]
mod tests;
