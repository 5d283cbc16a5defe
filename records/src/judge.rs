//! The question this crate cannot answer itself: may this member do this to that record?

use crate::{codec::SignedRecord, id::IdentityKey, time::Timestamp};

/// Knows the group's members, their credentials and what has been revoked.
///
/// Asked before the signature is checked, because the answer is usually one look into a table. So a
/// judge must change nothing on account of a record it is shown: nobody may have signed it.
pub trait Judge {
    /// Whether the [toucher](crate::record::Record::toucher) of `signed` may have done this, as far as
    /// can be known at `now`. The signature has not been checked yet.
    ///
    /// # Errors
    /// Says why not.
    fn judge(&self, signed: &SignedRecord, now: Timestamp) -> Result<(), Refusal>;
}

/// A plain function judges too.
impl<F: Fn(&SignedRecord, Timestamp) -> Result<(), Refusal>> Judge for F {
    fn judge(&self, signed: &SignedRecord, now: Timestamp) -> Result<(), Refusal> {
        self(signed, now)
    }
}

/// Why a member may not have done this.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// We do not have this member's credential yet; ask again when we do.
    #[error("member {} is not known here", .0.short())]
    UnknownMember(IdentityKey),
    /// The member's roles, as known here, do not allow it.
    #[error("the member is not authorised")]
    NotAuthorised,
    /// The record was made before the membership began, or would outlive it.
    #[error("the record lies outside the member's membership")]
    OutsideMembership,
    /// The credential in a membership record does not verify, whoever looks at it.
    #[error("the membership does not verify: {0}")]
    BadMembership(String),
    /// The member has been removed from the group.
    #[error("the member's credential is revoked")]
    Revoked,
    /// The member has signed more records of this reserved type than count.
    #[error("the member has signed more of these than count")]
    TooMany,
    /// The content of a reserved record is not what its type demands, whoever looks at it.
    #[error("the reserved record is malformed: {0}")]
    Malformed(String),
}
