//! The host-name form of a peer name: `classifier.authority.peerage.alt`, reversed as in the original.
//!
//! - An authority that begins with a digit gets a `p` in front; an unsecured name has no authority label.
//! - A classifier whose every part is a plain lower-case host label stands as it is; parts with characters
//!   outside ASCII are Punycode (`xn--…`).
//! - Every other classifier (capitals, blanks, empty parts, long parts, parts that look like an authority)
//!   is base32 of its UTF-8 in labels that begin with `px--`, because host names do not keep case.
//!
//! There is exactly one host name per peer name, and the conversion back accepts only that one (in any case).

use data_encoding::{BASE32_NOPAD, Encoding};
use peerage_records::id::Authority;

use super::{NameError, PeerName};

/// What every host name ends in. `.alt` (RFC 9476) is set aside for names that are not in the DNS.
pub const HOST_SUFFIX: &str = "peerage.alt";

/// The longest host name, in characters (RFC 1035).
const MAX_HOST_CHARS: usize = 253;

/// The longest label of a host name, in characters (RFC 1035).
const MAX_LABEL_CHARS: usize = 63;

const ESCAPED: &str = "px--";
const PUNYCODE: &str = "xn--";

impl PeerName {
    /// Converts to the host-name form.
    ///
    /// # Errors
    /// [`NameError::CannotConvert`] when it would be longer than a host name may be.
    pub fn to_host_name(&self) -> Result<String, NameError> {
        let mut labels = match plain_labels(&self.classifier) {
            Some(labels) => labels,
            None => escaped_labels(&self.classifier),
        };
        if let Some(authority) = self.authority {
            labels.push(authority_label(authority));
        }
        labels.push(HOST_SUFFIX.to_owned());
        let host = labels.join(".");
        if host.len() > MAX_HOST_CHARS {
            return Err(NameError::CannotConvert);
        }
        Ok(host)
    }

    /// Converts back from the host-name form; the case of the host name does not matter.
    ///
    /// # Errors
    /// [`NameError::BadHostName`] for a foreign suffix or anything [`Self::to_host_name`] would not print.
    pub fn from_host_name(host: &str) -> Result<Self, NameError> {
        if host.len() > MAX_HOST_CHARS {
            return Err(NameError::BadHostName);
        }
        let host = host.to_ascii_lowercase();
        let rest = host
            .strip_suffix(HOST_SUFFIX)
            .ok_or(NameError::BadHostName)?;
        let mut labels: Vec<&str> = match rest.strip_suffix('.') {
            Some(rest) => rest.split('.').collect(),
            None if rest.is_empty() => Vec::new(),
            None => return Err(NameError::BadHostName),
        };
        let authority = labels.last().and_then(|label| parse_authority_label(label));
        if authority.is_some() {
            labels.pop();
        }
        let classifier = unescape(&labels).ok_or(NameError::BadHostName)?;
        super::check_classifier(&classifier).map_err(|_| NameError::BadHostName)?;
        let name = Self {
            authority,
            classifier,
        };
        // Accepting only what we print makes the two conversions inverse by construction.
        match name.to_host_name() {
            Ok(printed) if printed == host => Ok(name),
            _ => Err(NameError::BadHostName),
        }
    }
}

fn authority_label(authority: Authority) -> String {
    let digits = authority.to_string();
    if digits.starts_with(|c: char| c.is_ascii_digit()) {
        format!("p{digits}")
    } else {
        digits
    }
}

fn parse_authority_label(label: &str) -> Option<Authority> {
    let digits = match label.strip_prefix('p') {
        Some(digits) if digits.starts_with(|c: char| c.is_ascii_digit()) => digits,
        Some(_) => return None,
        None if label.starts_with(|c: char| c.is_ascii_digit()) => return None,
        None => label,
    };
    digits.parse().ok()
}

/// The classifier as labels that need no escaping, if there are such; an empty classifier has none.
fn plain_labels(classifier: &str) -> Option<Vec<String>> {
    if classifier.is_empty() {
        return Some(Vec::new());
    }
    classifier.split('.').map(plain_label).collect()
}

