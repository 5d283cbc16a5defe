//! One application's ear.

use std::{
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use futures::{Stream, future::BoxFuture};
use peerage_records::id::ReplicaId;

use super::{DirectEvent, Directs, queue::Queue};
use crate::handle::Life;

/// A place among the listeners of a group, given up when dropped.
#[derive(Debug)]
pub(crate) struct Registration {
    directs: Arc<Directs>,
    replica: ReplicaId,
    number: u64,
    queue: Arc<Queue>,
}

impl Registration {
    pub(super) fn new(
        directs: Arc<Directs>,
        replica: ReplicaId,
        number: u64,
        queue: Arc<Queue>,
    ) -> Self {
        Self {
            directs,
            replica,
            number,
            queue,
        }
    }

    pub(super) fn poll_next(&self, cx: &mut Context<'_>) -> Poll<DirectEvent> {
        self.queue.poll_next(cx)
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        self.queue.close();
        self.directs.unlisten(self.replica, self.number);
    }
}

/// What happens on the direct connections of one group: a stream of [`DirectEvent`]s. While it is
/// there, other members may open connections as its
/// [interest](super::DirectInterest) says. It ends with the handle it was asked of.
///
/// Read it, or drop it: a listener that wants messages, does not read and is alone holds the senders
/// up; where others listen too, it loses messages.
pub struct DirectListener {
    registration: Registration,
    over: BoxFuture<'static, ()>,
}

impl DirectListener {
    pub(crate) fn new(registration: Registration, life: Life) -> Self {
        Self {
            registration,
            over: Box::pin(async move { life.over().await }),
        }
    }
}

impl Stream for DirectListener {
    type Item = DirectEvent;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<DirectEvent>> {
        if let Poll::Ready(event) = self.registration.poll_next(cx) {
            return Poll::Ready(Some(event));
        }
        self.over.as_mut().poll(cx).map(|()| None)
    }
}

impl fmt::Debug for DirectListener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DirectListener").finish_non_exhaustive()
    }
}
