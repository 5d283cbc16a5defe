//! Where records are kept: the trait every store fulfils, and what it answers.
//!
//! [`memory::MemoryStore`] is the naive one, reference for tests and simulations;
//! `rocks::RocksStore` (feature `rocksdb`) is the one that survives. Both pass the same suite.

pub mod error;
pub mod memory;
#[cfg(feature = "rocksdb")]
pub mod rocks;

use std::fmt;

use crate::{
    codec::SignedRecord,
    id::{EnvelopeHash, RecordId, RecordType, ReplicaId},
    record::Record,
    summary::Summary,
    time::Timestamp,
    validate::ValidRecord,
};

pub use error::{StoreError, StoreErrorKind};

/// Changes kept per replica. An application that was away for more of them is told that there is a gap;
/// 100 000 changes of 75 bytes are 7.5 MB before compression.
pub const MAX_CHANGES_KEPT: u64 = 100_000;

/// By how many changes the log may be longer before its oldest are cut off, so that this is done rarely.
pub const CHANGES_SLACK: u64 = 1_024;

/// The key of a note.
pub const MAX_NOTE_KEY_BYTES: usize = 1_024;

/// A note: notes are small facts, not a second database.
pub const MAX_NOTE_BYTES: usize = 1024 * 1024;

/// The two halves of a replica, reconciled one after the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Partition {
    /// Records of reserved types: who belongs to the group, and what they say about themselves.
    Membership,
    /// Everything else.
    Application,
}

impl Partition {
    /// The half a type belongs to. Membership goes first because it decides what else is believed.
    #[must_use]
    pub fn of(kind: RecordType) -> Self {
        if kind.is_reserved() {
            Self::Membership
        } else {
            Self::Application
        }
    }

    pub(crate) const ALL: [Self; 2] = [Self::Membership, Self::Application];

    pub(crate) const fn index(self) -> usize {
        match self {
            Self::Membership => 0,
            Self::Application => 1,
        }
    }
}

/// Where a change came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Origin {
    /// Published, or noticed, by this node.
    Local,
    /// Heard from another member.
    Remote,
}

/// One record to be stored in one replica.
#[derive(Clone, Debug)]
pub struct Put {
    /// Where.
    pub replica: ReplicaId,
    /// What.
    pub record: ValidRecord,
    /// From whom.
    pub origin: Origin,
}

/// What became of a [`Put`]. Losing is an outcome, not an error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PutOutcome {
    /// It is what the replica holds now.
    Stored(Change),
    /// The replica holds exactly this envelope already.
    Same,
    /// The replica holds a version that wins, and keeps it.
    Superseded,
}

/// What happened to a record, as an application of this replica sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ChangeKind {
    /// It was not visible before.
    Added,
    /// A newer version took the place of a visible one.
    Updated,
    /// A tombstone took its place, or came before the record itself, or the group withdrew it because
    /// its signer's credential was revoked.
    Deleted,
    /// It ceased to exist.
    Expired,
}

/// One entry of a replica's log of changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Its number: 1 for the first change of a replica, one more for each, in one order.
    pub sequence: u64,
    /// What happened.
    pub kind: ChangeKind,
    /// To which record.
    pub id: RecordId,
    /// Of which type.
    pub record_type: RecordType,
    /// By which version; for [`ChangeKind::Expired`] the version that expired.
    pub hash: EnvelopeHash,
    /// From where.
    pub origin: Origin,
    /// When it was stored here.
    pub at: Timestamp,
}

/// A piece of the log of changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Changes {
    /// Changes in order.
    pub changes: Vec<Change>,
    /// The lowest number still kept, or the next to be given if none is. Whoever has seen less than the
    /// one before it has a gap.
    pub oldest: u64,
    /// The highest number given; 0 before the first change.
    pub newest: u64,
}

/// Which records to list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordQuery {
    /// Only this type; all types of the partition otherwise.
    pub kind: Option<RecordType>,
    /// Only this half.
    pub partition: Partition,
    /// Only ids greater than this one: the last of the page before.
    pub after: Option<RecordId>,
    /// At most so many.
    pub limit: usize,
}

