//! A verified chain as people read it: who issued whom, when, and with which roles.

use peerage_records::{id::IdentityKey, time::Timestamp};
use sha2::{Digest, Sha256};

use super::VerifiedGmc;
use crate::{
    certificate::{Certificate, Kind},
    group::Roles,
    name::PeerName,
};

/// One certificate of a verified chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// Whose certificate it is: first the group's own key, then one member after the other.
    pub subject: IdentityKey,
    /// The peer name of the subject.
    pub name: PeerName,
    /// What people are shown for the subject.
    pub friendly_name: String,
    /// What the subject may do; nothing for the group root, which may issue everything.
    pub roles: Option<Roles>,
    /// When it starts.
    pub not_before: Timestamp,
    /// When it ends.
    pub not_after: Timestamp,
    /// When it was issued.
    pub issued_at: Timestamp,
    /// SHA-256 of the certificate: what `openssl x509 -fingerprint -sha256` prints.
    pub fingerprint: [u8; 32],
}

impl VerifiedGmc {
    /// The certificates of the chain, the group root first and the member's own last. Each was issued by
    /// the subject of the one before it.
    #[must_use]
    pub fn holders(&self) -> Vec<Holder> {
        self.chain()
            .certificates()
            .map(|der| {
                let certificate =
                    Certificate::parse(der).expect("was parsed when the chain was verified");
                let (name, roles) = match &certificate.kind {
                    Kind::Membership { roles, .. } => (certificate.subject_name(), Some(*roles)),
                    Kind::GroupRoot { group_name } => (group_name.clone(), None),
                    Kind::Identity => (certificate.subject_name(), None),
                };
                Holder {
                    subject: certificate.subject,
                    name,
                    friendly_name: certificate.display_name(),
                    roles,
                    not_before: certificate.not_before,
                    not_after: certificate.not_after,
                    issued_at: certificate.issued_at,
                    fingerprint: Sha256::digest(der).into(),
                }
            })
            .collect()
    }
}
