//! Are the files of the data folder as they were written?

use std::path::Path;

use peerage_records::store::rocks::{RocksOptions, RocksStore};

use crate::{
    Error, ErrorKind,
    folder::DataFolder,
    model::{Check, Finding},
};

/// Opens the folder of a node that does not run as a start would, and reads everything in it.
#[must_use]
pub fn check(folder: &Path, passphrase: Option<&str>) -> Vec<Finding> {
    if !folder.join("format").exists() {
        return vec![Finding::ok(Check::Files, "nothing is kept yet")];
    }
    let folder = match DataFolder::open(folder) {
        Ok(folder) => folder,
        Err(error) => return vec![trouble(&error)],
    };
    let mut found = Vec::new();
    if let Err(error) = folder.node_key() {
        found.push(trouble(&error));
    }
    let (identities, damaged) = folder.examine_identities(passphrase);
    found.extend(damaged.iter().map(trouble));
    found.extend(
        folder
            .examine_memberships(&identities, passphrase)
            .iter()
            .map(trouble),
    );
    let store = folder.store_path();
    if store.exists()
        && let Err(error) = RocksStore::open(&store, &RocksOptions::default())
    {
        found.push(Finding::problem(
            Check::Files,
            ErrorKind::Damaged,
            format!("{}: {error}", store.display()),
            "restore it from a backup, or move it away: the records come back from other members",
        ));
    }
    if found.is_empty() {
        let detail = format!(
            "{} identities and their groups are readable",
            identities.len()
        );
        found.push(Finding::ok(Check::Files, detail));
    }
    found
}

/// What is wrong with one file.
#[must_use]
pub fn trouble(error: &Error) -> Finding {
    let next = error.next_step();
    match error {
        // Nothing is wrong with what cannot be read without it.
        Error::PassphraseNeeded { .. } => {
            Finding::warning(Check::Files, error.kind(), error.full_text(), next)
        }
        _ => Finding::problem(Check::Files, error.kind(), error.full_text(), next),
    }
}
