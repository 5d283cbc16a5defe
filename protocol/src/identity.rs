//! Identities: who a person or a service is to other peers.
//!
//! An identity is an Ed25519 key pair, a peer name made of the key and a classifier, a friendly name for
//! display, and a self-signed X.509 certificate that ties the three together. Secrets leave it as
//! signatures only, except through [`Identity::to_pem`].

mod card;
mod error;
pub(crate) mod pem;
pub(crate) mod seal;

use std::fmt;

use ed25519_dalek::{Signer, SigningKey};
use peerage_records::{id::IdentityKey, time::Timestamp};
use rand::CryptoRng;
use zeroize::Zeroizing;

pub use card::{IdentityCard, MAX_CARD_TEXT_CHARS};
pub use error::IdentityError;
pub use seal::{MAX_SEALED_BYTES, SEAL_OVERHEAD_BYTES};

use crate::{
    certificate::{CertificateDraft, INFINITE, Kind, whole_seconds},
    gmc::CLOCK_SKEW_ALLOWANCE,
    name::{NameError, PeerName, check_friendly_name},
};

/// A key pair with its certificate. The key is wiped on drop; `Debug` shows only the name.
#[derive(Clone)]
pub struct Identity {
    key: SigningKey,
    card: IdentityCard,
}

impl Identity {
    /// Makes a new identity with a new key pair.
    ///
    /// # Errors
    /// When the classifier or the friendly name breaks the rules of names.
    pub fn generate(
        classifier: &str,
        friendly_name: Option<&str>,
        now: Timestamp,
        rng: &mut impl CryptoRng,
    ) -> Result<Self, NameError> {
        let mut seed = Zeroizing::new([0; 32]);
        rng.fill_bytes(seed.as_mut());
        Self::from_seed(&seed, classifier, friendly_name, now, rng)
    }

    /// Makes an identity around an existing Ed25519 private key. The same key with another classifier is
    /// another identity with the same authority.
    ///
    /// # Errors
    /// When the classifier or the friendly name breaks the rules of names.
    pub fn from_seed(
        seed: &[u8; 32],
        classifier: &str,
        friendly_name: Option<&str>,
        now: Timestamp,
        rng: &mut impl CryptoRng,
    ) -> Result<Self, NameError> {
        let key = SigningKey::from_bytes(seed);
        let authority = IdentityKey::from_bytes(key.verifying_key().to_bytes()).authority();
        let name = PeerName::secured(authority, classifier)?;
        let card = make_card(&key, &name, friendly_name.unwrap_or_default(), now, rng)?;
        Ok(Self { key, card })
    }

    /// The public key.
    #[must_use]
    pub fn key(&self) -> IdentityKey {
        self.card.key()
    }

    /// The peer name.
    #[must_use]
    pub fn name(&self) -> &PeerName {
        self.card.name()
    }

    /// What people are shown: the friendly name, or the peer name when none was given.
    #[must_use]
    pub fn friendly_name(&self) -> &str {
        self.card.friendly_name()
    }

    /// Changes the friendly name; nothing or an empty text restores the default. The certificate is made
    /// anew, so cards given away before still show the old one.
    ///
    /// # Errors
    /// When the friendly name breaks the rules; the old one then stays.
    pub fn set_friendly_name(
        &mut self,
        friendly_name: Option<&str>,
        now: Timestamp,
        rng: &mut impl CryptoRng,
    ) -> Result<(), NameError> {
        let friendly_name = friendly_name.unwrap_or_default();
        self.card = make_card(&self.key, self.card.name(), friendly_name, now, rng)?;
        Ok(())
    }

    /// The self-signed certificate in DER.
    #[must_use]
    pub fn certificate(&self) -> &[u8] {
        self.card.certificate()
    }

    /// The public half, to be given to whoever should invite this identity.
    #[must_use]
    pub fn card(&self) -> IdentityCard {
        self.card.clone()
    }

    /// Signs with the identity's key. The caller separates domains.
    #[must_use]
    pub fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.key.sign(message).to_bytes()
    }

    /// Opens what [`IdentityCard::seal`] sealed for this identity with the same `info`.
    ///
    /// # Errors
    /// [`IdentityError::CannotOpen`] when it was sealed for another key or info, or was altered.
    pub fn open(&self, info: &[u8], sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, IdentityError> {
        seal::open(&self.key, info, sealed)
    }

    /// Writes the private key as PKCS#8 PEM, encrypted when a passphrase is given (PBES2: scrypt, then
    /// AES-256-CBC), followed by the certificate as PEM. OpenSSL reads both. Memberships are not included.
    ///
    /// # Errors
    /// [`IdentityError::EmptyPassphrase`] for an empty passphrase: to write the key in the clear must be
    /// said with `None`.
    pub fn to_pem(
        &self,
        passphrase: Option<&str>,
        rng: &mut impl CryptoRng,
    ) -> Result<Zeroizing<String>, IdentityError> {
        pem::encode(&self.key, self.card.certificate(), passphrase, rng)
    }

    /// Reads what [`Self::to_pem`] wrote, or a key and certificate that OpenSSL rewrote.
    ///
    /// # Errors
    /// When the passphrase is missing or wrong, the text is damaged, or the certificate is not that of
    /// the key. Nothing is created then.
    pub fn from_pem(text: &str, passphrase: Option<&str>) -> Result<Self, IdentityError> {
        let (key, certificate) = pem::decode(text, passphrase)?;
        let card = IdentityCard::from_der(&certificate)?;
        if card.key().as_bytes() != key.verifying_key().as_bytes() {
            return Err(IdentityError::KeyMismatch);
        }
        Ok(Self { key, card })
    }

    pub(crate) const fn signing_key(&self) -> &SigningKey {
        &self.key
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity")
            .field("name", self.name())
            .finish_non_exhaustive()
    }
}

fn make_card(
    key: &SigningKey,
    name: &PeerName,
    friendly_name: &str,
    now: Timestamp,
    rng: &mut impl CryptoRng,
) -> Result<IdentityCard, NameError> {
    check_friendly_name(friendly_name)?;
    let certificate = CertificateDraft {
        kind: Kind::Identity,
        subject: IdentityKey::from_bytes(key.verifying_key().to_bytes()),
        classifier: name.classifier(),
        friendly_name,
        not_before: whole_seconds(now - CLOCK_SKEW_ALLOWANCE),
        not_after: whole_seconds(now + INFINITE),
        issued_at: now,
    }
    .sign(key, rng);
    Ok(IdentityCard::from_der(&certificate)
        .expect("a card we have just signed keeps to our own profile"))
}

#[cfg(test)]
mod tests;
