//! Admins against one another, and members whose roles change.
#![cfg(feature = "sim")]
#![expect(clippy::unwrap_used, reason = "a step that fails fails the test")]

mod members;

use members::*;
use peerage_protocol::{
    engine::{ChangeError, Event},
    group::Role,
    revocation::Cause,
    sim::{Config, GroupIndex, NodeIndex, World, removal_of},
};
use peerage_records::{codec::SignedRecord, record::RecordUpdate, validate::Rejection};

/// What a refusal must be.
type Expected = fn(&ChangeError) -> bool;

/// The same members on all nodes.
#[track_caller]
fn assert_agree(world: &World, group: GroupIndex, nodes: &[NodeIndex], expected: &[NodeIndex]) {
    let expected: std::collections::BTreeSet<_> = expected
        .iter()
        .map(|node| world.member(*node, group))
        .collect();
    for node in nodes {
        assert_eq!(members(world, *node, group), expected, "on node {node}");
    }
    let digest = |node| {
        let view = world.view(node, group).unwrap();
        view.roster.revocations().digest()
    };
    assert!(nodes.iter().all(|node| digest(*node) == digest(nodes[0])));
}

#[test]
fn m11_two_admins_who_remove_each_other_while_cut_apart_end_with_one_result() {
    let (mut world, group, creator) = founded(Config::from_env(220));
    let admins = grown(&mut world, group, creator, &[Role::Admin, Role::Admin]);
    let (elder, younger) = (admins[0], admins[1]);
    let elders = grown(&mut world, group, elder, &[Role::Member; 2]);
    let youngers = grown(&mut world, group, younger, &[Role::Member; 2]);
    let left = [vec![elder], elders.clone()].concat();
    // The creator sees what the younger does first.
    let right = [vec![creator, younger], youngers.clone()].concat();
    let all = [left.clone(), right.clone()].concat();
    settle(&mut world, group, &all);
    world.partition(&[&left, &right]);
    world.run_for(MINUTE);
    let keys = (world.member(elder, group), world.member(younger, group));
    let first = world.revoke(younger, group, removal_of(keys.0));
    world.succeeded(younger, first);
    world.run_for(10 * SECOND);
    let second = world.revoke(elder, group, removal_of(keys.1));
    world.succeeded(elder, second);
    let elders_note = published(&mut world, elder, group, b"by the elder");
    let youngers_note = published(&mut world, younger, group, b"by the younger");
    world.run_for(MINUTE);
    assert!(!members(&world, creator, group).contains(&keys.0), "so far");
    assert!(world.holds(creator, group, &youngers_note.hash()));

    world.heal();
    let stay = [vec![elder, creator], elders, youngers].concat();
    settle(&mut world, group, &stay);
    assert_agree(&world, group, &stay, &stay);
    for node in &stay {
        assert!(
            world.holds(*node, group, &elders_note.hash()),
            "it is a member again"
        );
        assert!(
            !world.holds(*node, group, &youngers_note.hash()),
            "nobody vouched for it"
        );
        assert!(!world.neighbours(*node, group).contains(&younger));
    }
    let told = removed(&world, creator, keys.1);
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].1, Cause::Removed);
}

#[test]
fn m11_many_admins_in_turmoil_agree_when_it_is_over() {
    for seed in 230..234 {
        let (mut world, group, creator) = founded(Config {
            gossip_loss_per_mille: 100,
            ..Config::from_env(seed)
        });
        let first = grown(&mut world, group, creator, &[Role::Admin; 4]);
        let second = grown(&mut world, group, first[0], &[Role::Admin; 4]);
        let all = [vec![creator], first.clone(), second.clone()].concat();
        settle(&mut world, group, &all);
        let (left, right): (Vec<_>, Vec<_>) = all.iter().partition(|node| **node % 2 == 0);
        world.partition(&[&left, &right]);
        world.run_for(MINUTE);
        // Everybody removes whoever comes next, all in one moment.
        for (index, node) in all.iter().enumerate().skip(1) {
            let next = all[1 + index % (all.len() - 1)];
            world.revoke(*node, group, removal_of(world.member(next, group)));
        }
        world.run_for(MINUTE);
        world.heal();
        // Who was removed is online no more and learns nothing; everybody else agrees.
        world.run_for(10 * MINUTE);
        let stay: Vec<NodeIndex> = all
            .iter()
            .copied()
            .filter(|node| members(&world, creator, group).contains(&world.member(*node, group)))
            .collect();
        assert!(
            stay.len() >= 2 && stay.len() < all.len(),
            "seed {seed}: {stay:?}"
        );
        for node in &stay {
            world.connect_knowing(*node, group, &stay);
        }
        settle(&mut world, group, &stay);
        assert_agree(&world, group, &stay, &stay);
    }
}

