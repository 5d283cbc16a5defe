//! What a removed member sends again that was good once, and what it hears when it does not hang up.
#![cfg(feature = "sim")]
#![expect(clippy::unwrap_used, reason = "a step that fails fails the test")]

mod members;

use members::*;
use peerage_protocol::{
    engine::Input,
    group::Role,
    revocation::Revocation,
    sim::{Config, GroupIndex, Membership, NodeIndex, World, removal_of},
};
use peerage_records::{codec::SignedRecord, id::RecordType, record::Record, time::Timestamp};

/// A membership as its owner publishes it, with any date.
fn membership_record(
    world: &World,
    group: GroupIndex,
    of: &Membership,
    at: Timestamp,
) -> SignedRecord {
    let record = Record::create_reserved(
        RecordType::MEMBERSHIP,
        world.group_id(group),
        of.identity.key(),
        at + 24 * HOUR,
        of.gmc.chain().encode().to_vec(),
        at,
    );
    SignedRecord::sign(record.unwrap(), |bytes| of.identity.sign(bytes))
}

/// Everybody who stays has the same members, the removed one not among them, and no link with it.
#[track_caller]
fn assert_out(world: &World, group: GroupIndex, honest: &[NodeIndex], outcast: NodeIndex) {
    let key = world.member(outcast, group);
    for node in honest {
        let known = members(world, *node, group);
        assert_eq!(known.len(), honest.len(), "node {node}");
        assert!(!known.contains(&key), "node {node}");
        assert!(!world.neighbours(*node, group).contains(&outcast));
    }
}

#[test]
fn m8_a_membership_that_is_published_again_after_its_removal_brings_nobody_back() {
    let (mut world, group, creator) = founded(Config::from_env(260));
    let nodes = grown(&mut world, group, creator, &[Role::Member; 5]);
    let (outcast, friend) = (nodes[4], nodes[0]);
    let by = world.membership_of(outcast, group).clone();
    let before = membership_record(&world, group, &by, world.now());
    let honest = [&[creator], &nodes[..4]].concat();
    let command = world.revoke(creator, group, removal_of(world.member(outcast, group)));
    world.succeeded(creator, command);
    world.run_for(10 * SECOND);
    assert_out(&world, group, &honest, outcast);

    let (now, past) = (world.now(), world.now() - HOUR);
    let replayed = [
        ("as it was", before),
        ("dated now", membership_record(&world, group, &by, now)),
        ("dated back", membership_record(&world, group, &by, past)),
    ];
    for (what, signed) in &replayed {
        spread(&mut world, group, friend, signed);
        assert_out(&world, group, &honest, outcast);
        for node in &honest {
            assert!(
                parted(&world, *node, friend).is_empty(),
                "{what}: the friend may not know better"
            );
        }
    }
    // A node that restarts judges by what its store holds, which is the same.
    world.crash(friend);
    world.restart(friend);
    settle(&mut world, group, &honest);
    assert_out(&world, group, &honest, outcast);
}

#[test]
fn m8_the_database_of_before_the_removal_does_not_bring_its_owner_back() {
    let (mut world, group, creator) = founded(Config::from_env(261));
    let nodes = grown(&mut world, group, creator, &[Role::Member; 5]);
    let (outcast, away) = (nodes[4], nodes[3]);
    let honest = [&[creator], &nodes[..4]].concat();
    // Two nodes that are off while it happens: the removed one, and one that stays a member.
    for node in [outcast, away] {
        world.crash(node);
    }
    let command = world.revoke(creator, group, removal_of(world.member(outcast, group)));
    world.succeeded(creator, command);
    world.run_for(MINUTE);
    let late = published(&mut world, creator, group, b"not for it");
    // The two meet, both with what they remember, as the others come back into reach.
    world.partition(&[&[outcast, away]]);
    for node in [outcast, away] {
        world.restart(node);
    }
    let met = world.run_until(10 * MINUTE, |w| {
        w.neighbours(away, group).contains(&outcast)
    });
    assert!(met, "neither can know yet");
    world.heal();
    settle(&mut world, group, &honest);
    world.run_for(CUT);
    assert_out(&world, group, &honest, outcast);
    assert!(world.holds(away, group, &late.hash()));
    world.run_for(10 * MINUTE);
    assert!(!world.holds(outcast, group, &late.hash()));
    assert_out(&world, group, &honest, outcast);
}

/// Whether a peer was told something that has these bytes in it, in whatever way.
fn was_told(world: &World, raw: NodeIndex, bytes: &[u8]) -> bool {
    world.inbox(raw).iter().any(|(_, input)| match input {
        Input::Heard { bytes: heard, .. } => heard == bytes,
        Input::Frame { frame, .. } => frame.windows(bytes.len()).any(|part| part == bytes),
        _ => false,
    })
}

#[test]
fn m8_a_removed_member_that_does_not_hang_up_hears_why_and_nothing_else() {
    let (mut world, group, creator) = founded(Config::from_env(262));
    let nodes = grown(&mut world, group, creator, &[Role::Member; 6]);
    let outcast = nodes[5];
    let honest = [&[creator], &nodes[..5]].concat();
    let key = world.member(outcast, group);
    let linked: Vec<NodeIndex> = world.neighbours(outcast, group).into_iter().collect();
    assert!(linked.len() >= 3);
    // Its engine is taken away: it neither goes offline nor closes anything.
    world.turn_raw(outcast);
    let before = published(&mut world, creator, group, b"before");
    world.run_for(SECOND);
    assert!(was_told(&world, outcast, before.bytes()), "it listens");

    let command = world.revoke(creator, group, removal_of(key));
    world.succeeded(creator, command);
    let told = world.run_until(10 * SECOND, |w| {
        honest.iter().all(|node| !removed(w, *node, key).is_empty())
    });
    assert!(told);
    let after: Vec<SignedRecord> = honest
        .iter()
        .map(|node| published(&mut world, *node, group, b"not for it"))
        .collect();
    world.run_for(10 * SECOND);
    settle(&mut world, group, &honest);
    for record in &after {
        assert!(!was_told(&world, outcast, record.bytes()));
    }
    let id = Revocation::record_id(&world.member(creator, group), &key);
    let why = world.held(creator, group, id).unwrap();
    assert!(was_told(&world, outcast, why.bytes()), "but it is told why");
    let lost = world.inbox(outcast).iter();
    let lost = lost.filter(|(_, input)| matches!(input, Input::LinkLost { .. }));
    assert!(lost.count() >= linked.len(), "every link was closed");
    assert_out(&world, group, &honest, outcast);
}
