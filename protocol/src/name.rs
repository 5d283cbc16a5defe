//! Peer names: `authority.classifier`.
//!
//! The authority is `0` for an unsecured name, which anybody may publish, or the 40 lower-case hexadecimal
//! digits of a key's [`Authority`] for a secured one, which only the holder of that key can stand behind.
//! Only the first full stop separates, so a classifier may contain more of them. Names compare byte by
//! byte: no case folding and no Unicode normalisation.

mod host;

use std::{fmt, str::FromStr};

use peerage_records::id::{Authority, GroupId};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

pub use host::HOST_SUFFIX;

/// The longest classifier, in UTF-16 units as the original counted: 149 and a terminator made 150.
pub const MAX_CLASSIFIER_UNITS: usize = 149;

/// The longest friendly name, note or comment, in characters.
pub const MAX_FRIENDLY_NAME_CHARS: usize = 255;

/// Upper bound on the text form of any name, in bytes: 40 digits, a full stop and a classifier of
/// three bytes per UTF-16 unit.
pub const MAX_NAME_BYTES: usize = 41 + 3 * MAX_CLASSIFIER_UNITS;

/// The classifier under which every online member of a group publishes itself.
pub const PARTICIPANT_CLASSIFIER: &str = "participant";

/// Authority text of unsecured names.
const UNSECURED: &str = "0";

/// A peer name, well formed by construction.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PeerName {
    authority: Option<Authority>,
    classifier: String,
}

impl PeerName {
    /// The secured name of `authority` with `classifier`.
    ///
    /// # Errors
    /// When the classifier is too long or contains a control character.
    pub fn secured(authority: Authority, classifier: &str) -> Result<Self, NameError> {
        check_classifier(classifier)?;
        Ok(Self {
            authority: Some(authority),
            classifier: classifier.to_owned(),
        })
    }

    /// Makes a name the way applications do. An identity and a classifier give the identity's authority
    /// with the new classifier; an identity alone gives its own name; a classifier alone gives an
    /// unsecured name. No identity is created.
    ///
    /// # Errors
    /// [`NameError::NothingGiven`] without both, [`NameError::EmptyUnsecured`] for an empty classifier
    /// without an identity, otherwise what is wrong with the classifier.
    pub fn create(identity: Option<&Self>, classifier: Option<&str>) -> Result<Self, NameError> {
        match (identity, classifier) {
            (None, None) => Err(NameError::NothingGiven),
            (None, Some("")) => Err(NameError::EmptyUnsecured),
            (Some(identity), None) => Ok(identity.clone()),
            (identity, Some(classifier)) => {
                check_classifier(classifier)?;
                Ok(Self {
                    authority: identity.and_then(|name| name.authority),
                    classifier: classifier.to_owned(),
                })
            }
        }
    }

    /// The authority of a secured name, nothing for an unsecured one.
    #[must_use]
    pub const fn authority(&self) -> Option<Authority> {
        self.authority
    }

    /// What stands after the first full stop.
    #[must_use]
    pub fn classifier(&self) -> &str {
        &self.classifier
    }

    /// Whether a key stands behind this name.
    #[must_use]
    pub const fn is_secured(&self) -> bool {
        self.authority.is_some()
    }

    /// The id of the group with this name.
    #[must_use]
    pub fn group_id(&self) -> GroupId {
        GroupId::of_name(&self.to_string())
    }

    /// The first 128 bits of the SHA-256 of the canonical name: the same on every node and every run.
    #[must_use]
    pub fn p2p_id(&self) -> [u8; 16] {
        let digest = Sha256::digest(self.to_string().as_bytes());
        let mut id = [0; 16];
        id.copy_from_slice(&digest[..16]);
        id
    }
}

impl fmt::Display for PeerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.authority {
            Some(authority) => write!(f, "{authority}.{}", self.classifier),
            None => write!(f, "{UNSECURED}.{}", self.classifier),
        }
    }
}

impl fmt::Debug for PeerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PeerName({self})")
    }
}

impl FromStr for PeerName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let (authority, classifier) = text.split_once('.').ok_or(NameError::NoSeparator)?;
        let authority = match authority {
            UNSECURED => None,
            digits => Some(digits.parse().map_err(|_| NameError::BadAuthority)?),
        };
        check_classifier(classifier)?;
        Ok(Self {
            authority,
            classifier: classifier.to_owned(),
        })
    }
}