/// What a step of [`Store::audit`] has found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Audit {
    /// Records looked at in this step.
    pub checked: usize,
    /// Records dropped because nobody has signed what the store held of them.
    pub dropped: Vec<(ReplicaId, RecordId)>,
    /// Whether there is more to be looked at.
    pub more: bool,
}

/// Keeps the records of any number of replicas.
///
/// All reading and writing of a replica fails with [`StoreError::UnknownReplica`] until
/// [`Store::open_replica`] has been called for it since the store was opened.
pub trait Store: Send {
    /// Makes a replica usable, creating it if it is not there. Opening it again changes nothing.
    ///
    /// # Errors
    /// Only of storage itself.
    fn open_replica(&mut self, replica: ReplicaId) -> Result<(), StoreError>;

    /// Every replica in the store, opened or not, in order.
    ///
    /// # Errors
    /// Only of storage itself.
    fn replicas(&self) -> Result<Vec<ReplicaId>, StoreError>;

    /// Removes a replica with all its records and its log. Removing what is not there changes nothing.
    ///
    /// # Errors
    /// Only of storage itself.
    fn drop_replica(&mut self, replica: ReplicaId) -> Result<(), StoreError>;

    /// Stores a batch, all or nothing; durable when this returns. Later entries see earlier ones, and
    /// the outcomes are in the order of the batch.
    ///
    /// One batch costs one wait for the disk, so put what has gathered, not one by one.
    ///
    /// # Errors
    /// Nothing of the batch was stored.
    fn put(&mut self, batch: Vec<Put>, now: Timestamp) -> Result<Vec<PutOutcome>, StoreError>;

    /// The version held of a record: also a tombstone, and also one that has expired but has not been
    /// removed by [`Store::expire`] yet.
    ///
    /// # Errors
    /// Only of storage itself.
    fn get(&self, replica: &ReplicaId, id: &RecordId) -> Result<Option<SignedRecord>, StoreError>;

    /// The version with this hash, if it is the one held of its record.
    ///
    /// # Errors
    /// Only of storage itself.
    fn by_hash(
        &self,
        replica: &ReplicaId,
        hash: &EnvelopeHash,
    ) -> Result<Option<SignedRecord>, StoreError>;

    /// The visible records that match, ordered by id: no tombstones, nothing expired.
    ///
    /// # Errors
    /// Only of storage itself.
    fn list(
        &self,
        replica: &ReplicaId,
        query: &RecordQuery,
        now: Timestamp,
    ) -> Result<Vec<SignedRecord>, StoreError>;

