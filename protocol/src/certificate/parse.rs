//! Reading certificates: everything about one certificate that can be judged without another.

use const_oid::ObjectIdentifier;
use const_oid::db::rfc5280::{
    ID_CE_AUTHORITY_KEY_IDENTIFIER, ID_CE_BASIC_CONSTRAINTS, ID_CE_KEY_USAGE,
    ID_CE_SUBJECT_KEY_IDENTIFIER,
};
use der::{
    Decode, Encode,
    asn1::{OctetString, Utf8StringRef},
};
use peerage_records::{
    id::{Authority, GroupId, IdentityKey},
    time::Timestamp,
};
use x509_cert::{
    ext::{
        Extension,
        pkix::{AuthorityKeyIdentifier, SubjectKeyIdentifier},
    },
    name::Name,
    spki::AlgorithmIdentifierOwned,
};

use super::{
    Certificate, CertificateError, ExtensionName, Kind,
    build::{classifiers_for, distinguished_name},
    extension as private,
    time::from_x509,
};
use crate::{
    gmc::MAX_CERTIFICATE_BYTES,
    group::{Role, Roles},
    name::{PeerName, check_classifier, check_friendly_name},
    signing,
};

const ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");

impl Certificate {
    /// Reads one certificate and holds it against the profile. Nothing is said about its signature.
    pub(crate) fn parse(der: &[u8]) -> Result<Self, CertificateError> {
        if der.len() > MAX_CERTIFICATE_BYTES {
            return Err(CertificateError::TooBig { bytes: der.len() });
        }
        let certificate =
            x509_cert::Certificate::from_der(der).map_err(|_| CertificateError::Malformed)?;
        // The library keeps no raw bytes and writes times its own way: only what comes out as it went in
        // may be judged by its re-encoding.
        if certificate.to_der().ok().as_deref() != Some(der) {
            return Err(CertificateError::NotCanonical);
        }
        let tbs = certificate.tbs_certificate();
        if tbs.version() != x509_cert::Version::V3
            || tbs.issuer_unique_id().is_some()
            || tbs.subject_unique_id().is_some()
        {
            return Err(CertificateError::WrongVersion);
        }
        let spki = tbs.subject_public_key_info();
        for algorithm in [
            certificate.signature_algorithm(),
            tbs.signature(),
            &spki.algorithm,
        ] {
            check_algorithm(algorithm)?;
        }
        let signature = certificate
            .signature()
            .as_bytes()
            .filter(|bytes| bytes.len() == signing::SIGNATURE_BYTES)
            .ok_or(CertificateError::UnsupportedAlgorithm)?;
        let key_bytes: [u8; 32] = spki
            .subject_public_key
            .as_bytes()
            .and_then(|bytes| bytes.try_into().ok())
            .ok_or(CertificateError::UnsupportedAlgorithm)?;
        let subject = IdentityKey::from_bytes(key_bytes);
        let key = signing::verifying_key(&subject).ok_or(CertificateError::WeakKey)?;

        let serial = tbs.serial_number().as_bytes();
        if serial.len() > 20 || serial.first().is_none_or(|byte| *byte >= 0x80) || serial == [0] {
            return Err(CertificateError::BadSerialNumber);
        }
        if *tbs.subject() != distinguished_name(subject.authority()) {
            return Err(CertificateError::BadDistinguishedName);
        }
        let issuer = named_authority(tbs.issuer())?;
        let not_before = from_x509(&tbs.validity().not_before);
        let not_after = from_x509(&tbs.validity().not_after);
        if not_after < not_before {
            return Err(CertificateError::BadValidity);
        }

        let extensions = Extensions::new(tbs.extensions().map_or(&[], Vec::as_slice))?;
        let names = extensions.subject_names()?;
        let kind = extensions.kind()?;
        extensions.check_x509(&kind, subject.authority(), issuer)?;
        if let Kind::GroupRoot { group_name } = &kind
            && group_name.classifier() != names.classifier
        {
            return Err(CertificateError::BadExtension(ExtensionName::GroupName));
        }
        Ok(Self {
            issued_at: extensions.issued_at()?,
            kind,
            subject,
            issuer,
            classifier: names.classifier,
            friendly_name: names.friendly_name,
            not_before,
            not_after,
            key,
            signed: tbs.to_der().map_err(|_| CertificateError::NotCanonical)?,
            signature: signature.to_vec(),
        })
    }

    /// Checks that it is signed by its own key.
    pub(crate) fn check_self_signed(&self) -> Result<(), CertificateError> {
        if self.issuer == self.subject.authority() && self.has_signed(self) {
            Ok(())
        } else {
            Err(CertificateError::BrokenSignature)
        }
    }
}

fn check_algorithm(algorithm: &AlgorithmIdentifierOwned) -> Result<(), CertificateError> {
    if algorithm.oid == ED25519 && algorithm.parameters.is_none() {
        Ok(())
    } else {
        Err(CertificateError::UnsupportedAlgorithm)
    }
}

/// The authority a distinguished name stands for, if it is written as we write it.
fn named_authority(name: &Name) -> Result<Authority, CertificateError> {
    name.iter()
        .next()
        .and_then(|attribute| attribute.value.decode_as::<Utf8StringRef<'_>>().ok())
        .and_then(|text| text.as_str().parse().ok())
        .filter(|authority| distinguished_name(*authority) == *name)
        .ok_or(CertificateError::BadDistinguishedName)
}

/// The extensions of one certificate, each at most once and none unknown that is critical.
struct Extensions<'a>(&'a [Extension]);

