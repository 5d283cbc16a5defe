//! A replica that was restored from a backup: it had a later life of which it knows nothing.
//!
//! In that life we may have published further versions of records. Two envelopes of ours under one
//! version would be a fork, and a change made to what is old would undo what is newer. So nothing that
//! builds on what is there is published before another member has brought it up to date; and whatever is
//! published over a record that is as old as the backup gets a version no earlier life has reached.

use std::time::Duration;

use peerage_records::{
    id::ReplicaId,
    record::Record,
    time::{CLOCK_TOLERANCE, Timestamp},
};

use super::{Change, Engine, Event, group::GroupState};

/// That a replica was restored from a backup.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Restored {
    /// When.
    pub at: Timestamp,
    /// Whether it has not been brought up to date since.
    pub behind: bool,
}

impl Restored {
    /// The lowest version for what the later life may have changed: the seconds since 1970 at the time of
    /// the restoration, which is also what versions of presence are. Versions count up from one, so a life
    /// before would have had to change one record more than once a second since 1970 to come this far.
    fn floor(&self) -> u32 {
        u32::try_from(self.at.as_secs()).unwrap_or(u32::MAX / 2)
    }
}

impl Change {
    /// Whether it is made to something that is there, which may be older than it should be.
    pub(super) fn builds_on_the_past(&self) -> bool {
        match self {
            // What is published under a key may have been published under it before.
            Self::PublishAs(..)
            | Self::Update(..)
            | Self::Delete(_)
            | Self::Properties(_)
            | Self::Issue { .. }
            | Self::Grant(_) => true,
            // A new record has a new id. A removal must not wait: its version is out of the later life's
            // reach, and which of two revocations holds is not decided by their versions alone.
            Self::Publish(_) | Self::Revoke(_) => false,
        }
    }
}

impl GroupState {
    /// Whether the replica waits for another member to bring it up to date. Where there is none, there is
    /// nobody to wait for.
    pub(super) fn is_behind(&self) -> bool {
        self.restored.is_some_and(|restored| restored.behind)
            && self.roster.iter().any(|(member, _)| *member != self.me())
    }

    /// Gives a record of ours a version that no earlier life of this replica has given out.
    pub(super) fn outdo_later_life(&self, record: Record) -> Record {
        let Some(restored) = &self.restored else {
            return record;
        };
        // Ids of reserved records follow from what they are about, so that even a first one may be a
        // second; all others are drawn, and nobody before us has had a new one.
        let reserved = record.kind.is_reserved();
        let shared = record.created <= restored.at + CLOCK_TOLERANCE + Duration::from_secs(1);
        let touched = reserved || (record.version > 1 && shared);
        if !touched || record.version >= restored.floor() {
            return record;
        }
        Record {
            version: restored.floor(),
            // Only a first version has no modifier.
            modifier: Some(record.toucher()),
            ..record
        }
    }
}

impl Engine {
    /// Another member has brought the replica up to date, or nobody is waited for any more.
    pub(super) fn caught_up(&mut self, replica: ReplicaId) {
        let Some(state) = self.groups.get_mut(&replica) else {
            return;
        };
        if let Some(restored) = &mut state.restored
            && restored.behind
        {
            restored.behind = false;
            self.emit(Event::CaughtUp { replica });
        }
    }
}
