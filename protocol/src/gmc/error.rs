//! Why a chain is not believed, or a GMC not issued.

use peerage_records::{
    id::{GroupId, IdentityKey},
    time::Timestamp,
};

use super::{MAX_CHAIN_BYTES, MAX_CHAIN_GMCS};
use crate::{
    certificate::{CertificateError, calendar},
    clocks,
    group::Role,
    name::NameError,
};

/// Everything that can be wrong with a chain or with the wish to extend one.
///
/// `position` counts certificates from the root, which is 0; the creator's GMC is 1.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum GmcError {
    /// The encoding is not canonical CBOR of a chain.
    #[error("not an encoded certificate chain")]
    MalformedChain,
    /// The chain has a version this build does not know.
    #[error("the certificate chain has version {version}, which this build does not know")]
    UnsupportedVersion {
        /// The version found.
        version: u8,
    },
    /// There is no GMC after the root.
    #[error("the chain holds no membership certificate")]
    NoMembership,
    /// More than [`MAX_CHAIN_GMCS`] GMCs, or a wish to issue under the last one allowed.
    #[error("a chain of {gmcs} memberships is too long, at most {MAX_CHAIN_GMCS} are allowed")]
    ChainTooLong {
        /// How many there are or would be.
        gmcs: usize,
    },
    /// More than [`MAX_CHAIN_BYTES`] bytes.
    #[error("a chain of {bytes} bytes is too big, at most {MAX_CHAIN_BYTES} are allowed")]
    ChainTooBig {
        /// Its size.
        bytes: usize,
    },
    /// One certificate breaks the profile.
    #[error("certificate {position} is invalid")]
    Certificate {
        /// Which one.
        position: usize,
        /// What is wrong with it.
        #[source]
        fault: CertificateError,
    },
    /// The chain is for another group.
    #[error("the chain is for group {}, not for {}", found.short(), expected.short())]
    WrongGroup {
        /// The group asked about.
        expected: GroupId,
        /// The group of the root.
        found: GroupId,
    },
    /// A certificate under the root is for another group.
    #[error("certificate {position} is for another group than its root")]
    MixedGroups {
        /// Which one.
        position: usize,
    },
    /// The root's key does not hash to the authority of the group's name.
    #[error("the group root's key does not belong to the group's name")]
    WrongRoot,
    /// The holder is not the peer expected.
    #[error("the credential belongs to {}, not to {}", found.short(), expected.short())]
    WrongSubject {
        /// Whose it should be.
        expected: IdentityKey,
        /// Whose it is.
        found: IdentityKey,
    },
    /// A certificate does not name the subject before it as its issuer.
    #[error("certificate {position} was not issued by the holder of the one before it")]
    WrongIssuer {
        /// Which one.
        position: usize,
    },
    /// A signature does not verify.
    #[error("the signature of certificate {position} does not verify")]
    BrokenSignature {
        /// Which one.
        position: usize,
    },
    /// A certificate has a role its issuer may not issue.
    #[error("the issuer of certificate {position} may not issue the role {role}")]
    RoleNotIssuable {
        /// Which one.
        position: usize,
        /// The role.
        role: Role,
    },
    /// A certificate does not lie within the lifetime of its issuer's.
    #[error("certificate {position} is not within the lifetime of its issuer's")]
    LifetimeExceedsIssuer {
        /// Which one.
        position: usize,
    },
    /// A certificate claims to be older than its issuer's, or not to be issued while it is valid.
    #[error("certificate {position} was issued before its issuer's or outside its own lifetime")]
    IssuedAtOutOfOrder {
        /// Which one.
        position: usize,
    },
    /// Somebody appears twice in a chain.
    #[error("certificate {position} makes the chain circular: its holder is in it already")]
    CircularChain {
        /// Which one.
        position: usize,
    },
    /// It ended.
    #[error("the credential {}", clocks::expired(*not_after, *now))]
    Expired {
        /// When it ended.
        not_after: Timestamp,
        /// The time it was checked for.
        now: Timestamp,
    },
    /// It has not begun.
    #[error("the credential {}", clocks::not_yet(*not_before, *now))]
    NotYetValid {
        /// When it begins.
        not_before: Timestamp,
        /// The time it was checked for.
        now: Timestamp,
    },
    /// The issuer has no role that issues anything.
    #[error("a plain member may not invite or issue credentials")]
    NotAuthorised,
    /// No role was asked for.
    #[error("a credential needs at least one role")]
    NoRole,
    /// Start and end asked for are not possible under this issuer.
    #[error(
        "a credential from {} to {} is not possible: it must end after it starts, after now, and not after its issuer's end {}",
        calendar(*not_before),
        calendar(*not_after),
        calendar(*limit)
    )]
    InvalidPeriod {
        /// The start asked for, or the usual one.
        not_before: Timestamp,
        /// The end asked for, or the usual one.
        not_after: Timestamp,
        /// The end of the issuer's own credential.
        limit: Timestamp,
    },
    /// The new credential would not be newer than the one the subject has.
    #[error(
        "the subject has a credential issued at {} that starts at {}, a new one must be later; check the clock",
        calendar(*issued_at),
        calendar(*not_before)
    )]
    NotNewer {
        /// When the current one was issued.
        issued_at: Timestamp,
        /// When the current one starts.
        not_before: Timestamp,
    },
    /// The friendly name breaks the rules of names.
    #[error("the friendly name cannot be used")]
    BadFriendlyName(#[source] NameError),
}
