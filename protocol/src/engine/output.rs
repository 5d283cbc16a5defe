//! What the engine wants done.

use std::collections::BTreeSet;

use libp2p_identity::PeerId;
use multiaddr::Multiaddr;
use peerage_records::{
    codec::SignedRecord,
    id::{EnvelopeHash, GroupId, IdentityKey, RecordId, ReplicaId},
    record::DraftError,
    store::{self, Origin, Partition, Put},
    time::Timestamp,
    validate::Rejection,
};
use thiserror::Error;

use super::{
    ConnectFailure, Status,
    input::{CommandId, ExchangeNumber, OperationId, StoreFailure},
};
use crate::{
    admission::Handle,
    discovery::EntrySet,
    gmc::{GmcError, VerifiedGmc},
    presence::PresenceChange,
    properties::PropertiesError,
    reconcile::Tally,
    revocation::Cause,
};

/// One thing to do. Order matters; nothing may be skipped.
#[derive(Debug)]
pub enum Output {
    /// Make records durable and answer with `Input::Stored`.
    Put {
        /// To be repeated in the answer.
        operation: OperationId,
        /// The records.
        puts: Vec<Put>,
    },
    /// Read from the store and answer with `Input::Found`.
    Read {
        /// To be repeated in the answer.
        operation: OperationId,
        /// From which replica.
        replica: ReplicaId,
        /// What.
        read: Read,
    },
    /// Remove versions the group accepts no longer and answer with `Input::Withdrawn`.
    Withdraw {
        /// To be repeated in the answer.
        operation: OperationId,
        /// From which replica.
        replica: ReplicaId,
        /// Which versions, if they are still held.
        versions: Vec<(RecordId, EnvelopeHash)>,
    },
    /// Answer a command.
    Reply {
        /// The command.
        command: CommandId,
        /// The record as it now is, or why nothing changed.
        result: Result<SignedRecord, ChangeError>,
    },
    /// Answers [`Input::ConnectAt`](super::Input::ConnectAt), once.
    ConnectedAt {
        /// The attempt.
        command: CommandId,
        /// Who is our neighbour now, or why nobody is.
        result: Result<PeerId, ConnectFailure>,
    },
    /// Tell the application.
    Emit(Event),

    /// Connect to a peer.
    Dial {
        /// Whom.
        peer: PeerId,
        /// Where.
        addresses: Vec<Multiaddr>,
    },
    /// Connect to whoever is at an address and answer with `Input::AddressDialled`.
    DialAddress {
        /// To be repeated in the answer.
        command: CommandId,
        /// To be repeated in the answer.
        replica: ReplicaId,
        /// Where, and perhaps who has to be there.
        address: Multiaddr,
    },
    /// Ask a connected peer to start an exchange.
    Knock {
        /// Whom.
        peer: PeerId,
        /// The knock.
        bytes: Vec<u8>,
    },
    /// Open an exchange and answer with `Input::ExchangeStarted`.
    StartExchange {
        /// With whom.
        peer: PeerId,
        /// To be repeated in the answer.
        replica: ReplicaId,
    },
    /// Send a frame of an exchange.
    SendExchange {
        /// Which.
        exchange: ExchangeNumber,
        /// The frame.
        frame: Vec<u8>,
    },
    /// Close an exchange without another word.
    EndExchange {
        /// Which.
        exchange: ExchangeNumber,
    },
    /// Make the gate know a group.
    InsertGroup(GroupId),
    /// Make the gate forget a group and all its links.
    RemoveGroup(GroupId),
    /// Let a peer into a group, on the connection of that exchange.
    OpenLink {
        /// The group.
        group: GroupId,
        /// The peer.
        peer: PeerId,
        /// On whose connection.
        exchange: ExchangeNumber,
        /// The link's name on the wire.
        handle: Handle,
    },
    /// Cut a peer off from a group.
    CloseLink {
        /// The group.
        group: GroupId,
        /// The peer.
        peer: PeerId,
    },
    /// Take a peer out of a group's gossip at once, while it may still be told why over the channel.
    MuteLink {
        /// The group.
        group: GroupId,
        /// The peer.
        peer: PeerId,
    },
    /// Send a frame on a link's channel.
    Send {
        /// The group.
        group: GroupId,
        /// The peer.
        peer: PeerId,
        /// The frame.
        frame: Vec<u8>,
    },
    /// Spread an envelope.
    Gossip {
        /// The group.
        group: GroupId,
        /// The envelope.
        bytes: Vec<u8>,
    },
    /// Decide about a gossip message.
    Verdict {
        /// The group.
        group: GroupId,
        /// Who handed it over.
        source: PeerId,
        /// Which message.
        message: Vec<u8>,
        /// The decision.
        verdict: Verdict,
    },

