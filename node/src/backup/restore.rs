//! Making a data folder of a backup.
//!
//! What is restored had a later life, perhaps, in which it has published more. So every membership is
//! marked: it changes nothing that is there before another member has brought it up to date, gives no
//! version that may have been given, and its events begin new numbers. Tokens of applications may have been
//! revoked, so none is good any more.

use std::{
    fs::{self, DirBuilder, File, Permissions},
    io,
    os::unix::fs::{DirBuilderExt, PermissionsExt},
    path::{Path, PathBuf},
};

use peerage_records::{
    store::rocks::{RocksOptions, RocksStore},
    time::Timestamp,
};
use rustix::{
    fs::{CWD, RenameFlags, renameat_with},
    io::Errno,
};
use serde::{Deserialize, Serialize};
use tempfile::TempDir;

use super::{
    Manifest, Progress,
    archive::{self, discard, take_out},
    manifest::WHAT,
    verify::check,
};
use crate::{
    Error, Result,
    folder::{self, FolderLock, marker},
    model::instant_text,
    portable::sealed::invalid,
};

/// The node's own key.
const NODE_KEY: &str = "node.key";

/// How a backup is to be restored.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RestoreOptions {
    /// Whether a folder that has something in it is put aside.
    pub force: bool,
    /// Whether the node gets a key of its own, because the one it was made of goes on.
    pub new_node_key: bool,
}

/// What was restored, and where to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Restored {
    /// What the backup says of itself.
    pub manifest: Manifest,
    /// The new data folder.
    pub data_dir: PathBuf,
    /// Where the earlier one is now.
    pub put_aside: Option<PathBuf>,
    /// The applications that are registered in it. Their tokens are void: each needs a new one.
    pub applications: Vec<String>,
}

/// Unpacks a backup beside the data folder, checks everything in it, and puts it in the folder's place in
/// one step: after a crash the folder is the old one or the new one. No node may have it.
///
/// # Errors
/// [`Error::FolderInUse`], [`Error::FolderNotEmpty`] unless forced, [`Error::WrongPassphrase`], and
/// [`Error::InvalidExport`] which says what is wrong with the backup; or when something cannot be read or
/// written. The folder is what it was then, or the error says where it is; if only the last sync fails, the
/// new one is in its place already.
pub fn restore(
    path: &Path,
    passphrase: &str,
    data_dir: &Path,
    options: RestoreOptions,
    now: Timestamp,
    progress: &mut Progress<'_>,
) -> Result<Restored> {
    let data_dir = std::path::absolute(data_dir).map_err(|error| Error::io(data_dir, error))?;
    let occupied = is_occupied(&data_dir)?;
    if occupied && !options.force {
        return Err(Error::FolderNotEmpty { path: data_dir });
    }
    // Until the end: nobody starts a node in it meanwhile.
    let _lock = match occupied {
        true => Some(FolderLock::take(&data_dir)?),
        false => None,
    };
    let parent = data_dir.parent().unwrap_or(Path::new("/"));
    fs::create_dir_all(parent).map_err(|error| Error::io(parent, error))?;
    let staging = tempfile::Builder::new()
        .prefix(".peerage-restore-")
        // It becomes the data folder, which is ours alone.
        .permissions(Permissions::from_mode(0o700))
        .tempdir_in(parent)
        .map_err(|error| Error::io(parent, error))?;
    let manifest = unpack(path, passphrase, staging.path(), options, now, progress)?;
    let applications = void_tokens(staging.path())?;
    sync_folders(staging.path())?;
    let put_aside = match occupied {
        true => Some(exchange(staging, &data_dir, now)?),
        false => {
            fs::rename(staging.path(), &data_dir).map_err(|error| Error::io(&data_dir, error))?;
            // It has another name now.
            let _ = staging.keep();
            None
        }
    };
    File::open(parent)
        .and_then(|folder| folder.sync_all())
        .map_err(|error| Error::io(parent, error))?;
    Ok(Restored {
        manifest,
        data_dir,
        put_aside,
        applications,
    })
}

