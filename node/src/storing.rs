//! The one thread that owns the store, behind a bounded queue.
//!
//! What has gathered in the queue is stored together: one write batch, one wait for the disk
//! (group commit). So a thousand publishers at once cost a few synced writes, not a thousand.

use std::{
    collections::VecDeque,
    sync::Arc,
    thread::{self, JoinHandle},
    time::Instant,
};

use peerage_protocol::engine::{Found, Input, OperationId, Read, SCAN_ROWS, StoreFailure};
use peerage_records::{
    id::{EnvelopeHash, RecordId, ReplicaId},
    store::{Change, Put, PutOutcome, Store, StoreError},
};
use tokio::sync::{
    mpsc::{self, error::TryRecvError},
    oneshot,
};

use crate::{Error, Result, clock::Clock, metrics::Metrics};

/// Requests that wait; a full queue makes whoever asks wait, visibly. Most hold one record. One
/// that brings what a neighbour had holds at most 128 envelopes of 56 KiB, 7 MiB, and the engine
/// asks for the next of an exchange only when that is stored: memory goes with the exchanges under
/// way, not with this number.
const MAX_QUEUED: usize = 1_024;
/// Records in one commit; bounds the latency of the first of them.
const MAX_COMMIT: usize = 4_096;
/// Bytes of envelopes in one commit, beyond which no further request joins it. With the request
/// that goes beyond, a commit has at most 15 MiB.
const MAX_COMMIT_BYTES: usize = 8 * 1024 * 1024;
/// Records verified again at once, while nothing else is to be done: about 5 ms.
const AUDIT_STEP: usize = 64;
/// Records removed at once; a replica that has more gets another turn after what else is waiting.
const MAX_EXPIRED: usize = 1_024;

type Query = Box<dyn FnOnce(&mut dyn Store) + Send>;

enum Request {
    Put(OperationId, Vec<Put>),
    Read(OperationId, ReplicaId, Read),
    Withdraw(OperationId, ReplicaId, Vec<(RecordId, EnvelopeHash)>),
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
            Self::Withdraw(..) => "Withdraw",
            Self::Expire(_) => "Expire",
            Self::Query(_) => "Query",
            Self::Stop => "Stop",
        })
    }
}

