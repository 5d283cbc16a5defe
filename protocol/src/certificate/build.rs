//! Writing certificates.

use const_oid::ObjectIdentifier;
use const_oid::db::rfc5280::{
    ID_CE_AUTHORITY_KEY_IDENTIFIER, ID_CE_BASIC_CONSTRAINTS, ID_CE_KEY_USAGE,
    ID_CE_SUBJECT_KEY_IDENTIFIER,
};
use der::{Encode, asn1::OctetString};
use ed25519_dalek::{Signature, SigningKey};
use peerage_records::{
    id::{Authority, IdentityKey},
    time::Timestamp,
};
use rand::CryptoRng;
use spki::SubjectPublicKeyInfoRef;
use x509_cert::{
    TbsCertificate,
    builder::{Builder, CertificateBuilder, profile::BuilderProfile},
    ext::{
        Extension,
        pkix::{AuthorityKeyIdentifier, SubjectKeyIdentifier},
    },
    name::Name,
    serial_number::SerialNumber,
    spki::SubjectPublicKeyInfo,
    time::Validity,
};

use super::{Kind, extension as private, time::to_x509};
use crate::{group::Role, name::PARTICIPANT_CLASSIFIER};

/// Everything a certificate says, checked by whoever fills it in.
pub(crate) struct CertificateDraft<'a> {
    pub(crate) kind: Kind,
    pub(crate) subject: IdentityKey,
    pub(crate) classifier: &'a str,
    pub(crate) friendly_name: &'a str,
    pub(crate) not_before: Timestamp,
    pub(crate) not_after: Timestamp,
    pub(crate) issued_at: Timestamp,
}

impl CertificateDraft<'_> {
    /// Signs with `key`, which makes its holder the issuer.
    pub(crate) fn sign(&self, key: &SigningKey, rng: &mut impl CryptoRng) -> Vec<u8> {
        let subject_key = crate::signing::verifying_key(&self.subject)
            .expect("a subject's key was verified when its card or chain was parsed");
        let profile = Profile {
            issuer: IdentityKey::from_bytes(key.verifying_key().to_bytes()).authority(),
            subject: self.subject.authority(),
        };
        let mut builder = CertificateBuilder::new(
            profile,
            serial_number(rng),
            Validity::new(to_x509(self.not_before), to_x509(self.not_after)),
            SubjectPublicKeyInfo::from_key(&subject_key).expect("an ed25519 key always encodes"),
        )
        .expect("times are bounded by the year 9999");
        for extension in self.extensions(&profile) {
            builder
                .add_extension(extension)
                .expect("extensions are already encoded");
        }
        let certificate = builder
            .build::<_, Signature>(key)
            .expect("an ed25519 key always signs");
        certificate
            .to_der()
            .expect("what was just built is encodable")
    }

    fn extensions(&self, profile: &Profile) -> Vec<Extension> {
        let issuer = self.kind.may_issue();
        let key_id = |authority: &Authority| Some(private::octets(authority.as_bytes()));
        let mut extensions = vec![
            critical(
                ID_CE_BASIC_CONSTRAINTS,
                if issuer {
                    &private::CA_TRUE[..]
                } else {
                    &private::CA_FALSE
                },
            ),
            critical(
                ID_CE_KEY_USAGE,
                if issuer {
                    &private::KEY_USAGE_ISSUER
                } else {
                    &private::KEY_USAGE_END
                },
            ),
            plain(
                ID_CE_SUBJECT_KEY_IDENTIFIER,
                private::encode(&SubjectKeyIdentifier(private::octets(
                    profile.subject.as_bytes(),
                ))),
            ),
            plain(
                ID_CE_AUTHORITY_KEY_IDENTIFIER,
                private::encode(&AuthorityKeyIdentifier {
                    key_identifier: key_id(&profile.issuer),
                    ..AuthorityKeyIdentifier::default()
                }),
            ),
            plain(
                private::CERTIFICATE_TYPE,
                private::encode(&self.kind.number()),
            ),
            plain(
                private::ISSUED_AT,
                private::encode(&self.issued_at.as_millis()),
            ),
            plain(
                private::SUBJECT_NAMES,
                private::encode(&private::SubjectNames {
                    classifier: self.classifier.to_owned(),
                    friendly_name: self.friendly_name.to_owned(),
                }),
            ),
        ];
        match &self.kind {
            Kind::Identity => {}
            Kind::GroupRoot { group_name } => extensions.push(plain(
                private::GROUP_NAME,
                private::encode(&group_name.to_string()),
            )),
            Kind::Membership { group, roles } => {
                let ids: Vec<OctetString> = roles
                    .iter()
                    .map(|role| private::octets(&role.id()))
                    .collect();
                extensions.extend([
                    plain(
                        private::GROUP_ID,
                        private::encode(&private::octets(group.as_bytes())),
                    ),
                    plain(private::ROLES, private::encode(&ids)),
                    plain(
                        private::CLASSIFIERS,
                        private::encode(&classifiers_for(*roles)),
                    ),
                ]);
            }
        }
        extensions
    }
}

