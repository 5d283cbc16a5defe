//! Between the nodes: connections, exchanges, links behind their gate, gossip.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use libp2p_identity::PeerId;
use peerage_records::id::{EnvelopeHash, GroupId, ReplicaId};
use rand::RngExt;

use super::{Happening, NodeIndex, World, node::Actor};
use crate::engine::{CommandId, ExchangeNumber, Input, Output, Verdict};

/// How long one side of a link waits for the other, and frames for the gate.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long an exchange may take, as in the real network half.
const EXCHANGE_TIMEOUT: Duration = Duration::from_secs(10);
/// How long gossip remembers a message.
const SEEN: Duration = Duration::from_secs(120);

/// What the network half of one node remembers.
#[derive(Debug, Default)]
pub(super) struct Host {
    groups: BTreeSet<GroupId>,
    /// The handle of the link this node has open.
    links: BTreeMap<(GroupId, NodeIndex), [u8; 32]>,
    /// Links whose peer is out of the gossip.
    muted: BTreeSet<[u8; 32]>,
    seen: BTreeMap<(GroupId, EnvelopeHash), Duration>,
    /// Gossip that waits for its verdict.
    waiting: BTreeMap<(GroupId, Vec<u8>), Vec<u8>>,
}

/// An exchange between two nodes, in the order of who began it.
#[derive(Debug)]
pub(super) struct Exchange {
    ends: [NodeIndex; 2],
    open: [bool; 2],
    busy_until: [Duration; 2],
}

/// One link under one handle.
#[derive(Debug)]
pub(super) struct Link {
    ends: [NodeIndex; 2],
    open: [bool; 2],
    busy_until: [Duration; 2],
    /// Frames that came before the receiver had opened.
    early: [Vec<(GroupId, Vec<u8>)>; 2],
}

/// Something on its way.
#[derive(Debug)]
pub(super) enum Travelling {
    Dial(NodeIndex, NodeIndex, u64),
    AddressDialled(NodeIndex, u64, CommandId, ReplicaId, NodeIndex),
    Knock(NodeIndex, NodeIndex, Vec<u8>),
    ExchangeFrame(ExchangeNumber, usize, Vec<u8>),
    ExchangeEnd(ExchangeNumber, usize),
    ExchangeTimeout(ExchangeNumber),
    Frame(GroupId, [u8; 32], usize, Vec<u8>),
    LinkPatience(GroupId, [u8; 32], usize),
    LinkGone(GroupId, [u8; 32], usize),
    Gossip(GroupId, NodeIndex, NodeIndex, Vec<u8>),
    Direct(super::direct::Travelling),
}

impl World {
    pub(super) fn carry_out_on_network(&mut self, node: NodeIndex, output: Output) {
        match output {
            Output::Dial { peer, addresses } => self.dial(node, peer, !addresses.is_empty()),
            Output::DialAddress {
                command,
                replica,
                address,
            } => self.dial_address(node, command, replica, &address),
            Output::Knock { peer, bytes } => {
                if let Some(other) = self.connected_to(node, &peer) {
                    let delay = self.message_delay();
                    self.travel(delay, Travelling::Knock(node, other, bytes));
                }
            }
            Output::StartExchange { peer, replica } => {
                let exchange = self
                    .connected_to(node, &peer)
                    .map(|other| self.start_exchange(node, other));
                let input = Input::ExchangeStarted {
                    peer,
                    replica,
                    exchange,
                };
                self.tell_later(Duration::ZERO, node, input);
            }
            Output::SendExchange { exchange, frame } => self.send_exchange(node, exchange, frame),
            Output::EndExchange { exchange } => self.end_exchange(node, exchange),
            Output::InsertGroup(group) => {
                self.nodes[node].network.groups.insert(group);
            }
            Output::RemoveGroup(group) => {
                let links = &self.nodes[node].network.links;
                let peers: Vec<NodeIndex> = links
                    .keys()
                    .filter(|(of, _)| *of == group)
                    .map(|(_, other)| *other)
                    .collect();
                for other in peers {
                    self.close_link(node, group, other);
                }
                self.nodes[node].network.groups.remove(&group);
            }
            Output::OpenLink {
                group,
                peer,
                exchange,
                handle,
            } => self.open_link(node, group, peer, exchange, *handle.as_bytes()),
            Output::CloseLink { group, peer } => {
                if let Some(other) = self.node_of(&peer) {
                    self.close_link(node, group, other);
                }
            }
            Output::MuteLink { group, peer } => {
                if let Some(other) = self.node_of(&peer) {
                    let host = &mut self.nodes[node].network;
                    host.muted.extend(host.links.get(&(group, other)).copied());
                }
            }
            Output::Send { group, peer, frame } => self.send_frame(node, group, &peer, frame),
            Output::Gossip { group, bytes } => {
                let seen = (group, EnvelopeHash::of(&bytes));
                if self.first_sight(node, seen) {
                    self.flood(node, group, None, &bytes);
                }
            }
            Output::Verdict {
                group,
                source,
                message,
                verdict,
            } => {
                let waiting = &mut self.nodes[node].network.waiting;
                if let Some(bytes) = waiting.remove(&(group, message))
                    && verdict == Verdict::Accept
                {
                    let source = self.node_of(&source);
                    self.flood(node, group, source, &bytes);
                }
            }
            Output::Direct(output) => self.carry_out_direct(node, output),
            // As the real node does it: beside the engine, and for a while.
            Output::Stretch(stretch) => {
                self.tell_later(Duration::from_millis(300), node, stretch.run());
            }
            Output::Put { .. }
            | Output::Read { .. }
            | Output::Withdraw { .. }
            | Output::Reply { .. }
            | Output::ConnectedAt { .. }
            | Output::Emit(_)
            | Output::Announce { .. }
            | Output::LookUp { .. } => {}
        }
    }

