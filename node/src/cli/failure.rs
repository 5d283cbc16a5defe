//! What goes wrong on the command line, whether here or in the daemon.

use std::path::Path;

use clap::CommandFactory;

use super::args::Cli;
use crate::{
    Error, ErrorKind,
    error::catalogue::{self, Entry},
    model::Problem,
};

/// Whose next step somebody else takes, most often on another machine.
static ELSEWHERE: [&Entry; 7] = [
    &catalogue::CREATOR_NOT_REMOVABLE,
    &catalogue::DIRECT_REFUSED,
    &catalogue::DOOR_CLOSED,
    &catalogue::GROUP_ADDRESS_NOT_TRUSTED,
    &catalogue::INVALID_DATABASE,
    &catalogue::INVALID_IDENTITY,
    &catalogue::INVALID_RECOVERY,
];

/// A problem to be shown.
#[derive(Debug)]
pub(super) struct Failure(pub(super) Box<Problem>);

impl Failure {
    /// An error of the catalogue, and what there is to say about it this time.
    pub(super) fn new(entry: &Entry, detail: impl Into<String>) -> Self {
        Self(Box::new(Problem::new(entry, detail)))
    }

    /// The command line itself is wrong.
    pub(super) fn usage(reason: &str) -> Self {
        Self::new(&catalogue::USAGE, reason)
    }

    /// Whether it is this error of the catalogue.
    pub(super) fn is(&self, entry: &Entry) -> bool {
        self.0.code == entry.code
    }

    /// With another advice than usual.
    pub(super) fn advise(mut self, next_step: &str) -> Self {
        next_step.clone_into(&mut self.0.next_step);
        self
    }

    /// Its stable code.
    pub(super) fn code(&self) -> &str {
        &self.0.code
    }

    /// With the folder in what is to be done next, when the command line named one: the same command
    /// without it would be about another node.
    pub(super) fn in_folder(self, folder: Option<&Path>) -> Self {
        let elsewhere = ELSEWHERE.iter().any(|entry| self.is(entry));
        match folder {
            Some(folder) if !elsewhere => {
                let next_step = with_folder(&self.0.next_step, folder);
                self.advise(&next_step)
            }
            _ => self,
        }
    }

    pub(super) fn kind(&self) -> ErrorKind {
        self.0.kind
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self(Box::new(Problem::from(&error)))
    }
}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        let next_step = by_command(&problem.code);
        let failure = Self(Box::new(problem));
        match next_step {
            Some(next_step) => failure.advise(next_step),
            None => failure,
        }
    }
}

/// Where the daemon advises what only a program can do: the command that does it.
fn by_command(code: &str) -> Option<&'static str> {
    let commands = [
        (
            &catalogue::SESSION_NEEDED,
            "attach the application, and leave it attached: peerage app attach GROUP --connect",
        ),
        (
            &catalogue::TOKEN_NEEDED,
            "put a token that is good in PEERAGE_TOKEN; the operator makes one with: peerage app token NAME",
        ),
    ];
    let found = commands.into_iter().find(|(entry, _)| entry.code == code);
    found.map(|(_, command)| command)
}

/// The same text, with the folder in each of our commands in it.
fn with_folder(text: &str, folder: &Path) -> String {
    const PROGRAM: &str = "peerage ";
    let command = Cli::command();
    let folder = quoted(&folder.display().to_string());
    let mut parts = text.split(PROGRAM);
    let mut told = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        told.push_str(PROGRAM);
        let word: &str = part
            .split(|c: char| !c.is_ascii_alphabetic())
            .next()
            .unwrap_or_default();
        // It may also be a word of a sentence.
        if command.find_subcommand(word).is_some() {
            told.push_str(&format!("--data-dir {folder} "));
        }
        told.push_str(part);
    }
    told
}

/// As a shell reads it.
fn quoted(text: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "/._-+@%:,=".contains(c);
    match !text.is_empty() && text.chars().all(plain) {
        true => text.to_owned(),
        false => format!("'{}'", text.replace('\'', r"'\''")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_folder_goes_into_commands_and_nowhere_else() {
        for (text, told) in [
            (
                "start it with: peerage up",
                "start it with: peerage --data-dir /d up",
            ),
            (
                "use it (peerage status), or stop it (peerage down)",
                "use it (peerage --data-dir /d status), or stop it (peerage --data-dir /d down)",
            ),
            (
                "use the peerage that wrote it",
                "use the peerage that wrote it",
            ),
            ("see peerage --help", "see peerage --help"),
            ("try again", "try again"),
        ] {
            assert_eq!(with_folder(text, Path::new("/d")), told);
        }
        assert_eq!(
            with_folder("peerage up", Path::new("my node's")),
            r"peerage --data-dir 'my node'\''s' up"
        );
    }

    #[test]
    fn what_somebody_else_does_is_done_in_a_folder_of_theirs() {
        let folder = Some(Path::new("/d"));
        let next_step = |error: Error, folder| Failure::from(error).in_folder(folder).0.next_step;
        let closed = || Error::DoorClosed {
            group: String::new(),
        };
        assert_eq!(next_step(closed(), folder), closed().next_step());
        assert!(next_step(Error::ShuttingDown, folder).contains("--data-dir /d up"));
        assert!(!next_step(Error::ShuttingDown, None).contains("--data-dir"));
    }
}
