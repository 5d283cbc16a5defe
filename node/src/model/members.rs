//! Members with where their membership comes from.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::MemberInfo;

/// A member with the whole chain of its membership.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MemberDetail {
    /// The member.
    #[serde(flatten)]
    pub member: MemberInfo,
    /// Who issued whom: first the group's own certificate, last the member's. Each was issued by the
    /// one before it.
    pub chain: Vec<ChainLink>,
    /// Peer names of the members whose membership this member issued.
    pub invited: Vec<String>,
}

/// One certificate of a chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ChainLink {
    /// Peer name of the holder; of the group for the first.
    pub name: String,
    /// Shown to people.
    pub friendly_name: String,
    /// Ed25519 public key, 64 hex digits.
    pub public_key: String,
    /// Roles, strongest first; none for the group, which may issue all.
    pub roles: Vec<String>,
    /// Start.
    #[schema(format = DateTime)]
    pub valid_from: String,
    /// End.
    #[schema(format = DateTime)]
    pub valid_until: String,
    /// When it was issued.
    #[schema(format = DateTime)]
    pub issued_at: String,
    /// SHA-256 of the certificate, 64 hex digits.
    pub fingerprint: String,
}

/// Who invited whom.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MemberTree {
    /// The group's peer name; its key stands at the top.
    pub group: String,
    /// Shown to people.
    pub friendly_name: String,
    /// Whom the group's key issued memberships to: the creator, most often.
    pub invited: Vec<MemberNode>,
}

/// Somebody in the tree.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MemberNode {
    /// Peer name.
    pub name: String,
    /// Shown to people.
    pub friendly_name: String,
    /// Roles, strongest first.
    pub roles: Vec<String>,
    /// End of the membership.
    #[schema(format = DateTime)]
    pub valid_until: String,
    /// What the membership at this place is worth.
    pub standing: Standing,
    /// Whether this is the member on this node.
    pub myself: bool,
    /// Whom it invited.
    #[schema(no_recursion)]
    pub invited: Vec<Self>,
}

/// What a membership at one place of the tree is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Standing {
    /// It is the member's, and holds.
    Member,
    /// It is the member's, and has ended.
    Expired,
    /// An earlier one: the member has a newer one, found elsewhere in the tree.
    Elsewhere,
    /// Others hang on it, but nobody with it is known as a member now.
    Unknown,
}

impl Standing {
    /// The word used in JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Member => "member",
            Self::Expired => "expired",
            Self::Elsewhere => "elsewhere",
            Self::Unknown => "unknown",
        }
    }
}
