//! Starting a node: the components, put together.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, atomic::AtomicU64},
    time::Duration,
};

use peerage_protocol::{
    engine::Engine,
    net::{
        kad,
        translate::{ListenError, Network},
    },
};
use peerage_records::store::{
    Store,
    rocks::{RocksOptions, RocksStore},
};
use rand::Rng;
use tokio::sync::{Semaphore, mpsc};
use tokio_util::sync::CancellationToken;
use zeroize::Zeroizing;

use crate::{
    Error, Node, Result,
    applications::Registry,
    beside::Beside,
    clock::Clock,
    deferring::Deferring,
    direct::Directs,
    duplicated::Duplicated,
    event::{Consumers, Feeds, MAX_SNAPSHOTS},
    folder::DataFolder,
    handle::{Inner, Replicas, Transfers, Visits},
    metrics::Metrics,
    run::{MAX_COMMANDS, Run},
    settings::Settings,
    storing::Storing,
    vault::Vault,
    watch::Watch,
};

/// How long the system may take to let us listen.
const LISTEN_TIMEOUT: Duration = Duration::from_secs(5);

/// Builds a [`Node`].
pub struct Builder {
    settings: Settings,
    clock: Clock,
    passphrase: Option<Zeroizing<String>>,
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}

impl Builder {
    pub(crate) fn new(settings: Settings) -> Self {
        Self {
            settings,
            clock: Clock::system(),
            passphrase: None,
        }
    }

    /// Opens and keeps secrets under this passphrase, not under the one the settings lead to.
    #[must_use]
    pub fn passphrase(mut self, passphrase: Zeroizing<String>) -> Self {
        self.passphrase = Some(passphrase);
        self
    }

    /// Uses another clock than the machine's.
    #[must_use]
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// Starts the node: opens the data folder and the store, listens, and goes online with the
    /// groups that were online when it last ran. Needs a multi-threaded tokio runtime.
    ///
    /// # Errors
    /// When the folder is in use, damaged or may not be read, the passphrase is wrong, the store
    /// does not open, or an address cannot be listened on. Nothing is changed then.
    pub async fn start(self) -> Result<Node> {
        let Self {
            settings,
            clock,
            passphrase,
        } = self;
        settings.check()?;
        let passphrase = match passphrase {
            Some(passphrase) => Some(passphrase),
            None => settings.passphrase()?,
        };
        let (max_identities, data_dir) = (settings.max_identities, settings.data_dir.clone());
        let (hold, vault, key, store, applications) = tokio::task::spawn_blocking(move || {
            let folder = Arc::new(DataFolder::open(&data_dir)?);
            // Outlives the store, here and in the store's thread: whoever has the folder next must
            // not find the store open.
            let hold = folder.hold();
            let key = folder.node_key()?;
            let store = RocksStore::open(folder.store_path(), &RocksOptions::default())?;
            let applications = Registry::open(Arc::clone(&folder))?;
            let vault = Vault::open(folder, passphrase, max_identities)?;
            Ok::<_, Error>((hold, vault, key, store, applications))
        })
        .await
        .map_err(|error| Error::Internal(error.to_string()))??;

        let metrics = Arc::new(Metrics::new());
        let network_clock = kad::Clock::new(clock.timestamp());
        let mut network = Network::new(key, network_clock.clone());
        listen(&mut network, &settings).await?;

        let (told, answers) = mpsc::unbounded_channel();
        let reader = store.reader();
        let store: Box<dyn Store> = Box::new(store);
        let stopped = CancellationToken::new();
        let (storing, store_thread) = Storing::start(
            store,
            clock.clone(),
            Arc::clone(&metrics),
            told,
            (hold, stopped.clone().drop_guard()),
        )?;
        let feeds = Feeds::default();
        let (commands, queue) = mpsc::channel(MAX_COMMANDS);
        let (notices, noticed) = mpsc::unbounded_channel();
        let (mut boot, mut seed) = ([0; 16], [0; 32]);
        // Not kept: a generator belongs to its thread, and would keep this future on it.
        rand::rng().fill_bytes(&mut boot);
        rand::rng().fill_bytes(&mut seed);
        let peer = network.peer();
        let deferring = Deferring::default();
        let (directs, noted) = Directs::new(Arc::clone(&metrics));
        let duplicated = Duplicated::default();
        let mut run = Run {
            deferring: deferring.clone(),
            duplicated: duplicated.clone(),
            twins: Default::default(),
            engine: Engine::new(peer, boot, seed),
            network,
            clock: clock.clone(),
            network_clock,
            storing: storing.clone(),
            metrics: Arc::clone(&metrics),
            feeds: feeds.clone(),
            notices,
            open: HashMap::new(),
            changes: HashMap::new(),
            attempts: HashMap::new(),
            next_command: 0,
            counted: Default::default(),
            bootstrap: settings.bootstrap.clone(),
            beside: Beside::default(),
            directs: Arc::clone(&directs),
            noted,
            opening: None,
            watch: Watch::default(),
        };
        run.enter_cloud();
        let inner = Arc::new(Inner {
            settings,
            started_at: clock.timestamp(),
            clock,
            peer,
            started: std::time::Instant::now(),
            metrics,
            storing,
            commands,
            feeds,
            consumers: Consumers::default(),
            snapshots: Arc::new(Semaphore::new(MAX_SNAPSHOTS)),
            folder: Arc::clone(vault.folder()),
            shelf: vault.shelf().clone(),
            vault: Mutex::new(vault),
            replicas: Replicas::default(),
            applications,
            holds: AtomicU64::new(0),
            runtime: tokio::runtime::Handle::current(),
            deferring,
            duplicated,
            transfers: Transfers::new(reader, stopped.clone()),
            visits: Visits::default(),
            directs,
            stopped: stopped.clone(),
        });
        let run = tokio::spawn(async move {
            // Tells also when the loop panics.
            let _ended = stopped.drop_guard();
            run.run(queue, answers).await;
        });
        let node = Node::new(inner, run, store_thread);
        node.keep_notices(noticed);
        node.resume().await;
        Ok(node)
    }
}

/// Listens on every address, or on none: an operator who named an address wants just that.
async fn listen(network: &mut Network, settings: &Settings) -> Result<()> {
    for address in &settings.external {
        network.add_external_address(address.clone());
    }
    for address in &settings.listen {
        network
            .listen(address.clone())
            .map_err(|ListenError { address, reason }| Error::UnableToListen {
                address: address.to_string(),
                reason,
            })?;
    }
    if settings.listen.is_empty() {
        return Ok(());
    }
    let refused = |reason: String| Error::UnableToListen {
        address: settings
            .listen
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join(", "),
        reason,
    };
    match tokio::time::timeout(LISTEN_TIMEOUT, network.listening()).await {
        Ok(listening) => listening.map_err(refused),
        Err(_) => Err(refused("no address became available".into())),
    }
}
