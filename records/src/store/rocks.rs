//! The store that survives: RocksDB.
//!
//! Every change is one write batch, synced before the call returns; summaries are kept in memory per
//! open replica and follow only after the batch is on disk. `columns` documents every row.

mod audit;
mod check;
mod columns;
mod copy;
mod keys;
mod open;
mod reader;
mod rows;
mod snapshot;

use std::{
    collections::{HashMap, HashSet},
    fmt,
    path::{Path, PathBuf},
    sync::Arc,
};

use rocksdb::{
    ColumnFamily, DB, DBIteratorWithThreadMode, Direction, IteratorMode, ReadOptions, WriteOptions,
};

use self::{
    audit::Audited,
    keys::Slot,
    open::{corrupt, from_rocks},
    rows::{Rows, Step},
    snapshot::Snapshots,
};
use crate::{
    codec::SignedRecord,
    id::{EnvelopeHash, RecordId, ReplicaId},
    order::wins,
    store::{
        Audit, Change, ChangeKind, Changes, Origin, Partition, Put, PutOutcome, RecordQuery,
        Snapshot, Store, StoreError, change_kind, check_note, cut_log,
    },
    summary::{HashSum, Summary, SummaryLoader},
    time::Timestamp,
};

pub use check::CheckReport;
pub use reader::RocksReader;

/// About what keys, indexes and the change of one record take in a write batch.
const INDEX_BYTES_PER_RECORD: usize = 400;

const NEXT_SLOT_KEY: &[u8] = b"next_slot";

/// How a [`RocksStore`] uses memory, threads and the disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RocksOptions {
    /// Memory for what has not been written to tables yet, over all of them. Default 32 MiB; more makes
    /// long imports faster. The write-ahead log grows to twice this.
    pub write_buffer_bytes: usize,
    /// Memory for blocks read from tables. Default 8 MiB.
    pub block_cache_bytes: usize,
    /// Threads in the background of this process that write and compact tables. Default 2.
    pub background_jobs: u16,
    /// Default [`Durability::Synced`].
    pub durability: Durability,
}

/// What a write waits for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Durability {
    /// For the disk: an acknowledged record survives a power cut.
    #[default]
    Synced,
    /// For the operating system only: an acknowledged record survives the death of the process, but not
    /// of the machine. For stores that can be filled again, and for measurements.
    Buffered,
}

impl Default for RocksOptions {
    fn default() -> Self {
        Self {
            write_buffer_bytes: 32 * 1024 * 1024,
            block_cache_bytes: 8 * 1024 * 1024,
            background_jobs: 2,
            durability: Durability::Synced,
        }
    }
}

/// Records in a RocksDB database, in a folder of their own.
pub struct RocksStore {
    /// Ended before the database is let go of.
    snapshots: Snapshots,
    db: Arc<DB>,
    path: PathBuf,
    write_options: WriteOptions,
    open: HashMap<ReplicaId, OpenReplica>,
}

/// What is kept in memory of an open replica.
struct OpenReplica {
    slot: Slot,
    summaries: [Summary; 2],
    log: Log,
    audited: Audited,
}

/// The ends of a log of changes.
#[derive(Clone, Copy)]
struct Log {
    oldest: u64,
    newest: u64,
}

impl fmt::Debug for RocksStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RocksStore")
            .field("path", &self.path)
            .field("open_replicas", &self.open.len())
            .finish_non_exhaustive()
    }
}

impl RocksStore {
    /// Opens the store in this folder, making both if they are not there.
    ///
    /// # Errors
    /// Tells apart a store in use, a folder without access, a full disk, a damaged store, and one
    /// written by a newer program, which is left untouched.
    pub fn open(path: impl AsRef<Path>, options: &RocksOptions) -> Result<Self, StoreError> {
        let path = path.as_ref();
        let mut write_options = WriteOptions::default();
        write_options.set_sync(options.durability == Durability::Synced);
        Ok(Self {
            snapshots: Snapshots::default(),
            db: Arc::new(open::open(path, options)?),
            path: path.to_owned(),
            write_options,
            open: HashMap::new(),
        })
    }

    /// A second way to the database, for what takes long and only reads.
    #[must_use]
    pub fn reader(&self) -> RocksReader {
        RocksReader::new(&self.db, self.path.clone())
    }

    /// Makes a consistent copy of the running store, as [`RocksReader::checkpoint`] does.
    ///
    /// # Errors
    /// The copy is not complete.
    pub fn checkpoint(&self, path: impl AsRef<Path>) -> Result<(), StoreError> {
        self.reader().checkpoint(path)
    }

