//! What the unit tests of this crate share: a few members, a group, and records of every shape.

use ed25519_dalek::{Signer, SigningKey};
use proptest::{collection::vec, option, prelude::*};

use crate::{
    codec::SignedRecord,
    id::{GroupId, IdentityKey, RecordId, RecordType},
    judge::Refusal,
    record::{Attribute, AttributeValue, Record, RecordDraft},
    time::Timestamp,
};

pub(crate) const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);
pub(crate) const LATER: Timestamp = Timestamp::from_secs(1_800_086_400);

pub(crate) fn key(member: u8) -> SigningKey {
    SigningKey::from_bytes(&[member; 32])
}

pub(crate) fn member(member: u8) -> IdentityKey {
    IdentityKey::from_bytes(key(member).verifying_key().to_bytes())
}

pub(crate) fn group() -> GroupId {
    GroupId::of_name("0.chess")
}

pub(crate) fn chat() -> RecordType {
    RecordType::from_name("chat")
}

pub(crate) fn draft() -> RecordDraft {
    RecordDraft {
        kind: chat(),
        expires: LATER,
        attributes: vec![
            attribute("opening", AttributeValue::String("Ruy Lopez".to_owned())),
            attribute("moves", AttributeValue::Integer(-42)),
            attribute("played", AttributeValue::Date(NOW)),
        ],
        payload: b"1. e4 e5".to_vec(),
    }
}

pub(crate) fn attribute(name: &str, value: AttributeValue) -> Attribute {
    Attribute {
        name: name.to_owned(),
        value,
    }
}

pub(crate) fn create(by: u8) -> Record {
    Record::create(draft(), group(), member(by), [by; 8], NOW).unwrap()
}

/// Signs as `by`, whoever the record says touched it.
pub(crate) fn sign(record: Record, by: u8) -> SignedRecord {
    SignedRecord::sign(record, |message| key(by).sign(message).to_bytes())
}

/// Believes everybody.
pub(crate) fn everyone(_: &SignedRecord, _: Timestamp) -> Result<(), Refusal> {
    Ok(())
}

pub(crate) fn any_value() -> impl Strategy<Value = AttributeValue> {
    prop_oneof![
        ".{0,40}".prop_map(AttributeValue::String),
        any::<i64>().prop_map(AttributeValue::Integer),
        any::<u64>().prop_map(|millis| AttributeValue::Date(Timestamp::from_millis(millis))),
    ]
}

/// Any record the codec can carry, sensible or not.
pub(crate) fn any_record() -> impl Strategy<Value = Record> {
    let attribute =
        ("[A-Za-z0-9]{1,40}", any_value()).prop_map(|(name, value)| Attribute { name, value });
    let ids = (any::<[u8; 32]>(), any::<[u8; 16]>(), any::<[u8; 16]>());
    let touched = (
        any::<u32>(),
        any::<[u8; 32]>(),
        option::of(any::<[u8; 32]>()),
    );
    let times = (any::<u64>(), any::<u64>(), any::<u64>());
    let content = (
        any::<bool>(),
        vec(attribute, 0..5),
        vec(any::<u8>(), 0..300),
    );
    (ids, touched, times, content).prop_map(
        |((group, id, kind), (version, creator, modifier), times, content)| Record {
            group: GroupId::from_bytes(group),
            id: RecordId::from_bytes(id),
            kind: RecordType::from_bytes(kind),
            version,
            creator: IdentityKey::from_bytes(creator),
            modifier: modifier.map(IdentityKey::from_bytes),
            created: Timestamp::from_millis(times.0),
            modified: Timestamp::from_millis(times.1),
            expires: Timestamp::from_millis(times.2),
            deleted: content.0,
            attributes: content.1,
            payload: content.2,
        },
    )
}
