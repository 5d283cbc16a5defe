//! How errors look in JSON, and what is known about each of them.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    Error, ErrorKind,
    error::{
        Entry, Original,
        catalogue::{self, Here},
    },
};

/// An error as `application/problem+json` (RFC 9457), with fields of our own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema, thiserror::Error)]
#[error("{detail}")]
pub struct Problem {
    /// `urn:peerage:error:` and the code.
    #[serde(rename = "type")]
    #[schema(format = "uri", example = "urn:peerage:error:group_not_found")]
    pub kind_uri: String,
    /// What the kind of error means, in a few words.
    pub title: String,
    /// The HTTP status.
    #[schema(minimum = 400, maximum = 599)]
    pub status: u16,
    /// What went wrong, for people.
    pub detail: String,
    /// What went wrong, for programs; stable.
    #[schema(pattern = "^[a-z][a-z0-9_]*$", example = "group_not_found")]
    pub code: String,
    /// What to do about it.
    pub kind: ErrorKind,
    /// The original Peer Infrastructure's name for it, if it had one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "PEER_E_NOT_FOUND")]
    pub original: Option<String>,
    /// The original's number for it, an HRESULT without a sign.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = 2_147_943_568_u32)]
    pub original_number: Option<u32>,
    /// What to try next.
    pub next_step: String,
    /// After how many seconds it is worth asking again, as in the header `Retry-After`; absent where that
    /// does not help.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub retry_after_seconds: Option<u32>,
}

impl Problem {
    /// An error of the catalogue, with what there is to say about it this time.
    pub(crate) fn new(entry: &Entry, detail: impl Into<String>) -> Self {
        Self {
            kind_uri: kind_uri(entry.code),
            title: entry.kind.meaning().to_owned(),
            status: entry.http_status(),
            detail: detail.into(),
            code: entry.code.to_owned(),
            kind: entry.kind,
            original: entry.original.map(|original| original.name.to_owned()),
            original_number: entry.original.map(|original| original.number),
            next_step: entry.next_step.to_owned(),
            retry_after_seconds: entry.retry_after_seconds(),
        }
    }
}

impl From<&Error> for Problem {
    fn from(error: &Error) -> Self {
        Self {
            next_step: error.next_step(),
            retry_after_seconds: error.retry_after_seconds(),
            ..Self::new(error.entry(), error.full_text())
        }
    }
}

fn kind_uri(code: &str) -> String {
    format!("urn:peerage:error:{code}")
}

/// What is known about an error, whatever it is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ErrorInfo {
    /// Stable, for programs.
    #[schema(example = "group_not_found")]
    pub code: String,
    /// What to do about it.
    pub kind: ErrorKind,
    /// The HTTP status of the local API.
    pub status: u16,
    /// The exit code of the command line.
    pub exit_code: u8,
    /// What it means.
    pub meaning: String,
    /// What to try next.
    pub next_step: String,
    /// After how many seconds it is worth asking again; absent where that does not help.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub retry_after_seconds: Option<u32>,
    /// The original Peer Infrastructure's name for it, if it had one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub original: Option<String>,
    /// The original's number for it, an HRESULT without a sign.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub original_number: Option<u32>,
}

impl From<&Entry> for ErrorInfo {
    fn from(entry: &Entry) -> Self {
        Self {
            code: entry.code.to_owned(),
            kind: entry.kind,
            status: entry.http_status(),
            exit_code: entry.kind.exit_code(),
            meaning: entry.meaning.to_owned(),
            next_step: entry.next_step.to_owned(),
            retry_after_seconds: entry.retry_after_seconds(),
            original: entry.original.map(|original| original.name.to_owned()),
            original_number: entry.original.map(|original| original.number),
        }
    }
}

/// A result code of the original Peer Infrastructure, and what stands for it here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OriginalInfo {
    /// What its headers call it.
    #[schema(example = "PEER_E_CONNECTION_FAILED")]
    pub name: String,
    /// An HRESULT without a sign.
    #[schema(example = 2_153_971_977_u32)]
    pub number: u32,
    /// The same as its headers write it.
    #[schema(example = "0x80630109")]
    pub hex: String,
    /// Whether it is a success, with something to tell.
    pub success: bool,
    /// What it means.
    pub meaning: String,
    /// The errors of ours that stand for it.
    pub errors: Vec<String>,
    /// Where it is no error here: how an answer says so, or why it cannot come to that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub instead: Option<String>,
}

impl From<&'static Original> for OriginalInfo {
    fn from(original: &'static Original) -> Self {
        Self {
            name: original.name.to_owned(),
            number: original.number,
            hex: original.hex(),
            success: original.is_success(),
            meaning: original.meaning.to_owned(),
            errors: catalogue::ours(original)
                .map(|entry| entry.code.to_owned())
                .collect(),
            instead: match original.here {
                Here::Errors(_) => None,
                Here::Outcome(how) => Some(format!("no error: {how}")),
                Here::Never(why) => Some(format!("cannot happen: {why}")),
            },
        }
    }
}

/// An exit code of the command line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ExitCodeInfo {
    /// The code.
    pub exit_code: u8,
    /// What to do about it; absent for success.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub kind: Option<ErrorKind>,
    /// What it means.
    pub meaning: String,
    /// The errors that end with it.
    pub errors: Vec<String>,
}

/// What a code, a name or a number stands for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Explanation {
    /// Errors of ours.
    pub errors: Vec<ErrorInfo>,
    /// Result codes of the original.
    pub originals: Vec<OriginalInfo>,
    /// Exit codes.
    pub exit_codes: Vec<ExitCodeInfo>,
}
