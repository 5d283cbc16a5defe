//! Connecting: how far a group has got, why an attempt failed, and connecting to addresses.
#![cfg(feature = "sim")]
#![expect(clippy::unwrap_used, reason = "a step that fails fails the test")]

use std::time::Duration;

use libp2p_identity::PeerId;
use multiaddr::{Multiaddr, Protocol};
use peerage_protocol::{
    engine::{
        ADDRESS_PATIENCE, CommandId, ConnectFailure, Event, MAX_ATTEMPTS, SEARCH_PATIENCE,
        SEARCH_TIME, Status,
    },
    group::Role,
    sim::{Config, GroupIndex, NodeIndex, World},
};

const MINUTE: Duration = Duration::from_secs(60);

/// The statuses a node's application was told of, in order.
fn statuses(world: &World, node: NodeIndex) -> Vec<Status> {
    let status = |event: &Event| match event {
        Event::StatusChanged { status, .. } => Some(*status),
        _ => None,
    };
    world
        .events(node)
        .iter()
        .filter_map(|(_, e)| status(e))
        .collect()
}

/// Why connecting failed, as a node's application was told, and when.
fn failures(world: &World, node: NodeIndex) -> Vec<(Duration, ConnectFailure)> {
    let failure = |at: &Duration, event: &Event| match event {
        Event::ConnectionFailed { reason, .. } => Some((*at, *reason)),
        _ => None,
    };
    world
        .events(node)
        .iter()
        .filter_map(|(at, e)| failure(at, e))
        .collect()
}

fn status(world: &World, node: NodeIndex, group: GroupIndex) -> Status {
    world.view(node, group).unwrap().status
}

/// A creator and a newcomer, both offline.
fn pair(seed: u64) -> (World, GroupIndex, NodeIndex, NodeIndex) {
    let mut world = World::new(Config::from_env(seed));
    let group = world.create_group();
    let (creator, newcomer) = (world.add_node(), world.add_node());
    world.enrol(creator, group, Role::Admin);
    world.enrol(newcomer, group, Role::Member);
    (world, group, creator, newcomer)
}

fn expecting(address: &Multiaddr, peer: PeerId) -> Multiaddr {
    address.clone().with(Protocol::P2p(peer))
}

/// Waits for the end of an attempt.
fn end(world: &mut World, node: NodeIndex, attempt: CommandId) -> Result<PeerId, ConnectFailure> {
    let ended = world.run_until(ADDRESS_PATIENCE + Duration::from_secs(1), |w| {
        w.connected_at(node, attempt).is_some()
    });
    assert!(ended, "every attempt ends");
    world.connected_at(node, attempt).unwrap()
}

#[test]
fn a_creator_alone_listens_and_is_told_so() {
    let (mut world, group, creator, _) = pair(200);
    assert_eq!(status(&world, creator, group), Status::Offline);
    world.connect(creator, group);
    world.run_for(5 * MINUTE);
    assert_eq!(statuses(&world, creator), [Status::Listening]);
    assert!(
        failures(&world, creator).is_empty(),
        "waiting is no failure"
    );
    world.disconnect(creator, group);
    assert_eq!(
        statuses(&world, creator),
        [Status::Listening, Status::Offline]
    );
}

#[test]
fn a_returning_member_alone_listens() {
    let (mut world, group, creator, newcomer) = pair(201);
    world.connect(creator, group);
    world.connect(newcomer, group);
    assert!(world.run_until(MINUTE, |w| w.is_synchronised(newcomer, group)));
    world.crash(creator);
    world.crash(newcomer);
    world.clear_events(newcomer);
    world.restart(newcomer);
    world.run_for(5 * MINUTE);
    assert_eq!(statuses(&world, newcomer), [Status::Listening]);
    assert!(failures(&world, newcomer).is_empty());
}

/// How often a node's application was told that a connection is required.
fn required(world: &World, node: NodeIndex) -> usize {
    let required = |event: &Event| matches!(event, Event::ConnectionRequired { .. });
    let events = world.events(node).iter();
    events.filter(|(_, event)| required(event)).count()
}

