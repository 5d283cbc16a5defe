use std::{fs, path::Path};

use proptest::prelude::*;

use super::*;
use crate::testing::{any_record, create, group, key, member, sign};

/// The pinned bytes of a record with one attribute of each type, of its update and of its tombstone.
/// `UPDATE_GOLDEN=1` writes them anew, which is a new format version.
#[test]
fn envelopes_are_the_pinned_bytes() {
    let record = create(1);
    let change = crate::record::RecordUpdate {
        payload: Some(b"1. d4 d5".to_vec()),
        ..Default::default()
    };
    let update = record.update(change, member(2), record.modified).unwrap();
    let tombstone = update.delete(member(1), record.modified).unwrap();
    for (name, record, by) in [
        ("record", record, 1),
        ("update", update, 2),
        ("tombstone", tombstone, 1),
    ] {
        let signed = sign(record, by);
        let path = Path::new(&std::env::var("CARGO_MANIFEST_DIR").unwrap())
            .join("tests/golden")
            .join(format!("{name}-v1.cbor"));
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            fs::write(&path, &signed.bytes()[..]).unwrap();
        }
        let golden = fs::read(&path).unwrap();
        assert_eq!(golden, &signed.bytes()[..], "{name}");
        let decoded = SignedRecord::decode(&golden).unwrap();
        assert_eq!(decoded.record(), signed.record());
        decoded.verify_signature().unwrap();
    }
}

#[test]
fn only_the_toucher_can_sign() {
    sign(create(1), 1).verify_signature().unwrap();
    let wrong = sign(create(1), 2).verify_signature();
    assert_eq!(wrong, Err(SignatureError::Wrong(member(1))));
    let update = create(1)
        .update(Default::default(), member(2), create(1).created)
        .unwrap();
    sign(update.clone(), 2).verify_signature().unwrap();
    assert!(sign(update, 1).verify_signature().is_err());
}

#[test]
fn weak_and_impossible_keys_are_refused() {
    // The neutral element: anybody can make signatures for it.
    let mut weak = [0; 32];
    weak[0] = 1;
    let mut no_point = [0; 32];
    no_point[0] = 2;
    for bytes in [weak, no_point] {
        let creator = IdentityKey::from_bytes(bytes);
        let record = Record {
            creator,
            ..create(1)
        };
        let mut forged = [0; 64];
        forged[0] = 1;
        let signed = SignedRecord::sign(record, |_| forged);
        assert_eq!(
            signed.verify_signature(),
            Err(SignatureError::BadKey(creator))
        );
    }
}

#[test]
fn a_signature_for_another_purpose_is_not_one_for_a_record() {
    use ed25519_dalek::Signer;
    let signed = SignedRecord::sign(create(1), |message| {
        key(1).sign(&message[SIGNATURE_DOMAIN.len()..]).to_bytes()
    });
    assert!(signed.verify_signature().is_err());
}

#[test]
fn unknown_versions_and_sizes_are_named() {
    let mut bytes = sign(create(1), 1).bytes().to_vec();
    bytes[1] = 2;
    assert!(matches!(
        SignedRecord::decode(&bytes),
        Err(DecodeError::UnknownVersion(2))
    ));
    let large = vec![0; MAX_ENVELOPE_BYTES + 1];
    assert!(matches!(
        SignedRecord::decode(&large),
        Err(DecodeError::TooLarge(_))
    ));
}

#[test]
fn other_encodings_of_the_same_record_are_refused() {
    let record = create(1);
    let signed = sign(record.clone(), 1);
    let body = encode_body(&record);
    let signature = *signed.signature();

    // One more byte at the end of each layer.
    let mut longer = signed.bytes().to_vec();
    longer.push(0);
    assert!(SignedRecord::decode(&longer).is_err());
    let mut longer = body.clone();
    longer.push(0);
    assert!(SignedRecord::decode(&encode_envelope(&longer, &signature)).is_err());

    // A head longer than needed: the version number 1 as 0x1801, in a body and in an envelope.
    let at = body
        .iter()
        .position(|byte| *byte == 1)
        .expect("the version is there");
    let at = (at..body.len())
        .find(|at| body[*at] == 1 && body[*at + 1] == 0x58)
        .expect("the version stands before the creator's byte string");
    let mut padded = body.clone();
    padded.splice(at..=at, [0x18, 0x01]);
    let refused = SignedRecord::decode(&encode_envelope(&padded, &signature));
    assert!(matches!(refused, Err(DecodeError::NotCanonical)));
    let mut padded = signed.bytes().to_vec();
    padded.splice(1..=1, [0x18, 0x01]);
    assert!(SignedRecord::decode(&padded).is_err());

    // An array of unknown length, closed by a break.
    let mut open_ended = body.clone();
    open_ended[0] = 0x9f;
    open_ended.push(0xff);
    let refused = SignedRecord::decode(&encode_envelope(&open_ended, &signature));
    assert!(matches!(refused, Err(DecodeError::NotCanonical)));

    // A tag in front, which decoders skip.
    let mut tagged = vec![0xc1];
    tagged.extend_from_slice(&body);
    let refused = SignedRecord::decode(&encode_envelope(&tagged, &signature));
    assert!(matches!(refused, Err(DecodeError::NotCanonical)));
}

