//! Which versions of records a replica holds: the raw material of reconciliation.
//!
//! A sorted set of (modification time, envelope hash). A version that is superseded leaves the set and
//! its successor enters it, so two replicas hold equal records exactly if their summaries are equal, and
//! ranges differ only where records differ.
//!
//! Items live in buckets of at most 256 behind reference counts. Taking a snapshot copies nothing; after
//! it, a change copies one bucket and the list of buckets. Each bucket keeps the sum of its hashes, so
//! that comparing whole summaries does not visit items.

use std::sync::Arc;

use negentropy::{Bound, Id, Item, NegentropyStorageBase};
use sha2::{Digest, Sha256};

use crate::{id::EnvelopeHash, time::Timestamp};

/// The most items in a bucket: 10 KiB to copy when a snapshot is outstanding.
const MAX_BUCKET_ITEMS: usize = 256;

/// Buckets are loaded three quarters full, so that the next inserts do not split every one of them.
const LOADED_BUCKET_ITEMS: usize = MAX_BUCKET_ITEMS * 3 / 4;

/// A bucket below this is merged with its neighbour if both fit in one.
const MIN_BUCKET_ITEMS: usize = MAX_BUCKET_ITEMS / 8;

/// Separates the digest of a summary from every other hash.
const DIGEST_DOMAIN: &[u8] = b"peerage fingerprint v1";

/// A set of record versions, ordered by modification time and hash. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Summary {
    buckets: Arc<Vec<Bucket>>,
    len: usize,
}

#[derive(Clone, Debug)]
struct Bucket {
    /// Never empty, strictly increasing.
    items: Arc<Vec<Item>>,
    sum: HashSum,
}

/// The sum of hashes as 256-bit numbers: the same in any order, and elements can be taken out again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct HashSum([u64; 4]);

impl HashSum {
    fn lanes(hash: &[u8; 32]) -> [u64; 4] {
        let (lanes, _) = hash.as_chunks::<8>();
        [0, 1, 2, 3].map(|i| u64::from_le_bytes(lanes[i]))
    }

    fn add_lanes(&mut self, other: [u64; 4]) {
        let mut carry = false;
        for (mine, theirs) in self.0.iter_mut().zip(other) {
            let (sum, over) = mine.overflowing_add(theirs);
            let (sum, over_again) = sum.overflowing_add(u64::from(carry));
            (*mine, carry) = (sum, over | over_again);
        }
    }

    pub(crate) fn add(&mut self, hash: &[u8; 32]) {
        self.add_lanes(Self::lanes(hash));
    }

    pub(crate) fn remove(&mut self, hash: &[u8; 32]) {
        // Two's complement: subtracting is adding the complement and one.
        self.add_lanes(Self::lanes(hash).map(|lane| !lane));
        self.add_lanes([1, 0, 0, 0]);
    }

    pub(crate) fn merge(&mut self, other: Self) {
        self.add_lanes(other.0);
    }

    /// The digest of a set of `count` hashes with this sum.
    pub(crate) fn digest(self, count: u64) -> [u8; 32] {
        let mut hasher = Sha256::new();
        hasher.update(DIGEST_DOMAIN);
        hasher.update(count.to_le_bytes());
        for lane in self.0 {
            hasher.update(lane.to_le_bytes());
        }
        hasher.finalize().into()
    }
}

impl Bucket {
    fn new(items: Vec<Item>) -> Self {
        let mut sum = HashSum::default();
        for item in &items {
            sum.add(&item.id);
        }
        Self {
            items: Arc::new(items),
            sum,
        }
    }

    fn last(&self) -> &Item {
        self.items.last().expect("a bucket is never empty")
    }
}

impl Summary {
    /// An empty summary.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Makes a summary of versions that come in their order, without sorting them again.
    ///
    /// # Errors
    /// Hands back the first version that is not after the one before it.
    pub fn from_sorted(
        versions: impl IntoIterator<Item = (Timestamp, EnvelopeHash)>,
    ) -> Result<Self, (Timestamp, EnvelopeHash)> {
        let mut loader = SummaryLoader::default();
        for (modified, hash) in versions {
            if !loader.push(modified, hash) {
                return Err((modified, hash));
            }
        }
        Ok(loader.finish())
    }

    /// How many versions it holds.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether it holds none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Whether it holds this version.
    #[must_use]
    pub fn contains(&self, modified: Timestamp, hash: &EnvelopeHash) -> bool {
        let item = item(modified, hash);
        self.buckets
            .get(self.bucket_of(&item))
            .is_some_and(|bucket| bucket.items.binary_search(&item).is_ok())
    }

    /// Adds a version; returns whether it was missing.
    pub fn insert(&mut self, modified: Timestamp, hash: &EnvelopeHash) -> bool {
        let item = item(modified, hash);
        // What comes after everything goes into the last bucket.
        let at = self
            .bucket_of(&item)
            .min(self.buckets.len().saturating_sub(1));
        let buckets = Arc::make_mut(&mut self.buckets);
        let Some(bucket) = buckets.get_mut(at) else {
            buckets.push(Bucket::new(vec![item]));
            self.len = 1;
            return true;
        };
        let Err(position) = bucket.items.binary_search(&item) else {
            return false;
        };
        let items = Arc::make_mut(&mut bucket.items);
        items.insert(position, item);
        bucket.sum.add(&item.id);
        self.len += 1;
        if items.len() > MAX_BUCKET_ITEMS {
            // Records mostly arrive in the order of time: leave the lower half full when appending.
            let keep = if position + 1 == items.len() {
                LOADED_BUCKET_ITEMS
            } else {
                items.len() / 2
            };
            let upper = items.split_off(keep);
            *bucket = Bucket::new(std::mem::take(items));
            buckets.insert(at + 1, Bucket::new(upper));
        }
        true
    }

