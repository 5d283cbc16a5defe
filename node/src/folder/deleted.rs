//! Which identities were deleted here, so that nobody is invited who no longer exists.

use peerage_protocol::name::PeerName;

use super::{DataFolder, MAX_FILE_BYTES, files};
use crate::Error;

/// At most this many are remembered, the latest; a name has at most about 640 bytes.
const MAX_REMEMBERED: usize = 1_000;

impl DataFolder {
    /// Whether an identity of this name was deleted here, and not brought back.
    ///
    /// # Errors
    /// [`Error::FileDamaged`], or when the list cannot be read.
    pub fn was_deleted(&self, name: &PeerName) -> Result<bool, Error> {
        Ok(self.deleted_identities()?.contains(name))
    }

    /// Remembers that an identity is deleted, or that it is back.
    pub(super) fn remember_deleted(&self, name: &PeerName, deleted: bool) -> Result<(), Error> {
        let mut names = self.deleted_identities()?;
        let known = names.contains(name);
        if known == deleted {
            return Ok(());
        }
        names.retain(|other| other != name);
        if deleted {
            names.push(name.clone());
        }
        let first = names.len().saturating_sub(MAX_REMEMBERED);
        let text: String = names[first..]
            .iter()
            .map(|name| format!("{name}\n"))
            .collect();
        files::write(&self.deleted_path(), text.as_bytes())
    }

    fn deleted_identities(&self) -> Result<Vec<PeerName>, Error> {
        let path = self.deleted_path();
        let Some(text) = files::read_text(&path, 4 * MAX_FILE_BYTES)? else {
            return Ok(Vec::new());
        };
        // Classifiers hold no control characters, so a line is a name.
        text.lines()
            .map(|line| {
                line.parse()
                    .map_err(|_| files::damaged(&path, "a line is no peer name"))
            })
            .collect()
    }

    fn deleted_path(&self) -> std::path::PathBuf {
        self.path.join("deleted-identities")
    }
}
