//! What doors leave on disk: groups we want to join, and requests to join groups we are in.
//!
//! A password is kept only until it has led to a membership, and sealed to the identity that uses it,
//! so it is as safe as the identity's key.

use std::path::PathBuf;

use data_encoding::BASE64;
use peerage_protocol::{
    door::{GroupAddress, password::Password},
    engine::Entry,
    identity::Identity,
    name::PeerName,
};
use peerage_records::time::Timestamp;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::{DataFolder, MAX_FILE_BYTES, file_name, files};
use crate::{
    Error,
    model::{instant_text, parse_instant},
};

const PASSWORD_INFO: &[u8] = b"peerage kept door password v1";

/// At most this many bytes of requests at one door: what the protocol's queue is bounded to.
const MAX_REQUESTS_BYTES: u64 = 2 * 1024 * 1024;

/// A group an identity wants to join.
#[derive(Debug, Clone)]
pub struct Waiting {
    /// The identity.
    pub identity: PeerName,
    /// The group.
    pub address: GroupAddress,
    /// On what grounds.
    pub entry: Entry,
    /// Whether the node tries.
    pub connected: bool,
    /// Whether it has been told that the password is wrong.
    pub refused: bool,
    /// Since when.
    pub added: Timestamp,
}

/// How it looks in its file.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kept {
    identity: PeerName,
    address: String,
    sealed_password: Option<String>,
    note: Option<String>,
    connected: bool,
    refused: bool,
    added: String,
}

impl DataFolder {
    /// Keeps that an identity wants to join a group, replacing what was kept of it before.
    ///
    /// # Errors
    /// When it cannot be written; the earlier version then stays.
    pub fn save_waiting(&self, waiting: &Waiting, holder: &Identity) -> Result<(), Error> {
        self.check_held()?;
        files::private_folder(&self.groups_of(&waiting.identity))?;
        let (sealed_password, note) = match &waiting.entry {
            Entry::Password(password) => {
                let sealed = holder
                    .card()
                    .seal(
                        PASSWORD_INFO,
                        password.expose().as_bytes(),
                        &mut rand::rng(),
                    )
                    .map_err(Error::Identity)?;
                (Some(BASE64.encode(&sealed)), None)
            }
            Entry::Request(note) => (None, Some(note.clone())),
        };
        let kept = Kept {
            identity: waiting.identity.clone(),
            address: waiting.address.to_uri(),
            sealed_password,
            note,
            connected: waiting.connected,
            refused: waiting.refused,
            added: instant_text(waiting.added),
        };
        let json =
            serde_json::to_vec_pretty(&kept).map_err(|error| Error::Internal(error.to_string()))?;
        files::write(&self.waiting_path(waiting), &json)
    }

    /// Loads what these identities want to join. What is damaged is named in the log and left out.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub fn load_waiting(&self, identities: &[Identity]) -> Result<Vec<Waiting>, Error> {
        let mut all = Vec::new();
        for identity in identities {
            for path in files::list(&self.groups_of(identity.name()), "join")? {
                let Some(bytes) = files::read(&path, MAX_FILE_BYTES)? else {
                    continue;
                };
                match open(&bytes, identity) {
                    Some(waiting) if self.waiting_path(&waiting) == path => all.push(waiting),
                    _ => {
                        let error = files::damaged(&path, "not what was written");
                        tracing::warn!(file = %path.display(), %error, "left out");
                    }
                }
            }
        }
        Ok(all)
    }

    /// Forgets that an identity wants to join a group.
    ///
    /// # Errors
    /// When the file cannot be removed.
    pub fn delete_waiting(&self, waiting: &Waiting) -> Result<(), Error> {
        self.check_held()?;
        files::remove(&self.waiting_path(waiting)).map(drop)
    }

    /// Keeps the requests at the door of a group.
    ///
    /// # Errors
    /// When they cannot be written.
    pub fn save_requests(
        &self,
        identity: &PeerName,
        group: &PeerName,
        requests: &[u8],
    ) -> Result<(), Error> {
        self.check_held()?;
        files::write(&self.requests_path(identity, group), requests)
    }

    /// The requests kept, none when there are none.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn load_requests(&self, identity: &PeerName, group: &PeerName) -> Result<Vec<u8>, Error> {
        let path = self.requests_path(identity, group);
        Ok(files::read(&path, MAX_REQUESTS_BYTES)?.unwrap_or_default())
    }

    fn waiting_path(&self, waiting: &Waiting) -> PathBuf {
        let group = waiting.address.root().name();
        self.groups_of(&waiting.identity)
            .join(file_name(group, "join"))
    }

    fn requests_path(&self, identity: &PeerName, group: &PeerName) -> PathBuf {
        self.groups_of(identity).join(file_name(group, "requests"))
    }
}

fn open(bytes: &[u8], identity: &Identity) -> Option<Waiting> {
    let kept: Kept = serde_json::from_slice(bytes).ok()?;
    let entry = match (kept.sealed_password, kept.note) {
        (Some(sealed), None) => {
            let sealed = BASE64.decode(sealed.as_bytes()).ok()?;
            let text = identity.open(PASSWORD_INFO, &sealed).ok()?;
            let text = Zeroizing::new(std::str::from_utf8(&text).ok()?.to_owned());
            Entry::Password(Password::new((*text).clone()))
        }
        (None, Some(note)) => Entry::Request(note),
        _ => return None,
    };
    (kept.identity == *identity.name()).then_some(())?;
    Some(Waiting {
        identity: kept.identity,
        address: kept.address.parse().ok()?,
        entry,
        connected: kept.connected,
        refused: kept.refused,
        added: parse_instant(&kept.added).ok()?,
    })
}
