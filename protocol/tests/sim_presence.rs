//! Who is online in a group: shown while it lasts, gone when it ends, however it ends.
#![cfg(feature = "sim")]

use std::{collections::BTreeSet, time::Duration};

use peerage_protocol::{
    engine::{Event, Input, PresenceWish},
    group::Role,
    presence::{PresenceChange, Seen},
    properties::{PresencePolicy, Properties, PropertiesChange},
    sim::{Config, GroupIndex, NodeIndex, World},
};
use peerage_records::{
    codec::SignedRecord,
    id::RecordType,
    record::Record,
    store::{Origin, Partition, Put, RecordQuery, Store},
    validate::validate,
};

const MINUTE: Duration = Duration::from_secs(60);
const LIFE: Duration = Duration::from_secs(300);

fn policy(presence: PresencePolicy) -> Properties {
    Properties {
        presence,
        ..Properties::default()
    }
}

fn club(seed: u64, presence: PresencePolicy, count: usize) -> (World, GroupIndex, Vec<NodeIndex>) {
    let mut world = World::new(Config::from_env(seed));
    let group = world.create_group_with(policy(presence));
    let nodes = world.populate(group, count);
    let met = world.run_until(2 * MINUTE, |w| {
        nodes.iter().all(|node| w.is_synchronised(*node, group))
    });
    assert!(met, "they meet");
    (world, group, nodes)
}

/// The nodes that `node` shows as online.
fn present(world: &World, node: NodeIndex, group: GroupIndex) -> BTreeSet<NodeIndex> {
    let Some(view) = world.view(node, group) else {
        return BTreeSet::new();
    };
    view.presence
        .present(world.now())
        .filter_map(|(_, seen)| world.node_of(&seen.node.peer))
        .collect()
}

fn seen(world: &World, by: NodeIndex, group: GroupIndex, node: NodeIndex) -> Option<Seen> {
    let peer = world.peer(node);
    let view = world.view(by, group)?;
    view.presence
        .present(world.now())
        .map(|(_, seen)| seen)
        .find(|seen| seen.node.peer == peer)
        .cloned()
}

fn all_see_all(world: &World, nodes: &[NodeIndex], group: GroupIndex) -> bool {
    let all: BTreeSet<NodeIndex> = nodes.iter().copied().collect();
    nodes.iter().all(|node| present(world, *node, group) == all)
}

/// What `by` was told about `node`, and when.
fn told(world: &World, by: NodeIndex, node: NodeIndex) -> Vec<(Duration, PresenceChange)> {
    let about = world.peer(node);
    world
        .events(by)
        .iter()
        .filter_map(|(at, event)| match event {
            Event::PresenceChanged { peer, change, .. } if *peer == about => Some((*at, *change)),
            _ => None,
        })
        .collect()
}

fn changes(world: &World, by: NodeIndex, node: NodeIndex) -> Vec<PresenceChange> {
    told(world, by, node).into_iter().map(|(_, c)| c).collect()
}

fn set(world: &mut World, node: NodeIndex, group: GroupIndex, presence: PresencePolicy) {
    let change = PropertiesChange {
        presence: Some(presence),
        ..PropertiesChange::default()
    };
    let command = world.set_properties(node, group, change);
    assert!(world.run_until(MINUTE, |w| {
        w.reply(node, command).is_some_and(Result::is_ok)
    }));
}

#[test]
fn every_node_shows_every_other_and_goes_on_doing_so() {
    let (mut world, group, nodes) = club(1, PresencePolicy::All, 6);
    assert!(world.run_until(MINUTE, |w| all_see_all(w, &nodes, group)));
    for _ in 0..20 {
        world.run_for(MINUTE);
        assert!(all_see_all(&world, &nodes, group), "refreshed in time");
    }
    for (by, node) in [(nodes[0], nodes[5]), (nodes[5], nodes[0])] {
        assert_eq!(changes(&world, by, node), [PresenceChange::Connected]);
        let seen = seen(&world, by, group, node).unwrap();
        assert_eq!(seen.node.addresses.len(), 1, "and where it is");
    }
    for node in &nodes {
        assert_eq!(changes(&world, *node, *node), [], "nothing about itself");
    }
}

