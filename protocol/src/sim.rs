//! Many engines on virtual time: a whole network in one thread, replayable from one seed.
//!
//! A [`World`] holds nodes, each an [`Engine`] with a
//! [`MemoryStore`](peerage_records::store::memory::MemoryStore) on a disk that takes its time,
//! and plays everything around them: connections, exchanges, links with their gate, gossip, a DHT.
//! Messages take random times, gossip gets lost, clocks differ, nodes crash and come back, networks
//! split. Nothing is left to the machine it runs on: the same [`Config`] gives the same run, which
//! [`World::trace`] proves.
//!
//! ```
//! use std::time::Duration;
//! use peerage_protocol::{group::Role, sim::{Config, World}};
//!
//! let mut world = World::new(Config::seeded(7));
//! let club = world.create_group();
//! let (ann, ben) = (world.add_node(), world.add_node());
//! world.enrol(ann, club, Role::Admin);
//! world.enrol(ben, club, Role::Member);
//! world.connect(ann, club);
//! world.connect(ben, club);
//! world.publish(ann, club, b"hello");
//!
//! let met = world.run_until(Duration::from_secs(60), |world| world.converged(club, &[ann, ben]));
//! assert!(met && world.record_count(ben, club) == 3, "two memberships and a greeting");
//! ```
//!
//! **Dishonest peers.** [`World::inject`] makes any node do something its engine would not, as one of
//! the engine's own outputs; [`World::turn_raw`] takes the engine away and leaves a peer with its
//! connections and links, whose inputs are recorded ([`World::inbox`]) and not answered.
//!
//! **What is checked all the time.** An engine must not spin: when it asks to be woken at once, being
//! woken must lead to something. A node never has more neighbours than
//! [`MAX_NEIGHBOURS`]. Both panic with the seed.
//!
//! **What is not played:** bandwidth, packets, NAT, TLS. A node without addresses cannot be dialled.

mod dht;
mod dial;
mod direct;
mod disk;
mod group;
mod members;
mod network;
mod node;

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
    time::{Duration, Instant},
};

use libp2p_identity::PeerId;
use peerage_records::{id::GroupId, store::Store, time::Timestamp};
use rand::{Rng, RngExt};
use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng};
use sha2::{Digest, Sha256};

use crate::{
    discovery::VerifiedSet,
    engine::{Engine, Event, ExchangeNumber, Input, Now, Output},
    neighbours::MAX_NEIGHBOURS,
};
use disk::Question;
pub use group::{GroupIndex, Membership};
pub use members::removal_of;
use network::{Exchange, Link, Travelling};
pub use node::Ended;
use node::{Actor, Node};

/// Names a node of a world: 0 for the first.
pub type NodeIndex = usize;

/// How the simulated world behaves. Durations are virtual.
#[derive(Debug, Clone)]
pub struct Config {
    /// Decides every chance, those of the engines included.
    pub seed: u64,
    /// How long one message takes from peer to peer.
    pub delay: Range<Duration>,
    /// How long one question to a store takes; one after the other.
    pub disk: Duration,
    /// How long a lookup or an announcement takes.
    pub lookup: Duration,
    /// How long until a dial to nobody fails.
    pub dial_timeout: Duration,
    /// How long until a peer is seen to be gone, once it is.
    pub detection: Range<Duration>,
    /// How many of a thousand gossip messages get lost at each hop.
    pub gossip_loss_per_mille: u32,
}

impl Config {
    /// A network as one finds it on the internet, without losses.
    #[must_use]
    pub fn seeded(seed: u64) -> Self {
        Self {
            seed,
            delay: Duration::from_millis(5)..Duration::from_millis(80),
            disk: Duration::from_millis(2),
            lookup: Duration::from_millis(400),
            dial_timeout: Duration::from_secs(5),
            detection: Duration::from_millis(100)..Duration::from_secs(5),
            gossip_loss_per_mille: 0,
        }
    }

    /// As [`Config::seeded`], with the seed in the environment variable `SEED` if there is one: that is
    /// how a failure is replayed.
    #[must_use]
    pub fn from_env(seed: u64) -> Self {
        let given = std::env::var("SEED")
            .ok()
            .and_then(|seed| seed.parse().ok());
        Self::seeded(given.unwrap_or(seed))
    }
}

/// Things counted while a world runs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Gossip messages sent, hop by hop.
    pub gossip_hops: u64,
    /// Gossip messages that arrived where they were known already.
    pub gossip_repeats: u64,
    /// Gossip messages that got lost.
    pub gossip_lost: u64,
    /// Frames on links.
    pub frames: u64,
    /// Bytes in them.
    pub frame_bytes: u64,
    /// Exchanges begun.
    pub exchanges: u64,
    /// Dials.
    pub dials: u64,
    /// Lookups in the DHT.
    pub lookups: u64,
    /// Times engines were called.
    pub inputs: u64,
}

