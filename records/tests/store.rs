//! One suite, run on every store.
#![cfg(feature = "rocksdb")]
#![expect(
    clippy::unwrap_used,
    reason = "a test says that something is wrong by panicking"
)]

mod common;

use std::time::Duration;

use common::{DAY, NOW, chat, create, draft, member, put, put_valid, replica, valid};
use peerage_records::{
    codec::SignedRecord,
    id::{RecordId, RecordType},
    record::{Record, RecordDraft, RecordUpdate},
    store::{
        CHANGES_SLACK, ChangeKind, MAX_CHANGES_KEPT, Origin, Partition, Put, PutOutcome,
        RecordQuery, Store, StoreError, StoreErrorKind,
        memory::MemoryStore,
        rocks::{Durability, RocksOptions, RocksStore},
    },
    time::Timestamp,
};
use proptest::prelude::*;

macro_rules! on_every_store {
    ($($test:ident)*) => {
        mod memory {
            $(#[test] fn $test() { super::$test(&mut super::opened(super::MemoryStore::new())); })*
        }
        mod rocks {
            $(#[test] fn $test() {
                let folder = tempfile::tempdir().unwrap();
                let mut store = super::opened(super::rocks(folder.path()));
                super::$test(&mut store);
                let report = store.check().unwrap();
                assert!(report.is_sound(), "{:?}", report.problems);
            })*
        }
    };
}

on_every_store! {
    a_put_record_is_there_and_is_an_event
    an_identical_record_changes_nothing_and_is_no_event
    a_newer_version_replaces_and_an_older_one_loses
    versions_converge_whatever_the_order_of_arrival
    later_entries_of_a_batch_see_earlier_ones
    a_batch_is_all_or_nothing
    a_deleted_record_is_invisible_and_does_not_come_back
    a_tombstone_disappears_at_the_expiry_and_not_before
    expired_records_vanish_with_an_event_and_leave_the_summary
    forgetting_is_local_silent_and_not_for_good
    withdrawing_removes_exactly_the_versions_named_and_is_told
    a_scan_pages_through_everything_held
    a_snapshot_shows_what_was_there_when_it_was_taken
    listing_filters_by_type_and_pages_by_id
    summaries_differ_only_where_records_differ
    replicas_are_apart_and_can_be_dropped
    what_is_not_open_is_refused
    changes_resume_and_show_gaps
    notes_are_kept_replaced_and_bounded
    a_copy_takes_the_place_of_a_replica_in_one_step
}

fn rocks(path: &std::path::Path) -> RocksStore {
    let options = RocksOptions {
        durability: Durability::Buffered,
        ..RocksOptions::default()
    };
    RocksStore::open(path, &options).unwrap()
}

fn opened<S: Store>(mut store: S) -> S {
    store.open_replica(replica(1)).unwrap();
    store
}

fn put_one(store: &mut dyn Store, record: Record) -> PutOutcome {
    store.put(vec![put(record)], NOW).unwrap().remove(0)
}

fn stored(outcome: PutOutcome) -> ChangeKind {
    match outcome {
        PutOutcome::Stored(change) => change.kind,
        other => panic!("not stored: {other:?}"),
    }
}

fn application() -> RecordQuery {
    RecordQuery {
        kind: None,
        partition: Partition::Application,
        after: None,
        limit: 100,
    }
}

fn visible(store: &dyn Store, now: Timestamp) -> Vec<RecordId> {
    let found = store.list(&replica(1), &application(), now).unwrap();
    found.iter().map(|signed| signed.record().id).collect()
}

fn newest(store: &dyn Store) -> u64 {
    store.changes(&replica(1), 0, 0).unwrap().newest
}

fn updated(record: &Record, modifier: u8, payload: &[u8]) -> Record {
    let change = RecordUpdate {
        payload: Some(payload.to_vec()),
        ..RecordUpdate::default()
    };
    record.update(change, member(modifier), NOW).unwrap()
}

