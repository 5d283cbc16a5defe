//! What is said of groups and nodes as files.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A group's records in a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DatabaseInfo {
    /// The group's peer name.
    pub group: String,
    /// The peer name of the identity whose copy of the records it is.
    pub identity: String,
    /// How many records are in it, those about the group itself and deleted ones included.
    pub records: u64,
    /// When it was made.
    pub exported: String,
}

/// What became of the records of a file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ImportedDatabase {
    /// They are here now and were not before, or not in this version.
    pub stored: u64,
    /// The same or newer versions were here already.
    pub known: u64,
    /// Their time was over.
    pub expired: u64,
    /// They did not verify, or their signers may not have signed them.
    pub refused: u64,
}
