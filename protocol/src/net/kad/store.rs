//! What this node stores for a cloud: bounded, verified, merged, in memory.

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
    iter, vec,
};

use libp2p::{
    PeerId,
    kad::{
        ProviderRecord, Record, RecordKey,
        store::{Error, RecordStore, Result},
    },
};
use peerage_records::time::Timestamp;
use sha2::{Digest, Sha256};

use super::clock::Clock;
use crate::{
    cloud::Cloud,
    discovery::{EntrySet, SetError, VerifiedSet},
};

/// Keys held for others. A node is asked for its share, 20 replicas of each key divided by all nodes, so this
/// serves several hundred groups per node.
pub const MAX_KEYS: usize = 8 * 1024;

/// Keys this node publishes at itself; no flood displaces them.
pub const MAX_OWN_KEYS: usize = 1024;

/// Encoded bytes of all sets. In memory they take up to twice as much.
pub const MAX_STORE_BYTES: usize = 32 * 1024 * 1024;

/// A key's distance from this node, as Kademlia measures it.
type Distance = [u8; 32];
type Key = [u8; 32];

/// The store of one node for one cloud.
///
/// When it is full, what is expired goes first, then what is farthest from this node: others are closer to
/// it and hold it too. So a flood of made-up groups displaces real ones only as far as its author finds keys
/// closer to each of their replicas, and the outcome does not depend on who came first.
///
/// It is never written to disk: entries live two hours at most and members publish three times in that.
#[derive(Debug)]
pub struct Store {
    cloud: Cloud,
    local_peer: PeerId,
    local_position: [u8; 32],
    clock: Clock,
    held: BTreeMap<Key, Held>,
    /// The keys by when nothing of them is left.
    by_expiry: BTreeSet<(Timestamp, Key)>,
    /// The keys of others by distance.
    by_distance: BTreeSet<(Distance, Key)>,
    limits: Limits,
    counts: Counts,
}

#[derive(Debug)]
struct Held {
    set: VerifiedSet,
    encoded_bytes: usize,
    owner: Owner,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Owner {
    /// This node put it here itself.
    Own,
    Others,
}

#[derive(Clone, Copy, Debug)]
struct Limits {
    keys: usize,
    own_keys: usize,
    bytes: usize,
}

/// What the store holds and what became of the values it was given, for metrics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counts {
    /// Keys held.
    pub keys: usize,
    /// Encoded bytes of all sets held.
    pub bytes: usize,
    /// Values stored, also those that brought nothing new.
    pub stored: u64,
    /// Values refused because they were not what may be stored.
    pub refused: u64,
    /// Values refused because the store was full of keys closer to this node.
    pub full: u64,
    /// Keys that had to make room for closer ones.
    pub evicted: u64,
    /// Keys of which nothing was left.
    pub expired: u64,
    /// Provider records refused; this DHT has none.
    pub providers_refused: u64,
}

/// Why a value was not stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// No key of this DHT: those are hashes.
    #[error("key is not 32 bytes long")]
    BadKey,
    /// Not a set of entries for this key.
    #[error("value may not be stored at this key")]
    BadValue(#[from] SetError),
    /// Everything held is closer to this node.
    #[error("store is full of closer keys")]
    Full,
}

impl Store {
    /// An empty store. `clock` must be set by whoever runs the swarm.
    pub fn new(local_peer: PeerId, cloud: Cloud, clock: Clock) -> Self {
        Self {
            cloud,
            local_peer,
            local_position: Sha256::digest(local_peer.to_bytes()).into(),
            clock,
            held: BTreeMap::new(),
            by_expiry: BTreeSet::new(),
            by_distance: BTreeSet::new(),
            limits: Limits {
                keys: MAX_KEYS,
                own_keys: MAX_OWN_KEYS,
                bytes: MAX_STORE_BYTES,
            },
            counts: Counts::default(),
        }
    }

    /// What it holds and has done.
    pub fn counts(&self) -> Counts {
        Counts {
            keys: self.held.len(),
            ..self.counts
        }
    }

    /// Forgets what is expired. Putting does so too; call this now and then where nobody puts.
    pub fn expire(&mut self) {
        let now = self.clock.now();
        while let Some(&(expires, key)) = self.by_expiry.first() {
            if expires > now {
                break;
            }
            self.take(&key);
            self.counts.expired += 1;
        }
    }

    /// Verifies and merges a value.
    ///
    /// # Errors
    /// Says why the value was refused; [`RecordStore::put`] can tell libp2p much less.
    pub fn insert(&mut self, record: &Record) -> std::result::Result<(), Refusal> {
        let outcome = self.try_insert(record);
        match outcome {
            Ok(()) => self.counts.stored += 1,
            Err(Refusal::Full) => self.counts.full += 1,
            Err(Refusal::BadKey | Refusal::BadValue(_)) => self.counts.refused += 1,
        }
        outcome
    }

