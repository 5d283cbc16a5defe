//! [`Snapshot`]: the records of a group as of one position, from which events go on.

use std::{
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
    time::Duration,
};

use futures::{Stream, StreamExt, TryStreamExt, stream};
use peerage_records::{
    codec::SignedRecord,
    id::{RecordId, RecordType},
    store::Snapshot as View,
    time::Timestamp,
};
use tokio_util::task::AbortOnDropHandle;

use super::EventFilter;
use crate::{
    Error, Result,
    applications::Permit,
    handle::blocking,
    model::{Position, RecordInfo},
};

/// Snapshots at once beside those of registered applications, which have quotas of their own. Each holds a
/// thread, and keeps what was overwritten since from being cleared away.
pub(crate) const MAX_SNAPSHOTS: usize = 8;
/// A snapshot ends after this, also when nobody reads it, for the same reason.
const MAX_SNAPSHOT_TIME: Duration = Duration::from_secs(10 * 60);
/// Records read at once, about 3 MiB at worst.
const PAGE: usize = 64;

/// The visible records of a group as they were at one moment, in the order of their ids; see
/// [`GroupHandle::snapshot`](crate::GroupHandle::snapshot).
pub struct Snapshot {
    position: Position,
    taken: Timestamp,
    records: stream::BoxStream<'static, Result<RecordInfo>>,
}

impl std::fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Snapshot")
            .field("position", &self.position)
            .finish_non_exhaustive()
    }
}

impl Snapshot {
    pub(crate) fn new(
        view: Box<dyn View>,
        filter: EventFilter,
        now: Timestamp,
        taken: Timestamp,
        permit: Permit,
    ) -> Self {
        let position = Position::of(view.sequence());
        let view = Arc::new(Mutex::new(Some(view)));
        let held = Arc::clone(&view);
        let limit = AbortOnDropHandle::new(tokio::spawn(async move {
            tokio::time::sleep(MAX_SNAPSHOT_TIME).await;
            // Dropping it waits for a page under way.
            let dropped = blocking(move || {
                drop(take(&held));
                Ok(())
            });
            let _ = dropped.await;
        }));
        let pages = Pages {
            view,
            after: None,
            _limit: limit,
            _permit: permit,
        };
        let records = stream::try_unfold(pages, Pages::next)
            .map_ok(move |page| {
                let visible: Vec<_> = page
                    .iter()
                    .filter(|signed| is_shown(signed, &filter, now))
                    .map(|signed| Ok(RecordInfo::from(signed.record())))
                    .collect();
                stream::iter(visible)
            })
            .try_flatten()
            .boxed();
        Self {
            position,
            taken,
            records,
        }
    }

    /// What it shows is everything up to here, and nothing later: ask for the events after it.
    #[must_use]
    pub fn position(&self) -> Position {
        self.position
    }

    /// When it was taken, by the node's clock.
    #[must_use]
    pub fn taken(&self) -> Timestamp {
        self.taken
    }
}

impl Stream for Snapshot {
    type Item = Result<RecordInfo>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.records.poll_next_unpin(cx)
    }
}

type Held = Arc<Mutex<Option<Box<dyn View>>>>;

fn take(held: &Held) -> Option<Box<dyn View>> {
    held.lock().unwrap_or_else(PoisonError::into_inner).take()
}

struct Pages {
    view: Held,
    after: Option<RecordId>,
    _limit: AbortOnDropHandle<()>,
    _permit: Permit,
}

impl Pages {
    async fn next(mut self) -> Result<Option<(Vec<SignedRecord>, Self)>> {
        let (view, after) = (Arc::clone(&self.view), self.after);
        let page = blocking(move || {
            let view = view.lock().unwrap_or_else(PoisonError::into_inner);
            let view = view.as_ref().ok_or(Error::TimedOut {
                seconds: MAX_SNAPSHOT_TIME.as_secs(),
            })?;
            Ok(view.scan(after.as_ref(), PAGE)?)
        })
        .await?;
        let Some(last) = page.last() else {
            return Ok(None);
        };
        self.after = Some(last.record().id);
        Ok(Some((page, self)))
    }
}

fn is_shown(signed: &SignedRecord, filter: &EventFilter, now: Timestamp) -> bool {
    let record = signed.record();
    !record.deleted
        && !record.is_expired(now)
        && record.kind != RecordType::PRESENCE
        && filter.wants_type(&record.kind)
}
