//! The one thread that owns the store, behind a bounded queue.
//!
//! What has gathered in the queue is stored together: one write batch, one wait for the disk
//! (group commit). So a thousand publishers at once cost a few synced writes, not a thousand.

use std::{
    sync::Arc,
    thread::{self, JoinHandle},
    time::Instant,
};

use peerage_protocol::engine::{Found, Input, OperationId, Read, StoreFailure};
use peerage_records::{
    id::ReplicaId,
    store::{Change, Put, PutOutcome, Store, StoreError},
};
use tokio::sync::{mpsc, oneshot};

use crate::{Error, Result, clock::Clock, metrics::Metrics};

/// Requests that wait; a full queue makes whoever asks wait, visibly. An engine's request holds at
/// most 128 envelopes of 56 KiB.
const MAX_QUEUED: usize = 1_024;
/// Records in one commit; bounds the latency of the first of them.
const MAX_COMMIT: usize = 4_096;
/// Records removed in one sweep of one replica; the next sweep takes the rest.
const MAX_EXPIRED: usize = 1_024;

type Query = Box<dyn FnOnce(&mut dyn Store) + Send>;

enum Request {
    Put(OperationId, Vec<Put>),
    Read(OperationId, ReplicaId, Read),
    Expire(ReplicaId),
    Query(Query),
    Stop,
}

/// What the store tells the run loop, in the order in which it happened.
#[derive(Debug)]
pub(crate) enum Told {
    /// An answer for the engine.
    Answer(Input),
    /// Records whose time was over.
    Expired(ReplicaId, Vec<Change>),
}

/// Asks the store's thread. Clones share it; it ends when the last one is gone.
#[derive(Debug, Clone)]
pub(crate) struct Storing {
    requests: mpsc::Sender<Request>,
}

impl std::fmt::Debug for Request {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Put(..) => "Put",
            Self::Read(..) => "Read",
            Self::Expire(_) => "Expire",
            Self::Query(_) => "Query",
            Self::Stop => "Stop",
        })
    }
}

impl Storing {
    /// Starts the thread.
    ///
    /// # Errors
    /// When the system gives us no thread.
    pub(crate) fn start(
        store: Box<dyn Store>,
        clock: Clock,
        metrics: Arc<Metrics>,
        told: mpsc::UnboundedSender<Told>,
    ) -> Result<(Self, JoinHandle<()>)> {
        let (requests, queue) = mpsc::channel(MAX_QUEUED);
        let worker = Worker {
            store,
            clock,
            metrics,
            told,
        };
        let thread = thread::Builder::new()
            .name("peerage-store".into())
            .spawn(move || worker.run(queue))
            .map_err(|error| Error::Internal(format!("no thread for the store: {error}")))?;
        Ok((Self { requests }, thread))
    }

    /// Has records stored; the answer comes to the run loop.
    pub(crate) async fn put(&self, operation: OperationId, puts: Vec<Put>) -> Result<()> {
        self.send(Request::Put(operation, puts)).await
    }

    /// Has something read; the answer comes to the run loop.
    pub(crate) async fn read(
        &self,
        operation: OperationId,
        replica: ReplicaId,
        read: Read,
    ) -> Result<()> {
        self.send(Request::Read(operation, replica, read)).await
    }

    /// Removes what has expired; the run loop hears of it.
    pub(crate) async fn expire(&self, replica: ReplicaId) -> Result<()> {
        self.send(Request::Expire(replica)).await
    }

    /// Asks the store something else and waits for the answer.
    pub(crate) async fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&mut dyn Store) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T> {
        let (reply, answer) = oneshot::channel();
        self.send(Request::Query(Box::new(move |store| {
            // Nobody waiting any more is not the store's concern.
            let _ = reply.send(question(store));
        })))
        .await?;
        Ok(answer.await.map_err(|_| Error::ShuttingDown)??)
    }

    /// Ends the thread, once everything asked before is done.
    pub(crate) async fn stop(&self) {
        let _ = self.requests.send(Request::Stop).await;
    }

    async fn send(&self, request: Request) -> Result<()> {
        self.requests
            .send(request)
            .await
            .map_err(|_| Error::ShuttingDown)
    }
}

struct Worker {
    store: Box<dyn Store>,
    clock: Clock,
    metrics: Arc<Metrics>,
    told: mpsc::UnboundedSender<Told>,
}

