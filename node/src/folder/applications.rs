//! The applications on disk: who may use the local API, without their tokens.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use data_encoding::HEXLOWER;
use peerage_records::time::Timestamp;
use rand::Rng;
use serde::{Deserialize, Serialize};

use super::{DataFolder, files};
use crate::{
    Error,
    model::{Quotas, Scope, instant_text, parse_instant},
};

/// The file's name.
const FILE: &str = "applications.json";

/// The newest form of the file this version knows, and the one it writes.
const FORMAT: u32 = 1;

/// At most this many bytes of file: as many applications as there can be, each confined to as many
/// groups and identities of the longest names as it can be.
const MAX_BYTES: u64 = 2 * 1024 * 1024;

/// A registered application.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptApplication {
    /// Its name, one of its kind.
    pub name: String,
    /// SHA-256 of its token.
    pub token_hash: [u8; 32],
    /// What it may do.
    pub scopes: BTreeSet<Scope>,
    /// Peer names of the only groups it may use; empty: all.
    pub groups: Vec<String>,
    /// Peer names of the only identities it may act as; empty: all.
    pub identities: Vec<String>,
    /// How much it may use.
    pub quotas: Quotas,
    /// When it was registered.
    pub registered: Timestamp,
    /// When its token was made.
    pub token_made: Timestamp,
}

/// How the file looks.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kept {
    format: u32,
    applications: Vec<KeptOne>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct KeptOne {
    name: String,
    token_sha256: String,
    scopes: BTreeSet<Scope>,
    groups: Vec<String>,
    identities: Vec<String>,
    quotas: Quotas,
    registered: String,
    token_made: String,
}

/// What of a newer form can be read.
#[derive(Deserialize)]
struct Version {
    format: u32,
}

impl DataFolder {
    /// The registered applications; none when none was ever registered.
    ///
    /// # Errors
    /// [`Error::FileDamaged`], [`Error::FutureFormat`], and when the file cannot be read.
    pub fn load_applications(&self) -> Result<Vec<KeptApplication>, Error> {
        load(&self.applications_path())
    }

    /// Keeps these applications in place of the earlier ones.
    ///
    /// # Errors
    /// When they cannot be written; the earlier ones then stay.
    pub fn save_applications(&self, applications: &[KeptApplication]) -> Result<(), Error> {
        self.check_held()?;
        save(&self.applications_path(), applications)
    }

    fn applications_path(&self) -> PathBuf {
        self.path.join(FILE)
    }
}

/// Makes the tokens void that a folder knows, in which no node runs: each hash becomes one that no token has.
/// All else about the applications stays. Their names.
///
/// # Errors
/// [`Error::FileDamaged`], [`Error::FutureFormat`], and when the file cannot be read or written.
pub(crate) fn void_tokens(folder: &Path) -> Result<Vec<String>, Error> {
    let path = folder.join(FILE);
    let mut all = load(&path)?;
    if all.is_empty() {
        return Ok(Vec::new());
    }
    for one in &mut all {
        rand::rng().fill_bytes(&mut one.token_hash);
    }
    save(&path, &all)?;
    Ok(all.into_iter().map(|one| one.name).collect())
}

fn load(path: &Path) -> Result<Vec<KeptApplication>, Error> {
    let Some(bytes) = files::read(path, MAX_BYTES)? else {
        return Ok(Vec::new());
    };
    let damaged = |reason: &dyn ToString| files::damaged(path, reason.to_string());
    let version: Version = serde_json::from_slice(&bytes).map_err(|error| damaged(&error))?;
    if version.format > FORMAT {
        return Err(Error::FutureFormat {
            path: path.to_owned(),
            found: version.format,
            known: FORMAT,
        });
    }
    let kept: Kept = serde_json::from_slice(&bytes).map_err(|error| damaged(&error))?;
    let all = kept.applications.into_iter().map(KeptOne::read);
    let all = all.collect::<Result<Vec<_>, _>>();
    all.map_err(|error| damaged(&error))
}