fn a_put_record_is_there_and_is_an_event(store: &mut dyn Store) {
    let record = valid(create(1, draft(b"e4")));
    let outcome = store.put(vec![put_valid(&record)], NOW).unwrap().remove(0);
    let PutOutcome::Stored(change) = outcome else {
        panic!("not stored: {outcome:?}");
    };
    assert_eq!((change.sequence, change.kind), (1, ChangeKind::Added));
    assert_eq!(
        (change.id, change.record_type),
        (record.record().id, chat())
    );
    assert_eq!(
        (change.hash, change.origin, change.at),
        (record.signed().hash(), Origin::Remote, NOW)
    );
    let held = store.get(&replica(1), &change.id).unwrap().unwrap();
    assert_eq!(held.bytes(), record.signed().bytes());
    let found = store.by_hash(&replica(1), &change.hash).unwrap().unwrap();
    assert_eq!(found.bytes(), record.signed().bytes());
    assert_eq!(store.changes(&replica(1), 0, 10).unwrap().changes, [change]);
    assert_eq!(visible(store, NOW), [record.record().id]);
}

fn an_identical_record_changes_nothing_and_is_no_event(store: &mut dyn Store) {
    let record = valid(create(1, draft(b"e4")));
    store.put(vec![put_valid(&record)], NOW).unwrap();
    let before = store.fingerprint(&replica(1), NOW).unwrap();
    let again = store
        .put(vec![put_valid(&record), put_valid(&record)], NOW)
        .unwrap();
    assert_eq!(again, [PutOutcome::Same, PutOutcome::Same]);
    assert_eq!(newest(store), 1);
    assert_eq!(store.fingerprint(&replica(1), NOW).unwrap(), before);
}

fn a_newer_version_replaces_and_an_older_one_loses(store: &mut dyn Store) {
    let first = create(1, draft(b"e4"));
    let second = updated(&first, 2, b"d4");
    assert_eq!(stored(put_one(store, first.clone())), ChangeKind::Added);
    assert_eq!(stored(put_one(store, second.clone())), ChangeKind::Updated);
    assert_eq!(put_one(store, first.clone()), PutOutcome::Superseded);
    assert_eq!(
        store.get(&replica(1), &first.id).unwrap().unwrap().record(),
        &second
    );
    let old = valid(first).signed().hash();
    assert!(store.by_hash(&replica(1), &old).unwrap().is_none());
    assert_eq!((store.count(&replica(1)).unwrap(), newest(store)), (1, 2));
}

fn versions_converge_whatever_the_order_of_arrival(store: &mut dyn Store) {
    let first = create(1, draft(b"e4"));
    let left = updated(&first, 1, b"d4");
    let right = updated(&first, 2, b"c4");
    let gone = left.delete(member(1), NOW).unwrap();
    let versions = [
        first.clone(),
        left,
        right.clone(),
        gone,
        updated(&right, 1, b"f4"),
    ];
    let (here, there) = (replica(1), replica(2));
    store.open_replica(there).unwrap();
    let puts = |replica| {
        versions.clone().map(|record| Put {
            replica,
            ..put(record)
        })
    };
    let mut backwards = puts(there);
    backwards.reverse();
    for put in puts(here).into_iter().chain(backwards) {
        store.put(vec![put], NOW).unwrap();
    }
    let (one, two) = (
        store.get(&here, &first.id).unwrap(),
        store.get(&there, &first.id).unwrap(),
    );
    assert_eq!(one, two);
    let fingerprints = [here, there].map(|replica| store.fingerprint(&replica, NOW).unwrap());
    assert_eq!(fingerprints[0], fingerprints[1]);
}

fn later_entries_of_a_batch_see_earlier_ones(store: &mut dyn Store) {
    let first = create(1, draft(b"e4"));
    let second = updated(&first, 2, b"d4");
    let batch = vec![
        put(first.clone()),
        put(second.clone()),
        put(first),
        put(second.clone()),
    ];
    let outcomes = store.put(batch, NOW).unwrap();
    assert_eq!(stored(outcomes[0].clone()), ChangeKind::Added);
    assert_eq!(stored(outcomes[1].clone()), ChangeKind::Updated);
    assert_eq!(outcomes[2..], [PutOutcome::Superseded, PutOutcome::Same]);
    assert_eq!(
        store
            .get(&replica(1), &second.id)
            .unwrap()
            .unwrap()
            .record(),
        &second
    );
    assert_eq!(
        store
            .summary(&replica(1), Partition::Application)
            .unwrap()
            .len(),
        1
    );
    let sequences = store.changes(&replica(1), 0, 10).unwrap().changes;
    assert_eq!(
        sequences
            .iter()
            .map(|change| change.sequence)
            .collect::<Vec<_>>(),
        [1, 2]
    );
}

