//! One open group: its machines, and its going online and offline.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use libp2p_identity::PeerId;
use multiaddr::Multiaddr;
use peerage_records::{
    codec::SignedRecord,
    id::{GroupId, IdentityKey, RecordType, ReplicaId},
};

use super::{
    ConnectFailure, Engine, Event, Now, OpenGroup, Output, Status, connecting::Attempts,
    direct::Directs, duplicate::Starts, presence::Presence, quota::Quota, restored::Restored,
    sync::Sync,
};
use crate::{
    admission::{Gate, Presented, is_chooser},
    binding::NodeBinding,
    cloud::Cloud,
    deferred::Deferred,
    direct::{DirectEnd, DirectView},
    discovery::{PublishSchedule, Rendezvous, SearchSchedule},
    gmc::VerifiedGmc,
    group::GroupKey,
    identity::Identity,
    neighbours::{Neighbour, Neighbours},
    presence::{PresenceBook, Seen},
    properties::Properties,
    roster::Roster,
    secret::DiscoverySecret,
};

/// Lifetime of our entry in the cloud; renewed three times within.
pub(crate) const ENTRY_LIFETIME: Duration = Duration::from_secs(3_600);
/// How long before a neighbour's node binding ends we ask for a newer one.
pub(crate) const RENEWAL: Duration = Duration::from_secs(600);
/// How long a group that goes offline in order is given to say so: two round trips on the internet.
const GOODBYE_TIME: Duration = Duration::from_millis(200);
/// How often proofs and waiting records are looked over (GRP-317: about 30 s).
pub(crate) const SWEEP_INTERVAL: Duration = Duration::from_secs(15);
/// How often, on average, a neighbour is exchanged for another member: how long two halves of a group
/// that were cut apart stay so at most is this, divided by the number of members.
pub(crate) const EXPLORATION_INTERVAL: Duration = Duration::from_secs(300);

/// Everything the engine knows about one open replica.
#[derive(Debug)]
pub(super) struct GroupState {
    pub(super) group: GroupId,
    pub(super) identity: Arc<Identity>,
    pub(super) group_key: Option<GroupKey>,
    pub(super) properties: Option<Properties>,
    pub(super) presence: Presence,
    pub(super) gmc: VerifiedGmc,
    pub(super) chain: Arc<[u8]>,
    pub(super) secret: DiscoverySecret,
    pub(super) cloud: Cloud,
    pub(super) roster: Roster,
    pub(super) deferred: Deferred,
    pub(super) neighbours: Neighbours,
    pub(super) sync: Sync,
    pub(super) synchronised: bool,
    pub(super) quota: Quota,
    /// The status told last.
    pub(super) told: Status,
    pub(super) online: Option<Online>,
    /// Whether the application has been told that the membership will end soon.
    pub(super) warned: bool,
    /// Where this replica came from, if that was a backup.
    pub(super) restored: Option<Restored>,
    /// Which starts of its neighbours' nodes were seen.
    pub(super) starts: Starts,
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
    /// What its creator says of the group, once that is known.
    pub properties: Option<&'a Properties>,
    /// Whether we hold the group's key, and so may change its properties.
    pub is_creator: bool,
    /// Who is known to be online.
    pub presence: &'a PresenceBook,
    /// What is said of our node.
    pub attributes: Option<&'a str>,
    /// Whether our node is shown whatever the policy.
    pub presence_forced: bool,
    /// How far it has got with being online.
    pub status: Status,
    /// The direct connections that are open or being opened from here. They are no neighbours.
    pub directs: Vec<DirectView>,
    /// Whether it was restored from a backup and waits to be brought up to date.
    pub behind: bool,
}

impl GroupView<'_> {
    /// Whether nothing expires now: the group wants it so while we have no neighbour (GRA-022).
    #[must_use]
    pub fn defers_expiry(&self) -> bool {
        self.neighbours.is_empty() && self.properties.is_some_and(|p| p.defer_expiry)
    }
}

impl<'a> GroupView<'a> {
    pub(super) fn of(state: &'a GroupState, directs: &Directs, replica: &ReplicaId) -> Self {
        Self {
            group: &state.group,
            gmc: &state.gmc,
            roster: &state.roster,
            neighbours: state.neighbours.iter().collect(),
            synchronised: state.synchronised,
            online: state.online.is_some(),
            properties: state.properties.as_ref(),
            is_creator: state.group_key.is_some(),
            presence: &state.presence.book,
            attributes: state.presence.attributes.as_deref(),
            presence_forced: state.presence.is_forced(),
            status: state.status(),
            directs: directs.views(replica),
            behind: state.is_behind(),
        }
    }
}

