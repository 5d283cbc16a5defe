//! Finds what somebody has before them: a code of ours, a name or number of the original's, an exit code.

use super::{Entry, ORIGINALS, Original, entries, original::SYSTEM, ours};
use crate::{
    Error, ErrorKind,
    model::{ErrorInfo, ExitCodeInfo, Explanation, OriginalInfo},
};

/// At most this many names are offered when one was not found.
const MAX_NEAR: usize = 3;
/// Names less alike than this (1 is the same) are not what was meant.
const ALIKE: f64 = 0.83;
/// No name or number is longer.
const MAX_CHARS: usize = 100;

/// Explains one of our codes, a name of the original's, a number of the original's (in hex with or without
/// `0x`, or decimal with or without a sign), or an exit code (`exit 4`).
///
/// # Errors
/// [`Error::CodeNotFound`], which offers what is alike.
pub fn explain(wanted: &str) -> Result<Explanation, Error> {
    let wanted = wanted.trim();
    let word = wanted.to_lowercase().replace('-', "_");
    let word = word.strip_prefix("urn:peerage:error:").unwrap_or(&word);
    if let Some(code) = exit_code(word) {
        let found = exit_code_info(code).ok_or_else(|| not_found(wanted))?;
        return Ok(Explanation {
            exit_codes: vec![found],
            ..Explanation::default()
        });
    }
    if let Some(entry) = entries().find(|entry| entry.code == word) {
        return Ok(of_ours(entry));
    }
    let numbers = number(&wanted.to_lowercase());
    let originals: Vec<_> = ORIGINALS
        .iter()
        .filter(|original| match &numbers {
            Some(numbers) => numbers.contains(&original.number),
            None => names(original).any(|name| name == word),
        })
        .collect();
    let mut found = of_originals(&originals);
    // A small number may be an exit code, too.
    found
        .exit_codes
        .extend(word.parse().ok().and_then(exit_code_info));
    if found == Explanation::default() {
        return Err(not_found(wanted));
    }
    Ok(found)
}

/// Everything there is to explain.
#[must_use]
pub fn everything() -> Explanation {
    let kinds = ErrorKind::ALL.iter().map(|kind| kind.exit_code());
    Explanation {
        errors: entries().map(ErrorInfo::from).collect(),
        originals: ORIGINALS.iter().map(OriginalInfo::from).collect(),
        exit_codes: std::iter::once(0)
            .chain(kinds)
            .filter_map(exit_code_info)
            .collect(),
    }
}

/// Every code and name that [`explain`] knows, for completion.
pub(crate) fn words() -> impl Iterator<Item = &'static str> {
    entries()
        .map(|entry| entry.code)
        .chain(ORIGINALS.iter().map(|original| original.name))
}

fn of_ours(entry: &'static Entry) -> Explanation {
    Explanation {
        errors: vec![entry.into()],
        originals: entry.original.into_iter().map(OriginalInfo::from).collect(),
        exit_codes: Vec::new(),
    }
}

