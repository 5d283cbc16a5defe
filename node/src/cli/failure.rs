//! What goes wrong on the command line, whether here or in the daemon.

use crate::{
    Error, ErrorKind,
    error::catalogue::{self, Entry},
    model::Problem,
};

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