impl GroupState {
    /// Hears of peers that may be members.
    fn suggest(&mut self, known: Vec<(PeerId, Vec<Multiaddr>)>, local: &PeerId, now: Now) {
        for (peer, addresses) in known {
            if peer != *local {
                self.neighbours.suggest(peer, addresses, now.instant);
            }
        }
    }

    pub(super) fn gate(&self) -> Gate<'_> {
        Gate {
            group: &self.group,
            secret: &self.secret,
            roster: &self.roster,
        }
    }

    pub(super) fn me(&self) -> IdentityKey {
        self.gmc.subject()
    }

    pub(super) fn next_wakeup(&self, now: Now) -> Option<Instant> {
        let presence = self.presence.next_wakeup(now);
        let Some(online) = &self.online else {
            return presence;
        };
        let wall = online
            .publish
            .next(now.timestamp)
            .min(online.search.next(now.timestamp));
        let wall = now.instant + wall.since(now.timestamp);
        [
            Some(online.next_sweep),
            Some(online.next_exploration),
            Some(wall),
            presence,
            online
                .attempts
                .next_wakeup(self.neighbours.is_approaching()),
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
        for signed in &open.members {
            // The store keeps what was believed; a chain that no longer reads is simply not known.
            match signed.record().kind {
                RecordType::MEMBERSHIP => drop(roster.learn_record(signed)),
                RecordType::REVOCATION => drop(roster.learn_revocation(signed)),
                _ => {}
            }
        }
        roster.learn(open.gmc.clone());
        let mut presence = Presence::new(open.gmc.subject(), self.local, open.attributes);
        let mut properties = None;
        for record in open.members.iter().map(SignedRecord::record) {
            match Seen::of(record) {
                // What the replica holds was told when it came.
                Some(seen) if record.kind == RecordType::PRESENCE => {
                    drop(presence.book.take(record.creator, seen, now.timestamp));
                }
                _ if record.kind == RecordType::PROPERTIES => {
                    properties = Properties::decode(&record.payload).ok();
                }
                _ => {}
            }
        }
        presence.hasten(now.instant);
        let state = GroupState {
            group: open.gmc.group(),
            group_key: open.group_key,
            properties,
            presence,
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
            warned: false,
            restored: open.restored,
            starts: Starts::new(now.timestamp),
            gmc: open.gmc,
        };
        self.groups.insert(replica, state);
        self.adopt(replica, now);
        self.review(replica);
        self.drop_displaced(replica);
        self.publish_membership(replica, &open.members, now);
        self.found(replica, open.founding, now);
    }

    /// A group that is open already goes on as it is, with a newer membership if this is one.
    fn renew(&mut self, replica: ReplicaId, open: OpenGroup, now: Now) {
        let Some(state) = self.groups.get_mut(&replica) else {
            return;
        };
        // A recovered key may come at any time.
        if open.group_key.is_some() {
            state.group_key = open.group_key;
        }
        if open.gmc.issued_at() <= state.gmc.issued_at() {
            return;
        }
        state.chain = open.gmc.chain().encode().into();
        state.identity = open.identity;
        state.gmc = open.gmc.clone();
        state.warned = false;
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
            // Who is alone may have been told anew where the others are.
            if state.neighbours.is_empty() {
                state.suggest(known, &self.local, now);
            }
            // Asked again: says again how it goes.
            self.begin_search(replica, false, now);
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
        state.suggest(known, &self.local, now);
        state.presence.hasten(now.instant);
        let group = state.group;
        if self.closing.iter().any(|(_, of)| *of == group) {
            self.closing.retain(|(_, of)| *of != group);
            self.outputs.push_back(Output::RemoveGroup(group));
        }
        self.online.insert(group, replica);
        self.outputs.push_back(Output::InsertGroup(group));
        self.begin_search(replica, false, now);
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
        // Who is a member no more has just said so, or passes on who did.
        let out = state.roster.get(&state.me()).is_none();
        let end = if out {
            DirectEnd::Removed
        } else {
            DirectEnd::GroupClosed
        };
        self.end_directs(replica, end, now);
        self.withdraw(replica, now);
        let lingers = self.say_goodbye(replica, now) || out;
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
        if lingers {
            self.closing.push_back((now.instant + GOODBYE_TIME, group));
        } else {
            self.outputs.push_back(Output::RemoveGroup(group));
        }
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
        self.warn_of_expiry(replica, now);
        self.renew_others(replica, now);
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
        self.begin_search(replica, true, now);
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