    fn replica(&self, replica: &ReplicaId) -> Result<&OpenReplica, StoreError> {
        self.open
            .get(replica)
            .ok_or(StoreError::UnknownReplica(*replica))
    }

    fn trouble(&self, error: &rocksdb::Error) -> StoreError {
        from_rocks(error, &self.path)
    }

    fn column(&self, name: &str) -> &ColumnFamily {
        column(&self.db, name)
    }

    fn read(&self, column: &str, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.db
            .get_cf(self.column(column), key)
            .map_err(|error| self.trouble(&error))
    }

    /// Rows with `from <= key < to`.
    fn range(&self, column: &str, from: &[u8], to: &[u8]) -> DBIteratorWithThreadMode<'_, DB> {
        let (options, mode) = between(from, to);
        self.db.iterator_cf_opt(self.column(column), options, mode)
    }

    fn commit(&mut self, rows: PendingRows) -> Result<(), StoreError> {
        self.db
            .write_opt(rows.batch, &self.write_options)
            .map_err(|error| self.trouble(&error))?;
        for effect in rows.effects {
            let Some(replica) = self.open.get_mut(&effect.replica) else {
                continue;
            };
            let summary = &mut replica.summaries[effect.partition.index()];
            match effect.step {
                Step::Enter => summary.insert(effect.modified, &effect.hash),
                Step::Leave => summary.remove(effect.modified, &effect.hash),
            };
        }
        for (id, log) in rows.logs {
            if let Some(replica) = self.open.get_mut(&id) {
                replica.log = log;
            }
        }
        Ok(())
    }

    fn load(&self, slot: Slot) -> Result<OpenReplica, StoreError> {
        let mut loaders = [SummaryLoader::default(), SummaryLoader::default()];
        for row in self.range(columns::SUMMARY, &slot.start(), &slot.end()) {
            let (key, _) = row.map_err(|error| self.trouble(&error))?;
            let pushed = keys::read_summary(&key)
                .is_some_and(|(half, modified, hash)| loaders[half.index()].push(modified, hash));
            if !pushed {
                return Err(corrupt(columns::SUMMARY, "a key is not one of a summary"));
            }
        }
        Ok(OpenReplica {
            slot,
            summaries: loaders.map(SummaryLoader::finish),
            log: self.load_log(slot)?,
            audited: Audited::default(),
        })
    }

    fn load_log(&self, slot: Slot) -> Result<Log, StoreError> {
        let mut options = ReadOptions::default();
        options.set_iterate_range(slot.start().to_vec()..slot.end().to_vec());
        let mut rows = self
            .db
            .raw_iterator_cf_opt(self.column(columns::CHANGES), options);
        rows.seek_to_first();
        let oldest = rows.key().map(keys::read_sequence);
        rows.seek_to_last();
        let newest = rows.key().map(keys::read_sequence);
        rows.status().map_err(|error| self.trouble(&error))?;
        match (oldest, newest) {
            (None, None) => {
                let newest = self.epoch(slot)?;
                Ok(Log {
                    oldest: newest + 1,
                    newest,
                })
            }
            (Some(Some(oldest)), Some(Some(newest))) => Ok(Log { oldest, newest }),
            _ => Err(corrupt(columns::CHANGES, "a key is not one of a change")),
        }
    }

    /// Removes records one by one within `rows`, noting changes for those that were visible.
    fn remove_expired(
        &self,
        replica: ReplicaId,
        due: Vec<RecordId>,
        now: Timestamp,
        rows: &mut Pending<'_>,
    ) -> Result<Vec<Change>, StoreError> {
        let slot = self.replica(&replica)?.slot;
        let mut changes = Vec::new();
        for id in due {
            let Some(signed) = self.get(&replica, &id)? else {
                self.must_be_suspect(&replica, &id)?;
                continue;
            };
            rows.rows.remove(replica, slot, &signed);
            if !signed.record().deleted {
                let kind = ChangeKind::Expired;
                changes.push(rows.note_change(replica, slot, kind, &signed, Origin::Local, now));
            }
        }
        Ok(changes)
    }

    /// Ids of what has expired by `now`, earliest first, at most `limit`.
    fn due(&self, slot: Slot, now: Timestamp, limit: usize) -> Result<Vec<RecordId>, StoreError> {
        self.range(columns::EXPIRY, &slot.start(), &slot.expiry_after(now))
            .take(limit)
            .map(|row| {
                let (key, _) = row.map_err(|error| self.trouble(&error))?;
                keys::read_expiry(&key)
                    .map(|(_, id)| id)
                    .ok_or_else(|| corrupt(columns::EXPIRY, "a key is not one of an expiry"))
            })
            .collect()
    }

    fn pending(&self, expected_bytes: usize) -> Pending<'_> {
        let logs = self.open.iter().map(|(id, open)| (*id, open.log)).collect();
        Pending {
            rows: Rows::new(&self.db, expected_bytes),
            logs,
        }
    }
}