    pub(super) fn arrive(&mut self, travelling: Travelling) {
        match travelling {
            Travelling::Dial(from, to, boot) => self.on_dial(from, to, boot),
            Travelling::AddressDialled(from, boot, command, replica, to) => {
                self.on_address_dialled(from, boot, (command, replica), to);
            }
            Travelling::Knock(from, to, bytes) => {
                if self.are_connected(from, to) {
                    let peer = self.nodes[from].peer;
                    self.command(to, Input::Knocked { peer, bytes });
                }
            }
            Travelling::ExchangeFrame(number, side, frame) => {
                let Some(exchange) = self.exchanges.get(&number) else {
                    return;
                };
                let [from, to] = [exchange.ends[1 - side], exchange.ends[side]];
                if exchange.open[side] {
                    let input = Input::ExchangeFrame {
                        exchange: number,
                        peer: self.nodes[from].peer,
                        frame,
                    };
                    self.command(to, input);
                }
            }
            Travelling::ExchangeEnd(number, side) => {
                let Some(exchange) = self.exchanges.get_mut(&number) else {
                    return;
                };
                if std::mem::take(&mut exchange.open[side]) {
                    let to = exchange.ends[side];
                    self.command(to, Input::ExchangeEnded { exchange: number });
                }
            }
            Travelling::ExchangeTimeout(number) => {
                for side in 0..2 {
                    self.arrive(Travelling::ExchangeEnd(number, side));
                }
                self.exchanges.remove(&number);
            }
            Travelling::Frame(group, handle, side, frame) => {
                self.on_link_frame(group, handle, side, frame);
            }
            Travelling::LinkPatience(group, handle, side) => {
                let waits = self
                    .links
                    .get(&handle)
                    .is_some_and(|link| link.open[side] && !link.open[1 - side]);
                if waits {
                    self.lose_link(group, handle, side);
                }
            }
            Travelling::LinkGone(group, handle, side) => self.lose_link(group, handle, side),
            Travelling::Direct(travelling) => self.direct_arrives(travelling),
            Travelling::Gossip(group, from, to, bytes) => self.on_gossip(group, from, to, bytes),
        }
    }

    pub(super) fn travel(&mut self, after: Duration, travelling: Travelling) {
        self.at(self.elapsed + after, Happening::Arrive(travelling));
    }

    // Connections.

    fn dial(&mut self, from: NodeIndex, peer: PeerId, has_addresses: bool) {
        self.counts.dials += 1;
        let boot = self.nodes[from].boots;
        let reachable = self.node_of(&peer).filter(|to| {
            has_addresses && !self.nodes[*to].addresses.is_empty() && self.can_reach(from, *to)
        });
        match reachable {
            Some(to) if self.are_connected(from, to) => {}
            Some(to) => {
                let delay = self.message_delay() * 2;
                self.travel(delay, Travelling::Dial(from, to, boot));
            }
            None => {
                let timeout = self.config.dial_timeout;
                self.tell_later(timeout, from, Input::DialFailed(peer));
            }
        }
    }