impl TryFrom<String> for PeerName {
    type Error = NameError;

    fn try_from(text: String) -> Result<Self, NameError> {
        text.parse()
    }
}

impl From<PeerName> for String {
    fn from(name: PeerName) -> Self {
        name.to_string()
    }
}

/// Why a text is not a peer name, or not one that can be converted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NameError {
    /// Neither an identity nor a classifier was given.
    #[error("a peer name needs an identity or a classifier")]
    NothingGiven,
    /// An unsecured name was asked for without a classifier.
    #[error("an unsecured peer name needs a classifier")]
    EmptyUnsecured,
    /// There is no full stop.
    #[error("a peer name is an authority, a full stop and a classifier")]
    NoSeparator,
    /// The authority is neither `0` nor 40 lower-case hexadecimal digits.
    #[error("the authority must be 0 or 40 lower-case hexadecimal digits")]
    BadAuthority,
    /// The classifier is longer than [`MAX_CLASSIFIER_UNITS`].
    #[error("the classifier has {units} characters, at most {MAX_CLASSIFIER_UNITS} are allowed")]
    ClassifierTooLong {
        /// Its length in UTF-16 units.
        units: usize,
    },
    /// The classifier contains a control character.
    #[error("the classifier contains a control character")]
    ControlCharacter,
    /// The friendly name is longer than [`MAX_FRIENDLY_NAME_CHARS`].
    #[error(
        "the friendly name has {chars} characters, at most {MAX_FRIENDLY_NAME_CHARS} are allowed"
    )]
    FriendlyNameTooLong {
        /// Its length in characters.
        chars: usize,
    },
    /// The friendly name contains a control character.
    #[error("the friendly name contains a control character")]
    FriendlyNameControlCharacter,
    /// The name does not fit a host name of 253 characters.
    #[error("the peer name is too long for a host name")]
    CannotConvert,
    /// The text is not the host-name form of any peer name.
    #[error("not the host-name form of a peer name")]
    BadHostName,
}

/// Checks what may stand after the first full stop.
///
/// # Errors
/// When it is too long or contains a control character.
pub fn check_classifier(classifier: &str) -> Result<(), NameError> {
    let units = classifier.encode_utf16().count();
    if units > MAX_CLASSIFIER_UNITS {
        return Err(NameError::ClassifierTooLong { units });
    }
    if classifier.chars().any(char::is_control) {
        return Err(NameError::ControlCharacter);
    }
    Ok(())
}

