use proptest::{collection::vec, prelude::*};

use super::*;
use crate::discovery::{MAX_CIPHERTEXT_BYTES, MAX_LIFETIME};

const KEY: [u8; 32] = [9; 32];

/// An entry as any holder of the secret might have written it; signatures do not matter to merging.
fn entry(pseudonym: u8, sequence: u64, lifetime: u64, salt: u8) -> Entry {
    Entry {
        sequence: Timestamp::from_millis(sequence),
        expires: Timestamp::from_millis(sequence + lifetime),
        pseudonym: Pseudonym([pseudonym; 16]),
        nonce: [salt; NONCE_BYTES],
        ciphertext: vec![salt; 3],
        signature: [salt; SIGNATURE_BYTES],
    }
}

fn set_of(entries: impl IntoIterator<Item = Entry>) -> EntrySet {
    EntrySet {
        rendezvous: [1; 32],
        entries: entries
            .into_iter()
            .map(|entry| (entry.pseudonym, entry))
            .collect(),
    }
}

fn verified(set: EntrySet) -> VerifiedSet {
    VerifiedSet { key: KEY, set }
}

fn merged(mut one: VerifiedSet, other: VerifiedSet) -> VerifiedSet {
    one.merge(other);
    one
}

/// 1 to 64 entries of 100 publishers, so that merges of two are often too many.
fn sets() -> impl Strategy<Value = VerifiedSet> {
    vec((0..100_u8, 0..40_u64, 1..4_u64, 0..3_u8), 1..=MAX_ENTRIES).prop_map(|parts| {
        verified(set_of(
            parts
                .into_iter()
                .map(|(p, s, l, salt)| entry(p, s, l, salt)),
        ))
    })
}

proptest! {
    #[test]
    fn merging_is_commutative(a in sets(), b in sets()) {
        prop_assert_eq!(merged(a.clone(), b.clone()), merged(b, a));
    }

    #[test]
    fn merging_is_associative(a in sets(), b in sets(), c in sets()) {
        prop_assert_eq!(
            merged(merged(a.clone(), b.clone()), c.clone()),
            merged(a, merged(b, c))
        );
    }

    #[test]
    fn merging_is_idempotent_and_bounded(a in sets(), b in sets()) {
        let mut once = merged(a.clone(), b.clone());
        prop_assert!(once.entry_count() <= MAX_ENTRIES);
        prop_assert_eq!(once.merge(a), Merged::Unchanged);
        prop_assert_eq!(once.merge(b), Merged::Unchanged);
    }

    #[test]
    fn what_is_encoded_is_decoded(a in sets()) {
        let set = EntrySet::from(a);
        prop_assert_eq!(EntrySet::decode(&set.encode()).unwrap(), set);
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in vec(any::<u8>(), 0..400)) {
        let _ = EntrySet::decode(&bytes);
    }

    #[test]
    fn a_damaged_set_is_refused_or_is_canonical(a in sets(), at in any::<prop::sample::Index>(), to in any::<u8>()) {
        let mut bytes = a.encode();
        let at = at.index(bytes.len());
        bytes[at] = to;
        if let Ok(set) = EntrySet::decode(&bytes) {
            prop_assert_eq!(set.encode(), bytes);
        }
    }

    #[test]
    fn a_cut_set_is_refused(a in sets(), at in any::<prop::sample::Index>()) {
        let bytes = a.encode();
        prop_assert!(EntrySet::decode(&bytes[..at.index(bytes.len())]).is_err());
    }
}

#[test]
fn newest_of_a_publisher_wins() {
    let old = verified(set_of([entry(1, 10, 100, 0)]));
    // Published later, though it expires sooner.
    let new = verified(set_of([entry(1, 11, 5, 0)]));
    assert_eq!(merged(old.clone(), new.clone()), new);
    assert_eq!(merged(new.clone(), old), new);
}

#[test]
fn a_full_set_keeps_the_latest_published() {
    let old = (0..64).map(|p| entry(p, 100, 50, 0));
    let new = (64..74).map(|p| entry(p, 101, 1, 0));
    let both = merged(verified(set_of(old)), verified(set_of(new)));
    assert_eq!(both.entry_count(), MAX_ENTRIES);
    let latest = both.entries().filter(|e| e.sequence.as_millis() == 101);
    assert_eq!(latest.count(), 10);
}

