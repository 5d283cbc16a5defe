//! Removing a member, and everything it may try afterwards.
#![cfg(feature = "sim")]

mod members;

use std::time::Duration;

use members::*;
use peerage_protocol::{
    engine::{Event, Removal, Terms, Verdict},
    group::Role,
    revocation::{Cause, Revocation},
    sim::{Config, GroupIndex, NodeIndex, World, removal_of},
};
use peerage_records::{codec::SignedRecord, record::RecordUpdate, store::ChangeKind};

/// Nobody has `outcast` for a neighbour, and whoever had it cut it off soon after hearing.
#[track_caller]
fn assert_cut(world: &World, group: GroupIndex, honest: &[NodeIndex], outcast: NodeIndex) {
    let key = world.member(outcast, group);
    for node in honest {
        let heard = removed(world, *node, key);
        assert_eq!(heard.len(), 1, "node {node} is told once");
        for (at, reason) in parted(world, *node, outcast) {
            assert!(at <= heard[0].0 + CUT, "node {node}: {reason} {at:?}");
        }
        assert!(!world.neighbours(*node, group).contains(&outcast));
        assert!(!members(world, *node, group).contains(&key));
    }
}

#[test]
fn m8_of_fifty_members_nobody_keeps_a_link_with_a_removed_one_for_two_seconds() {
    let (mut world, group, creator) = founded(Config {
        gossip_loss_per_mille: 100,
        ..Config::from_env(200)
    });
    let admin = grown(&mut world, group, creator, &[Role::Admin])[0];
    let mut honest = vec![creator, admin];
    for index in 0..47 {
        let inviter = honest[index % 2];
        honest.push(world.enrol_under(inviter, group, Role::Member));
        world.run_for(SECOND / 5);
    }
    let outcast = world.enrol_under(admin, group, Role::Member);
    let all = [honest.clone(), vec![outcast]].concat();
    settle(&mut world, group, &all);
    let notes: Vec<SignedRecord> = (0..5)
        .map(|number| published(&mut world, outcast, group, &[number]))
        .collect();
    settle(&mut world, group, &all);
    assert!(world.neighbours(outcast, group).len() >= 3);

    let key = world.member(outcast, group);
    let begun = world.elapsed();
    let command = world.revoke(creator, group, removal_of(key));
    world.succeeded(creator, command);
    let told = world.run_until(10 * SECOND, |w| {
        honest.iter().all(|node| !removed(w, *node, key).is_empty())
    });
    assert!(told, "everybody has heard within ten seconds of {begun:?}");
    world.run_for(CUT);
    assert_cut(&world, group, &honest, outcast);
    // It was told, too, before the links were cut, and has gone offline by itself.
    assert_eq!(removed(&world, outcast, key).len(), 1);
    assert!(!world.view(outcast, group).unwrap().online);

    settle(&mut world, group, &honest);
    for node in &honest {
        for note in &notes {
            assert!(
                world.holds(*node, group, &note.hash()),
                "it was published before"
            );
        }
    }
    world.run_for(10 * MINUTE);
    assert_cut(&world, group, &honest, outcast);
    let own = world.publish(outcast, group, b"still here?");
    assert!(world.ended(outcast, own).is_err());
}

#[test]
fn m10_a_removal_that_half_the_group_missed_holds_everywhere_after_the_heal() {
    let (mut world, group, creator) = founded(Config::from_env(201));
    let nodes = grown(&mut world, group, creator, &[Role::Member; 11]);
    let (left, right) = ([&[creator], &nodes[..5]].concat(), [&nodes[5..]].concat());
    let outcast = right[0];
    let early = published(&mut world, outcast, group, b"early");
    settle(&mut world, group, &[left.clone(), right.clone()].concat());
    world.partition(&[&left, &right]);
    world.run_for(MINUTE);
    let key = world.member(outcast, group);
    let command = world.revoke(creator, group, removal_of(key));
    world.succeeded(creator, command);
    world.run_for(10 * SECOND);
    // The others cannot know, and take what it publishes.
    let late: Vec<SignedRecord> = (0..4)
        .map(|number| published(&mut world, outcast, group, &[number; 9]))
        .collect();
    world.run_for(MINUTE);
    for node in &right {
        assert!(removed(&world, *node, key).is_empty());
        assert!(
            late.iter()
                .all(|note| world.holds(*node, group, &note.hash()))
        );
    }

    world.heal();
    let honest = [left.clone(), right[1..].to_vec()].concat();
    settle(&mut world, group, &honest);
    world.run_for(CUT);
    assert_cut(&world, group, &honest, outcast);
    settle(&mut world, group, &honest);
    for node in &honest {
        assert!(world.holds(*node, group, &early.hash()));
        for note in &late {
            assert!(
                !world.holds(*node, group, &note.hash()),
                "nobody vouched for it"
            );
        }
    }
    for node in &right[1..] {
        for note in &late {
            let told = changes(&world, *node, note);
            assert_eq!(told, [ChangeKind::Added, ChangeKind::Deleted]);
        }
    }
}

