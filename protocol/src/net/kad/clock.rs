//! The wall clock of a store that cannot be told the time.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use peerage_records::time::Timestamp;

/// The time as its owner last set it; clones show the same time.
///
/// libp2p calls the store without saying what time it is, and this crate reads no clock. So whoever runs the
/// swarm sets this one each time round its loop. Until then it shows 1970, and every entry is from the future.
#[derive(Clone, Debug, Default)]
pub struct Clock(Arc<AtomicU64>);

impl Clock {
    /// A clock that shows `now`.
    pub fn new(now: Timestamp) -> Self {
        let clock = Self::default();
        clock.set(now);
        clock
    }

    /// Sets the time.
    pub fn set(&self, now: Timestamp) {
        self.0.store(now.as_millis(), Ordering::Relaxed);
    }

    /// The time as last set.
    pub fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::Relaxed))
    }
}
