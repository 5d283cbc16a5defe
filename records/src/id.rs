//! Fixed-size names of things: keys, groups, records, types, envelopes, replicas.
//!
//! Each is a newtype over its bytes, so that two of them cannot be mixed up. `Display` prints the full
//! form, `FromStr` reads it back, [`serde`] writes text in readable formats and raw bytes in binary ones.

use std::{fmt, str::FromStr};

use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};
use uuid::Uuid;

/// What precedes an Ed25519 key in its SubjectPublicKeyInfo (RFC 8410), so that an authority can be
/// computed without an X.509 library and agrees with what one would say.
const ED25519_SPKI_PREFIX: [u8; 12] = [
    0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00,
];

/// Separates the hash behind a record id from every other hash of a key.
const RECORD_ID_DOMAIN: &[u8] = b"peerage record id";

/// Separates the hash behind a replica id from every other hash of a key and a group.
const REPLICA_ID_DOMAIN: &[u8] = b"peerage replica id";

/// Namespace of readable record type names: UUIDv5 of `urn:peerage:record-type` in the URL namespace.
const RECORD_TYPE_NAMESPACE: Uuid = Uuid::from_u128(0x404987f7_f048_5fe3_ac5f_47a64f77ea11);

/// The longest readable record type name, in bytes; long enough for a reversed domain name and a path.
pub const MAX_TYPE_NAME_BYTES: usize = 255;

/// A text that is not the printed form of the id asked for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not {expected}")]
pub struct ParseIdError {
    expected: &'static str,
}

/// Everything the ids have in common; what differs is how they are printed.
macro_rules! fixed_bytes {
    ($name:ident, $len:literal, $what:literal) => {
        impl $name {
            /// Takes the bytes as they are.
            #[must_use]
            pub const fn from_bytes(bytes: [u8; $len]) -> Self {
                Self(bytes)
            }

            /// The bytes.
            #[must_use]
            pub const fn as_bytes(&self) -> &[u8; $len] {
                &self.0
            }
        }

        impl TryFrom<&[u8]> for $name {
            type Error = ParseIdError;

            fn try_from(bytes: &[u8]) -> Result<Self, ParseIdError> {
                bytes
                    .try_into()
                    .map(Self)
                    .map_err(|_| ParseIdError { expected: $what })
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self)
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                if serializer.is_human_readable() {
                    serializer.collect_str(self)
                } else {
                    serializer.serialize_bytes(&self.0)
                }
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Visitor;
                impl serde::de::Visitor<'_> for Visitor {
                    type Value = $name;

                    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                        f.write_str($what)
                    }

                    fn visit_bytes<E: serde::de::Error>(self, v: &[u8]) -> Result<$name, E> {
                        $name::try_from(v).map_err(|_| E::invalid_length(v.len(), &self))
                    }

                    fn visit_str<E: serde::de::Error>(self, v: &str) -> Result<$name, E> {
                        v.parse().map_err(E::custom)
                    }
                }
                if deserializer.is_human_readable() {
                    deserializer.deserialize_str(Visitor)
                } else {
                    deserializer.deserialize_bytes(Visitor)
                }
            }
        }
    };
}

/// Printed as lower-case hexadecimal digits; upper case is read too.
macro_rules! printed_as_hex {
    ($name:ident, $what:literal) => {
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&HEXLOWER.encode(&self.0))
            }
        }

        impl FromStr for $name {
            type Err = ParseIdError;

            fn from_str(text: &str) -> Result<Self, ParseIdError> {
                data_encoding::HEXLOWER_PERMISSIVE
                    .decode(text.as_bytes())
                    .ok()
                    .and_then(|bytes| bytes.try_into().ok())
                    .map(Self)
                    .ok_or(ParseIdError { expected: $what })
            }
        }

        impl $name {
            /// The first eight hexadecimal digits, for people and logs; not unique.
            #[must_use]
            pub fn short(&self) -> String {
                HEXLOWER.encode(&self.0[..4])
            }
        }
    };
}

/// Printed as a UUID.
macro_rules! printed_as_uuid {
    ($name:ident, $what:literal) => {
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                Uuid::from_bytes(self.0).fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = ParseIdError;

            fn from_str(text: &str) -> Result<Self, ParseIdError> {
                Uuid::parse_str(text)
                    .map(|uuid| Self(*uuid.as_bytes()))
                    .map_err(|_| ParseIdError { expected: $what })
            }
        }
    };
}

/// The Ed25519 public key of an identity or of a group.
///
/// Holding one says nothing about whether it is a point on the curve: that is found out on verification.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IdentityKey([u8; 32]);
fixed_bytes!(IdentityKey, 32, "an identity key");
printed_as_hex!(IdentityKey, "an identity key of 64 hexadecimal digits");

impl IdentityKey {
    /// The authority of this key: what stands before the dot in a secured peer name.
    #[must_use]
    pub fn authority(&self) -> Authority {
        let digest = Sha256::new()
            .chain_update(ED25519_SPKI_PREFIX)
            .chain_update(self.0)
            .finalize();
        Authority(first(&digest))
    }
}

