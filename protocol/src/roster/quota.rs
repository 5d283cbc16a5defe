//! How much one signer may make everybody remember of memberships and revocations.
//!
//! Nobody judges such a record by what else is known, or members would hold different sets for ever.
//! A plain count would do just that: the first to come would count, and each would have met others first.
//! So of a signer's records of one kind those with the lowest ids count, however they come, and the rest
//! is dropped again. An id is a hash of whom the record is about, so nobody picks what it displaces
//! except among its own.

use std::collections::BTreeMap;

use peerage_records::id::{IdentityKey, RecordId, RecordType};

/// At most this many memberships, and this many revocations, of one signer count. An issuer renews that
/// many members; what 10 000 puppets of one insider cost is bounded by it.
pub const MAX_PER_SIGNER: usize = 4_096;

/// The records that count, by signer and kind, and whom they are about.
#[derive(Debug, Default)]
pub(super) struct Quotas(BTreeMap<(IdentityKey, RecordType), BTreeMap<RecordId, IdentityKey>>);

impl Quotas {
    fn of(
        &self,
        signer: &IdentityKey,
        kind: RecordType,
    ) -> Option<&BTreeMap<RecordId, IdentityKey>> {
        self.0.get(&(*signer, kind))
    }

    /// Whether a record would count beside what is known.
    pub(super) fn admits(&self, signer: &IdentityKey, kind: RecordType, id: &RecordId) -> bool {
        self.of(signer, kind).is_none_or(|held| {
            let last = held.last_key_value().map(|(last, _)| last);
            held.len() < MAX_PER_SIGNER || last.is_some_and(|last| id <= last)
        })
    }

    /// Whether a record would count without displacing another.
    pub(super) fn has_room(&self, signer: &IdentityKey, kind: RecordType, id: &RecordId) -> bool {
        self.of(signer, kind)
            .is_none_or(|held| held.len() < MAX_PER_SIGNER || held.contains_key(id))
    }

    /// Counts a record that is [admitted](Self::admits), and gives back the one it displaces: its id, and
    /// whom it is about.
    pub(super) fn take(
        &mut self,
        signer: IdentityKey,
        kind: RecordType,
        id: RecordId,
        subject: IdentityKey,
    ) -> Option<(RecordId, IdentityKey)> {
        let held = self.0.entry((signer, kind)).or_default();
        held.insert(id, subject);
        if held.len() > MAX_PER_SIGNER {
            held.pop_last()
        } else {
            None
        }
    }
}
