//! What a group's creator says about it, as an application sees it.

use std::{fmt, str::FromStr, time::Duration};

use peerage_protocol::properties::{PresencePolicy, Properties, PropertiesChange};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::text::parse_duration;
use crate::Error;

/// The properties of a group. Its creator sets them, every member goes by them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct GroupProperties {
    /// Shown to people.
    pub friendly_name: String,
    /// What the group is for.
    pub comment: String,
    /// For how long memberships are issued when nobody says otherwise; absent: as long as the
    /// issuer's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub membership_lifetime_seconds: Option<u64>,
    /// For how long a node is shown as present after it was last heard of.
    pub presence_lifetime_seconds: u64,
    /// Which nodes show that they are present: `all`, `none`, or about how many.
    #[schema(example = "all")]
    pub presence: String,
    /// Whether a node without a neighbour keeps what has expired until it has one again.
    pub defer_expiry: bool,
    /// The largest record members publish; absent: as large as records may be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_record_bytes: Option<u32>,
    /// Whether this node can change them.
    pub changeable: bool,
}

impl GroupProperties {
    pub(crate) fn of(properties: &Properties, changeable: bool) -> Self {
        Self {
            friendly_name: properties.friendly_name.clone(),
            comment: properties.comment.clone(),
            membership_lifetime_seconds: properties.membership_lifetime.map(|t| t.as_secs()),
            presence_lifetime_seconds: properties.presence_lifetime.as_secs(),
            presence: PresenceWanted(properties.presence).to_string(),
            defer_expiry: properties.defer_expiry,
            max_record_bytes: properties.max_record_bytes,
            changeable,
        }
    }
}

/// Changes a group's properties. What is absent stays.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct GroupChange {
    /// Shown to people. Up to 255 characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub friendly_name: Option<String>,
    /// What the group is for. Up to 255 characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
    /// For how long memberships are issued when nobody says otherwise: a duration from 8 hours to
    /// 10 years, or `none`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "28d")]
    pub membership_lifetime: Option<String>,
    /// For how long a node is shown as present after it was last heard of: a duration up to 30
    /// days; shorter than 5 minutes is 5 minutes.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "10m")]
    pub presence_lifetime: Option<String>,
    /// Which nodes show that they are present: `all`, `none`, or about how many.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "100")]
    pub presence: Option<String>,
    /// Whether a node without a neighbour keeps what has expired until it has one again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub defer_expiry: Option<bool>,
    /// The largest record members publish, 1024 or more; 0 is no limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_record_bytes: Option<u32>,
}

impl GroupChange {
    /// Reads the values that are text.
    pub(crate) fn read(self) -> Result<PropertiesChange, Error> {
        let membership = |text: String| match text.as_str() {
            "none" => Ok(None),
            text => duration("membership_lifetime", text).map(Some),
        };
        Ok(PropertiesChange {
            friendly_name: self.friendly_name,
            comment: self.comment,
            membership_lifetime: self.membership_lifetime.map(membership).transpose()?,
            presence_lifetime: self
                .presence_lifetime
                .map(|text| duration("presence_lifetime", &text))
                .transpose()?,
            presence: self
                .presence
                .map(|text| text.parse::<PresenceWanted>())
                .transpose()
                .map_err(|reason| Error::invalid("presence", reason))?
                .map(|wanted| wanted.0),
            defer_expiry: self.defer_expiry,
            max_record_bytes: self.max_record_bytes.map(Some),
        })
    }
}

fn duration(field: &'static str, text: &str) -> Result<Duration, Error> {
    parse_duration(text).map_err(|reason| Error::invalid(field, reason))
}

/// `all`, `none`, or about how many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PresenceWanted(pub(crate) PresencePolicy);

impl fmt::Display for PresenceWanted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            PresencePolicy::All => f.write_str("all"),
            PresencePolicy::Nobody => f.write_str("none"),
            PresencePolicy::About(nodes) => write!(f, "{nodes}"),
        }
    }
}

impl FromStr for PresenceWanted {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "all" => Ok(Self(PresencePolicy::All)),
            "none" => Ok(Self(PresencePolicy::Nobody)),
            _ => text
                .parse()
                .map(|nodes| Self(PresencePolicy::About(nodes)))
                .map_err(|_| "is all, none, or about how many nodes".to_owned()),
        }
    }
}

/// A node of a member that is present, or this one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NodeInfo {
    /// The node's libp2p peer id.
    pub peer_id: String,
    /// The member's peer name.
    pub member: String,
    /// Where the node listens.
    pub addresses: Vec<String>,
    /// What an application there says about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attributes: Option<String>,
    /// Since when it has been present; absent when it does not say that it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    pub since: Option<String>,
    /// Whether it is this node.
    pub local: bool,
}

/// Says something of this node in a group, or shows it. What is absent stays.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct PresenceRequest {
    /// What the other members are told about this node, up to 1024 bytes; empty: nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attributes: Option<String>,
    /// Shows this node whatever the group's policy, until the node ends; false: goes by the policy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub forced: Option<bool>,
}
