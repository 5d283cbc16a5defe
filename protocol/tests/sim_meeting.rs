//! Members find one another, are admitted, and end with the same records.
#![cfg(feature = "sim")]
#![expect(clippy::unwrap_used, reason = "a step that fails fails the test")]

use std::time::Duration;

use peerage_protocol::{
    admission::is_chooser,
    engine::Output,
    group::Role,
    sim::{Config, GroupIndex, NodeIndex, World},
};

const MINUTE: Duration = Duration::from_secs(60);

#[test]
fn two_members_meet_and_reconcile() {
    let mut world = World::new(Config::from_env(1));
    let group = world.create_group();
    let (ann, ben) = (world.add_node(), world.add_node());
    world.enrol(ann, group, Role::Admin);
    world.enrol(ben, group, Role::Member);
    world.connect(ann, group);
    world.published(ann, group, b"before they met");
    world.connect(ben, group);

    assert!(
        world.run_until(MINUTE, |w| w.converged(group, &[ann, ben])),
        "they converge"
    );
    assert_eq!(world.payloads(ben, group), [b"before they met"]);
    assert_eq!(world.record_count(ben, group), 3, "and both memberships");
    for (node, other) in [(ann, ben), (ben, ann)] {
        let chain = world.membership_of(other, group).gmc.chain().hash();
        let member = world.member(other, group);
        let view = world.view(node, group).unwrap();
        assert_eq!(view.roster.get(&member).unwrap().chain().hash(), chain);
        assert_eq!(view.neighbours.len(), 1);
    }
}

#[test]
fn a_newcomer_joins_while_its_inviter_is_offline() {
    let mut world = World::new(Config::from_env(2));
    let group = world.create_group();
    let nodes = world.populate(group, 3);
    assert!(world.run_until(MINUTE, |w| w.converged(group, &nodes)
        && nodes.iter().all(|n| w.is_synchronised(*n, group))));
    let newcomer = world.add_node();
    world.enrol(newcomer, group, Role::Member);
    world.crash(nodes[0]);

    world.connect(newcomer, group);
    let rest = [nodes[1], nodes[2], newcomer];
    assert!(world.run_until(MINUTE, |w| w.converged(group, &rest)));
    assert!(world.run_until(MINUTE, |w| w.is_synchronised(newcomer, group)));
}

#[test]
fn a_member_nobody_can_dial_finds_its_way_in() {
    let mut world = World::new(Config::from_env(3));
    let group = world.create_group();
    let nodes = world.populate(group, 4);
    let hidden = world.add_unreachable();
    world.enrol(hidden, group, Role::Member);
    world.connect(hidden, group);
    let all = [nodes, vec![hidden]].concat();
    assert!(world.run_until(2 * MINUTE, |w| w.converged(group, &all)));
}

#[test]
fn the_same_seed_gives_the_same_run() {
    let run = |seed| {
        let mut world = World::new(Config {
            gossip_loss_per_mille: 100,
            ..Config::seeded(seed)
        });
        let group = world.create_group();
        let nodes = world.populate(group, 8);
        for node in &nodes {
            world.publish(*node, group, b"x");
            world.run_for(Duration::from_millis(500));
        }
        world.crash(nodes[3]);
        world.run_for(MINUTE);
        world.restart(nodes[3]);
        world.run_for(2 * MINUTE);
        (world.trace(), world.counts())
    };
    assert_eq!(run(4), run(4));
    assert_ne!(run(4).0, run(5).0);
}

#[test]
fn a_quiet_group_hardly_ever_wakes_anybody() {
    let mut world = World::new(Config::from_env(6));
    let group = world.create_group();
    world.populate(group, 10);
    world.run_for(5 * MINUTE);
    let before = world.counts().inputs;
    world.run_for(5 * MINUTE);
    let inputs = world.counts().inputs - before;
    assert!(
        inputs < 2 * 10 * 5 * 60,
        "{inputs} inputs, less than two per node and second"
    );
}

#[test]
fn thirty_members_all_have_three_to_seven_neighbours() {
    members_all_have_three_to_seven_neighbours(30, 7);
}

#[test]
fn two_hundred_members_all_have_three_to_seven_neighbours() {
    members_all_have_three_to_seven_neighbours(200, 8);
}