/// The first 160 bits of the SHA-256 of a key's SubjectPublicKeyInfo.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Authority([u8; 20]);
fixed_bytes!(Authority, 20, "an authority");

impl fmt::Display for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&HEXLOWER.encode(&self.0))
    }
}

impl FromStr for Authority {
    type Err = ParseIdError;

    /// Reads 40 lower-case hexadecimal digits; upper case is not canonical and is refused.
    fn from_str(text: &str) -> Result<Self, ParseIdError> {
        HEXLOWER
            .decode(text.as_bytes())
            .ok()
            .and_then(|bytes| bytes.try_into().ok())
            .map(Self)
            .ok_or(ParseIdError {
                expected: "an authority of 40 lower-case hexadecimal digits",
            })
    }
}

/// Which group: the SHA-256 of the canonical group peer name.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GroupId([u8; 32]);
fixed_bytes!(GroupId, 32, "a group id");
printed_as_hex!(GroupId, "a group id of 64 hexadecimal digits");

impl GroupId {
    /// The id of the group with this canonical peer name, `authority.classifier`.
    #[must_use]
    pub fn of_name(name: &str) -> Self {
        Self(Sha256::digest(name.as_bytes()).into())
    }
}

/// Which record. The upper half follows from the creator, so that nobody can take another's ids.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RecordId([u8; 16]);
fixed_bytes!(RecordId, 16, "a record id");
printed_as_uuid!(RecordId, "a record id in UUID form");

impl RecordId {
    /// A fresh id of `creator`; `entropy` should come from a good random source.
    #[must_use]
    pub fn new(creator: &IdentityKey, entropy: [u8; 8]) -> Self {
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&Self::upper_half(creator));
        bytes[8..].copy_from_slice(&entropy);
        Self(bytes)
    }

    /// The one id `creator` has for a record of the reserved `kind`, so that there is one per member.
    #[must_use]
    pub fn reserved(creator: &IdentityKey, kind: RecordType) -> Self {
        Self::reserved_for(creator, kind, &[])
    }

    /// The one id `creator` has for a record of the reserved `kind` about `subject`: one presence per
    /// node of an identity, one revocation per identity revoked.
    #[must_use]
    pub fn reserved_for(creator: &IdentityKey, kind: RecordType, subject: &[u8]) -> Self {
        let digest = Sha256::new()
            .chain_update(kind.0)
            .chain_update(subject)
            .finalize();
        Self::new(creator, first(&digest))
    }

    /// Whether this can be the id of a record of `creator`.
    #[must_use]
    pub fn fits(&self, creator: &IdentityKey) -> bool {
        self.0[..8] == Self::upper_half(creator)
    }

    fn upper_half(creator: &IdentityKey) -> [u8; 8] {
        let digest = Sha256::new()
            .chain_update(RECORD_ID_DOMAIN)
            .chain_update(creator.0)
            .finalize();
        first(&digest)
    }
}

/// What kind of record: a UUID, for people a readable name.
///
/// Types whose last 12 bytes are zero are reserved for Peerage itself; that covers the four of the
/// original graph and the two of the original group, and leaves room for more.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RecordType([u8; 16]);
fixed_bytes!(RecordType, 16, "a record type");

impl RecordType {
    /// Facts about the graph itself.
    pub const GRAPH_INFO: Self = Self::reserved(0x0000_0100);
    /// The signature by which partitions notice each other.
    pub const SIGNATURE: Self = Self::reserved(0x0000_0200);
    /// Addresses at which a partition can be reached.
    pub const CONTACT: Self = Self::reserved(0x0000_0300);
    /// A member's node is online, and where.
    pub const PRESENCE: Self = Self::reserved(0x0000_0400);
    /// A member's credential chain.
    pub const MEMBERSHIP: Self = Self::reserved(0x0100_0000);
    /// The group's properties.
    pub const PROPERTIES: Self = Self::reserved(0x0200_0000);
    /// Credentials of an identity are void.
    pub const REVOCATION: Self = Self::reserved(0x0300_0000);
    /// How people without an invitation may ask to join.
    pub const DOOR: Self = Self::reserved(0x0500_0000);

    const fn reserved(first: u32) -> Self {
        Self(((first as u128) << 96).to_be_bytes())
    }

    /// The type with this readable name: a UUIDv5, so that every peer derives the same one.
    #[must_use]
    pub fn from_name(name: &str) -> Self {
        Self(*Uuid::new_v5(&RECORD_TYPE_NAMESPACE, name.as_bytes()).as_bytes())
    }

    /// Whether only Peerage itself may publish records of this type.
    #[must_use]
    pub fn is_reserved(&self) -> bool {
        self.0[4..].iter().all(|byte| *byte == 0)
    }
}

impl fmt::Display for RecordType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Uuid::from_bytes(self.0).fmt(f)
    }
}

impl FromStr for RecordType {
    type Err = ParseIdError;