impl Kind {
    /// Whether X.509 should see the holder as an issuer.
    pub(super) fn may_issue(&self) -> bool {
        match self {
            Self::Identity => false,
            Self::GroupRoot { .. } => true,
            Self::Membership { roles, .. } => roles.may_issue(Role::Member),
        }
    }

    pub(super) const fn number(&self) -> u8 {
        match self {
            Self::Membership { .. } => 1,
            Self::GroupRoot { .. } => 2,
            Self::Identity => 3,
        }
    }

    /// For messages.
    pub(crate) const fn name(&self) -> &'static str {
        match self {
            Self::Membership { .. } => "a membership certificate",
            Self::GroupRoot { .. } => "a group root certificate",
            Self::Identity => "an identity certificate",
        }
    }
}

/// The one classifier list that goes with these roles.
pub(super) fn classifiers_for(roles: crate::group::Roles) -> Vec<String> {
    if roles.contains(Role::Admin) {
        Vec::new()
    } else {
        vec![PARTICIPANT_CLASSIFIER.to_owned()]
    }
}

/// Distinguished name of the holder of a key: `CN=<authority>`.
pub(super) fn distinguished_name(authority: Authority) -> Name {
    format!("CN={authority}")
        .parse()
        .expect("hexadecimal digits need no escaping")
}

#[derive(Clone, Copy)]
struct Profile {
    issuer: Authority,
    subject: Authority,
}

impl BuilderProfile for Profile {
    fn get_issuer(&self, _subject: &Name) -> Name {
        distinguished_name(self.issuer)
    }

    fn get_subject(&self) -> Name {
        distinguished_name(self.subject)
    }

    fn build_extensions(
        &self,
        _spk: SubjectPublicKeyInfoRef<'_>,
        _issuer_spk: SubjectPublicKeyInfoRef<'_>,
        _tbs: &TbsCertificate,
    ) -> x509_cert::builder::Result<Vec<Extension>> {
        // All of them were added by hand, so that their order is ours.
        Ok(Vec::new())
    }
}

/// 16 random bytes, positive and of fixed length.
fn serial_number(rng: &mut impl CryptoRng) -> SerialNumber {
    let mut bytes = [0; 16];
    rng.fill_bytes(&mut bytes);
    bytes[0] = bytes[0] & 0x7f | 0x40;
    SerialNumber::new(&bytes).expect("16 bytes are within the limit of 20")
}

fn critical(extn_id: ObjectIdentifier, value: &[u8]) -> Extension {
    Extension {
        extn_id,
        critical: true,
        extn_value: private::octets(value),
    }
}

fn plain(extn_id: ObjectIdentifier, extn_value: OctetString) -> Extension {
    Extension {
        extn_id,
        critical: false,
        extn_value,
    }
}
