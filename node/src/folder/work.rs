//! Files and folders that are being made or taken in, until they have their own place.

use std::{
    fs,
    path::{Path, PathBuf},
};

use data_encoding::HEXLOWER;
use rand::Rng;

use super::{DataFolder, files};
use crate::Error;

/// A private folder, removed with everything in it when this is dropped; one that a crash leaves behind is
/// removed at the next start.
#[derive(Debug)]
pub(crate) struct WorkFolder(PathBuf);

impl WorkFolder {
    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for WorkFolder {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.0) {
            tracing::warn!(path = %self.0.display(), %error, "not removed; the next start does it");
        }
    }
}

impl DataFolder {
    /// Makes a folder to work in, on the same file system as everything else here.
    pub(crate) fn work_folder(&self) -> Result<WorkFolder, Error> {
        self.check_held()?;
        let mut name = [0; 8];
        rand::rng().fill_bytes(&mut name);
        let path = self.work_path().join(HEXLOWER.encode(&name));
        files::private_folder(&path)?;
        Ok(WorkFolder(path))
    }

    /// Removes what an earlier run has left unfinished.
    pub(super) fn clear_work(&self) -> Result<(), Error> {
        match fs::remove_dir_all(self.work_path()) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(Error::io(self.work_path(), error))
            }
            _ => Ok(()),
        }
    }

    fn work_path(&self) -> PathBuf {
        self.path.join("work")
    }
}
