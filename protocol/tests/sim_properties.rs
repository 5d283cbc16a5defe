//! The creator says how a group is run, and every member goes by it.
#![cfg(feature = "sim")]
#![expect(clippy::unwrap_used, reason = "a step that fails fails the test")]

use std::time::Duration;

use peerage_protocol::{
    engine::{ChangeError, Event},
    group::Role,
    properties::{PresencePolicy, Properties, PropertiesChange},
    sim::{Config, Ended, GroupIndex, NodeIndex, World},
};
use peerage_records::{
    codec::SignedRecord,
    id::{RecordId, RecordType},
    record::Record,
    store::{Origin, Put, Store},
    validate::validate,
};

const MINUTE: Duration = Duration::from_secs(60);

fn chess() -> Properties {
    Properties {
        friendly_name: "Chess club".into(),
        presence: PresencePolicy::Nobody,
        ..Properties::default()
    }
}

fn renamed(name: &str) -> PropertiesChange {
    PropertiesChange {
        friendly_name: Some(name.into()),
        ..PropertiesChange::default()
    }
}

/// A group of three, all of one mind.
fn club(seed: u64) -> (World, GroupIndex, Vec<NodeIndex>) {
    let mut world = World::new(Config::from_env(seed));
    let group = world.create_group_with(chess());
    let nodes = world.populate(group, 3);
    let met = world.run_until(MINUTE, |w| {
        w.converged(group, &nodes) && nodes.iter().all(|n| name(w, *n, group).is_some())
    });
    assert!(met, "they converge");
    (world, group, nodes)
}

fn properties(world: &World, node: NodeIndex, group: GroupIndex) -> Option<Properties> {
    world.view(node, group)?.properties.cloned()
}

fn name(world: &World, node: NodeIndex, group: GroupIndex) -> Option<String> {
    properties(world, node, group).map(|properties| properties.friendly_name)
}

fn set(world: &mut World, node: NodeIndex, group: GroupIndex, change: PropertiesChange) -> &Ended {
    let command = world.set_properties(node, group, change);
    assert!(world.run_until(MINUTE, |w| w.reply(node, command).is_some()));
    world.reply(node, command).unwrap()
}

fn told(world: &World, node: NodeIndex) -> usize {
    world
        .events(node)
        .iter()
        .filter(|(_, event)| matches!(event, Event::PropertiesChanged { .. }))
        .count()
}

#[test]
fn a_change_by_the_creator_reaches_every_member_and_changes_nothing_else() {
    let (mut world, group, nodes) = club(1);
    for node in &nodes {
        assert_eq!(properties(&world, *node, group), Some(chess()));
        world.clear_events(*node);
    }
    let change = PropertiesChange {
        friendly_name: Some("Go club".into()),
        comment: Some("we moved on".into()),
        presence_lifetime: Some(Duration::from_secs(600)),
        presence: Some(PresencePolicy::About(20)),
        ..PropertiesChange::default()
    };
    assert!(set(&mut world, nodes[0], group, change).is_ok());
    let wanted = Properties {
        friendly_name: "Go club".into(),
        comment: "we moved on".into(),
        presence_lifetime: Duration::from_secs(600),
        presence: PresencePolicy::About(20),
        ..chess()
    };
    let everywhere = |w: &World| {
        nodes
            .iter()
            .all(|node| properties(w, *node, group).as_ref() == Some(&wanted))
    };
    assert!(world.run_until(MINUTE, everywhere));
    for node in &nodes {
        assert_eq!(told(&world, *node), 1, "told once");
    }
}

#[test]
fn a_member_that_joins_later_sees_the_current_properties() {
    let (mut world, group, nodes) = club(2);
    assert!(set(&mut world, nodes[0], group, renamed("Go club")).is_ok());
    let late = world.add_node();
    world.enrol(late, group, Role::Member);
    world.run_for(Duration::from_secs(5));
    assert_eq!(properties(&world, late, group), None, "none of its own");
    world.connect(late, group);
    assert!(world.run_until(MINUTE, |w| w.is_synchronised(late, group)));
    let now = name(&world, late, group);
    assert_eq!(now.as_deref(), Some("Go club"), "with the first sync");
}

#[test]
fn nobody_but_the_creator_changes_them_not_even_an_admin() {
    let (mut world, group, nodes) = club(3);
    let admin = world.add_node();
    world.enrol(admin, group, Role::Admin);
    world.connect(admin, group);
    assert!(world.run_until(MINUTE, |w| w.is_synchronised(admin, group)));
    for other in [admin, nodes[1]] {
        let refused = set(&mut world, other, group, renamed("mine"));
        assert!(
            matches!(refused, Err(ChangeError::NotCreator)),
            "{refused:?}"
        );
    }
    world.run_for(MINUTE);
    for node in &nodes {
        assert_eq!(name(&world, *node, group).as_deref(), Some("Chess club"));
    }
}

