//! How far a group has got with being online, told whenever it changes.

use peerage_records::id::ReplicaId;

use super::{Engine, Event, group::GroupState};

/// How far an open group has got with being online. Whether it has ever been brought up to date is
/// told apart: see [`GroupView::synchronised`](super::GroupView).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Status {
    /// Not online and not trying to be.
    Offline,
    /// Never brought up to date, and looking for a member that can do so.
    Connecting,
    /// Online without a neighbour: others may connect.
    Listening,
    /// At least one neighbour.
    Connected,
}

impl GroupState {
    pub(super) fn status(&self) -> Status {
        match &self.online {
            None => Status::Offline,
            Some(_) if !self.neighbours.is_empty() => Status::Connected,
            // A creator or a member that returns may wait alone; a newcomer has to find somebody.
            Some(_) if self.synchronised => Status::Listening,
            Some(_) => Status::Connecting,
        }
    }
}

impl Engine {
    /// Tells of every group whose status is another than the one told last.
    pub(super) fn tell_statuses(&mut self) {
        let changed: Vec<(ReplicaId, Status)> = self
            .groups
            .iter_mut()
            .filter_map(|(replica, state)| {
                let status = state.status();
                let before = std::mem::replace(&mut state.told, status);
                (before != status).then_some((*replica, status))
            })
            .collect();
        for (replica, status) in changed {
            self.emit(Event::StatusChanged { replica, status });
        }
    }
}
