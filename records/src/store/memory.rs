//! The naive store: everything in ordered maps, nothing survives. Reference for tests, and what
//! simulations run on.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    ops::Bound,
};

use crate::{
    codec::SignedRecord,
    id::{EnvelopeHash, RecordId, ReplicaId},
    order::wins,
    store::{
        Change, ChangeKind, Changes, Origin, Partition, Put, PutOutcome, RecordQuery, Snapshot,
        Store, StoreError, change_kind, check_note, cut_log,
    },
    summary::{HashSum, Summary},
    time::Timestamp,
};

/// A store that forgets everything when it is dropped.
#[derive(Debug, Default)]
pub struct MemoryStore {
    replicas: BTreeMap<ReplicaId, Replica>,
    notes: BTreeMap<Vec<u8>, Vec<u8>>,
}

#[derive(Clone, Debug, Default)]
struct Replica {
    records: BTreeMap<RecordId, SignedRecord>,
    by_hash: BTreeMap<EnvelopeHash, RecordId>,
    expiry: BTreeSet<(Timestamp, RecordId)>,
    summaries: [Summary; 2],
    log: VecDeque<Change>,
    newest: u64,
}

#[derive(Debug)]
struct MemorySnapshot {
    sequence: u64,
    records: BTreeMap<RecordId, SignedRecord>,
}

impl Snapshot for MemorySnapshot {
    fn sequence(&self) -> u64 {
        self.sequence
    }

    fn scan(
        &self,
        after: Option<&RecordId>,
        limit: usize,
    ) -> Result<Vec<SignedRecord>, StoreError> {
        Ok(page(&self.records, after, limit))
    }
}

fn page(
    records: &BTreeMap<RecordId, SignedRecord>,
    after: Option<&RecordId>,
    limit: usize,
) -> Vec<SignedRecord> {
    let from = after.map_or(Bound::Unbounded, |after| Bound::Excluded(*after));
    let rest = records.range((from, Bound::Unbounded));
    rest.take(limit).map(|(_, signed)| signed.clone()).collect()
}

impl MemoryStore {
    /// An empty store.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn replica(&self, replica: &ReplicaId) -> Result<&Replica, StoreError> {
        self.replicas
            .get(replica)
            .ok_or(StoreError::UnknownReplica(*replica))
    }

    fn replica_mut(&mut self, replica: &ReplicaId) -> Result<&mut Replica, StoreError> {
        self.replicas
            .get_mut(replica)
            .ok_or(StoreError::UnknownReplica(*replica))
    }
}

impl Replica {
    fn put(&mut self, signed: &SignedRecord, origin: Origin, now: Timestamp) -> PutOutcome {
        let record = signed.record();
        let held = self.records.get(&record.id);
        if let Some(held) = held {
            match wins(signed, held) {
                std::cmp::Ordering::Greater => {}
                std::cmp::Ordering::Equal => return PutOutcome::Same,
                std::cmp::Ordering::Less => return PutOutcome::Superseded,
            }
        }
        let kind = change_kind(held.map(SignedRecord::record), record);
        self.remove(&record.id);
        self.insert(signed.clone());
        PutOutcome::Stored(self.note_change(kind, signed, origin, now))
    }

    fn insert(&mut self, signed: SignedRecord) {
        let record = signed.record();
        self.by_hash.insert(signed.hash(), record.id);
        self.expiry.insert((record.expires, record.id));
        self.summaries[Partition::of(record.kind).index()].insert(record.modified, &signed.hash());
        self.records.insert(record.id, signed);
    }

    fn remove(&mut self, id: &RecordId) -> Option<SignedRecord> {
        let signed = self.records.remove(id)?;
        let record = signed.record();
        self.by_hash.remove(&signed.hash());
        self.expiry.remove(&(record.expires, record.id));
        self.summaries[Partition::of(record.kind).index()].remove(record.modified, &signed.hash());
        Some(signed)
    }

    fn note_change(
        &mut self,
        kind: ChangeKind,
        signed: &SignedRecord,
        origin: Origin,
        at: Timestamp,
    ) -> Change {
        self.newest += 1;
        let change = Change {
            sequence: self.newest,
            kind,
            id: signed.record().id,
            record_type: signed.record().kind,
            hash: signed.hash(),
            origin,
            at,
        };
        self.log.push_back(change.clone());
        if let Some(oldest) = cut_log(self.oldest(), self.newest) {
            self.log.retain(|change| change.sequence >= oldest);
        }
        change
    }

    fn oldest(&self) -> u64 {
        self.log
            .front()
            .map_or(self.newest + 1, |change| change.sequence)
    }
}

impl Store for MemoryStore {
    fn open_replica(&mut self, replica: ReplicaId) -> Result<(), StoreError> {
        self.replicas.entry(replica).or_default();
        Ok(())
    }

    fn replicas(&self) -> Result<Vec<ReplicaId>, StoreError> {
        Ok(self.replicas.keys().copied().collect())
    }

    fn drop_replica(&mut self, replica: ReplicaId) -> Result<(), StoreError> {
        self.replicas.remove(&replica);
        Ok(())
    }

    fn put(&mut self, batch: Vec<Put>, now: Timestamp) -> Result<Vec<PutOutcome>, StoreError> {
        // All or nothing: the only thing that can go wrong is found out before anything is done.
        for put in &batch {
            self.replica(&put.replica)?;
        }
        batch
            .iter()
            .map(|put| {
                let replica = self.replica_mut(&put.replica)?;
                Ok(replica.put(put.record.signed(), put.origin, now))
            })
            .collect()
    }

