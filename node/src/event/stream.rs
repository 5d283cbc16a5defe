//! [`EventStream`]: one reader's events, first what is kept, then what happens.

use std::{
    collections::VecDeque,
    future::poll_fn,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use futures::{Stream, future::BoxFuture};
use peerage_records::{
    id::ReplicaId,
    store::{Change, Changes},
};

use super::{
    feed::{Entry, Heard, Listening, Place},
    filter::{EventFilter, kind_of, origin_of},
};
use crate::{
    Error, Result,
    clock::Clock,
    handle::Life,
    metrics::Metrics,
    model::{EventKind, GroupEvent, Position, instant_text},
    storing::Storing,
};

/// Events read from the store at once; what a slow reader costs, besides its place in the feed.
const READ_BATCH: usize = 256;

/// The events of one group, in order; see [`GroupHandle::events`](crate::GroupHandle::events).
///
/// It is a [`Stream`] that waits for what happens next; [`next_now`](Self::next_now) does not wait. It
/// ends with the handle it was asked of, with the group, and with the node; a failure of the store is
/// the last thing it tells. Dropping it ends it, too.
pub struct EventStream {
    source: Source,
    filter: EventFilter,
    /// Nothing once the stream was ended.
    listening: Option<Listening>,
    ready: VecDeque<Entry>,
    /// What is to be read from the store before the feed goes on.
    behind: Option<Behind>,
    reading: Option<BoxFuture<'static, Result<Changes>>>,
    /// Ready when the handle, the group or the node has ended.
    over: BoxFuture<'static, ()>,
}

/// Where a stream gets its events from.
#[derive(Clone)]
pub(crate) struct Source {
    pub(crate) replica: ReplicaId,
    pub(crate) storing: Storing,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) clock: Clock,
    pub(crate) life: Life,
}

#[derive(Clone, Copy)]
struct Behind {
    /// The last record event given out.
    cursor: u64,
    upto: Position,
}

impl std::fmt::Debug for EventStream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EventStream")
            .field("filter", &self.filter)
            .finish_non_exhaustive()
    }
}

impl EventStream {
    pub(crate) fn new(
        source: Source,
        filter: EventFilter,
        (listening, place): (Listening, Place),
    ) -> Self {
        let life = source.life.clone();
        let mut stream = Self {
            source,
            filter,
            listening: Some(listening),
            ready: VecDeque::new(),
            behind: None,
            reading: None,
            over: Box::pin(async move { life.over().await }),
        };
        if let Place::Elsewhere(now) = place {
            stream.tell_gap(
                now,
                None,
                "this position was never reached here, or the group has begun its numbers anew",
            );
        }
        stream
    }

    /// The next event if there is one now, and nothing if there is none: read until nothing comes, and
    /// all that has happened was read. Events that are on the disk are waited for. Dropping the future
    /// loses nothing.
    ///
    /// # Errors
    /// When the store fails, and when the stream has ended: with the node
    /// ([`Error::ShuttingDown`]), with the group or its handle ([`Error::GroupGone`]), or by
    /// [`end`](Self::end) ([`Error::EventsEnded`]).
    pub async fn next_now(&mut self) -> Result<Option<GroupEvent>> {
        poll_fn(|cx| match self.poll_event(cx) {
            Poll::Ready(Some(event)) => Poll::Ready(event.map(Some)),
            Poll::Ready(None) => Poll::Ready(Err(self.ending())),
            // The store answers by itself; everything else may take for ever.
            Poll::Pending if self.reading.is_some() => Poll::Pending,
            Poll::Pending => Poll::Ready(Ok(None)),
        })
        .await
    }

    /// Ends the registration: nothing more is told, not even what has happened already.
    pub fn end(&mut self) {
        self.listening = None;
        self.reading = None;
        self.ready = VecDeque::new();
    }