#[test]
fn a_connection_is_required_once_nobody_known_can_be_reached_any_more() {
    let (mut world, group, creator, newcomer) = pair(213);
    world.connect(creator, group);
    world.run_for(5 * MINUTE);
    assert_eq!(
        required(&world, creator),
        0,
        "whoever knows nobody may wait"
    );
    world.connect(newcomer, group);
    assert!(world.run_until(MINUTE, |w| w.is_synchronised(newcomer, group)));
    world.clear_events(creator);
    world.crash(newcomer);
    assert!(world.run_until(5 * MINUTE, |w| required(w, creator) > 0));
    let failed = |event: &Event| matches!(event, Event::NeighbourFailed { .. });
    let told = world.events(creator);
    assert!(
        told.iter().any(|(_, event)| failed(event)),
        "who was tried is told"
    );
    world.run_for(10 * MINUTE);
    assert_eq!(required(&world, creator), 1, "once for each loss");
    assert!(failures(&world, creator).is_empty());
    world.restart(newcomer);
    let together = |w: &World| status(w, creator, group) == Status::Connected;
    assert!(world.run_until(20 * MINUTE, together), "it goes on looking");
}

#[test]
fn a_first_time_joiner_that_finds_nobody_is_told_and_goes_on_looking() {
    let (mut world, group, creator, newcomer) = pair(202);
    // Whoever goes offline takes back what it announced: nobody is found where it was.
    world.connect(creator, group);
    world.run_for(MINUTE);
    assert_eq!(world.announced(), 1);
    world.disconnect(creator, group);
    world.run_for(MINUTE);
    let began = world.elapsed();
    world.connect(newcomer, group);
    world.run_for(5 * MINUTE);
    let told = failures(&world, newcomer);
    assert_eq!(told.len(), 1, "once: {told:?}");
    assert_eq!(told[0].1, ConnectFailure::NoMembersFound);
    assert_eq!(told[0].1.reason(), "no_members_found");
    assert!(
        told[0].0 <= began + SEARCH_TIME + Duration::from_secs(2),
        "{told:?}"
    );
    assert_eq!(statuses(&world, newcomer), [Status::Connecting]);
    assert!(!world.is_synchronised(newcomer, group));

    // Asking again says again how it goes.
    world.connect(newcomer, group);
    world.run_for(MINUTE);
    assert_eq!(failures(&world, newcomer).len(), 2);

    world.connect(creator, group);
    let found = world.run_until(5 * MINUTE, |w| w.is_synchronised(newcomer, group));
    assert!(found, "nobody had to do anything");
    assert_eq!(
        statuses(&world, newcomer),
        [Status::Connecting, Status::Connected]
    );
}

#[test]
fn a_joiner_whose_members_are_gone_is_told_that_nobody_answers() {
    let (mut world, group, creator, newcomer) = pair(203);
    world.crash(creator);
    world.connect_knowing(newcomer, group, &[creator]);
    world.run_for(2 * MINUTE);
    let told = failures(&world, newcomer);
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(told[0].1, ConnectFailure::Unreachable);
    assert!(told[0].0 <= SEARCH_PATIENCE + Duration::from_secs(2));
}

#[test]
fn a_joiner_that_is_not_admitted_is_told_so() {
    let (mut world, group, creator, newcomer) = pair(204);
    let other = world.create_group();
    world.enrol(creator, other, Role::Admin);
    world.connect(creator, other);
    // The node is there; nobody on it is online in this group.
    world.connect_knowing(newcomer, group, &[creator]);
    world.run_for(2 * MINUTE);
    let told = failures(&world, newcomer);
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(told[0].1, ConnectFailure::NotAuthorised);
}

#[test]
fn a_newcomer_that_loses_its_only_neighbour_before_it_is_ready_is_told() {
    let (mut world, group, creator, newcomer) = pair(205);
    world.connect(creator, group);
    for number in 0..400 {
        world.publish(creator, group, format!("record {number}").as_bytes());
    }
    world.run_for(Duration::from_secs(5));
    world.connect(newcomer, group);
    assert!(world.run_until(MINUTE, |w| w.neighbours(newcomer, group).len() == 1));
    world.crash(creator);
    world.run_for(2 * MINUTE);
    assert!(!world.is_synchronised(newcomer, group));
    assert_eq!(
        statuses(&world, newcomer),
        [Status::Connecting, Status::Connected, Status::Connecting]
    );
    assert_eq!(failures(&world, newcomer).len(), 1);
}

