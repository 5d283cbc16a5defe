//! The group's own key pair: held by the creator, needed to issue directly under the root.

use std::fmt;

use ed25519_dalek::{Signer, SigningKey};
use peerage_records::{id::IdentityKey, time::Timestamp};
use rand::CryptoRng;
use zeroize::Zeroizing;

use super::{GroupRoot, Role};
use crate::{
    certificate::{CertificateDraft, INFINITE, Kind, whole_seconds},
    gmc::{CLOCK_SKEW_ALLOWANCE, Chain, GmcError, IssueOptions, VerifiedGmc, issue_from_root},
    identity::{IdentityCard, IdentityError, pem, seal},
    name::{NameError, PeerName, check_friendly_name},
};

/// A group's signing key with its root certificate. The key is wiped on drop; `Debug` shows only the name.
#[derive(Clone)]
pub struct GroupKey {
    key: SigningKey,
    root: GroupRoot,
}

impl GroupKey {
    /// Makes a new group: a key pair and the root certificate for 1000 years. Its peer name follows from
    /// the key, so it cannot be chosen.
    ///
    /// # Errors
    /// When the classifier or the friendly name breaks the rules of names.
    pub fn create(
        classifier: &str,
        friendly_name: Option<&str>,
        now: Timestamp,
        rng: &mut impl CryptoRng,
    ) -> Result<Self, NameError> {
        let friendly_name = friendly_name.unwrap_or_default();
        check_friendly_name(friendly_name)?;
        let mut seed = Zeroizing::new([0; 32]);
        rng.fill_bytes(seed.as_mut());
        let key = SigningKey::from_bytes(&seed);
        let subject = IdentityKey::from_bytes(key.verifying_key().to_bytes());
        let certificate = CertificateDraft {
            kind: Kind::GroupRoot {
                group_name: PeerName::secured(subject.authority(), classifier)?,
            },
            subject,
            classifier,
            friendly_name,
            not_before: whole_seconds(now - CLOCK_SKEW_ALLOWANCE),
            not_after: whole_seconds(now + INFINITE),
            issued_at: now,
        }
        .sign(&key, rng);
        let root = GroupRoot::from_der(&certificate)
            .expect("a root we have just signed keeps to our own profile");
        Ok(Self { key, root })
    }

    /// The root certificate.
    #[must_use]
    pub const fn root(&self) -> &GroupRoot {
        &self.root
    }

    /// Signs with the group key. The caller separates domains.
    #[must_use]
    pub fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.key.sign(message).to_bytes()
    }

    /// Seals to the group's own key, for who holds it.
    pub(super) fn seal(
        &self,
        info: &[u8],
        plaintext: &[u8],
        rng: &mut impl CryptoRng,
    ) -> Result<Vec<u8>, IdentityError> {
        seal::seal(&self.key.verifying_key(), info, plaintext, rng)
    }

    /// Opens what [`Self::seal`] sealed.
    pub(super) fn open(
        &self,
        info: &[u8],
        sealed: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, IdentityError> {
        seal::open(&self.key, info, sealed)
    }

    /// Issues the creator's own GMC: Admin, for as long as the group.
    ///
    /// # Errors
    /// Only when the names are so long that the chain would be too big.
    pub fn issue_first(
        &self,
        creator: &IdentityCard,
        now: Timestamp,
        rng: &mut impl CryptoRng,
    ) -> Result<Chain, GmcError> {
        self.issue(creator, None, &IssueOptions::new(Role::Admin), now, rng)
    }

    /// Issues directly under the root, where any role is allowed.
    ///
    /// # Errors
    /// As [`crate::gmc::issue`].
    pub fn issue(
        &self,
        subject: &IdentityCard,
        current: Option<&VerifiedGmc>,
        options: &IssueOptions,
        now: Timestamp,
        rng: &mut impl CryptoRng,
    ) -> Result<Chain, GmcError> {
        issue_from_root(&self.root, &self.key, subject, current, options, now, rng)
    }

    /// Writes key and root certificate in the form of [`crate::identity::Identity::to_pem`].
    ///
    /// # Errors
    /// When the passphrase is empty.
    pub fn to_pem(
        &self,
        passphrase: Option<&str>,
        rng: &mut impl CryptoRng,
    ) -> Result<Zeroizing<String>, IdentityError> {
        pem::encode(&self.key, self.root.certificate(), passphrase, rng)
    }

    /// Reads what [`Self::to_pem`] wrote.
    ///
    /// # Errors
    /// For a wrong passphrase, damaged text, or a certificate that is no group root of this key.
    pub fn from_pem(text: &str, passphrase: Option<&str>) -> Result<Self, IdentityError> {
        let (key, certificate) = pem::decode(text, passphrase)?;
        let root = GroupRoot::from_der(&certificate).map_err(|_| IdentityError::NotAGroupRoot)?;
        if root.key().as_bytes() != key.verifying_key().as_bytes() {
            return Err(IdentityError::KeyMismatch);
        }
        Ok(Self { key, root })
    }
}

impl fmt::Debug for GroupKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GroupKey")
            .field("name", self.root.name())
            .finish_non_exhaustive()
    }
}
