//! Direct connections on their way between the network and the applications of this node.
//!
//! The engine decides who may connect and when a connection ends; what is carried never passes through
//! it, nor through the node's loop. The loop hands each open stream to [`Directs`], which the handles
//! share: sending takes the stream's [`Writer`](writer), receiving is one task per connection that
//! gives each message to the [listeners], and a [`Pipe`] belongs to one application alone.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    fmt, io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use hyper::body::Bytes;
use libp2p::PeerId;
use peerage_protocol::{
    direct::{ConnectionId, DirectConsent, DirectEnd, DirectFailure, DirectMode},
    net::{DirectReader, DirectWriter},
    wire::direct::{MAX_DIRECT_MESSAGE_BYTES, MessageError, MessageHeader, MessageType},
};
use peerage_records::id::ReplicaId;
use tokio::{
    sync::{Notify, mpsc},
    time::timeout,
};
use tokio_util::sync::{CancellationToken, DropGuard};

mod budget;
mod interest;
mod listener;
mod listeners;
mod pipe;
mod queue;
mod reader;
mod writer;

pub use self::{
    interest::{
        DataInterest, DirectEvent, DirectInterest, DirectMessage, DirectNotice, DirectTarget,
    },
    listener::DirectListener,
    pipe::Pipe,
};

use self::{
    budget::{Budget, Budgets, MAX_CONNECTION_BYTES, MAX_GROUP_BYTES, MAX_NODE_BYTES},
    listener::Registration,
    listeners::{Listener, Listeners},
    queue::Queue,
    reader::Reader,
    writer::Writer,
};
use crate::{
    metrics::{Direction, Metrics},
    model::ConnectionInfo,
};

/// How long closing waits until what was sent is on its way; a peer that does not read is cut then.
const CLOSE_PATIENCE: Duration = Duration::from_secs(5);
/// How long an open pipe waits for the application that takes it.
const PIPE_PATIENCE: Duration = Duration::from_millis(if cfg!(test) { 200 } else { 30_000 });
/// Open pipes that wait to be taken; more are closed. Each holds a stream with its window.
const MAX_WAITING_PIPES: usize = 128;
/// Those of one group: an application that takes none of them must not keep others from theirs.
const MAX_WAITING_PIPES_PER_GROUP: usize = 32;
/// Those with one member in one group, for the same reason.
const MAX_WAITING_PIPES_PER_MEMBER: usize = 8;
/// Attempts that failed of which the reason is remembered, for who asks late; 100 bytes each.
const MAX_FAILURES: usize = 256;

/// The stream of one connection. An end is one in order; a stream that was cut fails.
pub(crate) type Halves = (DirectReader, DirectWriter);

/// What the connections tell the node's loop: at most a few for each of them.
#[derive(Debug)]
pub(crate) enum Note {
    /// The stream of a connection has ended.
    Ended(ConnectionId, DirectEnd),
    /// An application has no more use for a connection.
    Close(ConnectionId),
    /// Who listens in the group may have changed.
    Listening(ReplicaId),
}

/// Everything about direct connections that the node's loop and the handles share.
pub(crate) struct Directs {
    state: Mutex<State>,
    notes: mpsc::UnboundedSender<Note>,
    budget: Budget,
    metrics: Arc<Metrics>,
    /// A connection opened or failed.
    changed: Notify,
}

#[derive(Default)]
struct State {
    open: HashMap<ConnectionId, Open>,
    opening: HashMap<ConnectionId, ReplicaId>,
    /// The last attempts that failed.
    failures: VecDeque<(ConnectionId, Failure)>,
    groups: HashMap<ReplicaId, Arc<Group>>,
    /// Closed from here; the engine has still to say so.
    closing: HashSet<ConnectionId>,
    neighbours: HashMap<ConnectionId, Arc<Neighbour>>,
    listeners: u64,
}

/// What the connections of one group share.
struct Group {
    listeners: Listeners,
    budget: Budget,
}

struct Open {
    replica: ReplicaId,
    info: ConnectionInfo,
    carries: Carries,
    /// Dropped with it, which tells whoever waits for that.
    over: DropGuard,
}

enum Carries {
    Messages(Arc<Connection>),
    /// A pipe that nobody has taken yet, or that was taken.
    Pipe(Option<Pipe>),
}

/// A connection for messages.
struct Connection {
    writer: Writer,
    /// It is over: nobody sends or receives any more.
    ended: CancellationToken,
}