#[test]
fn m17_a_removal_with_records_and_subtree_leaves_nothing_of_either() {
    let (mut world, group, creator) = founded(Config::from_env(202));
    let nodes = grown(
        &mut world,
        group,
        creator,
        &[Role::Admin, Role::Member, Role::Member],
    );
    let issuer = nodes[0];
    let below = grown(
        &mut world,
        group,
        issuer,
        &[Role::InvitingMember, Role::Member],
    );
    let deeper = grown(&mut world, group, below[0], &[Role::Member]);
    let gone = [vec![issuer], below, deeper].concat();
    let honest = vec![creator, nodes[1], nodes[2]];
    let all = [honest.clone(), gone.clone()].concat();
    settle(&mut world, group, &all);
    let theirs: Vec<SignedRecord> = gone
        .iter()
        .map(|node| published(&mut world, *node, group, b"poison"))
        .collect();
    let ours = published(&mut world, nodes[1], group, b"fine");
    settle(&mut world, group, &all);

    let removal = Removal {
        cascade: true,
        with_records: true,
        reason: "stolen key".into(),
        ..removal_of(world.member(issuer, group))
    };
    let command = world.revoke(creator, group, removal);
    world.succeeded(creator, command);
    world.run_for(10 * SECOND);
    for outcast in &gone {
        assert_cut(&world, group, &honest, *outcast);
    }
    settle(&mut world, group, &honest);
    for node in &honest {
        assert!(world.holds(*node, group, &ours.hash()));
        for record in &theirs {
            assert!(!world.holds(*node, group, &record.hash()));
            let told = changes(&world, *node, record);
            assert_eq!(
                told.last(),
                Some(&ChangeKind::Deleted),
                "the application hears"
            );
        }
        let by = world.member(creator, group);
        let reasons = world
            .events(*node)
            .iter()
            .filter_map(|(_, event)| match event {
                Event::MemberRemoved {
                    reason, by: who, ..
                } if *who == by => Some(reason.as_str()),
                _ => None,
            });
        assert_eq!(reasons.collect::<Vec<_>>(), ["stolen key"; 4]);
    }
}

/// Creator, two members who stay, and one that has been removed after it published something.
struct Removed {
    world: World,
    group: GroupIndex,
    honest: Vec<NodeIndex>,
    outcast: NodeIndex,
    old: SignedRecord,
}

fn one_removed(seed: u64) -> Removed {
    let (mut world, group, creator) = founded(Config::from_env(seed));
    let nodes = grown(&mut world, group, creator, &[Role::Member; 4]);
    let outcast = nodes[3];
    let old = published(&mut world, outcast, group, b"old");
    let all = [vec![creator], nodes].concat();
    settle(&mut world, group, &all);
    let command = world.revoke(creator, group, removal_of(world.member(outcast, group)));
    world.succeeded(creator, command);
    world.run_for(10 * SECOND);
    let honest = all[..4].to_vec();
    assert_cut(&world, group, &honest, outcast);
    Removed {
        world,
        group,
        honest,
        outcast,
        old,
    }
}