    /// Reads UUID text, and takes anything else for a readable name of at most
    /// [`MAX_TYPE_NAME_BYTES`] bytes.
    fn from_str(text: &str) -> Result<Self, ParseIdError> {
        if text.is_empty() || text.len() > MAX_TYPE_NAME_BYTES {
            return Err(ParseIdError {
                expected: "a record type: a UUID or a name of 1 to 255 bytes",
            });
        }
        // Only the hyphenated form: a bare word of 32 digits stays a name.
        match Uuid::parse_str(text) {
            Ok(uuid) if text.len() == 36 => Ok(Self(*uuid.as_bytes())),
            _ => Ok(Self::from_name(text)),
        }
    }
}

/// One particular version of one record: the SHA-256 of its complete envelope.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EnvelopeHash([u8; 32]);
fixed_bytes!(EnvelopeHash, 32, "an envelope hash");
printed_as_hex!(EnvelopeHash, "an envelope hash of 64 hexadecimal digits");

impl EnvelopeHash {
    /// The hash of these envelope bytes.
    #[must_use]
    pub fn of(envelope: &[u8]) -> Self {
        Self(Sha256::digest(envelope).into())
    }
}

/// One identity's copy of one group's records: several may live in one store.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReplicaId([u8; 16]);
fixed_bytes!(ReplicaId, 16, "a replica id");
printed_as_hex!(ReplicaId, "a replica id of 32 hexadecimal digits");

impl ReplicaId {
    /// The copy that `identity` holds of the records of `group`.
    #[must_use]
    pub fn of(identity: &IdentityKey, group: &GroupId) -> Self {
        let digest = Sha256::new()
            .chain_update(REPLICA_ID_DOMAIN)
            .chain_update(identity.0)
            .chain_update(group.0)
            .finalize();
        Self(first(&digest))
    }
}

/// The first bytes of a digest that is longer than what is wanted.
fn first<const N: usize>(digest: &[u8]) -> [u8; N] {
    let mut bytes = [0; N];
    bytes.copy_from_slice(&digest[..N]);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn authority_is_the_start_of_the_spki_digest() {
        // openssl pkey -pubin -outform DER | sha256sum, for the key of 32 zero bytes.
        let authority = IdentityKey::from_bytes([0; 32]).authority();
        assert_eq!(authority.to_string().len(), 40);
        assert_eq!(authority.to_string().parse(), Ok(authority));
        let upper = authority.to_string().to_uppercase();
        assert!(upper.parse::<Authority>().is_err());
    }

    #[test]
    fn upper_half_of_a_record_id_is_the_creators() {
        let (one, two) = (
            IdentityKey::from_bytes([1; 32]),
            IdentityKey::from_bytes([2; 32]),
        );
        let id = RecordId::new(&one, [7; 8]);
        assert!(id.fits(&one));
        assert!(!id.fits(&two));
        assert_eq!(
            id.as_bytes()[..8],
            RecordId::new(&one, [9; 8]).as_bytes()[..8]
        );
        assert_ne!(
            id.as_bytes()[..8],
            RecordId::new(&two, [7; 8]).as_bytes()[..8]
        );
        assert_eq!(id.to_string().parse(), Ok(id));
    }

    #[test]
    fn reserved_types_carry_the_values_of_the_original() {
        let text = |kind: RecordType| kind.to_string();
        assert_eq!(
            text(RecordType::GRAPH_INFO),
            "00000100-0000-0000-0000-000000000000"
        );
        assert_eq!(
            text(RecordType::PRESENCE),
            "00000400-0000-0000-0000-000000000000"
        );
        assert_eq!(
            text(RecordType::MEMBERSHIP),
            "01000000-0000-0000-0000-000000000000"
        );
        assert_eq!(
            text(RecordType::PROPERTIES),
            "02000000-0000-0000-0000-000000000000"
        );
        assert!(RecordType::REVOCATION.is_reserved());
        assert!(!RecordType::from_name("chat").is_reserved());
    }

    #[test]
    fn a_type_is_read_from_a_uuid_or_a_name() {
        let chat = RecordType::from_name("chat");
        assert_eq!("chat".parse(), Ok(chat));
        assert_eq!(chat.to_string().parse(), Ok(chat));
        assert_eq!(
            chat.as_bytes()[6] >> 4,
            5,
            "a readable name maps to a UUIDv5"
        );
        assert!("".parse::<RecordType>().is_err());
        assert!("x".repeat(256).parse::<RecordType>().is_err());
    }

    #[test]
    fn replicas_differ_by_identity_and_by_group() {
        let key = |byte| IdentityKey::from_bytes([byte; 32]);
        let (chess, go) = (GroupId::of_name("0.chess"), GroupId::of_name("0.go"));
        assert_ne!(
            ReplicaId::of(&key(1), &chess),
            ReplicaId::of(&key(2), &chess)
        );
        assert_ne!(ReplicaId::of(&key(1), &chess), ReplicaId::of(&key(1), &go));
    }

    #[test]
    fn binary_serde_is_raw_bytes() {
        let id = RecordId::from_bytes([3; 16]);
        let bytes = serde_cbor::to_vec(&id).unwrap();
        assert_eq!(bytes.len(), 17);
        assert_eq!(serde_cbor::from_slice::<RecordId>(&bytes).unwrap(), id);
        assert!(serde_cbor::from_slice::<GroupId>(&bytes).is_err());
    }
}