    fn get(&self, replica: &ReplicaId, id: &RecordId) -> Result<Option<SignedRecord>, StoreError> {
        Ok(self.replica(replica)?.records.get(id).cloned())
    }

    fn by_hash(
        &self,
        replica: &ReplicaId,
        hash: &EnvelopeHash,
    ) -> Result<Option<SignedRecord>, StoreError> {
        let replica = self.replica(replica)?;
        let id = replica.by_hash.get(hash);
        Ok(id.and_then(|id| replica.records.get(id)).cloned())
    }

    fn list(
        &self,
        replica: &ReplicaId,
        query: &RecordQuery,
        now: Timestamp,
    ) -> Result<Vec<SignedRecord>, StoreError> {
        let visible = |signed: &&SignedRecord| {
            let record = signed.record();
            !record.deleted
                && !record.is_expired(now)
                && Partition::of(record.kind) == query.partition
                && query.kind.is_none_or(|kind| kind == record.kind)
                && query.after.is_none_or(|after| record.id > after)
        };
        let records = self.replica(replica)?.records.values();
        Ok(records.filter(visible).take(query.limit).cloned().collect())
    }

    fn expire(
        &mut self,
        replica: &ReplicaId,
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<Change>, StoreError> {
        let replica = self.replica_mut(replica)?;
        let due: Vec<RecordId> = replica
            .expiry
            .iter()
            .take_while(|(expires, _)| *expires <= now)
            .take(limit)
            .map(|(_, id)| *id)
            .collect();
        let mut changes = Vec::new();
        for id in due {
            if let Some(signed) = replica.remove(&id)
                && !signed.record().deleted
            {
                changes.push(replica.note_change(ChangeKind::Expired, &signed, Origin::Local, now));
            }
        }
        Ok(changes)
    }

    fn forget(&mut self, replica: &ReplicaId, id: &RecordId) -> Result<(), StoreError> {
        self.replica_mut(replica)?.remove(id);
        Ok(())
    }

    fn withdraw(
        &mut self,
        replica: &ReplicaId,
        versions: &[(RecordId, EnvelopeHash)],
        now: Timestamp,
    ) -> Result<Vec<Change>, StoreError> {
        let replica = self.replica_mut(replica)?;
        let mut changes = Vec::new();
        for (id, hash) in versions {
            if replica
                .records
                .get(id)
                .is_none_or(|held| held.hash() != *hash)
            {
                continue;
            }
            if let Some(signed) = replica.remove(id)
                && !signed.record().deleted
            {
                changes.push(replica.note_change(
                    ChangeKind::Deleted,
                    &signed,
                    Origin::Remote,
                    now,
                ));
            }
        }
        Ok(changes)
    }

    fn scan(
        &self,
        replica: &ReplicaId,
        after: Option<&RecordId>,
        limit: usize,
    ) -> Result<Vec<SignedRecord>, StoreError> {
        Ok(page(&self.replica(replica)?.records, after, limit))
    }

    fn snapshot(&mut self, replica: &ReplicaId) -> Result<Box<dyn Snapshot>, StoreError> {
        let replica = self.replica(replica)?;
        Ok(Box::new(MemorySnapshot {
            sequence: replica.newest,
            records: replica.records.clone(),
        }))
    }

    fn changes(
        &self,
        replica: &ReplicaId,
        after: u64,
        limit: usize,
    ) -> Result<Changes, StoreError> {
        let replica = self.replica(replica)?;
        let first = replica
            .log
            .partition_point(|change| change.sequence <= after);
        Ok(Changes {
            changes: replica
                .log
                .iter()
                .skip(first)
                .take(limit)
                .cloned()
                .collect(),
            oldest: replica.oldest(),
            newest: replica.newest,
        })
    }

    fn summary(&self, replica: &ReplicaId, partition: Partition) -> Result<Summary, StoreError> {
        Ok(self.replica(replica)?.summaries[partition.index()].clone())
    }

    fn fingerprint(&self, replica: &ReplicaId, now: Timestamp) -> Result<[u8; 32], StoreError> {
        let replica = self.replica(replica)?;
        let mut sum = HashSum::default();
        for partition in Partition::ALL {
            sum.merge(replica.summaries[partition.index()].sum());
        }
        let mut count = replica.records.len() as u64;
        for (_, id) in replica
            .expiry
            .iter()
            .take_while(|(expires, _)| *expires <= now)
        {
            if let Some(signed) = replica.records.get(id) {
                sum.remove(signed.hash().as_bytes());
                count -= 1;
            }
        }
        Ok(sum.digest(count))
    }

    fn count(&self, replica: &ReplicaId) -> Result<u64, StoreError> {
        Ok(self.replica(replica)?.records.len() as u64)
    }

    fn copy_replica(
        &mut self,
        from: &ReplicaId,
        to: &ReplicaId,
        _at: Option<Vec<u8>>,
    ) -> Result<Option<Vec<u8>>, StoreError> {
        let copy = self.replica(from)?.clone();
        *self.replica_mut(to)? = copy;
        Ok(None)
    }

    fn replace_replica(&mut self, from: ReplicaId, to: ReplicaId) -> Result<(), StoreError> {
        self.replica(&from)?;
        if let Some(replica) = self.replicas.remove(&from) {
            self.replicas.insert(to, replica);
        }
        Ok(())
    }

    fn put_note(&mut self, key: &[u8], value: &[u8]) -> Result<(), StoreError> {
        check_note(key, value)?;
        self.notes.insert(key.to_vec(), value.to_vec());
        Ok(())
    }

    fn note(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.notes.get(key).cloned())
    }

    fn delete_note(&mut self, key: &[u8]) -> Result<(), StoreError> {
        self.notes.remove(key);
        Ok(())
    }
}
