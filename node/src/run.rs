//! The one loop that owns the network, the engine and the timers.
//!
//! Local work first: answers of the store and commands of applications go before what other
//! peers ask. Every output is carried out, in order, before the loop waits again.

mod telling;

use std::{collections::HashMap, sync::Arc, time::Duration};

use futures::future::OptionFuture;
use libp2p::{Multiaddr, PeerId};
use peerage_protocol::{
    door::QueueError,
    engine::{
        ChangeError, CommandId, ConnectFailure, DoorInput, Engine, Input, Output, StoreFailure,
        VisitOutcome,
    },
    gmc::VerifiedGmc,
    net::{
        kad,
        translate::{Counts, Network},
    },
    revocation::Cause,
};
use peerage_records::{
    codec::SignedRecord,
    id::{IdentityKey, ReplicaId},
};
use tokio::{
    sync::{mpsc, oneshot},
    time::{Instant, MissedTickBehavior, interval_at, sleep_until},
};

use crate::{
    Result,
    beside::Beside,
    clock::Clock,
    command::{Command, Inspection, NetworkView, View},
    deferring::Deferring,
    direct::{Directs, Note},
    duplicated::{self, Duplicated},
    event::Feeds,
    metrics::Metrics,
    storing::{Storing, Told},
    watch::Watch,
};

mod direct;

/// Commands that wait; a full queue makes the caller wait.
pub(crate) const MAX_COMMANDS: usize = 256;
/// How often expired records are removed.
const SWEEP_INTERVAL: Duration = Duration::from_secs(10);
/// With fewer nodes of the cloud known, the ones we were told to enter it through are dialled again.
const SMALL_CLOUD: usize = 8;
/// How long shutting down waits for the network to say goodbye.
const FAREWELL: Duration = Duration::from_millis(300);
/// Rounds of local work before the network and the timers have a turn all the same.
const MAX_LOCAL: usize = 64;
/// Inputs taken from the network in a row before local work is looked at again.
const MAX_NETWORK_INPUTS: usize = 32;

/// What the loop keeps and who it talks to.
pub(crate) struct Run {
    pub(crate) engine: Engine,
    pub(crate) network: Network,
    pub(crate) clock: Clock,
    pub(crate) network_clock: kad::Clock,
    pub(crate) storing: Storing,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) feeds: Feeds,
    /// Told of replicas that have been brought up to date, or whose neighbours should be kept.
    pub(crate) notices: mpsc::UnboundedSender<Notice>,
    /// The open groups, by their peer names.
    pub(crate) open: HashMap<ReplicaId, String>,
    pub(crate) changes: HashMap<CommandId, oneshot::Sender<Result<SignedRecord, ChangeError>>>,
    /// Attempts to connect to addresses, and who waits for them.
    pub(crate) attempts: HashMap<CommandId, oneshot::Sender<Result<PeerId, ConnectFailure>>>,
    pub(crate) next_command: CommandId,
    /// Groups in which nothing expires now.
    pub(crate) deferring: Deferring,
    /// When another node was last seen with our key.
    pub(crate) duplicated: Duplicated,
    /// Other members' keys that two nodes run with, as far as the log has been told.
    pub(crate) twins: duplicated::Told,
    /// What the metrics have been told of the network.
    pub(crate) counted: Counts,
    /// Nodes to enter the cloud through, dialled again while nobody is connected.
    pub(crate) bootstrap: Vec<Multiaddr>,
    /// What is done beside the loop, and comes back as an input.
    pub(crate) beside: Beside,
    pub(crate) directs: Arc<Directs>,
    /// What the direct connections tell.
    pub(crate) noted: mpsc::UnboundedReceiver<Note>,
    /// The attempt to connect that the engine is being told of, and who waits for its id.
    pub(crate) opening: Option<direct::Opening>,
    /// What is noted for whoever inspects the node.
    pub(crate) watch: Watch,
}

/// Facts worth keeping over a restart.
#[derive(Debug)]
pub(crate) enum Notice {
    /// The replica has been brought up to date.
    Synchronised(ReplicaId),
    /// Another member published a newer membership for us.
    Renewed(ReplicaId, VerifiedGmc),
    /// These neighbours are worth trying next time.
    Neighbours(ReplicaId, Vec<(PeerId, Vec<Multiaddr>)>),
    /// The group has these friendly name and comment.
    Named(ReplicaId, String, String),
    /// A visit at a group's door has come to something.
    Visited(ReplicaId, VisitOutcome),
    /// The requests at a group's door, to be kept.
    Requests(ReplicaId, Vec<u8>),
    /// A replica that was restored from a backup has been brought up to date.
    CaughtUp(ReplicaId),
}

