//! Who listens in one group, and how a message gets to them.
//!
//! A listener that is alone and does not read holds the sender up. Where others could go on, one that
//! does not read is waited for; then it loses what waits for it, and is told how many. That is so where
//! several want the same message, where one stands before others on the same connection, and where it
//! holds the [room](super::budget) that others need, in whatever group.

use std::{
    collections::HashMap,
    pin::pin,
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use futures::FutureExt;
use peerage_protocol::{direct::ConnectionId, wire::direct::MessageType};
use tokio::time::timeout;

use super::{
    DataInterest, DirectEvent, DirectInterest, DirectMessage,
    budget::{Budgets, Held},
    queue::{Offered, Queue},
};

/// Between two looks at who reads.
const BEAT: Duration = Duration::from_millis(250);
/// Beats that a listener is waited for by those who want the same message: enough for one that is only
/// busy.
const SHORT_PATIENCE: u32 = 1;
/// Beats that it is waited for by those who only need its room, or come after it: 5 seconds.
const LONG_PATIENCE: u32 = if cfg!(test) { 4 } else { 20 };
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
        self.wants_any(id) && self.interest.data.includes(kind)
    }

    /// Whether it wants messages of this connection.
    fn wants_any(&self, id: ConnectionId) -> bool {
        let connections = match self.only {
            Some(only) => only == id,
            None => self.interest.connections,
        };
        connections && self.interest.data != DataInterest::None
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

    /// Those that hold room which others may need.
    pub(super) fn holding_room(&self) -> Vec<Arc<Listener>> {
        let mut all = self.all().to_vec();
        all.retain(|listener| listener.queue.holds_room());
        all
    }

    /// Waits until there is room for a message in the budgets, of which `others`, in other groups, may
    /// hold what is missing.
    pub(super) async fn room(
        &self,
        budgets: &Budgets,
        what: (ConnectionId, MessageType),
        bytes: usize,
        others: impl Fn() -> Vec<Arc<Listener>>,
    ) -> Option<Held> {
        if let Some(held) = budgets.take(bytes).now_or_never() {
            return held;
        }
        self.patiently(what, others, budgets.take(bytes)).await
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
                self.patiently(what, Vec::new, room).await;
            }
        }
    }

    /// Waits; who does not read meanwhile loses what waits for it, if somebody else could go on.
    async fn patiently<T>(
        &self,
        what: (ConnectionId, MessageType),
        others: impl Fn() -> Vec<Arc<Listener>>,
        wait: impl Future<Output = T>,
    ) -> T {
        let mut wait = pin!(wait);
        let mut watch = Watch::default();
        loop {
            let (own, others) = (self.all(), others());
            watch.beat(own.iter().chain(&others));
            watch.relieve(what, &own, &others);
            if let Ok(done) = timeout(BEAT, &mut wait).await {
                return done;
            }
        }
    }
}

/// How many beats long each listener has taken nothing of what waits for it, and what it had taken.
#[derive(Default)]
struct Watch(HashMap<u64, (u32, u64)>);

impl Watch {
    fn beat<'a>(&mut self, all: impl Iterator<Item = &'a Arc<Listener>>) {
        let before = std::mem::take(&mut self.0);
        for listener in all {
            let Some(taken) = listener.queue.lag() else {
                continue;
            };
            let beats = match before.get(&listener.number) {
                Some((beats, same)) if *same == taken => beats + 1,
                _ => 0,
            };
            self.0.insert(listener.number, (beats, taken));
        }
    }

    /// Beats since when it takes nothing; none when nothing waits.
    fn stalled(&self, listener: &Listener) -> u32 {
        self.0.get(&listener.number).map_or(0, |(beats, _)| *beats)
    }

    fn relieve(
        &self,
        (id, kind): (ConnectionId, MessageType),
        own: &[Arc<Listener>],
        others: &[Arc<Listener>],
    ) {
        let goes_on = |such: &dyn Fn(&Listener) -> bool| {
            let mut all = own.iter();
            all.any(|listener| such(listener) && self.stalled(listener) == 0)
        };
        let same_message = goes_on(&|listener| listener.wants(id, kind));
        let same_connection = goes_on(&|listener| listener.wants_any(id));
        for listener in own {
            let patience = match listener.wants(id, kind) {
                true if same_message => SHORT_PATIENCE,
                _ if same_connection => LONG_PATIENCE,
                _ => continue,
            };
            if self.stalled(listener) >= patience {
                listener.queue.lose();
            }
        }
        for listener in others {
            if same_connection && self.stalled(listener) >= LONG_PATIENCE {
                listener.queue.lose();
            }
        }
    }
}