#[test]
fn deep_nesting_and_giant_lengths_are_refused() {
    for byte in [0x81, 0x9f, 0xc1, 0xa1, 0x5f] {
        assert!(SignedRecord::decode(&vec![byte; MAX_ENVELOPE_BYTES]).is_err());
    }
    // A byte string, a text and an array that claim 2^63 elements.
    for head in [0x5b, 0x7b, 0x9b] {
        let mut bytes = vec![0x83, 0x01, head];
        bytes.extend_from_slice(&[0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]);
        assert!(SignedRecord::decode(&bytes).is_err());
        assert!(SignedRecord::decode(&encode_envelope(&bytes[2..], &[0; 64])).is_err());
    }
}

#[test]
fn debug_shows_no_content() {
    let (signed, draft) = (sign(create(1), 1), crate::testing::draft());
    let text = format!("{signed:?} {:?} {draft:?}", signed.record());
    assert!(text.contains("opening"), "names are shown: {text}");
    for content in ["Lopez", "-42", "1. e4", "49, 46, 32"] {
        assert!(!text.contains(content), "{content} in {text}");
    }
}

proptest! {
    #[test]
    fn every_record_survives_its_encoding(record in any_record()) {
        let signed = SignedRecord::sign(record.clone(), |_| [7; 64]);
        let decoded = SignedRecord::decode(signed.bytes()).unwrap();
        prop_assert_eq!(decoded.record(), &record);
        prop_assert_eq!(decoded.bytes(), signed.bytes());
        prop_assert_eq!(decoded.hash(), signed.hash());
        prop_assert_eq!(decoded.signature(), &[7; 64]);
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let _ = SignedRecord::decode(&bytes);
        let _ = SignedRecord::decode(&encode_envelope(&bytes, &[0; 64]));
    }

    /// Every byte of an envelope is either signed, or the signature, or has only one legal value.
    #[test]
    fn any_flipped_bit_is_noticed(position in any::<prop::sample::Index>(), bit in 0..8_u8) {
        let signed = sign(create(1), 1);
        let mut bytes = signed.bytes().to_vec();
        let at = position.index(bytes.len());
        bytes[at] ^= 1 << bit;
        if let Ok(decoded) = SignedRecord::decode(&bytes) {
            prop_assert!(decoded.verify_signature().is_err());
            prop_assert_ne!(decoded.hash(), signed.hash());
        }
    }

    #[test]
    fn what_decodes_is_canonical(mut bytes in any_record().prop_map(|record| {
        SignedRecord::sign(record, |_| [7; 64]).bytes().to_vec()
    }), position in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let at = position.index(bytes.len());
        bytes[at] = byte;
        if let Ok(decoded) = SignedRecord::decode(&bytes) {
            let again = SignedRecord::sign(decoded.record().clone(), |_| *decoded.signature());
            prop_assert_eq!(&again.bytes()[..], &bytes[..]);
        }
    }
}

#[test]
fn the_largest_record_fits_its_envelope() {
    use crate::record::{AttributeValue, MAX_ATTRIBUTES, MAX_INLINE_BYTES};
    let text = "x".repeat(MAX_INLINE_BYTES / MAX_ATTRIBUTES - 40);
    let attributes = vec![
        Attribute {
            name: "a".repeat(40),
            value: AttributeValue::String(text)
        };
        MAX_ATTRIBUTES
    ];
    let record = Record {
        group: group(),
        attributes,
        payload: vec![],
        ..create(1)
    };
    assert_eq!(
        crate::record::counted_bytes(&record.attributes, &[]),
        MAX_INLINE_BYTES
    );
    let signed = sign(record, 1);
    assert!(signed.bytes().len() <= MAX_ENVELOPE_BYTES);
    SignedRecord::decode(signed.bytes()).unwrap();
}
