//! Work that would keep the loop from everything else: done on a thread of its own, one piece at a
//! time, because each may take 64 MiB and a processor.

use std::sync::Arc;

use peerage_protocol::engine::Input;
use tokio::sync::{Semaphore, mpsc};

/// Pieces of work at once.
const MAX_AT_ONCE: usize = 1;

#[derive(Debug)]
pub(crate) struct Beside {
    done: mpsc::UnboundedSender<Input>,
    /// At most one per visit, and those are bounded.
    results: mpsc::UnboundedReceiver<Input>,
    places: Arc<Semaphore>,
}

impl Default for Beside {
    fn default() -> Self {
        let (done, results) = mpsc::unbounded_channel();
        Self {
            done,
            results,
            places: Arc::new(Semaphore::new(MAX_AT_ONCE)),
        }
    }
}

impl Beside {
    /// Does something slow; what comes of it is handed out by [`next`](Self::next).
    pub(crate) fn run(&self, work: impl FnOnce() -> Input + Send + 'static) {
        let (done, places) = (self.done.clone(), Arc::clone(&self.places));
        tokio::spawn(async move {
            let Ok(_place) = places.acquire_owned().await else {
                return;
            };
            if let Ok(input) = tokio::task::spawn_blocking(work).await {
                // The loop may have ended meanwhile.
                let _ = done.send(input);
            }
        });
    }

    /// Waits for the next result. Dropping the future loses nothing.
    pub(crate) async fn next(&mut self) -> Option<Input> {
        self.results.recv().await
    }
}