fn a_batch_is_all_or_nothing(store: &mut dyn Store) {
    let stranger = Put {
        replica: replica(9),
        ..put(create(2, draft(b"d4")))
    };
    let refused = store
        .put(vec![put(create(1, draft(b"e4"))), stranger], NOW)
        .unwrap_err();
    assert_eq!(refused.kind(), StoreErrorKind::Misuse);
    assert_eq!((store.count(&replica(1)).unwrap(), newest(store)), (0, 0));
}

fn a_deleted_record_is_invisible_and_does_not_come_back(store: &mut dyn Store) {
    let record = create(1, draft(b"e4"));
    let gone = record.delete(member(1), NOW).unwrap();
    put_one(store, record.clone());
    assert_eq!(stored(put_one(store, gone)), ChangeKind::Deleted);
    assert_eq!(visible(store, NOW), []);
    let typed = RecordQuery {
        kind: Some(chat()),
        ..application()
    };
    assert_eq!(store.list(&replica(1), &typed, NOW).unwrap(), []);
    // A member that was away brings the old version.
    assert_eq!(put_one(store, record.clone()), PutOutcome::Superseded);
    assert_eq!(visible(store, NOW), []);
    let held = store.get(&replica(1), &record.id).unwrap().unwrap();
    assert!(held.record().deleted && held.record().payload.is_empty());
    assert_eq!(
        store
            .summary(&replica(1), Partition::Application)
            .unwrap()
            .len(),
        1
    );
}

fn a_tombstone_disappears_at_the_expiry_and_not_before(store: &mut dyn Store) {
    let record = create(1, draft(b"e4"));
    put_one(store, record.clone());
    put_one(store, record.delete(member(1), NOW).unwrap());
    let before = NOW + DAY - Duration::from_millis(1);
    assert_eq!(store.expire(&replica(1), before, 10).unwrap(), []);
    assert!(store.get(&replica(1), &record.id).unwrap().is_some());
    // Purging is not an event: the application was told when the record was deleted.
    assert_eq!(store.expire(&replica(1), NOW + DAY, 10).unwrap(), []);
    assert!(store.get(&replica(1), &record.id).unwrap().is_none());
    assert_eq!((store.count(&replica(1)).unwrap(), newest(store)), (0, 2));
}

fn expired_records_vanish_with_an_event_and_leave_the_summary(store: &mut dyn Store) {
    let long = create(
        9,
        RecordDraft {
            expires: NOW + DAY + DAY,
            ..draft(b"d4")
        },
    );
    put_one(store, long.clone());
    let untouched = store.fingerprint(&replica(1), NOW).unwrap();
    for entropy in 1..=3 {
        put_one(store, create(entropy, draft(b"e4")));
    }
    let then = NOW + DAY;
    // On read at once, on disk when swept.
    assert_eq!(visible(store, then), [long.id]);
    let typed = RecordQuery {
        kind: Some(chat()),
        ..application()
    };
    assert_eq!(store.list(&replica(1), &typed, then).unwrap().len(), 1);
    assert_eq!(store.fingerprint(&replica(1), then).unwrap(), untouched);
    let first = store.expire(&replica(1), then, 2).unwrap();
    let rest = store.expire(&replica(1), then, 2).unwrap();
    assert_eq!((first.len(), rest.len()), (2, 1));
    assert!(
        first
            .iter()
            .chain(&rest)
            .all(|change| change.kind == ChangeKind::Expired)
    );
    assert_eq!(rest[0].sequence, newest(store));
    assert_eq!(
        store
            .summary(&replica(1), Partition::Application)
            .unwrap()
            .len(),
        1
    );
    assert_eq!(store.fingerprint(&replica(1), then).unwrap(), untouched);
}

fn forgetting_is_local_silent_and_not_for_good(store: &mut dyn Store) {
    let record = create(1, draft(b"e4"));
    put_one(store, record.clone());
    store.forget(&replica(1), &record.id).unwrap();
    store.forget(&replica(1), &record.id).unwrap();
    assert!(store.get(&replica(1), &record.id).unwrap().is_none());
    assert_eq!((store.count(&replica(1)).unwrap(), newest(store)), (0, 1));
    assert!(
        store
            .summary(&replica(1), Partition::Application)
            .unwrap()
            .is_empty()
    );
    assert_eq!(stored(put_one(store, record)), ChangeKind::Added);
}

