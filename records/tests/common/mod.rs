//! What the tests of stores share: a few members, a group, and valid records of every kind.
#![allow(dead_code, reason = "every test program uses its own part of this")]

pub(crate) mod ops;

use std::time::Duration;

use ed25519_dalek::{Signer, SigningKey};
use peerage_records::{
    codec::SignedRecord,
    id::{GroupId, IdentityKey, RecordType, ReplicaId},
    judge::Refusal,
    record::{Record, RecordDraft},
    store::{Origin, Put},
    time::Timestamp,
    validate::{ValidRecord, validate},
};

pub(crate) const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);
pub(crate) const DAY: Duration = Duration::from_secs(86_400);

pub(crate) fn key(member: u8) -> SigningKey {
    SigningKey::from_bytes(&[member; 32])
}

pub(crate) fn member(member: u8) -> IdentityKey {
    IdentityKey::from_bytes(key(member).verifying_key().to_bytes())
}

pub(crate) fn group() -> GroupId {
    GroupId::of_name("0.chess")
}

pub(crate) fn replica(member_number: u8) -> ReplicaId {
    ReplicaId::of(&member(member_number), &group())
}

pub(crate) fn chat() -> RecordType {
    RecordType::from_name("chat")
}

pub(crate) fn draft(payload: &[u8]) -> RecordDraft {
    RecordDraft {
        kind: chat(),
        expires: NOW + DAY,
        attributes: vec![],
        payload: payload.to_vec(),
    }
}

/// A record of member 1.
pub(crate) fn create(entropy: u64, draft: RecordDraft) -> Record {
    Record::create(draft, group(), member(1), entropy.to_be_bytes(), NOW).unwrap()
}

fn everyone(_: &SignedRecord, _: Timestamp) -> Result<(), Refusal> {
    Ok(())
}

/// Signs as member 1 or 2, whoever touched the record, and validates.
pub(crate) fn valid(record: Record) -> ValidRecord {
    let by = if record.toucher() == member(2) { 2 } else { 1 };
    let now = record.modified;
    let signed = SignedRecord::sign(record, |message| key(by).sign(message).to_bytes());
    validate(signed, &group(), &everyone, now).unwrap()
}

pub(crate) fn put(record: Record) -> Put {
    put_valid(&valid(record))
}

pub(crate) fn put_valid(record: &ValidRecord) -> Put {
    Put {
        replica: replica(1),
        record: record.clone(),
        origin: Origin::Remote,
    }
}