#[test]
fn both_sides_see_the_first_link_come_and_the_last_one_go() {
    let (mut world, group, creator, newcomer) = pair(206);
    world.connect(creator, group);
    world.connect(newcomer, group);
    assert!(world.run_until(MINUTE, |w| w.is_synchronised(newcomer, group)));
    for (node, other) in [(creator, newcomer), (newcomer, creator)] {
        assert_eq!(status(&world, node, group), Status::Connected);
        let peer = world.peer(other);
        let met = |e: &Event| matches!(e, Event::NeighbourConnected { peer: p, .. } if *p == peer);
        let told = world.events(node).iter().filter(|(_, e)| met(e)).count();
        assert_eq!(told, 1, "with the other's id");
    }
    world.disconnect(newcomer, group);
    assert!(world.run_until(MINUTE, |w| status(w, creator, group) == Status::Listening));
    assert_eq!(
        statuses(&world, creator),
        [Status::Listening, Status::Connected, Status::Listening]
    );
}

#[test]
fn connecting_twice_is_one_connection() {
    let (mut world, group, creator, newcomer) = pair(207);
    world.connect(creator, group);
    world.connect(creator, group);
    world.connect(newcomer, group);
    assert!(world.run_until(MINUTE, |w| w.is_synchronised(newcomer, group)));
    world.connect(newcomer, group);
    // Nor does naming the address of a neighbour make a second link.
    let at = world.address(creator);
    let attempt = world.connect_at(newcomer, group, &[at]);
    assert_eq!(end(&mut world, newcomer, attempt), Ok(world.peer(creator)));
    world.run_for(MINUTE);
    for node in [creator, newcomer] {
        assert_eq!(world.neighbours(node, group).len(), 1);
        let met = |e: &Event| matches!(e, Event::NeighbourConnected { .. });
        assert_eq!(world.events(node).iter().filter(|(_, e)| met(e)).count(), 1);
    }
}

/// In a world whose cloud tells nobody anything.
fn without_lookups(seed: u64) -> (World, GroupIndex, NodeIndex, NodeIndex) {
    let (mut world, group, creator, newcomer) = pair(seed);
    world.config_mut().lookup = 1_000 * MINUTE;
    world.connect(creator, group);
    world.connect(newcomer, group);
    (world, group, creator, newcomer)
}

#[test]
fn connecting_by_address_needs_no_lookup() {
    for seed in 210..216 {
        let (mut world, group, creator, newcomer) = without_lookups(seed);
        let at = world.address(creator);
        let named = if seed % 2 == 0 {
            at
        } else {
            expecting(&at, world.peer(creator))
        };
        let attempt = world.connect_at(newcomer, group, &[named]);
        assert_eq!(end(&mut world, newcomer, attempt), Ok(world.peer(creator)));
        assert!(world.run_until(MINUTE, |w| w.is_synchronised(newcomer, group)));
        assert!(failures(&world, newcomer).is_empty());
    }
}

#[test]
fn a_dead_address_is_passed_over_for_the_next() {
    let (mut world, group, creator, newcomer) = without_lookups(217);
    let dead = world.add_node();
    world.crash(dead);
    // Longer than an address has the turn for itself.
    world.config_mut().dial_timeout = Duration::from_secs(15);
    let addresses = [world.address(dead), world.address(creator)];
    let attempt = world.connect_at(newcomer, group, &addresses);
    assert_eq!(end(&mut world, newcomer, attempt), Ok(world.peer(creator)));
    assert!(failures(&world, newcomer).is_empty());
}

#[test]
fn dead_addresses_end_in_one_failure() {
    let (mut world, group, _, newcomer) = without_lookups(218);
    let dead = [world.add_node(), world.add_node()];
    for node in dead {
        world.crash(node);
    }
    world.run_for(MINUTE);
    world.clear_events(newcomer);
    let addresses = dead.map(|node| world.address(node));
    let attempt = world.connect_at(newcomer, group, &addresses);
    let failed = end(&mut world, newcomer, attempt);
    assert_eq!(failed, Err(ConnectFailure::Unreachable));
    world.run_for(MINUTE);
    let told: Vec<_> = failures(&world, newcomer)
        .into_iter()
        .map(|f| f.1)
        .collect();
    assert_eq!(told, [ConnectFailure::Unreachable]);
}