impl Storing {
    /// Starts the thread. It keeps `held` for as long as the store is open.
    ///
    /// # Errors
    /// When the system gives us no thread.
    pub(crate) fn start(
        store: Box<dyn Store>,
        clock: Clock,
        metrics: Arc<Metrics>,
        told: mpsc::UnboundedSender<Told>,
        held: impl Send + 'static,
    ) -> Result<(Self, JoinHandle<()>)> {
        let (requests, queue) = mpsc::channel(MAX_QUEUED);
        let worker = Worker {
            store,
            clock,
            metrics,
            told,
            sweeps: VecDeque::new(),
            auditing: false,
        };
        let thread = thread::Builder::new()
            .name("peerage-store".into())
            .spawn(move || {
                // Let go of when the store is closed, however that comes about.
                let _held = held;
                worker.run(queue);
            })
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

    /// Has versions removed that the group accepts no longer; the answer comes to the run loop.
    pub(crate) async fn withdraw(
        &self,
        operation: OperationId,
        replica: ReplicaId,
        versions: Vec<(RecordId, EnvelopeHash)>,
    ) -> Result<()> {
        self.send(Request::Withdraw(operation, replica, versions))
            .await
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

/// What is done in one go: one commit, then the rest.
#[derive(Default)]
struct Round {
    puts: Vec<(OperationId, Vec<Put>)>,
    others: Vec<Request>,
    records: usize,
    bytes: usize,
}

impl Round {
    fn take(&mut self, request: Request) {
        match request {
            Request::Put(operation, batch) => {
                self.records += batch.len();
                self.bytes += batch.iter().map(envelope_bytes).sum::<usize>();
                self.puts.push((operation, batch));
            }
            other => self.others.push(other),
        }
    }

    fn is_full(&self) -> bool {
        self.records >= MAX_COMMIT
            || self.bytes >= MAX_COMMIT_BYTES
            || self.others.len() >= MAX_QUEUED
    }
}

fn envelope_bytes(put: &Put) -> usize {
    put.record.signed().bytes().len()
}

struct Worker {
    store: Box<dyn Store>,
    clock: Clock,
    metrics: Arc<Metrics>,
    told: mpsc::UnboundedSender<Told>,
    /// Replicas to be rid of what has expired, each once, in the order of their turns.
    sweeps: VecDeque<ReplicaId>,
    /// Whether records are to be verified that were there when their replica was opened.
    auditing: bool,
}

impl Worker {
    fn run(mut self, mut queue: mpsc::Receiver<Request>) {
        while let Some(round) = self.next_round(&mut queue) {
            let idle = round.puts.is_empty() && round.others.is_empty();
            // Writing first means that a read may see a write that was asked for after it. Nobody
            // minds: every answer is of one moment.
            self.commit(round.puts);
            for request in round.others {
                if matches!(request, Request::Stop) {
                    return;
                }
                self.answer(request);
            }
            if let Some(replica) = self.sweeps.pop_front() {
                self.expire(replica);
            } else if self.auditing && idle {
                self.audit();
            }
        }
    }

    /// Takes what has gathered; waits for something unless there is a sweep or an audit to go on with.
    fn next_round(&self, queue: &mut mpsc::Receiver<Request>) -> Option<Round> {
        let mut round = Round::default();
        let mut next = if self.sweeps.is_empty() && !self.auditing {
            Some(queue.blocking_recv()?)
        } else {
            match queue.try_recv() {
                Ok(request) => Some(request),
                Err(TryRecvError::Empty) => None,
                Err(TryRecvError::Disconnected) => return None,
            }
        };
        while let Some(request) = next {
            round.take(request);
            next = (!round.is_full()).then(|| queue.try_recv().ok()).flatten();
        }
        Some(round)
    }

    /// Removes what has expired in a replica, or a part of it.
    fn expire(&mut self, replica: ReplicaId) {
        let before = self.store.count(&replica).unwrap_or_default();
        let now = self.clock.timestamp();
        match self.store.expire(&replica, now, MAX_EXPIRED) {
            Ok(changes) if changes.is_empty() => {}
            Ok(changes) => self.tell(Told::Expired(replica, changes)),
            Err(error) => {
                tracing::warn!(%error, "expired records were not removed");
                return;
            }
        }
        // Tombstones go without a change, so it is the count that tells whether there is more.
        let after = self.store.count(&replica).unwrap_or_default();
        if before.saturating_sub(after) >= MAX_EXPIRED as u64 {
            self.sweep(replica);
        }
    }

    /// Verifies some of the records that were there when their replica was opened.
    fn audit(&mut self) {
        match self.store.audit(AUDIT_STEP) {
            Ok(audit) => {
                self.auditing = audit.more;
                self.metrics
                    .store_audited(audit.checked, audit.dropped.len());
                for (_, record) in &audit.dropped {
                    tracing::warn!(%record, "altered in the store while it was closed: dropped; members bring it back");
                }
            }
            Err(error) => {
                self.auditing = false;
                tracing::warn!(%error, "records were not verified again");
            }
        }
    }

    fn sweep(&mut self, replica: ReplicaId) {
        if !self.sweeps.contains(&replica) {
            self.sweeps.push_back(replica);
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
            Request::Withdraw(operation, replica, versions) => {
                let result = self
                    .store
                    .withdraw(&replica, &versions, self.clock.timestamp())
                    .map_err(|error| StoreFailure(error.to_string()));
                self.tell(Told::Answer(Input::Withdrawn { operation, result }));
            }
            Request::Expire(replica) => self.sweep(replica),
            Request::Query(query) => {
                query(self.store.as_mut());
                // It may have opened a replica.
                self.auditing = true;
            }
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
            Read::SignedBy { signers, after } => {
                let page = self.store.scan(replica, after.as_ref(), SCAN_ROWS)?;
                Found::signed_by(page, &signers)
            }
        })
    }

    fn tell(&self, told: Told) {
        // The run loop has ended; so will we, when the last asker is gone.
        let _ = self.told.send(told);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use peerage_records::{
        codec::SignedRecord,
        id::{GroupId, IdentityKey, RecordType},
        judge::{Judge, Refusal},
        record::{MAX_INLINE_BYTES, Record, RecordDraft},
        store::{Origin, memory::MemoryStore},
        time::Timestamp,
        validate::validate,
    };

    use super::*;

    const HOUR: Duration = Duration::from_secs(60 * 60);

    struct Anybody;

    impl Judge for Anybody {
        fn judge(&self, _: &SignedRecord, _: Timestamp) -> Result<(), Refusal> {
            Ok(())
        }
    }

    /// A record of one identity in one group that lives for an hour.
    fn put(clock: &Clock, number: u64, payload: Vec<u8>) -> Put {
        let identity = peerage_protocol::identity::Identity::from_seed(
            &[7; 32],
            "",
            None,
            clock.timestamp(),
            &mut rand::rng(),
        )
        .unwrap();
        let group = GroupId::of_name("g");
        let draft = RecordDraft {
            kind: RecordType::from_name("note"),
            expires: clock.timestamp() + HOUR,
            attributes: Vec::new(),
            payload,
        };
        let now = clock.timestamp();
        let record =
            Record::create(draft, group, identity.key(), number.to_be_bytes(), now).unwrap();
        let signed = SignedRecord::sign(record, |bytes| identity.sign(bytes));
        Put {
            replica: replica(&identity.key()),
            record: validate(signed, &group, &Anybody, now).unwrap(),
            origin: Origin::Local,
        }
    }

    fn replica(key: &IdentityKey) -> ReplicaId {
        ReplicaId::of(key, &GroupId::of_name("g"))
    }

    #[tokio::test]
    async fn everything_that_has_expired_goes_in_one_sweep() {
        let clock = Clock::system();
        let mut store = MemoryStore::new();
        let puts: Vec<Put> = (0..3 * MAX_EXPIRED as u64)
            .map(|number| put(&clock, number, Vec::new()))
            .collect();
        let replica = puts[0].replica;
        store.open_replica(replica).unwrap();
        store.put(puts, clock.timestamp()).unwrap();
        clock.advance(2 * HOUR);
        let (told, mut heard) = mpsc::unbounded_channel();
        let metrics = Arc::new(Metrics::new());
        let (storing, thread) = Storing::start(Box::new(store), clock, metrics, told, ()).unwrap();
        storing.expire(replica).await.unwrap();
        // Others are answered in between.
        let count = storing.ask(move |store| store.count(&replica)).await;
        assert!(count.unwrap() >= MAX_EXPIRED as u64);
        let mut removed = 0;
        while removed < 3 * MAX_EXPIRED {
            let Some(Told::Expired(_, changes)) = heard.recv().await else {
                panic!("something else was told");
            };
            assert!(changes.len() <= MAX_EXPIRED);
            removed += changes.len();
        }
        let count = storing.ask(move |store| store.count(&replica)).await;
        assert_eq!(count.unwrap(), 0);
        storing.stop().await;
        thread.join().unwrap();
    }

    #[test]
    fn a_commit_is_bounded_by_records_and_by_bytes() {
        let clock = Clock::system();
        let large = put(&clock, 1, vec![0; MAX_INLINE_BYTES]);
        let mut round = Round::default();
        let mut taken = 0;
        while !round.is_full() {
            round.take(Request::Put(taken, vec![large.clone()]));
            taken += 1;
        }
        let bytes = MAX_INLINE_BYTES * usize::try_from(taken).unwrap();
        assert!((7 << 20..=8 << 20).contains(&bytes), "{bytes}");
        let small = put(&clock, 1, Vec::new());
        let mut round = Round::default();
        while !round.is_full() {
            round.take(Request::Put(1, vec![small.clone(); 16]));
        }
        assert_eq!(round.records, MAX_COMMIT);
    }
}
