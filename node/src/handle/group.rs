//! [`GroupHandle`]: what an application does in a group.

mod config;
mod consumers;
mod database;
mod direct;
mod events;
mod invitations;
mod key;
mod members;
mod once;
mod standing;

use std::sync::Arc;

use libp2p::{Multiaddr, multiaddr::Protocol};
use peerage_protocol::{
    engine::{Change, ChangeError, ConnectFailure, check_addresses},
    gmc::VerifiedGmc,
    invitation::MAX_BOOTSTRAP_ADDRESSES,
};
use peerage_records::{
    codec::SignedRecord,
    id::{RecordId, ReplicaId},
    record::{RecordDraft, RecordUpdate},
    store::RecordQuery,
    time::Timestamp,
};

pub use self::{
    consumers::Consumer,
    invitations::{InviteOptions, ReissueOptions},
    standing::{CredentialOptions, RemoveOptions},
};

use super::{
    Inner, Life, applications::Held, inner::undivided, life::Turn, properties::attributes_key,
    remembered::note_key,
};
use crate::{
    Error, Result,
    command::{Command, View},
    event::consumers_key,
    folder::Membership,
    model::{GroupInfo, GroupStatus, NeighbourInfo, NodeInfo, RecordInfo, instant_text},
};

/// One identity's view of one group. Clones share it: closing one closes all of them, but not
/// handles that were opened separately.
#[derive(Debug, Clone)]
pub struct GroupHandle {
    pub(super) inner: Arc<Inner>,
    pub(super) replica: ReplicaId,
    pub(super) name: String,
    pub(super) life: Life,
    /// Through which application it was opened; the operator's otherwise.
    held: Option<Held>,
}

impl GroupHandle {
    pub(super) fn new(inner: Arc<Inner>, replica: ReplicaId, name: String, life: Life) -> Self {
        Self {
            inner,
            replica,
            name,
            life,
            held: None,
        }
    }

    /// The same, held by an application.
    pub(super) fn held_by(mut self, held: Held) -> Self {
        self.held = Some(held);
        self
    }

    /// The group's peer name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Goes online: announces this node to the members, looks for them and listens, alone if need
    /// be. Every handle on the group is online then. The node does so again after a restart, until
    /// [`close`](Self::close); for an [`Application`](crate::Application) as long as it is attached.
    ///
    /// # Errors
    /// [`Error::GroupInUse`] when another identity of this node is online in the same group,
    /// [`Error::MembershipRevoked`] when our membership was taken away, and when it is not valid now.
    pub async fn connect(&self) -> Result<()> {
        let handle = self.clone();
        undivided(async move {
            let turn = handle.turn().await?;
            handle.inner.ensure_open(handle.replica, &turn).await?;
            // Nobody lets in who was removed: it would look for members in vain.
            if let Some(view) = handle.inner.view(handle.replica).await? {
                view.check_member()?;
            }
            handle.inner.connect(handle.replica, &turn).await?;
            if handle.held.is_none() {
                handle
                    .amend(|membership| membership.connected = true)
                    .await?;
            }
            Ok(())
        })
        .await
    }

    /// Connects to a member at one of these addresses, tried in their order; no lookup is needed. The
    /// group goes online if it is not. An address may end with `/p2p/` and a peer id: then nobody else
    /// will do; without it, any member there will.
    ///
    /// Who is connected already is found at once. A member without room names others; one of those may
    /// take its place.
    ///
    /// # Errors
    /// [`Error::ConnectSelf`] when an address is our own, [`Error::ConnectionFailed`] when nobody there
    /// becomes a neighbour within
    /// [`ADDRESS_PATIENCE`](peerage_protocol::engine::ADDRESS_PATIENCE) (the group stays online then),
    /// and as [`connect`](Self::connect).
    pub async fn connect_at(&self, addresses: Vec<Multiaddr>) -> Result<NeighbourInfo> {
        self.check()?;
        let network = self.inner.network().await?;
        let own = [network.listeners, network.addresses].concat();
        check_addresses(&addresses, &self.inner.peer, &own)?;
        self.connect().await?;
        let asked = |reply| Command::ConnectAt(self.replica, addresses, reply);
        let peer = self.inner.command(asked).await?;
        let peer = peer.map_err(|reason| Error::ConnectionFailed {
            group: self.name.clone(),
            reason,
        })?;
        let neighbours = self.neighbours().await?;
        let found = neighbours
            .into_iter()
            .find(|neighbour| neighbour.peer_id == peer.to_string());
        // It was one, and is gone again.
        found.ok_or_else(|| Error::ConnectionFailed {
            group: self.name.clone(),
            reason: ConnectFailure::Unreachable,
        })
    }

