//! What all handles of a replica share: whether it is open, whether it is gone, and whose turn it
//! is to change that.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use peerage_records::id::ReplicaId;
use tokio::sync::OwnedMutexGuard;
use tokio_util::sync::CancellationToken;

/// One replica, from when it is first used until it is deleted.
#[derive(Debug, Default)]
pub(crate) struct Shared {
    /// The replica was deleted.
    gone: CancellationToken,
    /// The engine has it.
    open: AtomicBool,
    turn: Arc<tokio::sync::Mutex<()>>,
}

/// The right to open, connect, close or delete a replica: one at a time.
#[derive(Debug)]
pub(crate) struct Turn {
    shared: Arc<Shared>,
    _guard: OwnedMutexGuard<()>,
}

/// The replicas in use. One that is joined again after it was deleted is another.
#[derive(Debug, Default)]
pub(crate) struct Replicas(Mutex<HashMap<ReplicaId, Arc<Shared>>>);

/// Whether a handle may still be used.
#[derive(Debug, Clone)]
pub(crate) struct Life {
    pub(crate) shared: Arc<Shared>,
    /// This handle was closed.
    pub(crate) closed: CancellationToken,
    /// The node has stopped.
    pub(crate) stopped: CancellationToken,
}

impl Shared {
    pub(crate) fn is_open(&self) -> bool {
        self.open.load(Ordering::Acquire)
    }

    pub(crate) fn is_gone(&self) -> bool {
        self.gone.is_cancelled()
    }

    /// Waits for a turn; there is none any more when the replica is gone.
    pub(crate) async fn turn(self: &Arc<Self>) -> Option<Turn> {
        let guard = Arc::clone(&self.turn).lock_owned().await;
        (!self.is_gone()).then(|| Turn {
            shared: Arc::clone(self),
            _guard: guard,
        })
    }
}

impl Turn {
    pub(crate) fn is_open(&self) -> bool {
        self.shared.is_open()
    }

    pub(crate) fn set_open(&self, open: bool) {
        self.shared.open.store(open, Ordering::Release);
    }

    /// Tells every handle and every stream of events that there is nothing left.
    pub(crate) fn set_gone(&self) {
        self.shared.gone.cancel();
    }
}

impl Replicas {
    pub(crate) fn shared(&self, replica: ReplicaId) -> Arc<Shared> {
        Arc::clone(self.lock().entry(replica).or_default())
    }

    /// Waits for a turn with a replica, whatever it was before.
    pub(crate) async fn turn(&self, replica: ReplicaId) -> Turn {
        loop {
            let shared = self.shared(replica);
            if let Some(turn) = shared.turn().await {
                return turn;
            }
            self.forget(replica, &shared);
        }
    }

    /// Ends a replica: the next one of this name is another.
    pub(crate) fn end(&self, replica: ReplicaId, turn: &Turn) {
        turn.set_gone();
        self.forget(replica, &turn.shared);
    }

    fn forget(&self, replica: ReplicaId, shared: &Arc<Shared>) {
        let mut replicas = self.lock();
        if replicas
            .get(&replica)
            .is_some_and(|found| Arc::ptr_eq(found, shared))
        {
            replicas.remove(&replica);
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<ReplicaId, Arc<Shared>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Life {
    pub(crate) fn is_over(&self) -> bool {
        self.shared.is_gone() || self.closed.is_cancelled() || self.stopped.is_cancelled()
    }

    /// Waits until it is over.
    pub(crate) async fn over(&self) {
        tokio::select! {
            () = self.shared.gone.cancelled() => {}
            () = self.closed.cancelled() => {}
            () = self.stopped.cancelled() => {}
        }
    }
}
