//! Identity cards: the public half of an identity, to be passed on by mail, chat or paper.

use std::{fmt, str::FromStr, sync::Arc};

use peerage_records::id::IdentityKey;
use rand::CryptoRng;

use super::{IdentityError, seal};
use crate::{
    certificate::{Certificate, CertificateError, Kind},
    gmc::MAX_CERTIFICATE_BYTES,
    name::PeerName,
    signing,
    text::{self, Form},
};

/// The longest text that is looked at, in characters: a certificate in base64 with room for line breaks.
pub const MAX_CARD_TEXT_CHARS: usize = 3 * MAX_CERTIFICATE_BYTES;

const FORM: Form = Form {
    label: "PEERAGE IDENTITY CARD",
    scheme: "peerage:card:",
    max_bytes: MAX_CERTIFICATE_BYTES,
    max_chars: MAX_CARD_TEXT_CHARS,
};

/// A verified identity certificate. Cheap to clone.
#[derive(Clone, PartialEq, Eq)]
pub struct IdentityCard(Arc<Inner>);

#[derive(PartialEq, Eq)]
struct Inner {
    certificate: Vec<u8>,
    key: IdentityKey,
    name: PeerName,
    given_friendly_name: String,
    friendly_name: String,
}

impl IdentityCard {
    /// Reads and verifies an identity certificate. Its lifetime of 1000 years is not looked at.
    ///
    /// # Errors
    /// When it breaks the profile, is another kind of certificate, or its signature does not verify.
    pub fn from_der(der: &[u8]) -> Result<Self, IdentityError> {
        let certificate = Certificate::parse(der)?;
        if certificate.kind != Kind::Identity {
            return Err(CertificateError::WrongType {
                expected: "an identity certificate",
                found: certificate.kind.name(),
            }
            .into());
        }
        certificate.check_self_signed()?;
        Ok(Self(Arc::new(Inner {
            certificate: der.to_vec(),
            key: certificate.subject,
            name: certificate.subject_name(),
            friendly_name: certificate.display_name(),
            given_friendly_name: certificate.friendly_name,
        })))
    }

    /// The certificate in DER.
    #[must_use]
    pub fn certificate(&self) -> &[u8] {
        &self.0.certificate
    }

    /// The public key.
    #[must_use]
    pub fn key(&self) -> IdentityKey {
        self.0.key
    }

    /// The peer name.
    #[must_use]
    pub fn name(&self) -> &PeerName {
        &self.0.name
    }

    /// What people are shown: the friendly name, or the peer name when none was given.
    #[must_use]
    pub fn friendly_name(&self) -> &str {
        &self.0.friendly_name
    }

    /// The friendly name as it was given, empty for the default.
    pub(crate) fn given_friendly_name(&self) -> &str {
        &self.0.given_friendly_name
    }

    /// Seals `plaintext` so that only this identity can open it, and only with the same `info`.
    ///
    /// # Errors
    /// [`IdentityError::TooLongToSeal`].
    pub fn seal(
        &self,
        info: &[u8],
        plaintext: &[u8],
        rng: &mut impl CryptoRng,
    ) -> Result<Vec<u8>, IdentityError> {
        let key = signing::verifying_key(&self.0.key)
            .expect("the key was verified when the card was parsed");
        seal::seal(&key, info, plaintext, rng)
    }

    /// One line: `peerage:card:` and base64url.
    #[must_use]
    pub fn to_uri(&self) -> String {
        text::to_uri(&FORM, self.certificate())
    }

    /// A block of lines in the manner of PEM, `-----BEGIN PEERAGE IDENTITY CARD-----`.
    #[must_use]
    pub fn to_block(&self) -> String {
        text::to_block(&FORM, self.certificate())
    }
}

impl FromStr for IdentityCard {
    type Err = IdentityError;

    /// Reads either form; blanks and line breaks do not matter.
    fn from_str(text: &str) -> Result<Self, IdentityError> {
        Self::from_der(&text::from_text(&FORM, text)?)
    }
}

impl fmt::Debug for IdentityCard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IdentityCard")
            .field("name", self.name())
            .field("friendly_name", &self.friendly_name())
            .finish()
    }
}
