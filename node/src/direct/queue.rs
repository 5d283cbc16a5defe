//! What waits for one listener: in order, bounded, and honest about what was lost.

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
};

use tokio::sync::{Notify, futures::Notified};

use super::{DirectEvent, budget::Held};

/// Messages that wait for one listener: enough to keep a connection busy while the application does
/// something else. Their bytes are bounded by the [budgets](super::budget).
const MAX_MESSAGES: usize = 1_024;
/// Notices that wait for one listener, about 200 bytes each. A peer that connects and disconnects
/// all day must not fill the memory of an application that does not look.
const MAX_NOTICES: usize = 1_024;

/// The queue between the connections and one listener.
#[derive(Debug, Default)]
pub(super) struct Queue {
    state: Mutex<State>,
    /// Something was taken, or the listener is gone.
    room: Notify,
}

#[derive(Debug, Default)]
struct State {
    waiting: VecDeque<Waiting>,
    messages: usize,
    /// Lost since the listener was last told.
    missed: u64,
    /// Messages taken so far: how anybody sees whether the listener reads.
    taken: u64,
    /// It did not read while others waited: it gets no messages until it does.
    stalled: bool,
    gone: bool,
    reader: Option<Waker>,
}

#[derive(Debug)]
struct Waiting {
    /// Lost between the event before and this one.
    missed: u64,
    event: DirectEvent,
    /// Counts against the budgets until the listener takes the event.
    held: Option<Held>,
}

/// What became of a message that was offered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Offered {
    /// It waits, it counts as lost, or nobody is there any more.
    Done,
    /// There is no room now.
    Full,
}

impl Queue {
    /// Puts a message at the end, if there is room.
    pub(super) fn offer(&self, event: &DirectEvent, held: &Held) -> Offered {
        let mut state = self.lock();
        if state.gone {
            return Offered::Done;
        }
        if state.stalled {
            state.missed += 1;
            return Offered::Done;
        }
        if state.messages >= MAX_MESSAGES {
            return Offered::Full;
        }
        state.messages += 1;
        state.push(event.clone(), Some(held.clone()));
        Offered::Done
    }

    /// Puts a notice at the end; never waits, because the node's loop calls it.
    pub(super) fn tell(&self, event: DirectEvent) {
        let mut state = self.lock();
        if state.gone {
            return;
        }
        if state.waiting.len() - state.messages >= MAX_NOTICES {
            state.missed += 1;
            return;
        }
        state.push(event, None);
    }

    /// What comes next, for the one who reads.
    pub(super) fn poll_next(&self, cx: &mut Context<'_>) -> Poll<DirectEvent> {
        let mut guard = self.lock();
        let state = &mut *guard;
        state.stalled = false;
        match state.waiting.front_mut() {
            Some(next) if next.missed > 0 => {
                let messages = std::mem::take(&mut next.missed);
                Poll::Ready(DirectEvent::Missed { messages })
            }
            Some(_) => {
                let next = state.waiting.pop_front().expect("it was just looked at");
                if matches!(next.event, DirectEvent::Data(_)) {
                    state.messages -= 1;
                    state.taken += 1;
                    drop(guard);
                    self.room.notify_waiters();
                }
                Poll::Ready(next.event)
            }
            None if state.missed > 0 => {
                let messages = std::mem::take(&mut state.missed);
                Poll::Ready(DirectEvent::Missed { messages })
            }
            None => {
                match &mut state.reader {
                    Some(waker) => waker.clone_from(cx.waker()),
                    None => state.reader = Some(cx.waker().clone()),
                }
                Poll::Pending
            }
        }
    }

    /// Ends when something is taken after this call.
    pub(super) fn room(&self) -> Notified<'_> {
        self.room.notified()
    }

    /// How much was taken, if anything waits; nothing waiting is no sign of not reading.
    pub(super) fn lag(&self) -> Option<u64> {
        let state = self.lock();
        (state.messages > 0).then_some(state.taken)
    }

    /// Whether something waits that takes room from other connections.
    pub(super) fn holds_room(&self) -> bool {
        let state = self.lock();
        let mut held = state.waiting.iter().filter_map(|one| one.held.as_ref());
        held.any(|held| held.len() > 1)
    }

    /// Lets the messages go that wait, and those that come until the listener reads again.
    pub(super) fn lose(&self) {
        let mut state = self.lock();
        let mut missed = 0;
        let mut kept = VecDeque::new();
        for mut waiting in std::mem::take(&mut state.waiting) {
            missed += std::mem::take(&mut waiting.missed);
            if matches!(waiting.event, DirectEvent::Data(_)) {
                missed += 1;
            } else {
                waiting.missed = std::mem::take(&mut missed);
                kept.push_back(waiting);
            }
        }
        state.waiting = kept;
        state.messages = 0;
        state.missed += missed;
        state.stalled = true;
        drop(state);
        self.room.notify_waiters();
    }

    /// Nobody reads any more.
    pub(super) fn close(&self) {
        let mut state = self.lock();
        state.gone = true;
        state.messages = 0;
        // The messages go without the lock: freeing them gives others room.
        let waiting = std::mem::take(&mut state.waiting);
        drop(state);
        drop(waiting);
        self.room.notify_waiters();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn push(&mut self, event: DirectEvent, held: Option<Held>) {
        let missed = std::mem::take(&mut self.missed);
        self.waiting.push_back(Waiting {
            missed,
            event,
            held,
        });
        if let Some(reader) = self.reader.take() {
            reader.wake();
        }
    }
}
