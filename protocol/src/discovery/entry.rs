//! One member's signed, encrypted entry, as the storing nodes see it.

use std::{fmt, time::Duration};

use ed25519_dalek::{Signature, VerifyingKey};
use peerage_records::time::{CLOCK_TOLERANCE, Timestamp};
use thiserror::Error;

/// An entry lives at most two hours, so that what lies in the DHT is where members are, not where they were.
pub const MAX_LIFETIME: Duration = Duration::from_secs(2 * 60 * 60);

/// Clocks of honest nodes differ by at most this much, here as for records.
pub const FUTURE_TOLERANCE: Duration = CLOCK_TOLERANCE;

/// The ciphertext with its tag. Holds the largest announcement; 64 of them fit one kad packet.
pub const MAX_CIPHERTEXT_BYTES: usize = 1024;

pub(super) const NONCE_BYTES: usize = 12;
pub(super) const SIGNATURE_BYTES: usize = 64;

const SIGNED_PREFIX: &[u8] = b"peerage rendezvous entry v1\0";
const SEALED_PREFIX: &[u8] = b"peerage rendezvous sealed v1\0";

/// Who published an entry, as far as a stranger can tell: the same 16 bytes for the same member and group.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pseudonym(pub(super) [u8; 16]);

impl Pseudonym {
    /// The bytes as they are on the wire.
    pub fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl fmt::Debug for Pseudonym {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, ..] = self.0;
        write!(f, "Pseudonym({a:02x}{b:02x}{c:02x}{d:02x}…)")
    }
}

/// One publisher's entry at a rendezvous.
///
/// The order of the fields is the order of entries: the later one is the one published later. Both *which of
/// two entries of a publisher stands* and *which entries stay in a full set* are decided by this one total
/// order; that is what makes merging independent of the order of arrival (see [`super::VerifiedSet::merge`]).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Entry {
    pub(super) sequence: Timestamp,
    pub(super) expires: Timestamp,
    pub(super) pseudonym: Pseudonym,
    pub(super) nonce: [u8; NONCE_BYTES],
    pub(super) ciphertext: Vec<u8>,
    pub(super) signature: [u8; SIGNATURE_BYTES],
}

impl Entry {
    /// The publisher's pseudonym.
    pub fn pseudonym(&self) -> Pseudonym {
        self.pseudonym
    }

    /// When the publisher says it published this; the newest per pseudonym stands.
    pub fn sequence(&self) -> Timestamp {
        self.sequence
    }

    /// From when on the entry is to be forgotten.
    pub fn expires(&self) -> Timestamp {
        self.expires
    }

    pub(super) fn is_expired(&self, now: Timestamp) -> bool {
        self.expires <= now
    }

    pub(super) fn is_from_the_future(&self, now: Timestamp) -> bool {
        self.sequence > now + FUTURE_TOLERANCE
    }

    /// What can be said of the entry without knowing the key or the time.
    pub(super) fn check_shape(&self) -> Result<(), EntryError> {
        if self.ciphertext.len() > MAX_CIPHERTEXT_BYTES {
            return Err(EntryError::TooLarge(self.ciphertext.len()));
        }
        if self.expires <= self.sequence {
            return Err(EntryError::NoLifetime);
        }
        if self.expires > self.sequence + MAX_LIFETIME {
            return Err(EntryError::LivesTooLong);
        }
        Ok(())
    }

    pub(super) fn check_signature(
        &self,
        key: &[u8; 32],
        rendezvous: &VerifyingKey,
    ) -> Result<(), EntryError> {
        rendezvous
            .verify_strict(
                &self.signed_bytes(key),
                &Signature::from_bytes(&self.signature),
            )
            .map_err(|_| EntryError::BadSignature)
    }

    /// Everything but the signature, bound to one key of the DHT. All parts but the last have a fixed length.
    pub(super) fn signed_bytes(&self, key: &[u8; 32]) -> Vec<u8> {
        let mut bytes = self.bound_bytes(SIGNED_PREFIX, key);
        bytes.extend_from_slice(&self.nonce);
        bytes.extend_from_slice(&self.ciphertext);
        bytes
    }

    /// The additional data of the encryption: a ciphertext moved elsewhere, or given new times, does not open.
    pub(super) fn sealed_with(&self, key: &[u8; 32]) -> Vec<u8> {
        self.bound_bytes(SEALED_PREFIX, key)
    }

    fn bound_bytes(&self, prefix: &[u8], key: &[u8; 32]) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(prefix.len() + 76 + self.ciphertext.len());
        bytes.extend_from_slice(prefix);
        bytes.extend_from_slice(key);
        bytes.extend_from_slice(&self.pseudonym.0);
        bytes.extend_from_slice(&self.sequence.as_millis().to_be_bytes());
        bytes.extend_from_slice(&self.expires.as_millis().to_be_bytes());
        bytes
    }
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entry")
            .field("pseudonym", &self.pseudonym)
            .field("sequence", &self.sequence)
            .field("expires", &self.expires)
            .field("ciphertext_bytes", &self.ciphertext.len())
            .finish_non_exhaustive()
    }
}

/// What is wrong with an entry. No honest node stores or forwards such a one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum EntryError {
    /// The ciphertext exceeds [`MAX_CIPHERTEXT_BYTES`].
    #[error("ciphertext of {0} bytes is larger than {MAX_CIPHERTEXT_BYTES}")]
    TooLarge(usize),
    /// It expires no later than it was published.
    #[error("entry expires before it is published")]
    NoLifetime,
    /// It wants to live longer than [`MAX_LIFETIME`].
    #[error("entry lives longer than two hours")]
    LivesTooLong,
    /// It was not signed with the rendezvous key, or not for this key of the DHT.
    #[error("entry is not signed by the rendezvous key")]
    BadSignature,
}
