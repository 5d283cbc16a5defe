//! libp2p's events into the engine's inputs, the engine's outputs into calls.
//!
//! The only file that sees both worlds.

mod direct;

use std::{
    collections::{HashMap, VecDeque},
    time::Duration,
};

use futures::StreamExt;
use libp2p::{
    Multiaddr, PeerId, StreamProtocol, Swarm,
    core::transport::ListenerId,
    identify,
    kad::{self as libp2p_kad, GetRecordOk, QueryId, QueryResult},
    ping,
    request_response::{self, Message},
    swarm::{
        ConnectionId, DialError, SwarmEvent,
        dial_opts::{DialOpts, PeerCondition},
    },
};
use peerage_records::{id::ReplicaId, time::Timestamp};
use thiserror::Error;

use super::{
    behaviour::{Behaviour, BehaviourEvent},
    group_net::{self, ExchangeId, LinkHandle, PublishError},
    kad,
    reach::{self, Reach},
    transport,
};
use crate::{
    cloud::Cloud,
    discovery::{self, EntrySet, Progress},
    engine::{CommandId, ConnectFailure, DirectInput, Input, Output, Verdict, split_peer},
    wire::admission::MAX_ADDRESSES,
};

/// Lookups of one kind under way at once; libp2p has no back-pressure on queries of its own.
const MAX_QUERIES: usize = 16;
/// Knocks of one peer in a row: an honest one makes one per group we share and connection. Each
/// costs a key derivation per group that is online here.
const MAX_KNOCKS: u32 = 64;
/// How long a peer earns one more.
const KNOCK_INTERVAL: Duration = Duration::from_secs(2);
/// How long a peer that broke the protocol stays out.
const BLOCKED_FOR: Duration = Duration::from_secs(600);
/// Peers kept out at once; whoever comes over it lets the first one back in. 60 bytes each.
const MAX_BLOCKED: usize = 1_024;

/// The running network half: a swarm, spoken to in the engine's terms.
pub struct Network {
    swarm: Swarm<Behaviour>,
    clock: kad::Clock,
    cloud: Cloud,
    kad_protocol: StreamProtocol,
    /// What is put and got in the cloud, by query.
    announces: HashMap<QueryId, ReplicaId>,
    lookups: HashMap<QueryId, Lookup>,
    /// Connections being made to addresses that an application named.
    named: HashMap<ConnectionId, Named>,
    directs: direct::Directs,
    reached_cloud: bool,
    /// Every peer with a connection.
    peers: HashMap<PeerId, Peer>,
    /// Peers that broke the protocol, each with the time when it may come back.
    blocked: VecDeque<(Timestamp, PeerId)>,
    inputs: VecDeque<Input>,
    counts: Counts,
}

/// A connection being made to an address that an application named.
#[derive(Debug)]
struct Named {
    command: CommandId,
    replica: ReplicaId,
    address: Multiaddr,
}

#[derive(Debug)]
struct Lookup {
    replica: ReplicaId,
    search: discovery::Lookup,
}

/// What is known of a connected peer.
#[derive(Debug)]
struct Peer {
    /// From how far away it connected first.
    seen: Reach,
    knocks: Allowance,
    asks: Allowance,
    /// Its connections, the oldest first; three at most.
    connections: Vec<(ConnectionId, Connection)>,
    /// Where it knocked last and has not been answered yet.
    knocked: Option<ConnectionId>,
}

/// One connection, for whoever inspects the node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Connection {
    /// Where the other end is, as seen from here.
    pub address: Multiaddr,
    /// Whether the other end began it.
    pub inbound: bool,
    /// When it was made.
    pub since: Timestamp,
    /// How long an answer took lately; nothing before the first was measured.
    pub round_trip: Option<Duration>,
}

/// How often a peer may still do something that costs us: a burst, and then once in a while.
#[derive(Debug)]
struct Allowance {
    burst: u32,
    interval: Duration,
    left: u32,
    /// When it last earned something, once it has begun.
    since: Option<Timestamp>,
}

impl Allowance {
    fn new(burst: u32, interval: Duration) -> Self {
        Self {
            burst,
            interval,
            left: burst,
            since: None,
        }
    }

    fn take(&mut self, now: Timestamp) -> bool {
        let since = *self.since.get_or_insert(now);
        let earned = now.since(since).as_millis() / self.interval.as_millis();
        if earned > 0 {
            let earned = u32::try_from(earned).unwrap_or(self.burst);
            self.left = self.left.saturating_add(earned).min(self.burst);
            self.since = Some(now);
        }
        if self.left == 0 {
            return false;
        }
        self.left -= 1;
        true
    }
}