/// A neighbour, to which data can be sent too (GRP-403).
pub(crate) struct Neighbour {
    replica: ReplicaId,
    pub(crate) peer: PeerId,
    pub(crate) info: ConnectionInfo,
    /// The direct connection that carries the data, once there is any.
    pub(crate) carrier: tokio::sync::Mutex<Option<ConnectionId>>,
}

/// An attempt that came to nothing.
#[derive(Debug)]
struct Failure {
    next: Option<ConnectionId>,
    member: String,
    reason: DirectFailure,
}

/// What is known of an attempt.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// It is open.
    Connected(ConnectionInfo),
    /// Nothing came of it, with this member.
    Failed(String, DirectFailure),
}

/// Why something was not sent.
#[derive(Debug)]
pub(crate) enum SendFailure {
    /// There is no such connection, or no longer.
    NotFound,
    /// It is a pipe.
    NoMessages,
    /// The message is none.
    Message(MessageError),
}

/// Tells the loop once that the stream of a connection has ended: when dropped at the latest.
#[derive(Debug)]
struct Ending {
    id: Option<ConnectionId>,
    notes: mpsc::UnboundedSender<Note>,
}

impl Ending {
    fn of(id: ConnectionId, notes: &mpsc::UnboundedSender<Note>) -> Self {
        Self {
            id: Some(id),
            notes: notes.clone(),
        }
    }

    fn tell(&mut self, end: DirectEnd) {
        if let Some(id) = self.id.take() {
            // The loop may have ended before.
            let _ = self.notes.send(Note::Ended(id, end));
        }
    }
}

impl Drop for Ending {
    fn drop(&mut self) {
        self.tell(DirectEnd::ClosedHere);
    }
}

impl Directs {
    pub(crate) fn new(metrics: Arc<Metrics>) -> (Arc<Self>, mpsc::UnboundedReceiver<Note>) {
        let (notes, noted) = mpsc::unbounded_channel();
        let directs = Self {
            state: Mutex::default(),
            notes,
            budget: Budget::new(MAX_NODE_BYTES),
            metrics,
            changed: Notify::new(),
        };
        (Arc::new(directs), noted)
    }

    // What the node's loop tells.

    /// An attempt begins.
    pub(crate) fn opening(&self, replica: ReplicaId, id: ConnectionId) {
        self.lock().opening.insert(id, replica);
    }

    /// There is no attempt of this id after all.
    pub(crate) fn refused(&self, id: ConnectionId) {
        self.lock().opening.remove(&id);
    }

    /// A connection is open, and this is its stream.
    pub(crate) fn connected(
        self: &Arc<Self>,
        replica: ReplicaId,
        info: ConnectionInfo,
        halves: Halves,
    ) {
        let id = info.id;
        let group = self.group(replica);
        let mode = DirectMode::from(info.mode);
        let wanted = !info.incoming
            || group.listeners.any(|interest| match mode {
                DirectMode::Messages => interest.connections,
                DirectMode::Stream => interest.pipes,
            });
        let carries = match mode {
            _ if !wanted => None,
            DirectMode::Messages => {
                let (receiving, sending) = halves;
                let connection = Arc::new(Connection {
                    writer: Writer::new(sending),
                    ended: CancellationToken::new(),
                });
                Some((
                    Carries::Messages(Arc::clone(&connection)),
                    Some((connection, receiving)),
                ))
            }
            DirectMode::Stream => self.park(replica, &info, halves).map(|pipe| (pipe, None)),
        };
        let Some((carries, receiving)) = carries else {
            self.lock().opening.remove(&id);
            let _ = self.notes.send(Note::Close(id));
            return;
        };
        {
            let mut state = self.lock();
            state.opening.remove(&id);
            let open = Open {
                replica,
                info: info.clone(),
                carries,
                over: CancellationToken::new().drop_guard(),
            };
            state.open.insert(id, open);
        }
        let from = info.member.clone();
        // Before the first message can come.
        group.listeners.tell(id, &DirectEvent::Connected(info));
        self.changed.notify_waiters();
        if let Some((connection, receiving)) = receiving {
            let (directs, from) = (Arc::clone(self), Arc::from(from));
            let receiving = (id, from, receiving);
            tokio::spawn(async move { directs.receive(receiving, group, connection).await });
        }
    }

