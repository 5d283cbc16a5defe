//! Whether two nodes have been seen with one key: ours, or another member's.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use libp2p::PeerId;
use peerage_records::time::Timestamp;

/// How long the log says nothing more of a peer.
const QUIET: Duration = Duration::from_secs(10 * 60);
/// Peers the log is told of in that time; any member can pretend to be two.
const MAX_TOLD: usize = 64;

/// When, last. Shared by the run loop, which sees it, and the handles, which say it. Clones share it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Duplicated(Arc<Mutex<Option<Timestamp>>>);

impl Duplicated {
    pub(crate) fn set(&self, at: Timestamp) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(at);
    }

    pub(crate) fn last(&self) -> Option<Timestamp> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Which peers the log has been told of lately: twins may take turns every few seconds.
#[derive(Debug, Default)]
pub(crate) struct Told(HashMap<PeerId, Instant>);

impl Told {
    /// Whether it is time to tell of this one. Then it has been told.
    pub(crate) fn is_due(&mut self, peer: PeerId, now: Instant) -> bool {
        self.0
            .retain(|_, at| now.saturating_duration_since(*at) < QUIET);
        if self.0.contains_key(&peer) || self.0.len() >= MAX_TOLD {
            return false;
        }
        self.0.insert(peer, now);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_is_told_of_once_in_a_while() {
        let (one, other) = (PeerId::random(), PeerId::random());
        let (mut told, start) = (Told::default(), Instant::now());
        assert!(told.is_due(one, start));
        assert!(told.is_due(other, start));
        assert!(!told.is_due(one, start + QUIET / 2));
        assert!(told.is_due(one, start + QUIET));
    }

    #[test]
    fn no_more_peers_are_told_of_than_fit() {
        let (mut told, start) = (Told::default(), Instant::now());
        let due = (0..MAX_TOLD + 1).filter(|_| told.is_due(PeerId::random(), start));
        assert_eq!(due.count(), MAX_TOLD);
        assert!(told.is_due(PeerId::random(), start + QUIET));
    }
}
