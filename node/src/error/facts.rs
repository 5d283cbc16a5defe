//! What is known about each error: its stable code, its kind, the original's name for it,
//! and the command that most likely helps.

use peerage_protocol::{engine::ChangeError, properties::PropertiesError};

use super::{
    Error,
    ErrorKind::{
        self, Conflict, Damaged, FixInput, Internal, NotAuthorised, NotFound, Retry, Unavailable,
    },
    conversions,
};

/// One row of the table in `docs/api.md`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Facts {
    pub(super) code: &'static str,
    pub(super) kind: ErrorKind,
    pub(super) original: Option<&'static str>,
}

pub(super) const fn plain(code: &'static str, kind: ErrorKind) -> Facts {
    Facts {
        code,
        kind,
        original: None,
    }
}

pub(super) const fn as_original(
    code: &'static str,
    kind: ErrorKind,
    original: &'static str,
) -> Facts {
    Facts {
        code,
        kind,
        original: Some(original),
    }
}

impl Error {
    pub(super) fn facts(&self) -> Facts {
        match self {
            Self::FolderInUse { .. } => plain("folder_in_use", Conflict),
            Self::NoKeyAccess { .. } => {
                as_original("no_key_access", NotAuthorised, "PEER_E_NO_KEY_ACCESS")
            }
            Self::FileDamaged { .. } => {
                as_original("file_damaged", Damaged, "PEER_E_CERT_STORE_CORRUPTED")
            }
            Self::FutureFormat { .. } => as_original(
                "unsupported_version",
                FixInput,
                "PEER_E_UNSUPPORTED_VERSION",
            ),
            Self::WrongPassphrase { .. } => plain("wrong_passphrase", NotAuthorised),
            Self::PassphraseNeeded { .. } => plain("passphrase_needed", FixInput),
            Self::DiskFull { .. } => as_original("disk_full", Unavailable, "PEER_E_DISK_FULL"),
            Self::Io { .. } => plain("io", Unavailable),
            Self::InvalidSetting { .. } => plain("invalid_setting", FixInput),
            Self::UnsafeEnvironment { .. } => plain("unsafe_environment", FixInput),
            Self::UnableToListen { .. } => {
                as_original("unable_to_listen", Unavailable, "PEER_E_UNABLE_TO_LISTEN")
            }
            Self::SocketInUse { .. } => plain("socket_in_use", Conflict),
            Self::DaemonUnreachable { .. } => {
                as_original("daemon_unreachable", Unavailable, "PEER_E_NOT_INITIALIZED")
            }
            Self::InvalidInput { .. } => plain("invalid_input", FixInput),
            Self::TooLarge { .. } => plain("too_large", FixInput),
            Self::Name(error) => conversions::name(error),
            Self::IdentityNotFound { .. } | Self::NoDefaultIdentity => {
                as_original("identity_not_found", NotFound, "PEER_E_NOT_FOUND")
            }
            Self::IdentityAmbiguous { .. } => plain("identity_ambiguous", FixInput),
            Self::IdentityDeleted { .. } => {
                as_original("identity_deleted", FixInput, "PEER_E_IDENTITY_DELETED")
            }
            Self::IdentityExists { .. } => {
                as_original("identity_exists", Conflict, "PEER_E_ALREADY_EXISTS")
            }
            Self::GroupsExist { .. } => {
                as_original("groups_exist", Conflict, "PEER_E_GROUPS_EXIST")
            }
            Self::TooManyIdentities { .. } => as_original(
                "too_many_identities",
                Conflict,
                "PEER_E_TOO_MANY_IDENTITIES",
            ),
            Self::Identity(error) => conversions::identity(error),
            Self::GroupNotFound { .. } => {
                as_original("group_not_found", NotFound, "PEER_E_NOT_FOUND")
            }
            Self::GroupAmbiguous { .. } => plain("group_ambiguous", FixInput),
            Self::Cloud { source, .. } => conversions::cloud(source),
            Self::MemberNotFound { .. } => {
                as_original("member_not_found", NotFound, "PEER_E_NOT_FOUND")
            }
            Self::MemberAmbiguous { .. } => plain("member_ambiguous", FixInput),
            Self::GroupKeyMissing { .. } => {
                as_original("group_key_missing", NotAuthorised, "PEER_E_NOT_AUTHORIZED")
            }
            Self::Recovery(error) => conversions::recovery(error),
            Self::InvitationNotFound { .. } => plain("invitation_not_found", NotFound),
            Self::InvitationAmbiguous { .. } => plain("invitation_ambiguous", FixInput),
            Self::InvitationOver { .. } => plain("invitation_over", Conflict),
            Self::AlreadyMember { .. } => {
                as_original("already_member", Conflict, "PEER_E_ALREADY_EXISTS")
            }
            Self::GroupGone { .. } => as_original("group_gone", Conflict, "PEER_E_INVALID_GROUP"),
            Self::EventsEnded => as_original("events_ended", FixInput, "E_INVALIDARG"),
            Self::TooManyConsumers { .. } => plain("too_many_consumers", Conflict),
            Self::ConsumerNotFound { .. } => plain("consumer_not_found", NotFound),
            Self::GroupInUse { .. } => as_original("group_in_use", Conflict, "PEER_E_GROUP_IN_USE"),
            Self::StoreFailed { .. } => plain("store_failed", Unavailable),
            Self::GroupNotReady { .. } => {
                as_original("group_not_ready", Retry, "PEER_E_GROUP_NOT_READY")
            }
            Self::ConnectSelf { .. } => {
                as_original("connect_self", FixInput, "PEER_E_CONNECT_SELF")
            }
            Self::ConnectionFailed { reason, .. } => conversions::connect(*reason),
            Self::NodeNotFound { .. } => {
                as_original("node_not_found", NotFound, "PEER_E_NODE_NOT_FOUND")
            }
            Self::Properties(error) => conversions::properties(error),
            Self::NotAuthorised { .. } => {
                as_original("not_authorised", NotAuthorised, "PEER_E_NOT_AUTHORIZED")
            }
            Self::NotConnected { .. } => plain("not_connected", Retry),
            Self::NotRemovable(error) => conversions::removal(error),
            Self::Gmc(error) => conversions::gmc(error),
            Self::Invitation(error) => conversions::invitation(error),
            Self::Address(error) => conversions::group_address(error),
            Self::PasswordPolicy { .. } => as_original(
                "password_does_not_meet_policy",
                FixInput,
                "PEER_E_PASSWORD_DOES_NOT_MEET_POLICY",
            ),
            Self::DoorClosed { .. } => plain("door_closed", Conflict),
            Self::NotAdmitted { .. } => {
                as_original("not_authorised", NotAuthorised, "PEER_E_NOT_AUTHORIZED")
            }
            Self::RequestNotFound { .. } => {
                as_original("request_not_found", NotFound, "PEER_E_NOT_FOUND")
            }
            Self::TooManyVisits { .. } => plain("too_many_visits", Conflict),
            Self::RecordNotFound { .. } => {
                as_original("record_not_found", NotFound, "PEER_E_RECORD_NOT_FOUND")
            }
            Self::Draft(error) => conversions::draft(error),
            Self::Refused(error) => conversions::refused(error),
            Self::Store(error) => conversions::store(error),
            Self::Busy => plain("busy", Retry),
            Self::TimedOut { .. } => plain("timed_out", Retry),
            Self::ShuttingDown => plain("shutting_down", Unavailable),
            Self::Internal(_) => plain("internal", Internal),
        }
    }