/// What the metrics want to know and the engine does not.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Connections that opened.
    pub connections_opened: u64,
    /// Connections that closed.
    pub connections_closed: u64,
    /// Dials that failed.
    pub dials_failed: u64,
    /// Bodies that gossip has brought, every copy counted.
    pub gossip_copies: u64,
    /// Gossip messages that found no neighbour to go to.
    pub gossip_unsent: u64,
    /// Frames that did not fit a link's queue; the link was cut.
    pub frames_dropped: u64,
}

/// The node cannot listen: the address is taken, not ours, or no QUIC address.
#[derive(Debug, Error)]
#[error("cannot listen on {address}: {reason}")]
pub struct ListenError {
    /// The address asked for.
    pub address: Multiaddr,
    /// The system's words.
    pub reason: String,
}

impl std::fmt::Debug for Network {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Network")
            .field("peer", self.swarm.local_peer_id())
            .finish_non_exhaustive()
    }
}

impl Network {
    /// A node with this key, connected to nobody. Needs a tokio runtime.
    #[must_use]
    pub fn new(key: libp2p::identity::Keypair, clock: kad::Clock) -> Self {
        let cloud = Cloud::global();
        let public = key.public();
        let local = PeerId::from_public_key(&public);
        let swarm = Swarm::new(
            transport::quic(&key, transport::QuicSettings::default()),
            Behaviour::new(public, clock.clone()),
            local,
            transport::swarm_config(),
        );
        Self {
            swarm,
            clock,
            kad_protocol: StreamProtocol::try_from_owned(cloud.kad_protocol())
                .expect("the protocol of a cloud begins with a slash"),
            cloud,
            announces: HashMap::new(),
            lookups: HashMap::new(),
            named: HashMap::new(),
            directs: direct::Directs::default(),
            reached_cloud: false,
            peers: HashMap::new(),
            blocked: VecDeque::new(),
            inputs: VecDeque::new(),
            counts: Counts::default(),
        }
    }

    /// Who we are to other nodes.
    #[must_use]
    pub fn peer(&self) -> PeerId {
        *self.swarm.local_peer_id()
    }

    /// What has been counted since the start.
    #[must_use]
    pub fn counts(&self) -> Counts {
        Counts {
            gossip_copies: self.swarm.behaviour().groups.copies(),
            ..self.counts
        }
    }

    /// The connections with every connected peer, the oldest of each first.
    pub fn connections(&self) -> impl Iterator<Item = (PeerId, &Connection)> {
        self.peers.iter().flat_map(|(peer, known)| {
            let of_peer = known.connections.iter();
            of_peer.map(move |(_, connection)| (*peer, connection))
        })
    }

    /// Peers with a connection.
    #[must_use]
    pub fn connected(&self) -> usize {
        self.swarm.connected_peers().count()
    }

    /// Starts to listen.
    ///
    /// # Errors
    /// When the address is taken, not one of this machine's, or not a QUIC address.
    pub fn listen(&mut self, address: Multiaddr) -> Result<ListenerId, ListenError> {
        self.swarm
            .listen_on(address.clone())
            .map_err(|error| ListenError {
                address,
                reason: in_words(&error),
            })
    }

    /// Tells others that we can be reached here, whatever we see ourselves.
    pub fn add_external_address(&mut self, address: Multiaddr) {
        self.swarm.add_external_address(address);
    }

    /// Connects to a node of the cloud whose peer id is not known.
    pub fn dial(&mut self, address: Multiaddr) {
        if self.swarm.dial(address).is_err() {
            self.counts.dials_failed += 1;
        }
    }

    /// Drops what has expired of what this node stores for the cloud, and lets peers back in whose
    /// time is over. To be called every few seconds.
    pub fn sweep(&mut self) {
        self.swarm.behaviour_mut().kad.store_mut().expire();
        let now = self.clock.now();
        while self.blocked.front().is_some_and(|(until, _)| *until <= now) {
            self.unblock_first();
        }
    }

    /// How many nodes of the cloud are known here.
    pub fn cloud_size(&mut self) -> usize {
        let kad = &mut self.swarm.behaviour_mut().kad;
        kad.kbuckets().map(|bucket| bucket.num_entries()).sum()
    }

