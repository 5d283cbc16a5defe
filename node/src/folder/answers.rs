//! Answers given under an idempotency key, so that a repetition after a crash is none.

use std::{
    fs::{self, File},
    io::{BufRead, BufReader, Read},
    path::{Path, PathBuf},
    sync::Arc,
    time::SystemTime,
};

use data_encoding::HEXLOWER;
use serde::{Deserialize, Serialize};

use super::{DataFolder, KeptApplication, files};
use crate::{Error, model::instant_text};

/// At most this many bytes in one: the answer to publishing the largest record has fewer, even if all its
/// characters have to be escaped.
pub(crate) const MAX_ANSWER_BYTES: usize = 1024 * 1024;

/// Room for what stands before the answer.
const MAX_HEAD_BYTES: u64 = 4 * 1024;

const FOLDER: &str = "answers";
const EXTENSION: &str = "answer";

/// Names a key, in a form that may be the name of a file.
pub(crate) type AnswerName = [u8; 32];

/// Stands between the name of an application and the instant of its registration; no name has it.
const SINCE: char = '@';

/// How an application is named where its answers are: another one may have its name later, and is somebody else.
pub(crate) fn owner_of(application: &KeptApplication) -> String {
    let since = instant_text(application.registered);
    format!("{}{SINCE}{since}", application.name)
}

/// Whether an owner is an application of this name, whenever it was registered.
fn is_called(owner: &str, application: &str) -> bool {
    owner
        .split_once(SINCE)
        .is_some_and(|(name, _)| name == application)
}

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
    /// Whose request it was; empty where an older version wrote it.
    #[serde(default)]
    pub(crate) owner: String,
    /// A digest of the request, in hex.
    pub(crate) request: String,
    /// When it came, in milliseconds since 1970.
    pub(crate) at: u64,
    /// The status of the answer; none while it was not known.
    pub(crate) status: Option<u16>,
    pub(crate) content_type: Option<String>,
    pub(crate) location: Option<String>,
}

/// What is to be known of an answer without reading it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AnswerFact {
    /// Whose request it was.
    pub(crate) owner: Arc<str>,
    /// When this was written.
    pub(crate) at: SystemTime,
    /// What it takes on disk.
    pub(crate) bytes: u64,
    /// There is no answer: the request was begun.
    pub(crate) begun: bool,
}

impl AnswerFact {
    fn new(head: Option<&AnswerHead>, at: SystemTime, bytes: u64) -> Self {
        Self {
            owner: head.map_or("", |head| head.owner.as_str()).into(),
            at,
            bytes,
            begun: head.is_some_and(|head| head.status.is_none()),
        }
    }
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
    pub(crate) fn keep_answer(
        &self,
        name: &AnswerName,
        kept: &KeptAnswer,
    ) -> Result<AnswerFact, Error> {
        files::private_folder(&self.path.join(FOLDER))?;
        let mut bytes =
            serde_json::to_vec(&kept.head).map_err(|error| Error::Internal(error.to_string()))?;
        bytes.push(b'\n');
        bytes.extend_from_slice(&kept.body);
        files::write(&self.answer_path(name), &bytes)?;
        let now = SystemTime::now();
        Ok(AnswerFact::new(Some(&kept.head), now, bytes.len() as u64))
    }

    /// Forgets what is kept under this name.
    ///
    /// # Errors
    /// When it cannot be removed.
    pub(crate) fn forget_answer(&self, name: &AnswerName) -> Result<(), Error> {
        files::remove(&self.answer_path(name)).map(drop)
    }

    /// Forgets what is kept of the applications that had this name.
    ///
    /// # Errors
    /// When the folder cannot be read, or a file cannot be removed.
    pub(crate) fn forget_answers_of(&self, application: &str) -> Result<(), Error> {
        let all = self.answers()?.into_iter();
        let theirs = all.filter(|(_, fact)| is_called(&fact.owner, application));
        let paths: Vec<_> = theirs.map(|(name, _)| self.answer_path(&name)).collect();
        files::remove_all(&paths)
    }