/// Something that will happen at a moment that is known.
#[derive(Debug)]
enum Happening {
    /// An engine wanted to be woken.
    Wake(NodeIndex),
    /// Something reaches an engine, unless the node has restarted by then.
    Tell(NodeIndex, u64, Box<Input>),
    /// A disk has done what it was asked.
    Disk(NodeIndex, u64, Question),
    /// The DHT has been asked.
    Dht(NodeIndex, u64, dht::Request),
    /// A message arrives.
    Arrive(Travelling),
}

/// The simulated network. See the [module documentation](self).
#[derive(Debug)]
pub struct World {
    config: Config,
    rng: ChaCha20Rng,
    base: Instant,
    epoch: Timestamp,
    elapsed: Duration,
    agenda: BTreeMap<(Duration, u64), Happening>,
    next_happening: u64,
    nodes: Vec<Node>,
    by_peer: BTreeMap<PeerId, NodeIndex>,
    groups: Vec<group::Group>,
    islands: Vec<u32>,
    connections: BTreeSet<(NodeIndex, NodeIndex)>,
    exchanges: BTreeMap<ExchangeNumber, Exchange>,
    next_exchange: ExchangeNumber,
    links: BTreeMap<[u8; 32], Link>,
    directs: direct::Directs,
    dht: BTreeMap<[u8; 32], VerifiedSet>,
    counts: Counts,
    trace: Sha256,
}

