//! What the engine is told.

use std::sync::Arc;

use libp2p_identity::PeerId;
use multiaddr::Multiaddr;
use peerage_records::{
    codec::SignedRecord,
    id::{GroupId, IdentityKey, RecordId, ReplicaId},
    record::{RecordDraft, RecordUpdate},
    store::{self, PutOutcome},
    summary::Summary,
    time::Timestamp,
};

use super::ConnectFailure;
use crate::{
    cloud::Cloud,
    discovery::VerifiedSet,
    gmc::{Chain, VerifiedGmc},
    group::{GroupKey, Roles},
    identity::Identity,
    properties::{Properties, PropertiesChange},
    revocation::Cause,
    secret::DiscoverySecret,
};

/// Names a question to the store until it is answered.
pub type OperationId = u64;
/// Names a command of the application until it is answered.
pub type CommandId = u64;
/// Names an admission exchange, as the network half numbers them.
pub type ExchangeNumber = u64;

/// One thing that happened.
#[derive(Debug)]
pub enum Input {
    /// The application opened a group; it is offline until `Connect`.
    Open(Box<OpenGroup>),
    /// Go online with an open group.
    Connect {
        /// Which.
        replica: ReplicaId,
        /// Possible members from the invitation and from earlier days.
        known: Vec<(PeerId, Vec<Multiaddr>)>,
    },
    /// Connect to a member at one of these addresses, tried in their order. They were checked by
    /// [`check_addresses`](super::check_addresses). Answered by
    /// [`Output::ConnectedAt`](super::Output::ConnectedAt).
    ConnectAt {
        /// To be repeated in the answer.
        command: CommandId,
        /// For which group; it has to be online.
        replica: ReplicaId,
        /// Where; an address may end with the peer id that is expected there.
        addresses: Vec<Multiaddr>,
    },
    /// Go offline.
    Disconnect {
        /// Which.
        replica: ReplicaId,
    },
    /// Forget an open group; goes offline first.
    Close {
        /// Which.
        replica: ReplicaId,
    },
    /// The application wants records changed.
    Command {
        /// To be repeated in the reply.
        command: CommandId,
        /// In which replica.
        replica: ReplicaId,
        /// What.
        change: Change,
    },
    /// The application wants our node to be shown, or something said of it, in a group.
    Presence {
        /// In which replica.
        replica: ReplicaId,
        /// What.
        wish: PresenceWish,
    },
    /// The application goes on with a restored replica although no member has brought it up to date.
    SettleRestored {
        /// Which.
        replica: ReplicaId,
    },
    /// Where this node can be reached has changed.
    Addresses(Vec<Multiaddr>),

    /// The first connection to a peer opened.
    PeerConnected(PeerId),
    /// The last connection to a peer closed.
    PeerDisconnected(PeerId),
    /// A dial asked for did not succeed.
    DialFailed(PeerId),
    /// Answers [`Output::DialAddress`](super::Output::DialAddress).
    AddressDialled {
        /// Of which attempt.
        command: CommandId,
        /// For which group.
        replica: ReplicaId,
        /// The address.
        address: Multiaddr,
        /// Who answered there, or why nobody did.
        result: Result<PeerId, ConnectFailure>,
    },
    /// A peer knocked.
    Knocked {
        /// Who.
        peer: PeerId,
        /// Its knock.
        bytes: Vec<u8>,
    },
    /// Answers [`Output::StartExchange`](super::Output::StartExchange).
    ExchangeStarted {
        /// Whom we meant.
        peer: PeerId,
        /// For which replica.
        replica: ReplicaId,
        /// The number, or `None` when the peer is no longer connected.
        exchange: Option<ExchangeNumber>,
    },
    /// A frame of an exchange; the first one of an unknown number is a peer's Hello.
    ExchangeFrame {
        /// Which exchange.
        exchange: ExchangeNumber,
        /// With whom.
        peer: PeerId,
        /// The frame.
        frame: Vec<u8>,
    },
    /// An exchange is over, whoever ended it.
    ExchangeEnded {
        /// Which.
        exchange: ExchangeNumber,
    },
    /// A link closed without our asking.
    LinkLost {
        /// Of which group.
        group: GroupId,
        /// With whom.
        peer: PeerId,
    },
    /// A peer broke the rules of the network half.
    Misbehaved(PeerId),
    /// A frame on a link's channel.
    Frame {
        /// Of which group.
        group: GroupId,
        /// From whom.
        peer: PeerId,
        /// The frame.
        frame: Vec<u8>,
    },
    /// A gossip message that waits for its verdict.
    Heard {
        /// Of which group.
        group: GroupId,
        /// The neighbour that handed it over.
        source: PeerId,
        /// Gossip's id of the message.
        message: Vec<u8>,
        /// A record's envelope, if it is honest.
        bytes: Vec<u8>,
    },
    /// The first node of the cloud is known: what was asked of it in vain may now succeed.
    CloudReached,
    /// Answers [`Output::Announce`](super::Output::Announce).
    Announced {
        /// For which replica.
        replica: ReplicaId,
        /// Whether any node took our entry.
        result: Result<(), ()>,
    },
    /// What a lookup of the group's rendezvous found.
    Discovered {
        /// For which replica.
        replica: ReplicaId,
        /// Entries whose signatures verified.
        set: VerifiedSet,
    },

