//! `GroupNet`: gossip and channels of many groups over shared connections, behind a membership gate.
//!
//! Each group has a stock gossipsub instance of its own. To that instance a peer does not exist until
//! the engine, having verified the peer's membership, calls [`GroupNet::open`]; and it is gone again
//! after [`GroupNet::close`]. `GroupNet` itself decides nothing about membership.
//!
//! On the wire there is one protocol name for all groups, [`PROTOCOL`]. A sub-stream says what it
//! belongs to by an opaque [`LinkHandle`] that both members derived during their admission exchange.
//! A stranger is always answered with the same refusal. See `docs/protocols/group-mux.md`.
//!
//! # Use
//!
//! 1. Run an admission exchange: [`GroupNet::start_exchange`] on one side, [`Event::ExchangeOpened`]
//!    on the other, then frames both ways.
//! 2. When it has convinced us, [`GroupNet::open`] the link on the connection the exchange ran on. The
//!    two sides need not do so at the same time.
//! 3. [`GroupNet::publish`] and [`GroupNet::report`] for gossip, [`GroupNet::send_frame`] for bulk.
//! 4. [`GroupNet::expect_direct`] on one side and [`GroupNet::open_direct`] on the other for a stream
//!    that belongs to applications; [`GroupNet::close_direct`] cuts it.
//! 5. [`GroupNet::close`] when the membership ends; after [`Event::LinkClosed`] start over.

mod allowance;
mod behaviour;
mod directs;
mod exchange;
mod exchanges;
mod framing;
mod gate;
mod gossip;
mod handler;
mod link;
mod outbox;
mod upgrade;

use std::{
    collections::{HashMap, VecDeque},
    fmt,
    sync::{Arc, atomic::AtomicU64},
    time::Duration,
};

use libp2p::{
    Multiaddr, PeerId,
    core::ConnectedPoint,
    gossipsub::{self, MessageAcceptance},
    swarm::{ConnectionId, NotifyHandler, ToSwarm},
};
use peerage_records::id::GroupId;

pub use gossip::{MAX_GOSSIP_BYTES, gossip_config, message_id};
pub use libp2p::gossipsub::MessageId;
pub use upgrade::PROTOCOL;

use directs::Directs;
use exchanges::Exchanges;
use gate::Gate;
use gossip::{Instance, Woken};
use handler::Command;
use outbox::Outbox;

use crate::direct;

/// The longest frame of an admission exchange: a chain of 24 certificates is about 8 KiB.
pub const MAX_EXCHANGE_FRAME_BYTES: usize = 32 * 1024;

/// The longest frame of a link's channel: a batch of records; what one frame under way may cost us.
pub const MAX_FRAME_BYTES: usize = 1024 * 1024;

/// The settings of a [`GroupNet`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Config {
    /// How long an admission exchange may take. Default 10 s: strangers cannot hold one longer.
    pub exchange_lifetime: Duration,
    /// How long a member may refuse an open link's streams before the link is given up. Default
    /// 20 s: longer than an exchange, so that the other side has decided by then.
    pub patience: Duration,
    /// Bytes queued per link's channel before [`SendError::Full`]. Default 4 MiB: several of the
    /// longest frames, and more than a fast path needs to stay busy.
    pub channel_queue_bytes: usize,
    /// The settings of every group's gossip. Default [`gossip_config`].
    pub gossip: gossipsub::Config,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            exchange_lifetime: Duration::from_secs(10),
            patience: Duration::from_secs(20),
            channel_queue_bytes: 4 * MAX_FRAME_BYTES,
            gossip: gossip_config(),
        }
    }
}

/// Names an admission exchange; never used twice by one [`GroupNet`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ExchangeId(u64);

impl ExchangeId {
    /// The number, for whoever knows exchanges by numbers only.
    #[must_use]
    pub const fn number(self) -> u64 {
        self.0
    }

    /// The exchange with that number.
    #[must_use]
    pub const fn from_number(number: u64) -> Self {
        Self(number)
    }
}

