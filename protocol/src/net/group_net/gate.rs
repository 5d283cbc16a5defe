//! Which connection carries which link: the bookkeeping of the gate, without I/O.
//!
//! A gossip instance of a group must see a peer only between `open` and `close`, must see exactly one
//! connection to it, and panics when the counts it is told do not add up. So every change is worked
//! out here and answered as a list of [`Step`]s, to be carried out in order. The swarm's own counts
//! never reach an instance.
//!
//! A link is named by a [`LinkId`] that is never used again, and within a link by an epoch that grows
//! when the instance is introduced to the same peer anew. Whatever a handler says under another id,
//! epoch or connection is stale and has no effect.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use libp2p::{PeerId, swarm::ConnectionId};
use peerage_records::id::GroupId;

use super::{LinkLoss, OpenError};

/// One opening of the gate for one peer in one group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LinkId(u64);

/// How often an instance was introduced to the same peer within one link.
pub(super) type Epoch = u32;

/// What is to be done next, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// The group's instance loses its one connection to the peer.
    Hide {
        group: GroupId,
        peer: PeerId,
        connection: ConnectionId,
    },
    /// The connection's handler drops the link and its streams.
    Uninstall {
        peer: PeerId,
        connection: ConnectionId,
        link: LinkId,
    },
    /// The group's instance gains its one connection to the peer; its new handler goes to the
    /// connection, as a new link (epoch 0) or in place of the link's worn one.
    Show {
        group: GroupId,
        peer: PeerId,
        connection: ConnectionId,
        link: LinkId,
        epoch: Epoch,
    },
    /// The engine learns that the link is gone without its doing.
    Lost {
        group: GroupId,
        peer: PeerId,
        loss: LinkLoss,
    },
}

/// A connection of the swarm.
#[derive(Debug)]
struct Connection {
    peer: PeerId,
    relayed: bool,
    links: BTreeSet<LinkId>,
}

/// An open link.
#[derive(Clone, Copy, Debug)]
struct Link {
    id: LinkId,
    connection: ConnectionId,
    epoch: Epoch,
    /// Whether the instance has been told that the peer is gone, while its channel stays.
    muted: bool,
}

#[derive(Debug, Default)]
pub(super) struct Gate {
    connections: HashMap<ConnectionId, Connection>,
    /// The connections of each peer, oldest first.
    peers: HashMap<PeerId, Vec<ConnectionId>>,
    groups: BTreeMap<GroupId, BTreeMap<PeerId, Link>>,
    names: HashMap<LinkId, (GroupId, PeerId)>,
    next_link: u64,
}

impl Gate {
    /// The swarm has established a connection.
    pub(super) fn connected(&mut self, id: ConnectionId, peer: PeerId, relayed: bool) {
        let connection = Connection {
            peer,
            relayed,
            links: BTreeSet::new(),
        };
        if self.connections.insert(id, connection).is_none() {
            self.peers.entry(peer).or_default().push(id);
        }
    }

    /// The swarm has lost a connection; its handler no longer exists.
    pub(super) fn disconnected(&mut self, id: ConnectionId) -> Vec<Step> {
        let Some(connection) = self.connections.remove(&id) else {
            return Vec::new();
        };
        if let Some(of_peer) = self.peers.get_mut(&connection.peer) {
            of_peer.retain(|c| *c != id);
            if of_peer.is_empty() {
                self.peers.remove(&connection.peer);
            }
        }
        let mut steps = Vec::new();
        for link in connection.links {
            if let Some((group, peer)) = self.names.remove(&link) {
                let state = self.groups.get_mut(&group).and_then(|g| g.remove(&peer));
                if state.is_none_or(|state| !state.muted) {
                    steps.push(Step::Hide {
                        group,
                        peer,
                        connection: id,
                    });
                }
                steps.push(Step::Lost {
                    group,
                    peer,
                    loss: LinkLoss::Disconnected,
                });
            }
        }
        steps
    }

    /// Answers whether the group is new.
    pub(super) fn insert_group(&mut self, group: GroupId) -> bool {
        match self.groups.entry(group) {
            std::collections::btree_map::Entry::Vacant(entry) => {
                entry.insert(BTreeMap::new());
                true
            }
            std::collections::btree_map::Entry::Occupied(_) => false,
        }
    }

    /// Closes all links of the group and forgets it.
    pub(super) fn remove_group(&mut self, group: &GroupId) -> Vec<Step> {
        let peers: Vec<PeerId> = self.links(group).collect();
        let steps = peers.iter().flat_map(|p| self.close(group, p)).collect();
        self.groups.remove(group);
        steps
    }

