//! Consumers: cursors that the node keeps for the application.

use std::sync::Arc;

use super::GroupHandle;
use crate::{
    Result,
    applications::OPERATOR,
    event::{ConsumerName, EventFilter, EventStream, OfGroup},
    handle::applications::Held,
    model::{ConsumerInfo, Position},
};

/// A place in the events of a group that the node keeps: over restarts of the application and of the
/// node, and for days. What was not acknowledged comes again. Each application has its own.
///
/// ```
/// # use futures::StreamExt;
/// # async fn example(group: peerage::GroupHandle) -> peerage::Result<()> {
/// let mail = group.consumer("mail").await?;
/// let mut events = mail.events(peerage::EventFilter::all()).await?;
/// while let Some(event) = events.next().await {
///     let event = event?;
///     // Do what is to be done about it, then:
///     mail.ack(event.position).await?;
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Consumer {
    group: GroupHandle,
    cursors: Arc<OfGroup>,
    name: ConsumerName,
}

impl GroupHandle {
    /// The consumer of this name; one that is new begins with what happens from now on, and is kept
    /// when this returns.
    ///
    /// # Errors
    /// When the name is not 1 to 64 letters, digits, `.`, `_` or `-`, there are too many consumers, the
    /// handle is closed, or the store fails.
    pub async fn consumer(&self, name: &str) -> Result<Consumer> {
        self.consumer_from(name, None).await
    }

    /// The same, except that a new one begins after this position; [`Position::START`] is before the
    /// oldest event kept.
    ///
    /// # Errors
    /// As [`consumer`](Self::consumer).
    pub async fn consumer_from(&self, name: &str, start: Option<Position>) -> Result<Consumer> {
        self.consumer_of(self.application(), name, start).await
    }

    /// The consumer of this name, if there is one.
    ///
    /// # Errors
    /// When there is none, the handle is closed, or the store fails.
    pub async fn find_consumer(&self, name: &str) -> Result<Consumer> {
        self.find_consumer_of(self.application(), name).await
    }

    /// The consumers of this application, by name.
    ///
    /// # Errors
    /// When the handle is closed or the store fails.
    pub async fn consumers(&self) -> Result<Vec<ConsumerInfo>> {
        self.consumers_of(self.application()).await
    }

    /// Forgets a consumer. Streams that were opened with it go on.
    ///
    /// # Errors
    /// When there is none of this name, the handle is closed, or the store fails.
    pub async fn remove_consumer(&self, name: &str) -> Result<()> {
        self.remove_consumer_of(self.application(), name).await
    }

    /// The consumer of this name that belongs to an application.
    pub(crate) async fn consumer_of(
        &self,
        application: &str,
        name: &str,
        start: Option<Position>,
    ) -> Result<Consumer> {
        let name = ConsumerName::new(application, name)?;
        let last = self.feed().await?.last();
        let cursors = self.cursors().await?;
        let now = self.inner.clock.timestamp();
        cursors.find_or_make(&name, start.unwrap_or(last), now)?;
        cursors.flush(self.replica, &self.inner.storing).await?;
        Ok(Consumer {
            group: self.clone(),
            cursors,
            name,
        })
    }

    pub(crate) async fn find_consumer_of(&self, application: &str, name: &str) -> Result<Consumer> {
        let name = ConsumerName::new(application, name)?;
        self.ready().await?;
        let cursors = self.cursors().await?;
        cursors.position(&name)?;
        Ok(Consumer {
            group: self.clone(),
            cursors,
            name,
        })
    }

    pub(crate) async fn consumers_of(&self, application: &str) -> Result<Vec<ConsumerInfo>> {
        self.ready().await?;
        self.cursors().await?.list(application)
    }

    pub(crate) async fn remove_consumer_of(&self, application: &str, name: &str) -> Result<()> {
        let name = ConsumerName::new(application, name)?;
        self.ready().await?;
        let cursors = self.cursors().await?;
        cursors.remove(&name)?;
        cursors.flush(self.replica, &self.inner.storing).await
    }

    /// Whose cursors are meant, unless somebody else is named.
    fn application(&self) -> &str {
        self.held.as_ref().map_or(OPERATOR, Held::name)
    }

    async fn cursors(&self) -> Result<Arc<OfGroup>> {
        let inner = &self.inner;
        inner.consumers.of(self.replica, &inner.storing).await
    }
}

impl Consumer {
    /// What was acknowledged last: events come after it.
    ///
    /// # Errors
    /// When the consumer was removed.
    pub fn position(&self) -> Result<Position> {
        self.cursors.position(&self.name)
    }

    /// Its name, where it is, and since when.
    ///
    /// # Errors
    /// When the consumer was removed.
    pub fn info(&self) -> Result<ConsumerInfo> {
        self.cursors.info(&self.name)
    }

    /// What happens after the acknowledged position. Asked for twice, both streams get everything.
    ///
    /// # Errors
    /// When the consumer was removed or the handle is closed.
    pub async fn events(&self, filter: EventFilter) -> Result<EventStream> {
        let position = self.position()?;
        self.group.events_where(filter, Some(position)).await
    }

    /// Acknowledges everything up to a position; it is on disk when this returns. Acknowledging less
    /// than before changes nothing. Tells what is acknowledged now.
    ///
    /// Many at once share one write: acknowledge from time to time, or each event on a task of its own.
    /// Dropping the future leaves open whether it was acknowledged.
    ///
    /// # Errors
    /// When no event stands there yet, the consumer was removed, the handle is closed, or the store
    /// fails.
    pub async fn ack(&self, position: Position) -> Result<Position> {
        let last = self.group.feed().await?.last();
        let now = self.group.inner.clock.timestamp();
        let acknowledged = self.cursors.acknowledge(&self.name, position, last, now)?;
        let storing = &self.group.inner.storing;
        self.cursors.flush(self.group.replica, storing).await?;
        Ok(acknowledged)
    }
}
