//! Text and content named on the command line.

use std::{
    fs::File,
    io::{self, Read},
    path::Path,
};

use peerage_protocol::{invitation::Invitation, wire::direct::MAX_DIRECT_MESSAGE_BYTES};
use zeroize::Zeroizing;

use super::{failure::Failure, output::Output};
use crate::{Error, error::catalogue, settings::MAX_PASSPHRASE_BYTES};

/// At most this much text: an invitation needs half.
const MAX_TEXT_BYTES: u64 = 64 * 1024;

/// At most this much content; the daemon refuses more than 48 KiB.
const MAX_CONTENT_BYTES: u64 = 96 * 1024;

/// A passphrase of fewer characters is warned of.
const SHORT_PASSPHRASE: usize = 8;

/// How the passphrase of an export is given without a terminal.
const PASSPHRASE_OTHERWISE: &str =
    "give it with --passphrase-file FILE, or in PEERAGE_EXPORT_PASSPHRASE";

/// How the password of a group is.
pub(super) const PASSWORD_OTHERWISE: &str = "give it with --password-file FILE";

/// The text itself when it is a `peerage:` URI, else that of a file or of standard input.
pub(super) fn text(argument: &str) -> Result<String, Failure> {
    if argument.starts_with("peerage:") {
        return Ok(argument.to_owned());
    }
    as_text(argument, read(Path::new(argument), MAX_TEXT_BYTES)?)
}

fn as_text(argument: &str, bytes: Vec<u8>) -> Result<String, Failure> {
    String::from_utf8(bytes)
        .map_err(|_| Error::invalid("file", format!("{argument} is not text")).into())
}

/// An invitation as text: the argument itself, or what a file or standard input holds, be it text or
/// bytes.
pub(super) fn invitation(argument: &str) -> Result<String, Failure> {
    if argument.starts_with("peerage:") {
        return Ok(argument.to_owned());
    }
    let bytes = read(Path::new(argument), MAX_TEXT_BYTES)?;
    if Invitation::begins(&bytes) {
        return Ok(Invitation::decode(&bytes).map_err(Error::from)?.to_uri());
    }
    as_text(argument, bytes)
}

/// Content of a file or of standard input.
pub(super) fn content(path: &Path) -> Result<Vec<u8>, Failure> {
    read(path, MAX_CONTENT_BYTES)
}

/// A message of a file or of standard input.
pub(super) fn message(path: &Path) -> Result<Vec<u8>, Failure> {
    read(path, MAX_DIRECT_MESSAGE_BYTES as u64)
}

/// A passphrase: from the file, else from `PEERAGE_EXPORT_PASSPHRASE`, else asked for; asked for
/// twice where a mistake could not be undone.
pub(super) fn passphrase(file: Option<&Path>, ask: Ask) -> Result<Zeroizing<String>, Failure> {
    if let Some(path) = file {
        let bytes = Zeroizing::new(read(path, MAX_PASSPHRASE_BYTES as u64 + 2)?);
        let text = std::str::from_utf8(&bytes)
            .map_err(|_| Error::invalid("passphrase", "is not UTF-8"))?;
        let line = text.lines().next().unwrap_or_default();
        return Ok(Zeroizing::new(line.to_owned()));
    }
    if let Ok(text) = std::env::var("PEERAGE_EXPORT_PASSPHRASE") {
        return Ok(Zeroizing::new(text));
    }
    let given = prompt("Passphrase of the export: ", PASSPHRASE_OTHERWISE)?;
    if ask == Ask::Twice && prompt("Once more: ", PASSPHRASE_OTHERWISE)? != given {
        return Err(Error::invalid("passphrase", "the two differ").into());
    }
    Ok(given)
}

/// A passphrase for something that leaves the node, asked for twice. The original takes any, so a short
/// one is only spoken of.
pub(super) fn new_passphrase(
    file: Option<&Path>,
    output: Output,
) -> Result<Zeroizing<String>, Failure> {
    let given = passphrase(file, Ask::Twice)?;
    if output == Output::Text && is_short(&given) {
        eprintln!(
            "warning: the passphrase is short and soon guessed by whoever has the file; take one of at least {SHORT_PASSPHRASE} characters"
        );
    }
    Ok(given)
}

/// An empty one is refused anyway.
fn is_short(passphrase: &str) -> bool {
    (1..SHORT_PASSPHRASE).contains(&passphrase.chars().count())
}

/// The password of a group, from the first line of a file or of standard input.
pub(super) fn password(file: &Path) -> Result<Zeroizing<String>, Failure> {
    passphrase(Some(file), Ask::Once)
}

/// A new password of a group, asked for twice.
pub(super) fn new_password() -> Result<Zeroizing<String>, Failure> {
    let given = prompt("Password of the group: ", PASSWORD_OTHERWISE)?;
    if prompt("Once more: ", PASSWORD_OTHERWISE)? != given {
        return Err(Error::invalid("password", "the two differ").into());
    }
    Ok(given)
}

/// How often to ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ask {
    /// For something that exists.
    Once,
    /// For something new.
    Twice,
}

/// Asks on the terminal, without showing the answer. `otherwise` is how it is given without one.
pub(super) fn prompt(question: &str, otherwise: &str) -> Result<Zeroizing<String>, Failure> {
    rpassword::prompt_password(question)
        .map(Zeroizing::new)
        .map_err(|error| {
            let reason = format!("cannot be asked for without a terminal: {error}");
            Failure::from(Error::invalid("passphrase", reason)).advise(otherwise)
        })
}

/// With what helps where the passphrase of an export or a backup is wrong or missing; the usual next
/// step is about the node's own.
pub(super) fn of_export(failure: Failure) -> Failure {
    let next_step = if failure.is(&catalogue::WRONG_PASSPHRASE) {
        "check the passphrase that the file was written with: --passphrase-file FILE or PEERAGE_EXPORT_PASSPHRASE"
    } else if failure.is(&catalogue::PASSPHRASE_NEEDED) {
        PASSPHRASE_OTHERWISE
    } else {
        return failure;
    };
    failure.advise(next_step)
}

fn read(path: &Path, limit_bytes: u64) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    let done = if path == Path::new("-") {
        io::stdin().take(limit_bytes + 1).read_to_end(&mut bytes)
    } else {
        File::open(path).and_then(|file| file.take(limit_bytes + 1).read_to_end(&mut bytes))
    };
    done.map_err(|error| Error::io(path, error))?;
    if bytes.len() as u64 > limit_bytes {
        let reason = format!("{} is larger than {limit_bytes} bytes", path.display());
        return Err(Error::invalid("file", reason).into());
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_passphrase_is_short_below_eight_characters() {
        for (text, short) in [
            ("", false),
            ("1", true),
            ("sieben7", true),
            ("zw\u{f6}lf12", true),
            ("onions!!", false),
        ] {
            assert_eq!(is_short(text), short, "{text}");
        }
    }
}