    /// Closes all connections with a peer and refuses new ones for a while.
    fn block(&mut self, peer: PeerId) {
        if self.blocked.len() >= MAX_BLOCKED {
            self.unblock_first();
        }
        if self.swarm.behaviour_mut().blocked.block_peer(peer) {
            let until = self.clock.now() + BLOCKED_FOR;
            self.blocked.push_back((until, peer));
        }
    }

    fn unblock_first(&mut self) {
        if let Some((_, peer)) = self.blocked.pop_front() {
            self.swarm.behaviour_mut().blocked.unblock_peer(peer);
        }
    }

    /// Where we can be reached, most useful first: what an operator named, then addresses other
    /// machines can use, and loopback only when there is nothing else.
    #[must_use]
    pub fn addresses(&self) -> Vec<Multiaddr> {
        let mut addresses: Vec<Multiaddr> = self.swarm.external_addresses().cloned().collect();
        for address in reach::worth_telling(self.swarm.listeners().cloned()) {
            if !addresses.contains(&address) {
                addresses.push(address);
            }
        }
        addresses.truncate(MAX_ADDRESSES);
        addresses
    }

    /// All addresses the node listens on.
    #[must_use]
    pub fn listeners(&self) -> Vec<Multiaddr> {
        self.swarm.listeners().cloned().collect()
    }

    /// Waits for the next thing the engine should know. Dropping the future loses nothing.
    pub async fn next(&mut self) -> Input {
        loop {
            if let Some(input) = self.inputs.pop_front() {
                return input;
            }
            let event = self.swarm.select_next_some().await;
            self.on_swarm_event(event);
        }
    }

    /// Waits until the system lets us listen somewhere, or says why not.
    ///
    /// # Errors
    /// When a listener closed instead; its address is not told by the system.
    pub async fn listening(&mut self) -> Result<(), String> {
        while self.swarm.listeners().next().is_none() {
            let event = self.swarm.select_next_some().await;
            if let SwarmEvent::ListenerClosed {
                reason: Err(error), ..
            } = &event
            {
                return Err(in_words(error));
            }
            self.on_swarm_event(event);
        }
        Ok(())
    }

    /// Carries out an output; gives back what is for the store or the application.
    pub fn carry_out(&mut self, output: Output) -> Option<Output> {
        match output {
            Output::Dial { peer, addresses } => self.dial_peer(peer, addresses),
            Output::DialAddress {
                command,
                replica,
                address,
            } => self.dial_address(Named {
                command,
                replica,
                address,
            }),
            Output::Knock { peer, bytes } => {
                self.swarm.behaviour_mut().knocks.send_request(&peer, bytes);
            }
            Output::StartExchange { peer, replica } => {
                let known = self.peers.get_mut(&peer);
                let exchange = match known.and_then(|known| known.knocked.take()) {
                    Some(asked) => self.groups().start_exchange_where(peer, asked),
                    None => self.groups().start_exchange(peer),
                };
                let exchange = exchange.map(ExchangeId::number);
                self.inputs.push_back(Input::ExchangeStarted {
                    peer,
                    replica,
                    exchange,
                });
            }
            Output::SendExchange { exchange, frame } => {
                self.groups()
                    .send_exchange(ExchangeId::from_number(exchange), frame);
            }
            Output::EndExchange { exchange } => {
                self.groups()
                    .end_exchange(ExchangeId::from_number(exchange));
            }
            Output::InsertGroup(group) => self.groups().insert_group(group),
            Output::RemoveGroup(group) => self.groups().remove_group(&group),
            Output::OpenLink {
                group,
                peer,
                exchange,
                handle,
            } => {
                let handle = LinkHandle::from_bytes(*handle.as_bytes());
                let exchange = ExchangeId::from_number(exchange);
                if self.groups().open(group, peer, exchange, handle).is_err() {
                    self.inputs.push_back(Input::LinkLost { group, peer });
                }
            }
            Output::CloseLink { group, peer } => self.groups().close(&group, &peer),
            Output::MuteLink { group, peer } => self.groups().mute(&group, &peer),
            Output::Send { group, peer, frame } => {
                if self.groups().send_frame(&group, &peer, frame).is_err() {
                    // The engine keeps few frames unanswered, so a full queue is a dead neighbour.
                    self.counts.frames_dropped += 1;
                    self.groups().close(&group, &peer);
                    self.inputs.push_back(Input::LinkLost { group, peer });
                }
            }
            Output::Gossip { group, bytes } => match self.groups().publish(&group, bytes) {
                Ok(_) => {}
                // Reconciliation carries it later.
                Err(PublishError::NoNeighbours) => self.counts.gossip_unsent += 1,
                Err(error) => tracing::debug!(%group, %error, "record not gossiped"),
            },
            Output::Verdict {
                group,
                source,
                message,
                verdict,
            } => {
                let verdict = match verdict {
                    Verdict::Accept => group_net::Verdict::Accept,
                    Verdict::Ignore => group_net::Verdict::Ignore,
                    Verdict::Reject => group_net::Verdict::Reject,
                };
                self.groups()
                    .report(&group, &message.into(), &source, verdict);
            }
            Output::Announce { replica, key, set } => self.announce(replica, key, &set),
            Output::LookUp { replica, key } => self.look_up(replica, key),
            Output::Direct(output) => self.carry_out_direct(output),
            other @ (Output::Put { .. }
            | Output::Stretch(_)
            | Output::Read { .. }
            | Output::Withdraw { .. }
            | Output::Reply { .. }
            | Output::ConnectedAt { .. }
            | Output::Emit(_)) => return Some(other),
        }
        None
    }

