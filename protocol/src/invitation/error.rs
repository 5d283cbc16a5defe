//! Why an invitation cannot be made, read or accepted.

use peerage_records::time::Timestamp;

use crate::{
    clocks,
    gmc::GmcError,
    name::{NameError, PeerName},
    text::TextError,
};

/// Everything that can go wrong with invitations.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvitationError {
    /// It was altered on the way, or is no invitation at all.
    #[error("the invitation cannot be trusted: {0}")]
    NotTrusted(&'static str),
    /// The text around it is damaged or something else.
    #[error("the invitation cannot be read")]
    Text(#[from] TextError),
    /// The chain inside does not verify: altered, or made by somebody who had no right to.
    #[error("the invitation cannot be trusted: its credential is invalid")]
    UntrustedChain(#[source] GmcError),
    /// Made by a newer build.
    #[error(
        "the invitation has version {version}, which this build does not know; a newer one may"
    )]
    UnsupportedVersion {
        /// The version found.
        version: u8,
    },
    /// Somebody else was invited.
    #[error("the invitation is for {invited}, not for this identity")]
    NotForThisIdentity {
        /// Who was invited.
        invited: PeerName,
    },
    /// The membership ended.
    #[error("the invitation {}", clocks::expired(*not_after, *now))]
    Expired {
        /// When it ended.
        not_after: Timestamp,
        /// The time it was accepted for.
        now: Timestamp,
    },
    /// The membership has not begun.
    #[error("the invitation {}", clocks::not_yet(*not_before, *now))]
    NotYetValid {
        /// When it begins.
        not_before: Timestamp,
        /// The time it was accepted for.
        now: Timestamp,
    },
    /// The discovery secret inside was not sealed to the invitee.
    #[error("the group's secret in the invitation cannot be opened by this identity")]
    SecretUnreadable,
    /// The chain given is no credential of the invitee.
    #[error("the credential cannot be put into an invitation")]
    Credential(#[source] GmcError),
    /// Somebody else issued the chain given.
    #[error("only the issuer of a credential may put it into an invitation")]
    NotTheIssuer,
    /// More than [`super::MAX_BOOTSTRAP_ADDRESSES`] addresses.
    #[error(
        "{addresses} addresses are too many, at most {} are allowed",
        super::MAX_BOOTSTRAP_ADDRESSES
    )]
    TooManyAddresses {
        /// How many there are.
        addresses: usize,
    },
    /// An address is longer than [`super::MAX_ADDRESS_BYTES`].
    #[error("an address is longer than {} bytes", super::MAX_ADDRESS_BYTES)]
    AddressTooLong,
    /// The note is too long or contains a control character.
    #[error("the note cannot be used")]
    BadNote(#[source] NameError),
}

impl InvitationError {
    /// Whether this is the original's "invitation not trusted": altered or faulty.
    #[must_use]
    pub const fn is_not_trusted(&self) -> bool {
        match self {
            Self::NotTrusted(_)
            | Self::Text(_)
            | Self::UntrustedChain(_)
            | Self::NotForThisIdentity { .. }
            | Self::SecretUnreadable
            | Self::TooManyAddresses { .. }
            | Self::AddressTooLong
            | Self::BadNote(_) => true,
            Self::UnsupportedVersion { .. }
            | Self::Expired { .. }
            | Self::NotYetValid { .. }
            | Self::Credential(_)
            | Self::NotTheIssuer => false,
        }
    }

    /// What a failed verification of the chain means for the invitation.
    pub(super) fn from_verification(error: GmcError) -> Self {
        match error {
            GmcError::Expired { not_after, now } => Self::Expired { not_after, now },
            GmcError::NotYetValid { not_before, now } => Self::NotYetValid { not_before, now },
            other => Self::UntrustedChain(other),
        }
    }
}
