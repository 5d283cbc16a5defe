//! The identities and memberships in memory, for whoever only looks.

use std::{collections::BTreeMap, sync::Arc};

use peerage_protocol::{identity::Identity, name::PeerName};
use peerage_records::id::ReplicaId;

use crate::{
    Error, Result,
    folder::{IdentityFacts, Membership, Waiting},
    model::{IdentityInfo, instant_text},
    naming::{Candidate, Selected, select},
};

/// What is kept, at one moment. Looking at it waits for nobody: not for the disk, nor for a
/// passphrase that is being stretched.
#[derive(Debug, Clone, Default)]
pub(crate) struct Known {
    pub(super) identities: BTreeMap<PeerName, (Arc<Identity>, IdentityFacts)>,
    pub(super) default: Option<PeerName>,
    pub(super) memberships: BTreeMap<ReplicaId, Arc<Membership>>,
    /// By the name of the visit.
    pub(super) waiting: BTreeMap<ReplicaId, Arc<Waiting>>,
}

impl Known {
    pub(crate) fn identities(&self) -> impl Iterator<Item = &Arc<Identity>> {
        self.identities.values().map(|(identity, _)| identity)
    }

    pub(crate) fn memberships(&self) -> impl Iterator<Item = (&ReplicaId, &Arc<Membership>)> {
        self.memberships.iter()
    }

    pub(crate) fn membership(&self, replica: &ReplicaId) -> Option<&Arc<Membership>> {
        self.memberships.get(replica)
    }

    pub(crate) fn all_waiting(&self) -> impl Iterator<Item = (&ReplicaId, &Arc<Waiting>)> {
        self.waiting.iter()
    }

    pub(crate) fn waiting(&self, visit: &ReplicaId) -> Option<&Arc<Waiting>> {
        self.waiting.get(visit)
    }

    /// The one of these that `group` names.
    pub(crate) fn select_waiting<'a>(
        &self,
        group: &str,
        candidates: impl Iterator<Item = (String, &'a str, &'a ReplicaId)>,
    ) -> Result<Option<ReplicaId>> {
        let candidates = candidates.map(|(peer_name, friendly_name, item)| Candidate {
            peer_name,
            friendly_name,
            item,
        });
        match select(group, candidates) {
            Selected::One(visit) => Ok(Some(*visit)),
            Selected::None => Ok(None),
            Selected::Several(candidates) => Err(Error::GroupAmbiguous {
                name: group.into(),
                candidates,
            }),
        }
    }

    /// The identity a membership belongs to.
    pub(crate) fn holder(&self, membership: &Membership) -> Result<&Arc<Identity>> {
        self.identity_named(&membership.identity)
    }

    /// The identity with this very peer name.
    pub(crate) fn identity_named(&self, name: &PeerName) -> Result<&Arc<Identity>> {
        let found = self.identities.get(name);
        found
            .map(|(identity, _)| identity)
            .ok_or_else(|| Error::IdentityNotFound {
                name: name.to_string(),
            })
    }

    /// Finds an identity by its peer name, a unique beginning of it, or its friendly name; the
    /// default one when nothing is asked for.
    pub(crate) fn identity(&self, wanted: Option<&str>) -> Result<&Arc<Identity>> {
        let default;
        let wanted = match wanted {
            Some(wanted) => wanted,
            None => {
                let name = self.default.as_ref().ok_or(Error::NoDefaultIdentity)?;
                default = name.to_string();
                &default
            }
        };
        let candidates = self.identities().map(|identity| Candidate {
            peer_name: identity.name().to_string(),
            friendly_name: identity.friendly_name(),
            item: identity,
        });
        match select(wanted, candidates) {
            Selected::One(identity) => Ok(identity),
            Selected::None => Err(Error::IdentityNotFound {
                name: wanted.into(),
            }),
            Selected::Several(_) => Err(Error::IdentityAmbiguous {
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
            if identity.is_none_or(|identity| *identity.name() == membership.identity) {
                candidates.push(Candidate {
                    peer_name: membership.root()?.name().to_string(),
                    friendly_name: membership.friendly_name.as_str(),
                    item: replica,
                });
            }
        }
        match select(group, candidates.into_iter()) {
            Selected::One(replica) => Ok(*replica),
            Selected::None => Err(Error::GroupNotFound { name: group.into() }),
            Selected::Several(candidates) => Err(Error::GroupAmbiguous {
                name: group.into(),
                candidates,
            }),
        }
    }

    /// The peer name of the group that `group` names, whichever of our identities are in it.
    pub(crate) fn group_name(&self, group: &str) -> Result<String> {
        let mut groups = BTreeMap::new();
        for membership in self.memberships.values() {
            let name = membership.root()?.name().to_string();
            groups.insert(name, membership.friendly_name.as_str());
        }
        let candidates = groups.iter().map(|(peer_name, friendly_name)| Candidate {
            peer_name: peer_name.clone(),
            friendly_name,
            item: peer_name,
        });
        match select(group, candidates) {
            Selected::One(name) => Ok(name.clone()),
            Selected::None => Err(Error::GroupNotFound { name: group.into() }),
            Selected::Several(candidates) => Err(Error::GroupAmbiguous {
                name: group.into(),
                candidates,
            }),
        }
    }

    /// Finds a membership as [`find`](Self::find) does, among those that are allowed: the others are as
    /// if they were not there.
    pub(crate) fn find_among(
        &self,
        group: &str,
        identity: Option<&str>,
        allowed: impl Fn(&str, &str) -> bool,
    ) -> Result<(String, String)> {
        let none = || Error::GroupNotFound { name: group.into() };
        let mut visible = Self::default();
        for (replica, membership) in &self.memberships {
            let name = membership.root()?.name().to_string();
            if allowed(&name, &membership.identity.to_string()) {
                let identity = self.identities.get_key_value(&membership.identity);
                let (key, value) = identity.ok_or_else(none)?;
                visible.identities.insert(key.clone(), value.clone());
                visible.memberships.insert(*replica, Arc::clone(membership));
            }
        }
        let found = visible.find(group, identity)?;
        let membership = visible.membership(&found).ok_or_else(none)?;
        Ok((
            membership.root()?.name().to_string(),
            membership.identity.to_string(),
        ))
    }

    /// The peer name of the identity that is meant, among those that are allowed.
    pub(crate) fn find_identity_among(
        &self,
        wanted: &str,
        allowed: impl Fn(&str) -> bool,
    ) -> Result<String> {
        let mut visible = self.clone();
        visible
            .identities
            .retain(|name, _| allowed(&name.to_string()));
        let found = visible.identity(Some(wanted))?;
        Ok(found.name().to_string())
    }

    /// How an identity looks from outside.
    pub(crate) fn info(&self, identity: &Identity) -> Result<IdentityInfo> {
        let (_, facts) =
            self.identities
                .get(identity.name())
                .ok_or_else(|| Error::IdentityNotFound {
                    name: identity.name().to_string(),
                })?;
        let mut info = IdentityInfo::new(
            identity.name().to_string(),
            identity.friendly_name().to_owned(),
            identity.key().to_string(),
            instant_text(facts.created),
        );
        info.default = self.default.as_ref() == Some(identity.name());
        info.groups = self.groups_of(identity.name());
        info.protected = facts.protected;
        Ok(info)
    }

    pub(super) fn groups_of(&self, name: &PeerName) -> usize {
        self.memberships
            .values()
            .filter(|membership| membership.identity == *name)
            .count()
            + self
                .waiting
                .values()
                .filter(|waiting| waiting.identity == *name)
                .count()
    }
}
