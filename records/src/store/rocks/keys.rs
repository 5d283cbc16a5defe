//! Keys and fixed-size values, to bytes and back.

use crate::{
    codec::SignedRecord,
    id::{EnvelopeHash, RecordId, RecordType},
    store::{Change, ChangeKind, Origin, Partition},
    time::Timestamp,
};

/// A replica's number in this database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Slot(pub(super) u32);

impl Slot {
    /// The start of all keys of this replica.
    pub(super) fn start(self) -> [u8; 4] {
        self.0.to_be_bytes()
    }

    /// The start of the keys after all keys of this replica. The highest slot is never given.
    pub(super) fn end(self) -> [u8; 4] {
        (self.0 + 1).to_be_bytes()
    }

    pub(super) fn record(self, id: &RecordId) -> [u8; 20] {
        join(&[&self.start(), id.as_bytes()])
    }

    pub(super) fn by_hash(self, hash: &EnvelopeHash) -> [u8; 36] {
        join(&[&self.start(), hash.as_bytes()])
    }

    pub(super) fn summary(self, signed: &SignedRecord) -> [u8; 45] {
        let record = signed.record();
        let partition = Partition::of(record.kind).index() as u8;
        join(&[
            &self.start(),
            &[partition],
            &time(record.modified),
            signed.hash().as_bytes(),
        ])
    }

    pub(super) fn of_type(self, kind: &RecordType) -> [u8; 20] {
        join(&[&self.start(), kind.as_bytes()])
    }

    pub(super) fn by_type(self, kind: &RecordType, id: &RecordId) -> [u8; 36] {
        join(&[&self.start(), kind.as_bytes(), id.as_bytes()])
    }

    pub(super) fn expiry(self, expires: Timestamp, id: &RecordId) -> [u8; 28] {
        join(&[&self.start(), &time(expires), id.as_bytes()])
    }

    /// The start of the keys of what expires later than `now`.
    pub(super) fn expiry_after(self, now: Timestamp) -> [u8; 12] {
        let later = now + std::time::Duration::from_millis(1);
        join(&[&self.start(), &time(later)])
    }

    pub(super) fn change(self, sequence: u64) -> [u8; 12] {
        join(&[&self.start(), &sequence.to_be_bytes()])
    }
}

pub(super) fn time(time: Timestamp) -> [u8; 8] {
    time.as_millis().to_be_bytes()
}

/// What a key of `expiry` says after its slot.
pub(super) fn read_expiry(key: &[u8]) -> Option<(Timestamp, RecordId)> {
    let key: [u8; 28] = key.try_into().ok()?;
    let expires = u64::from_be_bytes(take(&key, 4));
    Some((
        Timestamp::from_millis(expires),
        RecordId::from_bytes(take(&key, 12)),
    ))
}

/// What a key of `summary` says after its slot.
pub(super) fn read_summary(key: &[u8]) -> Option<(Partition, Timestamp, EnvelopeHash)> {
    let key: [u8; 45] = key.try_into().ok()?;
    let partition = match key[4] {
        0 => Partition::Membership,
        1 => Partition::Application,
        _ => return None,
    };
    let modified = u64::from_be_bytes(take(&key, 5));
    Some((
        partition,
        Timestamp::from_millis(modified),
        EnvelopeHash::from_bytes(take(&key, 13)),
    ))
}

/// The sequence number in a key of `changes`.
pub(super) fn read_sequence(key: &[u8]) -> Option<u64> {
    let key: [u8; 12] = key.try_into().ok()?;
    Some(u64::from_be_bytes(take(&key, 4)))
}

/// The value of a row of `changes`; the sequence number is in the key.
pub(super) fn change_value(change: &Change) -> [u8; 74] {
    let kind = match change.kind {
        ChangeKind::Added => 1,
        ChangeKind::Updated => 2,
        ChangeKind::Deleted => 3,
        ChangeKind::Expired => 4,
    };
    let origin = match change.origin {
        Origin::Local => 0,
        Origin::Remote => 1,
    };
    join(&[
        &[kind, origin],
        change.id.as_bytes(),
        change.record_type.as_bytes(),
        change.hash.as_bytes(),
        &time(change.at),
    ])
}

/// A row of `changes`.
pub(super) fn read_change(key: &[u8], value: &[u8]) -> Option<Change> {
    let value: [u8; 74] = value.try_into().ok()?;
    Some(Change {
        sequence: read_sequence(key)?,
        kind: match value[0] {
            1 => ChangeKind::Added,
            2 => ChangeKind::Updated,
            3 => ChangeKind::Deleted,
            4 => ChangeKind::Expired,
            _ => return None,
        },
        origin: match value[1] {
            0 => Origin::Local,
            1 => Origin::Remote,
            _ => return None,
        },
        id: RecordId::from_bytes(take(&value, 2)),
        record_type: RecordType::from_bytes(take(&value, 18)),
        hash: EnvelopeHash::from_bytes(take(&value, 34)),
        at: Timestamp::from_millis(u64::from_be_bytes(take(&value, 66))),
    })
}

/// Parts whose lengths add up to the length of the whole.
fn join<const N: usize>(parts: &[&[u8]]) -> [u8; N] {
    let mut whole = [0; N];
    let mut at = 0;
    for part in parts {
        whole[at..at + part.len()].copy_from_slice(part);
        at += part.len();
    }
    debug_assert_eq!(at, N, "the parts fill the whole");
    whole
}

/// The part of a fixed-size row that starts at `at`; every caller stays within the row.
fn take<const N: usize>(row: &[u8], at: usize) -> [u8; N] {
    let mut part = [0; N];
    part.copy_from_slice(&row[at..at + N]);
    part
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_survives_its_row() {
        let change = Change {
            sequence: 7,
            kind: ChangeKind::Deleted,
            id: RecordId::from_bytes([1; 16]),
            record_type: RecordType::from_name("chat"),
            hash: EnvelopeHash::from_bytes([2; 32]),
            origin: Origin::Remote,
            at: Timestamp::from_millis(99),
        };
        let (key, value) = (Slot(3).change(7), change_value(&change));
        assert_eq!(read_change(&key, &value), Some(change));
        assert_eq!(read_change(&key, &value[1..]), None);
        assert_eq!(read_change(&key, &[9; 74]), None);
    }

    #[test]
    fn keys_sort_like_what_they_mean() {
        let id = RecordId::from_bytes([0xff; 16]);
        let at = Timestamp::from_millis;
        assert!(Slot(1).expiry(at(255), &id) < Slot(1).expiry(at(256), &id));
        assert!(Slot(1).expiry(at(u64::MAX), &id)[..] < Slot(1).end()[..]);
        assert!(Slot(1).expiry(at(5), &id)[..] < Slot(1).expiry_after(at(5))[..]);
        assert!(Slot(1).change(u64::MAX) < Slot(2).change(0));
        assert_eq!(read_expiry(&Slot(1).expiry(at(5), &id)), Some((at(5), id)));
    }
}