fn save(path: &Path, applications: &[KeptApplication]) -> Result<(), Error> {
    let kept = Kept {
        format: FORMAT,
        applications: applications.iter().map(KeptOne::of).collect(),
    };
    let json =
        serde_json::to_vec_pretty(&kept).map_err(|error| Error::Internal(error.to_string()))?;
    files::write(path, &json)
}

impl KeptOne {
    fn of(one: &KeptApplication) -> Self {
        Self {
            name: one.name.clone(),
            token_sha256: HEXLOWER.encode(&one.token_hash),
            scopes: one.scopes.clone(),
            groups: one.groups.clone(),
            identities: one.identities.clone(),
            quotas: one.quotas,
            registered: instant_text(one.registered),
            token_made: instant_text(one.token_made),
        }
    }

    fn read(self) -> Result<KeptApplication, String> {
        let hash = HEXLOWER.decode(self.token_sha256.as_bytes());
        let hash = hash.map_err(|error| error.to_string())?;
        Ok(KeptApplication {
            token_hash: <[u8; 32]>::try_from(hash.as_slice())
                .map_err(|_| "a token's hash has a wrong length".to_owned())?,
            name: self.name,
            scopes: self.scopes,
            groups: self.groups,
            identities: self.identities,
            quotas: self.quotas,
            registered: parse_instant(&self.registered)?,
            token_made: parse_instant(&self.token_made)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn board() -> KeptApplication {
        KeptApplication {
            name: "board".to_owned(),
            token_hash: [7; 32],
            scopes: [Scope::Read, Scope::Write].into(),
            groups: vec!["a.b".to_owned()],
            identities: Vec::new(),
            quotas: Quotas::default(),
            registered: Timestamp::from_secs(5),
            token_made: Timestamp::from_secs(6),
        }
    }

    #[test]
    fn tokens_become_void_and_nothing_else_changes() {
        let base = tempfile::tempdir().unwrap();
        assert_eq!(void_tokens(base.path()).unwrap(), [""; 0]);
        let folder = DataFolder::open(base.path()).unwrap();
        assert!(!folder.applications_path().exists(), "none was made");
        let clock = KeptApplication {
            name: "clock".to_owned(),
            ..board()
        };
        folder.save_applications(&[board(), clock.clone()]).unwrap();
        assert_eq!(void_tokens(base.path()).unwrap(), ["board", "clock"]);
        let all = folder.load_applications().unwrap();
        assert!(all.iter().all(|one| one.token_hash != [7; 32]));
        assert_ne!(all[0].token_hash, all[1].token_hash);
        let rest = |one: &KeptApplication| KeptApplication {
            token_hash: [7; 32],
            ..one.clone()
        };
        let rest: Vec<_> = all.iter().map(rest).collect();
        assert_eq!(rest, [board(), clock]);
    }

    #[test]
    fn applications_are_kept_and_what_is_damaged_or_newer_is_named() {
        let base = tempfile::tempdir().unwrap();
        let folder = DataFolder::open(base.path()).unwrap();
        assert_eq!(folder.load_applications().unwrap(), []);
        let one = board();
        folder
            .save_applications(std::slice::from_ref(&one))
            .unwrap();
        assert_eq!(folder.load_applications().unwrap(), [one]);
        let path = folder.applications_path();
        let text = std::fs::read_to_string(&path).unwrap();
        for (from, to, code) in [
            ("\"format\": 1", "\"format\": 2", "unsupported_version"),
            ("\"read\"", "\"everything\"", "file_damaged"),
            ("0707", "07", "file_damaged"),
            ("\"quotas\"", "\"quota\"", "file_damaged"),
        ] {
            std::fs::write(&path, text.replace(from, to)).unwrap();
            let error = folder.load_applications().unwrap_err();
            assert_eq!(error.code(), code, "{to}");
        }
        std::fs::write(&path, "{").unwrap();
        assert_eq!(
            folder.load_applications().unwrap_err().code(),
            "file_damaged"
        );
    }
}