fn withdrawing_removes_exactly_the_versions_named_and_is_told(store: &mut dyn Store) {
    let (gone, changed, buried) = (
        create(1, draft(b"gone")),
        create(2, draft(b"changed")),
        create(3, draft(b"buried")),
    );
    let versions: Vec<_> = [&gone, &changed]
        .map(|record| (record.id, valid(record.clone()).signed().hash()))
        .to_vec();
    let tomb = valid(buried.delete(member(1), NOW).unwrap());
    for record in [
        gone.clone(),
        changed.clone(),
        updated(&changed, 1, b"newer"),
    ] {
        put_one(store, record);
    }
    store.put(vec![put_valid(&tomb)], NOW).unwrap();
    let before = newest(store);
    let named = [versions, vec![(buried.id, tomb.signed().hash())]].concat();
    let twice = [named.clone(), named].concat();
    let changes = store.withdraw(&replica(1), &twice, NOW).unwrap();
    assert_eq!(
        changes.len(),
        1,
        "a newer version and a tombstone are not told"
    );
    assert_eq!(
        (changes[0].id, changes[0].kind),
        (gone.id, ChangeKind::Deleted)
    );
    assert_eq!(newest(store), before + 1);
    assert_eq!(visible(store, NOW), [changed.id]);
    assert_eq!(store.count(&replica(1)).unwrap(), 1);
    assert_eq!(stored(put_one(store, gone)), ChangeKind::Added);
}

fn a_scan_pages_through_everything_held(store: &mut dyn Store) {
    let records: Vec<Record> = (0..5).map(|entropy| create(entropy, draft(b"x"))).collect();
    for record in &records {
        put_one(store, record.clone());
    }
    put_one(store, records[4].delete(member(1), NOW).unwrap());
    let mut ids = Vec::new();
    loop {
        let page = store.scan(&replica(1), ids.last(), 2).unwrap();
        if page.is_empty() {
            break;
        }
        ids.extend(page.iter().map(|signed| signed.record().id));
    }
    let mut expected: Vec<RecordId> = records.iter().map(|record| record.id).collect();
    expected.sort();
    assert_eq!(ids, expected);
}

fn a_snapshot_shows_what_was_there_when_it_was_taken(store: &mut dyn Store) {
    let records: Vec<Record> = (0..5).map(|entropy| create(entropy, draft(b"x"))).collect();
    for record in &records[..4] {
        put_one(store, record.clone());
    }
    let snapshot = store.snapshot(&replica(1)).unwrap();
    assert_eq!(snapshot.sequence(), newest(store));
    let before = store.scan(&replica(1), None, 100).unwrap();
    // Everything changes between one page and the next.
    let mut seen = snapshot.scan(None, 2).unwrap();
    for record in &records[..3] {
        put_one(store, record.delete(member(1), NOW).unwrap());
    }
    put_one(store, records[4].clone());
    store.forget(&replica(1), &records[3].id).unwrap();
    while let [.., last] = seen.as_slice() {
        let page = snapshot.scan(Some(&last.record().id), 2).unwrap();
        if page.is_empty() {
            break;
        }
        seen.extend(page);
    }
    let hashes = |found: &[SignedRecord]| found.iter().map(SignedRecord::hash).collect::<Vec<_>>();
    assert_eq!(hashes(&seen), hashes(&before));
    // What follows it in the log is what it does not show.
    let since = store
        .changes(&replica(1), snapshot.sequence(), 100)
        .unwrap();
    assert_eq!(since.changes.len(), 4);
    let later = store.snapshot(&replica(1)).unwrap();
    assert_eq!(later.scan(None, 100).unwrap().len(), 4);
    assert!(matches!(
        store.snapshot(&replica(2)),
        Err(StoreError::UnknownReplica(_))
    ));
}