fn plain_label(part: &str) -> Option<String> {
    let ascii_is_plain = part
        .chars()
        .all(|c| !c.is_ascii() || c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
    let bounded = !part.is_empty() && !part.starts_with('-') && !part.ends_with('-');
    let reserved = part.get(2..4) == Some("--");
    if !ascii_is_plain || !bounded || reserved || parse_authority_label(part).is_some() {
        return None;
    }
    let label = if part.is_ascii() {
        part.to_owned()
    } else {
        format!("{PUNYCODE}{}", idna::punycode::encode_str(part)?)
    };
    (label.len() <= MAX_LABEL_CHARS).then_some(label)
}

fn escaped_labels(classifier: &str) -> Vec<String> {
    let digits = base32().encode(classifier.as_bytes());
    digits
        .as_bytes()
        .chunks(MAX_LABEL_CHARS - ESCAPED.len())
        .map(|chunk| format!("{ESCAPED}{}", String::from_utf8_lossy(chunk)))
        .collect()
}

fn unescape(labels: &[&str]) -> Option<String> {
    if labels.iter().any(|label| label.starts_with(ESCAPED)) {
        let digits: Option<String> = labels
            .iter()
            .map(|label| label.strip_prefix(ESCAPED))
            .collect();
        let bytes = base32().decode(digits?.as_bytes()).ok()?;
        return String::from_utf8(bytes).ok();
    }
    let parts: Option<Vec<String>> = labels
        .iter()
        .map(|label| match label.strip_prefix(PUNYCODE) {
            Some(code) => idna::punycode::decode_to_string(code),
            None => Some((*label).to_owned()),
        })
        .collect();
    Some(parts?.join("."))
}

fn base32() -> Encoding {
    let mut lower = BASE32_NOPAD.specification();
    lower.symbols = lower.symbols.to_ascii_lowercase();
    lower.encoding().expect("32 distinct lower-case symbols")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn host(name: &str) -> String {
        name.parse::<PeerName>().unwrap().to_host_name().unwrap()
    }

    #[test]
    fn order_is_reversed_and_digits_get_a_letter() {
        assert_eq!(host("0.chess.games"), "chess.games.peerage.alt");
        let digits = "8264f208a7cddc30933f3e0b0c7ea2e143e6953e";
        assert_eq!(
            host(&format!("{digits}.participant")),
            format!("participant.p{digits}.peerage.alt")
        );
        let letters = "a264f208a7cddc30933f3e0b0c7ea2e143e6953e";
        assert_eq!(
            host(&format!("{letters}.x")),
            format!("x.{letters}.peerage.alt")
        );
        assert_eq!(
            host(&format!("{letters}.")),
            format!("{letters}.peerage.alt")
        );
    }

    #[test]
    fn unicode_is_punycode_and_capitals_are_escaped() {
        assert_eq!(host("0.bücher"), "xn--bcher-kva.peerage.alt");
        assert!(host("0.Chess").starts_with("px--"));
        for text in [
            "0.bücher",
            "0.Chess",
            "0.a b",
            "0..",
            "0.-",
            "0.xn--bcher-kva",
        ] {
            let name: PeerName = text.parse().unwrap();
            assert_eq!(PeerName::from_host_name(&host(text)).unwrap(), name);
        }
    }

    #[test]
    fn malformed_host_names_are_refused() {
        for text in [
            "chess.pnrp.net",
            "chess",
            "",
            "chesspeerage.alt",
            "xn--\u{fc}.peerage.alt",
            "a..peerage.alt",
            "px--!!.peerage.alt",
            "px--me.px--.peerage.alt",
        ] {
            assert_eq!(
                PeerName::from_host_name(text),
                Err(NameError::BadHostName),
                "{text}"
            );
        }
    }

    #[test]
    fn too_long_for_a_host_name_is_its_own_error() {
        let name: PeerName = format!("0.{}", "W".repeat(149)).parse().unwrap();
        assert_eq!(name.to_host_name(), Err(NameError::CannotConvert));
    }

    proptest! {
        #[test]
        fn there_and_back_is_the_identity(name in super::super::tests::any_name()) {
            match name.to_host_name() {
                Ok(host) => {
                    prop_assert!(host.len() <= MAX_HOST_CHARS);
                    prop_assert_eq!(PeerName::from_host_name(&host.to_uppercase()).unwrap(), name);
                }
                Err(error) => prop_assert_eq!(error, NameError::CannotConvert),
            }
        }

        #[test]
        fn any_host_name_is_converted_or_refused(text in "([a-z0-9-]{0,12}\\.|px--|xn--|\\PC){0,8}(peerage\\.alt)?") {
            if let Ok(name) = PeerName::from_host_name(&text) {
                prop_assert_eq!(name.to_host_name().unwrap(), text.to_ascii_lowercase());
            }
        }
    }
}
