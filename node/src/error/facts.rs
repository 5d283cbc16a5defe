//! Which row of the catalogue an error is, and where it knows better than its row what to do next.

use super::{
    Error,
    catalogue::{self, Entry},
    conversions,
};

impl Error {
    /// What is known about this error whatever it is about: its row of the [catalogue].
    #[must_use]
    pub fn entry(&self) -> &'static Entry {
        match self {
            Self::FolderInUse { .. } => &catalogue::FOLDER_IN_USE,
            Self::FolderNotEmpty { .. } => &catalogue::FOLDER_NOT_EMPTY,
            Self::NoKeyAccess { .. } => &catalogue::NO_KEY_ACCESS,
            Self::FileDamaged { .. } => &catalogue::FILE_DAMAGED,
            Self::FutureFormat { .. } => &catalogue::UNSUPPORTED_VERSION,
            Self::WrongPassphrase { .. } => &catalogue::WRONG_PASSPHRASE,
            Self::PassphraseNeeded { .. } => &catalogue::PASSPHRASE_NEEDED,
            Self::InvalidExport { .. } => &catalogue::INVALID_EXPORT,
            Self::DiskFull { .. } => &catalogue::DISK_FULL,
            Self::Io { .. } => &catalogue::IO,
            Self::InvalidSetting { .. } => &catalogue::INVALID_SETTING,
            Self::UnsafeEnvironment { .. } => &catalogue::UNSAFE_ENVIRONMENT,
            Self::UnableToListen { .. } => &catalogue::UNABLE_TO_LISTEN,
            Self::SocketInUse { .. } => &catalogue::SOCKET_IN_USE,
            Self::DaemonUnreachable { .. } => &catalogue::DAEMON_UNREACHABLE,
            Self::InvalidInput { .. } => &catalogue::INVALID_INPUT,
            Self::TooLarge { .. } => &catalogue::TOO_LARGE,
            Self::InvalidCursor { .. } => &catalogue::INVALID_CURSOR,
            Self::KeyReused => &catalogue::KEY_REUSED,
            Self::Interrupted => &catalogue::INTERRUPTED,
            Self::NotJson => &catalogue::NOT_JSON,
            Self::CodeNotFound { .. } => &catalogue::CODE_NOT_FOUND,
            Self::Name(error) => conversions::name(error),
            Self::IdentityNotFound { .. } | Self::NoDefaultIdentity => {
                &catalogue::IDENTITY_NOT_FOUND
            }
            Self::IdentityAmbiguous { .. } => &catalogue::IDENTITY_AMBIGUOUS,
            Self::IdentityDeleted { .. } => &catalogue::IDENTITY_DELETED,
            Self::IdentityExists { .. } => &catalogue::IDENTITY_EXISTS,
            Self::GroupsExist { .. } => &catalogue::GROUPS_EXIST,
            Self::TooManyIdentities { .. } => &catalogue::TOO_MANY_IDENTITIES,
            Self::Identity(error) => conversions::identity(error),
            Self::GroupNotFound { .. } => &catalogue::GROUP_NOT_FOUND,
            Self::GroupAmbiguous { .. } => &catalogue::GROUP_AMBIGUOUS,
            Self::Cloud { source, .. } => conversions::cloud(source),
            Self::MemberNotFound { .. } => &catalogue::MEMBER_NOT_FOUND,
            Self::MemberAmbiguous { .. } => &catalogue::MEMBER_AMBIGUOUS,
            Self::GroupKeyMissing { .. } => &catalogue::GROUP_KEY_MISSING,
            Self::Recovery(error) => conversions::recovery(error),
            Self::InvitationNotFound { .. } => &catalogue::INVITATION_NOT_FOUND,
            Self::InvitationAmbiguous { .. } => &catalogue::INVITATION_AMBIGUOUS,
            Self::InvitationOver { .. } => &catalogue::INVITATION_OVER,
            Self::AlreadyMember { .. } => &catalogue::ALREADY_MEMBER,
            Self::GroupGone { .. } => &catalogue::GROUP_GONE,
            Self::EventsEnded => &catalogue::EVENTS_ENDED,
            Self::TooManyConsumers { .. } => &catalogue::TOO_MANY_CONSUMERS,
            Self::ConsumerNotFound { .. } => &catalogue::CONSUMER_NOT_FOUND,
            Self::GroupInUse { .. } | Self::GroupOnline { .. } => &catalogue::GROUP_IN_USE,
            Self::ConfigExists { .. } => &catalogue::GROUP_CONFIG_EXISTS,
            Self::Behind { .. } => &catalogue::GROUP_BEHIND,
            Self::InvalidDatabase { .. } => &catalogue::INVALID_DATABASE,
            Self::StoreFailed { .. } => &catalogue::STORE_FAILED,
            Self::GroupNotReady { .. } => &catalogue::GROUP_NOT_READY,
            Self::ConnectSelf { .. } => &catalogue::CONNECT_SELF,
            Self::ConnectionFailed { reason, .. } => conversions::connect(*reason),
            Self::DirectFailed { reason, .. } => conversions::direct(*reason),
            Self::ConnectionNotFound { .. } => &catalogue::CONNECTION_NOT_FOUND,
            Self::DirectCut { .. } => &catalogue::DIRECT_CUT,
            Self::NodeNotFound { .. } => &catalogue::NODE_NOT_FOUND,
            Self::Properties(error) => conversions::properties(error),
            Self::NotAuthorised { .. } => &catalogue::NOT_AUTHORISED,
            Self::MembershipRevoked { .. } => &catalogue::MEMBERSHIP_REVOKED,
            Self::NotConnected { .. } => &catalogue::NOT_CONNECTED,
            Self::NotRemovable(error) => conversions::removal(error),
            Self::Gmc(error) => conversions::gmc(error),
            Self::Invitation(error) => conversions::invitation(error),
            Self::Address(error) => conversions::group_address(error),
            Self::PasswordPolicy { .. } => &catalogue::PASSWORD_POLICY,
            Self::DoorClosed { .. } => &catalogue::DOOR_CLOSED,
            Self::NotAdmitted { .. } => &catalogue::NOT_AUTHORISED,
            Self::RequestNotFound { .. } => &catalogue::REQUEST_NOT_FOUND,
            Self::TooManyVisits { .. } => &catalogue::TOO_MANY_VISITS,
            Self::RecordNotFound { .. } => &catalogue::RECORD_NOT_FOUND,
            Self::Draft(error) => conversions::draft(error),
            Self::Refused(error) => conversions::refused(error),
            Self::Store(error) => conversions::store(error),
            Self::OtherUser => &catalogue::OTHER_USER,
            Self::TokenNeeded => &catalogue::TOKEN_NEEDED,
            Self::OutOfScope { .. } => &catalogue::OUT_OF_SCOPE,
            Self::OutOfReach { .. } => &catalogue::OUT_OF_REACH,
            Self::OperatorOnly { .. } => &catalogue::OPERATOR_ONLY,
            Self::QuotaExceeded { .. } => &catalogue::QUOTA_EXCEEDED,
            Self::SessionNeeded { .. } => &catalogue::SESSION_NEEDED,
            Self::SessionExists { .. } => &catalogue::SESSION_EXISTS,
            Self::ApplicationNotFound { .. } => &catalogue::APPLICATION_NOT_FOUND,
            Self::ApplicationExists { .. } => &catalogue::APPLICATION_EXISTS,
            Self::TooManyApplications { .. } => &catalogue::TOO_MANY_APPLICATIONS,
            Self::HostRefused => &catalogue::HOST_REFUSED,
            Self::OriginRefused => &catalogue::ORIGIN_REFUSED,
            Self::Busy => &catalogue::BUSY,
            Self::TimedOut { .. } => &catalogue::TIMED_OUT,
            Self::ShuttingDown => &catalogue::SHUTTING_DOWN,
            Self::Internal(_) => &catalogue::INTERNAL,
        }
    }

    /// What to try next, as a sentence that may name a command.
    #[must_use]
    pub fn next_step(&self) -> String {
        match self {
            Self::GroupOnline { .. } => {
                "go offline with it first: peerage group close GROUP".to_owned()
            }
            Self::NoKeyAccess { path, .. } => format!("run as the owner of {}", path.display()),
            Self::InvalidSetting { field, .. } if field == "socket" => {
                "choose another path with --socket".to_owned()
            }
            Self::UnsafeEnvironment { variable, .. } => {
                format!("unset {variable} and start again")
            }
            Self::NoDefaultIdentity => {
                "make one with: peerage id new --friendly-name NAME".to_owned()
            }
            Self::NotAdmitted { .. } => {
                "join again with the right password: peerage group join ADDRESS --password-file FILE"
                    .to_owned()
            }
            Self::OutOfScope { application, .. }
            | Self::OutOfReach { application }
            | Self::QuotaExceeded { application, .. } => {
                format!("see what it may do with: peerage app show {application}")
            }
            _ => self.entry().next_step.to_owned(),
        }
    }

    /// After how many seconds it is worth asking again; none where asking again does not help.
    #[must_use]
    pub fn retry_after_seconds(&self) -> Option<u32> {
        match self {
            Self::QuotaExceeded {
                retry_after_seconds,
                ..
            } => Some(*retry_after_seconds),
            _ => self.entry().retry_after_seconds(),
        }
    }
}
