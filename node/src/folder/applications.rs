//! The applications on disk: who may use the local API, without their tokens.

use std::collections::BTreeSet;

use data_encoding::HEXLOWER;
use peerage_records::time::Timestamp;
use serde::{Deserialize, Serialize};

use super::{DataFolder, files};
use crate::{
    Error,
    model::{Quotas, Scope, instant_text, parse_instant},
};

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
        let path = self.applications_path();
        let Some(bytes) = files::read(&path, MAX_BYTES)? else {
            return Ok(Vec::new());
        };
        let damaged = |reason: &dyn ToString| files::damaged(&path, reason.to_string());
        let version: Version = serde_json::from_slice(&bytes).map_err(|error| damaged(&error))?;
        if version.format > FORMAT {
            return Err(Error::FutureFormat {
                path,
                found: version.format,
                known: FORMAT,
            });
        }
        let kept: Kept = serde_json::from_slice(&bytes).map_err(|error| damaged(&error))?;
        let read = |one: KeptOne| -> Result<KeptApplication, String> {
            let hash = HEXLOWER.decode(one.token_sha256.as_bytes());
            let hash = hash.map_err(|error| error.to_string())?;
            Ok(KeptApplication {
                token_hash: <[u8; 32]>::try_from(hash.as_slice())
                    .map_err(|_| "a token's hash has a wrong length".to_owned())?,
                name: one.name,
                scopes: one.scopes,
                groups: one.groups,
                identities: one.identities,
                quotas: one.quotas,
                registered: parse_instant(&one.registered)?,
                token_made: parse_instant(&one.token_made)?,
            })
        };
        let all = kept.applications.into_iter().map(read);
        let all = all.collect::<Result<Vec<_>, _>>();
        all.map_err(|error| damaged(&error))
    }

    /// Keeps these applications in place of the earlier ones.
    ///
    /// # Errors
    /// When they cannot be written; the earlier ones then stay.
    pub fn save_applications(&self, applications: &[KeptApplication]) -> Result<(), Error> {
        self.check_held()?;
        let kept = Kept {
            format: FORMAT,
            applications: applications
                .iter()
                .map(|one| KeptOne {
                    name: one.name.clone(),
                    token_sha256: HEXLOWER.encode(&one.token_hash),
                    scopes: one.scopes.clone(),
                    groups: one.groups.clone(),
                    identities: one.identities.clone(),
                    quotas: one.quotas,
                    registered: instant_text(one.registered),
                    token_made: instant_text(one.token_made),
                })
                .collect(),
        };
        let json =
            serde_json::to_vec_pretty(&kept).map_err(|error| Error::Internal(error.to_string()))?;
        files::write(&self.applications_path(), &json)
    }

    fn applications_path(&self) -> std::path::PathBuf {
        self.path.join("applications.json")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn applications_are_kept_and_what_is_damaged_or_newer_is_named() {
        let base = tempfile::tempdir().unwrap();
        let folder = DataFolder::open(base.path()).unwrap();
        assert_eq!(folder.load_applications().unwrap(), []);
        let one = KeptApplication {
            name: "board".to_owned(),
            token_hash: [7; 32],
            scopes: [Scope::Read, Scope::Write].into(),
            groups: vec!["a.b".to_owned()],
            identities: Vec::new(),
            quotas: Quotas::default(),
            registered: Timestamp::from_secs(5),
            token_made: Timestamp::from_secs(6),
        };
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
