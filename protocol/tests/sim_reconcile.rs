//! Replicas converge, whatever happened while they were apart.
#![cfg(feature = "sim")]

use std::time::Duration;

use peerage_protocol::{
    admission::is_chooser,
    engine::{ChangeError, Event, Output},
    group::Role,
    reconcile::Tally,
    sim::{Config, GroupIndex, NodeIndex, World},
};
use peerage_records::{
    id::RecordId,
    store::{ChangeKind, Store},
};
use rand::RngExt;

const MINUTE: Duration = Duration::from_secs(60);

/// `count` members that know everything about one another.
fn settled(seed: u64, count: usize) -> (World, GroupIndex, Vec<NodeIndex>) {
    let mut world = World::new(Config::from_env(seed));
    let group = world.create_group();
    let nodes = world.populate(group, count);
    let done = world.run_until(5 * MINUTE, |w| {
        w.converged(group, &nodes) && nodes.iter().all(|n| w.is_synchronised(*n, group))
    });
    assert!(done, "the group settles");
    (world, group, nodes)
}

fn tallies(world: &World, node: NodeIndex) -> Vec<Tally> {
    let tally = |event: &Event| match event {
        Event::Reconciled { tally, .. } => Some(*tally),
        _ => None,
    };
    world
        .events(node)
        .iter()
        .filter_map(|(_, e)| tally(e))
        .collect()
}

fn changes(world: &World, node: NodeIndex, id: RecordId) -> Vec<ChangeKind> {
    let kind = |event: &Event| match event {
        Event::RecordChanged { change, .. } if change.id == id => Some(change.kind),
        _ => None,
    };
    world
        .events(node)
        .iter()
        .filter_map(|(_, e)| kind(e))
        .collect()
}

#[test]
fn records_published_offline_reach_everybody_after_connecting() {
    let (mut world, group, nodes) = settled(20, 4);
    world.disconnect(nodes[1], group);
    let id = world.published(nodes[1], group, b"written on a train");
    world.run_for(MINUTE);
    assert!(world.held(nodes[0], group, id).is_none());

    world.connect(nodes[1], group);
    assert!(world.run_until(MINUTE, |w| {
        nodes.iter().all(|n| w.held(*n, group, id).is_some())
    }));
}

#[test]
fn a_deletion_missed_while_offline_is_applied_and_the_record_does_not_come_back() {
    let (mut world, group, nodes) = settled(21, 4);
    let id = world.published(nodes[0], group, b"to be deleted");
    assert!(world.run_until(MINUTE, |w| w.converged(group, &nodes)));
    world.crash(nodes[3]);
    world.delete(nodes[0], group, id);
    world.run_for(MINUTE);

    world.restart(nodes[3]);
    let deleted = |w: &World, n: &NodeIndex| w.held(*n, group, id).unwrap().record().deleted;
    assert!(world.run_until(2 * MINUTE, |w| deleted(w, &nodes[3])));
    world.run_for(5 * MINUTE);
    assert!(
        nodes.iter().all(|n| deleted(&world, n)),
        "nobody has it back"
    );
    assert!(nodes.iter().all(|n| world.payloads(*n, group).is_empty()));
    assert_eq!(
        changes(&world, nodes[3], id).last(),
        Some(&ChangeKind::Deleted)
    );
}

#[test]
fn two_halves_that_changed_one_record_apart_merge_to_the_same_winner() {
    let (mut world, group, nodes) = settled(22, 20);
    let id = world.published(nodes[0], group, b"first");
    let admin = world.published(nodes[0], group, b"more");
    assert!(world.run_until(2 * MINUTE, |w| w.converged(group, &nodes)));
    let (left, right): (Vec<_>, Vec<_>) = nodes.iter().partition(|n| **n % 2 == 0);
    // The creator's other device, so that one identity may change the record on both sides.
    let twin = world.add_node();
    let membership = world.membership_of(nodes[0], group).clone();
    world.enrol_as(twin, group, membership);
    world.connect(twin, group);
    assert!(
        world.run_until(2 * MINUTE, |w| w.is_synchronised(twin, group)
            && w.held(twin, group, id).is_some())
    );
    let right = [right, vec![twin]].concat();
    world.partition(&[&left, &right]);
    world.run_for(MINUTE);
    world.update(nodes[0], group, id, b"left");
    world.update(twin, group, id, b"right, once");
    world.run_for(Duration::from_secs(5));
    world.update(twin, group, id, b"right, twice");
    world.update(nodes[0], group, admin, b"left");
    world.update(twin, group, admin, b"right");
    for node in &nodes {
        world.publish(*node, group, format!("apart {node}").as_bytes());
    }
    world.run_for(10 * MINUTE);
    assert!(world.is_joined(group, &left) && world.is_joined(group, &right));
    assert!(!world.converged(group, &nodes));

    world.heal();
    let all = [left, right].concat();
    assert!(
        world.run_until(10 * MINUTE, |w| w.converged(group, &all)),
        "they merge"
    );
    assert!(world.is_joined(group, &all));
    let winner = world.held(nodes[1], group, id).unwrap();
    assert_eq!(
        winner.record().payload,
        b"right, twice",
        "the higher version"
    );
    assert_eq!(world.payloads(nodes[0], group).len(), 22);
}

