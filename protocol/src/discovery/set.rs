//! The value at one key of the DHT: a bounded set of entries that merges the same way on every node.

use std::collections::{BTreeMap, btree_map};

use ed25519_dalek::VerifyingKey;
use peerage_records::time::Timestamp;
use serde_bytes::{ByteArray, ByteBuf, Bytes};
use thiserror::Error;

use super::{
    entry::{Entry, EntryError, NONCE_BYTES, Pseudonym, SIGNATURE_BYTES},
    rendezvous::dht_key,
};
use crate::cloud::Cloud;

/// Entries per key. To find a group it is enough to find some members; they know the others.
pub const MAX_ENTRIES: usize = 64;

/// A full set of the largest entries needs 73 127 bytes; see the test `a_full_set_fits`.
pub const MAX_SET_BYTES: usize = 72 * 1024;

const VERSION: u8 = 1;
/// Tells this kind of value from others that may share a cloud later.
const KIND: u8 = 1;
/// CBOR for "array of four", how every value of version 1 begins.
const ARRAY_OF_FOUR: u8 = 0x84;

type ReadEntry = (
    ByteArray<16>,
    u64,
    u64,
    ByteArray<NONCE_BYTES>,
    ByteBuf,
    ByteArray<SIGNATURE_BYTES>,
);
type WrittenEntry<'a> = (&'a Bytes, u64, u64, &'a Bytes, &'a Bytes, &'a Bytes);

/// A decoded set: bounded and canonical, but not believed. [`EntrySet::verify`] makes it a [`VerifiedSet`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntrySet {
    rendezvous: [u8; 32],
    /// Never empty, at most [`MAX_ENTRIES`].
    entries: BTreeMap<Pseudonym, Entry>,
}

impl EntrySet {
    pub(super) fn of_one(rendezvous: [u8; 32], entry: Entry) -> Self {
        Self {
            rendezvous,
            entries: BTreeMap::from([(entry.pseudonym, entry)]),
        }
    }

    /// Decodes the one accepted form of a set.
    ///
    /// # Errors
    /// Anything but the canonical encoding of a set within all limits.
    pub fn decode(bytes: &[u8]) -> Result<Self, SetError> {
        if bytes.len() > MAX_SET_BYTES {
            return Err(SetError::TooLarge(bytes.len()));
        }
        match bytes {
            [ARRAY_OF_FOUR, VERSION, KIND, ..] => {}
            [ARRAY_OF_FOUR, VERSION, kind, ..] => return Err(SetError::UnknownKind(*kind)),
            [ARRAY_OF_FOUR, version, ..] => return Err(SetError::UnknownVersion(*version)),
            _ => return Err(SetError::Malformed),
        }
        let (_, _, rendezvous, read): (u8, u8, ByteArray<32>, Vec<ReadEntry>) =
            serde_cbor::from_slice(bytes).map_err(|_| SetError::Malformed)?;
        if read.is_empty() {
            return Err(SetError::Empty);
        }
        if read.len() > MAX_ENTRIES {
            return Err(SetError::TooManyEntries(read.len()));
        }
        let mut entries = BTreeMap::new();
        for (pseudonym, sequence, expires, nonce, ciphertext, signature) in read {
            let entry = Entry {
                sequence: Timestamp::from_millis(sequence),
                expires: Timestamp::from_millis(expires),
                pseudonym: Pseudonym(pseudonym.into_array()),
                nonce: nonce.into_array(),
                ciphertext: ciphertext.into_vec(),
                signature: signature.into_array(),
            };
            entry.check_shape()?;
            entries.insert(entry.pseudonym, entry);
        }
        let set = Self {
            rendezvous: rendezvous.into_array(),
            entries,
        };
        // Catches unsorted and repeated pseudonyms too: they would be written differently.
        if set.encode() != bytes {
            return Err(SetError::NotCanonical);
        }
        Ok(set)
    }

    /// The canonical bytes of the set.
    pub fn encode(&self) -> Vec<u8> {
        let entries: Vec<WrittenEntry<'_>> = self.entries.values().map(written).collect();
        serde_cbor::to_vec(&(VERSION, KIND, Bytes::new(&self.rendezvous), entries))
            .expect("integers and bytes are written to memory")
    }

    /// The only key in a cloud's DHT at which this set may lie.
    pub fn dht_key(&self, cloud: &Cloud) -> [u8; 32] {
        dht_key(cloud, &self.rendezvous)
    }

    /// Believes a set unseen, to play the liar.
    #[cfg(test)]
    pub(super) fn verify_nothing_for_tests(self, key: [u8; 32]) -> VerifiedSet {
        VerifiedSet { key, set: self }
    }

    /// Checks that the set belongs at `key` in this cloud and that the group's members wrote it.
    ///
    /// Entries that are expired or from the future are left out: an honest node may have held them back, or
    /// have a wrong clock. `known` is what is held at this key already; its entries are not checked again,
    /// so that copying a set back to us costs its sender more than us.
    ///
    /// # Errors
    /// The key is not this set's, a signature is wrong, or no entry is left.
    pub fn verify(
        self,
        cloud: &Cloud,
        key: &[u8; 32],
        known: Option<&VerifiedSet>,
        now: Timestamp,
    ) -> Result<VerifiedSet, SetError> {
        if &self.dht_key(cloud) != key {
            return Err(SetError::WrongKey);
        }
        let rendezvous = VerifyingKey::from_bytes(&self.rendezvous)
            .ok()
            .filter(|rendezvous| !rendezvous.is_weak())
            .ok_or(SetError::WeakKey)?;
        let known = known.filter(|known| &known.key == key);
        for (pseudonym, entry) in &self.entries {
            let held = known.and_then(|known| known.set.entries.get(pseudonym));
            if held != Some(entry) {
                entry.check_signature(key, &rendezvous)?;
            }
        }
        let mut set = self;
        set.entries
            .retain(|_, entry| !entry.is_expired(now) && !entry.is_from_the_future(now));
        if set.entries.is_empty() {
            return Err(SetError::NothingCurrent);
        }
        Ok(VerifiedSet { key: *key, set })
    }
}

