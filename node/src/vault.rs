//! The identities and memberships of this node: in memory, and on disk before in memory.

use std::{collections::BTreeMap, fmt, sync::Arc};

use peerage_protocol::{identity::Identity, name::PeerName};
use peerage_records::{
    id::{GroupId, ReplicaId},
    time::Timestamp,
};
use zeroize::Zeroizing;

use crate::{
    Error, Result,
    folder::{DataFolder, Membership},
    model::{IdentityInfo, instant_text},
};

/// Shortest part of a name that stands for the whole.
const MIN_PREFIX_CHARS: usize = 4;

/// Everything secret this node keeps, and the lock on the folder it keeps it in.
pub(crate) struct Vault {
    folder: DataFolder,
    passphrase: Option<Zeroizing<String>>,
    max_identities: usize,
    identities: BTreeMap<PeerName, Arc<Identity>>,
    memberships: BTreeMap<ReplicaId, Membership>,
}

impl fmt::Debug for Vault {
    /// Without the passphrase.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Vault")
            .field("folder", &self.folder)
            .finish_non_exhaustive()
    }
}

impl Vault {
    /// Loads what the folder holds.
    pub(crate) fn open(
        folder: DataFolder,
        passphrase: Option<Zeroizing<String>>,
        max_identities: usize,
    ) -> Result<Self> {
        let secret = passphrase.as_ref().map(|p| p.as_str());
        let identities = folder.load_identities(secret)?;
        let memberships = folder
            .load_memberships(&identities, secret)?
            .into_iter()
            .map(|membership| {
                let holder = identities
                    .iter()
                    .find(|identity| *identity.name() == membership.identity)
                    .ok_or_else(|| Error::Internal("a membership without its identity".into()))?;
                let group = membership.root()?.id();
                Ok((ReplicaId::of(&holder.key(), &group), membership))
            })
            .collect::<Result<_>>()?;
        Ok(Self {
            folder,
            passphrase,
            max_identities,
            identities: identities
                .into_iter()
                .map(|identity| (identity.name().clone(), Arc::new(identity)))
                .collect(),
            memberships,
        })
    }

    pub(crate) fn folder(&self) -> &DataFolder {
        &self.folder
    }

    pub(crate) fn identities(&self) -> impl Iterator<Item = &Arc<Identity>> {
        self.identities.values()
    }

    pub(crate) fn memberships(&self) -> impl Iterator<Item = (&ReplicaId, &Membership)> {
        self.memberships.iter()
    }

    pub(crate) fn membership(&self, replica: &ReplicaId) -> Option<&Membership> {
        self.memberships.get(replica)
    }

    /// Finds an identity by its peer name, a unique beginning of it, or its friendly name; the
    /// default one when nothing is asked for.
    pub(crate) fn identity(&self, wanted: Option<&str>) -> Result<Arc<Identity>> {
        let Some(wanted) = wanted else {
            let name = self
                .folder
                .default_identity()?
                .ok_or(Error::NoDefaultIdentity)?;
            return self.identity(Some(&name.to_string()));
        };
        let candidates = self.identities.values().map(|identity| {
            (
                identity.name().to_string(),
                identity.friendly_name(),
                identity,
            )
        });
        match select(wanted, candidates) {
            Selected::One(identity) => Ok(Arc::clone(identity)),
            Selected::None => Err(Error::IdentityNotFound {
                name: wanted.into(),
            }),
            Selected::Several => Err(Error::IdentityAmbiguous {
                name: wanted.into(),
            }),
        }
    }

    /// Finds a membership by its group's peer name, a unique beginning of it, or its friendly name.
    pub(crate) fn find(&self, group: &str, identity: Option<&str>) -> Result<ReplicaId> {
        let identity = identity
            .map(|wanted| self.identity(Some(wanted)))
            .transpose()?;
        let mut candidates = Vec::new();
        for (replica, membership) in &self.memberships {
            if identity
                .as_ref()
                .is_none_or(|identity| *identity.name() == membership.identity)
            {
                let name = membership.root()?.name().to_string();
                candidates.push((name, membership.friendly_name.as_str(), replica));
            }
        }
        match select(group, candidates.into_iter()) {
            Selected::One(replica) => Ok(*replica),
            Selected::None => Err(Error::GroupNotFound { name: group.into() }),
            Selected::Several => Err(Error::GroupAmbiguous { name: group.into() }),
        }
    }

