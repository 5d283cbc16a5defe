//! What every handle shares, and the ways it asks the run loop, the store and the vault.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError, atomic::AtomicU64},
    time::Instant,
};

use libp2p::PeerId;
use peerage_protocol::{engine::OpenGroup, gmc, properties::Properties};
use peerage_records::{
    codec::SignedRecord,
    id::ReplicaId,
    store::{Partition, RecordQuery},
    time::Timestamp,
};
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use super::{
    GroupHandle, Visits,
    life::{Life, Replicas, Turn},
    properties::attributes_key,
    remembered::note_key,
    transfers::Transfers,
};
use crate::{
    Error, Result, Settings,
    applications::Registry,
    clock::Clock,
    command::{Command, NetworkView, View},
    deferring::Deferring,
    direct::Directs,
    duplicated::Duplicated,
    event::{Consumers, Feeds, Origin, consumers_key},
    folder::{DataFolder, Membership},
    metrics::Metrics,
    place,
    storing::Storing,
    vault::{Known, Shelf, Vault},
};

/// Records about the group itself that are read at once when it is opened.
const MEMBERS_PAGE: usize = 512;

/// What every handle shares.
pub(crate) struct Inner {
    pub(crate) settings: Settings,
    pub(crate) clock: Clock,
    pub(crate) peer: PeerId,
    pub(crate) started: Instant,
    pub(crate) started_at: Timestamp,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) storing: Storing,
    pub(crate) commands: mpsc::Sender<Command>,
    pub(crate) feeds: Feeds,
    pub(crate) consumers: Consumers,
    /// Snapshots that may still be begun.
    pub(crate) snapshots: Arc<Semaphore>,
    pub(crate) folder: Arc<DataFolder>,
    pub(crate) shelf: Shelf,
    /// Held while the disk is written; only on threads that may wait.
    pub(crate) vault: Mutex<Vault>,
    pub(crate) replicas: Replicas,
    pub(crate) applications: Registry,
    /// Numbers the holds of applications.
    pub(crate) holds: AtomicU64,
    /// Where what an application held is let go of when it is dropped, wherever that is.
    pub(crate) runtime: tokio::runtime::Handle,
    pub(crate) deferring: Deferring,
    pub(crate) duplicated: Duplicated,
    pub(crate) transfers: Transfers,
    pub(crate) visits: Visits,
    pub(crate) directs: Arc<Directs>,
    /// The run loop or the store has ended.
    pub(crate) stopped: CancellationToken,
}

impl fmt::Debug for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inner").finish_non_exhaustive()
    }
}

/// Runs something that keeps a processor busy or waits for the disk. It goes on when the caller loses
/// interest, and holds the [place] of its request until it has ended.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    let place = place::taken();
    let work = move || {
        let _place = place;
        work()
    };
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| Error::Internal(error.to_string()))?
}

/// Runs steps that belong together to their end, even when the caller loses interest between them.
pub(crate) async fn undivided<T: Send + 'static>(
    steps: impl Future<Output = Result<T>> + Send + 'static,
) -> Result<T> {
    place::spawn(steps)
        .await
        .map_err(|error| Error::Internal(error.to_string()))?
}

impl Inner {
    /// What is kept, at this moment.
    pub(crate) fn known(&self) -> Arc<Known> {
        self.shelf.known()
    }

    /// What is kept, while it is ours.
    pub(crate) fn held(&self) -> Result<Arc<Known>> {
        self.folder.check_held()?;
        Ok(self.known())
    }

