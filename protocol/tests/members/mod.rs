//! Groups that have grown by invitation, and what their nodes tell.
#![allow(dead_code, reason = "every test file uses another part")]

use std::{collections::BTreeSet, time::Duration};

use peerage_protocol::{
    engine::{Event, Output, Terms},
    group::{Role, Roles},
    revocation::Cause,
    sim::{Config, GroupIndex, NodeIndex, World},
    wire::link::LinkFrame,
};
use peerage_records::{codec::SignedRecord, id::IdentityKey, store::ChangeKind};
use serde_bytes::ByteBuf;

pub(crate) const SECOND: Duration = Duration::from_secs(1);
pub(crate) const MINUTE: Duration = Duration::from_secs(60);
pub(crate) const HOUR: Duration = Duration::from_secs(3_600);

/// From a revocation's arrival until the links it ends are cut.
pub(crate) const CUT: Duration = Duration::from_secs(2);

/// A group whose creator is online.
pub(crate) fn founded(config: Config) -> (World, GroupIndex, NodeIndex) {
    let mut world = World::new(config);
    let group = world.create_group();
    let creator = world.add_node();
    world.enrol(creator, group, Role::Admin);
    world.connect(creator, group);
    world.run_for(SECOND);
    (world, group, creator)
}

/// Members invited by one, and then everybody knows everybody.
pub(crate) fn grown(
    world: &mut World,
    group: GroupIndex,
    inviter: NodeIndex,
    roles: &[Role],
) -> Vec<NodeIndex> {
    let mut nodes = Vec::new();
    for role in roles {
        nodes.push(world.enrol_under(inviter, group, *role));
        world.run_for(SECOND / 10);
    }
    let mut all = nodes.clone();
    all.push(inviter);
    settle(world, group, &all);
    nodes
}

/// Waits until all hold the same and are joined.
#[track_caller]
pub(crate) fn settle(world: &mut World, group: GroupIndex, nodes: &[NodeIndex]) {
    let settled = world.run_until(10 * MINUTE, |w| {
        w.converged(group, nodes)
            && w.is_joined(group, nodes)
            && nodes.iter().all(|node| w.is_synchronised(*node, group))
    });
    let counts: Vec<_> = nodes
        .iter()
        .map(|n| world.record_count(*n, group))
        .collect();
    assert!(settled, "not settled: {counts:?}");
}

/// Whom a node takes for members.
pub(crate) fn members(world: &World, node: NodeIndex, group: GroupIndex) -> BTreeSet<IdentityKey> {
    let view = world.view(node, group).expect("it runs");
    view.roster.iter().map(|(key, _)| *key).collect()
}

/// The roles a node sees in a member.
pub(crate) fn roles_of(
    world: &World,
    node: NodeIndex,
    group: GroupIndex,
    member: IdentityKey,
) -> Option<Roles> {
    let view = world.view(node, group)?;
    view.roster.get(&member).map(|gmc| gmc.roles())
}

/// When, and why, a node was told that somebody is no member any more.
pub(crate) fn removed(
    world: &World,
    node: NodeIndex,
    member: IdentityKey,
) -> Vec<(Duration, Cause)> {
    let told = world
        .events(node)
        .iter()
        .filter_map(|(at, event)| match event {
            Event::MemberRemoved {
                member: who, cause, ..
            } if *who == member => Some((*at, *cause)),
            _ => None,
        });
    told.collect()
}

/// When, and why, a node parted from another.
pub(crate) fn parted(
    world: &World,
    node: NodeIndex,
    other: NodeIndex,
) -> Vec<(Duration, &'static str)> {
    let peer = world.peer(other);
    let told = world
        .events(node)
        .iter()
        .filter_map(|(at, event)| match event {
            Event::NeighbourDisconnected {
                peer: who, reason, ..
            } if *who == peer => Some((*at, *reason)),
            _ => None,
        });
    told.collect()
}

/// Whom a node turned away, and why.
pub(crate) fn refusals(world: &World, node: NodeIndex, other: NodeIndex) -> BTreeSet<&'static str> {
    let peer = world.peer(other);
    let told = world
        .events(node)
        .iter()
        .filter_map(|(_, event)| match event {
            Event::AdmissionRefused {
                peer: who, reason, ..
            } if *who == peer => Some(*reason),
            _ => None,
        });
    told.collect()
}

/// What happened to one envelope on a node, as its application was told.
pub(crate) fn changes(world: &World, node: NodeIndex, signed: &SignedRecord) -> Vec<ChangeKind> {
    let told = world
        .events(node)
        .iter()
        .filter_map(|(_, event)| match event {
            Event::RecordChanged { change, .. } if change.hash == signed.hash() => {
                Some(change.kind)
            }
            _ => None,
        });
    told.collect()
}

/// Publishes for half an hour, and gives back what was.
pub(crate) fn published(
    world: &mut World,
    node: NodeIndex,
    group: GroupIndex,
    payload: &[u8],
) -> SignedRecord {
    let command = world.publish_for(node, group, payload, 30 * MINUTE);
    world.succeeded(node, command)
}

/// Has a node hand an envelope to all its neighbours, in every way there is.
pub(crate) fn spread(world: &mut World, group: GroupIndex, from: NodeIndex, signed: &SignedRecord) {
    let id = world.group_id(group);
    let bytes = signed.bytes().to_vec();
    world.inject(
        from,
        Output::Gossip {
            group: id,
            bytes: bytes.clone(),
        },
    );
    for other in world.neighbours(from, group) {
        let frame = LinkFrame::Offer {
            request: 1,
            envelopes: vec![ByteBuf::from(bytes.clone())],
        };
        let peer = world.peer(other);
        world.inject(
            from,
            Output::Send {
                group: id,
                peer,
                frame: frame.encode(),
            },
        );
    }
    world.run_for(5 * SECOND);
}

/// Other roles, the rest as it is.
pub(crate) fn with_roles(role: Role) -> Terms {
    Terms {
        roles: Some(role.into()),
        not_after: None,
    }
}
