//! Taking a group to another machine of the same identity.

use std::sync::Arc;

use peerage_protocol::identity::Identity;
use peerage_records::{id::ReplicaId, time::Timestamp};
use zeroize::Zeroizing;

use super::GroupHandle;
use crate::{
    Error, Node, Result,
    command::Command,
    folder::Membership,
    handle::{
        Inner,
        inner::{blocking, undivided},
    },
    portable::config::GroupConfig,
};

impl GroupHandle {
    /// The group's configuration under a passphrase: what another machine that has the identity needs to
    /// open the group and connect. Where this node holds the group's key, the key is in it. Records are
    /// not.
    ///
    /// # Errors
    /// When the passphrase is empty or the handle is closed.
    pub async fn export_config(&self, passphrase: Zeroizing<String>) -> Result<Zeroizing<String>> {
        if passphrase.is_empty() {
            return Err(Error::invalid("passphrase", "must not be empty"));
        }
        let membership = self.membership()?;
        // Where members are now is of more use than where they were; it may be closed or lapsed.
        let bootstrap = match self.view().await {
            Ok(view) => self.bootstrap(&view).await?,
            Err(_) => membership.bootstrap.clone(),
        };
        let now = self.inner.clock.timestamp();
        blocking(move || GroupConfig::of(&membership, bootstrap)?.to_text(&passphrase, now)).await
    }
}

impl GroupHandle {
    /// Checks that the group is offline at this moment.
    pub(crate) async fn must_be_offline(&self) -> Result<()> {
        self.inner.must_be_offline(self.replica).await
    }

    /// Goes on with a group that was restored from a backup although no member has brought it up to date:
    /// for where nobody is left who could. What is changed now may be of another opinion than what those
    /// publish who turn up later.
    ///
    /// # Errors
    /// When the handle is closed.
    pub async fn settle_restored(&self) -> Result<()> {
        self.ready().await?;
        let replica = self.replica;
        self.inner
            .command(|done| Command::SettleRestored(replica, done))
            .await
    }
}

impl Node {
    /// Takes in a group's configuration that was exported on another machine. The identity it is of must
    /// be here. The group is offline until [`GroupHandle::connect`].
    ///
    /// With `overwrite` the membership that is here is replaced; its records stay, and so does the
    /// group's key where the file has none.
    ///
    /// # Errors
    /// [`Error::WrongPassphrase`], [`Error::InvalidExport`] for a damaged or altered file,
    /// [`Error::IdentityNotFound`] without the identity, [`Error::ConfigExists`] when the group is here
    /// already and is not to be overwritten, [`Error::GroupOnline`] while it is online, and when the
    /// membership does not hold now. Nothing has changed then.
    pub async fn import_group_config(
        &self,
        text: Zeroizing<String>,
        passphrase: Zeroizing<String>,
        overwrite: bool,
    ) -> Result<GroupHandle> {
        self.inner.held()?;
        let config = blocking(move || GroupConfig::from_text(&text, &passphrase)).await?;
        let inner = Arc::clone(&self.inner);
        undivided(async move { inner.take_config(config, overwrite).await }).await
    }
}

impl Inner {
    async fn take_config(
        self: &Arc<Self>,
        config: GroupConfig,
        overwrite: bool,
    ) -> Result<GroupHandle> {
        let now = self.clock.timestamp();
        let holder = Arc::clone(self.held()?.identity_named(&config.identity)?);
        let gmc = config.verify(&holder, now)?;
        let replica = ReplicaId::of(&holder.key(), &gmc.group());
        let turn = self.replicas.turn(replica).await;
        let known = self.known();
        if let Some(held) = known.membership(&replica)
            && !overwrite
        {
            return Err(Error::ConfigExists {
                group: held.root()?.name().to_string(),
                identity: held.identity.to_string(),
            });
        }
        self.must_be_offline(replica).await?;
        let kept = self
            .with_vault(move |vault| {
                let membership = imported(vault.known().membership(&replica), &holder, config, now);
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
        // An open group takes only a newer membership; this one was asked for.
        self.command(|done| Command::Close(replica, done)).await?;
        turn.set_open(false);
        self.open_replica(replica, &turn, &known, membership)
            .await?;
        self.handle_of(replica, membership)
    }

    /// Checks that the group is offline. It stays so for as long as the caller has its turn.
    ///
    /// # Errors
    /// [`Error::GroupOnline`].
    pub(crate) async fn must_be_offline(&self, replica: ReplicaId) -> Result<()> {
        let online = self
            .view(replica)
            .await?
            .is_some_and(|view| view.status != peerage_protocol::engine::Status::Offline);
        if !online {
            return Ok(());
        }
        let known = self.known();
        let group = known
            .membership(&replica)
            .map(|membership| membership.friendly_name.clone());
        Err(Error::GroupOnline {
            group: group.unwrap_or_default(),
        })
    }
}

fn imported(
    earlier: Option<&Arc<Membership>>,
    holder: &Identity,
    config: GroupConfig,
    now: Timestamp,
) -> Membership {
    Membership {
        identity: holder.name().clone(),
        chain: config.chain,
        secret: config.secret,
        cloud: config.cloud.to_string(),
        bootstrap: config.bootstrap,
        group_key: config
            .group_key
            .or_else(|| earlier.and_then(|earlier| earlier.group_key.clone())),
        friendly_name: config.friendly_name,
        comment: config.comment,
        // What another machine has is not what this one has.
        synchronised: earlier.is_some_and(|earlier| earlier.synchronised),
        connected: earlier.is_some_and(|earlier| earlier.connected),
        added: earlier.map_or(now, |earlier| earlier.added),
    }
}