    /// Whether nothing will come any more.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.listening.is_none() || self.source.life.is_over()
    }

    fn ending(&self) -> Error {
        let group = match &self.listening {
            Some(listening) => listening.feed().group().to_owned(),
            None => return Error::EventsEnded,
        };
        if self.source.life.stopped.is_cancelled() {
            Error::ShuttingDown
        } else {
            Error::GroupGone { group }
        }
    }

    fn poll_event(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<GroupEvent>>> {
        loop {
            if self.is_over() {
                return Poll::Ready(None);
            }
            if let Some(entry) = self.ready.pop_front() {
                return Poll::Ready(Some(Ok(self.event(entry))));
            }
            if let Some(reading) = &mut self.reading {
                let kept = ready!(reading.as_mut().poll(cx));
                self.reading = None;
                match kept {
                    Ok(kept) => self.take_kept(&kept),
                    // What was deleted meanwhile cannot be read, which is no failure.
                    Err(_) if self.source.life.is_over() => {}
                    Err(error) => {
                        self.end();
                        return Poll::Ready(Some(Err(error)));
                    }
                }
                continue;
            }
            if let Some(behind) = self.behind {
                self.catch_up(behind);
                continue;
            }
            let Some(listening) = &self.listening else {
                return Poll::Ready(None);
            };
            match listening.poll(&mut self.ready, cx) {
                Poll::Ready(Heard::Some) => {}
                Poll::Ready(Heard::Behind(after, upto)) => {
                    self.behind = Some(Behind {
                        cursor: after.sequence,
                        upto,
                    });
                }
                Poll::Pending => {
                    ready!(self.over.as_mut().poll(cx));
                }
            }
        }
    }

    /// Goes on reading the store, or returns to the feed when nothing is left to be read.
    fn catch_up(&mut self, Behind { cursor, upto }: Behind) {
        if cursor < upto.sequence && self.filter.wants_records() {
            let (replica, storing) = (self.source.replica, self.source.storing.clone());
            self.reading = Some(Box::pin(async move {
                storing
                    .ask(move |store| store.changes(&replica, cursor, READ_BATCH))
                    .await
            }));
            return;
        }
        self.behind = None;
        let caught_up = self.listening.as_ref().and_then(|it| it.caught_up(upto));
        if let Some((missed @ 1.., floor)) = caught_up {
            let detail = format!("{missed} events of the moment were missed");
            self.tell_gap(floor, Some(missed), &detail);
        }
    }

    /// Takes what the store had; tells of a gap when some of it is no longer kept.
    fn take_kept(&mut self, kept: &Changes) {
        let Some(behind) = self.behind else {
            return;
        };
        let mut cursor = behind.cursor;
        if kept.oldest > cursor + 1 {
            cursor = kept.oldest - 1;
            let detail = format!("events up to {cursor} are no longer kept");
            self.tell_gap(Position::of(cursor), None, &detail);
        }
        for change in &kept.changes {
            // What is newer comes from the feed.
            if change.sequence > behind.upto.sequence {
                break;
            }
            cursor = cursor.max(change.sequence);
            if self.filter.wants_change(change) {
                self.ready.push_back(Entry::Change(change.clone()));
            }
        }
        if kept.changes.is_empty() {
            cursor = behind.upto.sequence;
        }
        self.behind = Some(Behind { cursor, ..behind });
    }

    /// Says that events up to a position were lost.
    fn tell_gap(&mut self, position: Position, missed: Option<u64>, detail: &str) {
        self.source.metrics.event(EventKind::Gap);
        let mut gap = GroupEvent::of(EventKind::Gap);
        gap.position = position;
        gap.missed = missed;
        gap.detail = Some(detail.to_owned());
        gap.at = instant_text(self.source.clock.timestamp());
        if let Some(listening) = &self.listening {
            listening.feed().group().clone_into(&mut gap.group);
        }
        self.ready.push_back(Entry::Event(Arc::new(gap)));
    }

    fn event(&self, entry: Entry) -> GroupEvent {
        match entry {
            Entry::Event(event) => Arc::unwrap_or_clone(event),
            Entry::Change(change) => {
                let group = self.listening.as_ref().map(|it| it.feed().group());
                of_change(group.unwrap_or_default(), &change)
            }
        }
    }
}

impl Stream for EventStream {
    type Item = Result<GroupEvent>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.get_mut().poll_event(cx)
    }
}

/// A record event as applications see it.
fn of_change(group: &str, change: &Change) -> GroupEvent {
    GroupEvent {
        position: Position::of(change.sequence),
        sequence: Some(change.sequence),
        at: instant_text(change.at),
        group: group.to_owned(),
        record: Some(change.id.to_string()),
        record_type: Some(change.record_type.to_string()),
        origin: Some(origin_of(change.origin)),
        ..GroupEvent::of(kind_of(change.kind))
    }
}

#[cfg(test)]
mod tests;
