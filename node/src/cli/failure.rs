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
        Self(Box::new(problem))
    }
}