    /// The peer's connection to prefer: direct before relayed, then the newest. A peer that restarted is
    /// reached by its newest connection only, long before we notice that the older ones are dead.
    pub(super) fn best_connection(&self, peer: &PeerId) -> Option<ConnectionId> {
        let of_peer = self.peers.get(peer)?;
        of_peer
            .iter()
            .rev()
            .find(|c| self.connections.get(c).is_some_and(|c| !c.relayed))
            .or_else(|| of_peer.last())
            .copied()
    }

    /// Whether this is one of the peer's connections.
    pub(super) fn is_connection(&self, peer: &PeerId, id: ConnectionId) -> bool {
        self.connections.get(&id).is_some_and(|c| c.peer == *peer)
    }

    /// Opens the gate for the peer on this connection; an open link of the pair is broken first.
    pub(super) fn open(
        &mut self,
        group: GroupId,
        peer: PeerId,
        id: ConnectionId,
    ) -> Result<(LinkId, Vec<Step>), OpenError> {
        if !self.groups.contains_key(&group) {
            return Err(OpenError::UnknownGroup);
        }
        if self.connections.get(&id).is_none_or(|c| c.peer != peer) {
            return Err(OpenError::Disconnected);
        }
        let mut steps = self.close(&group, &peer);
        let link = LinkId(self.next_link);
        self.next_link += 1;
        let state = Link {
            id: link,
            connection: id,
            epoch: 0,
            muted: false,
        };
        self.groups.entry(group).or_default().insert(peer, state);
        self.names.insert(link, (group, peer));
        if let Some(connection) = self.connections.get_mut(&id) {
            connection.links.insert(link);
        }
        steps.push(Step::Show {
            group,
            peer,
            connection: id,
            link,
            epoch: 0,
        });
        Ok((link, steps))
    }

    /// Closes the gate for the peer; nothing happens when it is not open.
    pub(super) fn close(&mut self, group: &GroupId, peer: &PeerId) -> Vec<Step> {
        let Some(link) = self.groups.get_mut(group).and_then(|g| g.remove(peer)) else {
            return Vec::new();
        };
        self.names.remove(&link.id);
        if let Some(connection) = self.connections.get_mut(&link.connection) {
            connection.links.remove(&link.id);
        }
        let hide = Step::Hide {
            group: *group,
            peer: *peer,
            connection: link.connection,
        };
        let uninstall = Step::Uninstall {
            peer: *peer,
            connection: link.connection,
            link: link.id,
        };
        if link.muted {
            vec![uninstall]
        } else {
            vec![hide, uninstall]
        }
    }

    /// Takes the peer out of the group's gossip at once; what is on its way over the channel still
    /// goes out. Nothing happens when the gate is not open.
    pub(super) fn mute(&mut self, group: &GroupId, peer: &PeerId) -> Vec<Step> {
        let link = self.groups.get_mut(group).and_then(|g| g.get_mut(peer));
        let Some(link) = link.filter(|link| !link.muted) else {
            return Vec::new();
        };
        link.muted = true;
        vec![Step::Hide {
            group: *group,
            peer: *peer,
            connection: link.connection,
        }]
    }

    /// The handler asks that the instance be introduced to the peer anew, as of epoch `to`.
    pub(super) fn refresh(&mut self, id: ConnectionId, link: LinkId, to: Epoch) -> Vec<Step> {
        let Some((group, peer)) = self.names.get(&link).copied() else {
            return Vec::new();
        };
        let Some(state) = self.groups.get_mut(&group).and_then(|g| g.get_mut(&peer)) else {
            return Vec::new();
        };
        if state.connection != id || to <= state.epoch || state.muted {
            return Vec::new();
        }
        state.epoch = to;
        vec![
            Step::Hide {
                group,
                peer,
                connection: id,
            },
            Step::Show {
                group,
                peer,
                connection: id,
                link,
                epoch: to,
            },
        ]
    }

    /// The handler has given the link up and dropped it.
    pub(super) fn lost(&mut self, id: ConnectionId, link: LinkId, loss: LinkLoss) -> Vec<Step> {
        let Some((group, peer)) = self.owner(id, link) else {
            return Vec::new();
        };
        let mut steps = self.close(&group, &peer);
        steps.retain(|s| !matches!(s, Step::Uninstall { .. }));
        steps.push(Step::Lost { group, peer, loss });
        steps
    }

    /// Whose link this is, if it is open on this connection.
    pub(super) fn owner(&self, id: ConnectionId, link: LinkId) -> Option<(GroupId, PeerId)> {
        let (group, peer) = self.names.get(&link)?;
        let state = self.groups.get(group)?.get(peer)?;
        (state.connection == id).then_some((*group, *peer))
    }