/// Rows to be written, with the logs of changes as they will be.
struct Pending<'a> {
    rows: Rows<'a>,
    logs: HashMap<ReplicaId, Log>,
}

/// [`Pending`] without its hold on the database.
struct PendingRows {
    batch: rocksdb::WriteBatch,
    effects: Vec<rows::Effect>,
    logs: HashMap<ReplicaId, Log>,
}

impl Pending<'_> {
    fn note_change(
        &mut self,
        replica: ReplicaId,
        slot: Slot,
        kind: ChangeKind,
        signed: &SignedRecord,
        origin: Origin,
        at: Timestamp,
    ) -> Change {
        let log = self.logs.entry(replica).or_insert(Log {
            oldest: 1,
            newest: 0,
        });
        log.newest += 1;
        let change = Change {
            sequence: log.newest,
            kind,
            id: signed.record().id,
            record_type: signed.record().kind,
            hash: signed.hash(),
            origin,
            at,
        };
        self.rows.change(slot, &change);
        if let Some(oldest) = cut_log(log.oldest, log.newest) {
            log.oldest = oldest;
            self.rows.cut_changes(slot, oldest);
        }
        change
    }

    fn finish(self) -> PendingRows {
        PendingRows {
            batch: self.rows.batch,
            effects: self.rows.effects,
            logs: self.logs,
        }
    }
}

impl Store for RocksStore {
    fn open_replica(&mut self, replica: ReplicaId) -> Result<(), StoreError> {
        if self.open.contains_key(&replica) {
            return Ok(());
        }
        let slot = match self.read(columns::REPLICAS, replica.as_bytes())? {
            Some(row) => read_slot(columns::REPLICAS, &row)?,
            None => {
                let slot = match self.read(columns::META, NEXT_SLOT_KEY)? {
                    Some(row) => read_slot(columns::META, &row)?,
                    None => Slot(0),
                };
                let mut rows = self.pending(0);
                let (put, next) = (&mut rows.rows, slot.end());
                put.put(columns::REPLICAS, replica.as_bytes(), &slot.start());
                put.put(columns::META, NEXT_SLOT_KEY, &next);
                let rows = rows.finish();
                self.commit(rows)?;
                slot
            }
        };
        let loaded = self.load(slot)?;
        self.open.insert(replica, loaded);
        Ok(())
    }

    fn replicas(&self) -> Result<Vec<ReplicaId>, StoreError> {
        self.db
            .iterator_cf(self.column(columns::REPLICAS), IteratorMode::Start)
            .map(|row| {
                let (key, _) = row.map_err(|error| self.trouble(&error))?;
                ReplicaId::try_from(key.as_ref())
                    .map_err(|_| corrupt(columns::REPLICAS, "a key is not a replica id"))
            })
            .collect()
    }

    fn drop_replica(&mut self, replica: ReplicaId) -> Result<(), StoreError> {
        let Some(row) = self.read(columns::REPLICAS, replica.as_bytes())? else {
            return Ok(());
        };
        let slot = read_slot(columns::REPLICAS, &row)?;
        let mut rows = self.pending(0);
        rows.rows.delete(columns::REPLICAS, replica.as_bytes());
        for name in columns::OF_REPLICAS {
            let cf = self.column(name);
            rows.rows
                .batch
                .delete_range_cf(cf, slot.start(), slot.end());
        }
        let rows = rows.finish();
        self.commit(rows)?;
        self.open.remove(&replica);
        Ok(())
    }

