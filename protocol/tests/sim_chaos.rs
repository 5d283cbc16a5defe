//! Everything at once, from one seed: crashes, restarts, partitions, losses, wrong clocks, changes.
//! When the weather clears, everybody has the same records and nobody is alone.
#![cfg(feature = "sim")]
#![expect(clippy::unwrap_used, reason = "a step that fails fails the test")]

use std::time::Duration;

use peerage_protocol::{
    engine::Event,
    group::Role,
    sim::{Config, NodeIndex, World},
};
use peerage_records::id::RecordId;
use rand::{RngExt, seq::IndexedRandom};

const MINUTE: Duration = Duration::from_secs(60);

#[test]
fn a_group_converges_after_any_weather() {
    // One seed given from outside is run alone; `SEEDS` says how many to try otherwise.
    let number = |name| std::env::var(name).ok().and_then(|n| n.parse::<u64>().ok());
    let seeds = number("SEED").map_or(1000..1000 + number("SEEDS").unwrap_or(16), |s| s..s + 1);
    for seed in seeds {
        weather(seed);
    }
}

fn weather(seed: u64) {
    let mut world = World::new(Config {
        gossip_loss_per_mille: 100,
        ..Config::seeded(seed)
    });
    let group = world.create_group();
    let count = world.rng().random_range(2..14);
    let nodes: Vec<NodeIndex> = (0..count).map(|_| world.add_node()).collect();
    for node in &nodes {
        let skew = world.rng().random_range(-120_000..120_000);
        world.set_skew_millis(*node, skew);
        world.enrol(*node, group, Role::Admin);
        world.connect(*node, group);
    }
    world.run_for(MINUTE);
    let mut off: Vec<NodeIndex> = Vec::new();
    let mut ids: Vec<RecordId> = Vec::new();
    for _ in 0..60 {
        let node = *nodes.choose(world.rng()).unwrap();
        let other = *nodes.choose(world.rng()).unwrap();
        match world.rng().random_range(0..12) {
            0..4 if !off.contains(&node) && world.is_synchronised(node, group) => {
                ids.push(world.published(node, group, &[node as u8; 100]));
            }
            4..6 if !ids.is_empty() && !off.contains(&node) => {
                let id = *ids.choose(world.rng()).unwrap();
                world.update(node, group, id, &[node as u8, other as u8]);
            }
            6 if !ids.is_empty() && !off.contains(&node) => {
                let id = *ids.choose(world.rng()).unwrap();
                world.delete(node, group, id);
            }
            7 if !off.contains(&node) => {
                world.crash(node);
                off.push(node);
            }
            8 => {
                if let Some(node) = off.pop() {
                    world.restart(node);
                }
            }
            9 => {
                let (left, right): (Vec<_>, Vec<_>) =
                    nodes.iter().partition(|n| (**n + node).is_multiple_of(3));
                world.partition(&[&left, &right]);
            }
            10 => world.heal(),
            11 => world.cut(node, other),
            _ => {}
        }
        let pause = world.rng().random_range(0..20_000);
        world.run_for(Duration::from_millis(pause));
    }
    world.heal();
    for node in off {
        world.restart(node);
    }
    let calm = world.run_until(20 * MINUTE, |w| {
        w.converged(group, &nodes) && w.is_joined(group, &nodes)
    });
    assert!(calm, "SEED={seed}: {count} nodes do not converge");
    let least = (count - 1).min(3);
    let seated = world.run_until(5 * MINUTE, |w| {
        nodes.iter().all(|n| w.neighbours(*n, group).len() >= least)
    });
    assert!(seated, "SEED={seed}: somebody is lonely");
    for node in &nodes {
        let idle = world.run_until(2 * MINUTE, |w| w.unfinished(*node) == 0);
        assert!(idle, "SEED={seed}: node {node} leaks");
    }
    // Whatever the weather, honest members never take each other for liars.
    let harmless = [
        "connection lost",
        "group closed",
        "made room",
        "least useful",
        "sent away",
        "proof lapsed",
        "reconciliation stalled",
    ];
    for node in &nodes {
        for (at, event) in world.events(*node) {
            if let Event::NeighbourDisconnected { reason, .. } = event {
                assert!(
                    harmless.contains(reason),
                    "SEED={seed}: {node} at {at:?}: {reason}"
                );
            }
        }
    }
}