fn listing_filters_by_type_and_pages_by_id(store: &mut dyn Store) {
    let mail = RecordType::from_name("mail");
    let mut ids = Vec::new();
    for entropy in 0..10 {
        let kind = if entropy % 2 == 0 { chat() } else { mail };
        let record = create(
            entropy,
            RecordDraft {
                kind,
                ..draft(b"x")
            },
        );
        ids.push((record.id, kind));
        put_one(store, record);
    }
    let reserved = RecordType::MEMBERSHIP;
    let own = Record::create_reserved(reserved, common::group(), member(1), NOW + DAY, vec![], NOW);
    put_one(store, own.unwrap());
    ids.sort_unstable();
    for kind in [None, Some(chat()), Some(mail)] {
        let expected: Vec<_> = ids
            .iter()
            .filter(|(_, of)| kind.is_none_or(|kind| kind == *of))
            .map(|(id, _)| *id)
            .collect();
        let mut query = RecordQuery {
            kind,
            limit: 3,
            ..application()
        };
        let mut found = Vec::new();
        loop {
            let page = store.list(&replica(1), &query, NOW).unwrap();
            assert!(page.len() <= 3);
            let Some(last) = page.last() else { break };
            query.after = Some(last.record().id);
            found.extend(page.iter().map(|signed| signed.record().id));
        }
        assert_eq!(found, expected);
    }
    let membership = RecordQuery {
        partition: Partition::Membership,
        ..application()
    };
    let found = store.list(&replica(1), &membership, NOW).unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].record().kind, reserved);
    let mismatch = RecordQuery {
        kind: Some(chat()),
        ..membership
    };
    assert_eq!(store.list(&replica(1), &mismatch, NOW).unwrap(), []);
}

fn summaries_differ_only_where_records_differ(store: &mut dyn Store) {
    store.open_replica(replica(2)).unwrap();
    let records: Vec<_> = (0..20)
        .map(|entropy| create(entropy, draft(b"x")))
        .collect();
    for to in [replica(1), replica(2)] {
        let batch = records.iter().map(|r| Put {
            replica: to,
            ..put(r.clone())
        });
        store.put(batch.collect(), NOW).unwrap();
    }
    let half = Partition::Application;
    assert_eq!(
        store.summary(&replica(1), half).unwrap(),
        store.summary(&replica(2), half).unwrap()
    );
    let change = updated(&records[7], 2, b"y");
    put_one(store, change.clone());
    let versions = |store: &dyn Store, of| -> std::collections::BTreeSet<_> {
        store
            .summary(of, half)
            .unwrap()
            .iter()
            .map(|(_, hash)| hash)
            .collect()
    };
    let (one, two) = (versions(store, &replica(1)), versions(store, &replica(2)));
    let only_here: Vec<_> = one.difference(&two).copied().collect();
    let only_there: Vec<_> = two.difference(&one).copied().collect();
    assert_eq!(only_here, [valid(change.clone()).signed().hash()]);
    assert_eq!(only_there, [valid(records[7].clone()).signed().hash()]);
    // Exchanging what differs, in both directions, leaves both with the winners.
    store
        .put(
            vec![Put {
                replica: replica(2),
                ..put(change)
            }],
            NOW,
        )
        .unwrap();
    assert_eq!(put_one(store, records[7].clone()), PutOutcome::Superseded);
    let fingerprint = store.fingerprint(&replica(1), NOW).unwrap();
    assert_eq!(store.fingerprint(&replica(2), NOW).unwrap(), fingerprint);
}

fn replicas_are_apart_and_can_be_dropped(store: &mut dyn Store) {
    store.open_replica(replica(2)).unwrap();
    let record = create(1, draft(b"e4"));
    put_one(store, record.clone());
    store
        .put(
            vec![Put {
                replica: replica(2),
                ..put(record.clone())
            }],
            NOW,
        )
        .unwrap();
    store.drop_replica(replica(1)).unwrap();
    store.drop_replica(replica(1)).unwrap();
    assert_eq!(store.replicas().unwrap(), [replica(2)]);
    assert!(store.get(&replica(2), &record.id).unwrap().is_some());
    store.open_replica(replica(1)).unwrap();
    assert_eq!((store.count(&replica(1)).unwrap(), newest(store)), (0, 0));
    assert_eq!(visible(store, NOW), []);
}

fn what_is_not_open_is_refused(store: &mut dyn Store) {
    let unknown = replica(9);
    let id = create(1, draft(b"e4")).id;
    for refused in [
        store.get(&unknown, &id).map(drop),
        store.list(&unknown, &application(), NOW).map(drop),
        store.expire(&unknown, NOW, 1).map(drop),
        store.forget(&unknown, &id),
        store.changes(&unknown, 0, 1).map(drop),
        store.summary(&unknown, Partition::Membership).map(drop),
        store.fingerprint(&unknown, NOW).map(drop),
        store.count(&unknown).map(drop),
    ] {
        assert_eq!(refused.unwrap_err().kind(), StoreErrorKind::Misuse);
    }
}