    pub(super) fn can_reach(&self, from: NodeIndex, to: NodeIndex) -> bool {
        from != to
            && self.islands[from] == self.islands[to]
            && !matches!(self.nodes[to].actor, Actor::Off)
            && !matches!(self.nodes[from].actor, Actor::Off)
    }

    pub(super) fn on_dial(&mut self, from: NodeIndex, to: NodeIndex, boot: u64) {
        if self.nodes[from].boots != boot || self.are_connected(from, to) {
            return;
        }
        let (dialler, dialled) = (self.nodes[from].peer, self.nodes[to].peer);
        if !self.can_reach(from, to) {
            self.command(from, Input::DialFailed(dialled));
            return;
        }
        self.connections.insert(pair(from, to));
        self.command(to, Input::PeerConnected(dialler));
        self.command(from, Input::PeerConnected(dialled));
    }

    /// Connects two nodes at once, as other protocols of the cloud would.
    pub fn link_up(&mut self, from: NodeIndex, to: NodeIndex) {
        let boot = self.nodes[from].boots;
        self.on_dial(from, to, boot);
    }

    /// Whether two nodes have a connection.
    #[must_use]
    pub fn are_connected(&self, a: NodeIndex, b: NodeIndex) -> bool {
        self.connections.contains(&pair(a, b))
    }

    pub(super) fn connected_to(&self, node: NodeIndex, peer: &PeerId) -> Option<NodeIndex> {
        self.node_of(peer)
            .filter(|other| self.are_connected(node, *other))
    }

    /// Cuts the connection between two nodes; each notices after a while.
    pub fn cut(&mut self, a: NodeIndex, b: NodeIndex) {
        if !self.connections.remove(&pair(a, b)) {
            return;
        }
        let delays = [self.detection_delay(), self.detection_delay()];
        for (delay, (node, other)) in delays.iter().copied().zip([(a, b), (b, a)]) {
            let gone: Vec<(GroupId, [u8; 32])> = self.nodes[node]
                .network
                .links
                .iter()
                .filter(|((_, peer), _)| *peer == other)
                .map(|((group, _), handle)| (*group, *handle))
                .collect();
            for (group, handle) in gone {
                let side = self.side_of(&handle, node);
                self.travel(delay, Travelling::LinkGone(group, handle, side));
            }
            let peer = self.nodes[other].peer;
            self.tell_later(delay, node, Input::PeerDisconnected(peer));
        }
        self.tear_directs(a, b, delays);
        let numbers: Vec<ExchangeNumber> = self
            .exchanges
            .iter()
            .filter(|(_, exchange)| pair(exchange.ends[0], exchange.ends[1]) == pair(a, b))
            .map(|(number, _)| *number)
            .collect();
        for number in numbers {
            self.travel(Duration::ZERO, Travelling::ExchangeTimeout(number));
        }
    }

    pub(super) fn cut_all(&mut self, node: NodeIndex) {
        let others: Vec<NodeIndex> = (0..self.nodes.len())
            .filter(|other| self.are_connected(node, *other))
            .collect();
        for other in others {
            self.cut(node, other);
        }
        for ((_, _), handle) in std::mem::take(&mut self.nodes[node].network).links {
            let side = self.side_of(&handle, node);
            if let Some(link) = self.links.get_mut(&handle) {
                link.open[side] = false;
            }
        }
    }

    /// Splits the network: nodes named together reach one another, and nobody else; nodes not named
    /// stay together.
    pub fn partition(&mut self, islands: &[&[NodeIndex]]) {
        for island in &mut self.islands {
            *island = 0;
        }
        for (number, nodes) in (1..).zip(islands) {
            for node in *nodes {
                self.islands[*node] = number;
            }
        }
        let torn: Vec<(NodeIndex, NodeIndex)> = self
            .connections
            .iter()
            .filter(|(a, b)| self.islands[*a] != self.islands[*b])
            .copied()
            .collect();
        for (a, b) in torn {
            self.cut(a, b);
        }
    }