impl Run {
    /// Runs until told to shut down or the last handle is gone.
    pub(crate) async fn run(
        mut self,
        mut commands: mpsc::Receiver<Command>,
        mut told: mpsc::UnboundedReceiver<Told>,
    ) {
        let mut sweep = interval_at(Instant::now() + SWEEP_INTERVAL, SWEEP_INTERVAL);
        sweep.set_missed_tick_behavior(MissedTickBehavior::Delay);
        // Rounds since the network had its turn: busy applications must not keep it waiting.
        let mut local = 0;
        loop {
            let now = self.clock.now();
            self.network_clock.set(now.timestamp);
            let wakeup: OptionFuture<_> = self
                .engine
                .next_wakeup(now)
                .map(|at| sleep_until(at.into()))
                .into();
            tokio::select! {
                biased;
                told = told.recv() => match told {
                    Some(told) => self.on_told(told),
                    None => {
                        tracing::error!("the store's thread has ended; the node stops");
                        break;
                    }
                },
                command = commands.recv() => match command {
                    None => break,
                    Some(Command::Shutdown(done)) => {
                        self.shut_down(&mut told).await;
                        let _ = done.send(());
                        return;
                    }
                    Some(command) => self.on_command(command),
                },
                Some(input) = self.beside.next() => self.handle(input),
                Some(note) = self.noted.recv() => self.on_note(note),
                Some(()) = wakeup => self.handle(Input::Tick),
                input = self.network.next() => {
                    self.handle(input);
                    self.take_network_inputs().await;
                }
                _ = sweep.tick() => self.sweep().await,
            }
            self.carry_out().await;
            self.answer_opening().await;
            local += 1;
            if local >= MAX_LOCAL {
                local = 0;
                self.handle(Input::Tick);
                self.take_network_inputs().await;
                self.carry_out().await;
            }
        }
        self.shut_down(&mut told).await;
    }

    fn handle(&mut self, input: Input) {
        let now = self.clock.now();
        self.engine.handle(input, now);
    }

    /// Takes what the network has ready, so that a burst costs one round of the loop. Whoever calls
    /// this waits for the network afterwards, which is when the next wake-up is asked for.
    async fn take_network_inputs(&mut self) {
        for _ in 0..MAX_NETWORK_INPUTS {
            // Outputs first: what the network still reports of a link must not meet its successor.
            self.carry_out().await;
            let Some(input) = futures::FutureExt::now_or_never(self.network.next()) else {
                return;
            };
            self.handle(input);
        }
    }

    fn on_told(&mut self, told: Told) {
        match told {
            Told::Answer(input) => self.handle(input),
            Told::Expired(replica, changes) => {
                for change in changes {
                    self.tell_change(replica, &change);
                }
            }
        }
    }

    async fn sweep(&mut self) {
        for replica in self.open.keys().copied().collect::<Vec<_>>() {
            if self.deferring.holds(&replica) {
                continue;
            }
            if self.storing.expire(replica).await.is_err() {
                return;
            }
        }
        self.network.sweep();
        // Members who found only each other, while the way out was down, must not stay by themselves.
        if self.network.cloud_size() < SMALL_CLOUD {
            self.enter_cloud();
        }
    }

    /// Dials the nodes we were told to enter the cloud through.
    pub(crate) fn enter_cloud(&mut self) {
        for address in self.bootstrap.clone() {
            self.network.dial(address);
        }
    }

