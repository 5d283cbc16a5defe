//! The identities and memberships of this node: in memory, and on disk before in memory.
//!
//! One changes them at a time and may wait for the disk; whoever looks takes what is [`Known`] and
//! waits for nobody.

mod known;

use std::{
    fmt,
    sync::{Arc, PoisonError, RwLock},
};

use peerage_protocol::{engine::visit_id, identity::Identity, name::PeerName};
use peerage_records::{id::ReplicaId, time::Timestamp};
use zeroize::Zeroizing;

pub(crate) use self::known::Known;
use crate::{
    Error, Result,
    folder::{DataFolder, Membership, Waiting},
};

/// Where everybody finds what is known. The lock is held to take or to put a pointer.
#[derive(Debug, Clone, Default)]
pub(crate) struct Shelf(Arc<RwLock<Arc<Known>>>);

impl Shelf {
    pub(crate) fn known(&self) -> Arc<Known> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn put(&self, known: Known) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(known);
    }
}

/// Changes what this node keeps.
pub(crate) struct Vault {
    folder: Arc<DataFolder>,
    passphrase: Option<Zeroizing<String>>,
    max_identities: usize,
    shelf: Shelf,
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
        folder: Arc<DataFolder>,
        passphrase: Option<Zeroizing<String>>,
        max_identities: usize,
    ) -> Result<Self> {
        let secret = passphrase.as_ref().map(|p| p.as_str());
        let identities = folder.load_identities(secret)?;
        let mut known = Known {
            default: folder.default_identity()?,
            ..Known::default()
        };
        for membership in folder.load_memberships(&identities, secret)? {
            let holder = identities
                .iter()
                .find(|identity| *identity.name() == membership.identity)
                .ok_or_else(|| Error::Internal("a membership without its identity".into()))?;
            let replica = ReplicaId::of(&holder.key(), &membership.root()?.id());
            if let Some(other) = known.memberships.get(&replica) {
                tracing::warn!(
                    group = %membership.root()?.name(), identity = %membership.identity,
                    other = %other.identity, "left out: another identity with this key is a member"
                );
                continue;
            }
            known.memberships.insert(replica, Arc::new(membership));
        }
        for waiting in folder.load_waiting(&identities)? {
            let holder = identities
                .iter()
                .find(|identity| *identity.name() == waiting.identity)
                .ok_or_else(|| Error::Internal("a visit without its identity".into()))?;
            let visit = visit_id(&holder.key(), &waiting.address.group());
            known.waiting.insert(visit, Arc::new(waiting));
        }
        for identity in identities {
            let facts = folder.identity_facts(identity.name())?;
            let name = identity.name().clone();
            known.identities.insert(name, (Arc::new(identity), facts));
        }
        let shelf = Shelf::default();
        shelf.put(known);
        Ok(Self {
            folder,
            passphrase,
            max_identities,
            shelf,
        })
    }

    /// What is wrong with the files kept, read anew.
    pub(crate) fn examine(&self) -> Vec<Error> {
        let secret = self.passphrase.as_ref().map(|p| p.as_str());
        let (identities, mut troubles) = self.folder.examine_identities(secret);
        troubles.extend(self.folder.examine_memberships(&identities, secret));
        troubles
    }

    pub(crate) fn folder(&self) -> &Arc<DataFolder> {
        &self.folder
    }

    pub(crate) fn shelf(&self) -> &Shelf {
        &self.shelf
    }

    pub(crate) fn known(&self) -> Arc<Known> {
        self.shelf.known()
    }

    /// Keeps a new identity. The first one becomes the default.
    pub(crate) fn add_identity(
        &mut self,
        identity: Identity,
        now: Timestamp,
    ) -> Result<Arc<Identity>> {
        let known = self.known();
        if known.identities.contains_key(identity.name()) {
            return Err(Error::IdentityExists {
                name: identity.name().to_string(),
            });
        }
        if known.identities.len() >= self.max_identities {
            return Err(Error::TooManyIdentities {
                limit: self.max_identities,
            });
        }
        self.replace_identity(identity, now)
    }

    /// Replaces an identity by one of the same name with other particulars.
    pub(crate) fn replace_identity(
        &mut self,
        identity: Identity,
        now: Timestamp,
    ) -> Result<Arc<Identity>> {
        let name = identity.name().clone();
        self.folder.save_identity(&identity, self.secret(), now)?;
        let identity = Arc::new(identity);
        let mut known = (*self.known()).clone();
        let kept = (Arc::clone(&identity), self.folder.identity_facts(&name)?);
        known.identities.insert(name.clone(), kept);
        if known.default.is_none() {
            self.folder.set_default_identity(&name)?;
            known.default = Some(name);
        }
        self.shelf.put(known);
        Ok(identity)
    }

    /// Deletes an identity that is in no group. Another becomes the default if it was that.
    pub(crate) fn remove_identity(&mut self, name: &PeerName) -> Result<()> {
        let mut known = (*self.known()).clone();
        let groups = known.groups_of(name);
        if groups > 0 {
            return Err(Error::GroupsExist {
                name: name.to_string(),
                groups,
            });
        }
        self.folder.delete_identity(name)?;
        known.identities.remove(name);
        let orphaned = known.default.as_ref() == Some(name);
        if orphaned {
            known.default = known.identities.keys().next().cloned();
        }
        let default = known.default.clone();
        self.shelf.put(known);
        match default {
            Some(next) if orphaned => self.folder.set_default_identity(&next),
            _ => Ok(()),
        }
    }

    /// Keeps a membership, new or changed.
    ///
    /// Identities made around one key share their replicas, which can belong to one of them only.
    pub(crate) fn keep(&mut self, replica: ReplicaId, membership: Membership) -> Result<()> {
        let mut known = (*self.known()).clone();
        if let Some(other) = known.membership(&replica)
            && other.identity != membership.identity
        {
            return Err(Error::AlreadyMember {
                identity: other.identity.to_string(),
                group: membership.root()?.name().to_string(),
            });
        }
        let holder = known.holder(&membership)?;
        self.folder
            .save_membership(&membership, holder, self.secret())?;
        known.memberships.insert(replica, Arc::new(membership));
        self.shelf.put(known);
        Ok(())
    }

    /// Changes a kept membership, on disk first. Nothing happens when it is gone.
    pub(crate) fn amend(
        &mut self,
        replica: &ReplicaId,
        change: impl FnOnce(&mut Membership),
    ) -> Result<()> {
        let Some(membership) = self.known().membership(replica).cloned() else {
            return Ok(());
        };
        let mut membership = (*membership).clone();
        change(&mut membership);
        self.keep(*replica, membership)
    }

    /// Keeps that an identity wants to join a group, new or changed.
    pub(crate) fn keep_waiting(&mut self, visit: ReplicaId, waiting: Waiting) -> Result<()> {
        let mut known = (*self.known()).clone();
        let holder = known.identity(Some(&waiting.identity.to_string()))?;
        self.folder.save_waiting(&waiting, holder)?;
        known.waiting.insert(visit, Arc::new(waiting));
        self.shelf.put(known);
        Ok(())
    }

    /// Changes what is kept of a group being joined. Nothing happens when it is gone.
    pub(crate) fn amend_waiting(
        &mut self,
        visit: &ReplicaId,
        change: impl FnOnce(&mut Waiting),
    ) -> Result<()> {
        let Some(waiting) = self.known().waiting(visit).cloned() else {
            return Ok(());
        };
        let mut waiting = (*waiting).clone();
        change(&mut waiting);
        self.keep_waiting(*visit, waiting)
    }

    /// Forgets a group that was being joined, and the password with it.
    pub(crate) fn discard_waiting(&mut self, visit: &ReplicaId) -> Result<()> {
        let mut known = (*self.known()).clone();
        if let Some(waiting) = known.waiting.remove(visit) {
            self.folder.delete_waiting(&waiting)?;
            self.shelf.put(known);
        }
        Ok(())
    }

    /// Deletes a membership with its secrets.
    pub(crate) fn discard(&mut self, replica: &ReplicaId) -> Result<()> {
        let mut known = (*self.known()).clone();
        if let Some(membership) = known.memberships.remove(replica) {
            let group = membership.root()?.id();
            match self.folder.delete_membership(&membership.identity, &group) {
                // Somebody removed the files; what counts is that they are gone.
                Ok(()) | Err(Error::GroupNotFound { .. }) => self.shelf.put(known),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn secret(&self) -> Option<&str> {
        self.passphrase.as_ref().map(|p| p.as_str())
    }
}
