use std::collections::BTreeSet;

use negentropy::{Negentropy, NegentropyStorageVector, Storage};
use proptest::prelude::*;

use super::*;

fn hash(n: u64) -> EnvelopeHash {
    EnvelopeHash::of(&n.to_be_bytes())
}

fn at(millis: u64) -> Timestamp {
    Timestamp::from_millis(millis)
}

fn filled(numbers: impl IntoIterator<Item = u64>) -> Summary {
    let mut summary = Summary::new();
    for n in numbers {
        summary.insert(at(n), &hash(n));
    }
    summary
}

#[test]
fn a_snapshot_does_not_change() {
    let mut summary = filled(0..1000);
    let snapshot = summary.clone();
    let before: Vec<_> = snapshot.iter().collect();
    for n in 0..1000 {
        summary.remove(at(n), &hash(n));
        summary.insert(at(n + 5000), &hash(n + 5000));
    }
    assert!(snapshot.iter().eq(before));
    assert_ne!(summary, snapshot);
    assert_ne!(summary.digest(), snapshot.digest());
}

#[test]
fn versions_out_of_order_are_handed_back() {
    let (one, two) = ((at(1), hash(1)), (at(2), hash(2)));
    assert!(Summary::from_sorted([one, two]).is_ok());
    assert_eq!(Summary::from_sorted([two, one]), Err(one));
    assert_eq!(Summary::from_sorted([one, one]), Err(one));
}

#[test]
fn buckets_stay_bounded_and_are_merged_when_they_empty() {
    let mut summary = filled(0..10_000);
    assert!(
        summary
            .buckets
            .iter()
            .all(|b| b.items.len() <= MAX_BUCKET_ITEMS)
    );
    for n in (0..10_000).filter(|n| n % 100 != 0) {
        summary.remove(at(n), &hash(n));
    }
    assert_eq!(summary.len(), 100);
    assert!(
        summary.buckets.len() <= 10,
        "{} buckets",
        summary.buckets.len()
    );
}

/// Both sides of a reconciliation, in memory; returns what each lacks, and the bytes exchanged.
fn reconcile(mine: &Summary, theirs: &Summary) -> (BTreeSet<[u8; 32]>, BTreeSet<[u8; 32]>, usize) {
    let mut client = Negentropy::new(Storage::Borrowed(mine), 16 * 1024).unwrap();
    let mut server = Negentropy::new(Storage::Borrowed(theirs), 16 * 1024).unwrap();
    let (mut have, mut need, mut bytes) = (Vec::new(), Vec::new(), 0);
    let mut message = client.initiate().unwrap();
    loop {
        let answer = server.reconcile(&message).unwrap();
        bytes += message.len() + answer.len();
        match client
            .reconcile_with_ids(&answer, &mut have, &mut need)
            .unwrap()
        {
            Some(next) => message = next,
            None => break,
        }
    }
    let ids = |ids: Vec<Id>| ids.into_iter().map(Id::to_bytes).collect();
    (ids(need), ids(have), bytes)
}

#[test]
fn one_difference_is_found_without_exchanging_the_rest() {
    let mine = filled(0..5000);
    let mut theirs = mine.clone();
    // A superseded version leaves the set and the new one enters it.
    theirs.remove(at(2500), &hash(2500));
    theirs.insert(at(2500), &hash(99_999));
    let (lack, have, bytes) = reconcile(&mine, &theirs);
    assert_eq!(lack, BTreeSet::from([*hash(99_999).as_bytes()]));
    assert_eq!(have, BTreeSet::from([*hash(2500).as_bytes()]));
    assert!(bytes < 5000 * 32 / 20, "{bytes} bytes for one difference");
}

#[test]
fn equal_sets_need_one_short_exchange() {
    let mine = filled(0..5000);
    let theirs = filled((0..5000).rev());
    assert_eq!(mine.digest(), theirs.digest());
    let (lack, have, bytes) = reconcile(&mine, &theirs);
    assert!(lack.is_empty() && have.is_empty());
    assert!(bytes < 1024, "{bytes} bytes");
}

proptest! {
    /// Any sequence of operations gives what an ordered set gives, and digests depend on content only.
    #[test]
    fn a_summary_is_an_ordered_set(
        steps in prop::collection::vec((any::<bool>(), 0..600_u64), 0..2000),
    ) {
        let mut summary = Summary::new();
        let mut oracle = BTreeSet::new();
        for (insert, n) in steps {
            let version = (at(n / 3), hash(n));
            if insert {
                prop_assert_eq!(summary.insert(version.0, &version.1), oracle.insert(version));
            } else {
                prop_assert_eq!(summary.remove(version.0, &version.1), oracle.remove(&version));
            }
            prop_assert_eq!(summary.contains(version.0, &version.1), insert);
        }
        prop_assert_eq!(summary.len(), oracle.len());
        prop_assert!(summary.iter().eq(oracle.iter().copied()));
        let loaded = Summary::from_sorted(oracle.iter().copied()).unwrap();
        prop_assert_eq!(&loaded, &summary);
        prop_assert_eq!(loaded.digest(), summary.digest());
    }

    /// Negentropy sees exactly what it would see in its own sorted vector.
    #[test]
    fn negentropy_sees_a_sorted_vector(
        numbers in prop::collection::btree_set(0..5000_u64, 0..1200),
        first in any::<prop::sample::Index>(),
        last in any::<prop::sample::Index>(),
        bound in 0..2000_u64,
    ) {
        let mut vector = NegentropyStorageVector::new();
        let mut summary = Summary::new();
        for n in &numbers {
            vector.insert(n / 3, Id::from_byte_array(*hash(*n).as_bytes())).unwrap();
            summary.insert(at(n / 3), &hash(*n));
        }
        vector.seal().unwrap();
        let size = vector.size().unwrap();
        prop_assert_eq!(summary.size().unwrap(), size);
        let (a, b) = (first.index(size + 1), last.index(size + 1));
        let (begin, end) = (a.min(b), a.max(b));
        let seen = |storage: &dyn NegentropyStorageBase| {
            let mut seen = Vec::new();
            storage.iterate(begin, end, &mut |item, i| { seen.push((item, i)); Ok(true) }).unwrap();
            seen
        };
        prop_assert_eq!(seen(&summary), seen(&vector));
        prop_assert_eq!(summary.get_item(begin).unwrap(), vector.get_item(begin).unwrap());
        let bound = Bound::with_timestamp(bound);
        prop_assert_eq!(
            summary.find_lower_bound(begin, end, &bound),
            vector.find_lower_bound(begin, end, &bound)
        );
        let ours = summary.fingerprint(begin, end).unwrap().to_bytes();
        prop_assert_eq!(ours, vector.fingerprint(begin, end).unwrap().to_bytes());
    }
}
