//! What the loop notes for whoever inspects the node: what other clocks say, since when a group is as it
//! is, and when its records were last compared.

use std::{
    collections::{BTreeMap, HashMap},
    time::{Duration, Instant},
};

use libp2p::PeerId;
use peerage_protocol::engine::{Event, Now, Status};
use peerage_records::{id::ReplicaId, time::Timestamp};

/// Clocks remembered, of the peers that showed theirs last. 60 bytes each.
const MAX_CLOCKS: usize = 64;
/// A clock that went differently from the machine's own counter by more was set, or the machine slept.
const JUMP: Duration = Duration::from_secs(30);

/// Kept by the loop, copied for whoever asks.
#[derive(Debug, Clone, Default)]
pub(crate) struct Watch {
    pub(crate) clocks: BTreeMap<PeerId, OtherClock>,
    pub(crate) groups: HashMap<ReplicaId, GroupWatch>,
}

/// What a peer's clock said once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct OtherClock {
    pub(crate) theirs: Timestamp,
    pub(crate) ours: Timestamp,
    at: Instant,
}

impl OtherClock {
    /// Whether it still says something about our clock, which may have been set meanwhile.
    pub(crate) fn holds(&self, now: Now) -> bool {
        let expected = self.ours + now.instant.saturating_duration_since(self.at);
        let off = now
            .timestamp
            .since(expected)
            .max(expected.since(now.timestamp));
        off < JUMP
    }
}

/// What is noted of an open group.
#[derive(Debug, Clone)]
pub(crate) struct GroupWatch {
    pub(crate) status: Status,
    /// Since when the status is what it is.
    pub(crate) since: Timestamp,
    /// When records were last compared with a neighbour, without a fault.
    pub(crate) compared: BTreeMap<PeerId, Timestamp>,
}

impl Watch {
    /// Takes note of what the engine tells.
    pub(crate) fn note(&mut self, event: &Event, now: Now) {
        let (at, now) = (now.instant, now.timestamp);
        match event {
            Event::ClockSeen { peer, theirs, ours } => {
                let said = OtherClock {
                    theirs: *theirs,
                    ours: *ours,
                    at,
                };
                self.clocks.insert(*peer, said);
                if self.clocks.len() > MAX_CLOCKS {
                    let oldest = self.clocks.iter().min_by_key(|(_, said)| said.ours);
                    if let Some(peer) = oldest.map(|(peer, _)| *peer) {
                        self.clocks.remove(&peer);
                    }
                }
            }
            // There is nothing to tell of a group that is offline, or closed.
            Event::StatusChanged {
                replica,
                status: Status::Offline,
            } => self.forget(replica),
            Event::StatusChanged { replica, status } => {
                let group = self.group(*replica, now);
                group.status = *status;
                group.since = now;
            }
            Event::Reconciled { replica, peer, .. } => {
                self.group(*replica, now).compared.insert(*peer, now);
            }
            Event::NeighbourDisconnected { replica, peer, .. } => {
                self.group(*replica, now).compared.remove(peer);
            }
            _ => {}
        }
    }

    /// The group was closed.
    pub(crate) fn forget(&mut self, replica: &ReplicaId) {
        self.groups.remove(replica);
    }

    fn group(&mut self, replica: ReplicaId, now: Timestamp) -> &mut GroupWatch {
        self.groups.entry(replica).or_insert_with(|| GroupWatch {
            status: Status::Offline,
            since: now,
            compared: BTreeMap::new(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now(second: u64) -> Now {
        Now {
            instant: Instant::now(),
            timestamp: Timestamp::from_secs(second),
        }
    }

    fn seen(second: u64) -> Event {
        Event::ClockSeen {
            peer: PeerId::random(),
            theirs: Timestamp::from_secs(second + 5),
            ours: Timestamp::from_secs(second),
        }
    }

    #[test]
    fn of_too_many_clocks_the_oldest_is_forgotten() {
        let mut watch = Watch::default();
        for second in 0..200 {
            watch.note(&seen(second), now(second));
        }
        assert_eq!(watch.clocks.len(), MAX_CLOCKS);
        let oldest = watch.clocks.values().map(|said| said.ours).min();
        assert_eq!(oldest, Some(Timestamp::from_secs(200 - MAX_CLOCKS as u64)));
    }

    #[test]
    fn what_a_clock_said_holds_until_ours_is_set() {
        let mut watch = Watch::default();
        watch.note(&seen(1_000), now(1_000));
        let said = *watch.clocks.values().next().unwrap();
        assert!(said.holds(now(1_000)));
        assert!(!said.holds(now(2_000)));
        assert!(!said.holds(now(500)));
    }
}
