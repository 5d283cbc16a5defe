//! What goes wrong on the command line, whether here or in the daemon.

use crate::{Error, ErrorKind, error::catalogue, model::Problem};

/// A problem to be shown.
#[derive(Debug)]
pub(super) struct Failure(pub(super) Box<Problem>);

impl Failure {
    /// The command line itself is wrong.
    pub(super) fn usage(reason: &str) -> Self {
        Self(Box::new(Problem::new(&catalogue::USAGE, reason)))
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
        Self(Box::new(problem))
    }
}