    /// Something about direct connections.
    Direct(super::DirectOutput),
    /// Stretch a password, where that disturbs nobody, and hand in what comes of it.
    Stretch(Box<super::Stretch>),

    /// Put our entry into the cloud.
    Announce {
        /// To be repeated in the answer.
        replica: ReplicaId,
        /// The group's rendezvous.
        key: [u8; 32],
        /// A set of one entry.
        set: EntrySet,
    },
    /// Look the group up in the cloud and answer with `Input::Discovered`.
    LookUp {
        /// To be repeated in the answer.
        replica: ReplicaId,
        /// The group's rendezvous.
        key: [u8; 32],
    },
}

/// A question to the store.
#[derive(Debug)]
pub enum Read {
    /// One record by id.
    Record(RecordId),
    /// Envelopes by hash.
    Envelopes(Vec<EnvelopeHash>),
    /// Records by id, whatever their version.
    Records(Vec<RecordId>),
    /// A snapshot of one half's summary.
    Summary(Partition),
    /// The applications' records these identities touched last, tombstones included: of the next
    /// [`SCAN_ROWS`] that are held, those.
    SignedBy {
        /// Whose.
        signers: BTreeSet<IdentityKey>,
        /// Where the page begins.
        after: Option<RecordId>,
    },
}

/// Rows looked at for one page of [`Read::SignedBy`]: what the store does in one go, about 10 ms.
pub const SCAN_ROWS: usize = 1_024;

/// What becomes of a gossip message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Valid: forward it.
    Accept,
    /// Not to be forwarded, and nobody's fault.
    Ignore,
    /// No honest peer could have forwarded it.
    Reject,
}