#[test]
fn a_node_that_closes_in_order_is_gone_at_once() {
    let (mut world, group, nodes) = club(2, PresencePolicy::All, 5);
    assert!(world.run_until(MINUTE, |w| all_see_all(w, &nodes, group)));
    let (leaver, rest) = nodes.split_last().unwrap();
    world.disconnect(*leaver, group);
    let begin = world.elapsed();
    let rest_see_rest = |w: &World| {
        let wanted: BTreeSet<NodeIndex> = rest.iter().copied().collect();
        rest.iter().all(|n| present(w, *n, group) == wanted)
    };
    assert!(world.run_until(Duration::from_secs(2), rest_see_rest));
    for node in rest {
        let told = told(&world, *node, *leaver);
        let (at, change) = told.last().unwrap();
        assert_eq!(*change, PresenceChange::Disconnected);
        assert!(*at - begin < Duration::from_secs(2), "{at:?}");
    }
    // It comes back within the lifetime of what it said before.
    world.connect(*leaver, group);
    assert!(world.run_until(MINUTE, |w| all_see_all(w, &nodes, group)));
    assert_eq!(
        changes(&world, nodes[0], *leaver).last(),
        Some(&PresenceChange::Connected)
    );
}

#[test]
fn a_group_closed_and_opened_again_at_once_meets_again() {
    let (mut world, group, nodes) = club(3, PresencePolicy::All, 2);
    assert!(world.run_until(MINUTE, |w| all_see_all(w, &nodes, group)));
    world.disconnect(nodes[1], group);
    world.run_for(Duration::from_millis(20));
    world.connect(nodes[1], group);
    let met = world.run_until(2 * MINUTE, |w| {
        w.neighbours(nodes[1], group).len() == 1 && all_see_all(w, &nodes, group)
    });
    assert!(met);
}

#[test]
fn a_crashed_node_lapses_within_one_lifetime() {
    let (mut world, group, nodes) = club(4, PresencePolicy::All, 4);
    assert!(world.run_until(MINUTE, |w| all_see_all(w, &nodes, group)));
    world.run_for(7 * MINUTE);
    let crashed = nodes[3];
    let begin = world.elapsed();
    world.crash(crashed);
    world.run_for(LIFE / 3 - Duration::from_secs(10));
    assert!(present(&world, nodes[0], group).contains(&crashed));
    world.run_for(LIFE * 2 / 3 + Duration::from_secs(20));
    for node in &nodes[..3] {
        assert!(!present(&world, *node, group).contains(&crashed));
        let told = told(&world, *node, crashed);
        let (at, change) = told.last().unwrap();
        assert_eq!(*change, PresenceChange::Disconnected);
        let after = *at - begin;
        assert!(after <= LIFE + Duration::from_secs(10), "{after:?}");
    }
    world.restart(crashed);
    assert!(world.run_until(2 * MINUTE, |w| all_see_all(w, &nodes, group)));
}

#[test]
fn a_node_that_restarts_quickly_is_never_shown_as_gone() {
    let (mut world, group, nodes) = club(5, PresencePolicy::All, 3);
    assert!(world.run_until(MINUTE, |w| all_see_all(w, &nodes, group)));
    world.crash(nodes[2]);
    world.run_for(Duration::from_secs(30));
    world.restart(nodes[2]);
    world.run_for(20 * MINUTE);
    assert!(all_see_all(&world, &nodes, group));
    let told = changes(&world, nodes[0], nodes[2]);
    assert_eq!(told, [PresenceChange::Connected]);
}

#[test]
fn attributes_reach_the_others_and_can_be_cleared() {
    let (mut world, group, nodes) = club(6, PresencePolicy::All, 3);
    assert!(world.run_until(MINUTE, |w| all_see_all(w, &nodes, group)));
    world.run_for(Duration::from_secs(10));
    for (round, text) in [Some("away"), None].into_iter().enumerate() {
        let text = text.map(ToOwned::to_owned);
        let wish = PresenceWish::Attributes(text.clone());
        world.wish(nodes[1], group, wish);
        let heard = world.run_until(MINUTE, |w| {
            [nodes[0], nodes[2]]
                .iter()
                .all(|by| seen(w, *by, group, nodes[1]).unwrap().node.attributes == text)
        });
        assert!(heard, "{text:?}");
        let updates = changes(&world, nodes[0], nodes[1]);
        let updated = updates.iter().filter(|c| **c == PresenceChange::Updated);
        assert_eq!(updated.count(), round + 1);
    }
}

#[test]
fn a_changed_address_reaches_the_others() {
    let (mut world, group, nodes) = club(7, PresencePolicy::All, 3);
    assert!(world.run_until(MINUTE, |w| all_see_all(w, &nodes, group)));
    world.run_for(Duration::from_secs(10));
    let moved = "/memory/777".parse().unwrap();
    world.command(nodes[2], Input::Addresses(vec![moved]));
    let heard = world.run_until(MINUTE, |w| {
        nodes[..2].iter().all(|by| {
            let addresses = seen(w, *by, group, nodes[2]).unwrap().node.addresses;
            addresses.len() == 1 && addresses[0].to_string() == "/memory/777"
        })
    });
    assert!(heard);
    for by in &nodes[..2] {
        assert_eq!(
            changes(&world, *by, nodes[2]).last(),
            Some(&PresenceChange::Updated)
        );
    }
}

