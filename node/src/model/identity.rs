//! Identities as an application sees them.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What an application chooses about a new identity.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct NewIdentity {
    /// Ends the peer name, after the dot. 0 to 149 characters; default: empty.
    #[schema(example = "laptop")]
    pub classifier: Option<String>,
    /// Shown to people. Up to 255 characters; default: the peer name.
    #[schema(example = "Ada")]
    pub friendly_name: Option<String>,
}

/// An identity of this node, without its secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[non_exhaustive]
pub struct IdentityInfo {
    /// Peer name: 40 hex digits, a dot, the classifier.
    pub name: String,
    /// Shown to people; not unique.
    pub friendly_name: String,
    /// Ed25519 public key, 64 hex digits.
    pub public_key: String,
    /// When it was made.
    #[schema(format = DateTime)]
    pub created: String,
    /// Whether it is the one used when none is named.
    pub default: bool,
    /// In how many groups it is, on this node.
    pub groups: usize,
    /// Whether its key is kept under a passphrase.
    pub protected: bool,
}

impl IdentityInfo {
    /// A fresh value; the remaining fields are set by the caller.
    #[must_use]
    pub fn new(name: String, friendly_name: String, public_key: String, created: String) -> Self {
        Self {
            name,
            friendly_name,
            public_key,
            created,
            default: false,
            groups: 0,
            protected: false,
        }
    }
}