    fn put(&mut self, batch: Vec<Put>, now: Timestamp) -> Result<Vec<PutOutcome>, StoreError> {
        let mut keys = Vec::with_capacity(batch.len());
        let mut expected_bytes = 0;
        for put in &batch {
            expected_bytes += put.record.signed().bytes().len() + INDEX_BYTES_PER_RECORD;
            keys.push(
                self.replica(&put.replica)?
                    .slot
                    .record(&put.record.record().id),
            );
        }
        let records = self.column(columns::RECORDS);
        let on_disk = self.db.batched_multi_get_cf(records, &keys, false);

        // Which entry of this batch is held by now, for records that occur in it more than once.
        let mut within: HashMap<&[u8; 20], &SignedRecord> = HashMap::with_capacity(batch.len());
        let mut rows = self.pending(expected_bytes);
        let mut outcomes = Vec::with_capacity(batch.len());
        let mut tainted = Vec::new();
        for ((put, key), found) in batch.iter().zip(&keys).zip(on_disk) {
            let signed = put.record.signed();
            let found = found.map_err(|error| self.trouble(&error))?;
            let decoded = match (within.contains_key(key), found) {
                (false, Some(row)) => {
                    let held = self.believed(&put.replica, key, &row)?;
                    if held.is_none() {
                        tainted.push(put.replica);
                    }
                    held
                }
                _ => None,
            };
            let held = within.get(key).copied().or(decoded.as_ref());
            let slot = Slot(u32::from_be_bytes([key[0], key[1], key[2], key[3]]));
            if let Some(held) = held {
                match wins(signed, held) {
                    std::cmp::Ordering::Greater => {}
                    std::cmp::Ordering::Equal => {
                        outcomes.push(PutOutcome::Same);
                        continue;
                    }
                    std::cmp::Ordering::Less => {
                        outcomes.push(PutOutcome::Superseded);
                        continue;
                    }
                }
                rows.rows.remove_indexes(put.replica, slot, held);
            }
            let kind = change_kind(held.map(SignedRecord::record), signed.record());
            rows.rows.insert(put.replica, slot, signed);
            let change = rows.note_change(put.replica, slot, kind, signed, put.origin, now);
            outcomes.push(PutOutcome::Stored(change));
            within.insert(key, signed);
        }
        let rows = rows.finish();
        if !rows.batch.is_empty() {
            self.commit(rows)?;
        }
        for replica in tainted {
            self.taint(&replica);
        }
        Ok(outcomes)
    }

    fn get(&self, replica: &ReplicaId, id: &RecordId) -> Result<Option<SignedRecord>, StoreError> {
        let key = self.replica(replica)?.slot.record(id);
        let row = self
            .db
            .get_pinned_cf(self.column(columns::RECORDS), key)
            .map_err(|error| self.trouble(&error))?;
        match row {
            Some(row) => self.believed(replica, &key, &row),
            None => Ok(None),
        }
    }

    fn by_hash(
        &self,
        replica: &ReplicaId,
        hash: &EnvelopeHash,
    ) -> Result<Option<SignedRecord>, StoreError> {
        let slot = self.replica(replica)?.slot;
        let Some(row) = self.read(columns::BY_HASH, &slot.by_hash(hash))? else {
            return Ok(None);
        };
        let id = RecordId::try_from(row.as_slice())
            .map_err(|_| corrupt(columns::BY_HASH, "a value is not a record id"))?;
        match self.get(replica, &id)? {
            Some(signed) if signed.hash() == *hash => Ok(Some(signed)),
            _ if !self.is_audited(replica, &id) => Ok(None),
            _ => Err(corrupt(columns::BY_HASH, "a hash leads to another record")),
        }
    }

    fn list(
        &self,
        replica: &ReplicaId,
        query: &RecordQuery,
        now: Timestamp,
    ) -> Result<Vec<SignedRecord>, StoreError> {
        let slot = self.replica(replica)?.slot;
        // After the page before: the keys that follow its last one.
        let follows = |mut key: Vec<u8>| {
            if query.after.is_some() {
                key.push(0);
            }
            key
        };
        let mut found = Vec::new();
        if let Some(kind) = query.kind {
            if Partition::of(kind) != query.partition {
                return Ok(found);
            }
            let (from, to) = (slot.of_type(&kind), next_prefix(&slot.of_type(&kind)));
            let from = match &query.after {
                Some(after) => follows(slot.by_type(&kind, after).to_vec()),
                None => from.to_vec(),
            };
            for row in self.range(columns::BY_TYPE, &from, &to) {
                if found.len() == query.limit {
                    break;
                }
                let (key, expires) = row.map_err(|error| self.trouble(&error))?;
                let (id, expires) = read_by_type(&key, &expires)?;
                if expires > now {
                    match self.get(replica, &id)? {
                        Some(signed) => found.push(signed),
                        None if !self.is_audited(replica, &id) => {}
                        None => {
                            let detail = "a type lists a record that is not there";
                            return Err(corrupt(columns::BY_TYPE, detail));
                        }
                    }
                }
            }
            return Ok(found);
        }
        let from = match &query.after {
            Some(after) => follows(slot.record(after).to_vec()),
            None => slot.start().to_vec(),
        };
        for row in self.range(columns::RECORDS, &from, &slot.end()) {
            if found.len() == query.limit {
                break;
            }
            let (key, value) = row.map_err(|error| self.trouble(&error))?;
            let Some(signed) = self.believed(replica, &key, &value)? else {
                continue;
            };
            let record = signed.record();
            let visible = !record.deleted && !record.is_expired(now);
            if visible && Partition::of(record.kind) == query.partition {
                found.push(signed);
            }
        }
        Ok(found)
    }

