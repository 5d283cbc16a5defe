//! Opening the database, and telling its troubles apart.

use std::{io, path::Path};

use rocksdb::{DB, ErrorKind, IteratorMode, Options};

use super::{RocksOptions, columns};
use crate::store::StoreError;

/// The format this program writes, and the newest it reads.
pub(super) const FORMAT: u32 = 1;

const FORMAT_KEY: &[u8] = b"format";

pub(super) fn open(path: &Path, options: &RocksOptions) -> Result<DB, StoreError> {
    std::fs::create_dir_all(path).map_err(|error| from_io(&error, path))?;
    // Reading the folder tells apart what RocksDB reports as one kind of error.
    std::fs::read_dir(path).map_err(|error| from_io(&error, path))?;
    let present = if path.join("CURRENT").exists() {
        DB::list_cf(&Options::default(), path).map_err(|error| from_rocks(&error, path))?
    } else {
        Vec::new()
    };
    let db = DB::open_cf_descriptors(
        &columns::database_options(options),
        path,
        columns::descriptors(options, &present),
    )
    .map_err(|error| from_rocks(&error, path))?;
    check_format(&db, path)?;
    Ok(db)
}

fn check_format(db: &DB, path: &Path) -> Result<(), StoreError> {
    let meta = super::column(db, columns::META);
    let found = db
        .get_pinned_cf(meta, FORMAT_KEY)
        .map_err(|error| from_rocks(&error, path))?;
    let Some(found) = found else {
        // Either the store is being made right now, or its making was interrupted at this point.
        if !is_empty(db, path)? {
            return Err(corrupt("meta", "the format version is missing"));
        }
        return db
            .put_cf_opt(meta, FORMAT_KEY, FORMAT.to_be_bytes(), &super::synced())
            .map_err(|error| from_rocks(&error, path));
    };
    let found: [u8; 4] = found
        .as_ref()
        .try_into()
        .map_err(|_| corrupt("meta", "the format version is not a number"))?;
    match u32::from_be_bytes(found) {
        0 => Err(corrupt("meta", "there is no format 0")),
        // Migrations from older formats will be called here, each in its own synced batch.
        found if found <= FORMAT => Ok(()),
        found => Err(StoreError::FutureFormat {
            found,
            known: FORMAT,
        }),
    }
}

fn is_empty(db: &DB, path: &Path) -> Result<bool, StoreError> {
    for column in [columns::REPLICAS, columns::RECORDS, columns::NOTES] {
        let first = db
            .iterator_cf(super::column(db, column), IteratorMode::Start)
            .next()
            .transpose()
            .map_err(|error| from_rocks(&error, path))?;
        if first.is_some() {
            return Ok(false);
        }
    }
    Ok(true)
}

pub(super) fn corrupt(place: &'static str, detail: impl Into<String>) -> StoreError {
    StoreError::Corrupt {
        place,
        detail: detail.into(),
    }
}

pub(super) fn from_io(error: &io::Error, path: &Path) -> StoreError {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            StoreError::DiskFull(error.to_string())
        }
        io::ErrorKind::PermissionDenied
        | io::ErrorKind::NotADirectory
        | io::ErrorKind::AlreadyExists
        | io::ErrorKind::ReadOnlyFilesystem => StoreError::NoAccess {
            path: path.to_owned(),
            detail: error.to_string(),
        },
        _ => StoreError::Io(error.to_string()),
    }
}

/// RocksDB says what went wrong mostly in words; these are the words of its POSIX environment.
pub(super) fn from_rocks(error: &rocksdb::Error, path: &Path) -> StoreError {
    let detail = error.to_string();
    let says = |words: &[&str]| words.iter().any(|word| detail.contains(word));
    if says(&[
        "No space left",
        "File too large",
        "quota exceeded",
        "Max allowed space",
    ]) {
        return StoreError::DiskFull(detail);
    }
    if error.kind() == ErrorKind::Corruption {
        return corrupt("the database", detail);
    }
    if says(&["lock hold by current process", "While lock file"]) {
        return StoreError::Locked {
            path: path.to_owned(),
        };
    }
    if says(&[
        "Permission denied",
        "Read-only file system",
        "Not a directory",
    ]) {
        return StoreError::NoAccess {
            path: path.to_owned(),
            detail,
        };
    }
    StoreError::Io(detail)
}
