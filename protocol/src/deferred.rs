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
