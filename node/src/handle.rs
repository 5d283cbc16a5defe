//! What an application holds: the node and its groups, as cheap clones.

mod group;
mod identity;

use std::{
    collections::HashMap,
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Instant,
};

use libp2p::{Multiaddr, PeerId, multiaddr::Protocol};
use peerage_protocol::{
    cloud::Cloud,
    engine::OpenGroup,
    gmc,
    group::GroupKey,
    identity::Identity,
    invitation::{Accepted, Invitation},
    secret::DiscoverySecret,
};
use peerage_records::{
    id::{RecordType, ReplicaId},
    store::{Partition, RecordQuery},
};
use serde::{Deserialize, Serialize};
use tokio::{
    sync::{mpsc, oneshot},
    task::JoinHandle,
};

pub use self::group::{GroupHandle, InviteOptions};
use crate::{
    Error, Result, Settings,
    builder::Builder,
    clock::Clock,
    command::{Command, NetworkView, View},
    event,
    folder::Membership,
    metrics::Metrics,
    model::{GroupInfo, NewGroup, NodeStatus},
    run::Notice,
    storing::Storing,
    vault::Vault,
};

/// Members read into a roster at once when a group is opened.
const MEMBERS_PAGE: usize = 512;
/// Neighbours remembered per group.
const MAX_REMEMBERED: usize = 32;

/// A running node. Clones are cheap and share it; it runs until [`Node::shutdown`], or until the
/// last clone and the last [`GroupHandle`] are dropped.
#[derive(Clone)]
pub struct Node {
    inner: Arc<Inner>,
    running: Arc<Mutex<Option<Running>>>,
}

/// What every handle shares.
pub(crate) struct Inner {
    pub(crate) settings: Settings,
    pub(crate) clock: Clock,
    pub(crate) peer: PeerId,
    pub(crate) started: Instant,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) storing: Storing,
    pub(crate) commands: mpsc::Sender<Command>,
    pub(crate) events: event::Sender,
    pub(crate) vault: Mutex<Vault>,
    /// Tells all handles of a replica when it is deleted.
    pub(crate) handles: Mutex<HashMap<ReplicaId, Arc<AtomicBool>>>,
}

#[derive(Debug)]
struct Running {
    run: JoinHandle<()>,
    store: thread::JoinHandle<()>,
}

impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Node")
            .field("peer", &self.inner.peer)
            .finish_non_exhaustive()
    }
}

impl Node {
    /// Prepares a node with these settings; [`Builder::start`] starts it.
    #[must_use]
    pub fn builder(settings: Settings) -> Builder {
        Builder::new(settings)
    }

    pub(crate) fn new(
        inner: Arc<Inner>,
        run: JoinHandle<()>,
        store: thread::JoinHandle<()>,
    ) -> Self {
        Self {
            inner,
            running: Arc::new(Mutex::new(Some(Running { run, store }))),
        }
    }

    /// What the node is doing. Dropping the future changes nothing.
    ///
    /// # Errors
    /// When the node has shut down or its store fails.
    pub async fn status(&self) -> Result<NodeStatus> {
        let network = self.inner.network().await?;
        let groups = self.groups().await?;
        let vault = self.inner.vault();
        Ok(NodeStatus {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            peer_id: self.inner.peer.to_string(),
            listen: network.listeners.iter().map(ToString::to_string).collect(),
            uptime_seconds: self.inner.started.elapsed().as_secs(),
            identities: vault.identities().count(),
            groups,
            data_dir: vault.folder().path().display().to_string(),
        })
    }

    /// The node's counters in Prometheus' text format.
    #[must_use]
    pub fn metrics(&self) -> String {
        self.inner.metrics.text()
    }

    /// The node's counters themselves, for a layer above that counts too.
    #[must_use]
    pub fn counters(&self) -> Arc<Metrics> {
        Arc::clone(&self.inner.metrics)
    }

