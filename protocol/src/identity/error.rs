//! Why an identity, a card or something sealed cannot be read. No message repeats what was read.

use crate::{certificate::CertificateError, text::TextError};

/// Everything that can go wrong with identities and cards.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IdentityError {
    /// An empty passphrase was given.
    #[error("the passphrase is empty")]
    EmptyPassphrase,
    /// The key is encrypted and no passphrase was given.
    #[error("the private key is encrypted: a passphrase is needed")]
    PassphraseNeeded,
    /// The passphrase does not open the key, or the encrypted key was altered.
    #[error("the passphrase is wrong or the encrypted key was altered")]
    WrongPassphrase,
    /// Opening the key would cost more time or memory than a passphrase can be worth.
    #[error("the key's passphrase parameters are beyond what this build accepts")]
    TooCostly,
    /// Not a PEM text with one Ed25519 private key and one certificate.
    #[error("not a pem text with an ed25519 private key and its certificate")]
    Malformed,
    /// The certificate belongs to another key.
    #[error("the certificate does not belong to the private key")]
    KeyMismatch,
    /// The certificate is no group root.
    #[error("the certificate is not a group root")]
    NotAGroupRoot,
    /// The certificate is not that of an identity.
    #[error("the identity certificate is invalid")]
    Certificate(#[from] CertificateError),
    /// The text is not an identity card.
    #[error("not an identity card")]
    Text(#[from] TextError),
    /// The plaintext is longer than [`super::MAX_SEALED_BYTES`] allows.
    #[error("too long to be sealed")]
    TooLongToSeal,
    /// What was sealed cannot be opened by this identity.
    #[error("sealed for another identity or purpose, or altered")]
    CannotOpen,
}
