//! The node as a whole.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Finding, GroupInfo, IdentityInfo};

/// The node as a whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NodeStatus {
    /// Version of the software.
    pub version: String,
    /// The node's libp2p peer id.
    pub peer_id: String,
    /// Addresses the node listens on, with the ports really taken.
    pub listen: Vec<String>,
    /// Addresses under which others are told to find it.
    pub external: Vec<String>,
    /// When the node started.
    pub started: String,
    /// Seconds since the start.
    pub uptime_seconds: u64,
    /// Identities kept here.
    pub identities: usize,
    /// Those identities.
    pub identity_list: Vec<IdentityInfo>,
    /// Groups kept here.
    pub groups: Vec<GroupInfo>,
    /// The data folder.
    pub data_dir: String,
    /// What is wrong, as far as the node sees it without asking anybody; `GET /v1/doctor` looks closer.
    pub warnings: Vec<Finding>,
    /// When another node was last seen with this node's key, if ever since the start: the data folder, or
    /// a backup of it, is in use on another machine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_used_elsewhere: Option<String>,
}
