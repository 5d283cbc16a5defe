//! How many records of one member gossip carries, so that a member that floods starves nobody.
//!
//! Each signer has a bucket of records and one of bytes per group, at every node that forwards for it.
//! What does not fit is neither forwarded nor stored and nobody's fault: reconciliation brings it
//! later, in batches. Only records that verified are charged, so nobody empties another's bucket; a
//! bucket that is empty costs no verification.
//!
//! Memberships and the other reserved types have buckets of their own: whoever publishes much must not
//! lose the word by which it revokes somebody.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use libp2p_identity::PeerId;
use peerage_records::{
    codec::SignedRecord,
    id::{IdentityKey, ReplicaId},
};

use super::{Engine, Event, Now, Verdict};

/// Records a member may have gossiped at once.
pub const RECORD_BURST: u64 = 2_000;
/// Records a member earns per second.
pub const RECORDS_PER_SECOND: u64 = 200;
/// Records of reserved types a member may have gossiped at once: a renewal of every member of a large
/// group.
pub const RESERVED_BURST: u64 = 500;
/// Records of reserved types a member earns per second.
pub const RESERVED_PER_SECOND: u64 = 10;
/// Bytes a member may have gossiped at once: a record of the largest size every 60 ms for half a minute.
pub const BYTE_BURST: u64 = 32 * 1024 * 1024;
/// Bytes a member earns per second.
pub const BYTES_PER_SECOND: u64 = 2 * 1024 * 1024;
/// Buckets kept per group, 64 bytes each; over it the fullest one is forgotten, which is the one that
/// matters least. Only members have any.
pub(crate) const MAX_BUCKETS: usize = 4_096;
/// After a neighbour handed over what did not fit, it is compared with this soon.
pub(crate) const CATCH_UP_PAUSE: Duration = Duration::from_secs(10);
/// How often it is told that one member is over its quota.
pub(crate) const NOTICE_INTERVAL: Duration = Duration::from_secs(60);

/// Whose records, and which kind of bucket.
type Key = (IdentityKey, bool);

/// The buckets of one group.
#[derive(Debug, Default)]
pub(super) struct Quota {
    buckets: BTreeMap<Key, Bucket>,
}

#[derive(Debug)]
struct Bucket {
    /// Thousandths of records.
    records: u64,
    bytes: u64,
    since: Instant,
    noticed: Option<Instant>,
}

/// Whether a record fits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Room {
    Enough,
    /// It does not, and whether that is to be told.
    None {
        notice: bool,
    },
}

/// What a record costs whom.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bill {
    signer: IdentityKey,
    reserved: bool,
    bytes: usize,
}

impl Bill {
    pub(super) fn of(signed: &SignedRecord) -> Self {
        let record = signed.record();
        Self {
            signer: record.modifier.unwrap_or(record.creator),
            reserved: record.kind.is_reserved(),
            bytes: signed.bytes().len(),
        }
    }
}

impl Engine {
    /// Whether gossip carries no more of this member now. What it does not carry is fetched from the
    /// neighbour a little later.
    pub(super) fn over_quota(
        &mut self,
        replica: ReplicaId,
        source: PeerId,
        signed: &SignedRecord,
        now: Now,
    ) -> bool {
        let Some(state) = self.groups.get_mut(&replica) else {
            return false;
        };
        let bill = Bill::of(signed);
        let room = state
            .quota
            .room(bill.signer, bill.reserved, bill.bytes, now.instant);
        let Room::None { notice } = room else {
            return false;
        };
        state.sync.hurry(&source, now.instant + CATCH_UP_PAUSE);
        self.emit(Event::RecordRefused {
            replica,
            peer: source,
            reason: "over the quota of its member".to_owned(),
            verdict: Verdict::Ignore,
        });
        if notice {
            let member = bill.signer;
            self.emit(Event::QuotaExceeded { replica, member });
        }
        true
    }

