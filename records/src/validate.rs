//! From a record that anybody may have sent to one that is believed, cheapest check first.
//!
//! ```text
//! bytes ──decode──► SignedRecord ──validate──► ValidRecord ──► Store::put
//!                                   │ group, id, attributes, limits, consistency
//!                                   │ expired, from the future
//!                                   │ judge: may this member do this
//!                                   ▼ signature
//!                               Rejection ──fault──► ignore, wait for a member, or blame the sender
//! ```

use std::{cmp::Ordering, time::Duration};

use crate::{
    codec::{MAX_ENVELOPE_BYTES, SignatureError, SignedRecord},
    id::{GroupId, IdentityKey, RecordId, RecordType},
    judge::{Judge, Refusal},
    record::{self, AttributeError, MAX_EXPIRY, MAX_INLINE_BYTES, Record},
    time::{CLOCK_TOLERANCE, Timestamp},
};

/// A record that passed every check. Only [`validate`] and [`sign_and_validate`] make one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ValidRecord(SignedRecord);

impl ValidRecord {
    /// The record with its envelope.
    #[must_use]
    pub fn signed(&self) -> &SignedRecord {
        &self.0
    }

    /// What it says.
    #[must_use]
    pub fn record(&self) -> &Record {
        self.0.record()
    }
}

/// Which check a record failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Rejection {
    /// It belongs to another group.
    #[error("the record belongs to group {}", .0.short())]
    OtherGroup(GroupId),
    /// Its id cannot be one of its creator's, or not the one for its reserved type.
    #[error("the record id does not fit its creator and type")]
    ForeignId,
    /// It is larger than a record may be.
    #[error("the record is too large")]
    TooLarge,
    /// Its attributes are not acceptable.
    #[error(transparent)]
    Attributes(#[from] AttributeError),
    /// Its fields contradict one another.
    #[error("the record contradicts itself: {0}")]
    Inconsistent(&'static str),
    /// It has ceased to exist.
    #[error("the record expired {} s ago", .0.as_secs())]
    Expired(Duration),
    /// It was changed later than any honest clock can say.
    #[error("the record is {} s ahead of the group's time", .0.as_secs())]
    FromTheFuture(Duration),
    /// The member may not have done this.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The signature is not that of the member.
    #[error(transparent)]
    Signature(#[from] SignatureError),
}

/// Whose fault a rejection is, and so what to do about it.
///
/// Exhaustive on purpose: whoever acts on a rejection must act on each of the three.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Perhaps nobody's: clocks differ, and news of members travels no faster than records. Ignore it.
    None,
    /// We lack this member's credential: keep the record aside and ask again when it is here.
    Defer(IdentityKey),
    /// No honest peer forwards this: whoever sent it did not check it. Reject it.
    Sender,
}

impl Rejection {
    /// Whose fault this is.
    #[must_use]
    pub fn fault(&self) -> Fault {
        match self {
            Self::Expired(_) | Self::FromTheFuture(_) => Fault::None,
            Self::OtherGroup(_)
            | Self::ForeignId
            | Self::TooLarge
            | Self::Attributes(_)
            | Self::Inconsistent(_)
            | Self::Signature(_) => Fault::Sender,
            Self::Refused(refusal) => match refusal {
                Refusal::UnknownMember(member) => Fault::Defer(*member),
                // These depend on which credentials and revocations have reached whom.
                Refusal::NotAuthorised
                | Refusal::OutsideMembership
                | Refusal::Revoked
                | Refusal::TooMany => Fault::None,
                Refusal::BadMembership(_) | Refusal::Malformed(_) => Fault::Sender,
            },
        }
    }
}

/// Checks everything there is to check about a record, its own included.
///
/// # Errors
/// Names the first check that failed.
pub fn validate(
    signed: SignedRecord,
    group: &GroupId,
    judge: &dyn Judge,
    now: Timestamp,
) -> Result<ValidRecord, Rejection> {
    check_all_but_signature(&signed, group, judge, now)?;
    signed.verify_signature()?;
    Ok(ValidRecord(signed))
}

/// Signs a record of our own and checks it as everybody else will, except for the signature itself: it
/// was made here, from these very bytes, and to verify it costs twice what making it does. Builds with
/// debug assertions, our tests among them, do so all the same.
///
/// # Errors
/// Names the first check that failed.
pub fn sign_and_validate(
    record: Record,
    sign: impl FnOnce(&[u8]) -> [u8; 64],
    group: &GroupId,
    judge: &dyn Judge,
    now: Timestamp,
) -> Result<ValidRecord, Rejection> {
    let signed = SignedRecord::sign(record, sign);
    check_all_but_signature(&signed, group, judge, now)?;
    debug_assert_eq!(signed.verify_signature(), Ok(()), "signed with another key");
    Ok(ValidRecord(signed))
}

fn check_all_but_signature(
    signed: &SignedRecord,
    group: &GroupId,
    judge: &dyn Judge,
    now: Timestamp,
) -> Result<(), Rejection> {
    let record = signed.record();
    if record.group != *group {
        return Err(Rejection::OtherGroup(record.group));
    }
    check_id(record)?;
    if signed.bytes().len() > MAX_ENVELOPE_BYTES {
        return Err(Rejection::TooLarge);
    }
    check_content(record)?;
    check_consistency(record)?;
    check_time(record, now)?;
    judge.judge(signed, now)?;
    Ok(())
}

fn check_id(record: &Record) -> Result<(), Rejection> {
    let Record {
        id, kind, creator, ..
    } = record;
    // Of which reserved types a signer has one record about whom is for the judge to say.
    let fits = if [RecordType::PROPERTIES, RecordType::DOOR].contains(kind) {
        *id == RecordId::reserved(creator, *kind)
    } else {
        id.fits(creator)
    };
    if fits {
        Ok(())
    } else {
        Err(Rejection::ForeignId)
    }
}

fn check_content(record: &Record) -> Result<(), Rejection> {
    record::check_attributes(&record.attributes)?;
    if record::counted_bytes(&record.attributes, &record.payload) > MAX_INLINE_BYTES {
        return Err(Rejection::TooLarge);
    }
    Ok(())
}

fn check_consistency(record: &Record) -> Result<(), Rejection> {
    let contradiction = if record.version == 0 {
        "there is no version 0"
    } else if (record.version == 1) != record.modifier.is_none() {
        "only the first version has no modifier"
    } else if record.modified < record.created {
        "modified before it was created"
    } else if record.version == 1 && record.modified != record.created {
        "modified without a new version"
    } else if record.expires <= record.modified {
        "expired before it was modified"
    } else if record.expires > MAX_EXPIRY {
        "expires beyond the year 9999"
    } else if record.deleted && !(record.attributes.is_empty() && record.payload.is_empty()) {
        "a tombstone with content"
    } else if record.deleted && record.version == 1 {
        "deleted before it was created"
    } else {
        return Ok(());
    };
    Err(Rejection::Inconsistent(contradiction))
}

fn check_time(record: &Record, now: Timestamp) -> Result<(), Rejection> {
    if record.is_expired(now) {
        return Err(Rejection::Expired(now.since(record.expires)));
    }
    match record.modified.cmp(&(now + CLOCK_TOLERANCE)) {
        Ordering::Less | Ordering::Equal => Ok(()),
        Ordering::Greater => Err(Rejection::FromTheFuture(record.modified.since(now))),
    }
}

#[cfg(test)]
mod tests;
