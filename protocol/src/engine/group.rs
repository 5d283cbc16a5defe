//! One open group: its machines, and its going online and offline.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use libp2p_identity::PeerId;
use multiaddr::Multiaddr;
use peerage_records::id::{GroupId, IdentityKey, ReplicaId};

use super::{
    ConnectFailure, Engine, Event, Now, OpenGroup, Output, Status, connecting::Attempts, quota::Quota,
    sync::Sync,
};
use crate::{
    admission::{Gate, Presented, is_chooser},
    binding::NodeBinding,
    cloud::Cloud,
    deferred::Deferred,
    discovery::{PublishSchedule, Rendezvous, SearchSchedule},
    gmc::VerifiedGmc,
    identity::Identity,
    neighbours::{Neighbour, Neighbours},
    roster::Roster,
    secret::DiscoverySecret,
};

/// Lifetime of our entry in the cloud; renewed three times within.
const ENTRY_LIFETIME: Duration = Duration::from_secs(3_600);
/// How long before a neighbour's node binding ends we ask for a newer one.
const RENEWAL: Duration = Duration::from_secs(600);
/// How often proofs and waiting records are looked over (GRP-317: about 30 s).
const SWEEP_INTERVAL: Duration = Duration::from_secs(15);
/// How often, on average, a neighbour is exchanged for another member: how long two halves of a group
/// that were cut apart stay so at most is this, divided by the number of members.
pub(super) const EXPLORATION_INTERVAL: Duration = Duration::from_secs(300);

/// Everything the engine knows about one open replica.
#[derive(Debug)]
pub(super) struct GroupState {
    pub(super) group: GroupId,
    pub(super) identity: Arc<Identity>,
    pub(super) gmc: VerifiedGmc,
    chain: Arc<[u8]>,
    secret: DiscoverySecret,
    cloud: Cloud,
    pub(super) roster: Roster,
    pub(super) deferred: Deferred,
    pub(super) neighbours: Neighbours,
    pub(super) sync: Sync,
    pub(super) synchronised: bool,
    pub(super) quota: Quota,
    /// The status told last.
    pub(super) told: Status,
    pub(super) online: Option<Online>,
}

/// What exists only while the group is online.
#[derive(Debug)]
pub(super) struct Online {
    binding: NodeBinding,
    binding_bytes: Arc<[u8]>,
    pub(super) rendezvous: Rendezvous,
    pub(super) publish: PublishSchedule,
    pub(super) search: SearchSchedule,
    pub(super) next_sweep: Instant,
    pub(super) next_exploration: Instant,
    pub(super) attempts: Attempts,
}

/// What may be asked about an open group.
#[derive(Debug)]
pub struct GroupView<'a> {
    /// The group.
    pub group: &'a GroupId,
    /// Our own membership.
    pub gmc: &'a VerifiedGmc,
    /// The members known.
    pub roster: &'a Roster,
    /// The neighbours, by peer.
    pub neighbours: BTreeMap<&'a PeerId, &'a Neighbour>,
    /// Whether it has ever been brought up to date.
    pub synchronised: bool,
    /// Whether it is online.
    pub online: bool,
    /// How far it has got with being online.
    pub status: Status,
}

impl<'a> GroupView<'a> {
    pub(super) fn of(state: &'a GroupState) -> Self {
        Self {
            group: &state.group,
            gmc: &state.gmc,
            roster: &state.roster,
            neighbours: state.neighbours.iter().collect(),
            synchronised: state.synchronised,
            online: state.online.is_some(),
            status: state.status(),
        }
    }
}

impl GroupState {
    pub(super) fn gate(&self) -> Gate<'_> {
        Gate {
            group: &self.group,
            secret: &self.secret,
        }
    }

    pub(super) fn me(&self) -> IdentityKey {
        self.gmc.subject()
    }

    pub(super) fn next_wakeup(&self, now: Now) -> Option<Instant> {
        let online = self.online.as_ref()?;
        let wall = online
            .publish
            .next(now.timestamp)
            .min(online.search.next(now.timestamp));
        let wall = now.instant + wall.since(now.timestamp);
        [
            Some(online.next_sweep),
            Some(online.next_exploration),
            Some(wall),
            online.attempts.next_wakeup(self.neighbours.is_approaching()),
        ]
        .into_iter()
        .chain([self.neighbours.next_wakeup(), self.sync.next_wakeup()])
        .flatten()
        .min()
    }
}