#[test]
fn a_group_that_lost_half_of_its_members_heals() {
    let (mut world, group, nodes) = settled(23, 30);
    let (dead, alive): (Vec<_>, Vec<_>) = nodes.iter().partition(|n| **n % 2 == 0);
    for node in &dead {
        world.crash(*node);
    }
    let healed = world.run_until(5 * MINUTE, |w| {
        w.is_joined(group, &alive)
            && alive.iter().all(|n| {
                let neighbours = w.neighbours(*n, group);
                neighbours.len() >= 3 && neighbours.iter().all(|other| alive.contains(other))
            })
    });
    assert!(healed);
    world.published(alive[0], group, b"still here");
    assert!(world.run_until(2 * MINUTE, |w| w.converged(group, &alive)));
}

#[test]
fn the_loss_of_any_one_neighbour_is_made_up_for() {
    for victim in 0..6 {
        let (mut world, group, nodes) = settled(24 + victim as u64, 10);
        let gone = nodes[victim];
        world.crash(gone);
        let rest: Vec<NodeIndex> = nodes.iter().copied().filter(|n| *n != gone).collect();
        let healed = world.run_until(2 * MINUTE, |w| {
            w.is_joined(group, &rest)
                && rest.iter().all(|n| {
                    let neighbours = w.neighbours(*n, group);
                    neighbours.len() >= 3 && !neighbours.contains(&gone)
                })
        });
        assert!(healed, "without {victim}");
    }
}

#[test]
fn an_interrupted_first_synchronisation_goes_on_with_another_member() {
    let mut world = World::new(Config::from_env(40));
    let group = world.create_group();
    let nodes = world.populate(group, 2);
    for number in 0..600 {
        world.publish(nodes[0], group, format!("record {number}").as_bytes());
    }
    assert!(world.run_until(5 * MINUTE, |w| w.converged(group, &nodes)));
    let newcomer = world.add_node();
    world.enrol(newcomer, group, Role::Member);
    world.crash(nodes[1]);
    world.connect(newcomer, group);
    let begun = world.run_until(MINUTE, |w| w.payloads(newcomer, group).len() > 10);
    assert!(begun);
    assert!(
        world.payloads(newcomer, group).len() < 600,
        "not complete yet"
    );
    world.crash(nodes[0]);
    world.run_for(MINUTE);

    assert!(
        !world.is_synchronised(newcomer, group),
        "half is not synchronised"
    );
    let refused = world.publish(newcomer, group, b"too early");
    assert!(matches!(
        world.reply(newcomer, refused),
        Some(Err(ChangeError::NotReady))
    ));
    world.restart(nodes[1]);
    assert!(world.run_until(3 * MINUTE, |w| w.is_synchronised(newcomer, group)));
    assert_eq!(world.payloads(newcomer, group).len(), 600);
}

#[test]
fn only_a_complete_replica_is_called_synchronised() {
    let mut world = World::new(Config::from_env(41));
    let group = world.create_group();
    let founder = world.populate(group, 1)[0];
    for number in 0..300 {
        world.publish(founder, group, format!("record {number}").as_bytes());
    }
    world.run_for(Duration::from_secs(5));
    let newcomer = world.add_node();
    world.enrol(newcomer, group, Role::Member);
    world.connect(newcomer, group);
    while !world.is_synchronised(newcomer, group) {
        assert!(world.elapsed() < 5 * MINUTE, "it synchronises");
        world.run_for(Duration::from_millis(1));
    }
    assert_eq!(world.payloads(newcomer, group).len(), 300);
    let told = world.events(newcomer).iter();
    let told = told.filter(|(_, e)| matches!(e, Event::Synchronised { .. }));
    assert_eq!(told.count(), 1, "and it is told once");
}

