//! Finding members: our entry in the cloud, lookups, and whom to approach.

use libp2p_identity::PeerId;
use multiaddr::Multiaddr;
use peerage_records::id::ReplicaId;
use rand::RngExt;

use super::{ConnectFailure, Engine, Now, Output, group::EXPLORATION_INTERVAL};
use crate::{
    admission::{self, is_chooser},
    binding::NodeBinding,
    discovery::{Announcement, Presence, Stamp, VerifiedSet},
};

impl Engine {
    pub(super) fn on_addresses(&mut self, addresses: Vec<Multiaddr>, now: Now) {
        if addresses == self.addresses {
            return;
        }
        self.addresses = addresses;
        for state in self.groups.values_mut() {
            if let Some(online) = &mut state.online {
                online.publish.hasten(now.timestamp);
                state.presence.hasten(now.instant);
            }
        }
    }

    pub(super) fn on_cloud_reached(&mut self, now: Now) {
        for state in self.groups.values_mut() {
            if let Some(online) = &mut state.online {
                online.publish.hasten(now.timestamp);
                online.search.lost_neighbours(now.timestamp, &mut self.rng);
            }
        }
    }

    /// Announces, searches and approaches, as far as each is due.
    pub(super) fn tick_discovery(&mut self, replica: ReplicaId, now: Now) {
        let Some(state) = self.groups.get_mut(&replica) else {
            return;
        };
        let Some(online) = &mut state.online else {
            return;
        };
        if online.search.next(now.timestamp) <= now.timestamp {
            online.search.search(now.timestamp, &mut self.rng);
            self.outputs.push_back(Output::LookUp {
                replica,
                key: online.rendezvous.key(),
            });
        }
        if online.publish.next(now.timestamp) <= now.timestamp {
            let stamp = online.publish.publish(now.timestamp, &mut self.rng);
            self.announce(replica, stamp, now);
        }
        self.approach(replica, now);
        self.maintain(replica, now);
    }

    /// A round of maintenance: parts with the least useful neighbour when there are more than wanted,
    /// and takes another member in its place: see [`crate::neighbours`].
    fn maintain(&mut self, replica: ReplicaId, now: Now) {
        let Some(state) = self.groups.get_mut(&replica) else {
            return;
        };
        let Some(online) = &mut state.online else {
            return;
        };
        if online.next_exploration > now.instant {
            return;
        }
        let pause = EXPLORATION_INTERVAL.mul_f64(self.rng.random_range(0.5..1.5));
        online.next_exploration = now.instant + pause;
        if let Some(peer) = state.neighbours.review(&mut self.rng) {
            self.send_away(replica, peer, "least useful", now);
        }
        let Some(state) = self.groups.get_mut(&replica) else {
            return;
        };
        if let Some((peer, addresses)) = state.neighbours.explore(now.instant, &mut self.rng) {
            self.reach(replica, peer, addresses);
        }
    }

    fn announce(&mut self, replica: ReplicaId, stamp: Stamp, now: Now) {
        let local = self.local;
        let Some(presented) = self.presented(&replica, now) else {
            return;
        };
        let Ok(announcement) =
            Announcement::online(local, presented.addresses, presented.binding.to_vec())
        else {
            return;
        };
        self.send_announcement(replica, &announcement, stamp);
    }

    /// Takes our entry back, so that nobody looks for us there (GRP-053).
    pub(super) fn withdraw(&mut self, replica: ReplicaId, now: Now) {
        let stamp = self
            .groups
            .get_mut(&replica)
            .and_then(|state| state.online.as_mut())
            .and_then(|online| online.publish.withdraw(now.timestamp));
        if let Some(stamp) = stamp {
            self.send_announcement(replica, &Announcement::withdrawn(self.local), stamp);
        }
    }