#[test]
fn sets_of_other_keys_do_not_mix() {
    let mut one = verified(set_of([entry(1, 10, 100, 0)]));
    let other = VerifiedSet {
        key: [8; 32],
        set: set_of([entry(2, 10, 100, 0)]),
    };
    assert_eq!(one.merge(other), Merged::Unchanged);
    assert_eq!(one.entry_count(), 1);
}

#[test]
fn a_full_set_fits() {
    let largest = |p: u8| Entry {
        sequence: Timestamp::from_millis(u64::MAX - 1),
        expires: Timestamp::from_millis(u64::MAX),
        ciphertext: vec![0; MAX_CIPHERTEXT_BYTES],
        ..entry(p, 0, 1, 0)
    };
    let bytes = set_of((0..64).map(largest)).encode();
    assert_eq!(bytes.len(), 73_127);
    assert!(bytes.len() <= MAX_SET_BYTES);
    assert_eq!(EntrySet::decode(&bytes).unwrap().entries.len(), MAX_ENTRIES);
}

#[test]
fn sets_over_a_limit_are_refused() {
    let too_many = set_of((0..65).map(|p| entry(p, 10, 10, 0))).encode();
    assert_eq!(
        EntrySet::decode(&too_many),
        Err(SetError::TooManyEntries(65))
    );
    let too_large = vec![0; MAX_SET_BYTES + 1];
    assert_eq!(
        EntrySet::decode(&too_large),
        Err(SetError::TooLarge(MAX_SET_BYTES + 1))
    );
    let long = Entry {
        ciphertext: vec![0; MAX_CIPHERTEXT_BYTES + 1],
        ..entry(1, 10, 10, 0)
    };
    assert_eq!(
        EntrySet::decode(&set_of([long]).encode()),
        Err(EntryError::TooLarge(1025).into())
    );
    let lifetime = u64::try_from(MAX_LIFETIME.as_millis()).unwrap();
    assert_eq!(
        EntrySet::decode(&set_of([entry(1, 10, lifetime + 1, 0)]).encode()),
        Err(EntryError::LivesTooLong.into())
    );
    assert_eq!(
        EntrySet::decode(&set_of([entry(1, 10, 0, 0)]).encode()),
        Err(EntryError::NoLifetime.into())
    );
    assert_eq!(EntrySet::decode(&set_of([]).encode()), Err(SetError::Empty));
}

#[test]
fn other_versions_kinds_and_forms_are_refused() {
    let good = set_of([entry(1, 10, 10, 0), entry(2, 10, 10, 0)]).encode();
    let with = |at: usize, byte: u8| {
        let mut bytes = good.clone();
        bytes[at] = byte;
        bytes
    };
    assert_eq!(
        EntrySet::decode(&with(1, 2)),
        Err(SetError::UnknownVersion(2))
    );
    assert_eq!(EntrySet::decode(&with(2, 2)), Err(SetError::UnknownKind(2)));
    assert_eq!(EntrySet::decode(b"any text"), Err(SetError::Malformed));
    let trailing = [good.as_slice(), &[0]].concat();
    assert_eq!(EntrySet::decode(&trailing), Err(SetError::Malformed));

    let entries = |order: &[u8]| {
        let entries: Vec<Entry> = order.iter().map(|p| entry(*p, 10, 10, 0)).collect();
        let written: Vec<WrittenEntry<'_>> = entries.iter().map(written).collect();
        serde_cbor::to_vec(&(VERSION, KIND, Bytes::new(&[1; 32]), written)).unwrap()
    };
    assert_eq!(EntrySet::decode(&entries(&[1, 2])).unwrap().encode(), good);
    for order in [[2, 1], [1, 1]] {
        assert_eq!(
            EntrySet::decode(&entries(&order)),
            Err(SetError::NotCanonical)
        );
    }
}

/// Pins the bytes on the wire: a change here is a change of format.
#[test]
fn the_encoding_does_not_change() {
    let bytes = set_of([entry(0x22, 1_800_000_000_000, 3_600_000, 0x33)]).encode();
    let expected = [
        "84010158200101010101010101010101010101010101010101010101010101010101010101",
        "8186",
        "5022222222222222222222222222222222",
        "1b000001a3185c5000",
        "1b000001a318933e80",
        "4c333333333333333333333333",
        "43333333",
        "5840",
        &"33".repeat(64),
    ]
    .concat();
    assert_eq!(data_encoding::HEXLOWER.encode(&bytes), expected);
}
