//! How the members of a group are linked: how many neighbours, which, and that cuts heal.
#![cfg(feature = "sim")]
#![expect(clippy::unwrap_used, reason = "a step that fails fails the test")]

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use peerage_protocol::{
    admission::is_chooser,
    engine::{ConnectFailure, Event, Output},
    group::Role,
    neighbours::{MAX_NEIGHBOURS, MIN_NEIGHBOURS, WANTED_NEIGHBOURS},
    sim::{Config, GroupIndex, NodeIndex, World},
};
use rand::seq::SliceRandom;

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3_600);
/// One round of maintenance at the longest.
const ROUND: Duration = Duration::from_secs(450);

/// `count` members with neighbours enough, in one piece, who know everything.
fn seated(seed: u64, count: usize) -> (World, GroupIndex, Vec<NodeIndex>) {
    let mut world = World::new(Config::from_env(seed));
    let group = world.create_group();
    let nodes = world.populate(group, count);
    let least = MIN_NEIGHBOURS.min(count - 1);
    let done = world.run_until(10 * MINUTE, |w| {
        nodes.iter().all(|n| w.neighbours(*n, group).len() >= least)
            && w.is_joined(group, &nodes)
            && w.converged(group, &nodes)
    });
    assert!(done, "seed {seed}: the group settles");
    (world, group, nodes)
}

/// Links every pair of these.
fn mesh(world: &mut World, group: GroupIndex, nodes: &[NodeIndex]) {
    for a in nodes {
        for b in nodes {
            let (peer, replica) = (world.peer(*b), world.replica(*a, group).unwrap());
            if a != b
                && !world.neighbours(*a, group).contains(b)
                && is_chooser(&world.peer(*a), &peer)
            {
                world.link_up(*a, *b);
                world.inject(*a, Output::StartExchange { peer, replica });
            }
        }
    }
    world.run_for(Duration::from_secs(5));
    for node in nodes {
        assert_eq!(world.neighbours(*node, group).len(), nodes.len() - 1);
    }
}

/// When and from whom a node parted for this reason.
fn parted(world: &World, node: NodeIndex, why: &str) -> Vec<(Duration, NodeIndex)> {
    let of = |at: &Duration, event: &Event| match event {
        Event::NeighbourDisconnected { peer, reason, .. } if *reason == why => {
            Some((*at, world.node_of(peer)?))
        }
        _ => None,
    };
    world
        .events(node)
        .iter()
        .filter_map(|(at, e)| of(at, e))
        .collect()
}

#[test]
fn fifty_members_go_on_having_two_to_seven_neighbours() {
    let (mut world, group, nodes) = seated(300, 50);
    for _ in 0..4 {
        world.run_for(5 * MINUTE);
        assert!(world.is_joined(group, &nodes));
        for node in &nodes {
            let neighbours = world.neighbours(*node, group).len();
            // One that has just been parted with looks for another.
            assert!(
                (MIN_NEIGHBOURS - 1..=MAX_NEIGHBOURS).contains(&neighbours),
                "{node} has {neighbours}"
            );
        }
    }
}

#[test]
fn nobody_links_to_itself_or_twice_to_one_node() {
    let mut world = World::new(Config::from_env(301));
    let group = world.create_group();
    let nodes = world.populate(group, 20);
    for node in &nodes {
        // Told of itself by an application, and told of everybody twice.
        let own = world.address(*node);
        world.connect_at(*node, group, &[own]);
        let other = nodes[(*node + 1) % nodes.len()];
        let twice = [world.address(other), world.address(other)];
        world.connect_at(*node, group, &twice);
    }
    world.run_for(20 * MINUTE);
    for node in &nodes {
        assert!(!world.neighbours(*node, group).contains(node));
        let mut linked = BTreeSet::new();
        for (_, event) in world.events(*node) {
            match event {
                Event::NeighbourConnected { peer, .. } => {
                    assert_ne!(*peer, world.peer(*node), "not to itself");
                    assert!(linked.insert(*peer), "not twice at a time");
                }
                Event::NeighbourDisconnected { peer, .. } => assert!(linked.remove(peer)),
                _ => {}
            }
        }
    }
}

#[test]
fn above_the_wanted_number_the_least_useful_link_goes_one_a_round() {
    let (mut world, group, nodes) = seated(302, 8);
    mesh(&mut world, group, &nodes);
    for node in &nodes {
        world.clear_events(*node);
    }
    world.run_for(4 * ROUND);
    let mut dropped = 0;
    for node in &nodes {
        let parted = parted(&world, *node, "least useful");
        dropped += parted.len();
        for pair in parted.windows(2) {
            let pause = pair[1].0 - pair[0].0;
            assert!(pause >= Duration::from_secs(150), "one a round: {pause:?}");
        }
    }
    assert!(dropped >= nodes.len(), "{dropped}");
    assert!(world.is_joined(group, &nodes));
}

