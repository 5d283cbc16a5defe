//! The behaviour's side of admission exchanges: which connection each ran on, bounded.

use std::collections::{HashMap, VecDeque};

use libp2p::{PeerId, swarm::ConnectionId};

use super::{ExchangeId, exchange::QUEUE_BYTES, handler::MAX_INBOUND, outbox::Outbox};

/// Exchanges remembered per connection, so that a link can be opened by one that is over; the oldest
/// are forgotten first. More than can run at once, about 100 bytes each.
const MAX_REMEMBERED: usize = 64;

#[derive(Default)]
pub(super) struct Exchanges {
    known: HashMap<ExchangeId, Known>,
    by_connection: HashMap<ConnectionId, VecDeque<ExchangeId>>,
}

struct Known {
    peer: PeerId,
    connection: ConnectionId,
    ours: bool,
    /// `None` once it is over.
    outbox: Option<Outbox>,
}

impl Exchanges {
    /// Registers an exchange of ours, unless as many run on the connection as the peer accepts.
    pub(super) fn start(
        &mut self,
        id: ExchangeId,
        peer: PeerId,
        connection: ConnectionId,
    ) -> Option<Outbox> {
        let running = self
            .by_connection
            .get(&connection)
            .into_iter()
            .flatten()
            .filter_map(|e| self.known.get(e))
            .filter(|e| e.ours && e.outbox.is_some())
            .count();
        if running >= MAX_INBOUND {
            return None;
        }
        let outbox = Outbox::new(QUEUE_BYTES);
        self.remember(id, peer, connection, true, outbox.clone());
        Some(outbox)
    }

    /// Registers an exchange of the peer's.
    pub(super) fn opened(
        &mut self,
        id: ExchangeId,
        peer: PeerId,
        connection: ConnectionId,
        outbox: Outbox,
    ) {
        self.remember(id, peer, connection, false, outbox);
    }

    fn remember(
        &mut self,
        id: ExchangeId,
        peer: PeerId,
        connection: ConnectionId,
        ours: bool,
        outbox: Outbox,
    ) {
        let known = Known {
            peer,
            connection,
            ours,
            outbox: Some(outbox),
        };
        self.known.insert(id, known);
        let of_connection = self.by_connection.entry(connection).or_default();
        of_connection.push_back(id);
        while of_connection.len() > MAX_REMEMBERED {
            // The handler bounds how many run, so the oldest is over; if not, it is forgotten too.
            if let Some(outbox) = of_connection
                .pop_front()
                .and_then(|oldest| self.known.remove(&oldest))
                .and_then(|oldest| oldest.outbox)
            {
                outbox.close();
            }
        }
    }

    /// The peer and the queue of an exchange that is not over.
    pub(super) fn running(&self, id: ExchangeId) -> Option<(PeerId, &Outbox)> {
        let known = self.known.get(&id)?;
        Some((known.peer, known.outbox.as_ref()?))
    }

    /// The connection an exchange with this peer runs or ran on.
    pub(super) fn connection(&self, id: ExchangeId, peer: &PeerId) -> Option<ConnectionId> {
        let known = self.known.get(&id)?;
        (known.peer == *peer).then_some(known.connection)
    }

    /// Ends an exchange; answers whose it was if it was not over before.
    pub(super) fn end(&mut self, id: ExchangeId) -> Option<PeerId> {
        let known = self.known.get_mut(&id)?;
        known.outbox.take()?.close();
        Some(known.peer)
    }

    /// Forgets all exchanges of a connection; answers those that were not over.
    pub(super) fn disconnected(&mut self, connection: ConnectionId) -> Vec<(ExchangeId, PeerId)> {
        let of_connection = self.by_connection.remove(&connection).unwrap_or_default();
        of_connection
            .into_iter()
            .filter_map(|id| {
                let known = self.known.remove(&id)?;
                known.outbox.map(|_| (id, known.peer))
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_remembered_of_a_connection_is_bounded() {
        let mut exchanges = Exchanges::default();
        let connection = ConnectionId::new_unchecked(1);
        let peer = PeerId::random();
        for id in 0..10_000 {
            exchanges.opened(ExchangeId(id), peer, connection, Outbox::new(1));
            exchanges.end(ExchangeId(id));
        }

        assert_eq!(exchanges.known.len(), MAX_REMEMBERED);
        assert_eq!(
            exchanges.connection(ExchangeId(9_999), &peer),
            Some(connection)
        );
        assert_eq!(exchanges.connection(ExchangeId(0), &peer), None);
        assert_eq!(exchanges.disconnected(connection), []);
        assert!(exchanges.known.is_empty());
    }

    #[test]
    fn an_exchange_belongs_to_its_peer() {
        let mut exchanges = Exchanges::default();
        let connection = ConnectionId::new_unchecked(1);
        let peer = PeerId::random();
        exchanges.opened(ExchangeId(1), peer, connection, Outbox::new(1));

        assert_eq!(exchanges.connection(ExchangeId(1), &PeerId::random()), None);
    }

    #[test]
    fn our_own_exchanges_on_one_connection_are_bounded() {
        let mut exchanges = Exchanges::default();
        let connection = ConnectionId::new_unchecked(1);
        let peer = PeerId::random();

        let started = (0..100)
            .filter(|id| exchanges.start(ExchangeId(*id), peer, connection).is_some())
            .count();

        assert_eq!(started, MAX_INBOUND);
    }
}