/// Whether the folder has something in it.
fn is_occupied(folder: &Path) -> Result<bool> {
    match fs::read_dir(folder) {
        Ok(mut entries) => Ok(entries.next().is_some()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(Error::io(folder, error)),
    }
}

fn unpack(
    path: &Path,
    passphrase: &str,
    folder: &Path,
    options: RestoreOptions,
    now: Timestamp,
    progress: &mut Progress<'_>,
) -> Result<Manifest> {
    let mut memberships = Vec::new();
    let manifest = archive::read(
        path,
        passphrase,
        |manifest| make_folders(folder, manifest),
        |file, input| {
            if file.path == NODE_KEY && options.new_node_key {
                return discard(file, input);
            }
            let parts: Vec<&str> = file.path.split('/').collect();
            if let ["groups", _, name] = parts[..]
                && let Some(stem) = name.strip_suffix(".json")
            {
                memberships.push(file.path.replace(name, &format!("{stem}.restored")));
            }
            // Of an earlier restoration; this one counts.
            match file.path.ends_with(".restored") {
                true => discard(file, input),
                false => take_out(&folder.join(&file.path), input),
            }
        },
        progress,
    )?;
    let store = folder.join("store");
    check(
        RocksStore::open(&store, &RocksOptions::default())?,
        &manifest,
    )?;
    RocksStore::open(&store, &RocksOptions::default())?.begin_epoch()?;
    let marker = marker(now, true)?;
    for path in memberships {
        take_out(&folder.join(path), &mut marker.as_slice())?;
    }
    Ok(manifest)
}

/// Makes the tokens of the applications void. One may have been replaced or revoked since, and nothing here knows
/// which.
fn void_tokens(folder: &Path) -> Result<Vec<String>> {
    folder::void_tokens(folder).map_err(|error| match error {
        Error::FileDamaged { reason, .. } => invalid(WHAT, format!("applications.json: {reason}")),
        error => error,
    })
}

/// Makes the folders that the files of the manifest are in.
fn make_folders(folder: &Path, manifest: &Manifest) -> Result<()> {
    let all = ["identities/x", "groups/x", "store/x"];
    let paths = manifest.files.iter().map(|file| file.path.as_str());
    for path in paths.chain(all) {
        if let Some((below, _)) = path.rsplit_once('/') {
            let path = folder.join(below);
            DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(&path)
                .map_err(|error| Error::io(path, error))?;
        }
    }
    Ok(())
}

/// Syncs a folder and those in it, so that the names of files are as durable as their contents.
fn sync_folders(folder: &Path) -> Result<()> {
    let failed = |error| Error::io(folder, error);
    for entry in fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if path.is_dir() {
            sync_folders(&path)?;
        }
    }
    File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(failed)
}

/// Puts the new folder in the place of the old one, and the old one aside.
///
/// The new one gets the name aside first, and the exchange is the last step: what is wrong with that name, or
/// with the disk, is found while the old one is where it was. The temporary name is never that of the old one,
/// so what is removed by it is the new one or nothing.
fn exchange(new: TempDir, old: &Path, now: Timestamp) -> Result<PathBuf> {
    let aside = name_aside(old, now);
    fs::rename(new.path(), &aside).map_err(|error| Error::io(&aside, error))?;
    match renameat_with(CWD, aside.as_path(), CWD, old, RenameFlags::EXCHANGE) {
        Ok(()) => {}
        Err(refused) => {
            fs::rename(&aside, new.path()).map_err(|error| Error::io(&aside, error))?;
            match refused {
                // A file system that cannot do it in one step.
                Errno::INVAL | Errno::NOSYS => in_two_steps(new.path(), old, &aside)?,
                _ => return Err(Error::io(old, refused.into())),
            }
        }
    }
    // Nothing has its temporary name any more.
    let _ = new.keep();
    Ok(aside)
}

/// What the old folder is called once it is put aside.
fn name_aside(old: &Path, now: Timestamp) -> PathBuf {
    let stamp = instant_text(now).replace([':', '.'], "-");
    let mut name = old.file_name().unwrap_or_default().to_owned();
    name.push(format!(".before-{stamp}"));
    old.with_file_name(name)
}

/// The same where folders cannot be exchanged. When the new one cannot come, the old one goes back.
pub(super) fn in_two_steps(new: &Path, old: &Path, aside: &Path) -> Result<()> {
    fs::rename(old, aside).map_err(|error| Error::io(aside, error))?;
    let Err(error) = fs::rename(new, old) else {
        return Ok(());
    };
    match fs::rename(aside, old) {
        Ok(()) => Err(Error::io(old, error)),
        Err(stuck) => {
            let aside = aside.display();
            let reason = format!("{error}; the folder is {aside} now, rename it back ({stuck})");
            Err(Error::io(old, io::Error::other(reason)))
        }
    }
}