fn of_originals(originals: &[&'static Original]) -> Explanation {
    Explanation {
        errors: originals
            .iter()
            .flat_map(|original| ours(original))
            .map(ErrorInfo::from)
            .collect(),
        originals: originals
            .iter()
            .map(|original| (*original).into())
            .collect(),
        exit_codes: Vec::new(),
    }
}

/// `4` of `exit 4`, `exit4` or `exit_code 4`.
fn exit_code(word: &str) -> Option<u8> {
    let rest = word.strip_prefix("exit")?;
    let rest = rest.trim_start_matches(['_', ' ']);
    let rest = rest.strip_prefix("code").unwrap_or(rest);
    rest.trim_start_matches(['_', ' ']).parse().ok()
}

fn exit_code_info(code: u8) -> Option<ExitCodeInfo> {
    if code == 0 {
        return Some(ExitCodeInfo {
            exit_code: 0,
            kind: None,
            meaning: "success".to_owned(),
            errors: Vec::new(),
        });
    }
    let kind = ErrorKind::ALL
        .into_iter()
        .find(|kind| kind.exit_code() == code)?;
    Some(ExitCodeInfo {
        exit_code: code,
        kind: Some(kind),
        meaning: kind.meaning().to_owned(),
        errors: entries()
            .filter(|entry| entry.kind == kind)
            .map(|entry| entry.code.to_owned())
            .collect(),
    })
}

/// A name of the original's as people write it: whole, without what it begins with, or with what its other
/// headers have there.
fn names(original: &Original) -> impl Iterator<Item = String> + use<> {
    let whole = original.name.to_lowercase();
    let short = ["peer_e_", "peer_s_", "wsa_pnrp_"]
        .into_iter()
        .find_map(|begin| whole.strip_prefix(begin).map(str::to_owned));
    let other = short.as_ref().map(|short| format!("peer_e_{short}"));
    [Some(whole), short, other].into_iter().flatten()
}

/// The HRESULTs a number may mean: digits may be hex or decimal, an error number of the system stands for
/// the HRESULT made of it.
fn number(text: &str) -> Option<Vec<u32>> {
    if let Some(hex) = text.strip_prefix("0x") {
        return u32::from_str_radix(hex, 16).ok().map(|number| vec![number]);
    }
    let mut read = Vec::new();
    if let Ok(decimal) = text.parse::<i64>() {
        read.extend(u32::try_from(decimal).ok());
        // As .NET prints them.
        read.extend(i32::try_from(decimal).ok().map(i32::cast_unsigned));
        read.extend(
            u16::try_from(decimal)
                .ok()
                .map(|number| SYSTEM | u32::from(number)),
        );
    }
    if text.len() == HEX_DIGITS {
        read.extend(u32::from_str_radix(text, 16).ok());
    }
    (!read.is_empty()).then_some(read)
}

/// Of a whole HRESULT.
const HEX_DIGITS: usize = 8;

fn not_found(wanted: &str) -> Error {
    let wanted: String = wanted.chars().take(MAX_CHARS).collect();
    let word = wanted.to_lowercase();
    let mut near: Vec<_> = words()
        .map(|name| {
            let lower = name.to_lowercase();
            let part = word.len() > 3 && lower.contains(&word);
            let alike = strsim::jaro_winkler(&lower, &word);
            (if part { 1.0 } else { alike }, name)
        })
        .filter(|(alike, _)| *alike >= ALIKE)
        .collect();
    near.sort_by(|one, other| other.0.total_cmp(&one.0));
    Error::CodeNotFound {
        code: wanted,
        near: near
            .into_iter()
            .take(MAX_NEAR)
            .map(|(_, name)| name)
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn names(wanted: &str) -> (Vec<String>, Vec<String>) {
        let found = explain(wanted).unwrap_or_else(|error| panic!("{wanted}: {error}"));
        (
            found.errors.into_iter().map(|error| error.code).collect(),
            found
                .originals
                .into_iter()
                .map(|original| original.name)
                .collect(),
        )
    }

    #[test]
    fn an_error_is_found_by_whatever_is_known_of_it() {
        for wanted in [
            "PEER_E_CONNECT_SELF",
            "peer_e_connect_self",
            "0x80630106",
            "0X80630106",
            "80630106",
            "2153971974",
            "-2140995322",
        ] {
            let expected = (
                vec!["connect_self".to_owned()],
                vec!["PEER_E_CONNECT_SELF".to_owned()],
            );
            assert_eq!(names(wanted), expected, "{wanted}");
        }
        for wanted in [
            "connect_self",
            "connect-self",
            " Connect_Self ",
            "urn:peerage:error:connect_self",
        ] {
            assert_eq!(names(wanted).0, ["connect_self"], "{wanted}");
        }
        // Without its beginning, where no code of ours is called so.
        assert_eq!(names("GRAPH_IN_USE").0, ["group_in_use"]);
        // The system's own number, and the HRESULT made of it.
        for wanted in ["11501", "0x80072CED", "PEER_E_CLOUD_NOT_FOUND"] {
            assert_eq!(names(wanted).1, ["WSA_PNRP_CLOUD_NOT_FOUND"], "{wanted}");
        }
        assert_eq!(names("PEER_S_ALREADY_CONNECTED").0, Vec::<String>::new());
    }

    #[test]
    fn an_exit_code_is_explained_with_its_errors() {
        for wanted in ["exit 4", "exit4", "Exit code 4", "4"] {
            let found = explain(wanted).unwrap();
            let code = &found.exit_codes[0];
            assert_eq!(code.kind, Some(ErrorKind::NotAuthorised), "{wanted}");
            assert!(code.errors.contains(&"not_authorised".to_owned()));
        }
        assert_eq!(explain("exit 0").unwrap().exit_codes[0].meaning, "success");
        assert!(explain("exit 99").is_err());
    }

    #[test]
    fn what_is_not_found_is_answered_with_what_is_alike() {
        let near = |wanted: &str| explain(wanted).unwrap_err().to_string();
        assert!(near("grup_not_fuond").contains("group_not_found"));
        assert!(near("PEER_E_CONECT_SELF").contains("PEER_E_CONNECT_SELF"));
        assert!(near("passphrase").contains("wrong_passphrase"));
        assert!(!near("xyzzy").contains("did you mean"));
    }

    proptest! {
        #[test]
        fn any_text_is_explained_or_not(text in ".{0,200}") {
            let _ = explain(&text);
        }
    }
}
