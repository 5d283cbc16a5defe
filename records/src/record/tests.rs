use std::time::Duration;

use super::*;
use crate::testing::{LATER, NOW, attribute, chat, create, draft, group, member};

fn create_from(draft: RecordDraft) -> Result<Record, DraftError> {
    Record::create(draft, group(), member(1), [1; 8], NOW)
}

#[test]
fn a_new_record_has_a_fresh_id_version_one_and_the_present_time() {
    let (one, two) = (
        create(1),
        Record::create(draft(), group(), member(1), [2; 8], NOW).unwrap(),
    );
    assert_ne!(one.id, two.id);
    assert!(one.id.fits(&member(1)));
    assert_eq!((one.version, one.created, one.modified), (1, NOW, NOW));
    assert_eq!((one.creator, one.modifier), (member(1), None));
    assert_eq!(one.toucher(), member(1));
}

#[test]
fn content_may_be_empty() {
    let empty = RecordDraft {
        attributes: vec![],
        payload: vec![],
        ..draft()
    };
    assert!(create_from(empty).is_ok());
}

#[test]
fn the_application_cannot_touch_reserved_types() {
    for kind in [
        RecordType::GRAPH_INFO,
        RecordType::SIGNATURE,
        RecordType::CONTACT,
        RecordType::PRESENCE,
        RecordType::MEMBERSHIP,
        RecordType::PROPERTIES,
    ] {
        let refused = DraftError::ReservedType(kind);
        assert_eq!(
            create_from(RecordDraft { kind, ..draft() }),
            Err(refused.clone())
        );
        let own = Record::create_reserved(kind, group(), member(1), LATER, vec![], NOW).unwrap();
        let update = own.update(RecordUpdate::default(), member(1), NOW);
        assert_eq!(update, Err(refused.clone()));
        assert_eq!(own.delete(member(1), NOW), Err(refused));
    }
}

#[test]
fn a_member_has_one_record_of_a_reserved_type() {
    let make = |by, kind| {
        Record::create_reserved(kind, group(), member(by), LATER, vec![], NOW)
            .unwrap()
            .id
    };
    assert_eq!(
        make(1, RecordType::MEMBERSHIP),
        make(1, RecordType::MEMBERSHIP)
    );
    assert_ne!(
        make(1, RecordType::MEMBERSHIP),
        make(1, RecordType::PROPERTIES)
    );
    assert_ne!(
        make(1, RecordType::MEMBERSHIP),
        make(2, RecordType::MEMBERSHIP)
    );
    let chat = Record::create_reserved(chat(), group(), member(1), LATER, vec![], NOW);
    assert!(matches!(chat, Err(DraftError::NotReserved(_))));
    let first = Record::create_reserved(
        RecordType::MEMBERSHIP,
        group(),
        member(1),
        LATER,
        vec![],
        NOW,
    );
    let renewed = first.unwrap().update_reserved(LATER, vec![1], NOW).unwrap();
    assert_eq!((renewed.version, renewed.modifier), (2, Some(member(1))));
}

#[test]
fn an_expiry_at_or_before_the_present_is_refused() {
    for expires in [NOW, NOW - Duration::from_millis(1), Timestamp::default()] {
        let refused = create_from(RecordDraft { expires, ..draft() });
        assert_eq!(
            refused,
            Err(DraftError::ExpiresTooEarly { expires, now: NOW })
        );
    }
    let soon = NOW + Duration::from_millis(1);
    assert!(
        create_from(RecordDraft {
            expires: soon,
            ..draft()
        })
        .is_ok()
    );
    let never = MAX_EXPIRY + Duration::from_millis(1);
    let refused = create_from(RecordDraft {
        expires: never,
        ..draft()
    });
    assert_eq!(refused, Err(DraftError::ExpiresTooLate(never)));
}

#[test]
fn size_is_bounded_exactly() {
    let sized = |payload: usize| {
        let attributes = vec![attribute("n", AttributeValue::Integer(1))];
        create_from(RecordDraft {
            attributes,
            payload: vec![0; payload],
            ..draft()
        })
    };
    assert!(sized(MAX_INLINE_BYTES - 9).is_ok());
    let bytes = MAX_INLINE_BYTES + 1;
    assert_eq!(
        sized(MAX_INLINE_BYTES - 8),
        Err(DraftError::TooLarge { bytes })
    );
}

