//! What the handles ask of the run loop.

use libp2p::{Multiaddr, PeerId};
use peerage_protocol::{
    engine::{Change, ChangeError, ConnectFailure, OpenGroup, Status},
    gmc::VerifiedGmc,
    neighbours::Neighbour,
};
use peerage_records::{codec::SignedRecord, id::ReplicaId};
use tokio::sync::oneshot;

/// One request; the sender waits for the reply.
#[derive(Debug)]
pub(crate) enum Command {
    Open(Box<OpenGroup>, oneshot::Sender<()>),
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
    View(ReplicaId, oneshot::Sender<Option<View>>),
    Network(oneshot::Sender<NetworkView>),
    Shutdown(oneshot::Sender<()>),
}

/// An open group as it is at one moment.
#[derive(Debug)]
pub(crate) struct View {
    pub(crate) gmc: VerifiedGmc,
    pub(crate) members: Vec<VerifiedGmc>,
    pub(crate) neighbours: Vec<(PeerId, Neighbour)>,
    pub(crate) synchronised: bool,
    pub(crate) status: Status,
}

/// The network at one moment.
#[derive(Debug)]
pub(crate) struct NetworkView {
    /// Where we listen.
    pub(crate) listeners: Vec<Multiaddr>,
    /// Where others are told to find us.
    pub(crate) addresses: Vec<Multiaddr>,
}
