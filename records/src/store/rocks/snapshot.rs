//! Views of a replica as it was, each on a thread of its own.
//!
//! RocksDB's snapshots borrow the database, so one cannot be handed around. A thread can: it holds the
//! snapshot on its stack and answers until nobody asks any more, or the store is closed.

use std::{
    path::PathBuf,
    sync::{
        Arc,
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    thread::{self, JoinHandle},
};

use rocksdb::DB;

use super::{
    audit::is_sound,
    between, columns, decode,
    keys::Slot,
    open::{from_io, from_rocks},
    scan_from,
};
use crate::{
    codec::SignedRecord,
    id::RecordId,
    store::{Snapshot, StoreError},
};

/// Questions that wait; there is one asker.
const MAX_ASKS: usize = 1;

/// The snapshots under way.
#[derive(Debug, Default)]
pub(super) struct Snapshots {
    running: Vec<(SyncSender<Ask>, JoinHandle<()>)>,
}

/// A view of a replica.
#[derive(Debug)]
pub(super) struct RocksSnapshot {
    sequence: u64,
    asks: SyncSender<Ask>,
}

#[derive(Debug)]
enum Ask {
    Scan {
        after: Option<RecordId>,
        limit: usize,
        reply: SyncSender<Result<Vec<SignedRecord>, StoreError>>,
    },
    End,
}

impl Snapshots {
    /// Takes a snapshot now: when this returns, what is written does not show in it any more.
    pub(super) fn begin(
        &mut self,
        db: Arc<DB>,
        path: PathBuf,
        slot: Slot,
        sequence: u64,
        audited: bool,
    ) -> Result<RocksSnapshot, StoreError> {
        self.running.retain(|(_, thread)| !thread.is_finished());
        let (asks, asked) = sync_channel(MAX_ASKS);
        let (taken, begun) = sync_channel(1);
        let folder = path.clone();
        let thread = thread::Builder::new()
            .name("peerage-snapshot".into())
            .spawn(move || serve(&db, &path, (slot, audited), &taken, &asked))
            .map_err(|error| from_io(&error, &folder))?;
        self.running.push((asks.clone(), thread));
        begun.recv().map_err(|_| ended())?;
        Ok(RocksSnapshot { sequence, asks })
    }
}

/// The database is closed with its last user, so the threads must end first.
impl Drop for Snapshots {
    fn drop(&mut self) {
        for (asks, thread) in self.running.drain(..) {
            let _ = asks.send(Ask::End);
            let _ = thread.join();
        }
    }
}

impl Snapshot for RocksSnapshot {
    fn sequence(&self) -> u64 {
        self.sequence
    }

    fn scan(
        &self,
        after: Option<&RecordId>,
        limit: usize,
    ) -> Result<Vec<SignedRecord>, StoreError> {
        let (reply, answer) = sync_channel(1);
        let after = after.copied();
        let ask = Ask::Scan {
            after,
            limit,
            reply,
        };
        self.asks.send(ask).map_err(|_| ended())?;
        answer.recv().map_err(|_| ended())?
    }
}

impl Drop for RocksSnapshot {
    fn drop(&mut self) {
        let _ = self.asks.send(Ask::End);
    }
}

fn serve(
    db: &DB,
    path: &std::path::Path,
    (slot, audited): (Slot, bool),
    taken: &SyncSender<()>,
    asked: &Receiver<Ask>,
) {
    let snapshot = db.snapshot();
    let _ = taken.send(());
    while let Ok(Ask::Scan {
        after,
        limit,
        reply,
    }) = asked.recv()
    {
        let (from, to) = (scan_from(slot, after.as_ref()), slot.end());
        let (options, mode) = between(&from, &to);
        let records = super::column(db, columns::RECORDS);
        let rows = snapshot.iterator_cf_opt(records, options, mode);
        let believed = rows.filter_map(|row| {
            let (key, value) = match row {
                Ok(row) => row,
                Err(error) => return Some(Err(from_rocks(&error, path))),
            };
            match decode(columns::RECORDS, &value) {
                // Until all have been looked at, see the audit.
                Ok(signed) if !audited && !is_sound(slot, &key, &signed) => None,
                decoded => Some(decoded),
            }
        });
        let page = believed.take(limit).collect();
        // Nobody waiting any more is not ours to mind.
        let _ = reply.send(page);
    }
}

fn ended() -> StoreError {
    StoreError::Io("the store was closed".into())
}