fn written(entry: &Entry) -> WrittenEntry<'_> {
    (
        Bytes::new(&entry.pseudonym.0),
        entry.sequence.as_millis(),
        entry.expires.as_millis(),
        Bytes::new(&entry.nonce),
        Bytes::new(&entry.ciphertext),
        Bytes::new(&entry.signature),
    )
}

/// A set every entry of which was signed with the rendezvous key its key in the DHT names.
///
/// Only [`EntrySet::verify`] makes one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedSet {
    key: [u8; 32],
    set: EntrySet,
}

impl VerifiedSet {
    /// The key in the DHT this set belongs at.
    pub fn key(&self) -> &[u8; 32] {
        &self.key
    }

    /// The entries, in the order of their pseudonyms.
    pub fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.set.entries.values()
    }

    /// How many entries there are: 1 to [`MAX_ENTRIES`].
    pub fn entry_count(&self) -> usize {
        self.set.entries.len()
    }

    /// The canonical bytes of the set.
    pub fn encode(&self) -> Vec<u8> {
        self.set.encode()
    }

    /// When the last of its entries expires.
    pub fn expires(&self) -> Timestamp {
        self.entries()
            .map(Entry::expires)
            .max()
            .expect("a set is never empty")
    }

    /// When the first of its entries expires.
    pub fn first_expires(&self) -> Timestamp {
        self.entries()
            .map(Entry::expires)
            .min()
            .expect("a set is never empty")
    }

    /// What is left at `now`, or nothing.
    #[must_use]
    pub fn unexpired(mut self, now: Timestamp) -> Option<Self> {
        self.set.entries.retain(|_, entry| !entry.is_expired(now));
        (!self.set.entries.is_empty()).then_some(self)
    }

    /// Takes over what another set of the same key knows better. Sets of other keys change nothing.
    ///
    /// Per pseudonym the greater entry stands, and of all those the [`MAX_ENTRIES`] greatest stay. Because it
    /// is the same total order both times, an entry that had to make room can never be wanted again: the
    /// result does not depend on the order, the grouping or the repetition of merges.
    pub fn merge(&mut self, other: Self) -> Merged {
        if other.key != self.key {
            return Merged::Unchanged;
        }
        let mut merged = self.set.entries.clone();
        for (pseudonym, theirs) in other.set.entries {
            match merged.entry(pseudonym) {
                btree_map::Entry::Vacant(place) => {
                    place.insert(theirs);
                }
                btree_map::Entry::Occupied(mut ours) if theirs > *ours.get() => {
                    ours.insert(theirs);
                }
                btree_map::Entry::Occupied(_) => {}
            }
        }
        if merged.len() > MAX_ENTRIES {
            let mut ranked: Vec<&Entry> = merged.values().collect();
            ranked.sort_unstable();
            let surplus: Vec<Pseudonym> = ranked[..merged.len() - MAX_ENTRIES]
                .iter()
                .map(|entry| entry.pseudonym)
                .collect();
            for pseudonym in surplus {
                merged.remove(&pseudonym);
            }
        }
        if merged == self.set.entries {
            return Merged::Unchanged;
        }
        self.set.entries = merged;
        Merged::Changed
    }
}

impl From<VerifiedSet> for EntrySet {
    fn from(verified: VerifiedSet) -> Self {
        verified.set
    }
}

/// Whether a merge brought anything new.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Merged {
    /// The set is different now.
    Changed,
    /// Everything was known, or superseded.
    Unchanged,
}

/// Why bytes are not a set of entries for a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SetError {
    /// More than [`MAX_SET_BYTES`].
    #[error("set of {0} bytes is larger than {MAX_SET_BYTES}")]
    TooLarge(usize),
    /// More than [`MAX_ENTRIES`].
    #[error("set of {0} entries is larger than {MAX_ENTRIES}")]
    TooManyEntries(usize),
    /// No entry at all.
    #[error("set has no entry")]
    Empty,
    /// Not the shape of a set.
    #[error("not a set of entries")]
    Malformed,
    /// Written by a later version.
    #[error("unknown version {0} of a set")]
    UnknownVersion(u8),
    /// Another kind of value, which this node does not store.
    #[error("unknown kind {0} of value")]
    UnknownKind(u8),
    /// The same content in other bytes than ours, or entries out of order.
    #[error("set is not in canonical form")]
    NotCanonical,
    /// One entry is wrong, so the whole set is refused.
    #[error("set holds a bad entry")]
    Entry(#[from] EntryError),
    /// The rendezvous key does not belong at this key of the DHT.
    #[error("set belongs at another key")]
    WrongKey,
    /// The rendezvous key is no key, or one anybody can sign for.
    #[error("rendezvous key is weak")]
    WeakKey,
    /// Every entry is expired or from the future. An honest sender is possible.
    #[error("set has no current entry")]
    NothingCurrent,
}

#[cfg(test)]
mod tests;
