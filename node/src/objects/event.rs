//! The kinds of event a group object tells of.

use std::pin::Pin;

use futures::{Stream, StreamExt, future, stream};

use crate::{DirectEvent, DirectListener, DirectMessage, EventStream, Result, model::GroupEvent};

/// What happens in an open group, in order; ends when the group is closed.
pub type PeerGroupEvents = Pin<Box<dyn Stream<Item = Result<PeerGroupEvent>> + Send>>;

/// Something happened in a group. The [`GroupEvent`] inside says what, more finely.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum PeerGroupEvent {
    /// The group went offline, is connecting, is listening, or has connections.
    StatusChanged(GroupEvent),
    /// Some property changed; [`properties`](super::PeerGroup::properties) has the new ones.
    PropertyChanged(GroupEvent),
    /// Published data changed.
    RecordChanged(GroupEvent),
    /// A connection to a member, as a neighbour or a direct one, was made, ended or failed.
    ConnectionChanged(GroupEvent),
    /// Private data came on a direct connection; only for who
    /// [listens](super::PeerGroup::open_listening).
    IncomingData(DirectMessage),
    /// So much private data was lost, because these events were not read.
    MissedData {
        /// How many messages.
        messages: u64,
    },
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

pub(super) fn of(events: EventStream, data: Option<DirectListener>) -> PeerGroupEvents {
    let events = events.map(|event| event.map(PeerGroupEvent::from));
    let Some(data) = data else {
        return Box::pin(events);
    };
    let data = data.filter_map(|event| {
        future::ready(match event {
            DirectEvent::Data(message) => Some(Ok(PeerGroupEvent::IncomingData(message))),
            DirectEvent::Missed { messages } => Some(Ok(PeerGroupEvent::MissedData { messages })),
            // Told among the events.
            DirectEvent::Connected(_) | DirectEvent::Disconnected(_) | DirectEvent::Failed(_) => {
                None
            }
        })
    });
    Box::pin(stream::select(events, data))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::EventKind;

    /// The variant for each kind. Whoever adds a kind decides here which it is.
    const VARIANTS: &[(EventKind, &str)] = &[
        (EventKind::RecordAdded, "record"),
        (EventKind::RecordUpdated, "record"),
        (EventKind::RecordDeleted, "record"),
        (EventKind::RecordExpired, "record"),
        (EventKind::MemberJoined, "member"),
        (EventKind::MemberUpdated, "member"),
        (EventKind::MemberRemoved, "member"),
        (EventKind::MemberLeft, "member"),
        (EventKind::MemberConnected, "member"),
        (EventKind::MemberDisconnected, "member"),
        (EventKind::AdmissionRefused, "other"),
        (EventKind::CredentialRenewed, "other"),
        (EventKind::CredentialExpiring, "other"),
        (EventKind::PropertiesChanged, "property"),
        (EventKind::NeighbourConnected, "connection"),
        (EventKind::NeighbourDisconnected, "connection"),
        (EventKind::NeighbourFailed, "connection"),
        (EventKind::DirectConnected, "connection"),
        (EventKind::DirectDisconnected, "connection"),
        (EventKind::DirectFailed, "connection"),
        (EventKind::StatusChanged, "status"),
        (EventKind::Synchronised, "other"),
        (EventKind::JoinRequested, "other"),
        (EventKind::ConnectionFailed, "connection"),
        (EventKind::ConnectionRequired, "other"),
        (EventKind::NodeDuplicated, "other"),
        (EventKind::Gap, "other"),
        (EventKind::SnapshotRecord, "other"),
        (EventKind::SnapshotEnd, "other"),
    ];

    #[test]
    fn each_kind_is_told_as_the_event_it_was() {
        let listed: Vec<EventKind> = VARIANTS.iter().map(|(kind, _)| *kind).collect();
        assert_eq!(listed, EventKind::ALL);
        for (kind, expected) in VARIANTS {
            let told = match PeerGroupEvent::from(GroupEvent::of(*kind)) {
                PeerGroupEvent::StatusChanged(event) => ("status", event.kind),
                PeerGroupEvent::PropertyChanged(event) => ("property", event.kind),
                PeerGroupEvent::RecordChanged(event) => ("record", event.kind),
                PeerGroupEvent::ConnectionChanged(event) => ("connection", event.kind),
                PeerGroupEvent::MemberChanged(event) => ("member", event.kind),
                PeerGroupEvent::Other(event) => ("other", event.kind),
                data @ (PeerGroupEvent::IncomingData(_) | PeerGroupEvent::MissedData { .. }) => {
                    panic!("{data:?}")
                }
            };
            assert_eq!(told, (*expected, *kind));
        }
    }
}
