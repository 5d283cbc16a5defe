//! The group root: the self-signed certificate every chain of the group ends in.

use std::sync::Arc;

use peerage_records::{
    id::{GroupId, IdentityKey},
    time::Timestamp,
};

use crate::{
    certificate::{Certificate, CertificateError, Kind},
    gmc::GmcError,
    name::PeerName,
};

/// A verified group root certificate (GRC). Only checking its bytes makes one. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupRoot(Arc<Inner>);

#[derive(Debug, PartialEq, Eq)]
struct Inner {
    certificate: Vec<u8>,
    key: IdentityKey,
    name: PeerName,
    id: GroupId,
    friendly_name: String,
    not_before: Timestamp,
    not_after: Timestamp,
    issued_at: Timestamp,
}

impl GroupRoot {
    /// Verifies a group root certificate.
    ///
    /// # Errors
    /// When it is not one, its signature does not verify, or its key does not hash to the authority of
    /// the group name in it ([`GmcError::WrongRoot`]).
    pub fn from_der(der: &[u8]) -> Result<Self, GmcError> {
        Self::checked(der).map(|(root, _)| root)
    }

    /// As [`Self::from_der`], with the parsed certificate for checking what it signed.
    pub(crate) fn checked(der: &[u8]) -> Result<(Self, Certificate), GmcError> {
        let at_root = |fault| GmcError::Certificate { position: 0, fault };
        let certificate = Certificate::parse(der).map_err(at_root)?;
        let Kind::GroupRoot { group_name } = &certificate.kind else {
            return Err(at_root(CertificateError::WrongType {
                expected: "a group root certificate",
                found: certificate.kind.name(),
            }));
        };
        if group_name.authority() != Some(certificate.subject.authority()) {
            return Err(GmcError::WrongRoot);
        }
        if certificate.issuer != certificate.subject.authority() {
            return Err(GmcError::WrongIssuer { position: 0 });
        }
        if !certificate.has_signed(&certificate) {
            return Err(GmcError::BrokenSignature { position: 0 });
        }
        let root = Self(Arc::new(Inner {
            certificate: der.to_vec(),
            key: certificate.subject,
            name: group_name.clone(),
            id: group_name.group_id(),
            friendly_name: certificate.display_name(),
            not_before: certificate.not_before,
            not_after: certificate.not_after,
            issued_at: certificate.issued_at,
        }));
        Ok((root, certificate))
    }

    /// The certificate in DER.
    #[must_use]
    pub fn certificate(&self) -> &[u8] {
        &self.0.certificate
    }

    /// The group's public key.
    #[must_use]
    pub fn key(&self) -> IdentityKey {
        self.0.key
    }

    /// The group's peer name.
    #[must_use]
    pub fn name(&self) -> &PeerName {
        &self.0.name
    }

    /// The group's id.
    #[must_use]
    pub fn id(&self) -> GroupId {
        self.0.id
    }

    /// The group's friendly name as its creator first gave it; the peer name when there was none.
    #[must_use]
    pub fn friendly_name(&self) -> &str {
        &self.0.friendly_name
    }

    /// When the group began, put back for slow clocks.
    #[must_use]
    pub fn not_before(&self) -> Timestamp {
        self.0.not_before
    }

    /// When the group ends: 1000 years later.
    #[must_use]
    pub fn not_after(&self) -> Timestamp {
        self.0.not_after
    }

    /// When the group was made.
    #[must_use]
    pub fn issued_at(&self) -> Timestamp {
        self.0.issued_at
    }
}
