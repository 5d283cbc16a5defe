//! What can be wrong with one certificate, before any question of trust.

use std::fmt;

use crate::name::NameError;

/// Names the extensions of the profile in messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ExtensionName {
    /// X.509 basic constraints.
    BasicConstraints,
    /// X.509 key usage.
    KeyUsage,
    /// X.509 subject key identifier.
    SubjectKeyIdentifier,
    /// X.509 authority key identifier.
    AuthorityKeyIdentifier,
    /// Which kind of Peerage certificate.
    CertificateType,
    /// The group's peer name.
    GroupName,
    /// The group's id.
    GroupId,
    /// The member's roles.
    Roles,
    /// The classifiers the member may publish under.
    Classifiers,
    /// When it was issued.
    IssuedAt,
    /// Classifier and friendly name of the subject.
    SubjectNames,
}

impl fmt::Display for ExtensionName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::BasicConstraints => "basic constraints",
            Self::KeyUsage => "key usage",
            Self::SubjectKeyIdentifier => "subject key identifier",
            Self::AuthorityKeyIdentifier => "authority key identifier",
            Self::CertificateType => "certificate type",
            Self::GroupName => "group peer name",
            Self::GroupId => "group id",
            Self::Roles => "roles",
            Self::Classifiers => "classifiers",
            Self::IssuedAt => "issued-at",
            Self::SubjectNames => "subject names",
        })
    }
}

/// Why bytes are not a certificate of the profile.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CertificateError {
    /// Larger than [`crate::gmc::MAX_CERTIFICATE_BYTES`].
    #[error("the certificate is too big: {bytes} bytes")]
    TooBig {
        /// Its size.
        bytes: usize,
    },
    /// Not a DER-encoded X.509 certificate.
    #[error("not an x.509 certificate in der")]
    Malformed,
    /// It decodes, but not from the one canonical encoding.
    #[error("not in canonical der")]
    NotCanonical,
    /// Not version 3, or with the unique ids no v3 profile uses.
    #[error("not an x.509 v3 certificate without unique ids")]
    WrongVersion,
    /// Anything but Ed25519 (1.3.101.112 without parameters) for key or signature.
    #[error("the algorithm is not ed25519")]
    UnsupportedAlgorithm,
    /// The key is no point on the curve, or one of small order that anybody can sign for.
    #[error("the public key is invalid or weak")]
    WeakKey,
    /// The serial number is not positive or has more than 20 bytes.
    #[error("the serial number is not a positive number of at most 20 bytes")]
    BadSerialNumber,
    /// Subject or issuer is not the authority of a key.
    #[error("subject and issuer must each be the authority of a key")]
    BadDistinguishedName,
    /// It ends before it starts.
    #[error("the certificate ends before it starts")]
    BadValidity,
    /// An extension appears twice.
    #[error("an extension appears twice")]
    DuplicateExtension,
    /// A critical extension is not part of the profile.
    #[error("a critical extension is not understood")]
    UnknownCriticalExtension,
    /// A mandatory extension is missing.
    #[error("the mandatory extension {0} is missing")]
    MissingExtension(ExtensionName),
    /// An extension does not have the value the profile demands.
    #[error("the extension {0} is invalid")]
    BadExtension(ExtensionName),
    /// A role id nobody knows.
    #[error("unknown role")]
    UnknownRole,
    /// The classifiers do not fit the roles.
    #[error(
        "a member's certificate must have the classifier participant alone, an administrator's none"
    )]
    WrongClassifier,
    /// A name inside breaks the rules of names.
    #[error("a name in the certificate is invalid")]
    BadName(#[source] NameError),
    /// A certificate of another kind was expected here.
    #[error("expected {expected}, found {found}")]
    WrongType {
        /// The kind that was needed.
        expected: &'static str,
        /// The kind that was given.
        found: &'static str,
    },
    /// The signature of a self-signed certificate does not verify.
    #[error("the signature does not verify")]
    BrokenSignature,
}
