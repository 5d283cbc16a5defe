//! The archive: a tar of plain files under a passphrase, the manifest first.
//!
//! It is not compressed: the store's tables are compressed already and hold signatures and keys besides,
//! and what does not expand needs no guard against expanding. Only plain files are taken out, exactly
//! those the manifest lists, in its order, each with the size and the digest it says.

use std::{
    fs::{File, OpenOptions},
    io::{self, Read, Write},
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};
use tar::{Archive, Builder, EntryType, Header};

use super::manifest::{FileInBackup, MAX_MANIFEST_BYTES, Manifest, NAME, WHAT};
use crate::{
    Error, Result,
    portable::sealed::{self, broken, invalid},
};

/// Bytes copied in one go.
const COPY_BYTES: usize = 64 * 1024;

/// Told how many bytes have been dealt with, and of how many.
pub type Progress<'a> = dyn FnMut(u64, u64) + Send + 'a;

/// The manifest's entry of a file on disk.
pub(super) fn entry_of(path: &str, file: &Path) -> Result<FileInBackup> {
    let failed = |error| Error::io(file, error);
    let mut input = Digested {
        input: &mut File::open(file).map_err(failed)?,
        digest: Sha256::new(),
        bytes: 0,
        told: &mut |_| {},
    };
    io::copy(&mut input, &mut io::sink()).map_err(failed)?;
    let Digested { digest, bytes, .. } = input;
    Ok(FileInBackup {
        path: path.to_owned(),
        bytes,
        sha256: HEXLOWER.encode(&digest.finalize()),
    })
}

/// Writes the archive; `open` gives each file. `step` is told of each piece, and may end it.
pub(super) fn write<W: Write>(
    manifest: &Manifest,
    passphrase: &str,
    output: W,
    open: impl Fn(&FileInBackup) -> Result<File>,
    mut step: impl FnMut(u64) -> Result<()>,
) -> Result<W> {
    let failed = |error| Error::io(WHAT, error);
    let mut tar = Builder::new(sealed::seal(output, passphrase)?);
    let json = manifest.to_json()?;
    let mut head = header(NAME, json.len() as u64)?;
    tar.append(&head, json.as_slice()).map_err(failed)?;
    for file in &manifest.files {
        head = header(&file.path, file.bytes)?;
        // A file that has changed since its digest was taken would make an archive that does not verify.
        let mut counted = Counted {
            input: open(file)?,
            step: &mut step,
            ended: None,
        };
        let appended = tar.append(&head, &mut counted);
        if let Some(ended) = counted.ended {
            return Err(ended);
        }
        appended.map_err(failed)?;
    }
    tar.into_inner()
        .and_then(|sealed| sealed.finish())
        .map_err(failed)
}

/// Reads a whole archive; `take` is given each file in turn and must read all of it.
pub(super) fn read(
    path: &Path,
    passphrase: &str,
    begin: impl FnMut(&Manifest) -> Result<()>,
    take: impl FnMut(&FileInBackup, &mut dyn Read) -> Result<()>,
    progress: &mut Progress<'_>,
) -> Result<Manifest> {
    let input = File::open(path).map_err(|error| Error::io(path, error))?;
    read_tar(
        sealed::open(input, passphrase, WHAT)?,
        begin,
        take,
        progress,
    )
}

