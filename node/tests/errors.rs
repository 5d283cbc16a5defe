//! The catalogue of errors against the codes of the original, and against the sources.

#![allow(clippy::unwrap_used, reason = "a step that fails fails the test")]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use peerage::{
    Error, ErrorKind,
    error::catalogue::{self, Here, ORIGINALS, Original},
    model::Problem,
};

/// The original's table of result codes, as its headers and pages have it.
const TABLE: &[(&str, u32)] = &[
    ("PEER_S_GRAPH_DATA_CREATED", 0x0063_0001),
    ("PEER_S_NO_EVENT_DATA", 0x0063_0002),
    ("PEER_S_NO_CONNECTIVITY", 0x0063_0005),
    ("PEER_S_ALREADY_A_MEMBER", 0x0063_0006),
    ("PEER_S_ALREADY_CONNECTED", 0x0063_2000),
    ("E_UNEXPECTED", 0x8000_FFFF),
    ("E_ACCESSDENIED", 0x8007_0005),
    ("E_HANDLE", 0x8007_0006),
    ("E_OUTOFMEMORY", 0x8007_000E),
    ("E_INVALIDARG", 0x8007_0057),
    ("PEER_E_DISK_FULL", 0x8007_0070),
    ("PEER_E_ALREADY_EXISTS", 0x8007_00B7),
    ("ERROR_DELETE_PENDING", 0x8007_012F),
    ("ERROR_SERVICE_DEPENDENCY_FAIL", 0x8007_042C),
    ("PEER_E_NOT_FOUND", 0x8007_0490),
    ("WSAEFAULT", 0x8007_271E),
    ("WSAEINVAL", 0x8007_2726),
    ("WSAENETUNREACH", 0x8007_2743),
    ("WSASYSNOTREADY", 0x8007_276B),
    ("WSA_E_NO_MORE", 0x8007_277E),
    ("WSA_E_CANCELLED", 0x8007_277F),
    ("WSA_PNRP_CLOUD_NOT_FOUND", 0x8007_2CED),
    ("WSA_PNRP_CLOUD_DISABLED", 0x8007_2CEE),
    ("WSA_PNRP_INVALID_IDENTITY", 0x8007_2CEF),
    ("WSA_PNRP_TOO_MUCH_LOAD", 0x8007_2CF0),
    ("WSA_PNRP_CLOUD_IS_SEARCH_ONLY", 0x8007_2CF1),
    ("WSA_PNRP_CLIENT_INVALID_COMPARTMENT_ID", 0x8007_2CF2),
    ("WSA_PNRP_DUPLICATE_PEER_NAME", 0x8007_2CF4),
    ("WSA_PNRP_CLOUD_IS_DEAD", 0x8007_2CF5),
    ("PEER_E_IPV6_NOT_INSTALLED", 0x8063_0001),
    ("PEER_E_NOT_INITIALIZED", 0x8063_0002),
    ("PEER_E_CANNOT_START_SERVICE", 0x8063_0003),
    ("PEER_E_INVALID_GRAPH", 0x8063_0010),
    ("PEER_E_DBNAME_CHANGED", 0x8063_0011),
    ("PEER_E_DUPLICATE_GRAPH", 0x8063_0012),
    ("PEER_E_GRAPH_NOT_READY", 0x8063_0013),
    ("PEER_E_GRAPH_SHUTTING_DOWN", 0x8063_0014),
    ("PEER_E_GRAPH_IN_USE", 0x8063_0015),
    ("PEER_E_INVALID_DATABASE", 0x8063_0016),
    ("PEER_E_TOO_MANY_ATTRIBUTES", 0x8063_0017),
    ("PEER_E_CONNECTION_NOT_FOUND", 0x8063_0103),
    ("PEER_E_CONNECT_SELF", 0x8063_0106),
    ("PEER_E_ALREADY_LISTENING", 0x8063_0107),
    ("PEER_E_NODE_NOT_FOUND", 0x8063_0108),
    ("PEER_E_CONNECTION_FAILED", 0x8063_0109),
    ("PEER_E_CONNECTION_NOT_AUTHENTICATED", 0x8063_010A),
    ("PEER_E_CONNECTION_REFUSED", 0x8063_010B),
    ("PEER_E_CLASSIFIER_TOO_LONG", 0x8063_0201),
    ("PEER_E_TOO_MANY_IDENTITIES", 0x8063_0202),
    ("PEER_E_NO_KEY_ACCESS", 0x8063_0203),
    ("PEER_E_GROUPS_EXIST", 0x8063_0204),
    ("PEER_E_RECORD_NOT_FOUND", 0x8063_0301),
    ("PEER_E_DATABASE_ACCESSDENIED", 0x8063_0302),
    ("PEER_E_DBINITIALIZATION_FAILED", 0x8063_0303),
    ("PEER_E_MAX_RECORD_SIZE_EXCEEDED", 0x8063_0304),
    ("PEER_E_DATABASE_ALREADY_PRESENT", 0x8063_0305),
    ("PEER_E_DATABASE_NOT_PRESENT", 0x8063_0306),
    ("PEER_E_IDENTITY_NOT_FOUND", 0x8063_0401),
    ("PEER_E_EVENT_HANDLE_NOT_FOUND", 0x8063_0501),
    ("PEER_E_INVALID_SEARCH", 0x8063_0601),
    ("PEER_E_INVALID_ATTRIBUTES", 0x8063_0602),
    ("PEER_E_INVITATION_NOT_TRUSTED", 0x8063_0701),
    ("PEER_E_CHAIN_TOO_LONG", 0x8063_0703),
    ("PEER_E_INVALID_TIME_PERIOD", 0x8063_0705),
    ("PEER_E_CIRCULAR_CHAIN_DETECTED", 0x8063_0706),
    ("PEER_E_CERT_STORE_CORRUPTED", 0x8063_0801),
    ("PEER_E_NO_CLOUD", 0x8063_1001),
    ("PEER_E_CLOUD_NAME_AMBIGUOUS", 0x8063_1005),
    ("PEER_E_INVALID_RECORD", 0x8063_2010),
    ("PEER_E_NOT_AUTHORIZED", 0x8063_2020),
    ("PEER_E_PASSWORD_DOES_NOT_MEET_POLICY", 0x8063_2021),
    ("PEER_E_DEFERRED_VALIDATION", 0x8063_2030),
    ("PEER_E_INVALID_GROUP_PROPERTIES", 0x8063_2040),
    ("PEER_E_INVALID_PEER_NAME", 0x8063_2050),
    ("PEER_E_INVALID_CLASSIFIER", 0x8063_2060),
    ("PEER_E_INVALID_FRIENDLY_NAME", 0x8063_2070),
    ("PEER_E_INVALID_ROLE_PROPERTY", 0x8063_2071),
    ("PEER_E_INVALID_CLASSIFIER_PROPERTY", 0x8063_2072),
    ("PEER_E_INVALID_RECORD_EXPIRATION", 0x8063_2080),
    ("PEER_E_INVALID_CREDENTIAL_INFO", 0x8063_2081),
    ("PEER_E_INVALID_CREDENTIAL", 0x8063_2082),
    ("PEER_E_INVALID_RECORD_SIZE", 0x8063_2083),
    ("PEER_E_UNSUPPORTED_VERSION", 0x8063_2090),
    ("PEER_E_GROUP_NOT_READY", 0x8063_2091),
    ("PEER_E_GROUP_IN_USE", 0x8063_2092),
    ("PEER_E_INVALID_GROUP", 0x8063_2093),
    ("PEER_E_NO_MEMBERS_FOUND", 0x8063_2094),
    ("PEER_E_NO_MEMBER_CONNECTIONS", 0x8063_2095),
    ("PEER_E_UNABLE_TO_LISTEN", 0x8063_2096),
    ("PEER_E_IDENTITY_DELETED", 0x8063_20A0),
    ("PEER_E_CANNOT_CONVERT_PEER_NAME", 0x8063_4001),
    ("PEER_E_INVALID_PEER_HOST_NAME", 0x8063_4002),
    ("PEER_E_NO_MORE", 0x8063_4003),
    ("PEER_E_PNRP_DUPLICATE_PEER_NAME", 0x8063_4005),
];