    /// A record of gossip was good: its signer pays for it, and who brought it is useful.
    pub(super) fn charge(&mut self, replica: ReplicaId, source: &PeerId, bill: Bill, now: Now) {
        if let Some(state) = self.groups.get_mut(&replica) {
            state
                .quota
                .charge(bill.signer, bill.reserved, bill.bytes, now.instant);
            state.neighbours.credit(source);
        }
    }
}

fn rates(reserved: bool) -> (u64, u64) {
    if reserved {
        (RESERVED_BURST, RESERVED_PER_SECOND)
    } else {
        (RECORD_BURST, RECORDS_PER_SECOND)
    }
}

impl Bucket {
    fn full(reserved: bool, now: Instant) -> Self {
        Self {
            records: rates(reserved).0 * 1_000,
            bytes: BYTE_BURST,
            since: now,
            noticed: None,
        }
    }

    fn refill(&mut self, reserved: bool, now: Instant) {
        let (burst, rate) = rates(reserved);
        let waited = now.saturating_duration_since(self.since);
        // Whole milliseconds, so that nothing is lost to rounding however often this is called.
        let millis = u64::try_from(waited.as_millis()).unwrap_or(u64::MAX);
        if millis == 0 {
            return;
        }
        self.since += Duration::from_millis(millis);
        let earned = millis.saturating_mul(rate);
        self.records = self.records.saturating_add(earned).min(burst * 1_000);
        let earned = millis.saturating_mul(BYTES_PER_SECOND) / 1_000;
        self.bytes = self.bytes.saturating_add(earned).min(BYTE_BURST);
    }

    fn is_full(&self, reserved: bool) -> bool {
        self.records >= rates(reserved).0 * 1_000 && self.bytes >= BYTE_BURST
    }
}

impl Quota {
    /// Whether a record of this size fits its signer's buckets now.
    pub(super) fn room(
        &mut self,
        signer: IdentityKey,
        reserved: bool,
        bytes: usize,
        now: Instant,
    ) -> Room {
        let Some(bucket) = self.buckets.get_mut(&(signer, reserved)) else {
            return Room::Enough;
        };
        bucket.refill(reserved, now);
        if bucket.records >= 1_000 && bucket.bytes >= bytes as u64 {
            return Room::Enough;
        }
        let notice = bucket.noticed.is_none_or(|at| now >= at + NOTICE_INTERVAL);
        if notice {
            bucket.noticed = Some(now);
        }
        Room::None { notice }
    }

    /// Charges a member for a record it has signed.
    pub(super) fn charge(
        &mut self,
        signer: IdentityKey,
        reserved: bool,
        bytes: usize,
        now: Instant,
    ) {
        let key = (signer, reserved);
        if !self.buckets.contains_key(&key) {
            self.make_room(now);
        }
        let bucket = self
            .buckets
            .entry(key)
            .or_insert_with(|| Bucket::full(reserved, now));
        bucket.refill(reserved, now);
        bucket.records = bucket.records.saturating_sub(1_000);
        bucket.bytes = bucket.bytes.saturating_sub(bytes as u64);
    }

    fn make_room(&mut self, now: Instant) {
        if self.buckets.len() < MAX_BUCKETS {
            return;
        }
        self.sweep(now);
        if self.buckets.len() < MAX_BUCKETS {
            return;
        }
        let fullest = self
            .buckets
            .iter()
            .max_by_key(|(_, bucket)| bucket.records)
            .map(|(key, _)| *key);
        if let Some(key) = fullest {
            self.buckets.remove(&key);
        }
    }