#[test]
fn memberships_arrive_before_what_their_members_wrote() {
    let (mut world, group, nodes) = settled(42, 5);
    for node in &nodes {
        world.published(*node, group, b"mine");
    }
    assert!(world.run_until(MINUTE, |w| w.converged(group, &nodes)));
    let newcomer = world.add_node();
    world.enrol(newcomer, group, Role::Member);
    world.connect(newcomer, group);
    assert!(world.run_until(MINUTE, |w| w.payloads(newcomer, group).len() == 5));
    let kinds: Vec<bool> = world
        .events(newcomer)
        .iter()
        .filter_map(|(_, event)| match event {
            Event::RecordChanged { change, .. } => Some(change.record_type.is_reserved()),
            _ => None,
        })
        .collect();
    assert_eq!(kinds.len(), 11, "six memberships, five records");
    assert!(kinds[..6].iter().all(|reserved| *reserved), "{kinds:?}");
}

#[test]
fn gossip_during_a_synchronisation_is_neither_lost_nor_told_twice() {
    let (mut world, group, nodes) = settled(43, 6);
    for number in 0..400 {
        world.publish(nodes[0], group, format!("old {number}").as_bytes());
    }
    assert!(world.run_until(5 * MINUTE, |w| w.converged(group, &nodes)));
    let newcomer = world.add_node();
    world.enrol(newcomer, group, Role::Member);
    world.connect(newcomer, group);
    let mut live = Vec::new();
    for _ in 0..40 {
        live.push(world.published(nodes[1], group, b"live"));
        world.run_for(Duration::from_millis(50));
    }
    let all = [nodes, vec![newcomer]].concat();
    assert!(world.run_until(2 * MINUTE, |w| w.converged(group, &all)));
    for id in live {
        assert_eq!(changes(&world, newcomer, id), [ChangeKind::Added]);
    }
}

#[test]
fn a_member_that_returns_gets_only_what_changed() {
    let (mut world, group, nodes) = settled(44, 2);
    for number in 0..500 {
        world.publish(nodes[0], group, format!("old {number}").as_bytes());
    }
    assert!(world.run_until(2 * MINUTE, |w| w.converged(group, &nodes)));
    world.run_for(5 * MINUTE);
    world.crash(nodes[1]);
    for number in 0..5 {
        world.publish(nodes[0], group, format!("new {number}").as_bytes());
    }
    world.run_for(MINUTE);
    for node in &nodes {
        world.clear_events(*node);
    }
    world.restart(nodes[1]);
    assert!(world.run_until(2 * MINUTE, |w| w.converged(group, &nodes)));
    world.run_for(3 * MINUTE);

    let all: Vec<Tally> = nodes.iter().flat_map(|n| tallies(&world, *n)).collect();
    let moved: u64 = all.iter().map(|t| t.received + t.sent).sum();
    assert_eq!(moved, 5, "{all:?}");
}

#[test]
fn one_differing_record_costs_one_record_and_little_comparison() {
    let (mut world, group, nodes) = settled(45, 2);
    for number in 0..2_000 {
        world.publish(nodes[0], group, format!("record {number}").as_bytes());
        world.run_for(Duration::from_millis(20));
    }
    assert!(world.run_until(2 * MINUTE, |w| w.converged(group, &nodes)));
    // It is old, and disappears here only: modification times say nothing about the difference.
    let lost = world.published(nodes[0], group, b"old");
    world.run_for(10 * MINUTE);
    let replica = world.replica(nodes[1], group).unwrap();
    world.store_mut(nodes[1]).forget(&replica, &lost).unwrap();
    for node in &nodes {
        world.clear_events(*node);
    }
    assert!(world.run_until(3 * MINUTE, |w| w.held(nodes[1], group, lost).is_some()));
    world.run_for(Duration::from_secs(5));

    let all: Vec<Tally> = nodes.iter().flat_map(|n| tallies(&world, *n)).collect();
    let moved: u64 = all.iter().map(|t| t.received + t.sent).sum();
    assert_eq!(moved, 1, "{all:?}");
    let bytes = all.iter().map(|t| t.compare_bytes).max().unwrap();
    assert!(bytes < 2_000 * 32 / 8, "{bytes} bytes to find one of 2000");
}