    /// Like [`owner`](Self::owner), and the epoch is the present one too.
    pub(super) fn current(
        &self,
        id: ConnectionId,
        link: LinkId,
        epoch: Epoch,
    ) -> Option<(GroupId, PeerId)> {
        let (group, peer) = self.owner(id, link)?;
        let state = self.groups.get(&group)?.get(&peer)?;
        (state.epoch == epoch && !state.muted).then_some((group, peer))
    }

    /// The open link of the pair, its connection and its epoch.
    pub(super) fn link(
        &self,
        group: &GroupId,
        peer: &PeerId,
    ) -> Option<(LinkId, ConnectionId, Epoch)> {
        let link = self.groups.get(group)?.get(peer)?;
        Some((link.id, link.connection, link.epoch))
    }

    /// The peers with an open link in the group.
    pub(super) fn links(&self, group: &GroupId) -> impl Iterator<Item = PeerId> + '_ {
        self.groups
            .get(group)
            .into_iter()
            .flat_map(|g| g.keys().copied())
    }
}

#[cfg(test)]
mod tests {
    use std::cmp::Reverse;

    use proptest::prelude::*;

    use super::*;

    /// What may happen, with small numbers for names so that they meet often.
    #[derive(Clone, Debug)]
    enum Op {
        Connect {
            peer: u8,
            relayed: bool,
        },
        Disconnect {
            connection: usize,
        },
        InsertGroup {
            group: u8,
        },
        RemoveGroup {
            group: u8,
        },
        Open {
            group: u8,
            peer: u8,
            connection: usize,
        },
        Close {
            group: u8,
            peer: u8,
        },
        Refresh {
            link: u64,
            connection: usize,
            to: Epoch,
        },
        Lost {
            link: u64,
            connection: usize,
        },
    }

    fn op() -> impl Strategy<Value = Op> {
        let group = 0..3_u8;
        let peer = 0..3_u8;
        let connection = 0..12_usize;
        prop_oneof![
            3 => (peer.clone(), any::<bool>()).prop_map(|(peer, relayed)| Op::Connect { peer, relayed }),
            1 => connection.clone().prop_map(|connection| Op::Disconnect { connection }),
            1 => group.clone().prop_map(|group| Op::InsertGroup { group }),
            1 => group.clone().prop_map(|group| Op::RemoveGroup { group }),
            6 => (group.clone(), peer.clone(), connection.clone())
                .prop_map(|(group, peer, connection)| Op::Open { group, peer, connection }),
            2 => (group, peer).prop_map(|(group, peer)| Op::Close { group, peer }),
            2 => (0..20_u64, connection.clone(), 0..4_u32)
                .prop_map(|(link, connection, to)| Op::Refresh { link, connection, to }),
            1 => (0..20_u64, connection).prop_map(|(link, connection)| Op::Lost { link, connection }),
        ]
    }

    /// Stands for the gossip instances and the handlers, and is as unforgiving as they are.
    #[derive(Default)]
    struct Recorder {
        shown: BTreeMap<(GroupId, PeerId), ConnectionId>,
        installed: BTreeMap<LinkId, (ConnectionId, Epoch)>,
        lost: Vec<(GroupId, PeerId)>,
    }

    impl Recorder {
        fn carry_out(&mut self, steps: Vec<Step>) {
            for step in steps {
                match step {
                    Step::Hide {
                        group,
                        peer,
                        connection,
                    } => {
                        let seen = self.shown.remove(&(group, peer));
                        assert_eq!(seen, Some(connection), "hidden as it was shown");
                    }
                    Step::Show {
                        group,
                        peer,
                        connection,
                        link,
                        epoch,
                    } => {
                        let seen = self.shown.insert((group, peer), connection);
                        assert_eq!(seen, None, "one connection at a time");
                        let before = self.installed.insert(link, (connection, epoch));
                        match before {
                            None => assert_eq!(epoch, 0, "a link is installed at its first epoch"),
                            Some(before) => {
                                assert_eq!(before.0, connection, "a link never moves");
                                assert!(before.1 < epoch, "epochs grow");
                            }
                        }
                    }
                    Step::Uninstall {
                        connection, link, ..
                    } => {
                        let there = self.installed.remove(&link);
                        assert_eq!(there.map(|t| t.0), Some(connection));
                    }
                    Step::Lost { group, peer, .. } => self.lost.push((group, peer)),
                }
            }
        }

        /// A handler that goes away takes its links with it.
        fn handler_gone(&mut self, connection: ConnectionId) {
            self.installed.retain(|_, (c, _)| *c != connection);
        }
    }

    /// The same rules without indexes: what is open is one map.
    #[derive(Default)]
    struct Naive {
        connections: Vec<Option<(PeerId, bool)>>,
        groups: BTreeSet<GroupId>,
        open: BTreeMap<(GroupId, PeerId), usize>,
    }