/// What the two ends of a link present to each other: 32 bytes nobody else can know or guess.
#[derive(Clone, PartialEq, Eq)]
pub struct LinkHandle([u8; 32]);

impl LinkHandle {
    /// Takes the bytes both members derived from their exchange.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

impl fmt::Debug for LinkHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LinkHandle(..)")
    }
}

/// What the engine makes of a message it heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is valid: pass it on.
    Accept,
    /// It may be an honest mistake: do not pass it on.
    Ignore,
    /// No honest peer forwards it: do not pass it on.
    Reject,
}

/// Why a link could not be opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The group was not inserted.
    #[error("group unknown to the network")]
    UnknownGroup,
    /// No such exchange with this peer is remembered.
    #[error("exchange unknown or with another peer")]
    UnknownExchange,
    /// The connection the exchange ran on is gone.
    #[error("connection of the exchange is gone")]
    Disconnected,
}

/// Why a message was not published.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PublishError {
    /// No neighbour listens at the moment. Not a failure: reconciliation will carry the record.
    #[error("no neighbour listens")]
    NoNeighbours,
    /// It was published or heard within the last minutes already.
    #[error("message already known")]
    Duplicate,
    /// It is longer than [`MAX_GOSSIP_BYTES`].
    #[error("message too long for gossip")]
    TooLong,
    /// The queues of all neighbours are full.
    #[error("queues of all neighbours are full")]
    Full,
    /// The group was not inserted.
    #[error("group unknown to the network")]
    UnknownGroup,
}

/// Why a frame was not queued.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SendError {
    /// The queue is full; [`Event::Drained`] follows when there is room.
    #[error("queue of the link is full")]
    Full,
    /// The gate is not open for the peer.
    #[error("no link to the peer in this group")]
    NoLink,
    /// It is longer than [`MAX_FRAME_BYTES`].
    #[error("frame too long")]
    TooLong,
}

/// Why a link went away without our closing it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LinkLoss {
    /// Its connection was closed.
    Disconnected,
    /// The other side did not accept its streams for longer than our patience.
    Refused,
    /// The other side ended the link's channel: it has closed the link, or broken the protocol.
    StreamEnded,
}

/// What a peer did that no honest one does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Misbehaviour {
    /// It announced a frame longer than allowed.
    FrameTooLong,
    /// It sent more frames in one exchange than any honest one needs.
    TooManyExchangeFrames,
}

/// What [`GroupNet`] tells the engine.
#[derive(Clone)]
#[non_exhaustive]
pub enum Event {
    /// The peer has opened an admission exchange. Ours are not told.
    ExchangeOpened {
        /// Its name from now on.
        id: ExchangeId,
        /// Who opened it, as the connection has proved.
        peer: PeerId,
    },
    /// A frame of an exchange has arrived, at most [`MAX_EXCHANGE_FRAME_BYTES`] long.
    ExchangeFrame {
        /// The exchange.
        id: ExchangeId,
        /// The other side.
        peer: PeerId,
        /// The frame.
        frame: Vec<u8>,
    },
    /// The exchange is over without our ending it: refused, ended by the peer, timed out or broken.
    ExchangeEnded {
        /// The exchange; a link can still be opened by it.
        id: ExchangeId,
        /// The other side.
        peer: PeerId,
    },
    /// The link is gone without our closing it. The peer needs a new exchange.
    LinkClosed {
        /// The group.
        group: GroupId,
        /// The other side.
        peer: PeerId,
        /// Why.
        loss: LinkLoss,
    },
    /// Gossip is up in both directions.
    LinkReady {
        /// The group.
        group: GroupId,
        /// The other side.
        peer: PeerId,
    },
    /// A message of the group, to be answered by [`GroupNet::report`] within about four seconds.
    Heard {
        /// The group.
        group: GroupId,
        /// The neighbour who forwarded it.
        source: PeerId,
        /// The hash of `bytes`.
        id: MessageId,
        /// The message.
        bytes: Vec<u8>,
    },
    /// A frame from the link's channel, in order, at most [`MAX_FRAME_BYTES`] long.
    Frame {
        /// The group.
        group: GroupId,
        /// The other side.
        peer: PeerId,
        /// The frame.
        frame: Vec<u8>,
    },
    /// The link's queue has room again after [`SendError::Full`].
    Drained {
        /// The group.
        group: GroupId,
        /// The other side.
        peer: PeerId,
    },
    /// The neighbour is too slow: messages to it were dropped since the last heartbeat.
    Slow {
        /// The group.
        group: GroupId,
        /// The neighbour.
        peer: PeerId,
        /// How many messages it will not get by gossip.
        dropped: usize,
    },
    /// The stream of a direct connection is there: see [`GroupNet::take_direct`].
    DirectOpened {
        /// The connection.
        id: direct::ConnectionId,
        /// Where the other side is.
        address: Option<Multiaddr>,
    },
    /// The stream of a direct connection could not be opened.
    DirectFailed {
        /// The connection.
        id: direct::ConnectionId,
    },
    /// The peer did what no honest one does; told once per connection and kind.
    Misbehaved {
        /// Who.
        peer: PeerId,
        /// What.
        what: Misbehaviour,
    },
}