impl World {
    /// An empty world.
    #[must_use]
    #[expect(
        clippy::disallowed_methods,
        reason = "an origin for virtual instants; no result depends on it"
    )]
    pub fn new(config: Config) -> Self {
        Self {
            rng: ChaCha20Rng::seed_from_u64(config.seed),
            config,
            base: Instant::now(),
            epoch: Timestamp::from_secs(1_800_000_000),
            elapsed: Duration::ZERO,
            agenda: BTreeMap::new(),
            next_happening: 0,
            nodes: Vec::new(),
            by_peer: BTreeMap::new(),
            groups: Vec::new(),
            islands: Vec::new(),
            connections: BTreeSet::new(),
            exchanges: BTreeMap::new(),
            next_exchange: 1,
            links: BTreeMap::new(),
            directs: direct::Directs::default(),
            dht: BTreeMap::new(),
            counts: Counts::default(),
            trace: Sha256::new(),
        }
    }

    /// How the world behaves from now on; the seed has been used already.
    pub fn config_mut(&mut self) -> &mut Config {
        &mut self.config
    }

    /// Virtual time since the world began.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.elapsed
    }

    /// What a perfect clock shows.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.epoch + self.elapsed
    }

    /// What has been counted.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// The generator behind every chance; tests draw from it so that their seed decides them too.
    pub fn rng(&mut self) -> &mut ChaCha20Rng {
        &mut self.rng
    }

    /// A digest of everything that has happened, in order: equal runs have equal ones.
    #[must_use]
    pub fn trace(&self) -> [u8; 32] {
        self.trace.clone().finalize().into()
    }

    /// Lets time pass.
    pub fn run_for(&mut self, time: Duration) {
        let end = self.elapsed + time;
        while self.step(end) {}
        self.elapsed = end;
    }

    /// Lets time pass until `done`, at most `limit`. Tells whether it was done.
    pub fn run_until(&mut self, limit: Duration, done: impl Fn(&Self) -> bool) -> bool {
        let end = self.elapsed + limit;
        // Looking is dear in large worlds, so it is not done at every step.
        let pause = Duration::from_millis(100);
        loop {
            if done(self) {
                return true;
            }
            if self.elapsed >= end {
                return false;
            }
            let next = (self.elapsed + pause).min(end);
            self.run_for(next - self.elapsed);
        }
    }

    /// Carries out the next happening, if it is not after `end`.
    fn step(&mut self, end: Duration) -> bool {
        let Some(entry) = self.agenda.first_entry() else {
            return false;
        };
        if entry.key().0 > end {
            return false;
        }
        let ((at, _), happening) = entry.remove_entry();
        self.elapsed = at;
        match happening {
            Happening::Wake(node) => self.wake(node),
            Happening::Tell(node, boot, input) => self.tell(node, boot, *input),
            Happening::Disk(node, boot, question) => self.answer(node, boot, question),
            Happening::Dht(node, boot, request) => self.on_dht(node, boot, request),
            Happening::Arrive(travelling) => self.arrive(travelling),
        }
        true
    }

    fn at(&mut self, at: Duration, happening: Happening) {
        self.next_happening += 1;
        self.agenda.insert((at, self.next_happening), happening);
    }

    fn tell_later(&mut self, after: Duration, node: NodeIndex, input: Input) {
        let boot = self.nodes[node].boots;
        self.at(
            self.elapsed + after,
            Happening::Tell(node, boot, Box::new(input)),
        );
    }

    fn draw(&mut self, range: Range<Duration>) -> Duration {
        let nanos = range.start.as_nanos() as u64..range.end.as_nanos() as u64;
        Duration::from_nanos(self.rng.random_range(nanos))
    }

    fn message_delay(&mut self) -> Duration {
        self.draw(self.config.delay.clone())
    }

    fn detection_delay(&mut self) -> Duration {
        self.draw(self.config.detection.clone())
    }

    fn fresh(&mut self) -> [u8; 32] {
        let mut bytes = [0; 32];
        self.rng.fill_bytes(&mut bytes);
        bytes
    }

    /// Both clocks of a node.
    fn now_at(&self, node: NodeIndex) -> Now {
        let true_time = self.now().as_millis() as i64;
        Now {
            instant: self.base + self.elapsed,
            timestamp: Timestamp::from_millis((true_time + self.nodes[node].skew_millis) as u64),
        }
    }

    fn tell(&mut self, node: NodeIndex, boot: u64, input: Input) {
        if self.nodes[node].boots != boot {
            return;
        }
        self.note(node, &input);
        self.counts.inputs += 1;
        let now = self.now_at(node);
        match &mut self.nodes[node].actor {
            Actor::Honest(engine) => {
                engine.handle(input, now);
                self.settle(node);
            }
            Actor::Raw(inbox) => inbox.push((self.elapsed, input)),
            Actor::Off => {}
        }
    }

    fn wake(&mut self, node: NodeIndex) {
        if self.nodes[node].wake_at == Some(self.elapsed) {
            self.nodes[node].wake_at = None;
            let boot = self.nodes[node].boots;
            self.tell(node, boot, Input::Tick);
        }
    }

    /// Carries out what an engine wants, and has it woken when it wants to be.
    fn settle(&mut self, node: NodeIndex) {
        let mut idle_ticks = 0;
        loop {
            let outputs = self.drain(node);
            let now = self.now_at(node);
            let seed = self.config.seed;
            let Node {
                actor, memberships, ..
            } = &mut self.nodes[node];
            let Actor::Honest(engine) = actor else {
                return;
            };
            check_bounds(engine, &self.groups, memberships, seed);
            match engine.next_wakeup(now) {
                Some(wanted) if wanted <= now.instant => {
                    idle_ticks = if outputs == 0 { idle_ticks + 1 } else { 0 };
                    assert!(
                        idle_ticks < 4,
                        "seed {seed}: node {node} spins, wants to be woken {:?} ago",
                        now.instant - wanted
                    );
                    engine.handle(Input::Tick, now);
                }
                wanted => {
                    let at = wanted.map(|wanted| wanted - self.base);
                    if let Some(at) = at
                        && self.nodes[node].wake_at != Some(at)
                    {
                        self.at(at, Happening::Wake(node));
                    }
                    self.nodes[node].wake_at = at;
                    return;
                }
            }
        }
    }

    fn drain(&mut self, node: NodeIndex) -> usize {
        let mut count = 0;
        loop {
            let Actor::Honest(engine) = &mut self.nodes[node].actor else {
                return count;
            };
            let Some(output) = engine.poll_output() else {
                return count;
            };
            count += 1;
            self.carry_out(node, output);
        }
    }

    /// Makes a node do something, whatever its engine thinks of it.
    pub fn inject(&mut self, node: NodeIndex, output: Output) {
        self.carry_out(node, output);
    }

    fn carry_out(&mut self, node: NodeIndex, output: Output) {
        match output {
            Output::Put { operation, puts } => self.ask_disk(node, Question::Put(operation, puts)),
            Output::Read {
                operation,
                replica,
                read,
            } => self.ask_disk(node, Question::Read(operation, replica, read)),
            Output::Withdraw {
                operation,
                replica,
                versions,
            } => self.ask_disk(node, Question::Withdraw(operation, replica, versions)),
            Output::Reply { command, result } => {
                self.nodes[node].replies.insert(command, result);
            }
            Output::ConnectedAt { command, result } => {
                let ends = &mut self.nodes[node].attempts;
                let told = ends.insert(command, result);
                assert!(told.is_none(), "an attempt ends once");
            }
            Output::Emit(event) => {
                if let Event::Synchronised { replica } = &event {
                    self.nodes[node].synchronised.insert(*replica);
                }
                self.keep_renewed(node, &event);
                let at = self.elapsed;
                self.nodes[node].events.push((at, event));
            }
            Output::Announce { replica, key, set } => {
                self.ask_dht(node, dht::Request::Announce(replica, key, set));
            }
            Output::LookUp { replica, key } => {
                self.counts.lookups += 1;
                self.ask_dht(node, dht::Request::LookUp(replica, key));
            }
            other => self.carry_out_on_network(node, other),
        }
    }

    /// Adds an input to the trace.
    fn note(&mut self, node: NodeIndex, input: &Input) {
        let (word, bytes): (&str, &[u8]) = match input {
            Input::Knocked { bytes, .. } => ("knocked", bytes),
            Input::ExchangeFrame { frame, .. } => ("exchange", frame),
            Input::ExchangeEnded { .. } => ("ended", &[]),
            Input::Frame { frame, .. } => ("frame", frame),
            Input::Heard { bytes, .. } => ("heard", bytes),
            Input::PeerConnected(_) => ("connected", &[]),
            Input::PeerDisconnected(_) => ("disconnected", &[]),
            Input::LinkLost { .. } => ("lost", &[]),
            Input::Stored { .. } => ("stored", &[]),
            Input::Found { .. } => ("found", &[]),
            Input::Tick => ("tick", &[]),
            _ => ("other", &[]),
        };
        self.trace.update(self.elapsed.as_nanos().to_be_bytes());
        self.trace.update((node as u64).to_be_bytes());
        self.trace.update(word.as_bytes());
        self.trace.update((bytes.len() as u64).to_be_bytes());
        self.trace.update(bytes);
    }

    /// The node with this peer id.
    #[must_use]
    pub fn node_of(&self, peer: &PeerId) -> Option<NodeIndex> {
        self.by_peer.get(peer).copied()
    }

    /// The neighbours of a node in a group, as its engine sees them.
    #[must_use]
    pub fn neighbours(&self, node: NodeIndex, group: GroupIndex) -> BTreeSet<NodeIndex> {
        let Some(view) = self.view(node, group) else {
            return BTreeSet::new();
        };
        view.neighbours
            .keys()
            .filter_map(|peer| self.node_of(peer))
            .collect()
    }

    /// Whether the links of a group join all of `nodes` together, directly or through one another.
    #[must_use]
    pub fn is_joined(&self, group: GroupIndex, nodes: &[NodeIndex]) -> bool {
        let Some(first) = nodes.first() else {
            return true;
        };
        let wanted: BTreeSet<NodeIndex> = nodes.iter().copied().collect();
        let mut seen = BTreeSet::from([*first]);
        let mut next = vec![*first];
        while let Some(node) = next.pop() {
            for other in self.neighbours(node, group) {
                if wanted.contains(&other) && seen.insert(other) {
                    next.push(other);
                }
            }
        }
        seen == wanted
    }

    /// Whether the replicas of all these nodes hold the same, and something.
    #[must_use]
    pub fn converged(&self, group: GroupIndex, nodes: &[NodeIndex]) -> bool {
        let mut prints = nodes.iter().map(|node| self.fingerprint(*node, group));
        let first = prints.next().flatten();
        let hold_something = nodes.iter().all(|node| self.record_count(*node, group) > 0);
        hold_something && first.is_some() && prints.all(|print| print == first)
    }

    /// The digest of what a node holds of a group, as of the true time.
    #[must_use]
    pub fn fingerprint(&self, node: NodeIndex, group: GroupIndex) -> Option<[u8; 32]> {
        let replica = self.replica(node, group)?;
        self.nodes[node]
            .store
            .fingerprint(&replica, self.now())
            .ok()
    }

    /// The id of a group.
    #[must_use]
    pub fn group_id(&self, group: GroupIndex) -> GroupId {
        self.groups[group].key.root().id()
    }
}

/// What must hold whenever an engine has been called.
fn check_bounds(
    engine: &Engine,
    groups: &[group::Group],
    memberships: &BTreeMap<GroupIndex, Membership>,
    seed: u64,
) {
    for (index, membership) in memberships {
        let Some(group) = groups.get(*index) else {
            continue;
        };
        let Some(view) = engine.view(&membership.replica()) else {
            continue;
        };
        assert!(
            view.neighbours.len() <= MAX_NEIGHBOURS,
            "seed {seed}: {} neighbours in {:?}",
            view.neighbours.len(),
            group.key
        );
    }
}