impl Worker {
    fn run(mut self, mut queue: mpsc::Receiver<Request>) {
        while let Some(first) = queue.blocking_recv() {
            let mut puts = Vec::new();
            let mut others = Vec::new();
            let mut records = 0;
            let mut next = Some(first);
            while let Some(request) = next {
                match request {
                    Request::Put(operation, batch) => {
                        records += batch.len();
                        puts.push((operation, batch));
                    }
                    other => others.push(other),
                }
                next = (records < MAX_COMMIT && others.len() < MAX_QUEUED)
                    .then(|| queue.try_recv().ok())
                    .flatten();
            }
            // Writing first means that a read may see a write that was asked for after it. Nobody
            // minds: every answer is of one moment.
            self.commit(puts);
            for request in others {
                if matches!(request, Request::Stop) {
                    return;
                }
                self.answer(request);
            }
        }
    }

    fn commit(&mut self, mut puts: Vec<(OperationId, Vec<Put>)>) {
        if puts.is_empty() {
            return;
        }
        let started = Instant::now();
        let counts: Vec<(OperationId, usize)> = puts
            .iter()
            .map(|(operation, batch)| (*operation, batch.len()))
            .collect();
        // One operation alone keeps its records; of several, copies are kept (they are cheap) in
        // case one of them spoils the batch for all.
        let spare = (puts.len() > 1).then(|| puts.clone());
        let all: Vec<Put> = puts
            .iter_mut()
            .flat_map(|(_, batch)| batch.drain(..))
            .collect();
        let result = self.store.put(all, self.clock.timestamp());
        self.metrics.store_commit(started.elapsed());
        match (result, spare) {
            (Ok(mut outcomes), _) => {
                for (operation, count) in counts {
                    let rest = outcomes.split_off(count.min(outcomes.len()));
                    let own = std::mem::replace(&mut outcomes, rest);
                    self.stored(operation, Ok(own));
                }
            }
            (Err(error), None) => {
                for (operation, _) in counts {
                    self.stored(operation, Err(StoreFailure(error.to_string())));
                }
            }
            (Err(_), Some(spare)) => {
                for (operation, batch) in spare {
                    let result = self
                        .store
                        .put(batch, self.clock.timestamp())
                        .map_err(|error| StoreFailure(error.to_string()));
                    self.stored(operation, result);
                }
            }
        }
    }

    fn stored(&self, operation: OperationId, result: Result<Vec<PutOutcome>, StoreFailure>) {
        self.tell(Told::Answer(Input::Stored { operation, result }));
    }

    fn answer(&mut self, request: Request) {
        match request {
            Request::Put(operation, batch) => self.commit(vec![(operation, batch)]),
            Request::Read(operation, replica, read) => {
                let result = self
                    .read(&replica, read)
                    .map_err(|error| StoreFailure(error.to_string()));
                self.tell(Told::Answer(Input::Found { operation, result }));
            }
            Request::Expire(replica) => {
                let expired = self
                    .store
                    .expire(&replica, self.clock.timestamp(), MAX_EXPIRED);
                match expired {
                    Ok(changes) if changes.is_empty() => {}
                    Ok(changes) => self.tell(Told::Expired(replica, changes)),
                    Err(error) => tracing::warn!(%error, "expired records were not removed"),
                }
            }
            Request::Query(query) => query(self.store.as_mut()),
            Request::Stop => {}
        }
    }

    fn read(&self, replica: &ReplicaId, read: Read) -> Result<Found, StoreError> {
        Ok(match read {
            Read::Record(id) => Found::Record(self.store.get(replica, &id)?),
            Read::Envelopes(hashes) => {
                let mut found = Vec::with_capacity(hashes.len());
                for hash in &hashes {
                    found.extend(self.store.by_hash(replica, hash)?);
                }
                Found::Envelopes(found)
            }
            Read::Records(ids) => {
                let mut found = Vec::with_capacity(ids.len());
                for id in &ids {
                    found.extend(self.store.get(replica, id)?);
                }
                Found::Envelopes(found)
            }
            Read::Summary(partition) => Found::Summary(self.store.summary(replica, partition)?),
        })
    }

    fn tell(&self, told: Told) {
        // The run loop has ended; so will we, when the last asker is gone.
        let _ = self.told.send(told);
    }
}
