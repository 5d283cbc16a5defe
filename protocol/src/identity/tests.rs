use der::{
    Encode,
    asn1::OctetString,
    pem::{LineEnding, PemLabel},
};
use ed25519_dalek::SigningKey;
use pkcs8::{
    EncryptedPrivateKeyInfoOwned,
    pkcs5::{pbes2::Parameters, scrypt},
};
use proptest::prelude::*;
use rand::SeedableRng;
use rand_chacha::ChaCha20Rng;

use super::*;
use crate::{certificate::CertificateError, text::TextError};

const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);

fn rng() -> ChaCha20Rng {
    ChaCha20Rng::seed_from_u64(7)
}

fn identity(classifier: &str, friendly_name: Option<&str>) -> Identity {
    Identity::generate(classifier, friendly_name, NOW, &mut rng()).unwrap()
}

#[test]
fn name_ends_in_the_classifier_and_begins_with_the_key() {
    let identity = identity("work", None);
    let name = identity.name().to_string();
    assert!(name.ends_with(".work"));
    let authority = name.strip_suffix(".work").unwrap();
    assert_eq!(authority.len(), 40);
    assert!(
        authority
            .bytes()
            .all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'))
    );
    assert_eq!(authority, identity.key().authority().to_string());
}

#[test]
fn friendly_name_defaults_to_the_peer_name_and_can_be_restored() {
    let mut identity = identity("work", None);
    assert_eq!(identity.friendly_name(), identity.name().to_string());
    let key = identity.key();
    identity
        .set_friendly_name(Some("Grace"), NOW, &mut rng())
        .unwrap();
    assert_eq!(identity.friendly_name(), "Grace");
    assert_eq!(identity.card().friendly_name(), "Grace");
    for default in [None, Some("")] {
        identity
            .set_friendly_name(Some("Grace"), NOW, &mut rng())
            .unwrap();
        identity
            .set_friendly_name(default, NOW, &mut rng())
            .unwrap();
        assert_eq!(identity.friendly_name(), identity.name().to_string());
    }
    assert_eq!(identity.key(), key);
}

#[test]
fn generated_keys_differ_where_names_may_be_equal() {
    let mut rng = rng();
    let mut make = || Identity::generate("x", Some("Sam"), NOW, &mut rng).unwrap();
    let (first, second) = (make(), make());
    assert_eq!(first.friendly_name(), second.friendly_name());
    assert_ne!(first.name().authority(), second.name().authority());
}

#[test]
fn same_key_gives_the_same_authority_whatever_the_classifier() {
    let make =
        |classifier| Identity::from_seed(&[7; 32], classifier, None, NOW, &mut rng()).unwrap();
    let (work, play) = (make("work"), make("play"));
    assert_ne!(work.name(), play.name());
    assert_eq!(work.name().authority(), play.name().authority());
    // The same key and classifier give the same name again, which is what a store refuses.
    assert_eq!(make("work").name(), work.name());
}

#[test]
fn names_are_bounded() {
    let make = |classifier: &str, friendly: &str| {
        Identity::generate(classifier, Some(friendly), NOW, &mut rng()).map(|_| ())
    };
    assert_eq!(make(&"c".repeat(149), &"f".repeat(255)), Ok(()));
    assert_eq!(make(&"漢".repeat(149), &"😀".repeat(255)), Ok(()));
    assert_eq!(
        make(&"c".repeat(150), ""),
        Err(NameError::ClassifierTooLong { units: 150 })
    );
    assert_eq!(
        make("", &"f".repeat(256)),
        Err(NameError::FriendlyNameTooLong { chars: 256 })
    );
    assert_eq!(make("a\tb", ""), Err(NameError::ControlCharacter));
}

#[test]
fn refused_friendly_name_leaves_the_old_one() {
    let mut identity = identity("x", Some("Ada"));
    assert!(
        identity
            .set_friendly_name(Some("a\u{7}"), NOW, &mut rng())
            .is_err()
    );
    assert_eq!(identity.friendly_name(), "Ada");
}

