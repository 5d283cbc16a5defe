use std::time::Duration;

use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng};

use super::*;
use crate::{
    discovery::{Announcement, Rendezvous},
    secret::DiscoverySecret,
};

const HOUR: Duration = Duration::from_secs(3600);

fn start() -> Timestamp {
    Timestamp::from_secs(1_800_000_000)
}

fn group(n: u32) -> Rendezvous {
    let mut secret = [7; 32];
    secret[..4].copy_from_slice(&n.to_be_bytes());
    Rendezvous::new(&DiscoverySecret::from_bytes(secret), &Cloud::global())
}

fn record_of(group: &Rendezvous, peer: PeerId, at: Timestamp) -> Record {
    let announcement = Announcement::online(peer, [], vec![]).unwrap();
    let set = group
        .seal(
            &mut ChaCha20Rng::seed_from_u64(3),
            &announcement,
            at,
            at + HOUR,
        )
        .unwrap();
    super::super::record(group.key(), &set)
}

fn store() -> (Store, Clock) {
    let clock = Clock::new(start());
    (
        Store::new(PeerId::random(), Cloud::global(), clock.clone()),
        clock,
    )
}

/// A store for three keys of others and one of its own.
fn small_store() -> (Store, Clock) {
    let (mut store, clock) = store();
    store.limits.keys = 3;
    store.limits.own_keys = 1;
    (store, clock)
}

fn found(store: &Store, group: &Rendezvous, now: Timestamp) -> usize {
    let Some(record) = store.get(&RecordKey::from(group.key().to_vec())) else {
        return 0;
    };
    group.read(&record.value, None, now).unwrap().entry_count()
}

/// The indexes say what the map says.
fn check(store: &Store) {
    assert_eq!(store.by_expiry.len(), store.held.len());
    let others = store
        .held
        .values()
        .filter(|held| held.owner == Owner::Others);
    assert_eq!(store.by_distance.len(), others.count());
    let bytes: usize = store
        .held
        .values()
        .map(|held| held.set.encode().len())
        .sum();
    assert_eq!(store.counts().bytes, bytes);
    for (distance, key) in &store.by_distance {
        assert_eq!(*distance, store.distance(key));
    }
}

#[test]
fn entries_of_two_publishers_are_merged() {
    let (mut store, _) = store();
    store
        .put(record_of(&group(1), PeerId::random(), start()))
        .unwrap();
    store
        .put(record_of(&group(1), PeerId::random(), start()))
        .unwrap();
    assert_eq!(found(&store, &group(1), start()), 2);
    assert_eq!(store.counts().keys, 1);
    check(&store);
}

#[test]
fn the_same_bytes_again_are_a_refresh() {
    let (mut store, _) = store();
    let record = record_of(&group(1), PeerId::random(), start());
    store.put(record.clone()).unwrap();
    store.put(record.clone()).unwrap();
    // Also by a republisher that knows nothing of the group, with the value as it was given out.
    let given = store.get(&record.key).unwrap().into_owned();
    store.put(given.clone()).unwrap();
    assert_eq!(given.value, record.value);
    assert_eq!(store.counts().stored, 3);
    check(&store);
}

#[test]
fn nobody_learns_who_brought_a_value() {
    let (mut store, _) = store();
    let mut record = record_of(&group(1), PeerId::random(), start());
    record.publisher = Some(PeerId::random());
    store.put(record.clone()).unwrap();
    assert_eq!(store.get(&record.key).unwrap().publisher, None);
}

#[test]
fn forged_foreign_and_unknown_values_are_refused() {
    let (mut store, _) = store();
    let good = record_of(&group(1), PeerId::random(), start());
    let mut elsewhere = good.clone();
    elsewhere.key = RecordKey::from(group(2).key().to_vec());
    let mut damaged = good.clone();
    *damaged.value.last_mut().unwrap() ^= 1;
    let mut free_storage = good.clone();
    free_storage.value = vec![0; 100];
    let mut short_key = good.clone();
    short_key.key = RecordKey::from(vec![1; 31]);
    for record in [elsewhere, damaged, free_storage, short_key] {
        assert!(store.put(record).is_err());
    }
    assert_eq!(store.counts().refused, 4);
    assert_eq!(store.counts().keys, 0);
    store.put(good).unwrap();
}

#[test]
fn a_value_of_another_cloud_is_refused() {
    let (mut store, _) = store();
    let site = Cloud::site("berlin").unwrap();
    let elsewhere = Rendezvous::new(&DiscoverySecret::from_bytes([7; 32]), &site);
    let record = record_of(&elsewhere, PeerId::random(), start());
    assert_eq!(
        store.insert(&record),
        Err(Refusal::BadValue(SetError::WrongKey))
    );
}

