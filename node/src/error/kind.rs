//! The few things a caller can do about an error.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What to do about an [`Error`](crate::Error).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ErrorKind {
    /// The same request may succeed later.
    Retry,
    /// The request, a file or a setting must be changed first.
    FixInput,
    /// What was named does not exist.
    NotFound,
    /// The caller, or the group's rules, do not allow it.
    NotAuthorised,
    /// It contradicts what exists.
    Conflict,
    /// Something the node needs is missing: a port, disk space, the daemon.
    Unavailable,
    /// A file is damaged; an operator has to look.
    Damaged,
    /// A fault of ours.
    Internal,
}

impl ErrorKind {
    /// Every kind, in the order of the exit codes.
    pub const ALL: [Self; 8] = [
        Self::Internal,
        Self::FixInput,
        Self::NotFound,
        Self::NotAuthorised,
        Self::Conflict,
        Self::Unavailable,
        Self::Retry,
        Self::Damaged,
    ];

    /// The word used in JSON and in tables.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Internal => "internal",
            Self::FixInput => "fix_input",
            Self::NotFound => "not_found",
            Self::NotAuthorised => "not_authorised",
            Self::Conflict => "conflict",
            Self::Unavailable => "unavailable",
            Self::Retry => "retry",
            Self::Damaged => "damaged",
        }
    }

    /// The exit code of the command line. `0` is success.
    #[must_use]
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Internal => 1,
            Self::FixInput => 2,
            Self::NotFound => 3,
            Self::NotAuthorised => 4,
            Self::Conflict => 5,
            Self::Unavailable => 6,
            Self::Retry => 7,
            Self::Damaged => 8,
        }
    }

    /// The HTTP status of the local API.
    #[must_use]
    pub fn http_status(self) -> u16 {
        match self {
            Self::FixInput => 400,
            Self::NotAuthorised => 403,
            Self::NotFound => 404,
            Self::Conflict => 409,
            Self::Unavailable | Self::Retry => 503,
            Self::Damaged | Self::Internal => 500,
        }
    }

    /// What the kind means, in a few words.
    #[must_use]
    pub fn meaning(self) -> &'static str {
        match self {
            Self::Internal => "a fault of ours",
            Self::FixInput => "the input must be changed",
            Self::NotFound => "what was named does not exist",
            Self::NotAuthorised => "not allowed",
            Self::Conflict => "contradicts what exists",
            Self::Unavailable => "the daemon, a port, the disk or another need is missing",
            Self::Retry => "may succeed later",
            Self::Damaged => "a file is damaged",
        }
    }
}