#[test]
fn addresses_that_change_by_the_second_do_not_flood_the_group() {
    let (mut world, group, nodes) = club(8, PresencePolicy::All, 2);
    assert!(world.run_until(MINUTE, |w| all_see_all(w, &nodes, group)));
    for number in 0..60 {
        let address = format!("/memory/{}", 1_000 + number).parse().unwrap();
        world.command(nodes[1], Input::Addresses(vec![address]));
        world.run_for(Duration::from_secs(1));
    }
    let updates = changes(&world, nodes[0], nodes[1]).len();
    assert!((2..=15).contains(&updates), "{updates} in a minute");
}

#[test]
fn a_member_on_two_nodes_is_listed_with_both() {
    let (mut world, group, nodes) = club(9, PresencePolicy::All, 2);
    let second = world.add_node();
    let membership = world.membership_of(nodes[1], group).clone();
    world.enrol_as(second, group, membership);
    world.connect(second, group);
    let all = [nodes[0], nodes[1], second];
    assert!(world.run_until(2 * MINUTE, |w| all_see_all(w, &all, group)));
    let member = world.member(second, group);
    let view = world.view(nodes[0], group).unwrap();
    let listed = view
        .presence
        .present(world.now())
        .filter(|(of, _)| **of == member)
        .count();
    assert_eq!(listed, 2);
    // One of them goes; the other stays.
    world.disconnect(second, group);
    let gone = world.run_until(MINUTE, |w| {
        present(w, nodes[0], group) == BTreeSet::from([nodes[0], nodes[1]])
    });
    assert!(gone);
}

#[test]
fn with_nobody_wanted_a_node_is_shown_only_while_forced() {
    let (mut world, group, nodes) = club(10, PresencePolicy::Nobody, 3);
    world.run_for(10 * MINUTE);
    for node in &nodes {
        assert!(present(&world, *node, group).is_empty());
    }
    world.wish(nodes[1], group, PresenceWish::Forced(true));
    let only = BTreeSet::from([nodes[1]]);
    let shown = |w: &World| nodes.iter().all(|n| present(w, *n, group) == only);
    assert!(world.run_until(MINUTE, shown));
    world.run_for(20 * MINUTE);
    assert!(shown(&world), "refreshed");
    world.wish(nodes[1], group, PresenceWish::Forced(false));
    world.run_for(LIFE);
    for node in &nodes {
        assert!(present(&world, *node, group).is_empty());
    }
}

#[test]
fn a_change_of_policy_is_gone_by_at_once() {
    let (mut world, group, nodes) = club(11, PresencePolicy::All, 4);
    assert!(world.run_until(MINUTE, |w| all_see_all(w, &nodes, group)));
    set(&mut world, nodes[0], group, PresencePolicy::Nobody);
    let none = |w: &World| nodes.iter().all(|n| present(w, *n, group).is_empty());
    assert!(world.run_until(MINUTE, none));
    set(&mut world, nodes[0], group, PresencePolicy::All);
    assert!(world.run_until(MINUTE, |w| all_see_all(w, &nodes, group)));
}

#[test]
fn with_about_so_many_wanted_there_are_so_many_to_ten_more() {
    let wanted = 5;
    let (mut world, group, nodes) = club(12, PresencePolicy::About(wanted), 40);
    world.run_for(10 * MINUTE);
    let count = |w: &World| present(w, nodes[0], group).len();
    let settled = |count: usize| (5..=15).contains(&count);
    let before = count(&world);
    assert!(settled(before), "{before} of 40");
    // Everybody shows itself, and then too many are too many.
    set(&mut world, nodes[0], group, PresencePolicy::All);
    assert!(world.run_until(2 * MINUTE, |w| count(w) == 40));
    set(&mut world, nodes[0], group, PresencePolicy::About(wanted));
    world.run_for(10 * MINUTE);
    let after = count(&world);
    assert!(settled(after), "{after} of 40");
    world.run_for(10 * MINUTE);
    assert_eq!(count(&world), after, "it stays so");
}