#[test]
fn another_peer_than_the_one_expected_will_not_do() {
    let (mut world, group, creator, newcomer) = without_lookups(219);
    let third = world.add_node();
    let named = expecting(&world.address(creator), world.peer(third));
    let attempt = world.connect_at(newcomer, group, &[named]);
    let failed = end(&mut world, newcomer, attempt);
    assert_eq!(failed, Err(ConnectFailure::OtherPeer));
    assert!(world.neighbours(newcomer, group).is_empty());
}

#[test]
fn who_is_not_in_the_group_is_connected_to_in_vain_and_learns_nothing() {
    for seed in 220..226 {
        let (mut world, group, creator, newcomer) = without_lookups(seed);
        let other = world.create_group();
        let stranger = world.add_node();
        world.enrol(stranger, other, Role::Admin);
        world.connect(stranger, other);
        world.published(creator, group, b"ours");
        let at = world.address(stranger);
        let attempt = world.connect_at(newcomer, group, &[at]);
        let failed = end(&mut world, newcomer, attempt);
        assert_eq!(failed, Err(ConnectFailure::NotAuthorised), "seed {seed}");
        assert!(world.neighbours(newcomer, group).is_empty());
        assert_eq!(world.record_count(stranger, other), 1, "its own membership");
    }
}

#[test]
fn an_attempt_ends_when_the_group_goes_offline_and_few_run_at_once() {
    let (mut world, group, _, newcomer) = without_lookups(227);
    let dead = world.add_node();
    world.crash(dead);
    let at = [world.address(dead)];
    let attempts: Vec<CommandId> = (0..=MAX_ATTEMPTS)
        .map(|_| world.connect_at(newcomer, group, &at))
        .collect();
    let last = world.connected_at(newcomer, attempts[MAX_ATTEMPTS]);
    assert_eq!(last, Some(Err(ConnectFailure::TooMany)));
    world.disconnect(newcomer, group);
    for attempt in &attempts[..MAX_ATTEMPTS] {
        let ended = world.connected_at(newcomer, *attempt);
        assert_eq!(ended, Some(Err(ConnectFailure::Offline)));
    }
    let attempt = world.connect_at(newcomer, group, &at);
    let ended = world.connected_at(newcomer, attempt);
    assert_eq!(ended, Some(Err(ConnectFailure::Offline)));
    world.run_for(MINUTE);
    assert_eq!(world.unfinished(newcomer), 0);
}

#[test]
fn a_member_nobody_can_dial_takes_in_a_newcomer() {
    // Newcomers announce themselves at once: the member can reach them, and not the other way round.
    let mut world = World::new(Config::from_env(228));
    let group = world.create_group();
    let (hidden, newcomer) = (world.add_unreachable(), world.add_node());
    world.enrol(hidden, group, Role::Admin);
    world.enrol(newcomer, group, Role::Member);
    world.connect(newcomer, group);
    world.run_for(Duration::from_secs(20));
    world.connect(hidden, group);
    assert!(world.run_until(5 * MINUTE, |w| w.is_synchronised(newcomer, group)));
}

#[test]
fn two_newcomers_who_meet_only_each_other_are_not_synchronised() {
    for seed in 230..240 {
        let mut world = World::new(Config::from_env(seed));
        let group = world.create_group();
        let nodes: Vec<NodeIndex> = (0..4).map(|_| world.add_node()).collect();
        for (index, node) in nodes.iter().enumerate() {
            let role = if index == 0 {
                Role::Admin
            } else {
                Role::Member
            };
            world.enrol(*node, group, role);
        }
        let (creator, newcomers) = (nodes[0], &nodes[1..]);
        world.published(creator, group, b"written before");
        for node in newcomers {
            world.connect(*node, group);
        }
        world.run_for(10 * MINUTE);
        for node in newcomers {
            assert_eq!(
                world.neighbours(*node, group).len(),
                2,
                "they are neighbours"
            );
            assert!(!world.is_synchronised(*node, group), "seed {seed}");
        }
        assert!(world.converged(group, newcomers), "and hold the same");
        let refused = world.publish(newcomers[0], group, b"too early");
        world.run_for(Duration::from_secs(1));
        assert!(matches!(world.reply(newcomers[0], refused), Some(Err(_))));

        world.connect(creator, group);
        let all = world.run_until(3 * MINUTE, |w| {
            w.converged(group, &nodes) && nodes.iter().all(|n| w.is_synchronised(*n, group))
        });
        assert!(all, "seed {seed}: the one that knows is enough");
        assert_eq!(world.payloads(newcomers[2], group), [b"written before"]);
    }
}