    fn on_command(&mut self, command: Command) {
        match command {
            Command::Open(open, origin, done) => {
                let replica = ReplicaId::of(&open.gmc.subject(), &open.gmc.group());
                let group = open.gmc.root().name().to_string();
                self.feeds.open(replica, group.clone(), origin);
                self.open.insert(replica, group);
                self.handle(Input::Open(open));
                self.listen_direct(replica);
                self.count_groups();
                let _ = done.send(());
            }
            Command::Connect(replica, known, done) => {
                self.handle(Input::Connect { replica, known });
                let online = self.engine.view(&replica).is_some_and(|view| view.online);
                self.count_groups();
                let _ = done.send(online);
            }
            Command::ConnectAt(replica, addresses, reply) => {
                self.next_command += 1;
                let command = self.next_command;
                self.attempts.insert(command, reply);
                self.handle(Input::ConnectAt {
                    command,
                    replica,
                    addresses,
                });
            }
            Command::Disconnect(replica, done) => {
                self.handle(Input::Disconnect { replica });
                self.count_groups();
                let _ = done.send(());
            }
            Command::Close(replica, done) => {
                self.handle(Input::Close { replica });
                self.open.remove(&replica);
                self.watch.forget(&replica);
                self.deferring.set(replica, false);
                self.count_groups();
                let _ = done.send(());
            }
            Command::Change(replica, change, reply) => {
                self.next_command += 1;
                let command = self.next_command;
                self.changes.insert(command, reply);
                self.handle(Input::Command {
                    command,
                    replica,
                    change,
                });
            }
            Command::SettleRestored(replica, done) => {
                self.handle(Input::SettleRestored { replica });
                let _ = done.send(());
            }
            Command::Presence(replica, wish, done) => {
                self.handle(Input::Presence { replica, wish });
                let _ = done.send(());
            }
            Command::View(replica, reply) => {
                let _ = reply.send(self.view(&replica));
            }
            Command::RestoreDoor(replica, queue, done) => {
                self.handle(Input::Door(DoorInput::Restore { replica, queue }));
                let _ = done.send(());
            }
            Command::SetDoor(replica, door, key, reply) => {
                self.next_command += 1;
                let command = self.next_command;
                self.changes.insert(command, reply);
                self.handle(Input::Door(DoorInput::Set {
                    command,
                    replica,
                    door,
                    key,
                }));
            }
            Command::Door(replica, reply) => {
                let door = self.engine.door(&replica);
                let _ = reply.send(door.map(|view| view.door.clone()));
            }
            Command::Requests(replica, now, reply) => {
                let requests = self.engine.door(&replica).map(|view| {
                    let requests = view.queue.list(now);
                    requests.into_iter().cloned().collect()
                });
                let _ = reply.send(requests.unwrap_or_default());
            }
            Command::Decide(replica, identity, decision, reply) => {
                let now = self.clock.timestamp();
                let checked = self
                    .engine
                    .door(&replica)
                    .ok_or(QueueError::NoDoor)
                    .and_then(|view| view.queue.check(&identity, &decision, now));
                if checked.is_ok() {
                    self.handle(Input::Door(DoorInput::Decide {
                        replica,
                        identity,
                        decision,
                    }));
                }
                let _ = reply.send(checked);
            }
            Command::Visit(visit, done) => {
                self.handle(Input::Door(DoorInput::Visit(visit)));
                let _ = done.send(());
            }
            Command::Leave(visit, done) => {
                self.handle(Input::Door(DoorInput::Leave { visit }));
                let _ = done.send(());
            }
            Command::OpenDirect(open, reply) => self.open_direct(open, reply),
            Command::ListenDirect(replica, done) => {
                self.listen_direct(replica);
                let _ = done.send(());
            }
            Command::Network(reply) => {
                let _ = reply.send(NetworkView {
                    listeners: self.network.listeners(),
                    addresses: self.network.addresses(),
                });
            }
            Command::Inspect(reply) => {
                let connections = self.network.connections();
                let inspection = Inspection {
                    watch: self.watch.clone(),
                    connections: connections
                        .map(|(peer, connection)| (peer, connection.clone()))
                        .collect(),
                };
                let _ = reply.send(inspection);
            }
            Command::Shutdown(done) => {
                let _ = done.send(());
            }
        }
    }

    fn view(&self, replica: &ReplicaId) -> Option<View> {
        let view = self.engine.view(replica)?;
        Some(View {
            gmc: view.gmc.clone(),
            members: view.roster.iter().map(|(_, gmc)| gmc.clone()).collect(),
            neighbours: view
                .neighbours
                .iter()
                .map(|(peer, neighbour)| (**peer, (*neighbour).clone()))
                .collect(),
            synchronised: view.synchronised,
            status: view.status,
            properties: view.properties.cloned(),
            applied: view.roster.revocations().digest(),
            revoked_before: view
                .roster
                .revocations()
                .effective()
                .map(|one| (one.said().subject, one.said().before))
                .collect(),
            // One that is replaced goes on with its next credential, which others have for it.
            revoked: view
                .roster
                .revoked(&view.gmc.subject())
                .is_some_and(|one| one.said().cause != Cause::Replaced),
            is_creator: view.is_creator,
            // Offline nobody tells us who has gone, so nobody counts as here (GRA-007).
            present: view
                .presence
                .present(self.clock.timestamp())
                .filter(|_| view.online)
                .map(|(member, seen)| (*member, seen.clone()))
                .collect(),
            attributes: view.attributes.map(ToOwned::to_owned),
            behind: view.behind,
        })
    }