    /// Ends this handle and its clones: they are of no use afterwards, and their events end. The group
    /// goes offline unless another application holds it open, or the operator has connected it.
    /// What was published stays and can be read by opening the group again.
    ///
    /// # Errors
    /// When the handle is closed already.
    pub async fn close(&self) -> Result<()> {
        let handle = self.clone();
        undivided(async move {
            let turn = handle.turn().await?;
            match &handle.held {
                Some(held) => held.forget(&turn),
                None => {
                    handle
                        .amend(|membership| membership.connected = false)
                        .await?;
                }
            }
            handle.inner.rest(handle.replica, &turn).await?;
            handle.life.closed.cancel();
            Ok(())
        })
        .await
    }

    /// Deletes the group here: records, membership, secrets. Every handle on it is of no use
    /// afterwards, and their events end; other members keep theirs.
    ///
    /// # Errors
    /// When it cannot be deleted; it may then be deleted again.
    pub async fn delete(&self) -> Result<()> {
        let handle = self.clone();
        undivided(async move {
            let turn = handle.turn().await?;
            let (inner, replica) = (&handle.inner, handle.replica);
            inner.command(|done| Command::Close(replica, done)).await?;
            turn.set_open(false);
            inner
                .with_vault(move |vault| vault.discard(&replica))
                .await?;
            turn.set_gone();
            let dropped = inner
                .storing
                .ask(move |store| {
                    store.delete_note(&note_key(&replica))?;
                    store.delete_note(&attributes_key(&replica))?;
                    store.delete_note(&consumers_key(&replica))?;
                    store.drop_replica(replica)
                })
                .await;
            inner.consumers.forget(&replica);
            inner.feeds.close(&replica);
            inner.replicas.end(replica, &turn);
            if let Err(error) = dropped {
                // Without a membership nobody reads them.
                tracing::warn!(%error, "a deleted group's records are removed at the next start");
            }
            Ok(())
        })
        .await
    }

    /// What the group is, and how it is doing. Works offline.
    ///
    /// # Errors
    /// When the handle is closed or the store fails.
    pub async fn info(&self) -> Result<GroupInfo> {
        let membership = self.membership()?;
        if let Err(error) = self.ready().await {
            // A group that does not open is still one to be told of.
            tracing::debug!(group = %self.name, %error, "not open");
        }
        let view = self.inner.view(self.replica).await?;
        let replica = self.replica;
        let records = match view {
            Some(_) => {
                self.inner
                    .storing
                    .ask(move |store| store.count(&replica))
                    .await?
            }
            None => 0,
        };
        let root = membership.root()?;
        Ok(GroupInfo {
            name: root.name().to_string(),
            id: root.id().to_string(),
            friendly_name: membership.friendly_name.clone(),
            comment: membership.comment.clone(),
            identity: membership.identity.to_string(),
            role: view
                .as_ref()
                .map(|view| roles(&view.gmc).join(", "))
                .unwrap_or_default(),
            status: view
                .as_ref()
                .map_or(GroupStatus::Offline, |view| view.status.into()),
            synchronised: membership.synchronised
                || view.as_ref().is_some_and(|view| view.synchronised),
            neighbours: view.as_ref().map_or(0, |view| view.neighbours.len()),
            members: view.as_ref().map_or(0, |view| view.members.len()),
            records,
            valid_until: view.as_ref().map(|view| instant_text(view.gmc.not_after())),
            cloud: membership.cloud.clone(),
            group_key: membership.group_key.is_some(),
            outcome: None,
            behind: view.as_ref().is_some_and(|view| view.behind),
            revoked: view.as_ref().is_some_and(|view| view.revoked),
        })
    }

