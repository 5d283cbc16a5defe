//! Who is known to be where.

use std::collections::BTreeMap;

use libp2p_identity::PeerId;
use peerage_records::{id::IdentityKey, record::Record, time::Timestamp};

use super::NodePresence;

/// Nodes known of one member at once. A person has a few machines; one who invents more shows the last
/// ones only.
pub const MAX_NODES_PER_MEMBER: usize = 8;

/// A node as its latest record says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// What the node says.
    pub node: NodePresence,
    /// The version of the record.
    pub version: u32,
    /// When the node was first heard of, in the life of this record.
    pub created: Timestamp,
    /// When it said this.
    pub modified: Timestamp,
    /// Until when that is good.
    pub expires: Timestamp,
}

impl Seen {
    /// Reads a presence record; `None` for anything else.
    #[must_use]
    pub fn of(record: &Record) -> Option<Self> {
        Some(Self {
            node: NodePresence::decode(&record.payload).ok()?,
            version: record.version,
            created: record.created,
            modified: record.modified,
            expires: record.expires,
        })
    }
}

/// What changed about a node of a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PresenceChange {
    /// It came online.
    Connected,
    /// It went offline, or was not heard of for too long.
    Disconnected,
    /// It says something else about itself: addresses or attributes.
    Updated,
}

/// A change, and whose node it is about.
pub(crate) type Noted = (IdentityKey, PeerId, PresenceChange);

/// All nodes of all members that are known to be online, and those that said goodbye a while ago.
#[derive(Debug)]
pub struct PresenceBook {
    own: (IdentityKey, PeerId),
    nodes: BTreeMap<(IdentityKey, PeerId), Seen>,
    /// Nothing lapses before.
    next_lapse: Option<Timestamp>,
}

impl PresenceBook {
    /// An empty book of the node `peer` of `member`.
    #[must_use]
    pub fn new(member: IdentityKey, peer: PeerId) -> Self {
        Self {
            own: (member, peer),
            nodes: BTreeMap::new(),
            next_lapse: None,
        }
    }

    /// The nodes that are online at `now`, by member.
    pub fn present(&self, now: Timestamp) -> impl Iterator<Item = (&IdentityKey, &Seen)> {
        self.nodes
            .iter()
            .filter(move |(_, seen)| seen.node.present && seen.expires > now)
            .map(|((member, _), seen)| (member, seen))
    }

    /// What our own node has said last, online or not.
    #[must_use]
    pub fn own(&self) -> Option<&Seen> {
        self.nodes.get(&self.own)
    }

    /// Takes a record that the replica holds now; tells what changed by it.
    pub(crate) fn take(&mut self, member: IdentityKey, seen: Seen, now: Timestamp) -> Vec<Noted> {
        let peer = seen.node.peer;
        if seen.expires <= now {
            return self.remove(member, peer);
        }
        self.next_lapse = Some(
            self.next_lapse
                .map_or(seen.expires, |at| at.min(seen.expires)),
        );
        let present = seen.node.present;
        let before = self.nodes.get(&(member, peer));
        let change = match before.filter(|before| before.node.present) {
            None if present => Some(PresenceChange::Connected),
            None => None,
            Some(_) if !present => Some(PresenceChange::Disconnected),
            Some(before) => (before.node.addresses != seen.node.addresses
                || before.node.attributes != seen.node.attributes)
                .then_some(PresenceChange::Updated),
        };
        let mut noted = match before {
            None => self.make_room(member),
            Some(_) => Vec::new(),
        };
        self.nodes.insert((member, peer), seen);
        noted.extend(change.map(|change| (member, peer, change)));
        noted
    }

    /// Forgets what has lapsed by `now`.
    pub(crate) fn lapse(&mut self, now: Timestamp) -> Vec<Noted> {
        if self.next_lapse.is_none_or(|at| at > now) {
            return Vec::new();
        }
        let lapsed: Vec<(IdentityKey, PeerId)> = self
            .nodes
            .iter()
            .filter(|(_, seen)| seen.expires <= now)
            .map(|(key, _)| *key)
            .collect();
        let noted = lapsed
            .into_iter()
            .flat_map(|(member, peer)| self.remove(member, peer))
            .collect();
        self.next_lapse = self.nodes.values().map(|seen| seen.expires).min();
        noted
    }

    /// Forgets the nodes of everybody but these members: of those removed from the group.
    pub(crate) fn retain(&mut self, keep: impl Fn(&IdentityKey) -> bool) -> Vec<Noted> {
        let strangers: Vec<(IdentityKey, PeerId)> = self
            .nodes
            .keys()
            .filter(|(member, _)| !keep(member))
            .copied()
            .collect();
        strangers
            .into_iter()
            .flat_map(|(member, peer)| self.remove(member, peer))
            .collect()
    }

