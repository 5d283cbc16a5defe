//! The node as a whole, and how errors look in JSON.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::GroupInfo;
use crate::{Error, ErrorKind};

/// The node as a whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NodeStatus {
    /// Version of the software.
    pub version: String,
    /// The node's libp2p peer id.
    pub peer_id: String,
    /// Addresses the node listens on, with the ports really taken.
    pub listen: Vec<String>,
    /// Seconds since the start.
    pub uptime_seconds: u64,
    /// Identities kept here.
    pub identities: usize,
    /// Groups kept here.
    pub groups: Vec<GroupInfo>,
    /// The data folder.
    pub data_dir: String,
}

/// An error as `application/problem+json` (RFC 9457), with fields of our own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema, thiserror::Error)]
#[error("{detail}")]
pub struct Problem {
    /// `urn:peerage:error:` and the code.
    #[serde(rename = "type")]
    pub kind_uri: String,
    /// What the kind of error means, in a few words.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// What went wrong, for people.
    pub detail: String,
    /// What went wrong, for programs; stable.
    pub code: String,
    /// What to do about it.
    pub kind: ErrorKind,
    /// The original Peer Infrastructure's name for it, if it had one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub original: Option<String>,
    /// What to try next.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_step: Option<String>,
}

impl From<&Error> for Problem {
    fn from(error: &Error) -> Self {
        let kind = error.kind();
        let status = match error {
            Error::TooLarge { .. } => 413,
            Error::TimedOut { .. } => 504,
            _ => kind.http_status(),
        };
        Self {
            kind_uri: format!("urn:peerage:error:{}", error.code()),
            title: kind.meaning().to_owned(),
            status,
            detail: error.full_text(),
            code: error.code().to_owned(),
            kind,
            original: error.original().map(str::to_owned),
            next_step: error.next_step(),
        }
    }
}
