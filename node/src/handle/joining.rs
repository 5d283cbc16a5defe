//! How an identity becomes a member here: by making a group, or by invitation.

use std::sync::Arc;

use peerage_protocol::{
    cloud::Cloud,
    gmc,
    group::GroupKey,
    identity::Identity,
    invitation::{Accepted, Invitation, InvitationInfo},
    secret::DiscoverySecret,
};
use peerage_records::{id::ReplicaId, time::Timestamp};

use super::{
    GroupHandle, Inner, Node,
    inner::{blocking, undivided},
};
use crate::{Error, Result, folder::Membership, model::NewGroup, vault::Known};

/// How an invitation is to be accepted.
#[derive(Debug, Clone, Default)]
pub struct JoinOptions {
    /// The invited identity. Default: the one of ours that was invited, else the default identity.
    pub identity: Option<String>,
    /// Where to look for the group, whatever the invitation says.
    pub cloud: Option<String>,
}

impl Node {
    /// Creates a group whose creator and first Admin is the given or the default identity. It is
    /// offline until [`GroupHandle::connect`]. It is created whole or not at all, also when the
    /// future is dropped.
    ///
    /// # Errors
    /// When a name breaks the rules, there is no such identity, or it cannot be kept.
    pub async fn create_group(&self, new: NewGroup) -> Result<GroupHandle> {
        let inner = Arc::clone(&self.inner);
        undivided(async move {
            let now = inner.clock.timestamp();
            let known = inner.held()?;
            let door = new.door.clone();
            if let Some(door) = door.clone() {
                // Before anything is made: a group whose door failed would be there all the same.
                let names = new.friendly_name.clone().unwrap_or_default();
                blocking(move || super::door::check(&door, &[names.as_str()])).await?;
            }
            let (replica, membership) = blocking(move || created(&known, new, now)).await?;
            let turn = inner.replicas.turn(replica).await;
            let kept = membership.clone();
            inner
                .with_vault(move |vault| vault.keep(replica, kept))
                .await?;
            let opened = inner
                .open_replica(replica, &turn, &inner.known(), &membership)
                .await;
            if let Err(error) = opened {
                // Whoever tries again would have two of them.
                inner
                    .with_vault(move |vault| vault.discard(&replica))
                    .await?;
                inner.replicas.end(replica, &turn);
                return Err(error);
            }
            let handle = inner.handle_of(replica, &membership)?;
            drop(turn);
            if let Some(door) = door {
                handle.open_door(door).await?;
            }
            Ok(handle)
        })
        .await
    }

    /// Joins a group by invitation, as the invited identity: the one named, else the one of ours
    /// that was invited. See [`Node::join_with`].
    ///
    /// # Errors
    /// As [`Node::join_with`].
    pub async fn join(
        &self,
        invitation: Invitation,
        identity: Option<&str>,
    ) -> Result<GroupHandle> {
        let options = JoinOptions {
            identity: identity.map(ToOwned::to_owned),
            cloud: None,
        };
        self.join_with(invitation, options).await
    }

    /// Joins a group by invitation. Needs no network; the group is offline until [`GroupHandle::connect`].
    ///
    /// Joining again with the same invitation finishes what an earlier attempt left unfinished.
    ///
    /// # Errors
    /// When the invitation is for somebody else, has expired or is not valid yet, or the identity
    /// (or another one around the same key) is a member already with a membership at least as new, or
    /// this node is not in the cloud the group is looked up in.
    pub async fn join_with(
        &self,
        invitation: Invitation,
        options: JoinOptions,
    ) -> Result<GroupHandle> {
        let inner = Arc::clone(&self.inner);
        let JoinOptions {
            identity: named,
            cloud,
        } = options;
        undivided(async move {
            let now = inner.clock.timestamp();
            let known = inner.held()?;
            let (identity, accepted) = blocking(move || {
                let identity = invited(&known, &invitation.inspect(), named.as_deref())?;
                let mut accepted = invitation.accept(&identity, now)?;
                let wanted = cloud.as_deref().unwrap_or(accepted.cloud.name());
                accepted.cloud = chosen_cloud(wanted)?;
                Ok((identity, accepted))
            })
            .await?;
            inner.admit(&identity, accepted, now).await
        })
        .await
    }
}

