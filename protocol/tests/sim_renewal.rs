//! Memberships under a policy are renewed before they end, by whoever is there and may.
#![cfg(feature = "sim")]
#![expect(clippy::unwrap_used, reason = "a step that fails fails the test")]

use std::time::Duration;

use peerage_protocol::{
    engine::Event,
    group::Role,
    properties::{PresencePolicy, Properties},
    sim::{Config, GroupIndex, NodeIndex, World},
};
use peerage_records::id::{RecordId, RecordType};

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3_600);
/// The shortest lifetime a policy may give.
const LIFETIME: Duration = Duration::from_secs(8 * 3_600);

/// A creator, and members it invited with these roles for `lifetime`, under a policy of [`LIFETIME`].
fn club(seed: u64, members: &[(Role, Duration)]) -> (World, GroupIndex, Vec<NodeIndex>) {
    let mut world = World::new(Config::from_env(seed));
    let group = world.create_group_with(Properties {
        membership_lifetime: Some(LIFETIME),
        presence: PresencePolicy::Nobody,
        ..Properties::default()
    });
    let mut nodes = world.populate(group, 1);
    for (role, lifetime) in members {
        let node = world.add_node();
        let identity = world.identity();
        let end = world.now() + *lifetime;
        let membership = world.invite(nodes[0], group, identity, *role, Some(end));
        world.enrol_as(node, group, membership);
        world.connect(node, group);
        nodes.push(node);
    }
    let met = world.run_until(5 * MINUTE, |w| {
        w.converged(group, &nodes) && nodes.iter().all(|node| w.is_synchronised(*node, group))
    });
    assert!(met, "they converge");
    (world, group, nodes)
}

fn left_of(world: &World, group: GroupIndex, node: NodeIndex) -> Duration {
    world
        .view(node, group)
        .unwrap()
        .gmc
        .not_after()
        .since(world.now())
}

fn renewals(world: &World, node: NodeIndex) -> usize {
    let events = world.events(node).iter();
    events
        .filter(|(_, event)| matches!(event, Event::MembershipRenewed { .. }))
        .count()
}

/// Whether a member's record is accepted.
fn publishes(world: &mut World, group: GroupIndex, node: NodeIndex) -> bool {
    let command = world.publish_for(node, group, b"here", MINUTE);
    world.run_for(10 * Duration::from_secs(1));
    world.reply(node, command).unwrap().is_ok()
}

#[test]
fn a_membership_under_the_policy_is_renewed_at_two_thirds_and_taken_up_by_itself() {
    let (mut world, group, nodes) = club(1, &[(Role::Member, LIFETIME)]);
    world.run_for(LIFETIME / 3 * 2 - 10 * MINUTE);
    assert_eq!(renewals(&world, nodes[1]), 0, "not before its time");
    world.run_for(20 * MINUTE);
    assert_eq!(renewals(&world, nodes[1]), 1, "and once");
    assert!(left_of(&world, group, nodes[1]) > LIFETIME - 20 * MINUTE);
    // And so on, for as long as somebody is there to do it.
    world.run_for(3 * LIFETIME);
    assert!(left_of(&world, group, nodes[1]) > LIFETIME / 4);
    let ending = |(_, event): &(Duration, Event)| matches!(event, Event::MembershipEnding { .. });
    assert!(!world.events(nodes[1]).iter().any(ending));
    assert!(publishes(&mut world, group, nodes[1]));
}

#[test]
fn an_end_that_was_asked_for_is_meant_and_warned_of() {
    let (mut world, group, nodes) = club(2, &[(Role::Member, LIFETIME / 2)]);
    world.run_for(LIFETIME / 2 - 10 * MINUTE);
    assert_eq!(renewals(&world, nodes[1]), 0);
    let warned = world.events(nodes[1]).iter().filter(|(_, event)| {
        matches!(event, Event::MembershipEnding { not_after, .. }
            if *not_after == world.view(nodes[1], group).unwrap().gmc.not_after())
    });
    assert_eq!(warned.count(), 1, "told once");
}

#[test]
fn another_admin_renews_when_the_issuer_is_away_and_only_one_of_them() {
    let (mut world, group, nodes) = club(
        3,
        &[
            (Role::Member, LIFETIME),
            (Role::Admin, 100 * LIFETIME),
            (Role::Admin, 100 * LIFETIME),
        ],
    );
    world.crash(nodes[0]);
    world.run_for(LIFETIME - 10 * MINUTE);
    assert_eq!(
        renewals(&world, nodes[1]),
        1,
        "by one of the two, not by both"
    );
    let issuer = world.view(nodes[1], group).unwrap().gmc.issuer();
    let others = [nodes[2], nodes[3]].map(|node| world.member(node, group));
    assert!(others.contains(&issuer));
}

#[test]
fn a_member_without_the_right_renews_nobody() {
    let (mut world, group, nodes) = club(4, &[(Role::Member, LIFETIME), (Role::Member, LIFETIME)]);
    world.crash(nodes[0]);
    world.run_for(LIFETIME + HOUR);
    assert_eq!(renewals(&world, nodes[1]) + renewals(&world, nodes[2]), 0);
    assert!(!publishes(&mut world, group, nodes[1]), "too late");
}

/// The original published memberships again before 28 days were over; ours last as long as what
/// they prove.
#[test]
fn a_membership_stays_on_record_for_as_long_as_it_holds() {
    let (mut world, group, nodes) = club(6, &[(Role::Member, 100 * LIFETIME)]);
    let command = world.publish_for(nodes[1], group, b"old", 90 * LIFETIME);
    world.run_for(MINUTE);
    let id = world.reply(nodes[1], command).unwrap().as_ref().unwrap();
    let id = id.record().id;
    world.crash(nodes[1]);
    world.run_for(85 * LIFETIME);
    let own = RecordId::reserved(&world.member(nodes[1], group), RecordType::MEMBERSHIP);
    let held = world.held(nodes[0], group, own).unwrap();
    assert_eq!(held.record().version, 1, "nobody had to say it again");
    assert_eq!(
        held.record().expires,
        world.membership_of(nodes[1], group).gmc.not_after()
    );
    // Whoever comes later still learns who made what it finds.
    let newcomer = world.enrol_under(nodes[0], group, Role::Member);
    let told = world.run_until(5 * MINUTE, |w| w.held(newcomer, group, id).is_some());
    assert!(told);
}

#[test]
fn m22_whoever_was_away_past_its_end_finds_its_renewal_with_any_member() {
    let (mut world, group, nodes) = club(5, &[(Role::Member, LIFETIME), (Role::Member, LIFETIME)]);
    world.crash(nodes[2]);
    world.run_for(LIFETIME + HOUR);
    // Neither is its issuer there any more.
    world.crash(nodes[0]);
    world.restart(nodes[2]);
    let back = world.run_until(10 * MINUTE, |w| {
        renewals(w, nodes[2]) > 0 && !w.neighbours(nodes[2], group).is_empty()
    });
    assert!(back, "seed {}", 5);
    assert!(publishes(&mut world, group, nodes[2]));
}
