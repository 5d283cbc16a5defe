//! Which memberships came from a backup: they had a later life of which this folder knows nothing.

use std::path::PathBuf;

use peerage_protocol::{engine::Restored, name::PeerName};
use peerage_records::time::Timestamp;
use serde::{Deserialize, Serialize};

use super::{DataFolder, MAX_FILE_BYTES, file_name, files};
use crate::{
    Error,
    model::{instant_text, parse_instant},
};

/// How it looks in its file.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kept {
    restored: String,
    behind: bool,
}

impl DataFolder {
    /// That the membership came from a backup, if it did.
    ///
    /// # Errors
    /// [`Error::FileDamaged`], or when it cannot be read.
    pub fn restored(
        &self,
        identity: &PeerName,
        group: &PeerName,
    ) -> Result<Option<Restored>, Error> {
        let path = self.restored_path(identity, group);
        let Some(bytes) = files::read(&path, MAX_FILE_BYTES)? else {
            return Ok(None);
        };
        let damaged = |reason: &dyn ToString| files::damaged(&path, reason.to_string());
        let kept: Kept = serde_json::from_slice(&bytes).map_err(|error| damaged(&error))?;
        Ok(Some(Restored {
            at: parse_instant(&kept.restored).map_err(|error| damaged(&error))?,
            behind: kept.behind,
        }))
    }

    /// Remembers that another member has brought a restored membership up to date.
    ///
    /// # Errors
    /// When it cannot be read or written.
    pub fn caught_up(&self, identity: &PeerName, group: &PeerName) -> Result<(), Error> {
        match self.restored(identity, group)? {
            Some(restored) if restored.behind => {
                self.check_held()?;
                let path = self.restored_path(identity, group);
                files::write(&path, &marker(restored.at, false)?)
            }
            _ => Ok(()),
        }
    }

    fn restored_path(&self, identity: &PeerName, group: &PeerName) -> PathBuf {
        self.groups_of(identity).join(file_name(group, "restored"))
    }
}

/// What says in its file that a membership came from a backup.
pub(crate) fn marker(at: Timestamp, behind: bool) -> Result<Vec<u8>, Error> {
    let kept = Kept {
        restored: instant_text(at),
        behind,
    };
    serde_json::to_vec_pretty(&kept).map_err(|error| Error::Internal(error.to_string()))
}
