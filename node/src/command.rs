//! What the handles ask of the run loop.

use std::collections::BTreeMap;

use libp2p::{Multiaddr, PeerId};
use peerage_protocol::{
    direct::{ConnectionId, DirectFailure, DirectMode},
    door::{Decision, Door, JoinRequest, QueueError},
    engine::{
        Change, ChangeError, ConnectFailure, NewVisit, OpenGroup, Place, PresenceWish, Status,
    },
    gmc::VerifiedGmc,
    group::GroupKey,
    neighbours::Neighbour,
    net::translate::Connection,
    presence::Seen,
    properties::Properties,
};
use peerage_records::{
    codec::SignedRecord,
    id::{IdentityKey, ReplicaId},
    time::Timestamp,
};
use tokio::sync::oneshot;

use crate::{Error, Result, event::Origin, watch::Watch};

/// One request; the sender waits for the reply.
#[derive(Debug)]
pub(crate) enum Command {
    /// Where the order of its events goes on comes along.
    Open(Box<OpenGroup>, Origin, oneshot::Sender<()>),
    /// Replies whether the group is online now: a node is online once per group.
    Connect(
        ReplicaId,
        Vec<(PeerId, Vec<Multiaddr>)>,
        oneshot::Sender<bool>,
    ),
    /// Replies who is a neighbour now, or why nobody is.
    ConnectAt(
        ReplicaId,
        Vec<Multiaddr>,
        oneshot::Sender<Result<PeerId, ConnectFailure>>,
    ),
    Disconnect(ReplicaId, oneshot::Sender<()>),
    Close(ReplicaId, oneshot::Sender<()>),
    Change(
        ReplicaId,
        Change,
        oneshot::Sender<Result<SignedRecord, ChangeError>>,
    ),
    Presence(ReplicaId, PresenceWish, oneshot::Sender<()>),
    /// Goes on with a restored replica that no member has brought up to date.
    SettleRestored(ReplicaId, oneshot::Sender<()>),
    View(ReplicaId, oneshot::Sender<Option<View>>),
    /// What was kept of the door of a group just opened.
    RestoreDoor(ReplicaId, Vec<u8>, oneshot::Sender<()>),
    SetDoor(
        ReplicaId,
        Box<Door>,
        Box<GroupKey>,
        oneshot::Sender<Result<SignedRecord, ChangeError>>,
    ),
    Door(ReplicaId, oneshot::Sender<Option<Door>>),
    Requests(ReplicaId, Timestamp, oneshot::Sender<Vec<JoinRequest>>),
    Decide(
        ReplicaId,
        IdentityKey,
        Decision,
        oneshot::Sender<Result<(), QueueError>>,
    ),
    Visit(Box<NewVisit>, oneshot::Sender<()>),
    /// Ends a visit.
    Leave(ReplicaId, oneshot::Sender<()>),
    /// Replies with the id of the attempt, or why there is none.
    OpenDirect(
        OpenDirect,
        oneshot::Sender<Result<ConnectionId, DirectFailure>>,
    ),
    /// Who listens for direct connections in the group may have changed.
    ListenDirect(ReplicaId, oneshot::Sender<()>),
    Network(oneshot::Sender<NetworkView>),
    Inspect(oneshot::Sender<Inspection>),
    Shutdown(oneshot::Sender<()>),
}

/// A direct connection to be opened.
#[derive(Debug)]
pub(crate) struct OpenDirect {
    pub(crate) replica: ReplicaId,
    pub(crate) member: IdentityKey,
    /// Where to try; with none, wherever the member is known to be.
    pub(crate) places: Vec<Place>,
    pub(crate) mode: DirectMode,
}

/// An open group as it is at one moment.
#[derive(Debug)]
pub(crate) struct View {
    pub(crate) gmc: VerifiedGmc,
    pub(crate) members: Vec<VerifiedGmc>,
    pub(crate) neighbours: Vec<(PeerId, Neighbour)>,
    pub(crate) synchronised: bool,
    pub(crate) status: Status,
    pub(crate) properties: Option<Properties>,
    /// A digest of the revocations in effect here.
    pub(crate) applied: u64,
    /// Of each identity with revoked credentials: new ones must not be issued before this.
    pub(crate) revoked_before: BTreeMap<IdentityKey, Timestamp>,
    /// Whether our membership was taken away, as far as is known here.
    pub(crate) revoked: bool,
    pub(crate) is_creator: bool,
    /// The nodes that are present now, by member.
    pub(crate) present: Vec<(IdentityKey, Seen)>,
    /// What is said about our node.
    pub(crate) attributes: Option<String>,
    /// Whether it was restored from a backup and waits to be brought up to date.
    pub(crate) behind: bool,
}

impl View {
    /// Refuses what only a member can do, by what decides about its records too.
    ///
    /// # Errors
    /// When our membership was taken away.
    pub(crate) fn check_member(&self) -> Result<()> {
        match self.revoked {
            true => Err(Error::MembershipRevoked {
                group: self.gmc.root().name().to_string(),
            }),
            false => Ok(()),
        }
    }
}

/// The network at one moment.
#[derive(Debug)]
pub(crate) struct NetworkView {
    /// Where we listen.
    pub(crate) listeners: Vec<Multiaddr>,
    /// Where others are told to find us.
    pub(crate) addresses: Vec<Multiaddr>,
}

/// What an inspection looks at, at one moment.
#[derive(Debug)]
pub(crate) struct Inspection {
    pub(crate) watch: Watch,
    /// Every connection, the oldest of each peer first.
    pub(crate) connections: Vec<(PeerId, Connection)>,
}