/// What graphing alone could fail with.
const OF_GRAPHING: &[&str] = &[
    "PEER_E_NOT_INITIALIZED",
    "PEER_E_INVALID_GRAPH",
    "PEER_E_DBNAME_CHANGED",
    "PEER_E_DUPLICATE_GRAPH",
    "PEER_E_GRAPH_NOT_READY",
    "PEER_E_GRAPH_SHUTTING_DOWN",
    "PEER_E_GRAPH_IN_USE",
    "PEER_E_INVALID_DATABASE",
    "PEER_E_TOO_MANY_ATTRIBUTES",
    "PEER_E_CONNECTION_NOT_FOUND",
    "PEER_E_CONNECT_SELF",
    "PEER_E_ALREADY_LISTENING",
    "PEER_E_NODE_NOT_FOUND",
    "PEER_E_CONNECTION_FAILED",
    "PEER_E_CONNECTION_NOT_AUTHENTICATED",
    "PEER_E_CONNECTION_REFUSED",
    "PEER_E_RECORD_NOT_FOUND",
    "PEER_E_DATABASE_ACCESSDENIED",
    "PEER_E_MAX_RECORD_SIZE_EXCEEDED",
    "PEER_E_DATABASE_ALREADY_PRESENT",
    "PEER_E_DATABASE_NOT_PRESENT",
    "PEER_E_INVALID_SEARCH",
    "PEER_E_INVALID_ATTRIBUTES",
    "PEER_E_INVALID_RECORD",
    "PEER_E_NOT_AUTHORIZED",
    "PEER_E_DEFERRED_VALIDATION",
    "PEER_E_INVALID_RECORD_EXPIRATION",
    "PEER_E_UNABLE_TO_LISTEN",
];