#[test]
fn a_member_that_was_never_in_line_cannot_change_anything() {
    let (mut world, group, _) = club(4);
    let new = world.add_node();
    world.enrol(new, group, Role::Admin);
    let refused = set(&mut world, new, group, renamed("mine"));
    assert!(matches!(refused, Err(ChangeError::NotReady)), "{refused:?}");
}

#[test]
fn a_value_outside_its_limits_changes_nothing() {
    let (mut world, group, nodes) = club(5);
    let change = PropertiesChange {
        comment: Some("also".into()),
        membership_lifetime: Some(Some(Duration::from_secs(60))),
        ..PropertiesChange::default()
    };
    let refused = set(&mut world, nodes[0], group, change);
    assert!(
        matches!(refused, Err(ChangeError::Properties(_))),
        "{refused:?}"
    );
    world.run_for(MINUTE);
    assert_eq!(properties(&world, nodes[0], group), Some(chess()));
}

#[test]
fn properties_survive_a_restart_offline() {
    let (mut world, group, nodes) = club(6);
    let node = nodes[1];
    world.disconnect(node, group);
    world.crash(node);
    world.restart(node);
    world.run_for(Duration::from_secs(1));
    assert!(!world.view(node, group).unwrap().online);
    assert_eq!(properties(&world, node, group), Some(chess()));
}

#[test]
fn of_two_changes_at_once_one_is_made_and_the_other_is_told_so() {
    let (mut world, group, nodes) = club(7);
    let creator = nodes[0];
    let comment = PropertiesChange {
        comment: Some("weekly".into()),
        ..PropertiesChange::default()
    };
    let first = world.set_properties(creator, group, renamed("Go club"));
    let second = world.set_properties(creator, group, comment.clone());
    world.run_for(Duration::from_secs(1));
    assert!(world.reply(creator, first).unwrap().is_ok());
    let refused = world.reply(creator, second).unwrap();
    assert!(matches!(refused, Err(ChangeError::Conflict)), "{refused:?}");
    assert!(set(&mut world, creator, group, comment).is_ok());
    let properties = properties(&world, creator, group).unwrap();
    assert_eq!(properties.friendly_name, "Go club");
    assert_eq!(properties.comment, "weekly");
}

#[test]
fn a_record_beyond_the_groups_limit_is_not_published() {
    let (mut world, group, nodes) = club(8);
    let change = PropertiesChange {
        max_record_bytes: Some(Some(1_024)),
        ..PropertiesChange::default()
    };
    assert!(set(&mut world, nodes[0], group, change).is_ok());
    let limited = |w: &World| {
        w.is_synchronised(nodes[1], group)
            && properties(w, nodes[1], group).is_some_and(|p| p.max_record_bytes == Some(1_024))
    };
    assert!(world.run_until(MINUTE, limited));
    let id = world.published(nodes[1], group, &[0; 1_024]);
    let larger = [
        world.publish(nodes[1], group, &[0; 1_025]),
        world.update(nodes[1], group, id, &[0; 1_025]),
    ];
    world.run_for(Duration::from_secs(1));
    for command in larger {
        let refused = world.reply(nodes[1], command).unwrap();
        assert!(
            matches!(refused, Err(ChangeError::Properties(_))),
            "{refused:?}"
        );
    }
}

/// An Admin that makes up properties, in the group's name and in its own.
#[test]
fn forged_properties_are_believed_by_nobody() {
    let (mut world, group, nodes) = club(9);
    let admin = world.add_node();
    world.enrol(admin, group, Role::Admin);
    world.connect(admin, group);
    assert!(world.run_until(MINUTE, |w| w.is_synchronised(admin, group)));
    let root = world.group_key(group).root().key();
    let identity = world.membership_of(admin, group).identity.clone();
    let id = RecordId::reserved(&root, RecordType::PROPERTIES);
    let held = world.held(admin, group, id).unwrap();
    let forged = Properties {
        friendly_name: "mine".into(),
        ..chess()
    };
    let (expires, now) = (held.record().expires, world.now());
    let next = held
        .record()
        .update_reserved(expires, forged.encode(), now)
        .unwrap();
    let as_itself = Record {
        modifier: Some(identity.key()),
        ..next.clone()
    };
    let everyones = |_: &SignedRecord, _| Ok(());
    let replica = world.replica(admin, group).unwrap();
    for record in [next, as_itself] {
        let signed = SignedRecord::sign(record, |bytes| identity.sign(bytes));
        // Its own store takes what it forged, so that it is offered to everybody.
        if let Ok(record) = validate(signed, &world.group_id(group), &everyones, now) {
            let put = Put {
                replica,
                record,
                origin: Origin::Local,
            };
            world.store_mut(admin).put(vec![put], now).unwrap();
        }
    }
    assert_ne!(world.held(admin, group, id), Some(held), "it lies");
    world.run_for(3 * MINUTE);
    for node in &nodes {
        assert_eq!(name(&world, *node, group).as_deref(), Some("Chess club"));
    }
}