impl<'a> Extensions<'a> {
    fn new(extensions: &'a [Extension]) -> Result<Self, CertificateError> {
        for (index, extension) in extensions.iter().enumerate() {
            let known_critical =
                [ID_CE_BASIC_CONSTRAINTS, ID_CE_KEY_USAGE].contains(&extension.extn_id);
            if extension.critical && !known_critical {
                return Err(CertificateError::UnknownCriticalExtension);
            }
            if extensions[..index]
                .iter()
                .any(|earlier| earlier.extn_id == extension.extn_id)
            {
                return Err(CertificateError::DuplicateExtension);
            }
        }
        Ok(Self(extensions))
    }

    fn find(
        &self,
        id: ObjectIdentifier,
        name: ExtensionName,
    ) -> Result<&'a Extension, CertificateError> {
        self.0
            .iter()
            .find(|extension| extension.extn_id == id)
            .ok_or(CertificateError::MissingExtension(name))
    }

    fn value<T>(&self, id: ObjectIdentifier, name: ExtensionName) -> Result<T, CertificateError>
    where
        T: for<'b> Decode<'b> + Encode,
    {
        private::decode(self.find(id, name)?.extn_value.as_bytes())
            .ok_or(CertificateError::BadExtension(name))
    }

    fn issued_at(&self) -> Result<Timestamp, CertificateError> {
        self.value(private::ISSUED_AT, ExtensionName::IssuedAt)
            .map(Timestamp::from_millis)
    }

    fn subject_names(&self) -> Result<private::SubjectNames, CertificateError> {
        let names: private::SubjectNames =
            self.value(private::SUBJECT_NAMES, ExtensionName::SubjectNames)?;
        check_classifier(&names.classifier).map_err(CertificateError::BadName)?;
        check_friendly_name(&names.friendly_name).map_err(CertificateError::BadName)?;
        Ok(names)
    }

    fn kind(&self) -> Result<Kind, CertificateError> {
        match self.value(private::CERTIFICATE_TYPE, ExtensionName::CertificateType)? {
            1_u8 => self.membership(),
            2 => {
                let name: String = self.value(private::GROUP_NAME, ExtensionName::GroupName)?;
                let group_name: PeerName = name.parse().map_err(CertificateError::BadName)?;
                Ok(Kind::GroupRoot { group_name })
            }
            3 => Ok(Kind::Identity),
            _ => Err(CertificateError::BadExtension(
                ExtensionName::CertificateType,
            )),
        }
    }

    fn membership(&self) -> Result<Kind, CertificateError> {
        let group: OctetString = self.value(private::GROUP_ID, ExtensionName::GroupId)?;
        let group = GroupId::try_from(group.as_bytes())
            .map_err(|_| CertificateError::BadExtension(ExtensionName::GroupId))?;

        let ids: Vec<OctetString> = self.value(private::ROLES, ExtensionName::Roles)?;
        let mut roles = Roles::default();
        for id in &ids {
            let role = Role::from_id(id.as_bytes()).ok_or(CertificateError::UnknownRole)?;
            roles.insert(role);
        }
        // One way to write each set: ascending and without repeats.
        let canonical = roles.iter().map(|role| role.id());
        if ids.is_empty() || !canonical.eq(ids.iter().map(|id| id.as_bytes())) {
            return Err(CertificateError::BadExtension(ExtensionName::Roles));
        }

        let classifiers: Vec<String> =
            self.value(private::CLASSIFIERS, ExtensionName::Classifiers)?;
        if classifiers != classifiers_for(roles) {
            return Err(CertificateError::WrongClassifier);
        }
        Ok(Kind::Membership { group, roles })
    }

    /// The extensions other X.509 software looks at must say the same as ours.
    fn check_x509(
        &self,
        kind: &Kind,
        subject: Authority,
        issuer: Authority,
    ) -> Result<(), CertificateError> {
        let exact = |id, name, value: &[u8]| {
            let extension = self.find(id, name)?;
            if extension.critical && extension.extn_value.as_bytes() == value {
                Ok(())
            } else {
                Err(CertificateError::BadExtension(name))
            }
        };
        let (constraints, usage) = if kind.may_issue() {
            (&private::CA_TRUE[..], &private::KEY_USAGE_ISSUER)
        } else {
            (&private::CA_FALSE[..], &private::KEY_USAGE_END)
        };
        exact(
            ID_CE_BASIC_CONSTRAINTS,
            ExtensionName::BasicConstraints,
            constraints,
        )?;
        exact(ID_CE_KEY_USAGE, ExtensionName::KeyUsage, usage)?;

        let subject_id: SubjectKeyIdentifier = self.value(
            ID_CE_SUBJECT_KEY_IDENTIFIER,
            ExtensionName::SubjectKeyIdentifier,
        )?;
        if subject_id.0.as_bytes() != subject.as_bytes() {
            return Err(CertificateError::BadExtension(
                ExtensionName::SubjectKeyIdentifier,
            ));
        }
        let issuer_id: AuthorityKeyIdentifier = self.value(
            ID_CE_AUTHORITY_KEY_IDENTIFIER,
            ExtensionName::AuthorityKeyIdentifier,
        )?;
        let only_key_id = AuthorityKeyIdentifier {
            key_identifier: Some(private::octets(issuer.as_bytes())),
            ..AuthorityKeyIdentifier::default()
        };
        if issuer_id != only_key_id {
            return Err(CertificateError::BadExtension(
                ExtensionName::AuthorityKeyIdentifier,
            ));
        }
        Ok(())
    }
}