/// Reads what lies under the passphrase.
pub(super) fn read_tar(
    input: impl Read,
    mut begin: impl FnMut(&Manifest) -> Result<()>,
    mut take: impl FnMut(&FileInBackup, &mut dyn Read) -> Result<()>,
    progress: &mut Progress<'_>,
) -> Result<Manifest> {
    let mut archive = Archive::new(input);
    // Raw: an extension of the format is an entry like any other, and refused like any other.
    let mut entries = archive
        .entries()
        .map_err(|error| broken(error, WHAT))?
        .raw(true);
    let mut next = || -> Result<_> {
        let entry = entries.next().transpose();
        entry.map_err(|error| broken(error, WHAT))
    };
    let manifest = {
        let mut first = next()?.ok_or_else(|| invalid(WHAT, "it is empty"))?;
        let bytes = checked(first.header(), NAME, None)?;
        if bytes > MAX_MANIFEST_BYTES {
            return Err(invalid(WHAT, "its manifest is too large"));
        }
        let mut json = Vec::new();
        first
            .read_to_end(&mut json)
            .map_err(|error| broken(error, WHAT))?;
        Manifest::read(&json)?
    };
    begin(&manifest)?;
    let (total, mut done) = (manifest.total_bytes(), 0);
    for file in &manifest.files {
        let mut entry =
            next()?.ok_or_else(|| invalid(WHAT, format!("{} is missing", file.path)))?;
        checked(entry.header(), &file.path, Some(file.bytes))?;
        let mut digested = Digested {
            input: &mut entry,
            digest: Sha256::new(),
            bytes: 0,
            told: &mut |bytes| progress(done + bytes, total),
        };
        take(file, &mut digested)?;
        let (digest, bytes) = (digested.digest, digested.bytes);
        if bytes != file.bytes || HEXLOWER.encode(&digest.finalize()) != file.sha256 {
            return Err(invalid(WHAT, format!("{} is not what it was", file.path)));
        }
        done += bytes;
    }
    if next()?.is_some() {
        return Err(invalid(WHAT, "it has more files than its manifest lists"));
    }
    // To the end, where it shows that nothing was cut off.
    io::copy(&mut archive.into_inner(), &mut io::sink()).map_err(|error| broken(error, WHAT))?;
    Ok(manifest)
}

/// Reads a file and keeps nothing of it.
pub(super) fn discard(_: &FileInBackup, input: &mut dyn Read) -> Result<()> {
    io::copy(input, &mut io::sink())
        .map(drop)
        .map_err(|error| broken(error, WHAT))
}

/// Writes a file for its owner alone, where none is yet.
pub(super) fn take_out(path: &Path, input: &mut dyn Read) -> Result<()> {
    let failed = |error| Error::io(path, error);
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .map_err(failed)?;
    let mut buffer = vec![0; COPY_BYTES];
    loop {
        // What cannot be read is the archive's fault, what cannot be written the disk's.
        match input
            .read(&mut buffer)
            .map_err(|error| broken(error, WHAT))?
        {
            0 => return file.sync_all().map_err(failed),
            read => file.write_all(&buffer[..read]).map_err(failed)?,
        }
    }
}

/// Checks that an entry is a plain file of this name, and of this size.
fn checked(header: &Header, name: &str, bytes: Option<u64>) -> Result<u64> {
    let found = header.path_bytes();
    if header.entry_type() != EntryType::Regular || *found != *name.as_bytes() {
        let found = String::from_utf8_lossy(&found).into_owned();
        let kind = header.entry_type();
        return Err(invalid(
            WHAT,
            format!("it has an entry {found:?} ({kind:?}) where the file {name} should be"),
        ));
    }
    let size = header.entry_size().map_err(|error| broken(error, WHAT))?;
    match bytes {
        Some(bytes) if bytes != size => Err(invalid(
            WHAT,
            format!("{name} has another size than it should"),
        )),
        _ => Ok(size),
    }
}

fn header(path: &str, bytes: u64) -> Result<Header> {
    let mut header = Header::new_ustar();
    header
        .set_path(path)
        .map_err(|error| Error::Internal(format!("{path}: {error}")))?;
    header.set_entry_type(EntryType::Regular);
    header.set_size(bytes);
    header.set_mode(0o600);
    header.set_cksum();
    Ok(header)
}

/// Tells of what is read, and can be ended.
struct Counted<'a> {
    input: File,
    step: &'a mut dyn FnMut(u64) -> Result<()>,
    ended: Option<Error>,
}

impl Read for Counted<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.input.read(buffer)?;
        match (self.step)(read as u64) {
            Ok(()) => Ok(read),
            Err(error) => {
                self.ended = Some(error);
                Err(io::ErrorKind::Other.into())
            }
        }
    }
}

/// Digests what is read.
struct Digested<'a> {
    input: &'a mut dyn Read,
    digest: Sha256,
    bytes: u64,
    told: &'a mut dyn FnMut(u64),
}

impl Read for Digested<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.input.read(buffer)?;
        self.digest.update(&buffer[..read]);
        self.bytes += read as u64;
        (self.told)(self.bytes);
        Ok(read)
    }
}
