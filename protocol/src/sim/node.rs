//! One node: its engine, its store, its application, its ups and downs.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use libp2p_identity::PeerId;
use multiaddr::Multiaddr;
use peerage_records::{
    codec::SignedRecord,
    id::{EnvelopeHash, RecordId, RecordType, ReplicaId},
    record::{RecordDraft, RecordUpdate},
    store::{self, Partition, RecordQuery, Store},
};

use super::{GroupIndex, Membership, NodeIndex, World};
use crate::{
    door::Door,
    engine::{
        Change, ChangeError, CommandId, ConnectFailure, DoorInput, DoorView, Engine, Event,
        GroupView, Input, OpenGroup, PresenceWish, StoreFailure,
    },
    identity::Identity,
    properties::PropertiesChange,
};

/// How a command of an application ended.
pub type Ended = Result<SignedRecord, ChangeError>;

#[derive(Debug)]
pub(super) enum Actor {
    Honest(Box<Engine>),
    /// A peer played by the test: what it is told, and when.
    Raw(Vec<(Duration, Input)>),
    Off,
}

#[derive(Debug)]
pub(super) struct Node {
    pub(super) peer: PeerId,
    pub(super) addresses: Vec<Multiaddr>,
    pub(super) actor: Actor,
    /// Grows with every start and stop, so that nothing reaches the wrong life.
    pub(super) boots: u64,
    pub(super) skew_millis: i64,
    pub(super) store: store::memory::MemoryStore,
    pub(super) disk_free: Duration,
    pub(super) broken: Option<StoreFailure>,
    pub(super) memberships: BTreeMap<GroupIndex, Membership>,
    /// Survives restarts, as the real node's note does.
    pub(super) synchronised: BTreeSet<ReplicaId>,
    pub(super) online: BTreeSet<GroupIndex>,
    pub(super) events: Vec<(Duration, Event)>,
    pub(super) replies: BTreeMap<CommandId, Ended>,
    pub(super) attempts: BTreeMap<CommandId, Result<PeerId, ConnectFailure>>,
    pub(super) next_command: CommandId,
    pub(super) wake_at: Option<Duration>,
    pub(super) network: super::network::Host,
}

impl World {
    /// A node that is on and reachable.
    pub fn add_node(&mut self) -> NodeIndex {
        let node = self.nodes.len();
        let address = format!("/memory/{}", node + 1);
        let address = address.parse().expect("a number makes a memory address");
        let node = self.add(vec![address]);
        self.start(node);
        node
    }

    /// A peer without an engine, to be played by the test.
    pub fn add_raw(&mut self) -> NodeIndex {
        let node = self.nodes.len();
        let address = format!("/memory/{}", node + 1);
        let address = address.parse().expect("a number makes a memory address");
        let node = self.add(vec![address]);
        self.nodes[node].actor = Actor::Raw(Vec::new());
        node
    }

    /// A node that nobody can dial.
    pub fn add_unreachable(&mut self) -> NodeIndex {
        let node = self.add(Vec::new());
        self.start(node);
        node
    }

    fn add(&mut self, addresses: Vec<Multiaddr>) -> NodeIndex {
        // The identity multihash of an Ed25519 key; nobody here does TLS, so any 32 bytes do.
        let mut bytes = vec![0x00, 0x24, 0x08, 0x01, 0x12, 0x20];
        bytes.extend_from_slice(&self.fresh());
        let peer = PeerId::from_bytes(&bytes).expect("a well-formed multihash");
        let node = self.nodes.len();
        self.by_peer.insert(peer, node);
        self.islands.push(0);
        self.nodes.push(Node {
            peer,
            addresses,
            actor: Actor::Off,
            boots: 0,
            skew_millis: 0,
            store: store::memory::MemoryStore::new(),
            disk_free: Duration::ZERO,
            broken: None,
            memberships: BTreeMap::new(),
            synchronised: BTreeSet::new(),
            online: BTreeSet::new(),
            events: Vec::new(),
            replies: BTreeMap::new(),
            attempts: BTreeMap::new(),
            next_command: 0,
            wake_at: None,
            network: super::network::Host::default(),
        });
        node
    }

