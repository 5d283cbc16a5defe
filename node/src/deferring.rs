//! Groups in which nothing expires for now, because their creator wants it so while the node has no
//! neighbour in them.

use std::{
    collections::BTreeSet,
    sync::{Arc, PoisonError, RwLock},
};

use peerage_records::{id::ReplicaId, time::Timestamp};

/// Shared by the run loop, which knows, and the handles, which read records. Clones share it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Deferring(Arc<RwLock<BTreeSet<ReplicaId>>>);

impl Deferring {
    pub(crate) fn set(&self, replica: ReplicaId, deferring: bool) {
        let mut groups = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if deferring {
            groups.insert(replica);
        } else {
            groups.remove(&replica);
        }
    }

    pub(crate) fn holds(&self, replica: &ReplicaId) -> bool {
        let groups = self.0.read().unwrap_or_else(PoisonError::into_inner);
        groups.contains(replica)
    }

    /// As of when a replica's records are read: of no time in particular while nothing expires.
    pub(crate) fn reading_time(&self, replica: &ReplicaId, now: Timestamp) -> Timestamp {
        if self.holds(replica) {
            Timestamp::from_millis(0)
        } else {
            now
        }
    }
}