    /// The members this node is connected to now.
    ///
    /// # Errors
    /// When the handle is closed.
    pub async fn neighbours(&self) -> Result<Vec<NeighbourInfo>> {
        let view = self.view().await?;
        Ok(view
            .neighbours
            .iter()
            .map(|(peer, neighbour)| NeighbourInfo {
                peer_id: peer.to_string(),
                member: neighbour.gmc.subject_name().to_string(),
                friendly_name: neighbour.gmc.friendly_name().to_owned(),
                since: instant_text(neighbour.since),
                address: neighbour.addresses.first().map(ToString::to_string),
            })
            .collect())
    }

    /// Publishes a record; durable here when this returns. Works offline: members get it later.
    ///
    /// # Errors
    /// When the draft breaks a rule, our membership does not allow it, or the store fails. Nothing
    /// has been published then.
    pub async fn publish(&self, draft: RecordDraft) -> Result<RecordInfo> {
        self.change(Change::Publish(draft), None).await
    }

    /// Publishes the next version of a record; durable here when this returns.
    ///
    /// # Errors
    /// As [`publish`](Self::publish), and when there is no such record or it is not ours to change.
    pub async fn update(&self, id: RecordId, change: RecordUpdate) -> Result<RecordInfo> {
        self.change(Change::Update(id, change), Some(id)).await
    }

    /// Deletes a record everywhere; durable here when this returns.
    ///
    /// # Errors
    /// As [`update`](Self::update).
    pub async fn delete_record(&self, id: RecordId) -> Result<()> {
        self.change(Change::Delete(id), Some(id)).await.map(drop)
    }

    /// One record.
    ///
    /// # Errors
    /// When there is none with this id, it was deleted, or it has expired.
    pub async fn get(&self, id: RecordId) -> Result<RecordInfo> {
        self.ready().await?;
        let (replica, now) = (self.replica, self.reading_time());
        let found = self
            .inner
            .storing
            .ask(move |store| store.get(&replica, &id))
            .await?;
        found
            .filter(|signed| !signed.record().deleted && signed.record().expires > now)
            .map(|signed| RecordInfo::from(signed.record()))
            .ok_or_else(|| Error::RecordNotFound { id: id.to_string() })
    }

    /// The records that match, in the order of their ids.
    ///
    /// # Errors
    /// When the handle is closed or the store fails.
    pub async fn list(&self, query: RecordQuery) -> Result<Vec<RecordInfo>> {
        self.ready().await?;
        let (replica, now) = (self.replica, self.reading_time());
        let found = self
            .inner
            .storing
            .ask(move |store| store.list(&replica, &query, now))
            .await?;
        Ok(found
            .iter()
            .map(|signed| RecordInfo::from(signed.record()))
            .collect())
    }

    /// Removes a record here only; it returns with the next reconciliation (GRA-086).
    ///
    /// # Errors
    /// When the handle is closed or the store fails.
    pub async fn forget_record(&self, id: RecordId) -> Result<()> {
        self.ready().await?;
        let replica = self.replica;
        self.inner
            .storing
            .ask(move |store| store.forget(&replica, &id))
            .await
    }

    /// A digest of the whole database, 64 hex digits: equal on members that hold the same.
    ///
    /// # Errors
    /// When the handle is closed or the store fails.
    pub async fn fingerprint(&self) -> Result<String> {
        self.ready().await?;
        let (replica, now) = (self.replica, self.inner.clock.timestamp());
        let digest = self
            .inner
            .storing
            .ask(move |store| store.fingerprint(&replica, now))
            .await?;
        Ok(data_encoding::HEXLOWER.encode(&digest))
    }

    pub(super) async fn change(&self, change: Change, id: Option<RecordId>) -> Result<RecordInfo> {
        self.ready().await?;
        let result = self
            .inner
            .command(|reply| Command::Change(self.replica, change, reply))
            .await?;
        result
            .map(|signed: SignedRecord| RecordInfo::from(signed.record()))
            .map_err(|error| self.explain(error, id))
    }