#[test]
fn card_round_trips_and_holds_nothing_secret() {
    let identity = identity("work", Some("Ada"));
    let card = identity.card();
    for text in [
        card.to_uri(),
        card.to_block(),
        format!("\n  {}\r\n", card.to_uri()),
    ] {
        let read: IdentityCard = text.parse().unwrap();
        assert_eq!(read, card);
        assert_eq!(read.key(), identity.key());
        assert_eq!(read.name(), identity.name());
        assert_eq!(read.friendly_name(), "Ada");
    }
    let seed = identity.signing_key().to_bytes();
    assert!(!card.certificate().windows(8).any(|part| part == &seed[..8]));
}

#[test]
fn any_altered_byte_of_a_card_is_noticed() {
    let card = identity("work", Some("Ada")).card();
    for index in 0..card.certificate().len() {
        for mask in [0x01, 0x80, 0xff] {
            let mut altered = card.certificate().to_vec();
            altered[index] ^= mask;
            assert!(IdentityCard::from_der(&altered).is_err(), "byte {index}");
        }
        assert!(IdentityCard::from_der(&card.certificate()[..index]).is_err());
    }
}

#[test]
fn other_texts_and_certificates_are_no_card() {
    assert!(matches!(
        "hello".parse::<IdentityCard>(),
        Err(IdentityError::Text(TextError::Unrecognised { .. }))
    ));
    let group = crate::group::GroupKey::create("g", None, NOW, &mut rng()).unwrap();
    assert!(matches!(
        IdentityCard::from_der(group.root().certificate()),
        Err(IdentityError::Certificate(
            CertificateError::WrongType { .. }
        ))
    ));
}

#[test]
fn export_and_import_reproduce_the_identity() {
    let identity = identity("work", Some("Ada"));
    for passphrase in [None, Some("correct horse")] {
        let text = identity.to_pem(passphrase, &mut rng()).unwrap();
        assert_eq!(text.contains("ENCRYPTED PRIVATE KEY"), passphrase.is_some());
        let read = Identity::from_pem(&text, passphrase).unwrap();
        assert_eq!(read.name(), identity.name());
        assert_eq!(read.key(), identity.key());
        assert_eq!(read.friendly_name(), "Ada");
        assert_eq!(read.sign(b"x"), identity.sign(b"x"));
    }
}

#[test]
fn passphrase_is_demanded_and_must_be_right() {
    let identity = identity("work", None);
    assert_eq!(
        identity.to_pem(Some(""), &mut rng()).unwrap_err(),
        IdentityError::EmptyPassphrase
    );
    let text = identity.to_pem(Some("right"), &mut rng()).unwrap();
    assert_eq!(
        Identity::from_pem(&text, None).unwrap_err(),
        IdentityError::PassphraseNeeded
    );
    assert_eq!(
        Identity::from_pem(&text, Some("wrong")).unwrap_err(),
        IdentityError::WrongPassphrase
    );
}

#[test]
fn modified_export_is_refused() {
    let identity = identity("work", None);
    let text = identity.to_pem(None, &mut rng()).unwrap();
    // Every line but the boundaries, one character each.
    for (index, line) in text.lines().enumerate() {
        if line.starts_with('-') {
            continue;
        }
        let altered: String = text
            .lines()
            .enumerate()
            .map(|(at, line)| {
                let first = if line.starts_with('A') { "B" } else { "A" };
                if at == index {
                    format!("{first}{}\n", &line[1..])
                } else {
                    format!("{line}\n")
                }
            })
            .collect();
        assert!(Identity::from_pem(&altered, None).is_err(), "line {index}");
    }
    let (key, certificate) = text.split_at(text.find("-----BEGIN CERT").unwrap());
    assert_eq!(
        Identity::from_pem(key, None).unwrap_err(),
        IdentityError::Malformed
    );
    assert_eq!(
        Identity::from_pem(certificate, None).unwrap_err(),
        IdentityError::Malformed
    );
    let other = Identity::from_seed(&[1; 32], "work", None, NOW, &mut rng()).unwrap();
    let other = other.to_pem(None, &mut rng()).unwrap();
    let other_certificate = &other[other.find("-----BEGIN CERT").unwrap()..];
    assert_eq!(
        Identity::from_pem(&format!("{key}{other_certificate}"), None).unwrap_err(),
        IdentityError::KeyMismatch
    );
}

