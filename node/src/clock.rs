//! The one place that reads clocks.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use peerage_protocol::engine::Now;
use peerage_records::time::Timestamp;

/// The machine's clocks. A test may move the wall clock ahead; clones move together.
#[derive(Debug, Clone, Default)]
pub struct Clock {
    ahead_ms: Arc<AtomicU64>,
}

impl Clock {
    /// The machine's clocks as they are.
    #[must_use]
    pub fn system() -> Self {
        Self::default()
    }

    /// The wall clock. A clock before 1970 reads as 1970.
    #[must_use]
    pub fn timestamp(&self) -> Timestamp {
        let since_epoch = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        let millis = u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX);
        Timestamp::from_millis(millis.saturating_add(self.ahead_ms.load(Ordering::Relaxed)))
    }

    /// Both clocks.
    #[must_use]
    pub fn now(&self) -> Now {
        Now {
            instant: Instant::now(),
            timestamp: self.timestamp(),
        }
    }

    /// Moves the wall clock ahead of the machine's, so that a test need not wait for an expiry.
    pub fn advance(&self, by: Duration) {
        let millis = u64::try_from(by.as_millis()).unwrap_or(u64::MAX);
        self.ahead_ms.fetch_add(millis, Ordering::Relaxed);
    }
}
