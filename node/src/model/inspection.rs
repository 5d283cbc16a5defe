//! Memberships, links and answers, for whoever wants to look at them.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// An identity of this node with its memberships.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct IdentityMemberships {
    /// The first 128 bits of the SHA-256 of the peer name, 32 hex digits. It selects the identity.
    pub p2p_id: String,
    /// Peer name.
    pub name: String,
    /// Shown to people.
    pub friendly_name: String,
    /// Whether it is the one used when none is named.
    pub default: bool,
    /// One per group.
    pub memberships: Vec<MembershipInfo>,
}

/// What an identity's certificate says about its membership in a group. Known also when the group is
/// offline, or the membership is over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MembershipInfo {
    /// The first 128 bits of the SHA-256 of the group's peer name, 32 hex digits. It selects the group.
    pub p2p_id: String,
    /// Certificates in the chain, the group's own among them: 2 for the creator, 3 for whom it
    /// invited.
    pub chain_length: usize,
    /// The group's peer name.
    pub name: String,
    /// The group's friendly name.
    pub friendly_name: String,
    /// Roles, strongest first.
    pub roles: Vec<String>,
    /// Start of the membership.
    pub valid_from: String,
    /// End of the membership.
    pub valid_until: String,
    /// What it is worth now.
    pub validity: Validity,
}

/// What a membership is worth at the moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Validity {
    /// It holds.
    Valid,
    /// It has ended.
    Expired,
    /// It has not begun.
    NotYetValid,
    /// It was taken away: the identity was removed from the group, or has left it.
    Revoked,
}

impl Validity {
    /// The word used in tables.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Valid => "Valid",
            Self::Expired => "Expired",
            Self::NotYetValid => "Not yet valid",
            Self::Revoked => "Revoked",
        }
    }
}

/// The nodes of a group's members, and the links between them as far as they are known here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct GroupGraph {
    /// The group's peer name.
    pub group: String,
    /// Shown to people.
    pub friendly_name: String,
    /// This node first.
    pub nodes: Vec<GraphNode>,
    /// Those that end at this node. What others are linked with is not told.
    pub links: Vec<GraphLink>,
}

/// A node of a member.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct GraphNode {
    /// The node's libp2p peer id.
    pub peer_id: String,
    /// Its member's peer name.
    pub member: String,
    /// Shown to people.
    pub friendly_name: String,
    /// Whether this is the node itself.
    pub local: bool,
    /// Whether it says that it is online.
    pub present: bool,
    /// Where it says it listens.
    pub addresses: Vec<String>,
}

/// A link with a neighbour.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct GraphLink {
    /// The peer id of the end that made the connection; this node's where that is not known.
    pub from: String,
    /// The peer id of the other end.
    pub to: String,
    /// Who made the connection.
    pub direction: LinkDirection,
    /// Since when the two are neighbours.
    pub since: String,
    /// Where the other end is, as seen from here.
    pub address: Option<String>,
    /// How long an answer takes, in microseconds; absent until it was measured.
    pub round_trip_us: Option<u64>,
    /// When records were last compared with its, without a fault; absent if not yet.
    pub compared: Option<String>,
}

/// Who made a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum LinkDirection {
    /// This node.
    Outbound,
    /// The other one.
    Inbound,
    /// The connection is gone, or not known.
    Unknown,
}

impl LinkDirection {
    /// The word used in JSON and in tables.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Outbound => "outbound",
            Self::Inbound => "inbound",
            Self::Unknown => "unknown",
        }
    }
}

/// Which participants of a group answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PingReport {
    /// The group's peer name.
    pub group: String,
    /// Whether a participant answered: a neighbour, or a node that says it is present. That a remembered
    /// node answers says only that it runs.
    pub found: bool,
    /// Who was asked; none when nobody is known.
    pub participants: Vec<Participant>,
}

/// A node that was asked whether it is there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Participant {
    /// The node's libp2p peer id, which it proved if it answered.
    pub peer_id: String,
    /// Its member's peer name, where it is known.
    pub member: Option<String>,
    /// How it is known here.
    pub known_as: KnownAs,
    /// The addresses tried.
    pub addresses: Vec<String>,
    /// The address that answered.
    pub answered_at: Option<String>,
    /// How long a new connection took, in microseconds.
    pub took_us: Option<u64>,
    /// Why there was no answer.
    pub failure: Option<String>,
}

/// How a node is known to be one of a group's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum KnownAs {
    /// It is a neighbour: it has proved its membership to this node.
    Neighbour,
    /// It says, signed by its member, that it is online in the group.
    Present,
    /// It was a neighbour once, or an invitation names it. Whether it is online in the group now shows
    /// when the group is connected.
    Remembered,
}

impl KnownAs {
    /// The word used in JSON and in tables.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Neighbour => "neighbour",
            Self::Present => "present",
            Self::Remembered => "remembered",
        }
    }
}
