//! A stream over a real store's thread, with more changes than are kept.

use std::{collections::BTreeSet, time::Duration};

use futures::FutureExt;
use peerage_protocol::identity::Identity;
use peerage_records::{
    codec::SignedRecord,
    id::{GroupId, RecordType},
    judge::{Judge, Refusal},
    record::{Record, RecordDraft},
    store::{self, CHANGES_SLACK, MAX_CHANGES_KEPT, Put, Store, memory::MemoryStore},
    time::Timestamp,
    validate::validate,
};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::event::feed::{Feed, Origin};

struct Anybody;

impl Judge for Anybody {
    fn judge(&self, _: &SignedRecord, _: Timestamp) -> Result<(), Refusal> {
        Ok(())
    }
}

/// A store in which one record has come and gone until so many changes were made.
fn worn(clock: &Clock, changes: u64) -> (MemoryStore, ReplicaId) {
    let now = clock.timestamp();
    let identity = Identity::from_seed(&[7; 32], "", None, now, &mut rand::rng()).unwrap();
    let group = GroupId::of_name("g");
    let draft = RecordDraft {
        kind: RecordType::from_name("note"),
        expires: now + Duration::from_secs(60 * 60),
        attributes: Vec::new(),
        payload: Vec::new(),
    };
    let record = Record::create(draft, group, identity.key(), [1; 8], now).unwrap();
    let signed = SignedRecord::sign(record, |bytes| identity.sign(bytes));
    let replica = ReplicaId::of(&identity.key(), &group);
    let put = Put {
        replica,
        record: validate(signed, &group, &Anybody, now).unwrap(),
        origin: store::Origin::Local,
    };
    let mut store = MemoryStore::new();
    store.open_replica(replica).unwrap();
    for _ in 0..changes {
        store.put(vec![put.clone()], now).unwrap();
        store.forget(&replica, &put.record.record().id).unwrap();
    }
    (store, replica)
}

fn source(storing: Storing, replica: ReplicaId, clock: &Clock) -> Source {
    Source {
        replica,
        storing,
        metrics: Arc::new(Metrics::new()),
        clock: clock.clone(),
        life: Life {
            shared: Arc::default(),
            closed: CancellationToken::new(),
            stopped: CancellationToken::new(),
        },
    }
}

fn stream(source: &Source, feed: &Arc<Feed>, after: Option<Position>) -> EventStream {
    let filter = EventFilter::all();
    let listening = feed.listen(filter.clone(), after);
    EventStream::new(source.clone(), filter, listening)
}

#[tokio::test]
async fn what_is_no_longer_kept_is_a_gap_and_the_rest_follows() {
    let clock = Clock::system();
    let newest = MAX_CHANGES_KEPT + CHANGES_SLACK + 1;
    let (store, replica) = worn(&clock, newest);
    let (told, _heard) = mpsc::unbounded_channel();
    let metrics = Arc::new(Metrics::new());
    let store = Box::new(store);
    let (storing, thread) = Storing::start(store, clock.clone(), metrics, told, ()).unwrap();
    let source = source(storing.clone(), replica, &clock);
    let at = clock.timestamp();
    let feed = Arc::new(Feed::new("chess".into(), Origin { newest, at }));

    let mut events = stream(&source, &feed, Some(Position::START));
    let gap = events.next_now().await.unwrap().unwrap();
    assert_eq!(gap.kind, EventKind::Gap);
    let kept_from = gap.position.sequence + 1;
    assert_eq!(newest - gap.position.sequence, MAX_CHANGES_KEPT);
    let mut seen = BTreeSet::new();
    while let Some(event) = events.next_now().await.unwrap() {
        assert_eq!(event.kind, EventKind::RecordAdded);
        seen.insert(event.position.sequence);
    }
    assert!(seen.into_iter().eq(kept_from..=newest));

    // What is kept to the last of it has no gap; what is of another database has nothing else.
    let mut whole = stream(&source, &feed, Some(gap.position));
    let first = whole.next_now().await.unwrap().unwrap();
    assert_eq!(first.sequence, Some(kept_from));
    let mut other = stream(&source, &feed, Some(Position::of(newest + 1)));
    let gap = other.next_now().await.unwrap().unwrap();
    assert_eq!(
        (gap.kind, gap.position),
        (EventKind::Gap, Position::of(newest))
    );
    assert!(other.next_now().await.unwrap().is_none());
    storing.stop().await;
    thread.join().unwrap();
}

#[tokio::test]
async fn a_failure_of_the_store_is_the_last_thing_told() {
    let clock = Clock::system();
    let (told, _heard) = mpsc::unbounded_channel();
    let metrics = Arc::new(Metrics::new());
    let store = Box::new(MemoryStore::new());
    let (storing, thread) = Storing::start(store, clock.clone(), metrics, told, ()).unwrap();
    // The store does not know the replica.
    let (_, replica) = worn(&clock, 0);
    let source = source(storing.clone(), replica, &clock);
    let at = clock.timestamp();
    let feed = Arc::new(Feed::new("chess".into(), Origin { newest: 3, at }));
    let mut events = stream(&source, &feed, Some(Position::START));
    assert!(events.next_now().await.is_err());
    let after = events.next_now().await.unwrap_err();
    assert_eq!(after.code(), "events_ended");
    assert!(
        futures::StreamExt::next(&mut events)
            .now_or_never()
            .unwrap()
            .is_none()
    );
    storing.stop().await;
    thread.join().unwrap();
}
