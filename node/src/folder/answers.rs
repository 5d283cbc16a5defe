//! Answers given under an idempotency key, so that a repetition after a crash is none.

use std::{fs, path::PathBuf, time::SystemTime};

use data_encoding::HEXLOWER;
use serde::{Deserialize, Serialize};

use super::{DataFolder, files};
use crate::Error;

/// At most this many bytes in one: the answer to publishing the largest record has fewer, even if all its
/// characters have to be escaped.
pub(crate) const MAX_ANSWER_BYTES: usize = 1024 * 1024;

/// Room for what stands before the answer.
const MAX_HEAD_BYTES: u64 = 4 * 1024;

const FOLDER: &str = "answers";
const EXTENSION: &str = "answer";

/// Names a key, in a form that may be the name of a file.
pub(crate) type AnswerName = [u8; 32];

/// What is known about a request that came with a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct KeptAnswer {
    pub(crate) head: AnswerHead,
    pub(crate) body: Vec<u8>,
}

/// What stands before the body of the answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AnswerHead {
    /// A digest of the request, in hex.
    pub(crate) request: String,
    /// When it came, in milliseconds since 1970.
    pub(crate) at: u64,
    /// The status of the answer; none while it was not known.
    pub(crate) status: Option<u16>,
    pub(crate) content_type: Option<String>,
    pub(crate) location: Option<String>,
}

impl DataFolder {
    /// What is kept under this name.
    ///
    /// # Errors
    /// When it cannot be read.
    pub(crate) fn answer(&self, name: &AnswerName) -> Result<Option<KeptAnswer>, Error> {
        let path = self.answer_path(name);
        let limit = MAX_ANSWER_BYTES as u64 + MAX_HEAD_BYTES;
        let Some(bytes) = files::read(&path, limit)? else {
            return Ok(None);
        };
        let end = bytes.iter().position(|byte| *byte == b'\n');
        let (head, body) = bytes.split_at(end.ok_or_else(|| files::damaged(&path, "no head"))?);
        let head = serde_json::from_slice(head).map_err(|error| files::damaged(&path, error))?;
        Ok(Some(KeptAnswer {
            head,
            body: body[1..].to_vec(),
        }))
    }

    /// Keeps an answer, or that one is to come; durable when this returns.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(crate) fn keep_answer(&self, name: &AnswerName, kept: &KeptAnswer) -> Result<(), Error> {
        files::private_folder(&self.path.join(FOLDER))?;
        let mut bytes =
            serde_json::to_vec(&kept.head).map_err(|error| Error::Internal(error.to_string()))?;
        bytes.push(b'\n');
        bytes.extend_from_slice(&kept.body);
        files::write(&self.answer_path(name), &bytes)
    }

    /// Forgets what is kept under this name.
    ///
    /// # Errors
    /// When it cannot be removed.
    pub(crate) fn forget_answer(&self, name: &AnswerName) -> Result<(), Error> {
        files::remove(&self.answer_path(name)).map(drop)
    }

    /// What is kept, with when it was written and its size, in no order. What cannot be read is left out.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub(crate) fn answers(&self) -> Result<Vec<(AnswerName, SystemTime, u64)>, Error> {
        let paths = files::list(&self.path.join(FOLDER), EXTENSION)?;
        let kept = paths.iter().filter_map(|path| {
            let name = HEXLOWER
                .decode(path.file_stem()?.to_str()?.as_bytes())
                .ok()?;
            let facts = fs::metadata(path).ok()?;
            Some((name.try_into().ok()?, facts.modified().ok()?, facts.len()))
        });
        Ok(kept.collect())
    }

    fn answer_path(&self, name: &AnswerName) -> PathBuf {
        let name = HEXLOWER.encode(name);
        self.path.join(FOLDER).join(format!("{name}.{EXTENSION}"))
    }
}
