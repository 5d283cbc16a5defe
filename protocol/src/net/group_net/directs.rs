//! Direct connections as `GroupNet` knows them: which handles are expected, which streams are on their
//! way or open, and how each is cut.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use libp2p::{PeerId, Stream, swarm};
use peerage_records::id::GroupId;

use super::{Event, GroupNet, LinkHandle, handler::Command};
use crate::{
    direct::ConnectionId,
    engine::MAX_DIRECTS,
    net::direct_stream::{Cut, DirectStream},
};

/// Handles for which one stream each is accepted, shared by the handlers of all connections: the peer
/// may use the one it likes.
#[derive(Clone, Debug, Default)]
pub(super) struct Expected(Arc<Mutex<HashMap<PeerId, Vec<Handle>>>>);

#[derive(Debug)]
struct Handle {
    bytes: [u8; 32],
    id: ConnectionId,
}

impl Expected {
    fn insert(&self, peer: PeerId, handle: &LinkHandle, id: ConnectionId) {
        let bytes = handle.0;
        self.lock()
            .entry(peer)
            .or_default()
            .push(Handle { bytes, id });
    }

    /// Whose stream this is; the handle is then worth nothing any more.
    pub(super) fn take(&self, peer: &PeerId, handle: &LinkHandle) -> Option<ConnectionId> {
        self.remove(peer, |known| known.bytes == handle.0)
    }

    fn forget(&self, peer: &PeerId, id: ConnectionId) {
        self.remove(peer, |known| known.id == id);
    }

    fn remove(&self, peer: &PeerId, which: impl Fn(&Handle) -> bool) -> Option<ConnectionId> {
        let mut peers = self.lock();
        let of_peer = peers.get_mut(peer)?;
        let at = of_peer.iter().position(which)?;
        let found = of_peer.swap_remove(at);
        if of_peer.is_empty() {
            peers.remove(peer);
        }
        Some(found.id)
    }

    /// A panic elsewhere cannot leave a list half changed.
    fn lock(&self) -> MutexGuard<'_, HashMap<PeerId, Vec<Handle>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The direct connections of all groups. The engine bounds how many there are, and ends each.
#[derive(Debug, Default)]
pub(super) struct Directs {
    pub(super) expected: Expected,
    known: HashMap<ConnectionId, Direct>,
}

#[derive(Debug)]
struct Direct {
    group: GroupId,
    peer: PeerId,
    stage: Stage,
}

#[derive(Debug)]
enum Stage {
    /// The other side may open a stream with the handle.
    Expected,
    /// We open one on this connection.
    Opening(swarm::ConnectionId),
    /// Until somebody takes it, the stream is here.
    Open(Option<DirectStream>, Cut),
}

impl GroupNet {
    /// Opens the stream of a direct connection on the best connection to the peer: direct before
    /// relayed, then the newest. Answered by [`Event::DirectOpened`] or [`Event::DirectFailed`].
    pub fn open_direct(
        &mut self,
        id: ConnectionId,
        group: GroupId,
        peer: PeerId,
        handle: LinkHandle,
    ) {
        let connection = self.gate.best_connection(&peer);
        match connection.filter(|_| self.takes_direct(id, &group)) {
            Some(connection) => {
                let stage = Stage::Opening(connection);
                self.directs.known.insert(id, Direct { group, peer, stage });
                self.command(peer, connection, Command::Direct { id, handle });
            }
            None => self.tell(Event::DirectFailed { id }),
        }
    }

    /// Accepts one stream with this handle from this peer, on whatever connection, until
    /// [`close_direct`](Self::close_direct).
    pub fn expect_direct(
        &mut self,
        id: ConnectionId,
        group: GroupId,
        peer: PeerId,
        handle: &LinkHandle,
    ) {
        if self.takes_direct(id, &group) {
            self.directs.expected.insert(peer, handle, id);
            let stage = Stage::Expected;
            self.directs.known.insert(id, Direct { group, peer, stage });
        }
    }

    /// The stream of a direct connection, once after [`Event::DirectOpened`].
    pub fn take_direct(&mut self, id: ConnectionId) -> Option<DirectStream> {
        match &mut self.directs.known.get_mut(&id)?.stage {
            Stage::Open(stream, _) => stream.take(),
            Stage::Expected | Stage::Opening(_) => None,
        }
    }

    /// Cuts a direct connection, whoever holds its stream, or gives it up before it is open.
    pub fn close_direct(&mut self, id: ConnectionId) {
        let Some(direct) = self.directs.known.remove(&id) else {
            return;
        };
        match direct.stage {
            Stage::Expected => self.directs.expected.forget(&direct.peer, id),
            // What comes of it has no owner any more.
            Stage::Opening(_) => {}
            Stage::Open(_, cut) => cut.cut(),
        }
        self.forget_direct(id);
    }

    pub(super) fn close_directs(&mut self, group: &GroupId) {
        for id in self.directs.ids(|direct| direct.group == *group) {
            self.close_direct(id);
        }
    }

    /// A connection is gone: streams that were to be opened on it will not be. Those that are open tell
    /// whoever reads them.
    pub(super) fn directs_disconnected(&mut self, connection: swarm::ConnectionId) {
        let on_it =
            |direct: &Direct| matches!(direct.stage, Stage::Opening(on) if on == connection);
        for id in self.directs.ids(on_it) {
            self.directs.known.remove(&id);
            self.tell(Event::DirectFailed { id });
        }
    }

    /// A handler has opened or accepted a stream, or could not.
    pub(super) fn direct_noticed(
        &mut self,
        id: ConnectionId,
        connection: swarm::ConnectionId,
        stream: Option<Stream>,
    ) {
        let Some(direct) = self.directs.known.get_mut(&id) else {
            return;
        };
        if matches!(direct.stage, Stage::Open(..)) {
            return;
        }
        let Some(stream) = stream else {
            self.directs.known.remove(&id);
            self.tell(Event::DirectFailed { id });
            return;
        };
        let (stream, cut) = DirectStream::new(stream);
        direct.stage = Stage::Open(Some(stream), cut);
        let address = self
            .endpoints
            .get(&connection)
            .map(|endpoint| endpoint.get_remote_address().clone());
        self.tell(Event::DirectOpened { id, address });
    }

    fn takes_direct(&self, id: ConnectionId, group: &GroupId) -> bool {
        self.instances.contains_key(group)
            && self.directs.known.len() < MAX_DIRECTS
            && !self.directs.known.contains_key(&id)
    }
}

impl Directs {
    fn ids(&self, wanted: impl Fn(&Direct) -> bool) -> Vec<ConnectionId> {
        self.known
            .iter()
            .filter(|(_, direct)| wanted(direct))
            .map(|(id, _)| *id)
            .collect()
    }
}
