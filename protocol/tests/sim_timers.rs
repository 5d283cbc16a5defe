//! The timers that can be seen from outside keep to their ranges, on a clock that is moved.
#![cfg(feature = "sim")]
#![expect(clippy::unwrap_used, reason = "a step that fails fails the test")]

use std::{collections::BTreeMap, time::Duration};

use libp2p_identity::PeerId;
use peerage_protocol::{
    engine::{ConnectFailure, Event, SEARCH_TIME},
    group::Role,
    limits::{TABLE, Value},
    sim::{Config, NodeIndex, World},
};

const MINUTE: Duration = Duration::from_secs(60);

fn time(name: &str) -> Duration {
    let limit = TABLE.iter().find(|limit| limit.name == name).unwrap();
    match limit.value {
        Value::Time(time) => time,
        other => panic!("{name} is {other}"),
    }
}

#[test]
fn each_neighbour_is_compared_with_once_in_a_period() {
    let mut world = World::new(Config::from_env(600));
    let group = world.create_group();
    let nodes = world.populate(group, 4);
    world.run_for(3 * MINUTE);
    for node in &nodes {
        world.clear_events(*node);
    }
    world.run_for(20 * MINUTE);
    let period = time("PERIOD");
    let mut pauses = Vec::new();
    for node in &nodes {
        let mut last: BTreeMap<PeerId, Duration> = BTreeMap::new();
        for (at, event) in world.events(*node) {
            if let Event::Reconciled { peer, .. } = event
                && let Some(before) = last.insert(*peer, *at)
            {
                pauses.push(*at - before);
            }
        }
    }
    assert!(pauses.len() > 4 * 3 * 10);
    let (least, most) = (pauses.iter().min().unwrap(), pauses.iter().max().unwrap());
    let jitter = Duration::from_secs(2);
    assert!(*least + jitter >= period / 2, "{least:?}");
    assert!(*most <= period * 3 / 2 + jitter, "{most:?}");
}

#[test]
fn a_node_without_neighbours_looks_them_up_less_and_less_often() {
    let mut world = World::new(Config::from_env(601));
    let group = world.create_group();
    let node = world.add_node();
    world.enrol(node, group, Role::Admin);
    world.connect(node, group);
    let mut times = Vec::new();
    let mut seen = 0;
    while world.elapsed() < 4 * 60 * MINUTE {
        world.run_for(Duration::from_millis(500));
        if world.counts().lookups > seen {
            seen = world.counts().lookups;
            times.push(world.elapsed());
        }
    }
    let pauses: Vec<Duration> = times.windows(2).map(|w| w[1] - w[0]).collect();
    let (first, last) = (time("FIRST_SEARCH_SPACING"), time("LAST_SEARCH_SPACING"));
    assert!(pauses[0] <= 2 * first, "{pauses:?}");
    assert!(pauses.iter().all(|p| *p <= last * 3 / 2), "{pauses:?}");
    assert!(*pauses.last().unwrap() >= last / 2, "{pauses:?}");
}

#[test]
fn a_silent_peer_is_dropped_in_time_before_and_after_it_was_admitted() {
    // A peer that says nothing after it was connected to is given up within the time of an approach.
    let mut world = World::new(Config::from_env(602));
    let group = world.create_group();
    let (node, silent) = (world.add_node(), world.add_raw());
    let first = world.add_node();
    world.enrol(first, group, Role::Admin);
    world.enrol(node, group, Role::Member);
    world.config_mut().lookup = 1_000 * MINUTE;
    world.connect_knowing(node, group, &[silent]);
    world.run_for(time("APPROACH_TIMEOUT") + Duration::from_secs(2));
    let told: Vec<(Duration, ConnectFailure)> = world
        .events(node)
        .iter()
        .filter_map(|(at, e)| match e {
            Event::ConnectionFailed { reason, .. } => Some((*at, *reason)),
            _ => None,
        })
        .collect();
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].1, ConnectFailure::NotAuthorised);
    assert!(told[0].0 >= SEARCH_TIME);
    assert!(told[0].0 <= time("APPROACH_TIMEOUT") + Duration::from_secs(1));

    // A neighbour that falls silent is dropped when the next comparison stalls.
    let mut world = World::new(Config::from_env(603));
    let group = world.create_group();
    let nodes: Vec<NodeIndex> = world.populate(group, 3);
    world.run_for(3 * MINUTE);
    world.turn_raw(nodes[2]);
    let begun = world.elapsed();
    let peer = world.peer(nodes[2]);
    let longest = time("PERIOD") * 3 / 2 + time("STALL_TIMEOUT") + Duration::from_secs(2);
    let dropped = world.run_until(longest, |w| {
        nodes[..2].iter().all(|n| {
            w.events(*n).iter().any(|(at, e)| {
                *at >= begun
                    && matches!(e, Event::NeighbourDisconnected { peer: p, reason, .. }
                        if *p == peer && *reason == "reconciliation stalled")
            })
        })
    });
    assert!(dropped);
}
