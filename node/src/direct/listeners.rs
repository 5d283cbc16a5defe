//! Who listens in one group, and how a message gets to them.
//!
//! A listener that is alone and does not read holds the sender up. Where several want a message, one
//! that does not read is waited for a little; then it loses what waits for it, and is told how many.

use std::{
    pin::pin,
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use futures::FutureExt;
use peerage_protocol::{direct::ConnectionId, wire::direct::MessageType};
use tokio::time::timeout;

use super::{
    DirectEvent, DirectInterest, DirectMessage,
    budget::{Budgets, Held},
    queue::{Offered, Queue},
};

/// How long others wait for a listener that does not read: long enough for one that is only busy.
const PATIENCE: Duration = Duration::from_millis(250);
/// Listeners in one group: the streams of the API, and as many in the process.
pub(super) const MAX_LISTENERS: usize = 256;

/// One listener.
#[derive(Debug)]
pub(super) struct Listener {
    pub(super) number: u64,
    pub(super) interest: DirectInterest,
    /// Of an application that has one connection in hand and wants what comes on it.
    pub(super) only: Option<ConnectionId>,
    pub(super) queue: Arc<Queue>,
}

impl Listener {
    /// Data is only for who has asked for connections too (GRP-434).
    fn wants(&self, id: ConnectionId, kind: MessageType) -> bool {
        let connections = match self.only {
            Some(only) => only == id,
            None => self.interest.connections,
        };
        connections && self.interest.data.includes(kind)
    }

    fn wants_notices_of(&self, id: ConnectionId) -> bool {
        match self.only {
            Some(only) => only == id,
            None => self.interest.connections || self.interest.pipes,
        }
    }
}

/// The listeners of one group.
#[derive(Debug, Default)]
pub(super) struct Listeners(RwLock<Arc<Vec<Arc<Listener>>>>);

/// Who has how far to go: a listener's number, and what it had taken while something waited for it.
type Lags = Vec<(u64, Option<u64>)>;

impl Listeners {
    /// Adds one, unless there are too many.
    pub(super) fn add(&self, listener: Listener) -> bool {
        let mut all = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= MAX_LISTENERS {
            return false;
        }
        Arc::make_mut(&mut all).push(Arc::new(listener));
        true
    }

    pub(super) fn remove(&self, number: u64) {
        let mut all = self.0.write().unwrap_or_else(PoisonError::into_inner);
        Arc::make_mut(&mut all).retain(|listener| listener.number != number);
    }

    fn all(&self) -> Arc<Vec<Arc<Listener>>> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Whether anybody's interest is such.
    pub(super) fn any(&self, such: impl Fn(&DirectInterest) -> bool) -> bool {
        self.all()
            .iter()
            .any(|listener| listener.only.is_none() && such(&listener.interest))
    }

    /// Tells everybody who wants to hear of this connection.
    pub(super) fn tell(&self, id: ConnectionId, event: &DirectEvent) {
        for listener in self.all().iter() {
            if listener.wants_notices_of(id) {
                listener.queue.tell(event.clone());
            }
        }
    }

    /// Waits until there is room for a message in the budgets.
    pub(super) async fn room(
        &self,
        budgets: &Budgets,
        (id, kind): (ConnectionId, MessageType),
        bytes: usize,
    ) -> Option<Held> {
        if let Some(held) = budgets.take(bytes).now_or_never() {
            return held;
        }
        self.patiently((id, kind), budgets.take(bytes)).await
    }

    /// Gives a message to everybody who wants it; waits while there is no room.
    pub(super) async fn deliver(&self, message: DirectMessage, held: Held) {
        let what = (message.id, message.kind);
        let event = DirectEvent::Data(message);
        for listener in self.all().iter().filter(|one| one.wants(what.0, what.1)) {
            while listener.queue.offer(&event, &held) == Offered::Full {
                // Before looking again, so that nothing taken in between is overlooked.
                let room = listener.queue.room();
                if listener.queue.offer(&event, &held) == Offered::Done {
                    break;
                }
                self.patiently(what, room).await;
            }
        }
    }

    /// Waits; who wants such a message and does not read meanwhile loses what waits for it, if
    /// somebody else could go on.
    async fn patiently<T>(
        &self,
        what: (ConnectionId, MessageType),
        wait: impl Future<Output = T>,
    ) -> T {
        let mut wait = pin!(wait);
        let mut before = self.lags(what);
        loop {
            match timeout(PATIENCE, &mut wait).await {
                Ok(done) => return done,
                Err(_) => before = self.relieve(what, &before),
            }
        }
    }

    fn lags(&self, (id, kind): (ConnectionId, MessageType)) -> Lags {
        self.all()
            .iter()
            .filter(|listener| listener.wants(id, kind))
            .map(|listener| (listener.number, listener.queue.lag()))
            .collect()
    }

    fn relieve(&self, what: (ConnectionId, MessageType), before: &Lags) -> Lags {
        let now = self.lags(what);
        let stalled = |lag: &(u64, Option<u64>)| lag.1.is_some() && before.contains(lag);
        if !now.iter().all(stalled) {
            for listener in self.all().iter() {
                if now
                    .iter()
                    .any(|lag| lag.0 == listener.number && stalled(lag))
                {
                    listener.queue.lose();
                }
            }
        }
        now
    }
}