    fn expire(
        &mut self,
        replica: &ReplicaId,
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<Change>, StoreError> {
        let due = self.due(self.replica(replica)?.slot, now, limit)?;
        if due.is_empty() {
            return Ok(Vec::new());
        }
        let mut rows = self.pending(0);
        let changes = self.remove_expired(*replica, due, now, &mut rows)?;
        let rows = rows.finish();
        self.commit(rows)?;
        Ok(changes)
    }

    fn forget(&mut self, replica: &ReplicaId, id: &RecordId) -> Result<(), StoreError> {
        let slot = self.replica(replica)?.slot;
        let Some(signed) = self.get(replica, id)? else {
            return Ok(());
        };
        let mut rows = self.pending(0);
        rows.rows.remove(*replica, slot, &signed);
        let rows = rows.finish();
        self.commit(rows)
    }

    fn withdraw(
        &mut self,
        replica: &ReplicaId,
        versions: &[(RecordId, EnvelopeHash)],
        now: Timestamp,
    ) -> Result<Vec<Change>, StoreError> {
        let slot = self.replica(replica)?.slot;
        let mut rows = self.pending(0);
        let mut changes = Vec::new();
        let mut seen = HashSet::with_capacity(versions.len());
        for (id, hash) in versions {
            let held = self.get(replica, id)?.filter(|held| held.hash() == *hash);
            let Some(signed) = held.filter(|_| seen.insert(*id)) else {
                continue;
            };
            rows.rows.remove(*replica, slot, &signed);
            if !signed.record().deleted {
                let kind = ChangeKind::Deleted;
                changes.push(rows.note_change(*replica, slot, kind, &signed, Origin::Remote, now));
            }
        }
        let rows = rows.finish();
        if !rows.batch.is_empty() {
            self.commit(rows)?;
        }
        Ok(changes)
    }

    fn scan(
        &self,
        replica: &ReplicaId,
        after: Option<&RecordId>,
        limit: usize,
    ) -> Result<Vec<SignedRecord>, StoreError> {
        let slot = self.replica(replica)?.slot;
        let mut found = Vec::new();
        for row in self.range(columns::RECORDS, &scan_from(slot, after), &slot.end()) {
            if found.len() == limit {
                break;
            }
            let (key, value) = row.map_err(|error| self.trouble(&error))?;
            found.extend(self.believed(replica, &key, &value)?);
        }
        Ok(found)
    }

    fn snapshot(&mut self, replica: &ReplicaId) -> Result<Box<dyn Snapshot>, StoreError> {
        let open = self.replica(replica)?;
        let (slot, sequence, audited) = (open.slot, open.log.newest, open.audited.is_done());
        let (db, path) = (Arc::clone(&self.db), self.path.clone());
        let snapshot = self.snapshots.begin(db, path, slot, sequence, audited)?;
        Ok(Box::new(snapshot))
    }

    fn changes(
        &self,
        replica: &ReplicaId,
        after: u64,
        limit: usize,
    ) -> Result<Changes, StoreError> {
        let OpenReplica { slot, log, .. } = self.replica(replica)?;
        let from = slot.change(after.saturating_add(1).max(log.oldest));
        let changes = if after >= log.newest {
            Vec::new()
        } else {
            self.range(columns::CHANGES, &from, &slot.end())
                .take(limit)
                .map(|row| {
                    let (key, value) = row.map_err(|error| self.trouble(&error))?;
                    keys::read_change(&key, &value)
                        .ok_or_else(|| corrupt(columns::CHANGES, "a row is not a change"))
                })
                .collect::<Result<_, _>>()?
        };
        Ok(Changes {
            changes,
            oldest: log.oldest,
            newest: log.newest,
        })
    }

    fn summary(&self, replica: &ReplicaId, partition: Partition) -> Result<Summary, StoreError> {
        Ok(self.replica(replica)?.summaries[partition.index()].clone())
    }

    fn fingerprint(&self, replica: &ReplicaId, now: Timestamp) -> Result<[u8; 32], StoreError> {
        let open = self.replica(replica)?;
        let mut sum = HashSum::default();
        let mut count = 0;
        for partition in Partition::ALL {
            sum.merge(open.summaries[partition.index()].sum());
            count += open.summaries[partition.index()].len() as u64;
        }
        for id in self.due(open.slot, now, usize::MAX)? {
            let Some(signed) = self.get(replica, &id)? else {
                self.must_be_suspect(replica, &id)?;
                continue;
            };
            sum.remove(signed.hash().as_bytes());
            count -= 1;
        }
        Ok(sum.digest(count))
    }

    fn count(&self, replica: &ReplicaId) -> Result<u64, StoreError> {
        let summaries = &self.replica(replica)?.summaries;
        Ok(summaries.iter().map(|summary| summary.len() as u64).sum())
    }

    fn copy_replica(
        &mut self,
        from: &ReplicaId,
        to: &ReplicaId,
        at: Option<Vec<u8>>,
    ) -> Result<Option<Vec<u8>>, StoreError> {
        self.copy_rows(from, to, at)
    }

    fn replace_replica(&mut self, from: ReplicaId, to: ReplicaId) -> Result<(), StoreError> {
        self.put_in_place(from, to)
    }

    fn audit(&mut self, limit: usize) -> Result<Audit, StoreError> {
        self.audit_step(limit)
    }

    fn put_note(&mut self, key: &[u8], value: &[u8]) -> Result<(), StoreError> {
        check_note(key, value)?;
        self.db
            .put_cf_opt(self.column(columns::NOTES), key, value, &self.write_options)
            .map_err(|error| self.trouble(&error))
    }

    fn note(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.read(columns::NOTES, key)
    }

    fn delete_note(&mut self, key: &[u8]) -> Result<(), StoreError> {
        self.db
            .delete_cf_opt(self.column(columns::NOTES), key, &self.write_options)
            .map_err(|error| self.trouble(&error))
    }
}

/// The table with this name; all of them are opened with the database.
fn column<'a>(db: &'a DB, name: &str) -> &'a ColumnFamily {
    db.cf_handle(name)
        .expect("every column family was opened with the database")
}