#[test]
fn export_that_would_take_gigabytes_to_open_is_refused() {
    let cost = scrypt::Params::new(24, 8, 1).unwrap();
    let parameters = Parameters::generate_scrypt_aes256cbc(cost, &[1; 16], [2; 16]).unwrap();
    let info = EncryptedPrivateKeyInfoOwned {
        encryption_algorithm: parameters.into(),
        encrypted_data: OctetString::new([0; 64]).unwrap(),
    };
    let label = EncryptedPrivateKeyInfoOwned::PEM_LABEL;
    let key = der::pem::encode_string(label, LineEnding::LF, &info.to_der().unwrap()).unwrap();
    let own = identity("work", None).to_pem(None, &mut rng()).unwrap();
    let certificate = &own[own.find("-----BEGIN CERT").unwrap()..];
    assert_eq!(
        Identity::from_pem(&format!("{key}{certificate}"), Some("x")).unwrap_err(),
        IdentityError::TooCostly
    );
}

#[test]
fn debug_and_errors_show_nothing_secret() {
    let identity = Identity::from_seed(&[0xa7; 32], "work", None, NOW, &mut rng()).unwrap();
    let debug = format!("{identity:?} {:#?}", identity.card());
    for secret in ["a7a7", "167, 167", "SigningKey"] {
        assert!(!debug.contains(secret), "{debug}");
    }
    let text = identity.to_pem(Some("pass phrase"), &mut rng()).unwrap();
    for error in [
        Identity::from_pem(&text, Some("word pass")).unwrap_err(),
        Identity::from_pem(&text[..200], Some("word pass")).unwrap_err(),
    ] {
        let message = format!("{error} {error:?}");
        assert!(!message.contains("word pass") && !message.contains("a7a7"));
    }
}

#[test]
fn sealed_for_one_identity_and_purpose_opens_there_only() {
    let (ada, bob) = (
        Identity::from_seed(&[1; 32], "a", None, NOW, &mut rng()).unwrap(),
        Identity::from_seed(&[2; 32], "b", None, NOW, &mut rng()).unwrap(),
    );
    let sealed = ada.card().seal(b"purpose", b"secret", &mut rng()).unwrap();
    assert_eq!(sealed.len(), 6 + SEAL_OVERHEAD_BYTES);
    assert_eq!(*ada.open(b"purpose", &sealed).unwrap(), b"secret");
    assert_eq!(
        bob.open(b"purpose", &sealed),
        Err(IdentityError::CannotOpen)
    );
    assert_eq!(ada.open(b"other", &sealed), Err(IdentityError::CannotOpen));
    for index in 0..sealed.len() {
        let mut altered = sealed.clone();
        altered[index] ^= 1;
        assert!(ada.open(b"purpose", &altered).is_err());
        assert!(ada.open(b"purpose", &sealed[..index]).is_err());
    }
    assert_eq!(
        ada.card().seal(b"", &[0; MAX_SEALED_BYTES], &mut rng()),
        Err(IdentityError::TooLongToSeal)
    );
}

#[test]
fn keys_are_wiped_on_drop() {
    fn wiped<T: zeroize::ZeroizeOnDrop>() {}
    wiped::<SigningKey>();
    wiped::<crate::secret::DiscoverySecret>();
    wiped::<Zeroizing<String>>();
}

proptest! {
    #[test]
    fn no_text_panics(text in "\\PC{0,200}", prefix in "(peerage:card:|-----BEGIN PRIVATE KEY-----\n|)") {
        let text = format!("{prefix}{text}");
        let _ = text.parse::<IdentityCard>();
        let _ = Identity::from_pem(&text, Some("x"));
    }

    #[test]
    fn any_bytes_are_a_card_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        let _ = IdentityCard::from_der(&bytes);
    }
}
