//! The one canonical, versioned, bounded byte form of a record.
//!
//! ```text
//! envelope = CBOR [1, body, signature]      body: byte string, signature: byte string of 64
//! body     = CBOR [group, id, kind, version, creator, modifier or null, created, modified, expires,
//!                  deleted, [[name, 0 | 1 | 2, value], ...], payload]
//! signed   = "peerage record v1\0" || body
//! ```
//!
//! What was signed is what is stored, forwarded and verified: bytes are kept as they came and never made
//! again. There is exactly one encoding of a record; anything else that happens to decode is refused.
//! `docs/formats/record.md` describes every byte.

mod keys;

use std::{fmt, sync::Arc};

use ed25519_dalek::Signature;
use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{Error as _, SeqAccess, Visitor},
};
use serde_bytes::{ByteBuf, Bytes};

use crate::{
    id::{EnvelopeHash, GroupId, IdentityKey, RecordId, RecordType},
    record::{Attribute, AttributeValue, MAX_ATTRIBUTES, Record},
    time::Timestamp,
};

/// A complete envelope. Leaves room beside `MAX_INLINE_BYTES` for ids, framing and the signature, and
/// fits a gossip frame of 64 KiB.
pub const MAX_ENVELOPE_BYTES: usize = 56 * 1024;

/// The version of the envelope; a change of the body's layout changes it too.
const ENVELOPE_VERSION: u8 = 1;

/// Separates signatures on records from every other use of an identity's key.
const SIGNATURE_DOMAIN: &[u8] = b"peerage record v1\0";

/// A record from anywhere with its signature: well-formed, bounded and canonical, but not believed.
///
/// Cheap to clone.
#[derive(Clone)]
pub struct SignedRecord(Arc<Inner>);

struct Inner {
    bytes: Arc<[u8]>,
    hash: EnvelopeHash,
    record: Record,
    body: std::ops::Range<usize>,
    signature: [u8; 64],
}

/// Why bytes are not a record.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// More than [`MAX_ENVELOPE_BYTES`].
    #[error("an envelope of {0} bytes is larger than {MAX_ENVELOPE_BYTES}")]
    TooLarge(usize),
    /// An envelope of a version this program does not know.
    #[error("envelope version {0} is not known")]
    UnknownVersion(u8),
    /// Not CBOR of the expected shape.
    #[error("not a record")]
    Malformed(#[source] serde_cbor::Error),
    /// It decodes, but is not how this record is encoded.
    #[error("not the canonical encoding")]
    NotCanonical,
}

/// Why a signature is not accepted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SignatureError {
    /// The bytes of the key are not a point of the curve, or one for which anybody can sign.
    #[error("the key of {} is not usable", .0.short())]
    BadKey(IdentityKey),
    /// The key did not sign these bytes.
    #[error("the signature is not that of {}", .0.short())]
    Wrong(IdentityKey),
}

impl SignedRecord {
    /// Encodes `record` and lets `sign` sign it with the key of [`Record::toucher`].
    pub fn sign(record: Record, sign: impl FnOnce(&[u8]) -> [u8; 64]) -> Self {
        let body = encode_body(&record);
        let signature = sign(&signed_bytes(&body));
        let bytes: Arc<[u8]> = encode_envelope(&body, &signature).into();
        let body = body_range(&bytes, body.len());
        Self(Arc::new(Inner {
            hash: EnvelopeHash::of(&bytes),
            bytes,
            record,
            body,
            signature,
        }))
    }

    /// Reads an envelope. The signature is not checked.
    ///
    /// # Errors
    /// Refuses everything but the one canonical encoding of a record of a known version.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        if bytes.len() > MAX_ENVELOPE_BYTES {
            return Err(DecodeError::TooLarge(bytes.len()));
        }
        let (body, signature) = decode_envelope(bytes)?;
        let record = decode_body(body)?;
        if encode_body(&record) != body {
            return Err(DecodeError::NotCanonical);
        }
        Ok(Self(Arc::new(Inner {
            hash: EnvelopeHash::of(bytes),
            body: body_range(bytes, body.len()),
            bytes: bytes.into(),
            record,
            signature,
        })))
    }

    /// The complete envelope, exactly as signed.
    #[must_use]
    pub fn bytes(&self) -> &Arc<[u8]> {
        &self.0.bytes
    }

    /// The hash of the complete envelope.
    #[must_use]
    pub fn hash(&self) -> EnvelopeHash {
        self.0.hash
    }

    /// What the envelope says.
    #[must_use]
    pub fn record(&self) -> &Record {
        &self.0.record
    }

    /// The signature over the body.
    #[must_use]
    pub fn signature(&self) -> &[u8; 64] {
        &self.0.signature
    }

    /// Checks the signature against the key of [`Record::toucher`], strictly: every member decides alike.
    ///
    /// # Errors
    /// Says whether the key or the signature is at fault.
    pub fn verify_signature(&self) -> Result<(), SignatureError> {
        let toucher = self.record().toucher();
        let key = keys::verifying_key(&toucher).ok_or(SignatureError::BadKey(toucher))?;
        let message = signed_bytes(&self.0.bytes[self.0.body.clone()]);
        key.verify_strict(&message, &Signature::from_bytes(&self.0.signature))
            .map_err(|_| SignatureError::Wrong(toucher))
    }
}

impl PartialEq for SignedRecord {
    fn eq(&self, other: &Self) -> bool {
        self.0.hash == other.0.hash
    }
}

impl Eq for SignedRecord {}