impl Engine {
    pub(super) fn open(&mut self, open: OpenGroup, now: Now) {
        let replica = ReplicaId::of(&open.gmc.subject(), &open.gmc.group());
        if self.groups.contains_key(&replica) {
            self.renew(replica, open, now);
            return;
        }
        let mut roster = Roster::new(open.gmc.group(), open.gmc.root().key());
        for record in &open.members {
            // The store keeps what was believed; a chain that no longer reads is simply not known.
            if let Ok(gmc) = roster.membership_of(record.record()) {
                roster.learn(gmc);
            }
        }
        roster.learn(open.gmc.clone());
        let state = GroupState {
            group: open.gmc.group(),
            chain: open.gmc.chain().encode().into(),
            identity: open.identity,
            secret: open.secret,
            roster,
            deferred: Deferred::default(),
            neighbours: Neighbours::default(),
            cloud: open.cloud,
            sync: Sync::new(),
            synchronised: open.synchronised,
            quota: Quota::default(),
            told: Status::Offline,
            online: None,
            gmc: open.gmc,
        };
        self.groups.insert(replica, state);
        self.publish_membership(replica, &open.members, now);
    }

    /// A group that is open already goes on as it is, with a newer membership if this is one.
    fn renew(&mut self, replica: ReplicaId, open: OpenGroup, now: Now) {
        let Some(state) = self.groups.get_mut(&replica) else {
            return;
        };
        if open.gmc.issued_at() <= state.gmc.issued_at() {
            return;
        }
        state.chain = open.gmc.chain().encode().into();
        state.identity = open.identity;
        state.gmc = open.gmc.clone();
        self.learn_shown(replica, open.gmc, now);
        self.publish_membership(replica, &open.members, now);
    }

    pub(super) fn connect(
        &mut self,
        replica: ReplicaId,
        known: Vec<(PeerId, Vec<Multiaddr>)>,
        now: Now,
    ) {
        let Some(state) = self.groups.get_mut(&replica) else {
            return;
        };
        if state.online.is_some() {
            // Asked again: says again how it goes.
            self.begin_search(replica, now);
            return;
        }
        if self.online.contains_key(&state.group) {
            return;
        }
        let binding = bind(&state.identity, &self.local, self.boot, now);
        state.online = Some(Online {
            binding_bytes: binding.encode().into(),
            binding,
            rendezvous: Rendezvous::new(&state.secret, &state.cloud),
            publish: PublishSchedule::new(ENTRY_LIFETIME),
            search: SearchSchedule::new(),
            next_sweep: now.instant + SWEEP_INTERVAL,
            next_exploration: now.instant + EXPLORATION_INTERVAL,
            attempts: Attempts::default(),
        });
        for (peer, addresses) in known {
            if peer != self.local {
                state.neighbours.suggest(peer, addresses, now.instant);
            }
        }
        let group = state.group;
        self.online.insert(group, replica);
        self.outputs.push_back(Output::InsertGroup(group));
        self.begin_search(replica, now);
    }

    pub(super) fn disconnect(&mut self, replica: ReplicaId, now: Now) {
        let Some(state) = self.groups.get_mut(&replica) else {
            return;
        };
        if state.online.is_none() {
            return;
        }
        let group = state.group;
        let peers: Vec<PeerId> = state.neighbours.iter().map(|(peer, _)| *peer).collect();
        self.withdraw(replica, now);
        self.end_attempts(replica);
        for peer in peers {
            self.forget_link(replica, peer, "group closed", now);
        }
        if let Some(state) = self.groups.get_mut(&replica) {
            state.online = None;
        }
        self.online.remove(&group);
        self.end_exchanges(replica);
        self.leaving.retain(|(_, of, _)| *of != group);
        self.outputs.push_back(Output::RemoveGroup(group));
    }

