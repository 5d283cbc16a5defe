//! Doors, group addresses and requests to join, as an application sees them.

use peerage_protocol::door::{Door, GroupAddress, JoinRequest as Request, Standing};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use zeroize::{Zeroize, ZeroizeOnDrop};

use super::instant_text;

/// Whom a group's door lets in. Giving one opens the door, or changes what it opens to.
#[derive(
    Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema, Zeroize, ZeroizeOnDrop,
)]
#[serde(deny_unknown_fields)]
pub struct DoorRequest {
    /// Who knows this password becomes a member. At least 12 characters, and not easily guessed.
    #[serde(default)]
    pub password: Option<String>,
    /// What who knows the password becomes: `member` (default), `inviting-member` or `admin`.
    #[serde(default)]
    pub role: Option<String>,
    /// Whether requests to join are taken.
    #[serde(default)]
    pub requests: bool,
}

/// A group's door.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DoorInfo {
    /// Whether somebody without an invitation may come in at all.
    pub open: bool,
    /// Whether there is a password.
    pub password: bool,
    /// What who knows the password becomes.
    pub role: Option<String>,
    /// Whether requests to join are taken.
    pub requests: bool,
}

/// A group's address, to be given to people who may come to its door.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AddressText {
    /// On one line, `peerage:group:…`.
    pub uri: String,
    /// As a text block.
    pub text: String,
    /// What it says.
    pub info: AddressInfo,
}

/// What a group's address says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AddressInfo {
    /// The group's peer name.
    pub group: String,
    /// The group's friendly name when it was made.
    pub friendly_name: String,
    /// Public key of the member who made the address, 64 hex digits.
    pub made_by: String,
    /// Whether the door asks for a password.
    pub password: bool,
    /// Whether one may ask to join.
    pub requests: bool,
    /// The cloud in which the group is looked up.
    pub cloud: String,
    /// Addresses of members to try first.
    pub bootstrap: Vec<String>,
}

/// Asks what a group's address says.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct InspectAddress {
    /// The group's address, as URI or text block.
    pub address: String,
}

/// Joins a group by its address: with its password, or by asking.
#[derive(Clone, Serialize, Deserialize, ToSchema, Zeroize, ZeroizeOnDrop)]
#[serde(deny_unknown_fields)]
pub struct VisitRequest {
    /// The group's address, as URI or text block.
    pub address: String,
    /// Who joins. Default: the default identity.
    #[serde(default)]
    pub identity: Option<String>,
    /// The group's password; without one, a request to join is made.
    #[serde(default)]
    pub password: Option<String>,
    /// A word to whoever decides about the request, at most 255 characters.
    #[serde(default)]
    pub note: Option<String>,
}

/// Somebody who asks to join.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct JoinRequestInfo {
    /// Who, as a peer name.
    pub name: String,
    /// Shown to people; chosen by who asks.
    pub friendly_name: String,
    /// Ed25519 public key, 64 hex digits.
    pub public_key: String,
    /// A word to whoever decides; chosen by who asks.
    pub note: String,
    /// When it was first asked.
    #[schema(format = DateTime)]
    pub asked: String,
    /// How it stands: `waiting`, `accepted` or `denied`.
    pub standing: String,
}

/// Accepts a request to join.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct AcceptRequest {
    /// `member` (default), `inviting-member` or `admin`.
    pub role: Option<String>,
    /// End of the membership: an RFC 3339 instant or a duration from now such as `30d`.
    /// Default: the longest the issuer may give.
    pub expires: Option<String>,
}

impl From<&Door> for DoorInfo {
    fn from(door: &Door) -> Self {
        let kinds = door.kinds();
        Self {
            open: !kinds.is_closed(),
            password: kinds.password,
            role: door.password.as_ref().map(|door| door.role.to_string()),
            requests: kinds.requests,
        }
    }
}

impl From<&GroupAddress> for AddressInfo {
    fn from(address: &GroupAddress) -> Self {
        let kinds = address.kinds();
        Self {
            group: address.root().name().to_string(),
            friendly_name: address.root().friendly_name().to_owned(),
            made_by: address.maker().to_string(),
            password: kinds.password,
            requests: kinds.requests,
            cloud: address.cloud().name().to_owned(),
            bootstrap: address
                .bootstrap()
                .iter()
                .map(ToString::to_string)
                .collect(),
        }
    }
}

impl From<&GroupAddress> for AddressText {
    fn from(address: &GroupAddress) -> Self {
        Self {
            uri: address.to_uri(),
            text: address.to_block(),
            info: AddressInfo::from(address),
        }
    }
}

impl From<&Request> for JoinRequestInfo {
    fn from(request: &Request) -> Self {
        Self {
            name: request.card.name().to_string(),
            friendly_name: request.card.friendly_name().to_owned(),
            public_key: request.card.key().to_string(),
            note: request.note.clone(),
            asked: instant_text(request.asked),
            standing: match request.standing {
                Standing::Waiting => "waiting",
                Standing::Accepted(_) => "accepted",
                Standing::Denied => "denied",
            }
            .to_owned(),
        }
    }
}

macro_rules! redact {
    ($($name:ident),*) => {$(
        impl std::fmt::Debug for $name {
            fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.debug_struct(stringify!($name)).finish_non_exhaustive()
            }
        }
    )*};
}

redact!(DoorRequest, AddressText, InspectAddress, VisitRequest);