    /// Ends every partition.
    pub fn heal(&mut self) {
        self.islands.fill(0);
    }

    // Exchanges.

    fn start_exchange(&mut self, from: NodeIndex, to: NodeIndex) -> ExchangeNumber {
        self.counts.exchanges += 1;
        let number = self.next_exchange;
        self.next_exchange += 1;
        self.exchanges.insert(
            number,
            Exchange {
                ends: [from, to],
                open: [true; 2],
                busy_until: [self.elapsed; 2],
            },
        );
        self.travel(EXCHANGE_TIMEOUT, Travelling::ExchangeTimeout(number));
        number
    }

    fn send_exchange(&mut self, node: NodeIndex, number: ExchangeNumber, frame: Vec<u8>) {
        self.exchange_travel(node, number, |side| {
            Travelling::ExchangeFrame(number, side, frame)
        });
    }

    fn end_exchange(&mut self, node: NodeIndex, number: ExchangeNumber) {
        self.exchange_travel(node, number, |side| Travelling::ExchangeEnd(number, side));
        if let Some(exchange) = self.exchanges.get_mut(&number) {
            let mine = usize::from(exchange.ends[1] == node);
            exchange.open[mine] = false;
        }
    }

    /// Sends to the other side of an exchange, behind what was sent before.
    fn exchange_travel(
        &mut self,
        node: NodeIndex,
        number: ExchangeNumber,
        what: impl FnOnce(usize) -> Travelling,
    ) {
        let delay = self.message_delay();
        let now = self.elapsed;
        let Some(exchange) = self.exchanges.get_mut(&number) else {
            return;
        };
        let mine = usize::from(exchange.ends[1] == node);
        if !exchange.open[mine] {
            return;
        }
        let other = 1 - mine;
        let at = (now + delay).max(exchange.busy_until[other]);
        exchange.busy_until[other] = at;
        self.at(at, Happening::Arrive(what(other)));
    }

    // Links.

    fn side_of(&self, handle: &[u8; 32], node: NodeIndex) -> usize {
        self.links
            .get(handle)
            .map_or(0, |link| usize::from(link.ends[1] == node))
    }

    fn open_link(
        &mut self,
        node: NodeIndex,
        group: GroupId,
        peer: PeerId,
        exchange: ExchangeNumber,
        handle: [u8; 32],
    ) {
        let other = self.connected_to(node, &peer);
        let (Some(other), true) = (other, self.exchanges.contains_key(&exchange)) else {
            self.tell_later(Duration::ZERO, node, Input::LinkLost { group, peer });
            return;
        };
        self.close_link(node, group, other);
        let now = self.elapsed;
        let link = self.links.entry(handle).or_insert_with(|| Link {
            ends: [node, other],
            open: [false; 2],
            busy_until: [now; 2],
            early: [Vec::new(), Vec::new()],
        });
        let side = usize::from(link.ends[1] == node);
        link.open[side] = true;
        let early = std::mem::take(&mut link.early[side]);
        self.nodes[node]
            .network
            .links
            .insert((group, other), handle);
        self.travel(PATIENCE, Travelling::LinkPatience(group, handle, side));
        for (group, frame) in early {
            self.tell_later(Duration::ZERO, node, Input::Frame { group, peer, frame });
        }
    }

    /// One side closes: what it sent and has not arrived is lost, and the other side notices.
    fn close_link(&mut self, node: NodeIndex, group: GroupId, other: NodeIndex) {
        let Some(handle) = self.nodes[node].network.links.remove(&(group, other)) else {
            return;
        };
        let delay = self.message_delay();
        let side = self.side_of(&handle, node);
        if let Some(link) = self.links.get_mut(&handle) {
            link.open[side] = false;
            link.early = [Vec::new(), Vec::new()];
        }
        self.travel(delay, Travelling::LinkGone(group, handle, 1 - side));
    }

    /// One side sees that its link is gone, unless it has another one by now.
    fn lose_link(&mut self, group: GroupId, handle: [u8; 32], side: usize) {
        let Some(link) = self.links.get_mut(&handle) else {
            return;
        };
        let (node, other) = (link.ends[side], link.ends[1 - side]);
        link.open[side] = false;
        if !link.open[1 - side] {
            self.links.remove(&handle);
        }
        let links = &mut self.nodes[node].network.links;
        if links.get(&(group, other)) == Some(&handle) {
            links.remove(&(group, other));
            let peer = self.nodes[other].peer;
            self.command(node, Input::LinkLost { group, peer });
            let delay = self.message_delay();
            self.travel(delay, Travelling::LinkGone(group, handle, 1 - side));
        }
    }