    /// Answers [`Output::Put`](super::Output::Put).
    Stored {
        /// The question.
        operation: OperationId,
        /// One outcome per record, in order; or why nothing was stored.
        result: Result<Vec<PutOutcome>, StoreFailure>,
    },
    /// Answers [`Output::Read`](super::Output::Read).
    Found {
        /// The question.
        operation: OperationId,
        /// What was found.
        result: Result<Found, StoreFailure>,
    },
    /// Answers [`Output::Withdraw`](super::Output::Withdraw).
    Withdrawn {
        /// The question.
        operation: OperationId,
        /// What was removed; or why nothing was.
        result: Result<Vec<store::Change>, StoreFailure>,
    },
    /// Something about direct connections.
    Direct(super::DirectInput),
    /// Something about a group's door.
    Door(super::DoorInput),
    /// Time has passed.
    Tick,
}

/// A group to be opened.
#[derive(Debug)]
pub struct OpenGroup {
    /// Which of our identities is the member.
    pub identity: Arc<Identity>,
    /// Its membership.
    pub gmc: VerifiedGmc,
    /// The group's discovery secret.
    pub secret: DiscoverySecret,
    /// The cloud it is looked up in.
    pub cloud: Cloud,
    /// Whether this replica has ever been brought up to date. A creator's always is.
    pub synchronised: bool,
    /// The records of the replica's membership half: memberships, revocations, properties, presence.
    pub members: Vec<SignedRecord>,
    /// The group's own key, where this identity made the group.
    pub group_key: Option<GroupKey>,
    /// What its creator says of the group, unless the replica holds properties already.
    pub founding: Properties,
    /// What is said of our node in the group.
    pub attributes: Option<String>,
    /// That the replica came from a backup, if it did.
    pub restored: Option<super::Restored>,
}

/// What the application wants of our presence in a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PresenceWish {
    /// Say this of our node, or nothing; within [`crate::presence::MAX_ATTRIBUTES_BYTES`].
    Attributes(Option<String>),
    /// Show our node whatever the group's policy, or go by the policy again.
    Forced(bool),
}

/// A change to the records that an application asks for.
#[derive(Debug)]
pub enum Change {
    /// A new record.
    Publish(RecordDraft),
    /// A new record whose id derives from these bytes, so that it is one record however often it is
    /// published.
    PublishAs([u8; 8], RecordDraft),
    /// A new version of one.
    Update(RecordId, RecordUpdate),
    /// A tombstone in its place.
    Delete(RecordId),
    /// A newer credential for a member: renewed, or with other roles. It is published, and takes
    /// effect everywhere as it arrives. Rights that are taken away are revoked first.
    Issue {
        /// Whose.
        subject: IdentityKey,
        /// What it says.
        terms: Terms,
    },
    /// A credential we have issued elsewhere, to be published for its subject.
    Grant(Chain),
    /// Credentials made void: a member removed, an invitation withdrawn, or our own leaving.
    Revoke(Removal),
    /// Other properties of the group; its creator alone may.
    Properties(PropertiesChange),
}

/// What a newer credential is to say.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Terms {
    /// The roles; those it has now otherwise.
    pub roles: Option<Roles>,
    /// The end; as long as the present one from now on otherwise, but not past our own (GRP-160).
    pub not_after: Option<Timestamp>,
}

/// Whose credentials are to be void, and what with them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Removal {
    /// Whose.
    pub subject: IdentityKey,
    /// Why, for machines.
    pub cause: Cause,
    /// Why, for people.
    pub reason: String,
    /// Whether those go too whom the subject made members, and so on.
    pub cascade: bool,
    /// Whether the subject's records go too.
    pub with_records: bool,
    /// Whether the group's key decides, which alone removes those it made members itself.
    pub by_group_key: bool,
}

/// What the store found.
#[derive(Debug)]
pub enum Found {
    /// A record, if there is one (a tombstone too).
    Record(Option<SignedRecord>),
    /// Those of the envelopes asked for that are there.
    Envelopes(Vec<SignedRecord>),
    /// A snapshot of the summary.
    Summary(Summary),
    /// A page of what somebody signed.
    Signed {
        /// The records, tombstones included.
        records: Vec<SignedRecord>,
        /// Where the next page begins, if there is one.
        next: Option<RecordId>,
    },
}

/// The store could not do what was asked; the text is for people.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct StoreFailure(pub String);
