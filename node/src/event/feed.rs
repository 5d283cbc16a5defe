//! The one order of a group's events, and who reads them from where.
//!
//! The run loop appends to a group's feed and to nothing else: that is what makes the order the same
//! for all. A feed keeps the latest events and, of each listener, where in them it is. Whoever is too
//! slow finds that what it wants has gone: record events are read from the store then, and of the
//! events of the moment it is told how many it missed. Nobody waits for a slow listener, and it costs
//! no more than a quick one.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
};

use peerage_records::{id::ReplicaId, store::Change, time::Timestamp};

use super::EventFilter;
use crate::model::{GroupEvent, Position, instant_text};

/// Latest events kept in memory per open group: a reader may fall behind by so many before it reads
/// from the store. 128 bytes for each record event, less than 1 KiB for one of the moment.
pub(crate) const MAX_RECENT: usize = 1_024;

/// Events handed to a reader at once, so that a quick one does not keep the feed to itself.
const BATCH: usize = 64;

/// The feeds of the open groups. Clones share them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Feeds(Arc<Mutex<HashMap<ReplicaId, Arc<Feed>>>>);

/// Where a group's order goes on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Origin {
    /// The number of the last record event.
    pub(crate) newest: u64,
    /// When it was stored.
    pub(crate) at: Timestamp,
}

impl Feeds {
    /// Begins a group's feed, unless there is one.
    pub(crate) fn open(&self, replica: ReplicaId, group: String, origin: Origin) {
        let begin = || Arc::new(Feed::new(group, origin));
        self.lock().entry(replica).or_insert_with(begin);
    }

    /// Forgets a group's feed. Its listeners end with the handles they were asked of.
    pub(crate) fn close(&self, replica: &ReplicaId) {
        self.lock().remove(replica);
    }

    pub(crate) fn of(&self, replica: &ReplicaId) -> Option<Arc<Feed>> {
        self.lock().get(replica).cloned()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<ReplicaId, Arc<Feed>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An event on its way to a reader.
#[derive(Debug, Clone)]
pub(crate) enum Entry {
    /// About a record; becomes an event where it is read.
    Change(Change),
    /// Of the moment, or about the reader's stream.
    Event(Arc<GroupEvent>),
}

impl Entry {
    fn position(&self) -> Position {
        match self {
            Self::Change(change) => Position::of(change.sequence),
            Self::Event(event) => event.position,
        }
    }

    fn is_wanted(&self, filter: &EventFilter) -> bool {
        match self {
            Self::Change(change) => filter.wants_change(change),
            Self::Event(event) => filter.wants(event.kind),
        }
    }
}

/// One group's events.
#[derive(Debug)]
pub(crate) struct Feed {
    group: Arc<str>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    recent: VecDeque<Entry>,
    /// The number of the first of `recent`, counted from the feed's beginning.
    first: u64,
    /// Everything up to here has left `recent`, or was before the feed began.
    floor: Position,
    /// Where the last event stands.
    last: Position,
    /// When the last record event was stored: what happens after it is numbered from then.
    since: Timestamp,
    listeners: BTreeMap<u64, Listener>,
    next_listener: u64,
}

#[derive(Debug)]
struct Listener {
    filter: EventFilter,
    /// Where to read on; nothing when all that it wants has been read.
    unread: Option<Unread>,
    /// Events of the moment that it wants and that are gone.
    missed: u64,
    waker: Option<Waker>,
}

#[derive(Debug, Clone, Copy)]
struct Unread {
    /// The number of the event in the feed; smaller than `first` when it has gone.
    index: u64,
    /// All that is wanted up to here has been read.
    after: Position,
}

/// What a listener gets when it asks.
#[derive(Debug)]
pub(crate) enum Heard {
    /// Events were added to the queue given.
    Some,
    /// What comes next has gone from memory: read the record events after the first position up to the
    /// second from the store, then say [`Listening::caught_up`].
    Behind(Position, Position),
}

/// Where a listener begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// Where it wanted.
    There,
    /// The position it named is of another database: it begins with what is new now.
    Elsewhere(Position),
}

impl Feed {
    pub(super) fn new(group: String, origin: Origin) -> Self {
        let last = Position::of(origin.newest);
        Self {
            group: group.into(),
            state: Mutex::new(State {
                recent: VecDeque::new(),
                first: 1,
                floor: last,
                last,
                since: origin.at,
                listeners: BTreeMap::new(),
                next_listener: 0,
            }),
        }
    }

    pub(crate) fn group(&self) -> &str {
        &self.group
    }

    /// Where the last event stands.
    pub(crate) fn last(&self) -> Position {
        self.lock().last
    }

    /// Appends a record event.
    pub(crate) fn change(&self, change: &Change) {
        let mut state = self.lock();
        if change.sequence <= state.last.sequence {
            return;
        }
        let mut concerned = Vec::new();
        if change.sequence > state.last.sequence + 1 {
            state.skip_to(Position::of(change.sequence - 1), &mut concerned);
        }
        state.since = change.at;
        state.append(Entry::Change(change.clone()), &mut concerned);
        drop(state);
        wake(concerned);
    }

    /// Appends an event of the moment.
    pub(crate) fn moment(&self, mut event: GroupEvent, now: Timestamp) {
        let mut state = self.lock();
        let elapsed = now.as_millis().saturating_sub(state.since.as_millis());
        event.position = Position {
            sequence: state.last.sequence,
            minor: elapsed.max(state.last.minor + 1),
        };
        event.at = instant_text(now);
        self.group.as_ref().clone_into(&mut event.group);
        let mut concerned = Vec::new();
        state.append(Entry::Event(Arc::new(event)), &mut concerned);
        drop(state);
        wake(concerned);
    }