#[test]
fn expired_entries_are_not_given_out_and_then_forgotten() {
    let (mut store, clock) = store();
    store
        .put(record_of(&group(1), PeerId::random(), start()))
        .unwrap();
    let later = start() + HOUR / 2;
    clock.set(later);
    store
        .put(record_of(&group(1), PeerId::random(), later))
        .unwrap();
    assert_eq!(found(&store, &group(1), later), 2);
    clock.set(start() + HOUR);
    assert_eq!(found(&store, &group(1), start() + HOUR), 1);
    clock.set(later + HOUR);
    assert_eq!(found(&store, &group(1), later + HOUR), 0);
    store.expire();
    assert_eq!((store.counts().keys, store.counts().bytes), (0, 0));
    assert_eq!(store.counts().expired, 1);
    check(&store);
}

#[test]
fn a_store_that_was_not_told_the_time_stores_nothing() {
    let mut store = Store::new(PeerId::random(), Cloud::global(), Clock::default());
    assert!(
        store
            .put(record_of(&group(1), PeerId::random(), start()))
            .is_err()
    );
}

#[test]
fn a_flood_of_keys_leaves_the_closest() {
    let (mut store, _) = small_store();
    let mut distances = Vec::new();
    for n in 0..60 {
        let _ = store.put(record_of(&group(n), PeerId::random(), start()));
        distances.push(store.distance(&group(n).key()));
        assert!(store.counts().keys <= 3);
    }
    distances.sort_unstable();
    let kept: Vec<_> = store
        .by_distance
        .iter()
        .map(|(distance, _)| *distance)
        .collect();
    assert_eq!(kept, distances[..3]);
    let counts = store.counts();
    assert_eq!(counts.evicted + counts.full, 57);
    check(&store);
}

#[test]
fn a_flood_of_bytes_is_bounded() {
    let (mut store, _) = store();
    store.limits.bytes = 5_000;
    for n in 0..200 {
        let _ = store.put(record_of(&group(n % 7), PeerId::random(), start()));
        assert!(store.counts().bytes <= 5_000);
        check(&store);
    }
    assert!(store.counts().keys > 0);
}

#[test]
fn expired_keys_make_room_before_any_is_evicted() {
    let (mut store, clock) = small_store();
    for n in 0..3 {
        store
            .put(record_of(&group(n), PeerId::random(), start()))
            .unwrap();
    }
    let later = start() + HOUR;
    clock.set(later);
    for n in 3..6 {
        store
            .put(record_of(&group(n), PeerId::random(), later))
            .unwrap();
    }
    let counts = store.counts();
    assert_eq!((counts.keys, counts.expired, counts.evicted), (3, 3, 0));
    check(&store);
}

#[test]
fn own_keys_are_bounded_and_survive_a_flood() {
    let (mut store, _) = small_store();
    let own = |n| Record {
        publisher: Some(store.local_peer),
        ..record_of(&group(n), PeerId::random(), start())
    };
    let (mine, another) = (own(1000), own(1001));
    store.put(mine.clone()).unwrap();
    assert!(store.put(another).is_err());
    for n in 0..60 {
        let _ = store.put(record_of(&group(n), PeerId::random(), start()));
    }
    // Another member of the group puts to it as well.
    store
        .put(record_of(&group(1000), PeerId::random(), start()))
        .unwrap();
    assert_eq!(found(&store, &group(1000), start()), 2);
    assert_eq!(store.counts().keys, 4);
    // And refreshing it is always possible.
    store.put(mine).unwrap();
    check(&store);
}

#[test]
fn a_full_store_keeps_what_it_had_of_a_key_that_grew() {
    let (mut store, _) = store();
    store
        .put(record_of(&group(1), PeerId::random(), start()))
        .unwrap();
    store.limits.bytes = store.counts().bytes;
    let more = record_of(&group(1), PeerId::random(), start());
    assert_eq!(store.insert(&more), Err(Refusal::Full));
    assert_eq!(found(&store, &group(1), start()), 1);
    check(&store);
}

#[test]
fn providers_are_refused() {
    let (mut store, _) = store();
    let key = RecordKey::from(group(1).key().to_vec());
    let provider = ProviderRecord::new(key.clone(), PeerId::random(), vec![]);
    assert!(store.add_provider(provider).is_err());
    assert!(store.providers(&key).is_empty());
    assert_eq!(store.counts().providers_refused, 1);
}

#[test]
fn records_and_remove_agree_with_get() {
    let (mut store, _) = store();
    for n in 0..3 {
        store
            .put(record_of(&group(n), PeerId::random(), start()))
            .unwrap();
    }
    let all: Vec<Record> = store.records().map(Cow::into_owned).collect();
    assert_eq!(all.len(), 3);
    for record in all {
        assert_eq!(*store.get(&record.key).unwrap(), record);
        store.remove(&record.key);
        assert!(store.get(&record.key).is_none());
    }
    check(&store);
}