impl Inner {
    pub(super) async fn admit(
        self: &Arc<Self>,
        identity: &Arc<Identity>,
        accepted: Accepted,
        now: Timestamp,
    ) -> Result<GroupHandle> {
        let replica = ReplicaId::of(&identity.key(), &accepted.gmc.group());
        let turn = self.replicas.turn(replica).await;
        let open = turn.is_open();
        let holder = Arc::clone(identity);
        let kept = self
            .with_vault(move |vault| {
                let known = vault.known();
                let earlier = known.membership(&replica);
                match earlier {
                    // Kept and never opened: all that is left to do is to open it.
                    Some(earlier)
                        if !open
                            && earlier.identity == *holder.name()
                            && earlier.chain == *accepted.gmc.chain() =>
                    {
                        Ok(())
                    }
                    _ => {
                        let earlier = earlier.map(|earlier| &**earlier);
                        vault.keep(replica, joined(earlier, &holder, accepted, now)?)
                    }
                }
            })
            .await;
        let known = self.known();
        let Some(membership) = known.membership(&replica) else {
            self.replicas.end(replica, &turn);
            kept?;
            return Err(Error::Internal("a membership was not kept".into()));
        };
        kept?;
        self.open_replica(replica, &turn, &known, membership)
            .await?;
        if open && membership.connected {
            // It may be alone because the others are elsewhere now, and here it is said where.
            self.connect(replica, &turn).await?;
        }
        self.handle_of(replica, membership)
    }
}

/// The clouds a node is in.
fn clouds() -> [Cloud; 1] {
    [Cloud::global()]
}

fn chosen_cloud(wanted: &str) -> Result<Cloud> {
    match Cloud::choose(wanted, &clouds()) {
        Ok(cloud) => Ok(cloud.clone()),
        Err(source) => Err(Error::Cloud {
            name: wanted.to_owned(),
            source,
        }),
    }
}

/// A new group and its creator's membership.
fn created(known: &Known, new: NewGroup, now: Timestamp) -> Result<(ReplicaId, Membership)> {
    let identity = known.identity(new.identity.as_deref())?;
    let cloud = match &new.cloud {
        Some(wanted) => chosen_cloud(wanted)?,
        None => Cloud::global(),
    };
    let mut rng = rand::rng();
    let key = GroupKey::create(
        new.classifier.as_deref().unwrap_or_default(),
        new.friendly_name.as_deref(),
        now,
        &mut rng,
    )?;
    let comment = new.comment.unwrap_or_default();
    peerage_protocol::name::check_friendly_name(&comment)
        .map_err(|error| Error::invalid("comment", error))?;
    let chain = key.issue_first(&identity.card(), now, &mut rng)?;
    let root = key.root().clone();
    let membership = Membership {
        identity: identity.name().clone(),
        chain,
        secret: DiscoverySecret::generate(&mut rng),
        cloud: cloud.to_string(),
        bootstrap: Vec::new(),
        group_key: Some(key),
        friendly_name: root.friendly_name().to_owned(),
        comment,
        // What is new has nothing to be brought up to date with.
        synchronised: true,
        connected: false,
        added: now,
    };
    Ok((ReplicaId::of(&identity.key(), &root.id()), membership))
}

/// The identity that joins. Several may have the invited key; the invitation names one of them.
fn invited(
    known: &Known,
    invitation: &InvitationInfo,
    named: Option<&str>,
) -> Result<Arc<Identity>> {
    if named.is_some() {
        return known.identity(named).cloned();
    }
    let with_key = || {
        known
            .identities()
            .filter(|identity| identity.key() == invitation.subject)
    };
    let found = with_key()
        .find(|identity| *identity.name() == invitation.subject_name)
        .or_else(|| with_key().next());
    match found {
        Some(identity) => Ok(Arc::clone(identity)),
        None => known.identity(None).cloned(),
    }
}

/// The membership an accepted invitation makes; what an earlier one knew is kept.
fn joined(
    earlier: Option<&Membership>,
    identity: &Identity,
    accepted: Accepted,
    now: Timestamp,
) -> Result<Membership> {
    if let Some(earlier) = earlier {
        let held = gmc::verify(&earlier.chain, &accepted.gmc.group(), now);
        if held.is_ok_and(|held| held.issued_at() >= accepted.gmc.issued_at()) {
            return Err(Error::AlreadyMember {
                identity: earlier.identity.to_string(),
                group: accepted.gmc.root().name().to_string(),
            });
        }
    }
    Ok(Membership {
        identity: identity.name().clone(),
        chain: accepted.gmc.chain().clone(),
        secret: accepted.secret,
        cloud: accepted.cloud.to_string(),
        bootstrap: accepted.bootstrap,
        group_key: earlier.and_then(|earlier| earlier.group_key.clone()),
        friendly_name: accepted.gmc.root().friendly_name().to_owned(),
        comment: earlier
            .map(|earlier| earlier.comment.clone())
            .unwrap_or_default(),
        synchronised: earlier.is_some_and(|earlier| earlier.synchronised),
        connected: earlier.is_some_and(|earlier| earlier.connected),
        added: earlier.map_or(now, |earlier| earlier.added),
    })
}