    /// Begins to listen: to what follows a position, or to what is new.
    pub(crate) fn listen(
        self: &Arc<Self>,
        filter: EventFilter,
        after: Option<Position>,
    ) -> (Listening, Place) {
        let mut state = self.lock();
        let mut place = Place::There;
        let unread = match after {
            Some(after) if after.sequence > state.last.sequence => {
                place = Place::Elsewhere(state.last);
                None
            }
            Some(after) if after < state.floor => Some(Unread { index: 0, after }),
            Some(after) if after < state.last => {
                let passed = state
                    .recent
                    .partition_point(|entry| entry.position() <= after);
                let index = state.first + passed as u64;
                Some(Unread { index, after })
            }
            _ => None,
        };
        let id = state.next_listener;
        state.next_listener += 1;
        state.listeners.insert(
            id,
            Listener {
                filter,
                unread,
                missed: 0,
                waker: None,
            },
        );
        let feed = Arc::clone(self);
        (Listening { feed, id }, place)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Done without the lock, because whoever wakes may listen or stop listening at once.
fn wake(concerned: Vec<Waker>) {
    concerned.into_iter().for_each(Waker::wake);
}

impl State {
    fn append(&mut self, entry: Entry, concerned: &mut Vec<Waker>) {
        while self.recent.len() >= MAX_RECENT {
            self.drop_oldest();
        }
        let index = self.first + self.recent.len() as u64;
        let after = std::mem::replace(&mut self.last, entry.position());
        for listener in self.listeners.values_mut() {
            if entry.is_wanted(&listener.filter) {
                listener.unread.get_or_insert(Unread { index, after });
                concerned.extend(listener.waker.take());
            }
        }
        self.recent.push_back(entry);
    }

    fn drop_oldest(&mut self) {
        let Some(entry) = self.recent.pop_front() else {
            return;
        };
        self.floor = entry.position();
        if let Entry::Event(event) = &entry {
            for listener in self.listeners.values_mut() {
                let unread = listener
                    .unread
                    .is_some_and(|unread| unread.index <= self.first);
                if unread && listener.filter.wants(event.kind) {
                    listener.missed += 1;
                }
            }
        }
        self.first += 1;
    }

    /// Record events came in that the loop has not told: everybody reads them from the store.
    fn skip_to(&mut self, position: Position, concerned: &mut Vec<Waker>) {
        while !self.recent.is_empty() {
            self.drop_oldest();
        }
        let after = std::mem::replace(&mut self.last, position);
        self.floor = position;
        for listener in self.listeners.values_mut() {
            listener.unread.get_or_insert(Unread { index: 0, after });
            concerned.extend(listener.waker.take());
        }
    }

    /// The position up to which everything is read once the events before `index` are.
    fn before(&self, index: u64) -> Position {
        match index.checked_sub(self.first + 1) {
            Some(offset) => self.recent[offset as usize].position(),
            None => self.floor,
        }
    }
}

/// A listener's registration; dropping it ends it.
#[derive(Debug)]
pub(crate) struct Listening {
    feed: Arc<Feed>,
    id: u64,
}

impl Listening {
    pub(crate) fn feed(&self) -> &Feed {
        &self.feed
    }

    /// Takes what there is for this listener, or has it woken when there is something.
    pub(crate) fn poll(&self, queue: &mut VecDeque<Entry>, cx: &mut Context<'_>) -> Poll<Heard> {
        let mut state = self.feed.lock();
        let state = &mut *state;
        let Some(listener) = state.listeners.get_mut(&self.id) else {
            return Poll::Pending;
        };
        let Some(unread) = listener.unread else {
            listener.waker = Some(cx.waker().clone());
            return Poll::Pending;
        };
        if unread.index < state.first {
            return Poll::Ready(Heard::Behind(unread.after, state.floor));
        }
        let (mut index, mut taken) = (unread.index, 0);
        let start = (unread.index - state.first) as usize;
        for entry in state.recent.range(start.min(state.recent.len())..) {
            if taken == BATCH {
                break;
            }
            index += 1;
            if entry.is_wanted(&listener.filter) {
                queue.push_back(entry.clone());
                taken += 1;
            }
        }
        let end = state.first + state.recent.len() as u64;
        listener.unread = None;
        if index < end {
            let after = state.before(index);
            if let Some(listener) = state.listeners.get_mut(&self.id) {
                listener.unread = Some(Unread { index, after });
            }
        } else if taken == 0 {
            // What was unread is not wanted: nothing to be told of.
            listener.waker = Some(cx.waker().clone());
            return Poll::Pending;
        }
        Poll::Ready(Heard::Some)
    }

    /// The record events up to a position have been read from the store. Tells how many events of the
    /// moment were missed, once the rest is in memory.
    pub(crate) fn caught_up(&self, upto: Position) -> Option<(u64, Position)> {
        let mut state = self.feed.lock();
        let (first, floor) = (state.first, state.floor);
        let listener = state.listeners.get_mut(&self.id)?;
        if floor.sequence > upto.sequence && listener.filter.wants_records() {
            listener.unread = Some(Unread {
                index: 0,
                after: upto,
            });
            return None;
        }
        listener.unread = Some(Unread {
            index: first,
            after: floor,
        });
        Some((std::mem::take(&mut listener.missed), floor))
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.feed.lock().listeners.remove(&self.id);
    }
}

#[cfg(test)]
mod tests;