    /// When the next record lapses.
    pub(crate) fn next_lapse(&self) -> Option<Timestamp> {
        self.next_lapse
    }

    fn remove(&mut self, member: IdentityKey, peer: PeerId) -> Vec<Noted> {
        self.nodes
            .remove(&(member, peer))
            .filter(|seen| seen.node.present)
            .map(|_| (member, peer, PresenceChange::Disconnected))
            .into_iter()
            .collect()
    }

    fn peers_of(&self, member: IdentityKey) -> impl Iterator<Item = (PeerId, &Seen)> {
        self.nodes
            .iter()
            .filter(move |((of, _), _)| *of == member)
            .map(|((_, peer), seen)| (*peer, seen))
    }

    /// Makes room for one more node of a member: what is gone goes first, then what is older.
    fn make_room(&mut self, member: IdentityKey) -> Vec<Noted> {
        if self.peers_of(member).count() < MAX_NODES_PER_MEMBER {
            return Vec::new();
        }
        let own = self.own;
        let oldest = self
            .peers_of(member)
            .filter(|(peer, _)| (member, *peer) != own)
            .min_by_key(|(_, seen)| (seen.node.present, seen.modified))
            .map(|(peer, _)| peer);
        oldest.map_or_else(Vec::new, |peer| self.remove(member, peer))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{
        super::tests::{LIFE, NOW, member, online, peer, record},
        *,
    };

    fn seen(node: &NodePresence, by: IdentityKey) -> Seen {
        Seen::of(&record(node, by, None)).unwrap()
    }

    fn book() -> PresenceBook {
        PresenceBook::new(member(0), peer(0))
    }

    #[test]
    fn nodes_come_change_and_go() {
        let (mut book, ann) = (book(), member(1));
        let at = |change| vec![(ann, peer(1), change)];
        let first = seen(&online(1), ann);
        assert_eq!(
            book.take(ann, first.clone(), NOW),
            at(PresenceChange::Connected)
        );
        assert_eq!(book.take(ann, first.clone(), NOW), [], "only refreshed");
        let mut other = online(1);
        other.attributes = None;
        let other = seen(&other, ann);
        assert_eq!(book.take(ann, other, NOW), at(PresenceChange::Updated));
        let gone = seen(&NodePresence::gone(peer(1), [7; 16]), ann);
        assert_eq!(
            book.take(ann, gone.clone(), NOW),
            at(PresenceChange::Disconnected)
        );
        assert_eq!(book.take(ann, gone, NOW), []);
        assert_eq!(book.present(NOW).count(), 0);
        assert_eq!(book.take(ann, first, NOW), at(PresenceChange::Connected));
    }

    #[test]
    fn what_is_not_refreshed_lapses() {
        let (mut book, ann) = (book(), member(1));
        book.take(ann, seen(&online(1), ann), NOW);
        assert_eq!(book.next_lapse(), Some(NOW + LIFE));
        assert_eq!(book.lapse(NOW + LIFE - Duration::from_millis(1)), []);
        assert_eq!(book.present(NOW + LIFE).count(), 0);
        assert_eq!(
            book.lapse(NOW + LIFE),
            [(ann, peer(1), PresenceChange::Disconnected)]
        );
        assert_eq!(book.next_lapse(), None);
    }

    #[test]
    fn a_member_with_two_nodes_is_listed_with_both() {
        let (mut book, ann) = (book(), member(1));
        book.take(ann, seen(&online(1), ann), NOW);
        book.take(ann, seen(&online(2), ann), NOW);
        let peers: Vec<PeerId> = book.present(NOW).map(|(_, seen)| seen.node.peer).collect();
        assert_eq!(peers, [peer(1), peer(2)]);
        book.take(member(2), seen(&online(3), member(2)), NOW);
        assert_eq!(book.retain(|member| *member != ann).len(), 2);
        assert_eq!(book.present(NOW).count(), 1);
    }

    #[test]
    fn a_member_who_invents_nodes_has_only_so_many_and_ours_stays() {
        let mut book = book();
        let me = member(0);
        book.take(me, seen(&online(0), me), NOW);
        for number in 1..100 {
            book.take(me, seen(&online(number), me), NOW);
        }
        assert_eq!(book.present(NOW).count(), MAX_NODES_PER_MEMBER);
        assert_eq!(book.own().unwrap().node.peer, peer(0));
    }
}
