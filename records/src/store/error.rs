//! What can go wrong with a store, and what to do about it.

use std::path::PathBuf;

use crate::{codec::DecodeError, id::ReplicaId};

/// A store could not do what was asked. Whatever was asked for has not happened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The replica has not been opened.
    #[error("replica {} is not open", .0.short())]
    UnknownReplica(ReplicaId),
    /// The key or the value of a note is too large.
    #[error("the note is too large")]
    NoteTooLarge,
    /// Something in the store is not what was written there.
    #[error("the store is damaged in {place}: {detail}")]
    Corrupt {
        /// Which table, or which part of the database.
        place: &'static str,
        /// What was found.
        detail: String,
    },
    /// A record in the store does not decode.
    #[error("the store is damaged in {place}")]
    CorruptRecord {
        /// Which table.
        place: &'static str,
        /// Why it does not decode.
        source: DecodeError,
    },
    /// The store was written by a newer program.
    #[error("the store has format {found}, this program knows formats up to {known}")]
    FutureFormat {
        /// What the store says.
        found: u32,
        /// The newest this program knows.
        known: u32,
    },
    /// Another process, or another part of this one, has the store open.
    #[error("the store in {} is in use", .path.display())]
    Locked {
        /// Where the store is.
        path: PathBuf,
    },
    /// The folder of the store cannot be created, read or written.
    #[error("no access to the store in {}: {detail}", .path.display())]
    NoAccess {
        /// Where the store is.
        path: PathBuf,
        /// What the system says.
        detail: String,
    },
    /// There is no room left for the store, or it may not grow.
    #[error("no space left for the store: {0}")]
    DiskFull(String),
    /// Any other failure of storage.
    #[error("storage failed: {0}")]
    Io(String),
}

/// What to do about a [`StoreError`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum StoreErrorKind {
    /// Try again, perhaps after opening the store anew.
    Retry,
    /// Make room, then open the store anew.
    DiskFull,
    /// Restore a backup, or drop the store and let the other members fill it again.
    Corrupt,
    /// Stop the other process.
    Locked,
    /// Use the newer program.
    FutureFormat,
    /// Correct path or permissions.
    NoAccess,
    /// Correct the call.
    Misuse,
}

impl StoreError {
    /// What to do about it.
    #[must_use]
    pub fn kind(&self) -> StoreErrorKind {
        match self {
            Self::UnknownReplica(_) | Self::NoteTooLarge => StoreErrorKind::Misuse,
            Self::Corrupt { .. } | Self::CorruptRecord { .. } => StoreErrorKind::Corrupt,
            Self::FutureFormat { .. } => StoreErrorKind::FutureFormat,
            Self::Locked { .. } => StoreErrorKind::Locked,
            Self::NoAccess { .. } => StoreErrorKind::NoAccess,
            Self::DiskFull(_) => StoreErrorKind::DiskFull,
            Self::Io(_) => StoreErrorKind::Retry,
        }
    }
}
