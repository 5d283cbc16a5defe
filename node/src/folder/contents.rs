//! Which files of a data folder are copied into a backup and taken out of one: no others are.

use std::{
    fs,
    path::{Path, PathBuf},
};

use super::DataFolder;
use crate::Error;

/// Files at the top of the folder.
const TOP: [&str; 5] = [
    "applications.json",
    "default-identity",
    "deleted-identities",
    "format",
    "node.key",
];

/// What the files of a membership are.
const OF_GROUPS: [&str; 5] = ["join", "json", "pem", "requests", "restored"];

/// Hex digits of the ids after which files are named.
const ID_CHARS: usize = 32;
/// Hex digits of an invitation's id.
const INVITATION_CHARS: usize = 16;

/// Whether a file with this path below the data folder, its parts joined by `/`, is one that a node keeps.
/// Nothing else passes: no way up or out, no other name, no depth but the right one.
pub(crate) fn is_kept(path: &str) -> bool {
    let parts: Vec<&str> = path.split('/').collect();
    match parts[..] {
        [name] => TOP.contains(&name),
        ["identities", file] => is_named(file, ID_CHARS, &["pem"]),
        ["groups", identity, file] => {
            is_hex(identity, ID_CHARS) && is_named(file, ID_CHARS, &OF_GROUPS)
        }
        ["groups", identity, folder, file] => {
            is_hex(identity, ID_CHARS)
                && is_named(folder, ID_CHARS, &["invited"])
                && is_named(file, INVITATION_CHARS, &["json"])
        }
        ["store", file] => is_of_store(file),
        _ => false,
    }
}

/// Whether RocksDB needs a file of this name to open the store; it makes the others itself.
fn is_of_store(file: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.len() <= 20 && is_digits(text);
    match file {
        "CURRENT" | "IDENTITY" => true,
        _ => {
            file.strip_prefix("MANIFEST-").is_some_and(digits)
                || file.strip_prefix("OPTIONS-").is_some_and(digits)
                || file.strip_suffix(".sst").is_some_and(digits)
                || file.strip_suffix(".log").is_some_and(digits)
        }
    }
}

impl DataFolder {
    /// The files a node keeps here except those of the store, as paths below the folder, in order. The
    /// folder does not change while the caller keeps others from writing.
    ///
    /// # Errors
    /// When a folder cannot be read.
    pub(crate) fn kept_files(&self) -> Result<Vec<String>, Error> {
        let mut found = Vec::new();
        for name in TOP {
            if self.path.join(name).is_file() {
                found.push(name.to_owned());
            }
        }
        for below in ["identities", "groups"] {
            self.gather(Path::new(below), &mut found)?;
        }
        found.sort();
        Ok(found)
    }

    fn gather(&self, below: &Path, found: &mut Vec<String>) -> Result<(), Error> {
        for entry in names(&self.path.join(below))? {
            let path = below.join(&entry);
            let Some(text) = path.to_str() else { continue };
            // At most as deep as invitations are.
            if self.path.join(&path).is_dir() && path.components().count() < 4 {
                self.gather(&path, found)?;
            } else if is_kept(text) {
                found.push(text.to_owned());
            }
        }
        Ok(())
    }
}

/// The names in a folder.
fn names(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let failed = |error| Error::io(folder, error);
    fs::read_dir(folder)
        .map_err(failed)?
        .map(|entry| Ok(PathBuf::from(entry.map_err(failed)?.file_name())))
        .collect()
}

fn is_named(file: &str, digits: usize, extensions: &[&str]) -> bool {
    file.split_once('.')
        .is_some_and(|(stem, extension)| is_hex(stem, digits) && extensions.contains(&extension))
}

fn is_hex(text: &str, digits: usize) -> bool {
    text.len() == digits && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

fn is_digits(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_node_keeps_passes_and_nothing_else() {
        let id = "0123456789abcdef0123456789abcdef";
        let kept = [
            "format".to_owned(),
            "node.key".to_owned(),
            format!("identities/{id}.pem"),
            format!("groups/{id}/{id}.json"),
            format!("groups/{id}/{id}.restored"),
            format!("groups/{id}/{id}.invited/0123456789abcdef.json"),
            "store/000012.sst".to_owned(),
            "store/MANIFEST-000005".to_owned(),
        ];
        for path in &kept {
            assert!(is_kept(path), "{path}");
        }
        let refused = [
            String::new(),
            "lock".to_owned(),
            "api.sock".to_owned(),
            "/format".to_owned(),
            "./format".to_owned(),
            "../format".to_owned(),
            "store/../format".to_owned(),
            "store/LOCK".to_owned(),
            "store/../../x.sst".to_owned(),
            "store/1.sst/1.sst".to_owned(),
            "format/".to_owned(),
            "format\0".to_owned(),
            "identities/../node.key".to_owned(),
            format!("identities/{id}.pem.unfinished"),
            format!("identities/{}.pem", id.to_uppercase()),
            format!("groups/{id}/{id}.sh"),
            format!("groups/..{}/{id}.json", &id[2..]),
            format!("groups/{id}/{id}.invited/../x.json"),
            "work/a/b".to_owned(),
        ];
        for path in &refused {
            assert!(!is_kept(path), "{path}");
        }
        // Each path on its own, and with anything before or after it.
        for path in &kept {
            assert!(!is_kept(&format!("/{path}")) && !is_kept(&format!("x/{path}")));
            assert!(!is_kept(&format!("{path}/..")) && !is_kept(&format!("{path} ")));
        }
    }
}
