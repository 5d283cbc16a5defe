//! Credentials that Admins renew or shorten, and that run out.
#![cfg(feature = "sim")]
#![expect(clippy::unwrap_used, reason = "a step that fails fails the test")]

mod members;

use std::time::Duration;

use members::*;
use peerage_protocol::{
    admission::is_chooser,
    cloud::Cloud,
    engine::{ChangeError, Event, Terms},
    gmc::{GmcError, MAX_CHAIN_GMCS},
    group::Role,
    identity::Identity,
    invitation::{Invitation, InvitationDraft},
    sim::{Config, GroupIndex, NodeIndex, World},
};
use peerage_records::{id::IdentityKey, time::Timestamp};

/// What a refusal must be.
type Expected = fn(&ChangeError) -> bool;

/// When a node thinks that a member's credential ends.
fn end_of(
    world: &World,
    node: NodeIndex,
    group: GroupIndex,
    member: IdentityKey,
) -> Option<Timestamp> {
    let view = world.view(node, group)?;
    view.roster.get(&member).map(|gmc| gmc.not_after())
}

fn lifetime_of(world: &World, node: NodeIndex, group: GroupIndex, member: IdentityKey) -> Duration {
    let view = world.view(node, group).unwrap();
    let gmc = view.roster.get(&member).unwrap();
    gmc.not_after().since(gmc.issued_at())
}

/// A member invited by the creator for a time, online.
fn guest(world: &mut World, group: GroupIndex, creator: NodeIndex, time: Duration) -> NodeIndex {
    let node = world.add_node();
    let identity = world.identity();
    let end = world.now() + time;
    let membership = world.invite(creator, group, identity, Role::Member, Some(end));
    world.enrol_as(node, group, membership);
    world.connect(node, group);
    node
}

fn renewals(world: &World, node: NodeIndex) -> usize {
    let told = world.events(node).iter();
    told.filter(|(_, event)| matches!(event, Event::MembershipRenewed { .. }))
        .count()
}

#[test]
fn a_renewal_lasts_as_long_as_before_and_reaches_everybody_its_subject_first() {
    let (mut world, group, creator) = founded(Config::from_env(240));
    let others = grown(&mut world, group, creator, &[Role::Member; 3]);
    let subject = guest(&mut world, group, creator, 10 * HOUR);
    let all = [vec![creator, subject], others].concat();
    settle(&mut world, group, &all);
    let key = world.member(subject, group);
    let before = lifetime_of(&world, creator, group, key);
    world.run_for(6 * HOUR);
    let command = world.issue_to(creator, group, key, Terms::default());
    let record = world.succeeded(creator, command);
    assert_eq!(record.record().creator, world.member(creator, group));
    let end = end_of(&world, creator, group, key).unwrap();
    let after = lifetime_of(&world, creator, group, key);
    assert!(after.abs_diff(before) <= SECOND, "{before:?} and {after:?}");
    assert!(end > world.now() + 9 * HOUR);

    settle(&mut world, group, &all);
    for node in &all {
        assert_eq!(end_of(&world, *node, group, key), Some(end));
        assert!(world.holds(*node, group, &record.hash()), "published");
    }
    assert_eq!(renewals(&world, subject), 1);
    assert_eq!(world.view(subject, group).unwrap().gmc.not_after(), end);
    // It lives on it: past the end of what it was given first, and after a restart.
    world.run_for(5 * HOUR);
    published(&mut world, subject, group, b"still here");
    world.crash(subject);
    world.restart(subject);
    settle(&mut world, group, &all);
}

#[test]
fn nobody_renews_whom_the_group_does_not_know_nor_beyond_its_own_rights() {
    let (mut world, group, creator) = founded(Config::from_env(241));
    let nodes = grown(
        &mut world,
        group,
        creator,
        &[Role::InvitingMember, Role::Member],
    );
    settle(&mut world, group, &[creator, nodes[0], nodes[1]]);
    let stranger = world.identity().key();
    let keys = [world.member(nodes[1], group), world.member(creator, group)];
    let refused: [(NodeIndex, IdentityKey, Terms, Expected); 4] = [
        (creator, stranger, Terms::default(), |error| {
            matches!(error, ChangeError::UnknownMember)
        }),
        (nodes[1], stranger, Terms::default(), |error| {
            matches!(error, ChangeError::UnknownMember)
        }),
        (nodes[0], keys[0], with_roles(Role::Admin), |error| {
            matches!(
                error,
                ChangeError::Credential(GmcError::RoleNotIssuable { .. })
            )
        }),
        (creator, keys[1], Terms::default(), |error| {
            matches!(error, ChangeError::Ourselves)
        }),
    ];
    for (index, (node, subject, terms, expected)) in refused.into_iter().enumerate() {
        let command = world.issue_to(node, group, subject, terms);
        let error = world.ended(node, command).as_ref().unwrap_err();
        assert!(expected(error), "case {index}: {error:?}");
    }
}

