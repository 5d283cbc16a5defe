//! Every error there is, as data: one [`Entry`] each, in the one place where its code, kind, meaning
//! and next step are said.
//!
//! `docs/api.md`, `peerage explain` and `GET /v1/errors` are made from it. Whoever adds an error adds
//! a line to the file of its room and names it in `facts.rs` or `conversions.rs`; nothing else has to
//! be told.

use super::ErrorKind;

mod explain;
mod original;

mod applications;
mod direct;
mod events;
mod groups;
mod identities;
mod invitations;
mod members;
mod node;
mod records;

pub(crate) use explain::words;
pub use explain::{everything, explain};
pub use original::{Here, ORIGINALS, Original};

pub(crate) use self::{
    applications::*, direct::*, events::*, groups::*, identities::*, invitations::*, members::*,
    node::*, records::*,
};

/// What is known about one error, whatever it is about this time.
#[derive(Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Entry {
    /// Stable, in snake case, for programs.
    pub code: &'static str,
    /// What to do about it, as one of a few words.
    pub kind: ErrorKind,
    /// What it means, in one to three sentences.
    pub meaning: &'static str,
    /// What to try next; an error may know better, see [`Error::next_step`](crate::Error::next_step).
    pub next_step: &'static str,
    /// The original Peer Infrastructure's result code for it, if it had one.
    pub original: Option<&'static Original>,
    status: Option<u16>,
    retry_after_seconds: Option<u32>,
}

/// Seconds after which it is worth asking again what may succeed later.
const SOON_SECONDS: u32 = 1;
/// The same of what somebody has to see to first.
const LATER_SECONDS: u32 = 30;

impl Entry {
    const fn new(
        code: &'static str,
        kind: ErrorKind,
        meaning: &'static str,
        next_step: &'static str,
    ) -> Self {
        Self {
            code,
            kind,
            meaning,
            next_step,
            original: None,
            status: None,
            retry_after_seconds: None,
        }
    }

    /// The original had a code for it.
    const fn original(mut self, name: &str) -> Self {
        self.original = Some(original::named(name));
        self
    }

    /// Another HTTP status than the one of its kind.
    const fn status(mut self, status: u16) -> Self {
        self.status = Some(status);
        self
    }

    /// It is worth asking again after another time than usual.
    const fn again_after(mut self, seconds: u32) -> Self {
        self.retry_after_seconds = Some(seconds);
        self
    }

    /// The HTTP status of the local API.
    #[must_use]
    pub fn http_status(&self) -> u16 {
        self.status.unwrap_or_else(|| self.kind.http_status())
    }

    /// After how many seconds it is worth asking again; none where asking again does not help.
    #[must_use]
    pub fn retry_after_seconds(&self) -> Option<u32> {
        self.retry_after_seconds.or(match self.kind {
            ErrorKind::Retry => Some(SOON_SECONDS),
            ErrorKind::Unavailable => Some(LATER_SECONDS),
            _ => None,
        })
    }
}

/// Every error of ours, by room.
#[allow(unused_qualifications, reason = "each room has an `ALL`")]
pub fn entries() -> impl Iterator<Item = &'static Entry> {
    [
        node::ALL,
        applications::ALL,
        identities::ALL,
        groups::ALL,
        direct::ALL,
        members::ALL,
        invitations::ALL,
        records::ALL,
        events::ALL,
    ]
    .into_iter()
    .flatten()
    .copied()
}

/// The errors of ours that stand for a code of the original.
pub fn ours(original: &'static Original) -> impl Iterator<Item = &'static Entry> {
    let besides = match original.here {
        Here::Errors(besides) => besides,
        Here::Outcome(_) | Here::Never(_) => &[],
    };
    entries().filter(move |entry| {
        entry.original.is_some_and(|named| named == original) || besides.contains(&entry.code)
    })
}

/// The errors of one room, each as a constant, and all of them as `ALL`.
macro_rules! room {
    ($($name:ident = $entry:expr;)+) => {
        $(pub(crate) static $name: Entry = $entry;)+
        pub(super) static ALL: &[&Entry] = &[$(&$name),+];
    };
}
use room;
