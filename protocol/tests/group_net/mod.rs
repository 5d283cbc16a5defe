//! Nodes for the tests of `GroupNet`: each a swarm in a task of its own, asked and listened to.

#![allow(dead_code, reason = "each test file uses its share")]
#![expect(
    clippy::disallowed_methods,
    reason = "what a test can notice is bounded by the test"
)]

pub(crate) mod raw;

use std::{collections::BTreeSet, time::Duration};

use futures::StreamExt;
use libp2p::{
    Multiaddr, PeerId, StreamProtocol, Swarm, identify,
    swarm::{ConnectionId, NetworkBehaviour, SwarmEvent, dial_opts::DialOpts},
};
use libp2p_identity::Keypair;
use libp2p_swarm_test::SwarmExt;
use peerage_protocol::net::{
    group_net::{Config, Event, ExchangeId, GroupNet, LinkHandle, PublishError, Verdict},
    transport,
};
use peerage_records::id::GroupId;
use tokio::{
    sync::{mpsc, oneshot},
    task::JoinHandle,
    time::timeout,
};

/// Whatever is expected must happen within this.
pub(crate) const DEADLINE: Duration = Duration::from_secs(15);

/// What must not happen is given this long to happen all the same.
pub(crate) const QUIET: Duration = Duration::from_millis(700);

#[derive(NetworkBehaviour)]
#[behaviour(prelude = "libp2p::swarm::derive_prelude")]
pub(crate) struct Peer {
    pub(crate) groups: GroupNet,
    identify: identify::Behaviour,
}

/// What a node has noticed.
#[derive(Debug)]
pub(crate) enum Seen {
    Net(Event),
    Connected(PeerId, ConnectionId),
    Disconnected(PeerId, ConnectionId),
    Identified(BTreeSet<String>),
}

type Call = Box<dyn FnOnce(&mut Swarm<Peer>) + Send>;

pub(crate) struct Node {
    pub(crate) peer: PeerId,
    pub(crate) address: Multiaddr,
    calls: mpsc::UnboundedSender<Call>,
    seen: mpsc::UnboundedReceiver<Seen>,
    /// Seen while something else was waited for.
    skipped: Vec<Seen>,
    task: JoinHandle<()>,
}

impl Drop for Node {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Node {
    /// On the memory transport.
    pub(crate) async fn memory() -> Self {
        Self::memory_with(Config::default()).await
    }

    pub(crate) async fn memory_with(config: Config) -> Self {
        let mut swarm = Swarm::new_ephemeral_tokio(|key| peer(&key, config));
        let (address, _) = swarm.listen().await;
        Self::run(swarm, address)
    }

    /// On QUIC at a port of 127.0.0.1.
    pub(crate) async fn quic(key: &Keypair) -> Self {
        let transport = transport::quic(key, transport::QuicSettings::default());
        let local = key.public().to_peer_id();
        let behaviour = peer(key, Config::default());
        let mut swarm = Swarm::new(transport, behaviour, local, transport::swarm_config());
        let any = "/ip4/127.0.0.1/udp/0/quic-v1".parse().expect("an address");
        swarm.listen_on(any).expect("QUIC listens on loopback");
        let address = timeout(DEADLINE, async {
            loop {
                if let SwarmEvent::NewListenAddr { address, .. } = swarm.select_next_some().await {
                    return address;
                }
            }
        })
        .await
        .expect("it listens in time");
        Self::run(swarm, address)
    }

    fn run(mut swarm: Swarm<Peer>, address: Multiaddr) -> Self {
        let peer = *swarm.local_peer_id();
        let (calls, mut asked) = mpsc::unbounded_channel::<Call>();
        let (tell, seen) = mpsc::unbounded_channel();
        let task = tokio::spawn(async move {
            loop {
                tokio::select! {
                    call = asked.recv() => match call {
                        Some(call) => call(&mut swarm),
                        None => return,
                    },
                    event = swarm.select_next_some() => {
                        if let Some(seen) = notice(&mut swarm, event) {
                            let _ = tell.send(seen);
                        }
                    }
                }
            }
        });
        Self {
            peer,
            address,
            calls,
            seen,
            skipped: Vec::new(),
            task,
        }
    }

    /// Runs `f` on the node's swarm.
    pub(crate) async fn swarm<R: Send + 'static>(
        &self,
        f: impl FnOnce(&mut Swarm<Peer>) -> R + Send + 'static,
    ) -> R {
        let (answer, answered) = oneshot::channel();
        let call: Call = Box::new(move |swarm| {
            let _ = answer.send(f(swarm));
        });
        self.calls.send(call).expect("the node runs");
        timeout(DEADLINE, answered)
            .await
            .expect("the node answers in time")
            .expect("the node runs")
    }