    /// What is kept, in no order. What has another name is left out; what cannot be read is nobody's, so that it
    /// goes in its time.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub(crate) fn answers(&self) -> Result<Vec<(AnswerName, AnswerFact)>, Error> {
        let paths = files::list(&self.path.join(FOLDER), EXTENSION)?;
        let kept = paths.iter().filter_map(|path| {
            let name = HEXLOWER
                .decode(path.file_stem()?.to_str()?.as_bytes())
                .ok()?;
            let facts = fs::metadata(path).ok()?;
            let fact = AnswerFact::new(head(path).as_ref(), facts.modified().ok()?, facts.len());
            Some((name.try_into().ok()?, fact))
        });
        Ok(kept.collect())
    }

    fn answer_path(&self, name: &AnswerName) -> PathBuf {
        let name = HEXLOWER.encode(name);
        self.path.join(FOLDER).join(format!("{name}.{EXTENSION}"))
    }
}

/// What stands before an answer, if it reads.
fn head(path: &Path) -> Option<AnswerHead> {
    let start = File::open(path).ok()?.take(MAX_HEAD_BYTES);
    let mut line = Vec::new();
    BufReader::new(start).read_until(b'\n', &mut line).ok()?;
    serde_json::from_slice(&line).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(owner: &str, status: Option<u16>) -> KeptAnswer {
        KeptAnswer {
            head: AnswerHead {
                owner: owner.to_owned(),
                request: "ab".to_owned(),
                at: 1,
                status,
                content_type: None,
                location: None,
            },
            body: vec![0xff, b'\n', 0xff],
        }
    }

    #[test]
    fn whose_an_answer_is_and_whether_it_is_one_is_known_again() {
        let base = tempfile::tempdir().unwrap();
        let folder = DataFolder::open(base.path()).unwrap();
        let (answered, begun) = (kept("board@1", Some(201)), kept("operator", None));
        let mut facts = Vec::new();
        for (name, kept) in [([1; 32], &answered), ([2; 32], &begun)] {
            facts.push(folder.keep_answer(&name, kept).unwrap());
            assert_eq!(folder.answer(&name).unwrap().as_ref(), Some(kept));
        }
        let found = folder.answers().unwrap();
        assert_eq!(found.len(), 2);
        for ((_, found), told) in found.iter().zip(&facts) {
            assert_eq!(
                (&found.owner, found.bytes, found.begun),
                (&told.owner, told.bytes, told.begun)
            );
        }
        assert_eq!((&*facts[0].owner, facts[0].begun), ("board@1", false));
        assert_eq!((&*facts[1].owner, facts[1].begun), ("operator", true));
    }

    #[test]
    fn what_is_kept_of_an_application_is_forgotten_and_nothing_of_others() {
        let base = tempfile::tempdir().unwrap();
        let folder = DataFolder::open(base.path()).unwrap();
        folder.forget_answers_of("board").unwrap();
        let owners = ["board@1", "board@2", "board-2@1", "operator", ""];
        for (number, owner) in (0..).zip(owners) {
            let status = (number % 2 == 0).then_some(201);
            folder
                .keep_answer(&[number; 32], &kept(owner, status))
                .unwrap();
        }
        for none in ["operator", ""] {
            folder.forget_answers_of(none).unwrap();
        }
        assert_eq!(folder.answers().unwrap().len(), owners.len());
        folder.forget_answers_of("board").unwrap();
        let left = folder.answers().unwrap();
        let left: Vec<_> = left.iter().map(|(_, fact)| &*fact.owner).collect();
        assert_eq!(left, ["board-2@1", "operator", ""]);
    }

    #[test]
    fn one_of_an_earlier_version_and_one_that_does_not_read_are_nobodys() {
        let base = tempfile::tempdir().unwrap();
        let folder = DataFolder::open(base.path()).unwrap();
        folder
            .keep_answer(&[1; 32], &kept("board@1", Some(201)))
            .unwrap();
        let earlier =
            r#"{"request":"ab","at":1,"status":null,"content_type":null,"location":null}"#;
        for (text, begun) in [
            (format!("{earlier}\n"), true),
            ("nonsense".to_owned(), false),
        ] {
            fs::write(folder.answer_path(&[1; 32]), text).unwrap();
            let (name, fact) = folder.answers().unwrap().remove(0);
            assert_eq!((name, &*fact.owner, fact.begun), ([1; 32], "", begun));
        }
    }
}
