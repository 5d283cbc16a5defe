//! How much one application uses, so that it leaves the others theirs.
//!
//! Every bound here is the application's own: reaching it takes nothing from anybody else.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use peerage_protocol::engine::{self, MAX_DIRECTS_PER_GROUP};
use peerage_records::id::{IdentityKey, ReplicaId};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::{Error, Result, model::Quotas};

/// Connections beside those that requests and streams under way need: idle ones that a client keeps.
const SPARE_CONNECTIONS: usize = 8;

/// Snapshots that an application reads at once: each holds a thread, and the disk what was overwritten
/// since.
const MAX_SNAPSHOTS: usize = 2;

/// Direct connections that an application has opened and that are not over: half of those of a group.
const MAX_DIRECTS: usize = MAX_DIRECTS_PER_GROUP / 2;
/// Those of them that are being opened: half of those of a group.
const MAX_DIRECTS_OPENING: usize = engine::MAX_DIRECTS_OPENING / 2;
/// Those of them with one member in one group: half of what there may be.
const MAX_DIRECTS_PER_MEMBER: usize = engine::MAX_DIRECTS_PER_MEMBER / 2;

/// When a slot may be free again, as far as anybody can tell.
const SLOT_PAUSE: Duration = Duration::from_secs(1);

/// What an application uses of its quotas.
#[derive(Debug)]
pub(crate) struct Usage {
    name: String,
    requests: Bucket,
    bytes: Bucket,
    concurrent: Arc<Semaphore>,
    streams: Arc<Semaphore>,
    snapshots: Arc<Semaphore>,
    directs: Arc<Semaphore>,
    directs_opening: Arc<Semaphore>,
    directs_with: Arc<Mutex<HashMap<Whose, usize>>>,
    connections: Arc<Semaphore>,
}