#[test]
fn m22_who_was_renewed_while_away_returns_on_the_expired_credential() {
    let (mut world, group, creator) = founded(Config::seeded(4));
    let others = grown(&mut world, group, creator, &[Role::Member; 7]);
    let subject = guest(&mut world, group, creator, HOUR);
    let all = [vec![creator, subject], others.clone()].concat();
    settle(&mut world, group, &all);
    let key = world.member(subject, group);
    world.crash(subject);
    world.run_for(10 * MINUTE);
    let command = world.issue_to(creator, group, key, Terms::default());
    world.succeeded(creator, command);
    world.run_for(65 * MINUTE);
    // What it holds has lapsed, beyond all tolerance.
    let old = world.membership_of(subject, group).gmc.clone();
    assert!(old.not_after() + 10 * MINUTE < world.now());
    let command = world.issue_to(creator, group, key, Terms::default());
    world.succeeded(creator, command);
    let end = end_of(&world, creator, group, key).unwrap();
    assert!(end > world.now());

    world.restart(subject);
    settle(&mut world, group, &all);
    assert!(
        renewals(&world, subject) >= 1,
        "adopted without anybody's doing"
    );
    assert_eq!(world.view(subject, group).unwrap().gmc.not_after(), end);
    published(&mut world, subject, group, b"back");
    settle(&mut world, group, &all);
    // It was let in whoever of the two asked, and whoever answered: with this seed, both occur.
    let met = world.neighbours(subject, group);
    let asks = |other: &NodeIndex| is_chooser(&world.peer(subject), &world.peer(*other));
    let chosen = met.iter().filter(|other| asks(other)).count();
    assert!(
        chosen > 0 && chosen < met.len(),
        "{chosen} of {}",
        met.len()
    );
}

#[test]
fn m22_who_lapsed_without_a_renewal_is_not_let_in_until_there_is_one() {
    let (mut world, group, creator) = founded(Config::from_env(243));
    let others = grown(&mut world, group, creator, &[Role::Member; 3]);
    let subject = guest(&mut world, group, creator, HOUR);
    let honest = [vec![creator], others].concat();
    let all = [honest.clone(), vec![subject]].concat();
    settle(&mut world, group, &all);
    let key = world.member(subject, group);
    world.run_for(75 * MINUTE);
    for node in &honest {
        assert!(!world.neighbours(*node, group).contains(&subject));
        let reasons = parted(&world, *node, subject);
        assert_eq!(reasons.last().map(|(_, why)| *why), Some("proof lapsed"));
        world.clear_events(*node);
    }
    world.disconnect(subject, group);
    world.connect_knowing(subject, group, &honest);
    world.run_for(10 * MINUTE);
    assert!(world.neighbours(subject, group).is_empty());
    let turned: Vec<_> = honest
        .iter()
        .flat_map(|node| refusals(&world, *node, subject))
        .collect();
    assert!(!turned.is_empty() && turned.iter().all(|reason| *reason == "chain"));

    let command = world.issue_to(creator, group, key, Terms::default());
    world.succeeded(creator, command);
    settle(&mut world, group, &all);
    assert_eq!(renewals(&world, subject), 1);
    published(&mut world, subject, group, b"back");
    settle(&mut world, group, &all);
}

#[test]
fn m22_a_renewal_made_across_a_partition_is_taken_up_after_the_heal() {
    let (mut world, group, creator) = founded(Config::from_env(244));
    let others = grown(&mut world, group, creator, &[Role::Member; 4]);
    let subject = guest(&mut world, group, creator, HOUR);
    let left = vec![creator, others[0], others[1]];
    let right = vec![subject, others[2], others[3]];
    let all = [left.clone(), right.clone()].concat();
    settle(&mut world, group, &all);
    let key = world.member(subject, group);
    world.partition(&[&left, &right]);
    world.run_for(30 * MINUTE);
    let command = world.issue_to(creator, group, key, Terms::default());
    world.succeeded(creator, command);
    let end = end_of(&world, creator, group, key).unwrap();
    world.run_for(45 * MINUTE);
    assert!(
        world.neighbours(subject, group).is_empty(),
        "its half cannot know"
    );
    world.heal();
    settle(&mut world, group, &all);
    for node in &all {
        assert_eq!(end_of(&world, *node, group, key), Some(end));
    }
    assert_eq!(renewals(&world, subject), 1);
}