    /// An attempt came to nothing; another one may go on in its place.
    pub(crate) fn failed(
        &self,
        replica: ReplicaId,
        (id, next): (ConnectionId, Option<ConnectionId>),
        member: String,
        reason: DirectFailure,
    ) {
        {
            let mut state = self.lock();
            state.opening.remove(&id);
            if let Some(next) = next {
                state.opening.insert(next, replica);
            }
            if state.failures.len() >= MAX_FAILURES {
                state.failures.pop_front();
            }
            let failure = Failure {
                next,
                member: member.clone(),
                reason,
            };
            state.failures.push_back((id, failure));
        }
        self.changed.notify_waiters();
        let notice = DirectNotice {
            id,
            next,
            member,
            node: None,
            reason: reason.reason(),
        };
        let event = DirectEvent::Failed(notice);
        self.group(replica).listeners.tell(id, &event);
    }

    /// A connection has ended, whoever ended it.
    pub(crate) fn disconnected(
        &self,
        replica: ReplicaId,
        id: ConnectionId,
        (node, member): (PeerId, String),
        end: DirectEnd,
    ) {
        let open = {
            let mut state = self.lock();
            let open = state.open.remove(&id);
            if open.is_none() && !state.closing.remove(&id) {
                // Nobody has been told that it was open.
                return;
            }
            open
        };
        if let Some(Carries::Messages(connection)) = open.map(|open| open.carries) {
            connection.ended.cancel();
        }
        let notice = DirectNotice {
            id,
            next: None,
            member,
            node: Some(node.to_string()),
            reason: end.reason(),
        };
        let event = DirectEvent::Disconnected(notice);
        self.group(replica).listeners.tell(id, &event);
    }

    /// What the engine should accept in a group now.
    pub(crate) fn consent(&self, replica: ReplicaId) -> DirectConsent {
        let group = self.lock().groups.get(&replica).cloned();
        group.map_or(DirectConsent::NONE, |group| DirectConsent {
            messages: group.listeners.any(|interest| interest.connections),
            streams: group.listeners.any(|interest| interest.pipes),
        })
    }

    /// A neighbour has this id from now on.
    pub(crate) fn neighbour_connected(
        &self,
        replica: ReplicaId,
        peer: PeerId,
        info: ConnectionInfo,
    ) {
        let neighbour = Neighbour {
            replica,
            peer,
            info,
            carrier: tokio::sync::Mutex::default(),
        };
        let id = neighbour.info.id;
        self.lock().neighbours.insert(id, Arc::new(neighbour));
    }

    /// A neighbour is none any more, and the connection that carried data to it is closed. The id it
    /// had.
    pub(crate) fn neighbour_gone(&self, replica: ReplicaId, peer: &PeerId) -> Option<ConnectionId> {
        let gone = {
            let mut state = self.lock();
            let mut all = state.neighbours.values();
            let found = all.find(|one| one.replica == replica && one.peer == *peer)?;
            let id = found.info.id;
            state.neighbours.remove(&id)?
        };
        // One being opened just now is the sender's, who finds the neighbour gone.
        if let Ok(Some(carrier)) = gone.carrier.try_lock().as_deref() {
            let _ = self.notes.send(Note::Close(*carrier));
        }
        Some(gone.info.id)
    }

    // What the handles ask.

    /// The connections of a group, in the order of their ids.
    pub(crate) fn list(&self, replica: ReplicaId) -> Vec<ConnectionInfo> {
        let state = self.lock();
        let direct = state.open.values().filter(|open| open.replica == replica);
        let direct = direct.map(|open| open.info.clone());
        let near = state.neighbours.values();
        let near = near.filter(|neighbour| neighbour.replica == replica);
        let mut all: Vec<ConnectionInfo> = direct
            .chain(near.map(|neighbour| neighbour.info.clone()))
            .collect();
        all.sort_by_key(|info| info.id);
        all
    }

    pub(crate) fn is_open(&self, id: ConnectionId) -> bool {
        self.lock().open.contains_key(&id)
    }

    /// The neighbour that has this id.
    pub(crate) fn neighbour(&self, replica: ReplicaId, id: ConnectionId) -> Option<Arc<Neighbour>> {
        let state = self.lock();
        let found = state.neighbours.get(&id)?;
        (found.replica == replica).then(|| Arc::clone(found))
    }

    /// The attempt that goes on in place of this one.
    pub(crate) fn now(&self, mut id: ConnectionId) -> ConnectionId {
        let state = self.lock();
        let next = |id| {
            let mut failures = state.failures.iter();
            failures.find(|(failed, _)| *failed == id)?.1.next
        };
        while let Some(other) = next(id) {
            id = other;
        }
        id
    }