#[test]
fn expired_records_are_not_transferred() {
    let (mut world, group, nodes) = settled(46, 2);
    world.publish_for(nodes[0], group, b"short-lived", MINUTE);
    assert!(world.run_until(MINUTE, |w| w.converged(group, &nodes)));
    world.run_for(2 * MINUTE);
    // Still in the stores of both: nothing has been removed yet.
    let newcomer = world.add_node();
    world.enrol(newcomer, group, Role::Member);
    world.connect(newcomer, group);
    assert!(world.run_until(2 * MINUTE, |w| w.is_synchronised(newcomer, group)));
    world.run_for(2 * MINUTE);
    assert_eq!(world.record_count(newcomer, group), 3, "three memberships");
    assert_eq!(world.expire(nodes[0], group).len(), 1);
}

#[test]
fn large_records_reconcile_in_portions() {
    let (mut world, group, nodes) = settled(47, 1);
    for number in 0..120u8 {
        world.publish(nodes[0], group, &vec![number; 40 * 1024]);
    }
    world.run_for(Duration::from_secs(5));
    let newcomer = world.add_node();
    world.enrol(newcomer, group, Role::Member);
    world.connect(newcomer, group);
    assert!(world.run_until(MINUTE, |w| w.is_synchronised(newcomer, group)));
    assert_eq!(world.payloads(newcomer, group).len(), 120);
    let received: u64 = tallies(&world, newcomer).iter().map(|t| t.received).sum();
    assert_eq!(received, 121, "each once, and the founder's membership");
}

#[test]
fn nothing_is_called_synchronised_while_the_disk_fails() {
    let (mut world, group, _) = settled(48, 2);
    let newcomer = world.add_node();
    world.enrol(newcomer, group, Role::Member);
    world.run_for(Duration::from_secs(1));
    world.break_disk(newcomer, Some("disk full"));
    world.connect(newcomer, group);
    world.run_for(3 * MINUTE);
    assert!(!world.is_synchronised(newcomer, group));
    let told = world.events(newcomer).iter();
    assert!(
        told.clone()
            .any(|(_, e)| matches!(e, Event::StoreFailed { .. }))
    );

    world.break_disk(newcomer, None);
    assert!(world.run_until(5 * MINUTE, |w| w.is_synchronised(newcomer, group)));
}

#[test]
fn clocks_that_differ_by_minutes_do_not_keep_members_apart() {
    let mut world = World::new(Config::from_env(49));
    let group = world.create_group();
    let nodes: Vec<NodeIndex> = (0..6).map(|_| world.add_node()).collect();
    for (index, node) in nodes.iter().enumerate() {
        world.set_skew_millis(*node, (index as i64 - 3) * 90_000);
        world.enrol(*node, group, Role::Member);
        world.connect(*node, group);
    }
    let settled = world.run_until(3 * MINUTE, |w| {
        nodes.iter().all(|n| w.is_synchronised(*n, group))
    });
    assert!(settled);
    for node in &nodes {
        world.published(*node, group, b"what time is it");
    }
    assert!(world.run_until(2 * MINUTE, |w| w.converged(group, &nodes)));
}

#[test]
fn a_link_made_anew_in_the_middle_of_everything_is_no_breach() {
    for seed in 100..110 {
        let (mut world, group, nodes) = settled(seed, 2);
        world.disconnect(nodes[1], group);
        for number in 0..400 {
            world.publish(nodes[0], group, format!("first {number}").as_bytes());
            world.publish(nodes[1], group, format!("second {number}").as_bytes());
        }
        world.run_for(MINUTE);
        world.config_mut().disk = Duration::from_millis(150);
        world.connect(nodes[1], group);
        let [a, b] = [nodes[0], nodes[1]].map(|n| world.peer(n));
        let (chooser, peer) = if is_chooser(&a, &b) {
            (nodes[0], b)
        } else {
            (nodes[1], a)
        };
        let replica = world.replica(chooser, group).unwrap();
        for _ in 0..40 {
            world.inject(chooser, Output::StartExchange { peer, replica });
            let pause = world.rng().random_range(100..1_500);
            world.run_for(Duration::from_millis(pause));
        }
        assert!(world.run_until(5 * MINUTE, |w| w.converged(group, &nodes)));
        for node in &nodes {
            for (_, event) in world.events(*node) {
                let Event::NeighbourDisconnected { reason, .. } = event else {
                    continue;
                };
                assert_ne!(*reason, "broke reconciliation", "seed {seed}");
            }
        }
    }
}