    /// Changes what is kept.
    pub(crate) async fn with_vault<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&mut Vault) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let inner = Arc::clone(self);
        blocking(move || {
            let mut vault = inner.vault.lock().unwrap_or_else(PoisonError::into_inner);
            vault.folder().check_held()?;
            work(&mut vault)
        })
        .await
    }

    pub(crate) async fn command<T>(
        &self,
        command: impl FnOnce(oneshot::Sender<T>) -> Command,
    ) -> Result<T> {
        let (reply, answer) = oneshot::channel();
        self.commands
            .send(command(reply))
            .await
            .map_err(|_| Error::ShuttingDown)?;
        answer.await.map_err(|_| Error::ShuttingDown)
    }

    pub(crate) async fn network(&self) -> Result<NetworkView> {
        self.command(Command::Network).await
    }

    pub(crate) async fn view(&self, replica: ReplicaId) -> Result<Option<View>> {
        self.command(|reply| Command::View(replica, reply)).await
    }

    pub(crate) fn handle_of(
        self: &Arc<Self>,
        replica: ReplicaId,
        membership: &Membership,
    ) -> Result<GroupHandle> {
        let life = Life {
            shared: self.replicas.shared(replica),
            closed: CancellationToken::new(),
            stopped: self.stopped.clone(),
        };
        let name = membership.root()?.name().to_string();
        Ok(GroupHandle::new(Arc::clone(self), replica, name, life))
    }

    /// Opens a replica in the engine unless it is open: what kept it from opening earlier, such as
    /// a wrong clock, may have passed.
    ///
    /// # Errors
    /// What keeps it from opening now.
    pub(crate) async fn ensure_open(&self, replica: ReplicaId, turn: &Turn) -> Result<()> {
        if turn.is_open() {
            return Ok(());
        }
        let known = self.known();
        let Some(membership) = known.membership(&replica) else {
            return Err(Error::GroupGone {
                group: String::new(),
            });
        };
        self.open_replica(replica, turn, &known, membership).await
    }

    /// Opens a replica in the engine, or gives the engine its newer membership.
    pub(crate) async fn open_replica(
        &self,
        replica: ReplicaId,
        turn: &Turn,
        known: &Known,
        membership: &Membership,
    ) -> Result<()> {
        let now = self.clock.timestamp();
        let root = membership.root()?;
        let gmc = gmc::verify(&membership.chain, &root.id(), now)?;
        let members = self.records_of_the_group(replica, now).await?;
        let origin = self
            .storing
            .ask(move |store| {
                let newest = store.changes(&replica, u64::MAX, 1)?.newest;
                let last = store.changes(&replica, newest.saturating_sub(1), 1)?;
                let at = last.changes.last().map(|change| change.at);
                Ok(Origin {
                    newest,
                    at: at.unwrap_or(now),
                })
            })
            .await?;
        let attributes = self.attributes(replica).await?;
        let (folder, member, group) = (
            Arc::clone(&self.folder),
            membership.identity.clone(),
            root.name().clone(),
        );
        let (requests, restored) = blocking(move || {
            let requests = folder.load_requests(&member, &group)?;
            Ok((requests, folder.restored(&member, &group)?))
        })
        .await?;
        let cloud = membership
            .cloud
            .parse()
            .map_err(|error| Error::invalid("cloud", error))?;
        let open = OpenGroup {
            identity: Arc::clone(known.holder(membership)?),
            gmc,
            secret: membership.secret.clone(),
            cloud,
            synchronised: membership.synchronised,
            members,
            group_key: membership.group_key.clone(),
            founding: Properties {
                friendly_name: membership.friendly_name.clone(),
                comment: membership.comment.clone(),
                ..Properties::default()
            },
            attributes,
            restored,
        };
        self.command(|done| Command::Open(Box::new(open), origin, done))
            .await?;
        self.command(|done| Command::RestoreDoor(replica, requests, done))
            .await?;
        turn.set_open(true);
        Ok(())
    }

    /// The records about the group itself that a replica holds; opens it in the store.
    pub(crate) async fn records_of_the_group(
        &self,
        replica: ReplicaId,
        now: Timestamp,
    ) -> Result<Vec<SignedRecord>> {
        self.storing
            .ask(move |store| {
                store.open_replica(replica)?;
                let mut members = Vec::new();
                let mut query = RecordQuery {
                    kind: None,
                    partition: Partition::Membership,
                    after: None,
                    limit: MEMBERS_PAGE,
                };
                loop {
                    let page = store.list(&replica, &query, now)?;
                    let Some(last) = page.last() else {
                        return Ok(members);
                    };
                    query.after = Some(last.record().id);
                    members.extend(page);
                }
            })
            .await
    }

    /// Goes online, starting from the invitation's addresses, the settings' and last time's
    /// neighbours.
    pub(crate) async fn connect(&self, replica: ReplicaId, turn: &Turn) -> Result<()> {
        self.ensure_open(replica, turn).await?;
        let peers = self.acquaintances(replica).await?;
        let online = self
            .command(|done| Command::Connect(replica, peers, done))
            .await?;
        if online {
            return Ok(());
        }
        let known = self.known();
        let name = known
            .membership(&replica)
            .map(|membership| membership.friendly_name.clone());
        Err(Error::GroupInUse {
            group: name.unwrap_or_default(),
        })
    }

    /// Goes offline with a group that nobody wants online any more: the operator has not connected it,
    /// and no application holds it open.
    pub(crate) async fn rest(&self, replica: ReplicaId, turn: &Turn) -> Result<()> {
        let known = self.known();
        let connected = known
            .membership(&replica)
            .is_some_and(|membership| membership.connected);
        if connected || turn.is_held() {
            return Ok(());
        }
        self.command(|done| Command::Disconnect(replica, done))
            .await
    }

    /// Opens what was kept, and goes online with what was online. One group that does not open
    /// or connect must not keep the others offline.
    pub(crate) async fn resume(self: &Arc<Self>) {
        if let Err(error) = self.drop_orphans().await {
            tracing::warn!(%error, "records of deleted groups were not removed");
        }
        let known = self.known();
        for (replica, membership) in known.memberships() {
            let turn = self.replicas.turn(*replica).await;
            let resumed = if membership.connected {
                self.connect(*replica, &turn).await
            } else {
                self.ensure_open(*replica, &turn).await
            };
            if let Err(error) = resumed {
                let identity = &membership.identity;
                let group = &membership.friendly_name;
                tracing::warn!(%group, %identity, %error, "group not resumed");
            }
        }
        self.resume_visits().await;
    }

    /// Removes replicas nobody is a member of: of groups that were being deleted when the node
    /// ended. Nothing is removed while a membership cannot be read, which may be theirs.
    async fn drop_orphans(&self) -> Result<()> {
        let known = self.known();
        let folder = Arc::clone(&self.folder);
        let kept = blocking(move || folder.count_memberships()).await?;
        if kept != known.memberships().count() {
            return Ok(());
        }
        self.storing
            .ask(move |store| {
                for replica in store.replicas()? {
                    if known.membership(&replica).is_none() {
                        store.delete_note(&note_key(&replica))?;
                        store.delete_note(&attributes_key(&replica))?;
                        store.delete_note(&consumers_key(&replica))?;
                        store.drop_replica(replica)?;
                    }
                }
                Ok(())
            })
            .await
    }
}
