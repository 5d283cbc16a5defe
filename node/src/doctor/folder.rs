//! Is the data folder ours, and ours alone?

use std::{
    fs, io,
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
};

use rustix::fs::{Access, access};

use crate::{
    ErrorKind,
    model::{Check, Finding},
};

/// Files looked at; more have more identities and groups than a node keeps.
const MAX_ENTRIES: usize = 20_000;
/// What others may do with a file of ours: nothing.
const OTHERS: u32 = 0o077;

/// Looks at owner and permissions of the folder and the files in it, except for those of the record
/// store, which nobody reaches through a closed folder.
#[must_use]
pub fn check(folder: &Path) -> Finding {
    let metadata = match fs::metadata(folder) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let detail = format!("{} is not there yet", folder.display());
            return Finding::ok(Check::Folder, format!("{detail}; peerage up makes it"));
        }
        Err(error) => return unusable(folder, &error.to_string()),
    };
    if !metadata.is_dir() {
        return Finding::problem(
            Check::Folder,
            ErrorKind::FixInput,
            format!("{} is not a folder", folder.display()),
            "choose another with --data-dir",
        );
    }
    let us = rustix::process::geteuid().as_raw();
    if metadata.uid() != us {
        let reason = format!("belongs to user {}, this is user {us}", metadata.uid());
        return unusable(folder, &reason);
    }
    if access(folder, Access::READ_OK | Access::WRITE_OK | Access::EXEC_OK).is_err() {
        return unusable(folder, "may not be read and written");
    }
    match open_to_others(folder) {
        Some(path) => Finding::problem(
            Check::Folder,
            ErrorKind::NotAuthorised,
            format!("others on this machine may use {}", path.display()),
            format!("close it: chmod -R go= '{}'", folder.display()),
        ),
        None => Finding::ok(Check::Folder, format!("{} is ours alone", folder.display())),
    }
}

/// When the newest file in the folder was written.
#[must_use]
pub fn newest(folder: &Path) -> Option<peerage_records::time::Timestamp> {
    let times = entries(folder).into_iter().filter_map(|path| {
        let modified = fs::metadata(path).ok()?.modified().ok()?;
        let since = modified.duration_since(std::time::UNIX_EPOCH).ok()?;
        u64::try_from(since.as_millis()).ok()
    });
    times
        .max()
        .map(peerage_records::time::Timestamp::from_millis)
}

fn unusable(folder: &Path, reason: &str) -> Finding {
    Finding::problem(
        Check::Folder,
        ErrorKind::NotAuthorised,
        format!("{} {reason}", folder.display()),
        format!("run as the owner of {}", folder.display()),
    )
}

/// What others may reach first.
fn open_to_others(folder: &Path) -> Option<PathBuf> {
    let closed = |path: &PathBuf| {
        // What is gone again, and a link, which has no permissions of its own, hurt nobody.
        fs::symlink_metadata(path).map_or(true, |found| {
            found.is_symlink() || found.permissions().mode() & OTHERS == 0
        })
    };
    if closed(&folder.to_path_buf()) {
        return None;
    }
    let inside = entries(folder).into_iter().find(|path| !closed(path));
    Some(inside.unwrap_or_else(|| folder.to_path_buf()))
}

/// The files and folders of the data folder, two levels deep, without the store.
fn entries(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![(folder.to_path_buf(), 0)];
    while let Some((folder, depth)) = folders.pop() {
        let Ok(listed) = fs::read_dir(&folder) else {
            continue;
        };
        for entry in listed.flatten() {
            if found.len() >= MAX_ENTRIES {
                return found;
            }
            let path = entry.path();
            let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
            if is_folder && depth < 2 && entry.file_name() != "store" {
                folders.push((path.clone(), depth + 1));
            }
            found.push(path);
        }
    }
    found
}
