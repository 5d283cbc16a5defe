//! Memberships on disk.
//!
//! The discovery secret is sealed to the identity, so it is as safe as the identity's key. The
//! group's key, which only its creator has, is a file of its own: it never changes, while the rest
//! does.

use std::{
    fs,
    path::{Path, PathBuf},
};

use data_encoding::{BASE64, HEXLOWER};
use libp2p::Multiaddr;
use peerage_protocol::{
    gmc::Chain,
    group::{GroupKey, GroupRoot},
    identity::Identity,
    name::PeerName,
    secret::DiscoverySecret,
};
use peerage_records::{id::GroupId, time::Timestamp};
use serde::{Deserialize, Serialize};

use super::{
    DataFolder, MAX_FILE_BYTES, file_name, files,
    identities::{is_protected, unreadable},
};
use crate::{
    Error,
    model::{instant_text, parse_instant},
};

const SECRET_INFO: &[u8] = b"peerage kept discovery secret v1";

/// One identity's membership in one group.
#[derive(Debug, Clone)]
pub struct Membership {
    /// The member.
    pub identity: PeerName,
    /// The member's certificate chain, from the group root.
    pub chain: Chain,
    /// Lets members find each other.
    pub secret: DiscoverySecret,
    /// The cloud in which the group is looked up.
    pub cloud: String,
    /// Addresses to try first.
    pub bootstrap: Vec<Multiaddr>,
    /// The group's own key, where this identity made the group.
    pub group_key: Option<GroupKey>,
    /// Shown to people.
    pub friendly_name: String,
    /// What the group is for.
    pub comment: String,
    /// Whether the records have been brought in line with another member's at least once.
    pub synchronised: bool,
    /// Whether the node connects to the group when it starts.
    pub connected: bool,
    /// When the membership was first kept here.
    pub added: Timestamp,
}

impl Membership {
    /// The group's root, read from the chain.
    ///
    /// # Errors
    /// When the chain does not begin with a group root.
    pub fn root(&self) -> Result<GroupRoot, Error> {
        let der = self.chain.certificates().next().unwrap_or_default();
        Ok(GroupRoot::from_der(der)?)
    }
}

/// How a membership looks in its file.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kept {
    group: PeerName,
    identity: PeerName,
    chain: String,
    sealed_secret: String,
    cloud: String,
    bootstrap: Vec<Multiaddr>,
    created_here: bool,
    friendly_name: String,
    comment: String,
    synchronised: bool,
    connected: bool,
    added: String,
}

impl DataFolder {
    /// Keeps the membership, replacing the earlier version. `holder` is the identity it belongs to.
    ///
    /// # Errors
    /// When it cannot be written; the earlier version then stays.
    pub fn save_membership(
        &self,
        membership: &Membership,
        holder: &Identity,
        passphrase: Option<&str>,
    ) -> Result<(), Error> {
        self.check_held()?;
        let root = membership.root()?;
        files::private_folder(&self.groups_of(&membership.identity))?;
        if let Some(key) = &membership.group_key {
            let path = self.group_key_path(&membership.identity, root.name());
            if !path.exists() {
                let pem = key
                    .to_pem(passphrase, &mut rand::rng())
                    .map_err(Error::Identity)?;
                files::write(&path, pem.as_bytes())?;
            }
        }
        let sealed = holder
            .card()
            .seal(SECRET_INFO, membership.secret.expose(), &mut rand::rng())
            .map_err(Error::Identity)?;
        let kept = Kept {
            group: root.name().clone(),
            identity: membership.identity.clone(),
            chain: BASE64.encode(membership.chain.encode()),
            sealed_secret: BASE64.encode(&sealed),
            cloud: membership.cloud.clone(),
            bootstrap: membership.bootstrap.clone(),
            created_here: membership.group_key.is_some(),
            friendly_name: membership.friendly_name.clone(),
            comment: membership.comment.clone(),
            synchronised: membership.synchronised,
            connected: membership.connected,
            added: instant_text(membership.added),
        };
        let json =
            serde_json::to_vec_pretty(&kept).map_err(|error| Error::Internal(error.to_string()))?;
        files::write(
            &self.membership_path(&membership.identity, root.name()),
            &json,
        )
    }

    /// Loads every membership of these identities. A damaged one is named in the log, left as it is
    /// and left out: it must not keep the others from their groups.
    ///
    /// # Errors
    /// [`Error::PassphraseNeeded`] and [`Error::WrongPassphrase`] name the file, and so does an
    /// error of reading; nothing has changed then.
    pub fn load_memberships(
        &self,
        identities: &[Identity],
        passphrase: Option<&str>,
    ) -> Result<Vec<Membership>, Error> {
        let mut memberships = Vec::new();
        for identity in identities {
            for path in files::list(&self.groups_of(identity.name()), "json")? {
                let Some(bytes) = files::read(&path, MAX_FILE_BYTES)? else {
                    continue;
                };
                match self.open_membership(&path, &bytes, identity, passphrase) {
                    Ok(membership) => memberships.push(membership),
                    Err(error @ Error::FileDamaged { .. }) => {
                        tracing::warn!(file = %path.display(), %error, "membership left out");
                    }
                    Err(error) => return Err(error),
                }
            }
        }
        Ok(memberships)
    }

