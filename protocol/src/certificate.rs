//! The X.509 profile shared by identity certificates, group roots and GMCs.
//!
//! Every certificate is X.509 v3 with Ed25519 only. The distinguished name is one `CN` with the authority
//! of the key it names, so a name can never disagree with its key. What Peerage means by a certificate is
//! in private extensions; they are not critical, because a critical one makes OpenSSL refuse the chain,
//! but [`Certificate::parse`] demands each of them.

mod build;
mod error;
mod extension;
mod parse;
mod time;

use peerage_records::{
    id::{GroupId, IdentityKey},
    time::Timestamp,
};

use crate::{group::Roles, name::PeerName};

pub(crate) use build::CertificateDraft;
pub use error::{CertificateError, ExtensionName};
pub(crate) use time::{INFINITE, calendar, whole_seconds};

/// What a certificate is for, with what only that kind carries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The self-signed certificate of an identity (IDC).
    Identity,
    /// The self-signed certificate of a group (GRC).
    GroupRoot {
        /// The name the group claims; the caller compares it with the key.
        group_name: PeerName,
    },
    /// A group membership certificate (GMC).
    Membership {
        /// The group it is for.
        group: GroupId,
        /// What the member may do.
        roles: Roles,
    },
}

/// A certificate that keeps to the profile. Its signature has *not* been verified.
#[derive(Clone, Debug)]
pub(crate) struct Certificate {
    pub(crate) kind: Kind,
    pub(crate) subject: IdentityKey,
    pub(crate) issuer: peerage_records::id::Authority,
    pub(crate) classifier: String,
    /// Empty for "the peer name itself".
    pub(crate) friendly_name: String,
    pub(crate) not_before: Timestamp,
    pub(crate) not_after: Timestamp,
    pub(crate) issued_at: Timestamp,
    key: ed25519_dalek::VerifyingKey,
    signed: Vec<u8>,
    signature: Vec<u8>,
}

impl Certificate {
    /// Whether the holder of this certificate's key signed `other`.
    pub(crate) fn has_signed(&self, other: &Self) -> bool {
        crate::signing::verify(&self.key, &other.signed, &other.signature)
    }

    /// The peer name of the subject.
    pub(crate) fn subject_name(&self) -> PeerName {
        PeerName::secured(self.subject.authority(), &self.classifier)
            .expect("the classifier was checked when the certificate was parsed")
    }

    /// What people are shown: the friendly name, or the peer name when there is none.
    pub(crate) fn display_name(&self) -> String {
        if self.friendly_name.is_empty() {
            self.subject_name().to_string()
        } else {
            self.friendly_name.clone()
        }
    }
}
