//! The kinds of events, their names, and the numbers the original Peer Infrastructure had for them.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Declares the kinds with their words, so that the list of all and the words cannot differ from them.
macro_rules! kinds {
    ($($(#[$doc:meta])* $kind:ident = $word:literal,)*) => {
        /// What happened.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
        #[serde(rename_all = "snake_case")]
        #[non_exhaustive]
        pub enum EventKind {
            $($(#[$doc])* $kind,)*
        }

        impl EventKind {
            /// Every kind.
            pub const ALL: &[Self] = &[$(Self::$kind),*];

            /// The word used in JSON, as the SSE event name and in tables; stable.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$kind => $word,)*
                }
            }
        }
    };
}

kinds! {
    /// A record was stored for the first time.
    RecordAdded = "record_added",
    /// A newer version of a record was stored.
    RecordUpdated = "record_updated",
    /// A record was deleted.
    RecordDeleted = "record_deleted",
    /// A record lapsed.
    RecordExpired = "record_expired",
    /// A member was heard of for the first time.
    MemberJoined = "member_joined",
    /// A member's certificate was replaced by a newer one, or a node of it says something else about
    /// itself; `node` is that node.
    MemberUpdated = "member_updated",
    /// A member was removed; `cause`, `by` and `reason` say why.
    MemberRemoved = "member_removed",
    /// A member left.
    MemberLeft = "member_left",
    /// A node of a member came online; `node` is that node.
    MemberConnected = "member_connected",
    /// A node of a member went offline, or was not heard of for too long; `node` is that node.
    MemberDisconnected = "member_disconnected",
    /// Somebody who knows the group's secret was not admitted here, or did not admit this node;
    /// `node` is who, `reason` why.
    AdmissionRefused = "admission_refused",
    /// Our own membership was replaced by a newer one, which holds `until`.
    CredentialRenewed = "credential_renewed",
    /// Our own membership ends soon: it holds `until`.
    CredentialExpiring = "credential_expiring",
    /// The group's properties became known or changed.
    PropertiesChanged = "properties_changed",
    /// A member connected to this node.
    NeighbourConnected = "neighbour_connected",
    /// A member is no longer connected to this node; `reason` says why.
    NeighbourDisconnected = "neighbour_disconnected",
    /// A node that was approached did not become a neighbour; `reason` says why.
    NeighbourFailed = "neighbour_failed",
    /// A direct connection is open; `connection`, `member` and `node` say which.
    DirectConnected = "direct_connected",
    /// A direct connection has ended; `reason` says how.
    DirectDisconnected = "direct_disconnected",
    /// A direct connection did not come about; `reason` says why, and `next` names the attempt that
    /// goes on in its place, if there is one.
    DirectFailed = "direct_failed",
    /// The group's status changed to `status`.
    StatusChanged = "status_changed",
    /// The databases of this node and a neighbour are in line.
    Synchronised = "synchronised",
    /// Somebody, `applicant`, asks this node to join.
    JoinRequested = "join_requested",
    /// Connecting to the group failed; `reason` says why.
    ConnectionFailed = "connection_failed",
    /// The last neighbour is gone and nobody known can be reached: naming an address would help.
    ConnectionRequired = "connection_required",
    /// Two nodes run with one key, on two machines: from a copied data folder, or a backup restored beside
    /// the node it was made of; `node` is that key's peer id, and `detail` says whether it is ours.
    NodeDuplicated = "node_duplicated",
    /// Events were lost, because the reader was too slow or asked for events no longer kept. Take a
    /// snapshot, or list the records again and go on from this event's position.
    Gap = "gap",
    /// A record that was there as of the position of the `snapshot_end` that follows; its `content`.
    SnapshotRecord = "snapshot_record",
    /// All records of the snapshot have been told; what happened since its position follows.
    SnapshotEnd = "snapshot_end",
}

impl EventKind {
    /// The kinds that a list of names asks for: with commas between them, and `record_*` for all that
    /// begin so.
    ///
    /// # Errors
    /// When a name is that of no kind.
    pub fn matching(names: &str) -> Result<Vec<Self>, UnknownKind> {
        let mut kinds = Vec::new();
        for name in names.split(',').map(str::trim) {
            let Some(start) = name.strip_suffix('*') else {
                kinds.push(name.parse()?);
                continue;
            };
            let before = kinds.len();
            let fits = |kind: &&Self| kind.as_str().starts_with(start);
            kinds.extend(Self::ALL.iter().filter(fits));
            if kinds.len() == before {
                return Err(UnknownKind(name.to_owned()));
            }
        }
        Ok(kinds)
    }

    /// Whether it is about one record: numbered, kept, and told again to whoever was away.
    #[must_use]
    pub const fn is_record(self) -> bool {
        matches!(
            self,
            Self::RecordAdded | Self::RecordUpdated | Self::RecordDeleted | Self::RecordExpired
        )
    }

    /// Whether it tells a reader how its stream goes on. Such events are not registered for, and come
    /// whatever the filter says: a loss must not be silent.
    #[must_use]
    pub const fn is_about_the_stream(self) -> bool {
        matches!(self, Self::Gap | Self::SnapshotRecord | Self::SnapshotEnd)
    }

    /// The original's number for this type of event in grouping (`PEER_GROUP_EVENT_TYPE`).
    #[must_use]
    pub const fn number(self) -> Option<u8> {
        match self {
            Self::StatusChanged => Some(1),
            Self::PropertiesChanged => Some(2),
            Self::RecordAdded | Self::RecordUpdated | Self::RecordDeleted | Self::RecordExpired => {
                Some(3)
            }
            Self::DirectConnected | Self::DirectDisconnected | Self::DirectFailed => Some(4),
            Self::NeighbourConnected | Self::NeighbourDisconnected | Self::NeighbourFailed => {
                Some(5)
            }
            Self::MemberConnected
            | Self::MemberDisconnected
            | Self::MemberUpdated
            | Self::MemberJoined
            | Self::MemberLeft
            | Self::MemberRemoved => Some(8),
            Self::ConnectionFailed => Some(10),
            Self::AdmissionRefused => Some(11),
            Self::CredentialRenewed
            | Self::CredentialExpiring
            | Self::Synchronised
            | Self::JoinRequested
            | Self::ConnectionRequired
            | Self::NodeDuplicated
            | Self::Gap
            | Self::SnapshotRecord
            | Self::SnapshotEnd => None,
        }
    }

    /// The original's number for this type of event in graphing (`PEER_GRAPH_EVENT_TYPE`), where nodes
    /// come, go and change instead of members, and two types are told that grouping keeps to itself.
    #[must_use]
    pub const fn graph_number(self) -> Option<u8> {
        match self {
            Self::ConnectionRequired => Some(7),
            Self::Synchronised => Some(9),
            Self::MemberJoined | Self::MemberLeft | Self::MemberRemoved => None,
            Self::ConnectionFailed | Self::AdmissionRefused => None,
            _ => self.number(),
        }
    }

    /// The original's number for what changed, within events of its [`number`](Self::number): of a
    /// record (added 1, updated 2, deleted 3, expired 4), of a connection (connected 1, disconnected 2,
    /// failed 3), or of a member (connected 1, disconnected 2, updated 3, joined 4, left 5).
    #[must_use]
    pub const fn change(self) -> Option<u8> {
        match self {
            Self::RecordAdded
            | Self::DirectConnected
            | Self::NeighbourConnected
            | Self::MemberConnected => Some(1),
            Self::RecordUpdated
            | Self::DirectDisconnected
            | Self::NeighbourDisconnected
            | Self::MemberDisconnected => Some(2),
            Self::RecordDeleted
            | Self::DirectFailed
            | Self::NeighbourFailed
            | Self::MemberUpdated => Some(3),
            Self::RecordExpired | Self::MemberJoined => Some(4),
            Self::MemberLeft => Some(5),
            _ => None,
        }
    }
}

impl fmt::Display for EventKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// No kind of event has this name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no kind of event")]
pub struct UnknownKind(pub String);

impl FromStr for EventKind {
    type Err = UnknownKind;

    fn from_str(text: &str) -> Result<Self, UnknownKind> {
        let found = Self::ALL.iter().find(|kind| kind.as_str() == text);
        found.copied().ok_or_else(|| UnknownKind(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::GroupStatus;

    #[test]
    fn the_words_are_those_of_the_json_and_parse_back() {
        for kind in EventKind::ALL {
            let json = serde_json::to_value(kind).unwrap();
            assert_eq!(json, kind.as_str());
            assert_eq!(kind.as_str().parse(), Ok(*kind));
        }
        assert!("record".parse::<EventKind>().is_err());
    }

    #[test]
    fn a_list_names_kinds_and_families() {
        let matching = |names| EventKind::matching(names).map_err(|error| error.0);
        let records = matching("record_*").unwrap();
        assert!(records.len() == 4 && records.iter().all(|kind| kind.is_record()));
        let two = matching("gap, member_left").unwrap();
        assert_eq!(two, [EventKind::Gap, EventKind::MemberLeft]);
        assert_eq!(matching("*").unwrap().len(), EventKind::ALL.len());
        for bad in ["", ",", "record", "records_*", "gap,,gap"] {
            assert!(matching(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_numbers_are_those_of_the_original() {
        let numbers = |number: fn(EventKind) -> Option<u8>| {
            let all: std::collections::BTreeSet<u8> = EventKind::ALL
                .iter()
                .filter_map(|kind| number(*kind))
                .collect();
            all
        };
        // 6, incoming data, is told to who listens on direct connections, not here.
        let grouping = numbers(EventKind::number);
        assert!(
            [1, 2, 3, 4, 5, 8, 10, 11]
                .iter()
                .all(|number| grouping.contains(number))
        );
        assert!(
            grouping
                .iter()
                .all(|number| ![7, 9].contains(number) && *number <= 11)
        );
        let graphing = numbers(EventKind::graph_number);
        assert!(
            [1, 2, 3, 4, 5, 7, 8, 9]
                .iter()
                .all(|number| graphing.contains(number))
        );
        assert!(graphing.iter().all(|number| *number <= 9));
        for (kind, number) in [
            (EventKind::StatusChanged, 1),
            (EventKind::PropertiesChanged, 2),
            (EventKind::ConnectionFailed, 10),
            (EventKind::AdmissionRefused, 11),
        ] {
            assert_eq!(
                (kind.number(), kind.change()),
                (Some(number), None),
                "{kind}"
            );
        }
        for (kind, number) in [
            (EventKind::StatusChanged, 1),
            (EventKind::PropertiesChanged, 2),
            (EventKind::RecordAdded, 3),
            (EventKind::DirectConnected, 4),
            (EventKind::NeighbourConnected, 5),
            (EventKind::ConnectionRequired, 7),
            (EventKind::MemberConnected, 8),
            (EventKind::Synchronised, 9),
        ] {
            assert_eq!(kind.graph_number(), Some(number), "{kind}");
        }
        let changes = [
            (EventKind::RecordAdded, 3, 1),
            (EventKind::RecordUpdated, 3, 2),
            (EventKind::RecordDeleted, 3, 3),
            (EventKind::RecordExpired, 3, 4),
            (EventKind::DirectConnected, 4, 1),
            (EventKind::DirectDisconnected, 4, 2),
            (EventKind::DirectFailed, 4, 3),
            (EventKind::NeighbourConnected, 5, 1),
            (EventKind::NeighbourDisconnected, 5, 2),
            (EventKind::NeighbourFailed, 5, 3),
            (EventKind::MemberConnected, 8, 1),
            (EventKind::MemberDisconnected, 8, 2),
            (EventKind::MemberUpdated, 8, 3),
            (EventKind::MemberJoined, 8, 4),
            (EventKind::MemberLeft, 8, 5),
        ];
        for (kind, number, change) in changes {
            assert_eq!(
                (kind.number(), kind.change()),
                (Some(number), Some(change)),
                "{kind}"
            );
        }
        // Of the status: listening 1, has connections 2.
        for (status, flags) in [
            (GroupStatus::Offline, 0),
            (GroupStatus::Listening, 1),
            (GroupStatus::Connected, 3),
        ] {
            assert_eq!(status.flags(), flags, "{status:?}");
        }
    }
}
