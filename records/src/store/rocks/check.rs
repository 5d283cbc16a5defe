//! Does everything in the store agree with everything else?

use std::collections::HashMap;

use super::{
    RocksStore, columns, decode,
    keys::{self, Slot},
    read_slot,
};
use crate::{
    codec::SignedRecord,
    id::{RecordId, ReplicaId},
    store::{CHANGES_SLACK, Change, ChangeKind, MAX_CHANGES_KEPT, Store, StoreError},
};

/// Problems that are described; more are only counted.
const MAX_DESCRIBED: usize = 100;

/// What [`RocksStore::check`] found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct CheckReport {
    /// Replicas looked at.
    pub replicas: u64,
    /// Records looked at, tombstones included.
    pub records: u64,
    /// Changes looked at.
    pub changes: u64,
    /// Contradictions found.
    pub problem_count: u64,
    /// The first hundred of them, in words.
    pub problems: Vec<String>,
}

impl CheckReport {
    /// Whether nothing contradicts anything.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.problem_count == 0
    }

    fn expect(&mut self, holds: bool, problem: impl FnOnce() -> String) {
        if !holds {
            self.problem_count += 1;
            if self.problems.len() < MAX_DESCRIBED {
                self.problems.push(problem());
            }
        }
    }
}

impl RocksStore {
    /// Reads the whole store, compares records, indexes, log and summaries, and verifies every signature.
    ///
    /// # Errors
    /// Only of storage itself: what contradicts or does not decode is in the report.
    pub fn check(&self) -> Result<CheckReport, StoreError> {
        let mut report = CheckReport::default();
        for replica in self.replicas()? {
            let row = self.read(columns::REPLICAS, replica.as_bytes())?;
            let slot = read_slot(columns::REPLICAS, &row.unwrap_or_default())?;
            report.replicas += 1;
            self.check_replica(&replica, slot, &mut report)?;
        }
        Ok(report)
    }

    fn check_replica(
        &self,
        replica: &ReplicaId,
        slot: Slot,
        report: &mut CheckReport,
    ) -> Result<(), StoreError> {
        let (latest, first) = self.check_changes(slot, report)?;
        // Changes may be missing at the start of the log: cut off, or left behind with an earlier epoch.
        let cut = self.epoch(slot)? > 0 || first.is_some_and(|first| first > 1);
        let (mut records, mut visible) = (0, 0);
        for row in self.range(columns::RECORDS, &slot.start(), &slot.end()) {
            let (key, value) = row.map_err(|error| self.trouble(&error))?;
            records += 1;
            let signed = match decode(columns::RECORDS, &value) {
                Ok(signed) => signed,
                Err(error) => {
                    report.expect(false, || error.to_string());
                    continue;
                }
            };
            visible += u64::from(!signed.record().deleted);
            self.check_record(&key, slot, &signed, report)?;
            check_latest_change(&signed, latest.get(&signed.record().id), cut, report);
        }
        report.records += records;
        // Every record has its index rows, so equal numbers mean that there are no others.
        for (column, expected) in [
            (columns::BY_HASH, records),
            (columns::SUMMARY, records),
            (columns::EXPIRY, records),
            (columns::BY_TYPE, visible),
        ] {
            let mut rows = 0;
            for row in self.range(column, &slot.start(), &slot.end()) {
                row.map_err(|error| self.trouble(&error))?;
                rows += 1;
            }
            report.expect(rows == expected, || {
                format!("{column} has {rows} rows, expected {expected}")
            });
        }
        if let Some(open) = self.open.get(replica) {
            let on_disk = self.load(slot)?;
            report.expect(open.summaries == on_disk.summaries, || {
                format!(
                    "the summary in memory of replica {} is stale",
                    replica.short()
                )
            });
            report.expect(
                (open.log.oldest, open.log.newest) == (on_disk.log.oldest, on_disk.log.newest),
                || format!("the log of replica {} is stale", replica.short()),
            );
        }
        Ok(())
    }

    fn check_record(
        &self,
        key: &[u8],
        slot: Slot,
        signed: &SignedRecord,
        report: &mut CheckReport,
    ) -> Result<(), StoreError> {
        let record = signed.record();
        let id = &record.id;
        report.expect(*key == slot.record(id), || {
            format!("record {id} lies under another key")
        });
        report.expect(signed.verify_signature().is_ok(), || {
            format!("record {id} is not what its signer signed")
        });
        let by_hash = self.read(columns::BY_HASH, &slot.by_hash(&signed.hash()))?;
        report.expect(by_hash.as_deref() == Some(id.as_bytes()), || {
            format!("record {id} is not found by its hash")
        });
        let summary = self.read(columns::SUMMARY, &slot.summary(signed))?;
        report.expect(summary.is_some(), || {
            format!("record {id} is not in the summary")
        });
        let expiry = self.read(columns::EXPIRY, &slot.expiry(record.expires, id))?;
        report.expect(expiry.is_some(), || {
            format!("record {id} would never expire")
        });
        let by_type = self.read(columns::BY_TYPE, &slot.by_type(&record.kind, id))?;
        let expected = (!record.deleted).then(|| keys::time(record.expires).to_vec());
        report.expect(by_type == expected, || {
            format!("record {id} is not listed under its type as it should be")
        });
        Ok(())
    }

    /// The latest change of each record, and the number of the first change kept.
    fn check_changes(
        &self,
        slot: Slot,
        report: &mut CheckReport,
    ) -> Result<(HashMap<RecordId, Change>, Option<u64>), StoreError> {
        let mut latest = HashMap::new();
        let (mut first, mut previous) = (None, None);
        for row in self.range(columns::CHANGES, &slot.start(), &slot.end()) {
            let (key, value) = row.map_err(|error| self.trouble(&error))?;
            report.changes += 1;
            let Some(change) = keys::read_change(&key, &value) else {
                report.expect(false, || "a row of the log is not a change".to_owned());
                continue;
            };
            let sequence = change.sequence;
            report.expect(previous.is_none_or(|p: u64| p + 1 == sequence), || {
                format!("the log jumps to change {sequence}")
            });
            first = first.or(Some(sequence));
            previous = Some(sequence);
            latest.insert(change.id, change);
        }
        let kept = previous
            .zip(first)
            .map_or(0, |(last, first)| last - first + 1);
        report.expect(kept <= MAX_CHANGES_KEPT + CHANGES_SLACK, || {
            format!("the log has {kept} changes")
        });
        Ok((latest, first))
    }
}

fn check_latest_change(
    signed: &SignedRecord,
    latest: Option<&Change>,
    cut: bool,
    report: &mut CheckReport,
) {
    let record = signed.record();
    let holds = match latest {
        Some(change) => {
            change.hash == signed.hash()
                && change.kind != ChangeKind::Expired
                && (change.kind == ChangeKind::Deleted) == record.deleted
        }
        None => cut,
    };
    report.expect(holds, || {
        format!(
            "the log does not end with what is held of record {}",
            record.id
        )
    });
}