/// Why a change was not made. Nothing has changed then.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ChangeError {
    /// The group is not open here.
    #[error("the group is not open")]
    NotOpen,
    /// The group was joined but has never been brought up to date by another member.
    #[error("the group has not been synchronised yet")]
    NotReady,
    /// No record has this id, or it was deleted.
    #[error("no record has this id")]
    NotFound,
    /// The group's properties are its creator's to change.
    #[error("only the creator of the group can change its properties")]
    NotCreator,
    /// A property is outside its limits, or the record outside those of the group.
    #[error(transparent)]
    Properties(#[from] PropertiesError),
    /// The draft breaks a rule.
    #[error(transparent)]
    Draft(#[from] DraftError),
    /// Our own membership does not allow it, or other members would not accept it.
    #[error("members would not accept this record: {0}")]
    Refused(#[from] Rejection),
    /// The replica was restored from a backup and has met no member since: what is there may be older
    /// than what we have published ourselves.
    #[error("the group was restored from a backup and has not met another member since")]
    Behind,
    /// Other changes of the same record kept winning.
    #[error("the record is being changed by somebody else at the same time")]
    Conflict,
    /// The store failed.
    #[error("the store failed: {0}")]
    Store(#[from] StoreFailure),
    /// Nobody here has heard of this identity.
    #[error("no member of the group has this identity")]
    UnknownMember,
    /// Our role does not allow it.
    #[error("only an Admin may do this")]
    NotAuthorised,
    /// Who holds a credential of the group's own key is removed by the group's key only.
    #[error("the creator can be removed with the group's key only")]
    Creator,
    /// Nobody could let members in, or remove any, afterwards.
    #[error("this is the group's last Admin")]
    LastAdmin,
    /// We would remove ourselves, or lower our own role.
    #[error("this concerns our own membership")]
    Ourselves,
    /// More certificates than fit in one revocation would stay good.
    #[error(
        "{acts} certificates issued by the member would stay good, more than {limit} in one revocation"
    )]
    TooManyKept {
        /// How many.
        acts: usize,
        /// How many fit.
        limit: usize,
    },
    /// The credential cannot be issued.
    #[error("the credential cannot be issued: {0}")]
    Credential(#[from] GmcError),
}

/// What the application is told.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Event {
    /// A record was added, updated or deleted; durable before it is told.
    RecordChanged {
        /// In which replica.
        replica: ReplicaId,
        /// The numbered change.
        change: store::Change,
    },
    /// A member became known.
    MemberJoined {
        /// In which replica.
        replica: ReplicaId,
        /// The member.
        member: IdentityKey,
    },
    /// A member's certificate was replaced by a newer one.
    MemberUpdated {
        /// In which replica.
        replica: ReplicaId,
        /// The member.
        member: IdentityKey,
    },
    /// A member was removed, or left: it is none any more, here and now.
    MemberRemoved {
        /// In which replica.
        replica: ReplicaId,
        /// Who; perhaps we.
        member: IdentityKey,
        /// Why, for machines.
        cause: Cause,
        /// Whose decision: a member's, or that of the group's key.
        by: IdentityKey,
        /// Why, for people.
        reason: String,
    },
    /// Our own membership was replaced by a newer one that another member published. To be kept.
    MembershipRenewed {
        /// In which replica.
        replica: ReplicaId,
        /// The newer one.
        gmc: VerifiedGmc,
    },
    /// Our own membership ends soon, and nobody has renewed it.
    MembershipEnding {
        /// In which replica.
        replica: ReplicaId,
        /// When.
        not_after: Timestamp,
    },
    /// A node of a member came online, went offline, or says something else of itself.
    PresenceChanged {
        /// In which replica.
        replica: ReplicaId,
        /// The member.
        member: IdentityKey,
        /// Which of its nodes.
        peer: PeerId,
        /// What happened.
        change: PresenceChange,
    },
    /// The group's properties became known or changed.
    PropertiesChanged {
        /// In which replica.
        replica: ReplicaId,
    },
    /// A link opened.
    NeighbourConnected {
        /// In which replica.
        replica: ReplicaId,
        /// The peer.
        peer: PeerId,
        /// The member behind it.
        member: IdentityKey,
        /// Where it listens.
        addresses: Vec<Multiaddr>,
    },
    /// A link closed.
    NeighbourDisconnected {
        /// In which replica.
        replica: ReplicaId,
        /// The peer.
        peer: PeerId,
        /// The member behind it.
        member: IdentityKey,
        /// Why, in a stable word.
        reason: &'static str,
    },
    /// A peer that was approached did not become a neighbour. It may be approached again.
    NeighbourFailed {
        /// In which replica.
        replica: ReplicaId,
        /// The peer.
        peer: PeerId,
        /// Why.
        reason: ConnectFailure,
    },
    /// The group's status changed.
    StatusChanged {
        /// Of which replica.
        replica: ReplicaId,
        /// What it is now.
        status: Status,
    },
    /// An attempt to connect failed: that of a newcomer that knows nobody, or one at addresses that
    /// were named. The group stays online and goes on looking.
    ConnectionFailed {
        /// In which replica.
        replica: ReplicaId,
        /// Why.
        reason: ConnectFailure,
    },
    /// A group that was in touch with others has nobody, and nobody known can be reached. It goes on
    /// looking; an address from outside would help.
    ConnectionRequired {
        /// In which replica.
        replica: ReplicaId,
    },
    /// A member publishes more than gossip carries for one; the rest arrives by reconciliation. Told
    /// now and then while it lasts.
    QuotaExceeded {
        /// In which replica.
        replica: ReplicaId,
        /// The member.
        member: IdentityKey,
    },
    /// The replica has been brought up to date for the first time since it was opened.
    Synchronised {
        /// Which.
        replica: ReplicaId,
    },
    /// A replica that was restored from a backup has been brought up to date by another member, or its
    /// application goes on without. To be kept.
    CaughtUp {
        /// Which.
        replica: ReplicaId,
    },
    /// Two nodes with one key are running: on two machines, from one data folder or a copy of it.
    NodeDuplicated {
        /// In which replica it shows.
        replica: ReplicaId,
        /// Whose key: ours, or that of another member's node.
        peer: PeerId,
    },
    /// A reconciliation we started has ended well.
    Reconciled {
        /// In which replica.
        replica: ReplicaId,
        /// With whom.
        peer: PeerId,
        /// What it moved.
        tally: Tally,
    },
    /// Somebody was not admitted, or did not admit us.
    AdmissionRefused {
        /// To which replica's group, if that could be told: who does not know the group's secret asks
        /// for none.
        replica: Option<ReplicaId>,
        /// Who.
        peer: PeerId,
        /// Why, in a stable word.
        reason: &'static str,
    },
    /// A member, or somebody who knows the group's secret, showed what its clock says: to within
    /// [`FRESHNESS`](crate::binding::FRESHNESS) and the time on the way. One that is far off is not
    /// admitted; this is told all the same.
    ClockSeen {
        /// The peer.
        peer: PeerId,
        /// What its clock said when it vouched for its node.
        theirs: Timestamp,
        /// What ours says now.
        ours: Timestamp,
    },
    /// A record was not accepted.
    RecordRefused {
        /// In which replica.
        replica: ReplicaId,
        /// Who handed it over.
        peer: PeerId,
        /// Which check refused it, in words.
        reason: String,
        /// What became of the message.
        verdict: Verdict,
    },
    /// A record was stored, or was found to be known or superseded (for the metrics).
    RecordStored {
        /// Where it came from.
        origin: Origin,
        /// `stored`, `same` or `superseded`.
        outcome: &'static str,
    },
    /// Something about direct connections.
    Direct(super::DirectEvent),
    /// Something about a group's door.
    Door(super::DoorEvent),
    /// The store failed while keeping records of others.
    StoreFailed {
        /// In which replica.
        replica: ReplicaId,
        /// Why.
        failure: StoreFailure,
    },
}