#[test]
fn m8_a_friend_can_bring_nothing_of_a_removed_member_into_the_group() {
    let Removed {
        mut world,
        group,
        honest,
        outcast,
        old,
    } = one_removed(203);
    let friend = honest[3];
    let by = world.membership_of(outcast, group).clone();
    let (now, past) = (world.now(), old.record().modified - MINUTE);
    let update = RecordUpdate {
        payload: Some(b"rewritten".to_vec()),
        ..RecordUpdate::default()
    };
    let rewritten = |at| {
        let record = old.record().update(update.clone(), by.identity.key(), at);
        SignedRecord::sign(record.unwrap(), |bytes| by.identity.sign(bytes))
    };
    let brought = [
        ("a new record", world.note_by(&by, b"new", now)),
        ("a backdated record", world.note_by(&by, b"back", past)),
        ("a new version", rewritten(now)),
        ("a backdated version", rewritten(old.record().modified)),
    ];
    for (what, signed) in &brought {
        spread(&mut world, group, friend, signed);
        for node in &honest {
            assert!(!world.holds(*node, group, &signed.hash()), "{what}");
        }
    }
    for node in &honest[..3] {
        let from = world.peer(friend);
        let verdicts = world
            .events(*node)
            .iter()
            .filter_map(|(_, event)| match event {
                Event::RecordRefused { peer, verdict, .. } if *peer == from => Some(*verdict),
                _ => None,
            });
        let verdicts: Vec<_> = verdicts.collect();
        assert!(!verdicts.is_empty() && verdicts.iter().all(|v| *v == Verdict::Ignore));
        assert!(
            parted(&world, *node, friend).is_empty(),
            "it may not know better"
        );
    }
    // What was kept may be handed around for ever.
    spread(&mut world, group, friend, &old);
    settle(&mut world, group, &honest);
    for node in &honest {
        assert_eq!(world.payloads(*node, group), [b"old"]);
        assert_eq!(changes(&world, *node, &old), [ChangeKind::Added]);
    }
}

#[test]
fn m8_a_removed_member_that_returns_as_another_node_with_its_old_chain_is_turned_away() {
    let Removed {
        mut world,
        group,
        honest,
        outcast,
        ..
    } = one_removed(204);
    let membership = world.membership_of(outcast, group).clone();
    let again = world.add_node();
    world.enrol_as(again, group, membership);
    world.connect_knowing(again, group, &honest);
    world.run_for(10 * MINUTE);
    assert!(world.neighbours(again, group).is_empty());
    assert!(!world.is_synchronised(again, group));
    let turned: Vec<_> = honest
        .iter()
        .flat_map(|node| refusals(&world, *node, again))
        .collect();
    assert!(!turned.is_empty() && turned.iter().all(|reason| *reason == "revoked"));
    settle(&mut world, group, &honest);
}

#[test]
fn m7_who_was_invited_again_by_an_accomplice_that_was_removed_too_is_turned_away() {
    let (mut world, group, creator) = founded(Config::from_env(205));
    let nodes = grown(
        &mut world,
        group,
        creator,
        &[Role::Admin, Role::Member, Role::Member],
    );
    let (accomplice, villain, honest) = (nodes[0], nodes[1], [creator, nodes[2]]);
    let identity = world.membership_of(villain, group).identity.clone();
    for outcast in [villain, accomplice] {
        let command = world.revoke(creator, group, removal_of(world.member(outcast, group)));
        world.succeeded(creator, command);
    }
    world.run_for(10 * SECOND);
    let issuer = world.membership_of(accomplice, group).clone();
    let now = world.now();
    let identity = peerage_protocol::identity::Identity::clone(&identity);
    let fresh = world.issue_as(&issuer, identity, Role::Admin, None, now);
    let again = world.add_node();
    world.enrol_as(again, group, fresh);
    world.connect_knowing(again, group, &honest);
    world.run_for(10 * MINUTE);
    for node in honest {
        assert!(!world.neighbours(node, group).contains(&again));
        assert_eq!(members(&world, node, group).len(), 2);
    }
    assert!(!world.is_synchronised(again, group));
}

#[test]
fn who_is_invited_again_after_a_removal_is_back() {
    let Removed {
        mut world,
        group,
        honest,
        outcast,
        old,
    } = one_removed(206);
    let identity = world.membership_of(outcast, group).identity.clone();
    let identity = peerage_protocol::identity::Identity::clone(&identity);
    let fresh = world.invite(honest[0], group, identity, Role::Member, None);
    world.renew(outcast, group, fresh);
    world.connect_knowing(outcast, group, &honest);
    let all = [honest, vec![outcast]].concat();
    settle(&mut world, group, &all);
    let new = published(&mut world, outcast, group, b"new");
    settle(&mut world, group, &all);
    for node in &all {
        assert!(world.holds(*node, group, &old.hash()));
        assert!(world.holds(*node, group, &new.hash()));
    }
}

