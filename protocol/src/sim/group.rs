//! Groups and who belongs to them.

use std::{sync::Arc, time::Duration};

use peerage_records::{
    id::{IdentityKey, ReplicaId},
    time::Timestamp,
};
use rand_chacha::ChaCha20Rng;

use super::{NodeIndex, World};
use crate::{
    admission::{Gate, Presented},
    binding::NodeBinding,
    cloud::Cloud,
    gmc::{self, Chain, IssueOptions, VerifiedGmc},
    group::{GroupKey, Roles},
    identity::Identity,
    properties::Properties,
    roster::Roster,
    secret::DiscoverySecret,
};

/// Names a group of a world: 0 for the first.
pub type GroupIndex = usize;

#[derive(Debug)]
pub(super) struct Group {
    pub(super) key: GroupKey,
    pub(super) secret: DiscoverySecret,
    pub(super) cloud: Cloud,
    nobody: Roster,
    /// What its creator says of it; `None`: nothing, as if it were not heard of.
    pub(super) properties: Option<Properties>,
    pub(super) creator: Option<NodeIndex>,
}

/// With which identity and which certificate a node belongs to a group.
#[derive(Debug, Clone)]
pub struct Membership {
    /// The identity.
    pub identity: Arc<Identity>,
    /// Its certificate.
    pub gmc: VerifiedGmc,
}

impl Membership {
    /// Which replica is kept for it.
    #[must_use]
    pub fn replica(&self) -> ReplicaId {
        ReplicaId::of(&self.identity.key(), &self.gmc.group())
    }
}

impl World {
    /// A new group without members.
    pub fn create_group(&mut self) -> GroupIndex {
        let now = self.now();
        let key = GroupKey::create("group", None, now, &mut self.rng)
            .expect("a plain classifier is a good one");
        self.groups.push(Group {
            nobody: Roster::new(key.root().id(), key.root().key()),
            key,
            secret: DiscoverySecret::generate(&mut self.rng),
            cloud: Cloud::global(),
            properties: None,
            creator: None,
        });
        self.groups.len() - 1
    }

    /// A new group whose first member publishes these properties, as a real creator does.
    pub fn create_group_with(&mut self, properties: Properties) -> GroupIndex {
        let group = self.create_group();
        self.groups[group].properties = Some(properties);
        group
    }

    /// The key of a group.
    #[must_use]
    pub fn group_key(&self, group: GroupIndex) -> &GroupKey {
        &self.groups[group].key
    }

    /// The discovery secret of a group.
    #[must_use]
    pub fn secret(&self, group: GroupIndex) -> &DiscoverySecret {
        &self.groups[group].secret
    }

    /// What admission needs to know of a group.
    #[must_use]
    pub fn gate<'a>(&'a self, id: &'a peerage_records::id::GroupId, group: GroupIndex) -> Gate<'a> {
        Gate {
            group: id,
            secret: &self.groups[group].secret,
            roster: &self.groups[group].nobody,
        }
    }

    /// A roster of a group that knows nobody: what a raw peer judges by.
    #[must_use]
    pub fn empty_roster(&self, group: GroupIndex) -> Roster {
        let root = self.groups[group].key.root();
        Roster::new(root.id(), root.key())
    }

    /// A new identity.
    pub fn identity(&mut self) -> Identity {
        let now = self.now();
        Identity::generate("peer", None, now, &mut self.rng)
            .expect("a plain classifier is a good one")
    }

    /// Issues a membership directly under the root of a group.
    pub fn issue(
        &mut self,
        group: GroupIndex,
        identity: Identity,
        roles: impl Into<Roles>,
        not_after: Option<Timestamp>,
    ) -> Membership {
        let now = self.now();
        let options = IssueOptions {
            not_after,
            ..IssueOptions::new(roles)
        };
        let chain = self.groups[group]
            .key
            .issue(&identity.card(), None, &options, now, &mut self.rng)
            .expect("a plain membership can be issued");
        self.membership(group, identity, &chain)
    }

    /// Takes a chain issued elsewhere.
    #[must_use]
    pub fn membership(&self, group: GroupIndex, identity: Identity, chain: &Chain) -> Membership {
        let gmc = gmc::verify(chain, &self.groups[group].key.root().id(), self.now())
            .expect("it was issued for this group");
        Membership {
            identity: Arc::new(identity),
            gmc,
        }
    }

    /// Makes a node a member of a group and opens the group there, offline. The first member of a
    /// group counts as its creator: it has nothing to wait for.
    pub fn enrol(&mut self, node: NodeIndex, group: GroupIndex, roles: impl Into<Roles>) {
        let identity = self.identity();
        let membership = self.issue(group, identity, roles, None);
        self.enrol_as(node, group, membership);
    }

    /// As [`World::enrol`], with a membership made before.
    pub fn enrol_as(&mut self, node: NodeIndex, group: GroupIndex, membership: Membership) {
        let first = !self
            .nodes
            .iter()
            .any(|node| node.memberships.contains_key(&group));
        if first {
            self.nodes[node].synchronised.insert(membership.replica());
            self.groups[group].creator = Some(node);
        }
        self.nodes[node].memberships.insert(group, membership);
        self.open(node, group);
    }

    /// The membership of a node.
    ///
    /// # Panics
    /// When it has none.
    #[must_use]
    pub fn membership_of(&self, node: NodeIndex, group: GroupIndex) -> &Membership {
        &self.nodes[node].memberships[&group]
    }

    /// The identity behind a node's membership.
    ///
    /// # Panics
    /// When it has none.
    #[must_use]
    pub fn member(&self, node: NodeIndex, group: GroupIndex) -> IdentityKey {
        self.membership_of(node, group).identity.key()
    }

    /// What a node with this membership would show in an exchange, for raw peers.
    #[must_use]
    pub fn presented(&self, node: NodeIndex, membership: &Membership) -> Presented {
        let peer = self.nodes[node].peer;
        let binding = NodeBinding::create(&membership.identity, peer, self.now(), [7; 16]);
        Presented {
            binding: binding.encode().into(),
            chain: membership.gmc.chain().encode().into(),
            addresses: self.nodes[node].addresses.clone(),
            neighbours: 0,
        }
    }

    /// `count` nodes with plain memberships of one group, online; the first is an Admin.
    pub fn populate(&mut self, group: GroupIndex, count: usize) -> Vec<NodeIndex> {
        let nodes: Vec<NodeIndex> = (0..count).map(|_| self.add_node()).collect();
        for (index, node) in nodes.iter().enumerate() {
            let role = if index == 0 {
                crate::group::Role::Admin
            } else {
                crate::group::Role::Member
            };
            self.enrol(*node, group, role);
        }
        for node in &nodes {
            self.connect(*node, group);
            let pause = self.draw(Duration::ZERO..Duration::from_millis(300));
            self.run_for(pause);
        }
        nodes
    }

    pub(super) fn chance(&mut self) -> &mut ChaCha20Rng {
        &mut self.rng
    }
}