    /// The settings the node runs with.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.inner.settings
    }

    /// Creates a group whose creator and first Admin is the given or the default identity. It is
    /// offline until [`GroupHandle::connect`].
    ///
    /// # Errors
    /// When a name breaks the rules, there is no such identity, or it cannot be kept.
    pub async fn create_group(&self, new: NewGroup) -> Result<GroupHandle> {
        let now = self.inner.clock.timestamp();
        let (replica, membership, identity) = self
            .inner
            .with_vault(move |vault| {
                let identity = vault.identity(new.identity.as_deref())?;
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
                    cloud: Cloud::global().to_string(),
                    bootstrap: Vec::new(),
                    group_key: Some(key),
                    friendly_name: root.friendly_name().to_owned(),
                    comment,
                    // What is new has nothing to be brought up to date with.
                    synchronised: true,
                    connected: false,
                    added: now,
                };
                let replica = ReplicaId::of(&identity.key(), &root.id());
                vault.keep(replica, membership.clone())?;
                Ok((replica, membership, identity))
            })
            .await?;
        self.open_replica(replica, &membership, identity).await?;
        self.handle_of(replica, &membership)
    }

    /// Joins a group by invitation, as the invited identity: the one named, else the one of ours
    /// that was invited. Needs no network; the group is offline until [`GroupHandle::connect`].
    ///
    /// # Errors
    /// When the invitation is for somebody else, has expired or is not valid yet, or the identity
    /// is a member already with a membership at least as new.
    pub async fn join(
        &self,
        invitation: Invitation,
        identity: Option<&str>,
    ) -> Result<GroupHandle> {
        let now = self.inner.clock.timestamp();
        let named = identity.map(ToOwned::to_owned);
        let (replica, membership, identity) = self
            .inner
            .with_vault(move |vault| {
                let subject = invitation.inspect().subject;
                let identity = match &named {
                    Some(name) => vault.identity(Some(name))?,
                    None => match vault.identities().find(|i| i.key() == subject) {
                        Some(invited) => Arc::clone(invited),
                        None => vault.identity(None)?,
                    },
                };
                let accepted = invitation.accept(&identity, now)?;
                let replica = ReplicaId::of(&identity.key(), &accepted.gmc.group());
                let membership = joined(vault, &replica, &identity, accepted, now)?;
                vault.keep(replica, membership.clone())?;
                Ok((replica, membership, identity))
            })
            .await?;
        self.open_replica(replica, &membership, identity).await?;
        self.handle_of(replica, &membership)
    }

    /// The groups of all identities.
    ///
    /// # Errors
    /// When the node has shut down or its store fails.
    pub async fn groups(&self) -> Result<Vec<GroupInfo>> {
        let known: Vec<(ReplicaId, Membership)> = self
            .inner
            .vault()
            .memberships()
            .map(|(replica, membership)| (*replica, membership.clone()))
            .collect();
        let mut groups = Vec::with_capacity(known.len());
        for (replica, membership) in known {
            match self.handle_of(replica, &membership)?.info().await {
                Ok(info) => groups.push(info),
                // Deleted since we looked.
                Err(Error::GroupGone { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(groups)
    }

    /// A handle on a group that an identity has created or joined; `group` is its peer name, a
    /// unique beginning of it (at least 4 characters), or its friendly name.
    ///
    /// # Errors
    /// When there is none, or several.
    pub async fn open_group(&self, group: &str, identity: Option<&str>) -> Result<GroupHandle> {
        let vault = self.inner.vault();
        let replica = vault.find(group, identity)?;
        let membership = vault
            .membership(&replica)
            .ok_or_else(|| Error::GroupNotFound { name: group.into() })?;
        self.handle_of(replica, membership)
    }

    /// Deletes a group here: its records, its membership, its secrets. Others keep theirs.
    ///
    /// # Errors
    /// When there is no such group, or it cannot be deleted.
    pub async fn delete_group(&self, group: &str, identity: Option<&str>) -> Result<()> {
        self.open_group(group, identity).await?.delete().await
    }

    /// Goes offline with all groups, says goodbye to the neighbours, closes the store and leaves
    /// the folder to whoever opens it next. Every handle answers [`Error::ShuttingDown`]
    /// afterwards. Shutting down twice is fine.
    ///
    /// # Errors
    /// Only when a part of the node did not end as it should.
    pub async fn shutdown(&self) -> Result<()> {
        let running = self
            .running
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        let Some(running) = running else {
            return Ok(());
        };
        let ended = self.end(running).await;
        // Handles may live on, the next node need not wait for them.
        self.inner.vault().folder().release();
        ended
    }

    async fn end(&self, Running { run, store }: Running) -> Result<()> {
        let (done, finished) = oneshot::channel();
        if self
            .inner
            .commands
            .send(Command::Shutdown(done))
            .await
            .is_ok()
        {
            let _ = finished.await;
        }
        run.await
            .map_err(|error| Error::Internal(format!("the node's loop failed: {error}")))?;
        self.inner.storing.stop().await;
        tokio::task::spawn_blocking(move || store.join())
            .await
            .map_err(|error| Error::Internal(error.to_string()))?
            .map_err(|_| Error::Internal("the store's thread failed".into()))
    }

    /// Opens what was kept, and goes online with what was online.
    pub(crate) async fn resume(&self) -> Result<()> {
        let known: Vec<(ReplicaId, Membership, Arc<Identity>)> = {
            let vault = self.inner.vault();
            vault
                .memberships()
                .map(|(replica, membership)| {
                    let identity = vault.identity(Some(&membership.identity.to_string()))?;
                    Ok((*replica, membership.clone(), identity))
                })
                .collect::<Result<_>>()?
        };
        for (replica, membership, identity) in known {
            let name = membership.root()?.name().to_string();
            // One membership that has lapsed must not keep the others from opening.
            if let Err(error) = self.open_replica(replica, &membership, identity).await {
                tracing::warn!(group = %name, %error, "group not opened");
                continue;
            }
            if membership.connected {
                self.inner.connect(replica).await?;
            }
        }
        Ok(())
    }

    /// Keeps over restarts what the loop finds worth keeping.
    pub(crate) fn keep_notices(&self, mut notices: mpsc::UnboundedReceiver<Notice>) {
        let inner = Arc::downgrade(&self.inner);
        tokio::spawn(async move {
            while let Some(notice) = notices.recv().await {
                let Some(inner) = inner.upgrade() else {
                    return;
                };
                if let Err(error) = inner.note(notice).await {
                    tracing::warn!(%error, "not remembered");
                }
            }
        });
    }

    async fn open_replica(
        &self,
        replica: ReplicaId,
        membership: &Membership,
        identity: Arc<Identity>,
    ) -> Result<()> {
        let now = self.inner.clock.timestamp();
        let root = membership.root()?;
        let gmc = gmc::verify(&membership.chain, &root.id(), now)?;
        let members = self
            .inner
            .storing
            .ask(move |store| {
                store.open_replica(replica)?;
                let mut members = Vec::new();
                let mut query = RecordQuery {
                    kind: Some(RecordType::MEMBERSHIP),
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
            .await?;
        let cloud = membership
            .cloud
            .parse()
            .map_err(|error| Error::invalid("cloud", error))?;
        let open = OpenGroup {
            identity,
            gmc,
            secret: membership.secret.clone(),
            cloud,
            synchronised: membership.synchronised,
            members,
        };
        self.inner
            .command(|done| Command::Open(Box::new(open), done))
            .await
    }

    fn handle_of(&self, replica: ReplicaId, membership: &Membership) -> Result<GroupHandle> {
        let root = membership.root()?;
        let gone = Arc::clone(
            self.inner
                .handles
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .entry(replica)
                .or_default(),
        );
        Ok(GroupHandle::new(
            Arc::clone(&self.inner),
            replica,
            root.name().to_string(),
            gone,
        ))
    }
}

impl Inner {
    pub(crate) fn vault(&self) -> MutexGuard<'_, Vault> {
        self.vault.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs something that may touch the disk or stretch a passphrase.
    pub(crate) async fn with_vault<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&mut Vault) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let inner = Arc::clone(self);
        let work = move || {
            let mut vault = inner.vault();
            vault.folder().check_held()?;
            work(&mut vault)
        };
        tokio::task::spawn_blocking(work)
            .await
            .map_err(|error| Error::Internal(error.to_string()))?
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

    /// Goes online, starting from the invitation's addresses, the settings' and last time's
    /// neighbours.
    pub(crate) async fn connect(&self, replica: ReplicaId) -> Result<()> {
        let mut known: Vec<(PeerId, Vec<Multiaddr>)> = Vec::new();
        let bootstrap = self
            .vault()
            .membership(&replica)
            .map(|membership| membership.bootstrap.clone())
            .unwrap_or_default();
        for address in bootstrap {
            if let Some((peer, address)) = split_peer(address) {
                match known.iter_mut().find(|(known, _)| *known == peer) {
                    Some((_, addresses)) => addresses.push(address),
                    None => known.push((peer, vec![address])),
                }
            }
        }
        for (peer, addresses) in self.remembered(replica).await? {
            known.retain(|(known, _)| *known != peer);
            known.push((peer, addresses));
        }
        let online = self
            .command(|done| Command::Connect(replica, known, done))
            .await?;
        if online {
            Ok(())
        } else {
            Err(Error::GroupInUse {
                group: self
                    .vault()
                    .membership(&replica)
                    .map(|membership| membership.friendly_name.clone())
                    .unwrap_or_default(),
            })
        }
    }

    async fn note(self: &Arc<Self>, notice: Notice) -> Result<()> {
        match notice {
            Notice::Synchronised(replica) => {
                self.with_vault(move |vault| {
                    vault.amend(&replica, |membership| membership.synchronised = true)
                })
                .await
            }
            Notice::Neighbours(replica, neighbours) => {
                let mut kept = self.remembered(replica).await?;
                kept.retain(|(peer, _)| neighbours.iter().all(|(new, _)| new != peer));
                let mut all = neighbours;
                all.extend(kept);
                all.truncate(MAX_REMEMBERED);
                let value = serde_json::to_vec(&Remembered::of(&all))
                    .map_err(|error| Error::Internal(error.to_string()))?;
                self.storing
                    .ask(move |store| store.put_note(&note_key(&replica), &value))
                    .await
            }
        }
    }

    async fn remembered(&self, replica: ReplicaId) -> Result<Vec<(PeerId, Vec<Multiaddr>)>> {
        let value = self
            .storing
            .ask(move |store| store.note(&note_key(&replica)))
            .await?;
        // A note that does not read is no reason not to connect.
        Ok(value
            .and_then(|value| serde_json::from_slice::<Remembered>(&value).ok())
            .map(Remembered::neighbours)
            .unwrap_or_default())
    }
}

/// The neighbours of earlier days, as they are noted in the store.
#[derive(Serialize, Deserialize)]
struct Remembered {
    neighbours: Vec<(String, Vec<Multiaddr>)>,
}

impl Remembered {
    fn of(neighbours: &[(PeerId, Vec<Multiaddr>)]) -> Self {
        Self {
            neighbours: neighbours
                .iter()
                .map(|(peer, addresses)| (peer.to_string(), addresses.clone()))
                .collect(),
        }
    }

    fn neighbours(self) -> Vec<(PeerId, Vec<Multiaddr>)> {
        self.neighbours
            .into_iter()
            .filter_map(|(peer, addresses)| Some((peer.parse().ok()?, addresses)))
            .collect()
    }
}

fn note_key(replica: &ReplicaId) -> Vec<u8> {
    [b"neighbours/", replica.as_bytes().as_slice()].concat()
}

/// Takes the trailing `/p2p/…` off an address.
fn split_peer(mut address: Multiaddr) -> Option<(PeerId, Multiaddr)> {
    match address.pop()? {
        Protocol::P2p(peer) => Some((peer, address)),
        _ => None,
    }
}

/// The membership an accepted invitation makes; what an earlier one knew is kept.
fn joined(
    vault: &Vault,
    replica: &ReplicaId,
    identity: &Identity,
    accepted: Accepted,
    now: peerage_records::time::Timestamp,
) -> Result<Membership> {
    let earlier = vault.membership(replica);
    if let Some(earlier) = earlier {
        let held = gmc::verify(&earlier.chain, &accepted.gmc.group(), now);
        if held.is_ok_and(|held| held.issued_at() >= accepted.gmc.issued_at()) {
            return Err(Error::AlreadyMember {
                identity: identity.name().to_string(),
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

impl fmt::Debug for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inner").finish_non_exhaustive()
    }
}

/// Whether a handle may still be used.
#[derive(Debug, Clone)]
pub(crate) struct Life {
    /// The replica was deleted.
    pub(crate) gone: Arc<AtomicBool>,
    /// This handle was closed.
    pub(crate) closed: Arc<AtomicBool>,
}

impl Life {
    pub(crate) fn is_over(&self) -> bool {
        self.gone.load(Ordering::Acquire) || self.closed.load(Ordering::Acquire)
    }
}