/// The behaviour: gossip and channels of many groups behind a membership gate.
pub struct GroupNet {
    config: Config,
    gate: Gate,
    instances: HashMap<GroupId, Instance>,
    endpoints: HashMap<ConnectionId, ConnectedPoint>,
    outboxes: HashMap<(GroupId, PeerId), Outbox>,
    exchanges: Exchanges,
    directs: Directs,
    ids: Arc<AtomicU64>,
    /// Messages that gossip has given an id, and how many of them we published.
    bodies: Arc<AtomicU64>,
    published: u64,
    pending: VecDeque<ToSwarm<Event, Command>>,
    woken: Arc<Woken>,
}

impl GroupNet {
    /// Creates a behaviour without groups: no peer sees more of it than its protocol name.
    #[must_use]
    pub fn new(config: Config) -> Self {
        Self {
            config,
            gate: Gate::default(),
            instances: HashMap::new(),
            endpoints: HashMap::new(),
            outboxes: HashMap::new(),
            exchanges: Exchanges::default(),
            directs: Directs::default(),
            ids: Arc::default(),
            bodies: Arc::default(),
            published: 0,
            pending: VecDeque::new(),
            woken: Woken::new(),
        }
    }

    /// Opens an admission exchange on the best connection to the peer: direct before relayed, then
    /// the newest. `None` when not connected or when too many run already.
    pub fn start_exchange(&mut self, peer: PeerId) -> Option<ExchangeId> {
        let connection = self.gate.best_connection(&peer)?;
        self.start_exchange_on(peer, connection)
    }

    /// Opens an admission exchange on the connection on which the peer has asked for one, or on the best
    /// one if that is gone: of two nodes with one key each is answered where it asked.
    pub fn start_exchange_where(
        &mut self,
        peer: PeerId,
        asked: ConnectionId,
    ) -> Option<ExchangeId> {
        match self.gate.is_connection(&peer, asked) {
            true => self.start_exchange_on(peer, asked),
            false => self.start_exchange(peer),
        }
    }

    fn start_exchange_on(&mut self, peer: PeerId, connection: ConnectionId) -> Option<ExchangeId> {
        let id = ExchangeId(self.ids.fetch_add(1, std::sync::atomic::Ordering::Relaxed));
        let outbox = self.exchanges.start(id, peer, connection)?;
        self.command(peer, connection, Command::Exchange { id, outbox });
        Some(id)
    }

    /// Sends a frame of at most [`MAX_EXCHANGE_FRAME_BYTES`]. An exchange that is over takes it
    /// silently; one that the peer does not read from, or that is sent too long a frame, is ended.
    pub fn send_exchange(&mut self, id: ExchangeId, frame: Vec<u8>) {
        let Some((peer, outbox)) = self.exchanges.running(id) else {
            return;
        };
        if frame.len() > MAX_EXCHANGE_FRAME_BYTES || outbox.push(frame).is_err() {
            tracing::warn!(%peer, "exchange frame does not fit, ending the exchange");
            self.end_exchange(id);
            self.tell(Event::ExchangeEnded { id, peer });
        }
    }