#[test]
fn s1_a_node_that_dies_before_the_records_are_withdrawn_does_it_when_it_is_back() {
    let (mut world, group, creator) = founded(Config::from_env(207));
    let nodes = grown(&mut world, group, creator, &[Role::Member; 3]);
    let (outcast, dying) = (nodes[0], nodes[1]);
    let notes: Vec<SignedRecord> = (0..3)
        .map(|number| published(&mut world, outcast, group, &[number]))
        .collect();
    let all = [vec![creator], nodes.clone()].concat();
    settle(&mut world, group, &all);
    world.config_mut().disk = SECOND;
    let removal = Removal {
        with_records: true,
        ..removal_of(world.member(outcast, group))
    };
    let id = Revocation::record_id(&world.member(creator, group), &removal.subject);
    world.revoke(creator, group, removal);
    let stored = world.run_until(MINUTE, |w| w.held(dying, group, id).is_some());
    assert!(stored);
    world.crash(dying);
    for note in &notes {
        assert!(world.holds(dying, group, &note.hash()), "died in between");
    }
    world.config_mut().disk = Duration::from_millis(2);
    world.restart(dying);
    world.run_for(10 * SECOND);
    settle(&mut world, group, &[creator, dying, nodes[2]]);
    for note in &notes {
        assert!(!world.holds(dying, group, &note.hash()));
    }
}

#[test]
fn who_leaves_is_gone_for_all_and_what_it_wrote_stays() {
    let (mut world, group, creator) = founded(Config::from_env(208));
    let nodes = grown(
        &mut world,
        group,
        creator,
        &[Role::InvitingMember, Role::Member],
    );
    let leaver = nodes[0];
    let friend = grown(&mut world, group, leaver, &[Role::Member])[0];
    let note = published(&mut world, leaver, group, b"farewell");
    let honest = [creator, nodes[1], friend];
    settle(&mut world, group, &[creator, nodes[1], friend, leaver]);
    let command = world.leave(leaver, group);
    world.succeeded(leaver, command);
    world.run_for(10 * SECOND);
    assert_cut(&world, group, &honest, leaver);
    settle(&mut world, group, &honest);
    for node in honest {
        let causes = removed(&world, node, world.member(leaver, group));
        assert_eq!(causes[0].1, Cause::Left);
        assert!(world.holds(node, group, &note.hash()));
        assert!(members(&world, node, group).contains(&world.member(friend, group)));
    }
    assert!(!world.view(leaver, group).unwrap().online);
    let late = world.publish(leaver, group, b"one more thing");
    assert!(world.ended(leaver, late).is_err());
}

/// The issuer's clock is ahead, by accident or not, and with it the date of what it issues.
#[test]
fn c5_a_credential_dated_ahead_does_not_outlive_its_removal() {
    let (mut world, group, creator) = founded(Config::from_env(231));
    let issuer = grown(&mut world, group, creator, &[Role::Admin])[0];
    world.set_skew_millis(issuer, 5 * 60 * 1_000);
    let ahead = grown(&mut world, group, issuer, &[Role::Member, Role::Admin]);
    let (member, admin) = (ahead[0], ahead[1]);
    settle(&mut world, group, &[creator, issuer, member, admin]);
    let (out, lowered) = (world.member(member, group), world.member(admin, group));
    assert!(world.membership_of(member, group).gmc.issued_at() > world.now());

    let command = world.revoke(creator, group, removal_of(out));
    let fewer = Terms {
        roles: Some(Role::Member.into()),
        ..Terms::default()
    };
    let other = world.issue_to(creator, group, lowered, fewer);
    world.run_for(Duration::from_secs(30));

    for command in [command, other] {
        let ended = world.reply(creator, command).expect("it ends");
        assert!(ended.is_ok(), "{ended:?}");
    }
    for node in [creator, issuer, admin] {
        assert!(!members(&world, node, group).contains(&out), "node {node}");
        let view = world.view(node, group).expect("it is open");
        let counts = view.roster.get(&lowered).expect("still a member");
        assert!(!counts.roles().contains(Role::Admin), "node {node}");
    }
    assert_eq!(world.unfinished(creator), 0);
}
