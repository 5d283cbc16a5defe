//! What can go wrong, for people and for programs.
//!
//! One [`Error`] serves the library, the local API and the command line. Each error has a
//! stable [`code`](Error::code) that programs may match on, a [`kind`](Error::kind) that says
//! what to do about it, a message for people, and a [`next_step`](Error::next_step).
//! Where the original Peer Infrastructure had a result code for the same situation,
//! [`original`](Error::original) names it. All of them are in the [`catalogue`].

use std::{io, path::PathBuf};

use peerage_protocol::{
    cloud::CloudError,
    direct::{ConnectionId, DirectFailure},
    door::AddressError,
    engine::{ChangeError, ConnectFailure},
    gmc::GmcError,
    group::RecoveryError,
    identity::IdentityError,
    invitation::InvitationError,
    name::NameError,
    properties::PropertiesError,
};
use peerage_records::{record::DraftError, store::StoreError, validate::Rejection};

use crate::model::Scope;

pub mod catalogue;
mod conversions;
mod facts;
mod kind;

pub use catalogue::{Entry, Original};
pub use kind::ErrorKind;

/// Anything that can go wrong when using a node.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    // The data folder.
    /// Another process holds the data folder.
    #[error("the data folder {} is in use{}", path.display(), holder(*pid))]
    FolderInUse {
        /// The folder.
        path: PathBuf,
        /// The process that holds it, when it could be read.
        pid: Option<u32>,
    },
    /// Permissions deny access to the data folder or a file in it.
    #[error("no access to {}: {source}", path.display())]
    NoKeyAccess {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file of the data folder is not what it should be.
    #[error("{} is damaged: {reason}", path.display())]
    FileDamaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A folder that should be new has something in it.
    #[error("{} is not empty", path.display())]
    FolderNotEmpty {
        /// The folder.
        path: PathBuf,
    },
    /// The data folder was written by a newer version.
    #[error("the data folder {} has format {found}, this version knows up to {known}", path.display())]
    FutureFormat {
        /// The folder.
        path: PathBuf,
        /// The format found.
        found: u32,
        /// The newest format known.
        known: u32,
    },
    /// The passphrase does not open the file.
    #[error("wrong passphrase for {what}")]
    WrongPassphrase {
        /// What could not be opened.
        what: String,
    },
    /// A protected file needs a passphrase and none was given.
    #[error("{what} is protected and no passphrase was given")]
    PassphraseNeeded {
        /// What could not be opened.
        what: String,
    },
    /// An exported file is not what it should be, or not the kind it is taken for.
    #[error("{what} cannot be used: {reason}")]
    InvalidExport {
        /// Which file.
        what: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The disk is full.
    #[error("the disk is full: {} was not written", path.display())]
    DiskFull {
        /// The file or folder that could not be written.
        path: PathBuf,
    },
    /// Reading or writing failed in another way.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },

    // Starting.
    /// A setting is wrong.
    #[error("setting {field}: {reason}")]
    InvalidSetting {
        /// The setting, as it is named in the configuration file.
        field: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The process environment would leak secrets.
    #[error("the environment variable {variable} is set: {reason}")]
    UnsafeEnvironment {
        /// The variable.
        variable: &'static str,
        /// What it would do.
        reason: &'static str,
    },
    /// The node cannot listen on an address, most often because its port is taken.
    #[error("cannot listen on {address}: {reason}")]
    UnableToListen {
        /// The address.
        address: String,
        /// What the system said.
        reason: String,
    },
    /// A live daemon already serves the API socket.
    #[error("a daemon already listens on {}", path.display())]
    SocketInUse {
        /// The socket.
        path: PathBuf,
    },
    /// No daemon answers on the API socket.
    #[error("no daemon answers on {}: {source}", path.display())]
    DaemonUnreachable {
        /// The socket.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },

    // Input.
    /// A value from the caller is not valid.
    #[error("{field}: {reason}")]
    InvalidInput {
        /// Which value.
        field: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// A request is larger than allowed.
    #[error("the request is larger than {limit_bytes} bytes")]
    TooLarge {
        /// The limit.
        limit_bytes: usize,
    },
    /// A cursor is not one that the list gave.
    #[error("the cursor is not one that the list of {list} gave")]
    InvalidCursor {
        /// The list.
        list: &'static str,
    },
    /// An idempotency key came with another request than the first time.
    #[error("the idempotency key was used for another request")]
    KeyReused,
    /// A request with this idempotency key was begun, and it is not known what became of it.
    #[error("a request with this idempotency key was begun and not finished")]
    Interrupted,
    /// The body of a request does not say that it is JSON.
    #[error("the body is JSON, and the header Content-Type has to say so: application/json")]
    NotJson,
    /// No error has this code, name or number.
    #[error("no error is called {code:?}{}", perhaps(near))]
    CodeNotFound {
        /// What was asked for.
        code: String,
        /// What is alike.
        near: Vec<&'static str>,
    },
    /// A peer name, classifier or friendly name breaks the rules.
    #[error(transparent)]
    Name(#[from] NameError),

    // Identities.
    /// No identity matches the name.
    #[error("no identity is called {name:?}")]
    IdentityNotFound {
        /// What was asked for.
        name: String,
    },
    /// There is no identity yet, hence no default one.
    #[error("there is no default identity yet")]
    NoDefaultIdentity,
    /// Several identities match the name.
    #[error("several identities match {name:?}")]
    IdentityAmbiguous {
        /// What was asked for.
        name: String,
    },
    /// The card is of an identity that was deleted on this node.
    #[error("the identity {name} was deleted on this node")]
    IdentityDeleted {
        /// Its peer name.
        name: String,
    },
    /// An identity with this peer name exists.
    #[error("the identity {name} already exists")]
    IdentityExists {
        /// Its peer name.
        name: String,
    },
    /// The identity still has groups.
    #[error("the identity {name} still has {groups} group(s)")]
    GroupsExist {
        /// Its peer name.
        name: String,
        /// How many.
        groups: usize,
    },
    /// The configured number of identities is reached.
    #[error("there are already {limit} identities, the most allowed")]
    TooManyIdentities {
        /// The configured ceiling.
        limit: usize,
    },
    /// Identity text (a card or an export) is not valid.
    #[error(transparent)]
    Identity(IdentityError),

    // Groups.
    /// No group matches the name.
    #[error("no group is called {name:?}")]
    GroupNotFound {
        /// What was asked for.
        name: String,
    },
    /// Several groups match the name, or look alike.
    #[error("{}", several_groups(name, candidates))]
    GroupAmbiguous {
        /// What was asked for.
        name: String,
        /// Their peer names.
        candidates: String,
    },
    /// No cloud of this node has the name, or several do.
    #[error("cloud {name:?}: {source}")]
    Cloud {
        /// What was asked for.
        name: String,
        /// What is wrong with it.
        source: CloudError,
    },
    /// No member matches the name.
    #[error("the group knows no member called {name:?}")]
    MemberNotFound {
        /// What was asked for.
        name: String,
    },
    /// Several members match the name, or look alike.
    #[error("several members match or look like {name:?}: {candidates}")]
    MemberAmbiguous {
        /// What was asked for.
        name: String,
        /// Their peer names.
        candidates: String,
    },
    /// The group's key is not on this node.
    #[error("the key of the group {group} is not on this node")]
    GroupKeyMissing {
        /// The group's peer name.
        group: String,
    },
    /// A recovery file of a group is not valid.
    #[error(transparent)]
    Recovery(#[from] RecoveryError),
    /// No invitation made here has this id.
    #[error("this node made no invitation {id:?}, or has forgotten it")]
    InvitationNotFound {
        /// What was asked for.
        id: String,
    },
    /// Several invitations begin with this id.
    #[error("several invitations begin with {id:?}")]
    InvitationAmbiguous {
        /// What was asked for.
        id: String,
    },
    /// The invitation cannot be issued again or revoked any more.
    #[error("the invitation {id} is {state}")]
    InvitationOver {
        /// Its id.
        id: String,
        /// What became of it.
        state: &'static str,
    },
    /// The identity is already a member of the group here.
    #[error("{identity} is already a member of {group} on this node")]
    AlreadyMember {
        /// The identity's peer name.
        identity: String,
        /// The group's peer name.
        group: String,
    },
    /// The configuration of a group that is to be imported would replace the one here.
    #[error("{identity} is a member of {group} on this node already")]
    ConfigExists {
        /// The identity's peer name.
        identity: String,
        /// The group's peer name.
        group: String,
    },
    /// What was asked for is done to a group that is offline.
    #[error("the group {group} is online")]
    GroupOnline {
        /// The group's name.
        group: String,
    },
    /// The group was closed or deleted while it was being used.
    #[error("the group {group} was closed or deleted")]
    GroupGone {
        /// The group's peer name.
        group: String,
    },
    /// The registration for events was ended.
    #[error("this stream of events was ended")]
    EventsEnded,
    /// An application keeps as many cursors in a group as it may.
    #[error("there are {limit} consumers already")]
    TooManyConsumers {
        /// How many it may keep.
        limit: usize,
    },
    /// No cursor is kept under this name.
    #[error("no consumer is called {name:?}")]
    ConsumerNotFound {
        /// The name.
        name: String,
    },
    /// Another identity of this node is online in the group.
    #[error("another identity of this node is online in {group}")]
    GroupInUse {
        /// The group's name.
        group: String,
    },
    /// The group has not synchronised yet.
    #[error("the group {group} has not synchronised yet")]
    GroupNotReady {
        /// The group's peer name.
        group: String,
    },
    /// The group was restored from a backup and has met no member since.
    #[error("the group {group} was restored from a backup and has met no member since")]
    Behind {
        /// The group's peer name.
        group: String,
    },
    /// A file is not the database of this group and identity, or is damaged.
    #[error("the database cannot be imported: {reason}")]
    InvalidDatabase {
        /// What is wrong with it.
        reason: String,
    },
    /// An address to connect to is this node's own.
    #[error("{address} is this node itself")]
    ConnectSelf {
        /// The address.
        address: String,
    },
    /// Nobody at the addresses named became a neighbour.
    #[error("no connection to {group}: {reason}")]
    ConnectionFailed {
        /// The group's peer name.
        group: String,
        /// How far it got.
        reason: ConnectFailure,
    },
    /// A direct connection did not come about.
    #[error("no direct connection with {member}: {reason}")]
    DirectFailed {
        /// The member, as it was named.
        member: String,
        /// Why.
        reason: DirectFailure,
    },
    /// No direct connection has this id, or it has ended.
    #[error("there is no open connection {id}")]
    ConnectionNotFound {
        /// The id.
        id: ConnectionId,
    },
    /// A pipe broke before both sides had ended: what came is not all.
    #[error("the pipe was cut before its end: {}", how_cut(reason))]
    DirectCut {
        /// What is known of it.
        reason: String,
    },
    /// No node with this peer id is present in the group.
    #[error("no node {peer_id} is present in the group")]
    NodeNotFound {
        /// The peer id.
        peer_id: String,
    },
    /// A property of a group is outside its limits, or a record beyond those of its group.
    #[error(transparent)]
    Properties(#[from] PropertiesError),
    /// The member's role does not allow it.
    #[error("not authorised: {reason}")]
    NotAuthorised {
        /// What is missing.
        reason: String,
    },
    /// We were removed from the group, or have left it.
    #[error("the membership in {group} was taken away: removed from it, or has left it")]
    MembershipRevoked {
        /// The group's peer name.
        group: String,
    },
    /// Nobody would hear of it: no other member is connected.
    #[error("no other member of {group} is connected, so nobody would hear of it")]
    NotConnected {
        /// The group's name.
        group: String,
    },
    /// A member cannot be removed, or its membership not changed, in this way.
    #[error(transparent)]
    NotRemovable(ChangeError),
    /// A membership certificate is not valid.
    #[error(transparent)]
    Gmc(#[from] GmcError),
    /// An invitation is not valid.
    #[error(transparent)]
    Invitation(#[from] InvitationError),

    /// A group address is not valid.
    #[error(transparent)]
    Address(#[from] AddressError),
    /// A password is too short or too easily guessed for a group.
    #[error("the password does not do: {reason}")]
    PasswordPolicy {
        /// What is wrong with it.
        reason: String,
    },
    /// The group's door is closed.
    #[error("the door of {group} is closed: it takes neither a password nor requests")]
    DoorClosed {
        /// The group's peer name.
        group: String,
    },
    /// The members who answered did not let us in.
    #[error("not admitted to {group}: wrong password, or not let in")]
    NotAdmitted {
        /// The group, as it was named.
        group: String,
    },
    /// Nobody of this name has asked to join.
    #[error("nobody called {name:?} has asked to join")]
    RequestNotFound {
        /// What was asked for.
        name: String,
    },
    /// As many groups as possible are being joined by their address.
    #[error("{limit} groups are being joined already, the most at once")]
    TooManyVisits {
        /// The limit.
        limit: usize,
    },

    // Records.
    /// No record has this id.
    #[error("the group has no record {id}")]
    RecordNotFound {
        /// The id.
        id: String,
    },
    /// A draft or an update breaks a rule.
    #[error(transparent)]
    Draft(#[from] DraftError),
    /// The finished record was refused.
    #[error("the record was refused: {0}")]
    Refused(#[from] Rejection),
    /// The store did not keep a record.
    #[error("the record was not stored: {reason}")]
    StoreFailed {
        /// The store's words.
        reason: String,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),

    // Applications.
    /// The local API belongs to another user of this machine.
    #[error("this node belongs to another user of this machine")]
    OtherUser,
    /// A request without a token that is good.
    #[error("the request carries no token that is good here")]
    TokenNeeded,
    /// The application may not do this at all.
    #[error("{application} may not do this: its token lacks the scope {scope}")]
    OutOfScope {
        /// The application.
        application: String,
        /// The scope it would need.
        scope: Scope,
    },
    /// The application is confined to groups or identities, and this is beyond them.
    #[error("{application} may not do this: it is confined to some groups or identities")]
    OutOfReach {
        /// The application.
        application: String,
    },
    /// Only who owns the node may do this.
    #[error("only the operator of the node may do this, not {application}")]
    OperatorOnly {
        /// The application.
        application: String,
    },
    /// The application uses as much as it may.
    #[error("{application} has reached its quota of {quota}; try again in {retry_after_seconds} s")]
    QuotaExceeded {
        /// The application.
        application: String,
        /// Which quota.
        quota: &'static str,
        /// When there is room again.
        retry_after_seconds: u32,
    },
    /// The application is not attached to the node.
    #[error("{application} has no session, so nothing says for how long it holds the group")]
    SessionNeeded {
        /// The application.
        application: String,
    },
    /// The application is attached to the node already.
    #[error("{application} has a session already")]
    SessionExists {
        /// The application.
        application: String,
    },
    /// No application has this name.
    #[error("no application is called {name:?}")]
    ApplicationNotFound {
        /// What was asked for.
        name: String,
    },
    /// An application has this name.
    #[error("an application called {name:?} exists")]
    ApplicationExists {
        /// Its name.
        name: String,
    },
    /// As many applications as possible are registered.
    #[error("there are already {limit} applications, the most allowed")]
    TooManyApplications {
        /// The limit.
        limit: usize,
    },
    /// The request names another host than this one, as one by way of a rebound name would.
    #[error("the request is addressed to another host")]
    HostRefused,
    /// A web page has sent the request.
    #[error("the request comes from a web page")]
    OriginRefused,

    // Running.
    /// The node has more to do than it can queue.
    #[error("the node is busy")]
    Busy,
    /// The request took too long.
    #[error("no answer within {seconds} s")]
    TimedOut {
        /// The limit.
        seconds: u64,
    },
    /// The node is shutting down or has shut down.
    #[error("the node is shutting down")]
    ShuttingDown,
    /// A fault of ours.
    #[error("internal error: {0}")]
    Internal(String),
}

/// What a function of this crate returns.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// What to do about it.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.entry().kind
    }

    /// A stable name in snake case, for programs.
    #[must_use]
    pub fn code(&self) -> &'static str {
        self.entry().code
    }

    /// The result code of the original Peer Infrastructure for this situation, if it had one: its name
    /// and its number.
    #[must_use]
    pub fn original(&self) -> Option<&'static Original> {
        self.entry().original
    }

    /// The message, followed by those of its causes that it does not repeat already.
    #[must_use]
    pub fn full_text(&self) -> String {
        let mut text = self.to_string();
        let mut cause = std::error::Error::source(self);
        while let Some(error) = cause {
            let more = error.to_string();
            if !text.contains(&more) {
                text.push_str(": ");
                text.push_str(&more);
            }
            cause = error.source();
        }
        text
    }

    /// Shorthand for an [`Error::InvalidInput`].
    pub fn invalid(field: &'static str, reason: impl ToString) -> Self {
        Self::InvalidInput {
            field,
            reason: reason.to_string(),
        }
    }

    /// Turns an I/O error about `path` into the variant that says what to do.
    #[must_use]
    pub fn io(path: impl Into<PathBuf>, source: io::Error) -> Self {
        let path = path.into();
        match source.kind() {
            io::ErrorKind::PermissionDenied => Self::NoKeyAccess { path, source },
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::DiskFull { path },
            _ => Self::Io { path, source },
        }
    }
}

/// One candidate alone is one group as several identities.
fn several_groups(name: &str, candidates: &str) -> String {
    match candidates.contains(", ") {
        true => format!("several groups match or look like {name:?}: {candidates}"),
        false => format!("several identities of this node are in {name:?}: {candidates}"),
    }
}

fn holder(pid: Option<u32>) -> String {
    pid.map(|pid| format!(" by process {pid}"))
        .unwrap_or_default()
}

/// The daemon knows no more of it than that it happened.
fn how_cut(reason: &str) -> &str {
    match reason {
        "" | "cut" => "the other side, or its node, cut it",
        reason => reason,
    }
}

fn perhaps(near: &[&str]) -> String {
    match near {
        [] => String::new(),
        near => format!(": did you mean {}?", near.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_system_says_becomes_what_to_do() {
        let of = |kind: io::ErrorKind| Error::io("/x", kind.into());
        assert_eq!(of(io::ErrorKind::StorageFull).code(), "disk_full");
        assert_eq!(
            of(io::ErrorKind::QuotaExceeded).original().unwrap().name,
            "PEER_E_DISK_FULL"
        );
        assert_eq!(of(io::ErrorKind::PermissionDenied).code(), "no_key_access");
        assert_eq!(
            of(io::ErrorKind::NotADirectory).kind(),
            ErrorKind::Unavailable
        );
    }

    #[test]
    fn causes_are_told_once() {
        let name = NameError::ControlCharacter;
        let error = Error::from(InvitationError::BadNote(name.clone()));
        assert_eq!(
            error.full_text(),
            format!("the note cannot be used: {name}")
        );
        let error = Error::io("/x", io::ErrorKind::PermissionDenied.into());
        assert_eq!(error.full_text(), error.to_string());
    }

    #[test]
    fn a_pipe_that_was_cut_says_by_whom() {
        let text = |reason: &str| {
            let reason = reason.to_owned();
            Error::DirectCut { reason }.to_string()
        };
        assert_eq!(
            text("cut"),
            "the pipe was cut before its end: the other side, or its node, cut it"
        );
        assert!(text("reading the TCP connection: x").ends_with(": x"));
    }

    #[test]
    fn exit_codes_differ() {
        let mut codes: Vec<u8> = ErrorKind::ALL.iter().map(|kind| kind.exit_code()).collect();
        codes.sort_unstable();
        codes.dedup();
        assert_eq!(codes.len(), ErrorKind::ALL.len());
        assert!(!codes.contains(&0));
    }
}
