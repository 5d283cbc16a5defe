//! The invitations this node has made, so that they can be shown, made again and revoked.
//!
//! An invitation is kept as it was handed out: it is bound to one card and its secret is sealed, so
//! that whoever reads the file learns what everybody on the way of the invitation could.

use std::{
    fs,
    path::{Path, PathBuf},
};

use peerage_protocol::{identity::IdentityCard, invitation::Invitation, name::PeerName};
use peerage_records::{id::GroupId, time::Timestamp};
use serde::{Deserialize, Serialize};

use super::{DataFolder, MAX_FILE_BYTES, files};
use crate::{
    Error,
    model::{instant_text, parse_instant},
};

/// At most this many per membership, about 5 KiB each. The oldest that are over are forgotten first.
pub const MAX_KEPT_INVITATIONS: usize = 1_024;

/// Hex digits of an invitation's id.
const ID_CHARS: usize = 16;

/// An invitation made here, and what became of it as far as that is not told by the roster.
#[derive(Debug, Clone)]
pub struct KeptInvitation {
    /// As it was handed out.
    pub invitation: Invitation,
    /// Whom it is for.
    pub card: IdentityCard,
    /// When it was made.
    pub made: Timestamp,
    /// Its invitee was seen with the membership in it.
    pub used: bool,
    /// The one that was made in its place.
    pub replaced_by: Option<String>,
    /// When it was revoked.
    pub revoked: Option<Timestamp>,
}

/// How it looks in its file.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kept {
    invitation: String,
    card: String,
    made: String,
    used: bool,
    replaced_by: Option<String>,
    revoked: Option<String>,
}

impl KeptInvitation {
    fn is_over(&self, now: Timestamp) -> bool {
        self.used
            || self.replaced_by.is_some()
            || self.revoked.is_some()
            || self.invitation.gmc().not_after() < now
    }
}

