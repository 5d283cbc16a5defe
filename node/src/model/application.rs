//! Applications that use a node under a name of their own.

use std::{collections::BTreeSet, fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use zeroize::{Zeroize, ZeroizeOnDrop};

/// Something an application may be allowed; what is not named is denied.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema,
)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Scope {
    /// Look at groups, records, members and identities, and hear of events.
    Read,
    /// Publish, change and delete records.
    Write,
    /// Keep groups online: open, connect and close them, and say something about this node there.
    Online,
    /// Direct connections with other members.
    Direct,
    /// Invite and remove members, change their roles, open and close doors.
    Members,
    /// Create, join, leave and delete groups, and change their properties.
    Groups,
    /// Make, change and delete identities.
    Identities,
    /// The node as a whole: its status, its metrics, stopping it.
    Node,
}

impl Scope {
    /// All of them, weakest first.
    pub const ALL: [Self; 8] = [
        Self::Read,
        Self::Write,
        Self::Online,
        Self::Direct,
        Self::Members,
        Self::Groups,
        Self::Identities,
        Self::Node,
    ];

    /// The word used in JSON and on the command line.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Online => "online",
            Self::Direct => "direct",
            Self::Members => "members",
            Self::Groups => "groups",
            Self::Identities => "identities",
            Self::Node => "node",
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Scope {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|scope| scope.as_str() == text)
            .ok_or_else(|| format!("is one of {}", Self::ALL.map(Self::as_str).join(", ")))
    }
}

/// How much an application may use of the node. What is absent has its default.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Quotas {
    /// Requests per second, twice as many at once. 1 to 10 000; default: 100.
    pub requests_per_second: u32,
    /// Requests being answered at once. 1 to 64; default: 16.
    pub concurrent_requests: u32,
    /// Streams at once, of events and direct connections; the session is not counted. 1 to 64; default: 8.
    pub streams: u32,
    /// Bytes of requests that publish something, per minute. 256 KiB to 1 GiB; default: 16 MiB.
    pub bytes_per_minute: u64,
    /// Groups held open at once. 1 to 256; default: 16.
    pub groups: u32,
}

impl Default for Quotas {
    fn default() -> Self {
        Self {
            requests_per_second: 100,
            concurrent_requests: 16,
            streams: 8,
            bytes_per_minute: 16 * 1024 * 1024,
            groups: 16,
        }
    }
}

/// Registers an application.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewApplication {
    /// 1 to 64 characters: lower-case letters, digits, `-`, `_` and `.`; begins with a letter.
    #[schema(example = "chess-board")]
    pub name: String,
    /// What it may do; at least one.
    pub scopes: BTreeSet<Scope>,
    /// The only groups it may use, each by any of its names. Default: all.
    #[serde(default)]
    pub groups: Vec<String>,
    /// The only identities it may act as. Default: all.
    #[serde(default)]
    pub identities: Vec<String>,
    /// How much it may use.
    #[serde(default)]
    pub quotas: Quotas,
}

/// An application known to the node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ApplicationInfo {
    /// Its name.
    pub name: String,
    /// What it may do.
    pub scopes: BTreeSet<Scope>,
    /// Peer names of the only groups it may use; empty: all.
    pub groups: Vec<String>,
    /// Peer names of the only identities it may act as; empty: all.
    pub identities: Vec<String>,
    /// How much it may use.
    pub quotas: Quotas,
    /// When it was registered.
    pub registered: String,
    /// When its token was made.
    pub token_made: String,
    /// Whether it is attached to the node now.
    pub attached: bool,
    /// Peer names of the groups it holds open now.
    pub holds: Vec<String>,
}

/// A token, which is shown this once.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema, Zeroize, ZeroizeOnDrop)]
pub struct IssuedToken {
    /// The application.
    pub name: String,
    /// Sent in the header `Authorization: Bearer …`. The node keeps only its hash.
    #[schema(example = "peerage_…")]
    pub token: String,
}

impl fmt::Debug for IssuedToken {
    /// Without the token.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IssuedToken")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// Who a request is from, and what it may do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CallerInfo {
    /// The application's name; `operator` for who owns the node.
    pub name: String,
    /// Whether it is the operator, who may do everything.
    pub operator: bool,
    /// What it may do.
    pub scopes: BTreeSet<Scope>,
    /// Peer names of the only groups it may use; empty: all.
    pub groups: Vec<String>,
    /// Peer names of the only identities it may act as; empty: all.
    pub identities: Vec<String>,
    /// How much it may use; absent for the operator.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quotas: Option<Quotas>,
    /// Version of the node's software.
    pub version: String,
}

/// What a session says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SessionEvent {
    /// What happened.
    pub kind: SessionEventKind,
    /// The application's name.
    pub application: String,
    /// Why it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// What happens to a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum SessionEventKind {
    /// It has begun: groups can be opened.
    Attached,
    /// It is over, and what it held with it.
    Ended,
}

impl SessionEventKind {
    /// The word used in JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Attached => "attached",
            Self::Ended => "ended",
        }
    }
}