impl fmt::Debug for SignedRecord {
    /// Leaves out attributes and payload: they must not reach a log by accident.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignedRecord")
            .field("id", &self.record().id)
            .field("kind", &self.record().kind)
            .field("version", &self.record().version)
            .field("hash", &self.0.hash)
            .finish_non_exhaustive()
    }
}

fn signed_bytes(body: &[u8]) -> Vec<u8> {
    let mut message = Vec::with_capacity(SIGNATURE_DOMAIN.len() + body.len());
    message.extend_from_slice(SIGNATURE_DOMAIN);
    message.extend_from_slice(body);
    message
}

/// The body ends where the encoded signature begins: a head of two bytes and 64 bytes.
fn body_range(envelope: &[u8], body_len: usize) -> std::ops::Range<usize> {
    let end = envelope.len() - 66;
    end - body_len..end
}

fn encode_envelope(body: &[u8], signature: &[u8; 64]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(body.len() + 80);
    let envelope = (ENVELOPE_VERSION, Bytes::new(body), Bytes::new(signature));
    serde_cbor::to_writer(&mut bytes, &envelope).expect("a vector accepts all bytes");
    bytes
}

fn decode_envelope(bytes: &[u8]) -> Result<(&[u8], [u8; 64]), DecodeError> {
    // Another version may have another shape, so it is read before the shape is judged.
    if let [0x80..=0x97, version @ 0..=23, ..] = bytes
        && *version != ENVELOPE_VERSION
    {
        return Err(DecodeError::UnknownVersion(*version));
    }
    let (_, body, signature): (u8, &Bytes, &Bytes) =
        serde_cbor::from_slice(bytes).map_err(DecodeError::Malformed)?;
    let signature: [u8; 64] = signature.as_ref().try_into().map_err(|_| {
        DecodeError::Malformed(serde_cbor::Error::custom("a signature has 64 bytes"))
    })?;
    if encode_envelope(body, &signature) != bytes {
        return Err(DecodeError::NotCanonical);
    }
    Ok((body, signature))
}

fn encode_body(record: &Record) -> Vec<u8> {
    let Record {
        group,
        id,
        kind,
        version,
        creator,
        modifier,
        created,
        modified,
        expires,
        deleted,
        attributes,
        payload,
    } = record;
    let fields = (
        group,
        id,
        kind,
        version,
        creator,
        modifier,
        created,
        modified,
        expires,
        deleted,
        attributes,
        Bytes::new(payload),
    );
    let mut bytes = Vec::with_capacity(payload.len() + 256 + attributes.len() * 32);
    serde_cbor::to_writer(&mut bytes, &fields).expect("a vector accepts all bytes");
    bytes
}

fn decode_body(bytes: &[u8]) -> Result<Record, DecodeError> {
    type Fields = (
        GroupId,
        RecordId,
        RecordType,
        u32,
        IdentityKey,
        Option<IdentityKey>,
        Timestamp,
        Timestamp,
        Timestamp,
        bool,
        BoundedAttributes,
        ByteBuf,
    );
    let fields: Fields = serde_cbor::from_slice(bytes).map_err(DecodeError::Malformed)?;
    let (group, id, kind, version, creator, modifier, created, modified, expires, deleted, ..) =
        fields;
    Ok(Record {
        group,
        id,
        kind,
        version,
        creator,
        modifier,
        created,
        modified,
        expires,
        deleted,
        attributes: fields.10.0,
        payload: fields.11.into_vec(),
    })
}

/// Attributes from the network, of which not more than [`MAX_ATTRIBUTES`] are ever held.
struct BoundedAttributes(Vec<Attribute>);

impl<'de> Deserialize<'de> for BoundedAttributes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Elements;
        impl<'de> Visitor<'de> for Elements {
            type Value = BoundedAttributes;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of attributes")
            }

            fn visit_seq<A: SeqAccess<'de>>(
                self,
                mut seq: A,
            ) -> Result<BoundedAttributes, A::Error> {
                let mut attributes = Vec::new();
                while let Some(attribute) = seq.next_element()? {
                    if attributes.len() == MAX_ATTRIBUTES {
                        return Err(A::Error::custom("too many attributes"));
                    }
                    attributes.push(attribute);
                }
                Ok(BoundedAttributes(attributes))
            }
        }
        deserializer.deserialize_seq(Elements)
    }
}

/// The number that stands for the type of an attribute's value.
const STRING: u8 = 0;
const INTEGER: u8 = 1;
const DATE: u8 = 2;

impl Serialize for Attribute {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.value {
            AttributeValue::String(text) => (&self.name, STRING, text).serialize(serializer),
            AttributeValue::Integer(number) => (&self.name, INTEGER, number).serialize(serializer),
            AttributeValue::Date(time) => (&self.name, DATE, time).serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Attribute {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Parts;
        impl<'de> Visitor<'de> for Parts {
            type Value = Attribute;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a name, a type and a value")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Attribute, A::Error> {
                let name = required(&mut seq)?;
                let value = match required::<A, u8>(&mut seq)? {
                    STRING => AttributeValue::String(required(&mut seq)?),
                    INTEGER => AttributeValue::Integer(required(&mut seq)?),
                    DATE => AttributeValue::Date(required(&mut seq)?),
                    other => return Err(A::Error::custom(format_args!("attribute type {other}"))),
                };
                Ok(Attribute { name, value })
            }
        }
        deserializer.deserialize_tuple(3, Parts)
    }
}

fn required<'de, A: SeqAccess<'de>, T: Deserialize<'de>>(seq: &mut A) -> Result<T, A::Error> {
    seq.next_element()?
        .ok_or_else(|| A::Error::custom("an attribute has three parts"))
}

#[cfg(test)]
mod tests;
