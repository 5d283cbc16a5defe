//! What an application holds: the node and its groups, as cheap clones.

mod applications;
mod backup;
mod door;
mod group;
mod identity;
mod inner;
mod inspection;
mod joining;
mod life;
mod properties;
mod remembered;
mod transfers;
mod visiting;

use std::{fmt, sync::Arc, thread};

use tokio::{
    sync::{Mutex, mpsc, oneshot},
    task::JoinHandle,
};

pub use self::{
    applications::Application,
    group::{
        Consumer, CredentialOptions, GroupHandle, InviteOptions, ReissueOptions, RemoveOptions,
    },
    joining::JoinOptions,
};
pub(crate) use self::{
    applications::WeakApplication,
    inner::{Inner, blocking, undivided},
    life::{Life, Replicas},
    transfers::{Transfer, Transfers},
    visiting::Visits,
};
use crate::{
    Error, Result, Settings,
    builder::Builder,
    command::Command,
    folder::DataFolder,
    metrics::Metrics,
    model::{DoctorReport, GroupInfo, NodeStatus, instant_text},
    run::Notice,
};

/// A running node. Clones are cheap and share it; it runs until [`Node::shutdown`], or until the
/// last clone and the last [`GroupHandle`] are dropped.
///
/// Shut it down before the process ends: a node that is only dropped still closes its database on a
/// thread of its own, and a process that ends meanwhile may abort instead of exiting. After a
/// shutdown the system may keep the UDP port taken for about three seconds, until QUIC has drained.
#[derive(Clone)]
pub struct Node {
    inner: Arc<Inner>,
    running: Arc<Mutex<Option<Running>>>,
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

