//! The infrastructure behind the objects: started by whoever needs it first, ended by the last.

use std::{
    collections::HashMap,
    path::{self, PathBuf},
    sync::{Arc, Mutex, PoisonError, Weak},
};

use tokio::sync::OwnedMutexGuard;

use crate::{Node, Result, Settings};

/// The services of this process, one per data folder.
static SERVICES: Mutex<Option<HashMap<PathBuf, Slot>>> = Mutex::new(None);

/// What is known of a folder; kept when its service is gone, which costs its path.
struct Slot {
    service: Weak<Shared>,
    /// Held while a node of this process runs in the folder, or is ending there.
    place: Arc<tokio::sync::Mutex<()>>,
}

/// The node that all objects of a data folder share. There is nothing to start: the first object that
/// needs it starts it, once, and it ends after the last object is gone.
///
/// Every object keeps a clone of this, so an application need not. One that ends should still wait for
/// [`shutdown`](Self::shutdown), for the reason given at [`Node`].
#[derive(Clone)]
pub struct PeerGroupService(Arc<Shared>);

struct Shared {
    settings: Settings,
    place: Arc<tokio::sync::Mutex<()>>,
    running: tokio::sync::Mutex<Option<Running>>,
}

struct Running {
    node: Node,
    _place: OwnedMutexGuard<()>,
}

impl std::fmt::Debug for PeerGroupService {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("PeerGroupService")
            .field(&self.0.settings.data_dir)
            .finish()
    }
}

impl PeerGroupService {
    /// The service of a data folder: the same for everybody in this process who asks while anybody has
    /// it, with the settings of whoever asked first. Nothing is started yet.
    #[must_use]
    pub fn of(settings: Settings) -> Self {
        let folder = path::absolute(&settings.data_dir);
        let folder = folder.unwrap_or_else(|_| settings.data_dir.clone());
        let mut services = SERVICES.lock().unwrap_or_else(PoisonError::into_inner);
        let slot = services
            .get_or_insert_default()
            .entry(folder)
            .or_insert_with(|| Slot {
                service: Weak::new(),
                place: Arc::default(),
            });
        if let Some(shared) = slot.service.upgrade() {
            return Self(shared);
        }
        let shared = Arc::new(Shared {
            settings,
            place: Arc::clone(&slot.place),
            running: tokio::sync::Mutex::default(),
        });
        slot.service = Arc::downgrade(&shared);
        Self(shared)
    }

    /// The node, started if it does not run: the way to everything that has no object.
    ///
    /// # Errors
    /// When it does not start, as [`Builder::start`](crate::Builder::start).
    pub async fn node(&self) -> Result<Node> {
        let mut running = self.0.running.lock().await;
        if let Some(running) = &*running {
            return Ok(running.node.clone());
        }
        let place = Arc::clone(&self.0.place).lock_owned().await;
        // Starting is large and rare, and this future is part of every method of every object.
        let node = Box::pin(Node::builder(self.0.settings.clone()).start()).await?;
        *running = Some(Running {
            node: node.clone(),
            _place: place,
        });
        Ok(node)
    }

    /// Ends the node, and waits until the folder is free. Groups that were open are of no use
    /// afterwards; whoever uses an object for something else starts another node.
    ///
    /// # Errors
    /// As [`Node::shutdown`].
    pub async fn shutdown(&self) -> Result<()> {
        match self.0.running.lock().await.take() {
            Some(running) => running.node.shutdown().await,
            None => Ok(()),
        }
    }
}

/// The last object is gone.
impl Drop for Shared {
    fn drop(&mut self) {
        let running = self.running.get_mut().take();
        // Without a runtime the node ends by being dropped.
        if let (Some(running), Ok(runtime)) = (running, tokio::runtime::Handle::try_current()) {
            runtime.spawn(async move {
                // As a whole: whoever comes next waits for its place.
                let Running { node, _place } = running;
                if let Err(error) = node.shutdown().await {
                    tracing::warn!(%error, "the node did not end as it should");
                }
            });
        }
    }
}
