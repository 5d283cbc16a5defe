//! What happens in a group, as told to applications.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{GroupStatus, RecordInfo};

mod kind;
mod position;

pub use self::{
    kind::{EventKind, UnknownKind},
    position::{NoPosition, Position},
};

/// Where a record came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum EventOrigin {
    /// This node.
    Local,
    /// Another member.
    Remote,
}

/// A cursor that the node keeps for an application.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ConsumerInfo {
    /// Its name.
    pub name: String,
    /// What was acknowledged last: events come after it.
    pub position: Position,
    /// When it was made.
    pub made: String,
    /// When it was acknowledged last.
    pub moved: String,
}

/// That events have been dealt with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AckRequest {
    /// The consumer's name.
    pub consumer: String,
    /// The position of the last event dealt with, and all before it.
    pub position: Position,
}

/// One event of one group. Which of the optional fields are there depends on the kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[non_exhaustive]
pub struct GroupEvent {
    /// Where it stands among the events of the group. Give the last one seen as `after` to go on
    /// behind it.
    pub position: Position,
    /// Of a record event: its number, which rises with each.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sequence: Option<u64>,
    /// When this node saw it.
    #[schema(format = DateTime)]
    pub at: String,
    /// What happened.
    pub kind: EventKind,
    /// The original's number for this type of event.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number: Option<u8>,
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
    /// The group's status now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<GroupStatus>,
    /// Whether others may connect now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub listening: Option<bool>,
    /// Whether there is a neighbour now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub has_connections: Option<bool>,
    /// The member concerned, a peer name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub member: Option<String>,
    /// The node concerned, as a libp2p peer id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<String>,
    /// The connection concerned, a number as text (64 bits do not fit in JavaScript's numbers). That
    /// of a neighbour is unique while this node runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connection: Option<String>,
    /// The attempt that goes on in place of a direct connection that did not come about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
    /// Who asks to join, a peer name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub applicant: Option<String>,
    /// By what kind of decision a member is none any more: `removed`, `left`, `replaced` or
    /// `invitation_withdrawn`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
    /// Whose decision it was, a peer name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// Why: a stable word; of removals what the one who decided wrote.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Until when our own membership holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
    /// Of a gap: how many events of the moment were missed. How many record events is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub missed: Option<u64>,
    /// Of a snapshot: the record.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content: Option<Box<RecordInfo>>,
    /// More, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

impl GroupEvent {
    /// An event of this kind; whoever tells it fills in where, when and what.
    pub(crate) fn of(kind: EventKind) -> Self {
        Self {
            position: Position::START,
            sequence: None,
            at: String::new(),
            kind,
            number: kind.number(),
            group: String::new(),
            record: None,
            record_type: None,
            origin: None,
            status: None,
            listening: None,
            has_connections: None,
            member: None,
            node: None,
            connection: None,
            next: None,
            applicant: None,
            cause: None,
            by: None,
            reason: None,
            until: None,
            missed: None,
            content: None,
            detail: None,
        }
    }
}
