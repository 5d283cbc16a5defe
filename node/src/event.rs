//! Events on their way to applications.
//!
//! Record events are durable: the store numbers them and keeps them, and a stream goes on where
//! its reader left off. The others tell of the moment and are not kept.

use std::{collections::VecDeque, sync::Arc};

use futures::Stream;
use peerage_records::{
    id::{RecordType, ReplicaId},
    store::{Change, ChangeKind, Origin},
    time::Timestamp,
};
use tokio::sync::broadcast::{self, error::RecvError};

use crate::{
    Result,
    clock::Clock,
    handle::Life,
    metrics::Metrics,
    model::{EventKind, EventOrigin, GroupEvent, instant_text},
    storing::Storing,
};

/// Events a slow reader may lag behind before it reads from the store instead.
pub(crate) const MAX_LAG: usize = 1_024;
/// Events read from the store at once.
const READ_BATCH: usize = 256;

/// An event and whose it is.
#[derive(Debug, Clone)]
pub(crate) struct Told {
    pub(crate) replica: ReplicaId,
    pub(crate) event: GroupEvent,
}

/// Everything that goes out to the readers.
pub(crate) type Sender = broadcast::Sender<Arc<Told>>;

/// Events of one group, in order; see [`GroupHandle::events`](crate::GroupHandle::events).
pub type EventStream = std::pin::Pin<Box<dyn Stream<Item = Result<GroupEvent>> + Send>>;

/// A record event as applications see it.
pub(crate) fn of_change(group: &str, change: &Change) -> GroupEvent {
    GroupEvent {
        sequence: Some(change.sequence),
        at: instant_text(change.at),
        kind: match change.kind {
            ChangeKind::Added => EventKind::RecordAdded,
            ChangeKind::Updated => EventKind::RecordUpdated,
            ChangeKind::Deleted => EventKind::RecordDeleted,
            ChangeKind::Expired => EventKind::RecordExpired,
        },
        group: group.to_owned(),
        record: Some(change.id.to_string()),
        record_type: Some(change.record_type.to_string()),
        origin: Some(match change.origin {
            Origin::Local => EventOrigin::Local,
            Origin::Remote => EventOrigin::Remote,
        }),
        node: None,
        detail: None,
    }
}

/// An event of the moment.
pub(crate) fn of_moment(
    group: &str,
    kind: EventKind,
    at: Timestamp,
    detail: Option<String>,
) -> GroupEvent {
    GroupEvent {
        sequence: None,
        at: instant_text(at),
        kind,
        group: group.to_owned(),
        record: None,
        record_type: None,
        origin: None,
        node: None,
        detail,
    }
}

/// Whether a record event is about a node's presence, which is told in events of its own: that a
/// record was refreshed is nothing to an application.
fn is_presence(event: &GroupEvent) -> bool {
    event.record_type.as_deref() == Some(RecordType::PRESENCE.to_string().as_str())
}

/// Reads one replica's events: first what is kept, then what happens.
pub(crate) struct Reader {
    pub(crate) replica: ReplicaId,
    pub(crate) group: String,
    pub(crate) storing: Storing,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) live: broadcast::Receiver<Arc<Told>>,
    /// Ends the stream with the handle it was asked of.
    pub(crate) life: Life,
    pub(crate) clock: Clock,
    /// The last numbered event given out.
    pub(crate) cursor: u64,
    /// Whether the store may hold events that are newer than the cursor.
    pub(crate) behind: bool,
    pub(crate) ready: VecDeque<GroupEvent>,
}

impl Reader {
    pub(crate) fn stream(self) -> EventStream {
        Box::pin(futures::stream::try_unfold(self, |mut reader| async move {
            Ok(reader.next().await?.map(|event| (event, reader)))
        }))
    }

    async fn next(&mut self) -> Result<Option<GroupEvent>> {
        loop {
            if self.life.is_over() {
                return Ok(None);
            }
            if let Some(event) = self.ready.pop_front() {
                return Ok(Some(event));
            }
            if self.behind {
                match self.catch_up().await {
                    // What was deleted meanwhile cannot be read, which is no failure.
                    Err(_) if self.life.is_over() => return Ok(None),
                    caught_up => caught_up?,
                }
                continue;
            }
            let heard = tokio::select! {
                biased;
                () = self.life.over() => return Ok(None),
                heard = self.live.recv() => heard,
            };
            match heard {
                Ok(told) if told.replica == self.replica => match told.event.sequence {
                    Some(sequence) if sequence <= self.cursor => {}
                    // Something between was missed: the store has it.
                    Some(sequence) if sequence > self.cursor.saturating_add(1) => {
                        self.behind = true
                    }
                    Some(sequence) => {
                        self.cursor = sequence;
                        if !is_presence(&told.event) {
                            return Ok(Some(told.event.clone()));
                        }
                    }
                    None => return Ok(Some(told.event.clone())),
                },
                Ok(_) => {}
                Err(RecvError::Lagged(_)) => self.behind = true,
                Err(RecvError::Closed) => return Ok(None),
            }
        }
    }

    /// Takes the next kept events; tells of a gap when some are no longer kept.
    async fn catch_up(&mut self) -> Result<()> {
        let (replica, after) = (self.replica, self.cursor);
        let kept = self
            .storing
            .ask(move |store| store.changes(&replica, after, READ_BATCH))
            .await?;
        if self.cursor > kept.newest {
            // A number of another database: of the group before it was deleted and joined again,
            // or before it was restored.
            self.cursor = kept.newest;
            self.tell_gap(
                "the group has begun its numbers anew since".to_owned(),
                None,
            );
        } else if kept.oldest > self.cursor.saturating_add(1) {
            self.cursor = kept.oldest - 1;
            let detail = format!("events up to {} are no longer kept", self.cursor);
            self.tell_gap(detail, kept.changes.first().map(|change| change.at));
        }
        for change in &kept.changes {
            self.cursor = self.cursor.max(change.sequence);
            if change.record_type != RecordType::PRESENCE {
                self.ready.push_back(of_change(&self.group, change));
            }
        }
        self.behind = self.cursor < kept.newest;
        Ok(())
    }
    /// Says that events before and up to the cursor were missed.
    fn tell_gap(&mut self, detail: String, at: Option<Timestamp>) {
        self.metrics.event(EventKind::Gap);
        let at = at.unwrap_or_else(|| self.clock.timestamp());
        let mut gap = of_moment(&self.group, EventKind::Gap, at, Some(detail));
        gap.sequence = Some(self.cursor);
        self.ready.push_back(gap);
    }
}