    /// Forgets the buckets that are full again.
    pub(super) fn sweep(&mut self, now: Instant) {
        self.buckets.retain(|(_, reserved), bucket| {
            bucket.refill(*reserved, now);
            !bucket.is_full(*reserved)
        });
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[expect(
        clippy::disallowed_methods,
        reason = "only an origin; no result depends on it"
    )]
    fn origin() -> Instant {
        Instant::now()
    }

    fn member(number: u16) -> IdentityKey {
        let mut bytes = [0; 32];
        bytes[..2].copy_from_slice(&number.to_be_bytes());
        IdentityKey::from_bytes(bytes)
    }

    fn spend(quota: &mut Quota, who: IdentityKey, bytes: usize, now: Instant) -> bool {
        let enough = quota.room(who, false, bytes, now) == Room::Enough;
        if enough {
            quota.charge(who, false, bytes, now);
        }
        enough
    }

    #[test]
    fn a_burst_fits_and_then_so_many_a_second() {
        let (mut quota, start) = (Quota::default(), origin());
        let (ann, ben) = (member(1), member(2));
        let fitting = (0..5_000).filter(|_| spend(&mut quota, ann, 100, start));
        assert_eq!(fitting.count() as u64, RECORD_BURST);
        assert!(spend(&mut quota, ben, 100, start), "others have their own");
        let later = start + Duration::from_secs(3);
        let fitting = (0..5_000).filter(|_| spend(&mut quota, ann, 100, later));
        assert_eq!(fitting.count() as u64, 3 * RECORDS_PER_SECOND);
        assert_eq!(
            quota.room(ann, true, 100, later),
            Room::Enough,
            "what is reserved has a bucket of its own"
        );
    }

    #[test]
    fn bytes_are_counted_beside_records() {
        let (mut quota, start) = (Quota::default(), origin());
        let size = 50 * 1024;
        let fitting = (0..5_000).filter(|_| spend(&mut quota, member(1), size, start));
        assert_eq!(fitting.count() as u64, BYTE_BURST / size as u64);
        let later = start + Duration::from_secs(1);
        let fitting = (0..5_000).filter(|_| spend(&mut quota, member(1), size, later));
        let earned = (BYTES_PER_SECOND + BYTE_BURST % size as u64) / size as u64;
        assert_eq!(fitting.count() as u64, earned);
    }

    #[test]
    fn being_over_it_is_told_once_a_minute() {
        let (mut quota, start) = (Quota::default(), origin());
        while spend(&mut quota, member(1), 1, start) {}
        // The loop's last question was told of.
        let silent = Room::None { notice: false };
        assert_eq!(quota.room(member(1), false, 1, start), silent);
        let later = start + NOTICE_INTERVAL;
        while spend(&mut quota, member(1), 1, later) {}
        assert_eq!(quota.room(member(1), false, 1, later), silent);
        let told = quota.buckets[&(member(1), false)].noticed;
        assert_eq!(told, Some(later));
    }

    #[test]
    fn idle_buckets_are_forgotten_and_busy_ones_bounded() {
        let (mut quota, start) = (Quota::default(), origin());
        for number in 0..u16::try_from(MAX_BUCKETS).unwrap() + 100 {
            quota.charge(member(number), false, 1, start);
            quota.charge(member(0), false, 1, start);
            assert!(quota.buckets.len() <= MAX_BUCKETS);
        }
        assert!(
            quota.buckets.contains_key(&(member(0), false)),
            "who spends most is remembered"
        );
        quota.sweep(start + Duration::from_secs(60));
        assert!(quota.buckets.is_empty());
    }

    proptest! {
        #[test]
        fn nobody_gets_more_than_a_burst_and_what_it_earned(
            steps in proptest::collection::vec((0u64..3_000, 1usize..60_000, 0u16..3), 1..400),
        ) {
            let (mut quota, start) = (Quota::default(), origin());
            let mut now = start;
            let mut spent = [(0u64, 0u64); 3];
            for (pause, bytes, who) in steps {
                now += Duration::from_micros(pause * 300);
                for _ in 0..20 {
                    if spend(&mut quota, member(who), bytes, now) {
                        spent[usize::from(who)].0 += 1;
                        spent[usize::from(who)].1 += bytes as u64;
                    }
                }
                let millis = (now - start).as_millis() as u64;
                for (records, bytes) in spent {
                    prop_assert!(records <= RECORD_BURST + millis * RECORDS_PER_SECOND / 1_000);
                    prop_assert!(bytes <= BYTE_BURST + millis * BYTES_PER_SECOND / 1_000);
                }
            }
        }
    }
}
