//! Groups, members and neighbours as an application sees them.

use peerage_protocol::engine::Status;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{DoorRequest, NodeInfo};

/// What an application chooses about a new group.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct NewGroup {
    /// The creator, as a peer name, a unique prefix of one, or a unique friendly name.
    /// Default: the default identity.
    pub identity: Option<String>,
    /// Ends the group's peer name, after the dot. 0 to 149 characters; default: empty.
    #[schema(example = "chess")]
    pub classifier: Option<String>,
    /// Shown to people. Up to 255 characters; default: the group's peer name.
    #[schema(example = "Chess club")]
    pub friendly_name: Option<String>,
    /// What the group is for. Up to 255 characters.
    pub comment: Option<String>,
    /// Opens the group's door at once. Default: closed, so that only invitations let in.
    pub door: Option<DoorRequest>,
    /// Where the group is looked up: the name of a cloud this node is in, or a unique beginning of it.
    /// Default: `Global_`.
    #[schema(example = "Global_")]
    pub cloud: Option<String>,
}

/// How far the node has got with a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum GroupStatus {
    /// Not connected and not trying to.
    Offline,
    /// Looking for members.
    Connecting,
    /// Online and alone: others may connect.
    Listening,
    /// At least one neighbour.
    Connected,
    /// Not a member yet: the request to join lies with a member who decides.
    Waiting,
    /// Not a member: the password is wrong.
    Refused,
}

impl GroupStatus {
    /// The word used in JSON and in tables.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Offline => "offline",
            Self::Connecting => "connecting",
            Self::Listening => "listening",
            Self::Connected => "connected",
            Self::Waiting => "waiting",
            Self::Refused => "refused",
        }
    }

    /// Whether others may connect.
    #[must_use]
    pub fn is_listening(self) -> bool {
        matches!(self, Self::Connecting | Self::Listening | Self::Connected)
    }

    /// Whether there is a neighbour.
    #[must_use]
    pub fn has_connections(self) -> bool {
        self == Self::Connected
    }

    /// The original's flags for it (`PEER_GROUP_STATUS`): listening 1, has connections 2.
    #[must_use]
    pub fn flags(self) -> u8 {
        u8::from(self.is_listening()) | u8::from(self.has_connections()) << 1
    }
}

impl From<Status> for GroupStatus {
    fn from(status: Status) -> Self {
        match status {
            Status::Offline => Self::Offline,
            Status::Connecting => Self::Connecting,
            Status::Listening => Self::Listening,
            Status::Connected => Self::Connected,
        }
    }
}

/// Where a member is to be found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ConnectRequest {
    /// One to four addresses, tried in their order. One may end with `/p2p/` and the peer id that has
    /// to be there.
    #[schema(example = json!(["/ip4/192.0.2.1/udp/4001/quic-v1"]))]
    pub addresses: Vec<String>,
}

/// One identity's membership in one group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct GroupInfo {
    /// The group's peer name.
    pub name: String,
    /// The group's id, 64 hex digits.
    pub id: String,
    /// Shown to people.
    pub friendly_name: String,
    /// What the group is for.
    pub comment: String,
    /// The member on this node, as a peer name.
    pub identity: String,
    /// The member's role: `admin`, `inviting-member` or `member`.
    pub role: String,
    /// How far the node has got with the group.
    pub status: GroupStatus,
    /// Whether the database has been brought in line with another member's at least once (always
    /// true for the creator).
    pub synchronised: bool,
    /// Members connected to this node now.
    pub neighbours: usize,
    /// Members known, including this one.
    pub members: usize,
    /// Records held, including reserved types and tombstones.
    pub records: u64,
    /// When the membership ends.
    #[schema(format = DateTime)]
    pub valid_until: Option<String>,
    /// Where the group is looked up.
    pub cloud: String,
    /// Whether the group's own key is on this node.
    pub group_key: bool,
    /// Whether it was restored from a backup and has met no member since: what is there may be older than
    /// what this identity has published itself, so it is not changed before.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub behind: bool,
    /// Whether the membership was taken away: the identity was removed from the group, or has left it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub revoked: bool,
    /// In answer to a request that had nothing to do: why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub outcome: Option<Outcome>,
}

/// A success with something to tell: what was asked for was so already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Outcome {
    /// The group was online before (the original's `PEER_S_ALREADY_CONNECTED`).
    AlreadyConnected,
    /// The identity was a member before (the original's `PEER_S_ALREADY_A_MEMBER`).
    AlreadyAMember,
}

impl Outcome {
    /// What it says to people.
    #[must_use]
    pub fn meaning(self) -> &'static str {
        match self {
            Self::AlreadyConnected => "it was online already",
            Self::AlreadyAMember => "you are a member already",
        }
    }
}

/// A member of a group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MemberInfo {
    /// Peer name.
    pub name: String,
    /// Shown to people.
    pub friendly_name: String,
    /// Ed25519 public key, 64 hex digits.
    pub public_key: String,
    /// Roles, strongest first.
    pub roles: Vec<String>,
    /// Start of the membership.
    #[schema(format = DateTime)]
    pub valid_from: String,
    /// End of the membership.
    #[schema(format = DateTime)]
    pub valid_until: String,
    /// Who issued the membership: public key in hex, or a peer name where it is known.
    pub issued_by: String,
    /// Certificates between the group root and this member.
    pub depth: usize,
    /// Whether the member is connected to this node now.
    pub neighbour: bool,
    /// Whether this is the member on this node.
    pub myself: bool,
    /// Whether the membership has ended.
    pub expired: bool,
    /// Whether at least one node of the member says that it is online.
    pub present: bool,
    /// Those nodes.
    pub nodes: Vec<NodeInfo>,
}

/// A member connected to this node now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NeighbourInfo {
    /// The node's libp2p peer id.
    pub peer_id: String,
    /// The member's peer name.
    pub member: String,
    /// Shown to people.
    pub friendly_name: String,
    /// Since when.
    #[schema(format = DateTime)]
    pub since: String,
    /// The remote address of the connection.
    pub address: Option<String>,
}
