//! Changes to rows, gathered into one write batch and carried out together.

use rocksdb::{DB, WriteBatch};

use super::{
    columns,
    keys::{self, Slot},
};
use crate::{
    codec::SignedRecord,
    id::{EnvelopeHash, ReplicaId},
    store::{Change, Partition},
    time::Timestamp,
};

/// A write batch, and what its success will mean for the summaries in memory.
pub(super) struct Rows<'a> {
    db: &'a DB,
    pub(super) batch: WriteBatch,
    pub(super) effects: Vec<Effect>,
}

/// One step of a summary, taken only after the batch is on disk.
pub(super) struct Effect {
    pub(super) replica: ReplicaId,
    pub(super) partition: Partition,
    pub(super) modified: Timestamp,
    pub(super) hash: EnvelopeHash,
    pub(super) step: Step,
}

pub(super) enum Step {
    Enter,
    Leave,
}

impl<'a> Rows<'a> {
    /// `expected_bytes` spares copying the batch while it grows.
    pub(super) fn new(db: &'a DB, expected_bytes: usize) -> Self {
        Self {
            db,
            batch: WriteBatch::with_capacity_bytes(expected_bytes),
            effects: Vec::new(),
        }
    }

    /// Writes all rows of a record that is not there, or whose rows were removed before.
    pub(super) fn insert(&mut self, replica: ReplicaId, slot: Slot, signed: &SignedRecord) {
        let record = signed.record();
        let (id, hash) = (&record.id, signed.hash());
        self.put(columns::RECORDS, slot.record(id), signed.bytes());
        self.put(columns::BY_HASH, slot.by_hash(&hash), id.as_bytes());
        self.put(columns::SUMMARY, slot.summary(signed), &[]);
        self.put(columns::EXPIRY, slot.expiry(record.expires, id), &[]);
        if !record.deleted {
            let expires = keys::time(record.expires);
            self.put(columns::BY_TYPE, slot.by_type(&record.kind, id), &expires);
        }
        self.note_effect(replica, signed, Step::Enter);
    }

    /// Removes all rows of a record.
    pub(super) fn remove(&mut self, replica: ReplicaId, slot: Slot, signed: &SignedRecord) {
        self.delete(columns::RECORDS, slot.record(&signed.record().id));
        self.remove_indexes(replica, slot, signed);
    }

    /// Removes the rows that point at a record whose own row is about to be written over.
    pub(super) fn remove_indexes(&mut self, replica: ReplicaId, slot: Slot, signed: &SignedRecord) {
        let record = signed.record();
        self.delete(columns::BY_HASH, slot.by_hash(&signed.hash()));
        self.delete(columns::SUMMARY, slot.summary(signed));
        self.delete(columns::EXPIRY, slot.expiry(record.expires, &record.id));
        if !record.deleted {
            self.delete(columns::BY_TYPE, slot.by_type(&record.kind, &record.id));
        }
        self.note_effect(replica, signed, Step::Leave);
    }

    pub(super) fn change(&mut self, slot: Slot, change: &Change) {
        let key = slot.change(change.sequence);
        self.put(columns::CHANGES, key, &keys::change_value(change));
    }

    /// Removes the changes below `oldest`.
    pub(super) fn cut_changes(&mut self, slot: Slot, oldest: u64) {
        let cf = super::column(self.db, columns::CHANGES);
        self.batch
            .delete_range_cf(cf, slot.change(0), slot.change(oldest));
    }

    pub(super) fn put(&mut self, column: &str, key: impl AsRef<[u8]>, value: &[u8]) {
        self.batch
            .put_cf(super::column(self.db, column), key, value);
    }

    pub(super) fn delete(&mut self, column: &str, key: impl AsRef<[u8]>) {
        self.batch.delete_cf(super::column(self.db, column), key);
    }

    fn note_effect(&mut self, replica: ReplicaId, signed: &SignedRecord, step: Step) {
        self.effects.push(Effect {
            replica,
            partition: Partition::of(signed.record().kind),
            modified: signed.record().modified,
            hash: signed.hash(),
            step,
        });
    }
}
