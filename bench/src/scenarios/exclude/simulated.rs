//! A removal in the simulator, in a network that is whole or was cut in two halves.

use std::time::Duration;

use peerage_protocol::{
    engine::Event,
    group::Role,
    sim::{Config, GroupIndex, NodeIndex, World, removal_of},
};
use peerage_records::id::IdentityKey;
use rand::{SeedableRng, rngs::StdRng, seq::SliceRandom};

use super::{MIN_LINKS, Outcome, Parameters, outcome::LATER};
use crate::Result;

/// How long everything may take that is waited for: longer than any search pauses.
const PATIENCE: Duration = Duration::from_secs(20 * 60);
/// Between two members' joining.
const JOINING: Duration = Duration::from_millis(200);
/// From the cut to the decision: by then everybody has noticed who is out of reach.
const NOTICING: Duration = Duration::from_secs(10);
/// How long is waited for what must not happen.
const SILENCE: Duration = Duration::from_secs(60);

/// A group in which everybody knows everybody, and who is to go.
struct Scene {
    world: World,
    group: GroupIndex,
    creator: NodeIndex,
    /// Those who stay, the creator among them, in any order.
    honest: Vec<NodeIndex>,
    outcast: NodeIndex,
}

pub(super) fn measure(parameters: &Parameters, seed: u64, halves: bool) -> Result<Outcome> {
    let mut scene = Scene::formed(parameters.nodes, seed)?;
    let key = scene.world.member(scene.outcast, scene.group);
    let far = if halves {
        scene.in_halves(Duration::from_secs_f64(parameters.apart))
    } else {
        scene.honest.clone()
    };
    let linked = far.iter().filter(|node| scene.has_link(**node)).count();
    let since = scene.world.elapsed();
    if halves {
        scene.world.heal();
    } else {
        scene.decide();
    }

    let Scene {
        ref mut world,
        group,
        creator,
        ref honest,
        outcast,
    } = scene;
    world.run_until(PATIENCE, |world| {
        let told = |node: &NodeIndex| applied(world, *node, &key).is_some();
        let linked = |node: &NodeIndex| world.neighbours(*node, group).contains(&outcast);
        honest.iter().all(told) && !honest.iter().any(linked)
    });
    let at_cut = world.publish(creator, group, b"at the last cut");
    let at_cut = world.succeeded(creator, at_cut).hash();
    world.run_for(LATER);
    let afterwards = world.publish(creator, group, b"afterwards");
    let afterwards = world.succeeded(creator, afterwards).hash();
    let has_all = |world: &World, node: &NodeIndex| {
        world.holds(*node, group, &at_cut) && world.holds(*node, group, &afterwards)
    };
    world.run_until(PATIENCE, |world| {
        world.converged(group, honest) && honest.iter().all(|node| has_all(world, node))
    });
    world.run_for(SILENCE);

    let ms = |at: Duration| at.saturating_sub(since).as_secs_f64() * 1e3;
    let same = world.converged(group, honest);
    let disagree = honest.iter().filter(|node| {
        applied(world, **node, &key).is_none()
            || world.neighbours(**node, group).contains(&outcast)
            || !has_all(world, node)
            || !same
    });
    let met = halves.then(|| met(world, honest, &far, since)).flatten();
    Ok(Outcome {
        met_ms: met.map(ms),
        honest: honest.len(),
        linked,
        applied_ms: far
            .iter()
            .filter_map(|node| applied(world, *node, &key))
            .map(ms)
            .collect(),
        cut_ms: honest
            .iter()
            .filter_map(|node| cut(world, *node, outcast, since))
            .map(ms)
            .collect(),
        disagree: disagree.count(),
        at_cut: usize::from(world.holds(outcast, group, &at_cut)),
        afterwards: usize::from(world.holds(outcast, group, &afterwards)),
        ..Outcome::default()
    })
}