    /// Ends an exchange without a word: what was sent before is still delivered, then the stream is
    /// closed. A link can still be opened by it.
    pub fn end_exchange(&mut self, id: ExchangeId) {
        self.exchanges.end(id);
    }

    /// Begins to take part in a group; nobody sees it before a link is opened.
    pub fn insert_group(&mut self, group: GroupId) {
        if self.gate.insert_group(group) {
            let config = gossip::counting(self.config.gossip.clone(), &self.bodies);
            let instance = Instance::new(group, config, &self.woken);
            self.instances.insert(group, instance);
        }
    }

    /// Closes all links of a group and forgets it.
    pub fn remove_group(&mut self, group: &GroupId) {
        let peers: Vec<PeerId> = self.links(group).collect();
        for peer in peers {
            self.close(group, &peer);
        }
        self.close_directs(group);
        self.gate.remove_group(group);
        self.instances.remove(group);
    }

    /// Opens the gate for a peer in a group, on the connection the exchange ran on, under a handle
    /// both sides derived from it. A link that is open already is broken first.
    ///
    /// # Errors
    /// Nothing has changed then: see [`OpenError`].
    pub fn open(
        &mut self,
        group: GroupId,
        peer: PeerId,
        exchange: ExchangeId,
        handle: LinkHandle,
    ) -> Result<(), OpenError> {
        let connection = self
            .exchanges
            .connection(exchange, &peer)
            .ok_or(OpenError::UnknownExchange)?;
        let (_, steps) = self.gate.open(group, peer, connection)?;
        self.forget_link(&group, &peer);
        self.carry_out_open(steps, Some(handle));
        Ok(())
    }

    /// Closes the gate for a peer in a group: its streams are dropped, and nothing more is heard from
    /// it. Nothing happens when it is not open.
    pub fn close(&mut self, group: &GroupId, peer: &PeerId) {
        let steps = self.gate.close(group, peer);
        if !steps.is_empty() {
            self.forget_link(group, peer);
            self.forget_heard(group, peer);
        }
        self.carry_out(steps);
    }

    /// Takes a peer out of a group's gossip at once, in both directions. Its channel stays open, so that
    /// it can be told why, until [`close`](Self::close). Nothing happens when the gate is not open.
    pub fn mute(&mut self, group: &GroupId, peer: &PeerId) {
        let steps = self.gate.mute(group, peer);
        if !steps.is_empty() {
            self.forget_heard(group, peer);
        }
        self.carry_out(steps);
    }

