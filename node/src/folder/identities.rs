//! Identities on disk.

use std::path::{Path, PathBuf};

use peerage_protocol::{
    identity::{Identity, IdentityError},
    name::PeerName,
};
use peerage_records::time::Timestamp;

use super::{DataFolder, MAX_FILE_BYTES, file_name, files};
use crate::{
    Error,
    model::{instant_text, parse_instant},
};

/// What the folder knows about an identity besides its key and certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IdentityFacts {
    /// When it was first kept here.
    pub created: Timestamp,
    /// Whether its key is under a passphrase.
    pub protected: bool,
}

impl DataFolder {
    /// Keeps the identity, replacing the earlier version; encrypted where a passphrase is given.
    /// `now` becomes its date of creation unless it has one.
    ///
    /// # Errors
    /// When it cannot be written; the earlier version then stays.
    pub fn save_identity(
        &self,
        identity: &Identity,
        passphrase: Option<&str>,
        now: Timestamp,
    ) -> Result<(), Error> {
        self.check_held()?;
        let created = match self.identity_facts(identity.name()) {
            Ok(facts) => facts.created,
            Err(Error::IdentityNotFound { .. }) => now,
            Err(error) => return Err(error),
        };
        let pem = identity
            .to_pem(passphrase, &mut rand::rng())
            .map_err(Error::Identity)?;
        let text = zeroize::Zeroizing::new(format!(
            "Peerage identity {}\ncreated: {}\n{}",
            identity.name(),
            instant_text(created),
            pem.as_str()
        ));
        files::write(&self.identity_path(identity.name()), text.as_bytes())?;
        self.remember_deleted(identity.name(), false)
    }

    /// Loads every identity. Those kept in the clear are encrypted from now on where a passphrase
    /// is given.
    ///
    /// # Errors
    /// [`Error::PassphraseNeeded`], [`Error::WrongPassphrase`] and [`Error::FileDamaged`] name the
    /// file; nothing has changed then.
    pub fn load_identities(&self, passphrase: Option<&str>) -> Result<Vec<Identity>, Error> {
        let mut identities = Vec::new();
        let mut in_the_clear = Vec::new();
        for path in files::list(&self.path.join("identities"), "pem")? {
            let Some(identity) = self.read_identity(&path, passphrase)? else {
                continue;
            };
            if !self.identity_facts(identity.name())?.protected {
                in_the_clear.push(identities.len());
            }
            identities.push(identity);
        }
        if passphrase.is_some() {
            for index in in_the_clear {
                let identity: &Identity = &identities[index];
                // The date is in the file, so the fallback is never used.
                self.save_identity(identity, passphrase, Timestamp::from_millis(0))?;
                tracing::info!(identity = %identity.name(), "now kept under the passphrase");
            }
        }
        Ok(identities)
    }

    /// The identity in a file, if it is there.
    pub(super) fn read_identity(
        &self,
        path: &Path,
        passphrase: Option<&str>,
    ) -> Result<Option<Identity>, Error> {
        let Some(text) = files::read_text(path, MAX_FILE_BYTES)? else {
            return Ok(None);
        };
        let text = zeroize::Zeroizing::new(text);
        let identity =
            Identity::from_pem(&text, passphrase).map_err(|error| unreadable(path, error))?;
        if self.identity_path(identity.name()) != path {
            return Err(files::damaged(path, "named after another identity"));
        }
        Ok(Some(identity))
    }

    /// Deletes the identity's key and certificate, and that it was the default.
    ///
    /// # Errors
    /// [`Error::IdentityNotFound`], or when the file cannot be removed.
    pub fn delete_identity(&self, name: &PeerName) -> Result<(), Error> {
        self.check_held()?;
        if !files::remove(&self.identity_path(name))? {
            return Err(not_found(name));
        }
        if let Err(error) = self.remember_deleted(name, true) {
            // It is deleted all the same; only its card is not recognised any more.
            tracing::warn!(identity = %name, %error, "not remembered as deleted");
        }
        if self.default_identity()?.as_ref() == Some(name) {
            files::remove(&self.default_path())?;
        }
        Ok(())
    }

    /// When the identity was made and how it is kept.
    ///
    /// # Errors
    /// [`Error::IdentityNotFound`], or when the file cannot be read.
    pub fn identity_facts(&self, name: &PeerName) -> Result<IdentityFacts, Error> {
        let path = self.identity_path(name);
        let text = files::read_text(&path, MAX_FILE_BYTES)?.ok_or_else(|| not_found(name))?;
        let text = zeroize::Zeroizing::new(text);
        let created = text
            .lines()
            .find_map(|line| line.strip_prefix("created: "))
            .and_then(|instant| parse_instant(instant).ok())
            .ok_or_else(|| files::damaged(&path, "has no date of creation"))?;
        Ok(IdentityFacts {
            created,
            protected: is_protected(&text),
        })
    }

    /// Remembers which identity is used when none is named.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn set_default_identity(&self, name: &PeerName) -> Result<(), Error> {
        self.check_held()?;
        files::write(&self.default_path(), format!("{name}\n").as_bytes())
    }

    /// The identity used when none is named, once there is one.
    ///
    /// # Errors
    /// [`Error::FileDamaged`], or when it cannot be read.
    pub fn default_identity(&self) -> Result<Option<PeerName>, Error> {
        let path = self.default_path();
        let Some(text) = files::read_text(&path, 4096)? else {
            return Ok(None);
        };
        text.strip_suffix('\n')
            .unwrap_or(&text)
            .parse()
            .map(Some)
            .map_err(|_| files::damaged(&path, "not a peer name"))
    }

    fn identity_path(&self, name: &PeerName) -> PathBuf {
        self.path.join("identities").join(file_name(name, "pem"))
    }

    fn default_path(&self) -> PathBuf {
        self.path.join("default-identity")
    }
}

/// Why a key file does not open.
pub(super) fn unreadable(path: &Path, error: IdentityError) -> Error {
    let what = path.display().to_string();
    match error {
        IdentityError::PassphraseNeeded => Error::PassphraseNeeded { what },
        IdentityError::WrongPassphrase => Error::WrongPassphrase { what },
        other => files::damaged(path, other),
    }
}

/// Whether the key of a PEM text is encrypted.
pub(super) fn is_protected(pem: &str) -> bool {
    pem.contains("-----BEGIN ENCRYPTED PRIVATE KEY-----")
}

fn not_found(name: &PeerName) -> Error {
    Error::IdentityNotFound {
        name: name.to_string(),
    }
}