impl Scene {
    fn formed(count: usize, seed: u64) -> Result<Self> {
        let mut world = World::new(Config::seeded(seed));
        let group = world.create_group();
        let creator = world.add_node();
        world.enrol(creator, group, Role::Admin);
        world.connect(creator, group);
        let mut all = vec![creator];
        for _ in 1..count {
            world.run_for(JOINING);
            all.push(world.enrol_under(creator, group, Role::Member));
        }
        let wanted = MIN_LINKS.min(count - 1);
        let formed = world.run_until(PATIENCE, |world| {
            world.converged(group, &all)
                && world.is_joined(group, &all)
                && all.iter().all(|node| {
                    world.is_synchronised(*node, group)
                        && world.neighbours(*node, group).len() >= wanted
                })
        });
        if !formed {
            return Err(format!("seed {seed}: the network did not form").into());
        }
        let mut others = all.split_off(1);
        others.shuffle(&mut StdRng::seed_from_u64(seed));
        let outcast = others.pop().ok_or("there is nobody to remove")?;
        let honest = [all, others].concat();
        Ok(Self {
            world,
            group,
            creator,
            honest,
            outcast,
        })
    }

    fn decide(&mut self) {
        let removal = removal_of(self.world.member(self.outcast, self.group));
        self.world.revoke(self.creator, self.group, removal);
    }

    /// Lets the creator's half decide while the other does not reach it; tells who is in the other,
    /// where the removed member is.
    fn in_halves(&mut self, apart: Duration) -> Vec<NodeIndex> {
        let (near, far) = self.honest.split_at(self.honest.len().div_ceil(2));
        let far = far.to_vec();
        let there = [far.as_slice(), &[self.outcast]].concat();
        self.world.partition(&[near, &there]);
        let noticing = NOTICING.min(apart / 2);
        self.world.run_for(noticing);
        self.decide();
        self.world.run_for(apart - noticing);
        far
    }

    fn has_link(&self, node: NodeIndex) -> bool {
        let neighbours = self.world.neighbours(node, self.group);
        neighbours.contains(&self.outcast)
    }
}

/// When a node was told that somebody was removed.
fn applied(world: &World, node: NodeIndex, who: &IdentityKey) -> Option<Duration> {
    world
        .events(node)
        .iter()
        .find_map(|(at, event)| match event {
            Event::MemberRemoved { member, .. } if member == who => Some(*at),
            _ => None,
        })
}

/// When a node lost its last link with another, if it had one since then.
fn cut(world: &World, node: NodeIndex, other: NodeIndex, since: Duration) -> Option<Duration> {
    let whom = world.peer(other);
    let parted = world
        .events(node)
        .iter()
        .rev()
        .find_map(|(at, event)| match event {
            Event::NeighbourDisconnected { peer, .. } if *peer == whom => Some(*at),
            _ => None,
        });
    parted.filter(|at| *at >= since)
}

/// When somebody of one half had a link with somebody of the other for the first time.
fn met(
    world: &World,
    honest: &[NodeIndex],
    far: &[NodeIndex],
    since: Duration,
) -> Option<Duration> {
    let near: Vec<NodeIndex> = honest
        .iter()
        .filter(|node| !far.contains(node))
        .copied()
        .collect();
    near.iter()
        .flat_map(|node| world.events(*node))
        .filter_map(|(at, event)| match event {
            Event::NeighbourConnected { peer, .. } if *at >= since => {
                let other = world.node_of(peer)?;
                far.contains(&other).then_some(*at)
            }
            _ => None,
        })
        .min()
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Arguments {
        #[command(flatten)]
        parameters: Parameters,
    }

    fn measured(halves: bool) -> Outcome {
        let arguments = ["exclude", "--partition", "--nodes", "10"];
        measure(&Arguments::parse_from(arguments).parameters, 3, halves).unwrap()
    }

    #[test]
    fn everybody_cuts_the_removed_member_off_whole_or_in_halves() {
        for halves in [false, true] {
            let outcome = measured(halves);
            assert_eq!((outcome.disagree, outcome.afterwards), (0, 0));
            assert_eq!(outcome.honest, 9);
            assert_eq!(outcome.applied_ms.len(), if halves { 4 } else { 9 });
            assert!(outcome.linked > 0 && outcome.cut_ms.len() >= outcome.linked);
            assert_eq!(outcome.met_ms.is_some(), halves);
        }
    }

    #[test]
    fn one_seed_gives_one_outcome() {
        assert_eq!(measured(true), measured(true));
    }
}