    fn send_frame(&mut self, node: NodeIndex, group: GroupId, peer: &PeerId, frame: Vec<u8>) {
        let Some(other) = self.connected_to(node, peer) else {
            return;
        };
        let Some(handle) = self.nodes[node].network.links.get(&(group, other)).copied() else {
            return;
        };
        self.counts.frames += 1;
        self.counts.frame_bytes += frame.len() as u64;
        let delay = self.message_delay();
        let now = self.elapsed;
        let to = 1 - self.side_of(&handle, node);
        let Some(link) = self.links.get_mut(&handle) else {
            return;
        };
        let at = (now + delay).max(link.busy_until[to]);
        link.busy_until[to] = at;
        self.at(
            at,
            Happening::Arrive(Travelling::Frame(group, handle, to, frame)),
        );
    }

    fn on_link_frame(&mut self, group: GroupId, handle: [u8; 32], side: usize, frame: Vec<u8>) {
        let Some(link) = self.links.get_mut(&handle) else {
            return;
        };
        let (node, other) = (link.ends[side], link.ends[1 - side]);
        match link.open {
            [true, true] => {
                let peer = self.nodes[other].peer;
                self.command(node, Input::Frame { group, peer, frame });
            }
            // Not open here yet: the sender keeps trying for as long as it has it open itself.
            open if open[1 - side] => link.early[side].push((group, frame)),
            _ => {}
        }
    }

    /// Whether a link is open on both sides under one handle.
    fn is_live(&self, group: GroupId, node: NodeIndex, other: NodeIndex) -> bool {
        let mine = self.nodes[node].network.links.get(&(group, other));
        mine.is_some()
            && mine == self.nodes[other].network.links.get(&(group, node))
            && self.are_connected(node, other)
    }

    // Gossip.

    fn first_sight(&mut self, node: NodeIndex, message: (GroupId, EnvelopeHash)) -> bool {
        let now = self.elapsed;
        let seen = &mut self.nodes[node].network.seen;
        let fresh = seen.get(&message).is_none_or(|at| *at + SEEN < now);
        if fresh {
            seen.insert(message, now);
        }
        fresh
    }

    fn flood(&mut self, node: NodeIndex, group: GroupId, except: Option<NodeIndex>, bytes: &[u8]) {
        let Host { links, muted, .. } = &self.nodes[node].network;
        let others: Vec<NodeIndex> = links
            .iter()
            .filter(|((of, other), handle)| {
                *of == group && Some(*other) != except && !muted.contains(*handle)
            })
            .map(|((_, other), _)| *other)
            .collect();
        for other in others {
            self.counts.gossip_hops += 1;
            let lost = self.config.gossip_loss_per_mille;
            if self.chance().random_range(0..1000) < lost {
                self.counts.gossip_lost += 1;
                continue;
            }
            let delay = self.message_delay();
            self.travel(
                delay,
                Travelling::Gossip(group, node, other, bytes.to_vec()),
            );
        }
    }

    fn on_gossip(&mut self, group: GroupId, from: NodeIndex, to: NodeIndex, bytes: Vec<u8>) {
        if !self.is_live(group, to, from) || !self.nodes[to].network.groups.contains(&group) {
            return;
        }
        let Host { links, muted, .. } = &self.nodes[to].network;
        if links
            .get(&(group, from))
            .is_some_and(|handle| muted.contains(handle))
        {
            return;
        }
        let hash = EnvelopeHash::of(&bytes);
        if !self.first_sight(to, (group, hash)) {
            self.counts.gossip_repeats += 1;
            return;
        }
        let message = hash.as_bytes().to_vec();
        self.nodes[to]
            .network
            .waiting
            .insert((group, message.clone()), bytes.clone());
        let source = self.nodes[from].peer;
        self.command(
            to,
            Input::Heard {
                group,
                source,
                message,
                bytes,
            },
        );
    }
}

fn pair(a: NodeIndex, b: NodeIndex) -> (NodeIndex, NodeIndex) {
    (a.min(b), a.max(b))
}
