//! The node as a whole.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::GroupInfo;

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
