//! Which events a reader has registered for.

use std::collections::BTreeSet;

use peerage_records::{
    id::RecordType,
    store::{Change, ChangeKind, Origin},
};

use crate::model::{EventKind, EventOrigin};

/// Which events somebody wants to hear of; without any condition, all.
///
/// What is not wanted is neither queued nor copied for its reader, and does not wake it.
///
/// ```
/// use peerage::{EventFilter, model::EventKind};
/// use peerage_records::id::RecordType;
///
/// let notes = EventFilter::all()
///     .kinds([EventKind::RecordAdded, EventKind::RecordUpdated, EventKind::StatusChanged])
///     .record_type(RecordType::from_name("note"));
/// # let _ = notes;
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EventFilter {
    kinds: Option<KindSet>,
    record_types: BTreeSet<RecordType>,
    origin: Option<EventOrigin>,
}

impl EventFilter {
    /// Record types that a filter of the local API may name.
    pub const MAX_RECORD_TYPES: usize = 32;

    /// Every event.
    #[must_use]
    pub fn all() -> Self {
        Self::default()
    }

    /// Only events of these kinds, and of those named before. A [`Gap`](EventKind::Gap) comes in any
    /// case.
    #[must_use]
    pub fn kinds(mut self, kinds: impl IntoIterator<Item = EventKind>) -> Self {
        let set = self.kinds.get_or_insert_default();
        kinds.into_iter().for_each(|kind| set.insert(kind));
        self
    }

    /// Of the record events only those about records of this type, and of those named before. Other
    /// events do not care.
    #[must_use]
    pub fn record_type(mut self, kind: RecordType) -> Self {
        self.record_types.insert(kind);
        self
    }

    /// Of the record events only those from here, or only those from others.
    #[must_use]
    pub fn origin(mut self, origin: EventOrigin) -> Self {
        self.origin = Some(origin);
        self
    }

    /// Whether it names no more record types than it may; what comes from outside has to.
    pub(crate) fn is_bounded(&self) -> bool {
        self.record_types.len() <= Self::MAX_RECORD_TYPES
    }

    /// Whether events of a kind are wanted, as far as that can be said without the record.
    pub(crate) fn wants(&self, kind: EventKind) -> bool {
        kind.is_about_the_stream() || self.kinds.is_none_or(|kinds| kinds.contains(kind))
    }

    pub(crate) fn wants_change(&self, change: &Change) -> bool {
        // That a node's presence was refreshed is nothing to an application: it hears of nodes that
        // come and go.
        change.record_type != RecordType::PRESENCE
            && self.wants(kind_of(change.kind))
            && self.wants_type(&change.record_type)
            && self
                .origin
                .is_none_or(|wanted| wanted == origin_of(change.origin))
    }

    pub(crate) fn wants_type(&self, kind: &RecordType) -> bool {
        self.record_types.is_empty() || self.record_types.contains(kind)
    }

    /// Whether there is any record event that is wanted: the store need not be asked otherwise.
    pub(crate) fn wants_records(&self) -> bool {
        EventKind::ALL
            .iter()
            .any(|kind| kind.is_record() && self.wants(*kind))
    }
}

pub(crate) fn kind_of(change: ChangeKind) -> EventKind {
    match change {
        ChangeKind::Added => EventKind::RecordAdded,
        ChangeKind::Updated => EventKind::RecordUpdated,
        ChangeKind::Deleted => EventKind::RecordDeleted,
        ChangeKind::Expired => EventKind::RecordExpired,
    }
}

pub(super) fn origin_of(origin: Origin) -> EventOrigin {
    match origin {
        Origin::Local => EventOrigin::Local,
        Origin::Remote => EventOrigin::Remote,
    }
}

/// A set of kinds, one bit each.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct KindSet(u64);

impl KindSet {
    fn insert(&mut self, kind: EventKind) {
        self.0 |= 1 << kind as u32;
    }

    fn contains(self, kind: EventKind) -> bool {
        self.0 & (1 << kind as u32) != 0
    }
}

const _: () = assert!(EventKind::ALL.len() <= u64::BITS as usize, "one bit each");

#[cfg(test)]
mod tests {
    use peerage_records::{
        id::{EnvelopeHash, RecordId},
        time::Timestamp,
    };
    use proptest::{prelude::*, sample::subsequence};

    use super::*;

    fn change(kind: ChangeKind, record_type: RecordType, origin: Origin) -> Change {
        Change {
            sequence: 1,
            kind,
            id: RecordId::from_bytes([1; 16]),
            record_type,
            hash: EnvelopeHash::from_bytes([2; 32]),
            origin,
            at: Timestamp::from_millis(3),
        }
    }

    proptest! {
        /// A filter is what its parts say, one by one.
        #[test]
        fn only_what_is_registered_for_is_wanted(
            kinds in subsequence(EventKind::ALL, 0..=EventKind::ALL.len()),
            types in subsequence(vec!["note", "move", "chat"], 0..=3),
            local in any::<Option<bool>>(),
        ) {
            let mut filter = EventFilter::all().kinds(kinds.iter().copied());
            for name in &types {
                filter = filter.record_type(RecordType::from_name(name));
            }
            let side = |local| if local { Origin::Local } else { Origin::Remote };
            if let Some(local) = local {
                filter = filter.origin(origin_of(side(local)));
            }
            for kind in EventKind::ALL {
                let wanted = kinds.contains(kind) || kind.is_about_the_stream();
                prop_assert_eq!(filter.wants(*kind), wanted);
            }
            for change_kind in
                [ChangeKind::Added, ChangeKind::Updated, ChangeKind::Deleted, ChangeKind::Expired]
            {
                for name in ["note", "move", "chat", "else"] {
                    for from_here in [true, false] {
                        let wanted = kinds.contains(&kind_of(change_kind))
                            && (types.is_empty() || types.contains(&name))
                            && local.is_none_or(|local| local == from_here);
                        let kind = RecordType::from_name(name);
                        let found = filter.wants_change(&change(change_kind, kind, side(from_here)));
                        prop_assert_eq!(found, wanted);
                    }
                }
            }
        }
    }

    #[test]
    fn presence_is_told_in_events_of_its_own() {
        let refreshed = change(ChangeKind::Updated, RecordType::PRESENCE, Origin::Remote);
        assert!(!EventFilter::all().wants_change(&refreshed));
        assert!(EventFilter::all().wants(EventKind::MemberUpdated));
    }
}
