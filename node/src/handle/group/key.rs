//! The group's own key: taking it to another disk, and issuing with it where no member can.

use std::sync::Arc;

use peerage_protocol::{
    gmc::{self, Chain, IssueOptions},
    group::{GroupKey, GroupRecovery, Role},
    identity::Identity,
};
use peerage_records::{id::ReplicaId, time::Timestamp};
use zeroize::Zeroizing;

use super::GroupHandle;
use crate::{
    Error, Node, Result,
    folder::Membership,
    handle::{
        Inner,
        inner::{blocking, undivided},
    },
    vault::Known,
};

impl GroupHandle {
    /// The group's recovery file: its key under a passphrase, and how to find the group. Whoever has
    /// both can do in the group what its creator can, on any machine.
    ///
    /// # Errors
    /// [`Error::GroupKeyMissing`] when the key is not here, and when the passphrase is empty.
    pub async fn export_group_key(
        &self,
        passphrase: Zeroizing<String>,
    ) -> Result<Zeroizing<String>> {
        if passphrase.is_empty() {
            return Err(Error::invalid("passphrase", "must not be empty"));
        }
        let membership = self.membership()?;
        let key = self.group_key(&membership)?;
        let view = self.view().await?;
        let bootstrap = self.bootstrap(&view).await?;
        blocking(move || {
            let recovery = GroupRecovery {
                key,
                secret: membership.secret.clone(),
                cloud: membership
                    .cloud
                    .parse()
                    .map_err(|error| Error::invalid("cloud", error))?,
                bootstrap,
            };
            Ok(recovery.to_pem(&passphrase, &mut rand::rng())?)
        })
        .await
    }

    /// Makes one of our identities an Admin directly under the group root, whatever it was before: the
    /// one named, else the one of this handle. Other members learn of it when they are next
    /// connected. To make somebody else an Admin, see
    /// [`InviteOptions::by_group_key`](crate::InviteOptions::by_group_key).
    ///
    /// # Errors
    /// [`Error::GroupKeyMissing`] when the key is not here, and when there is no such identity.
    pub async fn issue_admin(&self, identity: Option<&str>) -> Result<Self> {
        let membership = self.membership()?;
        let key = self.group_key(&membership)?;
        let known = self.inner.held()?;
        let holder = match identity {
            Some(name) => Arc::clone(known.identity(Some(name))?),
            None => Arc::clone(known.holder(&membership)?),
        };
        let view = self.view().await?;
        let now = self.inner.clock.timestamp();
        let current = view
            .members
            .iter()
            .find(|member| member.subject() == holder.key())
            .cloned();
        let options = IssueOptions::new(Role::Admin);
        let chain = key.issue(
            &holder.card(),
            current.as_ref(),
            &options,
            now,
            &mut rand::rng(),
        )?;
        let inner = Arc::clone(&self.inner);
        let template = (*membership).clone();
        undivided(async move {
            inner
                .take_membership(&holder, template, key, Some(chain), now)
                .await
        })
        .await
    }

    fn group_key(&self, membership: &Membership) -> Result<GroupKey> {
        membership
            .group_key
            .clone()
            .ok_or_else(|| Error::GroupKeyMissing {
                group: self.name.clone(),
            })
    }
}

impl Node {
    /// Takes in the recovery file of a group, for the identity named, else for ours that is in the
    /// group, else for the default one. A member keeps its membership and gains the right to change
    /// the group and to issue directly under its root; who is none becomes an Admin.
    ///
    /// # Errors
    /// When the passphrase is wrong, or the file is damaged, altered or of another kind.
    pub async fn import_group_key(
        &self,
        pem: Zeroizing<String>,
        passphrase: Zeroizing<String>,
        identity: Option<&str>,
    ) -> Result<GroupHandle> {
        let recovered = blocking(move || Ok(GroupRecovery::from_pem(&pem, &passphrase)?)).await?;
        let inner = Arc::clone(&self.inner);
        let named = identity.map(ToOwned::to_owned);
        undivided(async move {
            let now = inner.clock.timestamp();
            let known = inner.held()?;
            let holder = recovering(&known, &recovered.key, named.as_deref())?;
            let root = recovered.key.root();
            let membership = Membership {
                identity: holder.name().clone(),
                chain: recovered.key.issue(
                    &holder.card(),
                    None,
                    &IssueOptions::new(Role::Admin),
                    now,
                    &mut rand::rng(),
                )?,
                secret: recovered.secret,
                cloud: recovered.cloud.to_string(),
                bootstrap: recovered.bootstrap,
                group_key: None,
                friendly_name: root.friendly_name().to_owned(),
                comment: String::new(),
                // It has yet to meet a member, unless it is one already.
                synchronised: false,
                connected: false,
                added: now,
            };
            inner
                .take_membership(&holder, membership, recovered.key, None, now)
                .await
        })
        .await
    }
}

impl Inner {
    /// Keeps the group's key with the holder's membership, and its new chain where one is given.
    /// Who is no member here yet becomes one as in the template.
    async fn take_membership(
        self: &Arc<Self>,
        holder: &Arc<Identity>,
        template: Membership,
        key: GroupKey,
        chain: Option<Chain>,
        now: Timestamp,
    ) -> Result<GroupHandle> {
        let group = key.root().id();
        let replica = ReplicaId::of(&holder.key(), &group);
        let turn = self.replicas.turn(replica).await;
        let name = holder.name().clone();
        let kept = self
            .with_vault(move |vault| {
                let membership = match vault.known().membership(&replica) {
                    Some(held) => {
                        // A membership that has ended is no reason not to recover the group.
                        let lasting = gmc::verify(&held.chain, &group, now).is_ok();
                        let earlier = if lasting {
                            &held.chain
                        } else {
                            &template.chain
                        };
                        Membership {
                            chain: chain.unwrap_or_else(|| earlier.clone()),
                            group_key: Some(key),
                            ..(**held).clone()
                        }
                    }
                    None => Membership {
                        identity: name,
                        chain: chain.unwrap_or_else(|| template.chain.clone()),
                        group_key: Some(key),
                        // What another identity of ours has is not this one's.
                        synchronised: false,
                        connected: false,
                        added: now,
                        ..template
                    },
                };
                gmc::verify(&membership.chain, &group, now)?;
                vault.keep(replica, membership)
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
        self.handle_of(replica, membership)
    }
}

/// Which of our identities a recovered key is for.
fn recovering(known: &Known, key: &GroupKey, named: Option<&str>) -> Result<Arc<Identity>> {
    if named.is_none() {
        let group = key.root().id();
        for (_, membership) in known.memberships() {
            if membership.root()?.id() == group {
                return known.holder(membership).cloned();
            }
        }
    }
    known.identity(named).cloned()
}
