//! How the errors of the layers below appear to users.

use peerage_protocol::{
    cloud::CloudError,
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
    record::DraftError,
    store::{StoreError, StoreErrorKind},
    validate::Rejection,
};

use super::{
    Error,
    ErrorKind::{
        Conflict, Damaged, FixInput, Internal, NotAuthorised, NotFound, Retry, Unavailable,
    },
    facts::{Facts, as_original, plain},
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

pub(super) fn connect(failure: ConnectFailure) -> Facts {
    match failure {
        ConnectFailure::NoMembersFound => {
            as_original("no_members_found", Retry, "PEER_E_NO_MEMBERS_FOUND")
        }
        ConnectFailure::Refused => {
            as_original("connection_refused", Retry, "PEER_E_CONNECTION_REFUSED")
        }
        ConnectFailure::NotAuthorised => as_original(
            "connection_not_authorised",
            NotAuthorised,
            "PEER_E_CONNECTION_NOT_AUTHENTICATED",
        ),
        ConnectFailure::OtherPeer => as_original(
            "connection_other_peer",
            FixInput,
            "PEER_E_CONNECTION_FAILED",
        ),
        ConnectFailure::TimedOut => {
            as_original("connection_timed_out", Retry, "PEER_E_CONNECTION_FAILED")
        }
        _ => as_original("connection_failed", Unavailable, "PEER_E_CONNECTION_FAILED"),
    }
}

pub(super) fn name(error: &NameError) -> Facts {
    let (code, original) = match error {
        NameError::ClassifierTooLong { .. } => {
            ("classifier_too_long", "PEER_E_CLASSIFIER_TOO_LONG")
        }
        NameError::ControlCharacter => ("invalid_classifier", "PEER_E_INVALID_CLASSIFIER"),
        NameError::FriendlyNameTooLong { .. } | NameError::FriendlyNameControlCharacter => {
            ("invalid_friendly_name", "PEER_E_INVALID_FRIENDLY_NAME")
        }
        _ => ("invalid_peer_name", "PEER_E_INVALID_PEER_NAME"),
    };
    as_original(code, FixInput, original)
}

pub(super) fn identity(error: &IdentityError) -> Facts {
    match error {
        IdentityError::EmptyPassphrase | IdentityError::PassphraseNeeded => {
            as_original("passphrase_needed", FixInput, "E_INVALIDARG")
        }
        IdentityError::WrongPassphrase => {
            as_original("wrong_passphrase", NotAuthorised, "E_INVALIDARG")
        }
        _ => as_original("invalid_identity", FixInput, "E_INVALIDARG"),
    }
}

pub(super) fn group_address(error: &DoorAddressError) -> Facts {
    match error {
        DoorAddressError::UnsupportedVersion { .. } => as_original(
            "unsupported_version",
            FixInput,
            "PEER_E_UNSUPPORTED_VERSION",
        ),
        _ => as_original(
            "group_address_not_trusted",
            FixInput,
            "PEER_E_INVITATION_NOT_TRUSTED",
        ),
    }
}

pub(super) fn cloud(error: &CloudError) -> Facts {
    match error {
        CloudError::Ambiguous => {
            as_original("cloud_ambiguous", FixInput, "PEER_E_CLOUD_NAME_AMBIGUOUS")
        }
        _ => as_original("no_cloud", FixInput, "PEER_E_NO_CLOUD"),
    }
}

pub(super) fn recovery(error: &RecoveryError) -> Facts {
    match error {
        RecoveryError::Key(error) => identity(error),
        RecoveryError::UnsupportedVersion { .. } => as_original(
            "unsupported_version",
            FixInput,
            "PEER_E_UNSUPPORTED_VERSION",
        ),
        _ => as_original("invalid_recovery", FixInput, "E_INVALIDARG"),
    }
}

pub(super) fn removal(error: &ChangeError) -> Facts {
    match error {
        ChangeError::Creator => plain("creator_not_removable", NotAuthorised),
        ChangeError::LastAdmin => plain("last_admin", Conflict),
        ChangeError::Ourselves => plain("own_membership", FixInput),
        _ => plain("too_much_to_keep", Conflict),
    }
}

pub(super) fn gmc(error: &GmcError) -> Facts {
    match error {
        GmcError::NotAuthorised | GmcError::RoleNotIssuable { .. } => {
            as_original("not_authorised", NotAuthorised, "PEER_E_NOT_AUTHORIZED")
        }
        GmcError::ChainTooLong { .. } | GmcError::ChainTooBig { .. } => {
            as_original("chain_too_long", FixInput, "PEER_E_CHAIN_TOO_LONG")
        }
        GmcError::CircularChain { .. } => {
            as_original("circular_chain", FixInput, "PEER_E_CIRCULAR_CHAIN_DETECTED")
        }
        GmcError::Expired { .. }
        | GmcError::NotYetValid { .. }
        | GmcError::InvalidPeriod { .. } => as_original(
            "invalid_time_period",
            FixInput,
            "PEER_E_INVALID_TIME_PERIOD",
        ),
        GmcError::NotNewer { .. } => {
            as_original("not_newer", Conflict, "PEER_E_INVALID_TIME_PERIOD")
        }
        GmcError::UnsupportedVersion { .. } => as_original(
            "unsupported_version",
            FixInput,
            "PEER_E_UNSUPPORTED_VERSION",
        ),
        GmcError::NoRole => as_original("invalid_role", FixInput, "PEER_E_INVALID_ROLE_PROPERTY"),
        GmcError::BadFriendlyName(error) => name(error),
        _ => as_original("invalid_credential", FixInput, "PEER_E_INVALID_CREDENTIAL"),
    }
}

pub(super) fn properties(error: &PropertiesError) -> Facts {
    match error {
        PropertiesError::RecordTooLarge { .. } => as_original(
            "record_too_large",
            FixInput,
            "PEER_E_MAX_RECORD_SIZE_EXCEEDED",
        ),
        _ => as_original(
            "invalid_properties",
            FixInput,
            "PEER_E_INVALID_GROUP_PROPERTIES",
        ),
    }
}

pub(super) fn draft(error: &DraftError) -> Facts {
    match error {
        DraftError::ReservedType(_) | DraftError::NotReserved(_) => {
            as_original("reserved_type", NotAuthorised, "PEER_E_NOT_AUTHORIZED")
        }
        DraftError::ExpiresTooEarly { .. }
        | DraftError::ExpiresTooLate(_)
        | DraftError::ExpiryLowered { .. } => as_original(
            "invalid_record_expiration",
            FixInput,
            "PEER_E_INVALID_RECORD_EXPIRATION",
        ),
        DraftError::Attributes(_) => {
            as_original("invalid_attributes", FixInput, "PEER_E_INVALID_ATTRIBUTES")
        }
        DraftError::TooLarge { .. } => as_original(
            "record_too_large",
            FixInput,
            "PEER_E_MAX_RECORD_SIZE_EXCEEDED",
        ),
        DraftError::NotFound => {
            as_original("record_not_found", NotFound, "PEER_E_RECORD_NOT_FOUND")
        }
        _ => as_original("invalid_record", Conflict, "PEER_E_INVALID_RECORD"),
    }
}

pub(super) fn refused(error: &Rejection) -> Facts {
    match error {
        Rejection::Refused(Refusal::UnknownMember(_)) => {
            as_original("member_unknown", Retry, "PEER_E_DEFERRED_VALIDATION")
        }
        Rejection::Refused(Refusal::Revoked) => {
            as_original("membership_revoked", NotAuthorised, "PEER_E_NOT_AUTHORIZED")
        }
        Rejection::Refused(Refusal::TooMany) => plain("quota_exceeded", Conflict),
        Rejection::Refused(_) => {
            as_original("not_authorised", NotAuthorised, "PEER_E_NOT_AUTHORIZED")
        }
        Rejection::TooLarge => {
            as_original("record_too_large", FixInput, "PEER_E_INVALID_RECORD_SIZE")
        }
        Rejection::Attributes(_) => {
            as_original("invalid_attributes", FixInput, "PEER_E_INVALID_ATTRIBUTES")
        }
        _ => as_original("invalid_record", FixInput, "PEER_E_INVALID_RECORD"),
    }
}

pub(super) fn store(error: &StoreError) -> Facts {
    match error.kind() {
        StoreErrorKind::DiskFull => as_original("disk_full", Unavailable, "PEER_E_DISK_FULL"),
        StoreErrorKind::Corrupt => as_original("store_damaged", Damaged, "PEER_E_INVALID_DATABASE"),
        StoreErrorKind::Locked => {
            as_original("store_in_use", Conflict, "PEER_E_DATABASE_ACCESSDENIED")
        }
        StoreErrorKind::NoAccess => as_original(
            "no_access_to_store",
            NotAuthorised,
            "PEER_E_DATABASE_ACCESSDENIED",
        ),
        StoreErrorKind::FutureFormat => as_original(
            "unsupported_version",
            FixInput,
            "PEER_E_UNSUPPORTED_VERSION",
        ),
        StoreErrorKind::Retry => as_original("store_busy", Retry, "PEER_E_DBINITIALIZATION_FAILED"),
        _ => as_original("internal", Internal, "E_UNEXPECTED"),
    }
}

pub(super) fn invitation(error: &InvitationError) -> Facts {
    match error {
        InvitationError::UnsupportedVersion { .. } => as_original(
            "unsupported_version",
            FixInput,
            "PEER_E_UNSUPPORTED_VERSION",
        ),
        InvitationError::Expired { .. } | InvitationError::NotYetValid { .. } => as_original(
            "invalid_time_period",
            FixInput,
            "PEER_E_INVALID_TIME_PERIOD",
        ),
        InvitationError::NotForThisIdentity { .. } => as_original(
            "invitation_for_another",
            NotAuthorised,
            "PEER_E_INVITATION_NOT_TRUSTED",
        ),
        InvitationError::Credential(error) => gmc(error),
        InvitationError::NotTheIssuer => {
            as_original("not_authorised", NotAuthorised, "PEER_E_NOT_AUTHORIZED")
        }
        InvitationError::TooManyAddresses { .. }
        | InvitationError::AddressTooLong
        | InvitationError::BadNote(_) => {
            as_original("invalid_invitation", FixInput, "E_INVALIDARG")
        }
        _ => as_original(
            "invitation_not_trusted",
            FixInput,
            "PEER_E_INVITATION_NOT_TRUSTED",
        ),
    }
}