    fn groups(&mut self) -> &mut group_net::GroupNet {
        &mut self.swarm.behaviour_mut().groups
    }

    fn dial_peer(&mut self, peer: PeerId, addresses: Vec<Multiaddr>) {
        let options = DialOpts::peer_id(peer)
            .addresses(addresses)
            .condition(PeerCondition::DisconnectedAndNotDialing)
            .build();
        match self.swarm.dial(options) {
            Ok(()) | Err(DialError::DialPeerConditionFalse(_)) => {}
            Err(_) => {
                self.counts.dials_failed += 1;
                self.inputs.push_back(Input::DialFailed(peer));
            }
        }
    }

    /// Connects to whoever is at an address; each attempt is answered once.
    fn dial_address(&mut self, named: Named) {
        let (expected, place) = split_peer(&named.address);
        let options = match expected {
            Some(peer) if self.swarm.is_connected(&peer) => {
                self.answer_dial(named, Ok(peer));
                return;
            }
            // Beside any other attempt, so that the answer is about this address.
            Some(peer) => DialOpts::peer_id(peer)
                .addresses(vec![place])
                .condition(PeerCondition::Always)
                .build(),
            None => DialOpts::unknown_peer_id().address(place).build(),
        };
        let connection = options.connection_id();
        self.named.insert(connection, named);
        if let Err(error) = self.swarm.dial(options) {
            self.counts.dials_failed += 1;
            self.address_failed(connection, &error);
        }
    }

    fn answer_dial(&mut self, named: Named, result: Result<PeerId, ConnectFailure>) {
        self.inputs.push_back(Input::AddressDialled {
            command: named.command,
            replica: named.replica,
            address: named.address,
            result,
        });
    }

    fn address_failed(&mut self, connection: ConnectionId, error: &DialError) {
        let Some(attempt) = self.named.remove(&connection) else {
            return;
        };
        let failure = match error {
            DialError::WrongPeerId { .. } | DialError::LocalPeerId { .. } => {
                ConnectFailure::OtherPeer
            }
            // One that broke the protocol, or one too many.
            DialError::Denied { .. } => ConnectFailure::NotAuthorised,
            _ => ConnectFailure::Unreachable,
        };
        self.answer_dial(attempt, Err(failure));
    }

    fn announce(&mut self, replica: ReplicaId, key: [u8; 32], set: &EntrySet) {
        let record = kad::record(key, set);
        let query = (self.announces.len() < MAX_QUERIES)
            .then(|| {
                self.swarm
                    .behaviour_mut()
                    .kad
                    .put_record(record, kad::PUBLISH_QUORUM)
            })
            .and_then(Result::ok);
        match query {
            Some(query) => {
                self.announces.insert(query, replica);
            }
            None => self.inputs.push_back(Input::Announced {
                replica,
                result: Err(()),
            }),
        }
    }

    fn look_up(&mut self, replica: ReplicaId, key: [u8; 32]) {
        if self.lookups.len() >= MAX_QUERIES {
            return;
        }
        let query = self
            .swarm
            .behaviour_mut()
            .kad
            .get_record(kad::record_key(key));
        self.lookups.insert(
            query,
            Lookup {
                replica,
                search: discovery::Lookup::new(self.cloud.clone(), key),
            },
        );
    }

