//! What a node tells about itself: plain data, the same in the library, the API and the
//! command line's `--json`.
//!
//! Times are RFC 3339 text in UTC with milliseconds. Keys and ids are lower-case hex, record
//! ids and types are UUID text, payloads are standard base64.

mod application;
mod direct;
mod doctor;
mod door;
mod event;
mod group;
mod identity;
mod inspection;
mod invitation;
mod members;
mod page;
mod portable;
mod problem;
mod properties;
mod record;
mod requests;
mod standing;
mod status;
mod text;

pub use application::{
    ApplicationInfo, CallerInfo, IssuedToken, NewApplication, Quotas, Scope, SessionEvent,
    SessionEventKind,
};
pub use direct::{
    ConnectionEnd, ConnectionInfo, ConnectionKind, ConnectionMode, DirectOpening, DirectTold,
    MessageInfo, OpenDirect, SendDirect,
};
pub use doctor::{Check, DoctorReport, Finding, Level};
pub use door::{
    AcceptRequest, AddressInfo, AddressText, DoorInfo, DoorRequest, InspectAddress,
    JoinRequestInfo, VisitRequest,
};
pub use event::{
    AckRequest, ConsumerInfo, EventKind, EventOrigin, GroupEvent, NoPosition, Position, UnknownKind,
};
pub use group::{
    ConnectRequest, GroupInfo, GroupStatus, MemberInfo, NeighbourInfo, NewGroup, Outcome,
};
pub use identity::{IdentityInfo, NewIdentity};
pub use inspection::{
    GraphLink, GraphNode, GroupGraph, IdentityMemberships, KnownAs, LinkDirection, MembershipInfo,
    Participant, PingReport, Validity,
};
pub use invitation::{InvitationDetail, InvitationState, InvitationSummary};
pub use members::{ChainLink, MemberDetail, MemberNode, MemberTree, Standing};
pub use page::Page;
pub use portable::{DatabaseInfo, ImportedDatabase};
pub use problem::{ErrorInfo, ExitCodeInfo, Explanation, OriginalInfo, Problem};
pub use properties::{GroupChange, GroupProperties, NodeInfo, PresenceRequest};
pub use record::{AttributeInfo, AttributeScalar, AttributeType, RecordInfo};
pub use requests::{
    CardText, ExportRequest, ExportedIdentity, FingerprintInfo, GroupConfigFile,
    GroupConfigRequest, IdentityChange, ImportRequest, InspectRequest, InvitationInfo,
    InvitationText, InviteRequest, IssueAdminRequest, JoinRequest, RecordChange, RecordPut,
    RecoverRequest, RecoveryFile, ReissueRequest,
};
pub use standing::{AuditEntry, AuditFile, LeaveGroup, RemovalProgress, RemoveMember, RenewMember};
pub use status::NodeStatus;
pub use text::{instant_text, parse_expiry, parse_instant};