    /// Takes a version out; returns whether it was there.
    pub fn remove(&mut self, modified: Timestamp, hash: &EnvelopeHash) -> bool {
        let item = item(modified, hash);
        let at = self.bucket_of(&item);
        let found = self.buckets.get(at).map(|b| b.items.binary_search(&item));
        let Some(Ok(position)) = found else {
            return false;
        };
        let buckets = Arc::make_mut(&mut self.buckets);
        let items = Arc::make_mut(&mut buckets[at].items);
        items.remove(position);
        let left = items.len();
        buckets[at].sum.remove(&item.id);
        self.len -= 1;
        if left == 0 {
            buckets.remove(at);
        } else if left < MIN_BUCKET_ITEMS
            && at + 1 < buckets.len()
            && left + buckets[at + 1].items.len() <= MAX_BUCKET_ITEMS
        {
            let next = buckets.remove(at + 1);
            Arc::make_mut(&mut buckets[at].items).extend_from_slice(&next.items);
            buckets[at].sum.merge(next.sum);
        }
        true
    }

    /// All versions in order.
    pub fn iter(&self) -> impl Iterator<Item = (Timestamp, EnvelopeHash)> + '_ {
        self.buckets.iter().flat_map(|bucket| {
            bucket.items.iter().map(|item| {
                (
                    Timestamp::from_millis(item.timestamp),
                    EnvelopeHash::from_bytes(item.id.to_bytes()),
                )
            })
        })
    }

    /// A digest of the whole set: equal for equal sets, whatever their history.
    ///
    /// Not meant against somebody who chooses hashes to make two sets look alike: reconciliation, not
    /// security, rests on it.
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        self.sum().digest(self.len as u64)
    }

    pub(crate) fn sum(&self) -> HashSum {
        let mut sum = HashSum::default();
        for bucket in self.buckets.iter() {
            sum.merge(bucket.sum);
        }
        sum
    }

    /// The first bucket that does not end before `item`.
    fn bucket_of(&self, item: &Item) -> usize {
        self.buckets.partition_point(|bucket| bucket.last() < item)
    }
}

/// Two summaries are equal if they hold the same versions, however they are cut into buckets.
impl PartialEq for Summary {
    fn eq(&self, other: &Self) -> bool {
        self.len == other.len && self.iter().eq(other.iter())
    }
}

impl Eq for Summary {}

impl NegentropyStorageBase for Summary {
    fn size(&self) -> Result<usize, negentropy::Error> {
        Ok(self.len)
    }

    fn get_item(&self, i: usize) -> Result<Option<Item>, negentropy::Error> {
        let mut found = None;
        if i < self.len {
            self.iterate(i, i + 1, &mut |item, _| {
                found = Some(item);
                Ok(false)
            })?;
        }
        Ok(found)
    }

    fn iterate(
        &self,
        begin: usize,
        end: usize,
        cb: &mut dyn FnMut(Item, usize) -> Result<bool, negentropy::Error>,
    ) -> Result<(), negentropy::Error> {
        if begin > end || end > self.len {
            return Err(negentropy::Error::BadRange);
        }
        let mut start = 0;
        for bucket in self.buckets.iter() {
            if start >= end {
                break;
            }
            let from = begin.saturating_sub(start);
            let to = bucket.items.len().min(end - start);
            for i in from..to {
                if !cb(bucket.items[i], start + i)? {
                    return Ok(());
                }
            }
            start += bucket.items.len();
        }
        Ok(())
    }

    fn find_lower_bound(&self, first: usize, last: usize, value: &Bound) -> usize {
        let at = self.bucket_of(&value.item);
        let before: usize = self.buckets[..at].iter().map(|b| b.items.len()).sum();
        let within = self.buckets.get(at).map_or(0, |bucket| {
            bucket.items.partition_point(|item| *item < value.item)
        });
        (before + within).clamp(first, last)
    }
}

/// Builds a summary from versions in order, as a store reads them.
#[derive(Debug, Default)]
pub(crate) struct SummaryLoader {
    buckets: Vec<Bucket>,
    items: Vec<Item>,
    len: usize,
    last: Option<Item>,
}

impl SummaryLoader {
    /// Appends a version; returns false if it is not after the last one.
    #[must_use]
    pub(crate) fn push(&mut self, modified: Timestamp, hash: EnvelopeHash) -> bool {
        let item = item(modified, &hash);
        if self.last.is_some_and(|last| last >= item) {
            return false;
        }
        self.last = Some(item);
        self.len += 1;
        self.items.push(item);
        if self.items.len() == LOADED_BUCKET_ITEMS {
            self.close_bucket();
        }
        true
    }

    fn close_bucket(&mut self) {
        if !self.items.is_empty() {
            self.buckets
                .push(Bucket::new(std::mem::take(&mut self.items)));
        }
    }

    pub(crate) fn finish(mut self) -> Summary {
        self.close_bucket();
        Summary {
            buckets: Arc::new(self.buckets),
            len: self.len,
        }
    }
}

fn item(modified: Timestamp, hash: &EnvelopeHash) -> Item {
    Item::with_timestamp_and_id(modified.as_millis(), Id::from_byte_array(*hash.as_bytes()))
}

#[cfg(test)]
mod tests;