    pub(super) fn explain(&self, error: ChangeError, id: Option<RecordId>) -> Error {
        match error {
            ChangeError::NotOpen => Error::GroupGone {
                group: self.name.clone(),
            },
            ChangeError::NotReady => self.not_ready(),
            ChangeError::NotCreator | ChangeError::NotAuthorised => Error::NotAuthorised {
                reason: error.to_string(),
            },
            ChangeError::UnknownMember => Error::MemberNotFound {
                name: String::new(),
            },
            ChangeError::Credential(error) => error.into(),
            ChangeError::Creator
            | ChangeError::LastAdmin
            | ChangeError::Ourselves
            | ChangeError::TooManyKept { .. } => Error::NotRemovable(error),
            ChangeError::Properties(error) => error.into(),
            ChangeError::NotFound => Error::RecordNotFound {
                id: id.map(|id| id.to_string()).unwrap_or_default(),
            },
            ChangeError::Draft(error) => error.into(),
            ChangeError::Refused(rejection) => rejection.into(),
            ChangeError::Conflict => Error::Busy,
            ChangeError::Behind => Error::Behind {
                group: self.name.clone(),
            },
            ChangeError::Store(failure) => Error::StoreFailed {
                reason: failure.to_string(),
            },
            other => Error::Internal(other.to_string()),
        }
    }

    /// Where an invited member can start: here, and at our neighbours.
    pub(super) async fn bootstrap(&self, view: &View) -> Result<Vec<Multiaddr>> {
        let network = self.inner.network().await?;
        let own = network
            .addresses
            .into_iter()
            .map(|address| address.with(Protocol::P2p(self.inner.peer)));
        let others = view.neighbours.iter().flat_map(|(peer, neighbour)| {
            neighbour
                .addresses
                .first()
                .map(|address| address.clone().with(Protocol::P2p(*peer)))
        });
        Ok(own.chain(others).take(MAX_BOOTSTRAP_ADDRESSES).collect())
    }

    async fn amend(&self, change: impl FnOnce(&mut Membership) + Send + 'static) -> Result<()> {
        let replica = self.replica;
        self.inner
            .with_vault(move |vault| vault.amend(&replica, change))
            .await
    }

    pub(super) fn membership(&self) -> Result<Arc<Membership>> {
        self.check()?;
        let known = self.inner.known();
        let found = known.membership(&self.replica).cloned();
        found.ok_or_else(|| self.over())
    }

    pub(super) async fn view(&self) -> Result<View> {
        self.ready().await?;
        let view = self.inner.view(self.replica).await?;
        view.ok_or_else(|| self.over())
    }

    /// Sees to it that the group is open, so that what follows can be asked of it.
    pub(super) async fn ready(&self) -> Result<()> {
        self.check()?;
        if self.life.shared.is_open() {
            return Ok(());
        }
        let handle = self.clone();
        undivided(async move {
            let turn = handle.turn().await?;
            match handle.inner.ensure_open(handle.replica, &turn).await {
                Err(Error::GroupGone { .. }) => Err(handle.over()),
                opened => opened,
            }
        })
        .await
    }

    /// Waits until nobody else opens, connects, closes or deletes the group.
    pub(super) async fn turn(&self) -> Result<Turn> {
        self.check()?;
        let turn = self.life.shared.turn().await;
        self.check()?;
        turn.ok_or_else(|| self.over())
    }

    fn check(&self) -> Result<()> {
        if !self.life.is_over() {
            return Ok(());
        }
        if self.life.stopped.is_cancelled() {
            return Err(Error::ShuttingDown);
        }
        Err(self.over())
    }

    pub(super) fn inner(&self) -> &Arc<Inner> {
        &self.inner
    }

    pub(super) fn replica(&self) -> ReplicaId {
        self.replica
    }

    pub(super) fn not_ready(&self) -> Error {
        Error::GroupNotReady {
            group: self.name.clone(),
        }
    }

    /// As of when records are read.
    fn reading_time(&self) -> Timestamp {
        let now = self.inner.clock.timestamp();
        self.inner.deferring.reading_time(&self.replica, now)
    }

    pub(crate) fn over(&self) -> Error {
        Error::GroupGone {
            group: self.name.clone(),
        }
    }
}

/// A member's nodes among those present.
fn nodes_of(present: &[NodeInfo], member: &str) -> Vec<NodeInfo> {
    present
        .iter()
        .filter(|node| node.member == member)
        .cloned()
        .collect()
}

fn roles(gmc: &VerifiedGmc) -> Vec<String> {
    gmc.roles().iter().map(|role| role.to_string()).collect()
}
