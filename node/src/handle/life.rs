//! What all handles of a replica share: whether it is open, whether it is gone, which applications
//! hold it, and whose turn it is to change that.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use peerage_records::id::ReplicaId;
use tokio::sync::OwnedMutexGuard;
use tokio_util::sync::CancellationToken;

/// One opening of a replica by an application.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct HoldId(pub(super) u64);

/// One replica, from when it is first used until it is deleted.
#[derive(Debug, Default)]
pub(crate) struct Shared {
    /// The replica was deleted.
    gone: CancellationToken,
    /// The engine has it.
    open: AtomicBool,
    /// Which applications hold it open, by their holds.
    holds: Mutex<BTreeMap<HoldId, Arc<str>>>,
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

    /// Who holds it open, by name.
    pub(crate) fn holders(&self) -> Vec<Arc<str>> {
        let holds = self.holds.lock().unwrap_or_else(PoisonError::into_inner);
        holds.values().map(Arc::clone).collect()
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

    /// An application holds the replica open.
    pub(crate) fn hold(&self, hold: HoldId, application: Arc<str>) {
        self.holds().insert(hold, application);
    }

    /// It does so no longer.
    pub(crate) fn release(&self, hold: HoldId) {
        self.holds().remove(&hold);
    }

    /// Whether any application holds it open.
    pub(crate) fn is_held(&self) -> bool {
        !self.holds().is_empty()
    }

    fn holds(&self) -> MutexGuard<'_, BTreeMap<HoldId, Arc<str>>> {
        let holds = &self.shared.holds;
        holds.lock().unwrap_or_else(PoisonError::into_inner)
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

    /// Which replicas applications hold open, and by what names.
    pub(crate) fn holders(&self) -> Vec<(ReplicaId, Vec<Arc<str>>)> {
        let replicas: Vec<_> = self
            .lock()
            .iter()
            .map(|(replica, shared)| (*replica, Arc::clone(shared)))
            .collect();
        replicas
            .into_iter()
            .map(|(replica, shared)| (replica, shared.holders()))
            .filter(|(_, holders)| !holders.is_empty())
            .collect()
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
