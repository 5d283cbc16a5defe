//! The two text forms of what people pass on: one line with a scheme, and a block of lines.
//!
//! Mail programs and chats break lines and add blanks, so reading ignores every blank; nothing else is
//! forgiven.

use data_encoding::{BASE64, BASE64URL_NOPAD};

/// Line length of a block, in characters; PEM's.
const BLOCK_LINE_CHARS: usize = 64;

/// How one kind of thing is written.
pub(crate) struct Form {
    /// What stands after `-----BEGIN `.
    pub(crate) label: &'static str,
    /// What a line begins with, in lower case.
    pub(crate) scheme: &'static str,
    /// Upper bound on what is decoded.
    pub(crate) max_bytes: usize,
    /// Upper bound on the text that is looked at.
    pub(crate) max_chars: usize,
}

/// Why a text is neither form.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TextError {
    /// The text, or what it encodes, is longer than anything of its kind.
    #[error("the text is too long")]
    TooLong,
    /// It begins like neither form.
    #[error("the text begins neither with {scheme} nor with -----BEGIN {label}-----")]
    Unrecognised {
        /// The one-line form.
        scheme: &'static str,
        /// The block form.
        label: &'static str,
    },
    /// The block does not end.
    #[error("the text stops before -----END {label}-----")]
    Truncated {
        /// The block form.
        label: &'static str,
    },
    /// The part between is not base64.
    #[error("the text is damaged: it is not base64")]
    Damaged,
}

pub(crate) fn to_uri(form: &Form, bytes: &[u8]) -> String {
    format!("{}{}", form.scheme, BASE64URL_NOPAD.encode(bytes))
}

pub(crate) fn to_block(form: &Form, bytes: &[u8]) -> String {
    let base64 = BASE64.encode(bytes);
    let mut block = format!("-----BEGIN {}-----\n", form.label);
    for line in base64.as_bytes().chunks(BLOCK_LINE_CHARS) {
        block.extend(line.iter().map(|byte| char::from(*byte)));
        block.push('\n');
    }
    block.push_str(&format!("-----END {}-----\n", form.label));
    block
}

pub(crate) fn from_text(form: &Form, text: &str) -> Result<Vec<u8>, TextError> {
    if text.len() > form.max_chars {
        return Err(TextError::TooLong);
    }
    let begin = format!("-----BEGIN {}-----", form.label);
    let bytes = if let Some((_, rest)) = text.split_once(&begin) {
        let end = format!("-----END {}-----", form.label);
        let (body, _) = rest
            .split_once(&end)
            .ok_or(TextError::Truncated { label: form.label })?;
        BASE64.decode(without_blanks(body).as_bytes())
    } else {
        let line = without_blanks(text);
        let body = line
            .get(..form.scheme.len())
            .filter(|scheme| scheme.eq_ignore_ascii_case(form.scheme))
            .map(|scheme| &line[scheme.len()..])
            .ok_or(TextError::Unrecognised {
                scheme: form.scheme,
                label: form.label,
            })?;
        BASE64URL_NOPAD.decode(body.as_bytes())
    }
    .map_err(|_| TextError::Damaged)?;
    if bytes.len() > form.max_bytes {
        return Err(TextError::TooLong);
    }
    Ok(bytes)
}

fn without_blanks(text: &str) -> String {
    text.chars().filter(|c| !c.is_whitespace()).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const FORM: Form = Form {
        label: "PEERAGE TEST",
        scheme: "peerage:test:",
        max_bytes: 300,
        max_chars: 1000,
    };

    #[test]
    fn neither_form_nor_half_a_form_is_read() {
        assert!(matches!(
            from_text(&FORM, "hello"),
            Err(TextError::Unrecognised { .. })
        ));
        assert!(matches!(
            from_text(&FORM, "-----BEGIN PEERAGE TEST-----\nAAAA"),
            Err(TextError::Truncated { .. })
        ));
        assert_eq!(from_text(&FORM, "peerage:test:A!"), Err(TextError::Damaged));
        assert_eq!(from_text(&FORM, &"x".repeat(1001)), Err(TextError::TooLong));
        assert_eq!(
            from_text(&FORM, &to_uri(&FORM, &[0; 301])),
            Err(TextError::TooLong)
        );
    }

    proptest! {
        #[test]
        fn both_forms_survive_mail(bytes in proptest::collection::vec(any::<u8>(), 0..300), every in 1_usize..70) {
            let uri = to_uri(&FORM, &bytes);
            let mut wrapped = String::from("  \r\n");
            for (index, c) in uri.chars().enumerate() {
                if index % every == 0 {
                    wrapped.push_str("\r\n ");
                }
                wrapped.push(c);
            }
            for text in [uri.clone(), wrapped.clone(), uri.replace("peerage:test:", "PEERAGE:Test:")] {
                if text.len() <= FORM.max_chars {
                    prop_assert_eq!(&from_text(&FORM, &text).unwrap(), &bytes);
                }
            }
            let block = to_block(&FORM, &bytes);
            let mail = format!("Dear friend,\n\n{}\nYours", block.replace('\n', "\r\n"));
            prop_assert_eq!(&from_text(&FORM, &block).unwrap(), &bytes);
            prop_assert_eq!(&from_text(&FORM, &mail).unwrap(), &bytes);
        }

        #[test]
        fn no_text_panics(text in "\\PC{0,200}", prefix in "(peerage:test:|-----BEGIN PEERAGE TEST-----)?") {
            let _ = from_text(&FORM, &format!("{prefix}{text}"));
        }
    }
}
