//! Direct connections as an application sees them.

use data_encoding::BASE64;
use peerage_protocol::direct::{ConnectionId, DirectMode};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::direct::{DirectEvent, DirectMessage, DirectNotice};

/// Content up to this size is given as text too: a large one need not be in memory three times.
const MAX_SHOWN_BYTES: usize = 64 * 1024;

/// Opens a direct connection.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OpenDirect {
    /// Peer name of the member, a unique start of it, its public key, or a friendly name that stands
    /// for nobody else.
    #[schema(example = "Ben")]
    pub member: String,
    /// The peer id of one of its nodes. Default: any that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<String>,
    /// Where it is. Default: looked up among the neighbours and the nodes that are present.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// What it carries.
    #[serde(default)]
    pub mode: ConnectionMode,
    /// Answer once it is known what came of it. Default: answer at once.
    #[serde(default)]
    pub wait: bool,
}

/// What a direct connection carries.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ConnectionMode {
    /// Typed messages.
    #[default]
    Messages,
    /// Bytes, both ways: a pipe.
    Stream,
}

impl From<ConnectionMode> for DirectMode {
    fn from(mode: ConnectionMode) -> Self {
        match mode {
            ConnectionMode::Messages => Self::Messages,
            ConnectionMode::Stream => Self::Stream,
        }
    }
}

impl From<DirectMode> for ConnectionMode {
    fn from(mode: DirectMode) -> Self {
        match mode {
            DirectMode::Messages => Self::Messages,
            DirectMode::Stream => Self::Stream,
        }
    }
}

/// Which kind of connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ConnectionKind {
    /// Opened by an application, for applications.
    Direct,
    /// To a neighbour, for the group's records. Data sent to it travels on a direct connection that
    /// is opened for that.
    Neighbour,
}

impl ConnectionKind {
    /// The word used in JSON and in tables.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Direct => "direct",
            Self::Neighbour => "neighbour",
        }
    }
}

/// An open connection to another member's node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ConnectionInfo {
    /// Names it on this node: a whole number of 64 bits, as text.
    #[schema(value_type = String)]
    pub id: ConnectionId,
    /// Which kind.
    pub kind: ConnectionKind,
    /// The node on the other side, as a libp2p peer id.
    pub node: String,
    /// The member on the other side, as a peer name.
    pub member: String,
    /// Shown to people.
    pub friendly_name: String,
    /// Where it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// Whether the other side opened it.
    pub incoming: bool,
    /// What it carries.
    pub mode: ConnectionMode,
    /// Since when.
    pub since: String,
}

/// An attempt that was begun.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DirectOpening {
    /// The connection's id. It is of no use until the connection is open.
    #[schema(value_type = String)]
    pub id: ConnectionId,
    /// The connection, if it was waited for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connection: Option<ConnectionInfo>,
}

/// A message to be sent.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SendDirect {
    /// Its type: a name or a UUID.
    #[serde(rename = "type")]
    #[schema(example = "chat")]
    pub kind: String,
    /// Content, standard base64.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payload: Option<String>,
    /// Content as text, in place of `payload`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payload_text: Option<String>,
}

/// What a listener is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum DirectTold {
    /// A connection is open.
    Connected {
        /// The connection.
        connection: ConnectionInfo,
    },
    /// A connection has ended.
    Disconnected(ConnectionEnd),
    /// A connection did not come about.
    Failed(ConnectionEnd),
    /// A message came.
    Data(MessageInfo),
    /// Messages were lost, because this listener did not read while others waited for it.
    Missed {
        /// How many.
        messages: u64,
    },
}

/// The end of a connection, or of an attempt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ConnectionEnd {
    /// Which.
    #[schema(value_type = String)]
    pub id: ConnectionId,
    /// The attempt that goes on in its place, at another node of the member.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub next: Option<ConnectionId>,
    /// The member, as a peer name.
    pub member: String,
    /// Its node, once it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<String>,
    /// Why, in a stable word.
    pub reason: String,
}

/// A message that came.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MessageInfo {
    /// On which connection.
    #[schema(value_type = String)]
    pub id: ConnectionId,
    /// Who sent it, as a peer name.
    pub from: String,
    /// Its type, UUID text.
    #[serde(rename = "type")]
    pub kind: String,
    /// Content, standard base64.
    pub payload: String,
    /// Content as text, when it is UTF-8 of at most 64 KiB.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payload_text: Option<String>,
}

/// Without the content, which is nobody's business in a log.
impl std::fmt::Debug for MessageInfo {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MessageInfo")
            .field("id", &self.id)
            .field("kind", &self.kind)
            .finish_non_exhaustive()
    }
}

impl DirectTold {
    /// The word used as the SSE event name.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Connected { .. } => "connected",
            Self::Disconnected(_) => "disconnected",
            Self::Failed(_) => "failed",
            Self::Data(_) => "data",
            Self::Missed { .. } => "missed",
        }
    }
}

impl From<DirectEvent> for DirectTold {
    fn from(event: DirectEvent) -> Self {
        match event {
            DirectEvent::Connected(connection) => Self::Connected { connection },
            DirectEvent::Disconnected(notice) => Self::Disconnected(notice.into()),
            DirectEvent::Failed(notice) => Self::Failed(notice.into()),
            DirectEvent::Data(message) => Self::Data(message.into()),
            DirectEvent::Missed { messages } => Self::Missed { messages },
        }
    }
}

impl From<DirectNotice> for ConnectionEnd {
    fn from(notice: DirectNotice) -> Self {
        Self {
            id: notice.id,
            next: notice.next,
            member: notice.member,
            node: notice.node,
            reason: notice.reason.to_owned(),
        }
    }
}

impl From<DirectMessage> for MessageInfo {
    fn from(message: DirectMessage) -> Self {
        Self {
            id: message.id,
            from: message.from.to_string(),
            kind: message.kind.to_string(),
            payload: BASE64.encode(&message.data),
            payload_text: (message.data.len() <= MAX_SHOWN_BYTES)
                .then(|| std::str::from_utf8(&message.data).ok().map(str::to_owned))
                .flatten(),
        }
    }
}