    pub(crate) fn info(&self, identity: &Identity) -> Result<IdentityInfo> {
        let facts = self.folder.identity_facts(identity.name())?;
        let mut info = IdentityInfo::new(
            identity.name().to_string(),
            identity.friendly_name().to_owned(),
            identity.key().to_string(),
            instant_text(facts.created),
        );
        info.default = self.folder.default_identity()?.as_ref() == Some(identity.name());
        info.groups = self.groups_of(identity.name());
        info.protected = facts.protected;
        Ok(info)
    }

    /// Keeps a new identity. The first one becomes the default.
    pub(crate) fn add_identity(
        &mut self,
        identity: Identity,
        now: Timestamp,
    ) -> Result<Arc<Identity>> {
        if self.identities.contains_key(identity.name()) {
            return Err(Error::IdentityExists {
                name: identity.name().to_string(),
            });
        }
        if self.identities.len() >= self.max_identities {
            return Err(Error::TooManyIdentities {
                limit: self.max_identities,
            });
        }
        self.folder.save_identity(&identity, self.secret(), now)?;
        if self.folder.default_identity()?.is_none() {
            self.folder.set_default_identity(identity.name())?;
        }
        let identity = Arc::new(identity);
        self.identities
            .insert(identity.name().clone(), Arc::clone(&identity));
        Ok(identity)
    }

    /// Replaces an identity by one of the same name with other particulars.
    pub(crate) fn replace_identity(
        &mut self,
        identity: Identity,
        now: Timestamp,
    ) -> Result<Arc<Identity>> {
        self.folder.save_identity(&identity, self.secret(), now)?;
        let identity = Arc::new(identity);
        self.identities
            .insert(identity.name().clone(), Arc::clone(&identity));
        Ok(identity)
    }

    /// Deletes an identity that is in no group. Another becomes the default if it was that.
    pub(crate) fn remove_identity(&mut self, name: &PeerName) -> Result<()> {
        let groups = self.groups_of(name);
        if groups > 0 {
            return Err(Error::GroupsExist {
                name: name.to_string(),
                groups,
            });
        }
        self.folder.delete_identity(name)?;
        self.identities.remove(name);
        if self.folder.default_identity()?.is_none()
            && let Some(next) = self.identities.keys().next()
        {
            self.folder.set_default_identity(next)?;
        }
        Ok(())
    }

    /// Keeps a membership, new or changed.
    pub(crate) fn keep(&mut self, replica: ReplicaId, membership: Membership) -> Result<()> {
        let holder =
            self.identities
                .get(&membership.identity)
                .ok_or_else(|| Error::IdentityNotFound {
                    name: membership.identity.to_string(),
                })?;
        self.folder
            .save_membership(&membership, holder, self.secret())?;
        self.memberships.insert(replica, membership);
        Ok(())
    }

    /// Changes a kept membership, on disk first. Nothing happens when it is gone.
    pub(crate) fn amend(
        &mut self,
        replica: &ReplicaId,
        change: impl FnOnce(&mut Membership),
    ) -> Result<()> {
        let Some(membership) = self.memberships.get(replica) else {
            return Ok(());
        };
        let mut membership = membership.clone();
        change(&mut membership);
        self.keep(*replica, membership)
    }

    /// Deletes a membership with its secrets.
    pub(crate) fn discard(&mut self, replica: &ReplicaId) -> Result<()> {
        if let Some(membership) = self.memberships.get(replica) {
            let group: GroupId = membership.root()?.id();
            self.folder
                .delete_membership(&membership.identity, &group)?;
            self.memberships.remove(replica);
        }
        Ok(())
    }

    fn groups_of(&self, name: &PeerName) -> usize {
        self.memberships
            .values()
            .filter(|membership| membership.identity == *name)
            .count()
    }

    fn secret(&self) -> Option<&str> {
        self.passphrase.as_ref().map(|p| p.as_str())
    }
}

enum Selected<T> {
    One(T),
    None,
    Several,
}

/// A whole name wins; then a unique beginning of a name or a whole friendly name.
fn select<'a, T>(
    wanted: &str,
    candidates: impl Iterator<Item = (String, &'a str, T)>,
) -> Selected<T> {
    let mut exact = Vec::new();
    let mut close = Vec::new();
    for (name, friendly_name, item) in candidates {
        let begins = wanted.chars().count() >= MIN_PREFIX_CHARS && name.starts_with(wanted);
        if name == wanted {
            exact.push(item);
        } else if begins || friendly_name == wanted {
            close.push(item);
        }
    }
    let mut found = if exact.is_empty() { close } else { exact };
    match (found.pop(), found.is_empty()) {
        (Some(item), true) => Selected::One(item),
        (Some(_), false) => Selected::Several,
        (None, _) => Selected::None,
    }
}