/// Options and mode of walking through rows with `from <= key < to`.
fn between<'a>(from: &'a [u8], to: &[u8]) -> (ReadOptions, IteratorMode<'a>) {
    let mut options = ReadOptions::default();
    options.set_iterate_upper_bound(to);
    (options, IteratorMode::From(from, Direction::Forward))
}

/// Where a scan of a replica's records begins.
fn scan_from(slot: Slot, after: Option<&RecordId>) -> Vec<u8> {
    match after {
        Some(after) => [slot.record(after).as_slice(), &[0]].concat(),
        None => slot.start().to_vec(),
    }
}

fn synced() -> WriteOptions {
    let mut options = WriteOptions::default();
    options.set_sync(true);
    options
}

fn decode(place: &'static str, row: &[u8]) -> Result<SignedRecord, StoreError> {
    SignedRecord::decode(row).map_err(|source| StoreError::CorruptRecord { place, source })
}

fn read_slot(place: &'static str, row: &[u8]) -> Result<Slot, StoreError> {
    match row.try_into().map(u32::from_be_bytes) {
        Ok(slot) if slot < u32::MAX => Ok(Slot(slot)),
        _ => Err(corrupt(place, "a value is not a slot")),
    }
}

fn read_by_type(key: &[u8], value: &[u8]) -> Result<(RecordId, Timestamp), StoreError> {
    let id = key.get(20..).and_then(|id| RecordId::try_from(id).ok());
    let expires: Option<[u8; 8]> = value.try_into().ok();
    match (id, expires) {
        (Some(id), Some(expires)) => Ok((id, Timestamp::from_millis(u64::from_be_bytes(expires)))),
        _ => Err(corrupt(columns::BY_TYPE, "a row is not one of a type")),
    }
}

/// The first key after all keys that start with `prefix`. A prefix starts with a slot, and the highest
/// slot is never given, so there is one.
fn next_prefix(prefix: &[u8]) -> Vec<u8> {
    let mut next = prefix.to_vec();
    while let Some(last) = next.pop() {
        if last < u8::MAX {
            next.push(last + 1);
            break;
        }
    }
    next
}