    /// Runs `f` on the node's `GroupNet`.
    pub(crate) async fn groups<R: Send + 'static>(
        &self,
        f: impl FnOnce(&mut GroupNet) -> R + Send + 'static,
    ) -> R {
        self.swarm(|swarm| f(&mut swarm.behaviour_mut().groups))
            .await
    }

    /// Waits until the node notices what `wanted` picks; what it notices meanwhile is kept.
    pub(crate) async fn wait<R>(
        &mut self,
        what: &str,
        mut wanted: impl FnMut(&Seen) -> Option<R>,
    ) -> R {
        if let Some((i, found)) = self
            .skipped
            .iter()
            .enumerate()
            .find_map(|(i, s)| Some((i, wanted(s)?)))
        {
            self.skipped.remove(i);
            return found;
        }
        let search = async {
            loop {
                let seen = self.seen.recv().await.expect("the node runs");
                if let Some(found) = wanted(&seen) {
                    return found;
                }
                self.skipped.push(seen);
            }
        };
        match timeout(DEADLINE, search).await {
            Ok(found) => found,
            Err(_) => panic!("no {what} in time, but {:?}", self.skipped),
        }
    }

    /// Asserts that nothing `unwanted` picks is noticed, now or soon.
    pub(crate) async fn never<R: std::fmt::Debug>(
        &mut self,
        what: &str,
        unwanted: impl Fn(&Seen) -> Option<R>,
    ) {
        let _ = timeout(QUIET, async {
            loop {
                let seen = self.seen.recv().await.expect("the node runs");
                self.skipped.push(seen);
            }
        })
        .await;
        let found: Vec<R> = self.skipped.iter().filter_map(unwanted).collect();
        assert!(found.is_empty(), "{what}: {found:?}");
    }

    /// Forgets what was noticed so far.
    pub(crate) fn forget(&mut self) {
        while self.seen.try_recv().is_ok() {}
        self.skipped.clear();
    }

    pub(crate) async fn insert(&self, group: GroupId) {
        self.groups(move |g| g.insert_group(group)).await;
    }

    /// Connects to the other node; answers with both sides' names of the connection.
    pub(crate) async fn connect(&mut self, other: &mut Self) -> (ConnectionId, ConnectionId) {
        let (address, to) = (other.address.clone(), other.peer);
        self.swarm(move |swarm| {
            let dial = DialOpts::peer_id(to)
                .condition(libp2p::swarm::dial_opts::PeerCondition::Always)
                .addresses(vec![address])
                .build();
            swarm.dial(dial).expect("the dial begins");
        })
        .await;
        let from = self.peer;
        let ours = self.wait("connection", |s| connected(s, to)).await;
        let theirs = other.wait("connection", |s| connected(s, from)).await;
        (ours, theirs)
    }

    /// Starts an exchange and lets the other side notice it.
    pub(crate) async fn exchange(&mut self, other: &mut Self) -> (ExchangeId, ExchangeId) {
        let to = other.peer;
        let ours = self.groups(move |g| g.start_exchange(to)).await;
        let from = self.peer;
        let theirs = other
            .wait("exchange", |s| match s {
                Seen::Net(Event::ExchangeOpened { id, peer }) if *peer == from => Some(*id),
                _ => None,
            })
            .await;
        (ours.expect("connected"), theirs)
    }

    pub(crate) async fn open(
        &self,
        group: GroupId,
        peer: PeerId,
        exchange: ExchangeId,
        handle: u8,
    ) {
        let handle = LinkHandle::from_bytes([handle; 32]);
        self.groups(move |g| g.open(group, peer, exchange, handle))
            .await
            .expect("group and exchange are known");
    }

    pub(crate) async fn close(&self, group: GroupId, peer: PeerId) {
        self.groups(move |g| g.close(&group, &peer)).await;
    }

    pub(crate) async fn ready(&mut self, group: GroupId, peer: PeerId) {
        self.wait("ready link", |s| match s {
            Seen::Net(Event::LinkReady { group: g, peer: p }) if *g == group && *p == peer => {
                Some(())
            }
            _ => None,
        })
        .await;
    }

    /// Publishes as soon as a neighbour listens, then waits until the other node hears it.
    pub(crate) async fn tell(&self, group: GroupId, bytes: &[u8], other: &mut Self) {
        self.publish(group, bytes).await;
        other.hear(group, bytes).await;
    }

    pub(crate) async fn publish(&self, group: GroupId, bytes: &[u8]) {
        let publishing = async {
            loop {
                let copy = bytes.to_vec();
                match self.groups(move |g| g.publish(&group, copy)).await {
                    Ok(_) => return,
                    Err(PublishError::NoNeighbours | PublishError::Full) => {
                        tokio::time::sleep(Duration::from_millis(10)).await;
                    }
                    Err(error) => panic!("{error}"),
                }
            }
        };
        timeout(DEADLINE, publishing)
            .await
            .expect("a neighbour listens in time");
    }

    pub(crate) async fn hear(&mut self, group: GroupId, expected: &[u8]) {
        self.wait("message", |s| match s {
            Seen::Net(Event::Heard {
                group: g, bytes, ..
            }) if *g == group && bytes == expected => Some(()),
            _ => None,
        })
        .await;
    }
}