    fn on_swarm_event(&mut self, event: SwarmEvent<BehaviourEvent>) {
        match event {
            SwarmEvent::Behaviour(event) => self.on_behaviour_event(event),
            SwarmEvent::ConnectionEstablished {
                peer_id,
                num_established,
                endpoint,
                connection_id,
                ..
            } => {
                self.counts.connections_opened += 1;
                let now = self.clock.now();
                if num_established.get() == 1 {
                    let peer = Peer {
                        seen: Reach::of(endpoint.get_remote_address()).unwrap_or(Reach::Global),
                        knocks: Allowance::new(MAX_KNOCKS, KNOCK_INTERVAL),
                        asks: direct::asks(),
                        connections: Vec::new(),
                        knocked: None,
                    };
                    self.peers.insert(peer_id, peer);
                    self.inputs.push_back(Input::PeerConnected(peer_id));
                }
                if let Some(peer) = self.peers.get_mut(&peer_id) {
                    let connection = Connection {
                        address: endpoint.get_remote_address().clone(),
                        inbound: endpoint.is_listener(),
                        since: now,
                        round_trip: None,
                    };
                    peer.connections.push((connection_id, connection));
                }
                if let Some(attempt) = self.named.remove(&connection_id) {
                    self.answer_dial(attempt, Ok(peer_id));
                }
                self.direct_dial_ended(connection_id, Ok(peer_id));
            }
            SwarmEvent::ConnectionClosed {
                peer_id,
                num_established: 0,
                ..
            } => {
                self.counts.connections_closed += 1;
                self.peers.remove(&peer_id);
                self.inputs.push_back(Input::PeerDisconnected(peer_id));
            }
            SwarmEvent::ConnectionClosed {
                peer_id,
                connection_id,
                ..
            } => {
                self.counts.connections_closed += 1;
                if let Some(peer) = self.peers.get_mut(&peer_id) {
                    peer.connections.retain(|(id, _)| *id != connection_id);
                }
            }
            SwarmEvent::OutgoingConnectionError {
                peer_id,
                error,
                connection_id,
            } => {
                self.counts.dials_failed += 1;
                self.address_failed(connection_id, &error);
                self.direct_dial_ended(connection_id, Err(&error));
                if let Some(peer) = peer_id {
                    tracing::debug!(%peer, %error, "dial failed");
                    if !self.swarm.is_connected(&peer) {
                        self.inputs.push_back(Input::DialFailed(peer));
                    }
                }
            }
            SwarmEvent::NewListenAddr { address, .. } => {
                tracing::info!(%address, "listening");
                self.addresses_changed();
            }
            SwarmEvent::ExpiredListenAddr { .. }
            | SwarmEvent::ListenerClosed { .. }
            | SwarmEvent::ExternalAddrConfirmed { .. }
            | SwarmEvent::ExternalAddrExpired { .. } => self.addresses_changed(),
            SwarmEvent::ListenerError { error, .. } => {
                tracing::warn!(%error, "listener");
            }
            _ => {}
        }
    }

    fn addresses_changed(&mut self) {
        let addresses = self.addresses();
        self.inputs.push_back(Input::Addresses(addresses));
    }

    fn on_behaviour_event(&mut self, event: BehaviourEvent) {
        match event {
            BehaviourEvent::Groups(event) => self.on_group_event(event),
            BehaviourEvent::Identify(identify::Event::Received { peer_id, info, .. }) => {
                self.on_identified(peer_id, &info);
            }
            BehaviourEvent::Kad(event) => self.on_kad_event(event),
            BehaviourEvent::Knocks(request_response::Event::Message {
                peer,
                connection_id,
                message:
                    Message::Request {
                        request, channel, ..
                    },
            }) => {
                // The same answer at once, whatever the knock was about.
                let _ = self.swarm.behaviour_mut().knocks.send_response(channel, ());
                let now = self.clock.now();
                if let Some(known) = self.peers.get_mut(&peer)
                    && known.knocks.take(now)
                {
                    known.knocked = Some(connection_id);
                    self.inputs.push_back(Input::Knocked {
                        peer,
                        bytes: request,
                    });
                }
            }
            BehaviourEvent::Directs(event) => self.on_direct_event(event),
            BehaviourEvent::Ping(ping::Event {
                peer,
                connection,
                result: Ok(round_trip),
            }) => {
                let connections = self.peers.get_mut(&peer).map(|peer| &mut peer.connections);
                let pinged = connections
                    .into_iter()
                    .flatten()
                    .find(|(id, _)| *id == connection);
                if let Some((_, found)) = pinged {
                    found.round_trip = Some(round_trip);
                }
            }
            BehaviourEvent::Knocks(_)
            | BehaviourEvent::Identify(_)
            | BehaviourEvent::Ping(_)
            | BehaviourEvent::Limits(_)
            | BehaviourEvent::Blocked(_) => {}
        }
    }