    /// What we show of ourselves now; renews the binding when it grows old.
    pub(super) fn presented(&mut self, replica: &ReplicaId, now: Now) -> Option<Presented> {
        let state = self.groups.get_mut(replica)?;
        let online = state.online.as_mut()?;
        if online.binding.is_due(now.timestamp) {
            online.binding = bind(&state.identity, &self.local, self.boot, now);
            online.binding_bytes = online.binding.encode().into();
        }
        Some(Presented {
            binding: Arc::clone(&online.binding_bytes),
            chain: Arc::clone(&state.chain),
            addresses: self.addresses.clone(),
            neighbours: state.neighbours.len() as u8,
        })
    }

    /// Cuts neighbours whose proof has lapsed and drops waiting records that have.
    pub(super) fn tick_proofs(&mut self, replica: ReplicaId, now: Now) {
        let Some(state) = self.groups.get_mut(&replica) else {
            return;
        };
        for peer in state.neighbours.tick(now.instant, &mut self.rng) {
            let failure = if self.connected.contains(&peer) {
                ConnectFailure::NotAuthorised
            } else {
                ConnectFailure::Unreachable
            };
            self.note_failure(replica, &peer, failure, now);
        }
        let Some(state) = self.groups.get_mut(&replica) else {
            return;
        };
        let Some(online) = &mut state.online else {
            return;
        };
        if online.next_sweep > now.instant {
            return;
        }
        online.next_sweep = now.instant + SWEEP_INTERVAL;
        state.deferred.sweep(now.timestamp);
        state.quota.sweep(now.instant);
        let lapsed: Vec<PeerId> = state
            .neighbours
            .iter()
            .filter(|(_, neighbour)| neighbour.until <= now.timestamp)
            .map(|(peer, _)| *peer)
            .collect();
        // A binding that ends is renewed without a break in the link; a membership that ends is not ours
        // to renew.
        let renewable: Vec<PeerId> = state
            .neighbours
            .iter()
            .filter(|(peer, neighbour)| {
                neighbour.until <= now.timestamp + RENEWAL
                    && neighbour.gmc.not_after() > neighbour.until
                    && is_chooser(&self.local, peer)
            })
            .map(|(peer, _)| *peer)
            .collect();
        for peer in renewable {
            self.outputs
                .push_back(Output::StartExchange { peer, replica });
        }
        for peer in lapsed {
            self.close_link(replica, peer, "proof lapsed", now);
        }
    }

    /// Forgets a link the network half has already closed.
    pub(super) fn forget_link(
        &mut self,
        replica: ReplicaId,
        peer: PeerId,
        reason: &'static str,
        now: Now,
    ) {
        let Some(state) = self.groups.get_mut(&replica) else {
            return;
        };
        state.sync.forget(&peer);
        let Some(neighbour) = state.neighbours.lost(&peer, now.instant, &mut self.rng) else {
            return;
        };
        if let Some(online) = &mut state.online {
            online.search.lost_neighbours(now.timestamp, &mut self.rng);
        }
        self.emit(Event::NeighbourDisconnected {
            replica,
            peer,
            member: neighbour.member(),
            reason,
        });
        self.begin_search(replica, now);
    }

    /// Cuts a neighbour off.
    pub(super) fn close_link(
        &mut self,
        replica: ReplicaId,
        peer: PeerId,
        reason: &'static str,
        now: Now,
    ) {
        let Some(group) = self.groups.get(&replica).map(|state| state.group) else {
            return;
        };
        self.outputs.push_back(Output::CloseLink { group, peer });
        self.forget_link(replica, peer, reason, now);
    }
}

fn bind(identity: &Identity, local: &PeerId, boot: [u8; 16], now: Now) -> NodeBinding {
    NodeBinding::create(identity, *local, now.timestamp, boot)
}