/// A request, a stream, a snapshot, a connection or a direct connection under way.
#[derive(Debug)]
pub(crate) struct Permit(#[expect(dead_code, reason = "held, not read")] OwnedSemaphorePermit);

impl Permit {
    /// One of these that no application's quota counts.
    pub(crate) fn of(permit: OwnedSemaphorePermit) -> Self {
        Self(permit)
    }
}

/// A member of a group.
type Whose = (ReplicaId, IdentityKey);

/// A direct connection that counts against its application until this is dropped.
#[derive(Debug)]
pub(crate) struct Counted {
    opening: Option<Permit>,
    _open: Permit,
    _with: With,
}

impl Counted {
    /// It is open.
    pub(crate) fn opened(mut self) -> Self {
        self.opening = None;
        self
    }
}

/// One of the connections with a member.
#[derive(Debug)]
struct With {
    whose: Whose,
    all: Arc<Mutex<HashMap<Whose, usize>>>,
}

impl Drop for With {
    fn drop(&mut self) {
        let mut all = lock(&self.all);
        if let Some(count) = all.get_mut(&self.whose) {
            *count -= 1;
            if *count == 0 {
                all.remove(&self.whose);
            }
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Usage {
    pub(super) fn new(name: &str, quotas: Quotas) -> Self {
        let slots = |count: u32| usize::try_from(count).unwrap_or(Semaphore::MAX_PERMITS);
        let (concurrent, streams) = (slots(quotas.concurrent_requests), slots(quotas.streams));
        let rate = f64::from(quotas.requests_per_second);
        // Exact: the quota is far below 2^52.
        let bytes = quotas.bytes_per_minute as f64;
        Self {
            name: name.to_owned(),
            requests: Bucket::new(rate * 2.0, rate),
            bytes: Bucket::new(bytes, bytes / 60.0),
            concurrent: Arc::new(Semaphore::new(concurrent)),
            streams: Arc::new(Semaphore::new(streams)),
            snapshots: Arc::new(Semaphore::new(MAX_SNAPSHOTS)),
            directs: Arc::new(Semaphore::new(MAX_DIRECTS)),
            directs_opening: Arc::new(Semaphore::new(MAX_DIRECTS_OPENING)),
            directs_with: Arc::default(),
            connections: Arc::new(Semaphore::new(concurrent + streams + SPARE_CONNECTIONS)),
        }
    }

    /// Begins a request.
    ///
    /// # Errors
    /// [`Error::QuotaExceeded`] says which quota, and when to try again.
    pub(crate) fn begin_request(&self, now: Instant) -> Result<Permit> {
        self.requests
            .take(1.0, now)
            .map_err(|wait| self.exceeded("requests per second", wait))?;
        self.slot(&self.concurrent, "requests at once")
    }

    /// Begins a stream.
    ///
    /// # Errors
    /// As [`begin_request`](Self::begin_request).
    pub(crate) fn begin_stream(&self) -> Result<Permit> {
        self.slot(&self.streams, "streams at once")
    }

    /// Begins a snapshot.
    ///
    /// # Errors
    /// As [`begin_request`](Self::begin_request).
    pub(crate) fn begin_snapshot(&self) -> Result<Permit> {
        self.slot(&self.snapshots, "snapshots at once")
    }

    /// Begins to open a direct connection to a member.
    ///
    /// # Errors
    /// As [`begin_request`](Self::begin_request).
    pub(crate) fn begin_direct(&self, whose: Whose) -> Result<Counted> {
        let opening = self.slot(&self.directs_opening, "direct connections being opened")?;
        let open = self.slot(&self.directs, "direct connections at once")?;
        let mut with = lock(&self.directs_with);
        let count = with.entry(whose).or_default();
        if *count >= MAX_DIRECTS_PER_MEMBER {
            return Err(self.exceeded("direct connections with one member", SLOT_PAUSE));
        }
        *count += 1;
        let with = With {
            whose,
            all: Arc::clone(&self.directs_with),
        };
        Ok(Counted {
            opening: Some(opening),
            _open: open,
            _with: with,
        })
    }

    /// Takes a connection into account.
    ///
    /// # Errors
    /// As [`begin_request`](Self::begin_request).
    pub(crate) fn connect(&self) -> Result<Permit> {
        self.slot(&self.connections, "connections at once")
    }

    /// Takes bytes that are to be published into account.
    ///
    /// # Errors
    /// As [`begin_request`](Self::begin_request).
    pub(crate) fn publish(&self, bytes: u64, now: Instant) -> Result<()> {
        self.bytes
            .take(bytes as f64, now)
            .map_err(|wait| self.exceeded("bytes per minute", wait))
    }

    /// The answer when no further group can be held.
    pub(crate) fn groups_full(&self) -> Error {
        self.exceeded("groups at once", SLOT_PAUSE)
    }

    fn slot(&self, slots: &Arc<Semaphore>, quota: &'static str) -> Result<Permit> {
        Arc::clone(slots)
            .try_acquire_owned()
            .map(Permit)
            .map_err(|_| self.exceeded(quota, SLOT_PAUSE))
    }

    fn exceeded(&self, quota: &'static str, wait: Duration) -> Error {
        Error::QuotaExceeded {
            application: self.name.clone(),
            quota,
            retry_after_seconds: wait.as_secs_f64().ceil().max(1.0) as u32,
        }
    }
}

/// Fills at a steady rate up to its capacity; what is taken has to be in it.
#[derive(Debug)]
struct Bucket {
    capacity: f64,
    per_second: f64,
    state: Mutex<Option<(f64, Instant)>>,
}

impl Bucket {
    fn new(capacity: f64, per_second: f64) -> Self {
        Self {
            capacity,
            per_second,
            state: Mutex::new(None),
        }
    }

    /// Takes so much, or says how long until it is there. Nothing is taken then.
    fn take(&self, amount: f64, now: Instant) -> Result<(), Duration> {
        let mut state = lock(&self.state);
        let (level, since) = state.unwrap_or((self.capacity, now));
        let gained = now.saturating_duration_since(since).as_secs_f64() * self.per_second;
        let level = (level + gained).min(self.capacity);
        let now = now.max(since);
        if level >= amount {
            *state = Some((level - amount, now));
            return Ok(());
        }
        *state = Some((level, now));
        let missing = amount.min(self.capacity) - level;
        Err(Duration::from_secs_f64(missing / self.per_second))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_bucket_gives_what_has_flowed_into_it_and_says_how_long_the_rest_takes() {
        let (bucket, start) = (Bucket::new(20.0, 10.0), Instant::now());
        for _ in 0..20 {
            bucket.take(1.0, start).unwrap();
        }
        let wait = bucket.take(5.0, start).unwrap_err();
        assert_eq!(wait, SECOND / 2);
        assert!(bucket.take(5.0, start + wait).is_ok());
        assert!(bucket.take(1.0, start + wait).is_err());
        // It does not gain by time that runs backwards, nor overflow.
        assert!(bucket.take(1.0, start).is_err());
        assert!(bucket.take(20.0, start + SECOND * 3_600).is_ok());
        assert!(bucket.take(1.0, start + SECOND * 3_600).is_err());
        // What never fits does not wait for ever.
        assert!(bucket.take(1e9, start).unwrap_err() <= SECOND * 2);
    }

    #[test]
    fn each_quota_is_named_when_it_is_reached() {
        let quotas = Quotas {
            requests_per_second: 2,
            concurrent_requests: 3,
            streams: 1,
            bytes_per_minute: 600,
            groups: 1,
        };
        let (usage, now) = (Usage::new("board", quotas), Instant::now());
        let refused = |error: Error| match error {
            Error::QuotaExceeded {
                quota,
                retry_after_seconds,
                ..
            } => (quota, retry_after_seconds),
            other => panic!("{other}"),
        };
        let held: Vec<_> = (0..3).map(|_| usage.begin_request(now).unwrap()).collect();
        let full = refused(usage.begin_request(now).unwrap_err());
        assert_eq!(full, ("requests at once", 1));
        drop(held);
        let fast = refused(usage.begin_request(now).unwrap_err());
        assert_eq!(fast, ("requests per second", 1));
        let _one = usage.begin_stream().unwrap();
        assert_eq!(
            refused(usage.begin_stream().unwrap_err()).0,
            "streams at once"
        );
        usage.publish(600, now).unwrap();
        let slow = refused(usage.publish(300, now).unwrap_err());
        assert_eq!(slow, ("bytes per minute", 30));
        usage.publish(300, now + SECOND * 30).unwrap();
    }
}
