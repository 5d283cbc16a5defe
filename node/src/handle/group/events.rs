//! What happens in a group, as it is told to the application.

use std::sync::Arc;

use super::GroupHandle;
use crate::{
    Error, Result,
    applications::Permit,
    event::{EventFilter, EventStream, Feed, Snapshot, Source},
    model::Position,
};

impl GroupHandle {
    /// What happens in the group from now on, or first what happened after the record event `after`
    /// (0: after none, from the oldest kept). Record events come without a gap, or a `gap` event says
    /// so; the other kinds are told to whoever listens at the time.
    ///
    /// # Errors
    /// When the handle is closed or the store fails.
    pub async fn events(&self, after: Option<u64>) -> Result<EventStream> {
        self.events_where(EventFilter::all(), after.map(Position::of))
            .await
    }

    /// Only what passes a filter, from now on, or after any position that was told.
    ///
    /// Events about which nobody asks cost nothing: they are neither queued nor copied, and wake
    /// nobody. A reader that is slow costs no memory: it reads from the store what is kept there, and
    /// is told by a `gap` event how much of the rest it missed.
    ///
    /// # Errors
    /// When the handle is closed or the store fails.
    pub async fn events_where(
        &self,
        filter: EventFilter,
        after: Option<Position>,
    ) -> Result<EventStream> {
        let feed = self.feed().await?;
        let listening = feed.listen(filter.clone(), after);
        Ok(EventStream::new(self.source(), filter, listening))
    }

    /// The visible records as of one position, of the types a filter names. What happened since then is
    /// in [`events_where`](Self::events_where) after that position: nothing is lost or told twice.
    ///
    /// # Errors
    /// [`Error::Busy`] when too many are under way, and when the handle is closed or the store fails.
    /// Reading it fails after ten minutes.
    pub async fn snapshot(&self, filter: EventFilter) -> Result<Snapshot> {
        let Ok(permit) = Arc::clone(&self.inner.snapshots).try_acquire_owned() else {
            self.inner.metrics.dropped("snapshots");
            return Err(Error::Busy);
        };
        self.snapshot_under(Permit::of(permit), filter).await
    }

    /// The same, counted already.
    pub(crate) async fn snapshot_under(
        &self,
        permit: Permit,
        filter: EventFilter,
    ) -> Result<Snapshot> {
        self.ready().await?;
        let (replica, now) = (self.replica, self.reading_time());
        let view = self
            .inner
            .storing
            .ask(move |store| store.snapshot(&replica))
            .await?;
        let taken = self.inner.clock.timestamp();
        Ok(Snapshot::new(view, filter, now, taken, permit))
    }

    /// The feed of the group, which is opened if it is not.
    pub(super) async fn feed(&self) -> Result<Arc<Feed>> {
        self.ready().await?;
        let feed = self.inner.feeds.of(&self.replica);
        feed.ok_or_else(|| self.over())
    }

    fn source(&self) -> Source {
        Source {
            replica: self.replica,
            storing: self.inner.storing.clone(),
            metrics: Arc::clone(&self.inner.metrics),
            clock: self.inner.clock.clone(),
            life: self.life.clone(),
        }
    }
}
