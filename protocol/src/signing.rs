//! Ed25519 as everything here uses it: one strict way to verify, and canonical CBOR around what is signed.

use ed25519_dalek::{Signature, VerifyingKey};
use peerage_records::id::IdentityKey;
use serde::{Serialize, de::DeserializeOwned};

/// Length of a signature, in bytes.
pub(crate) const SIGNATURE_BYTES: usize = 64;

/// Turns key bytes into a key that may be trusted with a signature: a point on the curve, not of small order.
pub(crate) fn verifying_key(key: &IdentityKey) -> Option<VerifyingKey> {
    VerifyingKey::from_bytes(key.as_bytes())
        .ok()
        .filter(|key| !key.is_weak())
}

/// Verifies strictly (canonical `s`, no small-order points), so that every peer decides alike.
pub(crate) fn verify(key: &VerifyingKey, message: &[u8], signature: &[u8]) -> bool {
    Signature::from_slice(signature)
        .is_ok_and(|signature| key.verify_strict(message, &signature).is_ok())
}

/// Puts the domain in front of what is signed, so that no signature is good for anything else.
pub(crate) fn domain_separated(domain: &[u8], body: &[u8]) -> Vec<u8> {
    [domain, body].concat()
}

/// Canonical CBOR: definite lengths and shortest integers, which is what the encoder writes.
pub(crate) fn to_cbor(value: &impl Serialize) -> Vec<u8> {
    serde_cbor::to_vec(value).expect("arrays of integers, bytes and text always encode")
}

/// Decodes CBOR that is exactly what [`to_cbor`] would have written, with nothing after it.
pub(crate) fn from_cbor<T: Serialize + DeserializeOwned>(bytes: &[u8]) -> Option<T> {
    let value: T = serde_cbor::from_slice(bytes).ok()?;
    (to_cbor(&value) == bytes).then_some(value)
}
