//! Backups: the whole node in one file under a passphrase, made while it runs.
//!
//! [`Node::backup`](crate::Node::backup) makes one, [`verify`] and [`restore`] need no node. The format is
//! described in `docs/formats/backup.md`, why it is so in `docs/decisions/0013-backup.md`.

mod archive;
mod create;
mod manifest;
mod restore;
mod verify;

pub use archive::Progress;
pub use manifest::{FileInBackup, GroupInBackup, Manifest};
pub use restore::{RestoreOptions, Restored, restore};
pub use verify::{Verified, verify};

pub(crate) use create::Copied;

/// Reads a manifest as the fuzzer does: never a panic, whatever the bytes.
#[doc(hidden)]
#[must_use]
pub fn read_manifest_for_fuzzing(bytes: &[u8]) -> bool {
    manifest::is_manifest(bytes)
}

/// Reads what lies under the passphrase, as the fuzzer does.
#[doc(hidden)]
#[must_use]
pub fn read_archive_for_fuzzing(bytes: &[u8]) -> bool {
    archive::read_tar(bytes, |_| Ok(()), archive::discard, &mut |_, _| {}).is_ok()
}

#[cfg(test)]
mod tests;