    pub(crate) fn folder(&self) -> Arc<DataFolder> {
        Arc::clone(&self.inner.folder)
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
        Ok(NodeStatus {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            peer_id: self.inner.peer.to_string(),
            listen: network.listeners.iter().map(ToString::to_string).collect(),
            external: network.addresses.iter().map(ToString::to_string).collect(),
            started: instant_text(self.inner.started_at),
            uptime_seconds: self.inner.started.elapsed().as_secs(),
            identities: self.inner.known().identities().count(),
            identity_list: self.identities().await?,
            groups,
            data_dir: self.inner.folder.path().display().to_string(),
            warnings: DoctorReport::new(self.inner.symptoms(false).await?)
                .troubles()
                .cloned()
                .collect(),
            key_used_elsewhere: self.inner.duplicated.last().map(instant_text),
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

    /// The groups of all identities.
    ///
    /// # Errors
    /// When the node has shut down or its store fails.
    pub async fn groups(&self) -> Result<Vec<GroupInfo>> {
        let known = self.inner.known();
        let mut groups = Vec::new();
        for (replica, membership) in known.memberships() {
            match self.inner.handle_of(*replica, membership)?.info().await {
                Ok(info) => groups.push(info),
                // Deleted since we looked.
                Err(Error::GroupGone { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        groups.extend(self.waiting_groups()?);
        Ok(groups)
    }

    /// A handle on a group that an identity has created or joined; `group` is its peer name, a
    /// unique beginning of it (at least 4 characters), or its friendly name.
    ///
    /// # Errors
    /// When there is none, or several.
    pub async fn open_group(&self, group: &str, identity: Option<&str>) -> Result<GroupHandle> {
        let known = self.inner.known();
        let replica = known.find(group, identity)?;
        let membership = known
            .membership(&replica)
            .ok_or_else(|| Error::GroupNotFound { name: group.into() })?;
        self.inner.handle_of(replica, membership)
    }

    /// Deletes a group here: its records, its membership, its secrets. Others keep theirs.
    ///
    /// # Errors
    /// When there is no such group, or it cannot be deleted.
    pub async fn delete_group(&self, group: &str, identity: Option<&str>) -> Result<()> {
        match self.open_group(group, identity).await {
            Ok(handle) => handle.delete().await,
            Err(Error::GroupNotFound { .. }) if self.give_up(group, identity).await? => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Goes offline with all groups, says goodbye to the neighbours, closes the store and leaves
    /// the folder to whoever opens it next. Every handle answers [`Error::ShuttingDown`]
    /// afterwards. Shutting down twice is fine; dropping the future does not stop it.
    ///
    /// # Errors
    /// Only when a part of the node did not end as it should. The folder is free even so.
    pub async fn shutdown(&self) -> Result<()> {
        let node = self.clone();
        undivided(async move {
            let mut running = node.running.lock().await;
            match running.take() {
                Some(running) => node.end(running).await,
                None => Ok(()),
            }
        })
        .await
    }

    /// Waits until the node has stopped: because it was shut down, or because a part of it failed
    /// that it cannot do without. [`shutdown`](Self::shutdown) then tells what happened, and ends
    /// the rest.
    pub fn stopped(&self) -> impl Future<Output = ()> + Send + use<> {
        self.inner.stopped.clone().cancelled_owned()
    }

    /// Ends every part, also when one of them has failed, and only then frees the folder.
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
        let ran = run
            .await
            .map_err(|error| Error::Internal(format!("the node's loop failed: {error}")));
        self.inner.transfers.end().await;
        self.inner.storing.stop().await;
        let stored = blocking(move || {
            store
                .join()
                .map_err(|_| Error::Internal("the store's thread failed".into()))
        })
        .await;
        // Handles may live on, the next node need not wait for them.
        self.inner.folder.release();
        ran.and(stored)
    }

    /// Opens what was kept, and goes online with what was online.
    pub(crate) async fn resume(&self) {
        self.inner.resume().await;
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
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{NewGroup, NewIdentity};

    #[tokio::test]
    async fn whoever_only_looks_does_not_wait_for_the_vault() {
        let base = tempfile::tempdir().unwrap();
        let mut settings = Settings::in_folder(base.path());
        settings.listen = vec!["/ip4/127.0.0.1/udp/0/quic-v1".parse().unwrap()];
        let node = Node::builder(settings).start().await.unwrap();
        node.create_identity(NewIdentity::default()).await.unwrap();
        let name = node
            .create_group(NewGroup::default())
            .await
            .unwrap()
            .name()
            .to_owned();
        // As while a passphrase is stretched, or the disk is slow. The runtime has one thread: it
        // would stand still.
        let inner = Arc::clone(&node.inner);
        let (held, holding) = std::sync::mpsc::channel();
        let (done, finished) = std::sync::mpsc::channel();
        let slow = thread::spawn(move || {
            let _vault = inner.vault.lock().unwrap();
            held.send(()).unwrap();
            finished.recv().unwrap();
        });
        holding.recv().unwrap();
        assert_eq!(node.status().await.unwrap().groups.len(), 1);
        assert_eq!(node.identities().await.unwrap().len(), 1);
        let group = node.open_group(&name, None).await.unwrap();
        assert_eq!(group.members().await.unwrap().len(), 1);
        node.card(None).await.unwrap();
        done.send(()).unwrap();
        slow.join().unwrap();
        node.shutdown().await.unwrap();
    }

    #[tokio::test]
    async fn a_part_that_failed_ends_the_rest_and_frees_the_folder() {
        let base = tempfile::tempdir().unwrap();
        let mut settings = Settings::in_folder(base.path());
        settings.listen = vec!["/ip4/127.0.0.1/udp/0/quic-v1".parse().unwrap()];
        let node = Node::builder(settings.clone()).start().await.unwrap();
        let group = {
            node.card(None).await.unwrap();
            node.create_group(NewGroup::default()).await.unwrap()
        };
        let mut events = group.events(None).await.unwrap();
        let failed = node
            .inner
            .storing
            .ask::<()>(|_| panic!("as a fault of the store would"))
            .await;
        assert_eq!(failed.unwrap_err().code(), "shutting_down");
        node.stopped().await;
        let last = futures::StreamExt::next(&mut events).await;
        assert!(last.is_none(), "{last:?}");
        assert_eq!(group.info().await.unwrap_err().code(), "shutting_down");
        let ended = node.shutdown().await.unwrap_err();
        assert!(ended.to_string().contains("store"), "{ended}");
        let again = Node::builder(settings).start().await.unwrap();
        assert_eq!(again.groups().await.unwrap().len(), 1);
        again.shutdown().await.unwrap();
    }
}
