//! What takes long and reads or writes files: exports, imports and backups, a few at once.

use std::sync::Arc;

use peerage_records::store::rocks::RocksReader;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;

use crate::{Error, Result};

/// Transfers at once: each keeps a thread and the disk busy.
const MAX_TRANSFERS: u32 = 2;

/// The places for transfers, and what they read from.
#[derive(Debug)]
pub(crate) struct Transfers {
    reader: RocksReader,
    places: Arc<Semaphore>,
    stopped: CancellationToken,
}

/// A place, for as long as the transfer goes on.
#[derive(Debug)]
pub(crate) struct Transfer {
    pub(crate) reader: RocksReader,
    stopped: CancellationToken,
    _place: OwnedSemaphorePermit,
}

impl Transfers {
    pub(crate) fn new(reader: RocksReader, stopped: CancellationToken) -> Self {
        Self {
            reader,
            places: Arc::new(Semaphore::new(MAX_TRANSFERS as usize)),
            stopped,
        }
    }

    /// Begins a transfer.
    ///
    /// # Errors
    /// [`Error::Busy`] while as many as may be are under way, [`Error::ShuttingDown`].
    pub(crate) fn begin(&self) -> Result<Transfer> {
        if self.stopped.is_cancelled() {
            return Err(Error::ShuttingDown);
        }
        let place = Arc::clone(&self.places).try_acquire_owned();
        Ok(Transfer {
            reader: self.reader.clone(),
            stopped: self.stopped.clone(),
            _place: place.map_err(|_| Error::Busy)?,
        })
    }

    /// Waits until all have ended. None begins any more.
    pub(crate) async fn end(&self) {
        self.stopped.cancel();
        if let Ok(all) = self.places.acquire_many(MAX_TRANSFERS).await {
            all.forget();
        }
    }
}

impl Transfer {
    /// To be asked now and then by what takes long.
    ///
    /// # Errors
    /// [`Error::ShuttingDown`].
    pub(crate) fn go_on(&self) -> Result<()> {
        match self.stopped.is_cancelled() {
            true => Err(Error::ShuttingDown),
            false => Ok(()),
        }
    }
}
