//! Bodies of requests to the local API, and of answers that have no other home.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use zeroize::{Zeroize, ZeroizeOnDrop};

use super::AttributeInfo;

/// Changes an identity.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct IdentityChange {
    /// The new friendly name; null or empty resets it to the peer name.
    pub friendly_name: Option<String>,
}

/// Asks for an identity with its secret key.
#[derive(Clone, Serialize, Deserialize, ToSchema, Zeroize, ZeroizeOnDrop)]
#[serde(deny_unknown_fields)]
pub struct ExportRequest {
    /// Encrypts the export; not empty.
    pub passphrase: String,
}

/// An identity with its secret key, encrypted.
#[derive(Clone, Serialize, Deserialize, ToSchema, Zeroize, ZeroizeOnDrop)]
pub struct ExportedIdentity {
    /// Encrypted PKCS#8 key and certificate, PEM.
    pub pem: String,
}

/// Brings back an exported identity.
#[derive(Clone, Serialize, Deserialize, ToSchema, Zeroize, ZeroizeOnDrop)]
#[serde(deny_unknown_fields)]
pub struct ImportRequest {
    /// The export, byte for byte.
    pub pem: String,
    /// The passphrase given at export.
    pub passphrase: String,
}

/// The public half of an identity, to be given to whoever invites it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CardText {
    /// The identity's peer name.
    pub name: String,
    /// As a text block.
    pub text: String,
    /// On one line, `peerage:card:…`.
    pub uri: String,
}

/// Joins a group.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct JoinRequest {
    /// The invitation, as URI or text block.
    pub invitation: String,
    /// The invited identity. Default: the default identity.
    #[serde(default)]
    pub identity: Option<String>,
    /// Where to look for the group, whatever the invitation says: the name of a cloud this node is in,
    /// or a unique beginning of it.
    #[serde(default)]
    pub cloud: Option<String>,
}

/// Invites an identity.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct InviteRequest {
    /// The invitee's identity card, as URI or text block.
    pub card: String,
    /// `member` (default), `inviting-member` or `admin`.
    #[serde(default = "default_role")]
    pub role: String,
    /// End of the membership: an RFC 3339 instant or a duration from now such as `30d`.
    /// Default: the longest the issuer may give.
    #[serde(default)]
    pub expires: Option<String>,
    /// A few words for the invitee; everyone who holds the invitation can read them.
    #[serde(default)]
    pub note: Option<String>,
    /// Whether the group itself invites, so that the membership hangs on no other; takes the group's
    /// key on this node.
    #[serde(default)]
    pub by_group_key: bool,
    /// Whether all members are told of the new one at once, and not only when it first connects.
    #[serde(default)]
    pub publish: bool,
}

/// Makes an invitation again for the same identity.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ReissueRequest {
    /// End of the membership: an RFC 3339 instant or a duration from now such as `30d`.
    /// Default: as long as the first time.
    pub expires: Option<String>,
    /// A few words for the invitee. Default: those of the first time.
    pub note: Option<String>,
}

/// A group's key, encrypted, and how to find the group.
#[derive(Clone, Serialize, Deserialize, ToSchema, Zeroize, ZeroizeOnDrop)]
pub struct RecoveryFile {
    /// Encrypted PKCS#8 key, certificate, and the group's whereabouts, PEM.
    pub pem: String,
}

/// Takes in a group's key.
#[derive(Clone, Serialize, Deserialize, ToSchema, Zeroize, ZeroizeOnDrop)]
#[serde(deny_unknown_fields)]
pub struct RecoverRequest {
    /// The recovery file, byte for byte.
    pub pem: String,
    /// The passphrase given at export.
    pub passphrase: String,
    /// Who gets it. Default: the identity that is in the group, else the default identity.
    #[serde(default)]
    pub identity: Option<String>,
}

/// A group's configuration, encrypted.
#[derive(Clone, Serialize, Deserialize, ToSchema, Zeroize, ZeroizeOnDrop)]
pub struct GroupConfigFile {
    /// As text; `age` opens it.
    pub text: String,
}

