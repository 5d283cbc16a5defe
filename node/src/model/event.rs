//! What happens in a group, as told to applications.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum EventKind {
    /// A record was stored for the first time.
    RecordAdded,
    /// A newer version of a record was stored.
    RecordUpdated,
    /// A record was deleted.
    RecordDeleted,
    /// A record lapsed.
    RecordExpired,
    /// A member was heard of for the first time.
    MemberJoined,
    /// A member's certificate was replaced by a newer one, or a node of it says something else about
    /// itself; `node` is that node.
    MemberUpdated,
    /// A member was removed; `detail` names it, who decided, and why.
    MemberRemoved,
    /// A member left.
    MemberLeft,
    /// Somebody who knows the group's secret was not admitted here, or did not admit this node;
    /// `detail` names the peer and the reason.
    AdmissionRefused,
    /// Our own membership was replaced by a newer one; `detail` says until when it holds.
    CredentialRenewed,
    /// Our own membership ends soon; `detail` says when.
    CredentialExpiring,
    /// A node of a member came online; `node` is that node.
    MemberConnected,
    /// A node of a member went offline, or was not heard of for too long; `node` is that node.
    MemberDisconnected,
    /// The group's properties became known or changed.
    PropertiesChanged,
    /// A member connected to this node.
    NeighbourConnected,
    /// A member is no longer connected to this node.
    NeighbourDisconnected,
    /// The group's status changed; `detail` has the new one.
    GroupStatus,
    /// The databases of this node and a neighbour are in line.
    Synchronised,
    /// Somebody asks this node to join; `detail` is its peer name.
    JoinRequested,
    /// Connecting to the group failed; `detail` says why.
    ConnectionFailed,
    /// Events were lost, because the reader was too slow or asked for events no longer kept.
    /// List the records again, then go on from this event's sequence number.
    Gap,
}

impl EventKind {
    /// The word used in JSON, as the SSE event name and in tables.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::RecordAdded => "record_added",
            Self::RecordUpdated => "record_updated",
            Self::RecordDeleted => "record_deleted",
            Self::RecordExpired => "record_expired",
            Self::MemberJoined => "member_joined",
            Self::MemberUpdated => "member_updated",
            Self::MemberRemoved => "member_removed",
            Self::MemberLeft => "member_left",
            Self::AdmissionRefused => "admission_refused",
            Self::CredentialRenewed => "credential_renewed",
            Self::CredentialExpiring => "credential_expiring",
            Self::MemberConnected => "member_connected",
            Self::MemberDisconnected => "member_disconnected",
            Self::PropertiesChanged => "properties_changed",
            Self::NeighbourConnected => "neighbour_connected",
            Self::NeighbourDisconnected => "neighbour_disconnected",
            Self::GroupStatus => "group_status",
            Self::Synchronised => "synchronised",
            Self::JoinRequested => "join_requested",
            Self::ConnectionFailed => "connection_failed",
            Self::Gap => "gap",
        }
    }
}

/// Where a record came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum EventOrigin {
    /// This node.
    Local,
    /// Another member.
    Remote,
}

/// One event of one group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct GroupEvent {
    /// Rises with each durable event (the record events). Give the last one seen as `after`
    /// to go on without loss; other events have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sequence: Option<u64>,
    /// When this node saw it.
    pub at: String,
    /// What happened.
    pub kind: EventKind,
    /// The group's peer name.
    pub group: String,
    /// The record concerned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub record: Option<String>,
    /// The type of the record concerned, UUID text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub record_type: Option<String>,
    /// Where the record came from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<EventOrigin>,
    /// The node concerned, as a libp2p peer id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<String>,
    /// More, in words or as a peer name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}
