//! How the errors of the layers below appear to users.

use peerage_protocol::{
    cloud::CloudError,
    direct::DirectFailure,
    door::AddressError as DoorAddressError,
    engine::{AddressError, ChangeError, ConnectFailure},
    gmc::GmcError,
    group::RecoveryError,
    identity::IdentityError,
    invitation::InvitationError,
    name::NameError,
    properties::PropertiesError,
};
use peerage_records::{
    judge::Refusal,
    record::{AttributeError, DraftError},
    store::{StoreError, StoreErrorKind},
    validate::Rejection,
};

use super::{
    Error,
    catalogue::{self, Entry},
};

impl From<AddressError> for Error {
    fn from(error: AddressError) -> Self {
        match error {
            AddressError::Own(address) => Self::ConnectSelf {
                address: address.to_string(),
            },
            error => Self::invalid("addresses", error),
        }
    }
}

pub(super) fn connect(failure: ConnectFailure) -> &'static Entry {
    match failure {
        ConnectFailure::NoMembersFound => &catalogue::NO_MEMBERS_FOUND,
        ConnectFailure::Refused => &catalogue::CONNECTION_REFUSED,
        ConnectFailure::NotAuthorised => &catalogue::CONNECTION_NOT_AUTHORISED,
        ConnectFailure::OtherPeer => &catalogue::CONNECTION_OTHER_PEER,
        ConnectFailure::TimedOut => &catalogue::CONNECTION_TIMED_OUT,
        _ => &catalogue::CONNECTION_FAILED,
    }
}

pub(super) fn direct(failure: DirectFailure) -> &'static Entry {
    match failure {
        DirectFailure::Refused => &catalogue::DIRECT_REFUSED,
        DirectFailure::Busy => &catalogue::DIRECT_BUSY,
        DirectFailure::OtherMember | DirectFailure::NotAuthorised => {
            &catalogue::DIRECT_NOT_AUTHENTICATED
        }
        DirectFailure::Offline => &catalogue::GROUP_OFFLINE,
        DirectFailure::TooMany => &catalogue::TOO_MANY_CONNECTIONS,
        _ => &catalogue::DIRECT_FAILED,
    }
}

pub(super) fn name(error: &NameError) -> &'static Entry {
    match error {
        NameError::ClassifierTooLong { .. } => &catalogue::CLASSIFIER_TOO_LONG,
        NameError::ControlCharacter => &catalogue::INVALID_CLASSIFIER,
        NameError::FriendlyNameTooLong { .. } | NameError::FriendlyNameControlCharacter => {
            &catalogue::INVALID_FRIENDLY_NAME
        }
        NameError::CannotConvert => &catalogue::CANNOT_CONVERT_NAME,
        NameError::BadHostName => &catalogue::INVALID_HOST_NAME,
        _ => &catalogue::INVALID_PEER_NAME,
    }
}

pub(super) fn identity(error: &IdentityError) -> &'static Entry {
    match error {
        IdentityError::EmptyPassphrase | IdentityError::PassphraseNeeded => {
            &catalogue::PASSPHRASE_NEEDED
        }
        IdentityError::WrongPassphrase => &catalogue::WRONG_PASSPHRASE,
        _ => &catalogue::INVALID_IDENTITY,
    }
}

pub(super) fn group_address(error: &DoorAddressError) -> &'static Entry {
    match error {
        DoorAddressError::UnsupportedVersion { .. } => &catalogue::UNSUPPORTED_VERSION,
        _ => &catalogue::GROUP_ADDRESS_NOT_TRUSTED,
    }
}

pub(super) fn cloud(error: &CloudError) -> &'static Entry {
    match error {
        CloudError::Ambiguous => &catalogue::CLOUD_AMBIGUOUS,
        _ => &catalogue::NO_CLOUD,
    }
}

pub(super) fn recovery(error: &RecoveryError) -> &'static Entry {
    match error {
        RecoveryError::Key(error) => identity(error),
        RecoveryError::UnsupportedVersion { .. } => &catalogue::UNSUPPORTED_VERSION,
        _ => &catalogue::INVALID_RECOVERY,
    }
}

pub(super) fn removal(error: &ChangeError) -> &'static Entry {
    match error {
        ChangeError::Creator => &catalogue::CREATOR_NOT_REMOVABLE,
        ChangeError::LastAdmin => &catalogue::LAST_ADMIN,
        ChangeError::Ourselves => &catalogue::OWN_MEMBERSHIP,
        _ => &catalogue::TOO_MUCH_TO_KEEP,
    }
}

