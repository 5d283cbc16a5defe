//! Small private files that are either the old or the new version after a crash, never between.

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Read, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

use crate::Error;

const PRIVATE_FOLDER: u32 = 0o700;
const PRIVATE_FILE: u32 = 0o600;
const OTHERS: u32 = 0o077;
const UNFINISHED: &str = ".unfinished";

/// Makes the folder (and those above it) for the owner alone, or takes away what others may do
/// in an existing one.
pub(super) fn private_folder(path: &Path) -> Result<(), Error> {
    DirBuilder::new()
        .recursive(true)
        .mode(PRIVATE_FOLDER)
        .create(path)
        .map_err(|error| Error::io(path, error))?;
    tighten(path, PRIVATE_FOLDER)
}

/// Replaces the file: a temporary name, synced, renamed, folder synced.
pub(super) fn write(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let unfinished = unfinished(path);
    let result = write_new(&unfinished, bytes)
        .and_then(|()| fs::rename(&unfinished, path))
        .and_then(|()| sync_folder_of(path));
    if result.is_err() {
        let _ = fs::remove_file(&unfinished);
    }
    result.map_err(|error| Error::io(path, error))
}

/// Reads the whole file if it exists.
///
/// A file larger than `limit_bytes` is damaged. A file others may read is tightened first.
pub(super) fn read(path: &Path, limit_bytes: u64) -> Result<Option<Vec<u8>>, Error> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(Error::io(path, error)),
    };
    tighten(path, PRIVATE_FILE)?;
    let mut bytes = Vec::new();
    file.take(limit_bytes + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| Error::io(path, error))?;
    if bytes.len() as u64 > limit_bytes {
        return Err(damaged(path, format!("larger than {limit_bytes} bytes")));
    }
    Ok(Some(bytes))
}

/// Reads UTF-8 text; see [`read`].
pub(super) fn read_text(path: &Path, limit_bytes: u64) -> Result<Option<String>, Error> {
    let Some(bytes) = read(path, limit_bytes)? else {
        return Ok(None);
    };
    String::from_utf8(bytes)
        .map(Some)
        .map_err(|_| damaged(path, "not UTF-8 text"))
}

/// Removes the file; whether it was there.
pub(super) fn remove(path: &Path) -> Result<bool, Error> {
    match fs::remove_file(path) {
        Ok(()) => sync_folder_of(path)
            .map(|()| true)
            .map_err(|error| Error::io(path, error)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(Error::io(path, error)),
    }
}

/// Removes files of one folder, those that are there, and syncs it once.
pub(super) fn remove_all(paths: &[PathBuf]) -> Result<(), Error> {
    for path in paths {
        match fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(Error::io(path, error));
            }
            _ => {}
        }
    }
    match paths.first() {
        Some(path) => sync_folder_of(path).map_err(|error| Error::io(path, error)),
        None => Ok(()),
    }
}

/// The files of a folder with this extension, in order of their names; none when it is missing.
pub(super) fn list(folder: &Path, extension: &str) -> Result<Vec<PathBuf>, Error> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(Error::io(folder, error)),
    };
    let mut paths = entries
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<io::Result<Vec<_>>>()
        .map_err(|error| Error::io(folder, error))?;
    paths.retain(|path| path.extension().is_some_and(|found| found == extension));
    paths.sort();
    Ok(paths)
}

pub(super) fn damaged(path: &Path, reason: impl ToString) -> Error {
    Error::FileDamaged {
        path: path.to_path_buf(),
        reason: reason.to_string(),
    }
}

fn tighten(path: &Path, mode: u32) -> Result<(), Error> {
    let found = fs::metadata(path)
        .map_err(|error| Error::io(path, error))?
        .permissions()
        .mode();
    if found & OTHERS == 0 {
        return Ok(());
    }
    tracing::warn!(path = %path.display(), "others could use it; now only its owner can");
    fs::set_permissions(path, fs::Permissions::from_mode(mode))
        .map_err(|error| Error::io(path, error))
}

fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(PRIVATE_FILE)
        .open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

fn unfinished(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(UNFINISHED);
    path.with_file_name(name)
}

fn sync_folder_of(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(folder) => File::open(folder)?.sync_all(),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn a_write_replaces_the_file_and_leaves_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.txt");
        write(&path, b"one").unwrap();
        write(&path, b"two").unwrap();
        assert_eq!(read(&path, 10).unwrap().unwrap(), b"two");
        assert_eq!(mode(&path), PRIVATE_FILE);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_write_that_was_cut_short_leaves_the_old_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.pem");
        write(&path, b"whole").unwrap();
        fs::write(unfinished(&path), b"ha").unwrap();
        assert_eq!(read(&path, 10).unwrap().unwrap(), b"whole");
        assert_eq!(
            list(folder.path(), "pem").unwrap(),
            std::slice::from_ref(&path)
        );
        write(&path, b"next").unwrap();
        assert_eq!(read(&path, 10).unwrap().unwrap(), b"next");
    }

    #[test]
    fn what_others_may_use_is_tightened() {
        let folder = tempfile::tempdir().unwrap();
        let inner = folder.path().join("data");
        fs::create_dir(&inner).unwrap();
        fs::set_permissions(&inner, fs::Permissions::from_mode(0o755)).unwrap();
        private_folder(&inner).unwrap();
        assert_eq!(mode(&inner), PRIVATE_FOLDER);
        let path = inner.join("a");
        fs::write(&path, b"x").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        read(&path, 10).unwrap();
        assert_eq!(mode(&path), PRIVATE_FILE);
    }

    #[test]
    fn a_file_beyond_its_limit_is_damaged() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        fs::write(&path, b"0123456789").unwrap();
        assert!(read(&path, 10).unwrap().is_some());
        assert_eq!(read(&path, 9).unwrap_err().code(), "file_damaged");
        fs::write(&path, [0xff]).unwrap();
        assert_eq!(read_text(&path, 9).unwrap_err().code(), "file_damaged");
    }
}