#[test]
fn m13_the_last_admin_cannot_leave_and_the_creator_cannot_be_removed() {
    let (mut world, group, creator) = founded(Config::from_env(221));
    let member = grown(&mut world, group, creator, &[Role::Member])[0];
    let leaves = world.leave(creator, group);
    let refused = world.ended(creator, leaves);
    assert!(
        matches!(refused, Err(ChangeError::LastAdmin)),
        "{refused:?}"
    );
    assert!(
        world.view(creator, group).unwrap().online,
        "nothing has happened"
    );

    let admin = grown(&mut world, group, creator, &[Role::Admin])[0];
    settle(&mut world, group, &[creator, member, admin]);
    let creators = world.member(creator, group);
    let refusals: [(NodeIndex, _, Expected); 4] = [
        (admin, creators, |error| {
            matches!(error, ChangeError::Creator)
        }),
        (member, creators, |error| {
            matches!(error, ChangeError::NotAuthorised)
        }),
        (admin, world.member(admin, group), |error| {
            matches!(error, ChangeError::Ourselves)
        }),
        (admin, world.identity().key(), |error| {
            matches!(error, ChangeError::UnknownMember)
        }),
    ];
    for (index, (node, subject, expected)) in refusals.into_iter().enumerate() {
        let command = world.revoke(node, group, removal_of(subject));
        let refused = world.ended(node, command).as_ref().unwrap_err();
        assert!(expected(refused), "case {index}: {refused:?}");
    }
    world.run_for(MINUTE);
    assert_agree(
        &world,
        group,
        &[creator, member, admin],
        &[creator, member, admin],
    );

    // Now that there is another Admin even the creator may go, and the group goes on.
    let leaves = world.leave(creator, group);
    world.succeeded(creator, leaves);
    settle(&mut world, group, &[member, admin]);
    let newcomer = grown(&mut world, group, admin, &[Role::Member])[0];
    let stay = [member, admin, newcomer];
    settle(&mut world, group, &stay);
    assert_agree(&world, group, &stay, &stay);
}

#[test]
fn m14_a_demotion_holds_at_once_and_takes_back_nothing_done_before() {
    let (mut world, group, creator) = founded(Config::from_env(222));
    let nodes = grown(&mut world, group, creator, &[Role::Admin, Role::Member]);
    let (admin, author) = (nodes[0], nodes[1]);
    let invited = grown(&mut world, group, admin, &[Role::Member])[0];
    let villain = grown(&mut world, group, admin, &[Role::Member])[0];
    let mut all = vec![creator, admin, author, invited, villain];
    let note = published(&mut world, author, group, b"typo");
    settle(&mut world, group, &all);
    let id = note.record().id;
    let change = world.update(admin, group, id, b"corrected");
    world.succeeded(admin, change);
    let own = published(&mut world, admin, group, b"mine");
    let removes = world.revoke(admin, group, removal_of(world.member(villain, group)));
    world.succeeded(admin, removes);
    all.pop();
    settle(&mut world, group, &all);
    let old = world.membership_of(admin, group).clone();
    let key = world.member(admin, group);

    let demotes = world.issue_to(creator, group, key, with_roles(Role::Member));
    world.succeeded(creator, demotes);
    settle(&mut world, group, &all);
    for node in &all {
        assert_eq!(
            roles_of(&world, *node, group, key),
            Some(Role::Member.into())
        );
        let held = world.held(*node, group, id).unwrap();
        assert_eq!(held.record().payload, b"corrected", "what it did stays");
        assert!(world.holds(*node, group, &own.hash()));
        assert_eq!(
            members(&world, *node, group).len(),
            4,
            "whom it invited, too"
        );
        assert!(removed(&world, *node, key).is_empty(), "it was not removed");
    }

    // It does nothing more as an Admin: not by its engine,
    let change = world.update(admin, group, id, b"again");
    let refused = world.ended(admin, change);
    assert!(
        matches!(refused, Err(ChangeError::Refused(Rejection::Refused(_)))),
        "{refused:?}"
    );
    let revenge = world.revoke(admin, group, removal_of(world.member(author, group)));
    let refused = world.ended(admin, revenge);
    assert!(
        matches!(refused, Err(ChangeError::NotAuthorised)),
        "{refused:?}"
    );
    // and not with its old credential, whatever date it writes.
    let held = world.held(admin, group, id).unwrap();
    for at in [world.now(), held.record().modified] {
        let update = RecordUpdate {
            payload: Some(b"forged".to_vec()),
            ..RecordUpdate::default()
        };
        let record = held.record().update(update, key, at).unwrap();
        let forged = SignedRecord::sign(record, |bytes| old.identity.sign(bytes));
        spread(&mut world, group, admin, &forged);
    }
    let identity = world.identity();
    let now = world.now();
    let puppet = world.issue_as(&old, identity, Role::Admin, None, now);
    let puppet_node = world.add_node();
    world.enrol_as(puppet_node, group, puppet);
    world.connect_knowing(puppet_node, group, &[creator, author]);
    world.run_for(5 * MINUTE);
    for node in [creator, author, invited] {
        let held = world.held(node, group, id).unwrap();
        assert_eq!(held.record().payload, b"corrected");
        assert!(!world.neighbours(node, group).contains(&puppet_node));
        assert_eq!(members(&world, node, group).len(), 4);
    }
    // As the member it is, it goes on.
    let new = published(&mut world, admin, group, b"as a member");
    settle(&mut world, group, &all);
    assert!(world.holds(author, group, &new.hash()));
}