/// Checks a friendly name, note or comment. Empty is legal and means "the default".
///
/// # Errors
/// When it is too long or contains a control character, which could disguise what a terminal shows.
pub fn check_friendly_name(name: &str) -> Result<(), NameError> {
    let chars = name.chars().count();
    if chars > MAX_FRIENDLY_NAME_CHARS {
        return Err(NameError::FriendlyNameTooLong { chars });
    }
    if name.chars().any(char::is_control) {
        return Err(NameError::FriendlyNameControlCharacter);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const AUTHORITY: &str = "8264f208a7cddc30933f3e0b0c7ea2e143e6953e";

    pub(super) fn any_name() -> impl Strategy<Value = PeerName> {
        let authority = prop_oneof![
            Just(None),
            any::<[u8; 20]>().prop_map(|bytes| Some(Authority::from_bytes(bytes))),
        ];
        (authority, "(\\PC|[a-z0-9.-]){0,70}").prop_map(|(authority, classifier)| PeerName {
            authority,
            classifier,
        })
    }

    #[test]
    fn unsecured_and_secured_names_parse() {
        let name: PeerName = "0.x".parse().unwrap();
        assert!(!name.is_secured());
        assert_eq!(name.classifier(), "x");

        let name: PeerName = format!("{AUTHORITY}.participant").parse().unwrap();
        assert!(name.is_secured());
        assert_eq!(name.authority().unwrap().to_string(), AUTHORITY);
        assert_eq!(name.classifier(), PARTICIPANT_CLASSIFIER);
    }

    #[test]
    fn only_the_first_full_stop_separates() {
        let name: PeerName = "0.JohnDoe.Games".parse().unwrap();
        assert_eq!(name.classifier(), "JohnDoe.Games");
        assert_eq!(name.to_string(), "0.JohnDoe.Games");
    }

    #[test]
    fn empty_classifier_is_legal_in_the_grammar() {
        let name: PeerName = format!("{AUTHORITY}.").parse().unwrap();
        assert_eq!(name.classifier(), "");
        assert_eq!("0.".parse::<PeerName>().unwrap().classifier(), "");
    }

    #[test]
    fn malformed_authorities_are_refused() {
        let long = format!("{AUTHORITY}0.x");
        let upper = format!("{}.x", AUTHORITY.to_uppercase());
        let wrong_digit = format!("g{}.x", &AUTHORITY[1..]);
        let blank = format!(" {}.x", &AUTHORITY[1..]);
        for text in [
            &long,
            &upper,
            &wrong_digit,
            &blank,
            "1.x",
            "00.x",
            ".x",
            &AUTHORITY[1..],
        ] {
            let error = text.parse::<PeerName>().unwrap_err();
            assert!(
                matches!(error, NameError::BadAuthority | NameError::NoSeparator),
                "{text}: {error}"
            );
        }
    }

    #[test]
    fn classifier_is_bounded_in_utf16_units() {
        assert!(format!("0.{}", "c".repeat(149)).parse::<PeerName>().is_ok());
        assert_eq!(
            format!("0.{}", "c".repeat(150)).parse::<PeerName>(),
            Err(NameError::ClassifierTooLong { units: 150 })
        );
        // One character outside the basic plane counts twice.
        assert!(format!("0.{}", "😀".repeat(74)).parse::<PeerName>().is_ok());
        assert_eq!(
            format!("0.{}", "😀".repeat(75)).parse::<PeerName>(),
            Err(NameError::ClassifierTooLong { units: 150 })
        );
    }

    #[test]
    fn control_characters_are_refused() {
        assert_eq!(
            "0.a\0b".parse::<PeerName>(),
            Err(NameError::ControlCharacter)
        );
        assert_eq!(
            "0.a\u{1b}[2J".parse::<PeerName>(),
            Err(NameError::ControlCharacter)
        );
        assert_eq!(
            check_friendly_name("a\nb"),
            Err(NameError::FriendlyNameControlCharacter)
        );
    }

    #[test]
    fn names_compare_without_folding_or_normalising() {
        let parse = |text: &str| text.parse::<PeerName>().unwrap();
        assert_ne!(parse("0.Name"), parse("0.name"));
        assert_ne!(parse("0.Name").p2p_id(), parse("0.name").p2p_id());
        assert_ne!(parse("0.\u{e9}"), parse("0.e\u{301}"));
    }

    #[test]
    fn construction_follows_the_four_rules() {
        let identity: PeerName = format!("{AUTHORITY}.work").parse().unwrap();
        assert_eq!(
            PeerName::create(Some(&identity), Some("play"))
                .unwrap()
                .to_string(),
            format!("{AUTHORITY}.play")
        );
        assert_eq!(
            PeerName::create(Some(&identity), None).unwrap(),
            identity,
            "an identity alone gives its own name"
        );
        assert_eq!(
            PeerName::create(None, Some("play")).unwrap().to_string(),
            "0.play"
        );
        assert_eq!(PeerName::create(None, None), Err(NameError::NothingGiven));
        assert_eq!(
            PeerName::create(None, Some("")),
            Err(NameError::EmptyUnsecured)
        );
    }

    #[test]
    fn p2p_id_is_the_truncated_sha256_of_the_name() {
        // printf 0.MyApplication | sha256sum | cut -c1-32
        let name: PeerName = "0.MyApplication".parse().unwrap();
        assert_eq!(
            data_encoding::HEXLOWER.encode(&name.p2p_id()),
            "abf324c2bcce8675924d3dee8a114f42"
        );
        assert_eq!(name.group_id(), GroupId::of_name("0.MyApplication"));
    }

    proptest! {
        #[test]
        fn text_form_round_trips(name in any_name()) {
            prop_assert_eq!(name.to_string().parse::<PeerName>().unwrap(), name);
        }

        #[test]
        fn any_text_is_parsed_or_refused(text in "\\PC{0,300}") {
            if let Ok(name) = text.parse::<PeerName>() {
                prop_assert_eq!(name.to_string(), text);
            }
        }
    }
}