/// Takes in a group's configuration.
#[derive(Clone, Serialize, Deserialize, ToSchema, Zeroize, ZeroizeOnDrop)]
#[serde(deny_unknown_fields)]
pub struct GroupConfigRequest {
    /// The configuration, as it was exported.
    pub text: String,
    /// The passphrase given at export.
    pub passphrase: String,
    /// Whether it may replace the membership that is here.
    #[serde(default)]
    pub overwrite: bool,
}

/// Makes one of our identities an Admin by the group's key.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct IssueAdminRequest {
    /// Which. Default: the one that has the group's key.
    pub identity: Option<String>,
}

fn default_role() -> String {
    "member".to_owned()
}

/// A finished invitation, in its text forms.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct InvitationText {
    /// On one line, `peerage:invite:…`.
    pub uri: String,
    /// As a text block.
    pub text: String,
    /// What it says.
    pub info: InvitationInfo,
}

/// Asks what an invitation says.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct InspectRequest {
    /// The invitation, as URI or text block.
    pub invitation: String,
}

/// What an invitation says. Reading it needs no identity and proves nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct InvitationInfo {
    /// Names the invitation, 16 hex digits; the same wherever it is read.
    pub id: String,
    /// The group's peer name.
    pub group: String,
    /// The group's friendly name.
    pub group_friendly_name: String,
    /// Who invites, as a peer name.
    pub issuer: String,
    /// Who invites, for people.
    pub issuer_friendly_name: String,
    /// Who is invited, as a peer name.
    pub subject: String,
    /// Who is invited, for people.
    pub subject_friendly_name: String,
    /// Roles granted, strongest first.
    pub roles: Vec<String>,
    /// Start of the membership.
    #[schema(format = DateTime)]
    pub valid_from: String,
    /// End of the membership.
    #[schema(format = DateTime)]
    pub valid_until: String,
    /// The cloud in which the group is looked up.
    pub cloud: String,
    /// How far that cloud reaches: `global`, `site-local` or `link-local`.
    pub scope: String,
    /// Addresses of members to try first.
    pub bootstrap: Vec<String>,
    /// A few words from the issuer.
    pub note: String,
}

/// Publishes a record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RecordPut {
    /// Record type: UUID text or a readable name, which always gives the same UUID.
    #[serde(rename = "type")]
    #[schema(example = "note")]
    pub kind: String,
    /// When it lapses: an RFC 3339 instant or a duration from now. Default: 28 days.
    #[serde(default)]
    #[schema(example = "7d")]
    pub expires: Option<String>,
    /// Named values other members can search for.
    #[serde(default)]
    pub attributes: Vec<AttributeInfo>,
    /// Content, standard base64. Together with the attributes at most 48 KiB.
    #[serde(default)]
    pub payload: Option<String>,
    /// Content as text, instead of `payload`.
    #[serde(default)]
    pub payload_text: Option<String>,
}

/// Changes a record. What is absent stays.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RecordChange {
    /// A later expiry: an RFC 3339 instant or a duration from now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires: Option<String>,
    /// All named values, replacing the earlier ones.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attributes: Option<Vec<AttributeInfo>>,
    /// Content, standard base64.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub payload: Option<String>,
    /// Content as text, instead of `payload`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub payload_text: Option<String>,
}

/// A digest over everything a member holds; equal on members that are in line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FingerprintInfo {
    /// 64 hex digits.
    pub fingerprint: String,
}

/// `Debug` without the content, for bodies that hold secrets.
macro_rules! redact {
    ($($name:ident),*) => {$(
        impl std::fmt::Debug for $name {
            fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.debug_struct(stringify!($name)).finish_non_exhaustive()
            }
        }
    )*};
}

redact!(
    ExportRequest,
    ExportedIdentity,
    ImportRequest,
    RecoveryFile,
    RecoverRequest,
    GroupConfigFile,
    GroupConfigRequest,
    JoinRequest,
    InspectRequest,
    InvitationText
);