fn original(name: &str) -> &'static Original {
    ORIGINALS
        .iter()
        .find(|original| original.name == name)
        .unwrap_or_else(|| panic!("{name} is missing"))
}

fn ours(original: &'static Original) -> BTreeSet<&'static str> {
    catalogue::ours(original).map(|entry| entry.code).collect()
}

#[test]
fn every_code_of_the_original_has_its_number() {
    for (name, number) in TABLE {
        assert_eq!(original(name).number, *number, "{name}");
    }
    let known: BTreeSet<_> = TABLE.iter().map(|(name, _)| *name).collect();
    let mut numbers = BTreeMap::new();
    for original in ORIGINALS {
        assert!(
            known.contains(original.name),
            "{} is not in the table",
            original.name
        );
        if let Some(other) = numbers.insert(original.number, original.name) {
            panic!("{} and {other} have one number", original.name);
        }
        assert_eq!(original.is_success(), original.name.starts_with("PEER_S_"));
        assert!(original.meaning.ends_with('.'), "{}", original.name);
    }
}

/// What was a success with something to tell is no error, whatever it tells.
#[test]
fn successes_of_the_original_are_no_errors() {
    for original in ORIGINALS.iter().filter(|original| original.is_success()) {
        assert!(
            matches!(original.here, Here::Outcome(_)),
            "{}",
            original.name
        );
        assert!(ours(original).is_empty(), "{}", original.name);
    }
    for entry in catalogue::entries() {
        assert!(
            entry.original.is_none_or(|code| !code.is_success()),
            "{}",
            entry.code
        );
    }
}

#[test]
fn every_code_of_the_original_has_something_here() {
    let codes: BTreeSet<_> = catalogue::entries().map(|entry| entry.code).collect();
    for original in ORIGINALS {
        match original.here {
            Here::Errors(besides) => {
                assert!(
                    !ours(original).is_empty(),
                    "{}: nothing stands for it",
                    original.name
                );
                for code in besides {
                    assert!(
                        codes.contains(code),
                        "{}: there is no error {code}",
                        original.name
                    );
                }
            }
            Here::Outcome(text) | Here::Never(text) => {
                assert!(!text.is_empty());
                assert!(ours(original).is_empty(), "{}", original.name);
            }
            _ => panic!("{}", original.name),
        }
    }
}

/// The errors that graphing tells apart are told apart here.
#[test]
fn each_condition_of_graphing_has_an_error_of_its_own() {
    let mut seen: BTreeMap<BTreeSet<&str>, &str> = BTreeMap::new();
    let mut without = Vec::new();
    for name in OF_GRAPHING {
        let errors = ours(original(name));
        if errors.is_empty() {
            without.push(*name);
        } else if let Some(other) = seen.insert(errors, name) {
            panic!("{name} and {other} are one error here");
        }
    }
    assert_eq!(
        without,
        [
            "PEER_E_DBNAME_CHANGED",
            "PEER_E_ALREADY_LISTENING",
            "PEER_E_DATABASE_ALREADY_PRESENT",
        ],
        "all others can happen"
    );
}

/// Codes never change: whoever renames one breaks programs. The rest of a row is there for people.
#[test]
fn every_error_is_described_for_programs_and_for_people() {
    let mut codes = BTreeSet::new();
    for entry in catalogue::entries() {
        let code = entry.code;
        assert!(codes.insert(code), "{code} is there twice");
        assert!(
            code.bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte == b'_'),
            "{code}"
        );
        assert!(
            entry.meaning.ends_with('.') && entry.meaning.len() > 20,
            "{code}: {}",
            entry.meaning
        );
        assert!(
            !entry.next_step.is_empty() && !entry.next_step.ends_with('.'),
            "{code}"
        );
        let may_help = matches!(entry.kind, ErrorKind::Retry | ErrorKind::Unavailable);
        assert_eq!(
            may_help,
            matches!(entry.http_status(), 429 | 503 | 504),
            "{code}"
        );
        if may_help {
            assert!(entry.retry_after_seconds().is_some(), "{code}");
        }
        assert!((400..600).contains(&entry.http_status()), "{code}");
        assert_ne!(entry.kind.exit_code(), 0, "{code}");
        let explained = catalogue::explain(code).unwrap();
        assert_eq!(explained.errors[0].code, code);
    }
    assert!(codes.len() > 80, "{}", codes.len());
}