    fn start(&mut self, node: NodeIndex) {
        let mut boot = [0; 16];
        boot.copy_from_slice(&self.fresh()[..16]);
        let seed = self.fresh();
        let engine = Engine::new(self.nodes[node].peer, boot, seed);
        self.nodes[node].boots += 1;
        self.nodes[node].actor = Actor::Honest(Box::new(engine));
        let addresses = self.nodes[node].addresses.clone();
        self.command(node, Input::Addresses(addresses));
    }

    /// The peer id of a node.
    #[must_use]
    pub fn peer(&self, node: NodeIndex) -> PeerId {
        self.nodes[node].peer
    }

    /// Sets a node's clock wrong by so many milliseconds, to the future when positive.
    pub fn set_skew_millis(&mut self, node: NodeIndex, skew: i64) {
        self.nodes[node].skew_millis = skew;
    }

    /// Hands an engine an input now.
    pub fn command(&mut self, node: NodeIndex, input: Input) {
        let boot = self.nodes[node].boots;
        self.tell(node, boot, input);
    }

    /// Stops a node without a word. What its disk has done stays; the rest is gone.
    pub fn crash(&mut self, node: NodeIndex) {
        self.nodes[node].boots += 1;
        self.nodes[node].actor = Actor::Off;
        self.nodes[node].wake_at = None;
        self.nodes[node].disk_free = Duration::ZERO;
        self.cut_all(node);
    }

    /// Starts a stopped node: a new engine finds the old store, and goes online where it was.
    pub fn restart(&mut self, node: NodeIndex) {
        self.start(node);
        let groups: Vec<GroupIndex> = self.nodes[node].memberships.keys().copied().collect();
        for group in groups {
            self.open(node, group);
            if self.nodes[node].online.contains(&group) {
                self.connect(node, group);
            }
        }
    }

    /// Takes the engine of a node away: from now on it is played by the test, links and all.
    pub fn turn_raw(&mut self, node: NodeIndex) {
        self.nodes[node].boots += 1;
        self.nodes[node].actor = Actor::Raw(Vec::new());
        self.nodes[node].wake_at = None;
    }

    /// What a raw peer has been told, and when.
    #[must_use]
    pub fn inbox(&self, node: NodeIndex) -> &[(Duration, Input)] {
        match &self.nodes[node].actor {
            Actor::Raw(inbox) => inbox,
            Actor::Honest(_) | Actor::Off => &[],
        }
    }

    /// Opens a group on a node again, for example with a membership that was renewed.
    pub fn open(&mut self, node: NodeIndex, group: GroupIndex) {
        let Some(membership) = self.nodes[node].memberships.get(&group).cloned() else {
            return;
        };
        let replica = membership.replica();
        let now = self.now_at(node).timestamp;
        let host = &mut self.nodes[node];
        host.store
            .open_replica(replica)
            .expect("the memory store opens every replica");
        let query = RecordQuery {
            kind: None,
            partition: Partition::Membership,
            after: None,
            limit: usize::MAX,
        };
        let members = host.store.list(&replica, &query, now).unwrap_or_default();
        let synchronised = host.synchronised.contains(&replica);
        let of = &self.groups[group];
        let open = OpenGroup {
            identity: Arc::<Identity>::clone(&membership.identity),
            gmc: membership.gmc,
            secret: self.groups[group].secret.clone(),
            cloud: self.groups[group].cloud.clone(),
            synchronised,
            members,
            group_key: (of.creator == Some(node) && of.properties.is_some())
                .then(|| of.key.clone()),
            founding: of.properties.clone().unwrap_or_default(),
            attributes: None,
            restored: None,
        };
        self.command(node, Input::Open(Box::new(open)));
    }

    /// Puts a group's door in the place of the one it has, as who holds the group's key.
    ///
    /// # Panics
    /// When that is refused.
    pub fn set_door(&mut self, node: NodeIndex, group: GroupIndex, door: Door) {
        let command = self.nodes[node].next_command;
        self.nodes[node].next_command += 1;
        let Some(replica) = self.replica(node, group) else {
            panic!("the node is no member");
        };
        let set = DoorInput::Set {
            command,
            replica,
            door: Box::new(door),
            key: Box::new(self.group_key(group).clone()),
        };
        self.command(node, Input::Door(set));
        self.run_until(Duration::from_secs(10), |world| {
            world.reply(node, command).is_some()
        });
        let reply = self.reply(node, command);
        assert!(
            matches!(reply, Some(Ok(_))),
            "seed {}: {reply:?}",
            self.config.seed
        );
    }