    /// Waits until it is known what comes of an attempt, or of the one in its place. None when there
    /// is no such connection.
    pub(crate) async fn outcome(
        &self,
        replica: ReplicaId,
        mut id: ConnectionId,
    ) -> Option<Outcome> {
        loop {
            let changed = self.changed.notified();
            {
                let state = self.lock();
                if let Some(open) = state.open.get(&id) {
                    let ours = open.replica == replica;
                    return ours.then(|| Outcome::Connected(open.info.clone()));
                }
                let failed = state.failures.iter().find(|(failed, _)| *failed == id);
                if let Some((_, failure)) = failed {
                    match failure.next {
                        Some(next) => {
                            id = next;
                            continue;
                        }
                        None => {
                            let member = failure.member.clone();
                            return Some(Outcome::Failed(member, failure.reason));
                        }
                    }
                }
                if state.opening.get(&id) != Some(&replica) {
                    return None;
                }
            }
            changed.await;
        }
    }

    /// Waits until an open connection is open no longer.
    pub(crate) async fn over(&self, id: ConnectionId) {
        let over = match self.lock().open.get(&id) {
            Some(open) => open.over.token().clone(),
            None => return,
        };
        over.cancelled().await;
    }

    /// Sends a message; the network has it when this returns. Waits while the other side does not read.
    pub(crate) async fn send(
        &self,
        replica: ReplicaId,
        id: ConnectionId,
        kind: MessageType,
        data: Bytes,
    ) -> Result<(), SendFailure> {
        let header = MessageHeader::new(kind, data.len()).map_err(SendFailure::Message)?;
        let connection = match self.lock().open.get(&id) {
            Some(open) if open.replica == replica => match &open.carries {
                Carries::Messages(connection) => Arc::clone(connection),
                Carries::Pipe(_) => return Err(SendFailure::NoMessages),
            },
            _ => return Err(SendFailure::NotFound),
        };
        let bytes = data.len();
        let sent = tokio::select! {
            biased;
            sent = connection.writer.send(header, data) => sent,
            () = connection.ended.cancelled() => Err(io::ErrorKind::NotConnected.into()),
        };
        // The reader finds out why, and tells the loop.
        sent.map_err(|_| SendFailure::NotFound)?;
        self.metrics.direct_message(Direction::Out, bytes);
        Ok(())
    }

    /// Closes a connection once what was sent is on its way. Whether there was one.
    pub(crate) async fn close(&self, replica: ReplicaId, id: ConnectionId) -> bool {
        let id = self.now(id);
        let open = {
            let mut state = self.lock();
            match state.open.get(&id) {
                Some(open) if open.replica == replica => {
                    state.closing.insert(id);
                    state.open.remove(&id)
                }
                _ if state.opening.get(&id) == Some(&replica) => None,
                _ => return false,
            }
        };
        match open.map(|open| open.carries) {
            Some(Carries::Messages(connection)) => {
                // Told also when the caller loses interest: it is closed for everybody else already.
                let _closing = Ending::of(id, &self.notes);
                // First, so that the other side's end, which comes as an answer, is not taken for a break.
                connection.ended.cancel();
                let _ = timeout(CLOSE_PATIENCE, connection.writer.close()).await;
            }
            // Given up, or cut for whoever has taken the pipe.
            Some(Carries::Pipe(_)) | None => {
                let _ = self.notes.send(Note::Close(id));
            }
        }
        true
    }

    /// Takes a pipe that is open; nobody else can then.
    pub(crate) fn take_pipe(&self, replica: ReplicaId, id: ConnectionId) -> Option<Pipe> {
        match self.lock().open.get_mut(&id) {
            Some(Open {
                replica: of,
                carries: Carries::Pipe(pipe),
                ..
            }) if *of == replica => pipe.take(),
            _ => None,
        }
    }

    /// Listens; none when too many do. The loop is told when the registration is dropped, but not now.
    pub(crate) fn listen(
        self: &Arc<Self>,
        replica: ReplicaId,
        interest: DirectInterest,
        only: Option<ConnectionId>,
    ) -> Option<Registration> {
        let number = {
            let mut state = self.lock();
            state.listeners += 1;
            state.listeners
        };
        let queue = Arc::new(Queue::default());
        let listener = Listener {
            number,
            interest,
            only,
            queue: Arc::clone(&queue),
        };
        let added = self.group(replica).listeners.add(listener);
        added.then(|| Registration::new(Arc::clone(self), replica, number, queue))
    }

    fn unlisten(&self, replica: ReplicaId, number: u64) {
        self.group(replica).listeners.remove(number);
        let _ = self.notes.send(Note::Listening(replica));
    }