#[test]
fn who_is_parted_with_is_told_where_else_to_go_and_goes_there() {
    let (mut world, group, nodes) = seated(303, 8);
    mesh(&mut world, group, &nodes);
    for node in &nodes {
        world.clear_events(*node);
    }
    world.run_for(2 * ROUND);
    let mut told = 0;
    for node in &nodes {
        for (at, other) in parted(&world, *node, "least useful") {
            // "sent away" is what a Farewell does, which names others.
            let farewell = parted(&world, other, "sent away");
            let arrived = |(heard, from): &(Duration, NodeIndex)| {
                *from == *node && *heard >= at && *heard < at + Duration::from_secs(2)
            };
            if farewell.iter().any(arrived) {
                told += 1;
            }
        }
    }
    assert!(told >= nodes.len() / 2, "{told}");
    assert!(
        nodes
            .iter()
            .all(|n| world.neighbours(*n, group).len() >= MIN_NEIGHBOURS)
    );
}

#[test]
fn below_the_wanted_number_new_neighbours_are_found_without_being_asked() {
    let (mut world, group, nodes) = seated(304, 30);
    let full = world.run_until(10 * MINUTE, |w| {
        w.neighbours(nodes[0], group).len() >= WANTED_NEIGHBOURS
    });
    assert!(full);
    let gone: Vec<NodeIndex> = world
        .neighbours(nodes[0], group)
        .into_iter()
        .skip(1)
        .collect();
    for node in &gone {
        world.crash(*node);
    }
    let few = world.run_until(MINUTE, |w| {
        w.neighbours(nodes[0], group).len() < WANTED_NEIGHBOURS
    });
    assert!(few);
    let again = world.run_until(2 * MINUTE, |w| {
        let neighbours = w.neighbours(nodes[0], group);
        neighbours.len() >= WANTED_NEIGHBOURS && gone.iter().all(|n| !neighbours.contains(n))
    });
    assert!(again);
}

#[test]
fn killing_any_thirty_percent_leaves_the_rest_in_one_piece_within_two_rounds() {
    for seed in 310..312 {
        let (mut world, group, mut nodes) = seated(seed, 50);
        nodes.shuffle(world.rng());
        let rest = nodes.split_off(15);
        for node in &nodes {
            world.crash(*node);
        }
        let healed = world.run_until(2 * ROUND, |w| {
            w.is_joined(group, &rest)
                && rest.iter().all(|n| {
                    let neighbours = w.neighbours(*n, group);
                    neighbours.len() >= MIN_NEIGHBOURS
                        && neighbours.iter().all(|other| rest.contains(other))
                })
        });
        assert!(healed, "seed {seed}");
        world.published(rest[0], group, b"still here");
        assert!(world.run_until(2 * MINUTE, |w| w.converged(group, &rest)));
    }
}

/// Two halves that are content, each by itself, and both wrote something.
fn halves(seed: u64, apart: Duration) -> (World, GroupIndex, Vec<NodeIndex>, Vec<NodeIndex>) {
    let (mut world, group, nodes) = seated(seed, 18);
    let (left, right): (Vec<_>, Vec<_>) = nodes.iter().partition(|n| **n % 2 == 0);
    world.partition(&[&left, &right]);
    world.run_for(apart);
    for half in [&left, &right] {
        assert!(world.is_joined(group, half));
        let content = half
            .iter()
            .all(|n| world.neighbours(*n, group).len() >= MIN_NEIGHBOURS);
        assert!(content, "nobody lacks a neighbour");
        world.published(half[0], group, format!("by {}", half[0]).as_bytes());
        assert!(world.run_until(5 * MINUTE, |w| w.converged(group, half)));
    }
    assert_ne!(
        world.fingerprint(left[0], group),
        world.fingerprint(right[0], group)
    );
    (world, group, left, right)
}

#[test]
fn n1_two_content_halves_find_each_other_again_by_themselves() {
    for seed in 320..322 {
        let (mut world, group, left, right) = halves(seed, 20 * MINUTE);
        world.heal();
        let all = [left, right].concat();
        let merged = world.run_until(2 * ROUND, |w| w.converged(group, &all));
        assert!(merged, "seed {seed}");
        assert!(world.is_joined(group, &all));
        assert_eq!(world.payloads(all[0], group).len(), 2);
    }
}

#[test]
fn n1_two_halves_that_were_apart_for_hours_find_each_other_by_lookup() {
    let (mut world, group, left, right) = halves(324, 3 * HOUR);
    world.heal();
    let all = [left, right].concat();
    assert!(world.run_until(HOUR, |w| w.converged(group, &all)));
    assert!(world.is_joined(group, &all));
}

#[test]
fn one_connection_made_by_hand_merges_two_halves() {
    let (mut world, group, left, right) = halves(325, 20 * MINUTE);
    // Nothing is found in the cloud any more.
    world.config_mut().lookup = 1_000 * HOUR;
    let room = |w: &World, n: &NodeIndex| w.neighbours(*n, group).len() < MAX_NEIGHBOURS;
    let other = *right.iter().find(|n| room(&world, n)).unwrap();
    let one = left[3];
    world.heal();
    let at = world.address(other);
    let attempt = world.connect_at(one, group, &[at]);
    let all = [left, right].concat();
    let merged = world.run_until(Duration::from_secs(10), |w| w.converged(group, &all));
    assert!(merged, "long before a round of maintenance");
    assert_eq!(
        world.connected_at(one, attempt),
        Some(Ok(world.peer(other)))
    );
}

