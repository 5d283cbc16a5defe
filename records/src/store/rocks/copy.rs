//! A replica as a whole: copied, put in the place of another, and begun anew in its numbers.

use rocksdb::WriteBatch;

use super::{RocksStore, columns, keys::Slot, open::corrupt, read_slot};
use crate::{
    id::ReplicaId,
    store::{Store, StoreError},
};

/// Bytes copied in one step, so that others who want the store do not wait long.
const COPY_STEP_BYTES: usize = 4 * 1024 * 1024;

/// By how much the numbers of changes jump when a replica begins anew: more than any later life can have
/// given out, and far below 2^53, up to which JavaScript counts.
const EPOCH: u64 = 1 << 32;

/// The start of the keys of `meta` that say from where the numbers of a replica go on.
const EPOCH_KEY: &[u8] = b"epoch/";

impl RocksStore {
    /// Copies rows of all tables; `at` is the number of a table and the last key copied of it, without its
    /// slot.
    pub(super) fn copy_rows(
        &mut self,
        from: &ReplicaId,
        to: &ReplicaId,
        at: Option<Vec<u8>>,
    ) -> Result<Option<Vec<u8>>, StoreError> {
        let (source, target) = (self.replica(from)?.slot, self.replica(to)?.slot);
        let (table, after) = match at.as_deref() {
            None => (0, None),
            Some([table, rest @ ..]) => (usize::from(*table), Some(rest)),
            Some([]) => return Err(corrupt("a copy", "it cannot be gone on with")),
        };
        let Some(name) = columns::OF_REPLICAS.get(table) else {
            let loaded = self.load(target)?;
            self.open.insert(*to, loaded);
            return Ok(None);
        };
        let start = match after {
            Some(after) => [&source.start()[..], after, &[0]].concat(),
            None => source.start().to_vec(),
        };
        let mut batch = WriteBatch::default();
        let mut last = None;
        for row in self.range(name, &start, &source.end()) {
            let (key, value) = row.map_err(|error| self.trouble(&error))?;
            let rest = &key[source.start().len()..];
            batch.put_cf(
                self.column(name),
                [&target.start()[..], rest].concat(),
                value,
            );
            if batch.size_in_bytes() >= COPY_STEP_BYTES {
                last = Some([&[table as u8][..], rest].concat());
                break;
            }
        }
        if table == 0 && after.is_none() {
            let epoch = self.epoch(source)?.to_be_bytes();
            batch.put_cf(self.column(columns::META), epoch_key(target), epoch);
        }
        self.db
            .write_opt(batch, &self.write_options)
            .map_err(|error| self.trouble(&error))?;
        // The next table from its start, which comes after the empty key.
        Ok(Some(last.unwrap_or_else(|| vec![table as u8 + 1])))
    }

    pub(super) fn put_in_place(
        &mut self,
        from: ReplicaId,
        to: ReplicaId,
    ) -> Result<(), StoreError> {
        let slot = self.replica(&from)?.slot;
        let replaced = self.read(columns::REPLICAS, to.as_bytes())?;
        let mut rows = self.pending(0);
        if let Some(row) = replaced {
            let old = read_slot(columns::REPLICAS, &row)?;
            for name in columns::OF_REPLICAS {
                let cf = self.column(name);
                rows.rows.batch.delete_range_cf(cf, old.start(), old.end());
            }
            rows.rows.delete(columns::META, epoch_key(old));
        }
        rows.rows.delete(columns::REPLICAS, from.as_bytes());
        rows.rows
            .put(columns::REPLICAS, to.as_bytes(), &slot.start());
        let rows = rows.finish();
        self.commit(rows)?;
        if let Some(replica) = self.open.remove(&from) {
            self.open.insert(to, replica);
        }
        Ok(())
    }

    /// Begins the numbers of changes of every replica anew, far above those given out: this store is a
    /// copy from earlier, and later numbers may be known to readers who must not take them for these.
    /// Whoever goes on from any earlier number is told that there is a gap.
    ///
    /// # Errors
    /// Nothing has changed for the replicas not reached.
    pub fn begin_epoch(&mut self) -> Result<(), StoreError> {
        for replica in self.replicas()? {
            self.open_replica(replica)?;
            let open = self.replica(&replica)?;
            let (slot, newest) = (open.slot, open.log.newest + EPOCH);
            let mut rows = self.pending(0);
            rows.rows.cut_changes(slot, u64::MAX);
            rows.rows
                .put(columns::META, epoch_key(slot), &newest.to_be_bytes());
            let rows = rows.finish();
            self.commit(rows)?;
            let loaded = self.load(slot)?;
            self.open.insert(replica, loaded);
        }
        Ok(())
    }

    /// The last number that counts as given out when the log is empty.
    pub(super) fn epoch(&self, slot: Slot) -> Result<u64, StoreError> {
        let Some(row) = self.read(columns::META, &epoch_key(slot))? else {
            return Ok(0);
        };
        match row.as_slice().try_into().map(u64::from_be_bytes) {
            Ok(newest) if newest <= u64::MAX / 2 => Ok(newest),
            _ => Err(corrupt(columns::META, "an epoch is not a number")),
        }
    }

    /// The envelopes of `records` from a key on, for the audit.
    pub(super) fn records_after(
        &self,
        slot: Slot,
        after: Option<&[u8]>,
    ) -> rocksdb::DBIteratorWithThreadMode<'_, rocksdb::DB> {
        let from = match after {
            Some(after) => [after, &[0]].concat(),
            None => slot.start().to_vec(),
        };
        self.range(columns::RECORDS, &from, &slot.end())
    }
}

fn epoch_key(slot: Slot) -> Vec<u8> {
    [EPOCH_KEY, &slot.start()].concat()
}
