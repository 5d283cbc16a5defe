//! Records that cannot be judged yet, because their signer's membership has not arrived.
//!
//! Source: GRP-316..318.

use std::collections::VecDeque;

use peerage_records::{codec::SignedRecord, id::IdentityKey, time::Timestamp};

/// Records that wait per group. The oldest is dropped first; reconciliation brings it back.
/// Costs at most 256 envelopes of 56 KiB, 14 MiB, per group.
pub const MAX_DEFERRED: usize = 256;

/// Waiting records of one group, oldest first.
#[derive(Debug, Default)]
pub struct Deferred {
    waiting: VecDeque<(IdentityKey, SignedRecord)>,
}

impl Deferred {
    /// Sets a record aside until `member` is known. A copy that already waits is not kept twice.
    pub fn wait_for(&mut self, member: IdentityKey, record: SignedRecord) {
        if self.waiting.iter().any(|(_, w)| w.hash() == record.hash()) {
            return;
        }
        if self.waiting.len() >= MAX_DEFERRED {
            self.waiting.pop_front();
        }
        self.waiting.push_back((member, record));
    }

    /// Whether something waits for `member` already.
    #[must_use]
    pub fn awaits(&self, member: &IdentityKey) -> bool {
        self.waiting.iter().any(|(waited, _)| waited == member)
    }

    /// Hands out what waited for `member`, oldest first.
    pub fn release(&mut self, member: &IdentityKey) -> Vec<SignedRecord> {
        let (released, rest) = std::mem::take(&mut self.waiting)
            .into_iter()
            .partition::<VecDeque<_>, _>(|(waited, _)| waited == member);
        self.waiting = rest;
        released.into_iter().map(|(_, record)| record).collect()
    }

    /// Drops what has expired while it waited.
    pub fn sweep(&mut self, now: Timestamp) {
        self.waiting
            .retain(|(_, record)| record.record().expires > now);
    }

    /// How many wait.
    #[must_use]
    pub fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Whether none waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use peerage_records::{
        id::{GroupId, RecordType},
        record::{Record, RecordDraft},
    };

    use super::*;

    const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);

    fn record(number: u32, lifetime: Duration) -> SignedRecord {
        let draft = RecordDraft {
            kind: RecordType::from_name("note"),
            expires: NOW + lifetime,
            attributes: Vec::new(),
            payload: number.to_be_bytes().to_vec(),
        };
        let group = GroupId::from_bytes([1; 32]);
        let record = Record::create(draft, group, member(number as u8), [0; 8], NOW).unwrap();
        SignedRecord::sign(record, |_| [0; 64])
    }

    fn member(number: u8) -> IdentityKey {
        IdentityKey::from_bytes([number; 32])
    }

    #[test]
    fn the_oldest_makes_room() {
        let mut deferred = Deferred::default();
        for number in 0..=MAX_DEFERRED as u32 {
            deferred.wait_for(member(1), record(number, Duration::from_secs(60)));
        }
        assert_eq!(deferred.len(), MAX_DEFERRED);
        let released = deferred.release(&member(1));
        assert_eq!(
            released[0].record().payload,
            1u32.to_be_bytes(),
            "0 was the oldest"
        );
        assert_eq!(released.len(), MAX_DEFERRED);
    }

    #[test]
    fn what_expires_while_it_waits_is_swept() {
        let mut deferred = Deferred::default();
        deferred.wait_for(member(1), record(1, Duration::from_secs(30)));
        deferred.wait_for(member(1), record(2, Duration::from_secs(60)));
        deferred.sweep(NOW + Duration::from_secs(29));
        assert_eq!(deferred.len(), 2);
        deferred.sweep(NOW + Duration::from_secs(30));
        assert_eq!(deferred.len(), 1);
    }

    #[test]
    fn only_what_waits_for_the_member_is_released_and_copies_wait_once() {
        let mut deferred = Deferred::default();
        let lifetime = Duration::from_secs(60);
        for (waits_for, number) in [(1, 1), (2, 2), (1, 3), (1, 1)] {
            deferred.wait_for(member(waits_for), record(number, lifetime));
        }
        assert_eq!(deferred.len(), 3);
        assert!(deferred.awaits(&member(1)) && !deferred.awaits(&member(3)));
        let released = deferred.release(&member(1));
        assert_eq!(
            released,
            [record(1, lifetime), record(3, lifetime)],
            "oldest first"
        );
        assert_eq!(deferred.len(), 1);
        assert!(deferred.release(&member(1)).is_empty());
    }
}