    /// Carries out everything the engine has to say.
    async fn carry_out(&mut self) {
        while let Some(output) = self.engine.poll_output() {
            let Some(output) = self.network.carry_out(output) else {
                continue;
            };
            match output {
                Output::Put { operation, puts } => {
                    let asked = self.storing.put(operation, puts).await;
                    self.asked(asked, |result| Input::Stored { operation, result });
                }
                Output::Read {
                    operation,
                    replica,
                    read,
                } => {
                    let asked = self.storing.read(operation, replica, read).await;
                    self.asked(asked, |result| Input::Found { operation, result });
                }
                Output::Withdraw {
                    operation,
                    replica,
                    versions,
                } => {
                    let asked = self.storing.withdraw(operation, replica, versions).await;
                    self.asked(asked, |result| Input::Withdrawn { operation, result });
                }
                Output::Reply { command, result } => {
                    if let Some(reply) = self.changes.remove(&command) {
                        let _ = reply.send(result);
                    }
                }
                Output::ConnectedAt { command, result } => {
                    if let Some(reply) = self.attempts.remove(&command) {
                        let _ = reply.send(result);
                    }
                }
                Output::Stretch(stretch) => self.beside.run(move || stretch.run()),
                Output::Emit(event) => self.emit(event),
                _ => {}
            }
        }
        self.count_network();
    }

    /// Answers in the store's place when there is no store to answer any more.
    fn asked<T>(
        &mut self,
        asked: Result<()>,
        answer: impl FnOnce(Result<T, StoreFailure>) -> Input,
    ) {
        if let Err(error) = asked {
            self.handle(answer(Err(StoreFailure(error.to_string()))));
        }
    }

    fn group_name(&self, replica: &ReplicaId) -> String {
        self.open.get(replica).cloned().unwrap_or_default()
    }

    fn member_name(&self, replica: &ReplicaId, member: &IdentityKey) -> Option<String> {
        let view = self.engine.view(replica)?;
        Some(view.roster.credential(member)?.subject_name().to_string())
    }

    fn remember(&self, replica: ReplicaId) {
        let Some(view) = self.engine.view(&replica) else {
            return;
        };
        let neighbours = view
            .neighbours
            .iter()
            .map(|(peer, neighbour)| (**peer, neighbour.addresses.clone()))
            .collect();
        let _ = self.notices.send(Notice::Neighbours(replica, neighbours));
    }

    /// Adds to the metrics what the network has counted since the last time.
    fn count_network(&mut self) {
        let (now, before) = (self.network.counts(), self.counted);
        for _ in before.connections_opened..now.connections_opened {
            self.metrics.link_opened();
        }
        for _ in before.connections_closed..now.connections_closed {
            self.metrics.link_closed();
        }
        for _ in before.dials_failed..now.dials_failed {
            self.metrics.link_failed();
        }
        self.metrics
            .gossip_copies(now.gossip_copies.saturating_sub(before.gossip_copies));
        for _ in before.frames_dropped..now.frames_dropped {
            self.metrics.dropped("link_frames");
        }
        self.counted = now;
    }

    fn count_groups(&self) {
        let views = || {
            self.open
                .keys()
                .filter_map(|replica| self.engine.view(replica))
        };
        self.metrics
            .set_groups_online(views().filter(|view| view.online).count());
        self.metrics
            .set_neighbours(views().map(|view| view.neighbours.len()).sum());
        for replica in self.open.keys() {
            let deferring = self
                .engine
                .view(replica)
                .is_some_and(|view| view.defers_expiry());
            self.deferring.set(*replica, deferring);
        }
    }

    /// Takes all groups offline, lets the withdrawals out and the store finish.
    async fn shut_down(&mut self, told: &mut mpsc::UnboundedReceiver<Told>) {
        for replica in self.open.keys().copied().collect::<Vec<_>>() {
            self.handle(Input::Disconnect { replica });
        }
        self.carry_out().await;
        let until = Instant::now() + FAREWELL;
        loop {
            tokio::select! {
                () = sleep_until(until) => break,
                Some(answer) = told.recv() => self.on_told(answer),
                _ = self.network.next() => {}
            }
            self.carry_out().await;
        }
    }
}