/// A hub with a leaf for each of its seven links, and a clique of four that knows none of them, in a
/// world whose cloud tells nobody anything.
fn hub(seed: u64) -> (World, GroupIndex, NodeIndex, Vec<NodeIndex>, Vec<NodeIndex>) {
    let mut world = World::new(Config::from_env(seed));
    world.config_mut().lookup = 1_000 * HOUR;
    let group = world.create_group();
    let nodes: Vec<NodeIndex> = (0..12).map(|_| world.add_node()).collect();
    for (index, node) in nodes.iter().enumerate() {
        let role = if index == 0 {
            Role::Admin
        } else {
            Role::Member
        };
        world.enrol(*node, group, role);
    }
    let (hub, leaves, clique) = (nodes[0], nodes[1..8].to_vec(), nodes[8..].to_vec());
    world.connect(hub, group);
    for leaf in &leaves {
        world.connect_knowing(*leaf, group, &[hub]);
    }
    for node in &clique {
        world.connect_knowing(*node, group, &clique);
    }
    let formed = world.run_until(MINUTE, |w| {
        w.neighbours(hub, group).len() == MAX_NEIGHBOURS
            && clique.iter().all(|n| w.neighbours(*n, group).len() == 3)
    });
    assert!(formed, "seed {seed}");
    (world, group, hub, leaves, clique)
}

#[test]
fn who_is_refused_by_a_full_member_gets_in_where_it_is_referred_to() {
    let mut referred = 0;
    for seed in 330..338 {
        let (mut world, group, hub, leaves, clique) = hub(seed);
        let one = clique[0];
        let at = world.address(hub);
        let attempt = world.connect_at(one, group, &[at]);
        world.run_for(MINUTE);
        let ended = world.connected_at(one, attempt).unwrap();
        assert!(!world.neighbours(hub, group).contains(&one), "it is full");
        assert_eq!(world.neighbours(hub, group).len(), MAX_NEIGHBOURS);
        // Who begins the exchange is told of others; a full member that has to begin it just ends it.
        if is_chooser(&world.peer(one), &world.peer(hub)) {
            referred += 1;
            let taken = world.node_of(&ended.unwrap()).unwrap();
            assert!(leaves.contains(&taken), "seed {seed}: {taken}");
            assert!(world.neighbours(one, group).contains(&taken));
        } else {
            assert_eq!(ended, Err(ConnectFailure::Refused), "seed {seed}");
        }
    }
    assert!(referred > 2, "both ways occur");
}

#[test]
fn who_has_too_few_neighbours_is_taken_even_by_a_full_member() {
    let (mut world, group, hub, _, _) = hub(345);
    let newcomer = world.add_node();
    world.enrol(newcomer, group, Role::Member);
    world.connect(newcomer, group);
    let at = world.address(hub);
    let attempt = world.connect_at(newcomer, group, &[at]);
    assert!(world.run_until(MINUTE, |w| w.connected_at(newcomer, attempt).is_some()));
    assert_eq!(
        world.connected_at(newcomer, attempt),
        Some(Ok(world.peer(hub)))
    );
    assert_eq!(world.neighbours(hub, group).len(), MAX_NEIGHBOURS);
    assert_eq!(parted(&world, hub, "made room").len(), 1);
}

#[test]
fn a_node_that_becomes_reachable_later_is_found_at_its_new_address() {
    let mut world = World::new(Config::from_env(346));
    let group = world.create_group();
    let (one, other) = (world.add_unreachable(), world.add_unreachable());
    world.enrol(one, group, Role::Admin);
    world.enrol(other, group, Role::Member);
    world.connect(one, group);
    world.connect(other, group);
    world.run_for(5 * MINUTE);
    assert!(world.neighbours(one, group).is_empty(), "neither can dial");
    world.listen(one);
    let met = world.run_until(5 * MINUTE, |w| w.is_synchronised(other, group));
    assert!(met, "its announcement says where it is now");
}

#[test]
fn links_are_spread_over_the_members() {
    // Nobody is at the centre: what a signature of the whole graph, kept by one node, was for.
    let (mut world, group, nodes) = seated(347, 30);
    let mut seen: BTreeMap<NodeIndex, usize> = BTreeMap::new();
    for _ in 0..4 {
        world.run_for(5 * MINUTE);
        for node in &nodes {
            for other in world.neighbours(*node, group) {
                *seen.entry(other).or_default() += 1;
            }
        }
    }
    let (least, most) = (seen.values().min().unwrap(), seen.values().max().unwrap());
    assert_eq!(seen.len(), nodes.len());
    assert!(
        most < &(4 * least),
        "between {least} and {most} times a neighbour"
    );
    // Whoever goes, the rest stay in one piece: no node matters more than another.
    for gone in nodes.iter().take(5) {
        world.crash(*gone);
        let rest: Vec<NodeIndex> = nodes[gone + 1..].to_vec();
        let whole = world.run_until(2 * MINUTE, |w| w.is_joined(group, &rest));
        assert!(whole, "without {gone}");
    }
}