    /// The peers for whom the gate is open in a group.
    pub fn links(&self, group: &GroupId) -> impl Iterator<Item = PeerId> + '_ {
        self.gate.links(group)
    }

    /// The neighbours that get every message of the group unasked.
    pub fn mesh(&self, group: &GroupId) -> impl Iterator<Item = PeerId> + '_ {
        self.instances
            .get(group)
            .into_iter()
            .flat_map(|i| i.gossip.all_mesh_peers().copied())
    }

    /// Bodies of messages that gossip has brought in all groups, every copy counted.
    #[must_use]
    pub fn copies(&self) -> u64 {
        let bodies = self.bodies.load(std::sync::atomic::Ordering::Relaxed);
        bodies.saturating_sub(self.published)
    }

    /// Spreads a message of at most [`MAX_GOSSIP_BYTES`] in the group.
    ///
    /// # Errors
    /// See [`PublishError`]; without neighbours the message is not kept either.
    pub fn publish(&mut self, group: &GroupId, bytes: Vec<u8>) -> Result<MessageId, PublishError> {
        let instance = self
            .instances
            .get_mut(group)
            .ok_or(PublishError::UnknownGroup)?;
        if bytes.len() > MAX_GOSSIP_BYTES {
            return Err(PublishError::TooLong);
        }
        self.published += 1;
        instance
            .touch()
            .publish(gossip::topic(), bytes)
            .map_err(|error| match error {
                gossipsub::PublishError::Duplicate => PublishError::Duplicate,
                gossipsub::PublishError::AllQueuesFull(_) => PublishError::Full,
                gossipsub::PublishError::MessageTooLarge => PublishError::TooLong,
                // Neither signing nor transforming happens, so nothing else is left.
                _ => PublishError::NoNeighbours,
            })
    }

    /// Says what is to become of a message that was heard. Late or unknown ones are ignored.
    pub fn report(&mut self, group: &GroupId, id: &MessageId, source: &PeerId, verdict: Verdict) {
        if let Some(instance) = self.instances.get_mut(group) {
            let acceptance = match verdict {
                Verdict::Accept => MessageAcceptance::Accept,
                Verdict::Ignore => MessageAcceptance::Ignore,
                Verdict::Reject => MessageAcceptance::Reject,
            };
            instance
                .touch()
                .report_message_validation_result(id, source, acceptance);
        }
    }

    /// Sends a frame of at most [`MAX_FRAME_BYTES`] on the link's channel. Frames arrive in order;
    /// none is lost while the link lasts.
    ///
    /// # Errors
    /// The frame was not queued: see [`SendError`].
    pub fn send_frame(
        &mut self,
        group: &GroupId,
        peer: &PeerId,
        frame: Vec<u8>,
    ) -> Result<(), SendError> {
        if frame.len() > MAX_FRAME_BYTES {
            return Err(SendError::TooLong);
        }
        let outbox = self
            .outboxes
            .get(&(*group, *peer))
            .ok_or(SendError::NoLink)?;
        outbox.push(frame).map_err(|outbox::Full| SendError::Full)
    }

    fn tell(&mut self, event: Event) {
        self.pending.push_back(ToSwarm::GenerateEvent(event));
        self.woken.task.wake();
    }

    fn command(&mut self, peer_id: PeerId, connection: ConnectionId, event: Command) {
        self.pending.push_back(ToSwarm::NotifyHandler {
            peer_id,
            handler: NotifyHandler::One(connection),
            event,
        });
        self.woken.task.wake();
    }
}

impl fmt::Debug for GroupNet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GroupNet")
            .field("groups", &self.instances.len())
            .field("connections", &self.endpoints.len())
            .field("links", &self.outboxes.len())
            .finish_non_exhaustive()
    }
}

/// Without contents: what a group's members say stays out of the log.
impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ExchangeOpened { id, peer } => {
                write!(f, "ExchangeOpened({id:?}, {peer})")
            }
            Self::ExchangeFrame { id, peer, frame } => {
                write!(f, "ExchangeFrame({id:?}, {peer}, {} bytes)", frame.len())
            }
            Self::ExchangeEnded { id, peer } => write!(f, "ExchangeEnded({id:?}, {peer})"),
            Self::LinkClosed { group, peer, loss } => {
                write!(f, "LinkClosed({}, {peer}, {loss:?})", group.short())
            }
            Self::LinkReady { group, peer } => write!(f, "LinkReady({}, {peer})", group.short()),
            Self::Heard {
                group,
                source,
                id,
                bytes,
            } => write!(
                f,
                "Heard({}, {source}, {id}, {} bytes)",
                group.short(),
                bytes.len()
            ),
            Self::Frame { group, peer, frame } => {
                write!(f, "Frame({}, {peer}, {} bytes)", group.short(), frame.len())
            }
            Self::Drained { group, peer } => write!(f, "Drained({}, {peer})", group.short()),
            Self::Slow {
                group,
                peer,
                dropped,
            } => write!(f, "Slow({}, {peer}, {dropped} dropped)", group.short()),
            Self::DirectOpened { id, .. } => write!(f, "DirectOpened({id})"),
            Self::DirectFailed { id } => write!(f, "DirectFailed({id})"),
            Self::Misbehaved { peer, what } => write!(f, "Misbehaved({peer}, {what:?})"),
        }
    }
}