/// Also: the graph is one, and with a tenth of the gossip lost, every record reaches everybody.
fn members_all_have_three_to_seven_neighbours(count: usize, seed: u64) {
    let mut world = World::new(Config {
        gossip_loss_per_mille: 100,
        ..Config::from_env(seed)
    });
    let group = world.create_group();
    let nodes = world.populate(group, count);
    let seated = world.run_until(10 * MINUTE, |w| {
        nodes.iter().all(|n| w.neighbours(*n, group).len() >= 3) && w.is_joined(group, &nodes)
    });
    assert!(
        seated,
        "everybody has three neighbours and the graph is one"
    );
    let settled = world.run_until(10 * MINUTE, |w| w.converged(group, &nodes));
    assert!(settled, "everybody knows every membership");

    let mut published = Vec::new();
    for node in nodes.iter().step_by(count / 10) {
        let id = world.published(*node, group, format!("by {node}").as_bytes());
        published.push(world.held(*node, group, id).unwrap().hash());
    }
    let missed = |w: &World| {
        let pairs = nodes
            .iter()
            .flat_map(|n| published.iter().map(move |h| (n, h)));
        pairs.filter(|(n, h)| !w.holds(**n, group, h)).count()
    };
    let all = world.run_until(3 * MINUTE, |w| missed(w) == 0);
    assert!(
        all,
        "{} missed of {}",
        missed(&world),
        published.len() * count
    );
    assert!(
        world.counts().gossip_lost > 0,
        "there were losses to make up for"
    );
    for node in &nodes {
        let neighbours = world.neighbours(*node, group).len();
        assert!((3..=7).contains(&neighbours), "{node} has {neighbours}");
    }
}

#[test]
fn in_a_small_group_everybody_is_everybodys_neighbour() {
    let mut world = World::new(Config::from_env(9));
    let group = world.create_group();
    let nodes = world.populate(group, 5);
    let met = world.run_until(2 * MINUTE, |w| {
        nodes.iter().all(|n| w.neighbours(*n, group).len() == 4)
    });
    assert!(met);
}

#[test]
fn a_full_group_still_takes_a_newcomer() {
    let mut world = World::new(Config::from_env(10));
    let group = world.create_group();
    // Eight members with seven links each have no room left.
    let nodes = world.populate(group, 8);
    world.run_for(2 * MINUTE);
    for a in &nodes {
        for b in &others(&world, group, &nodes, *a) {
            let (peer, replica) = (world.peer(*b), world.replica(*a, group).unwrap());
            if is_chooser(&world.peer(*a), &peer) {
                world.link_up(*a, *b);
                world.inject(*a, Output::StartExchange { peer, replica });
            }
        }
    }
    world.run_for(Duration::from_secs(5));
    assert!(nodes.iter().all(|n| world.neighbours(*n, group).len() == 7));
    let newcomer = world.add_node();
    world.enrol(newcomer, group, Role::Member);
    world.connect(newcomer, group);
    let all = [nodes, vec![newcomer]].concat();
    let taken = world.run_until(2 * MINUTE, |w| {
        w.neighbours(newcomer, group).len() >= 3 && w.converged(group, &all)
    });
    assert!(taken);
    assert!(world.is_joined(group, &all));
}

#[test]
fn an_idle_group_stays_together_for_days_of_renewed_proofs() {
    let mut world = World::new(Config::from_env(11));
    let group = world.create_group();
    let nodes = world.populate(group, 6);
    world.run_for(50 * 60 * MINUTE);
    let now = world.now();
    for node in &nodes {
        let view = world.view(*node, group).unwrap();
        assert!(
            view.neighbours.values().all(|n| n.until > now),
            "no proof is older than a day"
        );
    }
    assert!(nodes.iter().all(|n| world.neighbours(*n, group).len() >= 3));
    world.published(nodes[5], group, b"still here");
    assert!(world.run_until(MINUTE, |w| w.converged(group, &nodes)));
}

fn others(
    world: &World,
    group: GroupIndex,
    nodes: &[NodeIndex],
    node: NodeIndex,
) -> Vec<NodeIndex> {
    let known = world.neighbours(node, group);
    let others = nodes
        .iter()
        .filter(|other| **other != node && !known.contains(other));
    others.copied().collect()
}
