//! Whether another node has been seen with this node's key.

use std::sync::{Arc, Mutex, PoisonError};

use peerage_records::time::Timestamp;

/// When, last. Shared by the run loop, which sees it, and the handles, which say it. Clones share it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Duplicated(Arc<Mutex<Option<Timestamp>>>);

impl Duplicated {
    pub(crate) fn set(&self, at: Timestamp) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(at);
    }

    pub(crate) fn last(&self) -> Option<Timestamp> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