    /// How many memberships there are files of, be they damaged or of nobody known.
    ///
    /// # Errors
    /// When a folder cannot be read.
    pub fn count_memberships(&self) -> Result<usize, Error> {
        let groups = self.path.join("groups");
        let folders = fs::read_dir(&groups).map_err(|error| Error::io(&groups, error))?;
        let mut count = 0;
        for folder in folders {
            let folder = folder.map_err(|error| Error::io(&groups, error))?.path();
            if folder.is_dir() {
                count += files::list(&folder, "json")?.len();
            }
        }
        Ok(count)
    }

    /// Deletes the membership, and the group's key where it is here. The membership goes first:
    /// without it the key is never looked for, while a membership that lacks its key is damaged.
    ///
    /// # Errors
    /// [`Error::GroupNotFound`], or when a file cannot be removed; it may then be deleted again.
    pub fn delete_membership(&self, identity: &PeerName, group: &GroupId) -> Result<(), Error> {
        self.check_held()?;
        let name = group_file(group);
        let folder = self.groups_of(identity);
        let known = files::remove(&folder.join(format!("{name}.json")))?;
        self.delete_invitations(identity, group)?;
        let key = files::remove(&folder.join(format!("{name}.pem")))?;
        files::remove(&folder.join(format!("{name}.requests")))?;
        files::remove(&folder.join(format!("{name}.restored")))?;
        if !known && !key {
            return Err(Error::GroupNotFound {
                name: group.to_string(),
            });
        }
        // Fails while other groups are in it, which is as it should be.
        let _ = fs::remove_dir(folder);
        Ok(())
    }

    pub(super) fn open_membership(
        &self,
        path: &Path,
        bytes: &[u8],
        identity: &Identity,
        passphrase: Option<&str>,
    ) -> Result<Membership, Error> {
        let damaged = |reason: &dyn ToString| files::damaged(path, reason.to_string());
        let kept: Kept = serde_json::from_slice(bytes).map_err(|error| damaged(&error))?;
        if kept.identity != *identity.name()
            || *path != self.membership_path(&kept.identity, &kept.group)
        {
            return Err(damaged(&"named after another membership"));
        }
        let chain = BASE64
            .decode(kept.chain.as_bytes())
            .map_err(|error| damaged(&error))?;
        let chain = Chain::decode(&chain).map_err(|error| damaged(&error))?;
        let sealed = BASE64
            .decode(kept.sealed_secret.as_bytes())
            .map_err(|error| damaged(&error))?;
        let secret = identity
            .open(SECRET_INFO, &sealed)
            .map_err(|error| damaged(&error))?;
        let secret = <[u8; 32]>::try_from(secret.as_slice())
            .map_err(|_| damaged(&"the discovery secret has a wrong length"))?;
        let membership = Membership {
            identity: kept.identity,
            chain,
            secret: DiscoverySecret::from_bytes(secret),
            cloud: kept.cloud,
            bootstrap: kept.bootstrap,
            group_key: if kept.created_here {
                Some(self.open_group_key(identity.name(), &kept.group, passphrase)?)
            } else {
                None
            },
            friendly_name: kept.friendly_name,
            comment: kept.comment,
            synchronised: kept.synchronised,
            connected: kept.connected,
            added: parse_instant(&kept.added).map_err(|error| damaged(&error))?,
        };
        let root = membership.root().map_err(|error| damaged(&error))?;
        if *root.name() != kept.group {
            return Err(damaged(&"the chain is of another group"));
        }
        Ok(membership)
    }

    fn open_group_key(
        &self,
        identity: &PeerName,
        group: &PeerName,
        passphrase: Option<&str>,
    ) -> Result<GroupKey, Error> {
        let path = self.group_key_path(identity, group);
        let text = files::read_text(&path, MAX_FILE_BYTES)?
            .ok_or_else(|| files::damaged(&path, "missing"))?;
        let text = zeroize::Zeroizing::new(text);
        let key =
            GroupKey::from_pem(&text, passphrase).map_err(|error| unreadable(&path, error))?;
        if key.root().name() != group {
            return Err(files::damaged(&path, "the key of another group"));
        }
        if passphrase.is_some() && !is_protected(&text) {
            let pem = key
                .to_pem(passphrase, &mut rand::rng())
                .map_err(Error::Identity)?;
            files::write(&path, pem.as_bytes())?;
            tracing::info!(%group, "group key now kept under the passphrase");
        }
        Ok(key)
    }

    pub(super) fn groups_of(&self, identity: &PeerName) -> PathBuf {
        self.path
            .join("groups")
            .join(HEXLOWER.encode(&identity.p2p_id()))
    }

    pub(super) fn membership_path(&self, identity: &PeerName, group: &PeerName) -> PathBuf {
        self.groups_of(identity).join(file_name(group, "json"))
    }

    pub(super) fn group_key_path(&self, identity: &PeerName, group: &PeerName) -> PathBuf {
        self.groups_of(identity).join(file_name(group, "pem"))
    }
}

/// What a group's files are called: they are named after the first half of the hash that is its id.
pub(super) fn group_file(group: &GroupId) -> String {
    HEXLOWER.encode(&group.as_bytes()[..16])
}