#[test]
fn attribute_names_are_checked_and_may_repeat() {
    let named = |name: &str| {
        let value = AttributeValue::Integer(1);
        create_from(RecordDraft {
            attributes: vec![attribute(name, value); 2],
            ..draft()
        })
    };
    assert!(named(&"a".repeat(40)).is_ok());
    for bad in [&"a".repeat(41), "a-b", "a_b", "", "ä", "a b"] {
        let refused = AttributeError::BadName(bad.to_owned());
        assert_eq!(named(bad), Err(DraftError::Attributes(refused)));
    }
    let too_many = vec![attribute("a", AttributeValue::Integer(1)); MAX_ATTRIBUTES + 1];
    assert!(
        create_from(RecordDraft {
            attributes: too_many,
            ..draft()
        })
        .is_err()
    );
}

#[test]
fn reserved_attribute_names_are_refused_in_any_case() {
    for name in RESERVED_ATTRIBUTE_NAMES
        .into_iter()
        .chain(["PeerCreatorId"])
    {
        let attributes = vec![attribute(name, AttributeValue::Integer(1))];
        let refused = create_from(RecordDraft {
            attributes,
            ..draft()
        });
        assert!(matches!(
            refused,
            Err(DraftError::Attributes(AttributeError::ReservedName(_)))
        ));
    }
}

#[test]
fn update_raises_the_version_by_one_and_keeps_what_is_fixed() {
    let old = create(1);
    let change = RecordUpdate {
        payload: Some(b"1. d4".to_vec()),
        ..RecordUpdate::default()
    };
    let then = NOW + Duration::from_secs(5);
    let new = old.update(change, member(2), then).unwrap();
    assert_eq!(new.version, old.version + 1);
    assert_eq!(
        (new.modifier, new.modified, new.toucher()),
        (Some(member(2)), then, member(2))
    );
    assert_eq!(
        (new.id, new.kind, new.creator, new.created),
        (old.id, old.kind, old.creator, old.created)
    );
    assert_eq!(
        (new.expires, &new.attributes),
        (old.expires, &old.attributes)
    );
    assert_eq!(new.payload, b"1. d4");
}

#[test]
fn update_cannot_lower_the_expiry() {
    let old = create(1);
    let until = |expires| {
        let change = RecordUpdate {
            expires: Some(expires),
            ..RecordUpdate::default()
        };
        old.update(change, member(1), NOW)
    };
    let wanted = LATER - Duration::from_millis(1);
    assert_eq!(
        until(wanted),
        Err(DraftError::ExpiryLowered {
            held: LATER,
            wanted
        })
    );
    assert!(until(LATER).is_ok());
    assert!(until(LATER + Duration::from_millis(1)).is_ok());
}

#[test]
fn what_is_deleted_or_expired_is_not_found() {
    let record = create(1);
    let gone = record.delete(member(1), NOW).unwrap();
    for (record, now) in [(&gone, NOW), (&record, LATER)] {
        let update = record.update(RecordUpdate::default(), member(1), now);
        assert_eq!(update, Err(DraftError::NotFound));
        assert_eq!(record.delete(member(1), now), Err(DraftError::NotFound));
    }
}

#[test]
fn a_tombstone_has_no_content_and_the_same_expiry() {
    let record = create(1);
    let gone = record.delete(member(2), NOW).unwrap();
    assert!(gone.deleted && gone.attributes.is_empty() && gone.payload.is_empty());
    assert_eq!(
        (gone.expires, gone.version, gone.kind),
        (record.expires, 2, record.kind)
    );
}

#[test]
fn an_update_on_a_slow_clock_is_not_before_the_creation() {
    let then = NOW - Duration::from_secs(60);
    let new = create(1)
        .update(RecordUpdate::default(), member(2), then)
        .unwrap();
    assert_eq!(new.modified, NOW);
}

#[test]
fn versions_run_out_instead_of_wrapping() {
    let last = Record {
        version: u32::MAX,
        ..create(1)
    };
    let update = last.update(RecordUpdate::default(), member(1), NOW);
    assert_eq!(update, Err(DraftError::VersionsExhausted));
}
