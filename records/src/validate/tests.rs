use super::*;
use crate::{
    record::{Attribute, AttributeValue},
    testing::{LATER, NOW, create, everyone, group, member, sign},
};

fn check(record: Record) -> Result<ValidRecord, Rejection> {
    check_at(record, NOW)
}

/// Signs as whoever touched the record, so that only what a test is about is wrong.
fn check_at(record: Record, now: Timestamp) -> Result<ValidRecord, Rejection> {
    let by = if record.toucher() == member(2) { 2 } else { 1 };
    validate(sign(record, by), &group(), &everyone, now)
}

fn blamed(record: Record) -> Rejection {
    let rejection = check(record).expect_err("this record is not valid");
    assert_eq!(rejection.fault(), Fault::Sender, "{rejection}");
    rejection
}

#[test]
fn honest_records_are_valid() {
    let record = create(1);
    check(record.clone()).unwrap();
    let update = record.update(Default::default(), member(2), NOW).unwrap();
    check(update.clone()).unwrap();
    check(update.delete(member(1), NOW).unwrap()).unwrap();
    for kind in [
        RecordType::MEMBERSHIP,
        RecordType::PRESENCE,
        RecordType::REVOCATION,
    ] {
        check(Record::create_reserved(kind, group(), member(1), LATER, vec![], NOW).unwrap())
            .unwrap();
    }
}

#[test]
fn records_of_another_group_are_rejected() {
    let other = GroupId::of_name("0.go");
    let record = Record {
        group: other,
        ..create(1)
    };
    assert_eq!(blamed(record), Rejection::OtherGroup(other));
}

#[test]
fn an_id_of_somebody_else_is_rejected() {
    let record = Record {
        id: create(2).id,
        ..create(1)
    };
    assert_eq!(blamed(record), Rejection::ForeignId);
}

#[test]
fn a_second_properties_record_is_rejected() {
    let kind = RecordType::PROPERTIES;
    let first = Record::create_reserved(kind, group(), member(1), LATER, vec![], NOW).unwrap();
    let second = Record {
        id: RecordId::new(&member(1), [9; 8]),
        ..first
    };
    assert_eq!(blamed(second), Rejection::ForeignId);
}

#[test]
fn bad_attributes_and_sizes_are_rejected() {
    let attribute = |name: &str| Attribute {
        name: name.to_owned(),
        value: AttributeValue::Integer(1),
    };
    for name in ["", "a_b", "peerrecordid"] {
        let record = Record {
            attributes: vec![attribute(name)],
            ..create(1)
        };
        assert!(matches!(blamed(record), Rejection::Attributes(_)));
    }
    let large = Record {
        payload: vec![0; MAX_INLINE_BYTES + 1],
        attributes: vec![],
        ..create(1)
    };
    assert_eq!(blamed(large), Rejection::TooLarge);
}

#[test]
fn contradictions_are_rejected() {
    let first = create(1);
    let second = first.update(Default::default(), member(1), NOW).unwrap();
    let tombstone = second.delete(member(1), NOW).unwrap();
    let second_ago = NOW - Duration::from_secs(1);
    for contradiction in [
        Record {
            version: 0,
            ..first.clone()
        },
        Record {
            version: 2,
            ..first.clone()
        },
        Record {
            version: 1,
            ..second.clone()
        },
        Record {
            modified: second_ago,
            ..second.clone()
        },
        Record {
            created: second_ago,
            ..first.clone()
        },
        Record {
            created: LATER,
            modified: LATER,
            ..first.clone()
        },
        Record {
            expires: MAX_EXPIRY + Duration::from_secs(1),
            ..first.clone()
        },
        Record {
            payload: vec![1],
            ..tombstone.clone()
        },
        Record {
            attributes: first.attributes.clone(),
            ..tombstone
        },
        Record {
            deleted: true,
            attributes: vec![],
            payload: vec![],
            ..first
        },
    ] {
        assert!(matches!(blamed(contradiction), Rejection::Inconsistent(_)));
    }
}

#[test]
fn expired_records_are_ignored_without_blame() {
    let millisecond = Duration::from_millis(1);
    check_at(create(1), LATER - millisecond).unwrap();
    let rejection = check_at(create(1), LATER).unwrap_err();
    assert_eq!(rejection, Rejection::Expired(Duration::ZERO));
    assert_eq!(rejection.fault(), Fault::None);
}

#[test]
fn ten_minutes_ahead_is_tolerated_and_more_is_ignored() {
    check_at(create(1), NOW - CLOCK_TOLERANCE).unwrap();
    let early = NOW - CLOCK_TOLERANCE - Duration::from_millis(1);
    let rejection = check_at(create(1), early).unwrap_err();
    assert!(matches!(rejection, Rejection::FromTheFuture(_)));
    assert_eq!(rejection.fault(), Fault::None);
}

#[test]
fn the_judge_decides_before_the_signature_is_looked_at() {
    let stranger =
        |signed: &SignedRecord, _| Err(Refusal::UnknownMember(signed.record().toucher()));
    let rejection = validate(sign(create(1), 2), &group(), &stranger, NOW).unwrap_err();
    assert_eq!(rejection.fault(), Fault::Defer(member(1)));
    let removed = |_: &SignedRecord, _| Err(Refusal::Revoked);
    let rejection = validate(sign(create(1), 1), &group(), &removed, NOW).unwrap_err();
    assert_eq!(rejection.fault(), Fault::None);
    let liar = |_: &SignedRecord, _| Err(Refusal::BadMembership("broken chain".to_owned()));
    let rejection = validate(sign(create(1), 1), &group(), &liar, NOW).unwrap_err();
    assert_eq!(rejection.fault(), Fault::Sender);
}

#[test]
fn a_wrong_signature_is_rejected() {
    let rejection = validate(sign(create(1), 2), &group(), &everyone, NOW).unwrap_err();
    assert!(matches!(rejection, Rejection::Signature(_)));
    assert_eq!(rejection.fault(), Fault::Sender);
}

/// Each field in turn is changed under an old signature.
#[test]
fn changing_any_signed_field_makes_the_record_invalid() {
    let honest = create(1)
        .update(Default::default(), member(2), NOW)
        .unwrap();
    let signature = *sign(honest.clone(), 2).signature();
    let later = LATER + Duration::from_secs(1);
    let mut named = honest.attributes.clone();
    named[0].name.push('x');
    for tampered in [
        Record {
            group: GroupId::of_name("0.go"),
            ..honest.clone()
        },
        Record {
            id: RecordId::new(&member(1), [8; 8]),
            ..honest.clone()
        },
        Record {
            kind: RecordType::from_name("mail"),
            ..honest.clone()
        },
        Record {
            version: 3,
            ..honest.clone()
        },
        Record {
            creator: member(2),
            ..honest.clone()
        },
        Record {
            modifier: Some(member(1)),
            ..honest.clone()
        },
        Record {
            created: NOW - Duration::from_secs(1),
            ..honest.clone()
        },
        Record {
            modified: NOW + Duration::from_secs(1),
            ..honest.clone()
        },
        Record {
            expires: later,
            ..honest.clone()
        },
        Record {
            deleted: true,
            attributes: vec![],
            payload: vec![],
            ..honest.clone()
        },
        Record {
            attributes: named,
            ..honest.clone()
        },
        Record {
            payload: b"1. e4 c5".to_vec(),
            ..honest.clone()
        },
    ] {
        let forged = SignedRecord::sign(tampered, |_| signature);
        let rejection = validate(forged, &group(), &everyone, NOW).unwrap_err();
        assert_eq!(rejection.fault(), Fault::Sender);
    }
}
