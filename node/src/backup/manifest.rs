//! What a backup says of itself, before anything else in it.

use libp2p::PeerId;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    Error, Result,
    folder::is_kept,
    portable::{head::check_head, sealed::invalid},
};

/// The name of the entry that holds it, the first one.
pub(super) const NAME: &str = "manifest.json";

/// At most this many bytes of manifest: 150 for each of as many files as there may be.
pub(super) const MAX_MANIFEST_BYTES: u64 = 32 * 1024 * 1024;

/// At most this many files: those of 100 memberships with 1 024 invitations each, and of a store of
/// several terabytes.
pub(super) const MAX_FILES: usize = 200_000;

const FORMAT: &str = "peerage backup";
const VERSION: u32 = 1;

/// How backups are named in errors.
pub(super) const WHAT: &str = "the backup";

/// The name of the file with the node's settings, which a node does not read by itself.
pub(super) const SETTINGS: &str = "settings.toml";

/// A backup's contents.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// `peerage backup`.
    pub format: String,
    /// Of the format: 1.
    pub version: u32,
    /// When it was made.
    pub made: String,
    /// The libp2p peer id of the node it was made of.
    pub node: String,
    /// The version of the software that made it.
    pub software: String,
    /// The groups in it, per identity.
    pub groups: Vec<GroupInBackup>,
    /// The files in it, in their order.
    pub files: Vec<FileInBackup>,
}

/// One identity's copy of one group, as it was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct GroupInBackup {
    /// The group's peer name.
    pub group: String,
    /// The group's friendly name.
    pub friendly_name: String,
    /// The identity's peer name.
    pub identity: String,
    /// Names the copy in the store, 32 hex digits.
    pub replica: String,
    /// The number of the newest record event.
    pub newest: u64,
    /// How many records there were, those about the group itself and deleted ones included.
    pub records: u64,
}

/// A file of the data folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FileInBackup {
    /// Below the folder.
    pub path: String,
    /// Its length.
    pub bytes: u64,
    /// SHA-256 of its content, in hex.
    pub sha256: String,
}

impl Manifest {
    pub(crate) fn of(made: String, node: &PeerId) -> Self {
        Self {
            format: FORMAT.to_owned(),
            version: VERSION,
            made,
            node: node.to_string(),
            software: env!("CARGO_PKG_VERSION").to_owned(),
            groups: Vec::new(),
            files: Vec::new(),
        }
    }

    /// How many bytes the files have together.
    #[must_use]
    pub fn total_bytes(&self) -> u64 {
        self.files.iter().map(|file| file.bytes).sum()
    }

    /// Reads and checks it: known version, only files that belong into a data folder, each once.
    pub(super) fn read(json: &[u8]) -> Result<Self> {
        let unreadable = |error: serde_json::Error| invalid(WHAT, error);
        check_head(json, FORMAT, VERSION, WHAT)?;
        let manifest: Self = serde_json::from_slice(json).map_err(unreadable)?;
        if manifest.files.len() > MAX_FILES {
            return Err(invalid(WHAT, format!("it has more than {MAX_FILES} files")));
        }
        let mut total = 0_u64;
        let mut last: Option<&str> = None;
        for file in &manifest.files {
            if !(is_kept(&file.path) || file.path == SETTINGS) {
                let reason = format!("{:?} does not belong into a data folder", file.path);
                return Err(invalid(WHAT, reason));
            }
            if last.is_some_and(|last| last >= file.path.as_str()) {
                return Err(invalid(
                    WHAT,
                    "its files are not in order, or one is there twice",
                ));
            }
            last = Some(&file.path);
            total = total
                .checked_add(file.bytes)
                .ok_or_else(|| invalid(WHAT, "its files have no possible size"))?;
        }
        Ok(manifest)
    }

    pub(super) fn to_json(&self) -> Result<Vec<u8>> {
        serde_json::to_vec_pretty(self).map_err(|error| Error::Internal(error.to_string()))
    }
}

/// Reads a manifest as the fuzzer does: never a panic, whatever the bytes.
pub(crate) fn is_manifest(bytes: &[u8]) -> bool {
    Manifest::read(bytes).is_ok()
}
