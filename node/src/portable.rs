//! What leaves a node as a file, to come back on this machine or another.
//!
//! | file | holds | page |
//! |---|---|---|
//! | group configuration | one membership, to be used on another machine that has the identity | `docs/formats/group-config.md` |
//! | group database | the records of one replica | `docs/formats/database-file.md` |
//! | backup | the whole node | `docs/formats/backup.md` |

pub(crate) mod config;
pub(crate) mod database;
pub(crate) mod head;
pub(crate) mod sealed;

use std::{
    fs::{self, File, OpenOptions},
    io::{self, BufWriter, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use config::GroupConfig;

use crate::{Error, Result};

/// What a file that is being written is called until it is whole.
const UNFINISHED: &str = ".unfinished";

/// Makes a file for its owner alone, in place of what has its name: whole, or not at all.
///
/// # Errors
/// Of the disk, and what `write` fails with. What was there before stays then.
pub(crate) fn whole_file<T>(
    path: &Path,
    write: impl FnOnce(&mut BufWriter<File>) -> Result<T>,
) -> Result<T> {
    let mut file = Unfinished::new(path)?;
    let done = write(&mut file.output)?;
    file.finish()?;
    Ok(done)
}

/// The same where writing is waited for.
pub(crate) async fn whole_file_of<E: From<Error>>(
    path: &Path,
    write: impl AsyncFnOnce(&mut BufWriter<File>) -> Result<(), E>,
) -> Result<(), E> {
    let mut file = Unfinished::new(path)?;
    write(&mut file.output).await?;
    file.finish()?;
    Ok(())
}

/// A file under another name than it will have; removed unless it is finished.
struct Unfinished<'a> {
    path: &'a Path,
    unfinished: PathBuf,
    output: BufWriter<File>,
}

impl<'a> Unfinished<'a> {
    fn new(path: &'a Path) -> Result<Self> {
        let mut name = path.file_name().unwrap_or_default().to_owned();
        name.push(UNFINISHED);
        let unfinished = path.with_file_name(name);
        let file = new_private_file(&unfinished).map_err(|error| Error::io(path, error))?;
        Ok(Self {
            path,
            unfinished,
            output: BufWriter::new(file),
        })
    }

    fn finish(mut self) -> Result<()> {
        self.output
            .flush()
            .and_then(|()| self.output.get_ref().sync_all())
            .and_then(|()| fs::rename(&self.unfinished, self.path))
            .and_then(|()| sync_folder_of(self.path))
            .map_err(|error| Error::io(self.path, error))
    }
}

impl Drop for Unfinished<'_> {
    fn drop(&mut self) {
        // Gone already where it has been finished.
        let _ = fs::remove_file(&self.unfinished);
    }
}

/// Opens a new file that nobody else may read, in place of one that a crash has left.
fn new_private_file(path: &Path) -> io::Result<File> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
}

fn sync_folder_of(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => File::open(folder)?.sync_all(),
        _ => File::open(".")?.sync_all(),
    }
}

/// Reads a group configuration as far as it goes without its passphrase, and the text under it, as the
/// fuzzer does: never a panic, whatever the bytes.
#[doc(hidden)]
pub fn read_config_for_fuzzing(bytes: &[u8]) -> bool {
    let sealed = std::str::from_utf8(bytes).is_ok_and(GroupConfig::is_config);
    sealed | GroupConfig::from_json(bytes).is_ok()
}