fn peer(key: &Keypair, config: Config) -> Peer {
    Peer {
        groups: GroupNet::new(config),
        identify: identify::Behaviour::new(
            identify::Config::new("/test/1".into(), key.public())
                .with_push_listen_addr_updates(true),
        ),
    }
}

fn connected(seen: &Seen, with: PeerId) -> Option<ConnectionId> {
    match seen {
        Seen::Connected(peer, id) if *peer == with => Some(*id),
        _ => None,
    }
}

/// Judges every message at once, as an engine would that finds all valid but bad news.
fn notice(swarm: &mut Swarm<Peer>, event: SwarmEvent<PeerEvent>) -> Option<Seen> {
    match event {
        SwarmEvent::Behaviour(PeerEvent::Groups(event)) => {
            if let Event::Heard {
                group,
                source,
                id,
                bytes,
            } = &event
            {
                let verdict = if bytes.starts_with(b"bad") {
                    Verdict::Reject
                } else {
                    Verdict::Accept
                };
                let groups = &mut swarm.behaviour_mut().groups;
                groups.report(group, id, source, verdict);
            }
            Some(Seen::Net(event))
        }
        SwarmEvent::Behaviour(PeerEvent::Identify(identify::Event::Received { info, .. })) => {
            let names = info.protocols.iter().map(StreamProtocol::to_string);
            Some(Seen::Identified(names.collect()))
        }
        SwarmEvent::ConnectionEstablished {
            peer_id,
            connection_id,
            ..
        } => Some(Seen::Connected(peer_id, connection_id)),
        SwarmEvent::ConnectionClosed {
            peer_id,
            connection_id,
            ..
        } => Some(Seen::Disconnected(peer_id, connection_id)),
        _ => None,
    }
}

/// Two members with an open link.
pub(crate) async fn members(group: GroupId) -> (Node, Node) {
    let (a, b) = tokio::join!(Node::memory(), Node::memory());
    let (mut a, mut b) = strangers(group, a, b).await;
    link(group, &mut a, &mut b, 1).await;
    (a, b)
}

/// Two connected nodes of one group that do not know each other as members.
pub(crate) async fn strangers(group: GroupId, mut a: Node, mut b: Node) -> (Node, Node) {
    a.insert(group).await;
    b.insert(group).await;
    a.connect(&mut b).await;
    (a, b)
}

/// Exchanges, opens both gates and waits until gossip is up.
pub(crate) async fn link(group: GroupId, a: &mut Node, b: &mut Node, handle: u8) {
    let (ours, theirs) = a.exchange(b).await;
    a.open(group, b.peer, ours, handle).await;
    b.open(group, a.peer, theirs, handle).await;
    a.groups(move |g| g.end_exchange(ours)).await;
    b.groups(move |g| g.end_exchange(theirs)).await;
    a.ready(group, b.peer).await;
    b.ready(group, a.peer).await;
}

pub(crate) fn group(n: u8) -> GroupId {
    GroupId::from_bytes([n; 32])
}

pub(crate) fn heard(seen: &Seen) -> Option<usize> {
    match seen {
        Seen::Net(Event::Heard { bytes, .. }) => Some(bytes.len()),
        _ => None,
    }
}

pub(crate) fn lost(
    seen: &Seen,
) -> Option<(GroupId, PeerId, peerage_protocol::net::group_net::LinkLoss)> {
    match seen {
        Seen::Net(Event::LinkClosed { group, peer, loss }) => Some((*group, *peer, *loss)),
        _ => None,
    }
}
