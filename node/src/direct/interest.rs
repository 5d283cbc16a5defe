//! What an application asks for, and what it is told.

use std::{collections::BTreeSet, fmt, sync::Arc};

use hyper::body::Bytes;
use libp2p::{Multiaddr, PeerId};
use peerage_protocol::{
    direct::{ConnectionId, DirectMode},
    wire::direct::MessageType,
};

use crate::model::ConnectionInfo;

/// To whom a direct connection is opened, and for what.
#[derive(Debug, Clone)]
pub struct DirectTarget {
    /// Peer name of the member, a unique beginning of it, its public key, or a friendly name that no
    /// other member has.
    pub member: String,
    /// Which of its nodes; any that is known otherwise.
    pub node: Option<PeerId>,
    /// Where; looked up otherwise. May end with `/p2p/` and a peer id. The member is checked there.
    pub address: Option<Multiaddr>,
    /// What it is to carry.
    pub mode: DirectMode,
}

impl DirectTarget {
    /// A connection for messages to a member, wherever it is.
    #[must_use]
    pub fn to(member: impl Into<String>) -> Self {
        Self {
            member: member.into(),
            node: None,
            address: None,
            mode: DirectMode::Messages,
        }
    }
}

/// What a listener wants. Nothing is accepted and nothing is told unless it is asked for here.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DirectInterest {
    /// Other members may open connections for messages while this listener is there, and it hears of
    /// connections. Without it there is no data either.
    pub connections: bool,
    /// Other members may open pipes while this listener is there; each is taken with
    /// [`take_pipe`](crate::GroupHandle::take_pipe).
    pub pipes: bool,
    /// The messages it wants.
    pub data: DataInterest,
}

impl DirectInterest {
    /// Connections for messages, with everything that comes on them.
    #[must_use]
    pub fn messages() -> Self {
        Self {
            connections: true,
            pipes: false,
            data: DataInterest::All,
        }
    }
}

/// Which messages.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum DataInterest {
    /// None.
    #[default]
    None,
    /// All.
    All,
    /// Those of these types.
    Types(BTreeSet<MessageType>),
}

impl DataInterest {
    pub(super) fn includes(&self, kind: MessageType) -> bool {
        match self {
            Self::None => false,
            Self::All => true,
            Self::Types(kinds) => kinds.contains(&kind),
        }
    }
}

/// What a listener is told.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum DirectEvent {
    /// A connection is open.
    Connected(ConnectionInfo),
    /// A connection has ended.
    Disconnected(DirectNotice),
    /// A connection did not come about.
    Failed(DirectNotice),
    /// A message came.
    Data(DirectMessage),
    /// So many messages were lost, because this listener did not read while others waited for it.
    Missed {
        /// How many.
        messages: u64,
    },
}

/// The end of a connection, or of an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct DirectNotice {
    /// Which.
    pub id: ConnectionId,
    /// The attempt that goes on in its place, at another node of the member.
    pub next: Option<ConnectionId>,
    /// Peer name of the member.
    pub member: String,
    /// Its node, once it is known.
    pub node: Option<String>,
    /// Why, in a stable word.
    pub reason: &'static str,
}

/// One message.
#[derive(Clone)]
#[non_exhaustive]
pub struct DirectMessage {
    /// On which connection it came.
    pub id: ConnectionId,
    /// Peer name of the member who sent it.
    pub from: Arc<str>,
    /// What it is.
    pub kind: MessageType,
    /// The content.
    pub data: Bytes,
}

/// Without the content, which is nobody's business in a log.
impl fmt::Debug for DirectMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DirectMessage")
            .field("id", &self.id)
            .field("from", &self.from)
            .field("kind", &self.kind)
            .field("bytes", &self.data.len())
            .finish_non_exhaustive()
    }
}