    /// What to try next, as a sentence that may name a command.
    #[must_use]
    pub fn next_step(&self) -> Option<String> {
        let step = match self {
            Self::FolderInUse { .. } => {
                "use the running daemon (peerage status), or stop it (peerage down)"
            }
            Self::NoKeyAccess { path, .. } => {
                return Some(format!("run as the owner of {}", path.display()));
            }
            Self::FileDamaged { .. } => "restore the file from a backup, or move it away",
            Self::FutureFormat { .. } => "run the version of peerage that wrote it, or a newer one",
            Self::WrongPassphrase { .. } => "check PEERAGE_PASSPHRASE or the passphrase file",
            Self::PassphraseNeeded { .. } => "set PEERAGE_PASSPHRASE or passphrase_file",
            Self::DiskFull { .. } => "free some space and try again; nothing was lost",
            Self::InvalidSetting { field, .. } if field == "socket" => {
                "choose another path with --socket"
            }
            Self::UnsafeEnvironment { variable, .. } => {
                return Some(format!("unset {variable} and start again"));
            }
            Self::UnableToListen { .. } => {
                "choose another port: peerage up --listen /ip4/0.0.0.0/udp/0/quic-v1"
            }
            Self::SocketInUse { .. } => {
                "use the running daemon (peerage status), or stop it (peerage down)"
            }
            Self::DaemonUnreachable { .. } => "start it with: peerage up",
            Self::IdentityNotFound { .. } | Self::IdentityAmbiguous { .. } => {
                "list the identities with: peerage id ls"
            }
            Self::NoDefaultIdentity => "make one with: peerage id new --friendly-name NAME",
            Self::GroupsExist { .. } => {
                "delete its groups first: peerage group ls; peerage group delete GROUP"
            }
            Self::GroupNotFound { .. } => "list the groups with: peerage group ls",
            Self::GroupAmbiguous { .. } => {
                "use the peer name, which cannot be imitated (peerage group ls), and --as IDENTITY where several are in it"
            }
            Self::Cloud { .. } => {
                "this node is in the cloud Global_: leave the cloud out, or name it"
            }
            Self::IdentityDeleted { .. } => "ask for the card of an identity that exists",
            Self::MemberNotFound { .. } => "list the members with: peerage member ls",
            Self::MemberAmbiguous { .. } => {
                "use the peer name, which cannot be imitated: peerage member ls"
            }
            Self::GroupKeyMissing { .. } => {
                "bring it here from its recovery file: peerage group key import FILE"
            }
            Self::Recovery(_) => {
                "check file and passphrase; it was written by: peerage group key export"
            }
            Self::InvitationNotFound { .. } | Self::InvitationAmbiguous { .. } => {
                "list the invitations with: peerage invite ls --all"
            }
            Self::InvitationOver { .. } => "make a new one with: peerage invite create",
            Self::AlreadyMember { .. } => "connect with: peerage group connect GROUP",
            Self::GroupGone { .. } => "open it again with: peerage group open GROUP",
            Self::EventsEnded => "register anew",
            Self::TooManyConsumers { .. } => {
                "remove one that is used no longer: peerage events consumers rm NAME"
            }
            Self::ConsumerNotFound { .. } => "list them with: peerage events consumers ls",
            Self::GroupInUse { .. } => {
                "close it for the other identity first: peerage group close GROUP --identity OTHER"
            }
            Self::StoreFailed { .. } => "look at the log, and at the room on the disk",
            Self::GroupNotReady { .. } => {
                "connect to the group and wait for a member: peerage group connect GROUP"
            }
            Self::ConnectSelf { .. } => "name the address of another member",
            Self::ConnectionFailed { .. } => {
                "check the address and that the member is online; or let members be looked up: peerage group connect GROUP"
            }
            Self::NotAuthorised { .. } => {
                "see your role with: peerage group show; an administrator can change it"
            }
            Self::NotConnected { .. } => {
                "go online first: peerage group connect; or only forget the group here: peerage group delete"
            }
            Self::NotRemovable(ChangeError::Creator) => {
                "whoever holds the group's key does it with: peerage member rm NAME --by-group-key"
            }
            Self::NotRemovable(ChangeError::LastAdmin) => {
                "make another member Admin first: peerage member role NAME admin"
            }
            Self::NotRemovable(ChangeError::Ourselves) => {
                "leave with: peerage group leave; another Admin changes your role"
            }
            Self::NotRemovable(ChangeError::TooManyKept { .. }) => {
                "remove those it invited with it: peerage member rm NAME --cascade"
            }
            Self::Gmc(_) | Self::Invitation(_) => {
                "look at the invitation with: peerage invite show FILE; ask for a new one"
            }
            Self::NodeNotFound { .. } => "list the nodes with: peerage member nodes",
            Self::Properties(PropertiesError::RecordTooLarge { .. }) => {
                "see the group's limit with: peerage group show"
            }
            Self::Address(_) => "ask for the group's address anew: peerage group address",
            Self::PasswordPolicy { .. } => "choose four or more random words",
            Self::DoorClosed { .. } => {
                "its creator opens it with: peerage group door open --requests"
            }
            Self::NotAdmitted { .. } => {
                "join again with the right password: peerage group join ADDRESS --password-file FILE"
            }
            Self::RequestNotFound { .. } => "list the requests with: peerage requests ls",
            Self::TooManyVisits { .. } => {
                "give one up with: peerage group delete GROUP, or wait until you are let in"
            }
            Self::RecordNotFound { .. } => "list the records with: peerage record ls",
            Self::Busy | Self::TimedOut { .. } => "try again in a moment",
            Self::Internal(_) => "please report this with the daemon's log",
            _ => return None,
        };
        Some(step.to_owned())
    }
}
