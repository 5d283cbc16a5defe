//! Taking in foreign records, against its two halves alone.

use std::time::Instant;

use peerage_records::{
    codec::SignedRecord,
    id::ReplicaId,
    store::{Origin, Put, PutOutcome, Store, rocks::RocksStore},
    validate::validate,
};
use rocksdb::{DB, Options, WriteBatch, WriteOptions};

use super::{
    Parameters, Wait, at_least,
    material::{Envelope, Material},
    note,
};
use crate::{Result, report::Report};

/// Records per second, each way.
pub(super) struct Outcome {
    ours: f64,
    checks: f64,
    rocksdb: f64,
}

impl Outcome {
    /// What checks and RocksDB would reach one after the other, with nothing else to do.
    fn ideal(&self) -> f64 {
        1.0 / (1.0 / self.checks + 1.0 / self.rocksdb)
    }
}

pub(super) fn measure(parameters: &Parameters, material: &Material) -> Result<Outcome> {
    let records = material.records.len() as f64;
    let checks = records / checks(&material.records)?;
    let rocksdb = records / rocksdb(parameters, &material.records)?;
    let folder = tempfile::tempdir_in(&parameters.folder)?;
    let mut store = RocksStore::open(folder.path(), &parameters.options())?;
    let replica = material.replica(0);
    store.open_replica(replica)?;
    let started = Instant::now();
    for batch in material.records.chunks(parameters.batch) {
        take_in(&mut store, replica, material, batch)?;
    }
    Ok(Outcome {
        ours: records / started.elapsed().as_secs_f64(),
        checks,
        rocksdb,
    })
}

/// Decodes, validates and stores foreign envelopes, as a node does. All of them must be new.
pub(super) fn take_in(
    store: &mut RocksStore,
    replica: ReplicaId,
    material: &Material,
    batch: &[Envelope],
) -> Result<()> {
    let outcomes = store.put(
        batch
            .iter()
            .map(|envelope| checked(&envelope.bytes, replica, material))
            .collect::<Result<_>>()?,
        material.now,
    )?;
    match outcomes
        .iter()
        .all(|outcome| matches!(outcome, PutOutcome::Stored(_)))
    {
        true => Ok(()),
        false => Err("a new record was not stored".into()),
    }
}

/// One foreign envelope, checked.
pub(super) fn checked(bytes: &[u8], replica: ReplicaId, material: &Material) -> Result<Put> {
    let signed = SignedRecord::decode(bytes)?;
    Ok(Put {
        replica,
        record: validate(signed, &material.group, &material.roster, material.now)?,
        origin: Origin::Remote,
    })
}

/// Seconds to check every signature, and nothing else.
fn checks(records: &[Envelope]) -> Result<f64> {
    let started = Instant::now();
    for envelope in records {
        envelope
            .key
            .verify_strict(&envelope.message, &envelope.signature)?;
    }
    Ok(started.elapsed().as_secs_f64())
}

/// Seconds to write the same bytes in the same batches into RocksDB with its default settings.
fn rocksdb(parameters: &Parameters, records: &[Envelope]) -> Result<f64> {
    let folder = tempfile::tempdir_in(&parameters.folder)?;
    let mut options = Options::default();
    options.create_if_missing(true);
    let db = DB::open(&options, folder.path())?;
    let mut write = WriteOptions::default();
    write.set_sync(parameters.wait == Wait::Disk);
    let started = Instant::now();
    for records in records.chunks(parameters.batch) {
        let mut batch = WriteBatch::default();
        for envelope in records {
            batch.put(envelope.hash.as_bytes(), &envelope.bytes);
        }
        db.write_opt(batch, &write)?;
    }
    Ok(started.elapsed().as_secs_f64())
}

pub(super) fn report(report: &mut Report, outcomes: &[Outcome]) {
    const RATE: (&str, &str) = ("ingest", "records/s");
    let (ours, checks) = ("peerage", "checks alone");
    let (rocksdb, ideal) = ("RocksDB alone", "both halves");
    note(report, outcomes, ours, RATE, |o| o.ours);
    note(report, outcomes, checks, RATE, |o| o.checks);
    note(report, outcomes, rocksdb, RATE, |o| o.rocksdb);
    note(report, outcomes, ideal, RATE, Outcome::ideal);
    for (rival, goal) in [
        (checks, at_least(0.8)),
        (rocksdb, None),
        (ideal, at_least(0.85)),
    ] {
        report.ratio("ingest", (ours, RATE.0), (rival, RATE.0), goal);
    }
}
