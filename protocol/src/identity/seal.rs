//! Sealing to an identity: HPKE (RFC 9180) base mode, X25519, HKDF-SHA256, ChaCha20-Poly1305.
//!
//! The X25519 key is the Ed25519 key in its Montgomery form, as age and libsodium do it, so that an invitee
//! needs one key and one card. Using one key for both is safe here: HPKE and Ed25519 hash with different
//! domains.

use ed25519_dalek::{SigningKey, VerifyingKey};
use hpke::{
    Deserializable, OpModeR, OpModeS, Serializable, aead::ChaCha20Poly1305, kdf::HkdfSha256,
    kem::X25519HkdfSha256, single_shot_open, single_shot_seal_with_rng,
};
use rand::CryptoRng;
use zeroize::Zeroizing;

use super::IdentityError;

type PublicKey = <X25519HkdfSha256 as hpke::Kem>::PublicKey;
type PrivateKey = <X25519HkdfSha256 as hpke::Kem>::PrivateKey;
type EncappedKey = <X25519HkdfSha256 as hpke::Kem>::EncappedKey;

/// What sealing adds: the sender's one-time key and an authentication tag, in bytes.
pub const SEAL_OVERHEAD_BYTES: usize = 32 + 16;

/// At most this many bytes once sealed: secrets are sealed, not data.
pub const MAX_SEALED_BYTES: usize = 4 * 1024;

pub(crate) fn seal(
    key: &VerifyingKey,
    info: &[u8],
    plaintext: &[u8],
    rng: &mut impl CryptoRng,
) -> Result<Vec<u8>, IdentityError> {
    if plaintext.len() + SEAL_OVERHEAD_BYTES > MAX_SEALED_BYTES {
        return Err(IdentityError::TooLongToSeal);
    }
    let recipient =
        PublicKey::from_bytes(key.to_montgomery().as_bytes()).expect("32 bytes are an x25519 key");
    let (sender, ciphertext) = single_shot_seal_with_rng::<
        ChaCha20Poly1305,
        HkdfSha256,
        X25519HkdfSha256,
    >(&OpModeS::Base, &recipient, info, plaintext, &[], rng)
    .expect("a key that is not weak can be sealed to");
    Ok([sender.to_bytes().as_slice(), &ciphertext].concat())
}

pub(crate) fn open(
    key: &SigningKey,
    info: &[u8],
    sealed: &[u8],
) -> Result<Zeroizing<Vec<u8>>, IdentityError> {
    if sealed.len() > MAX_SEALED_BYTES {
        return Err(IdentityError::CannotOpen);
    }
    let (sender, ciphertext) = sealed
        .split_at_checked(32)
        .ok_or(IdentityError::CannotOpen)?;
    let scalar = Zeroizing::new(key.to_scalar_bytes());
    let recipient =
        PrivateKey::from_bytes(scalar.as_ref()).expect("32 bytes are an x25519 private key");
    let sender = EncappedKey::from_bytes(sender).map_err(|_| IdentityError::CannotOpen)?;
    single_shot_open::<ChaCha20Poly1305, HkdfSha256, X25519HkdfSha256>(
        &OpModeR::Base,
        &recipient,
        &sender,
        info,
        ciphertext,
        &[],
    )
    .map(Zeroizing::new)
    .map_err(|_| IdentityError::CannotOpen)
}