    /// Removes at most `limit` of what has expired, earliest first. For records that is a change; a
    /// tombstone is purged without one, so fewer changes than `limit` do not mean that nothing is left.
    ///
    /// # Errors
    /// Nothing was removed.
    fn expire(
        &mut self,
        replica: &ReplicaId,
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<Change>, StoreError>;

    /// Removes a record here only, telling nobody; the next reconciliation may bring it back.
    ///
    /// # Errors
    /// Nothing was removed.
    fn forget(&mut self, replica: &ReplicaId, id: &RecordId) -> Result<(), StoreError>;

    /// Removes those of these versions that are still held: the group accepts them no longer. For
    /// records that is a change; a tombstone goes without one.
    ///
    /// # Errors
    /// Nothing was removed.
    fn withdraw(
        &mut self,
        replica: &ReplicaId,
        versions: &[(RecordId, EnvelopeHash)],
        now: Timestamp,
    ) -> Result<Vec<Change>, StoreError>;

    /// At most `limit` of all versions held, tombstones and what has expired included, in the order of
    /// their ids and after `after`.
    ///
    /// # Errors
    /// Only of storage itself.
    fn scan(
        &self,
        replica: &ReplicaId,
        after: Option<&RecordId>,
        limit: usize,
    ) -> Result<Vec<SignedRecord>, StoreError>;

    /// A view of a replica as it is now, whatever is stored afterwards. Keeping it costs room: what it
    /// shows is not cleared away before it is dropped.
    ///
    /// # Errors
    /// Only of storage itself.
    fn snapshot(&mut self, replica: &ReplicaId) -> Result<Box<dyn Snapshot>, StoreError>;

    /// At most `limit` changes with numbers above `after`.
    ///
    /// # Errors
    /// Only of storage itself.
    fn changes(&self, replica: &ReplicaId, after: u64, limit: usize)
    -> Result<Changes, StoreError>;

    /// A snapshot of the versions held in one half, tombstones included.
    ///
    /// # Errors
    /// Only of storage itself.
    fn summary(&self, replica: &ReplicaId, partition: Partition) -> Result<Summary, StoreError>;

    /// A digest of everything unexpired, tombstones included: equal on members that have converged.
    ///
    /// # Errors
    /// Only of storage itself.
    fn fingerprint(&self, replica: &ReplicaId, now: Timestamp) -> Result<[u8; 32], StoreError>;

    /// How many records are held: tombstones, and what has expired but is not removed yet, included.
    ///
    /// # Errors
    /// Only of storage itself.
    fn count(&self, replica: &ReplicaId) -> Result<u64, StoreError>;

    /// Copies a part of the replica `from` into `to`, an open replica with nothing in it: records, indexes
    /// and log. Gives back where to go on; none when all is copied. `from` must not change meanwhile.
    ///
    /// # Errors
    /// `to` is to be dropped.
    fn copy_replica(
        &mut self,
        from: &ReplicaId,
        to: &ReplicaId,
        at: Option<Vec<u8>>,
    ) -> Result<Option<Vec<u8>>, StoreError>;

    /// Puts the open replica `from` in the place of `to`, in one step that is durable when this returns:
    /// what `to` held is gone, and `from` is `to` from then on.
    ///
    /// # Errors
    /// Nothing has changed.
    fn replace_replica(&mut self, from: ReplicaId, to: ReplicaId) -> Result<(), StoreError>;

    /// Looks at no more than `limit` records that were in the store when their replica was opened, and
    /// drops those whose bytes are not what their signers signed: somebody has altered the store while
    /// nobody had it open. Nobody is told; the next reconciliation brings the true ones back.
    ///
    /// Until a record has been looked at, reading it does so.
    ///
    /// # Errors
    /// Only of storage itself.
    fn audit(&mut self, limit: usize) -> Result<Audit, StoreError> {
        let _ = limit;
        Ok(Audit::default())
    }

    /// Keeps a small fact of the node under a key, instead of what was there; durable when this returns.
    ///
    /// # Errors
    /// Refuses keys above [`MAX_NOTE_KEY_BYTES`] and values above [`MAX_NOTE_BYTES`].
    fn put_note(&mut self, key: &[u8], value: &[u8]) -> Result<(), StoreError>;

    /// What was kept under this key.
    ///
    /// # Errors
    /// Only of storage itself.
    fn note(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError>;

    /// Removes what was kept under this key, if anything.
    ///
    /// # Errors
    /// Only of storage itself.
    fn delete_note(&mut self, key: &[u8]) -> Result<(), StoreError>;
}

/// One replica as it was at one moment, readable apart from its store.
pub trait Snapshot: fmt::Debug + Send {
    /// The number of the last change before that moment; 0 before the first.
    fn sequence(&self) -> u64;

    /// As [`Store::scan`].
    ///
    /// # Errors
    /// Of storage, and when the store was closed.
    fn scan(&self, after: Option<&RecordId>, limit: usize)
    -> Result<Vec<SignedRecord>, StoreError>;
}

/// How an application sees it that `new` takes the place of `held`.
pub(crate) fn change_kind(held: Option<&Record>, new: &Record) -> ChangeKind {
    let visible_before = held.is_some_and(|record| !record.deleted);
    match (new.deleted, visible_before) {
        (true, _) => ChangeKind::Deleted,
        (false, true) => ChangeKind::Updated,
        (false, false) => ChangeKind::Added,
    }
}

/// The lowest change number to keep, if it is time to cut the log.
pub(crate) fn cut_log(oldest: u64, newest: u64) -> Option<u64> {
    let kept = (newest + 1).saturating_sub(oldest);
    (kept > MAX_CHANGES_KEPT + CHANGES_SLACK).then(|| newest + 1 - MAX_CHANGES_KEPT)
}

pub(crate) fn check_note(key: &[u8], value: &[u8]) -> Result<(), StoreError> {
    if key.len() > MAX_NOTE_KEY_BYTES || value.len() > MAX_NOTE_BYTES {
        return Err(StoreError::NoteTooLarge);
    }
    Ok(())
}
