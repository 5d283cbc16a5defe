//! Reading the database beside the thread that owns the store.

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::{Arc, Weak},
};

use rocksdb::{DB, Direction, IteratorMode, ReadOptions, checkpoint::Checkpoint};

use super::{column, columns, open::from_rocks, read_slot};
use crate::{id::ReplicaId, store::StoreError};

/// What takes long and only reads a [`RocksStore`](super::RocksStore), on any thread. Cheap to clone. It
/// does not keep the store open by itself, but what it does while it does it.
#[derive(Clone)]
pub struct RocksReader {
    db: Weak<DB>,
    path: PathBuf,
}

impl fmt::Debug for RocksReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RocksReader")
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

impl RocksReader {
    pub(super) fn new(db: &Arc<DB>, path: PathBuf) -> Self {
        Self {
            db: Arc::downgrade(db),
            path,
        }
    }

    fn db(&self) -> Result<Arc<DB>, StoreError> {
        let closed = || StoreError::Io("the store has been closed".to_owned());
        self.db.upgrade().ok_or_else(closed)
    }

    /// Makes a consistent copy of the store in `path`, a folder that does not exist yet. Files are
    /// linked where the file system allows, so this is quick; writers go on meanwhile.
    ///
    /// # Errors
    /// The copy is not complete.
    pub fn checkpoint(&self, path: impl AsRef<Path>) -> Result<(), StoreError> {
        let (db, path) = (self.db()?, path.as_ref());
        Checkpoint::new(&db)
            .and_then(|checkpoint| checkpoint.create_checkpoint(path))
            .map_err(|error| from_rocks(&error, path))
    }

    /// Hands out every envelope of a replica as it is held at one moment, tombstones and what has
    /// expired included, in the order of their ids. The bytes are those on disk: they are to be validated
    /// by whoever reads them.
    ///
    /// # Errors
    /// Of storage, and whatever `take` fails with.
    pub fn envelopes<E: From<StoreError>>(
        &self,
        replica: &ReplicaId,
        mut take: impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        let trouble = |error: rocksdb::Error| E::from(from_rocks(&error, &self.path));
        let db = self.db()?;
        let snapshot = db.snapshot();
        let replicas = column(&db, columns::REPLICAS);
        let row = snapshot
            .get_cf(replicas, replica.as_bytes())
            .map_err(trouble)?
            .ok_or(StoreError::UnknownReplica(*replica))?;
        let slot = read_slot(columns::REPLICAS, &row)?;
        let mut options = ReadOptions::default();
        options.set_iterate_upper_bound(slot.end());
        // Blocks read once are of no use in the cache.
        options.fill_cache(false);
        let from = slot.start();
        let rows = snapshot.iterator_cf_opt(
            column(&db, columns::RECORDS),
            options,
            IteratorMode::From(&from, Direction::Forward),
        );
        for row in rows {
            let (_, envelope) = row.map_err(trouble)?;
            take(&envelope)?;
        }
        Ok(())
    }
}