#[test]
fn a_shortened_membership_ends_when_it_says_and_the_longer_one_is_void() {
    let (mut world, group, creator) = founded(Config::from_env(245));
    let others = grown(&mut world, group, creator, &[Role::Member; 3]);
    let subject = guest(&mut world, group, creator, 100 * HOUR);
    let honest = [vec![creator], others].concat();
    let all = [honest.clone(), vec![subject]].concat();
    settle(&mut world, group, &all);
    let note = published(&mut world, subject, group, b"before");
    settle(&mut world, group, &all);
    let key = world.member(subject, group);
    let long = world.membership_of(subject, group).clone();
    let terms = Terms {
        roles: None,
        not_after: Some(world.now() + 2 * HOUR),
    };
    let command = world.issue_to(creator, group, key, terms);
    world.succeeded(creator, command);
    settle(&mut world, group, &all);
    for node in &all {
        let end = end_of(&world, *node, group, key).unwrap();
        assert!(end <= world.now() + 2 * HOUR);
        assert!(removed(&world, *node, key).is_empty(), "it was not removed");
        assert!(world.holds(*node, group, &note.hash()));
    }
    published(&mut world, subject, group, b"for now");
    settle(&mut world, group, &all);
    world.run_for(2 * HOUR + 15 * MINUTE);
    for node in &honest {
        assert!(!world.neighbours(*node, group).contains(&subject));
    }
    let again = world.add_node();
    world.enrol_as(again, group, long);
    world.connect_knowing(again, group, &honest);
    world.run_for(10 * MINUTE);
    assert!(
        world.neighbours(again, group).is_empty(),
        "the longer one is void"
    );
    assert!(!world.is_synchronised(again, group));
}

#[test]
fn the_twenty_fourth_holder_of_a_chain_is_a_member_like_others_and_issues_nothing() {
    let (mut world, group, creator) = founded(Config::from_env(246));
    let other = grown(&mut world, group, creator, &[Role::Member])[0];
    let mut holder = world.membership_of(creator, group).clone();
    while holder.gmc.depth() < MAX_CHAIN_GMCS {
        let identity = world.identity();
        let now = world.now();
        holder = world.issue_as(&holder, identity, Role::Admin, None, now);
    }
    let last = world.add_node();
    world.enrol_as(last, group, holder);
    world.connect(last, group);
    let all = [creator, other, last];
    settle(&mut world, group, &all);
    published(&mut world, last, group, b"far from the root");
    settle(&mut world, group, &all);
    let key = world.member(other, group);
    let command = world.issue_to(last, group, key, Terms::default());
    let error = world.ended(last, command).as_ref().unwrap_err();
    let too_long = matches!(
        error,
        ChangeError::Credential(GmcError::ChainTooLong { gmcs: 25 })
    );
    assert!(too_long, "{error:?}");
    // Its right to remove needs no room in a chain.
    let command = world.revoke(last, group, peerage_protocol::sim::removal_of(key));
    assert!(world.ended(last, command).is_ok());
    settle(&mut world, group, &[creator, last]);
}

#[test]
fn a_credential_handed_over_in_an_invitation_is_published_by_its_subject_and_not_before() {
    let (mut world, group, creator) = founded(Config::from_env(248));
    let nodes = grown(&mut world, group, creator, &[Role::Member, Role::Member]);
    let (subject, other) = (nodes[0], nodes[1]);
    let all = [creator, subject, other];
    let held = world.membership_of(subject, group).clone();
    let key = held.identity.key();
    let identity = Identity::clone(&held.identity);
    let fresh = world.invite(creator, group, identity, Role::InvitingMember, None);
    let draft = InvitationDraft {
        chain: fresh.gmc.chain().clone(),
        cloud: Cloud::global(),
        bootstrap: Vec::new(),
        note: None,
    };
    let (inviter, secret) = (
        world.membership_of(creator, group).identity.clone(),
        world.secret(group).clone(),
    );
    let card = held.identity.card();
    let invitation = Invitation::create(draft, &inviter, &card, &secret, world.rng()).unwrap();
    world.run_for(10 * MINUTE);
    for node in all {
        let roles = roles_of(&world, node, group, key);
        assert_eq!(roles, Some(Role::Member.into()), "nobody was told");
    }
    let accepted = invitation.accept(&held.identity, world.now()).unwrap();
    let identity = Identity::clone(&held.identity);
    let renewed = world.membership(group, identity, accepted.gmc.chain());
    world.renew(subject, group, renewed);
    let told = world.run_until(MINUTE, |w| {
        all.iter()
            .all(|node| roles_of(w, *node, group, key) == Some(Role::InvitingMember.into()))
    });
    assert!(told);
}