    fn group(n: u8) -> GroupId {
        GroupId::from_bytes([n; 32])
    }

    fn peer(n: u8) -> PeerId {
        let digest = multihash(n);
        PeerId::from_bytes(&digest).expect("an identity multihash of a key-sized text")
    }

    fn multihash(n: u8) -> Vec<u8> {
        let mut bytes = vec![0, 36, 8, 1, 18, 32];
        bytes.extend_from_slice(&[n; 32]);
        bytes
    }

    fn connection(n: usize) -> ConnectionId {
        ConnectionId::new_unchecked(n)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1000))]

        #[test]
        fn an_instance_sees_exactly_the_open_links_and_one_connection_each(
            ops in proptest::collection::vec(op(), 0..80),
        ) {
            let mut gate = Gate::default();
            let mut recorder = Recorder::default();
            let mut naive = Naive::default();

            for op in ops {
                let lost_before = recorder.lost.len();
                let open_before = naive.open.clone();
                let mut expect_lost = BTreeSet::new();
                match op {
                    Op::Connect { peer: p, relayed } => {
                        gate.connected(connection(naive.connections.len()), peer(p), relayed);
                        naive.connections.push(Some((peer(p), relayed)));
                    }
                    Op::Disconnect { connection: c } => {
                        recorder.handler_gone(connection(c));
                        recorder.carry_out(gate.disconnected(connection(c)));
                        if let Some(slot) = naive.connections.get_mut(c) {
                            *slot = None;
                        }
                        expect_lost.extend(open_before.iter().filter(|o| *o.1 == c).map(|o| *o.0));
                        naive.open.retain(|_, on| *on != c);
                    }
                    Op::InsertGroup { group: g } => {
                        prop_assert_eq!(gate.insert_group(group(g)), naive.groups.insert(group(g)));
                    }
                    Op::RemoveGroup { group: g } => {
                        recorder.carry_out(gate.remove_group(&group(g)));
                        naive.groups.remove(&group(g));
                        naive.open.retain(|(of, _), _| *of != group(g));
                    }
                    Op::Open { group: g, peer: p, connection: c } => {
                        let legal = naive.groups.contains(&group(g))
                            && naive.connections.get(c).is_some_and(|c| c.is_some_and(|c| c.0 == peer(p)));
                        let opened = gate.open(group(g), peer(p), connection(c));
                        prop_assert_eq!(opened.is_ok(), legal);
                        if let Ok((_, steps)) = opened {
                            recorder.carry_out(steps);
                            naive.open.insert((group(g), peer(p)), c);
                        }
                    }
                    Op::Close { group: g, peer: p } => {
                        recorder.carry_out(gate.close(&group(g), &peer(p)));
                        naive.open.remove(&(group(g), peer(p)));
                    }
                    Op::Refresh { link, connection: c, to } => {
                        recorder.carry_out(gate.refresh(connection(c), LinkId(link), to));
                    }
                    Op::Lost { link, connection: c } => {
                        // A handler only speaks of a link it has, and has dropped it by then.
                        if recorder.installed.get(&LinkId(link)).is_some_and(|i| i.0 == connection(c)) {
                            expect_lost.extend(gate.owner(connection(c), LinkId(link)));
                            recorder.installed.remove(&LinkId(link));
                        }
                        recorder.carry_out(gate.lost(connection(c), LinkId(link), LinkLoss::Refused));
                        for pair in &expect_lost {
                            naive.open.remove(pair);
                        }
                    }
                }

                let open: BTreeMap<_, _> = naive.open.iter().map(|(k, c)| (*k, connection(*c))).collect();
                prop_assert_eq!(&recorder.shown, &open);
                prop_assert_eq!(recorder.installed.len(), open.len());
                let told: BTreeSet<_> = recorder.lost[lost_before..].iter().copied().collect();
                prop_assert_eq!(told, expect_lost);
                for ((g, p), c) in &open {
                    let (link, on, epoch) = gate.link(g, p).expect("it is open");
                    prop_assert_eq!(on, *c);
                    prop_assert_eq!(recorder.installed.get(&link), Some(&(on, epoch)));
                    prop_assert_eq!(gate.current(on, link, epoch), Some((*g, *p)));
                    prop_assert_eq!(gate.current(on, link, epoch + 1), None);
                    prop_assert_eq!(gate.owner(connection(usize::MAX), link), None);
                }
                for p in (0..3).map(peer) {
                    let best = naive.connections.iter().enumerate()
                        .filter_map(|(i, c)| c.filter(|c| c.0 == p).map(|c| (c.1, Reverse(i))))
                        .min()
                        .map(|(_, Reverse(i))| connection(i));
                    prop_assert_eq!(gate.best_connection(&p), best);
                }
            }
        }
    }
}
