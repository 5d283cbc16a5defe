//! What becomes of memberships, and the history of it.

use peerage_protocol::{audit::Entry, roster::Roster};
use peerage_records::id::IdentityKey;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::instant_text;

/// How a member is removed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RemoveMember {
    /// Why, at most 255 characters; every member can read it.
    pub reason: String,
    /// Whether those go too whom the member let in, and so on.
    pub cascade: bool,
    /// Whether the member's records go too.
    pub with_records: bool,
    /// Whether the group's key decides, which alone removes the creator.
    pub by_group_key: bool,
}

/// What a member's newer credential says.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RenewMember {
    /// `admin`, `inviting-member` or `member`. Default: the role it has.
    pub role: Option<String>,
    /// When it ends: a duration such as `30d`, or an instant. Default: as long from now as the present
    /// one lasted, but not after the issuer's own.
    pub expires: Option<String>,
}

/// Why a member leaves.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct LeaveGroup {
    /// Why, at most 255 characters; every member can read it.
    pub reason: String,
}

/// How far the removals decided so far have got.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RemovalProgress {
    /// Members, this one included.
    pub members: usize,
    /// Members all of whose nodes that are online have applied the same removals as this node.
    pub applied: usize,
    /// Peer names of members that are online and have not said so yet.
    pub pending: Vec<String>,
    /// Peer names of members that are not online: they apply them when they come back, before
    /// anything else.
    pub absent: Vec<String>,
}

/// One line of a group's history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AuditEntry {
    /// When, as whoever did it says.
    #[schema(format = DateTime)]
    pub at: String,
    /// `founded`, `invited`, `promoted`, `lowered`, `renewed`, `removed`, `left`, `withdrawn` or
    /// `replaced`.
    pub action: String,
    /// Who did it: a peer name.
    pub actor: String,
    /// Shown to people.
    pub actor_friendly_name: String,
    /// To whom: a peer name.
    pub subject: String,
    /// Shown to people.
    pub subject_friendly_name: String,
    /// The roles given; none for a removal.
    pub roles: Vec<String>,
    /// Until when they were given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    pub valid_until: Option<String>,
    /// The reason given.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
    /// The certificate by which the actor had the right: the first half of its SHA-256. None for the
    /// group's own key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authority: Option<String>,
    /// The certificate or the revocation itself: the first half of its SHA-256.
    pub evidence: String,
    /// Whether it counts now: a certificate that is not void, a revocation that takes effect.
    pub in_force: bool,
}

/// A group's history as a file that anybody can verify offline.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AuditFile {
    /// The file in base64.
    pub file: String,
}

impl AuditEntry {
    /// Gives an entry the names its roster knows.
    #[must_use]
    pub fn new(entry: &Entry, roster: &Roster) -> Self {
        let (actor, actor_friendly_name) = names(roster, &entry.actor);
        let (subject, subject_friendly_name) = names(roster, &entry.subject);
        Self {
            at: instant_text(entry.at),
            action: entry.action.word().to_owned(),
            actor,
            actor_friendly_name,
            subject,
            subject_friendly_name,
            roles: entry.roles.iter().map(|role| role.to_string()).collect(),
            valid_until: entry.not_after.map(instant_text),
            reason: entry.reason.clone(),
            authority: entry.authority.map(|act| act.to_string()),
            evidence: entry.act.to_string(),
            in_force: entry.in_force,
        }
    }
}

fn names(roster: &Roster, key: &IdentityKey) -> (String, String) {
    match roster.credential(key) {
        Some(gmc) => (
            gmc.subject_name().to_string(),
            gmc.friendly_name().to_owned(),
        ),
        None if *key == roster.root() => {
            (key.authority().to_string(), "the group's key".to_owned())
        }
        None => (key.authority().to_string(), String::new()),
    }
}
