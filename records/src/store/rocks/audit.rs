//! Nobody is to be believed who could write to the disk: records found there when a replica is opened
//! are verified again, once per start and beside everything else.
//!
//! A signature takes about 50 µs to verify, so that verifying everything before the first read would
//! delay the start of a node with many records by seconds. Instead a cursor goes through the records in
//! small steps while nothing else is to be done, and whatever is read ahead of it is verified on the way.
//! What this process puts has been validated and lies behind the cursor or is verified once more.

use rocksdb::WriteBatch;

use super::{RocksStore, Rows, columns, decode, keys::Slot, open::corrupt};
use crate::{
    codec::SignedRecord,
    id::{RecordId, ReplicaId},
    store::{Audit, Partition, StoreError},
};

/// Bytes of index rows written in one go while they are made anew.
const REBUILD_BYTES: usize = 4 * 1024 * 1024;

/// How far the audit of a replica has come.
#[derive(Debug, Default)]
pub(super) struct Audited {
    /// The key of the last record looked at.
    upto: Option<Vec<u8>>,
    /// Indexes may say what no record says; they are made anew at the end.
    tainted: bool,
    /// All have been looked at.
    done: bool,
}

impl Audited {
    pub(super) fn is_done(&self) -> bool {
        self.done
    }
}

impl RocksStore {
    /// Whether the indexes are to be believed about this record.
    pub(super) fn is_audited(&self, replica: &ReplicaId, id: &RecordId) -> bool {
        self.open.get(replica).is_some_and(|open| {
            let key = open.slot.record(id);
            let Audited {
                upto,
                tainted,
                done,
            } = &open.audited;
            *done || (!tainted && upto.as_deref() >= Some(&key[..]))
        })
    }

    /// A row of `records` as a record, or nothing when it was altered and has not been dropped yet.
    pub(super) fn believed(
        &self,
        replica: &ReplicaId,
        key: &[u8],
        row: &[u8],
    ) -> Result<Option<SignedRecord>, StoreError> {
        let signed = decode(columns::RECORDS, row)?;
        let open = self.replica(replica)?;
        let known = open.audited.done || open.audited.upto.as_deref() >= Some(key);
        Ok((known || is_sound(open.slot, key, &signed)).then_some(signed))
    }

    /// An index leads to a record that is not there. That is damage, unless it waits to be dropped.
    pub(super) fn must_be_suspect(
        &self,
        replica: &ReplicaId,
        id: &RecordId,
    ) -> Result<(), StoreError> {
        match self.is_audited(replica, id) {
            true => Err(corrupt(
                columns::EXPIRY,
                "a record that is not there expires",
            )),
            false => Ok(()),
        }
    }

    /// A record was written over one that is not believed, so that nobody knows that one's index rows.
    pub(super) fn taint(&mut self, replica: &ReplicaId) {
        if let Some(open) = self.open.get_mut(replica) {
            open.audited.tainted = true;
        }
    }

    /// Looks at the next records of the first replica that is not done.
    pub(super) fn audit_step(&mut self, limit: usize) -> Result<Audit, StoreError> {
        let mut audit = Audit::default();
        let next = self.open.iter().find(|(_, open)| !open.audited.done);
        let Some((replica, open)) = next.map(|(replica, open)| (*replica, open)) else {
            return Ok(audit);
        };
        let slot = open.slot;
        let mut batch = WriteBatch::default();
        let mut upto = None;
        let (mut sound, mut indexed) = (0, 0);
        let from = open.audited.upto.as_deref();
        for row in self.records_after(slot, from).take(limit) {
            let (key, value) = row.map_err(|error| self.trouble(&error))?;
            audit.checked += 1;
            match SignedRecord::decode(&value) {
                Ok(signed) if is_sound(slot, &key, &signed) => {
                    sound += 1;
                    let record = signed.record();
                    let half = &open.summaries[Partition::of(record.kind).index()];
                    indexed += usize::from(half.contains(record.modified, &signed.hash()));
                }
                _ => {
                    batch.delete_cf(self.column(columns::RECORDS), &key);
                    let id = RecordId::try_from(&key[slot.start().len()..]);
                    audit.dropped.extend(id.ok().map(|id| (replica, id)));
                }
            }
            upto = Some(key.to_vec());
        }
        if !batch.is_empty() {
            self.db
                .write_opt(batch, &self.write_options)
                .map_err(|error| self.trouble(&error))?;
        }
        let finished = audit.checked < limit;
        let Some(open) = self.open.get_mut(&replica) else {
            return Ok(audit);
        };
        let audited = &mut open.audited;
        audited.upto = upto.or(audited.upto.take());
        // A record that is signed and not in the summary is another version than the one stored last.
        audited.tainted |= !audit.dropped.is_empty() || indexed < sound;
        if finished && audited.tainted {
            self.rebuild(replica, slot)?;
        } else {
            audited.done = finished;
        }
        audit.more = self.open.values().any(|open| !open.audited.done);
        Ok(audit)
    }

    /// Makes all index rows of a replica anew from its records. Cut short, it is done again by the audit
    /// after the next start, which then finds records that are in no summary.
    fn rebuild(&mut self, replica: ReplicaId, slot: Slot) -> Result<(), StoreError> {
        let mut rows = Rows::new(&self.db, 0);
        for name in [
            columns::BY_HASH,
            columns::SUMMARY,
            columns::BY_TYPE,
            columns::EXPIRY,
        ] {
            let cf = self.column(name);
            rows.batch.delete_range_cf(cf, slot.start(), slot.end());
        }
        for row in self.records_after(slot, None) {
            let (key, value) = row.map_err(|error| self.trouble(&error))?;
            let Ok(signed) = SignedRecord::decode(&value) else {
                continue;
            };
            if is_sound(slot, &key, &signed) {
                rows.insert(replica, slot, &signed);
            }
            if rows.batch.size_in_bytes() >= REBUILD_BYTES {
                let full = std::mem::replace(&mut rows, Rows::new(&self.db, 0));
                self.db
                    .write_opt(full.batch, &self.write_options)
                    .map_err(|error| self.trouble(&error))?;
            }
        }
        self.db
            .write_opt(rows.batch, &self.write_options)
            .map_err(|error| self.trouble(&error))?;
        let mut loaded = self.load(slot)?;
        loaded.audited.done = true;
        self.open.insert(replica, loaded);
        Ok(())
    }
}

/// Whether the record lies under its own key and is what its signer signed.
pub(super) fn is_sound(slot: Slot, key: &[u8], signed: &SignedRecord) -> bool {
    *key == slot.record(&signed.record().id) && signed.verify_signature().is_ok()
}