    fn on_group_event(&mut self, event: group_net::Event) {
        let input = match event {
            group_net::Event::ExchangeFrame { id, peer, frame } => Input::ExchangeFrame {
                exchange: id.number(),
                peer,
                frame,
            },
            group_net::Event::ExchangeEnded { id, .. } => Input::ExchangeEnded {
                exchange: id.number(),
            },
            group_net::Event::LinkClosed { group, peer, .. } => Input::LinkLost { group, peer },
            group_net::Event::Heard {
                group,
                source,
                id,
                bytes,
            } => Input::Heard {
                group,
                source,
                message: id.0,
                bytes,
            },
            group_net::Event::Frame { group, peer, frame } => Input::Frame { group, peer, frame },
            group_net::Event::DirectOpened { id, address } => {
                Input::Direct(DirectInput::StreamOpened { id, address })
            }
            group_net::Event::DirectFailed { id } => {
                Input::Direct(DirectInput::StreamFailed { id })
            }
            group_net::Event::Misbehaved { peer, what } => {
                tracing::debug!(%peer, ?what, "peer broke the protocol");
                self.block(peer);
                Input::Misbehaved(peer)
            }
            _ => return,
        };
        self.inputs.push_back(input);
    }

    /// A peer that serves the cloud enters the routing table with the addresses it says it has.
    fn on_identified(&mut self, peer: PeerId, info: &identify::Info) {
        let Some(seen) = self.peers.get(&peer).map(|known| known.seen) else {
            return;
        };
        let addresses: Vec<Multiaddr> = reach::believable(info.listen_addrs.iter().cloned(), seen)
            .take(kad::MAX_ADDRESSES_PER_PEER)
            .collect();
        let kad = &mut self.swarm.behaviour_mut().kad;
        // What it says now takes the place of what it said before, so that no peer fills our memory.
        kad.remove_peer(&peer);
        if addresses.is_empty() || !info.protocols.contains(&self.kad_protocol) {
            return;
        }
        for address in addresses {
            kad.add_address(&peer, address);
        }
        if !self.reached_cloud {
            self.reached_cloud = true;
            // Fills the routing table; an error says only that it is empty.
            let _ = self.swarm.behaviour_mut().kad.bootstrap();
            self.inputs.push_back(Input::CloudReached);
        }
    }

    fn on_kad_event(&mut self, event: libp2p_kad::Event) {
        let libp2p_kad::Event::OutboundQueryProgressed {
            id, result, step, ..
        } = event
        else {
            return;
        };
        match result {
            QueryResult::PutRecord(result) => {
                if let Some(replica) = self.announces.remove(&id) {
                    self.inputs.push_back(Input::Announced {
                        replica,
                        result: result.map(|_| ()).map_err(|_| ()),
                    });
                }
            }
            QueryResult::GetRecord(result) => {
                if let Ok(GetRecordOk::FoundRecord(found)) = &result {
                    self.on_found(id, &found.record.value);
                }
                if step.last {
                    self.lookups.remove(&id);
                }
            }
            _ => {}
        }
    }

    fn on_found(&mut self, query: QueryId, value: &[u8]) {
        let Some(lookup) = self.lookups.get_mut(&query) else {
            return;
        };
        match lookup.search.heard(value, self.clock.now()) {
            Ok(Progress::News) => {
                if let Some(set) = lookup.search.found().cloned() {
                    let replica = lookup.replica;
                    self.inputs.push_back(Input::Discovered { replica, set });
                }
            }
            Ok(Progress::Enough) => {
                self.lookups.remove(&query);
                if let Some(mut query) = self.swarm.behaviour_mut().kad.query_mut(&query) {
                    query.finish();
                }
            }
            Ok(Progress::Continue) => {}
            Err(error) => tracing::debug!(%error, "a node answered a lookup with nonsense"),
        }
    }
}

/// The innermost cause, which is the one that says something: libp2p's own wrappings print as nothing.
fn in_words(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}
