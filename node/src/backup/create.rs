//! Making a backup of a running node.

use std::{fs, fs::File, io::Write, path::Path, sync::Arc};

use peerage_records::{
    id::ReplicaId,
    store::{
        Store,
        rocks::{RocksOptions, RocksStore},
    },
};

use super::{
    archive,
    manifest::{GroupInBackup, MAX_FILES, Manifest, SETTINGS, WHAT},
};
use crate::{
    Error, Result, Settings,
    folder::{DataFolder, WorkFolder},
    handle::Transfer,
    portable::sealed::invalid,
    settings::Layer,
    vault::Known,
};

/// A copy of everything that goes into a backup, on the disk of the node: links to files that are replaced
/// and never changed, so that it takes no room and no time.
pub(crate) struct Copied {
    transfer: Transfer,
    folder: WorkFolder,
    manifest: Manifest,
}

impl Copied {
    /// Links the node's small files, as they are at this moment. The caller keeps everybody from changing
    /// them meanwhile.
    pub(crate) fn link(folder: &DataFolder, work: &WorkFolder) -> Result<()> {
        for path in folder.kept_files()? {
            let (from, to) = (folder.path().join(&path), work.path().join(&path));
            if let Some(parent) = to.parent() {
                fs::create_dir_all(parent).map_err(|error| Error::io(parent, error))?;
            }
            // A file system without links, such as that of a memory card, has small files copied.
            fs::hard_link(&from, &to)
                .or_else(|_| fs::copy(&from, &to).map(drop))
                .map_err(|error| Error::io(&from, error))?;
        }
        Ok(())
    }

    /// Copies the store, beside whoever writes to it, and takes down what there is.
    pub(crate) fn finish(
        transfer: Transfer,
        folder: WorkFolder,
        settings: &Settings,
        known: &Arc<Known>,
        mut manifest: Manifest,
    ) -> Result<Self> {
        let store = folder.path().join("store");
        transfer.reader.checkpoint(&store)?;
        manifest.groups = groups(&store, known)?;
        let text = toml::to_string(&Layer::of(settings))
            .map_err(|error| Error::Internal(error.to_string()))?;
        let path = folder.path().join(SETTINGS);
        fs::write(&path, text).map_err(|error| Error::io(&path, error))?;
        let mut paths = Vec::new();
        gather(folder.path(), Path::new(""), &mut paths)?;
        paths.retain(|path| crate::folder::is_kept(path) || path == SETTINGS);
        paths.sort();
        if paths.len() > MAX_FILES {
            return Err(invalid(
                WHAT,
                format!("the node has more than {MAX_FILES} files"),
            ));
        }
        for path in paths {
            transfer.go_on()?;
            let entry = archive::entry_of(&path, &folder.path().join(&path))?;
            manifest.files.push(entry);
        }
        Ok(Self {
            transfer,
            folder,
            manifest,
        })
    }

    pub(crate) fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Writes the archive.
    pub(crate) fn write<W: Write>(
        &self,
        passphrase: &str,
        output: W,
        progress: &mut archive::Progress<'_>,
    ) -> Result<W> {
        let (total, mut done) = (self.manifest.total_bytes(), 0);
        archive::write(
            &self.manifest,
            passphrase,
            output,
            |file| {
                let path = self.folder.path().join(&file.path);
                File::open(&path).map_err(|error| Error::io(path, error))
            },
            |bytes| {
                done += bytes;
                progress(done, total);
                self.transfer.go_on()
            },
        )
    }
}

/// What the copy of the store holds of each membership. That it opens is a first check of it.
fn groups(store: &Path, known: &Known) -> Result<Vec<GroupInBackup>> {
    let mut store = RocksStore::open(store, &RocksOptions::default())?;
    let held: Vec<ReplicaId> = store.replicas()?;
    let mut groups = Vec::new();
    for (replica, membership) in known.memberships() {
        if !held.contains(replica) {
            continue;
        }
        store.open_replica(*replica)?;
        groups.push(GroupInBackup {
            group: membership.root()?.name().to_string(),
            friendly_name: membership.friendly_name.clone(),
            identity: membership.identity.to_string(),
            replica: replica.to_string(),
            newest: store.changes(replica, u64::MAX, 1)?.newest,
            records: store.count(replica)?,
        });
    }
    Ok(groups)
}

/// The files below a folder, as paths with `/`.
fn gather(folder: &Path, below: &Path, paths: &mut Vec<String>) -> Result<()> {
    let path = folder.join(below);
    let failed = |error| Error::io(&path, error);
    for entry in fs::read_dir(&path).map_err(failed)? {
        let name = below.join(entry.map_err(failed)?.file_name());
        if folder.join(&name).is_dir() {
            gather(folder, &name, paths)?;
        } else if let Some(text) = name.to_str() {
            paths.push(text.to_owned());
        }
    }
    Ok(())
}