fn changes_resume_and_show_gaps(store: &mut dyn Store) {
    let empty = store.changes(&replica(1), 0, 10).unwrap();
    assert_eq!((empty.changes.len(), empty.oldest, empty.newest), (0, 1, 0));
    // One record over and over: two changes of one record per batch entry pair.
    let first = create(1, draft(b"e4"));
    let second = put_valid(&valid(updated(&first, 1, b"d4")));
    let first = put_valid(&valid(first));
    let id = first.record.record().id;
    let wanted = MAX_CHANGES_KEPT + CHANGES_SLACK + 10;
    let mut made = 0;
    while made < wanted {
        let batch = vec![first.clone(), second.clone()];
        made += store.put(batch, NOW).unwrap().len() as u64;
        store.forget(&replica(1), &id).unwrap();
    }
    let all = store.changes(&replica(1), 0, usize::MAX).unwrap();
    assert_eq!(all.newest, made);
    assert!(all.oldest > 1, "the log was cut");
    assert_eq!(all.changes.len() as u64, all.newest - all.oldest + 1);
    assert!(all.changes.len() as u64 <= MAX_CHANGES_KEPT + CHANGES_SLACK);
    assert!(all.changes.len() as u64 >= MAX_CHANGES_KEPT);
    let page = store.changes(&replica(1), all.newest - 5, 3).unwrap();
    let numbers: Vec<_> = page.changes.iter().map(|change| change.sequence).collect();
    assert_eq!(numbers, [made - 4, made - 3, made - 2]);
    assert_eq!(store.changes(&replica(1), made, 3).unwrap().changes, []);
    assert_eq!(store.changes(&replica(1), u64::MAX, 3).unwrap().changes, []);
    store.put(vec![second], NOW).unwrap();
}

fn notes_are_kept_replaced_and_bounded(store: &mut dyn Store) {
    assert_eq!(store.note(b"cursor").unwrap(), None);
    store.put_note(b"cursor", b"1").unwrap();
    store.put_note(b"cursor", b"2").unwrap();
    assert_eq!(store.note(b"cursor").unwrap().as_deref(), Some(&b"2"[..]));
    store.delete_note(b"cursor").unwrap();
    store.delete_note(b"cursor").unwrap();
    assert_eq!(store.note(b"cursor").unwrap(), None);
    let refused = store.put_note(&[0; 2000], b"").unwrap_err();
    assert_eq!(refused.kind(), StoreErrorKind::Misuse);
}

#[test]
fn everything_is_there_after_reopening() {
    let folder = tempfile::tempdir().unwrap();
    let record = create(1, draft(b"e4"));
    let gone = create(2, draft(b"d4"));
    let mut store = opened(RocksStore::open(folder.path(), &RocksOptions::default()).unwrap());
    put_one(&mut store, record.clone());
    put_one(&mut store, gone.clone());
    put_one(&mut store, gone.delete(member(1), NOW).unwrap());
    store.put_note(b"cursor", b"7").unwrap();
    let fingerprint = store.fingerprint(&replica(1), NOW).unwrap();
    let changes = store.changes(&replica(1), 0, 10).unwrap();
    let summary = store.summary(&replica(1), Partition::Application).unwrap();
    drop(store);
    let store = opened(RocksStore::open(folder.path(), &RocksOptions::default()).unwrap());
    assert_eq!(store.fingerprint(&replica(1), NOW).unwrap(), fingerprint);
    assert_eq!(store.changes(&replica(1), 0, 10).unwrap(), changes);
    assert_eq!(
        store.summary(&replica(1), Partition::Application).unwrap(),
        summary
    );
    assert_eq!(store.note(b"cursor").unwrap().as_deref(), Some(&b"7"[..]));
    assert_eq!(visible(&store, NOW), [record.id]);
    // Offline or not: what expires is gone for the application.
    assert_eq!(visible(&store, NOW + DAY), []);
}