pub(super) fn gmc(error: &GmcError) -> &'static Entry {
    match error {
        GmcError::NotAuthorised | GmcError::RoleNotIssuable { .. } => &catalogue::NOT_AUTHORISED,
        GmcError::ChainTooLong { .. } | GmcError::ChainTooBig { .. } => &catalogue::CHAIN_TOO_LONG,
        GmcError::CircularChain { .. } => &catalogue::CIRCULAR_CHAIN,
        GmcError::Expired { .. }
        | GmcError::NotYetValid { .. }
        | GmcError::InvalidPeriod { .. } => &catalogue::INVALID_TIME_PERIOD,
        GmcError::NotNewer { .. } => &catalogue::NOT_NEWER,
        GmcError::UnsupportedVersion { .. } => &catalogue::UNSUPPORTED_VERSION,
        GmcError::NoRole => &catalogue::INVALID_ROLE,
        GmcError::BadFriendlyName(error) => name(error),
        _ => &catalogue::INVALID_CREDENTIAL,
    }
}

pub(super) fn properties(error: &PropertiesError) -> &'static Entry {
    match error {
        PropertiesError::RecordTooLarge { .. } => &catalogue::RECORD_TOO_LARGE,
        _ => &catalogue::INVALID_PROPERTIES,
    }
}

pub(super) fn draft(error: &DraftError) -> &'static Entry {
    match error {
        DraftError::ReservedType(_) | DraftError::NotReserved(_) => &catalogue::RESERVED_TYPE,
        DraftError::ExpiresTooEarly { .. }
        | DraftError::ExpiresTooLate(_)
        | DraftError::ExpiryLowered { .. } => &catalogue::INVALID_RECORD_EXPIRATION,
        DraftError::Attributes(AttributeError::TooMany(_)) => &catalogue::TOO_MANY_ATTRIBUTES,
        DraftError::Attributes(_) => &catalogue::INVALID_ATTRIBUTES,
        DraftError::TooLarge { .. } => &catalogue::RECORD_TOO_LARGE,
        DraftError::NotFound => &catalogue::RECORD_NOT_FOUND,
        _ => &catalogue::INVALID_RECORD,
    }
}

pub(super) fn refused(error: &Rejection) -> &'static Entry {
    match error {
        Rejection::Refused(Refusal::UnknownMember(_)) => &catalogue::MEMBER_UNKNOWN,
        Rejection::Refused(Refusal::Revoked) => &catalogue::MEMBERSHIP_REVOKED,
        Rejection::Refused(Refusal::TooMany) => &catalogue::TOO_MANY_SIGNED,
        Rejection::Refused(_) => &catalogue::NOT_AUTHORISED,
        Rejection::TooLarge => &catalogue::INVALID_RECORD_SIZE,
        Rejection::Attributes(AttributeError::TooMany(_)) => &catalogue::TOO_MANY_ATTRIBUTES,
        Rejection::Attributes(_) => &catalogue::INVALID_ATTRIBUTES,
        _ => &catalogue::INVALID_RECORD,
    }
}

pub(super) fn store(error: &StoreError) -> &'static Entry {
    match error.kind() {
        StoreErrorKind::DiskFull => &catalogue::DISK_FULL,
        StoreErrorKind::Corrupt => &catalogue::STORE_DAMAGED,
        StoreErrorKind::Locked => &catalogue::STORE_IN_USE,
        StoreErrorKind::NoAccess => &catalogue::NO_ACCESS_TO_STORE,
        StoreErrorKind::FutureFormat => &catalogue::UNSUPPORTED_VERSION,
        StoreErrorKind::Retry => &catalogue::STORE_BUSY,
        _ => &catalogue::INTERNAL,
    }
}

pub(super) fn invitation(error: &InvitationError) -> &'static Entry {
    match error {
        InvitationError::UnsupportedVersion { .. } => &catalogue::UNSUPPORTED_VERSION,
        InvitationError::Expired { .. } | InvitationError::NotYetValid { .. } => {
            &catalogue::INVALID_TIME_PERIOD
        }
        InvitationError::NotForThisIdentity { .. } => &catalogue::INVITATION_FOR_ANOTHER,
        InvitationError::Credential(error) => gmc(error),
        InvitationError::NotTheIssuer => &catalogue::NOT_AUTHORISED,
        InvitationError::TooManyAddresses { .. }
        | InvitationError::AddressTooLong
        | InvitationError::BadNote(_) => &catalogue::INVALID_INVITATION,
        _ => &catalogue::INVITATION_NOT_TRUSTED,
    }
}
