//! Reading a backup and everything in it, without a node.

use std::{fs, path::Path};

use peerage_records::store::{
    Store,
    rocks::{CheckReport, RocksOptions, RocksStore},
};
use serde::{Deserialize, Serialize};

use super::{
    Manifest, Progress,
    archive::{self, discard, take_out},
    manifest::WHAT,
};
use crate::{Error, Result, portable::sealed::invalid};

/// What a backup was found to be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verified {
    /// What it says of itself, which is true of it.
    pub manifest: Manifest,
    /// Bytes of files in it.
    pub bytes: u64,
    /// Records whose signatures were verified.
    pub records: u64,
}

/// Reads a whole backup: that every file is what it was, that the store opens and agrees with itself and
/// with the manifest, and that every record is what its signer signed. The store is unpacked into a
/// private temporary folder, the keys are not.
///
/// # Errors
/// [`Error::WrongPassphrase`], and [`Error::InvalidExport`] which says what is wrong; or when it cannot be
/// read.
pub fn verify(path: &Path, passphrase: &str, progress: &mut Progress<'_>) -> Result<Verified> {
    let temporary = tempfile::Builder::new()
        .prefix("peerage-verify-")
        .tempdir()
        .map_err(|error| Error::io(std::env::temp_dir(), error))?;
    let store = temporary.path().join("store");
    fs::create_dir(&store).map_err(|error| Error::io(&store, error))?;
    let manifest = archive::read(
        path,
        passphrase,
        |_| Ok(()),
        |file, input| match file.path.starts_with("store/") {
            true => take_out(&temporary.path().join(&file.path), input),
            false => discard(file, input),
        },
        progress,
    )?;
    let store = RocksStore::open(&store, &RocksOptions::default())?;
    let report = check(store, &manifest)?;
    Ok(Verified {
        bytes: manifest.total_bytes(),
        records: report.records,
        manifest,
    })
}

/// Checks that a store agrees with itself and with the manifest.
pub(super) fn check(mut store: RocksStore, manifest: &Manifest) -> Result<CheckReport> {
    let report = store.check()?;
    if let Some(problem) = report.problems.first() {
        return Err(invalid(WHAT, format!("its store is damaged: {problem}")));
    }
    for group in &manifest.groups {
        let replica = group
            .replica
            .parse()
            .map_err(|_| invalid(WHAT, "it names a replica that is none"))?;
        store.open_replica(replica)?;
        let found = (
            store.count(&replica)?,
            store.changes(&replica, u64::MAX, 1)?.newest,
        );
        if found != (group.records, group.newest) {
            let reason = format!("its store has other records of {}", group.group);
            return Err(invalid(WHAT, reason));
        }
    }
    Ok(report)
}