    /// The door of a group, as a node knows it.
    #[must_use]
    pub fn door(&self, node: NodeIndex, group: GroupIndex) -> Option<DoorView<'_>> {
        let replica = self.replica(node, group)?;
        match &self.nodes[node].actor {
            Actor::Honest(engine) => engine.door(&replica),
            Actor::Raw(_) | Actor::Off => None,
        }
    }

    /// Puts another membership in the place of the one a node has, and opens the group with it.
    pub fn renew(&mut self, node: NodeIndex, group: GroupIndex, membership: Membership) {
        self.nodes[node].memberships.insert(group, membership);
        self.open(node, group);
    }

    /// Goes online with a group, knowing nobody.
    pub fn connect(&mut self, node: NodeIndex, group: GroupIndex) {
        self.connect_knowing(node, group, &[]);
    }

    /// Goes online with a group, remembering some nodes.
    pub fn connect_knowing(&mut self, node: NodeIndex, group: GroupIndex, known: &[NodeIndex]) {
        let known = known
            .iter()
            .map(|other| {
                (
                    self.nodes[*other].peer,
                    self.nodes[*other].addresses.clone(),
                )
            })
            .collect();
        self.nodes[node].online.insert(group);
        if let Some(replica) = self.replica(node, group) {
            self.command(node, Input::Connect { replica, known });
        }
    }

    /// Goes offline with a group, properly.
    pub fn disconnect(&mut self, node: NodeIndex, group: GroupIndex) {
        self.nodes[node].online.remove(&group);
        if let Some(replica) = self.replica(node, group) {
            self.command(node, Input::Disconnect { replica });
        }
    }

    /// Asks a node to publish a record that lives a year.
    pub fn publish(&mut self, node: NodeIndex, group: GroupIndex, payload: &[u8]) -> CommandId {
        self.publish_for(node, group, payload, Duration::from_secs(365 * 24 * 3_600))
    }

    /// Asks a node to publish a record with this lifetime.
    pub fn publish_for(
        &mut self,
        node: NodeIndex,
        group: GroupIndex,
        payload: &[u8],
        lifetime: Duration,
    ) -> CommandId {
        let draft = RecordDraft {
            kind: RecordType::from_name("note"),
            expires: self.now_at(node).timestamp + lifetime,
            attributes: Vec::new(),
            payload: payload.to_vec(),
        };
        self.change(node, group, Change::Publish(draft))
    }

    /// Asks a node to give a record another payload.
    pub fn update(
        &mut self,
        node: NodeIndex,
        group: GroupIndex,
        id: RecordId,
        payload: &[u8],
    ) -> CommandId {
        let update = RecordUpdate {
            payload: Some(payload.to_vec()),
            ..RecordUpdate::default()
        };
        self.change(node, group, Change::Update(id, update))
    }

    /// Asks a node to delete a record.
    pub fn delete(&mut self, node: NodeIndex, group: GroupIndex, id: RecordId) -> CommandId {
        self.change(node, group, Change::Delete(id))
    }

    /// Asks a node to change the group's properties.
    pub fn set_properties(
        &mut self,
        node: NodeIndex,
        group: GroupIndex,
        change: PropertiesChange,
    ) -> CommandId {
        self.change(node, group, Change::Properties(change))
    }

    /// Wants something of a node's presence in a group.
    pub fn wish(&mut self, node: NodeIndex, group: GroupIndex, wish: PresenceWish) {
        if let Some(replica) = self.replica(node, group) {
            self.command(node, Input::Presence { replica, wish });
        }
    }

    pub(super) fn change(
        &mut self,
        node: NodeIndex,
        group: GroupIndex,
        change: Change,
    ) -> CommandId {
        let command = self.nodes[node].next_command;
        self.nodes[node].next_command += 1;
        if let Some(replica) = self.replica(node, group) {
            self.command(
                node,
                Input::Command {
                    command,
                    replica,
                    change,
                },
            );
        }
        command
    }

    /// How a command ended, once it has.
    #[must_use]
    pub fn reply(&self, node: NodeIndex, command: CommandId) -> Option<&Ended> {
        self.nodes[node].replies.get(&command)
    }

    /// Publishes, waits for the disk, and gives back the record's id.
    ///
    /// # Panics
    /// When the record is not published.
    pub fn published(&mut self, node: NodeIndex, group: GroupIndex, payload: &[u8]) -> RecordId {
        let command = self.publish(node, group, payload);
        self.run_until(Duration::from_secs(10), |world| {
            world.reply(node, command).is_some()
        });
        match self.reply(node, command) {
            Some(Ok(record)) => record.record().id,
            other => panic!("seed {}: not published: {other:?}", self.config.seed),
        }
    }

    /// Everything a node's application has been told, and when.
    #[must_use]
    pub fn events(&self, node: NodeIndex) -> &[(Duration, Event)] {
        &self.nodes[node].events
    }

    /// Forgets the events so far.
    pub fn clear_events(&mut self, node: NodeIndex) {
        self.nodes[node].events.clear();
    }

    /// What a node's engine knows about a group.
    #[must_use]
    pub fn view(&self, node: NodeIndex, group: GroupIndex) -> Option<GroupView<'_>> {
        let replica = self.replica(node, group)?;
        match &self.nodes[node].actor {
            Actor::Honest(engine) => engine.view(&replica),
            Actor::Raw(_) | Actor::Off => None,
        }
    }

    /// How much an engine has begun and not finished; see [`Engine::unfinished`].
    #[must_use]
    pub fn unfinished(&self, node: NodeIndex) -> usize {
        match &self.nodes[node].actor {
            Actor::Honest(engine) => engine.unfinished(),
            Actor::Raw(_) | Actor::Off => 0,
        }
    }

    /// Whether a node says it has been brought up to date.
    #[must_use]
    pub fn is_synchronised(&self, node: NodeIndex, group: GroupIndex) -> bool {
        self.view(node, group).is_some_and(|view| view.synchronised)
    }

    /// Which replica a node keeps of a group.
    #[must_use]
    pub fn replica(&self, node: NodeIndex, group: GroupIndex) -> Option<ReplicaId> {
        self.nodes[node]
            .memberships
            .get(&group)
            .map(Membership::replica)
    }

    /// What a node holds of a record, tombstones included.
    #[must_use]
    pub fn held(&self, node: NodeIndex, group: GroupIndex, id: RecordId) -> Option<SignedRecord> {
        let replica = self.replica(node, group)?;
        self.nodes[node].store.get(&replica, &id).ok().flatten()
    }

    /// Whether a node holds exactly this envelope.
    #[must_use]
    pub fn holds(&self, node: NodeIndex, group: GroupIndex, hash: &EnvelopeHash) -> bool {
        self.replica(node, group)
            .and_then(|replica| {
                self.nodes[node]
                    .store
                    .by_hash(&replica, hash)
                    .ok()
                    .flatten()
            })
            .is_some()
    }

    /// The payloads of the applications' records a node shows, in the order of their ids.
    #[must_use]
    pub fn payloads(&self, node: NodeIndex, group: GroupIndex) -> Vec<Vec<u8>> {
        let query = RecordQuery {
            kind: None,
            partition: Partition::Application,
            after: None,
            limit: usize::MAX,
        };
        let records = self.replica(node, group).and_then(|replica| {
            let now = self.now_at(node).timestamp;
            self.nodes[node].store.list(&replica, &query, now).ok()
        });
        records
            .unwrap_or_default()
            .iter()
            .map(|signed| signed.record().payload.clone())
            .collect()
    }

    /// How many records a node holds, memberships and tombstones included.
    #[must_use]
    pub fn record_count(&self, node: NodeIndex, group: GroupIndex) -> u64 {
        self.replica(node, group)
            .and_then(|replica| self.nodes[node].store.count(&replica).ok())
            .unwrap_or(0)
    }

    /// Removes what has expired from a node's store, as the real node does now and then.
    pub fn expire(&mut self, node: NodeIndex, group: GroupIndex) -> Vec<store::Change> {
        let now = self.now_at(node).timestamp;
        self.replica(node, group)
            .and_then(|replica| {
                self.nodes[node]
                    .store
                    .expire(&replica, now, usize::MAX)
                    .ok()
            })
            .unwrap_or_default()
    }

    /// The store of a node.
    pub fn store_mut(&mut self, node: NodeIndex) -> &mut impl Store {
        &mut self.nodes[node].store
    }
}