    fn try_insert(&mut self, record: &Record) -> std::result::Result<(), Refusal> {
        self.expire();
        let key = key_of(&record.key).ok_or(Refusal::BadKey)?;
        let now = self.clock.now();
        let known = self.held.get(&key).map(|held| &held.set);
        let new = EntrySet::decode(&record.value)?.verify(&self.cloud, &key, known, now)?;
        // The wire cannot claim this: libp2p never stores what a stranger sends in our name.
        let mut owner = if record.publisher == Some(self.local_peer) {
            Owner::Own
        } else {
            Owner::Others
        };
        let before = self.take(&key);
        let set = match &before {
            Some(before) => {
                if before.owner == Owner::Own {
                    owner = Owner::Own;
                }
                let current = before.set.clone().unexpired(now);
                current.map_or(new.clone(), |mut current| {
                    current.merge(new);
                    current
                })
            }
            None => new,
        };
        let held = Held {
            encoded_bytes: set.encode().len(),
            set,
            owner,
        };
        if self.make_room(&key, &held) {
            self.hold(key, held);
            return Ok(());
        }
        // Room for what was there before is still there.
        if let Some(before) = before {
            self.hold(key, before);
        }
        Err(Refusal::Full)
    }

    /// Evicts keys farther away than `key` until `held` fits; false, and nothing evicted, if it cannot.
    fn make_room(&mut self, key: &Key, held: &Held) -> bool {
        if held.owner == Owner::Own {
            // Own keys are few and bounded by themselves.
            return self.held.len() - self.by_distance.len() < self.limits.own_keys;
        }
        let distance = self.distance(key);
        let (mut keys, mut bytes) = (
            self.by_distance.len() + 1,
            self.counts.bytes + held.encoded_bytes,
        );
        let mut farther = Vec::new();
        let mut candidates = self.by_distance.iter().rev();
        while keys > self.limits.keys || bytes > self.limits.bytes {
            match candidates.next() {
                Some((far, candidate)) if *far > distance => {
                    keys -= 1;
                    bytes -= self
                        .held
                        .get(candidate)
                        .map_or(0, |held| held.encoded_bytes);
                    farther.push(*candidate);
                }
                _ => return false,
            }
        }
        for key in farther {
            self.take(&key);
            self.counts.evicted += 1;
        }
        true
    }

    fn hold(&mut self, key: Key, held: Held) {
        self.counts.bytes += held.encoded_bytes;
        self.by_expiry.insert((held.set.expires(), key));
        if held.owner == Owner::Others {
            self.by_distance.insert((self.distance(&key), key));
        }
        self.held.insert(key, held);
    }

    fn take(&mut self, key: &Key) -> Option<Held> {
        let held = self.held.remove(key)?;
        self.counts.bytes -= held.encoded_bytes;
        self.by_expiry.remove(&(held.set.expires(), *key));
        self.by_distance.remove(&(self.distance(key), *key));
        Some(held)
    }

    fn distance(&self, key: &Key) -> Distance {
        let mut distance: Distance = Sha256::digest(key).into();
        for (byte, ours) in distance.iter_mut().zip(self.local_position) {
            *byte ^= ours;
        }
        distance
    }

    /// The value as it is given out: nothing expired, and no word of who brought it.
    fn record(&self, key: &Key, held: &Held) -> Option<Record> {
        let now = self.clock.now();
        let set = if held.set.first_expires() > now {
            held.set.encode()
        } else {
            held.set.clone().unexpired(now)?.encode()
        };
        Some(Record::new(key.to_vec(), set))
    }
}

fn key_of(key: &RecordKey) -> Option<Key> {
    key.as_ref().try_into().ok()
}

impl RecordStore for Store {
    type RecordsIter<'a> = vec::IntoIter<Cow<'a, Record>>;
    type ProvidedIter<'a> = iter::Empty<Cow<'a, ProviderRecord>>;

    fn get(&self, key: &RecordKey) -> Option<Cow<'_, Record>> {
        let key = key_of(key)?;
        let held = self.held.get(&key)?;
        self.record(&key, held).map(Cow::Owned)
    }

    fn put(&mut self, record: Record) -> Result<()> {
        self.insert(&record).map_err(|refusal| {
            tracing::debug!(reason = %refusal, "value refused");
            match refusal {
                Refusal::Full => Error::MaxRecords,
                // libp2p has no better word; either way it leaves the put unanswered.
                Refusal::BadKey | Refusal::BadValue(_) => Error::ValueTooLarge,
            }
        })
    }

    fn remove(&mut self, key: &RecordKey) {
        if let Some(key) = key_of(key) {
            self.take(&key);
        }
    }

    fn records(&self) -> Self::RecordsIter<'_> {
        let records: Vec<_> = self
            .held
            .iter()
            .filter_map(|(key, held)| self.record(key, held).map(Cow::Owned))
            .collect();
        records.into_iter()
    }

    /// This DHT has no providers: they would be free, unsigned storage.
    fn add_provider(&mut self, _: ProviderRecord) -> Result<()> {
        self.counts.providers_refused += 1;
        Err(Error::MaxProvidedKeys)
    }

    fn providers(&self, _: &RecordKey) -> Vec<ProviderRecord> {
        Vec::new()
    }

    fn provided(&self) -> Self::ProvidedIter<'_> {
        iter::empty()
    }

    fn remove_provider(&mut self, _: &RecordKey, _: &PeerId) {}
}

#[cfg(test)]
mod tests;
