use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::{
    record::Record,
    testing::{NOW, create, member, sign},
};

/// `winner` wins in both directions.
fn assert_beats(winner: &SignedRecord, loser: &SignedRecord) {
    assert_eq!(wins(winner, loser), Ordering::Greater);
    assert_eq!(wins(loser, winner), Ordering::Less);
}

fn touched(version: u32, modifier: Option<u8>, seconds: u64) -> SignedRecord {
    let record = Record {
        version,
        modifier: modifier.map(member),
        modified: NOW + Duration::from_secs(seconds),
        ..create(1)
    };
    sign(record, modifier.unwrap_or(1))
}

/// The two members in the order of their keys.
fn lower_and_higher() -> (u8, u8) {
    if member(1) < member(2) {
        (1, 2)
    } else {
        (2, 1)
    }
}

#[test]
fn a_higher_version_wins_although_it_is_older() {
    assert_beats(&touched(3, Some(1), 0), &touched(2, Some(2), 99));
}

#[test]
fn at_equal_version_the_updated_one_wins() {
    assert_beats(&touched(2, Some(1), 0), &touched(2, None, 99));
}

#[test]
fn at_equal_version_the_higher_modifier_wins_even_if_earlier() {
    let (low, high) = lower_and_higher();
    assert_beats(&touched(2, Some(high), 0), &touched(2, Some(low), 99));
}

#[test]
fn then_the_later_one_wins() {
    assert_beats(&touched(2, Some(1), 6), &touched(2, Some(1), 5));
}

#[test]
fn then_the_higher_signature_wins() {
    let with = |signature| SignedRecord::sign(create(1), |_| signature);
    let mut high = [7; 64];
    high[63] = 8;
    assert_beats(&with(high), &with([7; 64]));
}

#[test]
fn envelopes_that_differ_never_tie() {
    let one = SignedRecord::sign(create(1), |_| [7; 64]);
    let other = Record {
        payload: b"1. e4 e6".to_vec(),
        ..create(1)
    };
    assert_beats(&SignedRecord::sign(other, |_| [7; 64]), &one);
    assert_eq!(wins(&one, &one.clone()), Ordering::Equal);
}

#[test]
fn a_tombstone_has_no_rank_of_its_own() {
    let tombstone = create(1).delete(member(2), NOW).unwrap();
    assert_beats(&touched(3, Some(1), 0), &sign(tombstone.clone(), 2));
    assert_beats(&sign(tombstone, 2), &touched(1, None, 0));
}

/// Versions of one record from so small a space that every step of the order gets to decide.
fn any_version() -> impl Strategy<Value = SignedRecord> {
    let fields = (1..3_u32, prop::option::of(1..3_u8), 0..2_u64);
    (fields, any::<bool>(), 0..3_u8, 0..2_u8).prop_map(|(fields, deleted, payload, signature)| {
        let (version, modifier, millis) = fields;
        let record = Record {
            version,
            modifier: modifier.map(member),
            modified: NOW + Duration::from_millis(millis),
            deleted,
            payload: vec![payload],
            ..create(1)
        };
        SignedRecord::sign(record, |_| [signature; 64])
    })
}

fn merge(one: &SignedRecord, other: &SignedRecord) -> SignedRecord {
    match wins(one, other) {
        Ordering::Less => other.clone(),
        Ordering::Equal | Ordering::Greater => one.clone(),
    }
}

proptest! {
    #[test]
    fn the_order_is_total(a in any_version(), b in any_version(), c in any_version()) {
        prop_assert_eq!(wins(&a, &b), wins(&b, &a).reverse());
        prop_assert_eq!(wins(&a, &b) == Ordering::Equal, a.bytes() == b.bytes());
        if wins(&a, &b) != Ordering::Less && wins(&b, &c) != Ordering::Less {
            prop_assert_ne!(wins(&a, &c), Ordering::Less);
        }
    }

    #[test]
    fn merging_is_commutative_associative_and_idempotent(
        a in any_version(), b in any_version(), c in any_version(),
    ) {
        prop_assert_eq!(merge(&a, &b), merge(&b, &a));
        prop_assert_eq!(merge(&a, &merge(&b, &c)), merge(&merge(&a, &b), &c));
        prop_assert_eq!(merge(&a, &a), a);
    }

    #[test]
    fn any_order_of_arrival_leaves_the_same_winner(
        (versions, shuffled) in prop::collection::vec(any_version(), 1..12)
            .prop_flat_map(|versions| (Just(versions.clone()), Just(versions).prop_shuffle())),
    ) {
        let last = |versions: &[SignedRecord]| {
            versions.iter().skip(1).fold(versions[0].clone(), |held, new| merge(&held, new))
        };
        prop_assert_eq!(last(&versions), last(&shuffled));
    }
}