#[test]
fn a_checkpoint_is_a_complete_store() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = opened(rocks(&folder.path().join("store")));
    let record = create(1, draft(b"e4"));
    put_one(&mut store, record.clone());
    let copy = folder.path().join("copy");
    store.checkpoint(&copy).unwrap();
    put_one(&mut store, create(2, draft(b"d4")));
    let copy = opened(rocks(&copy));
    assert_eq!(visible(&copy, NOW), [record.id]);
    assert!(copy.check().unwrap().is_sound());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn rocksdb_answers_like_the_memory_store(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        let folder = tempfile::tempdir().unwrap();
        let store = common::ops::run(&bytes, rocks(folder.path()), [replica(1), replica(2)], |store| {
            drop(store);
            rocks(folder.path())
        });
        let report = store.check().unwrap();
        prop_assert!(report.is_sound(), "{:?}", report.problems);
    }
}

fn a_copy_takes_the_place_of_a_replica_in_one_step(store: &mut dyn Store) {
    let staging = replica(9);
    for number in 0..200 {
        put_one(store, create(number, draft(&[7; 40_000])));
    }
    let newest = newest(store);
    let fingerprint = store.fingerprint(&replica(1), NOW).unwrap();
    store.open_replica(staging).unwrap();
    let mut at = None;
    let mut steps = 0;
    while let Some(next) = store.copy_replica(&replica(1), &staging, at).unwrap() {
        at = Some(next);
        steps += 1;
    }
    // A store on disk copies piece by piece.
    assert!(steps < 100);
    assert_eq!(store.fingerprint(&staging, NOW).unwrap(), fingerprint);
    // What is put into the copy does not show yet.
    let more = valid(create(1_000, draft(b"e4")));
    let put = Put {
        replica: staging,
        ..put_valid(&more)
    };
    let outcome = store.put(vec![put], NOW).unwrap().remove(0);
    let PutOutcome::Stored(change) = outcome else {
        panic!("not stored: {outcome:?}");
    };
    assert_eq!(change.sequence, newest + 1, "its numbers go on");
    assert_eq!(store.get(&replica(1), &more.record().id).unwrap(), None);
    store.replace_replica(staging, replica(1)).unwrap();
    assert_eq!(store.count(&replica(1)).unwrap(), 201);
    assert_eq!(
        store.get(&replica(1), &more.record().id).unwrap().as_ref(),
        Some(more.signed())
    );
    let changes = store.changes(&replica(1), newest, 10).unwrap();
    assert_eq!((changes.changes.len(), changes.newest), (1, newest + 1));
    let error = store.count(&staging).unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Misuse);
    assert_eq!(store.replicas().unwrap(), [replica(1)]);
    // As where there was none before.
    store.replace_replica(replica(1), replica(2)).unwrap();
    assert_eq!(store.count(&replica(2)).unwrap(), 201);
    store.replace_replica(replica(2), replica(1)).unwrap();
}

#[test]
fn an_epoch_begins_the_numbers_anew_and_far_above() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = opened(rocks(folder.path()));
    put_one(&mut store, create(1, draft(b"e4")));
    let before = newest(&store);
    store.begin_epoch().unwrap();
    let newest_of = |store: &RocksStore| store.changes(&replica(1), 0, 10).unwrap();
    let changes = newest_of(&store);
    assert!(changes.changes.is_empty() && changes.newest >= before + (1 << 32));
    // Whoever has seen anything of before has a gap.
    assert_eq!(changes.oldest, changes.newest + 1);
    drop(store);
    let mut store = opened(rocks(folder.path()));
    assert_eq!(newest_of(&store), changes, "also after it was opened again");
    put_one(&mut store, create(2, draft(b"e5")));
    assert_eq!(newest(&store), changes.newest + 1);
    assert_eq!(store.count(&replica(1)).unwrap(), 2);
    let report = store.check().unwrap();
    assert!(report.is_sound(), "{:?}", report.problems);
    // A replica that is copied keeps its numbers.
    store.open_replica(replica(9)).unwrap();
    let mut at = None;
    while let Some(next) = store.copy_replica(&replica(1), &replica(9), at).unwrap() {
        at = Some(next);
    }
    assert_eq!(
        store.changes(&replica(9), 0, 10).unwrap().newest,
        changes.newest + 1
    );
    store.begin_epoch().unwrap();
    assert!(newest(&store) > changes.newest + (1 << 32));
}