#[test]
fn whose_membership_ends_within_one_lifetime_is_not_shown() {
    let (mut world, group, mut nodes) = club(13, PresencePolicy::All, 2);
    for seconds in [299, 3_600] {
        let node = world.add_node();
        let identity = world.identity();
        let end = world.now() + Duration::from_secs(seconds);
        let membership = world.issue(group, identity, Role::Member, Some(end));
        world.enrol_as(node, group, membership);
        world.connect(node, group);
        nodes.push(node);
    }
    world.run_for(2 * MINUTE);
    let [_, _, short, long] = nodes[..] else {
        panic!("four nodes");
    };
    assert!(
        world.is_synchronised(short, group),
        "else it proves nothing"
    );
    let shown = present(&world, nodes[0], group);
    assert!(shown.contains(&long) && !shown.contains(&short));
}

#[test]
fn a_member_joins_once_and_nobody_leaves_by_going_offline() {
    let (mut world, group, nodes) = club(14, PresencePolicy::All, 3);
    for _ in 0..3 {
        world.run_for(6 * MINUTE);
        world.disconnect(nodes[2], group);
        world.run_for(6 * MINUTE);
        world.connect(nodes[2], group);
    }
    world.crash(nodes[0]);
    world.run_for(MINUTE);
    world.restart(nodes[0]);
    world.run_for(6 * MINUTE);
    let member = world.member(nodes[2], group);
    for by in &nodes[..2] {
        let joined = world
            .events(*by)
            .iter()
            .filter(|(_, event)| {
                matches!(event, Event::MemberJoined { member: who, .. } if *who == member)
            })
            .count();
        assert_eq!(joined, 1, "at node {by}");
        let removed = |(_, event): &(Duration, Event)| matches!(event, Event::MemberRemoved { .. });
        assert!(!world.events(*by).iter().any(removed), "nobody left");
    }
    let ups_and_downs = changes(&world, nodes[1], nodes[2]);
    let pair = [PresenceChange::Disconnected, PresenceChange::Connected];
    let mut expected = vec![PresenceChange::Connected];
    (0..3).for_each(|_| expected.extend(pair));
    assert_eq!(ups_and_downs, expected);
}

#[test]
fn c3_clocks_that_differ_by_minutes_do_not_hide_anybody() {
    let mut world = World::new(Config::from_env(15));
    let group = world.create_group_with(policy(PresencePolicy::All));
    let nodes = world.populate(group, 3);
    world.set_skew_millis(nodes[1], 180_000);
    world.set_skew_millis(nodes[2], -60_000);
    world.run_for(20 * MINUTE);
    for round in 0..10 {
        // Its memory is gone, and its clock says that its record has lapsed long ago.
        world.crash(nodes[1]);
        world.run_for(MINUTE);
        world.restart(nodes[1]);
        world.run_for(3 * MINUTE);
        for by in [nodes[0], nodes[2]] {
            let shown = present(&world, by, group);
            assert!(shown.contains(&nodes[1]), "round {round} at {by}");
        }
    }
}

/// A member that speaks for the node of another, and an Admin that changes what another's node says.
#[test]
fn nobody_speaks_for_the_node_of_another_member() {
    let (mut world, group, nodes) = club(16, PresencePolicy::All, 3);
    assert!(world.run_until(MINUTE, |w| all_see_all(w, &nodes, group)));
    let (admin, victim) = (nodes[0], nodes[2]);
    let identity = world.membership_of(admin, group).identity.clone();
    let query = RecordQuery {
        kind: Some(RecordType::PRESENCE),
        partition: Partition::Membership,
        after: None,
        limit: 100,
    };
    let replica = world.replica(admin, group).unwrap();
    let now = world.now();
    let member = world.member(victim, group);
    let held = world
        .store_mut(admin)
        .list(&replica, &query, now)
        .unwrap()
        .into_iter()
        .find(|signed| signed.record().creator == member)
        .unwrap();
    let forged = Record {
        version: held.record().version + 1,
        modifier: Some(identity.key()),
        modified: now,
        payload: peerage_protocol::presence::NodePresence::gone(world.peer(victim), [0; 16])
            .encode(),
        ..held.record().clone()
    };
    let signed = SignedRecord::sign(forged, |bytes| identity.sign(bytes));
    let everyones = |_: &SignedRecord, _| Ok(());
    let record = validate(signed, &world.group_id(group), &everyones, now).unwrap();
    let put = Put {
        replica,
        record,
        origin: Origin::Local,
    };
    world.store_mut(admin).put(vec![put], now).unwrap();
    world.run_for(2 * MINUTE);
    assert!(present(&world, nodes[1], group).contains(&victim));
    let told = changes(&world, nodes[1], victim);
    assert_eq!(told, [PresenceChange::Connected]);
}