    /// Puts a pipe where an application may take it; none when too many wait.
    fn park(
        self: &Arc<Self>,
        replica: ReplicaId,
        info: &ConnectionInfo,
        halves: Halves,
    ) -> Option<Carries> {
        if !self.has_room_to_wait(replica, &info.member) {
            self.metrics.dropped("direct_pipes");
            return None;
        }
        let id = info.id;
        let ending = Ending::of(id, &self.notes);
        let directs = Arc::downgrade(self);
        tokio::spawn(async move {
            tokio::time::sleep(PIPE_PATIENCE).await;
            let Some(directs) = directs.upgrade() else {
                return;
            };
            let forgotten = match directs
                .lock()
                .open
                .get_mut(&id)
                .map(|open| &mut open.carries)
            {
                Some(Carries::Pipe(pipe)) => pipe.take(),
                _ => None,
            };
            if forgotten.is_some() {
                tracing::debug!(%id, "nobody took a pipe in time");
            }
        });
        Some(Carries::Pipe(Some(Pipe::new(
            info.clone(),
            halves,
            ending,
            Arc::clone(&self.metrics),
        ))))
    }

    /// Whether another pipe may wait for whoever takes it.
    fn has_room_to_wait(&self, replica: ReplicaId, member: &str) -> bool {
        let state = self.lock();
        let all = state.open.values();
        let waiting: Vec<_> = all
            .filter(|open| matches!(open.carries, Carries::Pipe(Some(_))))
            .collect();
        let own = waiting.iter().filter(|open| open.replica == replica);
        let with = own.clone().filter(|open| open.info.member == member);
        waiting.len() < MAX_WAITING_PIPES
            && own.count() < MAX_WAITING_PIPES_PER_GROUP
            && with.count() < MAX_WAITING_PIPES_PER_MEMBER
    }

    /// Receives what comes on a connection until it ends.
    async fn receive(
        &self,
        (id, from, stream): (ConnectionId, Arc<str>, DirectReader),
        group: Arc<Group>,
        connection: Arc<Connection>,
    ) {
        let budgets = Budgets {
            connection: Budget::new(MAX_CONNECTION_BYTES),
            group: group.budget.clone(),
            node: self.budget.clone(),
        };
        let mut reader = Reader::new(stream);
        let end = tokio::select! {
            biased;
            () = connection.ended.cancelled() => return,
            read = self.read_on((id, from), &group, &budgets, &mut reader) => match read {
                Ok(()) => DirectEnd::ClosedThere,
                Err(error) => {
                    tracing::debug!(%id, %error, "a direct connection broke");
                    DirectEnd::Broken
                }
            },
        };
        let _ = self.notes.send(Note::Ended(id, end));
    }

    /// Until the other side ends in order.
    async fn read_on(
        &self,
        (id, from): (ConnectionId, Arc<str>),
        group: &Arc<Group>,
        budgets: &Budgets,
        reader: &mut Reader<DirectReader>,
    ) -> io::Result<()> {
        while let Some(header) = reader.header().await? {
            let (kind, bytes) = (header.kind(), header.length());
            let others = || self.holding_room_beside(group);
            let held = group.listeners.room(budgets, (id, kind), bytes, others);
            let held = held.await;
            let Some(held) = held else {
                return Err(io::ErrorKind::OutOfMemory.into());
            };
            let data = reader.body(bytes).await?;
            self.metrics.direct_message(Direction::In, bytes);
            let message = DirectMessage {
                id,
                from: Arc::clone(&from),
                kind,
                data,
            };
            group.listeners.deliver(message, held).await;
        }
        Ok(())
    }

    /// Listeners of other groups that hold room which this one may need.
    fn holding_room_beside(&self, group: &Arc<Group>) -> Vec<Arc<Listener>> {
        let others: Vec<_> = {
            let state = self.lock();
            let all = state.groups.values();
            all.filter(|other| !Arc::ptr_eq(other, group))
                .map(Arc::clone)
                .collect()
        };
        others
            .iter()
            .flat_map(|other| other.listeners.holding_room())
            .collect()
    }

    fn group(&self, replica: ReplicaId) -> Arc<Group> {
        let mut state = self.lock();
        let group = state.groups.entry(replica).or_insert_with(|| {
            Arc::new(Group {
                listeners: Listeners::default(),
                budget: Budget::new(MAX_GROUP_BYTES),
            })
        });
        Arc::clone(group)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Directs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Directs").finish_non_exhaustive()
    }
}

/// The largest message, for the layers above.
pub(crate) const MAX_MESSAGE_BYTES: usize = MAX_DIRECT_MESSAGE_BYTES;

#[cfg(test)]
mod tests;