impl DataFolder {
    /// Keeps an invitation, new or changed. When there are too many, the oldest that is over is
    /// forgotten, or else the oldest; a forgotten invitation is as good as before.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn save_invitation(
        &self,
        identity: &PeerName,
        kept: &KeptInvitation,
        now: Timestamp,
    ) -> Result<(), Error> {
        self.check_held()?;
        let folder = self.invitations_of(identity, &kept.invitation.gmc().group());
        files::private_folder(&folder)?;
        let path = folder.join(format!("{}.json", kept.invitation.id()));
        if !path.exists() {
            self.make_room(&folder, now)?;
        }
        let file = Kept {
            invitation: kept.invitation.to_uri(),
            card: kept.card.to_uri(),
            made: instant_text(kept.made),
            used: kept.used,
            replaced_by: kept.replaced_by.clone(),
            revoked: kept.revoked.map(instant_text),
        };
        let json =
            serde_json::to_vec_pretty(&file).map_err(|error| Error::Internal(error.to_string()))?;
        files::write(&path, &json)
    }

    /// The invitations made by this identity into this group, the oldest first. One that does not read
    /// is named in the log and left out.
    ///
    /// # Errors
    /// When the folder or a file cannot be read.
    pub fn invitations(
        &self,
        identity: &PeerName,
        group: &GroupId,
    ) -> Result<Vec<KeptInvitation>, Error> {
        let mut found = Vec::new();
        for path in files::list(&self.invitations_of(identity, group), "json")? {
            match read(&path, group) {
                Ok(Some(kept)) => found.push(kept),
                Ok(None) => {}
                Err(error @ Error::FileDamaged { .. }) => {
                    tracing::warn!(file = %path.display(), %error, "invitation left out");
                }
                Err(error) => return Err(error),
            }
        }
        found.sort_by_key(|kept| (kept.made, kept.invitation.id()));
        Ok(found)
    }

    /// One of these invitations, by its whole id.
    ///
    /// # Errors
    /// [`Error::FileDamaged`], or when it cannot be read.
    pub fn invitation(
        &self,
        identity: &PeerName,
        group: &GroupId,
        id: &str,
    ) -> Result<Option<KeptInvitation>, Error> {
        if !is_id(id) {
            return Ok(None);
        }
        let folder = self.invitations_of(identity, group);
        read(&folder.join(format!("{id}.json")), group)
    }

    /// The ids of these invitations, read from the names of the files alone.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn invitation_ids(
        &self,
        identity: &PeerName,
        group: &GroupId,
    ) -> Result<Vec<String>, Error> {
        let paths = files::list(&self.invitations_of(identity, group), "json")?;
        Ok(paths
            .iter()
            .filter_map(|path| path.file_stem()?.to_str())
            .filter(|id| is_id(id))
            .map(ToOwned::to_owned)
            .collect())
    }

    pub(super) fn delete_invitations(
        &self,
        identity: &PeerName,
        group: &GroupId,
    ) -> Result<(), Error> {
        let folder = self.invitations_of(identity, group);
        match fs::remove_dir_all(&folder) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(Error::io(folder, error))
            }
            _ => Ok(()),
        }
    }

    /// Forgets one invitation where there are as many as may be.
    fn make_room(&self, folder: &Path, now: Timestamp) -> Result<(), Error> {
        let paths = files::list(folder, "json")?;
        if paths.len() < MAX_KEPT_INVITATIONS {
            return Ok(());
        }
        let mut oldest: Option<(bool, Timestamp, PathBuf)> = None;
        for path in paths {
            let (open, made) = match read_any(&path) {
                Ok(Some(kept)) => (!kept.is_over(now), kept.made),
                // What does not read is of no use.
                _ => (false, Timestamp::from_millis(0)),
            };
            if oldest
                .as_ref()
                .is_none_or(|(best, since, _)| (open, made) < (*best, *since))
            {
                oldest = Some((open, made, path));
            }
        }
        if let Some((open, _, path)) = oldest {
            if open {
                tracing::warn!(
                    file = %path.display(),
                    "too many invitations are open: the oldest is forgotten here, but still good"
                );
            }
            files::remove(&path)?;
        }
        Ok(())
    }

    fn invitations_of(&self, identity: &PeerName, group: &GroupId) -> PathBuf {
        self.groups_of(identity)
            .join(format!("{}.invited", super::memberships::group_file(group)))
    }
}

fn is_id(text: &str) -> bool {
    text.len() == ID_CHARS && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

fn read(path: &Path, group: &GroupId) -> Result<Option<KeptInvitation>, Error> {
    let kept = read_any(path)?;
    if let Some(kept) = &kept
        && kept.invitation.gmc().group() != *group
    {
        return Err(files::damaged(path, "an invitation into another group"));
    }
    Ok(kept)
}

fn read_any(path: &Path) -> Result<Option<KeptInvitation>, Error> {
    let damaged = |reason: &dyn ToString| files::damaged(path, reason.to_string());
    let Some(bytes) = files::read(path, MAX_FILE_BYTES)? else {
        return Ok(None);
    };
    let kept: Kept = serde_json::from_slice(&bytes).map_err(|error| damaged(&error))?;
    let invitation: Invitation = kept.invitation.parse().map_err(|error| damaged(&error))?;
    let card: IdentityCard = kept.card.parse().map_err(|error| damaged(&error))?;
    if path.file_stem().and_then(|stem| stem.to_str()) != Some(invitation.id().as_str())
        || card.key() != invitation.gmc().subject()
    {
        return Err(damaged(
            &"named after another invitation, or with another card",
        ));
    }
    Ok(Some(KeptInvitation {
        invitation,
        card,
        made: parse_instant(&kept.made).map_err(|error| damaged(&error))?,
        used: kept.used,
        replaced_by: kept.replaced_by,
        revoked: kept
            .revoked
            .map(|text| parse_instant(&text))
            .transpose()
            .map_err(|error| damaged(&error))?,
    }))
}