/// An error in the catalogue that nothing leads to would promise what never comes.
#[test]
fn every_error_of_the_catalogue_comes_from_somewhere() {
    let source = PathBuf::from(std::env::var("CARGO_MANIFEST_DIR").unwrap()).join("src");
    let mut text = String::new();
    collect(&source, &mut text);
    let rooms = source.join("error/catalogue");
    let mut found = 0;
    for room in fs::read_dir(rooms).unwrap() {
        for line in fs::read_to_string(room.unwrap().path()).unwrap().lines() {
            let Some((name, _)) = line.trim().split_once(" = Entry::new(") else {
                continue;
            };
            assert!(
                text.contains(&format!("catalogue::{name}")),
                "{name} is in the catalogue; name it in facts.rs or conversions.rs, or remove it"
            );
            found += 1;
        }
    }
    assert_eq!(found, catalogue::entries().count());
}

fn collect(folder: &Path, text: &mut String) {
    for path in fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
    {
        if path.is_dir() {
            collect(&path, text);
        } else {
            text.push_str(&fs::read_to_string(path).unwrap());
        }
    }
}

/// Name, number, explanation, next step: as a value and as JSON.
#[test]
fn an_error_shows_all_that_is_known_of_it() {
    let error = Error::GroupNotFound {
        name: "Ches".to_owned(),
    };
    assert_eq!(error.code(), "group_not_found");
    let code = error.original().unwrap();
    assert_eq!((code.name, code.number), ("PEER_E_NOT_FOUND", 0x8007_0490));
    assert_eq!(code.hex(), "0x80070490");
    let problem = serde_json::to_value(Problem::from(&error)).unwrap();
    assert_eq!(
        problem,
        serde_json::json!({
            "type": "urn:peerage:error:group_not_found",
            "title": "what was named does not exist",
            "status": 404,
            "detail": "no group is called \"Ches\"",
            "code": "group_not_found",
            "kind": "not_found",
            "original": "PEER_E_NOT_FOUND",
            "original_number": 0x8007_0490_u32,
            "next_step": "list the groups with: peerage group ls",
        })
    );
}