    fn send_announcement(&mut self, replica: ReplicaId, announcement: &Announcement, stamp: Stamp) {
        let Some(online) = self
            .groups
            .get(&replica)
            .and_then(|state| state.online.as_ref())
        else {
            return;
        };
        let sealed =
            online
                .rendezvous
                .seal(&mut self.rng, announcement, stamp.sequence, stamp.expires);
        if let Ok(set) = sealed {
            self.outputs.push_back(Output::Announce {
                replica,
                key: online.rendezvous.key(),
                set,
            });
        }
    }

    pub(super) fn on_announced(&mut self, replica: ReplicaId, result: Result<(), ()>, now: Now) {
        let Some(online) = self
            .groups
            .get_mut(&replica)
            .and_then(|state| state.online.as_mut())
        else {
            return;
        };
        match result {
            Ok(()) => online.publish.succeeded(),
            Err(()) => online.publish.failed(now.timestamp, &mut self.rng),
        }
    }

    /// Takes possible members from a lookup. What an entry says is only a hint: belief comes with
    /// admission.
    pub(super) fn on_discovered(&mut self, replica: ReplicaId, set: &VerifiedSet, now: Now) {
        let Some(state) = self.groups.get_mut(&replica) else {
            return;
        };
        let Some(online) = &state.online else {
            return;
        };
        for sighting in online.rendezvous.open(set, now.timestamp).online {
            let announcement = sighting.announcement;
            let peer = *announcement.peer();
            // Whoever was removed can still write here, and is not looked for.
            let vouched = NodeBinding::decode(announcement.binding())
                .and_then(|binding| binding.verify(&peer, now.timestamp))
                .is_ok_and(|identity| state.roster.revoked(&identity).is_none());
            if let (true, Presence::Online(addresses)) = (vouched, announcement.presence())
                && peer != self.local
            {
                state
                    .neighbours
                    .suggest(peer, addresses.clone(), now.instant);
            }
        }
        self.approach(replica, now);
    }

    /// Takes the next steps towards more neighbours.
    pub(super) fn approach(&mut self, replica: ReplicaId, now: Now) {
        let Some(state) = self.groups.get_mut(&replica) else {
            return;
        };
        if state.online.is_none() {
            return;
        }
        for (peer, addresses) in state.neighbours.approach(now.instant, &mut self.rng) {
            self.reach(replica, peer, addresses);
        }
    }

    fn reach(&mut self, replica: ReplicaId, peer: PeerId, addresses: Vec<Multiaddr>) {
        if self.connected.contains(&peer) {
            self.ask_admission(replica, peer);
        } else {
            self.outputs.push_back(Output::Dial { peer, addresses });
        }
    }

    /// Over an existing connection: starts the exchange, or asks the chooser to.
    pub(super) fn ask_admission(&mut self, replica: ReplicaId, peer: PeerId) {
        if is_chooser(&self.local, &peer) {
            self.outputs
                .push_back(Output::StartExchange { peer, replica });
        } else if let Some(state) = self.groups.get(&replica) {
            let bytes = admission::knock(state.gate(), &self.local, &peer, &mut self.rng);
            self.outputs.push_back(Output::Knock { peer, bytes });
        }
    }

    pub(super) fn on_connected(&mut self, peer: PeerId, now: Now) {
        self.connected.insert(peer);
        for replica in self.approaching(&peer) {
            self.ask_admission(replica, peer);
        }
        self.direct_connected(peer, now);
    }

    pub(super) fn on_dial_failed(&mut self, peer: PeerId, now: Now) {
        for replica in self.approaching(&peer) {
            if let Some(state) = self.groups.get_mut(&replica) {
                state.neighbours.failed(&peer, now.instant, &mut self.rng);
            }
            self.note_failure(replica, &peer, ConnectFailure::Unreachable, now);
        }
    }

    fn approaching(&self, peer: &PeerId) -> Vec<ReplicaId> {
        self.online
            .values()
            .filter(|replica| {
                self.groups
                    .get(replica)
                    .is_some_and(|state| state.neighbours.is_approached(peer))
            })
            .copied()
            .collect()
    }
}
