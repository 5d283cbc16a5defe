//! The kinds of event a group object tells of.

use std::pin::Pin;

use futures::{Stream, StreamExt};

use crate::{EventStream, Result, model::GroupEvent};

/// What happens in an open group, in order; ends when the group is closed.
pub type PeerGroupEvents = Pin<Box<dyn Stream<Item = Result<PeerGroupEvent>> + Send>>;

/// Something happened in a group. The [`GroupEvent`] inside says what, more finely.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum PeerGroupEvent {
    /// The group went offline, is connecting, is listening, or has connections.
    StatusChanged(GroupEvent),
    /// Some property changed; [`properties`](super::PeerGroup::properties) has the new ones.
    PropertyChanged(GroupEvent),
    /// Published data changed.
    RecordChanged(GroupEvent),
    /// A connection to a member was made, ended or failed.
    ConnectionChanged(GroupEvent),
    /// A member came online, went offline, joined, left, was removed, or says something else of itself.
    MemberChanged(GroupEvent),
    /// What the original did not tell of: events were missed, the databases are in line, our own
    /// membership, somebody wants to come in.
    Other(GroupEvent),
}

impl From<GroupEvent> for PeerGroupEvent {
    fn from(event: GroupEvent) -> Self {
        // As the original numbered its types of event.
        match event.kind.number() {
            Some(1) => Self::StatusChanged(event),
            Some(2) => Self::PropertyChanged(event),
            Some(3) => Self::RecordChanged(event),
            Some(4 | 5 | 10) => Self::ConnectionChanged(event),
            Some(8) => Self::MemberChanged(event),
            _ => Self::Other(event),
        }
    }
}

pub(super) fn of(events: EventStream) -> PeerGroupEvents {
    Box::pin(events.map(|event| event.map(PeerGroupEvent::from)))
}