#[test]
fn a_promotion_takes_effect_at_once_on_the_links_there_are() {
    let (mut world, group, creator) = founded(Config::from_env(223));
    let nodes = grown(&mut world, group, creator, &[Role::Member, Role::Member]);
    let (promoted, other) = (nodes[0], nodes[1]);
    let key = world.member(promoted, group);
    let note = published(&mut world, other, group, b"typo");
    let all = [creator, promoted, other];
    settle(&mut world, group, &all);
    for node in all {
        world.clear_events(node);
    }
    let command = world.issue_to(creator, group, key, with_roles(Role::Admin));
    world.succeeded(creator, command);
    let told = world.run_until(10 * SECOND, |w| {
        all.iter()
            .all(|node| roles_of(w, *node, group, key) == Some(Role::Admin.into()))
    });
    assert!(told);
    let adopted = world.events(promoted).iter().any(|(_, event)| {
        matches!(event, Event::MembershipRenewed { gmc, .. } if gmc.roles().contains(Role::Admin))
    });
    assert!(adopted);
    // It uses its new rights without having parted from anybody.
    let change = world.update(promoted, group, note.record().id, b"corrected");
    world.succeeded(promoted, change);
    let newcomer = grown(&mut world, group, promoted, &[Role::Admin])[0];
    let removes = world.revoke(promoted, group, removal_of(world.member(other, group)));
    world.succeeded(promoted, removes);
    assert_eq!(parted(&world, creator, promoted), []);
    assert_eq!(parted(&world, promoted, creator), []);
    let stay = [creator, promoted, newcomer];
    settle(&mut world, group, &stay);
    assert_agree(&world, group, &stay, &stay);
    let held = world.held(creator, group, note.record().id).unwrap();
    assert_eq!(held.record().payload, b"corrected");
}

#[test]
fn a_member_changes_and_deletes_what_is_its_own() {
    let (mut world, group, creator) = founded(Config::from_env(224));
    let nodes = grown(&mut world, group, creator, &[Role::Member, Role::Member]);
    let all = [creator, nodes[0], nodes[1]];
    let note = published(&mut world, nodes[0], group, b"first");
    let id = note.record().id;
    settle(&mut world, group, &all);
    let change = world.update(nodes[0], group, id, b"second");
    world.succeeded(nodes[0], change);
    let changed = world.run_until(MINUTE, |w| {
        all.iter()
            .all(|node| w.payloads(*node, group) == [b"second"])
    });
    assert!(changed);
    let deletes = world.delete(nodes[0], group, id);
    world.succeeded(nodes[0], deletes);
    let gone = world.run_until(MINUTE, |w| {
        all.iter().all(|node| w.payloads(*node, group).is_empty())
    });
    assert!(gone);
}
